#include "web/admin_views.h"

#include "codec/json.h"
#include "web/pages.h"
#include "web/state.h"

#include <stdio.h>

#define DAY_MS       INT64_C(86400000)
#define WARNING_ROWS 200

void admin_nav(struct json_t *view, enum admin_tab tab)
{
    static const char *const tabs[TAB__MAX] = {"overview", "spaces", "requests",
                                               "users",    "audit",  "settings"};
    struct json_t *nav = json_put(view, "admin_nav", json_object_new());
    for (unsigned i = 0; i < TAB__MAX; i++)
        json_put_bool(nav, tabs[i], i == tab);
}

struct json_t *admin_view(struct page_request *p, const char *title, enum admin_tab tab)
{
    struct json_t *view = view_new(p, title, PLACE_ADMIN);
    admin_nav(view, tab);
    return view;
}

void view_admin_request_url(struct json_t *object, struct uuid id)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    view_url(object, "admin_url", "/admin/requests/", str_of(text));
}

void redirect_to_space(struct page_request *p, struct uuid space_id, const char *part)
{
    char id[UUID_TEXT_BYTES], target[96];
    uuid_format(space_id, id);
    (void)snprintf(target, sizeof target, "/admin/space/edit/%s%s", id, part);
    page_redirect(p, 302, str_of(target));
}

void view_range(struct page_request *p, struct json_t *errors, const char *name, uint64_t low,
                uint64_t high)
{
    view_numbers(p, errors, name, "invalid.number_range", "low", low, "high", high);
}

void page_admin_slash(struct page_request *p)
{
    page_redirect(p, 308, STR("/admin/"));
}

struct table {
    struct page_request *p;
    struct json_t *list, *legacy;
    const struct live_spaces *live;
};

static void visit_space(void *ctx, const struct space_record *s)
{
    struct table *table = ctx;
    struct json_t *row = json_add(table->list, json_object_new());
    view_space(row, s);
    view_state(row, live_space(table->live, s->id));
    json_put_int(row, "max_apps", s->max_apps);
    view_time(table->p, row, "created_at", s->created_ms);
    if (s->legacy_registration)
        json_add(table->legacy, json_ref(row));
}

/* Puts "spaces" and, of them, "legacy"; replies when the store cannot be read (and frees the view).
 */
static bool put_spaces(struct page_request *p, struct json_t *view)
{
    struct reader *reader = page_reader(p);
    struct live_spaces live;
    live_spaces_ask(p, &live);
    struct table table = {p, json_put(view, "spaces", json_array_new()),
                          json_put(view, "legacy", json_array_new()), &live};
    enum err e = reader ? reader_spaces(reader, visit_space, &table) : ERR_STORE_UNAVAILABLE;
    live_spaces_release(&live);
    json_put_bool(view, "has_legacy", json_count(table.legacy) > 0);
    if (!e)
        return true;
    json_free(view);
    page_fail(p, e);
    return false;
}

static void put_stats(struct page_request *p, struct json_t *view)
{
    struct reply reply;
    enum err e = page_ask(p, page_command(p, CMD_QUERY_STATS), PAGE_CALL_MS, &reply);
    if (e) {
        json_put_null(view, "stats");
    } else {
        const struct admin_view *stats = &reply.stats;
        struct json_t *j = json_put(view, "stats", json_object_new());
        json_put_int(j, "spaces", (int64_t)stats->spaces);
        json_put_int(j, "apps", (int64_t)stats->apps);
        json_put_int(j, "people", (int64_t)stats->people);
        json_put_int(j, "queued", (int64_t)stats->queued);
        json_put_int(j, "processing", (int64_t)stats->processing);
        json_put_int(j, "requests_per_minute", (int64_t)stats->requests_per_minute);
        json_put_int(j, "p50_ms", (int64_t)stats->p50_ms);
        json_put_int(j, "p99_ms", (int64_t)stats->p99_ms);
        json_put_int(j, "failed_per_minute", (int64_t)stats->failed_per_minute);
    }
    reply_release(&reply);
}

/* ---- what an admin should look at ---- */

struct aside {
    int64_t since_ms;
    uint32_t count;
};

static void count_aside(void *ctx, const struct request_row *row)
{
    struct aside *aside = ctx;
    aside->count += row->finished_ms >= aside->since_ms;
}

/* Requests that were set aside in the last day, among the newest WARNING_ROWS of them. */
static uint32_t set_aside_lately(struct page_request *p)
{
    const struct request_filter poisoned = {.error_code = STR("poisoned"), .limit = WARNING_ROWS};
    struct aside aside = {.since_ms = p->now.wall_ms - DAY_MS};
    struct reader *reader = page_reader(p);
    if (!reader || reader_requests(reader, &poisoned, count_aside, &aside))
        return 0; /* the store's trouble is said by itself */
    return aside.count;
}

static void put_warnings(struct page_request *p, struct json_t *view)
{
    const char *trouble = app_store_trouble(p->web->app);
    uint32_t aside = set_aside_lately(p);
    json_put_null(view, "store_trouble");
    json_put_null(view, "set_aside");
    if (trouble)
        view_text(p, view, "store_trouble", "admin.store_trouble", "why",
                  page_text_or(p, "trouble", str_of(trouble), str_of(trouble)));
    if (aside)
        view_numbers(p, view, "set_aside", "admin.set_aside", "n", aside, NULL, 0);
}

void page_admin(struct page_request *p)
{
    struct json_t *view = admin_view(p, "admin", TAB_OVERVIEW);
    put_warnings(p, view);
    put_stats(p, view);
    if (put_spaces(p, view))
        page_render(p, 200, "admin", view);
}

void page_admin_spaces(struct page_request *p)
{
    struct json_t *view = admin_view(p, "admin_spaces", TAB_SPACES);
    if (put_spaces(p, view))
        page_render(p, 200, "admin_spaces", view);
}

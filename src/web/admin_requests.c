#include "codec/json.h"
#include "web/admin_views.h"
#include "web/filter.h"
#include "web/pages.h"
#include "web/request_views.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE_ROWS 50
/* Rows that a filter without an index looks at before it asks whether to go on. */
#define SEARCHED_ROWS 20000

#define POISONED "poisoned"

static const char *const names[] = {"status", "code", "space", "person", "from", "until", NULL};
static const struct filter_form form = {"/admin/requests", names};

static const char *const statuses[] = {"queued", "processing", "completed",
                                       "failed", "cancelled",  NULL};
/* What the relay itself gives; an app's own codes are typed in. */
static const char *const codes[] = {"app_error", "app_lost", "timeout", POISONED, NULL};

/* ---- the filter ---- */

static struct str asked(struct page_request *p, const char *name)
{
    return str_trim(form_value(&p->query, str_of(name)));
}

/* ERR_NOT_FOUND: nobody of that name, and errors says so. */
static enum err read_person(struct page_request *p, struct json_t *errors, int64_t *user_key)
{
    struct str name = asked(p, "person");
    struct user_record user;
    if (name.n == 0)
        return OK;
    if (!page_reader(p))
        return ERR_STORE_UNAVAILABLE;
    enum err e = reader_user(page_reader(p), name, &user);
    if (!e)
        *user_key = uuid_key(user.id);
    secret_wipe(&user, sizeof user);
    if (e == ERR_NOT_FOUND)
        view_text(p, errors, "person", "invalid.no_such_user", NULL, STR(""));
    return e;
}

static enum err read_times(struct page_request *p, struct json_t *errors,
                           struct request_filter *filter)
{
    int64_t from_ms = 0, until_ms = 0;
    bool good = filter_time(p, errors, "from", false, &from_ms);
    good = filter_time(p, errors, "until", true, &until_ms) && good;
    if (!good)
        return ERR_NOT_FOUND;
    if (from_ms)
        filter->from_key = uuid_key_at(from_ms);
    int64_t end = until_ms ? uuid_key_at(until_ms) : 0;
    if (until_ms && (!filter->before_key || filter->before_key > end))
        filter->before_key = end > 0 ? end : 1;
    return OK;
}

/* ERR_SYNTAX: no form of ours sends this. ERR_NOT_FOUND: nothing can match, and errors may say
 * why. */
static enum err read_filter(struct page_request *p, struct json_t *errors,
                            const struct space_names *spaces, struct request_filter *filter)
{
    struct str status = asked(p, "status"), space = asked(p, "space");
    *filter = (struct request_filter){.limit = PAGE_ROWS, .error_code = asked(p, "code")};
    filter->by_status = status.n > 0;
    if ((status.n > 0 && request_status_parse(status, &filter->status)) ||
        filter_before(p, &filter->before_key))
        return ERR_SYNTAX;
    const struct space_name *name = space_names_by_name(spaces, space);
    if (name)
        filter->space_key = name->key;
    enum err e = read_times(p, errors, filter);
    enum err person = read_person(p, errors, &filter->user_key);
    if (person)
        return person;
    return space.n > 0 && !name ? ERR_NOT_FOUND : e;
}

/* ---- rows ---- */

struct rows {
    struct page_request *p;
    const struct space_names *spaces;
    struct json_t *list;
    uint32_t left; /* rows still to be shown; what comes after is more */
    int64_t last_key;
    bool more;
    enum err err;
};

/* The history of what was set aside stands in the list: why it was is what is looked for. */
static void put_history(struct rows *rows, struct json_t *object, const struct request_row *row)
{
    bool aside = strcmp(row->error_code, POISONED) == 0;
    json_put_bool(object, "set_aside", aside);
    if (aside && !rows->err)
        rows->err = view_attempts(rows->p, object, row->id);
    else
        json_put(object, "attempts", json_array_new());
}

/* Without the prompt: it is the person's words, see request_of_path. */
static void visit_row(void *ctx, const struct request_row *row)
{
    struct rows *rows = ctx;
    if (rows->left == 0) {
        rows->more = true;
        return;
    }
    rows->left--;
    rows->last_key = uuid_key(row->id);
    struct json_t *object = json_add(rows->list, json_object_new());
    view_request(rows->p, object, row, rows->spaces);
    view_admin_request_url(object, row->id);
    json_put_text(object, "person", row->username);
    view_url(object, "person_url", "/admin/requests?person=", str_of(row->username));
    json_put_int(object, "attempt", row->attempt);
    put_history(rows, object, row);
}

static void put_pages(struct page_request *p, struct json_t *view, const struct rows *rows,
                      int64_t reach)
{
    char key[24];
    bool searched = !rows->more && reach > 0;
    json_put_bool(view, "searched", searched);
    json_put_int(view, "searched_rows", SEARCHED_ROWS);
    if (rows->more || searched) {
        (void)snprintf(key, sizeof key, "%" PRId64, searched ? reach : rows->last_key);
        filter_url(p, view, "older_url", &form, NULL, "before", key);
    } else {
        json_put_text(view, "older_url", "");
    }
}

static enum err put_rows(struct page_request *p, struct json_t *view,
                         const struct space_names *spaces, struct request_filter filter)
{
    int64_t reach = 0;
    struct rows rows = {.p = p, .spaces = spaces, .left = filter.limit};
    rows.list = json_put(view, "requests", json_array_new());
    filter.limit++;
    enum err e = reader_requests_reach(page_reader(p), &filter, SEARCHED_ROWS, &reach);
    if (reach)
        filter.from_key = reach;
    if (!e)
        e = reader_requests(page_reader(p), &filter, visit_row, &rows);
    json_put_bool(view, "has_requests", json_count(rows.list) > 0);
    put_pages(p, view, &rows, reach);
    return e ? e : rows.err;
}

/* ---- the page ---- */

static void put_spaces(struct page_request *p, struct json_t *view,
                       const struct space_names *spaces)
{
    struct json_t *list = json_put(view, "spaces", json_array_new());
    for (size_t i = 0; i < spaces->count; i++) {
        struct json_t *space = json_add(list, json_object_new());
        json_put_text(space, "name", spaces->list[i].name);
        json_put_bool(space, "selected", str_eq(str_of(spaces->list[i].name), asked(p, "space")));
    }
}

/* The filter's fields and the ways around in the list. */
static void put_form(struct page_request *p, struct json_t *view, const struct space_names *spaces)
{
    bool first = asked(p, "before").n == 0;
    filter_view(p, view, &form);
    put_spaces(p, view, spaces);
    filter_options(p, view, "statuses", "status", "status", statuses);
    filter_options(p, view, "codes", "code", "outcomes", codes);
    json_put_bool(view, "set_aside_only", str_eq(asked(p, "code"), STR(POISONED)));
    json_put_bool(view, "first_page", first);
    if (first)
        json_put_text(view, "newest_url", "");
    else
        filter_url(p, view, "newest_url", &form, NULL, NULL, NULL);
}

static enum err fill(struct page_request *p, struct json_t *view, const struct space_names *spaces)
{
    static const char *const checked[] = {"person", "from", "until", NULL};
    struct request_filter filter;
    const struct rows none = {.p = p};
    put_form(p, view, spaces);
    struct json_t *errors = view_nulls(view, "errors", checked);
    enum err e = read_filter(p, errors, spaces, &filter);
    if (!e)
        return put_rows(p, view, spaces, filter);
    if (e != ERR_NOT_FOUND)
        return e;
    json_put(view, "requests", json_array_new());
    json_put_bool(view, "has_requests", false);
    put_pages(p, view, &none, 0);
    return OK;
}

void page_admin_requests(struct page_request *p)
{
    struct space_names spaces;
    struct json_t *view = admin_view(p, "admin_requests", TAB_REQUESTS);
    enum err e = space_names_read(p, &spaces);
    if (!e)
        e = fill(p, view, &spaces);
    space_names_release(&spaces);
    if (!e) {
        page_render(p, 200, "admin_requests", view);
        return;
    }
    json_free(view);
    if (e == ERR_SYNTAX)
        page_error(p, 400, "bad_request");
    else
        page_fail(p, e);
}

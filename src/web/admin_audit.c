#include "codec/json.h"
#include "web/admin_views.h"
#include "web/audit_download.h"
#include "web/filter.h"
#include "web/pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE_ROWS 100

static const char *const names[] = {"actor", "action", "subject", "from", "until", NULL};
static const struct filter_form form = {"/admin/audit", names};

static struct str asked(struct page_request *p, const char *name)
{
    return str_trim(form_value(&p->query, str_of(name)));
}

/* ERR_SYNTAX: no form of ours sends this. ERR_NOT_FOUND: errors says what cannot be. */
static enum err read_filter(struct page_request *p, struct json_t *errors,
                            struct audit_filter *filter)
{
    *filter = (struct audit_filter){
        .actor = asked(p, "actor"), .action = asked(p, "action"), .subject = asked(p, "subject")};
    if (filter_before(p, &filter->before_key))
        return ERR_SYNTAX;
    bool good = filter_time(p, errors, "from", false, &filter->from_ms);
    good = filter_time(p, errors, "until", true, &filter->before_ms) && good;
    return good ? OK : ERR_NOT_FOUND;
}

/* ---- rows ---- */

struct rows {
    struct page_request *p;
    struct json_t *list;
    uint32_t left;
    int64_t last_key;
    bool more;
};

/* t.actions.space_add of "space.add". */
static void put_action(struct page_request *p, struct json_t *object, const char *action)
{
    char name[sizeof(((struct audit_record *)0)->action)];
    (void)str_copy(name, sizeof name, str_of(action));
    for (char *c = name; *c; c++)
        *c = *c == '.' ? '_' : *c;
    json_put_text(object, "action", action);
    json_put_str(object, "action_text", page_text_or(p, "actions", str_of(name), str_of(action)));
}

static void put_subject(struct json_t *object, const struct audit_record *a)
{
    struct uuid id;
    json_put_text(object, "subject", a->subject);
    if (strncmp(a->action, "request.", 8) == 0 && !uuid_parse(str_of(a->subject), &id))
        view_admin_request_url(object, id);
    else
        json_put_text(object, "admin_url", "");
}

static void visit_row(void *ctx, int64_t key, const struct audit_record *a)
{
    struct rows *rows = ctx;
    if (rows->left == 0) {
        rows->more = true;
        return;
    }
    rows->left--;
    rows->last_key = key;
    struct json_t *object = json_add(rows->list, json_object_new());
    json_put_int(object, "key", key);
    view_time(rows->p, object, "at", a->at_ms);
    json_put_text(object, "actor", a->actor);
    json_put_bool(object, "by_cli", strcmp(a->actor, "(cli)") == 0);
    json_put_text(object, "address", a->address);
    put_action(rows->p, object, a->action);
    put_subject(object, a);
    json_put_text(object, "detail", a->detail);
}

static enum err put_rows(struct page_request *p, struct audit_filter filter, struct rows *rows)
{
    filter.limit = PAGE_ROWS + 1;
    rows->left = PAGE_ROWS;
    return page_reader(p) ? reader_audit(page_reader(p), &filter, visit_row, rows)
                          : ERR_STORE_UNAVAILABLE;
}

/* ---- the page ---- */

static void visit_action(void *ctx, struct str action)
{
    struct rows *actions = ctx;
    struct json_t *option = json_add(actions->list, json_object_new());
    char text[sizeof(((struct audit_record *)0)->action)];
    (void)str_copy(text, sizeof text, action);
    put_action(actions->p, option, text);
    json_put_bool(option, "selected", str_eq(action, asked(actions->p, "action")));
}

static enum err put_actions(struct page_request *p, struct json_t *view)
{
    struct rows actions = {.p = p, .list = json_put(view, "actions", json_array_new())};
    return page_reader(p) ? reader_audit_actions(page_reader(p), visit_action, &actions)
                          : ERR_STORE_UNAVAILABLE;
}

static void put_links(struct page_request *p, struct json_t *view, const struct rows *rows)
{
    char key[24];
    bool first = asked(p, "before").n == 0;
    (void)snprintf(key, sizeof key, "%" PRId64, rows->last_key);
    json_put_text(view, "older_url", "");
    json_put_text(view, "newest_url", "");
    if (rows->more)
        filter_url(p, view, "older_url", &form, NULL, "before", key);
    if (!first)
        filter_url(p, view, "newest_url", &form, NULL, NULL, NULL);
    json_put_bool(view, "first_page", first);
    filter_url(p, view, "csv_url", &form, "/admin/audit.csv", NULL, NULL);
    filter_url(p, view, "lines_url", &form, "/admin/audit.jsonl", NULL, NULL);
}

static enum err fill(struct page_request *p, struct json_t *view)
{
    static const char *const checked[] = {"from", "until", NULL};
    struct audit_filter filter;
    struct rows rows = {.p = p, .list = json_put(view, "rows", json_array_new())};
    struct json_t *errors = view_nulls(view, "errors", checked);
    filter_view(p, view, &form);
    enum err e = put_actions(p, view);
    enum err read = read_filter(p, errors, &filter);
    if (!e && !read)
        e = put_rows(p, filter, &rows);
    json_put_bool(view, "has_rows", json_count(rows.list) > 0);
    put_links(p, view, &rows);
    return e ? e : read == ERR_NOT_FOUND ? OK : read;
}

static void refuse(struct page_request *p, enum err e)
{
    if (e == ERR_SYNTAX)
        page_error(p, 400, "bad_request");
    else
        page_fail(p, e);
}

void page_audit(struct page_request *p)
{
    struct json_t *view = admin_view(p, "admin_audit", TAB_AUDIT);
    enum err e = fill(p, view);
    if (!e) {
        page_render(p, 200, "admin_audit", view);
        return;
    }
    json_free(view);
    refuse(p, e);
}

static void download(struct page_request *p, enum audit_form as)
{
    struct json_t *errors = json_object_new();
    struct audit_filter filter;
    enum err e = read_filter(p, errors, &filter);
    json_free(errors);
    if (e)
        refuse(p, ERR_SYNTAX);
    else
        audit_download(p, &filter, as);
}

void page_audit_csv(struct page_request *p)
{
    download(p, AUDIT_CSV);
}

void page_audit_lines(struct page_request *p)
{
    download(p, AUDIT_LINES);
}

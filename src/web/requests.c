#include "codec/json.h"
#include "web/pages.h"
#include "web/request_views.h"

#define PAGE_ROWS 50

static void put_spaces(struct json_t *view, const struct space_names *names, struct str chosen)
{
    struct json_t *list = json_put(view, "spaces", json_array_new());
    for (size_t i = 0; i < names->count; i++) {
        struct json_t *space = json_add(list, json_object_new());
        json_put_text(space, "name", names->list[i].name);
        json_put_bool(space, "selected", str_eq(str_of(names->list[i].name), chosen));
    }
}

static void put_statuses(struct page_request *p, struct json_t *view, struct str chosen)
{
    static const enum request_status seen[] = {
        REQUEST_QUEUED, REQUEST_PROCESSING, REQUEST_COMPLETED, REQUEST_FAILED, REQUEST_CANCELLED};
    struct json_t *list = json_put(view, "statuses", json_array_new());
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        struct json_t *status = json_add(list, json_object_new());
        struct str name = str_of(request_status_name(seen[i]));
        json_put_str(status, "value", name);
        json_put_str(status, "text", page_text_or(p, "status", name, name));
        json_put_bool(status, "selected", str_eq(name, chosen));
    }
}

/* The same list with the same filter, from another place on. */
static void put_page_url(struct page_request *p, struct json_t *view, const char *key, bool there,
                         const struct uuid *before)
{
    struct buf url = BUF_INIT(8192);
    if (there) {
        buf_puts(&url, "/requests?space=");
        buf_uri(&url, form_value(&p->query, STR("space")));
        buf_puts(&url, "&status=");
        buf_uri(&url, form_value(&p->query, STR("status")));
    }
    if (there && before) {
        char id[UUID_TEXT_BYTES];
        uuid_format(*before, id);
        buf_printf(&url, "&before=%s", id);
    }
    json_put_str(view, key, buf_str(&url));
    buf_release(&url);
}

/* ERR_NOT_FOUND: nothing can match. ERR_SYNTAX: what was asked is no status or no id. */
static enum err read_filter(struct page_request *p, const struct space_names *names,
                            struct request_filter *filter)
{
    struct str space = form_value(&p->query, STR("space"));
    struct str status = form_value(&p->query, STR("status"));
    struct str before = form_value(&p->query, STR("before"));
    struct uuid id;
    *filter = (struct request_filter){.user_key = p->who.user_key, .limit = PAGE_ROWS};
    filter->by_status = status.n > 0;
    if (status.n > 0 && request_status_parse(status, &filter->status))
        return ERR_SYNTAX;
    if (before.n > 0 && uuid_parse(before, &id))
        return ERR_SYNTAX;
    if (before.n > 0)
        filter->before_key = uuid_key(id);
    if (space.n == 0)
        return OK;
    const struct space_name *name = space_names_by_name(names, space);
    if (name)
        filter->space_key = name->key;
    return name ? OK : ERR_NOT_FOUND;
}

static void show_requests(struct page_request *p, const struct space_names *names)
{
    struct request_filter filter;
    struct uuid last = {0};
    bool more = false;
    enum err e = read_filter(p, names, &filter);
    if (e == ERR_SYNTAX) {
        page_error(p, 400, "bad_request");
        return;
    }
    struct str space = form_value(&p->query, STR("space"));
    struct json_t *view = view_new(p, "requests", PLACE_REQUESTS);
    if (e == ERR_NOT_FOUND) {
        json_put(view, "requests", json_array_new());
        json_put_bool(view, "has_requests", false);
        e = OK;
    } else {
        e = view_requests(p, view, &filter, names, &last, &more);
    }
    if (e) {
        json_free(view);
        page_fail(p, e);
        return;
    }
    put_spaces(view, names, space);
    put_statuses(p, view, form_value(&p->query, STR("status")));
    json_put_bool(view, "filtered", space.n > 0 || filter.by_status);
    put_page_url(p, view, "older_url", more, &last);
    put_page_url(p, view, "newest_url", filter.before_key != 0, NULL);
    page_render(p, 200, "requests", view);
}

void page_requests(struct page_request *p)
{
    struct space_names names;
    enum err e = space_names_read(p, &names);
    if (e)
        page_fail(p, e);
    else
        show_requests(p, &names);
    space_names_release(&names);
}

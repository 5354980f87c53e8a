#include "web/request_views.h"

#include "codec/json.h"

#include <string.h>

void view_request(struct page_request *p, struct json_t *object, const struct request_row *row,
                  const struct space_names *spaces)
{
    const char *status = request_status_name(row->status);
    char id[UUID_TEXT_BYTES];
    uuid_format(row->id, id);
    json_put_text(object, "id", id);
    view_url(object, "url", "/requests/", str_of(id));
    json_put_text(object, "space_name", row->space_name);
    if (space_names_by_key(spaces, row->space_key))
        view_url(object, "space_url", "/spaces/", str_of(row->space_name));
    else
        json_put_text(object, "space_url", "");
    json_put_text(object, "status", status);
    json_put_str(object, "status_text", page_text_or(p, "status", str_of(status), str_of(status)));
    json_put_bool(object, "unfinished",
                  row->status != REQUEST_CANCELLING && !request_status_final(row->status));
    json_put_text(object, "error_code", row->error_code);
    view_time(p, object, "created_at", row->created_ms);
    if (row->finished_ms)
        view_duration(p, object, "duration", row->finished_ms - row->created_ms);
    else
        json_put_text(object, "duration", "");
}

struct rows {
    struct page_request *p;
    const struct space_names *spaces;
    struct json_t *list;
    uint32_t left; /* rows still to be shown; what comes after is more */
    struct uuid last;
    bool more;
};

static void visit_row(void *ctx, const struct request_row *row)
{
    struct rows *rows = ctx;
    if (rows->left == 0) {
        rows->more = true;
        return;
    }
    rows->left--;
    rows->last = row->id;
    struct json_t *object = json_add(rows->list, json_object_new());
    view_request(rows->p, object, row, rows->spaces);
    json_put_text(object, "prompt", row->prompt);
}

enum err view_requests(struct page_request *p, struct json_t *view,
                       const struct request_filter *filter, const struct space_names *spaces,
                       struct uuid *last, bool *more)
{
    struct reader *reader = page_reader(p);
    struct request_filter one_more = *filter;
    struct rows rows = {.p = p, .spaces = spaces, .left = filter->limit};
    rows.list = json_put(view, "requests", json_array_new());
    one_more.limit++;
    if (!reader)
        return ERR_STORE_UNAVAILABLE;
    enum err e = reader_requests(reader, &one_more, visit_row, &rows);
    if (!e) {
        json_put_bool(view, "has_requests", json_count(rows.list) > 0);
        *last = rows.last;
        *more = rows.more;
    }
    return e;
}

struct attempts {
    struct page_request *p;
    struct json_t *list;
};

static void visit_attempt(void *ctx, const struct attempt_record *a)
{
    struct attempts *attempts = ctx;
    struct json_t *object = json_add(attempts->list, json_object_new());
    struct str outcome = str_of(a->outcome);
    view_numbers(attempts->p, object, "attempt_text", "request.attempt", "n", a->attempt, NULL, 0);
    json_put_text(object, "app", a->app);
    view_time(attempts->p, object, "started_at", a->started_ms);
    view_time(attempts->p, object, "ended_at", a->ended_ms);
    json_put_str(object, "outcome", outcome);
    json_put_str(object, "outcome_text",
                 outcome.n ? page_text_or(attempts->p, "outcomes", outcome, outcome)
                           : page_text(attempts->p, "status.processing"));
    if (a->ended_ms)
        view_duration(attempts->p, object, "duration", a->ended_ms - a->started_ms);
    else
        json_put_text(object, "duration", "");
}

enum err view_attempts(struct page_request *p, struct json_t *object, struct uuid id)
{
    struct attempts attempts = {p, json_put(object, "attempts", json_array_new())};
    return reader_attempts(page_reader(p), id, visit_attempt, &attempts);
}

enum err request_look(struct page_request *p, const struct request_record *r)
{
    if (r->user_key == p->who.user_key)
        return OK;
    struct command *c = page_command(p, CMD_REQUEST_LOOK);
    c->id = r->id;
    memcpy(c->user.name, r->username, sizeof c->user.name);
    return page_do(p, c, NULL);
}

enum err request_of_path(struct page_request *p, struct request_record *out,
                         char space_name[SPACE_NAME_BYTES])
{
    struct reader *reader = page_reader(p);
    struct str name = str_of(path_arg(&p->args, "id"));
    struct uuid id;
    if (str_ends(name, STR(".json")))
        name.n -= 5;
    if (uuid_parse(name, &id))
        return ERR_NOT_FOUND;
    if (!reader)
        return ERR_STORE_UNAVAILABLE;
    enum err e = reader_request(reader, id, out, space_name);
    if (!e && out->user_key != p->who.user_key && !page_is_admin(p)) {
        request_record_release(out);
        return ERR_NOT_FOUND;
    }
    return e;
}

/* The list of requests, newest first. A cursor is the row key of the last one that was shown, so
 * what is new meanwhile moves nothing. */
#include "codec/json.h"
#include "web/api_calls.h"
#include "web/api_views.h"

#include <inttypes.h>
#include <stdio.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200
#define SEARCHED_ROWS                                                                              \
    50000 /* of all people's, looked at for one page of a filter without an index */

static struct str asked(struct page_request *p, const char *name)
{
    return form_value(&p->query, str_of(name));
}

/* ---- rows ---- */

struct rows {
    struct json_t *list;
    bool with_names;
    uint32_t left;
    int64_t last_key;
    bool more;
};

/* The row has no message: the code's own sentence stands for it. */
static void put_error(struct json_t *request, const char *code)
{
    const char *message = "";
    for (int e = OK + 1; e <= ERR_INTERNAL; e++)
        if (str_eq(str_of(err_code((enum err)e)), str_of(code)))
            message = err_message((enum err)e);
    struct json_t *error = json_put(request, "error", json_object_new());
    json_put_text(error, "code", code);
    json_put_text(error, "message", message);
}

static void visit(void *ctx, const struct request_row *row)
{
    struct rows *rows = ctx;
    if (rows->left == 0) {
        rows->more = true;
        return;
    }
    rows->left--;
    rows->last_key = uuid_key(row->id);
    struct json_t *request = json_add(rows->list, json_object_new());
    view_id(request, "request_id", row->id);
    json_put_text(request, "space", row->space_name);
    if (rows->with_names)
        json_put_text(request, "username", row->username);
    json_put_text(request, "status", request_status_name(row->status));
    json_put_int(request, "attempt", row->attempt);
    json_put_time(request, "created_at", row->created_ms);
    if (row->status == REQUEST_FAILED && row->error_code[0])
        put_error(request, row->error_code);
    if (row->started_ms)
        json_put_time(request, "started_at", row->started_ms);
    if (row->finished_ms)
        json_put_time(request, "finished_at", row->finished_ms);
}

/* ---- what is asked for; these are false when it has been replied to ---- */

static bool refuse(struct page_request *p, const char *why)
{
    api_fail(p, ERR_BAD_MESSAGE, str_of(why));
    return false;
}

static bool read_status(struct page_request *p, struct request_filter *f)
{
    struct str status = asked(p, "status");
    f->by_status = status.n > 0;
    if (!f->by_status || !request_status_parse(status, &f->status))
        return true;
    return refuse(p, "status must be queued, processing, completed, failed or cancelled");
}

static bool read_place(struct page_request *p, struct request_filter *f)
{
    struct str limit = asked(p, "limit"), cursor = asked(p, "cursor");
    uint64_t n = LIMIT_DEFAULT;
    if (limit.n && (str_to_u64(limit, LIMIT_MAX, &n) || n < 1))
        return refuse(p, "limit must be a whole number from 1 to 200");
    if (cursor.n && str_to_i64(cursor, 1, INT64_MAX, &f->before_key))
        return refuse(p, "cursor must be what an earlier answer gave as next");
    f->limit = (uint32_t)n;
    return true;
}

/* By name, or by id: then a removed one too. */
static bool read_space(struct page_request *p, struct request_filter *f)
{
    struct str name = asked(p, "space");
    struct space_record s;
    struct uuid id;
    if (!name.n)
        return true;
    enum err e = reader_space_by_name(page_reader(p), name, &s);
    if (e == ERR_NOT_FOUND && !uuid_parse(name, &id))
        e = reader_space(page_reader(p), id, &s);
    if (e)
        api_fail(p, e, e == ERR_NOT_FOUND ? STR("There is no such space") : STR(""));
    else
        f->space_key = uuid_key(s.id);
    return !e;
}

/* One's own, unless an admin asks for somebody's or for all. */
static bool read_person(struct page_request *p, struct request_filter *f)
{
    struct str user = asked(p, "user"), all = asked(p, "all");
    struct user_record u;
    f->user_key = p->who.user_key;
    if (all.n && !str_eq(all, STR("1")))
        return refuse(p, "all must be 1");
    if ((!user.n && !all.n) || str_eq_nocase(user, str_of(p->who.name)))
        return true;
    if (!page_is_admin(p)) {
        api_fail(p, ERR_FORBIDDEN, STR("Only admins may look at other people's requests"));
        return false;
    }
    f->user_key = 0;
    if (!user.n)
        return true;
    enum err e = reader_user(page_reader(p), user, &u);
    if (e)
        api_fail(p, e, e == ERR_NOT_FOUND ? STR("There is no such user") : STR(""));
    else
        f->user_key = uuid_key(u.id);
    secret_wipe(&u, sizeof u);
    return !e;
}

/* ---- the call ---- */

/* reach: how far back this page has looked; 0 = to the end. */
static void put_next(struct json_t *all, const struct rows *rows, int64_t reach)
{
    char cursor[24];
    int64_t key = rows->more ? rows->last_key : reach;
    (void)snprintf(cursor, sizeof cursor, "%" PRId64, key);
    if (key)
        json_put_text(all, "next", cursor);
    else
        json_put_null(all, "next");
}

static enum err list(struct page_request *p, struct request_filter f, struct json_t *all)
{
    int64_t reach = 0;
    struct rows rows = {.list = json_put(all, "requests", json_array_new()),
                        .with_names = f.user_key != p->who.user_key,
                        .left = f.limit};
    enum err e = reader_requests_reach(page_reader(p), &f, SEARCHED_ROWS, &reach);
    if (reach)
        f.from_key = reach;
    f.limit++;
    if (!e)
        e = reader_requests(page_reader(p), &f, visit, &rows);
    put_next(all, &rows, reach);
    return e;
}

void api_requests(struct page_request *p)
{
    struct request_filter f = {0};
    if (!page_reader(p)) {
        api_fail(p, ERR_STORE_UNAVAILABLE, STR(""));
        return;
    }
    if (!read_status(p, &f) || !read_place(p, &f) || !read_space(p, &f) || !read_person(p, &f))
        return;
    struct json_t *all = json_object_new();
    enum err e = list(p, f, all);
    if (!e) {
        api_reply(p, 200, all);
        return;
    }
    json_free(all);
    api_fail(p, e, STR(""));
}

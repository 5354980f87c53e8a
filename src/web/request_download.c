#include "web/request_views.h"

#include "web/state.h"

/* Appends ,"key": before a value. */
static void put_key(struct buf *b, const char *key)
{
    struct str so_far = buf_str(b);
    if (so_far.n > 0 && so_far.p[so_far.n - 1] != '{')
        buf_putc(b, ',');
    buf_json_string(b, str_of(key));
    buf_putc(b, ':');
}

static void put_str(struct buf *b, const char *key, struct str value)
{
    put_key(b, key);
    buf_json_string(b, value);
}

static void put_raw(struct buf *b, const char *key, const struct bytes *json)
{
    if (!json)
        return;
    put_key(b, key);
    buf_str_append(b, bytes_str(json));
}

static void put_time(struct buf *b, const char *key, int64_t wall_ms)
{
    char text[RFC3339_BYTES];
    if (!wall_ms)
        return;
    rfc3339_format(wall_ms, text);
    put_str(b, key, str_of(text));
}

static void put_number(struct buf *b, const char *key, uint32_t n)
{
    put_key(b, key);
    buf_printf(b, "%u", n);
}

static void visit_attempt(void *ctx, const struct attempt_record *a)
{
    struct buf *b = ctx;
    struct str so_far = buf_str(b);
    if (so_far.n > 0 && so_far.p[so_far.n - 1] != '[')
        buf_putc(b, ',');
    buf_putc(b, '{');
    put_number(b, "attempt", a->attempt);
    put_str(b, "app", str_of(a->app));
    put_time(b, "started_at", a->started_ms);
    put_time(b, "ended_at", a->ended_ms);
    put_str(b, "outcome", str_of(a->outcome));
    buf_putc(b, '}');
}

static void put_error(struct buf *b, const struct request_record *r)
{
    if (!r->error_code[0])
        return;
    put_key(b, "error");
    buf_putc(b, '{');
    put_str(b, "code", str_of(r->error_code));
    put_str(b, "message", bytes_str(r->error_message));
    buf_putc(b, '}');
}

static enum err write_request(struct page_request *p, struct buf *b, const struct request_record *r,
                              const char *id, const char *space_name)
{
    buf_putc(b, '{');
    put_str(b, "request_id", str_of(id));
    put_str(b, "space", str_of(space_name));
    put_str(b, "username", str_of(r->username));
    put_str(b, "status", str_of(request_status_name(r->status)));
    put_number(b, "attempt", r->attempt);
    put_raw(b, "payload", r->payload);
    put_str(b, "text", bytes_str(r->text));
    put_time(b, "created_at", r->created_ms);
    put_raw(b, "result", r->result);
    put_error(b, r);
    put_raw(b, "usage", r->usage);
    put_time(b, "started_at", r->started_ms);
    put_time(b, "finished_at", r->finished_ms);
    put_key(b, "attempts");
    buf_putc(b, '[');
    enum err e = reader_attempts(page_reader(p), r->id, visit_attempt, b);
    buf_puts(b, "]}\n");
    return e ? e : b->failed;
}

void request_download(struct page_request *p, const struct request_record *r,
                      const char *space_name)
{
    struct buf json = BUF_INIT(app_limits_copy(p->web->app).inner_reply_bytes);
    char id[UUID_TEXT_BYTES];
    uuid_format(r->id, id);
    enum err e = write_request(p, &json, r, id, space_name);
    if (e == ERR_TOO_LARGE) {
        page_error(p, 500, "too_large");
    } else if (e) {
        page_fail(p, e);
    } else {
        if (form_get(&p->query, STR("download")))
            page_header(p, "Content-Disposition", "attachment; filename=\"%s.json\"", id);
        page_header(p, "Cache-Control", "no-store");
        page_reply(p, 200, "application/json; charset=utf-8", buf_str(&json));
    }
    buf_release(&json);
}

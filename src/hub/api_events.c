/* GET /api/v1/requests/ID/events: what happens to a request, as server-sent events (HTML Living
 * Standard, section 9.2). */
#include "hub/api.h"

#include "base/alloc.h"
#include "hub/call.h"
#include "hub/routes.h"

#include <stdlib.h>
#include <string.h>

#define COMMENT_MS 15000 /* a stream is silent no longer than this */
#define SOON_MS    1
#define FIELDS     "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"

struct follow {
    struct call call;
    char epoch[EPOCH_BYTES];
    bool streaming;
    bool over; /* the request is final, and the client may have seen that already */
};

static struct follow *follow_of(struct call *c)
{
    return CONTAINER_OF(c, struct follow, call);
}

static struct buf *scratch_of(struct follow *f)
{
    return &f->call.conn.hub->scratch;
}

/* Memory may be out: then the stream breaks off before the event, which the client asks for when it
 * comes back. */
static void say(struct follow *f)
{
    struct buf *b = scratch_of(f);
    if (f->call.x && b->failed)
        exchange_stream_break(f->call.x);
    else if (f->call.x)
        exchange_stream_write(f->call.x, buf_str(b));
    buf_consume(b, b->len);
    buf_clear(b);
}

static void finish(struct follow *f)
{
    struct exchange *x = call_take(&f->call);
    if (x)
        exchange_stream_end(x);
    call_end(&f->call);
}

static void fail(struct follow *f, enum err e, struct str message, struct retry retry)
{
    if (f->streaming) {
        finish(f); /* the client comes back by itself, with what it has seen */
        return;
    }
    struct exchange *x = call_take(&f->call);
    if (x)
        api_refuse(x, e, message, retry);
    call_end(&f->call);
}

static void event_head(struct follow *f, uint64_t seq, struct str kind)
{
    buf_printf(scratch_of(f), "id: %s-%llu\nevent: %.*s\ndata: ", f->epoch, (unsigned long long)seq,
               STR_ARG(kind));
}

/* What an app wrote in several lines must be one in an event. Inside of JSON's strings are none. */
static void event_end(struct follow *f, size_t from)
{
    struct buf *b = scratch_of(f);
    for (size_t i = from; i < b->len; i++) {
        char *c = &b->data[b->off + i];
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    }
    buf_puts(b, "\n\n");
}

static void begin(struct follow *f, const struct client_out *m)
{
    f->streaming = true;
    (void)str_copy(f->epoch, sizeof f->epoch, m->epoch);
    exchange_stream(f->call.x, 200, "text/event-stream; charset=utf-8", STR(FIELDS));
    if (m->recovered) {
        buf_puts(scratch_of(f), ": continued\n\n");
    } else {
        event_head(f, m->seq, STR("snapshot"));
        size_t from = scratch_of(f)->len;
        (void)native_encode_request(scratch_of(f), m->request);
        event_end(f, from);
    }
    say(f);
}

static void on_watched(struct call *c, const struct client_out *m)
{
    struct follow *f = follow_of(c);
    if (m->kind == CLIENT_OUT_ERROR) {
        fail(f, m->code, m->message, (struct retry){m->retry_after_ms, m->limit});
        return;
    }
    if (!c->x)
        return;
    begin(f, m);
    f->over = request_status_final(m->request->status);
    call_timer(c, f->over ? SOON_MS : COMMENT_MS); /* what is sent again comes first */
}

static void on_event(struct call *c, const struct call_event *e)
{
    struct follow *f = follow_of(c);
    event_head(f, e->seq, e->kind);
    size_t from = scratch_of(f)->len;
    (void)buf_str_append(scratch_of(f), e->event);
    event_end(f, from);
    say(f);
    if (str_eq(e->kind, STR("final")))
        finish(f);
}

static void on_timer(struct call *c)
{
    struct follow *f = follow_of(c);
    if (f->over) {
        finish(f);
        return;
    }
    buf_puts(scratch_of(f), ": waiting\n\n");
    say(f);
    call_timer(c, COMMENT_MS);
}

static bool on_gone(struct call *c, enum err why)
{
    if (why)
        fail(follow_of(c), why, STR(""), (struct retry){0});
    return why;
}

static void on_free(struct call *c)
{
    free(follow_of(c));
}

static const struct call_kind FOLLOW = {
    .watched = on_watched, .event = on_event, .timer = on_timer, .gone = on_gone, .free = on_free};

/* ---- the call ---- */

/* "EPOCH-SEQ"; what cannot be read is not given. */
static struct topic_since since_of(const struct http_head *head)
{
    const struct str *field = http_field(head, STR("Last-Event-ID"));
    struct topic_since since = {0};
    struct str epoch, seq;
    since.given = field && str_split(*field, '-', &epoch, &seq) &&
                  str_copy(since.epoch, sizeof since.epoch, epoch) &&
                  !str_to_u64(seq, UINT64_MAX, &since.seq);
    return since;
}

static bool id_of(const struct exchange *x, struct uuid *id)
{
    struct str path = exchange_head(x)->path;
    size_t before = strlen(API_REQUESTS_PATH "/"), after = strlen(API_EVENTS_SUFFIX);
    return path.n > before + after &&
           !uuid_parse(str_slice(path.p + before, path.n - before - after), id);
}

void api_events(struct hub *h, struct exchange *x)
{
    struct identity who;
    struct uuid id;
    if (!routes_identify(h, x, &who)) {
        api_refuse(x, ERR_UNAUTHORIZED, STR(ROUTES_SHOW_KEY), (struct retry){0});
    } else if (hub_stopping(h)) {
        api_refuse(x, ERR_SHUTTING_DOWN, STR(""), (struct retry){0});
    } else if (!id_of(x, &id)) {
        api_refuse(x, ERR_NOT_FOUND, STR(""), (struct retry){0});
    } else {
        struct topic_since since = since_of(exchange_head(x));
        struct follow *f = xcalloc(1, sizeof *f);
        call_start(&f->call, &FOLLOW, h, x, &who);
        call_watch(&f->call, id, &since);
    }
}

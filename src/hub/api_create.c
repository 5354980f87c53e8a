#include "hub/api.h"

#include "base/alloc.h"
#include "hub/call.h"
#include "hub/exchange_problem.h"
#include "hub/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES 16384
#define WAIT_MAX_S  300 /* of Prefer: wait=N, RFC 7240 section 4.3 */
#define JSON_TYPE   "application/json"

/* ---- errors ---- */

void api_refuse(struct exchange *x, enum err e, struct str detail, struct retry retry)
{
    exchange_problem(x, (unsigned)err_http_status(e), e, detail, retry, STR(""));
}

/* ---- a request that is being made ---- */

struct create {
    struct call call;
    uint64_t wait_ms; /* 0 = answer as soon as it is accepted */
    bool settled;     /* over, or waited for long enough: the next state is the answer */
};

static struct create *create_of(struct call *c)
{
    return CONTAINER_OF(c, struct create, call);
}

static void fail(struct call *c, const struct client_out *m)
{
    struct exchange *x = call_take(c);
    if (x)
        api_refuse(x, m->code, m->message, (struct retry){m->retry_after_ms, m->limit});
    call_end(c);
}

/* The state as it is from now on: the first one that comes is the answer, or the one before the
 * end. */
static void look(struct call *c)
{
    call_watch(c, c->request_id, NULL);
}

static void on_submitted(struct call *c, const struct client_out *m)
{
    struct create *r = create_of(c);
    if (m->kind == CLIENT_OUT_ERROR) {
        fail(c, m);
        return;
    }
    c->request_id = m->request_id;
    r->settled = r->wait_ms == 0;
    if (r->wait_ms)
        call_timer(c, r->wait_ms);
    look(c);
}

static void reply(struct create *r, const struct request_view *v)
{
    struct buf *b = &r->call.conn.hub->scratch;
    struct exchange *x = call_take(&r->call);
    char id[UUID_TEXT_BYTES], fields[256];
    bool over = r->wait_ms && request_status_final(v->status);
    size_t n = 0;
    uuid_format(r->call.request_id, id);
    n += (size_t)snprintf(fields, sizeof fields, "Location: " API_REQUESTS_PATH "/%s\r\n", id);
    if (over)
        snprintf(fields + n, sizeof fields - n, "Preference-Applied: wait=%llu\r\n",
                 (unsigned long long)(r->wait_ms / 1000));
    if (x && native_encode_request(b, v))
        api_refuse(x, ERR_INTERNAL, STR(""), (struct retry){0});
    else if (x)
        exchange_reply(x, over ? 200 : 202, JSON_TYPE, str_of(fields), buf_str(b));
    buf_consume(b, b->len);
    buf_clear(b);
    call_end(&r->call);
}

static void on_watched(struct call *c, const struct client_out *m)
{
    struct create *r = create_of(c);
    if (m->kind == CLIENT_OUT_ERROR)
        fail(c, m);
    else if (r->settled || request_status_final(m->request->status))
        reply(r, m->request);
}

static void settle(struct call *c)
{
    create_of(c)->settled = true;
    look(c);
}

static void on_event(struct call *c, const struct call_event *e)
{
    if (str_eq(e->kind, STR("final")) && !create_of(c)->settled)
        settle(c);
}

static void on_timer(struct call *c)
{
    if (!create_of(c)->settled)
        settle(c);
}

/* What was submitted stands; the client finds it in its list. */
static bool on_gone(struct call *c, enum err why)
{
    if (why)
        fail(c, &(struct client_out){.code = why});
    return why;
}

static void on_free(struct call *c)
{
    free(create_of(c));
}

static const struct call_kind CREATE = {.submitted = on_submitted,
                                        .watched = on_watched,
                                        .event = on_event,
                                        .timer = on_timer,
                                        .gone = on_gone,
                                        .free = on_free};

/* ---- the call ---- */

uint64_t api_create_body_max(struct hub *h, const struct exchange *x)
{
    struct identity who;
    return routes_identify(h, x, &who) ? h->limits->payload_bytes + SMALL_BYTES
                                       : h->limits->body_bytes;
}

/* wait=N in any Prefer field, in milliseconds; 0 when there is none that can be read. */
static uint64_t wait_of(const struct http_head *head)
{
    const struct str *field = http_field(head, STR("Prefer"));
    struct str rest = field ? *field : STR(""), one, name, value;
    uint64_t s;
    while (rest.n) {
        str_split(rest, ',', &one, &rest);
        str_split(one, ';', &one, &value);
        if (str_split(one, '=', &name, &value) && str_eq_nocase(str_trim(name), STR("wait")) &&
            !str_to_u64(str_trim(value), UINT32_MAX, &s))
            return 1000 * (s < WAIT_MAX_S ? s : WAIT_MAX_S);
    }
    return 0;
}

static bool is_json(const struct http_head *head)
{
    const struct str *field = http_field(head, STR("Content-Type"));
    struct str type, parameters;
    if (!field)
        return false;
    str_split(*field, ';', &type, &parameters);
    return str_eq_nocase(str_trim(type), STR(JSON_TYPE));
}

static void start(struct hub *h, struct exchange *x, const struct identity *who)
{
    const struct http_head *head = exchange_head(x);
    struct client_msg m;
    enum err e = native_decode_submit(&h->decoder, exchange_body(x),
                                      http_field(head, STR("Idempotency-Key")), &m);
    if (e) {
        api_refuse(x, e == ERR_MEMORY ? ERR_STORE_UNAVAILABLE : e, str_of(h->decoder.why),
                   (struct retry){0});
        return;
    }
    struct create *r = xcalloc(1, sizeof *r);
    r->wait_ms = wait_of(head);
    call_start(&r->call, &CREATE, h, x, who);
    call_submit(&r->call, &m);
}

void api_create(struct hub *h, struct exchange *x)
{
    struct identity who;
    if (!routes_identify(h, x, &who))
        api_refuse(x, ERR_UNAUTHORIZED, STR(ROUTES_SHOW_KEY), (struct retry){0});
    else if (hub_stopping(h))
        api_refuse(x, ERR_SHUTTING_DOWN, STR(""), (struct retry){0});
    else if (!is_json(exchange_head(x)))
        exchange_problem(x, 415, ERR_BAD_MESSAGE, STR("The body must be " JSON_TYPE),
                         (struct retry){0}, STR(""));
    else
        start(h, x, &who);
}

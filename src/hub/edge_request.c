#include "hub/edge_conn.h"

#include "base/log.h"
#include "hub/exchange_problem.h"
#include "hub/inner.h"

#include <assert.h>
#include <string.h>

#define UNSENT_BYTES                                                                               \
    (16 * 1024) /* replies that may wait while the next pipelined request is taken */
#define REFUSAL_BYTES 1024
#define COPY_BYTES    4096 /* more than this behind a head: the head is copied, not the rest */

/* x may be NULL. Returns the type of what is in body then; adds to lines what goes with it. */
static const char *refusal(const struct exchange *x, unsigned status, const char *why,
                           struct buf *lines, struct buf *body)
{
    if (x && exchange_is_api(&x->head)) {
        exchange_add_request_id(&x->head, lines);
        problem_write(body, lines, status, exchange_code_of_status(status), str_of(why),
                      (struct retry){0});
        return PROBLEM_TYPE;
    }
    buf_printf(body, "%s: %s\n", http_reason(status), why);
    return "text/plain; charset=utf-8";
}

void edge_request_refuse(struct edge_conn *c, unsigned status, const char *why, const char *headers)
{
    bool no_body = c->x && c->x->head.method == HTTP_HEAD;
    struct buf lines = BUF_INIT(REFUSAL_BYTES), body = BUF_INIT(REFUSAL_BYTES);
    const char *type = refusal(c->x, status, why, &lines, &body);
    if (c->x)
        exchange_abandon(c->x);
    struct buf *b = &c->edge->scratch;
    buf_clear(b);
    buf_printf(b, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\n", status, http_reason(status), type);
    buf_printf(b, "Content-Length: %zu\r\nDate: %s\r\nConnection: close\r\n%s%s", body.len,
               edge_date(c->edge), EDGE_SECURITY_FIELDS "Cache-Control: no-store\r\n", headers);
    buf_str_append(b, buf_str(&lines));
    buf_puts(b, "\r\n");
    if (!no_body)
        buf_str_append(b, buf_str(&body));
    buf_release(&lines);
    buf_release(&body);
    stream_write(&c->stream, buf_str(b));
    log_debug("edge", "refused with %u: %s", status, why);
    edge_conn_finish(c);
}

/* ---- the body ---- */

static void complete(struct edge_conn *c)
{
    struct exchange *x = c->x;
    const struct edge_handler *h = &c->edge->config.handler;
    x->body_done = true;
    edge_conn_set_state(c, EDGE_BUSY, 0);
    if (x->route == EDGE_PAGE)
        inner_submit(c->edge->inner, x);
    else if (x->route == EDGE_SOCKET)
        h->socket(h->ctx, x);
    else
        h->answer(h->ctx, x);
}

/* Feeds the body without acting on the result, for the caller may hold bytes of c->in. */
static enum err feed(struct edge_conn *c, struct str *in)
{
    size_t before = in->n;
    enum err e = http_body_feed(&c->x->body, in, &c->x->body_bytes);
    pace_feed(&c->pace, before - in->n, timers_now(&c->edge->timers));
    return e;
}

static void act_on(struct edge_conn *c, enum err fed)
{
    const struct limits *l = c->edge->config.limits;
    if (fed == OK)
        complete(c);
    else if (fed == ERR_AGAIN)
        timers_set_by(&c->edge->timers, &c->timer, pace_due(&c->pace, l, l->body_idle_ms));
    else if (fed == ERR_TOO_LARGE)
        edge_request_refuse(c, 413, "the request body is too large", "");
    else if (fed == ERR_SYNTAX)
        edge_request_refuse(c, 400, "the chunks of the request body are malformed", "");
    else
        edge_request_refuse(c, 503, "there is no memory for the request body", "");
}

void edge_request_body(struct edge_conn *c, struct str in)
{
    enum err fed = feed(c, &in);
    if (in.n && fed == OK && buf_str_append(&c->in, in))
        fed = ERR_MEMORY;
    act_on(c, fed);
    if (c->state == EDGE_HEAD)
        edge_request_run(c);
}

static void start_body(struct edge_conn *c, uint64_t max_body)
{
    struct exchange *x = c->x;
    http_body_init(&x->body, &x->head, max_body);
    buf_init(&x->body_bytes, max_body);
    pace_start(&c->pace, timers_now(&c->edge->timers));
    timers_stop(&c->edge->timers, &c->timer);
    c->state = EDGE_BODY;
    if (x->head.expect_continue && !c->in.len)
        stream_write(&c->stream, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    struct str in = buf_str(&c->in);
    enum err fed = feed(c, &in);
    buf_consume(&c->in, c->in.len - in.n);
    act_on(c, fed);
}

/* ---- the head ---- */

static void start(struct edge_conn *c)
{
    struct exchange *x = c->x;
    const struct edge_handler *h = &c->edge->config.handler;
    uint64_t max_body = c->edge->config.limits->body_bytes;
    edge_conn_set_state(c, EDGE_BUSY, 0);
    enum edge_route route = h->route(h->ctx, x, &max_body);
    if (c->x != x)
        return; /* replied */
    assert(route != EDGE_DONE);
    x->route = route;
    x->routed = route != EDGE_PAGE;
    if (x->head.framing == HTTP_LENGTH && x->head.length > max_body)
        edge_request_refuse(c, 413, "the request body is too large", "");
    else if (route != EDGE_SOCKET || upgrade_check(c))
        start_body(c, max_body);
}

static enum err parse(const struct edge_conn *c, struct str in, struct http_head *head,
                      size_t *used, unsigned *status, const char **why)
{
    const struct limits *l = c->edge->config.limits;
    struct http_limits limits = {.head_bytes = (size_t)l->head_bytes,
                                 .line_bytes = (size_t)l->head_line_bytes,
                                 .fields = (size_t)l->head_fields,
                                 .body_bytes = SIZE_MAX}; /* judged once the route is known */
    return http_parse_request(in, &limits, head, used, status, why);
}

/* Gives x the bytes of its head, so that head may point into them; what follows stays in c->in. The
 * shorter of the two is copied, else many small pipelined requests would be moved again and again.
 */
static bool own_head(struct edge_conn *c, struct exchange *x, size_t used)
{
    struct str all = buf_str(&c->in);
    buf_init(&x->raw, EDGE_IN_BYTES);
    if (all.n - used <= COPY_BYTES) {
        x->raw = c->in;
        buf_init(&c->in, EDGE_IN_BYTES);
        return buf_append(&c->in, all.p + used, all.n - used) == OK;
    }
    unsigned status;
    const char *why;
    http_head_release(&x->head);
    if (buf_append(&x->raw, all.p, used))
        return false;
    buf_consume(&c->in, used);
    return parse(c, buf_str(&x->raw), &x->head, &used, &status, &why) == OK;
}

static void look_behind_proxy(struct exchange *x)
{
    const struct edge_conn *c = x->conn;
    struct address client = c->address;
    x->secure = c->edge->tls != NULL;
    if (c->trusted) {
        client = proxy_client(&c->edge->proxies, c->address, &x->head);
        x->secure = x->secure || proxy_secure(&x->head);
    }
    address_format(client, x->address);
}

/* Takes one head; false when there is none yet. */
static bool take_head(struct edge_conn *c)
{
    struct http_head head = {0};
    size_t used = 0;
    unsigned status = 400;
    const char *why = "";
    enum err e = parse(c, buf_str(&c->in), &head, &used, &status, &why);
    if (e == ERR_AGAIN)
        return false;
    if (e) {
        edge_request_refuse(c, e == ERR_SYNTAX ? status : 503, why, "");
        return true;
    }
    struct exchange *x = exchange_new(c);
    x->head = head;
    if (!own_head(c, x, used)) {
        edge_request_refuse(c, 503, "there is no memory for the request", "");
        return true;
    }
    look_behind_proxy(x);
    start(c);
    return true;
}

void edge_request_run(struct edge_conn *c)
{
    if (c->running)
        return;
    if (c->later) {
        c->later = false;
        edge_conn_await(c);
    }
    c->running = true;
    bool more = true;
    while (more && c->state == EDGE_HEAD && c->in.len && stream_unsent(&c->stream) <= UNSENT_BYTES)
        more = take_head(c);
    c->running = false;
    if (c->state == EDGE_HEAD || c->state == EDGE_BODY)
        edge_conn_pace_input(c);
    if (c->state != EDGE_HEAD)
        return;
    if (more && c->in.len)
        stream_notify(&c->stream, UNSENT_BYTES / 2);
    else if (c->stream.ended)
        edge_conn_finish(c);
}

#include "hub/edge_conn.h"

#include "base/alloc.h"
#include "hub/exchange_problem.h"
#include "hub/inner.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TOGETHER_BYTES (8 * 1024) /* a body up to this is sent in one piece with its head */
#define DISCARD_BYTES                                                                              \
    (64 * 1024) /* an unread body up to this, if it is here, does not cost the connection */

/* ---- life ---- */

struct exchange *exchange_new(struct edge_conn *c)
{
    struct exchange *x = xcalloc(1, sizeof *x);
    x->conn = c;
    c->x = x;
    c->edge->stats.exchanges++;
    return x;
}

void exchange_free(struct exchange *x)
{
    x->conn->x = NULL;
    x->conn->edge->stats.exchanges--;
    http_head_release(&x->head);
    buf_release(&x->raw);
    buf_release(&x->body_bytes);
    free(x);
}

void exchange_abandon(struct exchange *x)
{
    const struct edge_handler *h = &x->conn->edge->config.handler;
    inner_forget(x);
    if (x->routed && h->abandoned)
        h->abandoned(h->ctx, x);
    exchange_free(x);
}

/* ---- what is asked ---- */

const struct http_head *exchange_head(const struct exchange *x)
{
    return &x->head;
}

struct str exchange_body(const struct exchange *x)
{
    return buf_str(&x->body_bytes);
}

const char *exchange_address(const struct exchange *x)
{
    return x->address;
}

bool exchange_secure(const struct exchange *x)
{
    return x->secure;
}

void exchange_set(struct exchange *x, void *value)
{
    x->value = value;
}

void *exchange_value(const struct exchange *x)
{
    return x->value;
}

enum err exchange_origin(const struct exchange *x, struct buf *out)
{
    struct str host = x->head.host, standard = x->secure ? STR(":443") : STR(":80");
    if (!host.n)
        return ERR_SYNTAX;
    if (str_ends(host, standard)) /* browsers leave it out */
        host.n -= standard.n;
    else if (str_ends(host, STR(":"))) /* an empty port is allowed */
        host.n--;
    buf_puts(out, x->secure ? "https://" : "http://");
    for (size_t i = 0; i < host.n; i++)
        buf_putc(out, (char)tolower((unsigned char)host.p[i]));
    return out->failed;
}

/* ---- replying ---- */

const char *edge_date(struct edge *e)
{
    int64_t now_ms = clock_now().wall_ms;
    if (now_ms / 1000 != e->date_s) {
        e->date_s = now_ms / 1000;
        http_date_format(now_ms, e->date);
    }
    return e->date;
}

/* True when the rest of the body is here already, and small: then it is skipped. */
static bool skip_body(struct exchange *x)
{
    struct edge_conn *c = x->conn;
    if (x->body_done)
        return true;
    if (c->state != EDGE_BUSY) /* a part of it has been used */
        return false;
    struct http_body body;
    struct buf out = BUF_INIT(DISCARD_BYTES);
    struct str in = buf_str(&c->in);
    http_body_init(&body, &x->head, DISCARD_BYTES);
    enum err e = http_body_feed(&body, &in, &out);
    buf_release(&out);
    if (e == OK)
        buf_consume(&c->in, c->in.len - in.n);
    return e == OK;
}

bool exchange_stays_open(struct exchange *x)
{
    return x->head.keep_alive && !x->conn->edge->draining && skip_body(x);
}

/* Content-Length (-1 = none), Date and Connection. */
static void add_framing(struct buf *b, struct exchange *x, int64_t length, bool stays)
{
    if (length >= 0)
        buf_printf(b, "Content-Length: %lld\r\n", (long long)length);
    buf_printf(b, "Date: %s\r\n", edge_date(x->conn->edge));
    if (!stays)
        buf_puts(b, "Connection: close\r\n");
    else if (x->head.minor == 0)
        buf_puts(b, "Connection: keep-alive\r\n");
    buf_puts(b, "\r\n");
}

/* Sends the head in scratch and the body; x is gone afterwards. */
static void send_reply(struct exchange *x, struct str body, bool stays)
{
    struct edge_conn *c = x->conn;
    struct buf *head = &c->edge->scratch;
    bool together = body.n <= TOGETHER_BYTES;
    if (together)
        buf_str_append(head, body);
    assert(!head->failed);
    stream_write(&c->stream, buf_str(head));
    if (!together)
        stream_write(&c->stream, body);
    exchange_done(x, stays);
}

void exchange_done(struct exchange *x, bool stays)
{
    struct edge_conn *c = x->conn;
    exchange_free(x);
    if (!stays) {
        edge_conn_finish(c);
        return;
    }
    edge_conn_await(c);
    if (!c->running && (c->in.len || c->stream.ended)) {
        /* The caller is not the loop: what comes next is taken in a turn of its own. */
        c->later = true;
        timers_set(&c->edge->timers, &c->timer, 0);
    }
}

/* True when the lines hold a field of that name. */
static bool lines_have(struct str lines, struct str name)
{
    struct str line, field, value;
    while (lines.n) {
        str_split(lines, '\n', &line, &lines);
        if (str_split(line, ':', &field, &value) && str_eq_nocase(field, name))
            return true;
    }
    return false;
}

static bool status_has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

void exchange_write_head(struct exchange *x, unsigned status, const char *content_type,
                         struct str headers)
{
    struct buf *b = &x->conn->edge->scratch;
    buf_clear(b);
    buf_printf(b, "HTTP/1.1 %u %s\r\n", status, http_reason(status));
    if (status_has_body(status) && content_type && content_type[0])
        buf_printf(b, "Content-Type: %s\r\n", content_type);
    if (!lines_have(headers, STR("Content-Security-Policy")))
        buf_puts(b, EDGE_SECURITY_FIELDS);
    else
        buf_puts(b, EDGE_SECURITY_FIELDS_NO_CSP);
    if (!lines_have(headers, STR("Cache-Control")))
        buf_puts(b, "Cache-Control: no-store\r\n");
    exchange_add_request_id(&x->head, b);
    buf_str_append(b, headers);
}

void exchange_reply(struct exchange *x, unsigned status, const char *content_type,
                    struct str headers, struct str body)
{
    bool stays = exchange_stays_open(x), has_body = status_has_body(status);
    inner_forget(x);
    exchange_write_head(x, status, content_type, headers);
    add_framing(&x->conn->edge->scratch, x, has_body ? (int64_t)body.n : -1, stays);
    send_reply(x, has_body && x->head.method != HTTP_HEAD ? body : STR(""), stays);
}

void exchange_forward(struct exchange *x, unsigned status, struct str headers, struct str body,
                      int64_t head_length)
{
    struct edge_conn *c = x->conn;
    struct buf *b = &c->edge->scratch;
    bool stays = exchange_stays_open(x), has_body = status_has_body(status);
    bool is_head = x->head.method == HTTP_HEAD;
    buf_clear(b);
    buf_printf(b, "HTTP/1.1 %u %s\r\n", status, http_reason(status));
    buf_str_append(b, headers);
    exchange_add_request_id(&x->head, b);
    add_framing(b, x, !has_body ? -1 : is_head ? head_length : (int64_t)body.n, stays);
    send_reply(x, has_body && !is_head ? body : STR(""), stays);
    if (body.n)
        edge_conn_page(c, body.n);
}

static void reply_error(struct exchange *x, enum err e, struct str text, struct str headers)
{
    struct buf body = BUF_INIT(64 * 1024);
    buf_puts(&body, "{\"error\":{\"code\":");
    buf_json_string(&body, str_of(err_code(e)));
    buf_puts(&body, ",\"message\":");
    buf_json_string(&body, text);
    buf_puts(&body, "}}");
    exchange_reply(x, (unsigned)err_http_status(e), "application/json", headers, buf_str(&body));
    buf_release(&body);
}

void exchange_error_with(struct exchange *x, enum err e, const char *message, struct str headers)
{
    struct str text = str_of(message && message[0] ? message : err_message(e));
    if (exchange_is_api(&x->head))
        exchange_problem(x, (unsigned)err_http_status(e), e, text, (struct retry){0}, headers);
    else
        reply_error(x, e, text, headers);
}

void exchange_error(struct exchange *x, enum err e, const char *message, uint64_t retry_after_ms)
{
    char retry[64] = "";
    if (exchange_is_api(&x->head)) {
        exchange_problem(x, (unsigned)err_http_status(e), e, str_of(message ? message : ""),
                         (struct retry){.after_ms = retry_after_ms}, STR(""));
        return;
    }
    if (retry_after_ms)
        snprintf(retry, sizeof retry, "Retry-After: %llu\r\n",
                 (unsigned long long)((retry_after_ms + 999) / 1000));
    exchange_error_with(x, e, message, str_of(retry));
}

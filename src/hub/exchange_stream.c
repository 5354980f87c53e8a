/* Replies in parts. RFC 9112, sections 6 and 7.1. */
#include "hub/edge_conn.h"

#define DROP_SOON_MS 1 /* not from within the caller's call */

static struct edge *edge_of(const struct exchange *x)
{
    return x->conn->edge;
}

void exchange_stream(struct exchange *x, unsigned status, const char *content_type,
                     struct str headers)
{
    struct buf *b = &edge_of(x)->scratch;
    x->chunked = x->head.minor > 0;
    x->stays = exchange_stays_open(x) && x->chunked;
    exchange_write_head(x, status, content_type, headers);
    if (x->chunked)
        buf_puts(b, "Transfer-Encoding: chunked\r\n");
    buf_printf(b, "Date: %s\r\n%s\r\n", edge_date(edge_of(x)),
               x->stays ? "" : "Connection: close\r\n");
    stream_write(&x->conn->stream, buf_str(b));
}

/* True when the client has taken nothing of what waits for it, for too long. */
static bool stalls(struct exchange *x)
{
    const struct stream *s = &x->conn->stream;
    uint64_t now = timers_now(&edge_of(x)->timers), taken = stream_acknowledged(s);
    if (!stream_unsent(s) || !x->stalled_ms || taken != x->taken_seen) {
        x->taken_seen = taken;
        x->stalled_ms = now;
    }
    return now - x->stalled_ms > edge_of(x)->config.limits->body_idle_ms;
}

static void drop_if_slow(struct exchange *x)
{
    struct edge_conn *c = x->conn;
    bool much = stream_unsent(&c->stream) > edge_of(x)->config.limits->client_unsent_bytes;
    if (stalls(x) || much)
        edge_conn_set_state(c, EDGE_BUSY, DROP_SOON_MS);
}

void exchange_stream_write(struct exchange *x, struct str part)
{
    struct buf *b = &edge_of(x)->scratch;
    if (!part.n || x->head.method == HTTP_HEAD)
        return;
    buf_clear(b);
    if (x->chunked)
        buf_printf(b, "%zx\r\n", part.n);
    bool whole = !buf_str_append(b, part);
    if (x->chunked)
        buf_puts(b, "\r\n");
    if (whole && !b->failed)
        stream_write(&x->conn->stream, buf_str(b));
    else /* memory is out, and a part must not be missing */
        edge_conn_set_state(x->conn, EDGE_BUSY, DROP_SOON_MS);
    buf_consume(b, b->len);
    drop_if_slow(x);
}

void exchange_stream_end(struct exchange *x)
{
    if (x->chunked && x->head.method != HTTP_HEAD)
        stream_write(&x->conn->stream, STR("0\r\n\r\n"));
    exchange_done(x, x->stays && !edge_of(x)->draining);
}

/* Replies in parts. RFC 9112, sections 6 and 7.1. */
#include "hub/edge_conn.h"

#include <stdio.h>

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

/* What the newest part adds may be long: it is not the client that is slow then. */
static void drop_if_slow(struct exchange *x, size_t unsent_before)
{
    if (stalls(x) || unsent_before > edge_of(x)->config.limits->client_unsent_bytes)
        edge_conn_set_state(x->conn, EDGE_BUSY, DROP_SOON_MS);
}

void exchange_stream_write(struct exchange *x, struct str part)
{
    struct stream *s = &x->conn->stream;
    size_t unsent = stream_unsent(s);
    char size[20];
    if (!part.n || x->head.method == HTTP_HEAD || x->broken)
        return;
    if (x->chunked) {
        snprintf(size, sizeof size, "%zx\r\n", part.n);
        stream_write(s, str_of(size));
    }
    stream_write(s, part);
    if (x->chunked)
        stream_write(s, STR("\r\n"));
    drop_if_slow(x, unsent);
}

void exchange_stream_break(struct exchange *x)
{
    x->broken = true;
    edge_conn_set_state(x->conn, EDGE_BUSY, DROP_SOON_MS);
}

void exchange_stream_end(struct exchange *x)
{
    if (x->chunked && x->head.method != HTTP_HEAD && !x->broken)
        stream_write(&x->conn->stream, STR("0\r\n\r\n"));
    exchange_done(x, x->stays && !x->broken && !edge_of(x)->draining);
}

#include "hub/websocket.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/edge_conn.h"

#include <assert.h>
#include <stdlib.h>

#define CLOSE_MS     2000 /* for the peer's close frame */
#define SHARED_BYTES 4096 /* frames from here on are made where they stay */
#define PING_BYTES   64   /* a ping costs at most so much on the wire, TLS included */

struct websocket {
    struct edge_conn *conn;
    struct websocket_config config;
    struct ws_decoder decoder;
    uint64_t heard_ms;  /* when the newest byte came */
    uint64_t pinged_ms; /* when the ping that awaits an answer was sent; 0 = none does */
    uint64_t ping_end;  /* the stream's bytes up to and with that ping */
    uint64_t acked;     /* how many of them the peer's kernel had acknowledged at the last look */
    uint64_t close_ms;  /* when our close frame has waited long enough */
    struct pace pace;   /* of the message under way */
    bool under_way;
    bool close_sent; /* nothing is sent any more */
    bool too_slow;   /* the owner is told by the timer */
    bool ended;      /* the owner has been told */
    char address[ADDRESS_TEXT_BYTES];
};

static const struct limits *limits_of(const struct websocket *w)
{
    return w->conn->edge->config.limits;
}

/* A peer that says nothing for so long is pinged. */
static uint64_t silence_ms(const struct websocket *w)
{
    const struct limits *l = limits_of(w);
    return l->ping_every_ms + (w->config.own_heartbeat ? 2 * l->ping_timeout_ms : 0);
}

/* ---- output ---- */

static void send_close(struct websocket *w, uint16_t code, struct str reason)
{
    struct buf *b = &w->conn->edge->scratch;
    buf_clear(b);
    w->close_sent = true;
    if (!ws_encode_close(b, code, reason, NULL))
        stream_write(&w->conn->stream, buf_str(b));
}

static void set_timer(struct websocket *w, uint64_t at_ms)
{
    timers_set_by(&w->conn->edge->timers, &w->conn->timer, at_ms);
}

/* Too much is unsent, even after trying once more to send it: what has not begun is dropped, 4008
 * said, and the owner told soon (not now: it may be sending). */
static bool peer_keeps_up(struct websocket *w)
{
    struct stream *s = &w->conn->stream;
    if (stream_unsent(s) <= w->config.unsent_bytes)
        return true;
    stream_push(s);
    if (stream_unsent(s) <= w->config.unsent_bytes)
        return true;
    stream_drop_unsent(s);
    send_close(w, 4008, STR("too slow"));
    w->too_slow = true;
    set_timer(w, 0);
    return false;
}

static bool may_send(struct websocket *w)
{
    return !w->close_sent && peer_keeps_up(w);
}

void websocket_send_frame(struct websocket *w, struct bytes *frame, bool crowd)
{
    if (may_send(w))
        (crowd ? stream_give_crowd : stream_give)(&w->conn->stream, bytes_ref(frame));
}

void websocket_send_opcode(struct websocket *w, enum ws_opcode opcode, struct str data)
{
    if (!may_send(w))
        return;
    if (data.n >= SHARED_BYTES) {
        struct bytes *frame = ws_frame(opcode, data);
        if (frame)
            stream_give(&w->conn->stream, frame);
        else
            websocket_close(w, 1011, STR("out of memory"));
        return;
    }
    struct buf *b = &w->conn->edge->scratch;
    buf_clear(b);
    if (!ws_encode(b, opcode, data, NULL))
        stream_write(&w->conn->stream, buf_str(b));
}

void websocket_send(struct websocket *w, struct str text)
{
    websocket_send_opcode(w, WS_TEXT, text);
}

void websocket_close(struct websocket *w, uint16_t code, struct str reason)
{
    if (w->close_sent)
        return;
    send_close(w, code, reason);
    w->close_ms = timers_now(&w->conn->edge->timers) + CLOSE_MS;
    set_timer(w, w->close_ms);
}

void websocket_limit_message(struct websocket *w, size_t bytes)
{
    size_t most = w->config.message_bytes;
    if (!w->ended)
        ws_limit_message(&w->decoder, bytes < most ? bytes : most);
}

void websocket_limit_unsent(struct websocket *w, size_t bytes)
{
    w->config.unsent_bytes = bytes;
}

bool websocket_under_way(const struct websocket *w)
{
    return ws_under_way(&w->decoder);
}

size_t websocket_unsent(const struct websocket *w)
{
    return stream_unsent(&w->conn->stream);
}

const char *websocket_address(const struct websocket *w)
{
    return w->address;
}

/* ---- the end ---- */

static void tell_owner(struct websocket *w, bool clean, uint16_t code)
{
    if (w->ended)
        return;
    w->ended = w->close_sent = true;
    w->conn->edge->stats.sockets--;
    ws_release(&w->decoder);
    w->config.closed(w->config.owner, clean, code);
}

/* All is said, a close frame included; the connection sees to the rest. */
static void end(struct websocket *w, bool clean, uint16_t code)
{
    edge_conn_finish(w->conn);
    tell_owner(w, clean, code);
}

static void fail(struct websocket *w, uint16_t code, const char *why)
{
    if (!w->close_sent)
        send_close(w, code, str_of(why));
    log_debug("edge", "WebSocket of %s closed with %u: %s", w->address, code, why);
    end(w, false, code);
}

void websocket_gone(struct websocket *w)
{
    tell_owner(w, false, w->too_slow ? 4008 : 1006);
}

void websocket_free(struct websocket *w)
{
    if (!w)
        return;
    ws_release(&w->decoder);
    free(w);
}

/* ---- input ---- */

static void on_message(struct websocket *w, const struct ws_message *m)
{
    if (!w->close_sent)
        w->config.message(w->config.owner, w, m->opcode, m->data);
}

static void on_ping(struct websocket *w, const struct ws_message *m)
{
    websocket_send_opcode(w, WS_PONG, m->data);
}

static void on_pong(struct websocket *w, const struct ws_message *m)
{
    (void)w;
    (void)m; /* that something was heard is all it says */
}

static void on_close(struct websocket *w, const struct ws_message *m)
{
    bool first = !w->close_sent;
    if (first)
        send_close(w, m->close_code == 1005 ? 0 : m->close_code, STR(""));
    end(w, first, m->close_code);
}

static void dispatch(struct websocket *w, const struct ws_message *m)
{
    static void (*const on[])(struct websocket *, const struct ws_message *) = {
        [WS_TEXT] = on_message, [WS_BINARY] = on_message, [WS_CLOSE] = on_close,
        [WS_PING] = on_ping,    [WS_PONG] = on_pong,
    };
    assert(m->opcode < sizeof on / sizeof on[0] && on[m->opcode]);
    on[m->opcode](w, m);
}

/* The peer has to take more before it is read again. What it says while we close is read in any
 * case. */
static bool congested(struct websocket *w)
{
    struct stream *s = &w->conn->stream;
    size_t mark = w->config.unsent_bytes / 4;
    if (w->close_sent || stream_unsent(s) <= mark)
        return false;
    stream_push(s);
    if (stream_unsent(s) <= mark)
        return false;
    stream_pause(s);
    stream_notify(s, mark);
    return true;
}

static bool reading(const struct websocket *w)
{
    return w->conn->state == EDGE_STREAM && !w->too_slow;
}

static void take(struct websocket *w, struct str *in)
{
    while (in->n && reading(w) && !congested(w)) {
        struct ws_message m;
        enum err e = ws_next(&w->decoder, in, &m);
        if (e == ERR_AGAIN)
            return;
        if (e == OK)
            dispatch(w, &m);
        else if (e == ERR_SYNTAX)
            fail(w, w->decoder.fail_code, w->decoder.fail_why);
        else
            fail(w, 1011, "out of memory");
    }
}

/* Keeps the time of a message that is not complete. */
static void watch_pace(struct websocket *w, size_t n, uint64_t now)
{
    const struct limits *l = limits_of(w);
    bool before = w->under_way;
    w->under_way = ws_under_way(&w->decoder);
    if (!w->under_way)
        return;
    if (!before)
        pace_start(&w->pace, now);
    pace_feed(&w->pace, n, now);
    set_timer(w, pace_due(&w->pace, l, l->message_idle_ms));
}

/* Goes on with what was read before the peer fell behind, or with its handshake. */
static void take_held(struct websocket *w)
{
    struct edge_conn *c = w->conn;
    struct str in = buf_str(&c->in);
    take(w, &in);
    if (reading(w))
        buf_consume(&c->in, c->in.len - in.n);
}

void websocket_data(struct websocket *w, struct str in)
{
    struct edge_conn *c = w->conn;
    uint64_t now = timers_now(&w->conn->edge->timers);
    size_t n = in.n;
    w->heard_ms = now;
    if (w->pinged_ms)
        set_timer(w, now + silence_ms(w));
    w->pinged_ms = 0;
    if (!c->in.len)
        take(w, &in);
    if (!reading(w))
        return;
    if (in.n && buf_str_append(&c->in, in)) /* taken when drained, or by the timer */
        fail(w, 1011, "out of memory");
    else
        watch_pace(w, n, now);
}

void websocket_drained(struct websocket *w)
{
    if (!reading(w))
        return;
    stream_resume(&w->conn->stream);
    take_held(w);
    w->under_way = false; /* the pace is counted anew */
    if (reading(w))
        watch_pace(w, 0, timers_now(&w->conn->edge->timers));
}

/* ---- time ---- */

static void ping(struct websocket *w, uint64_t now)
{
    struct stream *s = &w->conn->stream;
    websocket_send_opcode(w, WS_PING, STR(""));
    w->pinged_ms = now;
    w->ping_end = s->sent + stream_unsent(s);
    w->acked = stream_acknowledged(s);
}

/* False when the peer is gone. A ping that waits behind much output is not late as long as that
 * moves. */
static bool answers(struct websocket *w, uint64_t now)
{
    uint64_t acked = stream_acknowledged(&w->conn->stream);
    uint64_t moved = acked < w->ping_end ? acked : w->ping_end;
    if (moved <= w->acked + PING_BYTES)
        return false;
    w->acked = acked;
    w->pinged_ms = now;
    return true;
}

static bool alive(struct websocket *w, uint64_t now)
{
    const struct limits *l = limits_of(w);
    if (!w->pinged_ms) {
        if (now >= w->heard_ms + silence_ms(w))
            ping(w, now);
        return true;
    }
    return now < w->pinged_ms + l->ping_timeout_ms || answers(w, now);
}

static void set_next(struct websocket *w)
{
    const struct limits *l = limits_of(w);
    set_timer(w, w->pinged_ms ? w->pinged_ms + l->ping_timeout_ms : w->heard_ms + silence_ms(w));
    if (w->under_way && !w->conn->stream.paused) /* otherwise it is not the peer who is slow */
        set_timer(w, pace_due(&w->pace, l, l->message_idle_ms));
}

static void close_due(struct websocket *w, uint64_t now)
{
    if (w->too_slow)
        end(w, false, 4008);
    else if (now >= w->close_ms)
        end(w, false, 1006);
    else
        set_timer(w, w->close_ms);
}

void websocket_due(struct websocket *w)
{
    const struct limits *l = limits_of(w);
    uint64_t now = timers_now(&w->conn->edge->timers);
    bool held = w->conn->stream.paused;
    if (w->conn->in.len && !held)
        take_held(w);
    if (w->conn->state != EDGE_STREAM)
        return;
    if (w->close_sent)
        close_due(w, now);
    else if (w->under_way && !held && !pace_check(&w->pace, l, l->message_idle_ms, now))
        fail(w, 4008, "the message came too slowly");
    else if (!alive(w, now))
        edge_conn_drop(w->conn);
    else
        set_next(w);
}

/* ---- the beginning ---- */

static void write_handshake(struct buf *b, const struct http_head *h, struct str subprotocol)
{
    char accept[WS_ACCEPT_BYTES];
    enum err e = ws_accept(*http_field(h, STR("Sec-WebSocket-Key")), accept);
    assert(e == OK); /* upgrade_check has seen to it */
    (void)e;
    buf_clear(b);
    buf_printf(b,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n",
               accept);
    if (subprotocol.n)
        buf_printf(b, "Sec-WebSocket-Protocol: %.*s\r\n", STR_ARG(subprotocol));
    buf_puts(b, "\r\n");
}

struct websocket *websocket_accept(struct exchange *x, const struct websocket_config *config)
{
    struct edge_conn *c = x->conn;
    assert(x->route == EDGE_SOCKET && c->state == EDGE_BUSY);
    if (c->stream.ended || c->stream.broken) {
        exchange_free(x);
        edge_conn_drop(c);
        return NULL;
    }
    struct websocket *w = xcalloc(1, sizeof *w);
    w->conn = c;
    w->config = *config;
    w->config.subprotocol = STR("");
    str_copy(w->address, sizeof w->address, str_of(x->address));
    w->heard_ms = timers_now(&w->conn->edge->timers);
    ws_init(&w->decoder, WS_SERVER,
            (struct ws_limits){.message_bytes = config->message_bytes,
                               .message_fragments = (size_t)limits_of(w)->message_fragments});
    write_handshake(&c->edge->scratch, &x->head, config->subprotocol);
    stream_write(&c->stream, buf_str(&c->edge->scratch));
    exchange_free(x);
    c->ws = w;
    c->edge->stats.sockets++;
    edge_conn_set_state(c, EDGE_STREAM, 0);
    stream_resume(&c->stream);
    if (c->in.len)
        set_timer(w, 0);
    else
        set_next(w);
    return w;
}

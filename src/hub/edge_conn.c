#include "hub/edge_conn.h"

#include "base/alloc.h"
#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_BYTES   (64 * 1024) /* unused input, beyond a head, at which reading pauses */
#define LINGER_MS     2000        /* silence of a client that has been sent everything */
#define PAGES_SAY_MS  60000       /* that they are too many is said at most so often */
#define PAGE_FAIR_MS  1000        /* so long the pace of who takes a page says nothing */
#define LINGER_MAX_MS 30000       /* and for one that goes on sending */
#define HALF_CLOSE_MS 1000 /* a client that sends no more may still wait for its reply so long */

/* ---- counting by address ---- */

static bool count_peer(struct edge *e, struct edge_conn *c)
{
    if (c->trusted || address_is_loopback(c->address))
        return true;
    struct address key = address_counted(c->address);
    struct peer *p;
    HASH_FIND(hh, e->peers, &key, sizeof key, p);
    if (!p) {
        p = xcalloc(1, sizeof *p);
        p->address = key;
        HASH_ADD(hh, e->peers, address, sizeof p->address, p);
    }
    if (p->connections >= e->config.limits->connections_per_address)
        return false;
    p->connections++;
    c->peer = p;
    return true;
}

static void uncount_peer(struct edge *e, struct edge_conn *c)
{
    struct peer *p = c->peer;
    if (!p || --p->connections > 0)
        return;
    HASH_DEL(e->peers, p);
    free(p);
}

/* ---- pages that are being sent ---- */

static void page_sent(struct edge_conn *c)
{
    c->edge->page_bytes -= c->page_bytes;
    c->page_bytes = 0;
    list_remove(&c->paging);
}

void edge_conn_page(struct edge_conn *c, size_t bytes)
{
    if (!c->page_bytes) {
        list_push_back(&c->edge->paging, &c->paging);
        c->page_ms = timers_now(&c->edge->timers);
        c->page_sent = c->stream.sent;
    }
    c->page_bytes += bytes;
    c->edge->page_bytes += bytes;
    stream_notify(&c->stream, 0);
}

/* Of those that have had time to take something; when nobody has, the oldest. */
static struct edge_conn *slowest_page(struct edge *e, uint64_t now)
{
    struct edge_conn *slowest = CONTAINER_OF(list_first(&e->paging), struct edge_conn, paging);
    uint64_t least = UINT64_MAX;
    LIST_EACH (&e->paging, it) {
        struct edge_conn *c = CONTAINER_OF(it, struct edge_conn, paging);
        if (now - c->page_ms < PAGE_FAIR_MS)
            break; /* the others are younger still */
        uint64_t pace = (c->stream.sent - c->page_sent) * 1000 / (now - c->page_ms + 1);
        if (pace < least) {
            least = pace;
            slowest = c;
        }
    }
    return slowest;
}

void edge_pages_shed(struct edge *e)
{
    uint64_t now = timers_now(&e->timers);
    while (e->page_bytes > e->config.limits->inner_total_bytes && !list_empty(&e->paging)) {
        if (now >= e->pages_say_ms) {
            log_warn("edge", "pages fill their memory: dropping the slowest of their readers");
            e->pages_say_ms = now + PAGES_SAY_MS;
        }
        edge_conn_drop(slowest_page(e, now));
    }
}

/* ---- states ---- */

void edge_conn_set_state(struct edge_conn *c, enum edge_state state, uint64_t timeout_ms)
{
    c->state = state;
    if (timeout_ms)
        timers_set(&c->edge->timers, &c->timer, timers_now(&c->edge->timers) + timeout_ms);
    else
        timers_stop(&c->edge->timers, &c->timer);
}

static const struct limits *limits_of(const struct edge_conn *c)
{
    return c->edge->config.limits;
}

void edge_conn_pace_input(struct edge_conn *c)
{
    if (c->in.len >= PAUSE_BYTES + c->edge->config.limits->head_bytes)
        stream_pause(&c->stream);
    else
        stream_resume(&c->stream);
}

void edge_conn_await(struct edge_conn *c)
{
    const struct limits *l = limits_of(c);
    edge_conn_set_state(c, EDGE_HEAD, c->in.len ? l->head_ms : l->keep_alive_ms);
    c->taken_seen = 0;
    edge_conn_pace_input(c);
}

void edge_conn_finish(struct edge_conn *c)
{
    if (c->state == EDGE_LINGER || c->state == EDGE_GONE)
        return;
    assert(!c->x);
    buf_release(&c->in);
    stream_resume(&c->stream);
    stream_finish(&c->stream);
    stream_notify(&c->stream, 0);
    c->taken_seen = stream_acknowledged(&c->stream);
    edge_conn_set_state(c, EDGE_LINGER, limits_of(c)->body_idle_ms);
}

void edge_conn_drop(struct edge_conn *c)
{
    if (c->state == EDGE_GONE)
        return;
    edge_conn_set_state(c, EDGE_GONE, 0);
    if (c->page_bytes)
        page_sent(c);
    stream_close(&c->stream);
    if (c->x)
        exchange_abandon(c->x);
    if (c->ws)
        websocket_gone(c->ws);
}

/* ---- timers ---- */

/* True when there is output and the client takes it, at the least pace; looks again after
 * body_idle_ms. What its kernel has acknowledged is what counts: the buffer of ours takes more only
 * now and then. */
static bool still_sending(struct edge_conn *c)
{
    const struct limits *l = limits_of(c);
    uint64_t taken = stream_acknowledged(&c->stream);
    uint64_t least = l->pace_bytes_per_s * l->body_idle_ms / 1000;
    if (!stream_unsent(&c->stream) || taken < c->taken_seen + least)
        return false;
    c->taken_seen = taken;
    edge_conn_set_state(c, c->state, l->body_idle_ms);
    return true;
}

static void head_due(struct edge_conn *c)
{
    if (c->later) {
        edge_request_run(c);
        return;
    }
    if (still_sending(c))
        return;
    if (c->in.len && !stream_unsent(&c->stream))
        edge_request_refuse(c, 408, "the request head took too long", "");
    else
        edge_conn_drop(c);
}

static void body_due(struct edge_conn *c)
{
    const struct limits *l = limits_of(c);
    if (!pace_check(&c->pace, l, l->body_idle_ms, timers_now(&c->edge->timers)))
        edge_request_refuse(c, 408, "the request body came too slowly", "");
    else
        timers_set(&c->edge->timers, &c->timer, pace_due(&c->pace, l, l->body_idle_ms));
}

static void stream_due(struct edge_conn *c)
{
    websocket_due(c->ws);
}

static void linger_due(struct edge_conn *c)
{
    if (c->heard && timers_now(&c->edge->timers) < c->linger_ms) {
        c->heard = false;
        edge_conn_set_state(c, EDGE_LINGER, LINGER_MS);
    } else if (!still_sending(c)) {
        edge_conn_drop(c);
    }
}

static void on_due(struct timer *t)
{
    static void (*const due[EDGE_STATE__MAX])(struct edge_conn *) = {
        [EDGE_OPENING] = edge_conn_drop, [EDGE_HEAD] = head_due,
        [EDGE_BODY] = body_due,          [EDGE_BUSY] = edge_conn_drop, /* half-closed */
        [EDGE_STREAM] = stream_due,      [EDGE_LINGER] = linger_due,
    };
    struct edge_conn *c = CONTAINER_OF(t, struct edge_conn, timer);
    assert(due[c->state]);
    due[c->state](c);
}

/* ---- the stream's callbacks ---- */

static void on_ready(void *owner)
{
    struct edge_conn *c = owner;
    edge_conn_set_state(c, EDGE_HEAD, limits_of(c)->head_ms);
}

static bool keep_input(struct edge_conn *c, struct str in)
{
    if (!buf_str_append(&c->in, in))
        return true;
    edge_conn_drop(c);
    return false;
}

static void head_data(struct edge_conn *c, struct str in)
{
    bool first = c->in.len == 0;
    if (!keep_input(c, in))
        return;
    if (first)
        edge_conn_set_state(c, EDGE_HEAD, limits_of(c)->head_ms);
    edge_request_run(c);
}

static void body_data(struct edge_conn *c, struct str in)
{
    edge_request_body(c, in);
}

static void busy_data(struct edge_conn *c, struct str in)
{
    if (keep_input(c, in))
        edge_conn_pace_input(c);
}

static void stream_data(struct edge_conn *c, struct str in)
{
    websocket_data(c->ws, in);
}

/* Read on, for closing with unread input resets the connection, and the client may lose what it was
 * told. */
static void ignore_data(struct edge_conn *c, struct str in)
{
    (void)in;
    c->heard = true;
}

static void on_data(void *owner, struct str in)
{
    static void (*const data[EDGE_STATE__MAX])(struct edge_conn *, struct str) = {
        [EDGE_OPENING] = head_data, [EDGE_HEAD] = head_data,     [EDGE_BODY] = body_data,
        [EDGE_BUSY] = busy_data,    [EDGE_STREAM] = stream_data, [EDGE_LINGER] = ignore_data,
        [EDGE_GONE] = ignore_data,
    };
    struct edge_conn *c = owner;
    data[c->state](c, in);
}

static void on_end(void *owner)
{
    struct edge_conn *c = owner;
    if (c->state == EDGE_BUSY)
        edge_conn_set_state(c, EDGE_BUSY, HALF_CLOSE_MS);
    else if (c->state == EDGE_HEAD)
        edge_request_run(c); /* finishes, once nothing complete is left */
    else if (c->state != EDGE_LINGER || !stream_unsent(&c->stream))
        edge_conn_drop(c);
}

static void start_lingering(struct edge_conn *c)
{
    c->linger_ms = timers_now(&c->edge->timers) + LINGER_MAX_MS;
    edge_conn_set_state(c, EDGE_LINGER, LINGER_MS);
}

static void on_drained(void *owner)
{
    struct edge_conn *c = owner;
    if (c->page_bytes && !stream_unsent(&c->stream))
        page_sent(c);
    else if (c->page_bytes)
        stream_notify(&c->stream, 0);
    if (c->state == EDGE_HEAD)
        edge_request_run(c);
    else if (c->state == EDGE_STREAM)
        websocket_drained(c->ws);
    else if (c->state == EDGE_LINGER && c->stream.ended)
        edge_conn_drop(c);
    else if (c->state == EDGE_LINGER)
        start_lingering(c);
}

static void on_broken(void *owner)
{
    edge_conn_drop(owner);
}

static void on_released(void *owner)
{
    struct edge_conn *c = owner;
    uncount_peer(c->edge, c);
    list_remove(&c->node);
    c->edge->stats.connections--;
    edge_crowd_left(c->edge);
    buf_release(&c->in);
    websocket_free(c->ws);
    free(c);
}

static const struct stream_calls CALLS = {
    .ready = on_ready,
    .data = on_data,
    .end = on_end,
    .drained = on_drained,
    .broken = on_broken,
    .released = on_released,
};

/* ---- accepting ---- */

static void refuse_fd(struct edge_conn *c, int fd, const char *why)
{
    char text[ADDRESS_TEXT_BYTES];
    address_format(c->address, text);
    log_debug("edge", "connection of %s refused: %s", text, why);
    close(fd);
    free(c);
}

void edge_conn_accept(void *ctx, int fd, struct address peer)
{
    struct edge *e = ctx;
    struct edge_conn *c = xcalloc(1, sizeof *c);
    c->edge = e;
    c->address = peer;
    c->trusted = networks_hold(&e->proxies, peer);
    c->timer.due = on_due;
    buf_init(&c->in, EDGE_IN_BYTES);
    if (!count_peer(e, c)) {
        refuse_fd(c, fd, "too many connections of this address");
        return;
    }
    struct tls_session *tls = e->tls ? tls_accept(e->tls, fd) : NULL;
    if (e->tls && !tls) {
        uncount_peer(e, c);
        refuse_fd(c, fd, "out of memory");
        return;
    }
    e->stats.connections++;
    if (e->stats.connections > e->crowd)
        e->crowd = e->stats.connections;
    list_push_back(&e->conns, &c->node);
    stream_init(&c->stream, &e->streams, fd, tls, false, &CALLS, c);
    edge_conn_set_state(c, tls ? EDGE_OPENING : EDGE_HEAD, e->config.limits->head_ms);
}

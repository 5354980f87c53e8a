#include "hub/engine_session.h"

#include "base/alloc.h"

#include <stdlib.h>

/* ---- output ---- */

void engine_link_send(struct engine_link *l, enum eio_type type, bool binary, struct str data)
{
    struct buf *b = &l->engine->scratch;
    if (binary) {
        websocket_send_opcode(l->socket, WS_BINARY, data);
        return;
    }
    buf_clear(b);
    if (eio_encode(b, type, data))
        websocket_close(l->socket, 1011, STR("out of memory"));
    else
        websocket_send(l->socket, buf_str(b));
    buf_consume(b, b->len);
}

void engine_link_close(struct engine_link *l, uint16_t code, const char *reason)
{
    if (!l)
        return;
    l->session = NULL;
    websocket_close(l->socket, code, str_of(reason));
}

static void on_waited(struct timer *t)
{
    struct engine_link *l = CONTAINER_OF(t, struct engine_link, timer);
    websocket_close(l->socket, 1000, STR("the session is over"));
}

void engine_link_leave(struct engine_link *l, uint16_t code)
{
    if (!l || l->state != LINK_PROBED || l->engine->stopping) {
        engine_link_close(l, code, "");
        return;
    }
    struct engine *e = l->engine;
    l->session = NULL;
    l->state = LINK_WAITS;
    l->timer.due = on_waited;
    timers_set(&e->timers, &l->timer, engine_now(e) + e->config.limits->sio_upgrade_ms);
}

void engine_link_limit(struct engine_link *l)
{
    websocket_limit_unsent(l->socket, engine_unsent_bytes(l->session));
    if (!websocket_under_way(l->socket))
        websocket_limit_message(l->socket, engine_message_bytes(l->session));
}

bool engine_link_busy(const struct engine_link *l)
{
    return websocket_under_way(l->socket) || websocket_unsent(l->socket) > 0;
}

/* ---- the upgrade ---- */

static void abandon_upgrade(struct engine_link *l, const char *why)
{
    struct engine_session *s = l->session;
    s->probe = NULL;
    s->probe_ms = s->noop_ms = 0;
    engine_link_close(l, 1002, why);
    engine_set_timer(s);
}

static void on_probe(struct engine_link *l)
{
    struct engine_session *s = l->session;
    l->state = LINK_PROBED;
    engine_link_send(l, EIO_PONG, false, STR("probe"));
    s->noop_ms = engine_now(l->engine); /* a poll that waits now, and those that come after it */
    engine_set_timer(s);
}

/* From here on the WebSocket is the transport; what waits for a poll goes there first. */
static void on_upgraded(struct engine_link *l)
{
    struct engine_session *s = l->session;
    engine_poll_release(s, EIO_NOOP);
    engine_uncount_polling(s);
    s->probe = NULL;
    s->probe_ms = s->noop_ms = 0;
    s->link = l;
    l->state = LINK_OPEN;
    for (struct engine_packet *p; (p = engine_poll_next(s));) {
        engine_link_send(l, p->type, p->binary, str_slice(p->p, p->n));
        free(p);
    }
    if (s->finishing)
        engine_session_end(s, false, "finished");
    else
        engine_set_timer(s);
}

/* Before it is the transport. */
static void take_upgrade(struct engine_link *l, const struct eio_packet *p)
{
    if (l->state == LINK_PROBING && p->type == EIO_PING && str_eq(p->data, STR("probe")))
        on_probe(l);
    else if (l->state == LINK_PROBED && p->type == EIO_UPGRADE)
        on_upgraded(l);
    else
        abandon_upgrade(l, "not the packet of an upgrade");
}

/* ---- input ---- */

static void on_message(void *owner, struct websocket *w, enum ws_opcode opcode, struct str data)
{
    struct engine_link *l = owner;
    struct eio_packet p = {.type = EIO_MESSAGE, .binary = true, .data = data};
    if (l->state == LINK_WAITS)
        websocket_close(w, 1000, STR("the session is over"));
    if (!l->session)
        return;
    if (opcode == WS_TEXT && eio_decode(data, &p)) {
        if (l->state == LINK_OPEN)
            engine_session_end(l->session, false, "a bad packet");
        else
            abandon_upgrade(l, "a bad packet");
        return;
    }
    if (l->state != LINK_OPEN) {
        take_upgrade(l, &p);
        return;
    }
    engine_link_limit(l);
    engine_take(l->session, &p);
}

static void on_closed(void *owner, bool clean, uint16_t code)
{
    struct engine_link *l = owner;
    struct engine_session *s = l->session;
    (void)code;
    if (s && s->probe == l) {
        s->probe = NULL;
        s->probe_ms = s->noop_ms = 0;
        engine_set_timer(s);
    } else if (s) {
        s->link = NULL;
        engine_session_end(s, clean, "its WebSocket is gone");
    }
    timers_stop(&l->engine->timers, &l->timer);
    free(l);
}

/* ---- the beginning ---- */

static struct engine_link *accept_link(struct engine *e, struct exchange *x)
{
    const struct limits *limits = e->config.limits;
    struct engine_link *l = xcalloc(1, sizeof *l);
    struct websocket_config config = {.message = on_message,
                                      .closed = on_closed,
                                      .owner = l,
                                      .own_heartbeat = true,
                                      .message_bytes = (size_t)limits->sio_message_bytes,
                                      .unsent_bytes = (size_t)limits->app_unsent_bytes};
    l->engine = e;
    l->socket = websocket_accept(x, &config);
    if (l->socket)
        return l;
    free(l);
    return NULL;
}

void engine_socket_open(struct engine *e, struct exchange *x)
{
    struct engine_session *s = engine_session_new(e, x);
    s->link = accept_link(e, x);
    if (!s->link) {
        engine_session_end(s, false, "the client has gone during the handshake");
        return;
    }
    s->link->session = s;
    s->link->state = LINK_OPEN;
    engine_link_limit(s->link);
    websocket_send(s->link->socket, engine_open_packet(s, &e->scratch));
    engine_session_open(s);
}

/* An upgrade that cannot be is accepted and closed at once, as the reference server does: browsers
 * tell their page nothing of a refused handshake. */
void engine_socket_upgrade(struct engine_session *s, struct exchange *x)
{
    struct engine *e = s->engine;
    struct engine_link *l = accept_link(e, x);
    if (!l)
        return;
    if (s->link || s->probe || s->ended) {
        engine_link_close(l, 1002, "the session has a WebSocket already");
        return;
    }
    l->session = s;
    s->probe = l;
    s->probe_ms = engine_now(e) + e->config.limits->sio_upgrade_ms;
    engine_link_limit(l);
    engine_set_timer(s);
}

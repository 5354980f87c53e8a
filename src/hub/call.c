#include "hub/call.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/loop.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct calls {
    struct hub *hub;
    struct list todo;
    struct trigger *turn;
};

static struct call *call_of(struct conn *c)
{
    return CONTAINER_OF(c, struct call, conn);
}

static void later(struct call *c)
{
    struct calls *all = c->conn.hub->calls;
    if (list_linked(&c->todo))
        return;
    list_push_back(&all->todo, &c->todo);
    trigger_soon(all->turn);
}

/* ---- what it asks of the core ---- */

static void tell_core(struct call *c, const struct client_msg *m)
{
    struct relay_event e = {.kind = EVENT_CLIENT_MESSAGE,
                            .conn = c->conn.number,
                            .who = &c->who,
                            .address = c->address,
                            .client_msg = m};
    struct hash hash;
    if (m->idempotency_key.n) {
        hash = secret_hash(m->payload);
        e.payload_hash = &hash;
    }
    hub_event(c->conn.hub, &e);
}

void call_submit(struct call *c, const struct client_msg *m)
{
    struct client_msg submit = *m;
    submit.kind = CLIENT_MSG_SUBMIT;
    submit.has_idempotency_key = m->idempotency_key.n > 0;
    tell_core(c, &submit);
}

static struct topic_id topic_of(const struct call *c)
{
    return (struct topic_id){.kind = TOPIC_REQUEST, .id = c->request_id};
}

static void subscribe(struct call *c)
{
    char text[TOPIC_TEXT_BYTES];
    topic_format(topic_of(c), text);
    tell_core(c, &(struct client_msg){.kind = CLIENT_MSG_SUBSCRIBE,
                                      .topic_text = str_of(text),
                                      .topic_known = true,
                                      .topic = topic_of(c)});
}

void call_watch(struct call *c, struct uuid request_id, const struct topic_since *since)
{
    c->request_id = request_id;
    if (since)
        c->since = *since;
    c->wants_watch = true;
    later(c);
}

void call_cancel(struct call *c)
{
    c->wants_cancel = true;
    later(c);
}

void call_timer(struct call *c, uint64_t ms)
{
    trigger_after(c->timer, ms);
}

void call_end(struct call *c)
{
    c->over = true;
    c->conn.closing = true;
    later(c);
}

struct exchange *call_take(struct call *c)
{
    struct exchange *x = c->x;
    if (x)
        exchange_set(x, NULL);
    c->x = NULL;
    return x;
}

/* ---- a turn of the loop later ---- */

static void finish(struct call *c)
{
    conn_forget(&c->conn);
    call_free(&c->conn);
}

static void take_turn(struct call *c)
{
    bool watch = c->wants_watch && !c->over, cancel = c->wants_cancel;
    c->wants_watch = c->wants_cancel = false;
    if (cancel)
        tell_core(c, &(struct client_msg){.kind = CLIENT_MSG_CANCEL, .request_id = c->request_id});
    if (watch)
        subscribe(c); /* may end it */
    else if (c->over)
        finish(c);
}

static void on_turn(void *ctx)
{
    struct calls *all = ctx;
    struct list now;
    struct list *it;
    list_init(&now);
    while ((it = list_first(&all->todo)) != NULL) {
        list_remove(it);
        list_push_back(&now, it);
    }
    while ((it = list_first(&now)) != NULL) {
        list_remove(it);
        take_turn(CONTAINER_OF(it, struct call, todo));
    }
}

/* ---- what the core says ---- */

static void on_subscribed(struct call *c, const struct client_out *m)
{
    struct hub *h = c->conn.hub;
    if (c->over) {
        hub_unwatch(h, m->topic);
        return;
    }
    struct topic_place place = topics_watch(h->topics, m->topic, &c->watcher, &c->since);
    struct client_out out = *m;
    out.epoch = str_of(place.epoch);
    out.seq = place.seq;
    out.recovered = place.recovered;
    if (!place.added)
        hub_unwatch(h, m->topic); /* the core has counted this call twice */
    c->kind->watched(c, &out);
    if (place.recovered && !c->over)
        topics_replay(h->topics, m->topic, &c->watcher, place.seq);
}

void call_send(struct conn *conn, const struct client_out *m)
{
    struct call *c = call_of(conn);
    if (m->kind == CLIENT_OUT_SUBSCRIBED)
        on_subscribed(c, m);
    else if (c->over || m->kind == CLIENT_OUT_CANCELLED)
        return;
    else if (m->kind == CLIENT_OUT_SUBMITTED)
        c->kind->submitted(c, m);
    else if (m->topic_text.n)
        c->kind->watched(c, m);
    else if (uuid_is_nil(c->request_id))
        c->kind->submitted(c, m);
    /* else a cancel came too late */
}

static void send_event(struct watcher *w, struct bytes *frame, bool crowd)
{
    struct call *c = CONTAINER_OF(w, struct call, watcher);
    struct call_event e;
    (void)crowd;
    if (!c->over && !call_event_read(bytes_str(frame), &e))
        c->kind->event(c, &e);
}

static void send_lost(struct watcher *w)
{
    call_close(&CONTAINER_OF(w, struct call, watcher)->conn, ERR_INTERNAL);
}

static const struct topic_output output = {.send = send_event, .lost = send_lost};

/* ---- life ---- */

static void on_timer(void *ctx)
{
    struct call *c = ctx;
    if (!c->over && c->kind->timer)
        c->kind->timer(c);
}

void call_start(struct call *c, const struct call_kind *kind, struct hub *h, struct exchange *x,
                const struct identity *who)
{
    c->kind = kind;
    c->x = x;
    c->who = *who;
    (void)str_copy(c->address, sizeof c->address, str_of(exchange_address(x)));
    watcher_init(&c->watcher, &output);
    c->timer = trigger_timer(h->base, on_timer, c);
    conn_enter(&c->conn, h, CONN_CALL);
    exchange_set(x, c);
}

static void go(struct call *c, enum err why)
{
    if (!c->over && !c->kind->gone(c, why))
        call_end(c);
}

void call_abandoned(struct exchange *x)
{
    struct call *c = exchange_value(x);
    if (!c)
        return;
    c->x = NULL;
    go(c, OK);
}

void call_close(struct conn *conn, enum err why)
{
    go(call_of(conn), why);
}

void call_close_person(struct hub *h, int64_t user_key, int64_t session_key)
{
    struct conn *c, *next;
    HASH_ITER (hh, h->conns, c, next) {
        const struct identity *who = &call_of(c)->who;
        if (c->kind == CONN_CALL && who->user_key == user_key &&
            (!session_key || who->session_key == session_key))
            call_close(c, ERR_UNAUTHORIZED);
    }
}

void call_free(struct conn *conn)
{
    struct call *c = call_of(conn);
    struct hub *h = conn->hub;
    struct topic_id topic;
    while (topics_leave(h->topics, &c->watcher, clock_now().mono_ms, &topic))
        hub_unwatch(h, topic);
    (void)call_take(c);
    list_remove(&c->todo);
    trigger_free(c->timer);
    c->kind->free(c);
}

struct calls *calls_new(struct hub *h)
{
    struct calls *all = xcalloc(1, sizeof *all);
    all->hub = h;
    list_init(&all->todo);
    all->turn = trigger_timer(h->base, on_turn, all);
    return all;
}

void calls_free(struct calls *all)
{
    if (!all)
        return;
    trigger_free(all->turn);
    free(all);
}

#include "hub/client_socket.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/call.h"
#include "hub/client_pending.h"
#include "hub/routes.h"
#include "hub/scopes.h"

#include <inttypes.h>
#include <stdlib.h>

#define WHY_BYTES 200

/* Somebody with open sockets. */
struct person {
    int64_t user_key;
    struct list sockets;
    size_t count;
    UT_hash_handle hh;
};

struct client_socket {
    struct conn conn;
    struct identity who;
    struct person *person;
    struct list of_person;
    struct watcher watcher;
    struct pending_list pending;
};

static struct client_socket *socket_of(struct conn *c)
{
    return CONTAINER_OF(c, struct client_socket, conn);
}

static struct conn *conn_of(struct watcher *w)
{
    return &CONTAINER_OF(w, struct client_socket, watcher)->conn;
}

/* ---- people ---- */

static struct person *person_find(const struct hub *h, int64_t user_key)
{
    struct person *p = NULL;
    HASH_FIND(hh, h->persons, &user_key, sizeof user_key, p);
    return p;
}

static void person_join(struct hub *h, struct client_socket *s)
{
    struct person *p = person_find(h, s->who.user_key);
    if (!p) {
        p = xcalloc(1, sizeof *p);
        p->user_key = s->who.user_key;
        list_init(&p->sockets);
        HASH_ADD(hh, h->persons, user_key, sizeof p->user_key, p);
    }
    s->person = p;
    list_push_back(&p->sockets, &s->of_person);
    p->count++;
}

static void person_leave(struct hub *h, struct client_socket *s)
{
    struct person *p = s->person;
    if (!p)
        return;
    list_remove(&s->of_person);
    if (--p->count)
        return;
    HASH_DEL(h->persons, p);
    free(p);
}

void client_socket_close_person(struct hub *h, int64_t user_key, int64_t session_key, uint16_t code,
                                struct str reason)
{
    struct person *p = person_find(h, user_key);
    call_close_person(h, user_key, session_key);
    if (!p)
        return;
    LIST_EACH (&p->sockets, it) {
        struct client_socket *s = CONTAINER_OF(it, struct client_socket, of_person);
        if (!session_key || s->who.session_key == session_key)
            conn_close(&s->conn, code, reason);
    }
}

/* ---- out ---- */

static void send_frame(struct watcher *w, struct bytes *frame, bool crowd)
{
    struct conn *c = conn_of(w);
    if (!c->closing)
        websocket_send_frame(c->socket, frame, crowd);
}

static void send_lost(struct watcher *w)
{
    conn_close(conn_of(w), 4008, STR("an event was lost"));
}

static const struct topic_output output = {.send = send_frame, .lost = send_lost};

static bool may_subscribe(const struct client_socket *s, struct topic_id topic)
{
    uint64_t max = s->conn.hub->limits->topics_per_socket;
    if (s->pending.count >= max)
        return false;
    return s->pending.count + s->watcher.count < max || watcher_watches(&s->watcher, topic);
}

static void send_out(struct client_socket *s, const struct client_out *m)
{
    conn_send_scratch(&s->conn, native_encode_client(&s->conn.hub->scratch, m));
}

static void send_subscribed(struct client_socket *s, const struct client_out *m)
{
    struct hub *h = s->conn.hub;
    struct pending pending = {0};
    if (pending_take(&s->pending, m->topic, &pending) && pending.dropped) {
        hub_unwatch(h, m->topic);
        return;
    }
    struct topic_place place = topics_watch(h->topics, m->topic, &s->watcher, &pending.since);
    struct client_out out = *m;
    out.epoch = str_of(place.epoch);
    out.seq = place.seq;
    out.recovered = place.recovered;
    send_out(s, &out);
    if (place.recovered)
        topics_replay(h->topics, m->topic, &s->watcher, place.seq);
    if (!place.added)
        hub_unwatch(h, m->topic); /* the core has counted this socket twice */
}

/* The watching begins with this very message: what comes of the request follows it. */
static void send_submitted(struct client_socket *s, const struct client_out *m)
{
    struct hub *h = s->conn.hub;
    struct client_out out = *m;
    struct topic_place place = {0};
    if (may_subscribe(s, m->topic)) {
        place = topics_watch_to_end(h->topics, m->topic, &s->watcher);
        out.epoch = str_of(place.epoch);
        out.seq = place.seq;
    }
    if (!place.added)
        hub_unwatch(h, m->topic);
    send_out(s, &out);
}

/* An error that names a topic answers a subscribe. */
static void forget_refused(struct client_socket *s, const struct client_out *m)
{
    struct topic_id topic = m->topic;
    struct pending refused;
    if (m->topic_text.n && !topic_parse(m->topic_text, &topic))
        return;
    pending_take(&s->pending, topic, &refused);
}

void client_socket_send(struct hub *h, uint64_t number, const struct client_out *m)
{
    struct conn *c = conn_find(h, number);
    if (!c || c->kind != CONN_CLIENT || c->closing) {
        if (m->kind == CLIENT_OUT_SUBSCRIBED || m->watch)
            hub_unwatch(h, m->topic);
        return;
    }
    if (m->watch) {
        send_submitted(socket_of(c), m);
        return;
    }
    if (m->kind == CLIENT_OUT_SUBSCRIBED) {
        send_subscribed(socket_of(c), m);
        return;
    }
    if (m->kind == CLIENT_OUT_ERROR)
        forget_refused(socket_of(c), m);
    send_out(socket_of(c), m);
}

/* ---- in ---- */

static void tell_core(struct client_socket *s, const struct client_msg *m)
{
    struct relay_event e = {.kind = EVENT_CLIENT_MESSAGE,
                            .conn = s->conn.number,
                            .who = &s->who,
                            .address = websocket_address(s->conn.socket),
                            .client_msg = m};
    struct hash hash;
    if (m->idempotency_key.n) {
        hash = secret_hash(m->payload);
        e.payload_hash = &hash;
    }
    hub_event(s->conn.hub, &e);
}

static void refuse_subscribe(struct client_socket *s, const struct client_msg *m, struct str why)
{
    send_out(s, &(struct client_out){.kind = CLIENT_OUT_ERROR,
                                     .topic = m->topic,
                                     .topic_text = m->topic_text,
                                     .code = ERR_RATE_LIMITED,
                                     .message = why});
}

static void on_subscribe(struct client_socket *s, const struct client_msg *m)
{
    if (m->topic_known && pending_has(&s->pending, m->topic)) {
        refuse_subscribe(s, m, STR("This topic is being subscribed to already"));
        return;
    }
    if (m->topic_known && !may_subscribe(s, m->topic)) {
        refuse_subscribe(s, m, STR("This connection watches too many topics"));
        return;
    }
    if (m->topic_known)
        pending_add(&s->pending, m);
    tell_core(s, m);
}

/* Answered here: the core counts watchers, the hub knows them. */
static void on_unsubscribe(struct client_socket *s, const struct client_msg *m)
{
    struct hub *h = s->conn.hub;
    if (m->topic_known) {
        pending_drop(&s->pending, m->topic);
        if (topics_unwatch(h->topics, m->topic, &s->watcher, clock_now().mono_ms))
            hub_unwatch(h, m->topic);
    }
    send_out(s, &(struct client_out){.kind = CLIENT_OUT_UNSUBSCRIBED,
                                     .topic = m->topic,
                                     .topic_text = m->topic_text});
}

static void (*const take[CLIENT_MSG__MAX])(struct client_socket *, const struct client_msg *) = {
    [CLIENT_MSG_SUBSCRIBE] = on_subscribe,
    [CLIENT_MSG_UNSUBSCRIBE] = on_unsubscribe,
    [CLIENT_MSG_SUBMIT] = tell_core,
    [CLIENT_MSG_CANCEL] = tell_core,
};

/* False: it has been answered. */
static bool has_scope(struct client_socket *s, const struct client_msg *m)
{
    struct buf why = BUF_INIT(WHY_BYTES);
    uint32_t scope = scope_of_message(m);
    /* Whether somebody is an admin at this moment, the core knows. */
    bool has = (s->who.scopes & scope) == scope || scope_admits(&s->who, scope, &why);
    if (!has)
        send_out(s, &(struct client_out){.kind = CLIENT_OUT_ERROR,
                                         .topic = m->topic,
                                         .topic_text = m->topic_text,
                                         .ref = m->ref,
                                         .has_request_id = m->kind == CLIENT_MSG_CANCEL,
                                         .request_id = m->request_id,
                                         .code = ERR_FORBIDDEN,
                                         .message = buf_str(&why)});
    buf_release(&why);
    return has;
}

static void send_error(struct client_socket *s, enum err e)
{
    const struct native_decoder *d = &s->conn.hub->decoder;
    send_out(s, &(struct client_out){.kind = CLIENT_OUT_ERROR,
                                     .code = e,
                                     .message = str_of(d->why),
                                     .ref = str_of(d->ref),
                                     .has_request_id = d->has_request_id,
                                     .request_id = d->request_id});
    if (e == ERR_BAD_JSON)
        conn_close(&s->conn, 1007, STR("not JSON"));
}

static void on_message(void *owner, struct websocket *w, enum ws_opcode opcode, struct str data)
{
    (void)w;
    struct client_socket *s = owner;
    struct client_msg m;
    if (s->conn.closing)
        return;
    if (opcode != WS_TEXT) {
        conn_close(&s->conn, 1003, STR("text frames only"));
        return;
    }
    enum err e = native_decode_client(&s->conn.hub->decoder, data, &m);
    if (e)
        send_error(s, e);
    else if (has_scope(s, &m))
        take[m.kind](s, &m);
}

/* ---- life ---- */

void client_socket_free(struct conn *c)
{
    struct client_socket *s = socket_of(c);
    struct hub *h = c->hub;
    struct topic_id topic;
    uint64_t mono_ms = clock_now().mono_ms;
    while (h && topics_leave(h->topics, &s->watcher, mono_ms, &topic))
        hub_unwatch(h, topic);
    pending_clear(&s->pending);
    person_leave(h, s);
    free(s);
}

static void on_closed(void *owner, bool clean, uint16_t code)
{
    struct client_socket *s = owner;
    log_debug("hub", "client socket %" PRIu64 " closed, code %u%s", s->conn.number, code,
              clean ? "" : ", not clean");
    conn_forget(&s->conn);
    client_socket_free(&s->conn);
}

/* False: x has got its reply. */
static bool admit(struct hub *h, struct exchange *x, struct identity *who)
{
    if (!routes_identify(h, x, who)) {
        exchange_error(x, ERR_UNAUTHORIZED, err_message(ERR_UNAUTHORIZED), 0);
        return false;
    }
    /* Browsers send the cookie whoever asks: without this any site could speak as its visitor. No
     * page can make them send a key. */
    bool by_cookie = who->scopes & SCOPE_ACCOUNT;
    if (by_cookie && !routes_origin_is_ours(x)) {
        exchange_error(x, ERR_FORBIDDEN, "This connection must come from a page of this site", 0);
        return false;
    }
    const struct person *p = person_find(h, who->user_key);
    if (p && p->count >= h->limits->sockets_per_person) {
        exchange_error(x, ERR_RATE_LIMITED, "You have too many open connections", 5000);
        return false;
    }
    return true;
}

void client_socket_open(struct hub *h, struct exchange *x)
{
    struct identity who;
    if (!admit(h, x, &who))
        return;
    struct client_socket *s = xcalloc(1, sizeof *s);
    struct websocket_config config = {.message = on_message,
                                      .closed = on_closed,
                                      .owner = s,
                                      .message_bytes = h->limits->client_message_bytes,
                                      .unsent_bytes = h->limits->client_unsent_bytes};
    s->who = who;
    watcher_init(&s->watcher, &output);
    pending_init(&s->pending);
    if (!conn_accept(&s->conn, h, CONN_CLIENT, x, &config)) {
        client_socket_free(&s->conn);
        return;
    }
    person_join(h, s);
    log_debug("hub", "client socket %" PRIu64 " of %s", s->conn.number, who.name);
}

/* An HTTP call that waits for a request of a person or streams what happens to it. For the core it
 * is a client like any other: a numbered connection that submits, subscribes and cancels; it only
 * has an exchange where others have a socket. Holds no thread. Private to the hub; hub thread only.
 *
 * Life: a kind of call embeds `struct call`, begins with call_start and ends with call_end, which
 * frees it in the next turn of the loop. The core is at work while it answers, so what a call asks
 * for in a callback is asked in the next turn. */
#ifndef HUB_CALL_H
#define HUB_CALL_H

#include "codec/call_event.h"
#include "hub/state.h"

struct call;

/* All are called with the call alive and not ended; m and event are borrowed for the call. */
struct call_kind {
    /* Its submit is on disk, m->request_id is known; or it was refused (CLIENT_OUT_ERROR). NULL for
     * a kind that submits nothing. */
    void (*submitted)(struct call *c, const struct client_out *m);
    /* The answer to call_watch: SUBSCRIBED, with m->recovered or the whole state in m->request; or
     * ERROR. */
    void (*watched)(struct call *c, const struct client_out *m);
    void (*event)(struct call *c, const struct call_event *e);
    void (*timer)(struct call *c); /* call_timer is due. May be NULL */
    /* The client went before the end, or has to go (why is not OK: revoked, shutting down, an event
     * was lost; then x is still there to be replied to). The call ends with it, unless it says
     * otherwise by returning true: then it must call call_end later. */
    bool (*gone)(struct call *c, enum err why);
    void (*free)(struct call *c); /* the storage, and what the kind owns */
};

struct call {
    struct conn conn;
    const struct call_kind *kind;
    struct exchange *x; /* NULL once it is replied to, or gone */
    struct identity who;
    char address[ADDRESS_BYTES];
    struct watcher watcher;
    struct trigger *timer;
    struct uuid request_id;
    struct topic_since since;
    struct list todo; /* of the hub's calls */
    bool wants_watch, wants_cancel, over;
};

/* c is zeroed but for what is the kind's own. */
void call_start(struct call *c, const struct call_kind *kind, struct hub *h, struct exchange *x,
                const struct identity *who);
/* Once, and not from within a callback. m: space, payload, inputs, endpoint, idempotency_key. */
void call_submit(struct call *c, const struct client_msg *m);
/* What is to be followed from now on; since may be NULL. Again: for the whole state as it is then.
 */
void call_watch(struct call *c, struct uuid request_id, const struct topic_since *since);
/* Its request is cancelled; nothing is heard of the answer. */
void call_cancel(struct call *c);
void call_timer(struct call *c, uint64_t ms);
void call_end(struct call *c);
/* To be replied to: from now on the exchange is the caller's. NULL when it is gone. */
struct exchange *call_take(struct call *c);

/* The edge's `abandoned` for exchanges whose value is a call. */
void call_abandoned(struct exchange *x);
/* The conn's side. */
void call_send(struct conn *c, const struct client_out *m);
void call_close(struct conn *c, enum err why);
void call_free(struct conn *c);
void call_close_person(struct hub *h, int64_t user_key, int64_t session_key);

struct calls *calls_new(struct hub *h);
void calls_free(struct calls *all); /* after every call; NULL is fine */

#endif

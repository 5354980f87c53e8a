/* The inside of the Engine.IO server, shared by engine.c (sessions, time), engine_http.c (what is
 * asked, and by whom), engine_poll.c and engine_socket.c (the transports); nobody else includes it.
 * Hub thread only.
 *
 * Life: a session that ends leaves the table of sessions and lets go of its exchanges and sockets
 * at once; the handler hears of it, and it is freed, in a turn of its own. A WebSocket outlives its
 * session by its closing handshake, so what it calls back is a link, not the session. */
#ifndef HUB_ENGINE_SESSION_H
#define HUB_ENGINE_SESSION_H

#include "base/hash.h"
#include "base/list.h"
#include "codec/engineio.h"
#include "hub/address.h"
#include "hub/engine.h"
#include "hub/websocket.h"

#define ENGINE_SID_BYTES 21 /* 15 random bytes as base64url, and a NUL */

struct engine_peer; /* how many polling sessions an address has */

struct engine {
    struct engine_config config;
    struct timers timers;
    struct engine_session *sessions; /* by sid */
    struct engine_peer *peers;       /* by address */
    size_t count, polling;
    struct list ended;   /* sessions that the handler has to hear of */
    struct list flushes; /* sessions whose poll can be answered */
    struct timer later;  /* sees to both lists */
    struct buf scratch;  /* one packet or payload: never kept over a call */
    bool stopping;
};

struct engine_packet {
    struct list node;
    enum eio_type type;
    bool binary;
    size_t n;
    char p[];
};

enum link_state {
    LINK_PROBING, /* of a polling session: "2probe" has not come yet */
    LINK_PROBED,  /* "5" has not come yet */
    LINK_OPEN,    /* the session's transport */
    LINK_WAITS    /* as LINK_PROBED, but its session is over: see engine_link_leave */
};

struct engine_link {
    struct engine *engine;
    struct engine_session *session; /* NULL: over, only the closing handshake is awaited */
    struct websocket *socket;
    enum link_state state;
    struct timer timer; /* LINK_WAITS: no longer than until then */
};

struct engine_session {
    struct engine *engine;
    void *owner;
    char sid[ENGINE_SID_BYTES];
    char address[ADDRESS_TEXT_BYTES];
    char *query; /* NULL when forgotten */
    UT_hash_handle hh;
    struct list node;  /* engine->ended */
    struct list flush; /* engine->flushes */
    struct timer timer;
    bool opened; /* the handler knows of it */
    bool ended, clean;
    bool finishing;           /* ends once the queue is empty */
    size_t message_bytes;     /* 0 = no limit of its own */
    struct engine_link *link; /* the transport; NULL = polling */
    struct engine_link *probe;
    struct exchange *poll; /* waits for packets */
    struct exchange *post; /* its body is on the way */
    struct engine_peer *peer;
    struct list queue; /* packets for the poll to come */
    size_t queue_bytes;
    /* deadlines; 0 = none */
    uint64_t ping_ms;   /* when to ping */
    uint64_t pong_ms;   /* the pong is late */
    uint64_t probe_ms;  /* the upgrade is late */
    uint64_t noop_ms;   /* a poll that waits is released, while an upgrade is under way */
    uint64_t finish_ms; /* what is left is not fetched any more */
};

/* ---- engine.c ---- */

/* For the exchange that asks for it. The handler does not know of it yet. */
struct engine_session *engine_session_new(struct engine *e, const struct exchange *x);
/* By the number in a query; NULL when there is none. */
struct engine_session *engine_find(const struct engine *e, struct str sid);
/* Its first packet, in out, which is cleared first. */
struct str engine_open_packet(const struct engine_session *s, struct buf *out);
/* The peer has got it: tells the handler. */
void engine_session_open(struct engine_session *s);
/* Sends over the present transport. */
void engine_put(struct engine_session *s, enum eio_type type, bool binary, struct str data);
/* What a peer may say in a packet, whatever the transport. */
void engine_take(struct engine_session *s, const struct eio_packet *p);
/* The end. The waiting poll must be answered already, or is refused as unknown. */
void engine_session_end(struct engine_session *s, bool clean, const char *why);
/* A deadline has moved. */
void engine_set_timer(struct engine_session *s);
/* The poll that waits is answered soon. */
void engine_flush_soon(struct engine_session *s);
uint64_t engine_now(struct engine *e);
/* What one message may have. */
size_t engine_message_bytes(const struct engine_session *s);
/* What may wait for its polls, or in its WebSocket. */
size_t engine_unsent_bytes(const struct engine_session *s);

/* ---- engine_http.c ---- */

/* Replies with an access field for the asking site. */
void engine_reply(struct engine *e, struct exchange *x, unsigned status, const char *content_type,
                  struct str body);
void engine_refuse(struct engine *e, struct exchange *x, enum eio_refusal r);
/* False: too many polling sessions; else s is counted, once. */
bool engine_count_polling(struct engine_session *s);
void engine_uncount_polling(struct engine_session *s);

/* ---- engine_poll.c ---- */

void engine_poll_open(struct engine *e, struct exchange *x);         /* a new session */
void engine_poll_take(struct engine_session *s, struct exchange *x); /* a GET */
void engine_poll_post(struct engine_session *s); /* the body of s->post is there */
/* Puts a packet behind those that wait. */
void engine_poll_put(struct engine_session *s, enum eio_type type, bool binary, struct str data);
/* Answers the waiting poll, if any, with what waits, if anything does. */
void engine_poll_flush(struct engine_session *s);
/* Answers it with a packet of that type and nothing else. */
void engine_poll_release(struct engine_session *s, enum eio_type type);
/* Two at once: the session ends as the reference server ends it. */
void engine_poll_overlap(struct engine_session *s, struct exchange *x);
/* Takes the first packet out; NULL when none waits. Freed by the caller. */
struct engine_packet *engine_poll_next(struct engine_session *s);

/* ---- engine_socket.c ---- */

void engine_socket_open(struct engine *e, struct exchange *x); /* a new session */
void engine_socket_upgrade(struct engine_session *s, struct exchange *x);
void engine_link_send(struct engine_link *l, enum eio_type type, bool binary, struct str data);
/* The session lets go of it; the socket is closed. NULL is fine. */
void engine_link_close(struct engine_link *l, uint16_t code, const char *reason);
/* The same for a probe. One that was answered is closed when its "5" comes: a client that has just
 * paused its polling, and finds its WebSocket closed before it has become the transport, would
 * notice nothing until the heartbeat fails. */
void engine_link_leave(struct engine_link *l, uint16_t code);
/* The session's limit holds for the next message, or the one after it. */
void engine_link_limit(struct engine_link *l);
/* True while a pong may be behind what the peer is still sending or we still have to send. */
bool engine_link_busy(const struct engine_link *l);

#endif

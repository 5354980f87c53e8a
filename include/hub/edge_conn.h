/* The inside of the edge: one connection of a client, from accept to the last byte, and the one
 * exchange that it may have at a time. Shared by edge.c, edge_conn.c, edge_request.c, exchange.c,
 * upgrade.c, websocket.c and the inner hop; nobody else includes it. Hub thread only.
 *
 * Life: a connection is freed at the end of the turn in which its stream was closed, never earlier,
 * so whoever has called out may still look at its state afterwards. An exchange is freed with its
 * reply. */
#ifndef HUB_EDGE_CONN_H
#define HUB_EDGE_CONN_H

#include "base/hash.h"
#include "hub/edge.h"
#include "hub/listener.h"
#include "hub/pace.h"
#include "hub/proxy.h"
#include "hub/stream.h"
#include "hub/timers.h"

struct inner;
struct inner_conn;
struct websocket;

/* How many connections an address has. */
struct peer {
    struct address address;
    size_t connections;
    UT_hash_handle hh;
};

struct edge {
    struct edge_config config;
    struct timers timers;
    struct stream_loop streams;
    struct listeners *listeners;
    struct tls *tls; /* NULL = plain */
    struct networks proxies;
    struct peer *peers; /* by address */
    struct list conns;
    struct inner *inner; /* NULL until edge_set_inner */
    struct buf scratch;  /* heads of replies, frames: never kept over a call */
    struct edge_stats stats;
    struct list paging;    /* connections that are being sent a page, oldest first */
    uint64_t page_bytes;   /* of all pages that are being received or sent */
    uint64_t pages_say_ms; /* not before */
    size_t crowd;          /* most connections since memory was last given back */
    struct timer trim;
    int64_t date_s; /* of date */
    char date[HTTP_DATE_BYTES];
    bool draining;
};

enum edge_state {
    EDGE_OPENING, /* TLS handshake */
    EDGE_HEAD,    /* between requests, or in the head of one */
    EDGE_BODY,
    EDGE_BUSY,   /* the request is complete, its reply is awaited */
    EDGE_STREAM, /* a WebSocket */
    EDGE_LINGER, /* all is said: sends the rest, half-closes, waits for the client to close */
    EDGE_GONE,   /* closed, freed at the turn's end */
    EDGE_STATE__MAX
};

struct edge_conn {
    struct edge *edge;
    struct stream stream;
    struct timer timer;
    struct list node; /* edge->conns */
    enum edge_state state;
    struct buf in; /* read and not used yet */
    struct exchange *x;
    struct websocket *ws;
    struct pace pace;    /* of a body */
    uint64_t taken_seen; /* what the client had taken of our output at the last look */
    uint64_t linger_ms;  /* it lingers no longer than until then */
    bool heard;          /* while lingering: the client was still sending */
    struct peer *peer;   /* counted there; NULL = exempt */
    struct address address;
    bool trusted;                /* a trusted proxy */
    bool running;                /* edge_request_run is on the stack */
    bool later;                  /* it runs again when the timer fires */
    struct list paging;          /* edge->paging */
    size_t page_bytes;           /* of the page being sent */
    uint64_t page_ms, page_sent; /* when its sending began, and stream.sent then */
};

struct exchange {
    struct edge_conn *conn;
    void *value;
    struct http_head head;
    struct buf raw; /* what head points into */
    struct buf body_bytes;
    struct http_body body;
    enum edge_route route;
    bool routed; /* the handler may hold on to it: it is told when it ends without a reply of its
                    own */
    bool body_done;
    bool secure;
    char address[ADDRESS_TEXT_BYTES];
    /* the inner hop's */
    struct list waiting;
    struct inner_conn *inner;
    struct timer inner_timer;
    bool retried;
    /* a reply in parts */
    bool chunked, stays;
    bool broken;                     /* a part of it is missing */
    uint64_t taken_seen, stalled_ms; /* what the client had taken, and since when */
};

/* Of every reply that is the hub's own. */
#define EDGE_SECURITY_FIELDS_NO_CSP                                                                \
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"
#define EDGE_SECURITY_FIELDS                                                                       \
    EDGE_SECURITY_FIELDS_NO_CSP                                                                    \
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"

#define EDGE_IN_BYTES (4 * 1024 * 1024) /* bound of edge_conn.in; reading pauses below */

/* ---- edge.c ---- */

/* A connection has gone. When a crowd has left, its memory goes back to the system soon. */
void edge_crowd_left(struct edge *e);

/* ---- edge_conn.c ---- */

listener_accepted edge_conn_accept; /* ctx is the edge */
/* Sends what is queued, half-closes, waits for the client to close. */
void edge_conn_finish(struct edge_conn *c);
/* Ends it at once. An exchange under way is abandoned, a WebSocket told. */
void edge_conn_drop(struct edge_conn *c);
/* Reads on, unless much input is unused. */
void edge_conn_pace_input(struct edge_conn *c);
/* The connection is between requests again: sets its timer, reads on. */
void edge_conn_await(struct edge_conn *c);
void edge_conn_set_state(struct edge_conn *c, enum edge_state state, uint64_t timeout_ms);
/* The page's bytes are queued on c; counted until they are sent. */
void edge_conn_page(struct edge_conn *c, size_t bytes);
/* Drops the slowest receivers of pages while all pages together are above the limit. */
void edge_pages_shed(struct edge *e);

/* ---- edge_request.c ---- */

/* Takes requests off c->in until one is incomplete or under way. */
void edge_request_run(struct edge_conn *c);
/* Bytes that came while a body is under way. */
void edge_request_body(struct edge_conn *c, struct str in);
/* Refuses the request (c->x may be NULL) with a small page, and takes no other. why: a short
 * sentence. */
void edge_request_refuse(struct edge_conn *c, unsigned status, const char *why,
                         const char *headers);

/* ---- upgrade.c ---- */

/* True when the request is a well-formed WebSocket handshake; otherwise it has been refused. */
bool upgrade_check(struct edge_conn *c);

/* ---- exchange.c ---- */

struct exchange *exchange_new(struct edge_conn *c);
void exchange_free(struct exchange *x);
/* The client is gone, or the edge has refused: the handler and the inner hop let go of x, which is
 * freed. */
void exchange_abandon(struct exchange *x);
/* A page's reply, unchanged: headers are complete lines. length: for HEAD, what Content-Length
 * says; -1 = none. */
void exchange_forward(struct exchange *x, unsigned status, struct str headers, struct str body,
                      int64_t head_length);
/* The status line and fields of a reply of ours, into the edge's scratch; what follows is framing.
 */
void exchange_write_head(struct exchange *x, unsigned status, const char *content_type,
                         struct str headers);
/* Whether the connection can take another request after this reply. Judged once. */
bool exchange_stays_open(struct exchange *x);
/* The reply is queued: x is freed and the connection goes on, or ends. */
void exchange_done(struct exchange *x, bool stays);
const char *edge_date(struct edge *e);

/* ---- websocket.c ---- */

void websocket_data(struct websocket *w, struct str in);
void websocket_drained(struct websocket *w);
void websocket_due(struct websocket *w);
/* The connection is gone: tells the owner, unless it has been told. */
void websocket_gone(struct websocket *w);
void websocket_free(struct websocket *w);

#endif

/* The edge: the one public port. Accepts connections (TLS when given a certificate), parses
 * HTTP/1.1 strictly, and only when a request is complete hands it on: to the hub's own handlers, to
 * a WebSocket, or to the web threads over the inner hop. Knows nothing of the relay: what goes
 * where is the handler's word. Hub thread only. */
#ifndef HUB_EDGE_H
#define HUB_EDGE_H

#include "codec/http.h"
#include "model/command.h"
#include "model/limits.h"

struct event_base;
struct edge;
struct exchange; /* one request and its reply; ends with its reply, or when the client is gone */

enum edge_route {
    EDGE_PAGE,   /* to a web thread, once the body is there */
    EDGE_HERE,   /* to handler.answer, once the body is there */
    EDGE_SOCKET, /* to handler.socket; only chosen for a GET */
    EDGE_DONE    /* the route function has replied already */
};

struct edge_handler {
    void *ctx;
    /* The head is complete. *max_body (preset to limits.body_bytes) may be raised or lowered. */
    enum edge_route (*route)(void *ctx, struct exchange *x, uint64_t *max_body);
    /* The request is complete: reply now, or keep x and reply later. */
    void (*answer)(void *ctx, struct exchange *x);
    /* A well-formed WebSocket handshake (key, version 13, Upgrade, Connection; others have got 400
     * or 426 with Sec-WebSocket-Version already): websocket_accept, or exchange_reply with an
     * error. */
    void (*socket)(void *ctx, struct exchange *x);
    /* The client has gone before the reply: x ends after this call. May be NULL. */
    void (*abandoned)(void *ctx, struct exchange *x);
    /* Who asks, for pages; false = nobody. May be NULL. */
    bool (*identify)(void *ctx, struct exchange *x, struct identity *who);
};

struct edge_config {
    struct event_base *base;
    const struct limits *limits; /* borrowed; read at each use */
    struct edge_handler handler;
    const char *cert_file, *key_file; /* PEM; both NULL = plain */
    const char *const
        *trusted_proxies; /* addresses or CIDR, e.g. "127.0.0.1", "10.0.0.0/8"; NULL-terminated */
};

/* ERR_IO, ERR_SYNTAX (bad certificate, key or proxy); why gets a sentence. */
MUST_USE enum err edge_new(struct edge **out, const struct edge_config *config, struct buf *why);
/* Closes everything at once. NULL is fine. */
void edge_free(struct edge *e);

/* Listens on "HOST:PORT", "[::1]:PORT" or ":PORT" (all addresses); port 0 picks one. url gets
 * "http(s)://HOST:PORT" as bound. ERR_IO, ERR_SYNTAX; why gets a sentence, e.g. that the port is
 * taken and by what to try. */
MUST_USE enum err edge_listen(struct edge *e, const char *address, struct buf *url,
                              struct buf *why);

/* Where pages are made: the path of civetweb's private Unix socket, its number of threads (at most
 * so many kept-alive connections are opened), and the secret without which it answers nothing.
 * Until then pages get 503. */
void edge_set_inner(struct edge *e, const char *path, unsigned connections, const char *secret);

/* Stops accepting and reading requests; idle connections are closed, replies under way are sent.
 * Sockets are the handler's to close. */
void edge_drain(struct edge *e);

struct edge_stats {
    size_t connections, sockets, exchanges, inner_busy, inner_waiting, unsent_bytes;
};
struct edge_stats edge_stats(const struct edge *e);

/* ---- an exchange ---- */

const struct http_head *exchange_head(const struct exchange *x); /* until the reply */
struct str exchange_body(const struct exchange *x);              /* until the reply */
const char *exchange_address(const struct exchange *x); /* of the client; X-Forwarded-For of trusted
                                                           proxies is followed from the right */
bool exchange_secure(const struct exchange *x);         /* TLS here, or at a trusted proxy */
/* "scheme://host[:port]" as the browser sees us; for comparing Origin. */
enum err exchange_origin(const struct exchange *x, struct buf *out);
/* The handler's own value; NULL at first. */
void exchange_set(struct exchange *x, void *value);
void *exchange_value(const struct exchange *x);

/* The reply, whole; x is gone afterwards. headers: complete extra lines, each ended with CRLF, or
 * "". Content-Length, Date, Connection and the security headers are added. HEAD gets no body. */
void exchange_reply(struct exchange *x, unsigned status, const char *content_type,
                    struct str headers, struct str body);
/* A reply in parts whose number nobody knows yet: chunks, or for HTTP/1.0 whatever comes until the
 * connection ends. x stays until exchange_stream_end, or until the client is gone (`abandoned`;
 * never from within these calls). A client that leaves more than limits.client_unsent_bytes unread,
 * or reads nothing for limits.body_idle_ms while it is being written to, is dropped. */
void exchange_stream(struct exchange *x, unsigned status, const char *content_type,
                     struct str headers);
void exchange_stream_write(struct exchange *x, struct str part); /* "" is nothing */
/* A part is missing: nothing follows, and the client sees that the end does. */
void exchange_stream_break(struct exchange *x);
void exchange_stream_end(struct exchange *x); /* x is gone afterwards */

/* {"error":{"code","message"}} with the status of e, Retry-After when retry_after_ms; to calls of
 * the API a problem (hub/exchange_problem.h). */
void exchange_error(struct exchange *x, enum err e, const char *message, uint64_t retry_after_ms);
/* The same with complete lines for the head. */
void exchange_error_with(struct exchange *x, enum err e, const char *message, struct str headers);

#endif

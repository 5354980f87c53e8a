/* Socket.IO 5 over Engine.IO 4 (hub/engine.h), the server's side: namespaces, events, acks and
 * binary attachments, over whatever transport the client has chosen. Knows nothing of the relay.
 * Hub thread only.
 *
 * A sio_socket is one client's connection to one namespace; a client may have several over the same
 * transport. JSON is never built as a tree here: it is checked (well-formed, UTF-8, depth, no
 * duplicate keys) and passed on as it came, but for NaN and Infinity, which Python writes and which
 * read null. What breaks the protocol ends the connection. */
#ifndef HUB_SOCKETIO_H
#define HUB_SOCKETIO_H

#include "hub/edge.h"

struct sio_server;
struct sio_socket;

/* Everything in it is borrowed for the call. */
struct sio_event {
    struct str name; /* unescaped */
    struct str args; /* what follows the name, as it came: JSON values with commas between them, ""
                        = none; see sio_arg_next in codec/socketio.h */
    const struct str *binaries; /* the attachments, by the number in their placeholders */
    size_t binary_count;
    bool has_ack_id; /* the client waits for sio_ack with ack_id */
    uint64_t ack_id;
};

struct sio_handler {
    void *ctx;
    /* A client asks for a namespace ("/", "/custom"). auth: its payload, a JSON object as it came;
     * "" = none. False refuses, with *why (preset to "Invalid namespace") as the message. Nothing
     * may be sent from here; the socket is gone when this says no. */
    bool (*connect)(void *ctx, struct sio_socket *s, struct str nsp, struct str auth,
                    struct str *why);
    /* The client has been told so: now things may be sent. May be NULL. */
    void (*connected)(void *ctx, struct sio_socket *s);
    /* The call may send, ack, disconnect and drop. */
    void (*event)(void *ctx, struct sio_socket *s, const struct sio_event *e);
    /* The client's answer to sio_emit_ack. An id may come that was answered already. May be NULL.
     */
    void (*ack)(void *ctx, struct sio_socket *s, uint64_t id, struct str args,
                const struct str *binaries, size_t binary_count);
    /* The last call for a socket that was let in; straight from the loop, never from within a call
     * to this module but sio_server_free. clean: the client has said that it goes (it left the
     * namespace, or closed the session or its WebSocket in order), before we ended it. */
    void (*closed)(void *ctx, struct sio_socket *s, bool clean);
};

struct sio_config {
    struct event_base *base;
    const struct limits *limits; /* borrowed; read at each use */
    /* Who may call from a browser: "*" = every site, else origins ("https://a.example") with blanks
     * between them; our own is always allowed. Borrowed. Never with credentials. */
    const char *origins;
    size_t first_message_bytes; /* sio_limit_message of new connections; 0 = no limit of their own
                                 */
    struct sio_handler handler;
};

struct sio_server *sio_server_new(const struct sio_config *config);
/* After edge_free, or with no exchange and no socket of it left. NULL is fine. Calls `closed` for
 * what is still open. */
void sio_server_free(struct sio_server *sv);

/* The edge's questions about an exchange whose path is this server's; see struct edge_handler.
 * Methods, origins (preflight included), transports and session ids are judged here, so nothing
 * else should be: no rule about other sites is needed, since cookies mean nothing here. */
enum edge_route sio_route(struct sio_server *sv, struct exchange *x, uint64_t *max_body);
void sio_answer(struct sio_server *sv, struct exchange *x);    /* EDGE_HERE */
void sio_upgrade(struct sio_server *sv, struct exchange *x);   /* EDGE_SOCKET */
void sio_abandoned(struct sio_server *sv, struct exchange *x); /* an exchange routed here */

/* Shutdown: no new connection is let in (503), and those that are there are dropped, so that their
 * clients come back to whoever runs next. */
void sio_server_stop(struct sio_server *sv);
/* Connections that are not over yet, of both transports; of them by polling. */
size_t sio_server_count(const struct sio_server *sv, size_t *polling);

/* ---- a socket: until `closed` has returned ---- */

void sio_set(struct sio_socket *s, void *owner);
void *sio_owner(const struct sio_socket *s); /* NULL at first */
const char *sio_address(const struct sio_socket *s);
struct str sio_namespace(const struct sio_socket *s);
/* A parameter of the URL that the session was opened with, decoded and appended to out; false when
 * absent or empty. Only within `connect`, and until the client was let into a namespace. */
bool sio_query(const struct sio_socket *s, struct str name, struct buf *out);

/* Sends an event. args: JSON values with commas between them ("" = none), valid, with
 * {"_placeholder":true,"num":i} where binaries[i] belongs. Ignored once the socket ends. A client
 * that takes its messages too slowly is dropped (limits.app_unsent_bytes). */
void sio_emit(struct sio_socket *s, struct str name, struct str args, const struct str *binaries,
              size_t binary_count);
/* The same, asking for an ack: its id, never twice the same for a socket. */
uint64_t sio_emit_ack(struct sio_socket *s, struct str name, struct str args,
                      const struct str *binaries, size_t binary_count);
/* Answers an event that had an ack_id; once, at any time. */
void sio_ack(struct sio_socket *s, uint64_t id, struct str args, const struct str *binaries,
             size_t binary_count);
/* "41": what was sent before is delivered, then the client is out of the namespace, and if it was
 * its last one the connection is closed. A Python client does not come back after this. */
void sio_disconnect(struct sio_socket *s);
/* Ends the client's whole connection without a word: a client comes back after this. */
void sio_drop(struct sio_socket *s);
/* The client's messages have at most so many bytes from now on (never more than
 * limits.sio_message_bytes), and all attachments of an event together four times that. */
void sio_limit_message(struct sio_socket *s, size_t bytes);

#endif

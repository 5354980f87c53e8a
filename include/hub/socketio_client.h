/* The inside of the Socket.IO server, shared by socketio.c (the handler's side) and
 * socketio_client.c (what clients say); nobody else includes it. Hub thread only. */
#ifndef HUB_SOCKETIO_CLIENT_H
#define HUB_SOCKETIO_CLIENT_H

#include "base/list.h"
#include "codec/socketio.h"
#include "hub/engine.h"
#include "hub/socketio.h"

struct sio_server {
    struct sio_config config;
    struct engine *engine;
    struct buf scratch; /* a packet to be sent: never kept over a call */
};

/* A packet whose attachments are still on the way. */
struct sio_pending {
    struct buf text, binary;
    size_t wanted, got, sizes[SIO_ATTACHMENTS_MAX];
};

/* One client: a session of the engine, and what it is connected to. */
struct sio_client {
    struct sio_server *server;
    struct engine_session *session;
    struct list sockets;
    size_t count;       /* of sockets that are not over */
    struct timer timer; /* no namespace by then: the session ends; or somebody is to be told */
    bool parted;        /* we have put it out of a namespace: it may not know yet */
    size_t message_bytes;
    struct sio_pending *pending; /* NULL = none */
};

struct sio_socket {
    struct list node; /* client->sockets */
    struct sio_client *client;
    void *owner;
    char *nsp;
    uint64_t last_ack_id;
    bool let_in; /* the handler is told when it closes */
    bool over, clean;
};

/* What the engine calls; its ctx is the server. */
struct engine_handler sio_client_handler(struct sio_server *sv);
/* The handler is told of it by its client's timer at the latest, never from within a call of its
 * own. */
void sio_socket_over(struct sio_socket *s, bool clean);
void sio_client_drop(struct sio_client *c, const char *why);
void sio_client_send(struct sio_client *c, const struct sio_packet *p);

#endif

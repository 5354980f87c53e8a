/* The least that a WebSocket client needs to measure an honest server: frames are written with a
 * mask of zeros (the server has to unmask all the same) and read without checks, unfragmented. For
 * every other purpose there is codec/ws. One thread. */
#ifndef BENCH_SOCKET_H
#define BENCH_SOCKET_H

#include "bench/loop.h"

/* Where the server is. */
struct target {
    struct sockaddr_in address;
    char authority[64]; /* for Host and Origin: 127.0.0.1:5001 */
    int pid;            /* of the server; 0: not known, no figures of it */
};

struct socket_ops {
    void (*open)(void *owner);
    void (*text)(void *owner, struct str text); /* borrowed for the call */
    void (*gone)(void *owner, const char *why); /* also when the upgrade is refused */
};

struct socket {
    struct wire wire;
    const struct socket_ops *ops;
    void *owner;
    struct buf in; /* a part of a message, or of the reply to the upgrade */
    bool open;
};

struct socket_to {
    const struct target *target;
    const char *path;
    const char *cookie;      /* NULL: none */
    const char *subprotocol; /* NULL: none */
    unsigned source;         /* as wire_connect's */
};

/* ERR_IO. */
MUST_USE enum err socket_connect(struct socket *s, struct loop *l, const struct socket_to *to,
                                 const struct socket_ops *ops, void *owner);
/* One text message; nothing on a closed socket. */
void socket_text(struct socket *s, struct str text);
/* Gone at once, nothing is called. */
void socket_close(struct socket *s);

#endif

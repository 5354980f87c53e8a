/* Listening sockets: binds them and accepts, a bounded number a turn, with a rest when descriptors
 * run short. Hub thread only. */
#ifndef HUB_LISTENER_H
#define HUB_LISTENER_H

#include "base/buf.h"
#include "hub/address.h"
#include "hub/timers.h"

struct listeners;

/* fd is the callee's, non-blocking. */
typedef void listener_accepted(void *ctx, int fd, struct address peer);

/* What accepts and for whom. */
struct listener_calls {
    listener_accepted *accepted;
    size_t (*open)(void *ctx); /* how many of those that were accepted are still open */
    void *ctx;
};

/* spare: so many descriptors are left to the rest of the process (but never more than half of
 * them); further clients wait in the kernel until others leave. */
struct listeners *listeners_new(struct event_base *base, struct timers *timers,
                                const struct listener_calls *calls, size_t spare);
/* Stops listening. NULL is fine. */
void listeners_free(struct listeners *l);
/* See edge_listen. url gets scheme://HOST:PORT. */
MUST_USE enum err listeners_add(struct listeners *l, const char *scheme, const char *address,
                                struct buf *url, struct buf *why);
/* Closes the listening sockets; what was accepted stays. */
void listeners_stop(struct listeners *l);

#endif

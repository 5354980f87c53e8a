/* Listening sockets: binds them and accepts, a bounded number a turn, with a rest when descriptors
 * run out. Hub thread only. */
#ifndef HUB_LISTENER_H
#define HUB_LISTENER_H

#include "base/buf.h"
#include "hub/address.h"
#include "hub/timers.h"

struct listeners;

/* fd is the callee's, non-blocking. */
typedef void listener_accepted(void *ctx, int fd, struct address peer);

struct listeners *listeners_new(struct event_base *base, struct timers *timers,
                                listener_accepted *accepted, void *ctx);
/* Stops listening. NULL is fine. */
void listeners_free(struct listeners *l);
/* See edge_listen. url gets scheme://HOST:PORT. */
MUST_USE enum err listeners_add(struct listeners *l, const char *scheme, const char *address,
                                struct buf *url, struct buf *why);
/* Closes the listening sockets; what was accepted stays. */
void listeners_stop(struct listeners *l);

#endif

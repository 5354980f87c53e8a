/* getaddrinfo without holding up the event loop: it runs on a thread of its own. Loop thread only.
 */
#ifndef CLIENT_LOOKUP_H
#define CLIENT_LOOKUP_H

#include "base/err.h"

#include <stdint.h>

struct addrinfo;
struct event_base;
struct lookup;

/* error is getaddrinfo's (0 = found). The list is the callee's, to be freed with freeaddrinfo.
 * Called once, from the loop; the lookup is gone then. */
typedef void lookup_done(void *ctx, int error, struct addrinfo *list_given);

/* Addresses for a TCP connection to host and port. ERR_IO: no thread or descriptor to be had. */
MUST_USE enum err lookup_start(struct event_base *base, const char *host, uint16_t port,
                               lookup_done *done, void *ctx, struct lookup **out);
/* done will not be called. NULL is fine. */
void lookup_cancel(struct lookup *l);

#endif

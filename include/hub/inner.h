/* The inner hop: at most so many kept-alive connections to the web threads' private socket as there
 * are threads, one request each at a time; what finds none free waits in order. Requests are
 * written anew from their parsed form, replies are taken whole. Hub thread only. */
#ifndef HUB_INNER_H
#define HUB_INNER_H

#include "hub/edge_conn.h"

struct inner *inner_new(struct edge *e, const char *path, unsigned connections, const char *secret);
/* Closes the connections; all exchanges must have been forgotten. */
void inner_stop(struct inner *in);
/* After inner_stop and the release of the stream loop. */
void inner_free(struct inner *in);
/* A complete request for a page; it is replied to in time, with 502, 503 or 504 if need be. in
 * NULL: 503. */
void inner_submit(struct inner *in, struct exchange *x);
/* x ends otherwise: it is taken off the queue, or the reply to it will be dropped. Fine when it is
 * not here. */
void inner_forget(struct exchange *x);

/* The request as the web threads get it. ERR_TOO_LARGE, ERR_MEMORY. */
MUST_USE enum err inner_write_request(struct exchange *x, const char *secret, struct buf *out);
/* The fields of a reply that go on to the client, as lines. */
MUST_USE enum err inner_write_fields(const struct http_head *reply, struct buf *out);

#endif

/* The output of a stream that is not sent yet: runs of bytes, own ones that gather small writes,
 * and shared ones that are only referred to. An empty queue holds next to nothing. What one call
 * puts in stays in one run. Hub thread only. */
#ifndef HUB_STREAM_QUEUE_H
#define HUB_STREAM_QUEUE_H

#include "base/bytes.h"
#include "base/err.h"

#include <sys/uio.h>

struct stream_run;

struct stream_queue {
    struct stream_run *runs; /* a ring */
    size_t first, count, cap;
    size_t bytes; /* in all runs */
};

void stream_queue_release(struct stream_queue *q);
/* ERR_MEMORY leaves the queue as it was. */
MUST_USE enum err stream_queue_write(struct stream_queue *q, struct str bytes);
/* The reference is the queue's from here on, also on ERR_MEMORY. */
MUST_USE enum err stream_queue_give(struct stream_queue *q, struct bytes *bytes);
/* The first run. The queue must not be empty. */
struct str stream_queue_head(const struct stream_queue *q);
/* The first runs, at most max of them; returns how many. */
size_t stream_queue_vector(const struct stream_queue *q, struct iovec *out, size_t max);
/* The first n bytes have been sent. */
void stream_queue_advance(struct stream_queue *q, size_t n);
/* Drops what has not begun to be sent; keep_first: the first run stays in any case. Returns the
 * bytes dropped. */
size_t stream_queue_drop(struct stream_queue *q, bool keep_first);

#endif

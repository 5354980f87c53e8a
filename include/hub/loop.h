/* The event loop and what it calls back for: a time, a readable descriptor, a signal. Most of the
 * hub sees libevent only through it and hub/timers.h, hub/stream.h. Private to the hub. Hub
 * thread only, but nothing here is shared. */
#ifndef HUB_LOOP_H
#define HUB_LOOP_H

#include "base/err.h"

#include <stdint.h>

struct event_base;
struct trigger;

/* NULL when the system has no way to wait. */
struct event_base *loop_new(void);
void loop_free(struct event_base *base); /* after everything on it; NULL is fine */
/* Until loop_end. ERR_INTERNAL when waiting fails. */
MUST_USE enum err loop_run(struct event_base *base);
/* loop_run returns after the present callback. */
void loop_end(struct event_base *base);

/* Each calls fn(ctx) when it happens. They abort when memory is out. */
struct trigger *trigger_timer(struct event_base *base, void (*fn)(void *ctx),
                              void *ctx); /* not yet set */
struct trigger *trigger_readable(struct event_base *base, int fd, void (*fn)(void *ctx), void *ctx);
struct trigger *trigger_signal(struct event_base *base, int number, void (*fn)(void *ctx),
                               void *ctx);
void trigger_free(struct trigger *t); /* NULL is fine; also from its own fn */

/* Timers: once, ms from now; what was set before is forgotten. */
void trigger_after(struct trigger *t, uint64_t ms);
void trigger_stop(struct trigger *t); /* timers: it is not set any more */
/* Timers: once more, in this turn of the loop, after the callbacks that are due already. */
void trigger_soon(struct trigger *t);

#endif

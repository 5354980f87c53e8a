/* Deadlines for thousands of connections over one libevent timer. A timer lies inside its owner's
 * struct; owners that are touched often set it lazily (let it fire, look, set it again) rather than
 * at every byte. Hub thread only. */
#ifndef HUB_TIMERS_H
#define HUB_TIMERS_H

#include "base/clock.h"
#include "base/heap.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct timer {
    struct heap_node node;
    void (*due)(struct timer *t); /* from the loop, once; the timer is not set any more */
};

struct timers {
    struct event_base *base;
    struct event wake;
    struct heap heap;
    uint64_t armed_ms; /* when wake goes off; UINT64_MAX = not armed */
    uint64_t last_ms;  /* of the monotonic clock, when it was last asked */
    uint64_t paused_ms;
    bool firing;
};

void timers_init(struct timers *t, struct event_base *base);
void timers_release(struct timers *t);

/* Monotonic milliseconds, the clock of all deadlines here. It stands still while the process does:
 * who was not heard because it was stopped is not late. */
uint64_t timers_now(struct timers *t);

/* Sets or moves the timer. What is due already fires in a later turn of the loop, never from within
 * the call. */
void timers_set(struct timers *t, struct timer *timer, uint64_t at_ms);
/* As timers_set, unless it is set for an earlier moment already. */
void timers_set_by(struct timers *t, struct timer *timer, uint64_t at_ms);
void timers_stop(struct timers *t, struct timer *timer);

#endif

#include "hub/timers.h"

#include "base/list.h"

#define LOOK_MS  1000 /* while something is set the clock is looked at so often */
#define PAUSE_MS 3000 /* two looks further apart than this: the process was stopped */

uint64_t timers_now(struct timers *t)
{
    uint64_t mono_ms = clock_now().mono_ms;
    if (t->heap.len && t->last_ms && mono_ms - t->last_ms > PAUSE_MS)
        t->paused_ms += mono_ms - t->last_ms - LOOK_MS;
    t->last_ms = mono_ms;
    return mono_ms - t->paused_ms;
}

static void arm(struct timers *t)
{
    const struct heap_node *min = heap_min(&t->heap);
    if (!min || t->firing || t->armed_ms <= min->key)
        return;
    uint64_t now = timers_now(t);
    uint64_t delay = min->key > now ? min->key - now : 0;
    if (delay > LOOK_MS)
        delay = LOOK_MS;
    struct timeval tv = {.tv_sec = (time_t)(delay / 1000),
                         .tv_usec = (suseconds_t)(delay % 1000 * 1000)};
    event_add(&t->wake, &tv);
    t->armed_ms = now + delay;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct timers *t = arg;
    uint64_t now = timers_now(t);
    t->armed_ms = UINT64_MAX;
    t->firing = true;
    /* The budget: a timer set for "now" by a timer waits for the next turn. */
    for (size_t budget = t->heap.len; budget > 0; budget--) {
        struct heap_node *min = heap_min(&t->heap);
        if (!min || min->key > now)
            break;
        heap_remove(&t->heap, min);
        struct timer *timer = CONTAINER_OF(min, struct timer, node);
        timer->due(timer);
    }
    t->firing = false;
    arm(t);
}

void timers_init(struct timers *t, struct event_base *base)
{
    *t = (struct timers){.base = base, .armed_ms = UINT64_MAX};
    event_assign(&t->wake, base, -1, 0, on_wake, t);
}

void timers_release(struct timers *t)
{
    event_del(&t->wake);
    heap_release(&t->heap);
}

void timers_set(struct timers *t, struct timer *timer, uint64_t at_ms)
{
    heap_set(&t->heap, &timer->node, at_ms);
    arm(t);
}

void timers_set_by(struct timers *t, struct timer *timer, uint64_t at_ms)
{
    if (!heap_contains(&timer->node) || at_ms < timer->node.key)
        timers_set(t, timer, at_ms);
}

void timers_stop(struct timers *t, struct timer *timer)
{
    heap_remove(&t->heap, &timer->node);
}

#include "hub/loop.h"

#include "base/alloc.h"

#include <event2/event.h>

#include <stdlib.h>

struct trigger {
    struct event *event;
    void (*fn)(void *ctx);
    void *ctx;
};

struct event_base *loop_new(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    /* One thread only: others reach it through the app's mailbox. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

void loop_free(struct event_base *base)
{
    if (base)
        event_base_free(base);
}

enum err loop_run(struct event_base *base)
{
    return event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? ERR_INTERNAL : OK;
}

void loop_end(struct event_base *base)
{
    event_base_loopbreak(base);
}

static void fired(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct trigger *t = arg;
    t->fn(t->ctx);
}

static struct trigger *trigger_new(struct event_base *base, int fd, short what,
                                   void (*fn)(void *ctx), void *ctx)
{
    struct trigger *t = xcalloc(1, sizeof *t);
    *t = (struct trigger){.fn = fn, .ctx = ctx};
    t->event = event_new(base, fd, what, fired, t);
    if (!t->event)
        abort(); /* as xcalloc */
    return t;
}

struct trigger *trigger_timer(struct event_base *base, void (*fn)(void *ctx), void *ctx)
{
    return trigger_new(base, -1, 0, fn, ctx);
}

struct trigger *trigger_readable(struct event_base *base, int fd, void (*fn)(void *ctx), void *ctx)
{
    struct trigger *t = trigger_new(base, fd, EV_READ | EV_PERSIST, fn, ctx);
    event_add(t->event, NULL);
    return t;
}

struct trigger *trigger_signal(struct event_base *base, int number, void (*fn)(void *ctx),
                               void *ctx)
{
    struct trigger *t = trigger_new(base, number, EV_SIGNAL | EV_PERSIST, fn, ctx);
    event_add(t->event, NULL);
    return t;
}

void trigger_free(struct trigger *t)
{
    if (!t)
        return;
    event_free(t->event);
    free(t);
}

void trigger_after(struct trigger *t, uint64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    event_add(t->event, &tv);
}

void trigger_stop(struct trigger *t)
{
    event_del(t->event);
}

void trigger_soon(struct trigger *t)
{
    event_active(t->event, EV_TIMEOUT, 1);
}

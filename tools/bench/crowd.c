#include "bench/crowd.h"

#include "bench/text.h"
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

#define SOURCES 16 /* loopback addresses that watchers come from, in turn */

static void on_open(void *owner)
{
    struct watcher *w = owner;
    char text[128];
    int n = snprintf(text, sizeof text, "{\"type\":\"subscribe\",\"topic\":\"space:%s\"}",
                     w->crowd->options.space_id);
    socket_text(&w->socket, str_slice(text, (size_t)n));
}

static void on_event(struct watcher *w, struct str text)
{
    struct crowd *c = w->crowd;
    if (w->saw || c->awaited.n == 0 || !text_holds(text, c->awaited))
        return;
    w->saw = true;
    c->last_ns = c->loop->now_ns;
    if (c->seen++ == 0)
        c->first_ns = c->last_ns;
}

static void on_gone(void *owner, const char *why)
{
    struct watcher *w = owner;
    struct crowd *c = w->crowd;
    if (c->lost++ == 0)
        snprintf(c->why, sizeof c->why, "%s", why);
    c->ready -= w->ready;
    w->ready = false;
}

static void on_text(void *owner, struct str text)
{
    struct watcher *w = owner;
    if (w->ready) {
        on_event(w, text);
    } else if (str_starts(text, STR("{\"type\":\"subscribed\""))) {
        w->ready = true;
        w->crowd->ready++;
    } else {
        char why[120];
        snprintf(why, sizeof why, "%.*s", (int)(text.n < 119 ? text.n : 119), text.p);
        socket_close(&w->socket);
        on_gone(w, why);
    }
}

static const struct socket_ops ops = {.open = on_open, .text = on_text, .gone = on_gone};

/* ---- life ---- */

void crowd_init(struct crowd *c, struct loop *loop, const struct crowd_options *options)
{
    *c = (struct crowd){.options = *options, .loop = loop};
    c->watchers = xcalloc(options->count, sizeof *c->watchers);
    for (uint32_t i = 0; i < options->count; i++)
        c->watchers[i] = (struct watcher){.crowd = c, .socket.wire.fd = -1};
}

void crowd_leave(struct crowd *c)
{
    for (uint32_t i = 0; i < c->options.count; i++) {
        struct watcher *w = &c->watchers[i];
        w->ready = w->saw = false;
        if (w->socket.wire.fd >= 0)
            socket_close(&w->socket);
    }
    c->ready = 0;
}

void crowd_release(struct crowd *c)
{
    crowd_leave(c);
    free(c->watchers);
}

bool crowd_join(struct crowd *c, unsigned seconds)
{
    uint64_t end_ns = bench_now_ns() + (uint64_t)seconds * NS_PER_S;
    struct socket_to to = {
        .target = c->options.target, .path = "/ws/client", .subprotocol = "spacerelay.v1"};
    for (uint32_t i = 0; i < c->options.count; i++) {
        struct watcher *w = &c->watchers[i];
        to.cookie = c->options.cookies[i % c->options.cookies_count];
        to.source = 1 + c->next_source++ % SOURCES;
        if (socket_connect(&w->socket, c->loop, &to, &ops, w))
            on_gone(w, "no connection: out of ports or descriptors");
    }
    while (c->ready + c->lost < c->options.count && c->loop->now_ns < end_ns)
        loop_turn(c->loop, end_ns);
    return c->ready == c->options.count;
}

void crowd_await(struct crowd *c, struct str part)
{
    for (uint32_t i = 0; i < c->options.count; i++)
        c->watchers[i].saw = false;
    c->awaited = part;
    c->seen = 0;
}

bool crowd_all_saw(struct crowd *c, unsigned seconds)
{
    uint64_t end_ns = bench_now_ns() + (uint64_t)seconds * NS_PER_S;
    while (c->seen < c->options.count && c->lost == 0 && c->loop->now_ns < end_ns)
        loop_turn(c->loop, end_ns);
    return c->seen == c->options.count;
}

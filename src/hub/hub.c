#include "hub/hub.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/app_socket.h"
#include "hub/ask.h"
#include "hub/call.h"
#include "hub/client_socket.h"
#include "hub/control.h"
#include "hub/effects.h"
#include "hub/loop.h"
#include "hub/notify.h"
#include "hub/routes.h"
#include "hub/spaces_app.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SCRATCH_BYTES   TOPIC_EVENT_BYTES
#define URL_BYTES       1024
#define DESCRIPTORS_MAX (1u << 20)

/* ---- the core ---- */

static void poll_soon(struct hub *h)
{
    if (h->poll_soon)
        return;
    h->poll_soon = true;
    trigger_soon(h->poll);
}

void hub_event(struct hub *h, struct relay_event *e)
{
    if (h->phase == HUB_LEAVES)
        return;
    app_hold_clock(h->app);
    app_event(h->app, e);
    poll_soon(h); /* which lets the clock go, in this turn of the loop */
}

void hub_command(struct hub *h, struct command *cmd, app_answered *answered, void *ctx)
{
    app_command(h->app, cmd, answered, ctx);
    poll_soon(h);
}

void hub_unwatch(struct hub *h, struct topic_id topic)
{
    struct relay_event e = {.kind = EVENT_UNWATCH, .topic = topic};
    hub_event(h, &e);
}

static void on_poll(void *ctx)
{
    struct hub *h = ctx;
    h->poll_soon = false;
    uint64_t ms = app_poll(h->app);
    if (!h->poll_soon)
        trigger_after(h->poll, ms);
    topics_sweep(h->topics, clock_now().mono_ms);
}

static void no_sink(void *ctx, const struct effect *e)
{
    (void)ctx;
    (void)e;
}

/* ---- signals and the system ---- */

static void on_signal(void *ctx)
{
    struct hub *h = ctx;
    if (hub_stopping(h))
        _exit(1); /* asked twice: somebody does not want to wait */
    stop_begin(h);
}

static void on_watchdog(void *ctx)
{
    struct hub *h = ctx;
    notify_send("WATCHDOG=1");
    trigger_after(h->watchdog, h->watchdog_ms);
}

static void start_watchdog(struct hub *h)
{
    h->watchdog_ms = notify_watchdog_ms();
    if (!h->watchdog_ms)
        return;
    h->watchdog = trigger_timer(h->base, on_watchdog, h);
    trigger_after(h->watchdog, h->watchdog_ms);
}

/* A socket is a descriptor, and the usual soft limit is 1024. */
static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r))
        return;
    rlim_t want = r.rlim_max < DESCRIPTORS_MAX ? r.rlim_max : DESCRIPTORS_MAX;
    if (r.rlim_cur >= want)
        return;
    r.rlim_cur = want;
    if (setrlimit(RLIMIT_NOFILE, &r))
        log_warn("hub", "cannot raise the limit of open files");
}

/* ---- life ---- */

static enum err listen_all(struct hub *h, const char *const *addresses, struct buf *why)
{
    size_t count = 0;
    while (addresses[count])
        count++;
    h->urls = xcalloc(count + 1, sizeof *h->urls);
    for (size_t i = 0; i < count; i++) {
        struct buf url = BUF_INIT(URL_BYTES);
        enum err e = edge_listen(h->edge, addresses[i], &url, why);
        if (!e)
            h->urls[h->url_count++] = str_dup(buf_str(&url));
        buf_release(&url);
        if (e)
            return e;
    }
    return OK;
}

static enum err open_all(struct hub *h, const struct hub_config *config, struct buf *why)
{
    struct edge_config edge = {.base = h->base,
                               .limits = h->limits,
                               .handler = routes_handler(h),
                               .cert_file = config->cert_file,
                               .key_file = config->key_file,
                               .trusted_proxies = config->trusted_proxies};
    enum err e = edge_new(&h->edge, &edge, why);
    if (!e)
        e = listen_all(h, config->listen, why);
    if (!e)
        e = control_new(&h->control, h->base, h->app, why);
    return e;
}

enum err hub_new(struct hub **out, const struct hub_config *config, struct buf *why)
{
    raise_descriptor_limit();
    struct event_base *base = loop_new();
    if (!base) {
        buf_puts(why, "cannot make an event loop");
        return ERR_IO;
    }
    struct hub *h = xcalloc(1, sizeof *h);
    *h = (struct hub){.app = config->app,
                      .limits = app_limits(config->app),
                      .base = base,
                      .listening = config->listening,
                      .listening_ctx = config->ctx};
    native_init(&h->decoder, h->limits);
    buf_init(&h->scratch, SCRATCH_BYTES);
    list_init(&h->asks);
    h->spaces_apps = spaces_apps_new(h, config->socketio_origins);
    h->calls = calls_new(h);
    h->topics = topics_new(h->limits);
    h->poll = trigger_timer(base, on_poll, h);
    enum err e = open_all(h, config, why);
    if (e) {
        hub_free(h);
        return e;
    }
    app_set_sink(h->app, effects_sink, h);
    h->wake = trigger_readable(base, app_wake_fd(h->app), on_poll, h);
    *out = h;
    return OK;
}

static void free_conns(struct hub *h)
{
    struct conn *c, *next;
    HASH_ITER (hh, h->conns, c, next) {
        conn_forget(c);
        if (c->kind == CONN_APP)
            app_socket_free(c);
        else if (c->kind == CONN_CLIENT)
            client_socket_free(c);
        else if (c->kind == CONN_CALL)
            call_free(c);
    }
}

static void free_triggers(struct hub *h)
{
    trigger_free(h->wake);
    trigger_free(h->poll);
    trigger_free(h->watchdog);
    trigger_free(h->signals[0]);
    trigger_free(h->signals[1]);
}

void hub_free(struct hub *h)
{
    if (!h)
        return;
    h->phase = HUB_LEAVES; /* what closes now is no news to the core */
    app_set_sink(h->app, no_sink, NULL);
    edge_free(h->edge);
    spaces_apps_free(h->spaces_apps);
    free_conns(h);
    calls_free(h->calls);
    asks_release(h);
    control_free(h->control);
    stop_release(h);
    free_triggers(h);
    topics_free(h->topics);
    native_release(&h->decoder);
    buf_release(&h->scratch);
    for (size_t i = 0; i < h->url_count; i++)
        free(h->urls[i]);
    free(h->urls);
    loop_free(h->base);
    free(h);
}

void hub_set_inner(struct hub *h, const char *path, unsigned connections, const char *secret)
{
    edge_set_inner(h->edge, path, connections, secret);
}

enum err hub_run(struct hub *h)
{
    signal(SIGPIPE, SIG_IGN);
    h->signals[0] = trigger_signal(h->base, SIGTERM, on_signal, h);
    h->signals[1] = trigger_signal(h->base, SIGINT, on_signal, h);
    struct relay_event e = {.kind = EVENT_LISTENING};
    hub_event(h, &e);
    if (h->listening)
        h->listening(h->listening_ctx, (const char *const *)h->urls, h->url_count);
    notify_send("READY=1");
    start_watchdog(h);
    return loop_run(h->base);
}

static void on_stop_posted(void *arg)
{
    stop_begin(arg);
}

void hub_stop(struct hub *h)
{
    app_post(h->app, on_stop_posted, h);
}

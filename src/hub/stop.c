#include "hub/state.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/control.h"
#include "hub/loop.h"
#include "hub/notify.h"
#include "hub/spaces_app.h"

#include <stdlib.h>

#define CHECK_MS 20
#define LEAVE_MS 500 /* for the last frames to reach their peers */

/* How much is running, asked of the core. Outlives the hub when the core answers late. */
struct stop_query {
    struct hub *hub; /* NULL when it is gone */
};

static void on_stats(void *ctx, struct reply *reply)
{
    struct stop_query *q = ctx;
    if (q->hub) {
        q->hub->work_runs = !reply->err && reply->stats.processing > 0;
        q->hub->stop_query = NULL;
    }
    reply_release(reply);
    free(q);
}

static void ask_for_work(struct hub *h)
{
    if (h->stop_query)
        return;
    struct stop_query *q = xcalloc(1, sizeof *q);
    struct command c = {.kind = CMD_QUERY_STATS, .actor = {.role = ROLE_ADMIN, .name = "(hub)"}};
    q->hub = h;
    h->stop_query = q;
    app_command(h->app, &c, on_stats, q);
}

static bool finished(struct hub *h)
{
    ask_for_work(h);
    bool running = h->work_runs && h->conn_count[CONN_APP] > 0;
    return !running && !app_saves_pending(h->app) && !edge_stats(h->edge).exchanges &&
           !control_busy(h->control);
}

static void leave(struct hub *h, uint64_t mono_ms)
{
    h->phase = HUB_LEAVES;
    h->phase_ends_ms = mono_ms + LEAVE_MS;
    conn_close_all(h, CONN_APP, 1001, STR("the relay shuts down"));
}

static bool all_left(const struct hub *h)
{
    struct edge_stats s = edge_stats(h->edge);
    return !s.sockets && !s.unsent_bytes;
}

static void check(void *ctx)
{
    struct hub *h = ctx;
    uint64_t mono_ms = clock_now().mono_ms;
    bool late = mono_ms >= h->phase_ends_ms;
    if (h->phase == HUB_FINISHES && (finished(h) || late)) {
        leave(h, mono_ms);
    } else if (h->phase == HUB_LEAVES && (all_left(h) || late)) {
        loop_end(h->base);
        return;
    }
    trigger_after(h->stop_timer, CHECK_MS);
}

void stop_begin(struct hub *h)
{
    if (h->phase != HUB_RUNS)
        return;
    log_info("hub", "shutting down");
    notify_send("STOPPING=1");
    h->phase = HUB_FINISHES;
    h->phase_ends_ms = clock_now().mono_ms + h->limits->shutdown_ms;
    h->work_runs = true; /* until the core says otherwise */
    edge_drain(h->edge);
    struct relay_event e = {.kind = EVENT_SHUTDOWN};
    hub_event(h, &e);
    conn_close_all(h, CONN_CLIENT, 1001, STR("the relay shuts down"));
    conn_close_all(h, CONN_CALL, 1001, STR("the relay shuts down"));
    spaces_apps_stop(h->spaces_apps);
    h->stop_timer = trigger_timer(h->base, check, h);
    trigger_after(h->stop_timer, CHECK_MS);
}

void stop_release(struct hub *h)
{
    if (h->stop_query)
        h->stop_query->hub = NULL;
    trigger_free(h->stop_timer);
}

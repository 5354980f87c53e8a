#include "hub/health.h"

#include "hub/ask.h"
#include "hub/routes.h"

#include <inttypes.h>

#define METRICS_BYTES 65536
#define WHY_BYTES     200

void health_live(struct hub *h, struct exchange *x)
{
    (void)h;
    exchange_reply(x, 200, "text/plain; charset=utf-8", STR("Cache-Control: no-store\r\n"),
                   STR("ok\n"));
}

/* Why no work should be sent here; NULL when it may. */
static const char *not_ready(const struct hub *h)
{
    const char *trouble = app_store_trouble(h->app);
    if (hub_stopping(h))
        return "shutting down";
    if (trouble)
        return trouble;
    if (app_saves_pending(h->app) >= h->limits->saves_pending)
        return "the store is too far behind";
    return NULL;
}

void health_ready(struct hub *h, struct exchange *x)
{
    struct buf b = BUF_INIT(WHY_BYTES);
    const char *why = not_ready(h);
    buf_printf(&b, "%s\n", why ? why : "ok");
    exchange_reply(x, why ? 503 : 200, "text/plain; charset=utf-8",
                   STR("Cache-Control: no-store\r\n"), buf_str(&b));
    buf_release(&b);
}

/* ---- /metrics ---- */

static void metric(struct buf *b, const char *name, const char *help, uint64_t value)
{
    buf_printf(b,
               "# HELP spacerelay_%s %s\n# TYPE spacerelay_%s gauge\nspacerelay_%s %" PRIu64 "\n",
               name, help, name, name, value);
}

static void write_own(struct buf *b, const struct hub *h)
{
    struct edge_stats s = edge_stats(h->edge);
    metric(b, "connections", "Open connections", s.connections);
    metric(b, "sockets", "Open WebSockets", s.sockets);
    metric(b, "app_sockets", "Open WebSockets of apps", h->conn_count[CONN_APP]);
    metric(b, "spaces_apps", "Socket.IO connections of apps", h->conn_count[CONN_SPACES_APP]);
    metric(b, "client_sockets", "Open WebSockets of people", h->conn_count[CONN_CLIENT]);
    metric(b, "exchanges", "HTTP requests under way", s.exchanges);
    metric(b, "pages_busy", "Page requests at the web threads", s.inner_busy);
    metric(b, "pages_waiting", "Page requests that wait for a web thread", s.inner_waiting);
    metric(b, "unsent_bytes", "Output that waits for slow peers", s.unsent_bytes);
    metric(b, "topics", "Topics that are kept", topics_count(h->topics));
    metric(b, "saves_pending", "Saves under way", app_saves_pending(h->app));
}

static void write_core(struct buf *b, const struct admin_view *v)
{
    metric(b, "spaces", "Spaces", v->spaces);
    metric(b, "apps", "Registered apps", v->apps);
    metric(b, "people", "Accounts that are not disabled", v->people);
    metric(b, "requests_queued", "Requests that wait", v->queued);
    metric(b, "requests_processing", "Requests at an app", v->processing);
    metric(b, "requests_per_minute", "Requests finished in the last minute",
           v->requests_per_minute);
    metric(b, "failed_per_minute", "Requests failed in the last minute", v->failed_per_minute);
    metric(b, "request_p50_ms", "Median time of a request", v->p50_ms);
    metric(b, "request_p99_ms", "99th percentile of a request's time", v->p99_ms);
}

static void on_stats(struct hub *h, struct exchange *x, const struct reply *reply, int note)
{
    (void)note;
    struct buf b = BUF_INIT(METRICS_BYTES);
    write_own(&b, h);
    if (!reply->err)
        write_core(&b, &reply->stats);
    exchange_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8",
                   STR("Cache-Control: no-store\r\n"), buf_str(&b));
    buf_release(&b);
}

/* An untold proxy on this machine would make everybody local: whoever was forwarded is not. */
static bool is_local(const struct exchange *x)
{
    const struct http_head *head = exchange_head(x);
    struct str address = str_of(exchange_address(x));
    if (http_field(head, STR("X-Forwarded-For")) || http_field(head, STR("Forwarded")) ||
        http_field(head, STR("X-Real-IP")))
        return false;
    return str_starts(address, STR("127.")) || str_eq(address, STR("::1")) ||
           str_starts(address, STR("::ffff:127."));
}

void health_metrics(struct hub *h, struct exchange *x)
{
    struct identity who;
    if (!is_local(x) && !(routes_identify(h, x, &who) && who.role == ROLE_ADMIN)) {
        exchange_error(x, ERR_FORBIDDEN, "Only for admins, and for programs on this machine", 0);
        return;
    }
    struct command c = {.kind = CMD_QUERY_STATS,
                        .actor = {.role = ROLE_ADMIN, .name = "(metrics)"}};
    ask_core(h, x, &c, on_stats, 0);
}

#include "hub/routes.h"

#include "hub/app_socket.h"
#include "hub/client_socket.h"
#include "hub/health.h"

#define SESSION_COOKIE "session"
#define ORIGIN_BYTES   1024

struct route {
    const char *path;
    const char *allow; /* for 405 */
    bool head;         /* HEAD is taken beside GET */
    bool before_setup; /* also while there is no admin */
    enum edge_route kind;
    void (*answer)(struct hub *h, struct exchange *x);
};

static const struct route routes[] = {
    {"/ws/app", "Allow: GET\r\n", false, false, EDGE_SOCKET, app_socket_open},
    {"/ws/client", "Allow: GET\r\n", false, false, EDGE_SOCKET, client_socket_open},
    {"/healthz", "Allow: GET, HEAD\r\n", true, true, EDGE_HERE, health_live},
    {"/readyz", "Allow: GET, HEAD\r\n", true, true, EDGE_HERE, health_ready},
    {"/metrics", "Allow: GET, HEAD\r\n", true, false, EDGE_HERE, health_metrics},
};

/* NULL for a page. */
static const struct route *route_find(struct str path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (str_eq(str_of(routes[i].path), path))
            return &routes[i];
    }
    return NULL;
}

/* ---- rules for every request ---- */

bool routes_identify(struct hub *h, const struct exchange *x, struct identity *who)
{
    struct str cookie;
    if (!http_cookie(exchange_head(x), STR(SESSION_COOKIE), &cookie) || !cookie.n)
        return false;
    struct hash hash = secret_hash(cookie);
    return app_identify(h->app, &hash, who);
}

bool routes_origin_is_ours(const struct exchange *x)
{
    const struct http_head *head = exchange_head(x);
    const struct str *said = http_field(head, STR("Origin"));
    struct buf ours = BUF_INIT(ORIGIN_BYTES);
    bool same = http_field_count(head, STR("Origin")) == 1 && !exchange_origin(x, &ours) &&
                str_eq(*said, buf_str(&ours));
    buf_release(&ours);
    return same;
}

static bool changes_nothing(enum http_method m)
{
    return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS;
}

/* What browsers say about where a request comes from. Programs say nothing, and send no cookie
 * unasked. */
static bool from_other_site(const struct exchange *x)
{
    const struct http_head *head = exchange_head(x);
    const struct str *site = http_field(head, STR("Sec-Fetch-Site"));
    if (http_field_count(head, STR("Sec-Fetch-Site")) > 1)
        return true;
    if (site && (str_eq_nocase(*site, STR("cross-site")) || str_eq_nocase(*site, STR("same-site"))))
        return true;
    return http_field(head, STR("Origin")) && !routes_origin_is_ours(x);
}

/* Pages say themselves that there is no admin yet. */
static bool open_before_setup(const struct route *route)
{
    return !route || route->before_setup;
}

static void refuse_before_setup(struct exchange *x)
{
    exchange_reply(
        x, 503, "text/plain; charset=utf-8", STR("Retry-After: 10\r\n"),
        STR("This relay has no admin yet. Open the set-up link that the server printed when it "
            "started, and make the first account there.\n"));
}

/* ---- the edge's questions ---- */

static enum edge_route on_route(void *ctx, struct exchange *x, uint64_t *max_body)
{
    struct hub *h = ctx;
    const struct http_head *head = exchange_head(x);
    const struct route *route = route_find(head->path);
    if (!changes_nothing(head->method) && from_other_site(x)) {
        exchange_error(x, ERR_FORBIDDEN, "This request comes from another site", 0);
        return EDGE_DONE;
    }
    if (app_needs_setup(h->app) && !open_before_setup(route)) {
        refuse_before_setup(x);
        return EDGE_DONE;
    }
    if (!route)
        return EDGE_PAGE;
    *max_body = 0;
    if (head->method != HTTP_GET && !(route->head && head->method == HTTP_HEAD)) {
        exchange_reply(x, 405, "text/plain; charset=utf-8", str_of(route->allow),
                       STR("Method not allowed\n"));
        return EDGE_DONE;
    }
    return route->kind;
}

static void on_answer(void *ctx, struct exchange *x)
{
    route_find(exchange_head(x)->path)->answer(ctx, x);
}

static void on_abandoned(void *ctx, struct exchange *x)
{
    (void)ctx;
    health_abandoned(x);
}

static bool on_identify(void *ctx, struct exchange *x, struct identity *who)
{
    return routes_identify(ctx, x, who);
}

struct edge_handler routes_handler(struct hub *h)
{
    return (struct edge_handler){.ctx = h,
                                 .route = on_route,
                                 .answer = on_answer,
                                 .socket = on_answer,
                                 .abandoned = on_abandoned,
                                 .identify = on_identify};
}

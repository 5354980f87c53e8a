#include "hub/routes.h"

#include "hub/api.h"
#include "hub/app_socket.h"
#include "hub/ask.h"
#include "hub/call.h"
#include "hub/client_socket.h"
#include "hub/exchange_problem.h"
#include "hub/health.h"
#include "hub/old_http.h"
#include "hub/openai.h"
#include "hub/refusal.h"
#include "hub/scopes.h"
#include "hub/socketio.h"
#include "hub/spaces_app.h"

#define SESSION_COOKIE "session"
#define ORIGIN_BYTES   1024
#define WHY_BYTES      200
#define SETUP_RETRY_MS 10000

struct route {
    const char *path;
    bool tail;          /* the path goes on */
    const char *suffix; /* of a tail */
    bool shared;        /* other methods are the web threads' */
    enum http_method method;
    const char *allow; /* for 405 */
    bool head;         /* HEAD is taken beside GET */
    bool before_setup; /* also while there is no admin */
    bool app_token;    /* what Authorization holds is an app's token, which the answer judges */
    enum edge_route kind;
    void (*answer)(struct hub *h, struct exchange *x);
    void (*abandoned)(struct exchange *x);
    uint64_t (*body_max)(struct hub *h, const struct exchange *x); /* NULL: takes none */
};

#define GET      .method = HTTP_GET, .allow = "Allow: GET\r\n"
#define GET_HEAD .method = HTTP_GET, .allow = "Allow: GET, HEAD\r\n", .head = true
#define POST     .method = HTTP_POST, .allow = "Allow: POST\r\n"

static const struct route routes[] = {
    {"/ws/app", GET, .app_token = true, .kind = EDGE_SOCKET, .answer = app_socket_open},
    {"/ws/client", GET, .kind = EDGE_SOCKET, .answer = client_socket_open},
    {"/healthz", GET_HEAD, .before_setup = true, .kind = EDGE_HERE, .answer = health_live},
    {"/readyz", GET_HEAD, .before_setup = true, .kind = EDGE_HERE, .answer = health_ready},
    {"/metrics", GET_HEAD, .kind = EDGE_HERE, .answer = health_metrics, .abandoned = ask_abandoned},
    {OLD_SUBMIT_PATH, POST, .tail = true, .kind = EDGE_HERE, .answer = old_submit,
     .abandoned = ask_abandoned, .body_max = old_submit_body_max},
    {API_REQUESTS_PATH, POST, .shared = true, .kind = EDGE_HERE, .answer = api_create,
     .abandoned = call_abandoned, .body_max = api_create_body_max},
    {API_REQUESTS_PATH "/", GET, .tail = true, .suffix = API_EVENTS_SUFFIX, .kind = EDGE_HERE,
     .answer = api_events, .abandoned = call_abandoned},
    {"/v1/models", GET_HEAD, .kind = EDGE_HERE, .answer = openai_models,
     .abandoned = ask_abandoned},
    {"/v1/models/", GET_HEAD, .tail = true, .kind = EDGE_HERE, .answer = openai_models,
     .abandoned = ask_abandoned},
    {"/v1/chat/completions", POST, .kind = EDGE_HERE, .answer = openai_complete,
     .abandoned = call_abandoned, .body_max = openai_body_max},
    {"/v1/completions", POST, .kind = EDGE_HERE, .answer = openai_complete,
     .abandoned = call_abandoned, .body_max = openai_body_max},
    {"/v1/embeddings", POST, .kind = EDGE_HERE, .answer = openai_complete,
     .abandoned = call_abandoned, .body_max = openai_body_max},
    {"/websockets/status", GET_HEAD, .kind = EDGE_HERE, .answer = old_status,
     .abandoned = ask_abandoned},
};

static bool is_at(const struct route *r, struct str path)
{
    struct str own = str_of(r->path);
    if (r->suffix && !str_ends(path, str_of(r->suffix)))
        return false;
    return r->tail ? str_starts(path, own) && path.n > own.n : str_eq(path, own);
}

/* NULL for a page. */
static const struct route *route_find(struct str path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (is_at(&routes[i], path))
            return &routes[i];
    }
    return NULL;
}

/* Socket.IO judges methods, origins and sessions itself; cookies mean nothing there. */
static bool is_spaces(struct str path)
{
    return str_eq(path, STR(SPACES_PATH)) || str_eq(path, STR("/socket.io"));
}

/* ---- rules for every request ---- */

bool routes_identify(struct hub *h, const struct exchange *x, struct identity *who)
{
    const struct http_head *head = exchange_head(x);
    struct str secret;
    bool by_key = http_bearer(head, &secret);
    if (by_key && !str_starts(secret, STR(API_KEY_PREFIX)))
        return false;
    if (!by_key && (!http_cookie(head, STR(SESSION_COOKIE), &secret) || !secret.n))
        return false;
    struct hash hash = secret_hash(secret);
    return by_key ? app_identify_key(h->app, &hash, who) : app_identify(h->app, &hash, who);
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

/* The log-out is a GET, as it was on the old site. */
static bool changes_nothing(const struct http_head *h)
{
    return (h->method == HTTP_GET || h->method == HTTP_HEAD || h->method == HTTP_OPTIONS) &&
           !str_eq(h->path, STR("/logout"));
}

static void refuse_key(struct exchange *x, uint32_t scope, const char *why)
{
    const char *name = scope_name(scope);
    struct buf header = BUF_INIT(WHY_BYTES);
    buf_puts(&header, "WWW-Authenticate: Bearer error=\"insufficient_scope\"");
    if (*name)
        buf_printf(&header, ", scope=\"%s\"", name);
    buf_puts(&header, "\r\n");
    refusal_reply(x, ERR_FORBIDDEN, why, buf_str(&header));
    buf_release(&header);
}

/* True when no key is shown, or one that may do this; else x has got its reply (RFC 6750 section
 * 3.1). */
static bool key_admits(struct hub *h, struct exchange *x)
{
    const struct http_head *head = exchange_head(x);
    uint32_t scope = scope_of_request(head->method, head->path);
    struct str token;
    struct identity who;
    if (!http_bearer(head, &token))
        return true;
    if (!routes_identify(h, x, &who)) {
        refusal_reply(x, ERR_UNAUTHORIZED, "There is no such API key, or it is over",
                      STR("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"));
        return false;
    }
    struct buf why = BUF_INIT(WHY_BYTES);
    bool admits = scope_admits(&who, scope, &why);
    if (!admits)
        refuse_key(x, scope, buf_cstr(&why));
    buf_release(&why);
    return admits;
}

/* What browsers say about where a request comes from. Programs say nothing, and send no cookie
 * unasked; nor do browsers send a key. */
static bool from_other_site(const struct exchange *x)
{
    const struct http_head *head = exchange_head(x);
    struct str token;
    const struct str *site = http_field(head, STR("Sec-Fetch-Site"));
    if (http_bearer(head, &token))
        return false;
    if (http_field_count(head, STR("Sec-Fetch-Site")) > 1)
        return true;
    if (site && (str_eq_nocase(*site, STR("cross-site")) || str_eq_nocase(*site, STR("same-site"))))
        return true;
    return http_field(head, STR("Origin")) && !routes_origin_is_ours(x);
}

/* Pages say themselves that there is no admin yet. */
static bool open_before_setup(const struct route *route, const struct http_head *head)
{
    return route ? route->before_setup : !exchange_is_api(head);
}

static void refuse_before_setup(struct exchange *x)
{
    if (exchange_is_api(exchange_head(x))) {
        exchange_error(x, ERR_STORE_UNAVAILABLE, "This relay has no admin yet", SETUP_RETRY_MS);
        return;
    }
    exchange_reply(
        x, 503, "text/plain; charset=utf-8", STR("Retry-After: 10\r\n"),
        STR("This relay has no admin yet. Open the set-up link that the server printed when it "
            "started, and make the first account there.\n"));
}

static void refuse_method(struct exchange *x, const char *allow)
{
    const struct http_head *head = exchange_head(x);
    if (str_starts(head->path, STR(OPENAI_PATH)))
        openai_no_route(x, allow);
    else if (exchange_is_api(head))
        exchange_problem(x, 405, ERR_BAD_MESSAGE, STR("This path does not take this method"),
                         (struct retry){0}, str_of(allow));
    else
        exchange_reply(x, 405, "text/plain; charset=utf-8", str_of(allow),
                       STR("Method not allowed\n"));
}

/* ---- the edge's questions ---- */

static enum edge_route on_route(void *ctx, struct exchange *x, uint64_t *max_body)
{
    struct hub *h = ctx;
    const struct http_head *head = exchange_head(x);
    const struct route *route = route_find(head->path);
    if (is_spaces(head->path) && !app_needs_setup(h->app))
        return sio_route(spaces_apps_server(h->spaces_apps), x, max_body);
    if (!changes_nothing(head) && from_other_site(x)) {
        refusal_reply(x, ERR_FORBIDDEN, "This request comes from another site", STR(""));
        return EDGE_DONE;
    }
    if (app_needs_setup(h->app) && !open_before_setup(route, head)) {
        refuse_before_setup(x);
        return EDGE_DONE;
    }
    if (!(route && route->app_token) && !key_admits(h, x))
        return EDGE_DONE;
    if (!route && str_starts(head->path, STR(OPENAI_PATH))) {
        openai_no_route(x, NULL);
        return EDGE_DONE;
    }
    if (!route || (route->shared && head->method != route->method))
        return EDGE_PAGE;
    *max_body = route->body_max ? route->body_max(h, x) : 0;
    if (head->method != route->method && !(route->head && head->method == HTTP_HEAD)) {
        refuse_method(x, route->allow);
        return EDGE_DONE;
    }
    return route->kind;
}

static void on_answer(void *ctx, struct exchange *x)
{
    struct hub *h = ctx;
    if (is_spaces(exchange_head(x)->path))
        sio_answer(spaces_apps_server(h->spaces_apps), x);
    else
        route_find(exchange_head(x)->path)->answer(ctx, x);
}

static void on_socket(void *ctx, struct exchange *x)
{
    struct hub *h = ctx;
    if (is_spaces(exchange_head(x)->path))
        sio_upgrade(spaces_apps_server(h->spaces_apps), x);
    else
        on_answer(ctx, x);
}

static void on_abandoned(void *ctx, struct exchange *x)
{
    struct hub *h = ctx;
    if (is_spaces(exchange_head(x)->path)) {
        sio_abandoned(spaces_apps_server(h->spaces_apps), x);
        return;
    }
    const struct route *route = route_find(exchange_head(x)->path);
    if (route->abandoned)
        route->abandoned(x);
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
                                 .socket = on_socket,
                                 .abandoned = on_abandoned,
                                 .identify = on_identify};
}

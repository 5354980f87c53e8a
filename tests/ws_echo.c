/* The edge and its WebSockets without the relay, for tests and measuring: ws_echo HOST:PORT PATH
 *
 * A WebSocket at PATH echoes messages up to 16 MiB; a text that starts with '!' is a command:
 *   !close CODE REASON    websocket_close
 *   !send N               a text of N bytes is sent
 *   !flood N              N texts of 64 KiB are sent in one go
 *
 * A POST anywhere is answered with its body. And by path:
 *   /hold       is kept unanswered until somebody asks for /release, which says how many it let go
 *   /early      is answered in the route function, before the body
 *   /small      takes bodies of at most 1024 bytes
 *   /kick       closes the newest WebSocket with 4002
 *   /flood      sends it 250 texts of 64 KiB
 *   /who        says address, scheme and origin
 *   /stream     a reply in parts: each further request for /part?TEXT adds TEXT, /last ends it
 *   /log        says what became of held requests and closed sockets, one a line
 *   /stats      says the edge's numbers
 *   /page/..., /api/...   go to the inner hop
 *
 * Environment: LIMITS="head_ms=300 ...", CERT, KEY, PROXIES="10.0.0.0/8 ...", SUBPROTOCOL,
 * INNER="PATH CONNECTIONS SECRET". The first line on stdout is "listening on URL".
 * SIGTERM ends it, SIGUSR1 is edge_drain. */
#include "hub/edge.h"
#include "hub/websocket.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/log.h"
#include "base/secret.h"

#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES (16 * 1024 * 1024)

struct held {
    struct list node;
    struct exchange *x;
};

struct echo {
    struct event_base *base;
    struct edge *edge;
    const char *path;
    struct limits limits;
    struct list held;
    struct websocket *newest;
    struct exchange *streamed;
    struct buf log;
};

/* ---- the WebSocket ---- */

static struct str word(struct str *rest)
{
    struct str first;
    str_split(*rest, ' ', &first, rest);
    return first;
}

static void send_many(struct websocket *w, uint64_t count, size_t bytes)
{
    char *text = xcalloc(1, bytes + 1);
    memset(text, 'x', bytes);
    for (uint64_t i = 0; i < count; i++)
        websocket_send(w, str_slice(text, bytes));
    free(text);
}

static void on_command(struct websocket *w, struct str text)
{
    struct str rest = text, name = word(&rest);
    uint64_t n = 0;
    if (str_to_u64(word(&rest), MESSAGE_BYTES, &n))
        return;
    if (str_eq(name, STR("!close")))
        websocket_close(w, (uint16_t)n, rest);
    else if (str_eq(name, STR("!send")))
        send_many(w, 1, n);
    else if (str_eq(name, STR("!flood")))
        send_many(w, n, 65536);
}

static void on_message(void *owner, struct websocket *w, enum ws_opcode opcode, struct str data)
{
    (void)owner;
    if (opcode == WS_TEXT && data.n && data.p[0] == '!')
        on_command(w, data);
    else
        websocket_send_opcode(w, opcode, data);
}

static void on_closed(void *owner, bool clean, uint16_t code)
{
    struct echo *echo = owner;
    echo->newest = NULL;
    buf_printf(&echo->log, "closed %s %u\n", clean ? "clean" : "unclean", code);
}

static void on_socket(void *ctx, struct exchange *x)
{
    struct echo *echo = ctx;
    const char *subprotocol = getenv("SUBPROTOCOL");
    struct websocket_config config = {.message = on_message,
                                      .closed = on_closed,
                                      .owner = echo,
                                      .subprotocol = str_of(subprotocol),
                                      .message_bytes = MESSAGE_BYTES,
                                      .unsent_bytes = (size_t)echo->limits.client_unsent_bytes};
    echo->newest = websocket_accept(x, &config);
    if (!echo->newest)
        buf_puts(&echo->log, "gone before the handshake\n");
}

/* ---- requests ---- */

static void reply(struct exchange *x, struct str text)
{
    exchange_reply(x, 200, "text/plain; charset=utf-8", STR(""), text);
}

static void on_hold(struct echo *echo, struct exchange *x)
{
    struct held *h = xcalloc(1, sizeof *h);
    h->x = x;
    exchange_set(x, h);
    list_push_back(&echo->held, &h->node);
}

static void on_release(struct echo *echo, struct exchange *x)
{
    struct buf text = BUF_INIT(64);
    unsigned count = 0;
    LIST_EACH (&echo->held, it) {
        struct held *h = CONTAINER_OF(it, struct held, node);
        list_remove(it);
        reply(h->x, STR("released"));
        free(h);
        count++;
    }
    buf_printf(&text, "%u", count);
    reply(x, buf_str(&text));
    buf_release(&text);
}

static void on_kick(struct echo *echo, struct exchange *x)
{
    if (echo->newest)
        websocket_close(echo->newest, 4002, STR("kicked"));
    reply(x, STR("kicked"));
}

static void on_flood(struct echo *echo, struct exchange *x)
{
    if (echo->newest)
        send_many(echo->newest, 250, 65536);
    reply(x, STR("flooded"));
}

/* ---- a reply in parts ---- */

static void on_stream(struct echo *echo, struct exchange *x)
{
    echo->streamed = x;
    exchange_stream(x, 200, "text/event-stream", STR("X-Stream: yes\r\n"));
}

/* /part?7*TEXT: seven times */
static void on_part(struct echo *echo, struct exchange *x)
{
    struct str text = exchange_head(x)->query, times, rest;
    uint64_t n = 1;
    if (str_split(text, '*', &times, &rest) && !str_to_u64(times, MESSAGE_BYTES, &n))
        text = rest;
    for (uint64_t i = 0; i < n && echo->streamed; i++)
        exchange_stream_write(echo->streamed, text);
    reply(x, echo->streamed ? STR("written") : STR("nobody reads"));
}

static void on_last(struct echo *echo, struct exchange *x)
{
    if (echo->streamed)
        exchange_stream_end(echo->streamed);
    echo->streamed = NULL;
    reply(x, STR("ended"));
}

static void on_abandoned(void *ctx, struct exchange *x)
{
    struct echo *echo = ctx;
    struct held *h = exchange_value(x);
    if (x == echo->streamed)
        echo->streamed = NULL;
    buf_puts(&echo->log, "abandoned\n");
    if (h)
        list_remove(&h->node);
    free(h);
}

static void on_who(struct echo *echo, struct exchange *x)
{
    (void)echo;
    struct buf text = BUF_INIT(4096);
    buf_printf(&text, "%s %s ", exchange_address(x), exchange_secure(x) ? "secure" : "plain");
    if (exchange_origin(x, &text))
        buf_puts(&text, "no origin");
    reply(x, buf_str(&text));
    buf_release(&text);
}

static void on_log(struct echo *echo, struct exchange *x)
{
    reply(x, buf_str(&echo->log));
}

static void on_stats(struct echo *echo, struct exchange *x)
{
    struct edge_stats s = edge_stats(echo->edge);
    struct buf text = BUF_INIT(1024);
    buf_printf(&text, "{\"connections\":%zu,\"sockets\":%zu,\"exchanges\":%zu,\"inner_busy\":%zu,",
               s.connections, s.sockets, s.exchanges, s.inner_busy);
    buf_printf(&text, "\"inner_waiting\":%zu,\"unsent_bytes\":%zu,\"held\":%zu,\"heap\":%zu}",
               s.inner_waiting, s.unsent_bytes, (size_t)!list_empty(&echo->held),
               mallinfo2().uordblks);
    exchange_reply(x, 200, "application/json", STR(""), buf_str(&text));
    buf_release(&text);
}

static const struct page {
    const char *path;
    void (*answer)(struct echo *echo, struct exchange *x);
} PAGES[] = {
    {"/hold", on_hold},   {"/release", on_release}, {"/who", on_who},     {"/kick", on_kick},
    {"/flood", on_flood}, {"/log", on_log},         {"/stats", on_stats}, {"/stream", on_stream},
    {"/part", on_part},   {"/last", on_last},
};

static const struct page *page_of(const struct exchange *x)
{
    struct str path = exchange_head(x)->path;
    for (size_t i = 0; i < sizeof PAGES / sizeof PAGES[0]; i++)
        if (str_eq(path, str_of(PAGES[i].path)))
            return &PAGES[i];
    return NULL;
}

static void on_answer(void *ctx, struct exchange *x)
{
    const struct page *page = page_of(x);
    enum http_method method = exchange_head(x)->method;
    if (page)
        page->answer(ctx, x);
    else if (method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH)
        exchange_reply(x, 200, "application/octet-stream", STR("X-Echo: yes\r\n"),
                       exchange_body(x));
    else
        exchange_error(x, ERR_NOT_FOUND, "There is nothing here", 0);
}

static enum edge_route on_route(void *ctx, struct exchange *x, uint64_t *max_body)
{
    struct echo *echo = ctx;
    struct str path = exchange_head(x)->path;
    *max_body = MESSAGE_BYTES;
    if (str_eq(path, STR("/small")))
        *max_body = 1024;
    if (str_eq(path, str_of(echo->path)))
        return EDGE_SOCKET;
    if (str_starts(path, STR("/page/")) || str_starts(path, STR("/api/")))
        return EDGE_PAGE;
    if (!str_eq(path, STR("/early")))
        return EDGE_HERE;
    exchange_error(x, ERR_UNAUTHORIZED, "Too early", 1500);
    return EDGE_DONE;
}

/* Whoever sends the cookie who=NAME is that user. */
static bool on_identify(void *ctx, struct exchange *x, struct identity *who)
{
    (void)ctx;
    struct str name;
    if (!http_cookie(exchange_head(x), STR("who"), &name))
        return false;
    *who = (struct identity){.user_key = 7, .session_key = 8, .role = ROLE_ADMIN};
    return str_copy(who->name, sizeof who->name, name) && str_copy(who->language, 3, STR("de"));
}

/* ---- the program ---- */

static void set_limits(struct limits *l)
{
    struct str rest = str_of(getenv("LIMITS")), name, value;
    limits_default(l);
    while (rest.n) {
        str_split(word(&rest), '=', &name, &value);
        if (limits_set(l, name, value)) {
            fprintf(stderr, "ws_echo: bad limit %.*s\n", STR_ARG(name));
            exit(2);
        }
    }
}

static void set_inner(struct edge *edge)
{
    struct str rest = str_of(getenv("INNER"));
    uint64_t connections = 0;
    if (!rest.n)
        return;
    char *path = str_dup(word(&rest));
    if (str_to_u64(word(&rest), 64, &connections))
        exit(2);
    char *secret = str_dup(rest);
    edge_set_inner(edge, path, (unsigned)connections, secret);
    free(path);
    free(secret);
}

#define PROXIES_MAX 8

static void split_proxies(const char *out[PROXIES_MAX + 1], char *words[PROXIES_MAX])
{
    struct str rest = str_of(getenv("PROXIES"));
    for (size_t i = 0; rest.n && i < PROXIES_MAX; i++)
        out[i] = words[i] = str_dup(word(&rest));
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(arg);
}

static void on_drain(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    edge_drain(arg);
}

static void run(struct echo *echo)
{
    struct event *stop = evsignal_new(echo->base, SIGTERM, on_stop, echo->base);
    struct event *drain = evsignal_new(echo->base, SIGUSR1, on_drain, echo->edge);
    event_add(stop, NULL);
    event_add(drain, NULL);
    event_base_dispatch(echo->base);
    event_free(stop);
    event_free(drain);
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

int main(int argc, char **argv)
{
    struct echo echo = {.log = BUF_INIT(16 * 1024 * 1024)};
    struct buf why = BUF_INIT(4096), url = BUF_INIT(4096);
    const char *proxies[PROXIES_MAX + 1] = {0};
    char *words[PROXIES_MAX] = {0};
    if (argc != 3 || secret_start()) {
        fprintf(stderr, "usage: ws_echo HOST:PORT PATH\n");
        return 2;
    }
    log_set_level(getenv("DEBUG") ? LOG_DEBUG : LOG_WARN);
    set_limits(&echo.limits);
    split_proxies(proxies, words);
    list_init(&echo.held);
    echo.path = argv[2];
    echo.base = new_base();
    struct edge_config config = {
        .base = echo.base,
        .limits = &echo.limits,
        .handler = {&echo, on_route, on_answer, on_socket, on_abandoned, on_identify},
        .cert_file = getenv("CERT"),
        .key_file = getenv("KEY"),
        .trusted_proxies = proxies,
    };
    if (edge_new(&echo.edge, &config, &why) || edge_listen(echo.edge, argv[1], &url, &why)) {
        fprintf(stderr, "ws_echo: %s\n", buf_cstr(&why));
        return 1;
    }
    set_inner(echo.edge);
    printf("listening on %s\n", buf_cstr(&url));
    fflush(stdout);
    run(&echo);
    edge_free(echo.edge);
    event_base_free(echo.base);
    buf_release(&echo.log);
    buf_release(&why);
    buf_release(&url);
    for (size_t i = 0; i < PROXIES_MAX; i++)
        free(words[i]);
    return 0;
}

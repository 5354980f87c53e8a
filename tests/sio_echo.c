/* The Engine.IO and Socket.IO server without the relay, for outside conformance suites and our own
 * tests: sio_echo HOST:PORT [--engine]
 *
 * Without --engine, at /socket.io/, namespaces / and /custom (others: "Invalid namespace"):
 *   on connect                   emits `auth` with the connect payload
 *   message ARGS                 is answered by `message-back` with the same arguments
 *   message-with-ack ARGS        is acknowledged with its arguments
 * and, for our tests:
 *   ask ARGS                     `asked` with the same arguments, wanting an ack, which comes back
 * as `answered` with its arguments burst N                      N times `number` with 0, 1, ... in
 * one go big N                        `big` with a text of N bytes limit N sio_limit_message leave,
 * drop                  sio_disconnect, sio_drop With --engine, at /engine.io/: every message is
 * echoed.
 *
 *   /log        what became of connections, one a line
 *   /stats      {"sessions","polling","connections","sockets","heap"}
 *
 * The handshake's parameter `who` goes to the log.
 *
 * Environment: PING_INTERVAL, PING_TIMEOUT (ms), MAX_PAYLOAD (bytes), ORIGINS,
 * LIMITS="sio_upgrade_ms=300 ...", FIRST_MESSAGE (bytes), CERT, KEY. The first line on stdout is
 * "listening on URL". SIGTERM ends it, SIGUSR1 is sio_server_stop. */
#include "codec/socketio.h"
#include "hub/engine.h"
#include "hub/socketio.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"

#include <event2/event.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct echo {
    struct event_base *base;
    struct edge *edge;
    struct engine *engine;  /* --engine */
    struct sio_server *sio; /* else */
    struct limits limits;
    struct buf log;
};

/* ---- Socket.IO ---- */

static bool on_connect(void *ctx, struct sio_socket *s, struct str nsp, struct str auth,
                       struct str *why)
{
    struct echo *echo = ctx;
    struct buf name = BUF_INIT(100);
    (void)why;
    if (!str_eq(nsp, STR("/")) && !str_eq(nsp, STR("/custom")))
        return false;
    if (sio_query(s, STR("who"), &name))
        buf_printf(&echo->log, "who %.*s\n", STR_ARG(buf_str(&name)));
    buf_release(&name);
    sio_set(s, str_dup(auth.n ? auth : STR("{}")));
    return true;
}

static void on_connected(void *ctx, struct sio_socket *s)
{
    char *auth = sio_owner(s);
    (void)ctx;
    sio_emit(s, STR("auth"), str_of(auth), NULL, 0);
    free(auth);
}

static void on_message(struct sio_socket *s, const struct sio_event *e)
{
    sio_emit(s, STR("message-back"), e->args, e->binaries, e->binary_count);
}

static void on_message_with_ack(struct sio_socket *s, const struct sio_event *e)
{
    if (e->has_ack_id)
        sio_ack(s, e->ack_id, e->args, e->binaries, e->binary_count);
}

static void on_ask(struct sio_socket *s, const struct sio_event *e)
{
    sio_emit_ack(s, STR("asked"), e->args, e->binaries, e->binary_count);
}

static uint64_t number_of(const struct sio_event *e)
{
    uint64_t n = 0;
    if (str_to_u64(e->args, UINT32_MAX, &n))
        return 0;
    return n;
}

static void on_burst(struct sio_socket *s, const struct sio_event *e)
{
    uint64_t count = number_of(e);
    for (uint64_t i = 0; i < count; i++) {
        char text[24];
        snprintf(text, sizeof text, "%" PRIu64, i);
        sio_emit(s, STR("number"), str_of(text), NULL, 0);
    }
}

static void on_big(struct sio_socket *s, const struct sio_event *e)
{
    size_t n = (size_t)number_of(e);
    char *text = xcalloc(n + 2, 1);
    memset(text, 'x', n + 2);
    text[0] = text[n + 1] = '"';
    sio_emit(s, STR("big"), str_slice(text, n + 2), NULL, 0);
    free(text);
}

static void on_limit(struct sio_socket *s, const struct sio_event *e)
{
    sio_limit_message(s, (size_t)number_of(e));
}

static void on_leave(struct sio_socket *s, const struct sio_event *e)
{
    (void)e;
    sio_emit(s, STR("farewell"), STR(""), NULL, 0);
    sio_disconnect(s);
    sio_emit(s, STR("never"), STR(""), NULL, 0);
}

static void on_drop(struct sio_socket *s, const struct sio_event *e)
{
    (void)e;
    sio_drop(s);
}

static void on_event(void *ctx, struct sio_socket *s, const struct sio_event *e)
{
    static const struct {
        const char *name;
        void (*take)(struct sio_socket *s, const struct sio_event *e);
    } events[] = {
        {"message", on_message}, {"message-with-ack", on_message_with_ack},
        {"ask", on_ask},         {"burst", on_burst},
        {"big", on_big},         {"limit", on_limit},
        {"leave", on_leave},     {"drop", on_drop},
    };
    struct echo *echo = ctx;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (str_eq(e->name, str_of(events[i].name))) {
            events[i].take(s, e);
            return;
        }
    buf_printf(&echo->log, "event %.*s\n", STR_ARG(e->name));
}

static void on_ack(void *ctx, struct sio_socket *s, uint64_t id, struct str args,
                   const struct str *binaries, size_t count)
{
    (void)ctx;
    (void)id;
    sio_emit(s, STR("answered"), args, binaries, count);
}

static void on_closed(void *ctx, struct sio_socket *s, bool clean)
{
    struct echo *echo = ctx;
    buf_printf(&echo->log, "closed %.*s %s\n", STR_ARG(sio_namespace(s)),
               clean ? "clean" : "unclean");
}

/* ---- Engine.IO ---- */

static void on_opened(void *ctx, struct engine_session *s)
{
    (void)ctx;
    engine_forget_query(s);
}

static void on_engine_message(void *ctx, struct engine_session *s, bool binary, struct str data)
{
    (void)ctx;
    engine_send(s, binary, data);
}

static void on_engine_closed(void *ctx, struct engine_session *s, bool clean)
{
    struct echo *echo = ctx;
    (void)s;
    buf_printf(&echo->log, "closed %s\n", clean ? "clean" : "unclean");
}

/* ---- requests ---- */

static bool is_page(const struct exchange *x, const char *path)
{
    return str_eq(exchange_head(x)->path, str_of(path));
}

static enum edge_route on_route(void *ctx, struct exchange *x, uint64_t *max_body)
{
    struct echo *echo = ctx;
    if (is_page(x, "/log") || is_page(x, "/stats"))
        return EDGE_HERE;
    if (echo->engine && is_page(x, "/engine.io/"))
        return engine_route(echo->engine, x, max_body);
    if (echo->sio && is_page(x, "/socket.io/"))
        return sio_route(echo->sio, x, max_body);
    exchange_error(x, ERR_NOT_FOUND, "There is nothing here", 0);
    return EDGE_DONE;
}

static void reply_stats(struct echo *echo, struct exchange *x)
{
    struct edge_stats edge = edge_stats(echo->edge);
    struct buf text = BUF_INIT(1024);
    size_t polling, all = echo->engine ? engine_count(echo->engine, &polling)
                                       : sio_server_count(echo->sio, &polling);
    buf_printf(&text,
               "{\"sessions\":%zu,\"polling\":%zu,\"connections\":%zu,\"sockets\":%zu,"
               "\"heap\":%zu}",
               all, polling, edge.connections, edge.sockets, mallinfo2().uordblks);
    exchange_reply(x, 200, "application/json", STR(""), buf_str(&text));
    buf_release(&text);
}

static void on_answer(void *ctx, struct exchange *x)
{
    struct echo *echo = ctx;
    if (is_page(x, "/log"))
        exchange_reply(x, 200, "text/plain", STR(""), buf_str(&echo->log));
    else if (is_page(x, "/stats"))
        reply_stats(echo, x);
    else if (echo->engine)
        engine_answer(echo->engine, x);
    else
        sio_answer(echo->sio, x);
}

static void on_socket(void *ctx, struct exchange *x)
{
    struct echo *echo = ctx;
    if (echo->engine)
        engine_upgrade(echo->engine, x);
    else
        sio_upgrade(echo->sio, x);
}

static void on_abandoned(void *ctx, struct exchange *x)
{
    struct echo *echo = ctx;
    if (echo->engine)
        engine_abandoned(echo->engine, x);
    else
        sio_abandoned(echo->sio, x);
}

/* ---- the program ---- */

static void set_limit(struct limits *l, struct str name, struct str value)
{
    if (!value.n || !limits_set(l, name, value))
        return;
    fprintf(stderr, "sio_echo: bad limit %.*s\n", STR_ARG(name));
    exit(2);
}

static void set_limits(struct limits *l)
{
    struct str rest = str_of(getenv("LIMITS")), one, name, value;
    limits_default(l);
    set_limit(l, STR("ping_every_ms"), str_of(getenv("PING_INTERVAL")));
    set_limit(l, STR("ping_timeout_ms"), str_of(getenv("PING_TIMEOUT")));
    set_limit(l, STR("sio_message_bytes"), str_of(getenv("MAX_PAYLOAD")));
    while (rest.n) {
        str_split(rest, ' ', &one, &rest);
        str_split(one, '=', &name, &value);
        set_limit(l, name, value);
    }
}

static void start_server(struct echo *echo, bool engine)
{
    const char *origins = getenv("ORIGINS"), *first = getenv("FIRST_MESSAGE");
    uint64_t first_bytes = 0;
    if (first && str_to_u64(str_of(first), UINT32_MAX, &first_bytes))
        exit(2);
    if (engine) {
        struct engine_config config = {
            .base = echo->base,
            .limits = &echo->limits,
            .origins = origins ? origins : "*",
            .first_message_bytes = (size_t)first_bytes,
            .handler = {echo, on_opened, on_engine_message, on_engine_closed}};
        echo->engine = engine_new(&config);
        return;
    }
    struct sio_config config = {
        .base = echo->base,
        .limits = &echo->limits,
        .origins = origins ? origins : "*",
        .first_message_bytes = (size_t)first_bytes,
        .handler = {echo, on_connect, on_connected, on_event, on_ack, on_closed}};
    echo->sio = sio_server_new(&config);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(arg);
}

static void on_drain(evutil_socket_t fd, short what, void *arg)
{
    struct echo *echo = arg;
    (void)fd;
    (void)what;
    if (echo->engine)
        engine_stop(echo->engine);
    else
        sio_server_stop(echo->sio);
}

static void run(struct echo *echo)
{
    struct event *stop = evsignal_new(echo->base, SIGTERM, on_stop, echo->base);
    struct event *drain = evsignal_new(echo->base, SIGUSR1, on_drain, echo);
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
    bool engine = argc == 3 && str_eq(str_of(argv[2]), STR("--engine"));
    if (argc < 2 || argc > 3 || (argc == 3 && !engine) || secret_start()) {
        fprintf(stderr, "usage: sio_echo HOST:PORT [--engine]\n");
        return 2;
    }
    log_set_level(getenv("DEBUG") ? LOG_DEBUG : LOG_WARN);
    set_limits(&echo.limits);
    echo.base = new_base();
    start_server(&echo, engine);
    struct edge_config config = {
        .base = echo.base,
        .limits = &echo.limits,
        .handler = {&echo, on_route, on_answer, on_socket, on_abandoned, NULL},
        .cert_file = getenv("CERT"),
        .key_file = getenv("KEY"),
    };
    if (edge_new(&echo.edge, &config, &why) || edge_listen(echo.edge, argv[1], &url, &why)) {
        fprintf(stderr, "sio_echo: %s\n", buf_cstr(&why));
        return 1;
    }
    printf("listening on %s\n", buf_cstr(&url));
    fflush(stdout);
    run(&echo);
    edge_free(echo.edge);
    engine_free(echo.engine);
    sio_server_free(echo.sio);
    event_base_free(echo.base);
    buf_release(&echo.log);
    buf_release(&why);
    buf_release(&url);
    return 0;
}

/* What the hub's own files stand between, as puppets: below them the edge, above them the app.
 * Include it in one file of a test program; it then replaces those modules. */
#ifndef TESTS_HUB_FAKES_H
#define TESTS_HUB_FAKES_H

#include "hub/ask.h"
#include "hub/health.h"
#include "hub/loop.h"
#include "hub/socketio.h"
#include "hub/spaces_app.h"
#include "hub/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SENT_MAX   64
#define EVENTS_MAX 64

/* ---- below ---- */

struct exchange {
    struct http_head head;
    char *text;
    struct str content; /* of the request */
    const char *address, *origin;
    void *value;
    unsigned status; /* of the reply; 0 = none yet */
    char type[80], headers[200], body[4096];
    struct websocket *socket; /* when it became one */
};

struct websocket {
    struct websocket_config config;
    char *sent[SENT_MAX];
    size_t count;
    uint16_t closed; /* the first code */
    size_t limit;    /* of a message, as last set */
};

/* lines: the request line and header lines, each ended with CRLF. */
static inline struct exchange *exchange_fake(const char *lines)
{
    struct exchange *x = calloc(1, sizeof *x);
    struct http_limits limits = {16384, 8192, 100, 0};
    size_t n = strlen(lines), used = 0;
    unsigned status = 0;
    const char *why = "";
    x->text = malloc(n + 3);
    memcpy(x->text, lines, n);
    memcpy(x->text + n, "\r\n", 3);
    x->address = "192.0.2.7";
    x->origin = "https://relay.example";
    if (http_parse_request(str_of(x->text), &limits, &x->head, &used, &status, &why))
        fail_msg("%s: %s", why, lines);
    return x;
}

static inline void exchange_fake_free(struct exchange *x)
{
    http_head_release(&x->head);
    free(x->text);
    free(x);
}

const struct http_head *exchange_head(const struct exchange *x)
{
    return &x->head;
}

struct str exchange_body(const struct exchange *x)
{
    return x->content;
}

const char *exchange_address(const struct exchange *x)
{
    return x->address;
}

enum err exchange_origin(const struct exchange *x, struct buf *out)
{
    return buf_puts(out, x->origin);
}

void exchange_set(struct exchange *x, void *value)
{
    x->value = value;
}

void *exchange_value(const struct exchange *x)
{
    return x->value;
}

void exchange_reply(struct exchange *x, unsigned status, const char *content_type,
                    struct str headers, struct str body)
{
    assert_int_equal(x->status, 0);
    x->status = status;
    assert_true(str_copy(x->type, sizeof x->type, str_of(content_type)));
    assert_true(str_copy(x->headers, sizeof x->headers, headers));
    assert_true(str_copy(x->body, sizeof x->body, body));
}

void exchange_error_with(struct exchange *x, enum err e, const char *message, struct str headers)
{
    exchange_reply(x, (unsigned)err_http_status(e), "application/json", headers, str_of(message));
}

void exchange_error(struct exchange *x, enum err e, const char *message, uint64_t retry_after_ms)
{
    (void)retry_after_ms;
    exchange_error_with(x, e, message, STR(""));
}

void exchange_stream(struct exchange *x, unsigned status, const char *content_type,
                     struct str headers)
{
    exchange_reply(x, status, content_type, headers, STR(""));
}

void exchange_stream_write(struct exchange *x, struct str part)
{
    assert_true(str_copy(x->body, sizeof x->body, part));
}

void exchange_stream_break(struct exchange *x)
{
    (void)x;
}

void exchange_stream_end(struct exchange *x)
{
    assert_int_not_equal(x->status, 0);
}

struct edge_stats edge_stats(const struct edge *e)
{
    (void)e;
    return (struct edge_stats){.connections = 12};
}

struct websocket *websocket_accept(struct exchange *x, const struct websocket_config *config)
{
    x->socket = calloc(1, sizeof *x->socket);
    x->socket->config = *config;
    return x->socket;
}

void websocket_limit_message(struct websocket *w, size_t bytes)
{
    w->limit = bytes;
}

void websocket_limit_unsent(struct websocket *w, size_t bytes)
{
    (void)w;
    (void)bytes;
}

void websocket_send(struct websocket *w, struct str text)
{
    assert_true(w->count < SENT_MAX);
    assert_int_equal(w->closed, 0);
    w->sent[w->count++] = str_dup(text);
}

void websocket_send_frame(struct websocket *w, struct bytes *frame, bool crowd)
{
    (void)crowd;
    struct str s = bytes_str(frame);
    size_t skip = str_find(s, '{');
    websocket_send(w, str_slice(s.p + skip, s.n - skip));
}

void websocket_close(struct websocket *w, uint16_t code, struct str reason)
{
    (void)reason;
    if (!w->closed)
        w->closed = code;
}

const char *websocket_address(const struct websocket *w)
{
    (void)w;
    return "192.0.2.7";
}

/* ---- Socket.IO: nobody speaks it here ---- */

struct sio_server *spaces_apps_server(struct spaces_apps *all)
{
    (void)all;
    return NULL;
}

void spaces_app_send(struct conn *c, const struct app_out *m)
{
    (void)c;
    (void)m;
    fail();
}

void spaces_app_close(struct conn *c, uint16_t code)
{
    (void)c;
    (void)code;
    fail();
}

enum edge_route sio_route(struct sio_server *sv, struct exchange *x, uint64_t *max_body)
{
    (void)sv;
    (void)x;
    (void)max_body;
    return EDGE_HERE;
}

void sio_answer(struct sio_server *sv, struct exchange *x)
{
    (void)sv;
    (void)x;
    fail();
}

void sio_upgrade(struct sio_server *sv, struct exchange *x)
{
    (void)sv;
    (void)x;
    fail();
}

void sio_abandoned(struct sio_server *sv, struct exchange *x)
{
    (void)sv;
    (void)x;
    fail();
}

static inline void websocket_say(struct websocket *w, const char *text)
{
    w->config.message(w->config.owner, w, WS_TEXT, str_of(text));
}

/* The peer's end of it; w is gone afterwards. */
static inline void websocket_gone(struct websocket *w, bool clean)
{
    w->config.closed(w->config.owner, clean, clean ? 1000 : 1006);
    while (w->count)
        free(w->sent[--w->count]);
    free(w);
}

static inline const char *websocket_last(const struct websocket *w)
{
    return w->count ? w->sent[w->count - 1] : "";
}

/* ---- above ---- */

/* What the core was told, without what is borrowed. */
struct told {
    enum event_kind kind;
    uint64_t conn;
    bool clean;
    enum app_msg_kind app_kind;
    enum client_msg_kind client_kind;
    enum token_state token_state;
    struct token_claims claims;
    struct topic_id topic;
    int64_t user_key;
};

struct app {
    struct limits limits;
    struct sign_key key;
    bool needs_setup;
    const char *cookie;  /* of the one person that there is */
    const char *api_key; /* of the same */
    struct identity person, by_key;
    struct told told[EVENTS_MAX];
    size_t count;
    struct reply reply;     /* to every command; heap parts are given away */
    struct command command; /* the last; its payload is owned */
    bool answers_late, stepping;
    app_answered *answered; /* of the command that waits */
    void *answered_ctx;
    size_t saves_pending;
    const char *store_trouble;
};

void hub_event(struct hub *h, struct relay_event *e)
{
    struct app *a = h->app;
    assert_true(a->count < EVENTS_MAX);
    a->told[a->count++] = (struct told){
        .kind = e->kind,
        .conn = e->conn,
        .clean = e->clean,
        .app_kind = e->app_msg ? e->app_msg->kind : APP_MSG__MAX,
        .client_kind = e->client_msg ? e->client_msg->kind : CLIENT_MSG__MAX,
        .token_state = e->token_state,
        .claims = e->claims,
        .topic = e->client_msg ? e->client_msg->topic : e->topic,
        .user_key = e->who ? e->who->user_key : 0,
    };
}

void hub_unwatch(struct hub *h, struct topic_id topic)
{
    struct relay_event e = {.kind = EVENT_UNWATCH, .topic = topic};
    hub_event(h, &e);
}

static inline const struct told *app_told_last(const struct app *a)
{
    assert_true(a->count > 0);
    return &a->told[a->count - 1];
}

static inline size_t app_told_count(const struct app *a, enum event_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < a->count; i++)
        n += a->told[i].kind == kind;
    return n;
}

bool app_identify(struct app *a, const struct hash *cookie, struct identity *who)
{
    assert_false(a->stepping);
    if (!a->cookie || !hash_eq(*cookie, secret_hash(str_of(a->cookie))))
        return false;
    *who = a->person;
    return true;
}

bool app_identify_key(struct app *a, const struct hash *secret, struct identity *who)
{
    assert_false(a->stepping);
    if (!hash_eq(*secret, secret_hash(str_of(a->api_key))))
        return false;
    *who = a->by_key;
    return true;
}

bool app_needs_setup(const struct app *a)
{
    return a->needs_setup;
}

const struct sign_key *app_sign_key(const struct app *a)
{
    return &a->key;
}

const char *app_store_trouble(const struct app *a)
{
    return a->store_trouble;
}

size_t app_saves_pending(const struct app *a)
{
    return a->saves_pending;
}

static inline void app_answer_late(struct app *a)
{
    struct reply r = a->reply;
    a->stepping = true;
    a->answered(a->answered_ctx, &r);
    a->stepping = false;
}

void app_command(struct app *a, struct command *cmd, app_answered *answered, void *ctx)
{
    command_release(&a->command);
    a->command = *cmd;
    a->answered = answered;
    a->answered_ctx = ctx;
    if (!a->answers_late)
        app_answer_late(a);
}

void hub_command(struct hub *h, struct command *cmd, app_answered *answered, void *ctx)
{
    app_command(h->app, cmd, answered, ctx);
}

/* ---- between ---- */

static inline void hub_fake_init(struct hub *h, struct app *a)
{
    static const uint8_t seed[32] = {7};
    *a = (struct app){
        .cookie = "good",
        .reply = {.stats = {.queued = 34}},
        .person = {.user_key = 5,
                   .session_key = 6,
                   .role = ROLE_USER,
                   .scopes = SCOPES_ALL,
                   .name = "ann"},
        .api_key = "sr_good",
        .by_key = {.user_key = 5, .session_key = 7, .scopes = SCOPE_READ, .name = "ann"}};
    limits_default(&a->limits);
    sign_key_from_seed(&a->key, seed);
    *h = (struct hub){.app = a, .limits = &a->limits, .base = loop_new()};
    native_init(&h->decoder, h->limits);
    buf_init(&h->scratch, 1 << 20);
    list_init(&h->asks);
    h->topics = topics_new(h->limits);
}

static inline void hub_fake_release(struct hub *h)
{
    asks_release(h);
    command_release(&h->app->command);
    topics_free(h->topics);
    native_release(&h->decoder);
    buf_release(&h->scratch);
    loop_free(h->base);
}

#endif

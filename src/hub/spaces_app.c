#include "hub/spaces_app.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/log.h"
#include "codec/socketio.h"
#include "codec/spaces.h"
#include "codec/token.h"
#include "hub/app_socket.h"
#include "hub/loop.h"
#include "hub/socketio.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of a message before it is registered: strangers get no room for results. */
#define REGISTER_BYTES  ((size_t)256 * 1024)
#define TOKEN_BYTES     TOKEN_MAX_BYTES
#define CLOSE_TAKEN     4003
#define CLOSE_STAY_AWAY 4500 /* and above: the app is asked not to come back */

struct spaces_apps {
    struct hub *hub;
    struct sio_server *server;
    struct buf made, joined; /* of the event being handled */
};

/* A final frame that the core has not answered yet. These apps send it once and forget it, so it is
 * kept for them until it is on disk. */
struct kept {
    struct list link;
    struct uuid request_id;
    const char *event;
    bool refused; /* by a store that could not save: to be tried again */
    bool has_ack_id;
    uint64_t ack_id;
    size_t bytes;
    char arg[];
};

struct spaces_app {
    struct conn conn;
    struct sio_socket *sio;
    struct trigger *timer; /* to register; then the next try of what is kept */
    char *token;           /* of the connect payload or the URL; NULL when none */
    char *space_name;      /* of its newest `register` */
    bool registered;
    bool may_stay; /* its refusal is no reason to close */
    bool refused;  /* the log knows */
    struct list kept;
    size_t kept_bytes;
};

static struct spaces_app *app_of(struct conn *c)
{
    return CONTAINER_OF(c, struct spaces_app, conn);
}

/* ---- out ---- */

static void emit(struct spaces_app *s, const struct app_out *m)
{
    struct buf *b = &s->conn.hub->scratch;
    const char *name = spaces_encode(b, m, str_of(s->space_name));
    if (name && b->failed)
        sio_drop(s->sio);
    else if (name)
        sio_emit(s->sio, str_of(name), buf_str(b), NULL, 0);
    buf_consume(b, b->len);
    buf_clear(b);
}

/* Who is refused may stay and go on being refused: once is enough for the log. */
static enum log_level refusal_level(struct spaces_app *s)
{
    enum log_level level = s->refused ? LOG_DEBUG : LOG_INFO;
    s->refused = true;
    return level;
}

static void refuse(struct spaces_app *s, struct str message)
{
    emit(s,
         &(struct app_out){.kind = APP_OUT_REFUSED, .code = ERR_BAD_MESSAGE, .message = message});
}

static void forget_token(struct spaces_app *s)
{
    if (s->token)
        secret_wipe(s->token, strlen(s->token));
    free(s->token);
    s->token = NULL;
}

static void on_registered(struct spaces_app *s)
{
    log_info("hub", "app %" PRIu64 " from %s serves space %s over Socket.IO", s->conn.number,
             sio_address(s->sio), s->space_name);
    s->registered = true;
    trigger_stop(s->timer);
    forget_token(s);
    sio_limit_message(s->sio, s->conn.hub->limits->app_message_bytes);
}

/* ---- what is kept ---- */

static void drop_kept(struct spaces_app *s, struct kept *k)
{
    list_remove(&k->link);
    s->kept_bytes -= k->bytes;
    free(k);
}

static void answer_kept(struct spaces_app *s, const struct app_out *m)
{
    LIST_EACH (&s->kept, it) {
        struct kept *k = CONTAINER_OF(it, struct kept, link);
        if (!uuid_eq(k->request_id, m->lease.request_id) || k->refused)
            continue;
        if (m->code == ERR_STORE_UNAVAILABLE) {
            k->refused = true;
            trigger_after(s->timer, s->conn.hub->limits->save_retry_ms);
            return;
        }
        if (k->has_ack_id)
            sio_ack(s->sio, k->ack_id, STR(""), NULL, 0);
        drop_kept(s, k);
        return;
    }
}

void spaces_app_send(struct conn *c, const struct app_out *m)
{
    struct spaces_app *s = app_of(c);
    if (m->kind == APP_OUT_ACK) {
        answer_kept(s, m);
        return;
    }
    if (m->kind == APP_OUT_REGISTERED)
        on_registered(s);
    else if (m->kind == APP_OUT_REFUSED)
        log_line(refusal_level(s), "hub", "app %" PRIu64 " from %s was refused: %.*s", c->number,
                 sio_address(s->sio), STR_ARG(m->message));
    s->may_stay = m->kind == APP_OUT_REFUSED && m->code == ERR_BAD_MESSAGE;
    emit(s, m);
}

void spaces_app_close(struct conn *c, uint16_t code)
{
    struct spaces_app *s = app_of(c);
    if (s->may_stay && code == CLOSE_STAY_AWAY) {
        s->may_stay = false;
        return;
    }
    c->closing = true;
    if (code == CLOSE_TAKEN || code >= CLOSE_STAY_AWAY)
        sio_disconnect(s->sio);
    else
        sio_drop(s->sio);
}

/* ---- in ---- */

static void tell_core(struct spaces_app *s, const struct app_msg *m)
{
    struct relay_event e = {.kind = EVENT_APP_MESSAGE,
                            .conn = s->conn.number,
                            .app_msg = m,
                            .address = sio_address(s->sio)};
    if (m->kind == APP_MSG_REGISTER)
        app_token_read(s->conn.hub, m->reg.token.n ? m->reg.token : str_of(s->token), &e);
    hub_event(s->conn.hub, &e);
}

static void on_register(struct spaces_app *s, const struct app_msg *m)
{
    if (s->registered) {
        refuse(s, STR("This connection is registered already"));
        return;
    }
    free(s->space_name);
    s->space_name = str_dup(m->reg.space_name);
    tell_core(s, m);
}

/* False when there is no room: the connection is dropped, and its requests are done again. */
static bool keep(struct spaces_app *s, const struct sio_event *e, struct str arg,
                 const struct app_msg *m)
{
    struct kept *k = s->kept_bytes + arg.n <= s->conn.hub->limits->app_unsent_bytes
                         ? malloc(sizeof *k + arg.n)
                         : NULL;
    if (!k) {
        log_warn("hub", "app %" PRIu64 " is dropped: its results cannot be saved, and are too many",
                 s->conn.number);
        s->conn.closing = true;
        sio_drop(s->sio);
        return false;
    }
    *k = (struct kept){.request_id = m->lease.request_id, .bytes = arg.n};
    k->event = m->kind == APP_MSG_ERROR && str_eq(e->name, STR("inference_error"))
                   ? "inference_error"
                   : "inference_result";
    k->has_ack_id = e->has_ack_id;
    k->ack_id = e->ack_id;
    memcpy(k->arg, arg.p, arg.n);
    s->kept_bytes += arg.n;
    list_push_back(&s->kept, &k->link);
    return true;
}

static void on_refused_event(struct spaces_app *s, const struct sio_event *e)
{
    const struct native_decoder *d = &s->conn.hub->decoder;
    log_line(refusal_level(s), "hub", "app %" PRIu64 ": event %.*s: %s", s->conn.number,
             STR_ARG(e->name), d->why);
    if (str_eq(e->name, STR("register")))
        refuse(s, str_of(d->why));
    if (e->has_ack_id)
        sio_ack(s->sio, e->ack_id, STR(""), NULL, 0);
}

/* Its only argument, attachments in their places; "" when there is none. */
static enum err take_argument(struct spaces_apps *all, const struct sio_event *e, struct str *arg)
{
    struct str rest = e->args;
    *arg = STR("");
    if (!sio_arg_next(&rest, arg) || !e->binary_count)
        return OK;
    buf_clear(&all->joined);
    enum err err =
        spaces_join(&all->hub->decoder, *arg, e->binaries, e->binary_count, &all->joined);
    *arg = buf_str(&all->joined);
    return err;
}

static void take_event(struct spaces_apps *all, struct spaces_app *s, const struct sio_event *e)
{
    struct app_msg m;
    struct str arg;
    enum err err = take_argument(all, e, &arg);
    if (!err)
        err = spaces_decode(&all->hub->decoder, e->name, arg, &all->made, &m);
    if (err) {
        on_refused_event(s, e);
        return;
    }
    bool final = m.kind == APP_MSG_RESULT || m.kind == APP_MSG_ERROR;
    if (m.kind == APP_MSG_REGISTER)
        on_register(s, &m);
    else if (s->registered && (!final || keep(s, e, arg, &m)))
        tell_core(s, &m);
    if (e->has_ack_id && !(final && s->registered))
        sio_ack(s->sio, e->ack_id, STR(""), NULL, 0);
}

static void on_event(void *ctx, struct sio_socket *sio, const struct sio_event *e)
{
    struct spaces_apps *all = ctx;
    struct spaces_app *s = sio_owner(sio);
    if (s->conn.closing)
        return;
    take_event(all, s, e);
    buf_consume(&all->joined, all->joined.len); /* many bytes are not kept for the next event */
    buf_consume(&all->made, all->made.len);
}

/* ---- time ---- */

static void try_again(struct spaces_app *s)
{
    struct hub *h = s->conn.hub;
    LIST_EACH (&s->kept, it) {
        struct kept *k = CONTAINER_OF(it, struct kept, link);
        struct app_msg m;
        if (!k->refused)
            continue;
        k->refused = false;
        if (!spaces_decode(&h->decoder, str_of(k->event), str_slice(k->arg, k->bytes),
                           &h->spaces_apps->made, &m))
            tell_core(s, &m);
    }
}

static void on_timer(void *ctx)
{
    struct spaces_app *s = ctx;
    if (s->conn.closing)
        return;
    if (s->registered)
        try_again(s);
    else
        spaces_app_close(&s->conn, 4001);
}

/* ---- life ---- */

static char *token_of(struct sio_socket *sio, struct str auth)
{
    struct buf b = BUF_INIT(TOKEN_BYTES);
    char *token = NULL;
    if (spaces_auth_token(auth, &b) || sio_query(sio, STR("token"), &b))
        token = str_dup(buf_str(&b));
    buf_release(&b);
    return token;
}

static bool on_connect(void *ctx, struct sio_socket *sio, struct str nsp, struct str auth,
                       struct str *why)
{
    struct spaces_apps *all = ctx;
    (void)why;
    if (!str_eq(nsp, STR("/")) || hub_stopping(all->hub))
        return false;
    struct spaces_app *s = xcalloc(1, sizeof *s);
    s->sio = sio;
    s->token = token_of(sio, auth);
    list_init(&s->kept);
    s->timer = trigger_timer(all->hub->base, on_timer, s);
    trigger_after(s->timer, all->hub->limits->sio_register_ms);
    conn_enter(&s->conn, all->hub, CONN_SPACES_APP);
    sio_set(sio, s);
    return true;
}

static void app_free(struct spaces_app *s)
{
    trigger_free(s->timer);
    forget_token(s);
    LIST_EACH (&s->kept, it)
        drop_kept(s, CONTAINER_OF(it, struct kept, link));
    free(s->space_name);
    free(s);
}

static void on_closed(void *ctx, struct sio_socket *sio, bool clean)
{
    struct spaces_apps *all = ctx;
    struct spaces_app *s = sio_owner(sio);
    struct relay_event e = {.kind = EVENT_APP_GONE, .conn = s->conn.number, .clean = clean};
    log_line(s->registered ? LOG_INFO : LOG_DEBUG, "hub", "app %" PRIu64 " has gone%s",
             s->conn.number, clean || s->conn.closing ? "" : ", not clean");
    conn_forget(&s->conn);
    app_free(s);
    hub_event(all->hub, &e);
}

struct spaces_apps *spaces_apps_new(struct hub *h, const char *origins)
{
    struct spaces_apps *all = xcalloc(1, sizeof *all);
    struct sio_config config = {
        .base = h->base,
        .limits = h->limits,
        .origins = origins ? origins : "*",
        .first_message_bytes = REGISTER_BYTES,
        .handler = {.ctx = all, .connect = on_connect, .event = on_event, .closed = on_closed}};
    all->hub = h;
    buf_init(&all->made, SIZE_MAX);
    buf_init(&all->joined, SIZE_MAX);
    all->server = sio_server_new(&config);
    return all;
}

void spaces_apps_free(struct spaces_apps *all)
{
    if (!all)
        return;
    sio_server_free(all->server);
    buf_release(&all->made);
    buf_release(&all->joined);
    free(all);
}

void spaces_apps_stop(struct spaces_apps *all)
{
    sio_server_stop(all->server);
}

struct sio_server *spaces_apps_server(struct spaces_apps *all)
{
    return all->server;
}

#include "hub/app_socket.h"

#include "base/alloc.h"
#include "base/log.h"
#include "codec/token.h"
#include "hub/loop.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of a message before it is registered: strangers get no room for results. RESUME_MAX leases fit.
 */
#define REGISTER_BYTES ((size_t)256 * 1024)
/* They get no room for answers either. */
#define STRANGER_UNSENT_BYTES (4 * REGISTER_BYTES)

struct app_socket {
    struct conn conn;
    struct trigger *register_timer; /* until it is registered */
    char *bearer;                   /* of the handshake; NULL when none, and once registered */
    bool registered;
};

static struct app_socket *socket_of(struct conn *c)
{
    return CONTAINER_OF(c, struct app_socket, conn);
}

static void forget_bearer(struct app_socket *s)
{
    if (s->bearer)
        secret_wipe(s->bearer, strlen(s->bearer));
    free(s->bearer);
    s->bearer = NULL;
}

void app_socket_free(struct conn *c)
{
    struct app_socket *s = socket_of(c);
    trigger_free(s->register_timer);
    forget_bearer(s);
    free(s);
}

/* ---- messages ---- */

static void send_error(struct app_socket *s, enum err e)
{
    const struct native_decoder *d = &s->conn.hub->decoder;
    struct app_out m = {.kind = APP_OUT_ERROR,
                        .code = e,
                        .message = str_of(d->why[0] ? d->why : err_message(e)),
                        .has_lease = d->has_request_id,
                        .lease.request_id = d->request_id};
    app_socket_send(&s->conn, &m);
    if (e == ERR_BAD_JSON)
        conn_close(&s->conn, 1007, STR("not JSON"));
}

void app_token_read(struct hub *h, struct str token, struct relay_event *e)
{
    struct token_parts parts;
    e->token_state = TOKEN_ABSENT;
    if (!token.n)
        return;
    e->token_state = TOKEN_INVALID;
    if (token_verify(app_sign_key(h->app)->public_key, token, &parts))
        return;
    e->token_state = TOKEN_SIGNED;
    e->claims = (struct token_claims){.space_id = parts.space_id,
                                      .id = parts.id,
                                      .issued_ms = parts.issued_ms,
                                      .expires_ms = parts.expires_ms};
}

static void on_message(void *owner, struct websocket *w, enum ws_opcode opcode, struct str data)
{
    struct app_socket *s = owner;
    struct hub *h = s->conn.hub;
    struct app_msg m;
    if (s->conn.closing)
        return;
    if (opcode != WS_TEXT) {
        conn_close(&s->conn, 1003, STR("text frames only"));
        return;
    }
    enum err err = native_decode_app(&h->decoder, data, &m);
    if (err) {
        send_error(s, err);
        return;
    }
    struct relay_event e = {.kind = EVENT_APP_MESSAGE,
                            .conn = s->conn.number,
                            .app_msg = &m,
                            .address = websocket_address(w)};
    if (m.kind == APP_MSG_REGISTER) /* its own token goes before the handshake's */
        app_token_read(h, m.reg.token.n ? m.reg.token : str_of(s->bearer), &e);
    hub_event(h, &e);
}

/* ---- life ---- */

static void on_closed(void *owner, bool clean, uint16_t code)
{
    struct app_socket *s = owner;
    struct hub *h = s->conn.hub;
    struct relay_event e = {.kind = EVENT_APP_GONE, .conn = s->conn.number, .clean = clean};
    log_line(s->registered ? LOG_INFO : LOG_DEBUG, "hub", "app %" PRIu64 " has gone, code %u%s",
             s->conn.number, code, clean || s->conn.closing ? "" : ", not clean");
    conn_forget(&s->conn);
    app_socket_free(&s->conn);
    hub_event(h, &e);
}

static void on_register_late(void *ctx)
{
    struct app_socket *s = ctx;
    conn_close(&s->conn, 4001, STR("no register came"));
}

/* Heap; NULL when there is none. */
static char *bearer_of(const struct http_head *head)
{
    struct str token;
    return http_bearer(head, &token) ? str_dup(token) : NULL;
}

void app_socket_open(struct hub *h, struct exchange *x)
{
    struct app_socket *s = xcalloc(1, sizeof *s);
    struct websocket_config config = {.message = on_message,
                                      .closed = on_closed,
                                      .owner = s,
                                      .message_bytes = h->limits->app_message_bytes,
                                      .unsent_bytes = h->limits->app_unsent_bytes};
    s->bearer = bearer_of(exchange_head(x));
    if (!conn_accept(&s->conn, h, CONN_APP, x, &config)) {
        app_socket_free(&s->conn);
        return;
    }
    websocket_limit_message(s->conn.socket, REGISTER_BYTES);
    websocket_limit_unsent(s->conn.socket, STRANGER_UNSENT_BYTES);
    s->register_timer = trigger_timer(h->base, on_register_late, s);
    trigger_after(s->register_timer, h->limits->register_ms);
    log_debug("hub", "app socket %" PRIu64 " from %s", s->conn.number,
              websocket_address(s->conn.socket));
}

static void on_registered(struct app_socket *s, const struct app_out *m)
{
    char space[UUID_TEXT_BYTES];
    uuid_format(m->space_id, space);
    log_info("hub", "app %" PRIu64 " from %s serves space %s", s->conn.number,
             websocket_address(s->conn.socket), space);
    s->registered = true;
    websocket_limit_message(s->conn.socket, s->conn.hub->limits->app_message_bytes);
    websocket_limit_unsent(s->conn.socket, s->conn.hub->limits->app_unsent_bytes);
    trigger_free(s->register_timer);
    s->register_timer = NULL;
    forget_bearer(s);
}

void app_socket_send(struct conn *c, const struct app_out *m)
{
    if (m->kind == APP_OUT_REGISTERED)
        on_registered(socket_of(c), m);
    else if (m->kind == APP_OUT_REFUSED)
        log_info("hub", "app %" PRIu64 " from %s was refused: %.*s", c->number,
                 websocket_address(c->socket), STR_ARG(m->message));
    conn_send_scratch(c, native_encode_app(&c->hub->scratch, m));
}

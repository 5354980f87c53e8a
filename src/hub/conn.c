#include "hub/conn.h"

#include "base/log.h"
#include "hub/call.h"
#include "hub/spaces_app.h"
#include "hub/state.h"

#define SUBPROTOCOL    "spacerelay.v1"
#define CLOSE_SHUTDOWN 1001

/* None offered means version 1; only others offered is refused. */
static bool choose_subprotocol(struct exchange *x, struct str *chosen)
{
    const struct http_head *head = exchange_head(x);
    *chosen = STR("");
    if (!http_field(head, STR("Sec-WebSocket-Protocol")))
        return true;
    if (http_field_has_token(head, STR("Sec-WebSocket-Protocol"), STR(SUBPROTOCOL))) {
        *chosen = STR(SUBPROTOCOL);
        return true;
    }
    exchange_error(x, ERR_BAD_MESSAGE, "The only subprotocol here is " SUBPROTOCOL, 0);
    return false;
}

bool conn_accept(struct conn *c, struct hub *h, enum conn_kind kind, struct exchange *x,
                 struct websocket_config *config)
{
    if (hub_stopping(h)) {
        exchange_error(x, ERR_SHUTTING_DOWN, err_message(ERR_SHUTTING_DOWN), 1000);
        return false;
    }
    if (!choose_subprotocol(x, &config->subprotocol))
        return false;
    struct websocket *socket = websocket_accept(x, config);
    if (!socket)
        return false;
    conn_enter(c, h, kind);
    c->socket = socket;
    return true;
}

void conn_enter(struct conn *c, struct hub *h, enum conn_kind kind)
{
    c->number = ++h->last_number;
    c->kind = kind;
    c->hub = h;
    HASH_ADD(hh, h->conns, number, sizeof c->number, c);
    h->conn_count[kind]++;
}

void conn_forget(struct conn *c)
{
    HASH_DEL(c->hub->conns, c);
    c->hub->conn_count[c->kind]--;
    c->socket = NULL;
}

struct conn *conn_find(const struct hub *h, uint64_t number)
{
    struct conn *c = NULL;
    HASH_FIND(hh, h->conns, &number, sizeof number, c);
    return c;
}

void conn_close(struct conn *c, uint16_t code, struct str reason)
{
    if (c->closing)
        return;
    if (c->kind == CONN_SPACES_APP) {
        spaces_app_close(c, code);
        return;
    }
    if (c->kind == CONN_CALL) {
        call_close(c, code == CLOSE_SHUTDOWN ? ERR_SHUTTING_DOWN : ERR_UNAUTHORIZED);
        return;
    }
    c->closing = true;
    websocket_close(c->socket, code, reason);
}

void conn_close_all(struct hub *h, enum conn_kind kind, uint16_t code, struct str reason)
{
    struct conn *c, *next;
    HASH_ITER (hh, h->conns, c, next) {
        if (c->kind == kind)
            conn_close(c, code, reason);
    }
}

void conn_send_scratch(struct conn *c, enum err made)
{
    struct buf *b = &c->hub->scratch;
    if (made) {
        log_error("hub", "a message could not be made: %s", err_message(made));
        conn_close(c, 4008, STR("message too large"));
    } else if (!c->closing) {
        websocket_send(c->socket, buf_str(b));
    }
    buf_consume(b, b->len);
    buf_clear(b);
}

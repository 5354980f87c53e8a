/* RFC 6455 section 4.1: the opening handshake, from the client's side. */
#include "client/link_state.h"

#include "base/secret.h"
#include "codec/http.h"

#include <stdlib.h>

#define SUBPROTOCOL "spacerelay.v1"

static void new_key(char out[KEY_BYTES])
{
    unsigned char nonce[16];
    struct buf b = BUF_INIT(KEY_BYTES);
    random_bytes(nonce, sizeof nonce);
    base64_append(&b, nonce, sizeof nonce);
    if (!str_copy(out, KEY_BYTES, buf_str(&b)))
        abort();
    buf_release(&b);
}

void link_write_upgrade(struct link *l)
{
    const struct url *u = l->options.url;
    new_key(l->key);
    buf_printf(&l->out,
               "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Protocol: " SUBPROTOCOL "\r\nUser-Agent: spacerelay-client\r\n\r\n",
               u->path, u->authority, l->key);
}

static enum err refuse(struct link *l, const char *words)
{
    link_end(l, "%s", words);
    return ERR_SYNTAX;
}

static enum err refuse_status(struct link *l, const struct http_head *h)
{
    const struct str *location = http_field(h, STR("Location"));
    if (h->status >= 300 && h->status < 400 && location)
        link_end(l, "the relay's address is now %.*s", STR_ARG(*location));
    else
        link_end(l, "the relay answered %u %s", h->status, http_reason(h->status));
    return ERR_SYNTAX;
}

/* One field with exactly that value. */
static bool field_is(const struct http_head *h, struct str name, struct str value)
{
    const struct str *v = http_field(h, name);
    return v && http_field_count(h, name) == 1 && str_eq(*v, value);
}

static enum err check(struct link *l, const struct http_head *h)
{
    char accept[WS_ACCEPT_BYTES];
    if (h->status != 101)
        return refuse_status(l, h);
    if (!http_field_has_token(h, STR("Upgrade"), STR("websocket")) ||
        !http_field_has_token(h, STR("Connection"), STR("upgrade")))
        return refuse(l, "the relay did not switch to WebSocket");
    if (ws_accept(str_of(l->key), accept) ||
        !field_is(h, STR("Sec-WebSocket-Accept"), str_of(accept)))
        return refuse(l, "the relay's Sec-WebSocket-Accept is wrong");
    if (http_field(h, STR("Sec-WebSocket-Extensions")))
        return refuse(l, "the relay chose an extension that was not offered");
    if (http_field(h, STR("Sec-WebSocket-Protocol")) &&
        !field_is(h, STR("Sec-WebSocket-Protocol"), STR(SUBPROTOCOL)))
        return refuse(l, "the relay speaks another protocol than " SUBPROTOCOL);
    return OK;
}

enum err link_read_upgrade(struct link *l, struct str *rest)
{
    static const struct http_limits limits = {
        .head_bytes = 16384, .line_bytes = 8192, .fields = 100, .body_bytes = 0};
    struct http_head head = {0};
    const char *why = "";
    size_t used;
    struct str in = buf_str(&l->head);
    enum err e = http_parse_reply(in, &limits, HTTP_GET, &head, &used, &why);
    if (e == ERR_AGAIN)
        return e;
    if (e) {
        link_end(l, "the relay does not speak HTTP: %s", why);
        return ERR_SYNTAX;
    }
    e = check(l, &head);
    http_head_release(&head);
    if (!e)
        *rest = str_slice(in.p + used, in.n - used);
    return e;
}

#include "hub/edge_conn.h"

#include "codec/ws.h"

/* RFC 6455 section 4.2.1. */
bool upgrade_check(struct edge_conn *c)
{
    const struct http_head *h = &c->x->head;
    char accept[WS_ACCEPT_BYTES];
    const struct str *version = http_field(h, STR("Sec-WebSocket-Version"));
    const struct str *key = http_field(h, STR("Sec-WebSocket-Key"));
    bool body = h->framing != HTTP_NO_BODY && (h->framing != HTTP_LENGTH || h->length > 0);
    if (h->method != HTTP_GET)
        edge_request_refuse(c, 405, "a WebSocket is opened with GET", "Allow: GET\r\n");
    else if (h->minor < 1 || !http_field_has_token(h, STR("Upgrade"), STR("websocket")) ||
             !http_field_has_token(h, STR("Connection"), STR("Upgrade")))
        edge_request_refuse(c, 426, "this address speaks WebSocket only",
                            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    else if (!version || http_field_count(h, STR("Sec-WebSocket-Version")) != 1 ||
             !str_eq(*version, STR("13")))
        edge_request_refuse(c, 426, "the version of the WebSocket protocol must be 13",
                            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    else if (!key || http_field_count(h, STR("Sec-WebSocket-Key")) != 1 || ws_accept(*key, accept))
        edge_request_refuse(c, 400, "Sec-WebSocket-Key must be the base64 of 16 bytes", "");
    else if (body)
        edge_request_refuse(c, 400, "a WebSocket handshake has no body", "");
    else
        return true;
    return false;
}

/* The address of a relay. Pure. */
#ifndef CLIENT_URL_H
#define CLIENT_URL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct url {
    bool secure;
    bool numeric_v6; /* the host stood in brackets */
    uint16_t port;
    char host[256]; /* without brackets */
    char
        authority[272]; /* for Host: with brackets, and with the port when it is not the scheme's */
    char path[512];     /* of the WebSocket: ends in /ws/app */
    char text[800];     /* ws://... or wss://..., for a person */
};

/* http, https, ws or wss; host, [v6 address] or v4 address; port; a path, to which /ws/app is
 * added. No user, query or fragment. ERR_SYNTAX; why gets a sentence. */
MUST_USE enum err url_parse(struct str s, struct url *out, struct buf *why);

#endif

/* One WebSocket connection to a relay, from the look-up of its name to the closing handshake. Knows
 * nothing of the messages. Loop thread only; events never come from inside a call. */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "base/str.h"
#include "client/channel.h"
#include "client/url.h"

struct event_base;
struct link;

struct link_events {
    void (*opened)(void *owner);
    void (*message)(void *owner, struct str text); /* borrowed; link_free must not be called here */
    /* The last event: the owner frees the link, here or later. code: the relay's close code, or 0
     * when it sent none (broken, not made, or closed by link_close). words: a sentence, or the
     * relay's reason. */
    void (*closed)(void *owner, uint16_t code, const char *words);
};

struct link_options {
    struct event_base *base;
    const struct url *url;
    struct channel_security *security; /* NULL: plain */
    const struct link_events *events;
    void *owner;
};

/* Borrows all that the options point to. NULL when libevent cannot. */
struct link *link_new(const struct link_options *options);
void link_free(struct link *l); /* at once; NULL is fine */
/* One text message. Goes out when the loop runs. A relay that takes nothing until 64 MiB wait has
 * its connection broken. */
void link_send(struct link *l, struct str text);
/* Sends what waits and a close frame; `closed` follows when the relay has answered it, or after 2
 * s. When the connection is not open yet, `closed` follows at once. */
void link_close(struct link *l, uint16_t code, struct str reason);

#endif

/* A WebSocket (server side) on a connection of the edge: frames, pings, pace, closing handshake,
 * bounded output. Hub thread only. */
#ifndef HUB_WEBSOCKET_H
#define HUB_WEBSOCKET_H

#include "base/bytes.h"
#include "codec/ws.h"
#include "hub/edge.h"

struct websocket;

struct websocket_config {
    /* A whole text or binary message; data is borrowed for the call. The call may send and close,
     * also itself. */
    void (*message)(void *owner, struct websocket *w, enum ws_opcode opcode, struct str data);
    /* The last call: the socket is gone (never from within websocket_send or websocket_close, nor
     * from within websocket_accept). clean: the peer sent a close frame, with code (1005 when it
     * had none), before anything went wrong and we had not sent one first. */
    void (*closed)(void *owner, bool clean, uint16_t code);
    void *owner;
    struct str subprotocol; /* "" = none is named */
    bool own_heartbeat;     /* the owner pings: we do so only twice ping_timeout_ms later */
    size_t message_bytes;   /* 1009 past it */
    size_t unsent_bytes;    /* 4008 past it; reading stops while a quarter of it is unsent */
};

/* Answers the handshake with 101; the exchange is gone afterwards. NULL when the client is gone
 * already. */
struct websocket *websocket_accept(struct exchange *x, const struct websocket_config *config);
/* The messages to come have at most so many bytes, and never more than the configuration says. Not
 * while one is under way. */
void websocket_limit_message(struct websocket *w, size_t bytes);
/* From now on instead of what the configuration says. */
void websocket_limit_unsent(struct websocket *w, size_t bytes);
/* One text message. */
void websocket_send(struct websocket *w, struct str text);
/* A frame of ws_frame, shared with other outputs; counted up. crowd: see stream_give_crowd. */
void websocket_send_frame(struct websocket *w, struct bytes *frame, bool crowd);
void websocket_send_opcode(struct websocket *w, enum ws_opcode opcode, struct str data);
/* Starts the closing handshake; nothing is sent after it. The peer's close frame is awaited for 2
 * s. May be called more than once. */
void websocket_close(struct websocket *w, uint16_t code, struct str reason);
/* True between the first byte of a message and its last: its limit is settled. */
bool websocket_under_way(const struct websocket *w);
size_t websocket_unsent(const struct websocket *w);
const char *websocket_address(const struct websocket *w); /* of the client */

#endif

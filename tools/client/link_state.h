/* Private to client/link*.c. */
#ifndef CLIENT_LINK_STATE_H
#define CLIENT_LINK_STATE_H

#include "client/link.h"
#include "client/lookup.h"
#include "codec/ws.h"

struct addrinfo;
struct event;

#define WORDS_BYTES 256
#define KEY_BYTES   25 /* base64 of 16 bytes, and a NUL */

enum phase {
    PHASE_LOOKUP,
    PHASE_CONNECT,
    PHASE_TLS,
    PHASE_UPGRADE, /* the request is out or on its way, the reply not complete */
    PHASE_OPEN,
    PHASE_CLOSING, /* our close frame is out; the relay's is awaited */
    PHASE_CLOSED,
    PHASE__MAX
};

struct link {
    struct link_options options;
    enum phase phase;
    struct lookup *lookup;
    struct addrinfo *addresses, *next_address;
    int fd;
    struct channel channel;
    struct event *readable, *writable; /* of fd */
    struct event *timer;               /* of the phase: how long it may take, or silence */
    struct event *again;               /* pump once more, or report the end, from the loop */
    bool want_write;                   /* the channel cannot go on before the socket is writable */
    bool pinged;                       /* and no byte has come since */
    bool heard;                        /* a byte came since the timer was set */
    bool echoed;                       /* a close frame of ours is out or buffered */
    struct buf out, head;
    char key[KEY_BYTES];
    struct ws_decoder decoder;
    uint16_t close_code;
    char words[WORDS_BYTES]; /* why it ends */
};

/* What a step of a phase came to. */
enum step {
    STEP_WAIT, /* for the socket */
    STEP_NEXT, /* the phase has changed: go on */
    STEP_END   /* words (and close_code) say why */
};

/* Sets words, unless an earlier cause stands there; returns STEP_END. */
enum step link_end(struct link *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void link_set_timer(struct link *l, unsigned ms);

/* link_http.c: the opening handshake (RFC 6455 section 4.1). */
void link_write_upgrade(struct link *l);
/* OK: the connection is open, *rest (borrowed from l->head) came behind the reply. ERR_AGAIN;
 * ERR_SYNTAX: refused, words are set. */
MUST_USE enum err link_read_upgrade(struct link *l, struct str *rest);

/* link_ws.c: frames. */
void link_frame(struct link *l, enum ws_opcode opcode, struct str data);
void link_close_frame(struct link *l, uint16_t code, struct str reason);
/* Takes bytes that came. */
enum step link_take(struct link *l, struct str bytes);

#endif

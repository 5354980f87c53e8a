/* Private to client/{client,session,lease,say}.c. */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include "base/list.h"
#include "client/client.h"
#include "client/link.h"
#include "codec/native.h"

struct event;

#define CODE_BYTES    32
#define MESSAGE_BYTES 1001

enum session_state {
    SESSION_AWAY, /* no connection; the timer starts the next one */
    SESSION_CONNECTING,
    SESSION_REGISTERING, /* `register` is out */
    SESSION_REGISTERED,
    SESSION_REFUSED, /* for now; how long, the close code will tell */
    SESSION_OVER     /* stopped, or refused for good */
};

/* A request handed to us: from inference_request until its result_ack, or until the relay has no
 * use for it. */
struct lease {
    struct list link;
    struct client *client;
    struct client_lease id;
    struct buf text;     /* all that was streamed */
    uint64_t text_limit; /* what the relay takes, once it has said no */
    struct buf final;    /* the result or error as it is sent; empty = still open */
    struct event *retry; /* store_unavailable: send it again */
    uint64_t healed_ms;  /* when the text was last sent again after a delta_gap */
    bool named;          /* in the `resume` of this connection, and not answered yet */
};

struct client {
    struct client_callbacks callbacks;
    void *ctx;
    struct client_options options; /* base and numbers; its strings are below */
    char *space, *token, *name, *version;
    char instance[33];
    struct url url;
    struct channel_security *security; /* NULL: plain */
    struct limits limits;
    struct native_decoder incoming, outgoing; /* outgoing checks what we are about to send */

    enum session_state state;
    struct link *link;
    struct event *timer;    /* away: the next try; registering: no answer; stop: on_stopped */
    unsigned failures;      /* tries in a row without a lasting connection */
    uint64_t registered_ms; /* when, monotonic */
    uint64_t comeback_ms;   /* the relay's own word for the next pause; 0 = none */
    bool draining, stopping;
    char refusal_code[CODE_BYTES], refusal[MESSAGE_BYTES];
    uint64_t max_message_bytes;

    struct list leases; /* oldest first */
};

/* ---- session.c: the connection's life ---- */

/* The first connection, from the loop. */
void session_start(struct client *c);
/* client->timer went off. */
void session_timer(struct client *c);

/* ---- say.c: messages ---- */

/* Encodes, shows to on_trace, sends. Nothing when there is no open connection. */
void say(struct client *c, const struct app_msg *m);
void say_raw(struct client *c, struct str text);
void warn(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- lease.c ---- */

struct lease *lease_find(const struct client *c, const struct lease_ref *ref);
void lease_free(struct lease *l); /* and off the list */
/* A request came. */
void lease_start(struct client *c, const struct app_out *m);
void lease_cancel(struct client *c, const struct app_out *m);
void lease_acked(struct client *c, const struct app_in *in);
/* The relay said `error` about a request. */
void lease_error(struct client *c, const struct app_in *in);
/* For `register`: all leases, the oldest RESUME_MAX of them. list is the caller's to free; NULL
 * when there is none. */
struct lease_ref *lease_resume(struct client *c, size_t *count);
/* After registering again: goes on with what was resumed, delivers results, tells the program what
 * is lost. */
void lease_resumed(struct client *c, const struct app_out *m);
/* Refused for good: the program is told to stop. Results are kept, to no avail, until client_free.
 */
void lease_abandon(struct client *c);

#endif

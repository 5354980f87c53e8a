/* The core: spaces, queues, requests, leases, sessions, presence, limits; as one state machine
 * without I/O.
 *
 *     relay_step(relay, event, now, effects)
 *     relay_tick(relay, now, effects)
 *
 * Events are plain structs; what has to be done about them comes out as effects: data, in the order
 * in which they must be carried out. No socket, SQL, JSON, clock, randomness, thread or lock in
 * here. One thread only (the hub's).
 *
 * Durable before acknowledged: whatever is acknowledged or shown as final was a SAVE effect first,
 * and its EVENT_SAVED has come back. Pointers inside effects are borrowed from the relay until the
 * next step or tick, except where they are said to be given away. */
#ifndef CORE_RELAY_H
#define CORE_RELAY_H

#include "base/clock.h"
#include "model/change.h"
#include "model/command.h"
#include "model/limits.h"
#include "model/message.h"
#include "model/record.h"

struct relay;

/* ---- events ---- */

enum event_kind {
    EVENT_APP_MESSAGE,    /* conn, app_msg; for register also token_state, claims, address */
    EVENT_APP_GONE,       /* conn, clean: it sent a close frame (ends the grace at once) */
    EVENT_CLIENT_MESSAGE, /* conn, who, address, client_msg (not UNSUBSCRIBE: see EVENT_UNWATCH) */
    EVENT_UNWATCH,        /* topic: one watcher fewer (unsubscribed, or its socket is gone) */
    EVENT_COMMAND,        /* ticket, command */
    EVENT_SAVED,          /* save_id, err, more */
    EVENT_LOADED,         /* load_id, err (OK, NOT_FOUND, STORE_UNAVAILABLE), record */
    EVENT_LISTENING,      /* after the start: grace of restored leases counts from here */
    EVENT_SHUTDOWN,       /* take no more work; apps get `drain` */
    EVENT__MAX
};

enum token_state { TOKEN_ABSENT, TOKEN_INVALID, TOKEN_SIGNED };

/* What a token with a right signature says. */
struct token_claims {
    struct uuid space_id, id;
    int64_t issued_ms, expires_ms; /* expires_ms 0 = never */
};

struct relay_event {
    enum event_kind kind;
    uint64_t conn; /* the hub's number of the socket, never 0, never used twice */
    /* app */
    const struct app_msg *app_msg;
    enum token_state token_state;
    struct token_claims claims;
    const char *address; /* of the peer, for pages and logs */
    bool clean;
    /* client */
    const struct client_msg *client_msg;
    const struct hash *payload_hash; /* of a submit with an idempotency key */
    const struct identity *who;
    struct topic_id topic;
    uint64_t random; /* 8 fresh random bytes with every submit, register and command: ids are made
                        of them */
    /* commands */
    uint64_t ticket;
    const struct command *command;
    /* the store's answers */
    uint64_t save_id, load_id;
    enum err err;
    bool more; /* of CHANGE_RETENTION: there is more to remove */
    const struct request_record *record;
};

/* ---- effects ---- */

enum effect_kind {
    EFFECT_APP_SEND,     /* conn, app_out */
    EFFECT_CLOSE,        /* conn, close_code, reason: after what was sent to it */
    EFFECT_CLOSE_PERSON, /* user_key, session_key (of a session or an API key; 0 = all of the
                            user's), close_code, reason: sockets of that person */
    EFFECT_CLIENT_SEND,  /* conn, client_out. For SUBSCRIBED the hub adds the socket to the topic;
                            when that socket  watches it already, or is gone, the hub must answer
                            with  EVENT_UNWATCH */
    EFFECT_PUBLISH,      /* topic, topic_event: to all watchers */
    EFFECT_SAVE,         /* change: given away */
    EFFECT_LOAD,         /* load_id, request_id */
    EFFECT_REPLY,        /* ticket, reply (its heap parts are given away) */
    EFFECT_SETTING,      /* setting: has changed; the app layer applies it (limits) */
    EFFECT__MAX
};

struct effect {
    enum effect_kind kind;
    uint64_t conn, ticket, load_id;
    int64_t user_key, session_key;
    uint16_t close_code;
    struct str reason;
    struct topic_id topic;
    struct uuid request_id;
    struct app_out app_out;
    struct client_out client_out;
    struct topic_event topic_event;
    struct change *change;
    struct reply *reply; /* given away: reply_release, then free */
    const struct setting_record *setting;
};

/* Grows as needed; cleared by the caller after the effects were carried out. Start as {0}. */
struct effects {
    struct effect *list;
    size_t count, cap;
};
void effects_release(struct effects *e);

/* ---- life ---- */

/* limits are copied. */
struct relay *relay_new(const struct limits *limits);
void relay_free(struct relay *r);
void relay_set_limits(struct relay *r, const struct limits *limits);

/* Restoring what was stored, before the first step: users and spaces first, then tokens, sessions,
 * API keys (not the revoked ones), settings, idempotency keys (the oldest first), then unfinished
 * requests in the order of their keys. A request that was processing waits for its app as a lease
 * without a connection (the app's instance is not stored: any app with a valid token of its space
 * may resume it by naming request and attempt). Records are copied; bytes are counted up. */
void relay_restore_user(struct relay *r, const struct user_record *u);
void relay_restore_space(struct relay *r, const struct space_record *s);
void relay_restore_token(struct relay *r, const struct token_record *t);
void relay_restore_session(struct relay *r, const struct session_record *s);
void relay_restore_api_key(struct relay *r, const struct api_key_record *k);
void relay_restore_setting(struct relay *r, const struct setting_record *s);
void relay_restore_idempotency(struct relay *r, const struct idempotency_record *k);
void relay_restore_request(struct relay *r, const struct request_record *q);
/* The highest key of any row, finished and removed ones too: new ids come after it, also when the
 * wall clock has been set back since. */
void relay_restore_last_key(struct relay *r, int64_t key);

void relay_step(struct relay *r, const struct relay_event *e, struct now now, struct effects *out);
/* Carries out what is due. Returns the milliseconds until it wants to be called again (at most
 * 1000). */
uint64_t relay_tick(struct relay *r, struct now now, struct effects *out);

/* ---- questions that change nothing (but note when a session was last used) ---- */

/* The person behind a session cookie's hash. False when there is none, it has ended, or the user is
 * disabled. */
bool relay_identify(struct relay *r, const struct hash *cookie, struct now now, struct effects *out,
                    struct identity *who);
/* The same behind an API key's hash: nobody when it is revoked or has expired too. */
bool relay_identify_key(struct relay *r, const struct hash *secret, struct now now,
                        struct effects *out, struct identity *who);
/* True while nobody is admin: only /setup is served then. */
bool relay_needs_setup(const struct relay *r);
/* A setting's value, or fallback. Borrowed until the next step. */
const char *relay_setting(const struct relay *r, const char *name, const char *fallback);
/* Work that a shutdown waits for: saves under way. */
size_t relay_saves_pending(const struct relay *r);
/* Whether the counts kept beside the lists equal a recount: for tests. */
bool relay_consistent(const struct relay *r);

#endif

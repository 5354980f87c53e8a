/* What the core asks the store to write. One change is atomic; changes are written in the order
 * they were given.
 *
 * Made with change_new by the core, given to the store, freed by it after the answer. */
#ifndef MODEL_CHANGE_H
#define MODEL_CHANGE_H

#include "model/record.h"

enum change_kind {
    CHANGE_REQUEST_NEW, /* request: the whole row, status queued; or processing, when an app had a
                           free slot for it: then with attempt, at_ms and message as below.
                           idempotency, or NULL */
    CHANGE_REQUEST_ATTEMPT, /* id, attempt, at_ms, message (the app, in words): now processing
                               (started_ms of the first attempt is kept); stored text of earlier
                               attempts is dropped; an attempt row is added */
    CHANGE_REQUEST_QUEUED,  /* id, attempt, lost, waived, at_ms, code: back to the queue; text is
                               dropped; the  attempt row is ended */
    CHANGE_REQUEST_TEXT,    /* id, attempt, offset, text: appended at offset */
    CHANGE_REQUEST_FINAL,  /* id, status, attempt, text tail (offset), result, usage, code, message,
                              at_ms */
    CHANGE_REQUEST_USAGE,  /* id, usage: came after a cancel */
    CHANGE_REQUEST_REMOVE, /* id: a finished request goes, with all but its idempotency key; one
                              that is not there or not finished is left alone */
    CHANGE_USER_PUT, /* user: insert or replace by key; ends_sessions: those of the user go with it,
                        all but that of key (0 = none stays) */
    CHANGE_SESSION_PUT,  /* session: insert or replace by key; the user's last_login_ms too when new
                          */
    CHANGE_SESSION_SEEN, /* key, at_ms */
    CHANGE_SESSION_END,  /* key */
    CHANGE_SPACE_PUT,    /* space: insert or replace by key (removed_ms marks removal) */
    CHANGE_TOKEN_PUT,    /* token: insert or replace by key */
    CHANGE_TOKEN_USED,   /* key, at_ms */
    CHANGE_API_KEY_PUT,  /* api_key: insert or replace by key */
    CHANGE_API_KEY_USED, /* key, at_ms */
    CHANGE_API_KEY_END,  /* key, at_ms: revoked, unless it was before */
    CHANGE_SETTING_PUT,  /* setting */
    CHANGE_AUDIT,        /* audit alone */
    CHANGE_RETENTION,    /* at_ms: remove a few of the requests finished before it */
    CHANGE_KEYS_EXPIRED, /* key: remove the idempotency keys of the requests up to that one */
    CHANGE__MAX
};

struct change {
    enum change_kind kind;
    uint64_t save_id; /* the core's, returned with the answer */
    /* requests and their parts (hot, so inline) */
    struct uuid id; /* request */
    int64_t key;    /* row key of what is not a request */
    int64_t at_ms;
    uint32_t attempt, lost, waived;
    enum request_status status;
    uint64_t offset;
    bool ends_sessions;
    struct bytes *text, *result, *usage, *message;
    char code[32];
    /* whole rows, heap, owned */
    struct request_record *request;
    struct idempotency_record *idempotency;
    struct user_record *user;
    struct session_record *session;
    struct space_record *space;
    struct token_record *token;
    struct api_key_record *api_key;
    struct setting_record *setting;
    struct audit_record *audit; /* may come with any kind: written in the same transaction */
    struct change *also;        /* owned; written in the same transaction, or neither is */
    struct change *next;        /* the store's own list */
};

struct change *change_new(enum change_kind kind); /* zeroed; aborts when memory is out */
void change_free(struct change *c);

/* One row of a request's history. */
struct attempt_record {
    uint32_t attempt;
    char app[NOTE_BYTES]; /* "name version, address" of the app that had it */
    int64_t started_ms, ended_ms;
    char outcome[32]; /* "", "completed", "failed", "app_lost", "cancelled", ... */
};

#endif

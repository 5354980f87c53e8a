/* What web threads and the command line ask of the running relay, and its answer. Plain data
 * without borrowed pointers, so that a command outlives the thread that gave up waiting for it. */
#ifndef MODEL_COMMAND_H
#define MODEL_COMMAND_H

#include "base/clock.h"
#include "model/finding.h"
#include "model/limits.h"
#include "model/message.h"
#include "model/record.h"

enum command_kind {
    CMD_SETUP,         /* user: the first admin; OK only while there is no admin */
    CMD_USER_ADD,      /* user (id and created_ms are made here). EXISTS */
    CMD_USER_PASSWORD, /* user.name, user.password_hash; keep_session = session key that stays
                          logged in (0: none) */
    CMD_USER_REHASH,  /* user.name, user.password_hash; only when its hash still equals expect_hash;
                         ends no session */
    CMD_USER_DISABLE, /* user.name, flag: disabled or not; ends sessions and sockets; the last admin
                         is refused */
    CMD_USER_ROLE,    /* user.name, user.role; the last admin is refused */
    CMD_USER_EDIT,    /* user.name, members: USER_ bits, and what they shall be: all of the three
                         above in one change */
    CMD_USER_LANGUAGE,  /* user.name, user.language */
    CMD_SPACE_ADD,      /* space. EXISTS with the sentence of the contract */
    CMD_SPACE_EDIT,     /* space, by space.id; members: SPACE_ bits of what changes, all else stays
                           as it is by then. NOT_FOUND, EXISTS, LOCKED while another is saved */
    CMD_SPACE_REMOVE,   /* space.id, or by space.name when the id is nil: unfinished requests are
                           cancelled */
    CMD_TOKEN_ADD,      /* token.space_key, note, expires_ms; the reply's id is the jti */
    CMD_TOKEN_REVOKE,   /* token.id; its connections are closed */
    CMD_API_KEY_ADD,    /* user.name: whose, only the actor's own unless it is the command line;
                           api_key: name, scopes, hash, expires_ms. EXISTS, RATE_LIMITED when they have
                           as many as there may be, FORBIDDEN for the scope admin of who is none. The
                           reply's id is the key's */
    CMD_API_KEY_REVOKE, /* api_key.id, or user.name and api_key.name when the id is nil: the actor's
                           own, or anybody's by an admin; its sockets are closed. NOT_FOUND */
    CMD_APP_DRAIN,      /* id: the app's connection_id */
    CMD_APP_KICK,       /* id: the app's connection_id; close 4002 */
    CMD_LOGIN_MAY, /* user.name, address: OK, or RATE_LIMITED with retry_after_ms. Counts as a try
                      until its result is reported or 60 s have passed */
    CMD_LOGIN_FAILED,   /* user.name, address */
    CMD_REGISTER_MAY,   /* address: OK, which counts as a registration, or RATE_LIMITED with
                           retry_after_ms */
    CMD_SESSION_OPEN,   /* session (hash, user_key, address, agent) after a right password */
    CMD_SESSION_CLOSE,  /* session key in `key`; only the actor's own unless admin */
    CMD_SESSION_OTHERS, /* all of the actor's sessions but `key` */
    CMD_SETTING_SET,    /* setting */
    CMD_SETTINGS_SET,   /* settings, at least one: all of them or none */
    CMD_SUBMIT,       /* user_key, id: space, payload, inputs; idempotency_key and payload_hash, or
                         "". The reply's id is the request's. INPUT_REFUSED: inputs are those that
                         the space does not take */
    CMD_CANCEL,       /* user_key, id: request */
    CMD_REQUEST_LOOK, /* id: request, user.name: whose; an admin is going to read it. Answered when
                         that is in the audit log */
    CMD_REQUEST_REMOVE, /* id: request, finished, the actor's own, or anybody's by an admin, which
                           goes to the audit log. NOT_FOUND; LOCKED while it is not finished */
    CMD_QUERY_SPACES,   /* reply: spaces[] */
    CMD_QUERY_SPACE,    /* id; reply: spaces[1]. NOT_FOUND */
    CMD_QUERY_APPS,     /* id: space, or nil for all; reply: apps[] */
    CMD_QUERY_STATS,    /* reply: stats */
    CMD_QUERY_REQUEST,  /* id; reply: request and live, for its person and for admins. NOT_FOUND.
                           What is no longer in memory is read from the store; too many such
                           questions of one person at once: RATE_LIMITED. An admin's look goes to the
                           audit log */
    CMD_QUERY_RECORDS,  /* reply: users[] (without hashes), records[] (spaces), tokens[]; for the
                           command line */
    CMD_QUERY_API_KEYS, /* user.name: whose, or "" for all; reply: api_keys[], the revoked ones not.
                           NOT_FOUND */
    /* the app layer's own */
    CMD_BACKUP, /* writes a copy of the database into the data folder: the reply's id names it, see
                   app/folder.h. Takes as long as it takes; one at a time, else LOCKED. The core
                   writes it into the audit log once it is made: id */
    CMD_CHECK,  /* reads all of the database; reply: findings. The core never sees it */
    CMD__MAX
};

/* Who asks: shown in the audit log, and the core's last check of what they may do. */
struct actor {
    int64_t user_key; /* 0 = nobody, or the command line */
    enum role role;
    char name[USER_NAME_BYTES];
    char address[ADDRESS_BYTES];
};

struct command {
    enum command_kind kind;
    struct actor actor;
    struct uuid id;
    int64_t key;
    int64_t keep_session;
    bool flag;
    uint32_t members; /* of an edit */
    struct user_record user;
    char expect_hash[PASSWORD_HASH_BYTES];
    struct session_record session;
    struct space_record space;
    struct token_record token;
    struct api_key_record api_key;
    struct setting_record setting;
    struct setting_record *settings; /* heap, owned */
    size_t setting_count;
    struct bytes *payload; /* owned */
    uint32_t inputs;       /* INPUT_ bits of what it holds */
    char idempotency_key[IDEMPOTENCY_KEY_BYTES];
    struct hash payload_hash;
};

struct app_view {
    struct uuid connection_id, space_id;
    char space_name[SPACE_NAME_BYTES];
    char name[NOTE_BYTES], version[NOTE_BYTES], address[ADDRESS_BYTES];
    int64_t connected_ms;
    uint32_t concurrency, prefetch, in_flight;
    bool draining;
};

/* A key, without its hash, and whose it is. */
struct api_key_view {
    struct api_key_record rec;
    char user[USER_NAME_BYTES];
};

struct reply {
    enum err err;
    char message[512]; /* a sentence when err is set; may be "" */
    uint64_t retry_after_ms;
    uint64_t limit; /* refused, because there are so many already; 0 = not counted */
    struct uuid id; /* of what was made */
    uint64_t position;
    uint32_t inputs;           /* INPUT_ bits, see CMD_SUBMIT */
    struct space_view *spaces; /* heap, owned */
    struct app_view *apps;     /* heap, owned */
    size_t count;              /* of spaces or of apps */
    struct user_record *users; /* heap, owned, as the next two */
    struct space_record *records;
    struct token_record *tokens;
    struct api_key_view *api_keys;
    size_t user_count, record_count, token_count, api_key_count;
    struct request_record *request; /* heap, owned; without payload and text */
    struct request_view *live;      /* heap, owned; of an unfinished request what is not stored:
                                       position,      eta, reason, progress. NULL for others */
    struct bytes *live_message;     /* owned: where live's message lies */
    struct admin_view stats;
    struct findings findings;
};

void command_release(struct command *c);
void reply_release(struct reply *r);

/* Who is behind a cookie or an API key, as the edge tells the pages. */
struct identity {
    int64_t user_key;
    int64_t session_key; /* of the session, or of the API key: no two rows have the same */
    enum role role;      /* as whom they act: with a key without the scope admin as a user */
    uint32_t scopes;     /* SCOPE_ bits: all of them with a cookie */
    char name[USER_NAME_BYTES];
    char language[LANGUAGE_BYTES];
};

#endif

/* The things that are stored, as plain structs shared by core, store, codec and web. No behaviour.
 *
 * Row keys are uuid_key(id). Times are wall milliseconds; 0 means never. A `struct bytes *` may be
 * NULL (absent) and is owned by the struct that holds it. */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include "base/bytes.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "model/scope.h"

#define SPACE_NAME_BYTES   257 /* 64 code points of at most 4 bytes, and a NUL */
#define SPACE_NAME_POINTS  64
#define USER_NAME_BYTES    33
#define DESCRIPTION_BYTES  2001
#define COVER_BYTES        1001
#define NOTE_BYTES         129
#define DETAIL_BYTES       513
#define ADDRESS_BYTES      46 /* INET6_ADDRSTRLEN */
#define AGENT_BYTES        161
#define LANGUAGE_BYTES     8
#define API_KEY_NAME_BYTES 97
#define SPACE_APPS_MAX     1000  /* apps of one space at a time */
#define SPACE_RATE_MAX_S   86400 /* seconds between two requests of a person */

enum role { ROLE_USER, ROLE_ADMIN };

struct user_record {
    struct uuid id;
    char name[USER_NAME_BYTES]; /* unique, case-insensitively */
    enum role role;
    bool disabled;
    char password_hash[PASSWORD_HASH_BYTES];
    char language[LANGUAGE_BYTES]; /* "" = follow the browser */
    int64_t created_ms, last_login_ms;
};

/* Members of it, where a command names those that it changes. */
enum { USER_ROLE = 1, USER_DISABLED = 2, USER_PASSWORD = 4 };

struct session_record {
    struct uuid id;   /* names it on pages; not a secret */
    struct hash hash; /* of the cookie's value */
    int64_t user_key;
    int64_t created_ms, seen_ms, expires_ms;
    char address[ADDRESS_BYTES];
    char agent[AGENT_BYTES];
};

/* What a space takes, and what a payload holds: under "prompt", "audio", "video" and "file". */
enum { INPUT_PROMPT = 1, INPUT_AUDIO = 2, INPUT_VIDEO = 4, INPUT_FILE = 8 };

struct space_record {
    struct uuid id;
    char name[SPACE_NAME_BYTES]; /* unique among those not removed */
    char description[DESCRIPTION_BYTES];
    char cover[COVER_BYTES]; /* address of a picture, or "" */
    char cover_type[16];
    uint32_t inputs; /* INPUT_ bits */
    uint32_t max_apps;
    uint32_t rate_limit_s; /* between two requests of one person; 0 = none */
    bool queue_offline;    /* take requests while no app is connected */
    bool legacy_registration;
    int64_t created_ms, removed_ms;
};

/* Members of it, where a command names those that it changes. */
enum {
    SPACE_NAME = 1,
    SPACE_DESCRIPTION = 2,
    SPACE_COVER = 4, /* and cover_type: they belong together */
    SPACE_INPUTS = 8,
    SPACE_MAX_APPS = 16,
    SPACE_RATE_LIMIT = 32,
    SPACE_QUEUE_OFFLINE = 64,
    SPACE_LEGACY = 128,
    SPACE_ALL = 255
};

struct token_record {
    struct uuid id; /* the claim jti */
    int64_t space_key;
    char note[NOTE_BYTES];
    char created_by[USER_NAME_BYTES];
    int64_t created_ms, expires_ms, revoked_ms, used_ms;
};

/* Lets a program act for a person. */
struct api_key_record {
    struct uuid id;   /* names it on pages; not a secret */
    struct hash hash; /* of the secret's text */
    int64_t user_key;
    char name[API_KEY_NAME_BYTES]; /* unique among the person's that are not revoked */
    uint32_t scopes;               /* SCOPE_ bits of SCOPES_OF_KEYS */
    int64_t created_ms, expires_ms, used_ms, revoked_ms;
};
/* The secret begins so: whoever finds one, a scanner too, sees what it is. */
#define API_KEY_PREFIX "sr_"
/* With its NUL. */
#define API_KEY_SECRET_BYTES (sizeof API_KEY_PREFIX - 1 + SECRET_TEXT_BYTES)

enum request_status {
    REQUEST_ACCEPTING, /* being saved for the first time; nobody but the submitter's socket knows of
                          it */
    REQUEST_QUEUED,
    REQUEST_PROCESSING,
    REQUEST_CANCELLING, /* cancelled for people; its slot is still taken */
    REQUEST_COMPLETED,
    REQUEST_FAILED,
    REQUEST_CANCELLED,
    REQUEST_STATUS__MAX
};

/* "queued", "processing", ...; accepting reads queued and cancelling reads cancelled. Static
 * storage. */
const char *request_status_name(enum request_status s);
/* The reverse, for the five that people see. ERR_SYNTAX. */
MUST_USE enum err request_status_parse(struct str s, enum request_status *out);
static inline bool request_status_final(enum request_status s)
{
    return s == REQUEST_COMPLETED || s == REQUEST_FAILED || s == REQUEST_CANCELLED;
}

struct request_record {
    struct uuid id; /* its key is also the number under which it was accepted */
    int64_t space_key, user_key;
    char username[USER_NAME_BYTES];
    enum request_status status;
    uint32_t attempt; /* of the newest or winning attempt; 0 before the first */
    uint32_t lost;    /* attempts lost to vanished apps */
    uint32_t waived;  /* attempts that count for nothing: lost to the relay's own stop, never sent,
                         or  not begun, so far as could be known */
    uint64_t turn;    /* place in the order by turns */
    struct bytes *payload; /* raw JSON object */
    struct bytes *text;    /* streamed so far, UTF-8 */
    struct bytes *result;  /* raw JSON object; of a failed one, what an app of an older site said,
                              which the native protocol and REST do not show */
    struct bytes *usage;   /* raw JSON object */
    char error_code[32];   /* "" when none */
    struct bytes *error_message;
    int64_t created_ms, started_ms, finished_ms;
};

/* A person's idempotency key and the submit that it stands for. */
#define IDEMPOTENCY_KEY_BYTES 129
struct idempotency_record {
    struct uuid request_id;
    int64_t user_key, space_key;
    struct hash hash; /* of the payload */
    char name[IDEMPOTENCY_KEY_BYTES];
};

void request_record_release(struct request_record *r);

struct audit_record {
    int64_t at_ms;
    char actor[USER_NAME_BYTES]; /* "" = nobody yet; "(cli)" = the command line */
    char address[ADDRESS_BYTES];
    char action[32]; /* e.g. "space.add", "login.failed" */
    char subject[SPACE_NAME_BYTES];
    char detail[DETAIL_BYTES];
};

#define SETTING_NAME_BYTES  48
#define SETTING_VALUE_BYTES 256
struct setting_record {
    char name[SETTING_NAME_BYTES];
    char value[SETTING_VALUE_BYTES];
};

/* A space's name: 1 to 64 code points of valid UTF-8, no control character, no '/', no blank at
 * either end. */
bool space_name_valid(struct str name);
/* [A-Za-z0-9_]{1,32} */
bool user_name_valid(struct str name);
/* 1 to 96 bytes of valid UTF-8, no control character, no blank at either end. */
bool api_key_name_valid(struct str name);
/* A new secret. */
void api_key_secret(char out[API_KEY_SECRET_BYTES]);
/* 8 to 1024 bytes */
bool password_valid(struct str password);

#endif

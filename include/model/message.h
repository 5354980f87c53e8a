/* The messages of both sockets as plain structs: what a codec decodes into and the core speaks in.
 * The wire shapes are at /docs/protocol; every codec (native today) maps them to the same structs.
 *
 * A `struct str` in a decoded message is borrowed from the codec until its next decode; in a
 * message that the core emits, from the core until the next step. Raw JSON (payload, result, usage)
 * is passed on byte by byte. */
#ifndef MODEL_MESSAGE_H
#define MODEL_MESSAGE_H

#include "base/err.h"
#include "model/record.h"

#define INSTANCE_BYTES 65
#define RESUME_MAX     1024

/* ---- from an app ---- */

enum app_msg_kind {
    APP_MSG_REGISTER,
    APP_MSG_PROGRESS,
    APP_MSG_DELTA,
    APP_MSG_RESULT,
    APP_MSG_ERROR,
    APP_MSG_DRAIN,
    APP_MSG__MAX
};

/* What of OpenAI's API a request is a call of, and an app can serve. */
enum endpoint { ENDPOINT_CHAT, ENDPOINT_COMPLETIONS, ENDPOINT_EMBEDDINGS, ENDPOINT__MAX };
#define ENDPOINT_BIT(e)   (1u << (e))
#define ENDPOINTS_DEFAULT (ENDPOINT_BIT(ENDPOINT_CHAT) | ENDPOINT_BIT(ENDPOINT_COMPLETIONS))
/* The bit of "chat.completions", "completions" or "embeddings"; 0 for other names. */
uint32_t endpoint_parse(struct str name);
const char *endpoint_name(enum endpoint e); /* static storage */

struct lease_ref {
    struct uuid request_id;
    uint32_t attempt; /* in a message from an app, 0 = the one that this connection holds */
};

struct app_register {
    struct str space_name; /* "" when missing */
    struct str token;      /* "" when missing */
    struct str instance, app_name, app_version;
    uint32_t concurrency, prefetch; /* 1..1024, 0..1024 */
    const struct lease_ref *resume;
    size_t resume_count;
    uint32_t endpoints; /* ENDPOINT_BITs; from an app that does not say: ENDPOINTS_DEFAULT */
    bool own_queue; /* it takes many at once and works on them in its own order: only the oldest is
                       timed */
    bool may_lack_token; /* fine for a space that lets apps register without one */
};

struct app_progress {
    bool has_percent, has_step, has_steps, has_message;
    double percent; /* 0..100 */
    struct str message;
    uint32_t step, steps;
};

struct app_msg {
    enum app_msg_kind kind;
    struct lease_ref lease; /* all but register and drain */
    struct app_register reg;
    struct app_progress progress;
    struct str text; /* delta */
    bool has_offset;
    uint64_t offset;          /* delta: UTF-8 bytes before it */
    struct str result, usage; /* raw JSON objects; "" when absent. An error may have a result: what
                                 an app of an older site sent with it */
    struct str code, message; /* error */
    bool retryable;
};

/* ---- to an app ---- */

enum app_out_kind {
    APP_OUT_REGISTERED, /* register_response, success */
    APP_OUT_REFUSED,    /* register_response, no success */
    APP_OUT_REQUEST,
    APP_OUT_CANCEL,
    APP_OUT_ACK,
    APP_OUT_DRAIN,
    APP_OUT_ERROR,
    APP_OUT__MAX
};

struct resumed {
    struct lease_ref lease;
    uint64_t text_bytes;
};

struct app_out {
    enum app_out_kind kind;
    struct str message;                  /* for a person */
    enum err code;                       /* refused, ack (OK = accepted), error */
    struct uuid connection_id, space_id; /* registered */
    uint64_t max_message_bytes, request_timeout_ms;
    const struct resumed *resumed;
    size_t resumed_count;
    bool has_lease;
    struct lease_ref lease; /* request, cancel, ack, error when has_lease */
    struct str username, payload;
    int64_t created_ms, deadline_ms;
    struct str reason; /* cancel */
    uint64_t reconnect_after_ms;
};

/* ---- from a person's socket ---- */

enum topic_kind { TOPIC_SPACE, TOPIC_REQUEST, TOPIC_SPACES, TOPIC_ADMIN };

struct topic_id {
    enum topic_kind kind;
    struct uuid id; /* nil for spaces and admin */
};

enum client_msg_kind {
    CLIENT_MSG_SUBSCRIBE,
    CLIENT_MSG_UNSUBSCRIBE,
    CLIENT_MSG_SUBMIT,
    CLIENT_MSG_CANCEL,
    CLIENT_MSG__MAX
};

#define REF_BYTES   65
#define EPOCH_BYTES 17 /* 16 hex digits */

struct client_msg {
    enum client_msg_kind kind;
    struct str topic_text; /* as it was sent, for the answer */
    bool topic_known;      /* topic_text names a kind of topic */
    struct topic_id topic;
    bool has_since;
    uint64_t since;
    struct str epoch;
    struct str space;   /* submit: its name */
    struct str payload; /* raw JSON object */
    uint32_t inputs;    /* submit: INPUT_ bits of what the payload holds */
    uint32_t endpoint;  /* submit: the ENDPOINT_BIT that the payload names, or 0 */
    bool watch;         /* submit: the socket watches the new request to its end */
    struct str ref;     /* echoed; "" when none */
    bool has_idempotency_key;
    struct str idempotency_key; /* submit: at most IDEMPOTENCY_KEY_BYTES - 1; "" when none */
    struct uuid request_id;     /* cancel */
};

/* ---- what watchers see ---- */

struct space_view {
    struct uuid space_id;
    char name[SPACE_NAME_BYTES];
    bool connected, draining, removed;
    uint32_t apps, slots, slots_free, queue_length;
    uint32_t in_flight; /* with apps, or waiting for a lost one to come back; only in answers to
                           CMD_QUERY_SPACES */
};

/* Which fields of a request_view are set (state) or have changed (event). */
enum {
    VIEW_STATUS = 1,
    VIEW_ATTEMPT = 2,
    VIEW_TEXT = 4,
    VIEW_POSITION = 8,
    VIEW_ETA = 16,
    VIEW_REASON = 32,
    VIEW_PERCENT = 64,
    VIEW_MESSAGE = 128,
    VIEW_RESULT = 256,
    VIEW_ERROR = 512,
    VIEW_USAGE = 1024,
    VIEW_STARTED = 2048,
    VIEW_FINISHED = 4096,
    VIEW_STEP = 8192,
    VIEW_STEPS = 16384,
    VIEW_IDENTITY = 32768 /* request_id, space, created_at: in states only */
};

struct request_view {
    unsigned fields; /* VIEW_ bits */
    unsigned gone; /* VIEW_ bits of fields that are known no longer: written as null in events, left
                      out of states */
    struct uuid request_id;
    struct str space;
    enum request_status status;
    uint32_t attempt;
    struct str text;
    uint64_t position;
    uint64_t eta_ms;
    struct str reason; /* "app_disconnected", "app_busy", "draining" */
    double percent;
    uint32_t step, steps;
    struct str message;
    struct str result, usage; /* raw JSON */
    struct str error_code, error_message;
    int64_t created_ms, started_ms, finished_ms;
};

struct admin_view {
    uint64_t spaces, apps, people, queued, processing, requests_per_minute, p50_ms, p99_ms,
        failed_per_minute;
};

enum publish_kind {
    PUBLISH_SPACE,
    PUBLISH_STATE,
    PUBLISH_PROGRESS,
    PUBLISH_DELTA,
    PUBLISH_FINAL,
    PUBLISH_ADMIN,
    PUBLISH__MAX
};

/* One event of a topic, or (in a subscribed answer) its state. */
struct topic_event {
    enum publish_kind kind;
    const struct space_view *space;
    const struct request_view *request; /* state, progress, delta (its text), final */
    const struct admin_view *admin;
};

/* ---- to a person's socket ---- */

enum client_out_kind {
    CLIENT_OUT_SUBSCRIBED, /* the hub fills in epoch, seq, recovered */
    CLIENT_OUT_UNSUBSCRIBED,
    CLIENT_OUT_SUBMITTED, /* with watch: it fills in epoch and seq when the socket watches */
    CLIENT_OUT_CANCELLED,
    CLIENT_OUT_ERROR,
    CLIENT_OUT__MAX
};

struct client_out {
    enum client_out_kind kind;
    struct topic_id topic;
    struct str topic_text;
    struct str epoch;
    uint64_t seq;
    bool recovered;
    /* subscribed: the state, when not recovered */
    const struct space_view *spaces; /* topic space: one; topic spaces: spaces_count */
    size_t spaces_count;
    const struct request_view *request;
    const struct admin_view *admin;
    struct str ref;
    bool has_request_id;
    struct uuid request_id;
    bool watch; /* submitted: topic, the request's, is to be watched to its end */
    uint64_t position;
    enum err code;
    struct str message;      /* "" = the code's default sentence */
    uint64_t retry_after_ms; /* 0 = none */
    uint64_t limit;          /* refused, because there are so many already; 0 = not counted */
};

#endif

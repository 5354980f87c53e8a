/* A small library for inference apps: one connection to a relay, kept alive, over which a program
 * takes the requests of one space (the native protocol, /docs/protocol). The program says what it
 * works on; the library does the rest:
 *
 * - dials ws or wss, registers, answers pings, notices a relay that has gone silent;
 * - reconnects with exponential backoff and full jitter, until the relay says that it is no use;
 * - names what is unfinished when it registers again, and sends the streamed text again from where
 * the relay has it;
 * - keeps every result until the relay has it on disk, and sends it again until then.
 *
 * It is not for people's side of the relay (/ws/client), and it queues nothing: a request that came
 * is the program's to work on now or later.
 *
 *     struct client *c;
 *     struct client_options options = {.base = base, .host = "http://localhost:5001", .space =
 * "demo", .token = token}; struct client_callbacks callbacks = {.on_request = work, .on_stopped =
 * leave}; if (client_new(&options, &callbacks, my_state, &c, &why)) ... event_base_dispatch(base);
 *     client_free(c);
 *
 * Everything here, callbacks included, belongs to the thread that runs the event base. Callbacks
 * come from the event loop, never from inside a call. Inside them every function but client_free
 * may be called. Strings that a callback is given are borrowed until it returns. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"

struct client;
struct event_base;

/* What an app holds of a request. When a request is handed out again its attempt is higher: the
 * older lease is over. */
struct client_lease {
    struct uuid request_id;
    uint32_t attempt;
};

struct client_request {
    struct client_lease lease;
    struct str username; /* who asks */
    struct str payload;  /* a JSON object, at least {"prompt": "..."} for most spaces */
    int64_t created_ms;  /* wall clock */
    int64_t deadline_ms; /* 0 = none */
};

struct client_registered {
    char connection_id[UUID_TEXT_BYTES], space_id[UUID_TEXT_BYTES];
    uint64_t max_message_bytes;  /* what one message may have */
    uint64_t request_timeout_ms; /* say something about a request at least so often */
    size_t resumed;              /* requests that go on after a reconnect */
};

/* Each may be NULL, and gets the ctx of client_new. `words` and `message` are for a person. */
struct client_callbacks {
    /* A try to connect begins, the first or a later one. */
    void (*on_connecting)(void *ctx, const char *url);
    /* The relay took us: requests may come. */
    void (*on_registered)(void *ctx, const struct client_registered *r);
    /* The relay does not want us. code: "unauthorized", "not_found", "space_taken", ... for_good:
     * it says that trying again is no use; there will be no more callbacks but on_cancel and
     * on_stopped, and client_stop is what is left to call. Else on_lost follows and says when the
     * next try is. */
    void (*on_refused)(void *ctx, struct str code, struct str message, bool for_good);
    /* The connection is gone, or could not be made; the next try begins by itself in retry_ms. Go
     * on working. */
    void (*on_lost)(void *ctx, const char *words, uint64_t retry_ms);
    /* Answer it with client_result or client_error, once, now or later. */
    void (*on_request)(void *ctx, const struct client_request *r);
    /* Stop working on it. Say so with client_error (code "cancelled"; with usage, if it is
     * counted): that frees the slot. When the relay has given the request to another app, that call
     * answers ERR_NOT_FOUND: nothing is owed. */
    void (*on_cancel)(void *ctx, struct client_lease lease, struct str reason);
    /* The result or error is on the relay's disk (accepted), or the relay has no use for it (code:
     * "stale_attempt", "already_final", "not_found"). The lease is over. */
    void (*on_settled)(void *ctx, struct client_lease lease, bool accepted, struct str code);
    /* The relay is going down and expects us back after that time. Nothing needs to be done. */
    void (*on_drain)(void *ctx, uint64_t reconnect_after_ms);
    /* The relay said, or did, something that is wrong. Nothing needs to be done; it belongs in a
     * log. */
    void (*on_warning)(void *ctx, const char *words);
    /* Every message that is sent (out) or has come, for finding errors. The token is not shown. */
    void (*on_trace)(void *ctx, bool out, struct str text);
    /* After client_stop: the connection is closed, and this is the last callback.
     * event_base_loopbreak, then client_free. */
    void (*on_stopped)(void *ctx);
};

/* Strings are copied. */
struct client_options {
    struct event_base *base; /* outlives the client */
    const char
        *host; /* http, https, ws or wss URL of the relay; a path in front of /ws/app may follow */
    const char *space;          /* its name */
    const char *token;          /* NULL or "" = none, which a relay refuses */
    const char *name, *version; /* of the app, shown to admins; NULL = none */
    uint32_t concurrency;       /* requests worked on at the same time, 1 to 1024; 0 means 1 */
    uint32_t prefetch;          /* more of them held ready, 0 to 1024 */
    uint32_t endpoints;         /* of the OpenAI-compatible API, ENDPOINT_BITs (model/message.h);
                                   0 = not said: chat.completions and completions */
    const char *ca_file;        /* wss: PEM file of the authorities to trust; NULL = the system's */
    bool insecure;              /* wss: any certificate will do; for tests */
};

/* Checks the options and dials, as soon as the event base runs. Ignores SIGPIPE for the process
 * (OpenSSL writes without MSG_NOSIGNAL). why gets a sentence on failure: ERR_SYNTAX (host),
 * ERR_BAD_MESSAGE (a number out of range), ERR_IO (ca_file), ERR_INTERNAL (libsodium, OpenSSL or
 * libevent cannot start). */
MUST_USE enum err client_new(const struct client_options *options,
                             const struct client_callbacks *callbacks, void *ctx,
                             struct client **out, struct buf *why);
/* Drops the connection if there still is one, and all results that the relay has not taken. No
 * callback comes. */
void client_free(struct client *c);

/* About a request under way. All of these answer ERR_NOT_FOUND when the lease is over or has got
 * its result or error already, ERR_BAD_MESSAGE when a string is not UTF-8 or holds a NUL, and may
 * be called while the connection is gone. */

struct client_progress {
    double percent;       /* 0 to 100; negative = not known */
    struct str message;   /* what is being done, for a person; "" = none. Cut after 1000 bytes. */
    uint32_t step, steps; /* 0 = none */
};
/* Shown live. While the connection is gone it is forgotten: the next one will do. */
enum err client_progress(struct client *c, struct client_lease lease,
                         const struct client_progress *p);

/* Appends streamed text. It is kept until the lease is over, to be sent again after a reconnect.
 * ERR_TOO_LARGE: more than CLIENT_TEXT_BYTES in all, or than the relay takes; the text stays as it
 * is, and a result can still be sent. */
#define CLIENT_TEXT_BYTES (4u << 20)
enum err client_delta(struct client *c, struct client_lease lease, struct str text);

/* The answer: result is a JSON object (fields with a label on the page: text_output, confidence,
 * model_used, processing_time_seconds, tokens_used, timestamp), usage a JSON object
 * {"prompt_tokens", "completion_tokens", "total_tokens"} or "". Both are copied and kept until
 * on_settled. ERR_BAD_JSON or ERR_BAD_MESSAGE: not such objects; ERR_TOO_LARGE: the message would
 * be larger than the relay takes. After these the request is still open: send something else. */
MUST_USE enum err client_result(struct client *c, struct client_lease lease, struct str result,
                                struct str usage);

struct client_failure {
    struct str code;    /* "app_error", "cancelled", or a word of your own of at most 31 bytes; "" =
                           "app_error" */
    struct str message; /* people read it. Cut after 1000 bytes. */
    bool retryable; /* back to the queue for another attempt, as long as the request has one left */
    struct str usage; /* as above; "" = none */
};
/* No answer will come. Kept and settled like a result; errors as client_result. */
enum err client_error(struct client *c, struct client_lease lease, const struct client_failure *f);

/* Requests that have neither result nor error; results and errors that the relay has not taken yet.
 */
size_t client_open(const struct client *c);
size_t client_unsettled(const struct client *c);

/* Send me nothing new: I leave when I am done. Holds over reconnects. What came before is still to
 * be answered. */
void client_drain(struct client *c);
/* Sends what has been said, closes the connection cleanly (requests that are still open then return
 * to the relay's queue at once) and reports on_stopped, after at most 2 s. Results without
 * on_settled are lost: wait for client_unsettled to be 0 first, if there is time. A second call is
 * ignored. */
void client_stop(struct client *c);

#endif

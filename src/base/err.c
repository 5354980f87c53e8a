#include "base/err.h"

#include <assert.h>

struct err_info {
    const char *code;
    const char *message;
    int http_status;
    int close_code; /* 0: the connection goes on */
};

#define INSIDE(message)                                                                            \
    {                                                                                              \
        "internal", message, 500, 0                                                                \
    }

static const struct err_info table[] = {
    [OK] = {"ok", "OK", 200, 0},

    [ERR_BAD_JSON] = {"bad_json", "The message is not valid JSON", 400, 1007},
    [ERR_BAD_MESSAGE] = {"bad_message", "The message is not as the protocol says", 400, 0},
    [ERR_UNKNOWN_TYPE] = {"unknown_type", "There is no message of this type", 400, 0},
    [ERR_UNAUTHORIZED] = {"unauthorized", "Not logged in", 401, 4500},
    [ERR_FORBIDDEN] = {"forbidden", "This is not allowed", 403, 4500},
    [ERR_NOT_FOUND] = {"not_found", "There is no such thing", 404, 0},
    [ERR_APP_DISCONNECTED] = {"app_disconnected", "Remote app not connected", 503, 0},
    [ERR_SPACE_TAKEN] = {"space_taken", "Space already has a connected app", 409, 4003},
    [ERR_QUEUE_FULL] = {"queue_full", "The queue is full", 503, 0},
    [ERR_RATE_LIMITED] = {"rate_limited", "Too many requests", 429, 0},
    [ERR_TOO_LARGE] = {"too_large", "This is too large", 413, 1009},
    [ERR_INPUT_REFUSED] = {"input_refused", "The input was refused", 400, 0},
    [ERR_IDEMPOTENCY_CONFLICT] = {"idempotency_conflict",
                                  "The idempotency key was used for another request", 409, 0},
    [ERR_STALE_ATTEMPT] = {"stale_attempt", "The attempt is no longer the current one", 409, 0},
    [ERR_ALREADY_FINAL] = {"already_final", "The request is finished already", 409, 0},
    [ERR_DELTA_GAP] = {"delta_gap", "Text before this offset is missing", 409, 0},
    [ERR_APP_LOST] = {"app_lost", "The app went away before it finished", 500, 0},
    [ERR_APP_ERROR] = {"app_error", "The app reported an error", 500, 0},
    [ERR_TIMEOUT] = {"timeout", "No answer came in time", 504, 0},
    [ERR_POISONED] = {"poisoned", "The request cost too many apps their connection", 500, 0},
    [ERR_CANCELLED] = {"cancelled", "The request was cancelled", 500, 0},
    [ERR_STORE_UNAVAILABLE] = {"store_unavailable", "Nothing can be saved at the moment", 503, 0},
    [ERR_SHUTTING_DOWN] = {"shutting_down", "The relay is shutting down", 503, 1001},
    [ERR_INTERNAL] = {"internal", "Something went wrong inside the relay", 500, 0},

    [ERR_AGAIN] = INSIDE("Not complete yet"),
    [ERR_MEMORY] = INSIDE("Out of memory"),
    [ERR_IO] = INSIDE("Reading or writing failed"),
    [ERR_SYNTAX] = INSIDE("The input does not follow its grammar"),
    [ERR_EXISTS] = INSIDE("Something of this name exists already"),
    [ERR_LOCKED] = INSIDE("Another process holds it"),
    [ERR_NEWER] = INSIDE("It was written by a newer version of this program"),
    [ERR_CLOSED] = INSIDE("The other side is gone"),
};
_Static_assert(sizeof table / sizeof *table == ERR__MAX, "one row for each error");

static const struct err_info *info(enum err e)
{
    assert((unsigned)e < ERR__MAX);
    return &table[e];
}

const char *err_code(enum err e)
{
    return info(e)->code;
}

const char *err_message(enum err e)
{
    return info(e)->message;
}

int err_http_status(enum err e)
{
    return info(e)->http_status;
}

int err_close_code(enum err e)
{
    return info(e)->close_code;
}

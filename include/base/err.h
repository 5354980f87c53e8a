/* The one list of ways in which an operation can fail.
 *
 * The first group is the closed list of codes that peers see (documented at /docs/protocol); the
 * second group never leaves the program: whoever talks to a peer turns it into one of the first.
 * One table in err.c maps each to its code, its default sentence, an HTTP status and a close code.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
    OK = 0,
    /* seen by peers */
    ERR_BAD_JSON,
    ERR_BAD_MESSAGE,
    ERR_UNKNOWN_TYPE,
    ERR_UNAUTHORIZED,
    ERR_FORBIDDEN,
    ERR_NOT_FOUND,
    ERR_APP_DISCONNECTED,
    ERR_SPACE_TAKEN,
    ERR_QUEUE_FULL,
    ERR_RATE_LIMITED,
    ERR_TOO_LARGE,
    ERR_INPUT_REFUSED,
    ERR_IDEMPOTENCY_CONFLICT,
    ERR_STALE_ATTEMPT,
    ERR_ALREADY_FINAL,
    ERR_DELTA_GAP,
    ERR_APP_LOST,
    ERR_APP_ERROR,
    ERR_TIMEOUT,
    ERR_POISONED,
    ERR_CANCELLED,
    ERR_STORE_UNAVAILABLE,
    ERR_SHUTTING_DOWN,
    ERR_INTERNAL,
    /* inside only */
    ERR_AGAIN,  /* incomplete: call again with more input, or later */
    ERR_MEMORY, /* out of memory */
    ERR_IO,     /* a file, socket or disk said no */
    ERR_SYNTAX, /* input that does not follow its grammar */
    ERR_EXISTS, /* something of that name is there already */
    ERR_LOCKED, /* another process holds it */
    ERR_NEWER,  /* written by a newer version of this program */
    ERR_CLOSED, /* the other side is gone */
    ERR__MAX
};

#define MUST_USE __attribute__((warn_unused_result))

/* The code as peers see it, e.g. "not_found"; inside-only errors read "internal". Static storage.
 */
const char *err_code(enum err e);
/* A whole sentence for a person, without full stop. Static storage. Used where nothing better is
 * known. */
const char *err_message(enum err e);
/* HTTP status for e; 200 for OK. */
int err_http_status(enum err e);
/* WebSocket close code that ends a connection for e; 0 when e does not end one. */
int err_close_code(enum err e);

#endif

/* Calls of /api/v1, and what went wrong with them in words. One thread. */
#ifndef REMOTE_CALLS_H
#define REMOTE_CALLS_H

#include "base/uuid.h"
#include "remote/http.h"

#define REMOTE_ANSWER_BYTES (256u << 20) /* a result and a text, escaped */
#define REMOTE_SILENCE_S    60

/* Who is asked, as whom. All borrowed. */
struct remote {
    const struct http_place *place;
    const char *key;
    struct http *http;
    int wake_fd; /* http_new's */
};

enum remote_how {
    REMOTE_DONE,        /* the answer is in body */
    REMOTE_REFUSED,     /* the relay says no */
    REMOTE_TRY_AGAIN,   /* it cannot now, and says when */
    REMOTE_UNREACHABLE, /* nobody has seen the call */
    REMOTE_BROKEN,      /* somebody may have */
    REMOTE_WOKEN        /* broken off because of wake_fd (remote_judge only) */
};

struct remote_answer {
    enum remote_how how;
    int status;       /* 0 = none came */
    char code[32];    /* of the closed list; "" = none */
    struct buf words; /* unless REMOTE_DONE: a sentence, without controls */
    uint64_t retry_after_ms;
    struct buf body;
};

/* Judges what came: 2xx is done. *out must be released with remote_release; takes the answer's
 * body.
 */
void remote_judge(const struct remote *r, struct http_answer *answer, struct remote_answer *out);
void remote_get(const struct remote *r, const char *path, struct remote_answer *out);
/* idempotency_key NULL = none. */
void remote_post(const struct remote *r, const char *path, struct str body,
                 const char *idempotency_key, struct remote_answer *out);
void remote_release(struct remote_answer *a);

/* ---- text of strangers ---- */

/* Appends s without what a terminal would obey: C0 but \n and \t, DEL, C1. With one_line, each of
 * these, \n and \t is a blank. Invalid UTF-8 becomes '?'. */
void text_clean(struct buf *b, struct str s, bool one_line);

#endif

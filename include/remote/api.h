/* Calls of /api/v1, and what went wrong with them in words. One thread. */
#ifndef REMOTE_API_H
#define REMOTE_API_H

#include "base/uuid.h"
#include "remote/http.h"

#define API_ANSWER_BYTES (256u << 20) /* a result and a text, escaped */
#define API_SILENCE_S    60

/* Who is asked, as whom. All borrowed. */
struct remote {
    const struct http_place *place;
    const char *key;
    struct http *http;
    int wake_fd; /* http_new's */
};

enum api_how {
    API_DONE,        /* the answer is in body */
    API_REFUSED,     /* the relay says no */
    API_TRY_AGAIN,   /* it cannot now, and says when */
    API_UNREACHABLE, /* nobody has seen the call */
    API_BROKEN,      /* somebody may have */
    API_WOKEN        /* broken off because of wake_fd */
};

struct api_answer {
    enum api_how how;
    int status;       /* 0 = none came */
    char code[32];    /* of the closed list; "" = none */
    struct buf words; /* unless API_DONE: a sentence, without controls */
    uint64_t retry_after_ms;
    struct buf body;
};

/* Judges what came: 2xx is done. *out must be released with api_release; takes the answer's body.
 */
void api_judge(const struct remote *r, struct http_answer *answer, struct api_answer *out);
void api_get(const struct remote *r, const char *path, struct api_answer *out);
/* idempotency_key NULL = none; body p NULL = none. Not broken off when stubborn. */
void api_post(const struct remote *r, const char *path, struct str body,
              const char *idempotency_key, bool stubborn, struct api_answer *out);
void api_release(struct api_answer *a);

/* ---- text of strangers ---- */

/* Appends s without what a terminal would obey: C0 but \n and \t, DEL, C1. With one_line, each of
 * these, \n and \t is a blank. Invalid UTF-8 becomes '?'. */
void text_clean(struct buf *b, struct str s, bool one_line);

#endif

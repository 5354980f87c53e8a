/* What is wrong, in words for the person who waits: what happened at the model server becomes a
 * code, a sentence and whether another try makes sense. Pure. Neither the server's address nor a
 * word about its key is ever in the sentence: these are the operator's business and go to the log.
 * The sentence is whole UTF-8 characters of what is. */
#ifndef BRIDGE_BLAME_H
#define BRIDGE_BLAME_H

#include "base/str.h"

#include <stdbool.h>

#define BLAME_BYTES 1001

struct blame {
    const char *code; /* of inference_error; static */
    bool retryable;   /* another attempt, maybe at another app, may succeed */
    bool passing;     /* asking the same server again in a moment is safe and may help */
    char words[BLAME_BYTES];
};

struct blame_about {
    const char *model; /* NULL: a plain HTTP service */
};

/* An answer that is an error. status: HTTP, or as if; said: the server's own sentence or "". */
struct blame blame_status(struct blame_about about, int status, struct str said);

enum trouble {
    TROUBLE_UNREACHABLE,   /* no connection */
    TROUBLE_BROKEN_OFF,    /* the connection ended before the answer did */
    TROUBLE_NONSENSE,      /* not what the protocol says */
    TROUBLE_TOO_LARGE,     /* more than the relay takes */
    TROUBLE_FIRST_TIMEOUT, /* nothing of an answer in time */
    TROUBLE_IDLE_TIMEOUT,  /* silence in the middle */
    TROUBLE_TOTAL_TIMEOUT,
    TROUBLE_LEAVING, /* this app is stopping */
    TROUBLE_INTERNAL,
    TROUBLE__MAX
};
struct blame blame_trouble(struct blame_about about, enum trouble trouble);
/* What was asked makes no sense: words say why. */
struct blame blame_asked(struct str words);

#endif

/* What a person reads when the web threads give no page: a sentence of plain text, in their
 * language as far as cookie and Accept-Language tell (the rule is codec/lang.h's). Hub thread only.
 */
#ifndef HUB_SORRY_H
#define HUB_SORRY_H

#include <stdint.h>

struct exchange;

enum sorry {
    SORRY_NOT_READY, /* 503: the web threads are not there yet */
    SORRY_TOO_MANY,  /* 503: too many pages wait */
    SORRY_BROKEN,    /* 502: the thread hung up, or its reply makes no sense */
    SORRY_TOO_LATE,  /* 504: no reply in time */
    SORRY__MAX
};

/* Replies to x. limit: how many may wait, when there are too many; 0 = that is not why. */
void sorry_reply(struct exchange *x, enum sorry what, uint64_t limit);

#endif

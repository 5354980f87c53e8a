/* How fast something under way (a body, a message) has to come: no silence longer than idle_ms, and
 * in every window at least the least pace. Pure. */
#ifndef HUB_PACE_H
#define HUB_PACE_H

#include "model/limits.h"

#include <stdbool.h>
#include <stddef.h>

struct pace {
    uint64_t last_ms;   /* of the newest byte */
    uint64_t window_ms; /* start of the window */
    uint64_t bytes;     /* in the window */
};

void pace_start(struct pace *p, uint64_t now_ms);
void pace_feed(struct pace *p, size_t n, uint64_t now_ms);
/* When to look again. */
uint64_t pace_due(const struct pace *p, const struct limits *l, uint64_t idle_ms);
/* False when it is too slow. Starts the next window when one is over. */
bool pace_check(struct pace *p, const struct limits *l, uint64_t idle_ms, uint64_t now_ms);

#endif

/* The removal of old requests. Private to the core. */
#ifndef CORE_RETENTION_H
#define CORE_RETENTION_H

#include "core/timer.h"

struct retention {
    struct timer timer;
    int64_t started_wall_ms; /* the two clocks when the relay began to listen */
    uint64_t started_mono_ms;
};

/* When the relay begins to listen. */
void retention_start(struct relay *r);

#endif

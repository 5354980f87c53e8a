/* Many people who only look: each a socket that watches one space. One thread. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "bench/socket.h"

struct crowd;

struct watcher {
    struct socket socket;
    struct crowd *crowd;
    bool ready, saw;
};

struct crowd_options {
    const struct target *target;
    const char *const *cookies; /* cookies_count of them, shared out among the watchers */
    uint32_t cookies_count, count;
    const char *space_id;
};

struct crowd {
    struct crowd_options options;
    struct loop *loop;
    struct watcher *watchers;
    uint32_t ready, lost;
    unsigned next_source;
    char why[200]; /* of the first loss */
    /* an event that is waited for */
    struct str awaited; /* what it holds; "" : none */
    uint32_t seen;
    uint64_t first_ns, last_ns; /* when the first and the last watcher saw it */
};

void crowd_init(struct crowd *c, struct loop *loop, const struct crowd_options *options);
void crowd_release(struct crowd *c);
/* Connects all at once and waits until each is told the space's state, at most seconds. False when
 * somebody is not there by then. */
bool crowd_join(struct crowd *c, unsigned seconds);
/* All gone at once, without a close frame. */
void crowd_leave(struct crowd *c);
/* From now on events that hold `part` are looked for (a literal: it is not copied). */
void crowd_await(struct crowd *c, struct str part);
/* Waits until everybody saw one. False when it did not happen within seconds. */
bool crowd_all_saw(struct crowd *c, unsigned seconds);

#endif

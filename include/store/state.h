/* The store's inside: what its files share (private to the store). */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "store/db.h"
#include "store/listing.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

/* The reading of a request that was asked for. */
struct load {
    uint64_t id;
    struct uuid request;
    uint64_t after; /* the number of the last change that must be answered before */
    struct load *next;
};

struct store {
    struct db *db; /* the writer thread's while there is one */
    char *path;
    store_answered *answered;
    void *ctx;
    bool started;
    pthread_t writer, loader;
    struct store_answer *answers; /* the writer's */
    struct listing listing;       /* the writer's */
    _Atomic enum db_trouble trouble;
    atomic_uint long_readers; /* backups, for which no checkpoint waits */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;  /* for the writer */
    struct change *first, **last;
    uint64_t given_count, answered_count; /* changes */
    pthread_cond_t may_load;              /* for the loader */
    struct load *first_load, **last_load;
    size_t held_bytes; /* of records that the callee has not given back */
    bool stopping;
};

/* Notes how the newest writing went, or that a reader has found damage. Damage stays: nothing is
 * written any more. Any thread. */
void store_note(struct store *s, enum db_trouble trouble);

/* loads.c: the loader's thread. */
void *load_until_stopped(void *store);

#endif

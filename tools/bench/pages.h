/* People who load pages while the rest goes on: so many pages a second, over kept-alive
 * connections. A page's time counts from when it was due. One thread. */
#ifndef BENCH_PAGES_H
#define BENCH_PAGES_H

#include "bench/histogram.h"
#include "bench/socket.h"

#define PAGES_CONNECTIONS 16
#define PAGES_KINDS       2

struct pages;

struct browser {
    struct wire wire;
    struct pages *pages;
    struct buf in;
    bool busy;
    unsigned kind;
    uint64_t due_ns;
};

struct pages {
    struct loop *loop;
    const struct target *target;
    const char *cookie;
    char paths[PAGES_KINDS][128]; /* the first with the cookie, the second as a stranger */
    struct browser browsers[PAGES_CONNECTIONS];
    uint64_t interval_ns, next_due_ns, started, errors;
    bool measuring;
    char why[120];
    struct histogram times[PAGES_KINDS];
};

/* Connects. ERR_IO. cookie and target are borrowed. */
MUST_USE enum err pages_start(struct pages *p, struct loop *loop, const struct target *target,
                              const char *cookie, const char *space);
void pages_release(struct pages *p);
/* From now on, so many a second. */
void pages_rate(struct pages *p, double per_second);
/* Asks for what is due; returns when to call again. ctx is a struct pages. */
uint64_t pages_tick(void *ctx);

#endif

/* Latencies in buckets that grow with the value: every value from 1 ns to an hour is kept within
 * 1/128 of it, whatever the number of values. One thread. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB     128 /* buckets an octave */
#define HISTOGRAM_OCTAVES 36
#define HISTOGRAM_BUCKETS (HISTOGRAM_SUB * HISTOGRAM_OCTAVES)

struct histogram {
    uint64_t count, max_ns;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t ns);
/* Adds all of from's. */
void histogram_merge(struct histogram *h, const struct histogram *from);
/* The value that `part` (0 to 1) of all values do not pass; 0 when there is none. */
uint64_t histogram_at(const struct histogram *h, double part);

#endif

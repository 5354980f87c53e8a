/* Figures in their order, as lines for people or as one JSON object of objects. One thread. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/histogram.h"
#include "base/buf.h"

#include <stdbool.h>

struct report {
    bool json;
    bool started, in_section;
    struct buf out;
};

void report_init(struct report *r, bool json);
/* Prints on stdout and frees. */
void report_print(struct report *r);

/* What follows belongs to it. */
void report_section(struct report *r, const char *name);
void report_number(struct report *r, const char *name, double value, int decimals);
void report_text(struct report *r, const char *name, struct str value);
/* A section with count, p50, p90, p99, p99.9 and max, in microseconds. */
void report_histogram(struct report *r, const char *name, const struct histogram *h);

#endif

/* Counting for the admin's overview: rates of the last minute, latencies of the last requests. */
#include "core/state.h"

#include <stdlib.h>

static size_t slot_now(struct relay *r)
{
    uint64_t second = r->now.mono_ms / 1000;
    size_t i = second % RATE_SECONDS;
    if (r->stats.second[i] != second) {
        r->stats.second[i] = second;
        r->stats.finished[i] = r->stats.failed[i] = 0;
    }
    return i;
}

void stats_finished(struct relay *r, uint64_t latency_ms, bool failed)
{
    size_t i = slot_now(r);
    r->stats.finished[i]++;
    r->stats.failed[i] += failed;
    r->stats.latency_ms[r->stats.latency_count++ % LATENCY_SAMPLES] = latency_ms;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void stats_fill(struct relay *r, struct admin_view *v)
{
    *v = (struct admin_view){
        .apps = HASH_COUNT(r->apps), .queued = r->stats.queued, .processing = r->stats.processing};
    struct space *s, *s_tmp;
    HASH_ITER (hh, r->spaces, s, s_tmp)
        v->spaces += !s->removed && !s->pending;
    struct person *p, *p_tmp;
    HASH_ITER (hh, r->people, p, p_tmp)
        v->people += !p->pending && !p->rec.disabled;
    uint64_t oldest = r->now.mono_ms / 1000;
    for (size_t i = 0; i < RATE_SECONDS; i++) {
        if (r->stats.second[i] + RATE_SECONDS <= oldest)
            continue;
        v->requests_per_minute += r->stats.finished[i];
        v->failed_per_minute += r->stats.failed[i];
    }
    size_t n = r->stats.latency_count < LATENCY_SAMPLES ? r->stats.latency_count : LATENCY_SAMPLES;
    if (!n)
        return;
    uint64_t sorted[LATENCY_SAMPLES];
    memcpy(sorted, r->stats.latency_ms, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    v->p50_ms = sorted[n / 2];
    v->p99_ms = sorted[n - 1 - n / 100];
}

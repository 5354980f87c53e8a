/* One space watched by many: from a change until the first and the last of them has seen it. */
#include "bench/scenario.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECT_S 60
#define SEE_S     10
#define ROUNDS    10

struct round {
    double first_ms, last_ms;
};

static int by_last(const void *a, const void *b)
{
    double x = ((const struct round *)a)->last_ms, y = ((const struct round *)b)->last_ms;
    return (x > y) - (x < y);
}

static void report_rounds(struct bench *b, const char *name, struct round rounds[ROUNDS])
{
    qsort(rounds, ROUNDS, sizeof *rounds, by_last);
    report_section(&b->report, name);
    report_number(&b->report, "rounds", ROUNDS, 0);
    report_number(&b->report, "median_first_ms", rounds[ROUNDS / 2].first_ms, 2);
    report_number(&b->report, "median_last_ms", rounds[ROUNDS / 2].last_ms, 2);
    report_number(&b->report, "max_last_ms", rounds[ROUNDS - 1].last_ms, 2);
}

/* Everybody sees what change(l) brings about. */
static bool watch_change(struct load *l, struct crowd *c, bool connected, struct round *out)
{
    crowd_await(c, connected ? STR("\"connected\":true") : STR("\"connected\":false"));
    uint64_t from_ns = bench_now_ns();
    if (!connected)
        load_drop_app(l);
    else if (load_return_app(l))
        return false;
    else
        from_ns = l->registering_ns;
    if (!crowd_all_saw(c, SEE_S))
        return false;
    *out = (struct round){(double)(c->first_ns - from_ns) / NS_PER_MS,
                          (double)(c->last_ns - from_ns) / NS_PER_MS};
    return true;
}

static bool measure(struct bench *b, struct load *l, struct crowd *c)
{
    struct round lost[ROUNDS], back[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        if (!watch_change(l, c, false, &lost[i]) || !watch_change(l, c, true, &back[i]))
            return false;
    report_section(&b->report, "fan_out");
    report_number(&b->report, "watchers", c->options.count, 0);
    report_rounds(b, "app_lost", lost);
    report_rounds(b, "app_back", back);
    return true;
}

bool scenario_fan_out(struct bench *b)
{
    struct load l;
    struct crowd c = {0};
    bool ok = bench_load_start(b, &l);
    if (ok) {
        bench_crowd_init(b, &c, &l, b->set.fan_out);
        ok = crowd_join(&c, CONNECT_S) && measure(b, &l, &c);
        if (!ok)
            fprintf(stderr, "relay-bench: %u watchers came, %u saw the change, %u were lost: %s\n",
                    c.ready, c.seen, c.lost, c.why);
        crowd_release(&c);
    }
    load_release(&l);
    return ok;
}

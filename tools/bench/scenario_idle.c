/* Sockets that only wait: what each costs, and how fast all of them are back. */
#include "bench/scenario.h"

#include <stdio.h>

#define CONNECT_S 60
#define SETTLE_S  2

static void rest(struct bench *b, unsigned seconds)
{
    uint64_t end_ns = bench_now_ns() + (uint64_t)seconds * NS_PER_S;
    while (b->loop->now_ns < end_ns)
        loop_turn(b->loop, end_ns);
}

/* Milliseconds until all are there; negative when not all came. */
static double join(struct crowd *c)
{
    uint64_t from_ns = bench_now_ns();
    bool all = crowd_join(c, CONNECT_S);
    return all ? (double)(bench_now_ns() - from_ns) / NS_PER_MS : -1;
}

static bool measure(struct bench *b, struct crowd *c)
{
    struct report *r = &b->report;
    struct usage empty = usage_of(b->target->pid);
    double first_ms = join(c);
    rest(b, SETTLE_S);
    struct usage from = usage_of(b->target->pid);
    uint64_t from_ns = bench_now_ns();
    rest(b, b->set.seconds);
    struct usage end = usage_of(b->target->pid);
    double cpu_ns = (double)(end.cpu_ns - from.cpu_ns), ns = (double)(bench_now_ns() - from_ns);
    crowd_leave(c);
    double again_ms = c->lost ? -1 : join(c);
    report_section(r, "idle");
    report_number(r, "sockets", c->options.count, 0);
    report_number(r, "lost", c->lost, 0);
    if (c->lost)
        report_text(r, "first_loss", str_of(c->why));
    report_number(r, "bytes_each",
                  ((double)from.rss_bytes - (double)empty.rss_bytes) / c->options.count, 0);
    report_number(r, "seconds", ns / NS_PER_S, 1);
    report_number(r, "cpu_percent", 100 * cpu_ns / ns, 2);
    report_number(r, "connect_ms", first_ms, 1);
    report_number(r, "reconnect_ms", again_ms, 1);
    report_number(r, "rss_kib", (double)usage_of(b->target->pid).rss_bytes / 1024, 0);
    return c->lost == 0 && first_ms >= 0 && again_ms >= 0;
}

bool scenario_idle(struct bench *b)
{
    struct load l;
    struct crowd c = {0};
    bool ok = bench_load_start(b, &l);
    if (ok) {
        bench_crowd_init(b, &c, &l, b->set.idle);
        (void)measure(b, &c); /* what went wrong stands in the figures */
        crowd_release(&c);
    }
    load_release(&l);
    return ok;
}

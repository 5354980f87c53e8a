/* Requests under load, closed loop or at a rate. */
#include "bench/scenario.h"

#include <stdio.h>

#define DRAIN_S 30

static const struct dialect *dialect_of(const char *protocol)
{
    return str_eq(str_of(protocol), STR("socketio")) ? &dialect_socketio : &dialect_native;
}

struct load_options bench_load_options(const struct bench *b)
{
    const struct settings *s = &b->set;
    return (struct load_options){.target = b->target,
                                 .dialect = dialect_of(s->protocol),
                                 .space = s->space,
                                 .token = s->token,
                                 .cookies = b->cookies,
                                 .apps = s->apps,
                                 .concurrency = s->concurrency,
                                 .people = s->people,
                                 .outstanding = s->outstanding,
                                 .progress = s->progress,
                                 .payload_bytes = s->payload,
                                 .result_bytes = s->result,
                                 .rate = s->rate};
}

void bench_report_server(struct bench *b, struct usage from, uint64_t ns, uint64_t requests)
{
    struct usage now = usage_of(b->target->pid);
    double cpu_ns = (double)(now.cpu_ns - from.cpu_ns);
    if (!b->target->pid)
        return;
    report_section(&b->report, "server");
    if (requests)
        report_number(&b->report, "cpu_us_per_request", cpu_ns / 1000 / (double)requests, 2);
    report_number(&b->report, "cpu_percent", 100 * cpu_ns / (double)ns, 1);
    report_number(&b->report, "rss_kib", (double)now.rss_bytes / 1024, 0);
}

static void report_settings(struct bench *b)
{
    const struct settings *s = &b->set;
    struct report *r = &b->report;
    report_section(r, "settings");
    report_text(r, "protocol", str_of(s->protocol));
    report_number(r, "apps", s->apps, 0);
    report_number(r, "concurrency", s->concurrency, 0);
    report_number(r, "people", s->people, 0);
    report_number(r, "outstanding", s->outstanding, 0);
    report_number(r, "progress", s->progress, 0);
    report_number(r, "payload_bytes", s->payload, 0);
    report_number(r, "result_bytes", s->result, 0);
    report_number(r, "rate", s->rate, 0);
}

void bench_report_load(struct bench *b, const struct load *l, uint64_t ns)
{
    struct report *r = &b->report;
    report_settings(b);
    report_section(r, "requests");
    report_number(r, "seconds", (double)ns / NS_PER_S, 2);
    report_number(r, "submitted", (double)l->submitted, 0);
    report_number(r, "seen", (double)l->seen, 0);
    report_number(r, "errors", (double)l->errors, 0);
    report_number(r, "measured", (double)l->measured_seen, 0);
    report_number(r, "per_second", (double)l->measured_seen * NS_PER_S / (double)ns, 1);
    if (l->errors)
        report_text(r, "first_error", str_of(l->why));
    report_histogram(r, "submit_to_acknowledged", &l->acknowledged);
    report_histogram(r, "submit_to_dispatched", &l->dispatched);
    report_histogram(r, "result_to_seen", &l->result_seen);
    report_histogram(r, "submit_to_seen", &l->whole);
}

static void measure(struct bench *b, struct load *l)
{
    if (b->set.warm_up_s)
        load_run(l, bench_now_ns() + (uint64_t)b->set.warm_up_s * NS_PER_S);
    load_measure(l);
    struct usage used = usage_of(b->target->pid);
    uint64_t own_ns = usage_own_cpu_ns(), from_ns = bench_now_ns();
    load_run(l, from_ns + (uint64_t)b->set.seconds * NS_PER_S);
    uint64_t ns = bench_now_ns() - from_ns, seen = l->measured_seen;
    own_ns = usage_own_cpu_ns() - own_ns;
    struct usage end = usage_of(b->target->pid);
    load_drain(l, DRAIN_S);
    bench_report_load(b, l, ns);
    used.cpu_ns += usage_of(b->target->pid).cpu_ns - end.cpu_ns; /* not the drain's */
    bench_report_server(b, used, ns, seen);
    report_section(&b->report, "generator");
    report_number(&b->report, "cpu_us_per_request", seen ? (double)own_ns / 1000 / (double)seen : 0,
                  2);
    report_number(&b->report, "cpu_percent", 100 * (double)own_ns / (double)ns, 1);
}

bool scenario_load(struct bench *b)
{
    struct load_options options = bench_load_options(b);
    struct load l;
    bool ok = !load_start(&l, b->loop, &options);
    if (ok)
        measure(b, &l);
    else
        fprintf(stderr, "relay-bench: %s\n", l.why);
    load_release(&l);
    return ok;
}

/* Requests under load, closed loop or at a rate. */
#include "bench/scenario.h"

#include "bench/pages.h"
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

#define DRAIN_S   30
#define CONNECT_S 60

static const struct dialect *dialect_of(const struct settings *s)
{
    if (str_eq(str_of(s->submit), STR("http")))
        return &dialect_old_http;
    return str_eq(str_of(s->protocol), STR("socketio")) ? &dialect_socketio : &dialect_native;
}

static struct load_options load_options(const struct bench *b)
{
    const struct settings *s = &b->set;
    return (struct load_options){.target = b->target,
                                 .dialect = dialect_of(s),
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

bool bench_load_start(struct bench *b, struct load *l)
{
    struct load_options options = load_options(b);
    if (!load_start(l, b->loop, &options))
        return true;
    fprintf(stderr, "relay-bench: %s\n", l->why);
    return false;
}

void bench_crowd_init(struct bench *b, struct crowd *c, const struct load *l, uint32_t count)
{
    crowd_init(c, b->loop,
               &(struct crowd_options){.target = b->target,
                                       .cookies = b->cookies,
                                       .cookies_count = b->set.people,
                                       .count = count,
                                       .space_id = l->space_id});
}

void bench_report_server(struct bench *b, const struct usage *used, uint64_t ns, uint64_t requests)
{
    double cpu_ns = (double)used->cpu_ns;
    if (!b->target->pid)
        return;
    report_section(&b->report, "server");
    if (requests)
        report_number(&b->report, "cpu_us_per_request", cpu_ns / 1000 / (double)requests, 2);
    report_number(&b->report, "cpu_percent", 100 * cpu_ns / (double)ns, 1);
    report_number(&b->report, "rss_kib", (double)used->rss_bytes / 1024, 0);
}

static void report_settings(struct bench *b)
{
    const struct settings *s = &b->set;
    struct report *r = &b->report;
    report_section(r, "settings");
    report_text(r, "protocol", str_of(s->protocol));
    report_text(r, "submit", str_of(s->submit));
    report_number(r, "apps", s->apps, 0);
    report_number(r, "concurrency", s->concurrency, 0);
    report_number(r, "people", s->people, 0);
    report_number(r, "outstanding", s->outstanding, 0);
    report_number(r, "progress", s->progress, 0);
    report_number(r, "payload_bytes", s->payload, 0);
    report_number(r, "result_bytes", s->result, 0);
    report_number(r, "rate", s->rate, 0);
}

static void report_load(struct bench *b, const struct load *l, uint64_t ns)
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

struct part {
    uint64_t ns, seen, own_cpu_ns;
    struct usage server; /* used in that time, and the memory at its end */
};

/* The seconds that count. */
static struct part measure(struct bench *b, struct load *l)
{
    struct usage from = usage_of(b->target->pid);
    uint64_t own_ns = usage_own_cpu_ns(), from_ns = bench_now_ns();
    load_measure(l);
    load_run(l, from_ns + (uint64_t)b->set.seconds * NS_PER_S);
    struct part part = {.ns = bench_now_ns() - from_ns,
                        .seen = l->measured_seen,
                        .own_cpu_ns = usage_own_cpu_ns() - own_ns,
                        .server = usage_of(b->target->pid)};
    part.server.cpu_ns -= from.cpu_ns;
    return part;
}

static void report_generator(struct bench *b, const struct part *part)
{
    double cpu_ns = (double)part->own_cpu_ns;
    report_section(&b->report, "generator");
    if (part->seen)
        report_number(&b->report, "cpu_us_per_request", cpu_ns / 1000 / (double)part->seen, 2);
    report_number(&b->report, "cpu_percent", 100 * cpu_ns / (double)part->ns, 1);
}

static void run(struct bench *b, struct load *l, struct pages *p)
{
    if (b->set.pages) {
        pages_rate(p, b->set.pages);
        l->also = pages_tick;
        l->also_ctx = p;
    }
    if (b->set.warm_up_s)
        load_run(l, bench_now_ns() + (uint64_t)b->set.warm_up_s * NS_PER_S);
    p->measuring = true;
    struct part part = measure(b, l);
    load_drain(l, DRAIN_S);
    report_load(b, l, part.ns);
    bench_report_server(b, &part.server, part.ns, part.seen);
    report_generator(b, &part);
}

static void report_pages(struct bench *b, const struct pages *p)
{
    report_section(&b->report, "pages");
    report_number(&b->report, "per_second", b->set.pages, 0);
    report_number(&b->report, "errors", (double)p->errors, 0);
    if (p->errors)
        report_text(&b->report, "first_error", str_of(p->why));
    report_histogram(&b->report, "page_of_the_space", &p->times[0]);
    report_histogram(&b->report, "page_log_in", &p->times[1]);
}

static void report_crowd(struct bench *b, const struct crowd *c)
{
    report_section(&b->report, "watchers");
    report_number(&b->report, "count", c->options.count, 0);
    report_number(&b->report, "lost", c->lost, 0);
    if (c->lost)
        report_text(&b->report, "first_loss", str_of(c->why));
}

static bool load_with_company(struct bench *b, struct load *l, struct crowd *c, struct pages *p)
{
    if (b->set.watchers && !crowd_join(c, CONNECT_S)) {
        fprintf(stderr, "relay-bench: only %u watchers came: %s\n", c->ready, c->why);
        return false;
    }
    if (b->set.pages && pages_start(p, b->loop, b->target, b->cookies[0], b->set.space)) {
        fputs("relay-bench: no connections for pages\n", stderr);
        return false;
    }
    run(b, l, p);
    if (b->set.watchers)
        report_crowd(b, c);
    if (b->set.pages)
        report_pages(b, p);
    return true;
}

bool scenario_load(struct bench *b)
{
    struct load l;
    struct crowd c;
    struct pages *p = xcalloc(1, sizeof *p);
    bool ok = bench_load_start(b, &l);
    bench_crowd_init(b, &c, &l, b->set.watchers);
    ok = ok && load_with_company(b, &l, &c, p);
    pages_release(p);
    crowd_release(&c);
    load_release(&l);
    free(p);
    return ok;
}

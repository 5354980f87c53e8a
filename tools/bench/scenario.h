/* What relay-bench can measure: each scenario is one function that runs and reports. One thread. */
#ifndef BENCH_SCENARIO_H
#define BENCH_SCENARIO_H

#include "bench/crowd.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/server.h"

struct settings {
    const char *server, *host, *space, *token, *user, *password, *protocol, *submit, *limits;
    uint32_t pid;
    uint32_t apps, concurrency, people, outstanding, progress, payload, result, rate;
    uint32_t idle, fan_out, watchers, pages;
    uint32_t warm_up_s, seconds;
    bool json;
};

struct bench {
    struct settings set;
    struct loop *loop;
    const struct target *target;
    const char **cookies; /* one a person */
    struct server server;
    struct target attached;
    struct report report;
};

/* Each returns false when there is nothing to report, said on stderr. */
bool scenario_load(struct bench *b);
bool scenario_idle(struct bench *b);
bool scenario_fan_out(struct bench *b);

/* For scenarios. */
/* Connects apps and people; false (said on stderr) when that failed. load_release in both cases. */
bool bench_load_start(struct bench *b, struct load *l);
/* Watchers of l's space. */
void bench_crowd_init(struct bench *b, struct crowd *c, const struct load *l, uint32_t count);
/* A section on what the server used in ns. requests may be 0. */
void bench_report_server(struct bench *b, const struct usage *used, uint64_t ns, uint64_t requests);

#endif

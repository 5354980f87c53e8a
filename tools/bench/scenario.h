/* What relay-bench can measure: each scenario is one function that runs and reports. One thread. */
#ifndef BENCH_SCENARIO_H
#define BENCH_SCENARIO_H

#include "bench/load.h"
#include "bench/report.h"
#include "bench/server.h"

struct settings {
    const char *server, *host, *space, *token, *user, *password, *protocol, *limits;
    uint32_t pid;
    uint32_t apps, concurrency, people, outstanding, progress, payload, result, rate;
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

/* For scenarios. */
struct load_options bench_load_options(const struct bench *b);
/* CPU, memory: what the server used since `from`, in the current section. */
void bench_report_server(struct bench *b, struct usage from, uint64_t ns, uint64_t requests);
void bench_report_load(struct bench *b, const struct load *l, uint64_t ns);

#endif

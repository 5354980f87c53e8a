/* The relay's work done by gearmand: clients submit jobs, workers send one status and the result,
 * the client is told both. Everything in gearmand's memory, with libgearman on both sides.
 *
 *   gearman-bench PORT DEPTH CLIENTS WORKERS WARM_UP_S SECONDS PAYLOAD_BYTES
 *
 * Prints jobs a second and latencies as JSON. Each client is a thread with a connection of its own
 * and keeps DEPTH / CLIENTS jobs under way; each worker is a thread with a connection of its own.
 */
#include "bench/histogram.h"

#include <libgearman-1.0/gearman.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_THREADS 256
#define NS_PER_S     1000000000u

struct setup {
    unsigned port, depth, clients, workers, warm_up_s, seconds, bytes;
    uint64_t from_ns, until_ns; /* what counts */
    char *payload;
    atomic_bool over;
};

struct client {
    struct setup *setup;
    gearman_client_st *gearman;
    pthread_t thread;
    unsigned depth;
    uint64_t seen, measured, statuses, errors;
    struct histogram whole;
};

struct job {
    struct client *client;
    uint64_t submitted_ns;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- workers ---- */

static gearman_return_t work(gearman_job_st *job, void *context)
{
    struct setup *s = context;
    gearman_return_t e = gearman_job_send_status(job, 50, 100);
    if (!gearman_failed(e))
        e = gearman_job_send_complete(job, s->payload, s->bytes);
    return gearman_failed(e) ? GEARMAN_ERROR : GEARMAN_SUCCESS;
}

static void *worker_main(void *arg)
{
    struct setup *s = arg;
    gearman_worker_st *w = gearman_worker_create(NULL);
    gearman_worker_set_timeout(w, 500);
    gearman_worker_add_server(w, "127.0.0.1", (in_port_t)s->port);
    gearman_worker_define_function(w, "work", 4, gearman_function_create(work), 0, s);
    while (!s->over)
        (void)gearman_worker_work(w);
    gearman_worker_free(w);
    return NULL;
}

/* ---- clients ---- */

static void submit(struct client *c, struct job *j)
{
    gearman_return_t e;
    j->submitted_ns = now_ns();
    gearman_client_add_task(c->gearman, NULL, j, "work", NULL, c->setup->payload, c->setup->bytes,
                            &e);
    c->errors += gearman_failed(e);
}

static gearman_return_t on_status(gearman_task_st *task)
{
    struct job *j = gearman_task_context(task);
    j->client->statuses++;
    return GEARMAN_SUCCESS;
}

/* The next job starts when one has ended, so that the depth stays. */
static gearman_return_t on_complete(gearman_task_st *task)
{
    struct job *j = gearman_task_context(task);
    struct client *c = j->client;
    uint64_t now = now_ns();
    if (j->submitted_ns >= c->setup->from_ns)
        histogram_add(&c->whole, now - j->submitted_ns);
    c->seen++;
    c->measured += now >= c->setup->from_ns && now < c->setup->until_ns;
    if (now < c->setup->until_ns)
        submit(c, j);
    return GEARMAN_SUCCESS;
}

static gearman_return_t on_fail(gearman_task_st *task)
{
    struct job *j = gearman_task_context(task);
    j->client->errors++;
    return GEARMAN_SUCCESS;
}

static void *client_main(void *arg)
{
    struct client *c = arg;
    struct job *jobs = calloc(c->depth, sizeof *jobs);
    c->gearman = gearman_client_create(NULL);
    gearman_client_add_server(c->gearman, "127.0.0.1", (in_port_t)c->setup->port);
    gearman_client_set_status_fn(c->gearman, on_status);
    gearman_client_set_complete_fn(c->gearman, on_complete);
    gearman_client_set_fail_fn(c->gearman, on_fail);
    gearman_client_add_options(c->gearman, GEARMAN_CLIENT_FREE_TASKS);
    for (unsigned i = 0; i < c->depth; i++) {
        jobs[i].client = c;
        submit(c, &jobs[i]);
    }
    c->errors += gearman_failed(gearman_client_run_tasks(c->gearman));
    gearman_client_free(c->gearman);
    free(jobs);
    return NULL;
}

/* ---- all together ---- */

static void report(const struct setup *s, const struct client *clients)
{
    static struct histogram whole;
    struct client sum = {0};
    for (unsigned i = 0; i < s->clients; i++) {
        sum.seen += clients[i].seen;
        sum.measured += clients[i].measured;
        sum.statuses += clients[i].statuses;
        sum.errors += clients[i].errors;
        histogram_merge(&whole, &clients[i].whole);
    }
    printf("{\"requests\":{\"seen\":%" PRIu64 ",\"measured\":%" PRIu64 ",\"statuses\":%" PRIu64
           ",\"errors\":%" PRIu64 ",\"per_second\":%.1f},",
           sum.seen, sum.measured, sum.statuses, sum.errors, (double)sum.measured / s->seconds);
    printf("\"submit_to_seen\":{\"p50_us\":%.1f,\"p99_us\":%.1f}}\n",
           (double)histogram_at(&whole, 0.5) / 1000, (double)histogram_at(&whole, 0.99) / 1000);
}

static void run(struct setup *s)
{
    pthread_t workers[MOST_THREADS];
    struct client *clients = calloc(s->clients, sizeof *clients);
    s->from_ns = now_ns() + (uint64_t)s->warm_up_s * NS_PER_S;
    s->until_ns = s->from_ns + (uint64_t)s->seconds * NS_PER_S;
    for (unsigned i = 0; i < s->workers; i++)
        pthread_create(&workers[i], NULL, worker_main, s);
    for (unsigned i = 0; i < s->clients; i++) {
        clients[i].setup = s;
        clients[i].depth = s->depth / s->clients;
        pthread_create(&clients[i].thread, NULL, client_main, &clients[i]);
    }
    for (unsigned i = 0; i < s->clients; i++)
        pthread_join(clients[i].thread, NULL);
    s->over = true;
    for (unsigned i = 0; i < s->workers; i++)
        pthread_join(workers[i], NULL);
    report(s, clients);
    free(clients);
}

int main(int argc, char **argv)
{
    struct setup s = {0};
    unsigned *const numbers[] = {&s.port,      &s.depth,   &s.clients, &s.workers,
                                 &s.warm_up_s, &s.seconds, &s.bytes};
    const int count = (int)(sizeof numbers / sizeof *numbers);
    for (int i = 0; i < count && i + 1 < argc; i++)
        *numbers[i] = (unsigned)strtoul(argv[i + 1], NULL, 10);
    if (argc != count + 1 || s.clients == 0 || s.depth < s.clients || s.workers == 0 ||
        s.workers > MOST_THREADS) {
        fputs("gearman-bench PORT DEPTH CLIENTS WORKERS WARM_UP_S SECONDS PAYLOAD_BYTES\n", stderr);
        return 2;
    }
    s.payload = malloc(s.bytes + 1);
    memset(s.payload, 'x', s.bytes + 1);
    run(&s);
    free(s.payload);
    return 0;
}

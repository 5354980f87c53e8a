#include "hub/edge_conn.h"

#include "base/alloc.h"
#include "hub/inner.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>

#define SCRATCH_MAX    (1024 * 1024)
#define CROWD          256
#define TRIM_MS        1000
#define SPARE_FILES    64 /* descriptors that clients never get: database, control socket, log */
#define SPARE_A_THREAD 8  /* and more for each web thread: its link, its reader, files */

static size_t open_conns(void *ctx)
{
    const struct edge *e = ctx;
    return e->stats.connections;
}

static void on_trim(struct timer *t)
{
    struct edge *e = CONTAINER_OF(t, struct edge, trim);
    e->crowd = e->stats.connections;
    malloc_trim(0);
}

/* glibc keeps what lies between two pieces in use: after 5,000 readers had been dropped the process
 * held 90 MB for nothing. */
void edge_crowd_left(struct edge *e)
{
    if (e->crowd >= CROWD && e->stats.connections < e->crowd / 4 && !heap_contains(&e->trim.node))
        timers_set(&e->timers, &e->trim, timers_now(&e->timers) + TRIM_MS);
}

enum err edge_new(struct edge **out, const struct edge_config *config, struct buf *why)
{
    struct networks proxies;
    struct tls *tls = NULL;
    if (!config->cert_file != !config->key_file) {
        buf_puts(why, "a certificate needs its key, and a key its certificate");
        return ERR_SYNTAX;
    }
    enum err e = networks_init(&proxies, config->trusted_proxies, why);
    if (e)
        return e;
    if (config->cert_file)
        e = tls_new(&tls, config->cert_file, config->key_file, why);
    if (e) {
        networks_release(&proxies);
        return e;
    }
    struct edge *edge = xcalloc(1, sizeof *edge);
    *edge = (struct edge){.config = *config, .tls = tls, .proxies = proxies, .date_s = -1};
    list_init(&edge->conns);
    list_init(&edge->paging);
    buf_init(&edge->scratch, SCRATCH_MAX);
    timers_init(&edge->timers, config->base);
    edge->trim.due = on_trim;
    stream_loop_init(&edge->streams, config->base);
    edge->listeners = listeners_new(
        config->base, &edge->timers,
        &(struct listener_calls){.accepted = edge_conn_accept, .open = open_conns, .ctx = edge},
        SPARE_FILES + SPARE_A_THREAD * (size_t)config->limits->web_threads);
    *out = edge;
    return OK;
}

void edge_free(struct edge *e)
{
    if (!e)
        return;
    listeners_free(e->listeners);
    LIST_EACH (&e->conns, it)
        edge_conn_drop(CONTAINER_OF(it, struct edge_conn, node));
    if (e->inner)
        inner_stop(e->inner);
    stream_loop_release(&e->streams);
    if (e->inner)
        inner_free(e->inner);
    assert(list_empty(&e->conns) && !e->peers && e->page_bytes == 0);
    timers_release(&e->timers);
    networks_release(&e->proxies);
    tls_free(e->tls);
    buf_release(&e->scratch);
    free(e);
}

enum err edge_listen(struct edge *e, const char *address, struct buf *url, struct buf *why)
{
    return listeners_add(e->listeners, e->tls ? "https" : "http", address, url, why);
}

void edge_set_inner(struct edge *e, const char *path, unsigned connections, const char *secret)
{
    assert(!e->inner);
    e->inner = inner_new(e, path, connections, secret);
}

void edge_drain(struct edge *e)
{
    e->draining = true;
    listeners_stop(e->listeners);
    LIST_EACH (&e->conns, it) {
        struct edge_conn *c = CONTAINER_OF(it, struct edge_conn, node);
        if (c->state == EDGE_OPENING)
            edge_conn_drop(c);
        else if (c->x && c->state == EDGE_BODY)
            edge_request_refuse(c, 503, "the server is going down", "");
        else if (c->state == EDGE_HEAD)
            edge_conn_finish(c);
    }
}

struct edge_stats edge_stats(const struct edge *e)
{
    struct edge_stats stats = e->stats;
    stats.unsent_bytes = e->streams.unsent;
    return stats;
}

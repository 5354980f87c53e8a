#include "web/web.h"

#include "base/alloc.h"
#include "base/log.h"
#include "web/api.h"
#include "web/routes.h"
#include "web/state.h"

#include <civetweb.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define HASHING_AT_A_TIME 2
#define KNOCK_EVERY_MS    5

/* What is left of the body is read and dropped by civetweb. */
static void refuse_body(struct page_request *p, enum err e)
{
    if (api_has(p->path))
        api_refuse_body(p, e);
    else if (e == ERR_TOO_LARGE)
        page_error(p, 413, "too_large");
    else if (e == ERR_INPUT_REFUSED)
        page_error(p, 415, "bad_request");
    else if (e == ERR_SYNTAX)
        page_error(p, 400, "bad_request");
}

/* Without a page, and the connection is of no more use. */
static void refuse_bare(struct mg_connection *conn, enum err e)
{
    char reply[128];
    unsigned status = e == ERR_UNAUTHORIZED ? 403 : 431;
    mg_disable_connection_keep_alive(conn);
    int n = snprintf(reply, sizeof reply,
                     "HTTP/1.1 %u %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status,
                     http_reason(status));
    (void)mg_write(conn, reply, (size_t)n);
}

/* Everything passes here before civetweb looks at it: none of its own handlers ever runs. */
static int on_request(struct mg_connection *conn)
{
    struct web *w = mg_get_request_info(conn)->user_data;
    struct page_request *p = xcalloc(1, sizeof *p);
    enum err e = page_read(p, w, conn, clock_now());
    if (e == ERR_UNAUTHORIZED || e == ERR_BAD_MESSAGE) {
        refuse_bare(conn, e);
    } else {
        p->worker = worker_take(w);
        if (e)
            refuse_body(p, e);
        else
            routes_serve(p);
        worker_give(w, p->worker);
    }
    page_release(p);
    free(p);
    return 200; /* for civetweb's access log, which there is none of */
}

/* What civetweb itself finds wrong with a request cannot come from the edge: nothing is answered.
 */
static int on_error(struct mg_connection *conn, int status, const char *text)
{
    (void)status;
    (void)text;
    mg_disable_connection_keep_alive(conn);
    return 0;
}

static int on_log(const struct mg_connection *conn, const char *message)
{
    (void)conn;
    log_warn("web", "civetweb: %s", message);
    return 1;
}

static enum err start_server(struct web *w, const char *data_dir, struct buf *why)
{
    char threads[16];
    (void)snprintf(threads, sizeof threads, "%u", w->threads);
    const char *options[] = {"listening_ports",
                             "127.0.0.1:0",
                             "num_threads",
                             threads,
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             "600000",
                             "request_timeout_ms",
                             "2000",
                             "max_request_size",
                             "65536",
                             "decode_url",
                             "no",
                             "enable_directory_listing",
                             "no",
                             "enable_auth_domain_check",
                             "no",
                             "cgi_pattern",
                             "",
                             "ssi_pattern",
                             "",
                             NULL};
    const struct mg_callbacks callbacks = {
        .begin_request = on_request, .http_error = on_error, .log_message = on_log};
    struct mg_server_port ports[2];
    w->server = mg_start(&callbacks, w, options);
    if (!w->server || mg_get_server_ports(w->server, 2, ports) != 1) {
        buf_puts(why, "The web threads cannot listen on 127.0.0.1");
        return ERR_IO;
    }
    return listen_move(&w->listen, (uint16_t)ports[0].port, data_dir, why);
}

/* Civetweb looks only every 2 s whether it shall stop, unless somebody comes. */
static void *keep_knocking(void *arg)
{
    struct web *w = arg;
    while (!atomic_load(&w->stopped)) {
        listen_knock(&w->listen);
        (void)poll(NULL, 0, KNOCK_EVERY_MS);
    }
    return NULL;
}

static void stop_server(struct web *w)
{
    pthread_t knocker;
    bool knocks = w->listen.path && pthread_create(&knocker, NULL, keep_knocking, w) == 0;
    mg_stop(w->server);
    atomic_store(&w->stopped, true);
    if (knocks)
        pthread_join(knocker, NULL);
}

static void free_web(struct web *w)
{
    if (w->server)
        stop_server(w);
    listen_release(&w->listen);
    workers_free(w);
    sem_destroy(&w->hashing);
    sem_destroy(&w->registering);
    pthread_mutex_destroy(&w->lock);
    if (w->setup_token)
        secret_wipe(w->setup_token, str_of(w->setup_token).n);
    free(w->setup_token);
    free(w->assets_dir);
    free(w);
    mg_exit_library();
}

enum err web_start(struct web **out, const struct web_config *config, struct buf *why)
{
    struct web *w = xcalloc(1, sizeof *w);
    w->app = config->app;
    w->threads = config->threads;
    if (config->assets_dir)
        w->assets_dir = str_dup(str_of(config->assets_dir));
    if (config->setup_token)
        w->setup_token = str_dup(str_of(config->setup_token));
    secret_text(w->secret);
    if (pthread_mutex_init(&w->lock, NULL) || sem_init(&w->hashing, 0, HASHING_AT_A_TIME) ||
        sem_init(&w->registering, 0, 1))
        abort(); /* cannot fail on Linux with these arguments */
    (void)mg_init_library(0);
    enum err e = start_server(w, config->data_dir, why);
    if (e) {
        free_web(w);
        return e;
    }
    *out = w;
    return OK;
}

void web_stop(struct web *w)
{
    if (w)
        free_web(w);
}

const char *web_socket(const struct web *w)
{
    return w->listen.path;
}

const char *web_secret(const struct web *w)
{
    return w->secret;
}

static bool line_enter(sem_t *places, atomic_uint *standing, unsigned most)
{
    if (atomic_fetch_add(standing, 1) >= most) {
        atomic_fetch_sub(standing, 1);
        return false;
    }
    while (sem_wait(places) && errno == EINTR)
        ;
    return true;
}

static void line_leave(sem_t *places, atomic_uint *standing)
{
    sem_post(places);
    atomic_fetch_sub(standing, 1);
}

/* Half of the threads at most may stand here, so that pages still come. */
unsigned hashing_places(const struct web *w)
{
    return w->threads / 2 + 1;
}

bool hashing_begin(struct web *w)
{
    return line_enter(&w->hashing, &w->hashing_waiting, hashing_places(w));
}

void hashing_end(struct web *w)
{
    line_leave(&w->hashing, &w->hashing_waiting);
}

bool registering_begin(struct web *w)
{
    return line_enter(&w->registering, &w->registering_waiting, w->threads / 4 + 1);
}

void registering_end(struct web *w)
{
    line_leave(&w->registering, &w->registering_waiting);
}

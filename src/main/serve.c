/* The server: starts the parts, lends its thread to the hub, and stops the parts in order. */
#include "main/commands.h"

#include "hub/hub.h"
#include "web/web.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WHY_BYTES     4096
#define LIMITS_BYTES  (1024 * 1024)
#define LOCK_TRIES    40 /* a command may have the folder for a moment */
#define LOCK_EVERY_MS 50

struct server {
    const struct options *options;
    struct limits limits;
    struct app *app;
    struct hub *hub;
    struct web *web;
    char setup_token[SECRET_TEXT_BYTES]; /* "" when there is an admin */
    struct buf why;
};

/* ---- limits ---- */

static enum err read_file(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    enum err e = OK;
    ssize_t n = 1;
    while (!e && n > 0) {
        char *space;
        e = buf_reserve(text, 4096, &space);
        n = e ? 0 : read(fd, space, 4096);
        if (n > 0)
            buf_commit(text, (size_t)n);
    }
    int error = errno;
    close(fd);
    errno = error;
    return n < 0 ? ERR_IO : e;
}

static int read_limits(struct server *s)
{
    const char *path = s->options->limits;
    struct buf text = BUF_INIT(LIMITS_BYTES);
    limits_default(&s->limits);
    if (!path)
        return STATUS_DONE;
    enum err e = read_file(path, &text);
    if (e == ERR_IO)
        complain("cannot read the limits in %s: %s", path, strerror(errno));
    else if (e)
        complain("the limits in %s are too long", path);
    else if ((e = limits_parse(&s->limits, buf_str(&text), &s->why)))
        complain("the limits in %s, %s", path, buf_cstr(&s->why));
    buf_release(&text);
    return e ? STATUS_USAGE : STATUS_DONE;
}

/* ---- the first start ---- */

/* On stderr with the log, since stdout is for programs; shown once, never stored. */
static void print_setup_link(const struct server *s, const char *url)
{
    (void)fprintf(stderr, "\nset up the first admin at %s/setup?token=%s\n\n", url, s->setup_token);
}

static void on_listening(void *ctx, const char *const *urls, size_t count)
{
    struct server *s = ctx;
    for (size_t i = 0; i < count; i++)
        (void)printf("listening on %s\n", urls[i]);
    (void)fflush(stdout);
    if (s->setup_token[0] && count)
        print_setup_link(s, urls[0]);
}

/* ---- the parts ---- */

static enum err open_app(struct server *s)
{
    const char *dir = s->options->data;
    enum err e = app_open(&s->app, dir, &s->limits, &s->why);
    for (int i = 0; e == ERR_LOCKED && i < LOCK_TRIES; i++) {
        int fd = control_dial(dir);
        if (fd >= 0) {
            close(fd);
            buf_clear(&s->why);
            buf_printf(&s->why, "another server is running on the data folder %s", dir);
            break;
        }
        (void)poll(NULL, 0, LOCK_EVERY_MS);
        buf_clear(&s->why);
        e = app_open(&s->app, dir, &s->limits, &s->why);
    }
    return e;
}

static enum err open_hub(struct server *s)
{
    const struct options *o = s->options;
    struct hub_config config = {.app = s->app,
                                .listen = (const char *const *)o->listen.list,
                                .cert_file = o->tls_cert,
                                .key_file = o->tls_key,
                                .trusted_proxies = (const char *const *)o->trusted_proxy.list,
                                .socketio_origins = o->socketio_origins,
                                .listening = on_listening,
                                .ctx = s};
    return hub_new(&s->hub, &config, &s->why);
}

static enum err open_web(struct server *s)
{
    unsigned threads = (unsigned)app_limits(s->app)->web_threads;
    struct web_config config = {.app = s->app,
                                .threads = threads,
                                .data_dir = s->options->data,
                                .assets_dir = s->options->assets,
                                .setup_token = s->setup_token[0] ? s->setup_token : NULL};
    enum err e = web_start(&s->web, &config, &s->why);
    if (!e)
        hub_set_inner(s->hub, web_socket(s->web), threads, web_secret(s->web));
    return e;
}

static enum err run(struct server *s)
{
    enum err e = open_app(s);
    if (e)
        return e;
    if (app_needs_setup(s->app))
        secret_text(s->setup_token);
    e = open_hub(s);
    if (!e)
        e = open_web(s);
    if (!e)
        e = hub_run(s->hub);
    return e;
}

/* The hub first, so that nobody new comes; the app last, since the others call it. */
static void stop(struct server *s)
{
    if (s->app)
        app_refuse_calls(s->app);
    hub_free(s->hub);
    web_stop(s->web);
    app_close(s->app);
    secret_wipe(s->setup_token, sizeof s->setup_token);
}

int serve(const struct options *o)
{
    struct server s = {.options = o, .why = BUF_INIT(WHY_BYTES)};
    if (!o->tls_cert != !o->tls_key) {
        complain("--tls-cert and --tls-key go together");
        return STATUS_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    log_set_level(o->log_level);
    int status = read_limits(&s);
    if (!status) {
        enum err e = run(&s);
        stop(&s);
        if (e)
            complain("%s", s.why.len ? buf_cstr(&s.why) : err_message(e));
        status = !e ? STATUS_DONE : e == ERR_SYNTAX ? STATUS_USAGE : STATUS_FAILED;
    }
    buf_release(&s.why);
    return status;
}

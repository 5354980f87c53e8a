#include "client/state.h"

#include "base/alloc.h"

#include <event2/event.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SLOTS 1024

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    session_timer(arg);
}

static enum err check_numbers(struct client *c, struct buf *why)
{
    if (c->options.concurrency == 0)
        c->options.concurrency = 1;
    if (c->options.concurrency <= MOST_SLOTS && c->options.prefetch <= MOST_SLOTS)
        return OK;
    buf_printf(why, "concurrency and prefetch are at most %d", MOST_SLOTS);
    return ERR_BAD_MESSAGE;
}

static enum err prepare(struct client *c, struct buf *why)
{
    enum err e = check_numbers(c, why);
    if (!e)
        e = url_parse(str_of(c->options.host), &c->url, why);
    if (!e && c->url.secure)
        e = channel_security_new(c->options.ca_file, c->options.insecure, &c->security, why);
    if (e)
        return e;
    c->timer = evtimer_new(c->options.base, on_timer, c);
    if (secret_start() || !c->timer) {
        buf_puts(why, "libsodium or libevent cannot start");
        return ERR_INTERNAL;
    }
    unsigned char instance[16];
    random_bytes(instance, sizeof instance);
    hex_encode(instance, sizeof instance, c->instance);
    return OK;
}

enum err client_new(const struct client_options *options, const struct client_callbacks *callbacks,
                    void *ctx, struct client **out, struct buf *why)
{
    struct client *c = xcalloc(1, sizeof *c);
    c->callbacks = *callbacks;
    c->ctx = ctx;
    c->options = *options;
    c->space = str_dup(str_of(options->space));
    c->token = str_dup(str_of(options->token));
    c->name = str_dup(str_of(options->name));
    c->version = str_dup(str_of(options->version));
    limits_default(&c->limits);
    native_init(&c->incoming, &c->limits);
    native_init(&c->outgoing, &c->limits);
    c->max_message_bytes = c->limits.app_message_bytes;
    list_init(&c->leases);
    enum err e = prepare(c, why);
    if (e) {
        client_free(c);
        return e;
    }
    signal(SIGPIPE, SIG_IGN);
    /* the caller's strings end here */
    c->options.host = c->options.space = c->options.token = NULL;
    c->options.name = c->options.version = c->options.ca_file = NULL;
    session_start(c);
    *out = c;
    return OK;
}

static void free_leases(struct client *c)
{
    LIST_EACH (&c->leases, it)
        lease_free(CONTAINER_OF(it, struct lease, link));
}

void client_free(struct client *c)
{
    if (!c)
        return;
    link_free(c->link);
    free_leases(c);
    channel_security_free(c->security);
    if (c->timer)
        event_free(c->timer);
    native_release(&c->incoming);
    native_release(&c->outgoing);
    secret_wipe(c->token, strlen(c->token));
    free(c->space);
    free(c->token);
    free(c->name);
    free(c->version);
    free(c);
}

static size_t count_leases(const struct client *c, bool final)
{
    size_t n = 0;
    LIST_EACH (&c->leases, it)
        n += (CONTAINER_OF(it, struct lease, link)->final.len > 0) == final;
    return n;
}

size_t client_open(const struct client *c)
{
    return count_leases(c, false);
}

size_t client_unsettled(const struct client *c)
{
    return count_leases(c, true);
}

#include "client/terminal.h"

#include "client/text.h"

#include <event2/event.h>

#include <signal.h>

#define TRACE_BYTES  1500
#define WORDS_BYTES  4096
#define HANDSHAKE_US 100000 /* the second signal: for the closing handshake, no more */
#define EXIT_OPTIONS 2

/* ---- what is said ---- */

void terminal_on_connecting(void *ctx, const char *url)
{
    (void)ctx;
    print("[CONNECT] %s", url);
}

void terminal_registered(struct terminal *t, const struct client_registered *r)
{
    t->connected = true;
    print("[✓] Registration successful!");
    print("Connection ID: %s", r->connection_id);
    if (r->resumed)
        print("%zu requests go on where they were", r->resumed);
}

void terminal_on_refused(void *ctx, struct str code, struct str message, bool for_good)
{
    struct terminal *t = ctx;
    print("[✗] Registration refused: %.*s (%.*s)", STR_ARG(message), STR_ARG(code));
    t->exit_code = for_good;
    if (for_good)
        client_stop(t->client);
}

void terminal_on_lost(void *ctx, const char *words, uint64_t retry_ms)
{
    struct terminal *t = ctx;
    print("[✗] %s: %s. Trying again in %.1f s", t->connected ? "Connection lost" : "No connection",
          words, (double)retry_ms / 1000);
    t->connected = false;
}

void terminal_settled(struct client_lease lease, bool accepted, struct str code)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(lease.request_id, id);
    if (!accepted)
        print("[RESULT] %s: the relay had no use for it (%.*s)", id, STR_ARG(code));
}

void terminal_on_drain(void *ctx, uint64_t reconnect_after_ms)
{
    (void)ctx;
    print("The relay is going down, and expects us back in %.1f s",
          (double)reconnect_after_ms / 1000);
}

void terminal_on_warning(void *ctx, const char *words)
{
    (void)ctx;
    print("[!] %s", words);
}

void terminal_on_trace(void *ctx, bool out, struct str text)
{
    if (((struct terminal *)ctx)->verbose)
        print("%s %.*s", out ? "-->" : "<--", STR_ARG(text_cut(text, TRACE_BYTES)));
}

void terminal_on_stopped(void *ctx)
{
    print("Stopped");
    event_base_loopbreak(((struct terminal *)ctx)->base);
}

/* ---- leaving ---- */

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    client_stop(((struct terminal *)arg)->client);
}

void terminal_leave_within(struct terminal *t, unsigned ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    if (!evtimer_pending(t->patience, NULL))
        event_add(t->patience, &wait);
}

void terminal_leave_when_done(struct terminal *t, size_t running, unsigned settle_ms)
{
    if (!t->leaving || running > 0)
        return;
    if (client_unsettled(t->client) == 0)
        client_stop(t->client);
    else /* a relay that is away just now may come back for its results, but not for ever */
        terminal_leave_within(t, settle_ms);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct terminal *t = arg;
    if (t->leaving) {
        client_stop(t->client);
        event_base_loopexit(t->base, &(struct timeval){.tv_usec = HANDSHAKE_US});
        return;
    }
    t->leaving = true;
    client_drain(t->client);
    t->leave(t);
}

/* ---- its life ---- */

bool terminal_init(struct terminal *t)
{
    t->base = event_base_new();
    t->patience = t->base ? evtimer_new(t->base, on_patience, t) : NULL;
    return t->patience;
}

void terminal_release(struct terminal *t)
{
    client_free(t->client);
    if (t->patience)
        event_free(t->patience);
    if (t->base)
        event_base_free(t->base);
}

enum err terminal_dial(struct terminal *t, struct client_options *options,
                       const struct client_callbacks *callbacks, const struct option_table *table)
{
    struct buf why = BUF_INIT(WORDS_BYTES);
    options->base = t->base;
    enum err e = client_new(options, callbacks, t, &t->client, &why);
    if (e)
        t->exit_code = options_wrong(table, buf_cstr(&why));
    buf_release(&why);
    return e;
}

void terminal_run(struct terminal *t)
{
    struct event *term = evsignal_new(t->base, SIGTERM, on_signal, t);
    struct event *interrupt = evsignal_new(t->base, SIGINT, on_signal, t);
    event_add(term, NULL);
    event_add(interrupt, NULL);
    event_base_dispatch(t->base);
    event_free(term);
    event_free(interrupt);
}

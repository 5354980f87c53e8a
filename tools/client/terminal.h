/* An inference app as a program of its own, in a terminal or as a service: its event base, what it
 * says of its connection, and how a signal ends it. One thread.
 *
 * The program embeds a struct terminal, hands its address to client_new as ctx, and finds itself
 * again with CONTAINER_OF. Its callbacks are its own for the work and TERMINAL_CALLBACKS for the
 * rest. */
#ifndef CLIENT_TERMINAL_H
#define CLIENT_TERMINAL_H

#include "client/client.h"
#include "client/options.h"

struct event;

struct terminal {
    /* the program's, before terminal_run */
    bool verbose;                      /* show every message */
    void (*leave)(struct terminal *t); /* the first signal: nothing new will come; see
                                          terminal_leave_when_done and terminal_leave_within */
    /* for the program to read (exit_code: to set) */
    struct event_base *base;
    struct client *client;
    bool leaving;
    int exit_code;
    /* private */
    bool connected;
    struct event *patience;
};

/* False: libevent cannot start. */
MUST_USE bool terminal_init(struct terminal *t);
/* NULL members are fine, also before terminal_init. */
void terminal_release(struct terminal *t);

/* client_new with options->base set here. What is wrong goes to stderr, with the program's name;
 * exit_code is set. */
MUST_USE enum err terminal_dial(struct terminal *t, struct client_options *options,
                                const struct client_callbacks *callbacks,
                                const struct option_table *table);
/* Until the client has stopped. The first SIGINT or SIGTERM drains and calls leave, the second ends
 * at once. */
void terminal_run(struct terminal *t);

/* While leaving, with nothing running any more: stops as soon as the relay has taken every result,
 * after settle_ms at the latest. */
void terminal_leave_when_done(struct terminal *t, size_t running, unsigned settle_ms);
/* Stops after that time, whatever is under way. Of several the first counts. */
void terminal_leave_within(struct terminal *t, unsigned ms);

/* What a program's own callbacks of these names say. */
void terminal_registered(struct terminal *t, const struct client_registered *r);
void terminal_settled(struct client_lease lease, bool accepted, struct str code);

/* The callbacks that are the same for all. */
void terminal_on_connecting(void *ctx, const char *url);
void terminal_on_refused(void *ctx, struct str code, struct str message, bool for_good);
void terminal_on_lost(void *ctx, const char *words, uint64_t retry_ms);
void terminal_on_drain(void *ctx, uint64_t reconnect_after_ms);
void terminal_on_warning(void *ctx, const char *words);
void terminal_on_trace(void *ctx, bool out, struct str text);
void terminal_on_stopped(void *ctx);
#define TERMINAL_CALLBACKS                                                                         \
    .on_connecting = terminal_on_connecting, .on_refused = terminal_on_refused,                    \
    .on_lost = terminal_on_lost, .on_drain = terminal_on_drain, .on_warning = terminal_on_warning, \
    .on_trace = terminal_on_trace, .on_stopped = terminal_on_stopped

#endif

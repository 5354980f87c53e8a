/* What the files of the hub share: its state, and the way to feed an event to the core. Private to
 * the hub; hub thread only. */
#ifndef HUB_STATE_H
#define HUB_STATE_H

#include "codec/native.h"
#include "hub/conn.h"
#include "hub/hub.h"
#include "hub/topic.h"

struct control;
struct person;
struct spaces_apps;
struct calls;
struct trigger;

enum hub_phase {
    HUB_RUNS,
    HUB_FINISHES, /* no new work; what is open may finish */
    HUB_LEAVES    /* close frames are on their way; the core hears of nothing more */
};

struct hub {
    struct app *app;
    const struct limits *limits; /* the app's */
    struct event_base *base;
    struct edge *edge;
    struct control *control;
    void (*listening)(void *ctx, const char *const *urls, size_t count);
    void *listening_ctx;
    char **urls;
    size_t url_count;

    struct trigger *wake, *poll, *watchdog, *signals[2];
    bool poll_soon; /* poll is due in this turn of the loop */
    uint64_t watchdog_ms;

    struct conn *conns; /* by number */
    uint64_t last_number;
    size_t conn_count[CONN__MAX];
    struct spaces_apps *spaces_apps;
    struct calls *calls;
    struct person *persons; /* those with sockets, by user_key */
    struct topics *topics;
    struct native_decoder decoder; /* of whatever message is being handled */
    struct buf scratch;            /* what is being encoded */

    struct list asks; /* HTTP requests that wait for the core */

    enum hub_phase phase;
    uint64_t phase_ends_ms;
    struct trigger *stop_timer;
    struct stop_query *stop_query; /* how much is running, while it is being asked */
    bool work_runs;                /* its newest answer */
};

/* Feeds the core, and sees to it that the core's new deadlines are heard of. Nothing once the hub
 * leaves. */
void hub_event(struct hub *h, struct relay_event *e);
/* The same for a command, see app_command. */
void hub_command(struct hub *h, struct command *cmd, app_answered *answered, void *ctx);
void hub_unwatch(struct hub *h, struct topic_id topic); /* EVENT_UNWATCH */
static inline bool hub_stopping(const struct hub *h)
{
    return h->phase != HUB_RUNS;
}

/* stop.c: the end, step by step; see hub_run. Fine when it has begun. */
void stop_begin(struct hub *h);
/* Forgets the question that is under way. */
void stop_release(struct hub *h);

#endif

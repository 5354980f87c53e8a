/* Connect, register, listen, and again. */
#include "client/state.h"

#include "base/clock.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE_MS   500
#define LAST_PAUSE_MS    30000
#define LASTING_MS       5000  /* a connection that held so long starts the pauses anew */
#define ANSWER_MS        15000 /* for register_response */
#define MOST_COMEBACK_MS 600000

static void set_timer(struct client *c, uint64_t ms)
{
    struct timeval t = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    event_add(c->timer, &t);
}

/* ---- messages ---- */

static void send_register(struct client *c)
{
    size_t count;
    struct lease_ref *resume = lease_resume(c, &count);
    struct app_msg m = {.kind = APP_MSG_REGISTER};
    m.reg = (struct app_register){
        .space_name = str_of(c->space),
        .token = str_of(c->token),
        .instance = str_of(c->instance),
        .app_name = str_of(c->name),
        .app_version = str_of(c->version),
        .concurrency = c->options.concurrency,
        .prefetch = c->options.prefetch,
        .endpoints = c->options.endpoints,
        .resume = resume,
        .resume_count = count,
    };
    say(c, &m);
    free(resume);
}

static void on_registered(struct client *c, const struct app_in *in)
{
    if (c->state != SESSION_REGISTERING)
        return;
    c->state = SESSION_REGISTERED;
    c->registered_ms = clock_now().mono_ms;
    event_del(c->timer);
    if (in->m.max_message_bytes)
        c->max_message_bytes = in->m.max_message_bytes;
    if (c->draining)
        say(c, &(struct app_msg){.kind = APP_MSG_DRAIN});
    struct client_registered r = {.max_message_bytes = c->max_message_bytes,
                                  .request_timeout_ms = in->m.request_timeout_ms,
                                  .resumed = in->m.resumed_count};
    uuid_format(in->m.connection_id, r.connection_id);
    uuid_format(in->m.space_id, r.space_id);
    if (c->callbacks.on_registered)
        c->callbacks.on_registered(c->ctx, &r);
    lease_resumed(c, &in->m);
}

/* Whether it is for good, the close code says, which follows. */
static void on_refused(struct client *c, const struct app_in *in)
{
    if (c->state != SESSION_REGISTERING)
        return;
    c->state = SESSION_REFUSED;
    (void)str_copy(c->refusal_code, sizeof c->refusal_code, str_of(in->code));
    struct str words = in->m.message.n ? in->m.message : str_of(err_message(in->m.code));
    if (!str_copy(c->refusal, sizeof c->refusal, words))
        (void)str_copy(c->refusal, sizeof c->refusal, str_of(err_message(in->m.code)));
}

static void on_request(struct client *c, const struct app_in *in)
{
    if (c->state == SESSION_REGISTERED)
        lease_start(c, &in->m);
}

static void on_cancel(struct client *c, const struct app_in *in)
{
    lease_cancel(c, &in->m);
}

static void on_ack(struct client *c, const struct app_in *in)
{
    lease_acked(c, in);
}

static void on_drain(struct client *c, const struct app_in *in)
{
    uint64_t ms = in->m.reconnect_after_ms;
    c->comeback_ms = ms < 1 ? 1 : ms > MOST_COMEBACK_MS ? MOST_COMEBACK_MS : ms;
    if (c->callbacks.on_drain)
        c->callbacks.on_drain(c->ctx, in->m.reconnect_after_ms);
}

static void on_error(struct client *c, const struct app_in *in)
{
    char id[UUID_TEXT_BYTES] = "";
    if (in->m.has_lease)
        uuid_format(in->m.lease.request_id, id);
    warn(c, "the relay says: %.*s (%s)%s%s", STR_ARG(in->m.message), in->code,
         id[0] ? " about " : "", id);
    if (in->m.has_lease)
        lease_error(c, in);
}

typedef void take_fn(struct client *c, const struct app_in *in);
static take_fn *const takers[] = {
    [APP_OUT_REGISTERED] = on_registered,
    [APP_OUT_REFUSED] = on_refused,
    [APP_OUT_REQUEST] = on_request,
    [APP_OUT_CANCEL] = on_cancel,
    [APP_OUT_ACK] = on_ack,
    [APP_OUT_DRAIN] = on_drain,
    [APP_OUT_ERROR] = on_error,
};
_Static_assert(sizeof takers / sizeof *takers == APP_OUT__MAX, "one row for each kind");

static void link_message(void *owner, struct str text)
{
    struct client *c = owner;
    struct app_in in;
    if (c->callbacks.on_trace)
        c->callbacks.on_trace(c->ctx, false, text);
    enum err e = native_decode_relay(&c->incoming, text, &in);
    if (e == ERR_BAD_JSON)
        link_close(c->link, 1007, STR("not JSON"));
    if (e)
        warn(c, "a message of the relay makes no sense: %s", c->incoming.why);
    else if (in.known)
        takers[in.kind](c, &in);
}

/* ---- life ---- */

/* Exponential backoff with full jitter: every app of a relay that was restarted comes back at
 * another moment. */
static uint64_t next_pause(struct client *c)
{
    uint64_t most = FIRST_PAUSE_MS;
    for (unsigned i = 1; i < c->failures && most < LAST_PAUSE_MS; i++)
        most *= 2;
    if (most > LAST_PAUSE_MS)
        most = LAST_PAUSE_MS;
    uint64_t pause = c->comeback_ms + random_below((uint32_t)most + 1);
    c->comeback_ms = 0;
    return pause;
}

static void link_opened(void *owner)
{
    struct client *c = owner;
    c->state = SESSION_REGISTERING;
    set_timer(c, ANSWER_MS);
    send_register(c);
}

static void stopped(struct client *c)
{
    c->state = SESSION_OVER;
    event_del(c->timer);
    if (c->callbacks.on_stopped)
        c->callbacks.on_stopped(c->ctx);
}

/* A refusal whose close code was lost counts by its own code: some pass by themselves. */
static bool refusal_passes(const char *code)
{
    static const char *const passing[] = {"space_taken", "rate_limited", "store_unavailable",
                                          "shutting_down", "internal"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (!strcmp(code, passing[i]))
            return true;
    return false;
}

static bool is_for_good(const struct client *c, uint16_t code)
{
    if (code >= 4000 && code <= 4999)
        return code >= 4500;
    return c->state == SESSION_REFUSED && !refusal_passes(c->refusal_code);
}

static void report_refusal(struct client *c, uint16_t code, const char *words, bool for_good)
{
    bool told = c->state == SESSION_REFUSED;
    const char *name = told ? c->refusal_code : code == 4502 ? "forbidden" : "unauthorized";
    if (c->callbacks.on_refused)
        c->callbacks.on_refused(c->ctx, str_of(name), str_of(told ? c->refusal : words), for_good);
}

static void go_away(struct client *c, const char *words)
{
    bool lasted =
        c->state == SESSION_REGISTERED && clock_now().mono_ms - c->registered_ms >= LASTING_MS;
    c->failures = lasted || c->comeback_ms ? 1 : c->failures + 1;
    c->state = SESSION_AWAY;
    uint64_t pause = next_pause(c);
    set_timer(c, pause);
    if (c->callbacks.on_lost)
        c->callbacks.on_lost(c->ctx, words, pause);
}

static void link_closed(void *owner, uint16_t code, const char *words)
{
    struct client *c = owner;
    char kept[MESSAGE_BYTES];
    bool refused = c->state == SESSION_REFUSED;
    bool for_good = is_for_good(c, code);
    if (!str_copy(kept, sizeof kept, str_of(words)))
        (void)str_copy(kept, sizeof kept, STR("the connection is gone"));
    link_free(c->link);
    c->link = NULL;
    event_del(c->timer);
    if (c->stopping) {
        stopped(c);
        return;
    }
    if (for_good)
        lease_abandon(c);
    if (refused || for_good)
        report_refusal(c, code, kept, for_good);
    if (for_good)
        c->state = SESSION_OVER;
    else if (!c->stopping)
        go_away(c, refused ? c->refusal : kept);
    if (c->stopping) /* asked for in a callback just now */
        set_timer(c, 0);
}

static void connect_now(struct client *c)
{
    static const struct link_events events = {link_opened, link_message, link_closed};
    struct link_options options = {.base = c->options.base,
                                   .url = &c->url,
                                   .security = c->security,
                                   .events = &events,
                                   .owner = c};
    c->state = SESSION_CONNECTING;
    if (c->callbacks.on_connecting)
        c->callbacks.on_connecting(c->ctx, c->url.text);
    if (c->stopping)
        return;
    c->link = link_new(&options);
    if (!c->link)
        go_away(c, "no connection can be prepared");
}

void session_timer(struct client *c)
{
    if (c->stopping)
        stopped(c);
    else if (c->state == SESSION_AWAY)
        connect_now(c);
    else if (c->state == SESSION_REGISTERING)
        link_close(c->link, 1002, STR("no answer to register"));
}

void session_start(struct client *c)
{
    set_timer(c, 0);
}

void client_stop(struct client *c)
{
    if (c->stopping)
        return;
    c->stopping = true;
    if (c->link)
        link_close(c->link, 1000, STR(""));
    else
        set_timer(c, 0);
}

void client_drain(struct client *c)
{
    if (c->draining)
        return;
    c->draining = true;
    if (c->state == SESSION_REGISTERED)
        say(c, &(struct app_msg){.kind = APP_MSG_DRAIN});
}

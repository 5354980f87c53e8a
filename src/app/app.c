/* Steps of the core with the clock's time, and the carrying out of their effects. */
#include "app/state.h"
#include "base/list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MS 2000 /* two turns further apart than this: the process was stopped */
/* So many saves of a turn do not wait for its end: the writer would stand still meanwhile. */
#define SAVES_TOGETHER 16

void app_set_sink(struct app *a, app_sink *sink, void *ctx)
{
    a->sink = sink;
    a->sink_ctx = ctx;
}

/* Deadlines stand still while the process does: nobody is timed out for what we did not hear. */
struct now app_now(struct app *a)
{
    if (a->clock_held)
        return a->held_now;
    struct now now = clock_now();
    if (a->last_mono_ms && now.mono_ms - a->last_mono_ms > PAUSE_MS)
        a->paused_ms += now.mono_ms - a->last_mono_ms - PAUSE_MS;
    a->last_mono_ms = now.mono_ms;
    now.mono_ms -= a->paused_ms;
    return now;
}

void app_hold_clock(struct app *a)
{
    a->held_now = app_now(a);
    a->clock_held = true;
}

void app_give_saves(struct app *a)
{
    if (a->saves)
        store_save_give(a->store, a->saves);
    a->saves = NULL;
    a->last_save = &a->saves;
    a->saves_count = 0;
}

/* While closing there is no store any more: what is asked for then was acknowledged to nobody. */
static void save(struct app *a, struct change *given)
{
    if (!a->store) {
        change_free(given);
        return;
    }
    *a->last_save = given;
    a->last_save = &given->next;
    if (++a->saves_count >= SAVES_TOGETHER)
        app_give_saves(a);
}

static void load(struct app *a, const struct effect *e)
{
    if (!a->store)
        return;
    app_give_saves(a); /* it has to see them */
    store_load_request(a->store, e->load_id, e->request_id);
}

static void carry_out(struct app *a, const struct effect *e)
{
    switch (e->kind) {
    case EFFECT_SAVE:
        save(a, e->change);
        break;
    case EFFECT_LOAD:
        load(a, e);
        break;
    case EFFECT_REPLY:
        call_answer(a, e->ticket, e->reply);
        break;
    case EFFECT_SETTING:
        app_apply_setting(a, e->setting);
        break;
    case EFFECT_APP_SEND:
    case EFFECT_CLOSE:
    case EFFECT_CLOSE_PERSON:
    case EFFECT_CLIENT_SEND:
    case EFFECT_PUBLISH:
    case EFFECT__MAX:
        if (a->sink)
            a->sink(a->sink_ctx, e);
        break;
    }
}

void app_run_effects(struct app *a)
{
    for (size_t i = 0; i < a->effects.count; i++)
        carry_out(a, &a->effects.list[i]);
    a->effects.count = 0;
    if (!a->clock_held) /* else app_poll does, at the end of the turn */
        app_give_saves(a);
}

/* While effects are carried out only events without borrowed pointers may come: what they borrow
 * would not last. */
static void queue(struct app *a, const struct relay_event *e)
{
    assert(e->kind == EVENT_UNWATCH || e->kind == EVENT_APP_GONE);
    if (a->queued_count == a->queued_cap) {
        a->queued_cap = a->queued_cap ? a->queued_cap * 2 : 16;
        a->queued = xrealloc(a->queued, a->queued_cap, sizeof *a->queued);
    }
    a->queued[a->queued_count++] = *e;
}

/* Only these make ids. */
static bool needs_random(const struct relay_event *e)
{
    return e->kind == EVENT_COMMAND ||
           (e->kind == EVENT_APP_MESSAGE && e->app_msg->kind == APP_MSG_REGISTER) ||
           (e->kind == EVENT_CLIENT_MESSAGE && e->client_msg->kind == CLIENT_MSG_SUBMIT);
}

static void step(struct app *a, struct relay_event *e)
{
    if (needs_random(e))
        e->random = random_pool_u64(&a->random);
    relay_step(a->relay, e, app_now(a), &a->effects);
    app_run_effects(a);
}

static void step_queued(struct app *a)
{
    for (size_t i = 0; i < a->queued_count; i++) {
        struct relay_event e = a->queued[i];
        step(a, &e);
    }
    a->queued_count = 0;
}

void app_event(struct app *a, struct relay_event *e)
{
    if (a->stepping) {
        queue(a, e);
        return;
    }
    a->stepping = true;
    step(a, e);
    step_queued(a);
    a->stepping = false;
}

static uint64_t tick(struct app *a)
{
    a->stepping = true;
    uint64_t ms = relay_tick(a->relay, app_now(a), &a->effects);
    app_run_effects(a);
    step_queued(a);
    a->stepping = false;
    return ms;
}

uint64_t app_poll(struct app *a)
{
    app_hold_clock(a);
    struct letter *l = mailbox_take(&a->mail);
    while (l) {
        struct letter *next = l->next;
        l->read(a, l);
        l = next;
    }
    uint64_t ms = tick(a);
    app_give_saves(a);
    a->clock_held = false;
    return ms;
}

typedef bool identify_fn(struct relay *r, const struct hash *hash, struct now now,
                         struct effects *out, struct identity *who);

static bool identify(struct app *a, identify_fn *by, const struct hash *hash, struct identity *who)
{
    assert(!a->stepping);
    a->stepping = true;
    bool known = by(a->relay, hash, app_now(a), &a->effects, who);
    app_run_effects(a);
    a->stepping = false;
    return known;
}

bool app_identify(struct app *a, const struct hash *cookie, struct identity *who)
{
    return identify(a, relay_identify, cookie, who);
}

bool app_identify_key(struct app *a, const struct hash *secret, struct identity *who)
{
    return identify(a, relay_identify_key, secret, who);
}

bool app_needs_setup(const struct app *a)
{
    return relay_needs_setup(a->relay);
}

int app_wake_fd(const struct app *a)
{
    return a->mail.wake_fd;
}

size_t app_saves_pending(const struct app *a)
{
    return relay_saves_pending(a->relay);
}

const char *app_data_dir(const struct app *a)
{
    return a->dir;
}

const struct limits *app_limits(const struct app *a)
{
    return &a->limits;
}

struct limits app_limits_copy(struct app *a)
{
    pthread_mutex_lock(&a->limits_lock);
    struct limits copy = a->limits;
    pthread_mutex_unlock(&a->limits_lock);
    return copy;
}

const struct sign_key *app_sign_key(const struct app *a)
{
    return &a->key;
}

struct store *app_store(struct app *a)
{
    return a->store;
}

const char *app_store_trouble(const struct app *a)
{
    return store_trouble(a->store);
}

#define LIMIT_PREFIX "limit."

void app_apply_setting(struct app *a, const struct setting_record *s)
{
    struct str name = str_of(s->name);
    if (!str_starts(name, STR(LIMIT_PREFIX)))
        return;
    name = str_slice(name.p + strlen(LIMIT_PREFIX), name.n - strlen(LIMIT_PREFIX));
    pthread_mutex_lock(&a->limits_lock);
    enum err e = limits_set(&a->limits, name, str_of(s->value));
    pthread_mutex_unlock(&a->limits_lock);
    if (!e && a->relay)
        relay_set_limits(a->relay, &a->limits);
}

/* ---- letters ---- */

struct posted {
    struct letter letter;
    void (*fn)(void *arg);
    void *arg;
};

static void posted_read(void *app, struct letter *l)
{
    (void)app;
    struct posted *p = CONTAINER_OF(l, struct posted, letter);
    p->fn(p->arg);
    free(p);
}

void app_post(struct app *a, void (*fn)(void *arg), void *arg)
{
    struct posted *p = xcalloc(1, sizeof *p);
    p->letter.read = posted_read;
    p->fn = fn;
    p->arg = arg;
    mailbox_post(&a->mail, &p->letter);
}

struct answers {
    struct letter letter;
    size_t count;
    struct store_answer list[];
};

static void answer_event(struct app *a, struct store_answer *answer)
{
    struct relay_event e = {.kind = answer->is_load ? EVENT_LOADED : EVENT_SAVED,
                            .err = answer->err};
    e.save_id = e.load_id = answer->id;
    e.more = answer->more;
    e.record = answer->record;
    app_event(a, &e);
    store_record_free(a->store, answer->record);
}

static void answers_read(void *app, struct letter *l)
{
    struct answers *m = CONTAINER_OF(l, struct answers, letter);
    for (size_t i = 0; i < m->count; i++)
        answer_event(app, &m->list[i]);
    free(m);
}

void app_store_answered(void *app, struct store_answer *answers, size_t count)
{
    struct app *a = app;
    struct answers *m = xcalloc(1, sizeof *m + count * sizeof *answers);
    m->letter.read = answers_read;
    m->count = count;
    memcpy(m->list, answers, count * sizeof *answers);
    mailbox_post(&a->mail, &m->letter);
}

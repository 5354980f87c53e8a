#include "core/state.h"

#include <stdarg.h>
#include <stdlib.h>

#define TICK_MS     1000
#define ARENA_BLOCK 16384
#define HOURLY_MS   UINT64_C(3600000)

/* ---- what effects borrow ---- */

void *relay_arena(struct relay *r, size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    struct arena_block *b = r->arena;
    if (!b || b->size - b->used < bytes) {
        size_t size = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
        b = xcalloc(1, sizeof *b + size);
        b->size = size;
        b->next = r->arena;
        r->arena = b;
    }
    void *p = b->bytes + b->used;
    b->used += bytes;
    memset(p, 0, bytes);
    return p;
}

/* Keeps one block for the next step. */
static void arena_clear(struct relay *r)
{
    while (r->arena && r->arena->next) {
        struct arena_block *next = r->arena->next;
        free(r->arena);
        r->arena = next;
    }
    if (r->arena)
        r->arena->used = 0;
}

struct str relay_text(struct relay *r, const char *fmt, ...)
{
    char text[SPACE_NAME_BYTES + 256];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    assert(n >= 0);
    struct str whole = str_start(str_of(text), sizeof text - 1); /* n may be more */
    char *p = relay_arena(r, whole.n + 1);
    memcpy(p, whole.p, whole.n);
    return str_slice(p, whole.n);
}

struct uuid relay_id(struct relay *r)
{
    /* One event may make two ids: the second differs by its counter, its random part by this. */
    r->random = r->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return uuid_next(&r->ids, r->now.wall_ms, r->random);
}

/* ---- effects ---- */

struct effect *effect_new(struct relay *r, enum effect_kind kind)
{
    struct effects *e = r->out;
    if (e->count == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 32;
        e->list = xrealloc(e->list, e->cap, sizeof *e->list);
    }
    struct effect *x = &e->list[e->count++];
    memset(x, 0, sizeof *x);
    x->kind = kind;
    return x;
}

void effects_release(struct effects *e)
{
    free(e->list);
    *e = (struct effects){0};
}

void send_close(struct relay *r, uint64_t conn, uint16_t code, struct str reason)
{
    struct effect *x = effect_new(r, EFFECT_CLOSE);
    x->conn = conn;
    x->close_code = code;
    x->reason = reason;
}

/* ---- timers ---- */

void timer_set(struct relay *r, struct timer *t, uint64_t at_ms)
{
    assert(t->fire);
    heap_set(&r->timers, &t->node, at_ms);
}

void timer_stop(struct relay *r, struct timer *t)
{
    heap_remove(&r->timers, &t->node);
}

static void hourly_timer_fired(struct relay *r, struct timer *t)
{
    tries_prune(r);
    sessions_prune(r);
    timer_set(r, t, r->now.mono_ms + HOURLY_MS);
}

static void wake_timer_fired(struct relay *r, struct timer *t)
{
    (void)t;
    struct space *s, *tmp;
    HASH_ITER (hh, r->spaces, s, tmp)
        match_wanted(r, s);
}

/* ---- life ---- */

struct relay *relay_new(const struct limits *limits)
{
    struct relay *r = xcalloc(1, sizeof *r);
    r->limits = *limits;
    r->next_save = r->next_load = 1;
    list_init(&r->to_match);
    list_init(&r->to_show);
    list_init(&r->graveyard);
    list_init(&r->saves_in_order);
    list_init(&r->sure);
    list_init(&r->keys_by_age);
    r->admin_timer.fire = admin_timer_fired;
    r->hourly_timer.fire = hourly_timer_fired;
    r->wake_timer.fire = wake_timer_fired;
    r->keys_timer.fire = keys_timer_fired;
    return r;
}

static void bury(struct relay *r)
{
    LIST_EACH (&r->graveyard, it) {
        list_remove(it);
        request_free(CONTAINER_OF(it, struct request, grave_link));
    }
}

static void free_request(struct relay *r, struct request *q)
{
    timer_stop(r, &q->timer);
    timer_stop(r, &q->text_timer);
    request_free(q);
}

/* A request that is being saved for the first time is in no other table. */
static void free_saves(struct relay *r)
{
    struct save *save, *tmp;
    HASH_ITER (hh, r->saves, save, tmp) {
        HASH_DEL(r->saves, save);
        if (save->request && save->request->saving == SAVING_NEW)
            free_request(r, save->request);
        free(save->row);
        free(save);
    }
}

static void free_tables(struct relay *r)
{
    struct tries *tries, *tries_tmp;
    HASH_ITER (hh, r->tries, tries, tries_tmp) {
        HASH_DEL(r->tries, tries);
        free(tries);
    }
    struct setting *setting, *setting_tmp;
    HASH_ITER (hh, r->settings, setting, setting_tmp) {
        HASH_DEL(r->settings, setting);
        free(setting);
    }
    struct token *token, *token_tmp;
    HASH_ITER (hh, r->tokens, token, token_tmp) {
        HASH_DEL(r->tokens, token);
        free(token);
    }
}

static void free_objects(struct relay *r)
{
    struct request *q, *q_tmp;
    HASH_ITER (hh, r->requests, q, q_tmp) {
        HASH_DEL(r->requests, q);
        free_request(r, q);
    }
    struct app_conn *a, *a_tmp;
    HASH_ITER (hh, r->apps, a, a_tmp) {
        HASH_DEL(r->apps, a);
        free(a);
    }
    HASH_CLEAR(hh_name, r->spaces_by_name);
    struct space *s, *s_tmp;
    HASH_ITER (hh, r->spaces, s, s_tmp)
        space_free(r, s);
    struct person *p, *p_tmp;
    HASH_ITER (hh, r->people, p, p_tmp)
        person_free(r, p);
}

void relay_free(struct relay *r)
{
    if (!r)
        return;
    bury(r);
    idempotency_free_all(r);
    free_saves(r);
    sure_free_all(r);
    free_objects(r);
    loads_free_all(r);
    free_tables(r);
    heap_release(&r->timers);
    arena_clear(r);
    free(r->arena);
    free(r);
}

void relay_set_limits(struct relay *r, const struct limits *limits)
{
    r->limits = *limits;
}

/* ---- steps ---- */

static void step_app_gone(struct relay *r, const struct relay_event *e)
{
    struct app_conn *a = app_find(r, e->conn);
    if (a)
        app_gone(r, a, e->clean && !r->shutting_down);
}

static void step_client_message(struct relay *r, const struct relay_event *e)
{
    static void (*const handlers[CLIENT_MSG__MAX])(struct relay *, const struct relay_event *) = {
        [CLIENT_MSG_SUBSCRIBE] = watch_message,
        [CLIENT_MSG_SUBMIT] = submit_message,
        [CLIENT_MSG_CANCEL] = cancel_message,
    };
    assert(handlers[e->client_msg->kind]); /* the hub answers UNSUBSCRIBE: EVENT_UNWATCH */
    handlers[e->client_msg->kind](r, e);
}

/* What a crash between a space's removal and the end of its requests left behind. */
static void end_requests_of_removed_spaces(struct relay *r)
{
    struct request *q, *tmp;
    HASH_ITER (hh, r->requests, q, tmp) {
        if (q->space->removed && q->saving == SAVING_NOTHING)
            request_cancel(r, q);
    }
}

/* The current turn is not stored: it is not before that of the next request, so that newcomers do
 * not pass those who have waited since before the start. */
static void turns_go_on(struct relay *r)
{
    struct space *s, *tmp;
    HASH_ITER (hh, r->spaces, s, tmp) {
        const struct queue_node *first = queue_first(&s->waiting);
        if (first && first->turn > s->turn)
            s->turn = first->turn;
    }
}

static void step_listening(struct relay *r, const struct relay_event *e)
{
    (void)e;
    r->listening = true;
    struct request *q, *tmp;
    HASH_ITER (hh, r->requests, q, tmp) {
        int64_t age_ms = r->now.wall_ms - q->rec.created_ms;
        q->accepted_ms =
            age_ms > 0 && (uint64_t)age_ms < r->now.mono_ms ? r->now.mono_ms - (uint64_t)age_ms : 0;
        if (q->restored)
            timer_set(r, &q->timer, r->now.mono_ms + r->limits.grace_ms);
    }
    struct session *s, *s_tmp;
    HASH_ITER (hh, r->sessions, s, s_tmp)
        session_watch(r, s);
    struct api_key *k, *k_tmp;
    HASH_ITER (hh, r->api_keys, k, k_tmp)
        api_key_watch(r, k);
    idempotency_listening(r);
    turns_go_on(r);
    end_requests_of_removed_spaces(r);
    timer_set(r, &r->hourly_timer, r->now.mono_ms + HOURLY_MS);
    retention_start(r);
}

static void step_shutdown(struct relay *r, const struct relay_event *e)
{
    (void)e;
    r->shutting_down = true;
    apps_drain_all(r);
}

static void begin(struct relay *r, struct now now, struct effects *out)
{
    arena_clear(r);
    bury(r);
    r->now = now;
    r->out = out;
}

void relay_step(struct relay *r, const struct relay_event *e, struct now now, struct effects *out)
{
    static void (*const handlers[EVENT__MAX])(struct relay *, const struct relay_event *) = {
        [EVENT_APP_MESSAGE] = app_message,
        [EVENT_APP_GONE] = step_app_gone,
        [EVENT_CLIENT_MESSAGE] = step_client_message,
        [EVENT_UNWATCH] = watch_ended,
        [EVENT_COMMAND] = command_run,
        [EVENT_SAVED] = saves_answered,
        [EVENT_LOADED] = loads_answered,
        [EVENT_LISTENING] = step_listening,
        [EVENT_SHUTDOWN] = step_shutdown,
    };
    begin(r, now, out);
    r->random = e->random;
    handlers[e->kind](r, e);
    match_all(r);
    show_connected(r);
    r->out = NULL;
}

uint64_t relay_tick(struct relay *r, struct now now, struct effects *out)
{
    begin(r, now, out);
    struct heap_node *n;
    while ((n = heap_min(&r->timers)) && n->key <= now.mono_ms) {
        struct timer *t = CONTAINER_OF(n, struct timer, node);
        heap_remove(&r->timers, n);
        t->fire(r, t);
    }
    match_all(r);
    show_connected(r);
    r->out = NULL;
    n = heap_min(&r->timers);
    if (!n || n->key > now.mono_ms + TICK_MS)
        return TICK_MS;
    return n->key > now.mono_ms ? n->key - now.mono_ms : 0;
}

/* ---- questions ---- */

bool relay_needs_setup(const struct relay *r)
{
    return r->admins == 0;
}

const char *relay_setting(const struct relay *r, const char *name, const char *fallback)
{
    struct setting *s;
    HASH_FIND_STR(r->settings, name, s);
    return s ? s->rec.value : fallback;
}

size_t relay_saves_pending(const struct relay *r)
{
    return HASH_COUNT(r->saves);
}

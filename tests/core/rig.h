/* The core on a bench: a fake clock, a store that answers when it is told to, apps and people that
 * are numbers.
 *
 *     struct rig *t = *state;            space "den", people ann, ben, cid and root (admin), a
 * token of den join(t, 1);                        app 1 registers in den submit(t, "ann");
 *     expect(t, "app 1: registered ...", "person 101: submitted r1 at 1", "app 1: request r1/1 of
 * ann {}");
 *
 * What happened since the last expect() must be exactly the lines named, in their order. Which
 * kinds of effects are written down is t.shown. */
#ifndef TESTS_CORE_RIG_H
#define TESTS_CORE_RIG_H

#include "rig_print.h"

#define SHOW(kind) (1U << (kind))
#define SHOW_PEERS                                                                                 \
    (SHOW(EFFECT_APP_SEND) | SHOW(EFFECT_CLOSE) | SHOW(EFFECT_CLOSE_PERSON) |                      \
     SHOW(EFFECT_CLIENT_SEND) | SHOW(EFFECT_REPLY) | SHOW(EFFECT_SETTING))
#define SHOW_PUBLISH SHOW(EFFECT_PUBLISH)
#define SHOW_STORE   (SHOW(EFFECT_SAVE) | SHOW(EFFECT_LOAD))

/* What was asked of the store and waits for its answer. */
struct ask {
    uint64_t load_id;      /* 0 = a save */
    struct uuid request;   /* load */
    struct change *change; /* save */
};

struct rig {
    struct relay *relay;
    struct limits limits;
    struct now now;
    struct effects fx;
    struct disk disk;
    struct names names;
    struct uuid_gen ids;
    struct buf log, wanted;
    unsigned shown;
    bool hold;                  /* the store answers only when told to: answer(), answer_all() */
    unsigned fail[CHANGE__MAX]; /* so many of the next changes of a kind fail */
    bool broken;                /* all saves and loads fail */
    struct ask *asks;
    size_t ask_count, ask_cap;
    uint64_t random, next_ticket;
    struct reply reply;                                   /* the newest; its lists are owned */
    void (*watch)(struct rig *t, const struct effect *e); /* sees every effect first */
    void *watch_ctx;
};

/* ---- effects ---- */

static inline void rig_push_ask(struct rig *t, struct ask ask)
{
    if (t->ask_count == t->ask_cap) {
        t->ask_cap = t->ask_cap ? t->ask_cap * 2 : 16;
        t->asks = xrealloc(t->asks, t->ask_cap, sizeof *t->asks);
    }
    t->asks[t->ask_count++] = ask;
}

static inline void rig_take_effect(struct rig *t, const struct effect *e)
{
    struct printer p = {&t->log, &t->names, &t->disk};
    if (t->watch)
        t->watch(t, e);
    if (e->kind == EFFECT_SAVE && e->change->kind == CHANGE_REQUEST_NEW)
        names_of_request(&t->names, e->change->request->id);
    if (t->shown & SHOW(e->kind))
        print_effect(&p, e);
    if (e->kind == EFFECT_SAVE)
        rig_push_ask(t, (struct ask){.change = e->change});
    if (e->kind == EFFECT_LOAD)
        rig_push_ask(t, (struct ask){.load_id = e->load_id, .request = e->request_id});
    if (e->kind == EFFECT_REPLY) {
        reply_release(&t->reply);
        t->reply = *e->reply;
        free(e->reply);
    }
}

static inline void rig_collect(struct rig *t)
{
    for (size_t i = 0; i < t->fx.count; i++)
        rig_take_effect(t, &t->fx.list[i]);
    t->fx.count = 0;
    assert_true(relay_consistent(t->relay));
}

static inline void rig_step(struct rig *t, struct relay_event *e)
{
    t->random = t->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    e->random = t->random;
    relay_step(t->relay, e, t->now, &t->fx);
    rig_collect(t);
}

/* ---- the store ---- */

static inline enum err rig_write(struct rig *t, const struct change *c)
{
    if (t->fail[c->kind])
        t->fail[c->kind]--;
    else if (!t->broken) {
        disk_apply(&t->disk, c);
        return OK;
    }
    return ERR_STORE_UNAVAILABLE;
}

static inline void rig_answer_load(struct rig *t, const struct ask *ask)
{
    struct relay_event e = {.kind = EVENT_LOADED, .load_id = ask->load_id, .err = ERR_NOT_FOUND};
    struct disk_request *q = disk_request(&t->disk, ask->request);
    struct request_record rec;
    if (t->broken) {
        e.err = ERR_STORE_UNAVAILABLE;
    } else if (q) {
        rec = q->rec;
        rec.text = bytes_new(buf_str(&q->text));
        e.err = OK;
        e.record = &rec;
    }
    rig_step(t, &e);
    if (e.record)
        bytes_unref(rec.text);
}

/* The oldest question gets its answer. */
static inline void answer(struct rig *t)
{
    assert_true(t->ask_count > 0);
    struct ask ask = t->asks[0];
    memmove(t->asks, t->asks + 1, --t->ask_count * sizeof *t->asks);
    if (ask.load_id) {
        rig_answer_load(t, &ask);
        return;
    }
    struct relay_event e = {.kind = EVENT_SAVED, .save_id = ask.change->save_id};
    e.err = rig_write(t, ask.change);
    e.more = ask.change->kind == CHANGE_RETENTION && t->disk.retention_steps &&
             --t->disk.retention_steps;
    change_free(ask.change);
    rig_step(t, &e);
}

static inline void answer_all(struct rig *t)
{
    while (t->ask_count)
        answer(t);
}

/* From now on all is answered at once again. */
static inline void release(struct rig *t)
{
    t->hold = false;
    answer_all(t);
}

static inline void feed(struct rig *t, struct relay_event *e)
{
    rig_step(t, e);
    if (!t->hold)
        answer_all(t);
}

/* ---- time ---- */

static inline uint64_t rig_tick(struct rig *t)
{
    uint64_t ms = relay_tick(t->relay, t->now, &t->fx);
    assert_true(ms <= 1000);
    rig_collect(t);
    if (!t->hold)
        answer_all(t);
    return ms;
}

/* Time goes by; the relay is called exactly when it wanted to be. */
static inline void pass(struct rig *t, uint64_t ms)
{
    uint64_t end = t->now.mono_ms + ms;
    for (;;) {
        uint64_t wait = rig_tick(t);
        if (wait == 0 && t->now.mono_ms < end)
            continue;
        uint64_t left = end - t->now.mono_ms;
        if (!left)
            break;
        uint64_t go = wait < left ? wait : left;
        t->now.mono_ms += go;
        t->now.wall_ms += (int64_t)go;
    }
}

/* ---- what is there from the start ---- */

static inline struct uuid rig_id(struct rig *t)
{
    return uuid_next(&t->ids, INT64_C(1700000000000), 7);
}

static inline struct user_record *user(struct rig *t, const char *name)
{
    for (size_t i = 0; i < t->disk.user_count; i++)
        if (!strcmp(t->disk.users[i].name, name))
            return &t->disk.users[i];
    return NULL;
}

static inline int64_t user_key(struct rig *t, const char *name)
{
    return user(t, name) ? uuid_key(user(t, name)->id) : 0;
}

static inline struct space_record *space(struct rig *t, const char *name)
{
    for (size_t i = t->disk.space_count; i-- > 0;)
        if (!strcmp(t->disk.spaces[i].name, name) && !t->disk.spaces[i].removed_ms)
            return &t->disk.spaces[i];
    return NULL;
}

static inline void add_user(struct rig *t, const char *name, enum role role)
{
    struct user_record u = {.id = rig_id(t), .role = role, .password_hash = "old"};
    assert_true(str_copy(u.name, sizeof u.name, str_of(name)));
    disk_apply(&t->disk, &(struct change){.kind = CHANGE_USER_PUT, .user = &u});
    relay_restore_user(t->relay, &u);
}

static inline void add_space(struct rig *t, const char *name, struct space_record s)
{
    s.id = rig_id(t);
    s.max_apps = s.max_apps ? s.max_apps : 1;
    assert_true(str_copy(s.name, sizeof s.name, str_of(name)));
    disk_apply(&t->disk, &(struct change){.kind = CHANGE_SPACE_PUT, .space = &s});
    relay_restore_space(t->relay, &s);
}

/* The number by which join() names it: 0, 1, ... */
static inline size_t add_token(struct rig *t, const char *space_name)
{
    struct token_record k = {.id = rig_id(t), .space_key = uuid_key(space(t, space_name)->id)};
    disk_apply(&t->disk, &(struct change){.kind = CHANGE_TOKEN_PUT, .token = &k});
    relay_restore_token(t->relay, &k);
    return t->disk.token_count - 1;
}

static inline void rig_listen(struct rig *t)
{
    feed(t, &(struct relay_event){.kind = EVENT_LISTENING});
}

/* With nobody and nothing in it. */
static inline void rig_init_empty(struct rig *t)
{
    *t = (struct rig){.now = {1000000, INT64_C(1750000000000)}, .shown = SHOW_PEERS};
    limits_default(&t->limits);
    buf_init(&t->log, 1U << 26);
    buf_init(&t->wanted, 1U << 26);
    t->relay = relay_new(&t->limits);
}

static inline void rig_init(struct rig *t)
{
    rig_init_empty(t);
    add_user(t, "root", ROLE_ADMIN);
    add_user(t, "ann", ROLE_USER);
    add_user(t, "ben", ROLE_USER);
    add_user(t, "cid", ROLE_USER);
    add_space(t, "den", (struct space_record){.inputs = INPUT_PROMPT});
    add_token(t, "den");
    rig_listen(t);
}

static inline void rig_drop_asks(struct rig *t)
{
    for (size_t i = 0; i < t->ask_count; i++)
        change_free(t->asks[i].change);
    t->ask_count = 0;
}

static inline void rig_release(struct rig *t)
{
    rig_drop_asks(t);
    free(t->asks);
    relay_free(t->relay);
    effects_release(&t->fx);
    disk_release(&t->disk);
    free(t->names.requests);
    buf_release(&t->log);
    buf_release(&t->wanted);
    reply_release(&t->reply);
}

static inline int rig_setup(void **state)
{
    struct rig *t = xcalloc(1, sizeof *t);
    rig_init(t);
    *state = t;
    return 0;
}

static inline int rig_teardown(void **state)
{
    rig_release(*state);
    free(*state);
    return 0;
}

/* A test that finds a fresh rig in *state. */
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

/* The relay is killed, what was not written is lost, and a new one starts from the disk. */
static inline void restart(struct rig *t)
{
    rig_drop_asks(t);
    relay_free(t->relay);
    t->relay = relay_new(&t->limits);
    disk_restore(&t->disk, t->relay);
    t->now.mono_ms += 5000;
    t->now.wall_ms += 5000;
    rig_listen(t);
}

static inline void set_limits(struct rig *t)
{
    relay_set_limits(t->relay, &t->limits);
}

/* r1 is request 1 */
static inline struct uuid request(struct rig *t, size_t number)
{
    assert_true(number >= 1 && number <= t->names.count);
    return t->names.requests[number - 1];
}

static inline struct lease_ref lease(struct rig *t, size_t number, uint32_t attempt)
{
    return (struct lease_ref){request(t, number), attempt};
}

/* ---- what happened ---- */

static inline void expect_lines(struct rig *t, const char *const *lines, size_t count,
                                const char *file, int line)
{
    buf_clear(&t->wanted);
    for (size_t i = 0; i < count; i++)
        buf_printf(&t->wanted, "%s\n", lines[i]);
    _assert_string_equal(buf_cstr(&t->log), buf_cstr(&t->wanted), file, line);
    buf_clear(&t->log);
}

#define expect(t, ...)                                                                             \
    expect_lines(t, (const char *const[]){__VA_ARGS__},                                            \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), __FILE__,      \
                 __LINE__)
#define expect_nothing(t) expect_lines(t, NULL, 0, __FILE__, __LINE__)
/* What happened so far does not matter. */
static inline void forget(struct rig *t)
{
    buf_clear(&t->log);
}

/* Only these kinds are written down from now on. */
static inline void show(struct rig *t, unsigned kinds)
{
    t->shown = kinds;
    forget(t);
}

static inline enum request_status status_on_disk(struct rig *t, size_t number)
{
    return disk_request(&t->disk, request(t, number))->rec.status;
}

static inline const char *text_on_disk(struct rig *t, size_t number)
{
    return buf_cstr(&disk_request(&t->disk, request(t, number))->text);
}

#include "rig_peers.h"

#endif

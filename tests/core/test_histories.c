/* Random histories: apps that die and come back, people who submit and cancel, a store that is slow
 * and fails, a relay that is killed; judged by model.h after each step. HISTORIES=n runs n of them,
 * SEED=n only that one. */
#include "model.h"

#define STEPS 300

static const char *const people[] = {"ann", "ben", "cid", "root"};
static const char *const spaces[] = {"den", "hall", "slow"};

static uint64_t chance(struct model *m, uint64_t bound) /* xorshift64 */
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return m->seed % bound;
}

static const char *any_person(struct model *m)
{
    return people[chance(m, 4)];
}

static struct uuid any_request(struct rig *t, struct model *m)
{
    size_t recent = t->names.count < 12 ? t->names.count : 12;
    return t->names.requests[t->names.count - 1 - chance(m, recent)];
}

/* ---- people ---- */

static void some_submit(struct rig *t, struct model *m)
{
    submit_to(t, any_person(m), spaces[chance(m, 3)], "{\"prompt\":\"x\"}", "");
}

static void some_cancel(struct rig *t, struct model *m)
{
    if (t->names.count)
        person_says(
            t, any_person(m),
            (struct client_msg){.kind = CLIENT_MSG_CANCEL, .request_id = any_request(t, m)});
}

static void some_subscribe(struct rig *t, struct model *m)
{
    if (t->names.count && chance(m, 4))
        subscribe(t, any_person(m), TOPIC_REQUEST, any_request(t, m));
    else
        subscribe(t, any_person(m), TOPIC_SPACES, (struct uuid){{0}});
}

static void some_unwatch(struct rig *t, struct model *m)
{
    if (t->names.count)
        unwatch(t, TOPIC_REQUEST, any_request(t, m));
}

/* ---- apps ---- */

static size_t token_of(struct rig *t, const char *space_name)
{
    for (size_t i = t->disk.token_count; i-- > 0;)
        if (t->disk.tokens[i].space_key == uuid_key(space(t, space_name)->id) &&
            !t->disk.tokens[i].revoked_ms)
            return i;
    return 0;
}

static void some_join(struct rig *t, struct model *m)
{
    struct mock *a = &m->apps[chance(m, MODEL_APPS)];
    if (!space(t, a->space))
        return;
    if (a->conn && (!t->hold || chance(m, 4))) /* else: a second connection of the same process */
        return;
    struct join j = {.conn = ++m->next_conn,
                     .space = a->space,
                     .token = token_of(t, a->space),
                     .instance = a->instance,
                     .concurrency = a->concurrency,
                     .prefetch = a->prefetch};
    for (size_t i = 0; i < a->held_count && i < 8 && chance(m, 8); i++)
        j.resume[j.resume_count++] = a->held[i];
    uint64_t older = a->conn;
    model_disconnected(m, older ? older : UINT64_MAX);
    a->conn = j.conn;
    join_as(t, j);
    if (older) /* noticed late */
        vanish(t, older);
}

static struct mock *any_app(struct model *m)
{
    for (int tries = 0; tries < 8; tries++) {
        struct mock *a = &m->apps[chance(m, MODEL_APPS)];
        if (a->conn)
            return a;
    }
    return NULL;
}

static void some_leave(struct rig *t, struct model *m)
{
    struct mock *a = any_app(m);
    if (!a)
        return;
    uint64_t conn = a->conn;
    model_disconnected(m, conn);
    feed(t, &(struct event){.kind = EVENT_APP_GONE, .conn = conn, .clean = chance(m, 2)});
}

static struct lease_ref any_lease(struct rig *t, struct model *m, const struct mock *a)
{
    if (a->held_count && chance(m, 8))
        return a->held[chance(m, a->held_count)];
    struct lease_ref l = {{{0}}, 1 + (uint32_t)chance(m, 3)}; /* anybody's */
    if (t->names.count)
        l.request_id = any_request(t, m);
    return l;
}

static void some_text(struct rig *t, struct model *m)
{
    static const char *const words[] = {"a", "bc", "\xc3\xa9", "long words"};
    struct mock *a = any_app(m);
    if (!a)
        return;
    struct app_msg msg = {
        .kind = APP_MSG_DELTA, .lease = any_lease(t, m, a), .text = str_of(words[chance(m, 4)])};
    msg.has_offset = chance(m, 2);
    msg.offset = chance(m, 12);
    if (chance(m, 3) == 0)
        msg =
            (struct app_msg){.kind = APP_MSG_PROGRESS,
                             .lease = msg.lease,
                             .progress = {.has_percent = true, .percent = (double)chance(m, 100)}};
    app_says(t, a->conn, msg);
}

static void some_final(struct rig *t, struct model *m)
{
    struct mock *a = any_app(m);
    char json[40];
    if (!a)
        return;
    struct app_msg msg = {
        .kind = APP_MSG_RESULT, .lease = any_lease(t, m, a), .usage = STR("{\"n\":1}")};
    if (uuid_is_nil(msg.lease.request_id))
        return;
    struct known *k = model_known(t, msg.lease.request_id);
    snprintf(json, sizeof json, "{\"n\":%llu}", (unsigned long long)chance(m, 1000));
    msg.result = str_of(json);
    if (chance(m, 3) == 0) {
        msg.kind = APP_MSG_ERROR;
        msg.retryable = chance(m, 2);
    } else if (k->holder == a->conn && k->attempt == msg.lease.attempt &&
               !model_asked(t, msg.lease.request_id)) {
        bytes_unref(k->sent);
        k->sent = bytes_new(msg.result);
    }
    app_says(t, a->conn, msg);
}

static void some_drain(struct rig *t, struct model *m)
{
    struct mock *a = any_app(m);
    if (a)
        app_says(t, a->conn, (struct app_msg){.kind = APP_MSG_DRAIN});
}

/* ---- admins ---- */

static void issue_token(struct rig *t, const struct space_record *s)
{
    struct command c = {.kind = CMD_TOKEN_ADD, .actor = as(t, "root")};
    c.token.space_key = uuid_key(s->id);
    command(t, c);
}

static void some_token(struct rig *t, struct model *m)
{
    struct command c = {.kind = CMD_TOKEN_REVOKE, .actor = as(t, "root")};
    struct space_record *s = space(t, spaces[chance(m, 3)]);
    if (!s || t->disk.token_count > 40)
        return;
    c.id = t->disk.tokens[token_of(t, s->name)].id;
    command(t, c);
    issue_token(t, s);
}

static void some_space(struct rig *t, struct model *m)
{
    struct space_record *s = space(t, "hall");
    struct command c = {.kind = CMD_SPACE_ADD, .actor = as(t, "root")};
    if (t->disk.space_count > 40)
        return;
    c.space = (struct space_record){.name = "hall", .max_apps = 1 + (uint32_t)chance(m, 4)};
    if (s) {
        c.kind = chance(m, 4) ? CMD_SPACE_EDIT : CMD_SPACE_REMOVE;
        c.space.id = s->id;
    }
    command(t, c);
}

static void some_user(struct rig *t, struct model *m)
{
    struct command c = {
        .kind = CMD_USER_DISABLE, .actor = as(t, "root"), .flag = chance(m, 2), .user.name = "cid"};
    command(t, c);
}

/* ---- the world ---- */

static void some_time(struct rig *t, struct model *m)
{
    static const uint64_t spans[] = {1, 50, 500, 1200, 4000};
    pass(t, spans[chance(m, 5)]);
}

static void some_answers(struct rig *t, struct model *m)
{
    uint64_t how_many = chance(m, 4) ? chance(m, 4) : 1000;
    for (; how_many && t->ask_count; how_many--) {
        t->broken = chance(m, 6) == 0;
        answer(t);
    }
    t->broken = false;
}

/* Killed at any moment: some of what was asked may be on disk though nobody heard of it. */
static void a_crash(struct rig *t, struct model *m)
{
    size_t written = chance(m, 2) ? chance(m, t->ask_count + 1) : 0;
    for (size_t i = 0; i < written; i++)
        if (t->asks[i].change)
            disk_apply(&t->disk, t->asks[i].change);
    restart(t);
    model_restarted(t);
}

static void a_stop(struct rig *t, struct model *m)
{
    feed(t, &(struct event){.kind = EVENT_SHUTDOWN});
    for (int i = 0; i < 5; i++) {
        some_final(t, m);
        some_answers(t, m);
        some_leave(t, m);
    }
    a_crash(t, m);
}

static const struct {
    void (*act)(struct rig *t, struct model *m);
    unsigned weight;
} acts[] = {{some_submit, 30}, {some_cancel, 6},   {some_subscribe, 4}, {some_unwatch, 2},
            {some_join, 16},   {some_leave, 5},    {some_text, 20},     {some_final, 25},
            {some_drain, 1},   {some_token, 1},    {some_space, 1},     {some_user, 1},
            {some_time, 14},   {some_answers, 60}, {a_crash, 1},        {a_stop, 1}};

static void act(struct rig *t, struct model *m)
{
    unsigned sum = 0, at = 0;
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
        sum += acts[i].weight;
    uint64_t pick = chance(m, sum);
    while (pick >= acts[at].weight)
        pick -= acts[at++].weight;
    acts[at].act(t, m);
    for (size_t i = 0; i < t->disk.user_count; i++) {
        size_t unfinished = 0;
        for (size_t k = 0; k < t->disk.request_count; k++)
            unfinished += t->disk.requests[k].rec.user_key == uuid_key(t->disk.users[i].id) &&
                          !request_status_final(t->disk.requests[k].rec.status);
        assert_true(unfinished <= t->limits.unfinished_per_person);
    }
}

static void set_up(struct rig *t, struct model *m)
{
    rig_init(t);
    t->shown = 0;
    t->limits.grace_ms = 3000;
    t->limits.request_timeout_ms = 5000;
    t->limits.cancel_wait_ms = 1000;
    t->limits.max_attempts = 2 + chance(m, 3);
    t->limits.unfinished_per_person = 15;
    set_limits(t);
    add_space(t, "hall", (struct space_record){.max_apps = 3});
    add_space(t, "slow", (struct space_record){.max_apps = 2, .queue_offline = true});
    add_token(t, "hall");
    add_token(t, "slow");
    for (size_t i = 0; i < MODEL_APPS; i++) {
        struct mock *a = &m->apps[i];
        a->space = spaces[i % 3];
        snprintf(a->instance, sizeof a->instance, i % 5 ? "i%zu" : "", i);
        a->concurrency = 1 + (uint32_t)chance(m, 3);
        a->prefetch = (uint32_t)chance(m, 3);
    }
    t->watch = model_watch;
    t->watch_ctx = m;
}

/* ---- the end: when all is well again everything accepted comes to its end, once ---- */

static void finish_held(struct rig *t, struct model *m)
{
    for (size_t i = 0; i < MODEL_APPS; i++) {
        struct mock *a = &m->apps[i];
        while (a->conn && a->held_count) {
            struct lease_ref l = a->held[0];
            struct known *k = model_known(t, l.request_id);
            if (k->holder == a->conn && k->attempt == l.attempt) {
                bytes_unref(k->sent);
                k->sent = bytes_new(STR("{\"a\":1}"));
            }
            model_drop(a, l.request_id);
            result(t, a->conn, l);
        }
    }
}

static bool all_final(struct rig *t)
{
    for (size_t i = 0; i < t->disk.request_count; i++)
        if (!request_status_final(t->disk.requests[i].rec.status))
            return false;
    return true;
}

static void bring_to_an_end(struct rig *t, struct model *m)
{
    release(t);
    for (size_t i = 0; i < 3; i++)
        if (space(t, spaces[i]))
            issue_token(t, space(t, spaces[i]));
    for (int rounds = 0; rounds < 300 && !all_final(t); rounds++) {
        for (int i = 0; i < 4; i++)
            some_join(t, m);
        finish_held(t, m);
        pass(t, 500);
        for (int i = 0; rounds % 20 == 19 && i < 2 * MODEL_APPS; i++) /* some drain for ever */
            some_leave(t, m);
    }
    assert_true(all_final(t));
    for (size_t i = 0; i < m->count; i++) {
        struct disk_request *q = disk_request(&t->disk, t->names.requests[i]);
        assert_true(q || !m->known[i].submitted);
        if (q)
            assert_int_equal(q->finals, 1);
        if (m->known[i].told)
            assert_true(str_eq(bytes_str(q->rec.result), bytes_str(m->known[i].told)));
    }
}

static void run(uint64_t seed)
{
    static struct rig t; /* still to be reached when a check fails */
    static struct model m;
    m = (struct model){.seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .next_conn = 1000};
    set_up(&t, &m);
    t.hold = true;
    for (int i = 0; i < STEPS; i++)
        act(&t, &m);
    bring_to_an_end(&t, &m);
    rig_release(&t);
    model_release(&m);
}

static uint64_t number_of(const char *name, uint64_t fallback)
{
    uint64_t n;
    const char *text = getenv(name);
    return text && !str_to_u64(str_of(text), UINT64_MAX, &n) ? n : fallback;
}

static void whatever_happens_the_rules_hold(void **state)
{
    (void)state;
    uint64_t only = number_of("SEED", 0), count = number_of("HISTORIES", 200);
    for (uint64_t seed = only ? only : 1; seed <= (only ? only : count); seed++) {
        if (getenv("VERBOSE"))
            fprintf(stderr, "SEED=%llu\n", (unsigned long long)seed);
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_happens_the_rules_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Random histories: apps that die and come back, people who submit and cancel, a store that is slow
 * and fails, admins who meddle, a relay that is killed; judged by model.h after each step.
 *
 * HISTORIES=n runs n of them, from seed FIRST (1) on; SEED=n only that one, as a failure tells. */
#include "history_acts.h"

#define STEPS_LEAST 40
#define STEPS_MORE  240

static const struct {
    void (*act)(struct rig *t, struct model *m);
    unsigned weight;
} acts[] = {{some_submit, 22},   {some_submit_with_a_key, 10},
            {some_cancel, 6},    {some_subscribe, 4},
            {some_unwatch, 2},   {some_join, 16},
            {some_leave, 5},     {some_text, 20},
            {some_final, 25},    {some_drain, 1},
            {some_kick, 2},      {some_token, 1},
            {some_space, 1},     {some_user, 1},
            {some_api_key, 2},   {some_time, 14},
            {much_time, 1},      {another_time, 1},
            {a_crash, 1},        {a_stop, 1},
            {a_quiet_moment, 2}, {some_answers, 60}};
#define ACTS (sizeof acts / sizeof acts[0])

/* Each history has more of some acts and nothing of others: what is rare in the mean is then common
 * somewhere. */
static void choose_weights(struct model *m, unsigned weights[ACTS])
{
    static const unsigned times[] = {0, 1, 1, 1, 2, 6};
    for (size_t i = 0; i < ACTS; i++)
        weights[i] = acts[i].weight * times[chance(m, sizeof times / sizeof times[0])];
    weights[0] += 10;        /* nothing happens without a submit */
    weights[ACTS - 1] += 20; /* and a disk that answers */
}

static void act(struct rig *t, struct model *m, const unsigned weights[ACTS])
{
    unsigned sum = 0, at = 0;
    for (size_t i = 0; i < ACTS; i++)
        sum += weights[i];
    uint64_t pick = chance(m, sum);
    while (pick >= weights[at])
        pick -= weights[at++];
    acts[at].act(t, m);
}

static void set_up(struct rig *t, struct model *m)
{
    rig_init(t);
    t->shown = 0;
    t->limits.grace_ms = 3000;
    t->limits.request_timeout_ms = 5000;
    t->limits.cancel_wait_ms = 1000;
    t->limits.max_attempts = 2 + chance(m, 3);
    t->limits.poison_losses = 1 + chance(m, 4);
    t->limits.unfinished_per_person = 4 + chance(m, 12);
    t->limits.queue_per_space = 4 + chance(m, 20);
    t->limits.requests_per_minute = chance(m, 2) ? 8 + chance(m, 20) : 0;
    t->limits.idempotency_ms = 1000 + chance(m, 20000);
    t->limits.idempotency_keys_per_person = 2 + chance(m, 6);
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
            model_stopped(k, a->conn, l.attempt);
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
    check_api_keys(t);
    assert_true(all_final(t));
    pass(t, t->limits.save_retry_ms); /* what must be saved in the end has been */
    command(t, (struct command){.kind = CMD_QUERY_STATS, .actor = as(t, "root")});
    assert_int_equal(t->reply.stats.queued + t->reply.stats.processing, 0);
    for (size_t i = 0; i < m->wish_count; i++)
        assert_true(m->wishes[i].over); /* everybody has had an answer */
    for (size_t i = 0; i < m->count; i++) {
        struct disk_request *q = disk_request(&t->disk, t->names.requests[i]);
        assert_true(q || !m->known[i].submitted);
        if (q) {
            assert_int_equal(q->finals, 1);
            model_check_over(t, &m->known[i], q);
        }
        if (m->known[i].told)
            assert_true(str_eq(bytes_str(q->rec.result), bytes_str(m->known[i].told)));
    }
}

/* Idempotency keys leave the disk in their time. */
static void grow_old(struct rig *t, struct model *m)
{
    if (chance(m, 8) == 0) {
        pass(t, t->limits.idempotency_ms + 130000);
        assert_int_equal(t->disk.key_count, 0);
    }
}

static void run(uint64_t seed)
{
    static struct rig t; /* still to be reached when a check fails */
    static struct model m;
    m = (struct model){
        .seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .next_conn = 1000, .run = 1};
    set_up(&t, &m);
    t.hold = true;
    unsigned weights[ACTS];
    choose_weights(&m, weights);
    for (uint64_t i = STEPS_LEAST + chance(&m, STEPS_MORE); i > 0; i--) {
        model_note_crowds(&t);
        act(&t, &m, weights);
        model_check_rest(&t);
    }
    bring_to_an_end(&t, &m);
    grow_old(&t, &m);
    rig_release(&t);
    model_release(&m);
}

static uint64_t seed_under_way;

static uint64_t number_of(const char *name, uint64_t fallback)
{
    uint64_t n;
    const char *text = getenv(name);
    return text && !str_to_u64(str_of(text), UINT64_MAX, &n) ? n : fallback;
}

static void whatever_happens_the_rules_hold(void **state)
{
    (void)state;
    uint64_t only = number_of("SEED", 0), first = number_of("FIRST", 1);
    uint64_t count = only ? 1 : number_of("HISTORIES", 3000);
    first = only ? only : first;
    for (uint64_t seed = first; seed < first + count; seed++) {
        seed_under_way = seed;
        run(seed);
    }
    seed_under_way = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_happens_the_rules_hold)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (seed_under_way)
        fprintf(stderr, "the rules were broken: SEED=%llu shows it again\n",
                (unsigned long long)seed_under_way);
    return failed;
}

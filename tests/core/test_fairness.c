/* Who submits a thousand keeps nobody waiting, and a position is the order in which work is handed
 * out. */
#include "rig.h"

#define MANY 1000

static struct rig *generous(void **state)
{
    struct rig *t = *state;
    t->limits.unfinished_per_person = MANY + 10;
    t->limits.requests_per_minute = 0;
    set_limits(t);
    return t;
}

/* The requests that app 1 was given, by number, in their order; it answers each one at once. */
struct handed {
    size_t numbers[2 * MANY];
    size_t count, answered;
};

static void note_handed(struct rig *t, const struct effect *e)
{
    struct handed *h = t->watch_ctx;
    if (e->kind != EFFECT_APP_SEND || e->app_out.kind != APP_OUT_REQUEST)
        return;
    assert_true(h->count < 2 * MANY);
    h->numbers[h->count++] = names_of_request(&t->names, e->app_out.lease.request_id);
}

static void work_through(struct rig *t, struct handed *h)
{
    while (h->answered < h->count) {
        result(t, 1, lease(t, h->numbers[h->answered], 1));
        h->answered++;
    }
}

static const char *person_of(struct rig *t, size_t number)
{
    return disk_request(&t->disk, request(t, number))->rec.username;
}

static void one_request_goes_before_the_rest_of_a_thousand(void **state)
{
    struct rig *t = generous(state);
    join(t, 1);
    for (int i = 0; i < MANY; i++)
        submit(t, "ann");
    forget(t);
    submit(t, "ben");
    expect(t, "person 102: submitted r1001 at 1");
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 ok", "app 1: request r1001/1 of ben {}");
}

/* Also when it comes in the middle, and whatever the app's places: before it go at most one of each
 * other person and one of its own. */
static void nobody_waits_for_more_than_the_others_turns(void **state)
{
    struct rig *t = generous(state);
    struct handed *h = xcalloc(1, sizeof *h);
    size_t asked_at[2 * MANY] = {0}, small = 0; /* how many had been handed out by then */
    t->shown = 0;
    t->watch = note_handed;
    t->watch_ctx = h;
    join(t, 1, .concurrency = 4, .prefetch = 3);
    for (int i = 0; i < MANY; i++)
        submit(t, "ann");
    for (int i = 0; i < 200; i++) {
        result(t, 1, lease(t, h->numbers[h->answered++], 1));
        if (i % 3 == 0) {
            submit(t, i % 2 ? "ben" : "cid");
            asked_at[t->names.count] = h->count;
        }
        for (int k = 0; i == 100 && k < 50; k++)
            submit(t, "root");
    }
    work_through(t, h);
    assert_int_equal(h->count, t->names.count);
    for (size_t at = 0; at < h->count; at++) {
        if (!asked_at[h->numbers[at]])
            continue;
        assert_true(at < asked_at[h->numbers[at]] + 4);
        small++;
    }
    assert_int_equal(small, 67);
    t->watch = NULL;
    free(h);
}

static void in_each_round_everybody_gets_one(void **state)
{
    struct rig *t = generous(state);
    static const char *const names[] = {"ann", "ben", "cid", "root"};
    static const int counts[] = {MANY / 2, 60, 20, 1};
    struct handed h = {.count = 0};
    t->shown = 0;
    let_wait(t);
    for (size_t p = 0; p < 4; p++)
        for (int i = 0; i < counts[p]; i++)
            submit(t, names[p]);
    t->watch = note_handed;
    t->watch_ctx = &h;
    join(t, 1);
    work_through(t, &h);
    t->watch = NULL;
    size_t at = 0;
    for (int round = 0; at < h.count; round++) {
        for (size_t p = 0; p < 4; p++) {
            if (round < counts[p])
                assert_string_equal(person_of(t, h.numbers[at++]), names[p]);
        }
    }
    assert_int_equal(at, (size_t)(MANY / 2 + 60 + 20 + 1));
}

/* ---- positions ---- */

struct places {
    uint64_t of[2 * MANY]; /* by the request's number; 0 = not told */
};

static void note_place(struct rig *t, const struct effect *e)
{
    struct places *p = t->watch_ctx;
    const struct request_view *v = e->client_out.request;
    if (e->kind == EFFECT_CLIENT_SEND && v && (v->fields & VIEW_POSITION))
        p->of[names_of_request(&t->names, v->request_id)] = v->position;
}

/* Many submits and cancels in an order that only the seed knows. */
static void stir(struct rig *t, uint64_t seed)
{
    static const char *const names[] = {"ann", "ann", "ann", "ben", "cid", "root"};
    for (int i = 0; i < 400; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const char *name = names[(seed >> 33) % 6];
        if ((seed >> 40) % 4 || !t->names.count)
            submit(t, name);
        else
            cancel(t, "root", 1 + (seed >> 45) % t->names.count);
    }
}

static void positions_are_the_order_in_which_work_is_handed_out(void **state)
{
    struct rig *t = generous(state);
    struct places *places = xcalloc(1, sizeof *places);
    struct handed *h = xcalloc(1, sizeof *h);
    t->shown = 0;
    let_wait(t);
    stir(t, 7);
    t->watch = note_place;
    t->watch_ctx = places;
    size_t waiting = 0;
    for (size_t n = 1; n <= t->names.count; n++) {
        subscribe(t, "root", TOPIC_REQUEST, request(t, n));
        waiting += status_on_disk(t, n) == REQUEST_QUEUED;
    }
    t->watch = note_handed;
    t->watch_ctx = h;
    join(t, 1);
    work_through(t, h);
    t->watch = NULL;
    assert_true(waiting > 100);
    assert_int_equal(h->count, waiting);
    for (size_t i = 0; i < h->count; i++)
        assert_int_equal(places->of[h->numbers[i]], i + 1);
    free(places);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(one_request_goes_before_the_rest_of_a_thousand),
        RIG_TEST(nobody_waits_for_more_than_the_others_turns),
        RIG_TEST(in_each_round_everybody_gets_one),
        RIG_TEST(positions_are_the_order_in_which_work_is_handed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who is next: turns by person, true positions, honest estimates. */
#include "rig.h"

static void expect_order(struct rig *t, const char *wanted)
{
    struct buf order = BUF_INIT(4096);
    for (int i = 0; i < 60; i++) {
        for (const char *at = buf_cstr(&t->log); (at = strstr(at, " of ")); at += 4)
            buf_putc(&order, at[4]);
        forget(t);
        for (size_t n = 1; n <= t->names.count; n++)
            if (status_on_disk(t, n) == REQUEST_PROCESSING)
                result(t, 1, lease(t, n, disk_request(&t->disk, request(t, n))->rec.attempt));
    }
    assert_string_equal(buf_cstr(&order), wanted);
    buf_release(&order);
}

static void somebody_with_many_requests_does_not_keep_others_waiting(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    forget(t);
    for (int i = 0; i < 5; i++)
        submit(t, "ann");
    for (int i = 0; i < 2; i++)
        submit(t, "ben");
    submit(t, "cid");
    expect_order(t, "abcabaaa");
}

static void who_comes_later_joins_at_the_current_turn(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    for (int i = 0; i < 6; i++)
        submit(t, "ann");
    for (size_t n = 1; n <= 3; n++)
        result(t, 1, lease(t, n, 1));
    forget(t);
    submit(t, "ben"); /* ann's fourth runs: ben comes before her fifth, not before her first */
    submit(t, "ben");
    forget(t);
    result(t, 1, lease(t, 4, 1));
    expect(t, "app 1: ack r4/1 ok", "app 1: request r7/1 of ben {}");
    result(t, 1, lease(t, 7, 1));
    expect(t, "app 1: ack r7/1 ok", "app 1: request r5/1 of ann {}");
}

static void a_requeued_request_keeps_its_place(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    submit(t, "ann");
    submit(t, "ben");
    forget(t);
    app_error(t, 1, lease(t, 1, 1), true);
    expect(t, "app 1: ack r1/1 ok", "app 1: request r1/2 of ann {}");
}

static void positions_are_true_and_told_at_submit(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    forget(t);
    submit(t, "ann");
    submit(t, "ann");
    submit(t, "ben");
    expect(t, "person 101: submitted r2 at 1", "person 101: submitted r3 at 2",
           "person 102: submitted r4 at 1");
}

static void positions_are_shown_to_watchers_and_may_rise(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    for (int i = 0; i < 3; i++)
        submit(t, "ann");
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 3));
    pass(t, 1000);
    show(t, SHOW_PUBLISH);
    submit(t, "ben");
    submit(t, "cid");
    pass(t, 499);
    expect(t, "space den connected apps 1 slots 1 free 0 queue 4");
    pass(t, 1);
    expect(t, "state r3 position=4 reason=app_busy");
    unwatch(t, TOPIC_REQUEST, request(t, 3));
    cancel(t, "ben", 4);
    pass(t, 2000);
    expect(t, "final r4 cancelled", "space den connected apps 1 slots 1 free 0 queue 3");
}

static void the_reason_for_waiting_is_told(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    submit(t, "ann");
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 2));
    pass(t, 1000);
    show(t, SHOW_PUBLISH);
    app_says(t, 1, (struct app_msg){.kind = APP_MSG_DRAIN});
    pass(t, 500);
    vanish(t, 1);
    pass(t, 500);
    expect(t, "space den connected apps 1 slots 1 free 0 queue 1 draining",
           "state r2 position=1 reason=draining",
           "space den disconnected apps 0 slots 0 free 0 queue 1",
           "state r2 position=1 reason=app_disconnected");
}

/* Ann's next request runs for ms. */
static void run_for(struct rig *t, size_t number, uint64_t ms)
{
    submit(t, "ann");
    pass(t, ms);
    result(t, 1, lease(t, number, 1));
}

static void an_estimate_is_absent_rather_than_invented(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    run_for(t, 1, 1000);
    run_for(t, 2, 2000);
    submit(t, "ann");
    submit(t, "ann");
    show(t, SHOW_PEERS);
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 4));
    expect(
        t,
        "person 101: subscribed request: r4 queued attempt=0 position=1 reason=app_busy text=\"\"");
    pass(t, 1000);
    show(t, SHOW_PUBLISH);
    pass(t, 2000); /* the third one takes 3 s: 2 s on average */
    result(t, 1, lease(t, 3, 1));
    submit(t, "ann");
    show(t, SHOW_PEERS);
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 5));
    expect(t, "person 101: subscribed request: r5 queued attempt=0 position=1 eta=2001 "
              "reason=app_busy text=\"\"");
    show(t, SHOW_PUBLISH);
    leave_cleanly(t, 1); /* nobody knows when an app comes back */
    pass(t, 500);
    expect(t, "space den disconnected apps 0 slots 0 free 0 queue 1",
           "state r4 queued position=1 reason=app_disconnected text=\"\" -percent -step -steps "
           "-message",
           "space den disconnected apps 0 slots 0 free 0 queue 2",
           "state r5 position=2 reason=app_disconnected",
           "state r4 position=1 reason=app_disconnected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(somebody_with_many_requests_does_not_keep_others_waiting),
        RIG_TEST(who_comes_later_joins_at_the_current_turn),
        RIG_TEST(a_requeued_request_keeps_its_place),
        RIG_TEST(positions_are_true_and_told_at_submit),
        RIG_TEST(positions_are_shown_to_watchers_and_may_rise),
        RIG_TEST(the_reason_for_waiting_is_told),
        RIG_TEST(an_estimate_is_absent_rather_than_invented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

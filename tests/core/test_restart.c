/* The relay stops, or is killed, and starts again from its disk. */
#include "rig.h"

static void begin(struct rig *t)
{
    join(t, 1, .instance = "a");
    submit(t, "ann");
    submit(t, "ben");
    delta(t, 1, lease(t, 1, 1), "Hello");
    pass(t, 1000);
    forget(t);
}

static void what_ran_is_resumed_with_its_saved_text(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), " lost"); /* not saved yet */
    restart(t);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r1/1 from 5");
    delta(t, 2, lease(t, 1, 1), " world");
    result(t, 2, lease(t, 1, 1));
    expect(t, "app 2: ack r1/1 ok", "app 2: request r2/1 of ben {}");
    assert_string_equal(text_on_disk(t, 1), "Hello world");
}

static void a_result_kept_by_the_app_is_taken_after_the_restart(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    result(t, 1, lease(t, 1, 1)); /* killed before it was saved: never acknowledged */
    restart(t);
    t->hold = false;
    forget(t);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    result(t, 2, lease(t, 1, 1));
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r1/1 from 5",
           "app 2: ack r1/1 ok", "app 2: request r2/1 of ben {}");
}

static void a_result_saved_but_not_acknowledged_is_acknowledged_on_repeat(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    result(t, 1, lease(t, 1, 1));
    disk_apply(&t->disk, t->asks[0].change); /* it was killed between the disk and the answer */
    restart(t);
    t->hold = false;
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    forget(t);
    result(t, 2, lease(t, 1, 1));
    expect(t, "app 2: ack r1/1 ok");
}

static void the_grace_counts_from_listening(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->now.mono_ms = 1000; /* another machine start: its clock began anew */
    t->now.wall_ms += 86400000;
    restart(t);
    show(t, SHOW_STORE);
    pass(t, 29999);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "save queued r1/1 lost 0 waived 1 app_lost");
}

static void attempts_lost_to_the_relay_s_stop_count_for_neither(void **state)
{
    struct rig *t = *state;
    begin(t);
    for (uint32_t i = 1; i <= 5; i++) {
        restart(t);
        pass(t, 30000);
        assert_int_equal(status_on_disk(t, 1), REQUEST_QUEUED);
        join(t, 1 + i);
        pass(t, 1000);
        assert_int_equal(disk_request(&t->disk, request(t, 1))->rec.attempt, 1 + i);
    }
    assert_int_equal(disk_request(&t->disk, request(t, 1))->rec.lost, 0);
}

static void what_was_resumed_and_is_then_lost_counts(void **state)
{
    struct rig *t = *state;
    begin(t);
    restart(t);
    join(t, 2, .instance = "b", .resume = {lease(t, 1, 1)},
         .resume_count = 1); /* whose it was is not stored */
    show(t, SHOW_STORE);
    leave_cleanly(t, 2);
    expect(t, "save queued r1/1 lost 1 waived 0 app_lost");
}

static void an_app_that_takes_the_last_place_without_resuming_ends_the_grace(void **state)
{
    struct rig *t = *state;
    begin(t);
    restart(t);
    join(t, 2, .instance = "a", .concurrency = 2);
    expect(t, "app 2: registered: Successfully connected to space \"den\"",
           "app 2: request r1/2 of ann {}", "app 2: request r2/1 of ben {}");
}

static void silence_counts_anew_after_resuming(void **state)
{
    struct rig *t = *state;
    begin(t);
    restart(t);
    pass(t, 29000);
    join(t, 2, .resume = {lease(t, 1, 1)}, .resume_count = 1);
    forget(t);
    pass(t, 119999);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "app 2: cancel r1/1: timeout");
}

static void order_and_turns_survive(void **state)
{
    struct rig *t = *state;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    size_t token = add_token(t, "patient");
    for (int i = 0; i < 3; i++)
        submit_to(t, "ann", "patient", "{}", "");
    submit_to(t, "ben", "patient", "{}", "");
    restart(t);
    submit_to(t, "ben", "patient", "{}", "");
    forget(t);
    join(t, 1, .space = "patient", .token = token, .concurrency = 9);
    expect(t, "app 1: registered: Successfully connected to space \"patient\"",
           "app 1: request r1/1 of ann {}", "app 1: request r4/1 of ben {}",
           "app 1: request r2/1 of ann {}", "app 1: request r5/1 of ben {}",
           "app 1: request r3/1 of ann {}");
}

static void a_newcomer_s_first_turn_is_that_of_the_first_who_waits(void **state)
{
    struct rig *t = *state;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    size_t token = add_token(t, "patient");
    join(t, 1, .space = "patient", .token = token);
    for (size_t n = 1; n <= 6; n++) {
        submit_to(t, "ann", "patient", "{}", "");
        result(t, 1, lease(t, n, 1));
    }
    leave_cleanly(t, 1);
    submit_to(t, "ann", "patient", "{}", ""); /* r7 waits */
    restart(t);
    for (int i = 0; i < 3; i++)
        submit_to(t, "ben", "patient", "{}", "");
    submit_to(t, "cid", "patient", "{}", "");
    forget(t);
    join(t, 2, .space = "patient", .token = token, .concurrency = 9);
    expect(t, "app 2: registered: Successfully connected to space \"patient\"",
           "app 2: request r7/1 of ann {}", "app 2: request r8/1 of ben {}",
           "app 2: request r11/1 of cid {}", "app 2: request r9/1 of ben {}",
           "app 2: request r10/1 of ben {}");
}

static void requests_of_a_space_removed_in_a_crash_are_cancelled(void **state)
{
    struct rig *t = *state;
    begin(t);
    space(t, "den")->removed_ms = 5; /* saved; then killed before the requests were cancelled */
    show(t, SHOW_STORE);
    restart(t);
    expect(t, "save final r1/1 cancelled", "save final r2/0 cancelled");
    restart(t);
    expect_nothing(t);
}

static void a_drain_lets_apps_finish_and_keeps_the_rest_for_after(void **state)
{
    struct rig *t = *state;
    join(t, 1, .instance = "a", .concurrency = 2);
    submit(t, "ann");
    submit(t, "ann");
    submit(t, "ann");
    forget(t);
    feed(t, &(struct relay_event){.kind = EVENT_SHUTDOWN});
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: drain 1000", "app 1: ack r1/1 ok"); /* and nothing new */
    t->shown = SHOW_STORE;
    leave_cleanly(t, 1);
    pass(t, 60000);
    expect_nothing(t);
    show(t, SHOW_PEERS);
    restart(t);
    join(t, 2, .instance = "a", .concurrency = 2, .resume = {lease(t, 2, 1)}, .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r2/1 from 0",
           "app 2: request r3/1 of ann {}");
}

static void text_longer_than_today_s_limit_is_kept(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), ", this is a long story");
    pass(t, 1000);
    t->limits.text_bytes = 16;
    restart(t);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r1/1 from 27");
    delta(t, 2, lease(t, 1, 1), "x");
    expect(t, "app 2: error r1/1 too_large: The streamed text is longer than the relay takes");
}

static void ids_go_on_after_the_last_though_the_clock_stepped_back(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    restart(t);
    t->now.wall_ms -= 1000000;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    submit_to(t, "ann", "patient", "{}", "");
    assert_true(uuid_key(request(t, 2)) > uuid_key(request(t, 1)));
}

static void ids_go_on_after_those_of_finished_requests(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    result(t, 1, lease(t, 1, 1));
    restart(t);
    t->now.wall_ms -= 1000000;
    join(t, 2);
    submit(t, "ann");
    assert_true(uuid_key(request(t, 2)) > uuid_key(request(t, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(what_ran_is_resumed_with_its_saved_text),
        RIG_TEST(a_result_kept_by_the_app_is_taken_after_the_restart),
        RIG_TEST(a_result_saved_but_not_acknowledged_is_acknowledged_on_repeat),
        RIG_TEST(the_grace_counts_from_listening),
        RIG_TEST(attempts_lost_to_the_relay_s_stop_count_for_neither),
        RIG_TEST(what_was_resumed_and_is_then_lost_counts),
        RIG_TEST(an_app_that_takes_the_last_place_without_resuming_ends_the_grace),
        RIG_TEST(silence_counts_anew_after_resuming),
        RIG_TEST(order_and_turns_survive),
        RIG_TEST(a_newcomer_s_first_turn_is_that_of_the_first_who_waits),
        RIG_TEST(requests_of_a_space_removed_in_a_crash_are_cancelled),
        RIG_TEST(a_drain_lets_apps_finish_and_keeps_the_rest_for_after),
        RIG_TEST(text_longer_than_today_s_limit_is_kept),
        RIG_TEST(ids_go_on_after_the_last_though_the_clock_stepped_back),
        RIG_TEST(ids_go_on_after_those_of_finished_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

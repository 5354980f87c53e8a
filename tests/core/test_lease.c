/* Leases: slots, attempts, grace, resuming, silence. */
#include "rig.h"

#define WELCOME(conn) "app " #conn ": registered: Successfully connected to space \"den\""

/* Ann has submitted r1, app 1 ("a") works on it. */
static void begin(struct rig *t)
{
    join(t, 1, .instance = "a");
    submit(t, "ann");
    forget(t);
}

static void slots_are_never_exceeded(void **state)
{
    struct rig *t = *state;
    join(t, 1, .concurrency = 2, .prefetch = 1);
    t->hold = true;
    for (int i = 0; i < 5; i++)
        submit(t, "ann");
    forget(t);
    release(t);
    expect(t, "person 101: submitted r1 at 1", "app 1: request r1/1 of ann {}",
           "person 101: submitted r2 at 1", "app 1: request r2/1 of ann {}",
           "person 101: submitted r3 at 1", "app 1: request r3/1 of ann {}",
           "person 101: submitted r4 at 1", "person 101: submitted r5 at 2");
    result(t, 1, lease(t, 2, 1));
    expect(t, "app 1: ack r2/1 ok", "app 1: request r4/1 of ann {}");
}

static void the_least_loaded_app_is_given_the_next_one(void **state)
{
    struct rig *t = *state;
    add_space(t, "hall", (struct space_record){.max_apps = 2});
    size_t hall = add_token(t, "hall");
    join(t, 1, .space = "hall", .token = hall, .concurrency = 1, .prefetch = 9);
    join(t, 2, .space = "hall", .token = hall, .concurrency = 2);
    forget(t);
    t->shown = SHOW(EFFECT_APP_SEND);
    for (int i = 0; i < 4; i++)
        submit_to(t, "ann", "hall", "{}", "");
    expect(t, "app 1: request r1/1 of ann {}", "app 2: request r2/1 of ann {}",
           "app 2: request r3/1 of ann {}", "app 1: request r4/1 of ann {}");
}

static void requests_wait_for_the_same_app_to_come_back(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), "Hello");
    vanish(t, 1);
    pass(t, 29999);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r1/1 from 5");
    app_says(t, 2,
             (struct app_msg){.kind = APP_MSG_DELTA,
                              .lease = lease(t, 1, 1),
                              .text = STR("lo there"),
                              .has_offset = true,
                              .offset = 3});
    pass(t, 60000);
    result(t, 2, lease(t, 1, 1));
    expect(t, "app 2: ack r1/1 ok");
    assert_string_equal(text_on_disk(t, 1), "Hello there");
    assert_int_equal(status_on_disk(t, 1), REQUEST_COMPLETED);
}

static void after_the_grace_a_request_goes_back_with_the_next_attempt_and_empty_text(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), "Hello");
    pass(t, 1000);
    assert_string_equal(text_on_disk(t, 1), "Hello");
    vanish(t, 1);
    show(t, SHOW_STORE);
    pass(t, 29999);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "save queued r1/1 lost 1 waived 0 app_lost");
    assert_string_equal(text_on_disk(t, 1), "");
    show(t, SHOW_PEERS);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, WELCOME(2), "app 2: request r1/2 of ann {}");
}

static void a_clean_close_ends_the_grace_at_once(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->shown = SHOW_STORE;
    leave_cleanly(t, 1);
    expect(t, "save queued r1/1 lost 1 waived 0 app_lost");
}

static void another_app_that_takes_the_last_place_ends_the_grace_at_once(void **state)
{
    struct rig *t = *state;
    begin(t);
    vanish(t, 1);
    join(t, 2, .instance = "b", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, WELCOME(2), "app 2: request r1/2 of ann {}");
}

static void another_app_that_leaves_a_place_free_does_not(void **state)
{
    struct rig *t = *state;
    add_space(t, "hall", (struct space_record){.max_apps = 2});
    size_t hall = add_token(t, "hall");
    join(t, 1, .space = "hall", .token = hall, .instance = "a");
    submit_to(t, "ann", "hall", "{}", "");
    vanish(t, 1);
    forget(t);
    join(t, 2, .space = "hall", .token = hall, .instance = "b");
    expect(t, "app 2: registered: Successfully connected to space \"hall\"");
    pass(t, 29999);
    expect_nothing(t);
    join(t, 3, .space = "hall", .token = hall, .instance = "a", .resume = {lease(t, 1, 1)},
         .resume_count = 1);
    expect(t, "app 3: registered: Successfully connected to space \"hall\", resumed r1/1 from 0");
}

static void what_an_app_does_not_name_on_coming_back_is_lost_at_once(void **state)
{
    struct rig *t = *state;
    join(t, 1, .instance = "a", .concurrency = 2);
    submit(t, "ann");
    submit(t, "ann");
    vanish(t, 1);
    forget(t);
    join(t, 2, .instance = "a", .concurrency = 2, .resume = {lease(t, 2, 1)}, .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r2/1 from 0",
           "app 2: request r1/2 of ann {}");
}

static void only_what_is_really_its_own_can_be_resumed(void **state)
{
    struct rig *t = *state;
    add_space(t, "hall", (struct space_record){.max_apps = 3});
    size_t hall = add_token(t, "hall"), other = add_token(t, "hall");
    join(t, 1, .space = "hall", .token = hall, .instance = "a");
    submit_to(t, "ann", "hall", "{}", "");
    forget(t);
    struct lease_ref right = lease(t, 1, 1), wrong = lease(t, 1, 2), unknown = {rig_id(t), 1};
    join(t, 2, .space = "hall", .token = hall, .instance = "b", .resume = {right},
         .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"hall\""); /* held by app 1 */
    vanish(t, 1);
    vanish(t, 2);
    join(t, 3, .space = "hall", .token = other, .instance = "a", .resume = {right},
         .resume_count = 1);
    expect(t, "app 3: registered: Successfully connected to space \"hall\""); /* of another token */
    vanish(t, 3);
    join(t, 4, .space = "hall", .token = hall, .instance = "a",
         .resume = {wrong, unknown, right, right}, .resume_count = 4);
    expect(t, "app 4: registered: Successfully connected to space \"hall\", resumed r1/1 from 0");
}

static void taking_over_resumes_what_the_older_connection_held(void **state)
{
    struct rig *t = *state;
    begin(t);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, "close 1 4009: replaced by a newer connection",
           "app 2: registered: Successfully connected to space \"den\", resumed r1/1 from 0");
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: error unauthorized: Send `register` first");
    result(t, 2, lease(t, 1, 1));
    expect(t, "app 2: ack r1/1 ok");
}

static void an_app_that_comes_back_smaller_keeps_what_fits(void **state)
{
    struct rig *t = *state;
    join(t, 1, .instance = "a", .concurrency = 2);
    submit(t, "ann");
    submit(t, "ann");
    vanish(t, 1);
    forget(t);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1), lease(t, 2, 1)}, .resume_count = 2);
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r1/1 from 0");
    assert_int_equal(status_on_disk(t, 2), REQUEST_QUEUED);
}

static void a_request_fails_when_it_has_had_its_attempts(void **state)
{
    struct rig *t = *state;
    begin(t);
    leave_cleanly(t, 1);
    join(t, 2);
    show(t, SHOW_STORE | SHOW_PUBLISH);
    leave_cleanly(t, 2);
    expect(t, "save final r1/2 failed app_lost",
           "space den disconnected apps 0 slots 0 free 0 queue 0",
           "final r1 failed error=app_lost (The app went away while it worked on this request)");
}

static void a_request_that_cost_three_apps_is_poisoned(void **state)
{
    struct rig *t = *state;
    t->limits.max_attempts = 9;
    set_limits(t);
    begin(t);
    leave_cleanly(t, 1);
    join(t, 2);
    leave_cleanly(t, 2);
    join(t, 3);
    show(t, SHOW_STORE);
    leave_cleanly(t, 3);
    expect(t, "save final r1/3 failed poisoned");
}

static void come_back(struct rig *t, uint64_t conn)
{
    join(t, conn, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
}

static void a_request_that_its_app_never_survives_is_poisoned_though_it_comes_back(void **state)
{
    struct rig *t = *state;
    begin(t);
    vanish(t, 1);
    come_back(t, 2);
    vanish(t, 2);
    come_back(t, 3);
    show(t, SHOW_STORE);
    vanish(t, 3);
    expect(t, "save final r1/1 failed poisoned");
}

static void a_request_that_only_waits_inside_its_app_is_kept_for_it(void **state)
{
    struct rig *t = *state;
    join(t, 1, .instance = "a", .prefetch = 1);
    submit(t, "ann");
    submit(t, "ben");
    for (uint64_t conn = 1; conn < 4; conn++) {
        delta(t, conn, lease(t, 1, 1), "x");
        if (conn == 3)
            show(t, SHOW_STORE);
        vanish(t, conn);
        if (conn < 3)
            join(t, conn + 1, .instance = "a", .prefetch = 1,
                 .resume = {lease(t, 1, 1), lease(t, 2, 1)}, .resume_count = 2);
    }
    expect_nothing(t);
}

static void an_app_that_says_something_in_between_may_come_back_again_and_again(void **state)
{
    struct rig *t = *state;
    begin(t);
    for (uint64_t conn = 1; conn < 9; conn++) {
        delta(t, conn, lease(t, 1, 1), "x");
        vanish(t, conn);
        come_back(t, conn + 1);
    }
    forget(t);
    show(t, SHOW_STORE);
    vanish(t, 9);
    expect_nothing(t);
}

static void an_attempt_that_never_left_counts_for_nothing(void **state)
{
    struct rig *t = *state;
    let_wait(t);
    submit(t, "ann");
    t->hold = true;
    join(t, 1); /* the attempt is being saved */
    answer(t);  /* that the token was used */
    show(t, SHOW_PEERS | SHOW_STORE);
    vanish(t, 1);
    answer(t);
    expect(t, "save queued r1/1 lost 0 waived 1 app_lost");
    release(t);
    join(t, 2);
    leave_cleanly(t, 2);
    assert_int_equal(status_on_disk(t, 1),
                     REQUEST_QUEUED); /* attempt 2 was the first that counts */
    join(t, 3);
    leave_cleanly(t, 3);
    assert_int_equal(status_on_disk(t, 1), REQUEST_FAILED);
}

static void silence_ends_a_request_and_the_app_is_told(void **state)
{
    struct rig *t = *state;
    begin(t);
    pass(t, 100000);
    percent(t, 1, lease(t, 1, 1), 5);
    pass(t, 119999);
    expect_nothing(t);
    t->shown |= SHOW_STORE;
    pass(t, 1);
    expect(t, "save final r1/1 failed timeout", "app 1: cancel r1/1: timeout");
    assert_string_equal(bytes_str(disk_request(&t->disk, request(t, 1))->rec.error_message).p,
                        "The app said nothing about this request for 120 s");
}

static void silence_is_timed_only_for_the_oldest(void **state)
{
    struct rig *t = *state;
    join(t, 1, .concurrency = 2, .prefetch = 2);
    for (int i = 0; i < 4; i++)
        submit(t, "ann");
    forget(t);
    pass(t, 60000);
    percent(t, 1, lease(t, 2, 1), 1);
    pass(t, 60000);
    expect(t, "app 1: cancel r1/1: timeout"); /* its slot lingers; r3 is timed from now on */
    pass(t, 60000);
    expect(t, "app 1: cancel r2/1: timeout"); /* and so is r4 */
    pass(t, 59999);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "app 1: cancel r3/1: timeout");
    pass(t, 60000);
    expect(t, "app 1: cancel r4/1: timeout");
}

static void what_waits_inside_an_app_is_not_late(void **state)
{
    struct rig *t = *state;
    join(t, 1, .prefetch = 1);
    submit(t, "ann");
    submit(t, "ann");
    forget(t);
    for (int i = 0; i < 10; i++) {
        pass(t, 100000);
        percent(t, 1, lease(t, 1, 1), i);
    }
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 ok");
    pass(t, 119999);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "app 1: cancel r2/1: timeout");
}

static void a_timed_out_request_keeps_its_slot_for_a_while(void **state)
{
    struct rig *t = *state;
    begin(t);
    submit(t, "ben");
    pass(t, 120000);
    expect(t, "person 102: submitted r2 at 1", "app 1: cancel r1/1: timeout");
    pass(t, 9999);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "app 1: request r2/1 of ben {}");
}

static void a_draining_app_gets_nothing_new_and_finishes(void **state)
{
    struct rig *t = *state;
    begin(t);
    show(t, SHOW_PEERS | SHOW_PUBLISH);
    app_says(t, 1, (struct app_msg){.kind = APP_MSG_DRAIN});
    pass(t, 200);
    expect(t, "space den connected apps 1 slots 1 free 0 queue 0 draining");
    app_says(t, 1, (struct app_msg){.kind = APP_MSG_DRAIN});
    show(t, SHOW_PEERS);
    submit(t, "ben");
    result(t, 1, lease(t, 1, 1));
    expect(t, "person 102: submitted r2 at 1", "app 1: ack r1/1 ok");
    leave_cleanly(t, 1);
    join(t, 2);
    expect(t, WELCOME(2), "app 2: request r2/1 of ben {}");
}

static void a_result_on_its_way_to_the_disk_is_acknowledged_to_the_app_that_came_back(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    result(t, 1, lease(t, 1, 1));
    vanish(t, 1);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    result(t, 2, lease(t, 1, 1)); /* it sends it again */
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r1/1 from 0");
    release(t);
    expect(t, "app 2: ack r1/1 ok");
    result(t, 2, lease(t, 1, 1));
    expect(t, "app 2: ack r1/1 ok");
}

static void a_result_that_could_not_be_saved_while_its_app_was_away_is_not_lost(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    t->fail[CHANGE_REQUEST_FINAL] = 1;
    result(t, 1, lease(t, 1, 1));
    vanish(t, 1);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    forget(t);
    release(t);
    expect(t, "app 2: ack r1/1 store_unavailable");
    result(t, 2, lease(t, 1, 1));
    expect(t, "app 2: ack r1/1 ok");
}

static void a_clean_close_counts_also_while_a_result_is_being_saved(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    t->fail[CHANGE_REQUEST_FINAL] = 1;
    result(t, 1, lease(t, 1, 1));
    leave_cleanly(t, 1);
    pass(t, 100);
    show(t, SHOW_STORE);
    release(t);
    pass(t, 1000);
    expect(t, "save queued r1/1 lost 1 waived 0 app_lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(slots_are_never_exceeded),
        RIG_TEST(the_least_loaded_app_is_given_the_next_one),
        RIG_TEST(requests_wait_for_the_same_app_to_come_back),
        RIG_TEST(after_the_grace_a_request_goes_back_with_the_next_attempt_and_empty_text),
        RIG_TEST(a_clean_close_ends_the_grace_at_once),
        RIG_TEST(another_app_that_takes_the_last_place_ends_the_grace_at_once),
        RIG_TEST(another_app_that_leaves_a_place_free_does_not),
        RIG_TEST(what_an_app_does_not_name_on_coming_back_is_lost_at_once),
        RIG_TEST(only_what_is_really_its_own_can_be_resumed),
        RIG_TEST(taking_over_resumes_what_the_older_connection_held),
        RIG_TEST(an_app_that_comes_back_smaller_keeps_what_fits),
        RIG_TEST(a_request_fails_when_it_has_had_its_attempts),
        RIG_TEST(a_request_that_cost_three_apps_is_poisoned),
        RIG_TEST(a_request_that_its_app_never_survives_is_poisoned_though_it_comes_back),
        RIG_TEST(a_request_that_only_waits_inside_its_app_is_kept_for_it),
        RIG_TEST(an_app_that_says_something_in_between_may_come_back_again_and_again),
        RIG_TEST(an_attempt_that_never_left_counts_for_nothing),
        RIG_TEST(silence_ends_a_request_and_the_app_is_told),
        RIG_TEST(silence_is_timed_only_for_the_oldest),
        RIG_TEST(what_waits_inside_an_app_is_not_late),
        RIG_TEST(a_timed_out_request_keeps_its_slot_for_a_while),
        RIG_TEST(a_draining_app_gets_nothing_new_and_finishes),
        RIG_TEST(a_result_on_its_way_to_the_disk_is_acknowledged_to_the_app_that_came_back),
        RIG_TEST(a_result_that_could_not_be_saved_while_its_app_was_away_is_not_lost),
        RIG_TEST(a_clean_close_counts_also_while_a_result_is_being_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

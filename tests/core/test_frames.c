/* What apps say about requests: only the present lease counts. */
#include "rig.h"

static void begin(struct rig *t)
{
    join(t, 1, .instance = "a");
    submit(t, "ann");
    forget(t);
}

static void delta_at(struct rig *t, uint64_t conn, struct lease_ref l, uint64_t offset,
                     const char *text)
{
    app_says(t, conn,
             (struct app_msg){.kind = APP_MSG_DELTA,
                              .lease = l,
                              .text = str_of(text),
                              .has_offset = true,
                              .offset = offset});
}

static void a_result_is_saved_shown_and_then_acknowledged(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), "Hi");
    show(t, SHOW_PEERS | SHOW_STORE | SHOW_PUBLISH);
    t->hold = true;
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_RESULT,
                              .lease = lease(t, 1, 1),
                              .result = STR("{\"a\":1.0}"),
                              .usage = STR("{\"total_tokens\":7}")});
    expect(t,
           "save final r1/1 completed result {\"a\":1.0} usage {\"total_tokens\":7} \"Hi\" at 0");
    release(t);
    expect(t, "final r1 completed result={\"a\":1.0} usage={\"total_tokens\":7}",
           "app 1: ack r1/1 ok");
    assert_int_equal(disk_request(&t->disk, request(t, 1))->finals, 1);
}

static void a_repeat_of_the_result_is_accepted_from_memory_and_from_disk(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    delta(t, 1, lease(t, 1, 1), "Hi");
    pass(t, 500); /* the text's save is under way and keeps the request in memory */
    result(t, 1, lease(t, 1, 1));
    t->shown |= SHOW_STORE;
    struct ask text = t->asks[0]; /* answered out of order, to look at the moment between */
    t->asks[0] = t->asks[1];
    t->asks[1] = text;
    answer(t);
    expect(t, "app 1: ack r1/1 ok");
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 ok");
    rig_drop_asks(t);
}

static void a_repeat_after_the_request_left_memory_is_looked_up(void **state)
{
    struct rig *t = *state;
    begin(t);
    result(t, 1, lease(t, 1, 1));
    show(t, SHOW_PEERS | SHOW_STORE);
    result(t, 1, lease(t, 1, 1));
    expect(t, "load r1", "app 1: ack r1/1 ok");
    result(t, 1, lease(t, 1, 2));
    expect(t, "load r1", "app 1: ack r1/2 stale_attempt");
    app_error(t, 1, lease(t, 1, 1), true);
    expect(t, "load r1", "app 1: ack r1/1 ok");
    t->broken = true;
    result(t, 1, lease(t, 1, 1));
    expect(t, "load r1", "app 1: ack r1/1 store_unavailable");
}

static void an_unknown_request_is_not_found(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    forget(t);
    struct lease_ref unknown = {rig_id(t), 1};
    result(t, 1, unknown);
    expect(t, "app 1: ack r1/1 not_found");
    percent(t, 1, unknown, 1);
    expect(t, "app 1: error r1/1 not_found: There is no such thing");
}

static void a_request_of_another_space_is_not_found(void **state)
{
    struct rig *t = *state;
    begin(t);
    add_space(t, "attic", (struct space_record){0});
    size_t attic = add_token(t, "attic");
    join(t, 2, .space = "attic", .token = attic);
    forget(t);
    result(t, 2, lease(t, 1, 1));
    delta(t, 2, lease(t, 1, 1), "x");
    expect(t, "app 2: ack r1/1 not_found", "app 2: error r1/1 not_found: There is no such thing");
    result(t, 1, lease(t, 1, 1));
    forget(t);
    result(t, 2, lease(t, 1, 1)); /* finished and loaded */
    expect(t, "app 2: ack r1/1 not_found");
}

static void stale_and_foreign_frames_change_nothing(void **state)
{
    struct rig *t = *state;
    add_space(t, "hall", (struct space_record){.max_apps = 2});
    size_t hall = add_token(t, "hall");
    join(t, 1, .space = "hall", .token = hall);
    submit_to(t, "ann", "hall", "{}", "");
    leave_cleanly(t, 1);
    join(t, 2, .space = "hall", .token = hall); /* has r1/2 */
    join(t, 3, .space = "hall", .token = hall);
    show(t, SHOW_PEERS | SHOW_STORE | SHOW_PUBLISH);
    pass(t, 1000);
    forget(t);
    result(t, 2, lease(t, 1, 1));
    app_error(t, 3, lease(t, 1, 2), false);
    percent(t, 3, lease(t, 1, 2), 50);
    delta(t, 2, lease(t, 1, 1), "old");
    expect(t, "app 2: ack r1/1 stale_attempt", "app 3: ack r1/2 stale_attempt",
           "app 3: error r1/2 stale_attempt: The attempt is no longer the current one",
           "app 2: error r1/1 stale_attempt: The attempt is no longer the current one");
    pass(t, 1000);
    expect_nothing(t);
    assert_string_equal(text_on_disk(t, 1), "");
}

static void stale_frames_do_not_count_as_a_sign_of_life(void **state)
{
    struct rig *t = *state;
    begin(t);
    leave_cleanly(t, 1);
    join(t, 2);
    forget(t);
    for (int i = 0; i < 12; i++) {
        pass(t, 9999);
        result(t, 2, lease(t, 1, 1));
        percent(t, 2, lease(t, 1, 1), i);
    }
    forget(t);
    pass(t, 12);
    expect(t, "app 2: cancel r1/2: timeout");
}

static void an_error_that_may_be_tried_again_goes_back_to_the_queue(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), "half");
    show(t, SHOW_PEERS | SHOW_STORE | SHOW_PUBLISH);
    app_error(t, 1, lease(t, 1, 1), true);
    expect(t, "save queued r1/1 lost 0 waived 0 app_error", "app 1: ack r1/1 ok",
           "state r1 queued position=1 reason=app_busy text=\"\" -percent -step -steps -message",
           "save attempt r1/2", "app 1: request r1/2 of ann {}",
           "state r1 processing attempt=2 -position -eta -reason");
    forget(t);
    app_error(t, 1, lease(t, 1, 1), true); /* a repeat */
    expect(t, "app 1: ack r1/1 stale_attempt");
    app_error(t, 1, lease(t, 1, 2), true); /* the second attempt is the last */
    expect(t, "save final r1/2 failed app_error", "final r1 failed error=app_error (no luck)",
           "app 1: ack r1/2 ok");
}

static void an_error_is_final_with_the_app_s_own_code(void **state)
{
    struct rig *t = *state;
    begin(t);
    show(t, SHOW_PEERS | SHOW_PUBLISH);
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_ERROR,
                              .lease = lease(t, 1, 1),
                              .code = STR("input_refused"),
                              .message = STR("too rude"),
                              .usage = STR("{\"n\":1}")});
    expect(t, "final r1 failed usage={\"n\":1} error=input_refused (too rude)",
           "app 1: ack r1/1 ok");
    app_error(t, 1, lease(t, 1, 1), false); /* its acknowledgement may have been lost */
    expect(t, "app 1: ack r1/1 ok");
}

/* What an app of an older site sent is kept; who watches sees the error. */
static void a_failure_may_have_a_result_that_is_kept_but_not_shown(void **state)
{
    struct rig *t = *state;
    begin(t);
    show(t, SHOW_PEERS | SHOW_STORE | SHOW_PUBLISH);
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_ERROR,
                              .lease = lease(t, 1, 1),
                              .code = STR("app_error"),
                              .message = STR("no"),
                              .result = STR("{\"error\":\"no\",\"n\":1}")});
    expect(t, "save final r1/1 failed app_error result {\"error\":\"no\",\"n\":1}",
           "final r1 failed error=app_error (no)", "app 1: ack r1/1 ok");
}

static void what_is_tried_again_has_no_result(void **state)
{
    struct rig *t = *state;
    begin(t);
    show(t, SHOW_STORE);
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_ERROR,
                              .lease = lease(t, 1, 1),
                              .retryable = true,
                              .code = STR("app_error"),
                              .result = STR("{\"n\":1}")});
    expect(t, "save queued r1/1 lost 0 waived 0 app_error", "save attempt r1/2");
}

static void a_code_that_is_too_long_is_cut_between_two_characters(void **state)
{
    struct rig *t = *state;
    begin(t);
    show(t, SHOW_PUBLISH);
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_ERROR,
                              .lease = lease(t, 1, 1),
                              .code = STR("thirty bytes and then one more\xc3\xa9")});
    expect(t, "final r1 failed error=thirty bytes and then one more ()");
}

static void a_result_that_cannot_be_saved_is_refused_and_may_come_again(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->fail[CHANGE_REQUEST_FINAL] = 1;
    show(t, SHOW_PEERS | SHOW_PUBLISH);
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 store_unavailable");
    result(t, 1, lease(t, 1, 1));
    expect(t, "final r1 completed result={\"a\":1}", "app 1: ack r1/1 ok");
}

static void a_repeat_while_the_result_is_being_saved_gets_one_answer(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    result(t, 1, lease(t, 1, 1));
    result(t, 1, lease(t, 1, 1));
    app_error(t, 1, lease(t, 1, 1), false);
    release(t);
    expect(t, "app 1: ack r1/1 ok");
    assert_int_equal(status_on_disk(t, 1), REQUEST_COMPLETED);
}

static void nothing_is_accepted_while_a_final_state_is_being_saved(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    show(t, SHOW_PEERS | SHOW_PUBLISH);
    result(t, 1, lease(t, 1, 1));
    delta(t, 1, lease(t, 1, 1), "late");
    percent(t, 1, lease(t, 1, 1), 99);
    expect_nothing(t);
    release(t);
    assert_string_equal(text_on_disk(t, 1), "");
}

static void text_is_appended_and_overlap_ignored(void **state)
{
    struct rig *t = *state;
    begin(t);
    struct lease_ref l = lease(t, 1, 1);
    show(t, SHOW_PEERS | SHOW_PUBLISH);
    delta(t, 1, l, "Hello");
    delta_at(t, 1, l, 5, ", ");
    delta_at(t, 1, l, 0, "Hello, wor");
    delta_at(t, 1, l, 3, "lo");
    delta_at(t, 1, l, 10, "ld");
    delta(t, 1, l, "");
    expect(t, "delta r1 text=\"Hello\"", "delta r1 text=\", \"", "delta r1 text=\"wor\"",
           "delta r1 text=\"ld\"");
    delta_at(t, 1, l, 13, "!");
    expect(t, "app 1: error r1/1 delta_gap: Text before this offset is missing");
    delta_at(t, 1, l, 13, "");
    expect(t, "app 1: error r1/1 delta_gap: Text before this offset is missing");
    pass(t, 1000);
    assert_string_equal(text_on_disk(t, 1), "Hello, world");
}

static void an_offset_inside_a_character_is_a_gap(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), "a");
    delta_at(t, 1, lease(t, 1, 1), 0, "\xc3\xa9t");
    expect(t, "app 1: error r1/1 delta_gap: Text before this offset is missing");
    delta_at(t, 1, lease(t, 1, 1), UINT64_MAX, "t");
    expect(t, "app 1: error r1/1 delta_gap: Text before this offset is missing");
}

static void text_is_saved_together_every_half_second(void **state)
{
    struct rig *t = *state;
    begin(t);
    show(t, SHOW_STORE);
    for (int i = 0; i < 4; i++) {
        delta(t, 1, lease(t, 1, 1), "ab");
        pass(t, 200);
    }
    pass(t, 1000);
    expect(t, "save text r1/1 \"ababab\" at 0", "save text r1/1 \"ab\" at 6");
    pass(t, 10000);
    expect_nothing(t);
}

static void text_that_could_not_be_saved_is_saved_with_the_next(void **state)
{
    struct rig *t = *state;
    begin(t);
    show(t, SHOW_STORE);
    t->fail[CHANGE_REQUEST_TEXT] = 2;
    delta(t, 1, lease(t, 1, 1), "ab");
    pass(t, 500);
    delta(t, 1, lease(t, 1, 1), "cd");
    pass(t, 1000);
    expect(t, "save text r1/1 \"ab\" at 0", "save text r1/1 \"abcd\" at 0",
           "save text r1/1 \"abcd\" at 0");
    assert_string_equal(text_on_disk(t, 1), "abcd");
}

static void the_result_takes_the_rest_of_the_text_along(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), "ab");
    pass(t, 500);
    delta(t, 1, lease(t, 1, 1), "cd");
    show(t, SHOW_STORE);
    result(t, 1, lease(t, 1, 1));
    pass(t, 5000);
    expect(t, "save final r1/1 completed result {\"a\":1} \"cd\" at 2");
    assert_string_equal(text_on_disk(t, 1), "abcd");
}

static void text_in_flight_and_a_result_that_fails_lose_nothing(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    delta(t, 1, lease(t, 1, 1), "ab");
    pass(t, 500);
    delta(t, 1, lease(t, 1, 1), "cd");
    t->fail[CHANGE_REQUEST_FINAL] = 1;
    result(t, 1, lease(t, 1, 1));
    pass(t, 1000);
    release(t);
    delta(t, 1, lease(t, 1, 1), "ef");
    pass(t, 1000);
    assert_string_equal(text_on_disk(t, 1), "abcdef");
    delta(t, 1, lease(t, 1, 1), "gh");
    t->hold = true;
    pass(t, 500);
    result(t, 1, lease(t, 1, 1));
    release(t);
    assert_string_equal(text_on_disk(t, 1), "abcdefgh");
    assert_int_equal(status_on_disk(t, 1), REQUEST_COMPLETED);
}

static void text_of_an_old_attempt_never_follows_into_the_next(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    delta(t, 1, lease(t, 1, 1), "old");
    pass(t, 500);
    app_error(t, 1, lease(t, 1, 1), true);
    release(t);
    delta(t, 1, lease(t, 1, 2), "new");
    pass(t, 1000);
    assert_string_equal(text_on_disk(t, 1), "new");
}

static void text_has_a_limit(void **state)
{
    struct rig *t = *state;
    t->limits.text_bytes = 16;
    set_limits(t);
    begin(t);
    delta(t, 1, lease(t, 1, 1), "0123456789");
    delta(t, 1, lease(t, 1, 1), "0123456");
    expect(t, "app 1: error r1/1 too_large: The streamed text is longer than the relay takes");
    delta(t, 1, lease(t, 1, 1), "012345");
    expect_nothing(t);
    t->limits.text_bytes = 20; /* raised while it runs */
    set_limits(t);
    delta(t, 1, lease(t, 1, 1), "6789");
    expect_nothing(t);
    pass(t, 1000);
    assert_string_equal(text_on_disk(t, 1), "01234567890123456789");
    t->limits.text_bytes = 16; /* lowered */
    set_limits(t);
    delta(t, 1, lease(t, 1, 1), "x");
    expect(t, "app 1: error r1/1 too_large: The streamed text is longer than the relay takes");
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 ok");
}

static void progress_never_goes_backwards(void **state)
{
    struct rig *t = *state;
    begin(t);
    struct lease_ref l = lease(t, 1, 1);
    show(t, SHOW_PUBLISH);
    percent(t, 1, l, 40);
    percent(t, 1, l, 20);
    percent(t, 1, l, 40.5);
    expect(t, "progress r1 percent=40", "progress r1 percent=40", "progress r1 percent=40.5");
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_PROGRESS,
                              .lease = l,
                              .progress = {.has_step = true,
                                           .step = 3,
                                           .has_steps = true,
                                           .steps = 9,
                                           .has_message = true,
                                           .message = STR("warm")}});
    app_says(t, 1,
             (struct app_msg){
                 .kind = APP_MSG_PROGRESS, .lease = l, .progress = {.has_step = true, .step = 2}});
    app_says(
        t, 1,
        (struct app_msg){.kind = APP_MSG_PROGRESS,
                         .lease = l,
                         .progress = {.has_step = true, .step = 1, .has_steps = true, .steps = 4}});
    app_says(t, 1, (struct app_msg){.kind = APP_MSG_PROGRESS, .lease = l});
    expect(t, "progress r1 step=3 steps=9 message=warm", "progress r1 step=3",
           "progress r1 step=1 steps=4");
}

static void progress_of_an_earlier_attempt_is_forgotten(void **state)
{
    struct rig *t = *state;
    begin(t);
    percent(t, 1, lease(t, 1, 1), 90);
    app_error(t, 1, lease(t, 1, 1), true);
    show(t, SHOW_PUBLISH);
    percent(t, 1, lease(t, 1, 2), 10);
    expect(t, "progress r1 percent=10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_result_is_saved_shown_and_then_acknowledged),
        RIG_TEST(a_repeat_of_the_result_is_accepted_from_memory_and_from_disk),
        RIG_TEST(a_repeat_after_the_request_left_memory_is_looked_up),
        RIG_TEST(an_unknown_request_is_not_found),
        RIG_TEST(a_request_of_another_space_is_not_found),
        RIG_TEST(stale_and_foreign_frames_change_nothing),
        RIG_TEST(stale_frames_do_not_count_as_a_sign_of_life),
        RIG_TEST(an_error_that_may_be_tried_again_goes_back_to_the_queue),
        RIG_TEST(an_error_is_final_with_the_app_s_own_code),
        RIG_TEST(a_failure_may_have_a_result_that_is_kept_but_not_shown),
        RIG_TEST(what_is_tried_again_has_no_result),
        RIG_TEST(a_code_that_is_too_long_is_cut_between_two_characters),
        RIG_TEST(a_result_that_cannot_be_saved_is_refused_and_may_come_again),
        RIG_TEST(a_repeat_while_the_result_is_being_saved_gets_one_answer),
        RIG_TEST(nothing_is_accepted_while_a_final_state_is_being_saved),
        RIG_TEST(text_is_appended_and_overlap_ignored),
        RIG_TEST(an_offset_inside_a_character_is_a_gap),
        RIG_TEST(text_is_saved_together_every_half_second),
        RIG_TEST(text_that_could_not_be_saved_is_saved_with_the_next),
        RIG_TEST(the_result_takes_the_rest_of_the_text_along),
        RIG_TEST(text_in_flight_and_a_result_that_fails_lose_nothing),
        RIG_TEST(text_of_an_old_attempt_never_follows_into_the_next),
        RIG_TEST(text_has_a_limit),
        RIG_TEST(progress_never_goes_backwards),
        RIG_TEST(progress_of_an_earlier_attempt_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

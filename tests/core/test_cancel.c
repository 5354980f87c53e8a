/* Cancelling: final for people once saved; the slot waits for the app. */
#include "rig.h"

static void begin(struct rig *t)
{
    join(t, 1, .instance = "a");
    submit(t, "ann");
    submit(t, "ben");
    forget(t);
}

static void a_waiting_request_is_cancelled_once_saved(void **state)
{
    struct rig *t = *state;
    begin(t);
    show(t, SHOW_PEERS | SHOW_STORE | SHOW_PUBLISH);
    t->hold = true;
    cancel(t, "ben", 2);
    expect(t, "save final r2/0 cancelled");
    release(t);
    expect(t, "final r2 cancelled", "person 102: cancelled r2");
    cancel(t, "ben", 2);
    expect(t, "load r2", "person 102: error already_final: The request is finished already");
}

static void a_running_request_is_cancelled_and_its_slot_waits_for_the_app(void **state)
{
    struct rig *t = *state;
    begin(t);
    show(t, SHOW_PEERS | SHOW_STORE);
    cancel(t, "ann", 1);
    expect(t, "save final r1/1 cancelled", "person 101: cancelled r1",
           "app 1: cancel r1/1: cancelled");
    cancel(t, "ann", 1);
    expect(t, "person 101: error already_final: The request is finished already");
    percent(t, 1, lease(t, 1, 1), 50);
    delta(t, 1, lease(t, 1, 1), "more");
    expect(t, "app 1: error r1/1 already_final: The request is finished already",
           "app 1: error r1/1 already_final: The request is finished already");
    pass(t, 9999);
    expect_nothing(t);
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_RESULT,
                              .lease = lease(t, 1, 1),
                              .result = STR("{\"a\":1}"),
                              .usage = STR("{\"total_tokens\":3}")});
    expect(t, "app 1: ack r1/1 already_final", "save usage r1 usage {\"total_tokens\":3}",
           "save attempt r2/1", "app 1: request r2/1 of ben {}");
    struct request_record *rec = &disk_request(&t->disk, request(t, 1))->rec;
    assert_int_equal(rec->status, REQUEST_CANCELLED);
    assert_string_equal(rec->usage->p, "{\"total_tokens\":3}");
    assert_null(rec->result);
}

static void the_slot_comes_back_after_ten_seconds(void **state)
{
    struct rig *t = *state;
    begin(t);
    cancel(t, "ann", 1);
    forget(t);
    pass(t, 9999);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "app 1: request r2/1 of ben {}");
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 already_final");
}

static void an_error_frame_ends_the_waiting_too_and_a_wrong_attempt_does_not(void **state)
{
    struct rig *t = *state;
    begin(t);
    cancel(t, "ann", 1);
    forget(t);
    result(t, 1, lease(t, 1, 9));
    expect(t, "app 1: ack r1/9 already_final");
    app_error(t, 1, lease(t, 1, 1), true);
    expect(t, "app 1: ack r1/1 already_final", "app 1: request r2/1 of ben {}");
}

static void the_slot_comes_back_when_the_app_goes(void **state)
{
    struct rig *t = *state;
    begin(t);
    cancel(t, "ann", 1);
    vanish(t, 1);
    forget(t);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"den\"",
           "app 2: request r2/1 of ben {}");
}

static void partial_text_and_progress_stay(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), "half a");
    cancel(t, "ann", 1);
    assert_string_equal(text_on_disk(t, 1), "half a");
}

static void only_the_person_and_admins_may_cancel(void **state)
{
    struct rig *t = *state;
    begin(t);
    cancel(t, "cid", 1);
    expect(t, "person 103: error not_found: Request not found");
    result(t, 1, lease(t, 1, 1));
    forget(t);
    cancel(t, "cid", 1); /* the same when it has left memory, and when there never was one */
    person_says(
        t, "cid",
        (struct client_msg){.kind = CLIENT_MSG_CANCEL, .request_id = rig_id(t), .ref = STR("x")});
    expect(t, "person 103: error not_found: Request not found",
           "person 103: error not_found: Request not found, ref x");
    cancel(t, "root", 2);
    expect(t, "person 100: cancelled r2", "app 1: cancel r2/1: cancelled");
}

static void who_is_no_admin_any_more_may_not_cancel_for_others(void **state)
{
    struct rig *t = *state;
    begin(t);
    struct identity was_admin = {
        .user_key = user_key(t, "cid"), .role = ROLE_ADMIN, .scopes = SCOPES_ALL};
    struct client_msg m = {.kind = CLIENT_MSG_CANCEL, .request_id = request(t, 1)};
    feed(t, &(struct relay_event){
                .kind = EVENT_CLIENT_MESSAGE, .conn = 103, .who = &was_admin, .client_msg = &m});
    expect(t, "person 103: error not_found: Request not found");
}

static void a_cancel_that_cannot_be_saved_leaves_all_as_it_was(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->fail[CHANGE_REQUEST_FINAL] = 2;
    cancel(t, "ben", 2);
    cancel(t, "ann", 1);
    expect(t,
           "person 102: error store_unavailable: The cancellation could not be saved; try again, "
           "retry after 1000",
           "person 101: error store_unavailable: The cancellation could not be saved; try again, "
           "retry after 1000");
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 ok", "app 1: request r2/1 of ben {}");
}

static void silence_is_still_timed_after_a_cancel_that_failed(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    t->fail[CHANGE_REQUEST_FINAL] = 1;
    pass(t, 119000);
    cancel(t, "ann", 1);
    pass(t, 3000); /* its timer fires meanwhile */
    forget(t);
    release(t);
    pass(t, 1000);
    expect(t,
           "person 101: error store_unavailable: The cancellation could not be saved; try again, "
           "retry after 1000",
           "app 1: cancel r1/1: timeout");
}

static void a_failed_cancel_does_not_shorten_the_grace(void **state)
{
    struct rig *t = *state;
    begin(t);
    vanish(t, 1);
    t->fail[CHANGE_REQUEST_FINAL] = 1;
    cancel(t, "ann", 1);
    forget(t);
    pass(t, 29000);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r1/1 from 0");
}

static void two_cancels_at_once_both_hear(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    cancel(t, "ann", 1);
    cancel(t, "root", 1);
    release(t);
    expect(t, "person 101: cancelled r1", "person 100: cancelled r1",
           "app 1: cancel r1/1: cancelled");
}

static void the_result_that_came_first_wins(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    result(t, 1, lease(t, 1, 1));
    cancel(t, "ann", 1);
    answer(t);
    expect(t, "person 101: error already_final: The request finished before it could be cancelled",
           "app 1: ack r1/1 ok");
}

static void a_cancel_goes_on_when_the_result_could_not_be_saved(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    t->fail[CHANGE_REQUEST_FINAL] = 1;
    result(t, 1, lease(t, 1, 1));
    cancel(t, "ann", 1);
    release(t);
    expect(t, "app 1: ack r1/1 store_unavailable", "person 101: cancelled r1",
           "app 1: cancel r1/1: cancelled");
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 already_final", "app 1: request r2/1 of ben {}");
}

static void a_result_that_comes_while_a_cancel_is_being_saved_is_to_come_again(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    cancel(t, "ann", 1);
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 store_unavailable");
    t->fail[CHANGE_REQUEST_FINAL] = 1;
    release(t);
    forget(t);
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 ok", "app 1: request r2/1 of ben {}");
}

static void a_cancel_while_the_attempt_is_being_saved_takes_effect_before_it_is_sent(void **state)
{
    struct rig *t = *state;
    let_wait(t);
    submit(t, "ann");
    t->hold = true;
    join(t, 1);
    cancel(t, "ann", 1);
    forget(t);
    release(t);
    expect(t, "person 101: cancelled r1");
    submit(t, "ben");
    expect(t, "person 102: submitted r2 at 1", "app 1: request r2/1 of ben {}");
}

static void a_cancel_during_the_grace_is_final_at_once(void **state)
{
    struct rig *t = *state;
    begin(t);
    vanish(t, 1);
    cancel(t, "ann", 1);
    expect(t, "person 101: cancelled r1");
    pass(t, 60000);
    assert_int_equal(status_on_disk(t, 1), REQUEST_CANCELLED);
}

static void an_app_that_comes_back_during_the_cancel_is_told(void **state)
{
    struct rig *t = *state;
    begin(t);
    vanish(t, 1);
    t->hold = true;
    cancel(t, "ann", 1);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    forget(t);
    release(t);
    expect(t, "person 101: cancelled r1", "app 2: cancel r1/1: cancelled");
}

static void usage_that_could_not_be_saved_is_tried_again(void **state)
{
    struct rig *t = *state;
    begin(t);
    cancel(t, "ann", 1);
    t->fail[CHANGE_REQUEST_USAGE] = 2;
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_RESULT,
                              .lease = lease(t, 1, 1),
                              .result = STR("{}"),
                              .usage = STR("{\"n\":1}")});
    show(t, SHOW_STORE);
    pass(t, 5000);
    expect(t, "save usage r1 usage {\"n\":1}", "save usage r1 usage {\"n\":1}");
    assert_non_null(disk_request(&t->disk, request(t, 1))->rec.usage);
}

static void who_cancels_over_and_over_while_it_is_being_saved_is_told_to_wait(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    t->hold = true;
    for (int i = 0; i < 64; i++)
        cancel(t, "ann", 1);
    forget(t);
    cancel(t, "ann", 1);
    expect(t, "person 101: error rate_limited: Too many cancels at once, retry after 1000");
    command(t, (struct command){.kind = CMD_CANCEL, .actor = as(t, "ann"), .id = request(t, 1)});
    expect(t, "reply rate_limited: Too many cancels at once, retry after 1000");
    assert_int_equal(t->reply.limit, 64);
    show(t, SHOW(EFFECT_CLIENT_SEND));
    release(t);
    size_t lines = 0;
    for (const char *at = buf_cstr(&t->log); (at = strstr(at, "person 101: cancelled r1\n")); at++)
        lines++;
    assert_int_equal(lines, 64);
}

static void a_cancel_is_not_told_too_late_when_the_request_is_just_being_accepted(void **state)
{
    struct rig *t = *state;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    t->hold = true;
    submit_to(t, "ann", "patient", "{}", "s");
    person_says(t, "ann",
                (struct client_msg){.kind = CLIENT_MSG_CANCEL,
                                    .request_id = request(t, 1),
                                    .ref = STR("a ref that outlives its question")});
    release(t);
    expect(t, "person 101: submitted r1 at 1, ref s",
           "person 101: cancelled r1, ref a ref that outlives its question");
}

static void pages_cancel_by_command(void **state)
{
    struct rig *t = *state;
    begin(t);
    struct command c = {.kind = CMD_CANCEL, .actor = as(t, "cid"), .id = request(t, 2)};
    command(t, c);
    expect(t, "reply not_found: There is no such unfinished request");
    c.actor = as(t, "ben");
    command(t, c);
    expect(t, "reply ok");
    c.actor = as(t, "root");
    c.id = request(t, 1);
    command(t, c);
    expect(t, "reply ok", "app 1: cancel r1/1: cancelled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_waiting_request_is_cancelled_once_saved),
        RIG_TEST(a_running_request_is_cancelled_and_its_slot_waits_for_the_app),
        RIG_TEST(the_slot_comes_back_after_ten_seconds),
        RIG_TEST(an_error_frame_ends_the_waiting_too_and_a_wrong_attempt_does_not),
        RIG_TEST(the_slot_comes_back_when_the_app_goes),
        RIG_TEST(partial_text_and_progress_stay),
        RIG_TEST(only_the_person_and_admins_may_cancel),
        RIG_TEST(who_is_no_admin_any_more_may_not_cancel_for_others),
        RIG_TEST(a_cancel_that_cannot_be_saved_leaves_all_as_it_was),
        RIG_TEST(silence_is_still_timed_after_a_cancel_that_failed),
        RIG_TEST(a_failed_cancel_does_not_shorten_the_grace),
        RIG_TEST(two_cancels_at_once_both_hear),
        RIG_TEST(the_result_that_came_first_wins),
        RIG_TEST(a_cancel_goes_on_when_the_result_could_not_be_saved),
        RIG_TEST(a_result_that_comes_while_a_cancel_is_being_saved_is_to_come_again),
        RIG_TEST(a_cancel_while_the_attempt_is_being_saved_takes_effect_before_it_is_sent),
        RIG_TEST(a_cancel_during_the_grace_is_final_at_once),
        RIG_TEST(an_app_that_comes_back_during_the_cancel_is_told),
        RIG_TEST(usage_that_could_not_be_saved_is_tried_again),
        RIG_TEST(who_cancels_over_and_over_while_it_is_being_saved_is_told_to_wait),
        RIG_TEST(a_cancel_is_not_told_too_late_when_the_request_is_just_being_accepted),
        RIG_TEST(pages_cancel_by_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

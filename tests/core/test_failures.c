/* The store says no: whoever asked hears it, and what the relay itself wants is tried again each
 * second. */
#include "rig.h"

static void begin(struct rig *t)
{
    join(t, 1, .instance = "a");
    submit(t, "ann");
    submit(t, "ben");
    show(t, SHOW_PEERS | SHOW_STORE);
}

static void an_attempt_that_cannot_be_saved_is_not_sent_and_tried_again_after_a_second(void **state)
{
    struct rig *t = *state;
    let_wait(t);
    submit(t, "ann");
    show(t, SHOW(EFFECT_APP_SEND) | SHOW(EFFECT_CLIENT_SEND) | SHOW_STORE);
    t->fail[CHANGE_REQUEST_ATTEMPT] = 2;
    join(t, 1);
    expect(t, "save token used", "app 1: registered: Successfully connected to space \"den\"",
           "save attempt r1/1");
    submit(t, "ben"); /* nobody is handed out in the meantime */
    expect(t, "save new r2", "person 102: submitted r2 at 2");
    pass(t, 999);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "save attempt r1/1");
    pass(t, 1000);
    expect(t, "save attempt r1/1", "app 1: request r1/1 of ann {}");
}

static void an_attempt_that_cannot_be_saved_leaves_no_start(void **state)
{
    struct rig *t = *state;
    let_wait(t);
    submit(t, "ann");
    t->fail[CHANGE_REQUEST_ATTEMPT] = 1;
    join(t, 1);
    pass(t, 500);
    show(t, SHOW_PEERS);
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 1));
    expect(
        t,
        "person 101: subscribed request: r1 queued attempt=0 position=1 reason=app_busy text=\"\"");
    int64_t failed_at = t->now.wall_ms;
    pass(t, 500);
    assert_true(disk_request(&t->disk, request(t, 1))->rec.started_ms > failed_at);
}

static void an_app_that_leaves_while_its_attempt_fails_harms_nothing(void **state)
{
    struct rig *t = *state;
    let_wait(t);
    submit(t, "ann");
    t->hold = true;
    join(t, 1);
    t->fail[CHANGE_REQUEST_ATTEMPT] = 1;
    vanish(t, 1);
    release(t);
    forget(t);
    join(t, 2);
    pass(t, 1000);
    expect(t, "app 2: registered: Successfully connected to space \"den\"",
           "app 2: request r1/1 of ann {}");
}

static void a_cancel_wanted_during_an_attempt_that_fails_takes_effect(void **state)
{
    struct rig *t = *state;
    let_wait(t);
    submit(t, "ann");
    t->hold = true;
    join(t, 1);
    t->fail[CHANGE_REQUEST_ATTEMPT] = 1;
    cancel(t, "ann", 1);
    forget(t);
    release(t);
    expect(t, "person 101: cancelled r1");
    pass(t, 5000);
    expect_nothing(t);
}

static void a_return_to_the_queue_is_tried_each_second(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->fail[CHANGE_REQUEST_QUEUED] = 3;
    leave_cleanly(t, 1);
    expect(t, "save queued r1/1 lost 1 waived 0 app_lost");
    for (int i = 0; i < 3; i++) {
        pass(t, 999);
        expect_nothing(t);
        pass(t, 1);
        expect(t, "save queued r1/1 lost 1 waived 0 app_lost");
    }
    pass(t, 5000);
    expect_nothing(t);
    assert_int_equal(status_on_disk(t, 1), REQUEST_QUEUED);
}

static void a_lease_whose_loss_is_being_saved_cannot_be_resumed(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->fail[CHANGE_REQUEST_QUEUED] = 1;
    leave_cleanly(t, 1);
    show(t, SHOW_PEERS);
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"den\"",
           "app 2: request r2/1 of ben {}");
    result(t, 2, lease(t, 1, 1));
    expect(t, "app 2: ack r1/1 stale_attempt");
}

static void a_timeout_that_cannot_be_saved_is_tried_each_second(void **state)
{
    struct rig *t = *state;
    begin(t);
    forget(t);
    t->fail[CHANGE_REQUEST_FINAL] = 2;
    pass(t, 120000);
    expect(t, "save final r1/1 failed timeout");
    result(t, 1, lease(t, 1, 1)); /* too late, but nothing is decided */
    expect(t, "app 1: ack r1/1 store_unavailable");
    pass(t, 1000);
    pass(t, 1000);
    expect(t, "save final r1/1 failed timeout", "save final r1/1 failed timeout",
           "app 1: cancel r1/1: timeout");
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 already_final", "save attempt r2/1",
           "app 1: request r2/1 of ben {}");
}

static void a_timeout_is_still_tried_each_second_when_the_app_has_gone(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->fail[CHANGE_REQUEST_FINAL] = 2;
    pass(t, 120000);
    pass(t, 500);
    vanish(t, 1);
    forget(t);
    pass(t, 499);
    expect_nothing(t);
    pass(t, 1);
    pass(t, 1000);
    expect(t, "save final r1/1 failed timeout", "save final r1/1 failed timeout");
}

static void a_cancel_of_the_relay_is_tried_each_second_whatever_its_app_does(void **state)
{
    struct rig *t = *state;
    join(t, 1, .prefetch = 2);
    for (int i = 0; i < 3; i++)
        submit(t, "ann");
    t->fail[CHANGE_REQUEST_FINAL] = 3;
    struct command c = {
        .kind = CMD_SPACE_REMOVE, .actor = as(t, "root"), .id = space(t, "den")->id};
    command(t, c);
    pass(t, 999);
    for (size_t i = 1; i <= 3; i++)
        assert_int_equal(status_on_disk(t, i), REQUEST_PROCESSING);
    pass(t, 1);
    for (size_t i = 1; i <= 3; i++)
        assert_int_equal(status_on_disk(t, i), REQUEST_CANCELLED);
}

static void a_cancel_during_a_failing_timeout_hears_how_it_ended(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->fail[CHANGE_REQUEST_FINAL] = 1;
    pass(t, 120000);
    show(t, SHOW_PEERS);
    cancel(t, "ann", 1);
    expect_nothing(t);
    pass(t, 1000);
    expect(t, "person 101: error already_final: The request finished before it could be cancelled",
           "app 1: cancel r1/1: timeout");
}

static void a_use_of_a_token_that_cannot_be_saved_is_no_harm(void **state)
{
    struct rig *t = *state;
    t->fail[CHANGE_TOKEN_USED] = 1;
    join(t, 1);
    expect(t, "app 1: registered: Successfully connected to space \"den\"");
}

static void nothing_is_lost_while_the_store_is_away(void **state)
{
    struct rig *t = *state;
    begin(t);
    delta(t, 1, lease(t, 1, 1), "Hello");
    t->broken = true;
    show(t, SHOW_PEERS);
    pass(t, 3000);
    result(t, 1, lease(t, 1, 1));
    cancel(t, "ben", 2);
    submit(t, "cid");
    expect(
        t, "app 1: ack r1/1 store_unavailable",
        "person 102: error store_unavailable: The cancellation could not be saved; try again, "
        "retry after 1000",
        "person 103: error store_unavailable: The request could not be saved and was not accepted,"
        " retry after 1000");
    vanish(t, 1);
    pass(t, 40000); /* the grace ends */
    t->broken = false;
    pass(t, 1000);
    join(t, 2, .instance = "a");
    expect(t, "app 2: registered: Successfully connected to space \"den\"",
           "app 2: request r1/2 of ann {}");
    result(t, 2, lease(t, 1, 2));
    result(t, 2, lease(t, 2, 1));
    expect(t, "app 2: ack r1/2 ok", "app 2: request r2/1 of ben {}", "app 2: ack r2/1 ok");
}

static void answers_nobody_waits_for_are_ignored(void **state)
{
    struct rig *t = *state;
    feed(t, &(struct relay_event){.kind = EVENT_SAVED, .save_id = 12345});
    feed(t, &(struct relay_event){.kind = EVENT_LOADED, .load_id = 12345, .err = ERR_NOT_FOUND});
    vanish(t, 77);
    unwatch(t, TOPIC_REQUEST, rig_id(t));
    expect_nothing(t);
    assert_int_equal(relay_saves_pending(t->relay), 0);
}

static void a_relay_with_everything_under_way_can_be_freed(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    submit(t, "ann");
    delta(t, 1, lease(t, 1, 1), "x");
    pass(t, 500);
    result(t, 1, lease(t, 1, 1));
    cancel(t, "ann", 1);
    result(t, 1, (struct lease_ref){rig_id(t), 1});
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 2));
    struct command c = {.kind = CMD_USER_ADD, .actor = as(t, "root"), .user.name = "dora"};
    command(t, c);
    c = (struct command){
        .kind = CMD_SPACE_ADD, .actor = as(t, "root"), .space = {.name = "hut", .max_apps = 1}};
    command(t, c);
    assert_true(relay_saves_pending(t->relay) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(an_attempt_that_cannot_be_saved_is_not_sent_and_tried_again_after_a_second),
        RIG_TEST(an_attempt_that_cannot_be_saved_leaves_no_start),
        RIG_TEST(an_app_that_leaves_while_its_attempt_fails_harms_nothing),
        RIG_TEST(a_cancel_wanted_during_an_attempt_that_fails_takes_effect),
        RIG_TEST(a_return_to_the_queue_is_tried_each_second),
        RIG_TEST(a_lease_whose_loss_is_being_saved_cannot_be_resumed),
        RIG_TEST(a_timeout_that_cannot_be_saved_is_tried_each_second),
        RIG_TEST(a_timeout_is_still_tried_each_second_when_the_app_has_gone),
        RIG_TEST(a_cancel_of_the_relay_is_tried_each_second_whatever_its_app_does),
        RIG_TEST(a_cancel_during_a_failing_timeout_hears_how_it_ended),
        RIG_TEST(a_use_of_a_token_that_cannot_be_saved_is_no_harm),
        RIG_TEST(nothing_is_lost_while_the_store_is_away),
        RIG_TEST(answers_nobody_waits_for_are_ignored),
        RIG_TEST(a_relay_with_everything_under_way_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

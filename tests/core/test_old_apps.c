/* Apps of older sites: without a token, with a queue of their own, naming no attempt. */
#include "rig.h"

#define WELCOME(conn) "app " #conn ": registered: Successfully connected to space \"barn\""

static void begin(struct rig *t)
{
    add_space(t, "barn", (struct space_record){.legacy_registration = true});
    join(t, 1, .space = "barn", .old = true, .no_token = true, .concurrency = 100);
    forget(t);
}

static void submit_there(struct rig *t, const char *name)
{
    person_says(
        t, name,
        (struct client_msg){.kind = CLIENT_MSG_SUBMIT, .space = STR("barn"), .payload = STR("{}")});
}

static void a_token_may_be_lacking_only_where_the_space_allows_it(void **state)
{
    struct rig *t = *state;
    join(t, 1, .old = true, .no_token = true);
    expect(t, "app 1: refused unauthorized: token is required", "close 1 4500: token is required");
    add_space(t, "barn", (struct space_record){.legacy_registration = true});
    join(t, 2, .space = "barn", .no_token = true); /* one that speaks the present protocol */
    expect(t, "app 2: refused unauthorized: token is required", "close 2 4500: token is required");
    join(t, 3, .space = "barn", .old = true, .no_token = true);
    expect(t, WELCOME(3));
}

static void a_wrong_token_is_refused_also_where_none_is_needed(void **state)
{
    struct rig *t = *state;
    add_space(t, "barn", (struct space_record){.legacy_registration = true});
    join(t, 1, .space = "barn", .old = true, .token_state = TOKEN_INVALID);
    expect(t, "app 1: refused unauthorized: token is not valid",
           "close 1 4500: token is not valid");
}

static void a_space_that_allows_it_no_longer_sends_such_apps_away(void **state)
{
    struct rig *t = *state;
    begin(t);
    struct command c = {.kind = CMD_SPACE_EDIT,
                        .actor = as(t, "root"),
                        .members = SPACE_ALL,
                        .space = *space(t, "barn")};
    command(t, c);
    expect(t, "reply ok");
    c.space.legacy_registration = false;
    command(t, c);
    expect(t, "close 1 4500: token is required", "reply ok");
}

static void requests_are_sent_at_once_and_only_the_oldest_is_timed(void **state)
{
    struct rig *t = *state;
    begin(t);
    for (int i = 0; i < 3; i++)
        submit_there(t, "ann");
    expect(t, "person 101: submitted r1 at 1", "app 1: request r1/1 of ann {}",
           "person 101: submitted r2 at 1", "app 1: request r2/1 of ann {}",
           "person 101: submitted r3 at 1", "app 1: request r3/1 of ann {}");
    pass(t, 100000);
    result(t, 1, lease(t, 1, 1));
    expect(t, "app 1: ack r1/1 ok");
    pass(t, 119999);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "app 1: cancel r2/1: timeout");
}

static void a_frame_without_an_attempt_means_the_one_that_is_held(void **state)
{
    struct rig *t = *state;
    begin(t);
    submit_there(t, "ann");
    vanish(t, 1);
    join(t, 2, .space = "barn", .old = true, .no_token = true, .concurrency = 100);
    expect(t, "person 101: submitted r1 at 1", "app 1: request r1/1 of ann {}",
           "app 2: registered: Successfully connected to space \"barn\"",
           "app 2: request r1/2 of ann {}");
    result(t, 2, lease(t, 1, 0));
    expect(t, "app 2: ack r1/2 ok");
    result(t, 2, lease(t, 1, 0)); /* what it had begun before it was cut off */
    expect(t, "app 2: ack r1/0 stale_attempt");
}

static void a_frame_without_an_attempt_about_another_app_s_request_changes_nothing(void **state)
{
    struct rig *t = *state;
    begin(t);
    submit_there(t, "ann");
    join(t, 2);
    forget(t);
    result(t, 2, lease(t, 1, 0));
    delta(t, 2, lease(t, 1, 0), "no");
    expect(t, "app 2: ack r1/0 not_found", "app 2: error r1/0 not_found: There is no such thing");
    assert_int_equal(status_on_disk(t, 1), REQUEST_PROCESSING);
}

static void what_only_waited_inside_a_lost_app_has_not_had_its_attempt(void **state)
{
    struct rig *t = *state;
    begin(t);
    submit_there(t, "ann");
    submit_there(t, "ann");
    show(t, SHOW_STORE);
    forget(t);
    leave_cleanly(t, 1);
    expect(t, "save queued r1/1 lost 1 waived 0 app_lost",
           "save queued r2/1 lost 0 waived 1 app_lost");
    join(t, 2, .space = "barn", .old = true, .no_token = true, .concurrency = 100);
    percent(t, 2, lease(t, 2, 0), 1); /* it has begun with that one */
    forget(t);
    leave_cleanly(t, 2);
    expect(t, "save final r1/2 failed app_lost", "save queued r2/2 lost 1 waived 1 app_lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_token_may_be_lacking_only_where_the_space_allows_it),
        RIG_TEST(a_wrong_token_is_refused_also_where_none_is_needed),
        RIG_TEST(a_space_that_allows_it_no_longer_sends_such_apps_away),
        RIG_TEST(requests_are_sent_at_once_and_only_the_oldest_is_timed),
        RIG_TEST(a_frame_without_an_attempt_means_the_one_that_is_held),
        RIG_TEST(a_frame_without_an_attempt_about_another_app_s_request_changes_nothing),
        RIG_TEST(what_only_waited_inside_a_lost_app_has_not_had_its_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

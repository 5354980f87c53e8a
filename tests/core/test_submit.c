/* From a person's wish to a request on disk and with an app. */
#include "rig.h"

static void a_submit_is_acknowledged_when_saved_and_handed_to_a_free_app(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    forget(t);
    show(t, SHOW_PEERS | SHOW_STORE);
    t->hold = true;
    submit_to(t, "ann", "den", "{\"prompt\":\"hi\"}", "k");
    expect(t, "save new r1/1"); /* the first attempt with it: one commit */
    answer(t);
    expect(t, "person 101: submitted r1 at 1, ref k",
           "app 1: request r1/1 of ann {\"prompt\":\"hi\"}");
    assert_int_equal(status_on_disk(t, 1), REQUEST_PROCESSING);
    assert_int_equal(disk_request(&t->disk, request(t, 1))->rec.started_ms, t->now.wall_ms);
}

static void a_submit_that_has_to_wait_is_saved_as_queued(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    show(t, SHOW_PEERS | SHOW_STORE);
    t->hold = true;
    submit(t, "ben");
    expect(t, "save new r2");
    answer(t);
    expect(t, "person 102: submitted r2 at 1");
    assert_int_equal(status_on_disk(t, 2), REQUEST_QUEUED);
    result(t, 1, lease(t, 1, 1));
    answer(t);
    expect(t, "save final r1/1 completed result {\"a\":1}", "app 1: ack r1/1 ok",
           "save attempt r2/1");
    answer(t);
    expect(t, "app 1: request r2/1 of ben {}");
}

static void a_new_one_overtakes_nobody_who_is_being_saved(void **state)
{
    struct rig *t = *state;
    add_space(t, "hall", (struct space_record){.max_apps = 2});
    size_t hall = add_token(t, "hall");
    join(t, 1, .space = "hall", .token = hall);
    submit_to(t, "ann", "hall", "{}", "");
    t->hold = true;
    submit_to(t, "ann", "hall", "{}", ""); /* r2 will have to wait */
    join(t, 2, .space = "hall", .token = hall);
    show(t, SHOW_STORE | SHOW(EFFECT_APP_SEND));
    submit_to(t, "ben", "hall", "{}", "");
    expect(t, "save new r3"); /* the free slot is for r2, once that is saved */
    release(t);
    expect(t, "save attempt r2/1", "app 2: request r2/1 of ann {}");
}

static void the_slot_of_a_submit_that_could_not_be_saved_is_free_again(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    forget(t);
    t->fail[CHANGE_REQUEST_NEW] = 1;
    t->hold = true;
    submit(t, "ann");
    submit(t, "ben"); /* the only slot is taken */
    release(t);
    expect(
        t,
        "person 101: error store_unavailable: The request could not be saved and was not accepted,"
        " retry after 1000",
        "person 102: submitted r2 at 1", "app 1: request r2/1 of ben {}");
}

static void an_app_that_leaves_while_the_submit_is_saved_costs_nothing(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    t->hold = true;
    submit(t, "ann");
    vanish(t, 1);
    forget(t);
    release(t);
    expect(t, "person 101: submitted r1 at 1");
    assert_int_equal(status_on_disk(t, 1), REQUEST_QUEUED);
    assert_int_equal(disk_request(&t->disk, request(t, 1))->rec.waived, 1);
    join(t, 2);
    expect(t, "app 2: registered: Successfully connected to space \"den\"",
           "app 2: request r1/2 of ann {}");
}

static void a_submit_to_a_space_that_is_removed_meanwhile_is_cancelled(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    t->hold = true;
    submit(t, "ann");
    struct command c = {.kind = CMD_SPACE_REMOVE, .actor = as(t, "root"), .space.name = "den"};
    command(t, c);
    release(t);
    pass(t, 60000);
    assert_int_equal(status_on_disk(t, 1), REQUEST_CANCELLED);
}

static void a_submit_that_cannot_be_saved_was_not_accepted(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    forget(t);
    t->fail[CHANGE_REQUEST_NEW] = 1;
    submit(t, "ann");
    expect(
        t,
        "person 101: error store_unavailable: The request could not be saved and was not accepted,"
        " retry after 1000");
    submit(t, "ann");
    expect(t, "person 101: submitted r2 at 1", "app 1: request r2/1 of ann {}");
}

static void a_failed_save_does_not_count_for_the_seconds_between_requests(void **state)
{
    struct rig *t = *state;
    add_space(t, "slow", (struct space_record){.rate_limit_s = 10, .queue_offline = true});
    t->fail[CHANGE_REQUEST_NEW] = 1;
    submit_to(t, "ann", "slow", "{}", "");
    forget(t);
    submit_to(t, "ann", "slow", "{}", "");
    expect(t, "person 101: submitted r2 at 1");
}

static void a_space_without_an_app_refuses_unless_it_queues_offline(void **state)
{
    struct rig *t = *state;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    submit_to(t, "ann", "den", "{}", "a");
    expect(t, "person 101: error app_disconnected: Remote app not connected, ref a");
    submit_to(t, "ann", "patient", "{}", "b");
    expect(t, "person 101: submitted r1 at 1, ref b");
}

static void what_was_accepted_stays_queued_while_the_app_is_away(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    submit(t, "ben");
    leave_cleanly(t, 1);
    pass(t, 3600000);
    assert_int_equal(status_on_disk(t, 2), REQUEST_QUEUED);
    forget(t);
    join(t, 2, .concurrency = 2);
    expect(t, "app 2: registered: Successfully connected to space \"den\"",
           "app 2: request r1/2 of ann {}", "app 2: request r2/1 of ben {}");
}

static void submits_are_refused_with_their_sentences(void **state)
{
    struct rig *t = *state;
    t->limits.payload_bytes = 16;
    t->limits.queue_per_space = 2;
    t->limits.unfinished_per_person = 2;
    set_limits(t);
    join(t, 1);
    forget(t);
    submit_to(t, "ann", "nowhere", "{}", "");
    expect(t, "person 101: error not_found: Space not found");
    submit_to(t, "ann", "den", "{\"prompt\":\"long\"}", "");
    expect(t, "person 101: error too_large: The payload is larger than 16 bytes");
    submit(t, "ann");
    submit(t, "ann");
    forget(t);
    submit(t, "ann");
    expect(t, "person 101: error rate_limited: You have 2 unfinished requests, which is the most "
              "at a time,"
              " retry after 1000");
    submit(t, "ben");
    forget(t);
    submit(t, "cid");
    expect(t, "person 103: error queue_full: The queue of this space is full, retry after 1000");
}

static void requests_being_saved_count_for_the_queue_s_limit(void **state)
{
    struct rig *t = *state;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    t->limits.queue_per_space = 2;
    set_limits(t);
    t->hold = true;
    for (int i = 0; i < 3; i++)
        submit_to(t, "ann", "patient", "{}", "");
    expect(t, "person 101: error queue_full: The queue of this space is full, retry after 1000");
    t->fail[CHANGE_REQUEST_NEW] = 1;
    release(t);
    forget(t);
    submit_to(t, "ann", "patient", "{}", "");
    expect(t, "person 101: submitted r3 at 2");
    submit_to(t, "ann", "patient", "{}", "");
    expect(t, "person 101: error queue_full: The queue of this space is full, retry after 1000");
}

static void seconds_between_requests_are_kept_to(void **state)
{
    struct rig *t = *state;
    add_space(t, "slow", (struct space_record){.rate_limit_s = 10, .queue_offline = true});
    submit_to(t, "ann", "slow", "{}", "");
    pass(t, 500);
    forget(t);
    submit_to(t, "ann", "slow", "{}", "");
    expect(
        t,
        "person 101: error rate_limited: Too many requests, try again in 10 s, retry after 9500");
    submit_to(t, "ben", "slow", "{}", "");
    expect(t, "person 102: submitted r2 at 2");
    pass(t, 9499);
    submit_to(t, "ann", "slow", "{}", "");
    expect(t, "person 101: error rate_limited: Too many requests, try again in 1 s, retry after 1");
    pass(t, 1);
    submit_to(t, "ann", "slow", "{}", "");
    expect(t, "person 101: submitted r3 at 3");
}

static void requests_a_minute_are_counted_over_all_spaces_and_flow_back(void **state)
{
    struct rig *t = *state;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    add_space(t, "other", (struct space_record){.queue_offline = true});
    t->limits.requests_per_minute = 3;
    set_limits(t);
    submit_to(t, "ann", "patient", "{}", "");
    submit_to(t, "ann", "other", "{}", "");
    submit_to(t, "ann", "patient", "{}", "");
    forget(t);
    submit_to(t, "ann", "patient", "{}", "");
    expect(
        t,
        "person 101: error rate_limited: Too many requests, try again in 20 s, retry after 20000");
    submit_to(t, "ben", "patient", "{}", "");
    expect(t, "person 102: submitted r4 at 2");
    pass(t, 19999);
    submit_to(t, "ann", "patient", "{}", "");
    expect(t, "person 101: error rate_limited: Too many requests, try again in 1 s, retry after 1");
    pass(t, 1);
    submit_to(t, "ann", "patient", "{}", "");
    expect(t, "person 101: submitted r5 at 4");
    pass(t, 3600000); /* no more than a minute's requests are ever saved up */
    forget(t);
    for (int i = 0; i < 4; i++)
        submit_to(t, "ann", "other", "{}", "");
    expect(
        t, "person 101: submitted r6 at 2", "person 101: submitted r7 at 3",
        "person 101: submitted r8 at 4",
        "person 101: error rate_limited: Too many requests, try again in 20 s, retry after 20000");
}

static void a_refused_or_unsaved_submit_does_not_count_for_the_minute(void **state)
{
    struct rig *t = *state;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    t->limits.requests_per_minute = 1;
    set_limits(t);
    submit_to(t, "ann", "nowhere", "{}", "");
    submit(t, "ann"); /* no app */
    t->fail[CHANGE_REQUEST_NEW] = 1;
    submit_to(t, "ann", "patient", "{}", "");
    forget(t);
    submit_to(t, "ann", "patient", "{}", "");
    expect(t, "person 101: submitted r2 at 1");
}

static void the_longer_of_two_waits_is_told(void **state)
{
    struct rig *t = *state;
    add_space(t, "slow", (struct space_record){.rate_limit_s = 10, .queue_offline = true});
    t->limits.requests_per_minute = 1;
    set_limits(t);
    submit_to(t, "ann", "slow", "{}", "");
    forget(t);
    submit_to(t, "ann", "slow", "{}", "");
    expect(
        t,
        "person 101: error rate_limited: Too many requests, try again in 60 s, retry after 60000");
    t->limits.requests_per_minute = 0;
    set_limits(t);
    submit_to(t, "ann", "slow", "{}", "");
    expect(
        t,
        "person 101: error rate_limited: Too many requests, try again in 10 s, retry after 10000");
}

static void submits_are_refused_while_saving_is_slow(void **state)
{
    struct rig *t = *state;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    t->hold = true;
    submit_to(t, "ann", "patient", "{}", "");
    pass(t, 5000);
    submit_to(t, "ann", "patient", "{}", "");
    expect_nothing(t);
    pass(t, 1);
    submit_to(t, "ann", "patient", "{}", "");
    expect(
        t,
        "person 101: error store_unavailable: Saving is slow at the moment; nothing was accepted,"
        " retry after 1000");
    release(t);
    forget(t);
    t->limits.saves_pending = 1;
    set_limits(t);
    t->hold = true;
    submit_to(t, "ann", "patient", "{}", "");
    submit_to(t, "ann", "patient", "{}", "");
    expect(
        t,
        "person 101: error store_unavailable: Saving is slow at the moment; nothing was accepted,"
        " retry after 1000");
}

static void nothing_is_accepted_while_going_down(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    forget(t);
    feed(t, &(struct relay_event){.kind = EVENT_SHUTDOWN});
    expect(t, "app 1: drain 1000");
    submit(t, "ann");
    expect(t, "person 101: error shutting_down: The relay is going down; try again in a moment,"
              " retry after 1000");
}

static void a_disabled_person_cannot_submit(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    struct command c = {.kind = CMD_USER_DISABLE, .actor = as(t, "root"), .flag = true};
    (void)str_copy(c.user.name, sizeof c.user.name, STR("ann"));
    command(t, c);
    forget(t);
    submit(t, "ann");
    expect(t, "person 101: error forbidden: Your account is disabled");
}

static void submits_of_pages_are_answered_by_reply(void **state)
{
    struct rig *t = *state;
    struct bytes *payload = bytes_new(STR("{\"prompt\":1}"));
    struct command c = {
        .kind = CMD_SUBMIT, .actor = as(t, "ann"), .id = space(t, "den")->id, .payload = payload};
    command(t, c);
    expect(t, "reply app_disconnected: Remote app not connected");
    join(t, 1);
    forget(t);
    t->fail[CHANGE_REQUEST_NEW] = 1;
    command(t, c);
    expect(t, "reply store_unavailable: The request could not be saved and was not accepted, retry "
              "after 1000");
    command(t, c);
    expect(t, "reply ok, position 1", "app 1: request r2/1 of ann {\"prompt\":1}");
    assert_true(uuid_eq(t->reply.id, request(t, 2)));
    c.id = rig_id(t);
    command(t, c);
    expect(t, "reply not_found: Space not found");
    bytes_unref(payload);
}

static void a_submit_with_what_the_space_does_not_take_is_refused(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    forget(t);
    submit_inputs(t, "ann", INPUT_PROMPT | INPUT_AUDIO | INPUT_FILE);
    submit_inputs(t, "ann", INPUT_VIDEO);
    submit_inputs(t, "ann", INPUT_FILE);
    expect(t, "person 101: error input_refused: This space does not take audio",
           "person 101: error input_refused: This space does not take video",
           "person 101: error input_refused: This space does not take files");
    submit_inputs(t, "ann", INPUT_PROMPT);
    expect(t, "person 101: submitted r1 at 1", "app 1: request r1/1 of ann {}");
    struct command c = {.kind = CMD_SPACE_EDIT,
                        .actor = as(t, "root"),
                        .members = SPACE_ALL,
                        .space = *space(t, "den")};
    c.space.inputs = INPUT_AUDIO | INPUT_FILE;
    command(t, c);
    forget(t);
    submit_inputs(t, "ann", INPUT_PROMPT);
    submit_inputs(t, "ann", INPUT_AUDIO | INPUT_FILE);
    expect(t, "person 101: error input_refused: This space does not take a prompt",
           "person 101: submitted r2 at 1");
}

static void a_page_is_told_what_the_space_does_not_take(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    forget(t);
    struct bytes *payload = bytes_new(STR("{}"));
    struct command c = {.kind = CMD_SUBMIT,
                        .actor = as(t, "ann"),
                        .id = space(t, "den")->id,
                        .payload = payload,
                        .inputs = INPUT_PROMPT | INPUT_AUDIO};
    command(t, c);
    expect(t, "reply input_refused: This space does not take audio");
    assert_int_equal(t->reply.inputs, INPUT_AUDIO);
    bytes_unref(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_submit_is_acknowledged_when_saved_and_handed_to_a_free_app),
        RIG_TEST(a_submit_that_has_to_wait_is_saved_as_queued),
        RIG_TEST(a_new_one_overtakes_nobody_who_is_being_saved),
        RIG_TEST(the_slot_of_a_submit_that_could_not_be_saved_is_free_again),
        RIG_TEST(an_app_that_leaves_while_the_submit_is_saved_costs_nothing),
        RIG_TEST(a_submit_to_a_space_that_is_removed_meanwhile_is_cancelled),
        RIG_TEST(a_submit_that_cannot_be_saved_was_not_accepted),
        RIG_TEST(a_failed_save_does_not_count_for_the_seconds_between_requests),
        RIG_TEST(a_space_without_an_app_refuses_unless_it_queues_offline),
        RIG_TEST(what_was_accepted_stays_queued_while_the_app_is_away),
        RIG_TEST(submits_are_refused_with_their_sentences),
        RIG_TEST(requests_being_saved_count_for_the_queue_s_limit),
        RIG_TEST(seconds_between_requests_are_kept_to),
        RIG_TEST(requests_a_minute_are_counted_over_all_spaces_and_flow_back),
        RIG_TEST(a_refused_or_unsaved_submit_does_not_count_for_the_minute),
        RIG_TEST(the_longer_of_two_waits_is_told),
        RIG_TEST(submits_are_refused_while_saving_is_slow),
        RIG_TEST(nothing_is_accepted_while_going_down),
        RIG_TEST(a_disabled_person_cannot_submit),
        RIG_TEST(submits_of_pages_are_answered_by_reply),
        RIG_TEST(a_submit_with_what_the_space_does_not_take_is_refused),
        RIG_TEST(a_page_is_told_what_the_space_does_not_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

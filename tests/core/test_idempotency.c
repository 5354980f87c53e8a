/* The same key and body again give the same request; another body is refused. */
#include "rig.h"

#define DAY_MS UINT64_C(86400000)

static const char conflict[] =
    "person 101: error idempotency_conflict: The idempotency key was used for another request";

static struct rig *patient(void **state)
{
    struct rig *t = *state;
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    return t;
}

static void a_repeat_gives_the_same_request_at_its_present_place(void **state)
{
    struct rig *t = patient(state);
    submit_key(t, "ann", "patient", "{}", "k");
    submit_key(t, "ben", "patient", "{}", "other");
    submit_key(t, "ann", "patient", "{\"n\":2}", "k2");
    forget(t);
    submit_key(t, "ann", "patient", "{\"n\":2}", "k2");
    expect(t, "person 101: submitted r3 at 3");
    cancel(t, "ann", 1);
    forget(t);
    submit_key(t, "ann", "patient", "{\"n\":2}", "k2");
    expect(t, "person 101: submitted r3 at 2");
    assert_int_equal(t->disk.request_count, 3);
}

static void a_repeat_of_a_running_or_finished_request_starts_nothing(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit_key(t, "ann", "den", "{}", "k");
    forget(t);
    submit_key(t, "ann", "den", "{}", "k");
    expect(t, "person 101: submitted r1 at 0");
    result(t, 1, lease(t, 1, 1));
    forget(t);
    submit_key(t, "ann", "den", "{}", "k");
    expect(t, "person 101: submitted r1 at 0");
}

static void another_body_or_space_is_refused(void **state)
{
    struct rig *t = patient(state);
    add_space(t, "second", (struct space_record){.queue_offline = true});
    submit_key(t, "ann", "patient", "{}", "k");
    forget(t);
    submit_key(t, "ann", "patient", "{ }", "k");
    expect(t, conflict);
    submit_key(t, "ann", "second", "{}", "k");
    expect(t, conflict);
}

static void a_key_is_its_person_s_own(void **state)
{
    struct rig *t = patient(state);
    submit_key(t, "ann", "patient", "{}", "k");
    forget(t);
    submit_key(t, "ben", "patient", "{\"b\":1}", "k");
    expect(t, "person 102: submitted r2 at 2");
    submit_key(t, "ann", "patient", "{}", "K");
    expect(t, "person 101: submitted r3 at 3");
    submit_key(t, "ann", "patient", "{}", "kk");
    expect(t, "person 101: submitted r4 at 4");
}

static void submits_without_a_key_are_never_the_same(void **state)
{
    struct rig *t = patient(state);
    submit_to(t, "ann", "patient", "{}", "");
    submit_to(t, "ann", "patient", "{}", "");
    expect(t, "person 101: submitted r1 at 1", "person 101: submitted r2 at 2");
    assert_int_equal(t->disk.key_count, 0);
}

static void a_repeat_waits_while_the_first_is_being_saved(void **state)
{
    struct rig *t = patient(state);
    show(t, SHOW_PEERS | SHOW_STORE);
    t->hold = true;
    submit_key(t, "ann", "patient", "{}", "k");
    submit_key(t, "ann", "patient", "{}", "k");
    submit_key(t, "ann", "patient", "{1}", "k");
    expect(t, "save new r1", conflict);
    answer(t);
    expect(t, "person 101: submitted r1 at 1", "person 101: submitted r1 at 1");
}

static void watch_key(struct rig *t, const char *key)
{
    person_says(t, "ann",
                (struct client_msg){.kind = CLIENT_MSG_SUBMIT,
                                    .space = STR("patient"),
                                    .payload = STR("{}"),
                                    .idempotency_key = str_of(key),
                                    .watch = true});
}

/* What a repeat is told of may have happened already: it has to subscribe, to see all of it. */
static void a_repeat_watches_only_what_is_still_being_saved(void **state)
{
    struct rig *t = patient(state);
    show(t, SHOW_PEERS);
    t->hold = true;
    submit_key(t, "ann", "patient", "{}", "k");
    watch_key(t, "k");
    answer(t);
    expect(t, "person 101: submitted r1 at 1", "person 101: submitted r1 at 1, watched");
    watch_key(t, "k");
    expect(t, "person 101: submitted r1 at 1");
}

static void who_repeats_over_and_over_while_it_is_being_saved_is_told_to_wait(void **state)
{
    struct rig *t = patient(state);
    t->hold = true;
    for (int i = 0; i < 64; i++)
        submit_key(t, "ann", "patient", "{}", "k");
    expect_nothing(t);
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, "person 101: error store_unavailable: The request is still being saved, retry after "
              "1000");
}

static void a_key_whose_request_was_not_saved_is_free_again(void **state)
{
    struct rig *t = patient(state);
    t->hold = true;
    t->fail[CHANGE_REQUEST_NEW] = 1;
    submit_key(t, "ann", "patient", "{}", "k");
    submit_key(t, "ann", "patient", "{}", "k");
    release(t);
    expect(t,
           "person 101: error store_unavailable: The request could not be saved and was not "
           "accepted, retry after 1000",
           "person 101: error store_unavailable: The request could not be saved and was not "
           "accepted, retry after 1000");
    submit_key(t, "ann", "patient", "{\"other\":1}", "k");
    expect(t, "person 101: submitted r2 at 1");
}

static void a_key_of_a_refused_submit_is_free(void **state)
{
    struct rig *t = *state;
    submit_key(t, "ann", "den", "{}", "k");
    expect(t, "person 101: error app_disconnected: Remote app not connected");
    join(t, 1);
    forget(t);
    submit_key(t, "ann", "den", "{\"other\":1}", "k");
    expect(t, "person 101: submitted r1 at 1", "app 1: request r1/1 of ann {\"other\":1}");
}

static void no_limit_stops_a_repeat(void **state)
{
    struct rig *t = patient(state);
    add_space(t, "slow", (struct space_record){.rate_limit_s = 60, .queue_offline = true});
    submit_key(t, "ann", "slow", "{}", "k");
    t->limits.unfinished_per_person = 1;
    t->limits.requests_per_minute = 1;
    t->limits.queue_per_space = 1;
    t->limits.idempotency_keys_per_person = 1;
    set_limits(t);
    feed(t, &(struct relay_event){.kind = EVENT_SHUTDOWN});
    forget(t);
    submit_key(t, "ann", "slow", "{}", "k");
    expect(t, "person 101: submitted r1 at 1");
}

static void a_key_ends_after_its_time_whatever_the_wall_clock_does(void **state)
{
    struct rig *t = patient(state);
    submit_key(t, "ann", "patient", "{}", "k");
    t->now.wall_ms += 3 * (int64_t)DAY_MS;
    pass(t, DAY_MS - 1);
    forget(t);
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, "person 101: submitted r1 at 1");
    t->now.wall_ms -= 6 * (int64_t)DAY_MS;
    pass(t, 1);
    submit_key(t, "ann", "patient", "{\"other\":1}", "k");
    expect(t, "person 101: submitted r2 at 2");
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, conflict);
}

static void keys_outlive_a_restart_and_end_in_their_time(void **state)
{
    struct rig *t = patient(state);
    submit_key(t, "ann", "patient", "{}", "k");
    pass(t, DAY_MS / 2);
    restart(t); /* takes 5 s */
    forget(t);
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, "person 101: submitted r1 at 1");
    submit_key(t, "ann", "patient", "{1}", "k");
    expect(t, conflict);
    pass(t, DAY_MS / 2 - 5001);
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, "person 101: submitted r1 at 1");
    pass(t, 1);
    submit_key(t, "ann", "patient", "{1}", "k");
    expect(t, "person 101: submitted r2 at 2");
    restart(t); /* both are on disk still: the newer one counts */
    forget(t);
    submit_key(t, "ann", "patient", "{1}", "k");
    expect(t, "person 101: submitted r2 at 2");
}

static void a_key_from_the_future_counts_as_new_after_a_restart(void **state)
{
    struct rig *t = patient(state);
    submit_key(t, "ann", "patient", "{}", "k");
    t->now.wall_ms -= 3 * (int64_t)DAY_MS;
    restart(t);
    pass(t, DAY_MS - 1);
    forget(t);
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, "person 101: submitted r1 at 1");
    submit_to(t, "ann", "patient", "{}", ""); /* its id is above the one from the future */
    expect(t, "person 101: submitted r2 at 2");
    pass(t, 1);
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, "person 101: submitted r3 at 3");
}

static void ended_keys_leave_the_disk_in_small_steps(void **state)
{
    struct rig *t = patient(state);
    char name[24];
    t->limits.unfinished_per_person = 1000;
    t->limits.requests_per_minute = 0;
    set_limits(t);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "k%d", i);
        submit_key(t, "ann", "patient", "{}", name);
    }
    assert_int_equal(t->disk.key_count, 300);
    pass(t, DAY_MS - 1);
    assert_int_equal(t->disk.key_count, 300);
    submit_key(t, "ann", "patient", "{}", "late");
    t->fail[CHANGE_KEYS_EXPIRED] = 1;
    show(t, SHOW_STORE);
    pass(t, 61000);
    expect(t, "save keys expired", "save keys expired",
           "save keys expired"); /* one of them again */
    assert_int_equal(t->disk.key_count, 1);
    restart(t);
    pass(t, DAY_MS + 60000);
    assert_int_equal(t->disk.key_count, 0);
}

static void keys_in_use_are_limited(void **state)
{
    struct rig *t = patient(state);
    t->limits.idempotency_keys_per_person = 2;
    set_limits(t);
    submit_key(t, "ann", "patient", "{}", "a");
    pass(t, 1000);
    submit_key(t, "ann", "patient", "{}", "b");
    forget(t);
    submit_key(t, "ann", "patient", "{}", "c");
    expect(t, "person 101: error rate_limited: You have too many idempotency keys in use, retry "
              "after 86459000");
    submit_to(t, "ann", "patient", "{}", "");
    expect(t, "person 101: submitted r3 at 3");
    submit_key(t, "ben", "patient", "{}", "c");
    expect(t, "person 102: submitted r4 at 2");
    pass(t, 86459000);
    submit_key(t, "ann", "patient", "{}", "c");
    expect(t, "person 101: submitted r5 at 5");
}

static void a_removed_space_s_keys_do_no_harm(void **state)
{
    struct rig *t = patient(state);
    submit_key(t, "ann", "patient", "{}", "k");
    command(t, (struct command){.kind = CMD_SPACE_REMOVE,
                                .actor = as(t, "root"),
                                .id = space(t, "patient")->id});
    forget(t);
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, "person 101: error not_found: Space not found");
    restart(t);
    add_space(t, "patient", (struct space_record){.queue_offline = true});
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, conflict);
}

static void pages_may_use_keys_too(void **state)
{
    struct rig *t = patient(state);
    struct bytes *payload = bytes_new(STR("{}"));
    struct command c = {.kind = CMD_SUBMIT,
                        .actor = as(t, "ann"),
                        .id = space(t, "patient")->id,
                        .payload = payload,
                        .idempotency_key = "k",
                        .payload_hash = rig_hash(STR("{}"))};
    command(t, c);
    command(t, c);
    expect(t, "reply ok, position 1", "reply ok, position 1");
    assert_true(uuid_eq(t->reply.id, request(t, 1)));
    c.payload_hash.b[0]++;
    command(t, c);
    expect(t, "reply idempotency_conflict: The idempotency key was used for another request");
    submit_key(t, "ann", "patient", "{}", "k");
    expect(t, "person 101: submitted r1 at 1");
    bytes_unref(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_repeat_gives_the_same_request_at_its_present_place),
        RIG_TEST(a_repeat_of_a_running_or_finished_request_starts_nothing),
        RIG_TEST(another_body_or_space_is_refused),
        RIG_TEST(a_key_is_its_person_s_own),
        RIG_TEST(submits_without_a_key_are_never_the_same),
        RIG_TEST(a_repeat_waits_while_the_first_is_being_saved),
        RIG_TEST(a_repeat_watches_only_what_is_still_being_saved),
        RIG_TEST(who_repeats_over_and_over_while_it_is_being_saved_is_told_to_wait),
        RIG_TEST(a_key_whose_request_was_not_saved_is_free_again),
        RIG_TEST(a_key_of_a_refused_submit_is_free),
        RIG_TEST(no_limit_stops_a_repeat),
        RIG_TEST(a_key_ends_after_its_time_whatever_the_wall_clock_does),
        RIG_TEST(keys_outlive_a_restart_and_end_in_their_time),
        RIG_TEST(a_key_from_the_future_counts_as_new_after_a_restart),
        RIG_TEST(ended_keys_leave_the_disk_in_small_steps),
        RIG_TEST(keys_in_use_are_limited),
        RIG_TEST(a_removed_space_s_keys_do_no_harm),
        RIG_TEST(pages_may_use_keys_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

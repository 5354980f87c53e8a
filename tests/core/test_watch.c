/* Topics: who may watch what, the whole picture at first, and how often changes are shown. */
#include "rig.h"

static void a_space_is_seen_as_it_is(void **state)
{
    struct rig *t = *state;
    subscribe(t, "ann", TOPIC_SPACE, space(t, "den")->id);
    expect(t, "person 101: subscribed space: den disconnected apps 0 slots 0 free 0 queue 0");
    join(t, 1, .concurrency = 3, .prefetch = 2);
    for (int i = 0; i < 7; i++)
        submit(t, "ann");
    forget(t);
    subscribe(t, "ann", TOPIC_SPACE, space(t, "den")->id);
    expect(t, "person 101: subscribed space: den connected apps 1 slots 3 free 0 queue 2");
}

static void all_spaces_are_seen_at_once(void **state)
{
    struct rig *t = *state;
    add_space(t, "attic", (struct space_record){0});
    subscribe(t, "ann", TOPIC_SPACES, (struct uuid){{0}});
    expect(t, "person 101: subscribed spaces: den disconnected apps 0 slots 0 free 0 queue 0"
              " attic disconnected apps 0 slots 0 free 0 queue 0");
}

static void what_is_not_there_and_what_is_not_theirs_read_the_same(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    submit(t, "ann");
    result(t, 1, lease(t, 1, 1));
    forget(t);
    subscribe(t, "ben", TOPIC_SPACE, rig_id(t));
    expect(t, "person 102: error not_found, topic space:x");
    subscribe(t, "ben", TOPIC_REQUEST, rig_id(t));
    subscribe(t, "ben", TOPIC_REQUEST, request(t, 1)); /* on disk */
    subscribe(t, "ben", TOPIC_REQUEST, request(t, 2)); /* in memory */
    expect(t, "person 102: error not_found, topic request:x",
           "person 102: error not_found, topic request:x",
           "person 102: error not_found, topic request:x");
    subscribe(t, "ben", TOPIC_ADMIN, (struct uuid){{0}});
    expect(t, "person 102: error not_found, topic admin");
    person_says(t, "ben",
                (struct client_msg){.kind = CLIENT_MSG_SUBSCRIBE, .topic_text = STR("weather")});
    expect(t, "person 102: error not_found, topic weather");
}

static void a_request_is_seen_as_it_is_now(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    delta(t, 1, lease(t, 1, 1), "Hel");
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_PROGRESS,
                              .lease = lease(t, 1, 1),
                              .progress = {.has_percent = true,
                                           .percent = 12,
                                           .has_message = true,
                                           .message = STR("warm")}});
    forget(t);
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 1));
    expect(t, "person 101: subscribed request: r1 processing attempt=1 percent=12 message=warm "
              "text=\"Hel\"");
    delta(t, 1, lease(t, 1, 1), "lo");
    app_says(t, 1,
             (struct app_msg){.kind = APP_MSG_RESULT,
                              .lease = lease(t, 1, 1),
                              .result = STR("{\"a\":1}"),
                              .usage = STR("{\"n\":1}")});
    forget(t);
    subscribe(t, "root", TOPIC_REQUEST, request(t, 1)); /* finished: from disk; admins see all */
    expect(t, "person 100: subscribed request: r1 completed attempt=1 text=\"Hello\" "
              "result={\"a\":1} usage={\"n\":1}");
}

static void a_failed_request_shows_its_error_and_a_cancelled_one_none(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    submit(t, "ann");
    app_error(t, 1, lease(t, 1, 1), false);
    cancel(t, "ann", 2);
    forget(t);
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 1));
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 2)); /* its slot still waits for the app */
    expect(
        t,
        "person 101: subscribed request: r1 failed attempt=1 text=\"\" error=app_error (no luck)",
        "person 101: subscribed request: r2 cancelled attempt=1 text=\"\"");
}

static void the_disk_s_failure_is_told(void **state)
{
    struct rig *t = *state;
    t->broken = true;
    subscribe(t, "ann", TOPIC_REQUEST, rig_id(t));
    expect(t, "person 101: error store_unavailable, topic request:x, retry after 1000");
}

static void a_request_s_life_is_shown(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    submit(t, "ann");
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 2));
    pass(t, 1000);
    show(t, SHOW_PUBLISH);
    result(t, 1, lease(t, 1, 1));
    expect(t, "final r1 completed result={\"a\":1}",
           "state r2 processing attempt=1 -position -eta -reason");
    cancel(t, "ann", 2);
    expect(t, "final r2 cancelled");
}

static void changes_of_a_space_come_at_most_every_200_ms(void **state)
{
    struct rig *t = *state;
    join(t, 1, .concurrency = 50);
    pass(t, 1000);
    show(t, SHOW_PUBLISH);
    for (int i = 0; i < 40; i++) {
        submit(t, "ann");
        result(t, 1, lease(t, t->names.count, 1));
        pass(t, 20);
    }
    size_t shown = 0;
    struct str line, rest = buf_str(&t->log);
    while (str_split(rest, '\n', &line, &rest))
        shown += str_starts(line, STR("space den"));
    assert_in_range(shown, 4, 5); /* 800 ms */
}

static void the_admin_s_numbers_come_each_second_while_watched(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    for (int i = 0; i < 4; i++)
        submit(t, "ann");
    pass(t, 2000);
    result(t, 1, lease(t, 1, 1));
    pass(t, 2000);
    app_error(t, 1, lease(t, 2, 1), false);
    forget(t);
    subscribe(t, "root", TOPIC_ADMIN, (struct uuid){{0}});
    expect(t, "person 100: subscribed admin: spaces 1 apps 1 people 4 queued 1 processing 1"
              " per minute 2 p50 4000 p99 4000 failed 1");
    show(t, SHOW_PUBLISH);
    pass(t, 999);
    forget(t);
    pass(t, 1);
    expect(t, "admin spaces 1 apps 1 people 4 queued 1 processing 1 per minute 2 p50 4000 p99 4000 "
              "failed 1");
    pass(t, 56000);
    forget(t);
    percent(t, 1, lease(t, 3, 1), 1);
    pass(t, 1001); /* the first one ended a minute ago */
    expect(t, "progress r3 percent=1",
           "admin spaces 1 apps 1 people 4 queued 1 processing 1 per minute 1 p50 4000 p99 4000 "
           "failed 1");
    unwatch(t, TOPIC_ADMIN, (struct uuid){{0}});
    pass(t, 5000);
    expect_nothing(t);
    subscribe(t, "root", TOPIC_ADMIN, (struct uuid){{0}});
    pass(t, 1000);
    expect(t, "admin spaces 1 apps 1 people 4 queued 1 processing 1 per minute 0 p50 4000 p99 4000 "
              "failed 0");
}

static void what_an_app_has_not_begun_is_told_from_what_it_works_on(void **state)
{
    struct rig *t = *state;
    show(t, SHOW_PUBLISH);
    join(t, 1, .concurrency = 1, .prefetch = 3);
    submit(t, "ann");
    submit(t, "ann");
    submit(t, "ann");
    submit(t, "ann");
    forget(t);
    show(t, SHOW_PEERS);
    for (size_t n = 1; n <= 3; n++)
        subscribe(t, "ann", TOPIC_REQUEST, request(t, n));
    expect(t, "person 101: subscribed request: r1 processing attempt=1 text=\"\"",
           "person 101: subscribed request: r2 processing attempt=1 reason=app_busy text=\"\"",
           "person 101: subscribed request: r3 processing attempt=1 reason=app_busy text=\"\"");
    show(t, SHOW_PUBLISH);
    percent(t, 1, lease(t, 3, 1), 1); /* it begins with the third of its own will */
    expect(t, "state r3 -reason", "progress r3 percent=1");
    percent(t, 1, lease(t, 3, 1), 2);
    expect(t, "progress r3 percent=2");
    result(t, 1, lease(t, 1, 1)); /* there is room for the second */
    expect(t, "final r1 completed result={\"a\":1}", "state r2 -reason");
    result(t, 1, lease(t, 2, 1));
    expect(t, "final r2 completed result={\"a\":1}");
    vanish(t, 1);
    forget(t);
    show(t, SHOW_PEERS);
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 4)); /* nobody knows */
    expect(t, "person 101: subscribed request: r4 processing attempt=1 text=\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_space_is_seen_as_it_is),
        RIG_TEST(all_spaces_are_seen_at_once),
        RIG_TEST(what_is_not_there_and_what_is_not_theirs_read_the_same),
        RIG_TEST(a_request_is_seen_as_it_is_now),
        RIG_TEST(a_failed_request_shows_its_error_and_a_cancelled_one_none),
        RIG_TEST(what_an_app_has_not_begun_is_told_from_what_it_works_on),
        RIG_TEST(the_disk_s_failure_is_told),
        RIG_TEST(a_request_s_life_is_shown),
        RIG_TEST(changes_of_a_space_come_at_most_every_200_ms),
        RIG_TEST(the_admin_s_numbers_come_each_second_while_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

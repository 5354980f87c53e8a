/* Several apps of one space: who gets the next request, what an admin does to them, and that no
 * place is ever taken twice. */
#include "rig.h"

static size_t hall_with(struct rig *t, uint32_t max_apps)
{
    add_space(t, "hall", (struct space_record){.max_apps = max_apps, .queue_offline = true});
    return add_token(t, "hall");
}

static struct uuid connection(struct rig *t, uint64_t number)
{
    command(t, (struct command){.kind = CMD_QUERY_APPS, .actor = as(t, "root")});
    assert_true(number <= t->reply.count);
    return t->reply.apps[number - 1].connection_id; /* in the order of their joining */
}

static void admin(struct rig *t, enum command_kind kind, uint64_t number)
{
    struct command c = {.kind = kind, .actor = as(t, "root"), .id = connection(t, number)};
    forget(t);
    command(t, c);
}

static void ask(struct rig *t, int count)
{
    for (int i = 0; i < count; i++)
        submit_to(t, "ann", "hall", "{}", "");
}

static void a_kicked_app_s_work_waits_for_it_or_goes_to_another(void **state)
{
    struct rig *t = *state;
    size_t hall = hall_with(t, 2);
    join(t, 1, .space = "hall", .token = hall, .instance = "a", .concurrency = 2);
    ask(t, 2);
    admin(t, CMD_APP_KICK, 1);
    expect(t, "close 1 4002: kicked by an admin", "reply ok");
    result(t, 1, lease(t, 1, 1)); /* it has not heard yet */
    expect(t, "app 1: error unauthorized: Send `register` first");
    join(t, 2, .space = "hall", .token = hall, .instance = "b", .concurrency = 2);
    forget(t);
    join(t, 3, .space = "hall", .token = hall, .instance = "a", .resume = {lease(t, 2, 1)},
         .resume_count = 1);
    expect(t, "app 3: registered: Successfully connected to space \"hall\", resumed r2/1 from 0",
           "app 2: request r1/2 of ann {}");
}

static void a_drained_app_s_share_goes_to_the_others(void **state)
{
    struct rig *t = *state;
    size_t hall = hall_with(t, 2);
    join(t, 1, .space = "hall", .token = hall, .concurrency = 4);
    join(t, 2, .space = "hall", .token = hall, .concurrency = 1);
    admin(t, CMD_APP_DRAIN, 1);
    expect(t, "reply ok");
    t->shown = SHOW(EFFECT_APP_SEND);
    ask(t, 3);
    expect(t, "app 2: request r1/1 of ann {}");
    result(t, 2, lease(t, 1, 1));
    expect(t, "app 2: ack r1/1 ok", "app 2: request r2/1 of ann {}");
    leave_cleanly(t, 1);
    expect_nothing(t);
}

static void a_drained_app_that_goes_gives_its_work_to_the_others(void **state)
{
    struct rig *t = *state;
    size_t hall = hall_with(t, 2);
    join(t, 1, .space = "hall", .token = hall);
    ask(t, 2);
    admin(t, CMD_APP_DRAIN, 1);
    join(t, 2, .space = "hall", .token = hall);
    show(t, SHOW(EFFECT_APP_SEND));
    leave_cleanly(t, 1);
    expect_nothing(t); /* app 2 has its one */
    result(t, 2, lease(t, 2, 1));
    expect(t, "app 2: ack r2/1 ok", "app 2: request r1/2 of ann {}");
}

static void lowering_the_number_of_apps_sends_nobody_away_and_lets_nobody_in(void **state)
{
    struct rig *t = *state;
    size_t hall = hall_with(t, 2);
    join(t, 1, .space = "hall", .token = hall);
    join(t, 2, .space = "hall", .token = hall, .instance = "b");
    ask(t, 2);
    struct command c = {.kind = CMD_SPACE_EDIT,
                        .actor = as(t, "root"),
                        .members = SPACE_ALL,
                        .space = *space(t, "hall")};
    c.space.max_apps = 1;
    command(t, c);
    show(t, SHOW(EFFECT_APP_SEND));
    result(t, 1, lease(t, 1, 1));
    result(t, 2, lease(t, 2, 1));
    expect(t, "app 1: ack r1/1 ok", "app 2: ack r2/1 ok");
    ask(t, 2);
    expect(t, "app 1: request r3/1 of ann {}", "app 2: request r4/1 of ann {}");
    vanish(t, 2);
    join(t, 3, .space = "hall", .token = hall, .instance = "b", .resume = {lease(t, 4, 1)},
         .resume_count = 1);
    expect(t, "app 3: refused space_taken: Space already has a connected app");
    vanish(t, 1);
    forget(t);
    join(t, 4, .space = "hall", .token = hall, .instance = "b", .resume = {lease(t, 4, 1)},
         .resume_count = 1);
    /* The last place is taken: nobody waits for app 1 any more. */
    expect(t, "app 4: registered: Successfully connected to space \"hall\", resumed r4/1 from 0");
    result(t, 4, lease(t, 4, 1));
    expect(t, "app 4: ack r4/1 ok", "app 4: request r3/2 of ann {}");
}

/* The attempt was saved for the old connection; it goes out on none, and the place is the new
 * one's. */
static void a_replaced_connection_s_attempt_under_way_takes_no_place(void **state)
{
    struct rig *t = *state;
    size_t hall = hall_with(t, 1);
    ask(t, 2);
    t->hold = true;
    join(t, 1, .space = "hall", .token = hall, .instance = "a");
    join(t, 2, .space = "hall", .token = hall, .instance = "a");
    show(t, SHOW(EFFECT_APP_SEND));
    release(t);
    expect(t, "app 2: request r2/1 of ann {}");
    result(t, 2, lease(t, 2, 1));
    expect(t, "app 2: ack r2/1 ok", "app 2: request r1/2 of ann {}");
}

static void late_doubled_and_foreign_results_change_nothing(void **state)
{
    struct rig *t = *state;
    size_t hall = hall_with(t, 2);
    join(t, 1, .space = "hall", .token = hall);
    join(t, 2, .space = "hall", .token = hall);
    ask(t, 1);
    forget(t);
    result(t, 2, lease(t, 1, 1)); /* foreign */
    expect(t, "app 2: ack r1/1 stale_attempt");
    app_error(t, 1, lease(t, 1, 1), true);
    expect(t, "app 1: ack r1/1 ok", "app 1: request r1/2 of ann {}");
    result(t, 1, lease(t, 1, 1)); /* late */
    expect(t, "app 1: ack r1/1 stale_attempt");
    app_says(t, 1,
             (struct app_msg){
                 .kind = APP_MSG_RESULT, .lease = lease(t, 1, 2), .result = STR("{\"first\":1}")});
    forget(t);
    app_says(t, 1,
             (struct app_msg){
                 .kind = APP_MSG_RESULT, .lease = lease(t, 1, 2), .result = STR("{\"again\":2}")});
    expect(t, "app 1: ack r1/2 ok"); /* doubled: the first one holds */
    result(t, 2, lease(t, 1, 2));
    result(t, 2, lease(t, 1, 3));
    forget(t);
    struct disk_request *q = disk_request(&t->disk, request(t, 1));
    assert_true(str_eq(bytes_str(q->rec.result), STR("{\"first\":1}")));
    assert_int_equal(q->finals, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_kicked_app_s_work_waits_for_it_or_goes_to_another),
        RIG_TEST(a_drained_app_s_share_goes_to_the_others),
        RIG_TEST(a_drained_app_that_goes_gives_its_work_to_the_others),
        RIG_TEST(lowering_the_number_of_apps_sends_nobody_away_and_lets_nobody_in),
        RIG_TEST(a_replaced_connection_s_attempt_under_way_takes_no_place),
        RIG_TEST(late_doubled_and_foreign_results_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

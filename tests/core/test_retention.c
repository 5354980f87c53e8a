/* The removal of old requests: when it is wanted, in steps, and by which clock. */
#include "rig.h"

#define DAY_MS INT64_C(86400000)

static void keep_days(struct rig *t, uint64_t days)
{
    t->limits.retention_days = days;
    set_limits(t);
}

static void nothing_is_removed_unless_that_is_wanted(void **state)
{
    struct rig *t = *state;
    pass(t, 7200000);
    assert_int_equal(t->disk.retentions, 0);
    keep_days(t, 30);
    pass(t, 60000);
    assert_int_equal(t->disk.retentions, 1);
    assert_in_range(t->now.wall_ms - 30 * DAY_MS - t->disk.retained_before_ms, 0, 60000);
    keep_days(t, 0);
    pass(t, 7200000);
    assert_int_equal(t->disk.retentions, 1);
}

static void steps_follow_each_other_until_nothing_is_left(void **state)
{
    struct rig *t = *state;
    keep_days(t, 1);
    t->disk.retention_steps = 30;
    pass(t, 1000); /* the first look */
    assert_int_equal(t->disk.retentions, 1);
    pass(t, 99);
    assert_int_equal(t->disk.retentions, 1);
    pass(t, 1);
    assert_int_equal(t->disk.retentions, 2);
    for (int i = 0; i < 28; i++)
        pass(t, 100);
    assert_int_equal(t->disk.retentions, 30);
    pass(t, 59999);
    assert_int_equal(t->disk.retentions, 30);
    pass(t, 1);
    assert_int_equal(t->disk.retentions, 31);
}

static void a_step_is_not_begun_before_the_one_before_is_saved(void **state)
{
    struct rig *t = *state;
    keep_days(t, 1);
    t->hold = true;
    for (int i = 0; i < 100; i++)
        pass(t, 60000);
    release(t);
    assert_int_equal(t->disk.retentions, 1);
}

static void a_step_that_fails_is_tried_with_the_next_look(void **state)
{
    struct rig *t = *state;
    keep_days(t, 1);
    t->disk.retention_steps = 2;
    t->fail[CHANGE_RETENTION] = 1;
    pass(t, 1000);
    assert_int_equal(t->disk.retentions, 0);
    pass(t, 59999);
    assert_int_equal(t->disk.retentions, 0);
    pass(t, 1);
    assert_int_equal(t->disk.retentions, 1);
}

static void a_clock_that_was_set_forward_removes_nothing_before_its_time(void **state)
{
    struct rig *t = *state;
    keep_days(t, 2);
    int64_t true_ms = t->now.wall_ms;
    t->now.wall_ms += 3 * DAY_MS;
    pass(t, 60000);
    assert_in_range(t->disk.retained_before_ms, true_ms - 2 * DAY_MS, true_ms + 60000 - 2 * DAY_MS);
    t->now.wall_ms = true_ms - 3 * DAY_MS; /* and one set back, later */
    pass(t, 60000);
    assert_true(t->disk.retained_before_ms <= t->now.wall_ms - 2 * DAY_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(nothing_is_removed_unless_that_is_wanted),
        RIG_TEST(steps_follow_each_other_until_nothing_is_left),
        RIG_TEST(a_step_is_not_begun_before_the_one_before_is_saved),
        RIG_TEST(a_step_that_fails_is_tried_with_the_next_look),
        RIG_TEST(a_clock_that_was_set_forward_removes_nothing_before_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

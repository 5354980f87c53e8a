#include "hub/timers.h"

#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct alarm {
    struct timer timer;
    struct timers *timers;
    unsigned fired, again; /* again: how often it sets itself for "now" */
    unsigned order;
};

static unsigned fired_so_far;

static void on_alarm(struct timer *t)
{
    struct alarm *a = CONTAINER_OF(t, struct alarm, timer);
    a->fired++;
    a->order = ++fired_so_far;
    if (a->again) {
        a->again--;
        timers_set(a->timers, t, 0);
    }
}

static struct alarm alarm_of(struct timers *t)
{
    return (struct alarm){.timer.due = on_alarm, .timers = t};
}

static int set_up(void **state)
{
    static struct timers t;
    struct event_base *base = event_base_new();
    timers_init(&t, base);
    fired_so_far = 0;
    *state = &t;
    return 0;
}

static int tear_down(void **state)
{
    struct timers *t = *state;
    timers_release(t);
    event_base_free(t->base);
    return 0;
}

static void timers_fire_in_order_and_once(void **state)
{
    struct timers *t = *state;
    struct alarm a = alarm_of(t), b = alarm_of(t), c = alarm_of(t);
    uint64_t now = timers_now(t);
    timers_set(t, &a.timer, now + 20);
    timers_set(t, &b.timer, now + 5);
    timers_set(t, &c.timer, 0);
    event_base_dispatch(t->base); /* ends when nothing is set any more */
    assert_int_equal(a.fired + b.fired + c.fired, 3);
    assert_int_equal(c.order, 1);
    assert_int_equal(b.order, 2);
    assert_int_equal(a.order, 3);
    assert_true(timers_now(t) >= now + 20);
}

static void timers_can_be_moved_and_stopped(void **state)
{
    struct timers *t = *state;
    struct alarm a = alarm_of(t), b = alarm_of(t), c = alarm_of(t);
    uint64_t now = timers_now(t);
    timers_set(t, &a.timer, now + 100000);
    timers_set(t, &a.timer, now + 10); /* earlier */
    timers_set(t, &b.timer, now + 1);
    timers_set(t, &b.timer, now + 20); /* later */
    timers_set(t, &c.timer, now + 5);
    timers_stop(t, &c.timer);
    timers_stop(t, &c.timer);
    event_base_dispatch(t->base);
    assert_int_equal(a.order, 1);
    assert_int_equal(b.order, 2);
    assert_int_equal(c.fired, 0);
    assert_true(timers_now(t) < now + 100000);
}

static void set_by_only_moves_to_earlier(void **state)
{
    struct timers *t = *state;
    struct alarm a = alarm_of(t);
    uint64_t now = timers_now(t);
    timers_set_by(t, &a.timer, now + 50);
    timers_set_by(t, &a.timer, now + 70);
    assert_int_equal(a.timer.node.key, now + 50);
    timers_set_by(t, &a.timer, now + 10);
    assert_int_equal(a.timer.node.key, now + 10);
    timers_stop(t, &a.timer);
}

static void timer_that_sets_itself_for_now_waits_for_the_next_turn(void **state)
{
    struct timers *t = *state;
    struct alarm a = alarm_of(t);
    a.again = 3;
    timers_set(t, &a.timer, 0);
    for (unsigned turn = 1; turn <= 4; turn++) {
        event_base_loop(t->base, EVLOOP_ONCE);
        assert_int_equal(a.fired, turn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_and_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timers_can_be_moved_and_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(set_by_only_moves_to_earlier, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timer_that_sets_itself_for_now_waits_for_the_next_turn,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "hub/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define IDLE_MS 1000

static const struct limits LIMITS = {.pace_window_ms = 3000, .pace_bytes_per_s = 100};

static void silence_is_too_slow(void **state)
{
    (void)state;
    struct pace p;
    pace_start(&p, 5000);
    assert_int_equal(pace_due(&p, &LIMITS, IDLE_MS), 6000);
    assert_true(pace_check(&p, &LIMITS, IDLE_MS, 5999));
    assert_false(pace_check(&p, &LIMITS, IDLE_MS, 6000));
}

static void bytes_end_a_silence(void **state)
{
    (void)state;
    struct pace p;
    pace_start(&p, 5000);
    pace_feed(&p, 1, 5900);
    assert_true(pace_check(&p, &LIMITS, IDLE_MS, 6800));
    assert_int_equal(pace_due(&p, &LIMITS, IDLE_MS), 6900);
}

/* Feeds n bytes every 500 ms for a window and returns the verdict at its end. */
static bool window_passes(struct pace *p, uint64_t from_ms, size_t n)
{
    for (uint64_t t = 500; t < LIMITS.pace_window_ms; t += 500)
        pace_feed(p, n, from_ms + t);
    assert_int_equal(pace_due(p, &LIMITS, IDLE_MS), from_ms + LIMITS.pace_window_ms);
    return pace_check(p, &LIMITS, IDLE_MS, from_ms + LIMITS.pace_window_ms);
}

static void every_window_must_keep_the_pace(void **state)
{
    (void)state;
    struct pace p;
    pace_start(&p, 5000);
    assert_true(window_passes(&p, 5000, 60)); /* 5 * 60 = 3 s * 100 bytes */
    assert_true(window_passes(&p, 8000, 1000));
    assert_false(window_passes(&p, 11000, 59)); /* earlier haste does not help */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_too_slow),
        cmocka_unit_test(bytes_end_a_silence),
        cmocka_unit_test(every_window_must_keep_the_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "bench/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define NS_PER_HOUR 3600000000000u

static struct histogram h;

static void add_all(uint64_t from, uint64_t to, uint64_t step)
{
    for (uint64_t ns = from; ns <= to; ns += step)
        histogram_add(&h, ns);
}

/* At most 1/128 above, never below. */
static void assert_near(uint64_t got, uint64_t value)
{
    assert_true(got >= value);
    assert_true(got <= value + value / HISTOGRAM_SUB + 1);
}

static void an_empty_histogram_says_zero(void **state)
{
    (void)state;
    histogram_clear(&h);
    assert_int_equal(histogram_at(&h, 0.5), 0);
    assert_int_equal(histogram_at(&h, 1), 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    histogram_clear(&h);
    add_all(1, 100, 1);
    assert_int_equal(h.count, 100);
    assert_int_equal(histogram_at(&h, 0.01), 1);
    assert_int_equal(histogram_at(&h, 0.5), 50);
    assert_int_equal(histogram_at(&h, 0.99), 99);
    assert_int_equal(histogram_at(&h, 1), 100);
}

static void percentiles_are_near_at_every_scale(void **state)
{
    (void)state;
    for (uint64_t scale = 1; scale <= NS_PER_HOUR / 10000; scale *= 7) {
        histogram_clear(&h);
        add_all(scale, 10000 * scale, scale);
        assert_near(histogram_at(&h, 0.5), 5000 * scale);
        assert_near(histogram_at(&h, 0.9), 9000 * scale);
        assert_near(histogram_at(&h, 0.999), 9990 * scale);
        assert_int_equal(histogram_at(&h, 1), 10000 * scale);
    }
}

static void one_outlier_shows_only_where_it_belongs(void **state)
{
    (void)state;
    histogram_clear(&h);
    for (int i = 0; i < 999; i++)
        histogram_add(&h, 1000);
    histogram_add(&h, NS_PER_HOUR);
    assert_near(histogram_at(&h, 0.99), 1000);
    assert_near(histogram_at(&h, 0.999), 1000);
    assert_int_equal(histogram_at(&h, 0.9999), NS_PER_HOUR);
    assert_int_equal(h.max_ns, NS_PER_HOUR);
}

static void absurd_values_do_no_harm(void **state)
{
    (void)state;
    histogram_clear(&h);
    histogram_add(&h, 0);
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(histogram_at(&h, 0.5), 0);
    assert_int_equal(h.max_ns, UINT64_MAX);
    assert_true(histogram_at(&h, 1) > NS_PER_HOUR);
}

static void merging_adds_up(void **state)
{
    static struct histogram sum;
    (void)state;
    histogram_clear(&sum);
    for (uint64_t part = 0; part < 4; part++) {
        histogram_clear(&h);
        add_all(1 + part, 100000, 4);
        histogram_merge(&sum, &h);
    }
    assert_int_equal(sum.count, 100000);
    assert_int_equal(sum.max_ns, 100000);
    assert_near(histogram_at(&sum, 0.25), 25000);
    assert_near(histogram_at(&sum, 0.75), 75000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_says_zero),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(percentiles_are_near_at_every_scale),
        cmocka_unit_test(one_outlier_shows_only_where_it_belongs),
        cmocka_unit_test(absurd_values_do_no_harm),
        cmocka_unit_test(merging_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

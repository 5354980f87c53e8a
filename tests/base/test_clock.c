#include "base/clock.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DAY_MS INT64_C(86400000)
#define MIN_MS INT64_C(-62167219200000)
#define MAX_MS INT64_C(253402300799999)

static void both_clocks_are_read(void **state)
{
    (void)state;
    time_t before = time(NULL);
    struct now a = clock_now();
    uint64_t us = clock_mono_us();
    struct now b = clock_now();
    assert_true(a.mono_ms <= us / 1000 && us / 1000 <= b.mono_ms);
    for (uint64_t last = us, end = us + 5000; last < end;) { /* crosses whole milliseconds */
        uint64_t next = clock_mono_us();
        assert_true(next >= last);
        last = next;
    }
    /* time() may read a coarser clock, a tick behind */
    assert_in_range(a.wall_ms / 1000, before, time(NULL) + 1);
}

static void known_instants_are_written(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *rfc3339, *http;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
        {INT64_C(784111777000), "1994-11-06T08:49:37.000Z", "Sun, 06 Nov 1994 08:49:37 GMT"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
        {INT64_C(1767873600005), "2026-01-08T12:00:00.005Z", "Thu, 08 Jan 2026 12:00:00 GMT"},
        {INT64_C(4107542399999), "2100-02-28T23:59:59.999Z", "Sun, 28 Feb 2100 23:59:59 GMT"},
        {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT"},
        {MIN_MS, "0000-01-01T00:00:00.000Z", "Sat, 01 Jan 0000 00:00:00 GMT"},
        {MAX_MS, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[RFC3339_BYTES], date[HTTP_DATE_BYTES];
        rfc3339_format(cases[i].ms, text);
        http_date_format(cases[i].ms, date);
        assert_string_equal(text, cases[i].rfc3339);
        assert_string_equal(date, cases[i].http);
    }
}

static void instants_beyond_four_digits_stop_at_the_ends(void **state)
{
    (void)state;
    char text[RFC3339_BYTES], date[HTTP_DATE_BYTES], local[LOCAL_TIME_BYTES];
    rfc3339_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    rfc3339_format(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
    http_date_format(INT64_MAX, date);
    assert_string_equal(date, "Fri, 31 Dec 9999 23:59:59 GMT");
    http_date_format(INT64_MIN, date);
    assert_string_equal(date, "Sat, 01 Jan 0000 00:00:00 GMT");
    local_time_format(INT64_MAX, local);
    assert_int_equal(strlen(local), LOCAL_TIME_BYTES - 1);
    local_time_format(INT64_MIN, local);
    assert_int_equal(strlen(local), LOCAL_TIME_BYTES - 1);
}

static int days_in_month(int year, int month)
{
    if (month == 2)
        return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static int digits(const char *text, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

static void check_day(int64_t ms, int year, int month, int day)
{
    char text[RFC3339_BYTES];
    int64_t back = 0;
    rfc3339_format(ms, text);
    bool same =
        digits(text, 4) == year && digits(text + 5, 2) == month && digits(text + 8, 2) == day;
    if (!same || rfc3339_parse(str_of(text), &back) || back != ms)
        fail_msg("%s for %d-%d-%d", text, year, month, day);
}

/* Counts the days one by one and compares. */
static void every_day_of_ten_thousand_years_is_right(void **state)
{
    (void)state;
    int64_t ms = MIN_MS + 1;
    for (int year = 0; year <= 9999; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= days_in_month(year, month); day++, ms += DAY_MS)
                check_day(ms, year, month, day);
    assert_int_equal(ms, MAX_MS + 2);
}

static void every_second_of_a_day_is_right(void **state)
{
    (void)state;
    for (int64_t s = 0; s < 86400; s++) {
        char text[RFC3339_BYTES], want[64];
        rfc3339_format(s * 1000 + s % 1000, text);
        snprintf(want, sizeof want, "1970-01-01T%02d:%02d:%02d.%03dZ", (int)(s / 3600),
                 (int)(s / 60 % 60), (int)(s % 60), (int)(s % 1000));
        assert_string_equal(text, want);
    }
}

static void what_follows_rfc_3339_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        /* section 5.8 */
        {"1985-04-12T23:20:50.52Z", INT64_C(482196050520)},
        {"1996-12-19T16:39:57-08:00", INT64_C(851042397000)},
        {"1990-12-31T23:59:60Z", INT64_C(662688000000)},
        {"1990-12-31T15:59:60-08:00", INT64_C(662688000000)},
        {"1937-01-01T12:00:27.87+00:20", INT64_C(-1041337172130)},
        /* the epoch from everywhere */
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00+00:00", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T23:59:00+23:59", 0},
        {"1969-12-31T00:01:00-23:59", 0},
        {"1970-01-01T05:30:00.000+05:30", 0},
        /* fractions: any number of digits, cut */
        {"1970-01-01T00:00:00.1Z", 100},
        {"1970-01-01T00:00:00.01Z", 10},
        {"1970-01-01T00:00:00.001Z", 1},
        {"1970-01-01T00:00:00.0009999Z", 0},
        {"1970-01-01T00:00:00.999999999999999999999999999999999999Z", 999},
        {"1969-12-31T23:59:59.999Z", -1},
        /* leap years */
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"2024-02-29T23:59:59Z", INT64_C(1709251199000)},
        {"0000-02-29T00:00:00Z", MIN_MS + 59 * DAY_MS},
        /* leap seconds */
        {"2016-12-31T23:59:60.5Z", INT64_C(1483228800500)},
        {"2017-01-01T05:29:60+05:30", INT64_C(1483228800000)},
        {"1972-06-30T23:59:60Z", INT64_C(78796800000)},
        /* the ends */
        {"0000-01-01T00:00:00Z", MIN_MS},
        {"9999-12-31T23:59:59.999Z", MAX_MS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 42;
        if (rfc3339_parse(str_of(cases[i].text), &ms) || ms != cases[i].ms)
            fail_msg("%s gives %" PRId64, cases[i].text, ms);
    }
}

static void what_does_not_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "", "Z", "1970", "1970-01-01", "1970-01-01T", "1970-01-01T00:00Z", "1970-01-01T00:00:00",
        "1970-01-01 00:00:00Z", "19700101T000000Z", "970-01-01T00:00:00Z", "01970-01-01T00:00:00Z",
        "-970-01-01T00:00:00Z", "+1970-01-01T00:00:00Z", "1970-1-01T00:00:00Z",
        "1970-01-1T00:00:00Z", "1970/01/01T00:00:00Z", " 1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z ", "1970-01-01T00:00:00ZZ", "1970-01-01T00:00:00Z+00:00",
        "197:-01-01T00:00:00Z", "1970-0:-01T00:00:00Z", "1970-01-0;T00:00:00Z",
        "1970-01-1/T00:00:00Z", "1970-01-01T0::00:00Z", "1970-01-01T00:0?:00Z",
        "1970-01-01T00:00:0<Z", "1970-01-01T00:00:00+0::00", "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z", "1970-01-00T00:00:00Z", "1970-01-32T00:00:00Z",
        "1970-04-31T00:00:00Z", "1970-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z", "2024-02-30T00:00:00Z", "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z", "1970-01-01T-1:00:00Z",
        "1970-01-01T 1:00:00Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00.5", "1970-01-01T00:00:00.5xZ", "1970-01-01T00:00:00+00",
        "1970-01-01T00:00:00+0000", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+00:60",
        "1970-01-01T00:00:00+0:00", "1970-01-01T00:00:00 +00:00",
        /* not the end of a month in UTC */
        "1990-12-30T23:59:60Z", "1990-12-31T22:59:60Z", "1990-12-31T23:58:60Z",
        "1990-12-31T23:59:60-08:00", "2000-02-28T23:59:60Z",
        /* beyond the ends */
        "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 42;
        if (rfc3339_parse(str_of(cases[i]), &ms) != ERR_SYNTAX || ms != 42)
            fail_msg("%s", cases[i]);
    }
    int64_t ms = 42;
    for (size_t n = 0; n < 29; n++) /* what lies beyond the end does not count */
        assert_int_equal(rfc3339_parse(str_slice("1970-01-01T00:00:00.000+00:00", n), &ms),
                         ERR_SYNTAX);
    assert_int_equal(rfc3339_parse(str_slice("1970-01-01T00:00:00Z", 19), &ms), ERR_SYNTAX);
    assert_int_equal(rfc3339_parse(str_slice(NULL, 0), &ms), ERR_SYNTAX);
    assert_int_equal(rfc3339_parse(str_slice("1970-01-01T00:00:00\0Z", 21), &ms), ERR_SYNTAX);
    assert_int_equal(rfc3339_parse(str_slice("1970-01-01T00:00:00Z\0", 21), &ms), ERR_SYNTAX);
}

static void local_time_follows_the_zone(void **state)
{
    (void)state;
    char text[LOCAL_TIME_BYTES];
    setenv("TZ", "CST-8", 1);
    tzset();
    local_time_format(INT64_C(1767895200999), text);
    assert_string_equal(text, "2026-01-09 02:00:00");
    local_time_format(MAX_MS, text); /* year 10000 there */
    assert_int_equal(strlen(text), LOCAL_TIME_BYTES - 1);
    setenv("TZ", "EST5", 1);
    tzset();
    local_time_format(-1, text);
    assert_string_equal(text, "1969-12-31 18:59:59");
    local_time_format(MIN_MS, text); /* year -1 there */
    assert_int_equal(strlen(text), LOCAL_TIME_BYTES - 1);
    unsetenv("TZ");
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_clocks_are_read),
        cmocka_unit_test(known_instants_are_written),
        cmocka_unit_test(instants_beyond_four_digits_stop_at_the_ends),
        cmocka_unit_test(every_day_of_ten_thousand_years_is_right),
        cmocka_unit_test(every_second_of_a_day_is_right),
        cmocka_unit_test(what_follows_rfc_3339_is_read),
        cmocka_unit_test(what_does_not_is_refused),
        cmocka_unit_test(local_time_follows_the_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct str none = {NULL, 0};

static void comparing_looks_at_every_byte(void **state)
{
    (void)state;
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_false(str_eq(STR("a"), STR("ab")));
    assert_true(str_eq(none, STR("")));
    assert_true(str_eq(str_of(NULL), str_of("")));
    assert_non_null(str_of(NULL).p);
    assert_true(str_eq_nocase(STR("Sec-WebSocket-Key"), STR("sec-websocket-KEY")));
    assert_false(str_eq_nocase(STR("a"), STR("ab")));
    assert_false(str_eq_nocase(STR("[@"), STR("{`"))); /* 32 apart, but no letters */
    assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
    assert_true(
        str_eq_nocase(STR("abcdefghijklmnopqrstuvwxyz"), STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ")));
    assert_true(str_eq_nocase(none, none));
}

static void order_is_bytewise_and_shorter_first(void **state)
{
    (void)state;
    static const char *const ascending[] = {"",    "A",  "AB",   "B",    "a",
                                            "a b", "ab", "\x7f", "\x80", "\xff"};
    for (size_t i = 0; i < COUNT(ascending); i++)
        for (size_t j = 0; j < COUNT(ascending); j++) {
            int order = str_cmp(str_of(ascending[i]), str_of(ascending[j]));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    assert_int_equal(str_cmp(none, none), 0);
    assert_true(str_cmp(none, STR("a")) < 0);
}

static void prefixes_and_suffixes_are_found(void **state)
{
    (void)state;
    assert_true(str_starts(STR("/api/v1"), STR("/api/")));
    assert_false(str_starts(STR("/ap"), STR("/api")));
    assert_false(str_starts(STR("/apx"), STR("/api")));
    assert_true(str_starts(STR("x"), none));
    assert_true(str_starts(none, none));
    assert_true(str_ends(STR("a.css"), STR(".css")));
    assert_false(str_ends(STR("css"), STR(".css")));
    assert_false(str_ends(STR("a.csx"), STR(".css")));
    assert_true(str_ends(STR("x"), none));
    assert_true(str_ends(none, none));
}

static void trimming_takes_blanks_at_both_ends_only(void **state)
{
    (void)state;
    assert_true(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
    assert_true(str_eq(str_trim(STR(" \t ")), STR("")));
    assert_true(str_eq(str_trim(STR("\na\r")), STR("\na\r")));
    assert_true(str_eq(str_trim(none), STR("")));
}

static void splitting_is_at_the_first_separator(void **state)
{
    (void)state;
    struct str head, rest;
    assert_true(str_split(STR("a=b=c"), '=', &head, &rest));
    assert_true(str_eq(head, STR("a")));
    assert_true(str_eq(rest, STR("b=c")));
    assert_true(str_split(STR("="), '=', &head, &rest));
    assert_int_equal(head.n + rest.n, 0);
    assert_false(str_split(STR("abc"), '=', &head, &rest));
    assert_true(str_eq(head, STR("abc")));
    assert_int_equal(rest.n, 0);
    assert_false(str_split(none, '=', &head, &rest));
    assert_int_equal(head.n + rest.n, 0);
    assert_int_equal(str_find(STR("abc"), 'c'), 2);
    assert_int_equal(str_find(STR("abc"), 'x'), 3);
    assert_int_equal(str_find(none, 'x'), 0);
}

static void whole_numbers_up_to_the_maximum_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max, value;
    } cases[] = {
        {"0", 0, 0},
        {"7", 7, 7},
        {"10", 10, 10},
        {"65535", 65535, 65535},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX},
        {"18446744073709551614", UINT64_MAX - 1, UINT64_MAX - 1},
        {"9223372036854775807", INT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = 42;
        assert_int_equal(str_to_u64(str_of(cases[i].text), cases[i].max, &value), OK);
        assert_true(value == cases[i].value);
    }
}

static void anything_else_is_no_number(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
    } cases[] = {
        {"", 9},
        {"-1", 9},
        {"+1", 9},
        {" 1", 9},
        {"1 ", 9},
        {"01", 9},
        {"00", 9},
        {"0x1", 99},
        {"1e1", 99},
        {"1.0", 99},
        {"1", 0},
        {"8", 7},
        {"11", 10},
        {"100", 99},
        {"65536", 65535},
        {"18446744073709551615", UINT64_MAX - 1},
        {"18446744073709551616", UINT64_MAX},
        {"18446744073709551620", UINT64_MAX},
        {"184467440737095516150", UINT64_MAX},
        {"99999999999999999999999999999999999999", UINT64_MAX},
        {"\xd9\xa1", 9},
        {"1:", 99},
        {"1/", 99},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = 42;
        if (str_to_u64(str_of(cases[i].text), cases[i].max, &value) != ERR_SYNTAX || value != 42)
            fail_msg("\"%s\"", cases[i].text);
    }
    uint64_t value;
    assert_int_equal(str_to_u64(none, 9, &value), ERR_SYNTAX);
    assert_int_equal(str_to_u64(str_slice("1\0", 2), 9, &value), ERR_SYNTAX);
}

static void every_small_number_meets_every_small_maximum(void **state)
{
    (void)state;
    for (uint64_t max = 0; max < 130; max++)
        for (uint64_t n = 0; n < 130; n++) {
            char text[4], *p = text + 3;
            uint64_t rest = n, value = 1000;
            do
                *--p = (char)('0' + rest % 10);
            while (rest /= 10);
            enum err e = str_to_u64(str_slice(p, (size_t)(text + 3 - p)), max, &value);
            assert_int_equal(e, n <= max ? OK : ERR_SYNTAX);
            assert_int_equal(value, n <= max ? n : 1000);
        }
}

static void signed_numbers_have_two_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min, max;
        enum err e;
        int64_t value;
    } cases[] = {
        {"-9223372036854775808", INT64_MIN, INT64_MAX, OK, INT64_MIN},
        {"9223372036854775807", INT64_MIN, INT64_MAX, OK, INT64_MAX},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, ERR_SYNTAX, 42},
        {"9223372036854775808", INT64_MIN, INT64_MAX, ERR_SYNTAX, 42},
        {"-1", -1, 1, OK, -1},
        {"-2", -1, 1, ERR_SYNTAX, 42},
        {"2", -1, 1, ERR_SYNTAX, 42},
        {"0", 1, 5, ERR_SYNTAX, 42},
        {"-0", -1, 1, OK, 0},
        {"-", -9, 9, ERR_SYNTAX, 42},
        {"--1", -9, 9, ERR_SYNTAX, 42},
        {"-01", -9, 9, ERR_SYNTAX, 42},
        {"- 1", -9, 9, ERR_SYNTAX, 42},
        {"+1", -9, 9, ERR_SYNTAX, 42},
        {"", -9, 9, ERR_SYNTAX, 42},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 42;
        enum err e = str_to_i64(str_of(cases[i].text), cases[i].min, cases[i].max, &value);
        if (e != cases[i].e || value != cases[i].value)
            fail_msg("\"%s\"", cases[i].text);
    }
}

static void nothing_is_no_signed_number(void **state)
{
    (void)state;
    int64_t value;
    assert_int_equal(str_to_i64(none, -9, 9, &value), ERR_SYNTAX);
    assert_int_equal(str_to_i64(str_slice("-1", 0), -9, 9, &value), ERR_SYNTAX);
    assert_int_equal(str_to_i64(str_slice("-1", 1), -9, 9, &value), ERR_SYNTAX);
}

static void durations_have_a_unit_or_are_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"90d", INT64_C(7776000000)},
        {"12h", 43200000},
        {"30m", 1800000},
        {"45s", 45000},
        {"1500ms", 1500},
        {"120", 120000},
        {"0", 0},
        {"0ms", 0},
        {"9223372036854775807ms", INT64_MAX},
        {"9223372036854775808ms", -1},
        {"9223372036854775", INT64_C(9223372036854775000)},
        {"9223372036854776s", -1},
        {"106751991167d", INT64_C(106751991167) * 86400000},
        {"106751991168d", -1},
        {"", -1},
        {"s", -1},
        {"ms", -1},
        {"-1s", -1},
        {"1 s", -1},
        {"1S", -1},
        {"1h30m", -1},
        {"01s", -1},
        {"1.5h", -1},
        {"1w", -1},
        {"1ss", -1},
        {"1mms", -1},
        {" 1s", -1},
        {"1s ", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = -1;
        enum err e = str_to_duration_ms(str_of(cases[i].text), &ms);
        if (e != (cases[i].ms < 0 ? ERR_SYNTAX : OK) || ms != cases[i].ms)
            fail_msg("\"%s\"", cases[i].text);
    }
    int64_t ms;
    assert_int_equal(str_to_duration_ms(none, &ms), ERR_SYNTAX);
}

static void controls_are_found_in_ascii_and_in_c1(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        char text[] = {'a', (char)c, 'b'};
        assert_int_equal(str_has_control(str_slice(text, 3)), c < 0x20 || c == 0x7f);
    }
    for (int c = 0x80; c < 0xc0; c++) {
        char text[] = {(char)0xc2, (char)c};
        assert_int_equal(str_has_control(str_slice(text, 2)), c < 0xa0);
    }
    assert_false(
        str_has_control(STR("\xc3\x80 \xe2\x82\xac \xf0\x9f\x98\x80"))); /* 80 and 9f as tails */
    assert_false(str_has_control(STR("\xc2")));
    assert_false(str_has_control(STR("\xc2 a"))); /* not UTF-8, but no control either */
    assert_false(str_has_control(str_slice("\xc2\x85", 1)));
    assert_false(str_has_control(none));
}

static void hex_goes_both_ways(void **state)
{
    (void)state;
    uint8_t bytes[256], back[256];
    char text[513];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    hex_encode(bytes, sizeof bytes, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
    assert_int_equal(hex_decode(str_of(text), back, sizeof back), OK);
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_int_equal(hex_decode(STR("aAfF09"), back, 3), OK);
    assert_memory_equal(back, "\xaa\xff\x09", 3);
    hex_encode(NULL, 0, text);
    assert_string_equal(text, "");
    assert_int_equal(hex_decode(none, NULL, 0), OK);
}

static void bad_hex_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const cases[] = {"",     "1",    "123",  "12345", "12 4", "0x12", "123g",
                                        "12:4", "12`4", "12@4", "12/4",  "12G4", "-123"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[3] = "zz";
        assert_int_equal(hex_decode(str_of(cases[i]), out, 2), ERR_SYNTAX);
        assert_string_equal(out, "zz");
    }
    char out[2] = "zz";
    assert_int_equal(hex_decode(STR("ab"), out, SIZE_MAX / 2 + 2), ERR_SYNTAX); /* 2n wraps to 2 */
}

static void copying_fits_whole_or_not_at_all(void **state)
{
    (void)state;
    char array[4] = "xyz";
    assert_true(str_copy(array, sizeof array, STR("abc")));
    assert_string_equal(array, "abc");
    assert_false(str_copy(array, sizeof array, STR("abcd")));
    assert_string_equal(array, "");
    assert_true(str_copy(array, sizeof array, none));
    assert_string_equal(array, "");
    assert_false(str_copy(array, 0, STR("")));
    char *copy = str_dup(str_slice("a\0bcd", 4));
    assert_memory_equal(copy, "a\0bc", 5);
    free(copy);
    copy = str_dup(none);
    assert_string_equal(copy, "");
    free(copy);
}

static void start_of_text_is_cut_between_characters(void **state)
{
    (void)state;
    struct str text = STR("a\xe2\x82\xac\xe2\x82\xac");
    static const size_t whole[] = {0, 1, 1, 1, 4, 4, 4, 7, 7};
    for (size_t max = 0; max < sizeof whole / sizeof whole[0]; max++)
        assert_int_equal(str_start(text, max).n, whole[max]);
    assert_int_equal(str_start(STR("ab\0c"), 9).n, 2);
    assert_int_equal(str_start(STR("ab\xff"), 9).n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing_looks_at_every_byte),
        cmocka_unit_test(order_is_bytewise_and_shorter_first),
        cmocka_unit_test(prefixes_and_suffixes_are_found),
        cmocka_unit_test(trimming_takes_blanks_at_both_ends_only),
        cmocka_unit_test(splitting_is_at_the_first_separator),
        cmocka_unit_test(whole_numbers_up_to_the_maximum_are_read),
        cmocka_unit_test(anything_else_is_no_number),
        cmocka_unit_test(every_small_number_meets_every_small_maximum),
        cmocka_unit_test(signed_numbers_have_two_ends),
        cmocka_unit_test(nothing_is_no_signed_number),
        cmocka_unit_test(durations_have_a_unit_or_are_seconds),
        cmocka_unit_test(controls_are_found_in_ascii_and_in_c1),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(bad_hex_is_refused_and_changes_nothing),
        cmocka_unit_test(copying_fits_whole_or_not_at_all),
        cmocka_unit_test(start_of_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

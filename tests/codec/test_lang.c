#include "codec/lang.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *choose(const char *account, const char *cookie, const char *accept)
{
    struct str field = str_of(accept);
    return language_code(language_choose(str_of(account), str_of(cookie), accept ? &field : NULL));
}

static void no_accept_language_at_all_means_chinese(void **state)
{
    (void)state;
    assert_string_equal(choose("", "", NULL), "zh");
    assert_string_equal(choose("", "", ""), "en"); /* there is one, it just wants nothing */
}

static void account_goes_before_cookie_goes_before_browser(void **state)
{
    (void)state;
    assert_string_equal(choose("ko", "zh", "en"), "ko");
    assert_string_equal(choose("", "zh", "en"), "zh");
    assert_string_equal(choose("", "ko", NULL), "ko");
    assert_string_equal(choose("en", "", NULL), "en");
}

static void unknown_choices_are_as_if_none_was_made(void **state)
{
    (void)state;
    assert_string_equal(choose("fr", "de", "ko"), "ko");
    assert_string_equal(choose("EN", "../en", "zh"), "zh");
}

static void the_heaviest_language_we_have_wins(void **state)
{
    (void)state;
    assert_string_equal(choose("", "", "zh;q=0.4, en;q=0.5, ko;q=0.45"), "en");
    assert_string_equal(choose("", "", "fr, zh;q=0.001, en;q=0"), "zh");
    assert_string_equal(choose("", "", "ko;q=0.9,zh;q=0.901"), "zh");
    assert_string_equal(choose("", "", "en-US,en;q=0.9,zh-CN;q=0.8"), "en");
    assert_string_equal(choose("", "", "zh-CN,zh;q=0.9,en;q=0.8"), "zh");
}

static void the_first_of_equals_wins(void **state)
{
    (void)state;
    assert_string_equal(choose("", "", "ko, zh"), "ko");
    assert_string_equal(choose("", "", "zh;q=0.5, ko;q=0.5"), "zh");
}

static void ranges_match_by_their_first_part_in_any_case(void **state)
{
    (void)state;
    assert_string_equal(choose("", "", "ZH-hant-TW"), "zh");
    assert_string_equal(choose("", "", "KO"), "ko");
    assert_string_equal(choose("", "", "zho"), "en");
    assert_string_equal(choose("", "", "x-zh"), "en");
}

static void others_get_english(void **state)
{
    (void)state;
    assert_string_equal(choose("", "", "fr, de;q=0.5"), "en");
    assert_string_equal(choose("", "", "*"), "en");
    assert_string_equal(choose("", "", "ko;q=0.5, *"), "en");
    assert_string_equal(choose("", "", "zh;q=0"), "en");
}

static void nonsense_weighs_nothing(void **state)
{
    (void)state;
    assert_string_equal(choose("", "", "zh;q=2"), "en");
    assert_string_equal(choose("", "", "zh;q=1.001"), "en");
    assert_string_equal(choose("", "", "zh;q=0.1234"), "en");
    assert_string_equal(choose("", "", "zh;q=-1, ko;q=x"), "en");
    assert_string_equal(choose("", "", "zh;q="), "en");
    assert_string_equal(choose("", "", ",;,;;q=1,=,"), "en");
    assert_string_equal(choose("", "", "zh;q=1.000, en;q=0.999"), "zh");
    assert_string_equal(choose("", "", " zh ; x=1 ; Q=0.7 , en;q=0.6"), "zh");
}

static void only_english_has_a_form_for_one(void **state)
{
    (void)state;
    assert_string_equal(language_plural(LANGUAGE_EN, 1), "one");
    assert_string_equal(language_plural(LANGUAGE_EN, 0), "other");
    assert_string_equal(language_plural(LANGUAGE_EN, 11), "other");
    assert_string_equal(language_plural(LANGUAGE_ZH, 1), "other");
    assert_string_equal(language_plural(LANGUAGE_KO, 1), "other");
}

static void a_moment_is_written_as_the_language_does(void **state)
{
    (void)state;
    static const char *const expected[LANGUAGE__MAX] = {
        "8 Jan 2026, 09:05 UTC", "2026年1月8日 09:05 UTC", "2026년 1월 8일 09:05 UTC"};
    char text[LANGUAGE_TIME_BYTES];
    for (unsigned l = 0; l < LANGUAGE__MAX; l++) {
        language_time((enum language)l, INT64_C(1767863159999), text);
        assert_string_equal(text, expected[l]);
    }
    language_time(LANGUAGE_EN, INT64_C(1798761599000), text);
    assert_string_equal(text, "31 Dec 2026, 23:59 UTC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_accept_language_at_all_means_chinese),
        cmocka_unit_test(account_goes_before_cookie_goes_before_browser),
        cmocka_unit_test(unknown_choices_are_as_if_none_was_made),
        cmocka_unit_test(the_heaviest_language_we_have_wins),
        cmocka_unit_test(the_first_of_equals_wins),
        cmocka_unit_test(ranges_match_by_their_first_part_in_any_case),
        cmocka_unit_test(others_get_english),
        cmocka_unit_test(nonsense_weighs_nothing),
        cmocka_unit_test(only_english_has_a_form_for_one),
        cmocka_unit_test(a_moment_is_written_as_the_language_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "model/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void status_names_hide_the_states_nobody_sees(void **state)
{
    (void)state;
    assert_string_equal(request_status_name(REQUEST_ACCEPTING), "queued");
    assert_string_equal(request_status_name(REQUEST_QUEUED), "queued");
    assert_string_equal(request_status_name(REQUEST_PROCESSING), "processing");
    assert_string_equal(request_status_name(REQUEST_CANCELLING), "cancelled");
    assert_string_equal(request_status_name(REQUEST_COMPLETED), "completed");
    assert_string_equal(request_status_name(REQUEST_FAILED), "failed");
    assert_string_equal(request_status_name(REQUEST_CANCELLED), "cancelled");
}

static void status_names_parse_back(void **state)
{
    (void)state;
    static const enum request_status seen[] = {
        REQUEST_QUEUED, REQUEST_PROCESSING, REQUEST_COMPLETED, REQUEST_FAILED, REQUEST_CANCELLED};
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        enum request_status s = REQUEST_STATUS__MAX;
        assert_int_equal(request_status_parse(str_of(request_status_name(seen[i])), &s), OK);
        assert_int_equal(s, seen[i]);
    }
    static const char *const wrong[] = {"",       "accepting", "cancelling",
                                        "Queued", "queued ",   "queue"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        enum request_status s = REQUEST_STATUS__MAX;
        assert_int_equal(request_status_parse(str_of(wrong[i]), &s), ERR_SYNTAX);
        assert_int_equal(s, REQUEST_STATUS__MAX);
    }
}

static void only_three_states_are_final(void **state)
{
    (void)state;
    for (int s = 0; s < REQUEST_STATUS__MAX; s++)
        assert_int_equal(request_status_final((enum request_status)s),
                         s == REQUEST_COMPLETED || s == REQUEST_FAILED || s == REQUEST_CANCELLED);
}

static void release_gives_up_every_part_and_may_be_repeated(void **state)
{
    (void)state;
    struct bytes *shared = bytes_new(STR("{}"));
    struct request_record r = {0};
    r.payload = bytes_ref(shared);
    r.text = bytes_ref(shared);
    r.result = bytes_ref(shared);
    r.usage = bytes_ref(shared);
    r.error_message = bytes_ref(shared);
    assert_int_equal(atomic_load(&shared->refs), 6);
    request_record_release(&r);
    assert_int_equal(atomic_load(&shared->refs), 1);
    assert_null(r.payload);
    assert_null(r.error_message);
    request_record_release(&r);
    bytes_unref(shared);
}

static void ordinary_space_names_are_valid(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a",        "Whisper large v3", "x y",        "bild-\xc3\xa4",
        "日本語",   "\xf0\x9f\x8e\xa8", "a.b_c:d\\e", "\"<>&",
        "e\xcc\x81"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(space_name_valid(str_of(good[i])));
}

static void odd_space_names_are_refused(void **state)
{
    (void)state;
    static const struct str wrong[] = {
        {"", 0},
        {NULL, 0},
        {"a/b", 3},
        {"/", 1},
        {"a\nb", 3},
        {"a\0b", 3},
        {"\x7f", 1},
        {"a\xc2\x85"
         "b",
         4},
        {"\xff", 1},
        {"a\xc3", 2},
        {" a", 2},
        {"a ", 2},
        {"\ta", 2},
        {"a\t", 2},
        {" ", 1},
        {"\xc2\xa0"
         "a",
         3},
        {"a\xe2\x80\x83", 4},
        {"\xe3\x80\x80", 3},
        {"\xed\xa0\x80", 3},
        {"\xc0\xaf", 2},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(space_name_valid(wrong[i]));
}

static void space_names_are_counted_in_code_points(void **state)
{
    (void)state;
    char wide[65 * 4], narrow[65];
    for (size_t i = 0; i < 65; i++)
        memcpy(wide + 4 * i, "\xf0\x9f\x8e\xa8", 4);
    memset(narrow, 'n', sizeof narrow);
    assert_true(space_name_valid(str_slice(wide, 64 * 4)));
    assert_false(space_name_valid(str_slice(wide, 65 * 4)));
    assert_true(space_name_valid(str_slice(narrow, 64)));
    assert_false(space_name_valid(str_slice(narrow, 65)));
    char record[SPACE_NAME_BYTES];
    assert_true(str_copy(record, sizeof record, str_slice(wide, 64 * 4)));
}

static void user_names_are_words_of_at_most_32(void **state)
{
    (void)state;
    assert_true(user_name_valid(STR("a")));
    assert_true(user_name_valid(STR("Ada_Lovelace_1815")));
    assert_true(user_name_valid(STR("12345678901234567890123456789012")));
    assert_false(user_name_valid(STR("123456789012345678901234567890123")));
    assert_false(user_name_valid(STR("")));
    static const char *const wrong[] = {"a b", "a-b", "a.b", "a@b", "\xc3\xa4", "a\n", "(cli)"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(user_name_valid(str_of(wrong[i])));
    assert_false(user_name_valid(str_slice("a\0", 2)));
}

static void passwords_have_8_to_1024_bytes(void **state)
{
    (void)state;
    char long_one[1025];
    memset(long_one, 'p', sizeof long_one);
    assert_false(password_valid(str_slice(long_one, 7)));
    assert_true(password_valid(str_slice(long_one, 8)));
    assert_true(password_valid(str_slice(long_one, 1024)));
    assert_false(password_valid(str_slice(long_one, 1025)));
    assert_false(password_valid(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_names_hide_the_states_nobody_sees),
        cmocka_unit_test(status_names_parse_back),
        cmocka_unit_test(only_three_states_are_final),
        cmocka_unit_test(release_gives_up_every_part_and_may_be_repeated),
        cmocka_unit_test(ordinary_space_names_are_valid),
        cmocka_unit_test(odd_space_names_are_refused),
        cmocka_unit_test(space_names_are_counted_in_code_points),
        cmocka_unit_test(user_names_are_words_of_at_most_32),
        cmocka_unit_test(passwords_have_8_to_1024_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

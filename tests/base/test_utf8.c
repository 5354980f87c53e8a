#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The cases of Markus Kuhn's decoder stress test and of the Autobahn suite; invalid_at is the first
 * byte after which no continuation can help. */
static const struct {
    const char *text;
    size_t n;
    size_t invalid_at; /* n: well-formed as far as it goes */
    bool complete;
} cases[] = {
#define GOOD(s)                                                                                    \
    {                                                                                              \
        s, sizeof(s) - 1, sizeof(s) - 1, true                                                      \
    }
#define CUT(s)                                                                                     \
    {                                                                                              \
        s, sizeof(s) - 1, sizeof(s) - 1, false                                                     \
    }
#define BAD(s, at)                                                                                 \
    {                                                                                              \
        s, sizeof(s) - 1, at, false                                                                \
    }
    GOOD(""),
    GOOD("plain"),
    GOOD("\0"),
    GOOD("\x7f"),
    GOOD("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"), /* kosme */
    GOOD("\xe4\xbd\xa0\xe5\xa5\xbd"),
    GOOD("\xf0\x9f\x98\x80"),
    /* first and last of each length */
    GOOD("\xc2\x80"),
    GOOD("\xdf\xbf"),
    GOOD("\xe0\xa0\x80"),
    GOOD("\xef\xbf\xbf"),
    GOOD("\xf0\x90\x80\x80"),
    GOOD("\xf4\x8f\xbf\xbf"),
    /* next to the surrogates; the replacement character; noncharacters are allowed */
    GOOD("\xed\x9f\xbf"),
    GOOD("\xee\x80\x80"),
    GOOD("\xef\xbf\xbd"),
    GOOD("\xef\xbf\xbe"),
    GOOD("\xef\xb7\x90"),
    GOOD("\xf0\x9f\xbf\xbe"),
    GOOD("\xef\xbb\xbf"), /* a byte order mark is a character */
    /* beyond U+10FFFF, and five or six bytes */
    BAD("\xf4\x90\x80\x80", 1),
    BAD("\xf5\x80\x80\x80", 0),
    BAD("\xf7\xbf\xbf\xbf", 0),
    BAD("\xf8\x88\x80\x80\x80", 0),
    BAD("\xfb\xbf\xbf\xbf\xbf", 0),
    BAD("\xfc\x84\x80\x80\x80\x80", 0),
    BAD("\xfd\xbf\xbf\xbf\xbf\xbf", 0),
    BAD("\xfe", 0),
    BAD("\xff", 0),
    BAD("\xfe\xfe\xff\xff", 0),
    /* continuation bytes out of place */
    BAD("\x80", 0),
    BAD("\xbf", 0),
    BAD("a\x80", 1),
    BAD("\xc3\xa4\x80", 2),
    BAD("\xe4\xbd\xa0\xbf", 3),
    BAD("\x80\xbf\x80\xbf", 0),
    /* lead bytes without what they promise */
    BAD("\xc3 ", 1),
    BAD("\xdf\xdf", 1),
    BAD("\xe4 ", 1),
    BAD("\xe4\xbd ", 2),
    BAD("\xf0\x9f ", 2),
    BAD("\xf0\x9f\x98 ", 3),
    BAD("\xf1\x80\x80\xc3", 3),
    BAD("\xe4\xbd\xe4\xbd\xa0", 2),
    CUT("\xc3"),
    CUT("\xe4"),
    CUT("\xe4\xbd"),
    CUT("\xf0"),
    CUT("\xf0\x9f"),
    CUT("\xf0\x9f\x98"),
    CUT("text, then \xf4\x8f\xbf"),
    /* overlong forms of /, U+0000 and of the last of each shorter length */
    BAD("\xc0\xaf", 0),
    BAD("\xe0\x80\xaf", 1),
    BAD("\xf0\x80\x80\xaf", 1),
    BAD("\xf8\x80\x80\x80\xaf", 0),
    BAD("\xfc\x80\x80\x80\x80\xaf", 0),
    BAD("\xc0\x80", 0),
    BAD("\xe0\x80\x80", 1),
    BAD("\xf0\x80\x80\x80", 1),
    BAD("\xc1\xbf", 0),
    BAD("\xe0\x9f\xbf", 1),
    BAD("\xf0\x8f\xbf\xbf", 1),
    /* surrogates, alone and as the pairs of CESU-8 */
    BAD("\xed\xa0\x80", 1),
    BAD("\xed\xad\xbf", 1),
    BAD("\xed\xae\x80", 1),
    BAD("\xed\xaf\xbf", 1),
    BAD("\xed\xb0\x80", 1),
    BAD("\xed\xbe\x80", 1),
    BAD("\xed\xbf\xbf", 1),
    BAD("\xed\xa0\x81\xed\xb0\x80", 1),
    BAD("\xce\xba\xe1\xbd\xb9\xed\xa0\x80 edited", 6),
};

static void known_hard_texts_are_judged_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (utf8_valid(cases[i].text, cases[i].n) != cases[i].complete)
            fail_msg("case %zu", i);
    assert_true(utf8_valid(NULL, 0));
}

static void one_byte_at_a_time_fails_at_the_first_hopeless_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t utf8 = 0;
        for (size_t at = 0; at < cases[i].n; at++)
            if (utf8_feed(&utf8, cases[i].text + at, 1) != (at < cases[i].invalid_at))
                fail_msg("case %zu at byte %zu", i, at);
        assert_int_equal(utf8 == 0, cases[i].complete);
    }
}

static void a_split_anywhere_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t split = 0; split <= cases[i].n; split++) {
            uint32_t utf8 = 0;
            bool first = utf8_feed(&utf8, cases[i].text, split);
            bool second = utf8_feed(&utf8, cases[i].text + split, cases[i].n - split);
            assert_int_equal(first, split <= cases[i].invalid_at);
            assert_int_equal(second, cases[i].invalid_at == cases[i].n);
            assert_int_equal(utf8 == 0, cases[i].complete);
        }
}

static void an_empty_piece_keeps_the_state(void **state)
{
    (void)state;
    uint32_t utf8 = 0;
    assert_true(utf8_feed(&utf8, NULL, 0));
    assert_true(utf8_feed(&utf8, "\xe4", 1));
    assert_true(utf8_feed(&utf8, NULL, 0));
    assert_int_not_equal(utf8, 0);
    assert_true(utf8_feed(&utf8, "\xbd\xa0", 2));
    assert_int_equal(utf8, 0);
    assert_false(utf8_feed(&utf8, "\xff", 1));
    assert_false(utf8_feed(&utf8, NULL, 0));
    assert_false(utf8_feed(&utf8, "good", 4));
}

static void a_bad_byte_is_found_wherever_it_stands(void **state)
{
    (void)state;
    char text[64];
    for (size_t start = 0; start < 8; start++)
        for (size_t n = 1; n + start <= sizeof text; n++) {
            memset(text, 'a', sizeof text);
            assert_true(utf8_valid(text + start, n));
            for (size_t at = 0; at < n; at++) {
                text[start + at] = (char)0x80;
                assert_false(utf8_valid(text + start, n));
                text[start + at] = 'a';
            }
            for (size_t at = 0; at + 1 < n; at++) {
                memcpy(text + start + at, "\xc3\xa4", 2);
                assert_true(utf8_valid(text + start, n));
                memset(text + start + at, 'a', 2);
            }
        }
}

/* How many bytes the character at p takes, by decoding and asking whether the shortest form was
 * used; 0 when it is none. Written apart from the tables in str.c. */
static size_t decode(const uint8_t *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80       ? 1
                    : p[0] >> 5 == 6  ? 2
                    : p[0] >> 4 == 14 ? 3
                    : p[0] >> 3 == 30 ? 4
                                      : 0;
    if (length == 0 || length > n)
        return 0;
    uint32_t c = length == 1 ? p[0] : p[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    bool surrogate = c >= 0xd800 && c <= 0xdfff;
    return c >= least[length] && c <= 0x10ffff && !surrogate ? length : 0;
}

static bool valid_by_decoding(const uint8_t *p, size_t n)
{
    for (size_t i = 0, length; i < n; i += length)
        if ((length = decode(p + i, n - i)) == 0)
            return false;
    return true;
}

static void check_against_decoding(uint32_t bytes, size_t n)
{
    const uint8_t p[] = {(uint8_t)(bytes >> 24), (uint8_t)(bytes >> 16), (uint8_t)(bytes >> 8),
                         (uint8_t)bytes};
    if (utf8_valid(p, n) != valid_by_decoding(p, n))
        fail_msg("%08x, %zu bytes", (unsigned)bytes, n);
}

static void all_sequences_agree_with_plain_decoding(void **state)
{
    (void)state;
    for (uint32_t three = 0; three < 1U << 24; three++)
        check_against_decoding(three << 8, 3);
    for (uint32_t two = 0; two < 1U << 16; two++)
        check_against_decoding(two << 16, 2);
    static const uint8_t tails[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (uint32_t two = 0; two < 1U << 16; two++)
        for (size_t third = 0; third < COUNT(tails); third++)
            for (size_t fourth = 0; fourth < COUNT(tails); fourth++)
                check_against_decoding(two << 16 | (uint32_t)tails[third] << 8 | tails[fourth], 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_hard_texts_are_judged_right),
        cmocka_unit_test(one_byte_at_a_time_fails_at_the_first_hopeless_byte),
        cmocka_unit_test(a_split_anywhere_changes_nothing),
        cmocka_unit_test(an_empty_piece_keeps_the_state),
        cmocka_unit_test(a_bad_byte_is_found_wherever_it_stands),
        cmocka_unit_test(all_sequences_agree_with_plain_decoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "codec/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "splits.h"

/* From a block of its exact size, which is gone when this returns: a form keeps nothing of the
 * body. */
static enum err parse(struct form *f, struct str body)
{
    char *exact = exact_copy(body);
    enum err e = form_parse(f, str_slice(exact, body.n));
    free(exact);
    return e;
}

static void expect_fields(const char *body, const char *want)
{
    struct form f;
    struct buf got = BUF_INIT(SIZE_MAX);
    assert_int_equal(parse(&f, str_of(body)), OK);
    for (size_t i = 0; i < f.count; i++)
        buf_printf(&got, "[%.*s][%.*s]", STR_ARG(f.fields[i].name), STR_ARG(f.fields[i].value));
    assert_string_equal(buf_cstr(&got), want);
    buf_release(&got);
    form_release(&f);
}

static void fields_come_in_their_order(void **state)
{
    (void)state;
    expect_fields("a=1&b=2&a=3", "[a][1][b][2][a][3]");
    expect_fields("", "");
    expect_fields("a", "[a][]");
    expect_fields("a=", "[a][]");
    expect_fields("=v", "[][v]");
    expect_fields("=", "[][]");
    expect_fields("a=b=c", "[a][b=c]");
}

static void empty_pairs_are_skipped(void **state)
{
    (void)state;
    expect_fields("&", "");
    expect_fields("&&&&", "");
    expect_fields("&a=1&&b=2&", "[a][1][b][2]");
}

static void escapes_and_plus_are_decoded(void **state)
{
    (void)state;
    expect_fields("na+me%20x=va%2Blue+%26%3d%3D", "[na me x][va+lue &==]");
    expect_fields("%61=caf%C3%A9%20%F0%9f%98%80", "[a][caf\xc3\xa9 \xf0\x9f\x98\x80]");
    expect_fields("text=line%0D%0Aline", "[text][line\r\nline]");
    expect_fields("raw=caf\xc3\xa9;x", "[raw][caf\xc3\xa9;x]");
    expect_fields("percent=%25zz", "[percent][%zz]");
}

static void malformed_bodies_are_refused(void **state)
{
    (void)state;
    static const struct str bodies[] = {
        {"a=%", 3},          {"a=%4", 4},     {"a=%4&b=1", 8},        {"a=%zz", 5},   {"a=%4g", 5},
        {"a=% 4", 5},        {"a=%%41", 6},   {"a=%-1", 5},           {"a=%+1", 5},   {"%=a", 3},
        {"%4=a", 4},         {"a=%00", 5},    {"%00=a", 5},           {"a=\0b", 4},   {"a\0=b", 4},
        {"a=%ff", 5},        {"a=%C3", 5},    {"a=%C3&%A9=", 10},     {"%C3=%A9", 7}, {"a=\xff", 3},
        {"a=%ed%a0%80", 11}, {"a=%c0%af", 8}, {"a=%f4%90%80%80", 14}, {"a=1&b=%", 7}, {"a=\xc3", 3},
        {"a=%0x41", 7},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct form f;
        assert_int_equal(parse(&f, bodies[i]), ERR_SYNTAX);
        assert_int_equal(f.count, 0); /* empty, and nothing to release */
        assert_null(f.storage);
        form_release(&f);
    }
}

static void a_hundred_fields_pass_and_one_more_does_not(void **state)
{
    (void)state;
    struct buf body = BUF_INIT(SIZE_MAX);
    struct form f;
    for (int i = 0; i < FORM_FIELDS_MAX; i++)
        buf_printf(&body, "&f%d=%d", i, i);
    buf_puts(&body, "&&");
    assert_int_equal(parse(&f, buf_str(&body)), OK);
    assert_int_equal(f.count, FORM_FIELDS_MAX);
    assert_true(str_eq(form_value(&f, STR("f99")), STR("99")));
    form_release(&f);
    buf_puts(&body, "a");
    assert_int_equal(parse(&f, buf_str(&body)), ERR_SYNTAX);
    buf_release(&body);
}

static void the_first_field_of_a_name_is_found(void **state)
{
    (void)state;
    struct form f;
    assert_int_equal(parse(&f, STR("a=first&A=upper&a=second&empty=&%C3%A9=x")), OK);
    assert_true(str_eq(form_value(&f, STR("a")), STR("first")));
    assert_true(str_eq(form_value(&f, STR("A")), STR("upper")));
    assert_true(str_eq(*form_get(&f, STR("empty")), STR("")));
    assert_true(str_eq(form_value(&f, STR("\xc3\xa9")), STR("x")));
    assert_null(form_get(&f, STR("none")));
    assert_true(str_eq(form_value(&f, STR("none")), STR("")));
    assert_non_null(form_value(&f, STR("none")).p);
    form_release(&f);
    assert_null(form_get(&f, STR("a")));
}

static void a_box_is_checked_by_three_words(void **state)
{
    (void)state;
    struct form f;
    assert_int_equal(parse(&f, STR("a=on&b=1&c=true&d=off&e=0&f=&g=On&h=2&i=true%20")), OK);
    static const char checked[] = "abc", unchecked[] = "defghiz";
    for (const char *p = checked; *p; p++)
        assert_true(form_checked(&f, str_slice(p, 1)));
    for (const char *p = unchecked; *p; p++)
        assert_false(form_checked(&f, str_slice(p, 1)));
    form_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_in_their_order),
        cmocka_unit_test(empty_pairs_are_skipped),
        cmocka_unit_test(escapes_and_plus_are_decoded),
        cmocka_unit_test(malformed_bodies_are_refused),
        cmocka_unit_test(a_hundred_fields_pass_and_one_more_does_not),
        cmocka_unit_test(the_first_field_of_a_name_is_found),
        cmocka_unit_test(a_box_is_checked_by_three_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

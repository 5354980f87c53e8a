#include "model/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void lists_of_scopes_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t scopes; /* 0 = refused */
    } cases[] = {
        {"read", SCOPE_READ},
        {"submit,read", SCOPE_READ | SCOPE_SUBMIT},
        {" admin , read,read ", SCOPE_READ | SCOPE_ADMIN},
        {"read, submit, admin", SCOPES_OF_KEYS},
        {"", 0},
        {"read,", 0},
        {",", 0},
        {"Read", 0},
        {"read submit", 0},
        {"account", 0},
        {"write", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t scopes = 77;
        enum err e = scopes_parse(str_of(cases[i].text), &scopes);
        assert_int_equal(e, cases[i].scopes ? OK : ERR_SYNTAX);
        assert_int_equal(scopes, cases[i].scopes ? cases[i].scopes : 77);
    }
}

static void scopes_are_written_as_they_are_read(void **state)
{
    (void)state;
    for (uint32_t scopes = 1; scopes <= SCOPES_OF_KEYS; scopes++) {
        char text[SCOPES_TEXT_BYTES];
        uint32_t back = 0;
        scopes_format(scopes, text);
        assert_int_equal(scopes_parse(str_of(text), &back), OK);
        assert_int_equal(back, scopes);
    }
}

static void each_scope_has_a_name_and_nothing_else_has(void **state)
{
    (void)state;
    assert_string_equal(scope_name(SCOPE_READ), "read");
    assert_string_equal(scope_name(SCOPE_SUBMIT), "submit");
    assert_string_equal(scope_name(SCOPE_ADMIN), "admin");
    assert_string_equal(scope_name(SCOPE_ACCOUNT), "");
    assert_string_equal(scope_name(0), "");
    assert_string_equal(scope_name(SCOPE_READ | SCOPE_SUBMIT), "");
    assert_int_equal(SCOPES_OF_KEYS, (1 << SCOPE_COUNT) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_scopes_are_read),
        cmocka_unit_test(scopes_are_written_as_they_are_read),
        cmocka_unit_test(each_scope_has_a_name_and_nothing_else_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void this_machine_is_known_by_its_names(void **state)
{
    (void)state;
    static const char *const names[] = {"localhost",        "LocalHost", "127.0.0.1",
                                        "127.255.255.255",  "::1",       "[::1]",
                                        "[0:0:0:0:0:0:0:1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(host_is_loopback(str_of(names[i])));
}

static void whatever_else_might_be_another(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "localhost.example",
        "localhosts",
        "128.0.0.1",
        "1.127.0.0",
        "127.0.0.1.example",
        "::2",
        "[::1",
        "127.1",
        "[]",
        "fe80::1",
        "127.0.0.1%lo",
        "::11",
        "[127.0.0.1.4]",
        "a name that is longer than any address, and then some more"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(host_is_loopback(str_of(names[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_machine_is_known_by_its_names),
        cmocka_unit_test(whatever_else_might_be_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

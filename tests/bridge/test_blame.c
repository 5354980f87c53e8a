/* What people are told when their model server does not answer. */
#include "bridge/blame.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct blame_about model = {"tiny"};

static void a_sentence_that_is_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    struct buf said = BUF_INIT(4000), name = BUF_INIT(4000);
    for (int i = 0; i < 400; i++)
        buf_puts(&said, "\xe8\xaa\x9e");
    for (int i = 0; i < 3; i++) {
        buf_puts(&name, "x");
        const struct blame cut[] = {
            blame_status((struct blame_about){buf_cstr(&name)}, 404, buf_str(&said)),
            blame_status((struct blame_about){buf_cstr(&said)}, 404, buf_str(&name)),
            blame_status(model, i ? 400 : 500, buf_str(&said)),
            blame_asked(str_slice(said.data, said.len)),
        };
        for (size_t k = 0; k < sizeof cut / sizeof *cut; k++) {
            size_t n = strlen(cut[k].words);
            assert_true(n >= BLAME_BYTES - 3 && n < BLAME_BYTES);
            assert_true(utf8_valid(cut[k].words, n));
        }
    }
    buf_release(&said);
    buf_release(&name);
}

/* Some servers say it with 400 or 500, or in the middle of a good answer. */
static void what_is_said_of_a_key_is_not_passed_on(void **state)
{
    (void)state;
    static const char *const said[] = {"Incorrect API key provided: sk-x", "no api_key, sk-x",
                                       "x Api-Key sk-x", "APIKEY sk-x", "API  key of sk-x"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct blame b = blame_status(model, i % 2 ? 400 : 500, str_of(said[i]));
        assert_string_equal(b.code, "upstream_auth");
        assert_string_equal(b.words, "The model server refused the key of this app");
        assert_false(b.retryable || b.passing);
    }
    assert_string_equal(blame_status(model, 403, STR("api key")).words,
                        "The model server does not let this app in");
    assert_string_equal(blame_status(model, 400, STR("the keyboard of a rapid key")).code,
                        "invalid_request");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_that_is_too_long_is_cut_between_characters),
        cmocka_unit_test(what_is_said_of_a_key_is_not_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

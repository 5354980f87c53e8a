#include "model/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void defaults_are_within_their_bounds(void **state)
{
    (void)state;
    struct limits l;
    limits_default(&l);
    assert_true(limits_count > 40);
    for (size_t i = 0; i < limits_count; i++) {
        const struct limit_info *info = &limits_info[i];
        assert_true(info->low <= info->value && info->value <= info->high);
        assert_int_equal(limits_value(&l, info), info->value);
        assert_true(strlen(info->meaning) > 0);
    }
    assert_int_equal(l.ping_every_ms, 25000);
    assert_int_equal(l.retention_days, 0);
}

static void names_are_unique_and_fields_do_not_overlap(void **state)
{
    (void)state;
    for (size_t i = 0; i < limits_count; i++) {
        assert_int_equal(limits_info[i].offset, i * sizeof(uint64_t));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(limits_info[i].name, limits_info[j].name);
    }
    assert_int_equal(sizeof(struct limits), limits_count * sizeof(uint64_t));
}

static void every_limit_takes_its_bounds_and_nothing_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < limits_count; i++) {
        const struct limit_info *info = &limits_info[i];
        struct limits l;
        limits_default(&l);
        struct buf number = BUF_INIT(64);
        const uint64_t good[] = {info->low, info->high};
        for (size_t k = 0; k < 2; k++) {
            buf_clear(&number);
            buf_printf(&number, "%llu", (unsigned long long)good[k]);
            assert_int_equal(limits_set(&l, str_of(info->name), buf_str(&number)), OK);
            assert_int_equal(limits_value(&l, info), good[k]);
        }
        buf_clear(&number);
        buf_printf(&number, "%llu", (unsigned long long)info->high + 1);
        assert_int_equal(limits_set(&l, str_of(info->name), buf_str(&number)), ERR_SYNTAX);
        if (info->low > 0) {
            buf_clear(&number);
            buf_printf(&number, "%llu", (unsigned long long)info->low - 1);
            assert_int_equal(limits_set(&l, str_of(info->name), buf_str(&number)), ERR_SYNTAX);
        }
        assert_int_equal(limits_value(&l, info), info->high);
        buf_release(&number);
    }
}

static void set_refuses_unknown_names_and_what_is_no_number(void **state)
{
    (void)state;
    struct limits l, before;
    limits_default(&l);
    before = l;
    assert_int_equal(limits_set(&l, STR("ping_every"), STR("1000")), ERR_NOT_FOUND);
    assert_int_equal(limits_set(&l, STR(""), STR("1000")), ERR_NOT_FOUND);
    static const char *const wrong[] = {"",
                                        "-1",
                                        "+1",
                                        " 1000",
                                        "1000 ",
                                        "1e3",
                                        "0x400",
                                        "1.0",
                                        "1000ms",
                                        "01000",
                                        "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(limits_set(&l, STR("ping_every_ms"), str_of(wrong[i])), ERR_SYNTAX);
    assert_memory_equal(&l, &before, sizeof l);
}

static void parse_reads_lines_blanks_and_comments(void **state)
{
    (void)state;
    struct limits l;
    limits_default(&l);
    struct buf why = BUF_INIT(1000);
    assert_int_equal(limits_parse(&l,
                                  STR("# for a small machine\n"
                                      "\n"
                                      "  queue_per_space=5\r\n"
                                      "\tgrace_ms\t= 0 # none\n"
                                      "#max_attempts = 9\n"
                                      "   \t\n"
                                      "web_threads = 2"),
                                  &why),
                     OK);
    assert_int_equal(l.queue_per_space, 5);
    assert_int_equal(l.grace_ms, 0);
    assert_int_equal(l.web_threads, 2);
    assert_int_equal(l.max_attempts, 2);
    assert_int_equal(why.len, 0);
    assert_int_equal(limits_parse(&l, STR(""), &why), OK);
    buf_release(&why);
}

static void parse_failure_names_the_line_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"web_threads = 2\ngrace_s = 3\n", "line 2: there is no limit named \"grace_s\""},
        {"web_threads = 2\n\n\nweb_threads 3", "line 4: expected \"name = value\""},
        {"web_threads = 2\nweb_threads =\n", "line 2: web_threads has no value"},
        {"web_threads = 2\nweb_threads = 257\n",
         "line 2: web_threads must be a whole number from 1 to 256"},
        {"web_threads = 2\nweb_threads = 3 4\n",
         "line 2: web_threads must be a whole number from 1 to 256"},
        {"= 2", "line 1: there is no limit named \"\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct limits l, before;
        limits_default(&l);
        before = l;
        struct buf why = BUF_INIT(1000);
        assert_int_equal(limits_parse(&l, str_of(cases[i].text), &why), ERR_SYNTAX);
        assert_string_equal(buf_cstr(&why), cases[i].why);
        assert_memory_equal(&l, &before, sizeof l);
        buf_release(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_within_their_bounds),
        cmocka_unit_test(names_are_unique_and_fields_do_not_overlap),
        cmocka_unit_test(every_limit_takes_its_bounds_and_nothing_beyond),
        cmocka_unit_test(set_refuses_unknown_names_and_what_is_no_number),
        cmocka_unit_test(parse_reads_lines_blanks_and_comments),
        cmocka_unit_test(parse_failure_names_the_line_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

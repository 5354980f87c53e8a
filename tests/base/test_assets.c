#include "base/assets.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The module over a table of our own: every test program is linked with the generated one. */
#define assets_table fake_table
#define assets_count fake_count
#define assets_get   fake_get
#define assets_each  fake_each

extern const struct asset fake_table[];
extern const size_t fake_count;
const struct asset *fake_get(struct str path);
void fake_each(struct str prefix, void (*visit)(void *ctx, const struct asset *a), void *ctx);

const struct asset fake_table[] = {
    {"src/store/sql/001.sql", {"one", 3}, "\"1\""}, {"static/a", {"", 0}, "\"2\""},
    {"static/a.css", {"body{}", 6}, "\"3\""},       {"static/docs/index.html", {"x", 1}, "\"4\""},
    {"templates/login.html", {"\0\1", 2}, "\"5\""}, {0},
};
const size_t fake_count = 5;

#include "../../src/base/assets.c"

static void each_path_finds_its_own_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < fake_count; i++)
        assert_ptr_equal(fake_get(str_of(fake_table[i].path)), &fake_table[i]);
}

static void what_is_not_embedded_is_null(void **state)
{
    (void)state;
    static const char *const missing[] = {"",
                                          "static",
                                          "static/",
                                          "static/a.cs",
                                          "static/a.css2",
                                          "a",
                                          "zzz",
                                          "templates/login.htm",
                                          "/static/a",
                                          "static/../static/a"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        assert_null(fake_get(str_of(missing[i])));
    assert_null(fake_get(str_slice("static/a\0", 9)));
    assert_null(fake_get(str_slice(NULL, 0)));
}

static void add_path(void *ctx, const struct asset *a)
{
    struct buf *seen = ctx;
    buf_printf(seen, "%s;", a->path);
}

static void each_visits_a_prefix_in_order(void **state)
{
    (void)state;
    struct buf seen = BUF_INIT(256);
    fake_each(STR("static/"), add_path, &seen);
    assert_string_equal(buf_cstr(&seen), "static/a;static/a.css;static/docs/index.html;");
    buf_clear(&seen);
    fake_each(STR("nowhere/"), add_path, &seen);
    assert_int_equal(seen.len, 0);
    fake_each(STR("src/store/sql/001.sql"), add_path, &seen);
    assert_string_equal(buf_cstr(&seen), "src/store/sql/001.sql;");
    buf_release(&seen);
}

static void count_visit(void *ctx, const struct asset *a)
{
    (void)a;
    ++*(size_t *)ctx;
}

static void the_empty_prefix_visits_all(void **state)
{
    (void)state;
    size_t seen = 0;
    fake_each(STR(""), count_visit, &seen);
    assert_int_equal(seen, fake_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_finds_its_own_content),
        cmocka_unit_test(what_is_not_embedded_is_null),
        cmocka_unit_test(each_visits_a_prefix_in_order),
        cmocka_unit_test(the_empty_prefix_visits_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

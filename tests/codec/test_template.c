#include "codec/template.h"

#include "cases.h"
#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static bool from_object(void *partials, struct str name, struct str *text)
{
    char key[100];
    return str_copy(key, sizeof key, name) && json_to_str(json_at(partials, key), text);
}

static const char *text_of(const struct json_t *row, const char *key)
{
    struct str s;
    return json_to_str(json_at(row, key), &s) ? s.p : NULL;
}

static enum err error_of(const char *name)
{
    return !name ? OK : strcmp(name, "not_found") == 0 ? ERR_NOT_FOUND : ERR_SYNTAX;
}

static void run_case(const char *file, struct json_t *row)
{
    struct buf out = BUF_INIT(SIZE_MAX), why = BUF_INIT(1000);
    const char *name = text_of(row, "name"), *error = text_of(row, "error");
    struct str text;
    assert_true(json_to_str(json_at(row, "template"), &text));
    enum err e = template_render(text, json_at(row, "data"), from_object, json_at(row, "partials"),
                                 &out, &why);
    if (e != error_of(error))
        fail_msg("%s: %s: error %d, %s", file, name, e, buf_cstr(&why));
    const char *got = error ? buf_cstr(&why) : buf_cstr(&out);
    const char *expected = text_of(row, error ? "why" : "expected");
    if (strcmp(got, expected) != 0)
        fail_msg("%s: %s:\n%s\nand not\n%s", file, name, got, expected);
    assert_true(error || why.len == 0);
    buf_release(&out);
    buf_release(&why);
}

static size_t rows;

static void run_file(const char *name, struct str content)
{
    struct json_t *list = NULL;
    assert_int_equal(json_parse(content, &list, NULL), OK);
    for (size_t i = 0; i < json_count(list); i++)
        run_case(name, json_nth(list, i));
    rows += json_count(list);
    json_free(list);
}

static void cases_are_rendered_as_written_down(void **state)
{
    (void)state;
    assert_int_equal(each_case("tests/codec/template", run_file), 6);
    assert_true(rows >= 140);
}

static enum err render(const char *text, const char *data, template_source *partials,
                       struct buf *out, struct buf *why)
{
    struct json_t *view = NULL;
    assert_int_equal(json_parse(str_of(data), &view, NULL), OK);
    enum err e = template_render(str_of(text), view, partials, NULL, out, why);
    json_free(view);
    return e;
}

static void a_page_that_is_too_large_is_told(void **state)
{
    (void)state;
    static const char *const texts[] = {"{{s}}", "0123456789x", "{{#l}}abc{{/l}}", "{{{s}}}",
                                        "{{n}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf out = BUF_INIT(10), why = BUF_INIT(1000);
        assert_int_equal(render(texts[i],
                                "{\"s\":\"<<<<<<<<<<<\",\"l\":[1,2,3,4],\"n\":12345678901}", NULL,
                                &out, &why),
                         ERR_TOO_LARGE);
        assert_string_equal(buf_cstr(&why), "the page is too large");
        buf_release(&out);
        buf_release(&why);
    }
}

static void without_a_source_there_are_no_partials(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(10), why = BUF_INIT(1000);
    assert_int_equal(render("{{>p}}", "{}", NULL, &out, &why), ERR_NOT_FOUND);
    buf_release(&out);
    buf_release(&why);
}

static void what_was_written_before_stays(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(100), why = BUF_INIT(1000);
    buf_puts(&out, "before ");
    assert_int_equal(render("{{a}}", "{\"a\":1}", NULL, &out, &why), OK);
    assert_string_equal(buf_cstr(&out), "before 1");
    buf_release(&out);
    buf_release(&why);
}

static void a_name_too_long_for_any_key_is_unknown(void **state)
{
    (void)state;
    char text[600] = "{{";
    memset(text + 2, 'n', 500);
    memcpy(text + 502, "}}", 3);
    struct buf out = BUF_INIT(100), why = BUF_INIT(1000);
    assert_int_equal(render(text, "{\"n\":1}", NULL, &out, &why), ERR_NOT_FOUND);
    buf_release(&out);
    buf_release(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_are_rendered_as_written_down),
        cmocka_unit_test(a_page_that_is_too_large_is_told),
        cmocka_unit_test(without_a_source_there_are_no_partials),
        cmocka_unit_test(what_was_written_before_stays),
        cmocka_unit_test(a_name_too_long_for_any_key_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "web/catalogue.h"

#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct json_t *parse(const char *text)
{
    struct json_t *j = NULL;
    assert_int_equal(json_parse(str_of(text), &j, NULL), OK);
    return j;
}

static void assert_text(const struct json_t *catalogue, const char *key, const char *expected)
{
    struct str text = catalogue_text(catalogue, key), want = str_of(expected);
    assert_int_equal(text.n, want.n);
    assert_memory_equal(text.p, want.p, want.n);
}

static void what_a_language_lacks_is_english(void **state)
{
    (void)state;
    struct json_t *en = parse("{\"a\":{\"x\":\"one\",\"y\":{\"z\":\"two\"}},\"b\":\"three\"}");
    struct json_t *zh =
        parse("{\"a\":{\"x\":\"\xe4\xb8\x80\",\"q\":\"extra\"},\"b\":{\"c\":\"no\"}}");
    struct json_t *both = catalogue_merge(en, zh);
    json_free(en);
    json_free(zh);
    assert_text(both, "a.x", "\xe4\xb8\x80");
    assert_text(both, "a.y.z", "two");
    assert_text(both, "b", "three");
    assert_text(both, "a.q", "extra"); /* English has it elsewhere */
    json_free(both);
}

static void a_merge_with_nothing_is_a_copy(void **state)
{
    (void)state;
    struct json_t *en = parse("{\"a\":{\"x\":\"one\"},\"n\":1,\"l\":[\"x\"]}");
    struct json_t *copy = catalogue_merge(en, NULL);
    json_free(en);
    assert_text(copy, "a.x", "one");
    assert_null(json_at(copy, "n"));
    assert_null(json_at(copy, "l"));
    json_free(copy);
}

static void a_hole_shows_its_key(void **state)
{
    (void)state;
    struct json_t *en = parse("{\"a\":{\"x\":\"one\"}}");
    assert_text(en, "a.nothing", "a.nothing");
    assert_text(en, "a", "a");
    assert_text(en, "a.x.y", "a.x.y");
    json_free(en);
}

static void placeholders_are_replaced_wherever_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"{n}", "7"},
        {"a {n} b {n}", "a 7 b 7"},
        {"{m} {n", "{m} {n"},
        {"{{n}}", "{7}"},
        {"no", "no"},
        {"", ""},
        {"{name} {n}", "{name} 7"},
        {"{", "{"},
        {"{nn}", "{nn}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = BUF_INIT(100);
        catalogue_fill(&out, str_of(cases[i].text), "n", STR("7"));
        assert_string_equal(buf_cstr(&out), cases[i].expected);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_language_lacks_is_english),
        cmocka_unit_test(a_merge_with_nothing_is_a_copy),
        cmocka_unit_test(a_hole_shows_its_key),
        cmocka_unit_test(placeholders_are_replaced_wherever_they_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

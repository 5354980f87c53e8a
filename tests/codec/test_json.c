#include "codec/json.h"

#include "cases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct json_t *parse(const char *text)
{
    struct json_t *j = NULL;
    assert_int_equal(json_parse(str_of(text), &j, NULL), OK);
    return j;
}

static void assert_written(const struct json_t *j, const char *expected)
{
    struct buf b = BUF_INIT(SIZE_MAX);
    assert_int_equal(json_write(&b, j), OK);
    assert_string_equal(buf_cstr(&b), expected);
    buf_release(&b);
}

/* jansson holds no numbers past its own, and no NUL. */
static bool beyond_jansson(const char *name)
{
    return strncmp(name, "number_huge", 11) == 0;
}

static void round_trip(const char *name, struct str content)
{
    struct json_t *first = NULL, *second = NULL;
    struct buf why = BUF_INIT(1000), once = BUF_INIT(SIZE_MAX), twice = BUF_INIT(SIZE_MAX);
    enum err e = json_parse(content, &first, &why);
    if (beyond_jansson(name)) {
        assert_int_equal(e, ERR_BAD_JSON);
        assert_true(why.len > 0);
    } else {
        if (e)
            fail_msg("%s: %s", name, buf_cstr(&why));
        assert_int_equal(json_write(&once, first), OK);
        assert_int_equal(json_parse(buf_str(&once), &second, NULL), OK);
        assert_int_equal(json_write(&twice, second), OK);
        assert_true(str_eq(buf_str(&once), buf_str(&twice)));
        buf_clear(&once);
        assert_int_equal(json_write_pretty(&once, first), OK);
        json_free(second);
        assert_int_equal(json_parse(buf_str(&once), &second, NULL), OK);
    }
    json_free(first);
    json_free(second);
    buf_release(&why);
    buf_release(&once);
    buf_release(&twice);
}

static void valid_texts_survive_writing_and_parsing(void **state)
{
    (void)state;
    assert_true(each_case("tests/codec/json/valid", round_trip) >= 60);
}

static void refuse(const char *name, struct str content)
{
    struct json_t *j = NULL;
    struct buf why = BUF_INIT(1000);
    if (json_parse(content, &j, &why) != ERR_BAD_JSON || j)
        fail_msg("%s is taken", name);
    assert_non_null(strstr(buf_cstr(&why), " (at byte "));
    assert_int_equal(json_parse(content, &j, NULL), ERR_BAD_JSON);
    buf_release(&why);
}

static void invalid_texts_are_refused_with_a_sentence(void **state)
{
    (void)state;
    assert_true(each_case("tests/codec/json/invalid", refuse) >= 170);
}

static void nul_in_a_string_is_refused(void **state)
{
    (void)state;
    refuse("value", STR("[\"\\u0000\"]"));
    refuse("key", STR("{\"\\u0000\":1}"));
}

static void a_built_tree_is_written_in_order(void **state)
{
    (void)state;
    struct json_t *o = json_object_new();
    json_put_str(o, "z", STR("a\"b"));
    json_put_text(o, "y", "text");
    json_put_text(o, "none", NULL);
    json_put_int(o, "x", INT64_MIN);
    json_put_int(o, "big", INT64_MAX);
    json_put_bool(o, "yes", true);
    json_put_bool(o, "no", false);
    json_put_null(o, "null");
    json_put_time(o, "at", 1767873600123);
    json_put_time(o, "never", 0);
    struct json_t *list = json_put(o, "list", json_array_new());
    json_put_int(json_add(list, json_object_new()), "a", 1);
    json_add(list, json_array_new());
    json_put(o, "empty", json_object_new());
    assert_written(
        o,
        "{\"z\":\"a\\\"b\",\"y\":\"text\",\"none\":\"\",\"x\":-9223372036854775808,"
        "\"big\":9223372036854775807,\"yes\":true,\"no\":false,\"null\":null,"
        "\"at\":\"2026-01-08T12:00:00.123Z\",\"never\":null,\"list\":[{\"a\":1},[]],\"empty\":{}}");
    json_free(o);
}

static void numbers_are_written_as_short_as_they_can_be(void **state)
{
    (void)state;
    struct json_t *o = json_object_new();
    json_put_num(o, "a", 33.3);
    json_put_num(o, "b", 50);
    json_put_num(o, "c", 0.1 + 0.2);
    json_put_num(o, "d", 1e300);
    json_put_num(o, "e", -0.5);
    json_put_num(o, "f", NAN);
    json_put_num(o, "g", INFINITY);
    assert_written(o, "{\"a\":33.3,\"b\":50,\"c\":0.30000000000000004,\"d\":1e+300,\"e\":-0.5,"
                      "\"f\":null,\"g\":null}");
    json_free(o);
}

static void pretty_is_indented(void **state)
{
    (void)state;
    struct json_t *j = parse("{\"a\":[1,{\"b\":\"{\"}],\"c\":{},\"d\":[]}");
    struct buf b = BUF_INIT(SIZE_MAX);
    assert_int_equal(json_write_pretty(&b, j), OK);
    assert_string_equal(buf_cstr(&b),
                        "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"{\"\n    }\n  ],\n"
                        "  \"c\": {},\n  \"d\": []\n}");
    buf_release(&b);
    json_free(j);
}

static void putting_a_key_again_replaces_its_value(void **state)
{
    (void)state;
    struct json_t *o = json_object_new();
    json_put_int(o, "a", 1);
    json_put_int(o, "b", 2);
    json_put_int(o, "a", 3);
    assert_written(o, "{\"a\":3,\"b\":2}");
    json_free(o);
}

static void invalid_bytes_become_replacement_characters(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *expected;
    } rows[] = {{"caf\xe9", "caf\xef\xbf\xbd"},
                {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
                {"a\xe2\x82z", "a\xef\xbf\xbd\xef\xbf\xbdz"},
                {"\xc3\xa9\xc3", "\xc3\xa9\xef\xbf\xbd"},
                {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json_t *o = json_object_new();
        struct str s;
        json_put_text(o, "s", rows[i].bytes);
        assert_true(json_to_str(json_at(o, "s"), &s));
        assert_true(str_eq(s, str_of(rows[i].expected)));
        json_free(o);
    }
}

static void values_are_read_by_their_type(void **state)
{
    (void)state;
    struct json_t *o =
        parse("{\"s\":\"x\",\"i\":-3,\"r\":1.5,\"b\":true,\"n\":null,\"a\":[1,2],\"o\":{\"k\":1}}");
    struct str s;
    int64_t i;
    double d;
    bool b;
    assert_true(json_to_str(json_at(o, "s"), &s) && str_eq(s, STR("x")));
    assert_true(json_to_int(json_at(o, "i"), &i) && i == -3);
    assert_true(json_to_num(json_at(o, "r"), &d) && d > 1.4 && d < 1.6);
    assert_true(json_to_num(json_at(o, "i"), &d) && d < -2.9);
    assert_true(json_to_bool(json_at(o, "b"), &b) && b);
    assert_true(json_is_null(json_at(o, "n")));
    assert_true(json_is_array(json_at(o, "a")) && json_count(json_at(o, "a")) == 2);
    assert_true(json_is_object(json_at(o, "o")));
    assert_true(json_to_int(json_nth(json_at(o, "a"), 1), &i) && i == 2);
    assert_null(json_nth(json_at(o, "a"), 2));
    json_free(o);
}

static void values_of_other_types_are_not_read(void **state)
{
    (void)state;
    struct json_t *o = parse("{\"s\":\"1\",\"i\":1,\"r\":1.0,\"b\":true,\"n\":null,\"a\":[]}");
    struct str s;
    int64_t i;
    double d;
    bool b;
    assert_false(json_to_str(json_at(o, "i"), &s));
    assert_false(json_to_str(NULL, &s));
    assert_false(json_to_int(json_at(o, "s"), &i));
    assert_false(json_to_int(json_at(o, "r"), &i));
    assert_false(json_to_int(json_at(o, "b"), &i));
    assert_false(json_to_num(json_at(o, "s"), &d));
    assert_false(json_to_num(NULL, &d));
    assert_false(json_to_bool(json_at(o, "i"), &b));
    assert_false(json_to_bool(json_at(o, "n"), &b));
    assert_false(json_is_null(NULL));
    assert_false(json_is_object(json_at(o, "a")));
    assert_false(json_is_array(o));
    assert_null(json_at(o, "absent"));
    assert_null(json_at(json_at(o, "a"), "x"));
    assert_null(json_at(NULL, "x"));
    assert_int_equal(json_count(o), 0);
    assert_int_equal(json_count(NULL), 0);
    assert_null(json_nth(o, 0));
    json_free(o);
}

static void append_key(void *ctx, const char *key, struct json_t *v)
{
    int64_t n = 0;
    assert_true(json_to_int(v, &n));
    buf_printf(ctx, "%s%d ", key, (int)n);
}

static void members_are_visited_in_order(void **state)
{
    (void)state;
    struct json_t *o = parse("{\"z\":1,\"a\":2,\"m\":3}");
    struct buf b = BUF_INIT(100);
    json_each(o, append_key, &b);
    assert_string_equal(buf_cstr(&b), "z1 a2 m3 ");
    json_each(json_at(o, "z"), append_key, &b); /* no object: none */
    assert_string_equal(buf_cstr(&b), "z1 a2 m3 ");
    buf_release(&b);
    json_free(o);
}

static void a_full_buffer_fails_the_writing(void **state)
{
    (void)state;
    struct json_t *o = parse("{\"a\":\"0123456789\"}");
    struct buf b = BUF_INIT(10);
    assert_int_equal(json_write(&b, o), ERR_TOO_LARGE);
    buf_release(&b);
    json_free(o);
    json_free(NULL);
}

static void a_shared_tree_lives_as_long_as_one_of_its_owners(void **state)
{
    (void)state;
    struct str text;
    struct json_t *shared = parse("{\"a\":\"text\"}"), *one = json_object_new(),
                  *two = json_object_new();
    json_put(one, "t", json_ref(shared));
    json_put(two, "t", json_ref(shared));
    assert_ptr_equal(json_at(one, "t"), json_at(two, "t"));
    json_free(shared);
    json_free(one);
    assert_true(json_to_str(json_at(json_at(two, "t"), "a"), &text));
    assert_true(str_eq(text, STR("text")));
    json_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_survive_writing_and_parsing),
        cmocka_unit_test(invalid_texts_are_refused_with_a_sentence),
        cmocka_unit_test(nul_in_a_string_is_refused),
        cmocka_unit_test(a_built_tree_is_written_in_order),
        cmocka_unit_test(numbers_are_written_as_short_as_they_can_be),
        cmocka_unit_test(pretty_is_indented),
        cmocka_unit_test(putting_a_key_again_replaces_its_value),
        cmocka_unit_test(invalid_bytes_become_replacement_characters),
        cmocka_unit_test(values_are_read_by_their_type),
        cmocka_unit_test(values_of_other_types_are_not_read),
        cmocka_unit_test(members_are_visited_in_order),
        cmocka_unit_test(a_shared_tree_lives_as_long_as_one_of_its_owners),
        cmocka_unit_test(a_full_buffer_fails_the_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "codec/json_scan.h"

#include "base/buf.h"
#include "base/clock.h"
#include "codec/json_walk.h"
#include "cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define DEPTH 64

static struct json_scan scan;

static enum err check(struct str text)
{
    return json_scan(text, DEPTH, false, &scan);
}

static void accept(const char *name, struct str content)
{
    if (check(content))
        fail_msg("%s: %s at byte %zu", name, scan.why, scan.error_at);
    assert_null(scan.why);
}

static void refuse(const char *name, struct str content)
{
    if (check(content) != ERR_BAD_JSON)
        fail_msg("%s is taken", name);
    assert_non_null(scan.why);
    assert_true(scan.error_at <= content.n);
}

static void valid_texts_are_taken(void **state)
{
    (void)state;
    assert_true(each_case("tests/codec/json/valid", accept) >= 60);
}

static void invalid_texts_are_refused(void **state)
{
    (void)state;
    assert_true(each_case("tests/codec/json/invalid", refuse) >= 170);
}

/* A container is complete with its last bracket and not before. */
static void refuse_prefixes(const char *name, struct str content)
{
    struct str text = content;
    while (text.n && strchr(" \t\r\n", text.p[text.n - 1]))
        text.n--;
    if (text.p[text.n - 1] != ']' && text.p[text.n - 1] != '}')
        return;
    for (size_t n = 0; n < text.n && n < 6000; n++) {
        char *exact = malloc(n ? n : 1);
        memcpy(exact, text.p, n);
        if (check(str_slice(exact, n)) != ERR_BAD_JSON)
            fail_msg("%zu bytes of %s are taken", n, name);
        free(exact);
    }
}

static void texts_that_end_early_are_refused(void **state)
{
    (void)state;
    each_case("tests/codec/json/valid", refuse_prefixes);
}

static void the_kind_of_the_text_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_kind kind;
    } rows[] = {{"null", JSON_NULL}, {" true", JSON_BOOL}, {"false", JSON_BOOL},
                {"-1", JSON_NUMBER}, {"0", JSON_NUMBER},   {"\"\"", JSON_STRING},
                {"[1]", JSON_ARRAY}, {"{}", JSON_OBJECT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(check(str_of(rows[i].text)), OK);
        assert_int_equal(scan.kind, rows[i].kind);
    }
}

static void assert_str(struct str s, const char *expected)
{
    if (!str_eq(s, str_of(expected)))
        fail_msg("%.*s is not %s", STR_ARG(s), expected);
}

static void members_of_the_outermost_object_are_found(void **state)
{
    (void)state;
    struct str text =
        STR(" { \"a\" : 1 ,\"b\":\"x\\\"y\",\"c\":[ 1 , {\"a\":2} ] , \"d\":{\"a\":{}},\"e\":null,"
            "\"f\":true,\"\\u0067\": -1.5e3 } ");
    assert_int_equal(json_scan(text, DEPTH, true, &scan), OK);
    static const struct {
        const char *key, *value;
        enum json_kind kind;
    } rows[] = {
        {"a", "1", JSON_NUMBER},
        {"b", "\"x\\\"y\"", JSON_STRING},
        {"c", "[ 1 , {\"a\":2} ]", JSON_ARRAY},
        {"d", "{\"a\":{}}", JSON_OBJECT},
        {"e", "null", JSON_NULL},
        {"f", "true", JSON_BOOL},
        {"g", "-1.5e3", JSON_NUMBER},
    };
    assert_int_equal(scan.count, 7);
    for (size_t i = 0; i < 7; i++) {
        const struct json_member *m = json_scan_member(&scan, str_of(rows[i].key));
        assert_ptr_equal(m, &scan.members[i]);
        assert_str(m->value, rows[i].value);
        assert_int_equal(m->kind, rows[i].kind);
    }
    assert_str(scan.members[6].key, "\\u0067");
}

static void absent_members_are_not_found(void **state)
{
    (void)state;
    assert_int_equal(
        json_scan(STR("{\"ab\":{\"x\":1},\"\\\\u0061\":2,\"\\n\":3}"), DEPTH, true, &scan), OK);
    static const char *const names[] = {"a", "abc", "", "x", "\\u0061\\", "u0061", "\\n", "n"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(json_scan_member(&scan, str_of(names[i])));
    assert_non_null(json_scan_member(&scan, STR("ab")));
    assert_non_null(json_scan_member(&scan, STR("\n")));
    assert_non_null(json_scan_member(&scan, STR("\\u0061"))); /* a backslash and letters */
}

static void only_objects_have_members(void **state)
{
    (void)state;
    assert_int_equal(json_scan(STR("[{\"a\":1}]"), DEPTH, true, &scan), OK);
    assert_int_equal(scan.count, 0);
    assert_int_equal(json_scan(STR("{\"a\":1}"), DEPTH, false, &scan), OK);
    assert_int_equal(scan.count, 0);
}

/* {"k0":0,"k1":1,...} with `more` before the last bracket. */
static void put_object(struct buf *b, unsigned keys, const char *more)
{
    for (unsigned i = 0; i < keys; i++)
        buf_printf(b, "%s\"k%u\":%u", i ? "," : "{", i, i);
    buf_puts(b, more);
    buf_putc(b, '}');
}

static void at_most_64_members_when_they_are_wanted(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(SIZE_MAX);
    put_object(&b, JSON_MEMBERS_MAX, "");
    assert_int_equal(json_scan(buf_str(&b), DEPTH, true, &scan), OK);
    assert_int_equal(scan.count, JSON_MEMBERS_MAX);
    assert_str(scan.members[JSON_MEMBERS_MAX - 1].value, "63");
    buf_clear(&b);
    put_object(&b, JSON_MEMBERS_MAX, ",\"x\":{}");
    assert_int_equal(json_scan(buf_str(&b), DEPTH, true, &scan), ERR_BAD_JSON);
    assert_string_equal(scan.why, "the object has too many members");
    assert_int_equal(json_scan(buf_str(&b), DEPTH, false, &scan), OK);
    buf_release(&b);
}

static void depth_is_what_is_asked_for(void **state)
{
    (void)state;
    assert_int_equal(json_scan(STR("1"), 0, false, &scan), OK);
    assert_int_equal(json_scan(STR("[]"), 0, false, &scan), ERR_BAD_JSON);
    assert_int_equal(json_scan(STR("[{}]"), 2, false, &scan), OK);
    assert_int_equal(json_scan(STR("[{\"a\":[]}]"), 2, false, &scan), ERR_BAD_JSON);
    assert_string_equal(scan.why, "nested too deeply");
    assert_int_equal(scan.error_at, 6);
    struct buf b = BUF_INIT(SIZE_MAX);
    for (int i = 0; i < 100000; i++)
        buf_putc(&b, '[');
    assert_int_equal(json_scan(buf_str(&b), 100000, false, &scan), ERR_BAD_JSON);
    assert_int_equal(scan.error_at, 100000);
    for (int i = 0; i < 100000; i++)
        buf_putc(&b, ']');
    assert_int_equal(json_scan(buf_str(&b), 100000, false, &scan), OK);
    buf_release(&b);
}

static void the_place_of_the_first_wrong_byte_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } rows[] = {{"", 0},          {"[1,]", 3},        {"[1 2]", 3},
                {"{\"a\" 1}", 5}, {"[\"a\xff\"]", 3}, {"[\"ab\\q\"]", 4},
                {"{} x", 3},      {"[01]", 1},        {"{\"a\":1,\"b\":2,\"a\":3}", 14},
                {"\"abc", 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(check(str_of(rows[i].text)), ERR_BAD_JSON);
        if (scan.error_at != rows[i].at)
            fail_msg("%s: at %zu", rows[i].text, scan.error_at);
    }
}

static void repeated_keys_are_found_in_objects_of_any_size(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 2, 31, 32, 33, 64, 65, 300, 4094, 4095, 4096, 4097, 100000};
    static const char *const repeats[] = {",\"k0\":1", ",\"\\u006b0\":1"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf b = BUF_INIT(SIZE_MAX);
        put_object(&b, sizes[i], "");
        assert_int_equal(check(buf_str(&b)), OK);
        for (size_t k = 0; k < 2; k++) {
            buf_clear(&b);
            put_object(&b, sizes[i], repeats[k]);
            assert_int_equal(check(buf_str(&b)), ERR_BAD_JSON);
            assert_int_equal(scan.error_at, b.len - strlen(repeats[k]) - 1 + 2);
        }
        buf_clear(&b);
        buf_printf(&b, "[{\"k0\":[{\"k0\":");
        put_object(&b, sizes[i], "");
        buf_puts(&b, ",\"k1\":1},{\"k1\":2}],\"k1\":3}]");
        assert_int_equal(check(buf_str(&b)), OK);
        buf_release(&b);
    }
}

/* Keys whose hashes agree in the bits that are sorted by must still be told apart: with 3,000
 * random keys some agree in 16 bits, with 100,000 in 32. */
static void keys_with_like_hashes_are_told_apart(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (unsigned keys = 3000; keys <= 200000; keys += 197000) {
        struct buf b = BUF_INIT(SIZE_MAX);
        for (unsigned i = 0; i < keys; i++) {
            random = random * 1664525 + 1013904223;
            buf_printf(&b, "%s\"%x-%x\":0", i ? "," : "{", i, random);
        }
        buf_putc(&b, '}');
        assert_int_equal(check(buf_str(&b)), OK);
        buf_release(&b);
    }
}

static uint64_t time_us(struct str text)
{
    uint64_t start = clock_mono_us();
    assert_int_equal(check(text), OK);
    return clock_mono_us() - start;
}

/* Generous: sanitizers and other work on the machine. Quadratic time would be minutes. */
static void large_messages_take_linear_time(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(SIZE_MAX);
    buf_puts(&b, "{\"payload\":\"");
    while (b.len < (16U << 20))
        buf_puts(&b, "sixteen megabyte of prompt with \\\"quotes\\\" and caf\xc3\xa9\\n");
    buf_puts(&b, "\"}");
    assert_true(time_us(buf_str(&b)) < 5000000);
    buf_clear(&b);
    put_object(&b, 1000000, "");
    assert_true(time_us(buf_str(&b)) < 5000000);
    buf_release(&b);
}

static void unescape_to(const char *value, const char *expected)
{
    struct buf b = BUF_INIT(SIZE_MAX);
    buf_puts(&b, "before ");
    assert_int_equal(json_unescape(str_of(value), &b), OK);
    assert_memory_equal(buf_str(&b).p, "before ", 7);
    assert_str(str_slice(buf_str(&b).p + 7, b.len - 7), expected);
    buf_release(&b);
}

static void strings_are_unescaped(void **state)
{
    (void)state;
    unescape_to("\"\"", "");
    unescape_to("\"plain\"", "plain");
    unescape_to("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    unescape_to("\"a\\u0041\\u00e9\\u20ac\\ud83d\\ude00z\"",
                "aA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    unescape_to("\"\\u0001\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
                "\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
    unescape_to("\"\\uDBFF\\uDFFF\\ud800\\udc00\"", "\xf4\x8f\xbf\xbf\xf0\x90\x80\x80");
    unescape_to("\"\\\\u0041\"", "\\u0041");
}

static void strings_that_cannot_be_unescaped_leave_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\"a\\u0000\"", "\"a\\ud800\"", "\"a\\udc00\"", "\"\\x\"", "\"\\\"",
        "\"\\u12\"",    "abc",          "\"",           "",        "\"abc"};
    struct buf b = BUF_INIT(SIZE_MAX);
    buf_puts(&b, "kept");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(json_unescape(str_of(wrong[i]), &b), ERR_BAD_JSON);
        assert_str(buf_str(&b), "kept");
    }
    buf_release(&b);
    struct buf small = BUF_INIT(3);
    assert_int_equal(json_unescape(STR("\"ab\\ncd\""), &small), ERR_TOO_LARGE);
    assert_int_equal(small.len, 0);
    buf_release(&small);
}

static void items_and_members_are_stepped_through(void **state)
{
    (void)state;
    struct json_walk w;
    struct json_member m;
    json_walk_start(&w, STR("[ 1 ,\"a,]\\\"\", [2,[3]] ,{\"x\":\"}\"},null ]"));
    static const char *const items[] = {"1", "\"a,]\\\"\"", "[2,[3]]", "{\"x\":\"}\"}", "null"};
    for (size_t i = 0; i < 5; i++) {
        assert_true(json_walk_next(&w, &m));
        assert_str(m.value, items[i]);
        assert_int_equal(m.key.n, 0);
    }
    assert_false(json_walk_next(&w, &m));
    json_walk_start(&w, STR("{ }"));
    assert_false(json_walk_next(&w, &m));
    struct str object = STR("{ \"a\" : {\"b\":1} , \"b\" : true,\"\\u0063\":-2 }");
    assert_true(json_walk_find(object, STR("b"), &m));
    assert_str(m.value, "true");
    assert_true(json_walk_find(object, STR("c"), &m));
    assert_str(m.value, "-2");
    assert_int_equal(m.kind, JSON_NUMBER);
    assert_false(json_walk_find(object, STR("d"), &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_are_taken),
        cmocka_unit_test(invalid_texts_are_refused),
        cmocka_unit_test(texts_that_end_early_are_refused),
        cmocka_unit_test(the_kind_of_the_text_is_told),
        cmocka_unit_test(members_of_the_outermost_object_are_found),
        cmocka_unit_test(absent_members_are_not_found),
        cmocka_unit_test(only_objects_have_members),
        cmocka_unit_test(at_most_64_members_when_they_are_wanted),
        cmocka_unit_test(depth_is_what_is_asked_for),
        cmocka_unit_test(the_place_of_the_first_wrong_byte_is_told),
        cmocka_unit_test(repeated_keys_are_found_in_objects_of_any_size),
        cmocka_unit_test(keys_with_like_hashes_are_told_apart),
        cmocka_unit_test(large_messages_take_linear_time),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(strings_that_cannot_be_unescaped_leave_nothing),
        cmocka_unit_test(items_and_members_are_stepped_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

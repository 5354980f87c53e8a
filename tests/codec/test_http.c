#include "codec/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "http_run.h"

#define FOLDER "tests/codec/http/"

/* ---- folders of cases ---- */

/* Without its line feed. */
static struct str last_line(struct str text)
{
    size_t end = text.n - 1, start = end;
    while (start > 0 && text.p[start - 1] != '\n')
        start--;
    return str_slice(text.p + start, end - start);
}

static void refused_as_its_name_says(const char *name, struct str content)
{
    struct buf transcript = BUF_INIT(SIZE_MAX);
    http_run_ways((struct http_run){.limits = SMALL_LIMITS}, content, 12, &transcript);
    char want[] = "refused NNN";
    memcpy(want + 8, name, 3);
    struct str got = last_line(buf_str(&transcript));
    if (!str_starts(got, str_of(want)))
        fail_msg("%s: %.*s", name, STR_ARG(got));
    if (strstr(buf_cstr(&transcript), "smuggled"))
        fail_msg("%s: a smuggled request came out", name);
    buf_release(&transcript);
}

static void every_invalid_case_is_refused_with_its_status(void **state)
{
    (void)state;
    assert_true(each_case(FOLDER "invalid", refused_as_its_name_says) > 250);
}

static void read_as_expected(const char *name, struct str content)
{
    struct buf transcript = BUF_INIT(SIZE_MAX), want = BUF_INIT(SIZE_MAX);
    char path[1024];
    snprintf(path, sizeof path, FOLDER "expected/%.*s.txt", (int)(strlen(name) - 5), name);
    case_read(path, &want);
    http_run_ways((struct http_run){.limits = SMALL_LIMITS}, content, 12, &transcript);
    if (!str_eq(buf_str(&transcript), buf_str(&want)))
        fail_msg("%s:\n%s", name, buf_cstr(&transcript));
    buf_release(&transcript);
    buf_release(&want);
}

static void every_valid_case_is_read_as_expected(void **state)
{
    (void)state;
    assert_true(each_case(FOLDER "valid", read_as_expected) > 50);
}

/* ---- requests ---- */

static enum err parse_with(struct http_limits limits, const char *text, struct http_head *out,
                           size_t *used, unsigned *status)
{
    const char *why;
    return http_parse_request(str_of(text), &limits, out, used, status, &why);
}

static struct http_head parsed(const char *text)
{
    struct http_head h;
    size_t used;
    unsigned status;
    assert_int_equal(parse_with(SMALL_LIMITS, text, &h, &used, &status), OK);
    assert_int_equal(used, strlen(text));
    return h;
}

static void every_prefix_of_a_head_asks_for_more(void **state)
{
    (void)state;
    static const char text[] = "\r\nPOST http://h/a?b HTTP/1.1\r\nHost: h\r\nA: b\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct http_head h = {.status = 7};
        size_t used = 7;
        unsigned status = 7;
        const char *why = "untouched";
        char *exact = exact_copy(str_slice(text, n));
        assert_int_equal(
            http_parse_request(str_slice(exact, n), &SMALL_LIMITS, &h, &used, &status, &why),
            ERR_AGAIN);
        assert_true(h.status == 7 && used == 7 && status == 7);
        assert_string_equal(why, "untouched");
        free(exact);
    }
    struct http_head h = parsed(text);
    http_head_release(&h);
}

static void nothing_at_all_asks_for_more(void **state)
{
    (void)state;
    struct http_head h;
    size_t used;
    unsigned status;
    const char *why;
    struct str nothing = {NULL, 0};
    assert_int_equal(http_parse_request(nothing, &SMALL_LIMITS, &h, &used, &status, &why),
                     ERR_AGAIN);
    assert_int_equal(http_parse_reply(nothing, &SMALL_LIMITS, HTTP_GET, &h, &used, &why),
                     ERR_AGAIN);
}

static void a_line_is_judged_before_the_next_one_comes(void **state)
{
    (void)state;
    struct http_head h;
    size_t used;
    unsigned status;
    assert_int_equal(parse_with(SMALL_LIMITS, "GET / HTTP/1.1\nHos", &h, &used, &status),
                     ERR_SYNTAX);
    assert_int_equal(status, 400);
    assert_int_equal(parse_with(SMALL_LIMITS, "GET / HTTP/2.0\r\n", &h, &used, &status),
                     ERR_SYNTAX);
    assert_int_equal(status, 505);
}

static void a_refusal_leaves_the_results_untouched(void **state)
{
    (void)state;
    struct http_head h = {.status = 7};
    size_t used = 7;
    unsigned status = 0;
    assert_int_equal(
        parse_with(SMALL_LIMITS, "GET /%41 HTTP/1.1\r\nA: b\r\n\r\n", &h, &used, &status),
        ERR_SYNTAX);
    assert_int_equal(status, 400);
    assert_true(h.status == 7 && h.decoded == NULL && h.fields == NULL && used == 7);
}

static void bytes_after_the_head_are_not_used(void **state)
{
    (void)state;
    struct http_head h;
    size_t used;
    unsigned status;
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n\x01\x02 anything";
    assert_int_equal(parse_with(SMALL_LIMITS, text, &h, &used, &status), OK);
    assert_int_equal(used, 27);
    http_head_release(&h);
}

/* The largest that passes, and one byte more, whether or not it is complete. */
static void expect_limit(struct http_limits exact, struct http_limits less, const char *text,
                         unsigned want_status)
{
    struct http_head h;
    size_t used;
    unsigned status = 0;
    assert_int_equal(parse_with(exact, text, &h, &used, &status), OK);
    http_head_release(&h);
    assert_int_equal(parse_with(less, text, &h, &used, &status), ERR_SYNTAX);
    assert_int_equal(status, want_status);
    struct http_run run = {.limits = less};
    struct buf transcript = BUF_INIT(SIZE_MAX);
    http_run_ways(run, str_of(text), 12, &transcript);
    buf_release(&transcript);
}

static void limits_are_exact(void **state)
{
    (void)state;
    static const char line[] = "GET /12345678 HTTP/1.1\r\nHost: h\r\n\r\n";                /* 22 */
    static const char field[] = "GET / HTTP/1.1\r\nHost: h\r\nA: 456789012345678\r\n\r\n"; /* 18 */
    struct http_limits exact = SMALL_LIMITS, less = SMALL_LIMITS;
    exact.line_bytes = 22;
    less.line_bytes = 21;
    expect_limit(exact, less, line, 414);
    exact.line_bytes = 18;
    less.line_bytes = 17;
    expect_limit(exact, less, field, 431);
    exact = less = SMALL_LIMITS;
    exact.head_bytes = sizeof field - 1;
    less.head_bytes = sizeof field - 2;
    expect_limit(exact, less, field, 431);
    exact = less = SMALL_LIMITS;
    exact.fields = 2;
    less.fields = 1;
    expect_limit(exact, less, field, 431);
    exact = less = SMALL_LIMITS;
    exact.body_bytes = 18;
    less.body_bytes = 17;
    expect_limit(exact, less, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 18\r\n\r\n", 413);
}

static void the_array_of_fields_has_a_bound_of_its_own(void **state)
{
    (void)state;
    struct http_limits limits = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    struct buf b = BUF_INIT(SIZE_MAX);
    buf_puts(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 1; i < HTTP_FIELDS_MAX; i++)
        buf_puts(&b, "A: b\r\n");
    size_t before_end = b.len;
    buf_puts(&b, "\r\n");
    struct http_head h;
    size_t used;
    unsigned status;
    assert_int_equal(parse_with(limits, buf_cstr(&b), &h, &used, &status), OK);
    assert_int_equal(h.field_count, HTTP_FIELDS_MAX);
    http_head_release(&h);
    b.len = before_end;
    buf_puts(&b, "A: b\r\n\r\n");
    assert_int_equal(parse_with(limits, buf_cstr(&b), &h, &used, &status), ERR_SYNTAX);
    assert_int_equal(status, 431);
    buf_release(&b);
}

static void strings_point_into_the_input_or_the_head(void **state)
{
    (void)state;
    static const char text[] = "GET /plain?q HTTP/1.1\r\nHost: h\r\n\r\n";
    struct http_head h = parsed(text);
    assert_ptr_equal(h.path.p, text + 4);
    assert_null(h.decoded);
    assert_ptr_equal(h.host.p, h.fields[0].value.p);
    http_head_release(&h);
    h = parsed("GET /%41 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_ptr_equal(h.path.p, h.decoded);
    http_head_release(&h);
    http_head_release(&h); /* twice is harmless */
}

static void methods_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(http_method_name(HTTP_GET), "GET");
    assert_string_equal(http_method_name(HTTP_PATCH), "PATCH");
    for (int m = 0; m < HTTP_METHOD__MAX; m++)
        assert_non_null(http_method_name((enum http_method)m));
}

/* ---- fields ---- */

static struct http_head with_fields(const char *fields)
{
    static char text[1024];
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
    return parsed(text);
}

static void fields_are_found_in_any_case(void **state)
{
    (void)state;
    struct http_head h = with_fields("Accept: one\r\naCCEPT: two\r\nEmpty:\r\n");
    assert_true(str_eq(*http_field(&h, STR("ACCEPT")), STR("one")));
    assert_true(str_eq(*http_field(&h, STR("empty")), STR("")));
    assert_null(http_field(&h, STR("Acc")));
    assert_null(http_field(&h, STR("")));
    assert_int_equal(http_field_count(&h, STR("accept")), 2);
    assert_int_equal(http_field_count(&h, STR("Empty")), 1);
    assert_int_equal(http_field_count(&h, STR("None")), 0);
    http_head_release(&h);
}

static void tokens_are_found_over_all_lines_of_a_list(void **state)
{
    (void)state;
    struct http_head h = with_fields("List: a, Upgrade ,,b\r\nlist: c d\r\nLIST:e\r\nOther: f\r\n");
    static const char *const there[] = {"a", "A", "upgrade", "b", "c d", "E"};
    static const char *const not_there[] = {"up", "upgrades", "c", "d", "f", "a, Upgrade"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        assert_true(http_field_has_token(&h, STR("List"), str_of(there[i])));
    for (size_t i = 0; i < sizeof not_there / sizeof *not_there; i++)
        assert_false(http_field_has_token(&h, STR("List"), str_of(not_there[i])));
    http_head_release(&h);
}

static void the_first_cookie_of_a_name_counts(void **state)
{
    (void)state;
    struct http_head h = with_fields("Cookie: a=1; session=first;b=x=y; broken; empty=\r\n"
                                     "cookie: session=second; late=\"q\"\r\nNot-Cookie: c=3\r\n");
    static const struct {
        const char *name, *value;
    } cookies[] = {{"a", "1"},        {"session", "first"}, {"b", "x=y"}, {"empty", ""},
                   {"late", "\"q\""}, {"broken", NULL},     {"c", NULL},  {"Session", NULL},
                   {"", NULL},        {"sess", NULL},       {" a", NULL}};
    for (size_t i = 0; i < sizeof cookies / sizeof *cookies; i++) {
        struct str value = STR("untouched");
        bool found = http_cookie(&h, str_of(cookies[i].name), &value);
        assert_int_equal(found, cookies[i].value != NULL);
        assert_true(str_eq(value, str_of(found ? cookies[i].value : "untouched")));
    }
    http_head_release(&h);
}

static void known_statuses_have_their_reason(void **state)
{
    (void)state;
    static const unsigned used[] = {100, 101, 200, 201, 202, 204, 303, 304, 400,
                                    401, 403, 404, 405, 408, 409, 413, 414, 417,
                                    426, 429, 431, 500, 501, 502, 503, 504, 505};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        assert_string_not_equal(http_reason(used[i]), "Unknown");
    assert_string_equal(http_reason(404), "Not Found");
    assert_string_equal(http_reason(0), "Unknown");
    assert_string_equal(http_reason(299), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_invalid_case_is_refused_with_its_status),
        cmocka_unit_test(every_valid_case_is_read_as_expected),
        cmocka_unit_test(every_prefix_of_a_head_asks_for_more),
        cmocka_unit_test(nothing_at_all_asks_for_more),
        cmocka_unit_test(a_line_is_judged_before_the_next_one_comes),
        cmocka_unit_test(a_refusal_leaves_the_results_untouched),
        cmocka_unit_test(bytes_after_the_head_are_not_used),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(the_array_of_fields_has_a_bound_of_its_own),
        cmocka_unit_test(strings_point_into_the_input_or_the_head),
        cmocka_unit_test(methods_have_their_names),
        cmocka_unit_test(fields_are_found_in_any_case),
        cmocka_unit_test(tokens_are_found_over_all_lines_of_a_list),
        cmocka_unit_test(the_first_cookie_of_a_name_counts),
        cmocka_unit_test(known_statuses_have_their_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "codec/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http_run.h"

static void a_body_that_says_to_be_too_large_is_refused_before_it_comes(void **state)
{
    (void)state;
    struct http_head h = {.framing = HTTP_LENGTH, .length = 10};
    struct http_body b;
    struct buf out = BUF_INIT(SIZE_MAX);
    struct str none = STR("");
    http_body_init(&b, &h, 9);
    assert_int_equal(http_body_feed(&b, &none, &out), ERR_TOO_LARGE);
    http_body_init(&b, &h, 10);
    assert_int_equal(http_body_feed(&b, &none, &out), ERR_AGAIN);
    h.length = INT64_MAX;
    http_body_init(&b, &h, UINT64_MAX);
    assert_int_equal(http_body_feed(&b, &none, &out), ERR_AGAIN);
    assert_int_equal(out.cap, 0); /* nothing is reserved */
}

static void a_message_without_body_is_complete_at_once(void **state)
{
    (void)state;
    static const enum http_framing framings[] = {HTTP_NO_BODY, HTTP_LENGTH};
    for (size_t i = 0; i < 2; i++) {
        struct http_head h = {.framing = framings[i]};
        struct http_body b;
        struct buf out = BUF_INIT(0);
        struct str in = STR("GET /next");
        http_body_init(&b, &h, 0);
        assert_int_equal(http_body_feed(&b, &in, &out), OK);
        assert_int_equal(in.n, 9);
        assert_int_equal(http_body_feed(&b, &in, &out), OK);
    }
}

static enum err feed_chunks(const char *text, uint64_t max, size_t out_max)
{
    struct http_head h = {.framing = HTTP_CHUNKED};
    struct http_body b;
    struct buf out = BUF_INIT(out_max);
    struct str in = str_of(text);
    http_body_init(&b, &h, max);
    enum err e = http_body_feed(&b, &in, &out);
    buf_release(&out);
    return e;
}

static void chunks_together_stay_within_the_maximum(void **state)
{
    (void)state;
    assert_int_equal(feed_chunks("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n", 10, SIZE_MAX), OK);
    assert_int_equal(feed_chunks("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n", 9, SIZE_MAX),
                     ERR_TOO_LARGE);
    assert_int_equal(feed_chunks("7fffffffffffffff\r\n", UINT64_MAX, SIZE_MAX), ERR_AGAIN);
    assert_int_equal(feed_chunks("5\r\nhello\r\n", UINT64_MAX, 4), ERR_TOO_LARGE);
    assert_int_equal(feed_chunks("0\r\n\r\n", 0, 0), OK);
}

static void broken_chunks_stay_broken(void **state)
{
    (void)state;
    struct http_head h = {.framing = HTTP_CHUNKED};
    struct http_body b;
    struct buf out = BUF_INIT(SIZE_MAX);
    struct str in = STR("x");
    http_body_init(&b, &h, 100);
    assert_int_equal(http_body_feed(&b, &in, &out), ERR_SYNTAX);
    in = STR("0\r\n\r\n");
    assert_int_equal(http_body_feed(&b, &in, &out), ERR_SYNTAX);
    assert_int_equal(in.n, 5);
}

static void expect_framing_line_limit(const char *before, size_t n, const char *after,
                                      enum err want)
{
    struct buf b = BUF_INIT(SIZE_MAX);
    buf_puts(&b, before);
    while (n-- > 0)
        buf_putc(&b, 'a');
    buf_puts(&b, after);
    assert_int_equal(feed_chunks(buf_cstr(&b), 100, SIZE_MAX), want);
    buf_release(&b);
}

static void extension_and_trailer_lines_hold_4096_bytes(void **state)
{
    (void)state;
    expect_framing_line_limit("1;", 4094, "\r\nx\r\n1;abc\r\ny\r\n0\r\n\r\n", OK);
    expect_framing_line_limit("1;", 4095, "\r\nx\r\n0\r\n\r\n", ERR_SYNTAX);
    expect_framing_line_limit("0\r\nA:", 4094, "\r\n\r\n", OK);
    expect_framing_line_limit("0\r\nA:", 4095, "\r\n\r\n", ERR_SYNTAX);
    expect_framing_line_limit("0\r\n", 4096, "", ERR_AGAIN);
    expect_framing_line_limit("0\r\n", 4097, "", ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_that_says_to_be_too_large_is_refused_before_it_comes),
        cmocka_unit_test(a_message_without_body_is_complete_at_once),
        cmocka_unit_test(chunks_together_stay_within_the_maximum),
        cmocka_unit_test(broken_chunks_stay_broken),
        cmocka_unit_test(extension_and_trailer_lines_hold_4096_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "codec/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Events are written down as <data>, or as <id|name|data>. */
static struct buf seen;

static enum err note(void *ctx, const struct sse_event *event)
{
    (void)ctx;
    if (event->id.n || event->name.n)
        return buf_printf(&seen, "<%.*s|%.*s|%.*s>", STR_ARG(event->id), STR_ARG(event->name),
                          STR_ARG(event->data));
    return buf_printf(&seen, "<%.*s>", STR_ARG(event->data));
}

static void feed(struct str text, size_t piece)
{
    struct sse s;
    sse_init(&s, 1000);
    buf_clear(&seen);
    seen.max = 10000;
    for (size_t at = 0; at < text.n; at += piece) {
        size_t n = text.n - at < piece ? text.n - at : piece;
        assert_int_equal(sse_feed(&s, str_slice(text.p + at, n), note, NULL), OK);
    }
    assert_int_equal(sse_end(&s, note, NULL), OK);
    sse_release(&s);
}

/* The same however the bytes are split. */
static void assert_events(struct str text, const char *expected)
{
    for (size_t piece = 1; piece <= text.n; piece++) {
        feed(text, piece);
        assert_string_equal(buf_cstr(&seen), expected);
    }
}

static void events_end_with_an_empty_line(void **state)
{
    (void)state;
    assert_events(STR("data: one\n\ndata: two\n\n"), "<one><two>");
}

static void lines_end_in_lf_crlf_or_cr(void **state)
{
    (void)state;
    assert_events(STR("data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\ndata: e\r\n\r\n"),
                  "<a><b><c><d\ne>");
}

static void comments_and_other_fields_are_skipped(void **state)
{
    (void)state;
    assert_events(STR(": ping\n\nretry: 10\ndata: x\n:\nnonsense\n\n"), "<x>");
}

static void an_id_stays_and_a_name_is_for_one_event(void **state)
{
    (void)state;
    assert_events(STR("id: e-1\nevent: state\ndata: x\n\ndata: y\n\nid\nevent:final\ndata: z\n\n"),
                  "<e-1|state|x><e-1||y><|final|z>");
    assert_events(STR("event: lost\n\ndata: x\n\n"), "<x>");
    assert_events(STR("id: 1\nid: a\0b\nevent: a\nevent: b\ndata: x\n\n"), "<1|b|x>");
}

static void data_lines_are_joined(void **state)
{
    (void)state;
    assert_events(STR("data: {\ndata:  1\ndata\ndata:}\n\n"), "<{\n 1\n\n}>");
}

static void an_error_line_is_data(void **state)
{
    (void)state;
    assert_events(STR("error: {\"code\":500}\n\n"), "<{\"code\":500}>");
}

static void only_one_blank_after_the_colon_is_dropped(void **state)
{
    (void)state;
    assert_events(STR("data:a\n\ndata:  b \n\n"), "<a>< b >");
}

static void a_byte_order_mark_is_dropped_at_the_start_only(void **state)
{
    (void)state;
    assert_events(STR("\xef\xbb\xbf"
                      "data: a\n\n\xef\xbb\xbf"
                      "data: b\n\n"),
                  "<a>");
}

static void the_last_event_may_lack_its_empty_line(void **state)
{
    (void)state;
    assert_events(STR("data: a\n\ndata: [DONE]"), "<a><[DONE]>");
    assert_events(STR("data: a\n\ndata: [DONE]\n"), "<a><[DONE]>");
}

static void empty_data_is_an_event_and_no_data_is_none(void **state)
{
    (void)state;
    assert_events(STR("\n\ndata:\n\nevent: x\n\n"), "<>");
}

static void an_event_past_the_limit_is_refused(void **state)
{
    (void)state;
    struct sse s;
    sse_init(&s, 10);
    enum err e = sse_feed(&s, STR("data: 12345\n\n"), note, NULL);
    assert_int_equal(e, ERR_TOO_LARGE);
    sse_release(&s);
    sse_init(&s, 10);
    e = sse_feed(&s, STR("data: 123\ndata: 456\ndata: 78\n\n"), note, NULL);
    assert_int_equal(e, OK);
    e = sse_feed(&s, STR("data: 123\ndata: 456\ndata: 789\n\n"), note, NULL);
    assert_int_equal(e, ERR_TOO_LARGE);
    sse_release(&s);
}

static enum err refuse(void *ctx, const struct sse_event *event)
{
    (void)event;
    ++*(int *)ctx;
    return ERR_BAD_JSON;
}

static void an_error_of_the_reader_ends_it(void **state)
{
    (void)state;
    struct sse s;
    int calls = 0;
    sse_init(&s, 100);
    enum err e = sse_feed(&s, STR("data: a\n\ndata: b\n\n"), refuse, &calls);
    assert_int_equal(e, ERR_BAD_JSON);
    assert_int_equal(calls, 1);
    sse_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_end_with_an_empty_line),
        cmocka_unit_test(lines_end_in_lf_crlf_or_cr),
        cmocka_unit_test(comments_and_other_fields_are_skipped),
        cmocka_unit_test(an_id_stays_and_a_name_is_for_one_event),
        cmocka_unit_test(data_lines_are_joined),
        cmocka_unit_test(an_error_line_is_data),
        cmocka_unit_test(only_one_blank_after_the_colon_is_dropped),
        cmocka_unit_test(a_byte_order_mark_is_dropped_at_the_start_only),
        cmocka_unit_test(the_last_event_may_lack_its_empty_line),
        cmocka_unit_test(empty_data_is_an_event_and_no_data_is_none),
        cmocka_unit_test(an_event_past_the_limit_is_refused),
        cmocka_unit_test(an_error_of_the_reader_ends_it),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&seen);
    return failed;
}

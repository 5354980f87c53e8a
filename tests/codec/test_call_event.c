/* Events of requests, read from the frames that carry them. */
#include "codec/call_event.h"
#include "codec/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct call_event e;

static struct buf text = {.max = 1 << 20}, frame = {.max = 1 << 20};

static int stop(void **state)
{
    (void)state;
    buf_release(&text);
    buf_release(&frame);
    return 0;
}

/* body, padded to n bytes and in a frame. */
static enum err take(const char *body, size_t n)
{
    buf_clear(&text);
    buf_clear(&frame);
    buf_puts(&text, body);
    while (text.len < n)
        buf_putc(&text, ' ');
    assert_int_equal(ws_encode(&frame, WS_TEXT, buf_str(&text), NULL), OK);
    return call_event_read(buf_str(&frame), &e);
}

#define EVENT(fields)                                                                              \
    "{\"type\":\"event\",\"topic\":\"request:x\",\"seq\":7,\"event\":{" fields "}}"

static void fields_are_found_whatever_the_frame_s_length(void **state)
{
    (void)state;
    const size_t lengths[] = {0, 125, 126, 127, 65535, 65536, 100000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(take(EVENT("\"kind\":\"delta\",\"text\":\"a\\nb\""), lengths[i]), OK);
        assert_int_equal(e.seq, 7);
        assert_true(str_eq(e.kind, STR("delta")) && str_eq(e.text, STR("\"a\\nb\"")));
        assert_true(str_eq(e.event, STR("{\"kind\":\"delta\",\"text\":\"a\\nb\"}")));
        assert_int_equal(e.status.n + e.position.n + e.result.n + e.usage.n + e.error.n, 0);
    }
}

static void null_counts_as_absent(void **state)
{
    (void)state;
    assert_int_equal(take(EVENT("\"kind\":\"final\",\"status\":\"failed\",\"result\":null,"
                                "\"usage\":{ },\"error\":{\"code\":\"x\"},\"position\":3"),
                          0),
                     OK);
    assert_true(str_eq(e.status, STR("failed")) && str_eq(e.usage, STR("{ }")));
    assert_true(str_eq(e.error, STR("{\"code\":\"x\"}")) && str_eq(e.position, STR("3")));
    assert_int_equal(e.result.n, 0);
}

static void what_is_no_event_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {"",
                         "7",
                         "[]",
                         "{}",
                         "{\"seq\":1}",
                         "{\"seq\":1,\"event\":7}",
                         "{\"seq\":-1,\"event\":{}}",
                         "{\"event\":{}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(take(bad[i], 0), ERR_SYNTAX);
    assert_int_equal(call_event_read(STR(""), &e), ERR_SYNTAX);
    assert_int_equal(call_event_read(str_slice("\x81\x7e\x00", 3), &e), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_whatever_the_frame_s_length),
        cmocka_unit_test(null_counts_as_absent),
        cmocka_unit_test(what_is_no_event_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, stop);
}

#include "codec/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ws_frames.h"

static void expect_bytes(struct str stream, const char *want)
{
    struct buf b = BUF_INIT(SIZE_MAX);
    buf_str_append(&b, stream);
    expect(&b, want);
}

static void the_examples_of_the_rfc_are_understood(void **state)
{
    (void)state;
    expect_bytes(STR("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "1 0 5:Hello\nidle\n");
    struct buf b = new_stream();
    buf_str_append(&b, STR("\x81\x05Hello\x01\x03Hel\x80\x02lo\x89\x05Hello"));
    expect_role(WS_CLIENT, &b, "1 0 5:Hello\n1 0 5:Hello\n9 0 5:Hello\nidle\n");
}

static void every_length_form_is_understood(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 200000};
    static char data[200000];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf b = new_stream(), want = new_stream();
        put(&b, FIN | WS_BINARY, filled(data, sizes[i], 'x'));
        buf_printf(&want, "2 0 %zu:", sizes[i]);
        buf_append(&want, data, sizes[i]);
        buf_puts(&want, "\nidle\n");
        expect(&b, buf_cstr(&want));
        buf_release(&want);
    }
}

static void any_bytes_pass_in_a_binary_message(void **state)
{
    (void)state;
    char data[256];
    for (int i = 0; i < 256; i++)
        data[i] = (char)i;
    struct buf b = new_stream();
    put(&b, FIN | WS_BINARY, str_slice(data, sizeof data));
    struct ws_decoder d;
    ws_init(&d, WS_SERVER, LIMITS);
    struct str in = buf_str(&b);
    struct ws_message m;
    assert_int_equal(ws_next(&d, &in, &m), OK);
    assert_int_equal(m.opcode, WS_BINARY);
    assert_int_equal(m.data.n, sizeof data);
    assert_memory_equal(m.data.p, data, sizeof data);
    ws_release(&d);
    buf_release(&b);
}

static void control_frames_come_out_between_fragments(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put(&b, WS_TEXT, STR("one "));
    put(&b, FIN | WS_PING, STR("p"));
    put(&b, WS_CONTINUATION, STR(""));
    put(&b, FIN | WS_PONG, STR(""));
    put(&b, FIN | WS_CONTINUATION, STR("two"));
    put(&b, FIN | WS_TEXT, STR("next"));
    expect(&b, "9 0 1:p\n10 0 0:\n1 0 7:one two\n1 0 4:next\nidle\n");
}

static void a_close_may_come_inside_a_fragmented_message(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put(&b, WS_TEXT, STR("one "));
    put(&b, FIN | WS_CLOSE, STR("\x03\xe8"));
    expect(&b, "8 1000 0:\nclosed\n");
}

static void reserved_bits_are_refused(void **state)
{
    (void)state;
    static const unsigned bits[] = {0x40, 0x20, 0x10};
    for (size_t i = 0; i < 3; i++) {
        struct buf b = new_stream();
        put(&b, FIN | bits[i] | WS_TEXT, STR("x"));
        expect(&b, "fail 1002 a reserved bit is set\n");
        put(&b, FIN | bits[i] | WS_PING, STR("x"));
        expect(&b, "fail 1002 a reserved bit is set\n");
    }
}

static void unknown_opcodes_are_refused(void **state)
{
    (void)state;
    static const unsigned opcodes[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++) {
        struct buf b = new_stream();
        put(&b, FIN | opcodes[i], STR("x"));
        expect(&b, "fail 1002 the opcode is not known\n");
    }
}

static void a_client_must_mask_and_a_server_must_not(void **state)
{
    (void)state;
    static const unsigned opcodes[] = {WS_TEXT, WS_BINARY, WS_CLOSE, WS_PING, WS_PONG};
    for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++) {
        struct buf b = new_stream();
        put_frame(&b, FIN | opcodes[i], STR(""), false);
        expect(&b, "fail 1002 a client's frame is not masked\n");
        put_frame(&b, FIN | opcodes[i], STR(""), true);
        expect_role(WS_CLIENT, &b, "fail 1002 a server's frame is masked\n");
    }
}

static void lengths_must_have_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        size_t bytes;
    } cases[] = {{0, 2}, {125, 2}, {0, 8}, {125, 8}, {126, 8}, {65535, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = new_stream();
        put_header(&b, FIN | WS_BINARY, cases[i].n, cases[i].bytes, true);
        expect(&b, "fail 1002 the length is not in its shortest form\n");
    }
}

static void a_length_with_the_top_bit_is_refused(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put_header(&b, FIN | WS_BINARY, UINT64_C(1) << 63, 8, true);
    expect(&b, "fail 1002 the top bit of the length is set\n");
    put_header(&b, FIN | WS_BINARY, UINT64_MAX, 8, true);
    expect(&b, "fail 1002 the top bit of the length is set\n");
}

static void control_frames_are_short_and_whole(void **state)
{
    (void)state;
    static const unsigned opcodes[] = {WS_CLOSE, WS_PING, WS_PONG};
    for (size_t i = 0; i < 3; i++) {
        struct buf b = new_stream();
        put_header(&b, FIN | opcodes[i], 126, 2, true);
        expect(&b, "fail 1002 a control frame is longer than 125 bytes\n");
        put_header(&b, FIN | opcodes[i], 65536, 8, true);
        expect(&b, "fail 1002 a control frame is longer than 125 bytes\n");
        put(&b, opcodes[i], STR(""));
        expect(&b, "fail 1002 a control frame is fragmented\n");
    }
    char data[125];
    struct buf b = new_stream(), want = new_stream();
    put(&b, FIN | WS_PING, filled(data, sizeof data, 'p'));
    buf_printf(&want, "9 0 125:%.125s\nidle\n", data);
    expect(&b, buf_cstr(&want));
    buf_release(&want);
}

static void fragments_must_follow_their_order(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put(&b, FIN | WS_CONTINUATION, STR("x"));
    expect(&b, "fail 1002 a continuation without a message\n");
    put(&b, FIN | WS_TEXT, STR("whole"));
    put(&b, WS_CONTINUATION, STR("x"));
    expect(&b, "1 0 5:whole\nfail 1002 a continuation without a message\n");
    put(&b, WS_TEXT, STR("a"));
    put(&b, FIN | WS_TEXT, STR("b"));
    expect(&b, "fail 1002 a new message inside a fragmented one\n");
    put(&b, WS_BINARY, STR("a"));
    put(&b, WS_TEXT, STR("b"));
    expect(&b, "fail 1002 a new message inside a fragmented one\n");
    put(&b, WS_TEXT, STR("a"));
    put(&b, FIN | WS_CONTINUATION, STR("b"));
    put(&b, FIN | WS_CONTINUATION, STR("c"));
    expect(&b, "1 0 2:ab\nfail 1002 a continuation without a message\n");
}

static void the_number_of_fragments_is_limited(void **state)
{
    (void)state;
    struct buf b = new_stream();
    for (int message = 0; message < 2; message++) {
        put(&b, WS_TEXT, STR("a"));
        for (int i = 0; i < 3; i++)
            put(&b, WS_CONTINUATION, STR(""));
        put(&b, FIN | WS_CONTINUATION, STR("z"));
    }
    expect(&b, "1 0 2:az\n1 0 2:az\nidle\n"); /* five each: as many as may be */
    put(&b, WS_TEXT, STR("a"));
    for (int i = 0; i < 4; i++)
        put(&b, WS_CONTINUATION, STR(""));
    put(&b, FIN | WS_PING, STR("")); /* does not count */
    put(&b, FIN | WS_CONTINUATION, STR("z"));
    expect(&b, "9 0 0:\nfail 1009 the message has too many fragments\n");
}

static void utf8_is_checked_across_fragments(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put(&b, WS_TEXT, STR("\xf0\x9f"));
    put(&b, FIN | WS_PING, STR("\xff"));
    put(&b, WS_CONTINUATION, STR(""));
    put(&b, WS_CONTINUATION, STR("\x98"));
    put(&b, FIN | WS_CONTINUATION, STR("\x80"));
    expect(&b, "9 0 1:\xff\n1 0 4:\xf0\x9f\x98\x80\nidle\n");
    put(&b, WS_TEXT, STR("\xce"));
    put(&b, FIN | WS_CONTINUATION, STR("a"));
    expect(&b, "fail 1007 the text is not UTF-8\n");
    put(&b, WS_TEXT, STR("\xce"));
    put(&b, FIN | WS_CONTINUATION, STR(""));
    expect(&b, "fail 1007 the text ends inside a character\n");
}

static void invalid_utf8_is_refused(void **state)
{
    (void)state;
    static const struct str texts[] = {
        {"\xc0\x80", 2}, {"\xed\xa0\x80", 3}, {"\xf4\x90\x80\x80", 4}, {"abc\xff", 4},
        {"\x80", 1},     {"\xe0\x80\xaf", 3}, {"\xf8\x88\x80\x80", 4}, {"0123456789\xfe xx", 14},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf b = new_stream();
        put(&b, FIN | WS_TEXT, texts[i]);
        expect(&b, "fail 1007 the text is not UTF-8\n");
    }
    struct buf b = new_stream();
    put(&b, FIN | WS_TEXT, STR("\xf4\x8f\xbf"));
    expect(&b, "fail 1007 the text ends inside a character\n");
}

static void text_fails_with_its_first_wrong_byte(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put(&b, WS_TEXT, STR("ok \xf4\x90 and much more that never comes"));
    struct ws_decoder d;
    ws_init(&d, WS_SERVER, LIMITS);
    struct ws_message m;
    for (size_t i = 0; i < 6 + 4; i++) { /* header, "ok ", f4 */
        struct str in = str_slice(buf_str(&b).p + i, 1);
        assert_int_equal(ws_next(&d, &in, &m), ERR_AGAIN);
    }
    struct str in = str_slice(buf_str(&b).p + 10, 1);
    assert_int_equal(ws_next(&d, &in, &m), ERR_SYNTAX);
    assert_int_equal(d.fail_code, 1007);
    ws_release(&d);
    buf_release(&b);
}

static void close_frames_carry_code_and_reason(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put(&b, FIN | WS_CLOSE, STR(""));
    expect(&b, "8 1005 0:\nclosed\n");
    put(&b, FIN | WS_CLOSE, STR("\x03\xe8"));
    expect(&b, "8 1000 0:\nclosed\n");
    put(&b, FIN | WS_CLOSE, STR("\x0f\xa2 by\xc3\xa9"));
    expect(&b, "8 4002 5: by\xc3\xa9\nclosed\n");
    put(&b, FIN | WS_CLOSE, STR("\x03"));
    expect(&b, "fail 1002 a close frame holds half a code\n");
    put(&b, FIN | WS_CLOSE, STR("\x03\xe8\xff"));
    expect(&b, "fail 1007 the close reason is not UTF-8\n");
    put(&b, FIN | WS_CLOSE, STR("\x03\xe8\xc3"));
    expect(&b, "fail 1007 the close reason is not UTF-8\n");
}

static bool may_be_sent(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static void only_registered_and_private_close_codes_pass(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= 0xffff; code++)
        assert_int_equal(ws_close_code_valid((uint16_t)code), may_be_sent(code));
    static const unsigned codes[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct buf b = new_stream();
        char payload[2] = {(char)(codes[i] >> 8), (char)(codes[i] & 0xff)};
        put(&b, FIN | WS_CLOSE, str_slice(payload, 2));
        expect(&b, "fail 1002 the close code may not be sent\n");
    }
}

static void what_follows_a_close_is_swallowed(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put(&b, FIN | WS_CLOSE, STR("\x03\xe8"));
    put(&b, FIN | WS_TEXT, STR("late"));
    buf_puts(&b, "\xff\xff\xff\xff");
    expect(&b, "8 1000 0:\nclosed\n");
}

static void what_follows_a_failure_is_not_taken(void **state)
{
    (void)state;
    struct ws_decoder d;
    ws_init(&d, WS_SERVER, LIMITS);
    struct str in = STR("\xff\x81\x85");
    struct ws_message m;
    assert_int_equal(ws_next(&d, &in, &m), ERR_SYNTAX);
    size_t left = in.n;
    assert_int_equal(ws_next(&d, &in, &m), ERR_SYNTAX);
    assert_int_equal(in.n, left);
    assert_int_equal(d.fail_code, 1002);
    assert_false(ws_under_way(&d));
    ws_release(&d);
}

/* Only the header is fed, without its mask: that must be enough. */
static uint16_t code_for_header(struct ws_decoder *d, unsigned first, uint64_t n)
{
    struct buf b = new_stream();
    struct ws_message m;
    put_header(&b, first, n, n <= 125 ? 0 : n <= 0xffff ? 2 : 8, true);
    struct str in = str_slice(buf_str(&b).p, b.len - sizeof MASK);
    enum err e = ws_next(d, &in, &m);
    buf_release(&b);
    assert_true(e == ERR_AGAIN || e == ERR_SYNTAX);
    return d->fail_code;
}

static void size_is_judged_from_the_header_before_memory_is_taken(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {200001, UINT64_C(1) << 40, INT64_MAX};
    struct ws_decoder d;
    for (size_t i = 0; i < 3; i++) {
        ws_init(&d, WS_SERVER, LIMITS);
        assert_int_equal(code_for_header(&d, FIN | WS_TEXT, sizes[i]), 1009);
        assert_int_equal(d.message.cap, 0);
        ws_release(&d);
    }
    ws_init(&d, WS_SERVER, LIMITS);
    assert_int_equal(code_for_header(&d, FIN | WS_TEXT, 200000), 0);
    assert_int_equal(d.message.cap, 0);
    ws_release(&d);
}

static void the_fragments_of_a_message_share_its_limit(void **state)
{
    (void)state;
    static char data[100000];
    struct buf b = new_stream();
    put(&b, WS_BINARY, filled(data, 100000, 'x'));
    put_header(&b, WS_CONTINUATION, 100001, 8, true);
    expect(&b, "fail 1009 the message is too large\n");
    put(&b, WS_BINARY, filled(data, 100000, 'x'));
    put_header(&b, WS_CONTINUATION, INT64_MAX, 8, true); /* the sum would overflow */
    expect(&b, "fail 1009 the message is too large\n");
    put(&b, WS_BINARY, filled(data, 100000, 'x'));
    put_header(&b, WS_CONTINUATION, 100000, 8, true);
    expect(&b, "under way\n");
}

static void memory_grows_with_what_arrives(void **state)
{
    (void)state;
    struct ws_limits limits = {.message_bytes = SIZE_MAX, .message_fragments = 1};
    struct ws_decoder d;
    ws_init(&d, WS_SERVER, limits);
    assert_int_equal(code_for_header(&d, FIN | WS_BINARY, UINT64_C(1) << 40), 0);
    struct ws_message m;
    struct str in = str_slice((const char *)MASK, 4);
    assert_int_equal(ws_next(&d, &in, &m), ERR_AGAIN);
    static char data[1000];
    for (size_t sent = 1000; sent <= 1000000; sent += 1000) {
        in = filled(data, sizeof data, 'x');
        assert_int_equal(ws_next(&d, &in, &m), ERR_AGAIN);
        assert_in_range(d.message.cap, sent, 2 * sent + 64);
    }
    ws_release(&d);
}

static void an_idle_decoder_holds_no_large_memory(void **state)
{
    (void)state;
    static char data[150000];
    struct buf b = new_stream();
    put(&b, FIN | WS_BINARY, filled(data, sizeof data, 'x'));
    struct ws_decoder d;
    ws_init(&d, WS_SERVER, LIMITS);
    struct str in = buf_str(&b);
    struct ws_message m;
    assert_int_equal(ws_next(&d, &in, &m), OK);
    assert_int_equal(m.data.n, sizeof data);
    assert_int_equal(ws_next(&d, &in, &m), ERR_AGAIN);
    assert_int_equal(d.message.cap, 0);
    ws_release(&d);
    buf_release(&b);
}

static void under_way_lasts_from_first_to_last_byte(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put(&b, WS_TEXT, STR("a"));
    put(&b, FIN | WS_CONTINUATION, STR("b"));
    put(&b, FIN | WS_PING, STR(""));
    struct ws_decoder d;
    ws_init(&d, WS_SERVER, LIMITS);
    assert_false(ws_under_way(&d));
    for (size_t i = 0; i < b.len; i++) {
        struct str in = str_slice(buf_str(&b).p + i, 1);
        struct ws_message m;
        bool last = i == 13 || i == b.len - 1;
        assert_int_equal(ws_next(&d, &in, &m), last ? OK : ERR_AGAIN);
        assert_int_equal(ws_under_way(&d), !last);
    }
    ws_release(&d);
    buf_release(&b);
}

static void delivered_data_stays_until_the_next_call(void **state)
{
    (void)state;
    struct buf b = new_stream();
    put(&b, FIN | WS_TEXT, STR("first"));
    put(&b, FIN | WS_TEXT, STR("second"));
    struct ws_decoder d;
    ws_init(&d, WS_SERVER, LIMITS);
    struct str in = buf_str(&b);
    struct ws_message m;
    assert_int_equal(ws_next(&d, &in, &m), OK);
    buf_clear(&b); /* the input may go */
    memset(b.data, 'x', 11);
    assert_true(str_eq(m.data, STR("first")));
    assert_int_equal(ws_next(&d, &in, &m), OK);
    assert_true(str_eq(m.data, STR("second")));
    ws_release(&d);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_are_understood),
        cmocka_unit_test(every_length_form_is_understood),
        cmocka_unit_test(any_bytes_pass_in_a_binary_message),
        cmocka_unit_test(control_frames_come_out_between_fragments),
        cmocka_unit_test(a_close_may_come_inside_a_fragmented_message),
        cmocka_unit_test(reserved_bits_are_refused),
        cmocka_unit_test(unknown_opcodes_are_refused),
        cmocka_unit_test(a_client_must_mask_and_a_server_must_not),
        cmocka_unit_test(lengths_must_have_their_shortest_form),
        cmocka_unit_test(a_length_with_the_top_bit_is_refused),
        cmocka_unit_test(control_frames_are_short_and_whole),
        cmocka_unit_test(fragments_must_follow_their_order),
        cmocka_unit_test(the_number_of_fragments_is_limited),
        cmocka_unit_test(utf8_is_checked_across_fragments),
        cmocka_unit_test(invalid_utf8_is_refused),
        cmocka_unit_test(text_fails_with_its_first_wrong_byte),
        cmocka_unit_test(close_frames_carry_code_and_reason),
        cmocka_unit_test(only_registered_and_private_close_codes_pass),
        cmocka_unit_test(what_follows_a_close_is_swallowed),
        cmocka_unit_test(what_follows_a_failure_is_not_taken),
        cmocka_unit_test(size_is_judged_from_the_header_before_memory_is_taken),
        cmocka_unit_test(the_fragments_of_a_message_share_its_limit),
        cmocka_unit_test(memory_grows_with_what_arrives),
        cmocka_unit_test(an_idle_decoder_holds_no_large_memory),
        cmocka_unit_test(under_way_lasts_from_first_to_last_byte),
        cmocka_unit_test(delivered_data_stays_until_the_next_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

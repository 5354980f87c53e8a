#include "codec/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ws_frames.h"

static void what_is_encoded_decodes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536};
    static char data[65536];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf masked = new_stream(), plain = new_stream(), want = new_stream(),
                   by_hand = new_stream();
        struct str text = filled(data, sizes[i], 't');
        assert_int_equal(ws_encode(&masked, WS_TEXT, text, MASK), OK);
        assert_int_equal(ws_encode(&plain, WS_TEXT, text, NULL), OK);
        put(&by_hand, FIN | WS_TEXT, text);
        assert_true(str_eq(buf_str(&masked), buf_str(&by_hand)));
        struct bytes *frame = ws_frame(WS_TEXT, text);
        assert_true(str_eq(bytes_str(frame), buf_str(&plain)));
        bytes_unref(frame);
        buf_printf(&want, "1 0 %zu:", text.n);
        buf_str_append(&want, text);
        buf_puts(&want, "\nidle\n");
        expect_role(WS_SERVER, &masked, buf_cstr(&want));
        expect_role(WS_CLIENT, &plain, buf_cstr(&want));
        buf_release(&want);
        buf_release(&by_hand);
    }
}

static void a_frame_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(8);
    assert_int_equal(ws_encode(&b, WS_TEXT, STR("sixsix"), NULL), OK);
    buf_clear(&b);
    assert_int_equal(ws_encode(&b, WS_TEXT, STR("seven77"), NULL), ERR_TOO_LARGE);
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void closes_are_encoded_with_and_without_code(void **state)
{
    (void)state;
    struct buf b = new_stream();
    assert_int_equal(ws_encode_close(&b, 0, STR("ignored"), NULL), OK);
    assert_true(str_eq(buf_str(&b), STR("\x88\x00")));
    buf_clear(&b);
    assert_int_equal(ws_encode_close(&b, 1005, STR(""), NULL),
                     OK); /* echoed as the decoder gave it */
    assert_true(str_eq(buf_str(&b), STR("\x88\x00")));
    buf_clear(&b);
    assert_int_equal(ws_encode_close(&b, 4002, STR("kicked"), MASK), OK);
    expect(&b, "8 4002 6:kicked\nclosed\n");
}

static void a_long_close_reason_is_cut_at_a_character(void **state)
{
    (void)state;
    char reason[200];
    static const struct {
        const char *character;
        size_t kept;
    } cases[] = {{"a", 123}, {"\xc3\xa9", 122}, {"\xe2\x82\xac", 123}, {"\xf0\x9f\x98\x80", 120}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t width = strlen(cases[i].character);
        for (size_t j = 0; j < sizeof reason; j++)
            reason[j] = cases[i].character[j % width];
        struct buf b = new_stream(), want = new_stream();
        assert_int_equal(ws_encode_close(&b, 1000, str_slice(reason, 180), NULL), OK);
        buf_printf(&want, "8 1000 %zu:%.*s\nclosed\n", cases[i].kept, (int)cases[i].kept, reason);
        expect_role(WS_CLIENT, &b, buf_cstr(&want));
        buf_release(&want);
    }
}

static void the_accept_value_is_that_of_the_rfc(void **state)
{
    (void)state;
    char out[WS_ACCEPT_BYTES];
    assert_int_equal(ws_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), out), OK);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void keys_that_are_not_16_bytes_of_base64_are_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "",
        "=",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ=== ",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZWE=",
        "dGhlIHNhbXBsZSBub25jZWFh",
        "dGhlIHNhbXBsZSBub25jZR==",
        " dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25j_Q==",
        "dGhlIHNhdGhlIHNhdGhlIHNhdGhlIHNhdGhlIHNhdGhlIHNhdGhlIHNhdGhlIHNhdGhlIHNhdGhlIHNhdGhlIHNh",
    };
    char out[WS_ACCEPT_BYTES] = "untouched";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_equal(ws_accept(str_of(keys[i]), out), ERR_SYNTAX);
        assert_string_equal(out, "untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_decodes),
        cmocka_unit_test(a_frame_is_written_whole_or_not_at_all),
        cmocka_unit_test(closes_are_encoded_with_and_without_code),
        cmocka_unit_test(a_long_close_reason_is_cut_at_a_character),
        cmocka_unit_test(the_accept_value_is_that_of_the_rfc),
        cmocka_unit_test(keys_that_are_not_16_bytes_of_base64_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

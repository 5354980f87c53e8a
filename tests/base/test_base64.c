#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    struct str plain;
    const char *base64, *base64url;
} vectors[] = {
    /* RFC 4648 section 10 */
    {{"", 0}, "", ""},
    {{"f", 1}, "Zg==", "Zg"},
    {{"fo", 2}, "Zm8=", "Zm8"},
    {{"foo", 3}, "Zm9v", "Zm9v"},
    {{"foob", 4}, "Zm9vYg==", "Zm9vYg"},
    {{"fooba", 5}, "Zm9vYmE=", "Zm9vYmE"},
    {{"foobar", 6}, "Zm9vYmFy", "Zm9vYmFy"},
    /* where the alphabets differ */
    {{"\xfb\xff\xbf", 3}, "+/+/", "-_-_"},
    {{"\xff\xff", 2}, "//8=", "__8"},
    {{"\0", 1}, "AA==", "AA"},
};

typedef enum err encode_fn(struct buf *b, const void *p, size_t n);
typedef enum err decode_fn(struct str s, struct buf *out);

static void check_vector(encode_fn *encode, decode_fn *decode, struct str plain, const char *text)
{
    size_t n = strlen(text);
    struct buf b = BUF_INIT(n + 1); /* exactly enough is enough */
    buf_putc(&b, '<');
    assert_int_equal(encode(&b, plain.p, plain.n), OK);
    buf_consume(&b, 1);
    assert_string_equal(buf_cstr(&b), text);
    buf_release(&b);

    buf_init(&b, plain.n + 1);
    buf_putc(&b, '<');
    assert_int_equal(decode(str_of(text), &b), OK);
    buf_consume(&b, 1);
    assert_true(str_eq(buf_str(&b), plain));
    buf_release(&b);

    for (size_t room = 0; room < n; room++) {
        buf_init(&b, room);
        assert_int_equal(encode(&b, plain.p, plain.n), ERR_TOO_LARGE);
        assert_int_equal(b.len, 0);
        buf_release(&b);
    }
    for (size_t room = 0; room < plain.n; room++) {
        buf_init(&b, room);
        assert_int_equal(decode(str_of(text), &b), ERR_TOO_LARGE);
        assert_int_equal(b.len, 0);
        buf_release(&b);
    }
}

static void vectors_of_rfc_4648_go_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        check_vector(base64_append, base64_decode, vectors[i].plain, vectors[i].base64);
        check_vector(base64url_append, base64url_decode, vectors[i].plain, vectors[i].base64url);
    }
    check_vector(base64_append, base64_decode, str_slice(NULL, 0), "");
}

static void every_length_comes_back(void **state)
{
    (void)state;
    uint8_t plain[2500];
    random_bytes(plain, sizeof plain);
    for (size_t n = 0; n < sizeof plain; n += n < 10 || (n > 760 && n < 780) ? 1 : 7) {
        struct buf text = BUF_INIT(4000), url = BUF_INIT(4000), back = BUF_INIT(4000);
        assert_int_equal(base64_append(&text, plain, n), OK);
        assert_int_equal(text.len, (n + 2) / 3 * 4);
        assert_int_equal(base64_decode(buf_str(&text), &back), OK);
        assert_int_equal(back.len, n);
        assert_true(n == 0 || memcmp(buf_str(&back).p, plain, n) == 0);
        buf_clear(&back);
        assert_int_equal(base64url_append(&url, plain, n), OK);
        assert_int_equal(url.len, (n * 4 + 2) / 3);
        assert_int_equal(base64url_decode(buf_str(&url), &back), OK);
        assert_true(str_eq(buf_str(&back), str_slice((const char *)plain, n)));
        buf_release(&text);
        buf_release(&url);
        buf_release(&back);
    }
}

static void check_refused(decode_fn *decode, struct str s)
{
    struct buf b = BUF_INIT(100);
    buf_puts(&b, "kept");
    if (decode(s, &b) != ERR_SYNTAX)
        fail_msg("\"%.*s\"", STR_ARG(s));
    assert_string_equal(buf_cstr(&b), "kept");
    assert_int_equal(b.failed, OK); /* a bad text is not the buffer's failure */
    buf_release(&b);
}

static void only_the_canonical_form_is_read(void **state)
{
    (void)state;
    static const char *const both[] = {
        "Z",     "Zm9vY",  "=",      "==",       "====",     "Z===", "Zg=",      "Zg===",
        "Zm8==", "Zm9v=",  "Zm9v==", "Zm9v====", "Z=g=",     "=Zg=", "Zg==Zg==", " Zg==",
        "Zg== ", "Zg==\n", "Zm9\nv", "Zm 9v",    "Zm9v\r\n", "Zm9.", "Zm9*",     "Zm9\x80",
        "Zh==",  "Zv==",   "Zm9=",   "Zm+_",     "Zm-/",     "+_-/",
    };
    for (size_t i = 0; i < COUNT(both); i++) {
        check_refused(base64_decode, str_of(both[i]));
        check_refused(base64url_decode, str_of(both[i]));
    }
    static const char *const standard[] = {"Zg", "Zm8", "Zm9vYg", "-_-_", "__8=", "Zg=\0"};
    for (size_t i = 0; i < COUNT(standard); i++)
        check_refused(base64_decode, str_of(standard[i]));
    static const char *const url[] = {"Zg==", "Zm8=", "+/+/", "//8", "Zh", "Zm9", "Zn9", "Zv"};
    for (size_t i = 0; i < COUNT(url); i++)
        check_refused(base64url_decode, str_of(url[i]));
    check_refused(base64_decode, str_slice("Zm9\0", 4));
    check_refused(base64url_decode, str_slice("Zm9v\0", 5));
}

static void every_byte_outside_the_alphabet_is_refused(void **state)
{
    (void)state;
    static const char shared[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (int c = 0; c < 256; c++) {
        char text[] = {'A', (char)c, 'A', 'A'};
        bool in_both = c && strchr(shared, c);
        struct buf b = BUF_INIT(10);
        assert_int_equal(base64_decode(str_slice(text, 4), &b) == OK,
                         in_both || c == '+' || c == '/');
        assert_int_equal(base64url_decode(str_slice(text, 4), &b) == OK,
                         in_both || c == '-' || c == '_');
        buf_release(&b);
    }
}

static void a_failed_buffer_stays_failed(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(2);
    buf_puts(&b, "abc");
    assert_int_equal(base64_append(&b, "x", 0), ERR_TOO_LARGE);
    assert_int_equal(base64_decode(STR("Zg=="), &b), ERR_TOO_LARGE);
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_4648_go_both_ways),
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(only_the_canonical_form_is_read),
        cmocka_unit_test(every_byte_outside_the_alphabet_is_refused),
        cmocka_unit_test(a_failed_buffer_stays_failed),
    };
    if (secret_start())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sanitizers.h"

#define MIB ((size_t)1 << 20)

static uint64_t next_random(uint64_t *seed) /* xorshift64 */
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void assert_holds(struct buf *b, struct str want)
{
    assert_true(str_eq(buf_str(b), want));
    assert_int_equal(strlen(buf_cstr(b)), strnlen(want.p, want.n));
    assert_int_equal(buf_cstr(b)[b->len], '\0');
}

static void an_empty_buffer_is_the_empty_string(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    assert_holds(&b, STR(""));
    assert_non_null(buf_str(&b).p);
    assert_int_equal(buf_append(&b, NULL, 0), OK);
    buf_consume(&b, 0);
    buf_commit(&b, 0);
    assert_holds(&b, STR(""));
    buf_release(&b);
    buf_init(&b, 5);
    assert_int_equal(b.max, 5);
    buf_release(&b);
}

static void appends_follow_each_other(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100);
    buf_append(&b, "a\0b", 3);
    buf_str_append(&b, STR("-str"));
    buf_puts(&b, "-puts");
    buf_putc(&b, '!');
    buf_printf(&b, "%d%s", 42, "x");
    assert_int_equal(b.failed, OK);
    assert_holds(&b, STR("a\0b-str-puts!42x"));
    buf_consume(&b, 4);
    assert_holds(&b, STR("str-puts!42x"));
    buf_release(&b);
}

static void the_maximum_can_be_reached_but_not_passed(void **state)
{
    (void)state;
    for (size_t max = 0; max < 200; max++) {
        struct buf b = BUF_INIT(max);
        for (size_t i = 0; i < max; i++)
            assert_int_equal(buf_putc(&b, 'x'), OK);
        assert_int_equal(b.len, max);
        assert_true(b.cap <= max + 1);
        assert_int_equal(strlen(buf_cstr(&b)), max);
        assert_int_equal(buf_putc(&b, 'x'), ERR_TOO_LARGE);
        assert_int_equal(b.len, max);
        buf_release(&b);
    }
}

static void a_failure_is_remembered_and_leaves_no_hole(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    buf_puts(&b, "12345");
    assert_int_equal(buf_puts(&b, "678901"), ERR_TOO_LARGE);
    assert_holds(&b, STR("12345"));
    assert_int_equal(buf_puts(&b, "6"), ERR_TOO_LARGE); /* it would fit, after a hole */
    assert_int_equal(buf_printf(&b, "6"), ERR_TOO_LARGE);
    assert_int_equal(buf_json_string(&b, STR("")), ERR_TOO_LARGE);
    char *room = NULL;
    assert_int_equal(buf_reserve(&b, 1, &room), ERR_TOO_LARGE);
    assert_null(room);
    assert_int_equal(b.failed, ERR_TOO_LARGE);
    buf_consume(&b, 3);
    assert_int_equal(b.failed, ERR_TOO_LARGE);
    assert_holds(&b, STR("45"));
    buf_clear(&b);
    assert_int_equal(b.failed, OK);
    assert_int_equal(buf_puts(&b, "1234567890"), OK);
    assert_holds(&b, STR("1234567890"));
    buf_release(&b);
    assert_int_equal(b.max, 10);
    assert_int_equal(buf_puts(&b, "again"), OK);
    buf_release(&b);
}

static void sizes_that_overflow_are_too_large(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 2};
    for (size_t i = 0; i < 3; i++) {
        struct buf b = BUF_INIT(SIZE_MAX);
        char *room;
        buf_puts(&b, "ab");
        assert_int_equal(buf_reserve(&b, sizes[i], &room), ERR_TOO_LARGE);
        assert_holds(&b, STR("ab"));
        buf_release(&b);
    }
}

static void being_out_of_memory_keeps_what_was_held(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX - 3, SIZE_MAX / 2, SIZE_MAX / 4};
    for (size_t i = 0; i < 3; i++) {
        struct buf b = BUF_INIT(SIZE_MAX);
        char *room;
        buf_puts(&b, "abc");
        buf_consume(&b, 1);
        assert_int_equal(buf_reserve(&b, sizes[i], &room), ERR_MEMORY);
        assert_int_equal(b.failed, ERR_MEMORY);
        assert_holds(&b, STR("bc"));
        buf_clear(&b);
        assert_int_equal(buf_puts(&b, "d"), OK);
        assert_holds(&b, STR("d"));
        buf_release(&b);
    }
}

static void growth_is_geometric(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(MIB);
    size_t growths = 0, cap = 0;
    for (size_t i = 0; i < MIB; i++) {
        buf_putc(&b, 'x');
        growths += b.cap != cap;
        cap = b.cap;
    }
    assert_int_equal(b.len, MIB);
    assert_in_range(growths, 1, 20);
    buf_release(&b);
}

static void a_queue_reuses_what_was_consumed(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(MIB);
    char piece[10] = "0123456789";
    size_t moves = 0, off = 0;
    for (int i = 0; i < 100; i++)
        buf_append(&b, piece, sizeof piece);
    for (int i = 0; i < 100000; i++) {
        buf_append(&b, piece, sizeof piece);
        buf_consume(&b, sizeof piece);
        moves += b.off < off;
        off = b.off;
    }
    assert_int_equal(b.len, 1000);
    assert_in_range(b.cap, 1001, 8192);
    assert_in_range(moves, 1, 1100); /* each moves 1000 bytes, after as many were consumed */
    buf_release(&b);
}

static void large_storage_is_given_back_when_empty(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(MIB);
    char *room;
    assert_int_equal(buf_reserve(&b, MIB, &room), OK);
    memset(room, 'x', MIB);
    buf_commit(&b, MIB);
    buf_consume(&b, MIB - 1);
    assert_true(b.cap > MIB);
    buf_consume(&b, 1);
    assert_int_equal(b.cap, 0);
    assert_holds(&b, STR(""));
    buf_puts(&b, "small");
    size_t cap = b.cap;
    buf_consume(&b, 5);
    assert_int_equal(b.cap, cap);
    buf_release(&b);
}

static void clearing_keeps_the_storage(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100);
    buf_puts(&b, "something");
    buf_consume(&b, 4);
    const char *data = b.data;
    buf_clear(&b);
    assert_holds(&b, STR(""));
    buf_puts(&b, "other");
    assert_ptr_equal(b.data, data);
    assert_holds(&b, STR("other"));
    buf_release(&b);
}

static void reserved_room_counts_when_committed(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(8);
    char *room;
    buf_puts(&b, "abc");
    assert_int_equal(buf_reserve(&b, 5, &room), OK);
    memcpy(room, "defgh", 5);
    assert_holds(&b, STR("abc"));
    assert_int_equal(buf_reserve(&b, 5, &room), OK);
    memcpy(room, "defgh", 5);
    buf_commit(&b, 2);
    assert_holds(&b, STR("abcde"));
    assert_int_equal(buf_reserve(&b, 4, &room), ERR_TOO_LARGE);
    buf_release(&b);
    assert_int_equal(buf_reserve(&b, 0, &room), OK);
    assert_non_null(room);
    buf_release(&b);
}

static void taking_leaves_the_buffer_empty(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100);
    size_t n = 42;
    char *p = buf_take(&b, &n);
    assert_string_equal(p, "");
    assert_int_equal(n, 0);
    free(p);
    buf_puts(&b, "xxtaken");
    buf_consume(&b, 2);
    p = buf_take(&b, &n);
    assert_int_equal(n, 5);
    assert_memory_equal(p, "taken", 6);
    free(p);
    assert_holds(&b, STR(""));
    buf_puts(&b, "next");
    assert_holds(&b, STR("next"));
    buf_release(&b);
}

static void printf_is_whole_or_nothing(void **state)
{
    (void)state;
    char text[1001];
    memset(text, 'x', 1000);
    text[1000] = '\0';
    struct buf b = BUF_INIT(1002);
    assert_int_equal(buf_printf(&b, "<%s>", text), OK);
    assert_int_equal(b.len, 1002);
    assert_int_equal(buf_cstr(&b)[1001], '>');
    assert_int_equal(buf_printf(&b, "%s", ""), OK);
    buf_consume(&b, 1000);
    assert_int_equal(buf_printf(&b, "%d", -12), OK);
    assert_holds(&b, STR("x>-12"));
    buf_release(&b);
    buf_init(&b, 1001);
    assert_int_equal(buf_printf(&b, "<%s>", text), ERR_TOO_LARGE);
    assert_holds(&b, STR(""));
    buf_release(&b);
}

typedef enum err append_fn(struct buf *b, struct str s);

/* in becomes out; with less room than that nothing is appended. */
static void check_escape(append_fn *append, struct str in, struct str out)
{
    for (size_t room = 0; room <= out.n; room++) {
        struct buf b = BUF_INIT(room + 3);
        buf_puts(&b, "abc");
        enum err e = append(&b, in);
        assert_int_equal(e, room < out.n ? ERR_TOO_LARGE : OK);
        assert_int_equal(b.failed, e);
        buf_consume(&b, 3);
        assert_holds(&b, e ? STR("") : out);
        buf_release(&b);
    }
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    check_escape(buf_json_string, str_slice(NULL, 0), STR("\"\""));
    check_escape(buf_json_string, STR("plain"), STR("\"plain\""));
    check_escape(buf_json_string, STR("a\"b\\c/"), STR("\"a\\\"b\\\\c/\""));
    check_escape(buf_json_string, STR("\b\f\n\r\t"), STR("\"\\b\\f\\n\\r\\t\""));
    check_escape(buf_json_string, STR("\0\x01\x0b\x1f\x7f"),
                 STR("\"\\u0000\\u0001\\u000b\\u001f\x7f\""));
    check_escape(buf_json_string, STR("\xe4\xbd\xa0\xf0\x9f\x98\x80"),
                 STR("\"\xe4\xbd\xa0\xf0\x9f\x98\x80\""));
    for (int c = 0x20; c < 0x80; c++) {
        char text[] = {'"', (char)c, '"'};
        if (c != '"' && c != '\\')
            check_escape(buf_json_string, str_slice(text + 1, 1), str_slice(text, 3));
    }
    for (int c = 0; c < 0x20; c++) { /* none goes out as it is */
        struct buf b = BUF_INIT(100);
        char text = (char)c;
        buf_json_string(&b, str_slice(&text, 1));
        assert_true(b.len >= 4);
        for (size_t i = 0; i < b.len; i++)
            assert_true((unsigned char)buf_str(&b).p[i] >= 0x20);
        buf_release(&b);
    }
}

static void html_is_escaped_for_text_and_attributes(void **state)
{
    (void)state;
    check_escape(buf_html, str_slice(NULL, 0), STR(""));
    check_escape(buf_html, STR("plain \xe4\xbd\xa0"), STR("plain \xe4\xbd\xa0"));
    check_escape(buf_html, STR("<a href='x' b=\"y\">&amp;</a>"),
                 STR("&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;amp;&lt;/a&gt;"));
}

static void uris_keep_only_unreserved_characters(void **state)
{
    (void)state;
    check_escape(buf_uri, str_slice(NULL, 0), STR(""));
    check_escape(buf_uri, STR("aZ09-._~"), STR("aZ09-._~"));
    check_escape(buf_uri, STR("a b/c?d=e&f#%+"), STR("a%20b%2Fc%3Fd%3De%26f%23%25%2B"));
    check_escape(buf_uri, STR("\0\xe4\xbd\xa0\xff"), STR("%00%E4%BD%A0%FF"));
    for (int c = 0; c < 256; c++) {
        struct buf b = BUF_INIT(100);
        char text = (char)c;
        bool unreserved = c && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-._~",
                                      c);
        buf_uri(&b, str_slice(&text, 1));
        assert_int_equal(b.len, unreserved ? 1 : 3);
        buf_release(&b);
    }
}

#define MODEL_MAX 5000

/* Appends or consumes by chance, in the buffer and in a plain array. */
static size_t random_step(struct buf *b, char *model, size_t held, uint64_t *seed)
{
    char piece[1200];
    size_t n = next_random(seed) % (next_random(seed) % 4 ? 80 : sizeof piece);
    if (next_random(seed) % 2) {
        n = n < held ? n : held;
        buf_consume(b, n);
        memmove(model, model + n, held - n);
        return held - n;
    }
    for (size_t i = 0; i < n; i++)
        piece[i] = (char)next_random(seed);
    if (buf_append(b, piece, n)) {
        assert_true(held + n > MODEL_MAX);
        b->failed = OK; /* to go on */
        return held;
    }
    memcpy(model + held, piece, n);
    return held + n;
}

static void random_histories_agree_with_a_plain_array(void **state)
{
    (void)state;
    static char model[MODEL_MAX];
    struct buf b = BUF_INIT(MODEL_MAX);
    uint64_t seed = 88172645463325252U;
    size_t held = 0;
    for (int step = 0; step < 20000; step++) {
        held = random_step(&b, model, held, &seed);
        assert_int_equal(b.len, held);
        assert_true(held == 0 || memcmp(buf_str(&b).p, model, held) == 0);
        assert_int_equal(buf_cstr(&b)[held], '\0');
        assert_true(b.cap <= MODEL_MAX + 1);
    }
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_is_the_empty_string),
        cmocka_unit_test(appends_follow_each_other),
        cmocka_unit_test(the_maximum_can_be_reached_but_not_passed),
        cmocka_unit_test(a_failure_is_remembered_and_leaves_no_hole),
        cmocka_unit_test(sizes_that_overflow_are_too_large),
        cmocka_unit_test(being_out_of_memory_keeps_what_was_held),
        cmocka_unit_test(growth_is_geometric),
        cmocka_unit_test(a_queue_reuses_what_was_consumed),
        cmocka_unit_test(large_storage_is_given_back_when_empty),
        cmocka_unit_test(clearing_keeps_the_storage),
        cmocka_unit_test(reserved_room_counts_when_committed),
        cmocka_unit_test(taking_leaves_the_buffer_empty),
        cmocka_unit_test(printf_is_whole_or_nothing),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(html_is_escaped_for_text_and_attributes),
        cmocka_unit_test(uris_keep_only_unreserved_characters),
        cmocka_unit_test(random_histories_agree_with_a_plain_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "hub/stream_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put(struct stream_queue *q, const char *text)
{
    assert_int_equal(stream_queue_write(q, str_of(text)), OK);
}

/* All that is queued, as text. */
static void assert_holds(const struct stream_queue *q, const char *expected)
{
    struct iovec v[64];
    char text[1 << 16];
    size_t n = stream_queue_vector(q, v, 64), len = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(v[i].iov_len > 0 && len + v[i].iov_len < sizeof text);
        memcpy(text + len, v[i].iov_base, v[i].iov_len);
        len += v[i].iov_len;
    }
    assert_int_equal(len, q->bytes);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
}

static struct bytes *large(char c)
{
    struct bytes *b = bytes_new_uninit(5000);
    assert_non_null(b);
    memset(b->p, c, b->n);
    return b;
}

static void small_writes_become_one_run(void **state)
{
    (void)state;
    struct stream_queue q = {0};
    struct iovec v[4];
    put(&q, "a");
    put(&q, "bc");
    assert_int_equal(stream_queue_give(&q, bytes_new(STR("def"))), OK);
    assert_int_equal(stream_queue_vector(&q, v, 4), 1);
    assert_holds(&q, "abcdef");
    stream_queue_advance(&q, 2);
    put(&q, "g");
    assert_holds(&q, "cdefg");
    stream_queue_release(&q);
}

static void large_shared_bytes_are_referred_to(void **state)
{
    (void)state;
    struct stream_queue q = {0};
    struct iovec v[4];
    struct bytes *b = large('x');
    put(&q, "a");
    assert_int_equal(stream_queue_give(&q, bytes_ref(b)), OK);
    put(&q, "z");
    assert_int_equal(stream_queue_vector(&q, v, 4), 3);
    assert_ptr_equal(v[1].iov_base, b->p);
    assert_int_equal(atomic_load(&b->refs), 2);
    stream_queue_advance(&q, 1 + 4999);
    assert_holds(&q, "xz");
    stream_queue_advance(&q, 1);
    assert_int_equal(atomic_load(&b->refs), 1);
    assert_holds(&q, "z");
    stream_queue_release(&q);
    assert_int_equal(q.bytes, 0);
    bytes_unref(b);
}

static void what_has_not_begun_can_be_dropped(void **state)
{
    (void)state;
    struct stream_queue q = {0};
    assert_int_equal(stream_queue_drop(&q, false), 0);
    put(&q, "first");
    assert_int_equal(stream_queue_give(&q, large('x')), OK);
    put(&q, "last");
    stream_queue_advance(&q, 1);
    assert_int_equal(stream_queue_drop(&q, false), 5004);
    assert_holds(&q, "irst");
    stream_queue_advance(&q, 4);
    put(&q, "first");
    assert_int_equal(stream_queue_give(&q, large('y')), OK);
    assert_int_equal(stream_queue_drop(&q, true), 5000);
    assert_holds(&q, "first");
    assert_int_equal(stream_queue_drop(&q, false), 5);
    assert_holds(&q, "");
    put(&q, "usable");
    assert_holds(&q, "usable");
    stream_queue_release(&q);
}

/* Against a plain text that does the same. */
static void random_histories_keep_bytes_and_order(void **state)
{
    (void)state;
    struct stream_queue q = {0};
    static char model[1 << 22];
    size_t start = 0, end = 0;
    srand(1);
    for (int i = 0; i < 3000; i++) {
        char text[3000];
        size_t n = (size_t)rand() % (rand() % 4 ? 50 : sizeof text);
        memset(text, 'a' + i % 26, n);
        if (n && rand() % 2)
            assert_int_equal(stream_queue_give(&q, bytes_new(str_slice(text, n))), OK);
        else if (n)
            assert_int_equal(stream_queue_write(&q, str_slice(text, n)), OK);
        memcpy(model + end, text, n);
        end += n;
        size_t sent = (size_t)rand() % (rand() % 8 ? 400 : 20000);
        sent = sent > end - start ? end - start : sent;
        stream_queue_advance(&q, sent);
        start += sent;
        assert_int_equal(q.bytes, end - start);
        if (q.bytes) {
            struct str head = stream_queue_head(&q);
            assert_true(head.n > 0 && head.n <= q.bytes);
            assert_memory_equal(head.p, model + start, head.n);
        }
    }
    stream_queue_release(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_writes_become_one_run),
        cmocka_unit_test(large_shared_bytes_are_referred_to),
        cmocka_unit_test(what_has_not_begun_can_be_dropped),
        cmocka_unit_test(random_histories_keep_bytes_and_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

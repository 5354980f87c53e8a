#include "base/bytes.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sanitizers.h"

static void a_copy_is_independent_and_terminated(void **state)
{
    (void)state;
    char source[] = "pay\0load";
    struct bytes *b = bytes_new(str_slice(source, 8));
    memset(source, 'x', sizeof source);
    assert_int_equal(b->n, 8);
    assert_memory_equal(b->p, "pay\0load", 9);
    assert_true(str_eq(bytes_str(b), str_slice("pay\0load", 8)));
    bytes_unref(b);
}

static void the_empty_string_can_be_shared(void **state)
{
    (void)state;
    struct bytes *b = bytes_new(str_slice(NULL, 0));
    assert_non_null(b);
    assert_int_equal(b->n, 0);
    assert_int_equal(b->p[0], '\0');
    bytes_unref(b);
}

static void null_is_empty_and_harmless(void **state)
{
    (void)state;
    assert_null(bytes_ref(NULL));
    bytes_unref(NULL);
    assert_int_equal(bytes_str(NULL).n, 0);
    assert_non_null(bytes_str(NULL).p);
}

static void it_lives_until_the_last_reference_goes(void **state)
{
    (void)state;
    struct bytes *b = bytes_new(STR("shared"));
    assert_ptr_equal(bytes_ref(b), b);
    assert_int_equal(atomic_load(&b->refs), 2);
    bytes_unref(b);
    assert_string_equal(b->p, "shared"); /* ASan would say when it is gone */
    bytes_unref(b);
}

static void more_than_memory_holds_is_null(void **state)
{
    (void)state;
    assert_null(bytes_new_uninit(SIZE_MAX));
    assert_null(bytes_new_uninit(SIZE_MAX - sizeof(struct bytes)));
    assert_null(bytes_new_uninit(SIZE_MAX - sizeof(struct bytes) - 1));
    assert_null(bytes_new_uninit(SIZE_MAX / 2));
    assert_null(bytes_new(str_slice("", SIZE_MAX / 2)));
}

static void *ref_and_unref(void *arg)
{
    struct bytes *b = arg;
    for (int i = 0; i < 20000; i++)
        bytes_unref(bytes_ref(b));
    bytes_unref(b);
    return NULL;
}

static void many_threads_may_hold_it(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct bytes *b = bytes_new(STR("shared"));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, bytes_ref(b)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&b->refs), 1);
    bytes_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_independent_and_terminated),
        cmocka_unit_test(the_empty_string_can_be_shared),
        cmocka_unit_test(null_is_empty_and_harmless),
        cmocka_unit_test(it_lives_until_the_last_reference_goes),
        cmocka_unit_test(more_than_memory_holds_is_null),
        cmocka_unit_test(many_threads_may_hold_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

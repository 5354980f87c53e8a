#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES 300

static uint64_t next_random(uint64_t *seed) /* xorshift64 */
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void check(const struct heap *h)
{
    for (size_t i = 0; i < h->len; i++) {
        assert_int_equal(h->nodes[i]->pos, i + 1);
        if (i > 0)
            assert_true(h->nodes[(i + 1) / 2 - 1]->key <= h->nodes[i]->key);
    }
}

static void an_empty_heap_has_no_minimum(void **state)
{
    (void)state;
    struct heap h = {0};
    struct heap_node n = {0};
    assert_null(heap_min(&h));
    assert_false(heap_contains(&n));
    heap_remove(&h, &n);
    assert_int_equal(h.len, 0);
    heap_release(&h);
}

static void timers_come_out_in_order_of_their_keys(void **state)
{
    (void)state;
    struct heap h = {0};
    struct heap_node nodes[NODES] = {0};
    uint64_t seed = 88172645463325252U, last = 0;
    for (size_t i = 0; i < NODES; i++)
        heap_set(&h, &nodes[i], next_random(&seed) % 100); /* many equal keys */
    check(&h);
    for (size_t i = 0; i < NODES; i++) {
        struct heap_node *min = heap_min(&h);
        assert_true(min->key >= last);
        last = min->key;
        heap_remove(&h, min);
        assert_false(heap_contains(min));
        check(&h);
    }
    assert_null(heap_min(&h));
    heap_release(&h);
}

static void a_timer_set_again_moves_both_ways(void **state)
{
    (void)state;
    struct heap h = {0};
    struct heap_node nodes[20] = {0};
    for (size_t i = 0; i < 20; i++)
        heap_set(&h, &nodes[i], 100 + i);
    heap_set(&h, &nodes[19], 5);
    assert_ptr_equal(heap_min(&h), &nodes[19]);
    heap_set(&h, &nodes[19], UINT64_MAX);
    assert_ptr_equal(heap_min(&h), &nodes[0]);
    heap_set(&h, &nodes[0], 100); /* where it is */
    assert_ptr_equal(heap_min(&h), &nodes[0]);
    assert_int_equal(h.len, 20);
    check(&h);
    heap_release(&h);
}

static const struct heap_node *least_by_looking(const struct heap_node *nodes)
{
    const struct heap_node *least = NULL;
    for (size_t i = 0; i < NODES; i++)
        if (heap_contains(&nodes[i]) && (!least || nodes[i].key < least->key))
            least = &nodes[i];
    return least;
}

static void random_histories_keep_the_invariants(void **state)
{
    (void)state;
    struct heap h = {0};
    struct heap_node nodes[NODES] = {0};
    uint64_t seed = 2463534242U;
    for (int step = 0; step < 20000; step++) {
        struct heap_node *n = &nodes[next_random(&seed) % NODES];
        if (next_random(&seed) % 3)
            heap_set(&h, n, next_random(&seed) % 1000);
        else
            heap_remove(&h, n);
        if (step % 50 == 0)
            check(&h);
        const struct heap_node *least = least_by_looking(nodes);
        assert_int_equal(heap_min(&h) ? heap_min(&h)->key : 0, least ? least->key : 0);
        assert_int_equal(heap_min(&h) != NULL, least != NULL);
    }
    heap_release(&h);
    assert_int_equal(h.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_has_no_minimum),
        cmocka_unit_test(timers_come_out_in_order_of_their_keys),
        cmocka_unit_test(a_timer_set_again_moves_both_ways),
        cmocka_unit_test(random_histories_keep_the_invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

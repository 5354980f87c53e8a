/* The order of those who wait, against a plain sorted array. */
#include "core/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES 400

static uint64_t next_random(uint64_t *seed) /* xorshift64 */
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static int by_key(const void *a, const void *b)
{
    const struct queue_node *x = *(struct queue_node *const *)a,
                            *y = *(struct queue_node *const *)b;
    if (x->turn != y->turn)
        return x->turn < y->turn ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* The same nodes in the same order, each knowing its place. */
static void check(const struct queue *q, struct queue_node **all, size_t count)
{
    assert_int_equal(queue_length(q), count);
    qsort(all, count, sizeof *all, by_key);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(queue_position(q, all[i]), i + 1);
    assert_ptr_equal(queue_first(q), count ? all[0] : NULL);
}

static size_t depth(const struct queue_node *n)
{
    if (!n)
        return 0;
    size_t left = depth(n->left), right = depth(n->right);
    return 1 + (left > right ? left : right);
}

static void an_empty_queue_has_no_first(void **state)
{
    (void)state;
    struct queue q = {0};
    struct queue_node n = {0};
    assert_null(queue_first(&q));
    assert_int_equal(queue_length(&q), 0);
    assert_false(queue_holds(&n));
}

static void turns_go_before_numbers(void **state)
{
    (void)state;
    struct queue q = {0};
    struct queue_node late = {.turn = 2, .number = 1}, early = {.turn = 1, .number = 3},
                      earlier = {.turn = 1, .number = 2};
    queue_add(&q, &late);
    queue_add(&q, &early);
    queue_add(&q, &earlier);
    check(&q, (struct queue_node *[]){&late, &early, &earlier}, 3);
    assert_ptr_equal(queue_first(&q), &earlier);
    queue_remove(&q, &earlier);
    assert_false(queue_holds(&earlier));
    assert_int_equal(queue_position(&q, &late), 2);
}

static void random_histories_match_a_sorted_array(void **state)
{
    (void)state;
    struct queue q = {0};
    struct queue_node nodes[NODES] = {0}, *in[NODES];
    size_t count = 0;
    uint64_t seed = 88172645463325252U;
    for (size_t i = 0; i < NODES; i++)
        nodes[i].number = i;
    for (int step = 0; step < 5000; step++) {
        struct queue_node *n = &nodes[next_random(&seed) % NODES];
        if (queue_holds(n)) {
            size_t at = 0;
            while (in[at] != n)
                at++;
            in[at] = in[--count];
            queue_remove(&q, n);
        } else {
            n->turn = next_random(&seed) % 20;
            queue_add(&q, n);
            in[count++] = n;
        }
        if (step % 10 == 0)
            check(&q, in, count);
    }
}

static void ascending_numbers_do_not_make_a_long_thin_tree(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct queue q = {0};
    struct queue_node *nodes = calloc(MANY, sizeof *nodes);
    for (size_t i = 0; i < MANY; i++) {
        nodes[i].number = 1000 + i;
        queue_add(&q, &nodes[i]);
    }
    assert_true(depth(q.root) < 60);
    free(nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_has_no_first),
        cmocka_unit_test(turns_go_before_numbers),
        cmocka_unit_test(random_histories_match_a_sorted_array),
        cmocka_unit_test(ascending_numbers_do_not_make_a_long_thin_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int number;
    struct list link;
};

static struct item *item_of(struct list *l)
{
    return CONTAINER_OF(l, struct item, link);
}

/* The numbers on the list as decimal digits, read forwards; backwards must agree. */
static int digits(struct list *head)
{
    int forwards = 0, backwards = 0, weight = 1;
    LIST_EACH (head, it)
        forwards = forwards * 10 + item_of(it)->number;
    for (struct list *it = head->prev; it != head; it = it->prev, weight *= 10)
        backwards += item_of(it)->number * weight;
    assert_int_equal(forwards, backwards);
    return forwards;
}

static void pushing_keeps_order_at_both_ends(void **state)
{
    (void)state;
    struct list head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_first(&head));
    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[2].link);
    list_push_front(&head, &items[0].link);
    assert_false(list_empty(&head));
    assert_int_equal(digits(&head), 123);
    assert_ptr_equal(item_of(list_first(&head)), &items[0]);
}

static void a_node_can_be_removed_anywhere_and_pushed_again(void **state)
{
    (void)state;
    struct list head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&head);
    for (int i = 0; i < 3; i++)
        list_push_back(&head, &items[i].link);
    list_remove(&items[1].link);
    assert_int_equal(digits(&head), 13);
    list_remove(&items[0].link);
    assert_int_equal(digits(&head), 3);
    list_push_back(&head, &items[1].link);
    assert_int_equal(digits(&head), 32);
    list_remove(&items[2].link);
    list_remove(&items[1].link);
    assert_true(list_empty(&head));
}

static void removing_an_unlinked_node_changes_nothing(void **state)
{
    (void)state;
    struct list head;
    struct item zeroed = {0}, other = {.number = 7};
    list_init(&head);
    list_push_back(&head, &other.link);
    assert_false(list_linked(&zeroed.link));
    list_remove(&zeroed.link);
    assert_true(list_linked(&other.link));
    list_remove(&other.link);
    list_remove(&other.link);
    assert_false(list_linked(&other.link));
    assert_true(list_empty(&head));
}

static void the_body_may_remove_the_node_it_stands_on(void **state)
{
    (void)state;
    struct list head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    list_init(&head);
    for (int i = 0; i < 4; i++)
        list_push_back(&head, &items[i].link);
    LIST_EACH (&head, it)
        if (item_of(it)->number % 2 == 0)
            list_remove(it);
    assert_int_equal(digits(&head), 13);
    LIST_EACH (&head, it)
        list_remove(it);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushing_keeps_order_at_both_ends),
        cmocka_unit_test(a_node_can_be_removed_anywhere_and_pushed_again),
        cmocka_unit_test(removing_an_unlinked_node_changes_nothing),
        cmocka_unit_test(the_body_may_remove_the_node_it_stands_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

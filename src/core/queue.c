#include "core/queue.h"

#include <assert.h>

/* splitmix64's finaliser: spreads consecutive numbers over all priorities. */
static uint64_t scatter(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static bool before(const struct queue_node *a, const struct queue_node *b)
{
    return a->turn != b->turn ? a->turn < b->turn : a->number < b->number;
}

static size_t count_of(const struct queue_node *n)
{
    return n ? n->count : 0;
}

static void recount(struct queue_node *n)
{
    n->count = count_of(n->left) + count_of(n->right) + 1;
}

/* Divides t into those before pivot and the rest. */
static void split(struct queue_node *t, const struct queue_node *pivot, struct queue_node **low,
                  struct queue_node **high)
{
    if (!t) {
        *low = *high = NULL;
    } else if (before(t, pivot)) {
        split(t->right, pivot, &t->right, high);
        recount(t);
        *low = t;
    } else {
        split(t->left, pivot, low, &t->left);
        recount(t);
        *high = t;
    }
}

/* All of low stand before all of high. */
static struct queue_node *merge(struct queue_node *low, struct queue_node *high)
{
    if (!low)
        return high;
    if (!high)
        return low;
    struct queue_node *top = low->priority >= high->priority ? low : high;
    if (top == low)
        low->right = merge(low->right, high);
    else
        high->left = merge(low, high->left);
    recount(top);
    return top;
}

void queue_add(struct queue *q, struct queue_node *n)
{
    assert(!queue_holds(n));
    n->left = n->right = NULL;
    n->priority = scatter(n->number);
    n->count = 1;
    struct queue_node *low, *high;
    split(q->root, n, &low, &high);
    q->root = merge(merge(low, n), high);
}

void queue_remove(struct queue *q, struct queue_node *n)
{
    assert(queue_holds(n));
    struct queue_node **link = &q->root;
    while (*link != n) {
        assert(*link);
        (*link)->count--;
        link = before(n, *link) ? &(*link)->left : &(*link)->right;
    }
    *link = merge(n->left, n->right);
    n->left = n->right = NULL;
    n->count = 0;
}

struct queue_node *queue_first(const struct queue *q)
{
    struct queue_node *n = q->root;
    while (n && n->left)
        n = n->left;
    return n;
}

size_t queue_position(const struct queue *q, const struct queue_node *n)
{
    assert(queue_holds(n));
    size_t position = 1;
    for (const struct queue_node *at = q->root; at != n;) {
        assert(at);
        if (before(n, at)) {
            at = at->left;
        } else {
            position += count_of(at->left) + 1;
            at = at->right;
        }
    }
    return position + count_of(n->left);
}

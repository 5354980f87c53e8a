#include "base/heap.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

/* Invariants: nodes[i]->pos == i + 1, and no node's key is less than its parent's. Inside, places
 * count from 1, so that the children of p are 2p and 2p + 1. */

static struct heap_node *at(const struct heap *h, size_t pos)
{
    return h->nodes[pos - 1];
}

static void put(struct heap *h, size_t pos, struct heap_node *node)
{
    h->nodes[pos - 1] = node;
    node->pos = pos;
}

static void sift_up(struct heap *h, struct heap_node *node)
{
    size_t pos = node->pos;
    while (pos > 1 && node->key < at(h, pos / 2)->key) {
        put(h, pos, at(h, pos / 2));
        pos /= 2;
    }
    put(h, pos, node);
}

static void sift_down(struct heap *h, struct heap_node *node)
{
    size_t pos = node->pos;
    while (pos <= h->len / 2) {
        size_t child = pos * 2;
        if (child < h->len && at(h, child + 1)->key < at(h, child)->key)
            child++;
        if (node->key <= at(h, child)->key)
            break;
        put(h, pos, at(h, child));
        pos = child;
    }
    put(h, pos, node);
}

void heap_release(struct heap *h)
{
    free(h->nodes);
    *h = (struct heap){0};
}

void heap_set(struct heap *h, struct heap_node *node, uint64_t key)
{
    if (!node->pos) {
        if (h->len == h->cap) {
            size_t cap = h->cap ? h->cap * 2 : 16;
            h->nodes = xrealloc(h->nodes, cap, sizeof *h->nodes);
            h->cap = cap;
        }
        h->len++;
        put(h, h->len, node);
    }
    assert(node->pos <= h->len && at(h, node->pos) == node);
    node->key = key;
    sift_up(h, node);
    sift_down(h, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    size_t pos = node->pos;
    if (!pos)
        return;
    assert(pos <= h->len && at(h, pos) == node);
    struct heap_node *last = at(h, h->len);
    h->len--;
    node->pos = 0;
    if (last == node)
        return;
    put(h, pos, last);
    sift_up(h, last);
    sift_down(h, last);
}

struct heap_node *heap_min(const struct heap *h)
{
    return h->len ? h->nodes[0] : NULL;
}

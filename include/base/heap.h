/* A binary min-heap of timers whose elements know where they stand, so that one can be moved or
 * removed in O(log n). Nodes live inside the caller's structs. Not thread-safe. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key; /* when it is due */
    size_t pos;   /* 1-based place in the heap; 0 = not in it */
};

struct heap {
    struct heap_node **nodes;
    size_t len, cap;
};

void heap_release(struct heap *h); /* the array only; nodes are the caller's */
/* Inserts the node, or moves it when it is in the heap already. Aborts when memory is out. */
void heap_set(struct heap *h, struct heap_node *node, uint64_t key);
/* Fine when the node is not in the heap. */
void heap_remove(struct heap *h, struct heap_node *node);
struct heap_node *heap_min(const struct heap *h); /* NULL when empty */
static inline bool heap_contains(const struct heap_node *node)
{
    return node->pos != 0;
}

#endif

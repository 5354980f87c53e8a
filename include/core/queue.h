/* The waiting requests of a space, in the order of (turn, number), with ranks: adding, removing,
 * finding the first and telling a position are O(log n). A treap whose nodes live inside the
 * requests; its priorities are a hash of the number, so that no randomness is needed. */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue_node {
    struct queue_node *left, *right;
    uint64_t turn;
    uint64_t number; /* unique */
    uint64_t priority;
    size_t count; /* nodes of this subtree; 0 = not in a queue */
};

struct queue {
    struct queue_node *root;
};

static inline size_t queue_length(const struct queue *q)
{
    return q->root ? q->root->count : 0;
}
static inline bool queue_holds(const struct queue_node *n)
{
    return n->count != 0;
}
/* turn and number are set by the caller and must stay as they are while the node is in the queue.
 */
void queue_add(struct queue *q, struct queue_node *n);
void queue_remove(struct queue *q, struct queue_node *n);
struct queue_node *queue_first(const struct queue *q); /* NULL when empty */
/* 1 = next. The node must be in the queue. */
size_t queue_position(const struct queue *q, const struct queue_node *n);

#endif

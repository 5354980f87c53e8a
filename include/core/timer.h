/* A deadline: one heap has all of them, whoever has one embeds it. Private to the core. */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "base/heap.h"

struct relay;

struct timer {
    struct heap_node node;
    void (*fire)(struct relay *r, struct timer *t);
};

#endif

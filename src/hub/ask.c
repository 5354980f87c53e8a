#include "hub/ask.h"

#include "base/alloc.h"

#include <stdlib.h>

/* Outlives the hub when the core answers late. */
struct ask {
    struct list link; /* on the hub's asks while x waits */
    struct hub *hub;
    struct exchange *x; /* NULL when it has gone */
    ask_answered *answered;
    int note;
};

static void on_reply(void *ctx, struct reply *reply)
{
    struct ask *a = ctx;
    list_remove(&a->link);
    if (a->x) {
        exchange_set(a->x, NULL);
        a->answered(a->hub, a->x, reply, a->note);
    }
    reply_release(reply);
    free(a);
}

void ask_core(struct hub *h, struct exchange *x, struct command *cmd, ask_answered *answered,
              int note)
{
    struct ask *a = xcalloc(1, sizeof *a);
    *a = (struct ask){.hub = h, .x = x, .answered = answered, .note = note};
    list_push_back(&h->asks, &a->link);
    exchange_set(x, a);
    hub_command(h, cmd, on_reply, a);
}

static void forget(struct ask *a)
{
    list_remove(&a->link);
    a->x = NULL;
}

void ask_abandoned(struct exchange *x)
{
    struct ask *a = exchange_value(x);
    if (a)
        forget(a);
}

void asks_release(struct hub *h)
{
    LIST_EACH (&h->asks, it)
        forget(CONTAINER_OF(it, struct ask, link));
}

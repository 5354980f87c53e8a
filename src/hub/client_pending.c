#include "hub/client_pending.h"

#include "base/alloc.h"

#include <stdlib.h>

void pending_init(struct pending_list *p)
{
    list_init(&p->list);
    p->count = 0;
}

static struct pending *pending_of(struct list *it)
{
    return CONTAINER_OF(it, struct pending, link);
}

static bool is_of(const struct pending *p, struct topic_id topic)
{
    return p->topic.kind == topic.kind && uuid_eq(p->topic.id, topic.id);
}

static void pending_remove(struct pending_list *list, struct pending *p)
{
    list_remove(&p->link);
    list->count--;
    free(p);
}

void pending_clear(struct pending_list *p)
{
    LIST_EACH (&p->list, it)
        pending_remove(p, pending_of(it));
}

void pending_add(struct pending_list *list, const struct client_msg *m)
{
    struct pending *p = xcalloc(1, sizeof *p);
    p->topic = m->topic;
    p->since.seq = m->since;
    p->since.given = m->has_since && str_copy(p->since.epoch, sizeof p->since.epoch, m->epoch);
    list_push_back(&list->list, &p->link);
    list->count++;
}

bool pending_take(struct pending_list *list, struct topic_id topic, struct pending *out)
{
    LIST_EACH (&list->list, it) {
        struct pending *p = pending_of(it);
        if (!is_of(p, topic))
            continue;
        *out = *p;
        pending_remove(list, p);
        return true;
    }
    return false;
}

bool pending_has(const struct pending_list *list, struct topic_id topic)
{
    LIST_EACH ((struct list *)&list->list, it) {
        const struct pending *p = pending_of(it);
        if (is_of(p, topic) && !p->dropped)
            return true;
    }
    return false;
}

void pending_drop(struct pending_list *list, struct topic_id topic)
{
    LIST_EACH (&list->list, it) {
        if (is_of(pending_of(it), topic))
            pending_of(it)->dropped = true;
    }
}

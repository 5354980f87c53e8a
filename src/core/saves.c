/* Saves and loads under way: what was asked of the store, and what goes on when it answers. */
#include "core/state.h"

#include <stdlib.h>

static void save_done_nothing(struct relay *r, struct save *s, enum err err)
{
    (void)r;
    (void)s;
    (void)err;
}

/* c is given away. done NULL: nobody minds how it ends. */
struct save *save_start(struct relay *r, struct change *c,
                        void (*done)(struct relay *, struct save *, enum err))
{
    struct save *s = xcalloc(1, sizeof *s);
    s->id = c->save_id = r->next_save++;
    s->since_ms = r->now.mono_ms;
    s->done = done ? done : save_done_nothing;
    HASH_ADD(hh, r->saves, id, sizeof s->id, s);
    list_push_back(&r->saves_in_order, &s->link);
    effect_new(r, EFFECT_SAVE)->change = c;
    return s;
}

void saves_answered(struct relay *r, const struct event *e)
{
    struct save *s;
    HASH_FIND(hh, r->saves, &e->save_id, sizeof e->save_id, s);
    if (!s)
        return;
    HASH_DEL(r->saves, s);
    list_remove(&s->link);
    if (s->request)
        s->request->saves--;
    s->done(r, s, e->err);
    free(s->row);
    free(s);
}

bool saves_overloaded(const struct relay *r)
{
    if (HASH_COUNT(r->saves) >= r->limits.saves_pending)
        return true;
    struct list *oldest = list_first(&r->saves_in_order);
    return oldest && r->now.mono_ms - CONTAINER_OF(oldest, struct save, link)->since_ms >
                         r->limits.save_age_ms;
}

struct load *load_start(struct relay *r, enum load_for purpose, struct uuid request_id)
{
    struct load *l = xcalloc(1, sizeof *l);
    l->id = r->next_load++;
    l->purpose = purpose;
    l->request_id = request_id;
    HASH_ADD(hh, r->loads, id, sizeof l->id, l);
    struct effect *x = effect_new(r, EFFECT_LOAD);
    x->load_id = l->id;
    x->request_id = request_id;
    return l;
}

void loads_answered(struct relay *r, const struct event *e)
{
    static void (*const handlers[])(struct relay *, const struct load *, enum err,
                                    const struct request_record *) = {
        [LOAD_FOR_ACK] = frame_loaded,
        [LOAD_FOR_SUBSCRIBE] = watch_loaded,
        [LOAD_FOR_CANCEL] = cancel_loaded,
    };
    struct load *l;
    HASH_FIND(hh, r->loads, &e->load_id, sizeof e->load_id, l);
    if (!l)
        return;
    HASH_DEL(r->loads, l);
    handlers[l->purpose](r, l, e->err, e->record);
    free(l);
}

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

void saves_answered(struct relay *r, const struct relay_event *e)
{
    struct save *s;
    HASH_FIND(hh, r->saves, &e->save_id, sizeof e->save_id, s);
    if (!s)
        return;
    HASH_DEL(r->saves, s);
    list_remove(&s->link);
    if (s->request)
        s->request->saves--;
    s->more = e->more;
    s->done(r, s, e->err);
    free(s->row);
    free(s);
}

/* ---- what must be saved in the end ---- */

static void sure_start(struct relay *r, struct sure *x);

static void sure_free(struct relay *r, struct sure *x)
{
    timer_stop(r, &x->timer);
    list_remove(&x->link);
    bytes_unref(x->usage);
    free(x);
}

static void sure_answered(struct relay *r, struct save *s, enum err err)
{
    if (err)
        timer_set(r, &s->sure->timer, r->now.mono_ms + r->limits.save_retry_ms);
    else
        sure_free(r, s->sure);
}

static void sure_timer_fired(struct relay *r, struct timer *t)
{
    sure_start(r, CONTAINER_OF(t, struct sure, timer));
}

static void sure_start(struct relay *r, struct sure *x)
{
    struct change *c = change_new(x->kind);
    c->key = x->key;
    c->at_ms = x->at_ms;
    c->id = x->id;
    c->usage = bytes_ref(x->usage);
    save_start(r, c, sure_answered)->sure = x;
}

void save_surely(struct relay *r, enum change_kind kind, int64_t key, struct uuid id,
                 struct str usage)
{
    struct sure *x = xcalloc(1, sizeof *x);
    x->timer.fire = sure_timer_fired;
    x->kind = kind;
    x->key = key;
    x->at_ms = r->now.wall_ms;
    x->id = id;
    x->usage = usage.n ? bytes_new(usage) : NULL;
    list_push_back(&r->sure, &x->link);
    sure_start(r, x);
}

void sure_free_all(struct relay *r)
{
    LIST_EACH (&r->sure, it)
        sure_free(r, CONTAINER_OF(it, struct sure, link));
}

uint64_t saves_limit(const struct relay *r)
{
    return HASH_COUNT(r->saves) >= r->limits.saves_pending ? r->limits.saves_pending : 0;
}

bool saves_overloaded(const struct relay *r)
{
    if (saves_limit(r))
        return true;
    struct list *oldest = list_first(&r->saves_in_order);
    return oldest && r->now.mono_ms - CONTAINER_OF(oldest, struct save, link)->since_ms >
                         r->limits.save_age_ms;
}

static struct loader *loader_get(struct relay *r, uint64_t conn)
{
    struct loader *x;
    HASH_FIND(hh, r->loaders, &conn, sizeof conn, x);
    if (!x) {
        x = xcalloc(1, sizeof *x);
        x->conn = conn;
        HASH_ADD(hh, r->loaders, conn, sizeof x->conn, x);
    }
    return x;
}

static void loader_put(struct relay *r, uint64_t conn)
{
    struct loader *x = loader_get(r, conn);
    if (--x->loads)
        return;
    HASH_DEL(r->loaders, x);
    free(x);
}

struct load *load_start(struct relay *r, enum load_for purpose, uint64_t conn,
                        struct uuid request_id)
{
    struct loader *loader = loader_get(r, conn);
    if (loader->loads >= LOADS_PER_CONN)
        return NULL;
    loader->loads++;
    struct load *l = xcalloc(1, sizeof *l);
    l->id = r->next_load++;
    l->purpose = purpose;
    l->conn = conn;
    l->request_id = request_id;
    HASH_ADD(hh, r->loads, id, sizeof l->id, l);
    struct effect *x = effect_new(r, EFFECT_LOAD);
    x->load_id = l->id;
    x->request_id = request_id;
    return l;
}

void loads_answered(struct relay *r, const struct relay_event *e)
{
    static void (*const handlers[])(struct relay *, const struct load *, enum err,
                                    const struct request_record *) = {
        [LOAD_FOR_ACK] = frame_loaded,     [LOAD_FOR_SUBSCRIBE] = watch_loaded,
        [LOAD_FOR_CANCEL] = cancel_loaded, [LOAD_FOR_QUERY] = query_loaded,
        [LOAD_FOR_REMOVE] = remove_loaded,
    };
    struct load *l;
    HASH_FIND(hh, r->loads, &e->load_id, sizeof e->load_id, l);
    if (!l)
        return;
    HASH_DEL(r->loads, l);
    loader_put(r, l->conn);
    handlers[l->purpose](r, l, e->err, e->record);
    free(l);
}

void loads_free_all(struct relay *r)
{
    struct load *l, *tmp;
    HASH_ITER (hh, r->loads, l, tmp) {
        HASH_DEL(r->loads, l);
        loader_put(r, l->conn);
        free(l);
    }
}

/* Spaces: finding them, the turns of their people, the pace of their apps. */
#include "core/state.h"

#include <stdlib.h>

struct space *space_by_key(struct relay *r, int64_t key)
{
    struct space *s;
    HASH_FIND(hh, r->spaces, &key, sizeof key, s);
    return s;
}

struct space *space_by_id(struct relay *r, struct uuid id)
{
    struct space *s = space_by_key(r, uuid_key(id));
    return s && uuid_eq(s->rec.id, id) ? s : NULL;
}

struct space *space_by_name(struct relay *r, struct str name)
{
    struct space *s;
    HASH_FIND(hh_name, r->spaces_by_name, name.p, name.n, s);
    return s;
}

void space_index_name(struct relay *r, struct space *s)
{
    HASH_ADD_KEYPTR(hh_name, r->spaces_by_name, s->rec.name, strlen(s->rec.name), s);
}

void space_unindex_name(struct relay *r, struct space *s)
{
    HASH_DELETE(hh_name, r->spaces_by_name, s);
}

/* In the table of ids; the caller adds its name. */
struct space *space_new(struct relay *r, const struct space_record *rec)
{
    struct space *s = xcalloc(1, sizeof *s);
    s->rec = *rec;
    s->key = uuid_key(rec->id);
    list_init(&s->apps);
    list_init(&s->orphans);
    list_init(&s->watched);
    show_timers_init(s);
    HASH_ADD(hh, r->spaces, key, sizeof s->key, s);
    return s;
}

void space_free(struct relay *r, struct space *s)
{
    timer_stop(r, &s->show_timer);
    timer_stop(r, &s->position_timer);
    list_remove(&s->match_link);
    list_remove(&s->show_link);
    struct standing *st, *tmp;
    HASH_ITER (hh, s->standings, st, tmp) {
        HASH_DEL(s->standings, st);
        free(st);
    }
    HASH_DELETE(hh, r->spaces, s);
    free(s);
}

/* A removed space stays until the last of its requests is gone. */
void space_release_if_over(struct relay *r, struct space *s)
{
    if (s->removed && !s->requests && !s->app_count)
        space_free(r, s);
}

bool space_name_free(struct relay *r, struct str name, const struct space *but)
{
    struct space *s, *tmp;
    HASH_ITER (hh, r->spaces, s, tmp) {
        if (s == but || s->removed)
            continue;
        if (str_eq(str_of(s->rec.name), name) ||
            (s->renaming[0] && str_eq(str_of(s->renaming), name)))
            return false;
    }
    return true;
}

/* ---- turns ---- */

static bool standing_over(const struct space *s, const struct standing *st, uint64_t now_ms)
{
    return st->last_turn < s->turn &&
           now_ms - st->last_submit_ms > (uint64_t)s->rec.rate_limit_s * 1000;
}

/* Forgets those whose standing says nothing any more, when there are many. */
static void prune(struct relay *r, struct space *s)
{
    unsigned count = HASH_COUNT(s->standings);
    if (count < 1024 || (count & (count - 1)))
        return;
    struct standing *st, *tmp;
    HASH_ITER (hh, s->standings, st, tmp) {
        if (!standing_over(s, st, r->now.mono_ms))
            continue;
        HASH_DEL(s->standings, st);
        free(st);
    }
}

struct standing *space_standing(struct relay *r, struct space *s, int64_t user_key)
{
    struct standing *st;
    HASH_FIND(hh, s->standings, &user_key, sizeof user_key, st);
    if (st)
        return st;
    prune(r, s);
    st = xcalloc(1, sizeof *st);
    st->user_key = user_key;
    HASH_ADD(hh, s->standings, user_key, sizeof st->user_key, st);
    return st;
}

/* turn = max(space's current turn, the person's last turn + 1) */
uint64_t space_next_turn(struct relay *r, struct space *s, int64_t user_key)
{
    struct standing *st = space_standing(r, s, user_key);
    uint64_t turn = st->last_turn + 1 > s->turn ? st->last_turn + 1 : s->turn;
    st->last_turn = turn;
    return turn;
}

/* ---- pace ---- */

void space_ran(struct space *s, uint64_t ms)
{
    s->pace_ms[s->pace_count++ % PACE_SAMPLES] = ms;
}

bool space_draining(const struct space *s)
{
    if (!s->app_count)
        return false;
    LIST_EACH (&s->apps, it) {
        if (!CONTAINER_OF(it, struct app_conn, link)->draining)
            return false;
    }
    return true;
}

uint32_t space_slots(const struct space *s)
{
    uint32_t slots = 0;
    LIST_EACH (&s->apps, it)
        slots += CONTAINER_OF(it, struct app_conn, link)->concurrency;
    return slots;
}

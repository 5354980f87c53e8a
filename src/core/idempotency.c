/* Idempotency keys: taken, found, forgotten. */
#include "core/state.h"

#include <stdlib.h>

#define PRUNE_EVERY_MS UINT64_C(60000)
#define PRUNE_NEXT_MS  UINT64_C(1000) /* when a step has left some that are too old */
#define PRUNE_STEP     256            /* keys forgotten at a time: what one change deletes */

static bool too_old(const struct relay *r, const struct idempotency *k)
{
    return (int64_t)r->now.mono_ms - k->since_ms >= (int64_t)r->limits.idempotency_ms;
}

static struct idempotency *oldest(const struct relay *r)
{
    struct list *first = list_first(&r->keys_by_age);
    return first ? CONTAINER_OF(first, struct idempotency, link) : NULL;
}

static void forget(struct relay *r, struct idempotency *k)
{
    HASH_DEL(r->keys, k);
    list_remove(&k->link);
    list_remove(&k->of_person);
    k->person->key_count--;
    if (k->accepting)
        k->accepting->idempotency = NULL;
    free(k);
}

static struct idempotency *find(struct relay *r, const struct person *p, struct str name)
{
    char key[sizeof p->key + IDEMPOTENCY_KEY_BYTES];
    struct idempotency *k;
    assert(name.n < IDEMPOTENCY_KEY_BYTES);
    memcpy(key, &p->key, sizeof p->key);
    memcpy(key + sizeof p->key, name.p, name.n);
    HASH_FIND(hh, r->keys, key, sizeof p->key + name.n, k);
    return k;
}

struct idempotency *idempotency_find(struct relay *r, const struct person *p, struct str name)
{
    struct idempotency *k = find(r, p, name);
    return k && (k->accepting || !too_old(r, k)) ? k : NULL;
}

/* The rows up to that one's go: keys grow old in the order of their requests. */
static void forget_rows(struct relay *r, int64_t request_key)
{
    save_surely(r, CHANGE_KEYS_EXPIRED, request_key, (struct uuid){{0}}, STR(""));
}

static struct idempotency *make(struct relay *r, struct person *p, struct str name)
{
    struct idempotency *k = xcalloc(1, sizeof *k + sizeof p->key + name.n);
    k->key_bytes = sizeof p->key + name.n;
    memcpy(k->key, &p->key, sizeof p->key);
    memcpy(k->key + sizeof p->key, name.p, name.n);
    k->person = p;
    list_push_back(&p->keys, &k->of_person);
    p->key_count++;
    HASH_ADD_KEYPTR(hh, r->keys, k->key, k->key_bytes, k);
    list_push_back(&r->keys_by_age, &k->link);
    return k;
}

static void watch_age(struct relay *r, uint64_t in_ms)
{
    if (!heap_contains(&r->keys_timer.node))
        timer_set(r, &r->keys_timer, r->now.mono_ms + in_ms);
}

void idempotency_take(struct relay *r, struct request *q, struct str name, const struct hash *hash)
{
    struct idempotency *old = find(r, q->person, name);
    if (old) { /* its time is over */
        forget_rows(r, uuid_key(old->request_id));
        forget(r, old);
    }
    struct idempotency *k = make(r, q->person, name);
    k->request_id = q->rec.id;
    k->space_key = q->space->key;
    k->hash = *hash;
    k->since_ms = (int64_t)r->now.mono_ms;
    k->accepting = q;
    q->idempotency = k;
    watch_age(r, PRUNE_EVERY_MS);
}

struct idempotency_record *idempotency_row(const struct request *q)
{
    const struct idempotency *k = q->idempotency;
    if (!k)
        return NULL;
    struct idempotency_record *row = xcalloc(1, sizeof *row);
    row->request_id = k->request_id;
    row->user_key = k->person->key;
    row->space_key = k->space_key;
    row->hash = k->hash;
    memcpy(row->name, k->key + sizeof k->person->key, k->key_bytes - sizeof k->person->key);
    return row;
}

void idempotency_saved(struct relay *r, struct request *q, enum err err)
{
    struct idempotency *k = q->idempotency;
    if (k && err) {
        forget(r, k);
    } else if (k) {
        k->accepting = NULL;
        q->idempotency = NULL;
    }
}

uint64_t idempotency_wait(struct relay *r, const struct person *p)
{
    if (p->key_count < r->limits.idempotency_keys_per_person)
        return 0;
    const struct idempotency *k = CONTAINER_OF(list_first(&p->keys), struct idempotency, of_person);
    int64_t left = (int64_t)r->limits.idempotency_ms - ((int64_t)r->now.mono_ms - k->since_ms);
    return (left > 0 ? (uint64_t)left : 0) + PRUNE_EVERY_MS; /* it is forgotten a little later */
}

/* ---- growing old ---- */

void keys_timer_fired(struct relay *r, struct timer *t)
{
    (void)t;
    struct idempotency *k;
    int64_t newest = 0;
    size_t count = 0;
    while (count < PRUNE_STEP && (k = oldest(r)) && !k->accepting && too_old(r, k)) {
        newest = uuid_key(k->request_id);
        forget(r, k);
        count++;
    }
    if (count)
        forget_rows(r, newest);
    if (oldest(r))
        watch_age(r, count == PRUNE_STEP ? PRUNE_NEXT_MS : PRUNE_EVERY_MS);
}

/* ---- the start and the end ---- */

void idempotency_restore(struct relay *r, const struct idempotency_record *rec)
{
    struct person *p = person_by_key(r, rec->user_key);
    if (!p)
        return;
    struct idempotency *before = find(r, p, str_of(rec->name));
    if (before) /* its time was over when the name was taken again */
        forget(r, before);
    struct idempotency *k = make(r, p, str_of(rec->name));
    k->request_id = rec->request_id;
    k->space_key = rec->space_key;
    k->hash = rec->hash;
}

/* A request from the future was made before the wall clock was set back: it counts as new. */
void idempotency_listening(struct relay *r)
{
    LIST_EACH (&r->keys_by_age, it) {
        struct idempotency *k = CONTAINER_OF(it, struct idempotency, link);
        int64_t age_ms = r->now.wall_ms - uuid_ms(k->request_id);
        k->since_ms = (int64_t)r->now.mono_ms - (age_ms > 0 ? age_ms : 0);
    }
    if (oldest(r))
        watch_age(r, PRUNE_NEXT_MS);
}

void idempotency_free_all(struct relay *r)
{
    struct idempotency *k, *tmp;
    HASH_ITER (hh, r->keys, k, tmp)
        forget(r, k);
}

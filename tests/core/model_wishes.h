/* Part of model.h: what people asked for and were told; idempotency keys; how often they may. */
#ifndef TESTS_CORE_MODEL_WISHES_H
#define TESTS_CORE_MODEL_WISHES_H

#define MODEL_KEYS 4

static const char *const model_payloads[] = {"{\"prompt\":\"x\"}", "{\"prompt\":\"y\"}"};

/* A submit or a cancel. Answered exactly once, unless the relay was killed before. */
struct wish {
    bool cancels, over;
    bool may;        /* cancel: it is theirs, or they are or were an admin since */
    uint64_t ticket; /* 0 = by socket, and ref is "w" and its number */
    int64_t user_key;
    struct uuid request_id; /* cancel */
    struct uuid space_id;   /* submit; nil = there was no such space */
    const char *payload;
    char key[8]; /* "" = none */
};

static inline struct wish *model_wish(struct model *m, struct wish w)
{
    if (m->wish_count == m->wish_cap) {
        m->wish_cap = m->wish_cap ? m->wish_cap * 2 : 64;
        m->wishes = xrealloc(m->wishes, m->wish_cap, sizeof *m->wishes);
    }
    m->wishes[m->wish_count] = w;
    return &m->wishes[m->wish_count++];
}

/* ---- keys: the disk and what is on its way there are the truth ---- */

static inline bool model_key_is(const struct idempotency_record *k, int64_t user_key,
                                const char *name)
{
    return k && k->user_key == user_key && !strcmp(k->name, name);
}

static inline bool model_key_lives(struct rig *t, const struct idempotency_record *k)
{
    int64_t age_ms = (int64_t)t->now.mono_ms - model_known(t, k->request_id)->accepted_ms;
    return age_ms < (int64_t)t->limits.idempotency_ms;
}

/* The live row of a person's key; NULL when it is free. Of several (the clock was set, and then
 * came a start) the newest counts. */
static inline const struct idempotency_record *model_key(struct rig *t, int64_t user_key,
                                                         const char *name)
{
    const struct idempotency_record *found = NULL;
    for (size_t i = 0; i < t->disk.key_count; i++) {
        const struct idempotency_record *k = &t->disk.keys[i];
        if (model_key_is(k, user_key, name) && model_key_lives(t, k))
            found = k;
    }
    for (size_t i = 0; i < t->ask_count; i++) {
        const struct change *c = t->asks[i].change;
        if (c && model_key_is(c->idempotency, user_key, name))
            found = c->idempotency;
    }
    return found;
}

static inline bool model_same_body(const struct idempotency_record *k, const struct wish *w)
{
    return k->space_key == uuid_key(w->space_id) && hash_eq(k->hash, rig_hash(str_of(w->payload)));
}

/* ---- who may ---- */

static inline const struct user_record *model_user(const struct rig *t, int64_t key)
{
    for (size_t i = 0; i < t->disk.user_count; i++)
        if (uuid_key(t->disk.users[i].id) == key)
            return &t->disk.users[i];
    return NULL;
}

static inline bool model_may_cancel(struct rig *t, const struct wish *w)
{
    return model_user(t, w->user_key)->role == ROLE_ADMIN ||
           model_known(t, w->request_id)->user_key == w->user_key;
}

static inline bool model_has_too_many(struct rig *t, const struct wish *w);

/* ---- answers ---- */

static inline void model_submitted(struct rig *t, const struct wish *w, struct uuid request_id,
                                   uint64_t position)
{
    const struct disk_request *q = disk_request(&t->disk, request_id);
    const struct idempotency_record *k = w->key[0] ? model_key(t, w->user_key, w->key) : NULL;
    assert_non_null(q); /* saved before it was acknowledged */
    assert_true(q->rec.user_key == w->user_key);
    assert_true(q->rec.space_key == uuid_key(w->space_id));
    assert_true(str_eq(bytes_str(q->rec.payload), str_of(w->payload)));
    if (k)
        assert_true(uuid_eq(k->request_id, request_id));
    struct known *known = model_known(t, request_id);
    if (!w->key[0])
        assert_false(known->submitted); /* each wish is a request of its own */
    if (q->rec.status == REQUEST_QUEUED && !model_asked(t, request_id))
        model_check_position(t, &q->rec, position);
    else
        assert_true(position <= 1); /* 1: saved together with its first attempt */
    known->submitted = true;
}

static inline void model_answered(struct rig *t, struct wish *w, enum err code,
                                  struct uuid request_id, uint64_t position)
{
    assert_false(w->over); /* one answer */
    assert_true(w->cancels || code != ERR_ALREADY_FINAL);
    w->over = true;
    if (!w->cancels && !code)
        model_submitted(t, w, request_id, position);
    if (!w->cancels && code == ERR_IDEMPOTENCY_CONFLICT) {
        const struct idempotency_record *k = model_key(t, w->user_key, w->key);
        assert_true(k && !model_same_body(k, w));
    }
    const struct disk_request *q = w->cancels ? disk_request(&t->disk, w->request_id) : NULL;
    if (w->cancels && !code) {
        assert_int_equal(q->rec.status, REQUEST_CANCELLED);
        assert_true(w->may || model_may_cancel(t, w));
    }
    if (!w->cancels && !w->key[0] && code == ERR_RATE_LIMITED)
        assert_true(model_has_too_many(t, w));
    if (w->cancels && code == ERR_ALREADY_FINAL)
        assert_true(request_status_final(q->rec.status));
}

static inline void model_client_send(struct rig *t, const struct effect *e)
{
    struct model *m = t->watch_ctx;
    const struct client_out *out = &e->client_out;
    unsigned long number;
    if (out->kind == CLIENT_OUT_SUBSCRIBED && out->request &&
        (out->request->fields & VIEW_POSITION)) {
        model_known(t, out->topic.id)->watchers++;
        model_known(t, out->topic.id)->position = out->request->position;
    }
    char ref[REF_BYTES];
    if (!str_copy(ref, sizeof ref, out->ref) || sscanf(ref, "w%lu", &number) != 1)
        return;
    assert_true(number < m->wish_count);
    assert_true(out->kind == CLIENT_OUT_ERROR ||
                out->kind ==
                    (m->wishes[number].cancels ? CLIENT_OUT_CANCELLED : CLIENT_OUT_SUBMITTED));
    model_answered(t, &m->wishes[number], out->kind == CLIENT_OUT_ERROR ? out->code : OK,
                   out->request_id, out->position);
}

/* Who is made an admin while their cancel waits may cancel from then on, even when they are none
 * any more by the time it is answered. */
static inline void model_note_rights(struct rig *t)
{
    struct model *m = t->watch_ctx;
    for (size_t i = 0; i < m->wish_count; i++) {
        struct wish *w = &m->wishes[i];
        if (w->cancels && !w->over && !w->may)
            w->may = model_user(t, w->user_key)->role == ROLE_ADMIN;
    }
}

static inline void model_reply(struct rig *t, const struct effect *e)
{
    struct model *m = t->watch_ctx;
    model_note_rights(t);
    for (size_t i = 0; i < m->wish_count; i++)
        if (m->wishes[i].ticket == e->ticket)
            model_answered(t, &m->wishes[i], e->reply->err, e->reply->id, e->reply->position);
}

/* ---- accepting: never too many, too soon, or out of turn ---- */

/* Is on disk or may still come there. */
static inline bool model_counts(const struct rig *t, size_t number)
{
    return disk_request((struct disk *)&t->disk, t->names.requests[number]) ||
           model_asked_new(t, t->names.requests[number]);
}

/* One that was not saved does not count: what it took is given back, whenever that is. */
static inline size_t model_given_back(const struct rig *t, const struct known *new, size_t count)
{
    const struct model *m = t->watch_ctx;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += &m->known[i] != new && m->known[i].user_key == new->user_key &&
             m->known[i].run == m->run && !model_counts(t, i);
    return n;
}

/* One that was not saved takes the memory of those before it along. */
static inline bool model_forgotten(const struct rig *t, const struct known *k)
{
    const struct model *m = t->watch_ctx;
    for (size_t i = 0; i < m->count; i++) {
        const struct known *x = &m->known[i];
        if (x->user_key == k->user_key && x->space_key == k->space_key && x->run == k->run &&
            x->accepted_ms >= k->accepted_ms && i + 1 < m->count && !model_counts(t, i))
            return true;
    }
    return false;
}

static inline void model_check_rate(struct rig *t, const struct known *new, size_t count)
{
    const struct model *m = t->watch_ctx;
    const uint64_t n = t->limits.requests_per_minute;
    const uint64_t rate_limit_ms = (uint64_t)model_space(t, new->space_key)->rate_limit_s * 1000;
    size_t since = 1; /* accepted from the one looked at until now */
    for (size_t i = count; i-- > 0;) {
        const struct known *k = &m->known[i];
        if (k == new || k->user_key != new->user_key || k->run != m->run)
            continue;
        uint64_t ago_ms = (uint64_t)(new->accepted_ms - k->accepted_ms);
        bool counts = model_counts(t, i);
        since += counts;
        if (n && counts)
            assert_true(since <= n + ago_ms * n / 60000 + 1 + model_given_back(t, new, count));
        if (k->space_key == new->space_key && counts && !model_forgotten(t, k))
            assert_true(ago_ms >= rate_limit_ms);
    }
}

/* Their own requests come one turn after the other, and of anybody else's only so many stand before
 * theirs when they have none: one for the turn, and those that came back from apps. */
static inline void model_check_turn(struct rig *t, const struct request_record *rec)
{
    size_t of_others[8] = {0};
    bool has_none = true;
    for (size_t i = 0; i < t->disk.request_count; i++) {
        const struct request_record *x = &t->disk.requests[i].rec;
        if (x->space_key != rec->space_key || request_status_final(x->status))
            continue;
        if (x->user_key == rec->user_key) {
            has_none = false;
            assert_true(x->turn < rec->turn || model_asked(t, x->id));
        }
        for (size_t u = 0; u < t->disk.user_count; u++)
            of_others[u] += uuid_key(t->disk.users[u].id) == x->user_key && !x->attempt &&
                            x->status == REQUEST_QUEUED && model_before(x, rec);
    }
    for (size_t u = 0; has_none && u < t->disk.user_count; u++)
        assert_true(of_others[u] <= 1 + model_capacity(t->watch_ctx));
}

/* Waits, or will when it is saved. */
static inline bool model_waits(const struct rig *t, size_t number)
{
    const struct uuid id = t->names.requests[number];
    const struct disk_request *q = disk_request((struct disk *)&t->disk, id);
    const struct change *new = model_asked_new(t, id);
    return q ? q->rec.status == REQUEST_QUEUED && !model_asked(t, id) : new && !new->attempt;
}

static inline bool model_open(const struct rig *t, size_t number)
{
    const struct uuid id = t->names.requests[number];
    const struct disk_request *q = disk_request((struct disk *)&t->disk, id);
    return q ? !request_status_final(q->rec.status) : model_asked_new(t, id) != NULL;
}

static inline void model_accepted(struct rig *t, const struct change *c)
{
    struct model *m = t->watch_ctx;
    const struct request_record *rec = c->request;
    struct known *k = model_known(t, rec->id);
    size_t waiting = 0, unfinished = 0;
    k->accepted_ms = (int64_t)t->now.mono_ms;
    k->run = m->run;
    k->user_key = rec->user_key;
    k->space_key = rec->space_key;
    assert_false(model_user(t, rec->user_key)->disabled);
    model_check_rate(t, k, m->count);
    model_check_turn(t, rec);
    if (c->idempotency)
        assert_null(model_key(t, rec->user_key, c->idempotency->name)); /* it was free */
    for (size_t i = 0; i < m->count; i++) {
        const struct known *other = &m->known[i];
        waiting += other != k && other->space_key == rec->space_key && model_waits(t, i);
        unfinished += other != k && other->user_key == rec->user_key && model_open(t, i);
    }
    assert_true(unfinished < t->limits.unfinished_per_person);
    assert_true(waiting < t->limits.queue_per_space);
}

/* ---- refusing: only who has too many ---- */

/* Their requests of this start, the newest first, come faster than a minute's number of them. */
static inline bool model_too_fast(struct rig *t, const struct wish *w)
{
    const struct model *m = t->watch_ctx;
    const uint64_t n = t->limits.requests_per_minute, step_us = n ? 60000000 / n : 0;
    uint64_t sum_us = step_us;
    for (size_t i = m->count; n && i-- > 0;) {
        const struct known *k = &m->known[i];
        if (k->user_key != w->user_key || k->run != m->run || !model_counts(t, i))
            continue;
        sum_us += step_us;
        if (sum_us > 60000000 + (t->now.mono_ms - (uint64_t)k->accepted_ms) * 1000)
            return true;
    }
    return false;
}

static inline bool model_too_soon(struct rig *t, const struct wish *w)
{
    const struct model *m = t->watch_ctx;
    const int64_t key = uuid_key(w->space_id);
    const uint64_t rate_limit_ms = (uint64_t)model_space(t, key)->rate_limit_s * 1000;
    for (size_t i = 0; i < m->count; i++) {
        const struct known *k = &m->known[i];
        if (k->user_key == w->user_key && k->space_key == key && k->run == m->run &&
            model_counts(t, i) && t->now.mono_ms < (uint64_t)k->accepted_ms + rate_limit_ms)
            return true;
    }
    return false;
}

static inline bool model_has_too_many(struct rig *t, const struct wish *w)
{
    const struct model *m = t->watch_ctx;
    size_t unfinished = 0;
    for (size_t i = 0; i < m->count; i++)
        unfinished += m->known[i].user_key == w->user_key && model_open(t, i);
    return unfinished >= t->limits.unfinished_per_person || model_too_fast(t, w) ||
           model_too_soon(t, w);
}

#endif

/* What must be true whatever happens, judged from outside: the effects and the disk. Used by random
 * histories. */
#ifndef TESTS_CORE_MODEL_H
#define TESTS_CORE_MODEL_H

#include "rig.h"

#define MODEL_APPS 12

struct wish;

/* A request as its people and apps know it. */
struct known {
    bool submitted;  /* acknowledged to its person */
    bool shown_over; /* its final event has been published since the start */
    int64_t user_key, space_key, accepted_ms;
    unsigned run;     /* the start of the relay under which it was accepted */
    uint64_t holder;  /* the connection that works on it; 0 = none */
    uint64_t lingers; /* the connection whose slot it takes though it has ended; 0 = none */
    uint64_t lingers_until_ms;
    uint32_t attempt;
    char instance[8]; /* of the app that had it last, under the start held_run */
    unsigned held_run;
    uint32_t tries;    /* attempts that reached an app, but for those that a stop cost */
    uint32_t tried;    /* the newest of them */
    bool interrupted;  /* by a stop: counts again when its app resumes it */
    bool waited;       /* its app had enough to do without it, and has said nothing about it */
    uint64_t heard_ms; /* from its app */
    uint32_t silent;   /* connections that had it since one said something about it */
    bool timed_out;
    uint64_t gone_ms;   /* when its app's connection went */
    bool waited_for;    /* for its app to come back, which it still may */
    bool wants_retry;   /* its app's newest word on it is an error that another attempt may mend */
    unsigned over_run;  /* the start of the relay under which its end was saved */
    unsigned spent_run; /* and that under which its app told, after the end, what it had cost */
    unsigned watchers;  /* at least */
    uint64_t position;  /* shown last; 0 = none */
    struct bytes *told; /* the result that was acknowledged */
    struct bytes *sent; /* the newest result that an app has sent */
    struct buf text;    /* as published since the attempt began */
};

/* An inference app, which outlives its connections. */
struct mock {
    uint64_t conn; /* 0 = away */
    struct uuid connection_id;
    bool registered, drained;
    size_t may_still; /* attempts that were on their way to its space when it was drained */
    const char *space;
    char instance[8];
    uint32_t concurrency, prefetch;
    struct lease_ref held[64]; /* what it believes to be its own */
    size_t held_count;
    struct lease_ref owed[64]; /* what it has said the end of and had no answer to */
    size_t owed_count;
    size_t token;        /* by which it last came */
    uint64_t crowded_ms; /* when it was last seen with more than it works on at a time */
};

struct model {
    struct known *known; /* beside names.requests */
    size_t count;
    struct mock apps[MODEL_APPS];
    uint64_t next_conn, seed;
    uint64_t failed_ms; /* when the disk last failed */
    unsigned run;
    struct wish *wishes;
    size_t wish_count, wish_cap;
    struct space_view shown[DISK_ROWS]; /* beside disk.spaces: what was shown of them last */
};

static inline struct known *model_known(struct rig *t, struct uuid id)
{
    struct model *m = t->watch_ctx;
    size_t at = names_of_request(&t->names, id);
    if (at > m->count) {
        m->known = xrealloc(m->known, at, sizeof *m->known);
        for (; m->count < at; m->count++)
            m->known[m->count] = (struct known){.text = BUF_INIT(1U << 20)};
    }
    return &m->known[at - 1];
}

static inline void model_release(struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        bytes_unref(m->known[i].told);
        bytes_unref(m->known[i].sent);
        buf_release(&m->known[i].text);
    }
    free(m->known);
    free(m->wishes);
}

static inline struct mock *model_app(struct model *m, uint64_t conn)
{
    for (size_t i = 0; i < MODEL_APPS; i++)
        if (m->apps[i].conn == conn)
            return &m->apps[i];
    return NULL;
}

static inline struct mock model_away(const struct mock *a)
{
    struct mock away = *a;
    away.conn = 0;
    away.registered = away.drained = false;
    away.owed_count = 0;
    return away;
}

/* The connection is no more; what it held waits for the app, or goes back when it went for good. */
static inline void model_disconnected(struct rig *t, uint64_t conn, bool for_good)
{
    struct model *m = t->watch_ctx;
    struct mock *a = model_app(m, conn);
    if (a)
        *a = model_away(a);
    for (size_t i = 0; i < m->count; i++) {
        struct known *k = &m->known[i];
        if (k->lingers == conn)
            k->lingers = 0;
        if (k->holder != conn)
            continue;
        k->holder = 0;
        k->gone_ms = t->now.mono_ms;
        k->waited_for = !for_good;
    }
}

/* It has been told to take nothing new, or has said so itself. */
static inline void model_drained(struct rig *t, struct mock *a)
{
    if (a->drained)
        return;
    a->drained = true;
    a->may_still = 0;
    for (size_t i = 0; i < t->ask_count; i++)
        a->may_still += t->asks[i].change && t->asks[i].change->attempt &&
                        (t->asks[i].change->kind == CHANGE_REQUEST_ATTEMPT ||
                         t->asks[i].change->kind == CHANGE_REQUEST_NEW);
}

static inline const struct space_record *model_space(const struct rig *t, int64_t key)
{
    for (size_t i = 0; i < t->disk.space_count; i++)
        if (uuid_key(t->disk.spaces[i].id) == key)
            return &t->disk.spaces[i];
    fail_msg("no such space");
    return NULL;
}

static inline size_t model_capacity(const struct model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < MODEL_APPS; i++)
        n += m->apps[i].concurrency + m->apps[i].prefetch;
    return n;
}

/* The change by which a request is being saved for the first time; NULL = it is not. */
static inline const struct change *model_asked_new(const struct rig *t, struct uuid id)
{
    for (size_t i = 0; i < t->ask_count; i++) {
        const struct change *c = t->asks[i].change;
        if (c && c->kind == CHANGE_REQUEST_NEW && uuid_eq(c->request->id, id))
            return c;
    }
    return NULL;
}

static inline bool model_asked(const struct rig *t, struct uuid id)
{
    for (size_t i = 0; i < t->ask_count; i++) {
        const struct change *c = t->asks[i].change;
        if (c && c->kind >= CHANGE_REQUEST_ATTEMPT && c->kind <= CHANGE_REQUEST_FINAL &&
            c->kind != CHANGE_REQUEST_TEXT && uuid_eq(c->id, id))
            return true;
    }
    return false;
}

static inline bool model_before(const struct request_record *a, const struct request_record *b)
{
    return a->turn != b->turn ? a->turn < b->turn : uuid_key(a->id) < uuid_key(b->id);
}

/* How many wait before q in its space: those queued on disk about which nothing else is being
 * saved. */
static inline size_t model_before_count(struct rig *t, const struct request_record *q)
{
    size_t n = 0;
    for (size_t i = 0; i < t->disk.request_count; i++) {
        const struct request_record *x = &t->disk.requests[i].rec;
        n += x->status == REQUEST_QUEUED && x->space_key == q->space_key && model_before(x, q) &&
             !model_asked(t, x->id);
    }
    return n;
}

/* Somebody who was before q is on the way back to the queue. */
static inline bool model_overtakes(struct rig *t, const struct request_record *q)
{
    for (size_t i = 0; i < t->ask_count; i++) {
        const struct change *c = t->asks[i].change;
        if (!c || c->kind != CHANGE_REQUEST_QUEUED)
            continue;
        const struct request_record *x = &disk_request(&t->disk, c->id)->rec;
        if (x->space_key == q->space_key && model_before(x, q))
            return true;
    }
    return false;
}

/* In a removed space nobody has a place any more. */
static inline void model_check_position(struct rig *t, const struct request_record *q,
                                        uint64_t position)
{
    for (size_t i = 0; i < t->disk.space_count; i++)
        if (uuid_key(t->disk.spaces[i].id) == q->space_key && !t->disk.spaces[i].removed_ms)
            assert_int_equal(position, model_before_count(t, q) + 1);
}

/* ---- effects ---- */

static inline void model_hold(struct rig *t, uint64_t conn, struct lease_ref l)
{
    struct mock *a = model_app(t->watch_ctx, conn);
    assert_non_null(a);
    assert_true(a->held_count < 64);
    a->held[a->held_count++] = l;
}

static inline void model_drop(struct mock *a, struct uuid id)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->held_count; i++)
        if (!uuid_eq(a->held[i].request_id, id))
            a->held[kept++] = a->held[i];
    a->held_count = kept;
}

/* Slots taken: also by what has ended while the app has not said so. */
static inline size_t model_working(const struct rig *t, uint64_t conn)
{
    const struct model *m = t->watch_ctx;
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct known *k = &m->known[i];
        n += k->holder == conn || (k->lingers == conn && t->now.mono_ms < k->lingers_until_ms);
    }
    return n;
}

static inline void model_has(const struct rig *t, struct known *k, const struct mock *a)
{
    const struct model *m = t->watch_ctx;
    memcpy(k->instance, a->instance, sizeof k->instance);
    k->held_run = m->run;
    k->timed_out = false;
    k->heard_ms = t->now.mono_ms;
    k->silent++;
}

/* What an app says about its own lease shows that it lives. */
static inline void model_heard(struct rig *t, uint64_t conn, struct lease_ref l)
{
    struct known *k = uuid_is_nil(l.request_id) ? NULL : model_known(t, l.request_id);
    if (!k || k->holder != conn || k->attempt != l.attempt)
        return;
    k->heard_ms = t->now.mono_ms;
    k->silent = 0;
    k->waited = false;
}

static inline void model_handed_out(struct rig *t, uint64_t conn, struct lease_ref l)
{
    struct model *m = t->watch_ctx;
    struct known *k = model_known(t, l.request_id);
    struct mock *a = model_app(m, conn);
    const struct request_record *rec = &disk_request(&t->disk, l.request_id)->rec;
    assert_true(k->submitted || rec->attempt); /* accepted before it was handed out */
    assert_int_equal(k->holder, 0);            /* one live attempt */
    assert_true(l.attempt > k->attempt);
    assert_int_equal(rec->status, REQUEST_PROCESSING); /* saved before it was sent */
    assert_int_equal(rec->attempt, l.attempt);
    k->holder = conn;
    k->attempt = k->tried = l.attempt;
    k->tries++;
    k->interrupted = false;
    k->waited = model_working(t, conn) >= a->concurrency;
    model_has(t, k, a);
    buf_clear(&k->text);
    model_drop(a, l.request_id);
    model_hold(t, conn, l);
    assert_true(model_working(t, conn) <= a->concurrency + a->prefetch);
    if (a->drained)
        assert_true(a->may_still-- > 0);
}

static inline size_t model_connected(const struct model *m, const char *space_name)
{
    size_t n = 0;
    for (size_t i = 0; i < MODEL_APPS; i++)
        n += m->apps[i].registered && !strcmp(m->apps[i].space, space_name);
    return n;
}

static inline void model_registered(struct rig *t, uint64_t conn, const struct app_out *out)
{
    struct model *m = t->watch_ctx;
    struct mock *a = model_app(m, conn);
    a->held_count = 0;
    a->drained = false;
    a->registered = true;
    a->connection_id = out->connection_id;
    assert_true(model_connected(m, a->space) <= space(t, a->space)->max_apps);
    assert_false(t->disk.tokens[a->token].revoked_ms);
    for (size_t i = 0; i < out->resumed_count; i++) {
        struct known *k = model_known(t, out->resumed[i].lease.request_id);
        assert_int_equal(k->holder, 0);
        assert_int_equal(k->attempt, out->resumed[i].lease.attempt);
        assert_int_equal(k->text.len, out->resumed[i].text_bytes);
        if (k->held_run == m->run)
            assert_string_equal(k->instance, a->instance); /* its own */
        k->holder = conn;
        k->tries += k->interrupted || k->tried != k->attempt;
        k->tried = k->attempt;
        k->interrupted = k->waited = false;
        model_has(t, k, a);
        model_hold(t, conn, out->resumed[i].lease);
    }
    for (size_t i = 0; i < m->count; i++) /* it may have taken the place that others would need */
        if (m->known[i].space_key == uuid_key(space(t, a->space)->id))
            m->known[i].waited_for = false;
    assert_true(model_working(t, conn) <= a->concurrency + a->prefetch);
}

static inline void model_answered_app(struct mock *a, struct lease_ref l)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->owed_count; i++)
        if (!uuid_eq(a->owed[i].request_id, l.request_id) || a->owed[i].attempt != l.attempt)
            a->owed[kept++] = a->owed[i];
    a->owed_count = kept;
}

/* What is acknowledged is on disk, and it is what the app sent. */
static inline void model_acked(struct rig *t, uint64_t conn, const struct app_out *out)
{
    struct disk_request *q = disk_request(&t->disk, out->lease.request_id);
    struct known *k = model_known(t, out->lease.request_id);
    struct mock *a = model_app(t->watch_ctx, conn);
    if (a)
        model_answered_app(a, out->lease);
    if (out->code == ERR_STORE_UNAVAILABLE)
        return;
    if (a)
        model_drop(a, out->lease.request_id);
    if (out->code)
        return;
    assert_non_null(q);
    assert_true(q->rec.status == REQUEST_COMPLETED || q->rec.status == REQUEST_FAILED ||
                q->rec.status == REQUEST_QUEUED);
    assert_int_equal(q->rec.attempt, out->lease.attempt);
    if (k->holder == conn && k->attempt == out->lease.attempt)
        k->holder = 0;
    if (q->rec.status != REQUEST_COMPLETED)
        return;
    if (!k->told) {
        k->told = bytes_ref(q->rec.result);
        assert_true(str_eq(bytes_str(k->told), bytes_str(k->sent)));
    }
    assert_true(str_eq(bytes_str(k->told), bytes_str(q->rec.result)));
}

static inline void model_app_send(struct rig *t, const struct effect *e)
{
    struct model *m = t->watch_ctx;
    const struct app_out *out = &e->app_out;
    assert_true(out->kind == APP_OUT_ACK || out->kind == APP_OUT_REFUSED || model_app(m, e->conn));
    if (out->kind == APP_OUT_REQUEST)
        model_handed_out(t, e->conn, out->lease);
    else if (out->kind == APP_OUT_REGISTERED)
        model_registered(t, e->conn, out);
    else if (out->kind == APP_OUT_ACK)
        model_acked(t, e->conn, out);
    else if (out->kind == APP_OUT_CANCEL) {
        struct known *k = model_known(t, out->lease.request_id);
        assert_int_equal(k->holder, e->conn);
        assert_int_equal(k->attempt, out->lease.attempt);
        assert_true(
            request_status_final(disk_request(&t->disk, out->lease.request_id)->rec.status));
        k->holder = 0;
        k->lingers = e->conn;
        k->lingers_until_ms = t->now.mono_ms + t->limits.cancel_wait_ms;
    }
}

/* The app has stopped: it says something final about what has ended for people already. */
static inline void model_stopped(struct known *k, uint64_t conn, uint32_t attempt)
{
    if (k->lingers == conn && k->attempt == attempt)
        k->lingers = 0;
}

#include "model_wishes.h"

#include "model_shown.h"

static inline void model_watch(struct rig *t, const struct effect *e)
{
    if (e->kind == EFFECT_APP_SEND)
        model_app_send(t, e);
    else if (e->kind == EFFECT_CLOSE)
        model_disconnected(t, e->conn, true);
    else if (e->kind == EFFECT_CLIENT_SEND)
        model_client_send(t, e);
    else if (e->kind == EFFECT_REPLY)
        model_reply(t, e);
    else if (e->kind == EFFECT_PUBLISH)
        model_publish(t, e);
    else if (e->kind == EFFECT_SAVE)
        model_save(t, e->change);
}

/* The relay was killed and has read its disk. */
static inline void model_restarted(struct rig *t)
{
    struct model *m = t->watch_ctx;
    m->run++;
    memset(m->shown, 0, sizeof m->shown);
    for (size_t i = 0; i < MODEL_APPS; i++)
        m->apps[i] = model_away(&m->apps[i]);
    for (size_t i = 0; i < m->wish_count; i++)
        m->wishes[i].over = true; /* nobody hears of it any more */
    for (size_t i = 0; i < t->disk.request_count; i++) {
        const struct request_record *rec = &t->disk.requests[i].rec;
        struct known *k = model_known(t, rec->id);
        int64_t age_ms = t->now.wall_ms - uuid_ms(rec->id);
        k->accepted_ms = (int64_t)t->now.mono_ms - (age_ms > 0 ? age_ms : 0);
        k->user_key = rec->user_key;
        k->space_key = rec->space_key;
        k->holder = k->lingers = 0;
        k->gone_ms = t->now.mono_ms;
        k->shown_over = k->waited_for = false;
        k->watchers = 0;
        if (rec->status == REQUEST_PROCESSING && k->tried == rec->attempt && !k->interrupted) {
            k->interrupted = true;
            k->tries--;
        }
        k->submitted = true; /* it is on disk, whether or not its person has heard */
        k->attempt = t->disk.requests[i].rec.attempt;
        buf_clear(&k->text);
        buf_str_append(&k->text, buf_str(&t->disk.requests[i].text));
    }
}

#include "model_rest.h"

#endif

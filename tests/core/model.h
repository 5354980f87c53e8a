/* What must be true whatever happens, judged from outside: the effects and the disk. Used by random
 * histories. */
#ifndef TESTS_CORE_MODEL_H
#define TESTS_CORE_MODEL_H

#include "rig.h"

#define MODEL_APPS 12

/* A request as its people and apps know it. */
struct known {
    bool submitted;  /* acknowledged to its person */
    uint64_t holder; /* the connection that works on it; 0 = none */
    uint32_t attempt;
    struct bytes *told; /* the result that was acknowledged */
    struct bytes *sent; /* the newest result that an app has sent */
    struct buf text;    /* as published since the attempt began */
};

/* An inference app, which outlives its connections. */
struct mock {
    uint64_t conn; /* 0 = away */
    const char *space;
    char instance[8];
    uint32_t concurrency, prefetch;
    struct lease_ref held[64]; /* what it believes to be its own */
    size_t held_count;
};

struct model {
    struct known *known; /* beside names.requests */
    size_t count;
    struct mock apps[MODEL_APPS];
    uint64_t next_conn, seed;
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
}

static inline struct mock *model_app(struct model *m, uint64_t conn)
{
    for (size_t i = 0; i < MODEL_APPS; i++)
        if (m->apps[i].conn == conn)
            return &m->apps[i];
    return NULL;
}

/* The connection is no more; what it held waits or goes back. */
static inline void model_disconnected(struct model *m, uint64_t conn)
{
    struct mock *a = model_app(m, conn);
    if (a)
        a->conn = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->known[i].holder == conn)
            m->known[i].holder = 0;
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

static inline size_t model_working(struct model *m, uint64_t conn)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++)
        n += m->known[i].holder == conn;
    return n;
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
    k->attempt = l.attempt;
    buf_clear(&k->text);
    model_drop(a, l.request_id);
    model_hold(t, conn, l);
    assert_true(model_working(m, conn) <= a->concurrency + a->prefetch);
}

static inline void model_registered(struct rig *t, uint64_t conn, const struct app_out *out)
{
    struct model *m = t->watch_ctx;
    struct mock *a = model_app(m, conn);
    a->held_count = 0;
    for (size_t i = 0; i < out->resumed_count; i++) {
        struct known *k = model_known(t, out->resumed[i].lease.request_id);
        assert_int_equal(k->holder, 0);
        assert_int_equal(k->attempt, out->resumed[i].lease.attempt);
        assert_int_equal(k->text.len, out->resumed[i].text_bytes);
        k->holder = conn;
        model_hold(t, conn, out->resumed[i].lease);
    }
    assert_true(model_working(m, conn) <= a->concurrency + a->prefetch);
}

/* What is acknowledged is on disk, and it is what the app sent. */
static inline void model_acked(struct rig *t, uint64_t conn, const struct app_out *out)
{
    struct disk_request *q = disk_request(&t->disk, out->lease.request_id);
    struct known *k = model_known(t, out->lease.request_id);
    struct mock *a = model_app(t->watch_ctx, conn);
    if (out->code == ERR_STORE_UNAVAILABLE)
        return;
    if (a)
        model_drop(a, out->lease.request_id);
    if (out->code)
        return;
    assert_non_null(q);
    if (k->holder == conn && k->attempt == out->lease.attempt)
        k->holder = 0;
    if (q->rec.status != REQUEST_COMPLETED)
        return;
    assert_int_equal(q->rec.attempt, out->lease.attempt);
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
    }
}

static inline void model_client_send(struct rig *t, const struct effect *e)
{
    const struct client_out *out = &e->client_out;
    if (out->kind == CLIENT_OUT_SUBMITTED) {
        struct disk_request *q = disk_request(&t->disk, out->request_id);
        assert_non_null(q);
        model_known(t, out->request_id)->submitted = true;
        if (q->rec.status == REQUEST_QUEUED)
            model_check_position(t, &q->rec, out->position);
        else
            assert_int_equal(out->position, 1); /* saved together with its first attempt */
    }
    if (out->kind == CLIENT_OUT_CANCELLED)
        assert_int_equal(disk_request(&t->disk, out->request_id)->rec.status, REQUEST_CANCELLED);
}

static inline void model_publish(struct rig *t, const struct effect *e)
{
    const struct request_view *v = e->topic_event.request;
    if (e->topic.kind != TOPIC_REQUEST)
        return;
    struct disk_request *q = disk_request(&t->disk, e->topic.id);
    struct known *k = model_known(t, e->topic.id);
    if (e->topic_event.kind == PUBLISH_DELTA) {
        buf_str_append(&k->text, v->text);
    } else if (e->topic_event.kind == PUBLISH_FINAL) {
        assert_true(request_status_final(q->rec.status));
        assert_string_equal(request_status_name(v->status), request_status_name(q->rec.status));
        assert_true(str_eq(buf_str(&k->text), buf_str(&q->text)));
    } else if (e->topic_event.kind == PUBLISH_STATE && (v->fields & VIEW_POSITION)) {
        model_check_position(t, &q->rec, v->position);
    }
    if (e->topic_event.kind == PUBLISH_STATE && (v->fields & VIEW_TEXT))
        buf_clear(&k->text);
}

static inline void model_save(struct rig *t, const struct change *c)
{
    bool new = c->kind == CHANGE_REQUEST_NEW && c->attempt > 0;
    if (c->kind != CHANGE_REQUEST_ATTEMPT && !new)
        return;
    const struct request_record *rec = new ? c->request : &disk_request(&t->disk, c->id)->rec;
    assert_int_equal(model_before_count(t, rec), 0); /* nobody is passed over */
    assert_true(c->attempt - rec->waived <= t->limits.max_attempts);
}

static inline void model_watch(struct rig *t, const struct effect *e)
{
    if (e->kind == EFFECT_APP_SEND)
        model_app_send(t, e);
    else if (e->kind == EFFECT_CLOSE)
        model_disconnected(t->watch_ctx, e->conn);
    else if (e->kind == EFFECT_CLIENT_SEND)
        model_client_send(t, e);
    else if (e->kind == EFFECT_PUBLISH)
        model_publish(t, e);
    else if (e->kind == EFFECT_SAVE)
        model_save(t, e->change);
}

/* The relay was killed and has read its disk. */
static inline void model_restarted(struct rig *t)
{
    struct model *m = t->watch_ctx;
    for (size_t i = 0; i < MODEL_APPS; i++)
        m->apps[i].conn = 0;
    for (size_t i = 0; i < t->disk.request_count; i++) {
        struct known *k = model_known(t, t->disk.requests[i].rec.id);
        k->holder = 0;
        k->submitted = true; /* it is on disk, whether or not its person has heard */
        k->attempt = t->disk.requests[i].rec.attempt;
        buf_clear(&k->text);
        buf_str_append(&k->text, buf_str(&t->disk.requests[i].text));
    }
}

#endif

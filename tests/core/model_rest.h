/* Part of model.h: what must come about in time, looked at between the acts. A free slot is used, a
 * silent or absent app is given up, everybody is answered, and what was shown last is what is. */
#ifndef TESTS_CORE_MODEL_REST_H
#define TESTS_CORE_MODEL_REST_H

/* ---- streamed text ---- */

/* What the text of a lease is before its app says more, and will be after. */
struct streamed {
    bool counts;
    size_t bytes, then;
};

static inline bool model_disk_has_failed(struct rig *t)
{
    const struct model *m = t->watch_ctx;
    return m->failed_ms && t->now.mono_ms <= m->failed_ms + t->limits.save_retry_ms;
}

static inline struct streamed model_streamed(struct rig *t, uint64_t conn,
                                             const struct app_msg *msg)
{
    struct streamed s = {0};
    struct uuid id = msg->lease.request_id;
    struct known *k = uuid_is_nil(id) ? NULL : model_known(t, id);
    if (msg->kind != APP_MSG_DELTA || !k || k->holder != conn || k->attempt != msg->lease.attempt ||
        model_asked(t, id) || model_disk_has_failed(t))
        return s;
    s = (struct streamed){true, k->text.len, k->text.len + msg->text.n};
    if (!msg->has_offset)
        return s;
    size_t known = k->text.len - (size_t)msg->offset; /* of what it says */
    if (msg->offset > k->text.len || known >= msg->text.n ||
        ((unsigned char)msg->text.p[known] & 0xc0) == 0x80)
        s.then = s.bytes;
    else
        s.then = s.bytes + msg->text.n - known;
    return s;
}

static inline void model_check_streamed(struct rig *t, const struct app_msg *msg, struct streamed s)
{
    if (s.counts)
        assert_int_equal(model_known(t, msg->lease.request_id)->text.len, s.then);
}

/* ---- apps ---- */

static inline void model_owes(struct mock *a, struct lease_ref l)
{
    model_answered_app(a, l);
    assert_true(a->owed_count < 64);
    a->owed[a->owed_count++] = l;
}

static inline void model_note_crowds(struct rig *t)
{
    struct model *m = t->watch_ctx;
    for (size_t i = 0; i < MODEL_APPS; i++) {
        struct mock *a = &m->apps[i];
        if (a->conn && model_working(t, a->conn) > a->concurrency)
            a->crowded_ms = t->now.mono_ms;
    }
}

/* Its app says nothing, or is away: that has been noticed by now. */
static inline void model_check_silence(struct rig *t, const struct known *k)
{
    struct model *m = t->watch_ctx;
    const struct mock *a = k->holder ? model_app(m, k->holder) : NULL;
    uint64_t since_ms = a ? k->heard_ms : k->gone_ms;
    uint64_t patience_ms = a ? t->limits.request_timeout_ms : t->limits.grace_ms;
    if (a && a->crowded_ms > since_ms)
        since_ms = a->crowded_ms;
    if (m->failed_ms > since_ms)
        since_ms = m->failed_ms;
    assert_true(t->now.mono_ms <= since_ms + patience_ms + t->limits.save_retry_ms);
}

static inline bool model_has_room(const struct rig *t, const struct request_record *rec)
{
    const struct model *m = t->watch_ctx;
    const struct space_record *s = model_space(t, rec->space_key);
    for (size_t i = 0; i < MODEL_APPS; i++) {
        const struct mock *a = &m->apps[i];
        if (a->conn && a->registered && !a->drained && !strcmp(a->space, s->name) &&
            model_working(t, a->conn) < a->concurrency + a->prefetch)
            return true;
    }
    return false;
}

/* The disk has answered everything, and has not failed lately: nobody waits for anything that could
 * be. */
static inline void model_check_idle(struct rig *t)
{
    struct model *m = t->watch_ctx;
    for (size_t i = 0; i < t->disk.request_count; i++) {
        const struct request_record *rec = &t->disk.requests[i].rec;
        if (rec->status == REQUEST_QUEUED)
            assert_false(model_has_room(t, rec));
    }
    for (size_t i = 0; i < m->wish_count; i++)
        assert_true(m->wishes[i].over);
    for (size_t i = 0; i < MODEL_APPS; i++)
        assert_int_equal(m->apps[i].owed_count, 0);
}

/* Between two acts. */
static inline void model_check_rest(struct rig *t)
{
    rig_tick(t);
    model_note_crowds(t);
    for (size_t i = 0; i < t->disk.request_count; i++) {
        const struct request_record *rec = &t->disk.requests[i].rec;
        if (rec->status == REQUEST_PROCESSING && !model_asked(t, rec->id))
            model_check_silence(t, model_known(t, rec->id));
    }
    if (!t->ask_count && !model_disk_has_failed(t))
        model_check_idle(t);
}

/* ---- after a quiet moment ---- */

static inline bool model_lingers(struct rig *t)
{
    const struct model *m = t->watch_ctx;
    for (size_t i = 0; i < m->count; i++)
        if (m->known[i].lingers)
            return true;
    return false;
}

static inline void model_check_shown(struct rig *t, const struct space_record *s)
{
    struct model *m = t->watch_ctx;
    const struct space_view *v = model_shown(t, uuid_key(s->id));
    uint32_t waiting = 0, free_slots = 0;
    if (s->removed_ms || uuid_is_nil(v->space_id)) /* nothing has changed since the start */
        return;
    for (size_t i = 0; i < t->disk.request_count; i++)
        waiting += t->disk.requests[i].rec.status == REQUEST_QUEUED &&
                   t->disk.requests[i].rec.space_key == uuid_key(s->id);
    for (size_t i = 0; i < MODEL_APPS; i++) {
        const struct mock *a = &m->apps[i];
        size_t taken = a->conn ? model_working(t, a->conn) : 0;
        if (a->conn && a->registered && !strcmp(a->space, s->name) && taken < a->concurrency)
            free_slots += a->concurrency - (uint32_t)taken;
    }
    assert_int_equal(v->queue_length, waiting);
    assert_int_equal(v->slots_free, free_slots);
}

static inline void model_check_quiet(struct rig *t)
{
    for (size_t i = 0; i < t->disk.request_count; i++) {
        const struct disk_request *q = &t->disk.requests[i];
        const struct known *k = model_known(t, q->rec.id);
        if (q->rec.status == REQUEST_PROCESSING) /* what was streamed is saved */
            assert_true(str_eq(buf_str(&q->text), buf_str(&k->text)));
        if (q->rec.status == REQUEST_QUEUED && k->watchers)
            model_check_position(t, &q->rec, k->position);
    }
    if (model_lingers(t)) /* its slot may have become free a moment ago */
        return;
    for (size_t i = 0; i < t->disk.space_count; i++)
        model_check_shown(t, &t->disk.spaces[i]);
}

/* ---- at the end ---- */

/* Its end has been shown, and what it cost was kept. */
static inline void model_check_over(struct rig *t, const struct known *k,
                                    const struct disk_request *q)
{
    const struct model *m = t->watch_ctx;
    if (k->over_run == m->run)
        assert_true(k->shown_over);
    if (k->spent_run == m->run && k->over_run == m->run)
        assert_non_null(q->rec.usage);
}

#endif

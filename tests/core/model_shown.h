/* Part of model.h: what is published, and why requests leave their apps. */
#ifndef TESTS_CORE_MODEL_SHOWN_H
#define TESTS_CORE_MODEL_SHOWN_H

static inline struct space_view *model_shown(struct rig *t, int64_t space_key)
{
    struct model *m = t->watch_ctx;
    return &m->shown[model_space(t, space_key) - t->disk.spaces];
}

/* What is shown of a space equals a recount. */
static inline void model_check_space(struct rig *t, const struct space_view *v)
{
    struct model *m = t->watch_ctx;
    uint32_t apps = 0, slots = 0, waiting = 0;
    if (v->removed)
        return;
    *model_shown(t, uuid_key(v->space_id)) = *v;
    for (size_t i = 0; i < MODEL_APPS; i++) {
        bool here = m->apps[i].conn && m->apps[i].registered && !strcmp(m->apps[i].space, v->name);
        apps += here;
        slots += here ? m->apps[i].concurrency : 0;
    }
    for (size_t i = 0; i < t->disk.request_count; i++) {
        const struct request_record *x = &t->disk.requests[i].rec;
        waiting += x->status == REQUEST_QUEUED && x->space_key == uuid_key(v->space_id) &&
                   !model_asked(t, x->id);
    }
    assert_int_equal(v->apps, apps);
    assert_int_equal(v->slots, slots);
    assert_int_equal(v->queue_length, waiting);
    assert_int_equal(v->connected, apps > 0);
    assert_true(v->slots_free <= v->slots);
}

static inline void model_publish(struct rig *t, const struct effect *e)
{
    const struct request_view *v = e->topic_event.request;
    if (e->topic_event.kind == PUBLISH_SPACE)
        model_check_space(t, e->topic_event.space);
    if (e->topic.kind != TOPIC_REQUEST)
        return;
    struct disk_request *q = disk_request(&t->disk, e->topic.id);
    struct known *k = model_known(t, e->topic.id);
    if (e->topic_event.kind == PUBLISH_DELTA) {
        buf_str_append(&k->text, v->text);
    } else if (e->topic_event.kind == PUBLISH_FINAL) {
        assert_false(k->shown_over); /* once */
        k->shown_over = true;
        assert_true(request_status_final(q->rec.status));
        assert_true((v->fields & VIEW_FINISHED) && v->finished_ms == q->rec.finished_ms);
        assert_string_equal(request_status_name(v->status), request_status_name(q->rec.status));
        assert_true(str_eq(buf_str(&k->text), buf_str(&q->text)));
    } else if (e->topic_event.kind == PUBLISH_STATE && (v->fields & VIEW_POSITION)) {
        model_check_position(t, &q->rec, v->position);
        k->position = v->position;
    }
    if (e->topic_event.kind == PUBLISH_STATE && (v->fields & VIEW_TEXT))
        buf_clear(&k->text);
}

/* An attempt that its app has had counts, unless it only waited there. */
static inline void model_check_waived(struct rig *t, struct known *k, const struct change *c)
{
    bool had = k->tried == c->attempt && !k->interrupted;
    if (!had || c->waived == disk_request(&t->disk, c->id)->rec.waived)
        return;
    assert_true(k->waited);
    k->interrupted = true;
    k->tries--;
}

/* Whoever may come back for it has had the time to; an error that may be mended has had its
 * attempts. */
static inline void model_check_patience(struct rig *t, const struct known *k,
                                        const struct change *c)
{
    bool lost = c->kind == CHANGE_REQUEST_QUEUED || !strcmp(c->code, err_code(ERR_APP_LOST));
    if (lost && !k->holder && k->waited_for && k->tried == c->attempt)
        assert_true(t->now.mono_ms >= k->gone_ms + t->limits.grace_ms);
    if (c->status == REQUEST_FAILED && k->wants_retry && !strcmp(c->code, err_code(ERR_APP_ERROR)))
        assert_true(k->tries >= t->limits.max_attempts);
}

/* Given up neither too early nor too late. */
static inline void model_check_loss(struct rig *t, const struct change *c)
{
    struct known *k = model_known(t, c->id);
    model_check_waived(t, k, c);
    model_check_patience(t, k, c);
    if (c->kind == CHANGE_REQUEST_QUEUED)
        assert_true(c->lost < t->limits.poison_losses && c->lost <= k->tries);
    else if (!strcmp(c->code, err_code(ERR_APP_LOST)))
        assert_true(k->tries >= t->limits.max_attempts);
    else if (!strcmp(c->code, err_code(ERR_POISONED)))
        assert_true(k->tries >= t->limits.poison_losses || k->silent >= t->limits.poison_losses);
    else if (!strcmp(c->code, err_code(ERR_TIMEOUT))) {
        assert_true(k->timed_out || t->now.mono_ms >= k->heard_ms + t->limits.request_timeout_ms);
        k->timed_out = true; /* until it is saved */
    }
}

static inline void model_save(struct rig *t, const struct change *c)
{
    bool new = c->kind == CHANGE_REQUEST_NEW && c->attempt > 0;
    if (c->kind == CHANGE_REQUEST_NEW)
        model_accepted(t, c);
    if (c->kind == CHANGE_REQUEST_QUEUED || c->kind == CHANGE_REQUEST_FINAL)
        model_check_loss(t, c);
    if (c->kind == CHANGE_REQUEST_FINAL)
        model_known(t, c->id)->over_run = ((struct model *)t->watch_ctx)->run;
    if (c->kind != CHANGE_REQUEST_ATTEMPT && !new)
        return;
    const struct request_record *rec = new ? c->request : &disk_request(&t->disk, c->id)->rec;
    assert_int_equal(model_before_count(t, rec), 0); /* nobody is passed over */
    assert_false(model_overtakes(t, rec));
    assert_true(model_known(t, rec->id)->tries < t->limits.max_attempts);
}

#endif

/* The matchmaker: pairs waiting requests with free slots. Called from one place, at the end of each
 * step. */
#include "core/state.h"

void match_wanted(struct relay *r, struct space *s)
{
    if (!list_linked(&s->match_link))
        list_push_back(&r->to_match, &s->match_link);
}

/* a/b < c/d by cross-multiplication: which app is less loaded for its size. */
static bool less_loaded(const struct app_conn *a, const struct app_conn *b)
{
    return (uint64_t)a->taken * b->concurrency < (uint64_t)b->taken * a->concurrency;
}

/* The least loaded app with a free slot; one that can start at once goes before one that would only
 * keep it. */
static struct app_conn *free_app(const struct space *s)
{
    struct app_conn *best = NULL;
    LIST_EACH (&s->apps, it) {
        struct app_conn *a = CONTAINER_OF(it, struct app_conn, link);
        if (a->draining || a->taken >= a->concurrency + a->prefetch)
            continue;
        if (!best || less_loaded(a, best))
            best = a;
    }
    return best;
}

static void send_request(struct relay *r, struct request *q)
{
    struct effect *x = effect_new(r, EFFECT_APP_SEND);
    x->conn = q->app->conn;
    struct app_out *m = &x->app_out;
    m->kind = APP_OUT_REQUEST;
    m->has_lease = true;
    m->lease = (struct lease_ref){q->rec.id, q->rec.attempt};
    m->username = str_of(q->rec.username);
    m->payload = bytes_str(q->rec.payload);
    m->created_ms = q->rec.created_ms;
    m->deadline_ms = r->now.wall_ms + (int64_t)r->limits.request_timeout_ms;
    q->sent = true;
    q->dispatched_ms = r->now.mono_ms;
}

/* Nothing was sent: the slot is free again and the request stands where it stood. */
static void attempt_failed(struct relay *r, struct request *q)
{
    if (!--q->rec.attempt)
        q->rec.started_ms = 0;
    if (q->app)
        lease_detach(r, q);
    r->no_match_until_ms = r->now.mono_ms + r->limits.save_retry_ms;
    timer_set(r, &r->wake_timer, r->no_match_until_ms);
    request_enqueue(r, q);
    if (q->cancel_wanted)
        request_cancel(r, q);
}

static void attempt_begins(struct relay *r, struct request *q)
{
    request_set_status(r, q, REQUEST_PROCESSING);
    if (!q->app) { /* it left meanwhile */
        request_lost(r, q);
        return;
    }
    if (q->cancel_wanted) {
        lease_detach(r, q);
        request_cancel(r, q);
        return;
    }
    lease_attach(r, q, q->app);
    lease_inside(q);
    send_request(r, q);
    show_state(r, q, VIEW_STATUS | VIEW_ATTEMPT | VIEW_STARTED | VIEW_REASON,
               VIEW_POSITION | VIEW_ETA | VIEW_REASON);
}

static void attempt_saved(struct relay *r, struct save *save, enum err err)
{
    struct request *q = save->request;
    q->saving = SAVING_NOTHING;
    if (err)
        attempt_failed(r, q);
    else
        attempt_begins(r, q);
}

static struct str app_in_words(struct relay *r, const struct app_conn *a)
{
    if (!a->name[0])
        return relay_text(r, "%s", a->address);
    return relay_text(r, "%s%s%s, %s", a->name, a->version[0] ? " " : "", a->version, a->address);
}

static void take_attempt(struct relay *r, struct request *q, struct app_conn *a)
{
    if (q->rec.turn > q->space->turn)
        q->space->turn = q->rec.turn;
    lease_take(r, q, a);
    q->rec.attempt++;
    if (!q->rec.started_ms)
        q->rec.started_ms = r->now.wall_ms;
}

static void attempt_change(struct relay *r, const struct request *q, struct change *c)
{
    c->attempt = q->rec.attempt;
    c->at_ms = r->now.wall_ms;
    c->message = bytes_new(app_in_words(r, q->app));
}

static void assign(struct relay *r, struct request *q, struct app_conn *a)
{
    request_dequeue(r, q);
    take_attempt(r, q, a);
    q->saving = SAVING_ATTEMPT;
    struct change *c = change_new(CHANGE_REQUEST_ATTEMPT);
    attempt_change(r, q, c);
    request_save(r, q, c, attempt_saved);
}

/* ---- a new request that need not wait ---- */

static bool may_match(const struct relay *r)
{
    return !r->shutting_down && r->now.mono_ms >= r->no_match_until_ms;
}

bool match_new(struct relay *r, struct request *q)
{
    struct space *s = q->space;
    if (!may_match(r) || s->returning || s->accepting || queue_first(&s->waiting))
        return false; /* somebody is before it, or is about to be */
    struct app_conn *a = free_app(s);
    if (a)
        take_attempt(r, q, a);
    return a != NULL;
}

void match_new_change(struct relay *r, const struct request *q, struct change *c)
{
    c->request->status = REQUEST_PROCESSING;
    attempt_change(r, q, c);
}

void match_new_saved(struct relay *r, struct request *q)
{
    q->cancel_wanted = q->space->removed;
    attempt_begins(r, q);
}

/* ---- those that wait ---- */

static void match_space(struct relay *r, struct space *s)
{
    struct queue_node *first;
    struct app_conn *a;
    if (s->returning)
        return;
    while ((first = queue_first(&s->waiting)) && (a = free_app(s)))
        assign(r, CONTAINER_OF(first, struct request, node), a);
}

void match_all(struct relay *r)
{
    struct list *it;
    while ((it = list_first(&r->to_match))) {
        list_remove(it);
        if (may_match(r))
            match_space(r, CONTAINER_OF(it, struct space, match_link));
    }
}

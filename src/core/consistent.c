/* Recounts what is counted as it changes: for tests, after each step. */
#include "core/state.h"

static bool app_consistent(const struct app_conn *a)
{
    size_t held = 0, timed = 0;
    const struct list *heads[] = {&a->assigning, &a->leases, &a->lingering};
    for (size_t i = 0; i < 3; i++) {
        LIST_EACH (heads[i], it) {
            const struct request *q = CONTAINER_OF(it, struct request, lease_link);
            held++;
            timed += q->timed;
            if (q->app != a)
                return false;
        }
    }
    return held == a->taken && a->taken <= a->concurrency + a->prefetch && timed == a->timed &&
           a->timed <= a->at_once && a->at_once <= a->concurrency;
}

static bool in_new_save(const struct save *s)
{
    return s->request && s->request->saving == SAVING_NEW;
}

static bool person_consistent(const struct relay *r, const struct person *p)
{
    size_t unfinished = 0, keys = 0;
    for (const struct request *q = r->requests; q; q = q->hh.next)
        unfinished += q->person == p &&
                      (q->rec.status == REQUEST_QUEUED || q->rec.status == REQUEST_PROCESSING);
    for (const struct save *s = r->saves; s; s = s->hh.next)
        unfinished += in_new_save(s) && s->request->person == p;
    LIST_EACH (&p->keys, it)
        keys++;
    return unfinished == p->unfinished && keys == p->key_count;
}

static bool people_consistent(const struct relay *r)
{
    unsigned admins = 0;
    size_t keys = 0;
    for (const struct person *p = r->people; p; p = p->hh.next) {
        admins += person_stays_admin(p);
        keys += p->key_count;
        if (!person_consistent(r, p))
            return false;
    }
    return admins == r->admins && keys == HASH_COUNT(r->keys);
}

static bool space_consistent(const struct relay *r, const struct space *s)
{
    size_t requests = 0, waiting = 0, returning = 0, accepting = 0, apps = 0;
    for (const struct request *q = r->requests; q; q = q->hh.next) {
        requests += q->space == s;
        waiting += q->space == s && queue_holds(&q->node);
        returning += q->space == s && q->saving == SAVING_QUEUED;
    }
    for (const struct save *x = r->saves; x; x = x->hh.next) {
        bool mine = in_new_save(x) && x->request->space == s;
        requests += mine;
        accepting += mine && !x->request->app && !x->request->rec.attempt;
    }
    LIST_EACH (&s->apps, it)
        apps++;
    return requests == s->requests && waiting == queue_length(&s->waiting) &&
           returning == s->returning && accepting == s->accepting && apps == s->app_count;
}

/* Where a request is follows from its state. */
static bool request_consistent(const struct relay *r, const struct request *q)
{
    bool waits = queue_holds(&q->node), saved = q->saving == SAVING_NOTHING;
    if (waits && (q->rec.status != REQUEST_QUEUED || q->app || !saved))
        return false;
    if (q->rec.status == REQUEST_QUEUED && saved && !q->end_wanted && !waits)
        return false;
    /* What is lost while going down is left for the next start. */
    if (q->rec.status == REQUEST_PROCESSING && saved && !q->end_wanted && !r->shutting_down &&
        !list_linked(&q->lease_link) && !heap_contains(&q->timer.node))
        return false;
    return q->lingering == (q->app != NULL && q->rec.status != REQUEST_QUEUED &&
                            q->rec.status != REQUEST_PROCESSING);
}

static bool requests_consistent(const struct relay *r)
{
    uint64_t queued = 0, processing = 0;
    for (const struct request *q = r->requests; q; q = q->hh.next) {
        queued += q->rec.status == REQUEST_QUEUED;
        processing += q->rec.status == REQUEST_PROCESSING;
        if (!request_consistent(r, q))
            return false;
    }
    return queued == r->stats.queued && processing == r->stats.processing;
}

bool relay_consistent(const struct relay *r)
{
    for (const struct app_conn *a = r->apps; a; a = a->hh.next) {
        if (!app_consistent(a))
            return false;
    }
    for (const struct space *s = r->spaces; s; s = s->hh.next) {
        if (!space_consistent(r, s))
            return false;
    }
    return requests_consistent(r) && people_consistent(r);
}

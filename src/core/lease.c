/* Leases: which request is with which app, the slots they take, and the timers on them.
 *
 * Silence is timed only for an app's oldest `at_once` leases: what waits inside an app is not late.
 * `first_idle` is the first lease that is not timed, so that passing the timing on costs O(1). */
#include "core/state.h"

/* Takes a slot before the attempt is saved: slots are counted before assignment, so a limit of 1
 * is 1. */
void lease_take(struct relay *r, struct request *q, struct app_conn *a)
{
    assert(!q->app && a->taken < a->concurrency + a->prefetch);
    q->app = a;
    q->lease_token = a->token_key;
    memcpy(q->lease_instance, a->instance, sizeof q->lease_instance);
    a->taken++;
    list_push_back(&a->assigning, &q->lease_link);
    show_space_soon(r, a->space);
}

/* The app has more than it works on at a time: people see that this one has not begun. */
void lease_inside(struct request *q)
{
    q->inside = !q->timed;
}

/* As far as can be known it works on this one now: it said so, or has room for it. */
void lease_works(struct relay *r, struct request *q)
{
    if (!q->inside)
        return;
    q->inside = false;
    show_state(r, q, 0, VIEW_REASON);
}

static void time_silence(struct relay *r, struct request *q)
{
    q->timed = true;
    q->app->timed++;
    q->heard_ms = r->now.mono_ms;
    lease_works(r, q);
    if (!q->end_wanted) /* then the timer is that of the next try */
        timer_set(r, &q->timer, q->heard_ms + r->limits.request_timeout_ms);
}

/* The app works on it from now on. */
void lease_attach(struct relay *r, struct request *q, struct app_conn *a)
{
    assert(q->app == a);
    list_remove(&q->lease_link);
    list_push_back(&a->leases, &q->lease_link);
    q->waited = false;
    if (a->timed < a->at_once)
        time_silence(r, q);
    else if (a->first_idle == &a->leases)
        a->first_idle = &q->lease_link;
    q->silent_conns += q->timed; /* until its app says a word */
}

static void unlink_lease(struct relay *r, struct request *q)
{
    struct app_conn *a = q->app;
    if (a && a->first_idle == &q->lease_link)
        a->first_idle = q->lease_link.next;
    list_remove(&q->lease_link);
    timer_stop(r, &q->timer);
    q->inside = false;
    if (!a || !q->timed)
        return;
    q->timed = false;
    a->timed--;
    if (a->first_idle == &a->leases)
        return;
    struct request *next = CONTAINER_OF(a->first_idle, struct request, lease_link);
    a->first_idle = a->first_idle->next;
    next->silent_conns += next->inside; /* else something was said about it */
    time_silence(r, next);
}

static void give_slot_back(struct relay *r, struct request *q)
{
    struct app_conn *a = q->app;
    q->app = NULL;
    assert(a->taken > 0);
    a->taken--;
    match_wanted(r, a->space);
    show_space_soon(r, a->space);
}

/* Off its app, or off the orphans. */
void lease_detach(struct relay *r, struct request *q)
{
    unlink_lease(r, q);
    if (q->app)
        give_slot_back(r, q);
}

/* Its connection is gone; it waits for the app to come back. One whose end is to be saved is tried
 * again when it would have been. */
void lease_orphan(struct relay *r, struct request *q)
{
    uint64_t at_ms = q->end_wanted ? q->timer.node.key : r->now.mono_ms + r->limits.grace_ms;
    lease_works(r, q); /* nobody knows any more */
    lease_detach(r, q);
    list_push_back(&q->space->orphans, &q->lease_link);
    timer_set(r, &q->timer, at_ms);
}

/* Final for people; the app is told, and keeps the slot until it has said something final, or for a
 * while. */
void lease_linger(struct relay *r, struct request *q, const char *reason)
{
    struct app_conn *a = q->app;
    unlink_lease(r, q);
    list_push_back(&a->lingering, &q->lease_link);
    q->lingering = true;
    timer_set(r, &q->timer, r->now.mono_ms + r->limits.cancel_wait_ms);
    struct effect *x = effect_new(r, EFFECT_APP_SEND);
    x->conn = a->conn;
    x->app_out.kind = APP_OUT_CANCEL;
    x->app_out.has_lease = true;
    x->app_out.lease = (struct lease_ref){q->rec.id, q->rec.attempt};
    x->app_out.reason = str_of(reason);
}

void linger_end(struct relay *r, struct request *q)
{
    q->lingering = false;
    lease_detach(r, q);
    if (q->rec.status == REQUEST_CANCELLING)
        request_set_status(r, q, REQUEST_CANCELLED);
    request_forget(r, q);
}

static void silent_too_long(struct relay *r, struct request *q)
{
    uint64_t due = q->heard_ms + r->limits.request_timeout_ms;
    if (r->now.mono_ms < due) {
        timer_set(r, &q->timer, due);
        return;
    }
    struct str message = relay_text(r, "The app said nothing about this request for %llu s",
                                    (unsigned long long)(r->limits.request_timeout_ms / 1000));
    request_end(r, q,
                &(struct ending){.status = REQUEST_FAILED,
                                 .cause = BY_RELAY,
                                 .code = ERR_TIMEOUT,
                                 .message = bytes_new(message)});
}

void lease_timer_fired(struct relay *r, struct timer *t)
{
    struct request *q = CONTAINER_OF(t, struct request, timer);
    if (q->saving != SAVING_NOTHING)
        return; /* the answer sets the timer again when it needs one */
    if (q->end_wanted)
        request_end_again(r, q);
    else if (q->lingering)
        linger_end(r, q);
    else if (!q->app)
        request_lost(r, q);
    else
        silent_too_long(r, q);
}

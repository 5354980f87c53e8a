/* How a request leaves its app or its queue: to a final state, or back to the queue. Saved first,
 * then true. */
#include "core/state.h"

#include <stdlib.h>

static void ending_clear(struct ending *e)
{
    bytes_unref(e->message);
    bytes_unref(e->result);
    bytes_unref(e->usage);
    *e = (struct ending){0};
}

void waiters_answer(struct relay *r, struct request *q, enum err code, const char *message)
{
    uint64_t retry_ms = code == ERR_STORE_UNAVAILABLE ? r->limits.save_retry_ms : 0;
    while (q->waiters) {
        struct waiter *w = q->waiters;
        q->waiters = w->next;
        if (w->ticket) {
            struct reply *reply = reply_send(r, w->ticket, code, message);
            reply->id = q->rec.id;
            reply->retry_after_ms = retry_ms;
        } else if (code) {
            send_client_error(r, w->conn, relay_text(r, "%s", w->ref), code, str_of(message),
                              retry_ms);
        } else {
            struct effect *x = effect_new(r, EFFECT_CLIENT_SEND);
            x->conn = w->conn;
            x->client_out.kind = CLIENT_OUT_CANCELLED;
            x->client_out.ref = relay_text(r, "%s", w->ref);
            x->client_out.has_request_id = true;
            x->client_out.request_id = q->rec.id;
        }
        free(w);
    }
    q->cancel_wanted = false;
}

/* ---- saved: back to the queue ---- */

static void back_in_queue(struct relay *r, struct request *q)
{
    struct ending end = q->end;
    q->end = (struct ending){0};
    if (end.cause == BY_APP && q->app)
        send_ack(r, q->app->conn, (struct lease_ref){q->rec.id, q->rec.attempt}, OK);
    q->rec.lost += end.counts_lost;
    q->rec.waived += end.waived;
    q->restored = false;
    lease_detach(r, q);
    request_clear_attempt(r, q);
    request_set_status(r, q, REQUEST_QUEUED);
    request_enqueue(r, q);
    show_state(r, q, VIEW_STATUS | VIEW_TEXT | VIEW_POSITION | VIEW_REASON,
               VIEW_PERCENT | VIEW_MESSAGE | VIEW_STEP | VIEW_STEPS);
    ending_clear(&end);
    if (q->cancel_wanted || q->space->removed)
        request_cancel(r, q);
}

/* ---- saved: final ---- */

static void take_ending(struct request *q)
{
    struct ending *e = &q->end;
    q->rec.result = e->result;
    q->rec.usage = e->usage;
    q->rec.error_message = e->message;
    memcpy(q->rec.error_code, e->code_text, sizeof q->rec.error_code);
    q->rec.finished_ms = e->at_ms;
    e->result = e->usage = e->message = NULL;
}

static const char *linger_reason(const struct request *q)
{
    return q->rec.status == REQUEST_CANCELLING ? "cancelled" : "timeout";
}

static void leave_app(struct relay *r, struct request *q, enum cause cause)
{
    if (cause == BY_APP && q->app)
        send_ack(r, q->app->conn, (struct lease_ref){q->rec.id, q->rec.attempt}, OK);
    if (cause != BY_APP && q->app) {
        lease_linger(r, q, linger_reason(q));
        return;
    }
    lease_detach(r, q);
    if (q->rec.status == REQUEST_CANCELLING)
        request_set_status(r, q, REQUEST_CANCELLED);
}

static void finished(struct relay *r, struct request *q)
{
    enum request_status to = q->end.status;
    enum cause cause = q->end.cause;
    bool was_running = q->rec.status == REQUEST_PROCESSING;
    take_ending(q);
    if (to == REQUEST_CANCELLED && was_running)
        to = REQUEST_CANCELLING;
    request_set_status(r, q, to);
    stats_finished(r, r->now.mono_ms - q->accepted_ms, to == REQUEST_FAILED);
    if (to == REQUEST_COMPLETED && q->dispatched_ms)
        space_ran(q->space, r->now.mono_ms - q->dispatched_ms);
    show_final(r, q);
    if (to == REQUEST_CANCELLING || to == REQUEST_CANCELLED)
        waiters_answer(r, q, OK, "");
    else
        waiters_answer(r, q, ERR_ALREADY_FINAL,
                       "The request finished before it could be cancelled");
    ending_clear(&q->end);
    leave_app(r, q, cause);
    show_space_soon(r, q->space);
    request_forget(r, q);
}

/* ---- not saved: as it was before ---- */

/* A timer that fired while the end was being saved was ignored. */
static void timer_again(struct relay *r, struct request *q)
{
    if (q->timed)
        timer_set(r, &q->timer, q->heard_ms + r->limits.request_timeout_ms);
    else if (!q->app && !heap_contains(&q->timer.node))
        timer_set(r, &q->timer, r->now.mono_ms + r->limits.save_retry_ms);
}

static void not_ended_by_app(struct relay *r, struct request *q)
{
    ending_clear(&q->end);
    if (q->app)
        send_ack(r, q->app->conn, (struct lease_ref){q->rec.id, q->rec.attempt},
                 ERR_STORE_UNAVAILABLE);
    timer_again(r, q);
    if (q->cancel_wanted)
        request_cancel(r, q);
}

static void not_ended_by_person(struct relay *r, struct request *q)
{
    ending_clear(&q->end);
    if (q->rec.status == REQUEST_QUEUED)
        request_enqueue(r, q);
    else
        timer_again(r, q);
    waiters_answer(r, q, ERR_STORE_UNAVAILABLE, "The cancellation could not be saved; try again");
    if (q->space->removed)
        request_cancel(r, q);
}

static void not_ended_by_relay(struct relay *r, struct request *q)
{
    q->end_wanted = true;
    timer_set(r, &q->timer, r->now.mono_ms + r->limits.save_retry_ms);
}

static void end_answered(struct relay *r, struct save *s, enum err err)
{
    static void (*const failed[])(struct relay *, struct request *) = {
        [BY_APP] = not_ended_by_app,
        [BY_PERSON] = not_ended_by_person,
        [BY_RELAY] = not_ended_by_relay,
    };
    struct request *q = s->request;
    if (q->saving == SAVING_QUEUED) {
        q->space->returning--;
        match_wanted(r, q->space);
    }
    q->saving = SAVING_NOTHING;
    if (err) {
        failed[q->end.cause](r, q);
        if (q->rec.status == REQUEST_PROCESSING)
            text_continue(r, q);
    } else if (q->end.status == REQUEST_QUEUED) {
        back_in_queue(r, q);
    } else {
        finished(r, q);
    }
}

/* ---- asking for it ---- */

static struct change *change_of_end(const struct request *q)
{
    bool queued = q->end.status == REQUEST_QUEUED;
    struct change *c = change_new(queued ? CHANGE_REQUEST_QUEUED : CHANGE_REQUEST_FINAL);
    c->status = q->end.status;
    c->attempt = q->rec.attempt;
    c->lost = q->rec.lost + q->end.counts_lost;
    c->waived = q->rec.waived + q->end.waived;
    c->at_ms = q->end.at_ms;
    memcpy(c->code, q->end.code_text, sizeof c->code);
    c->message = bytes_ref(q->end.message);
    c->result = bytes_ref(q->end.result);
    c->usage = bytes_ref(q->end.usage);
    c->offset = q->text_saved;
    struct str text = buf_str(&q->text);
    if (!queued && text.n > q->text_saved)
        c->text = bytes_new(str_slice(text.p + q->text_saved, text.n - q->text_saved));
    return c;
}

static void save_end(struct relay *r, struct request *q)
{
    q->end_wanted = false;
    q->end.at_ms = r->now.wall_ms;
    q->saving = q->end.status == REQUEST_QUEUED ? SAVING_QUEUED : SAVING_FINAL;
    q->space->returning += q->saving == SAVING_QUEUED;
    request_save(r, q, change_of_end(q), end_answered);
}

/* The bytes of *ending are given away. */
void request_end(struct relay *r, struct request *q, const struct ending *ending)
{
    assert(q->saving == SAVING_NOTHING && !q->end_wanted);
    q->end = *ending;
    if (q->end.code && !q->end.code_text[0])
        snprintf(q->end.code_text, sizeof q->end.code_text, "%s", err_code(q->end.code));
    if (queue_holds(&q->node))
        request_dequeue(r, q);
    save_end(r, q);
}

void request_end_again(struct relay *r, struct request *q)
{
    assert(q->end_wanted);
    save_end(r, q);
}

void request_cancel(struct relay *r, struct request *q)
{
    if (q->saving != SAVING_NOTHING || q->end_wanted) {
        q->cancel_wanted = true;
        return;
    }
    if (q->rec.status != REQUEST_QUEUED && q->rec.status != REQUEST_PROCESSING)
        return;
    q->cancel_wanted = false;
    request_end(
        r, q,
        &(struct ending){.status = REQUEST_CANCELLED, .cause = q->waiters ? BY_PERSON : BY_RELAY});
}

/* One that its app takes up again after each loss, and never gets to say a word about, would go on
 * for ever. */
static bool poisonous(const struct relay *r, const struct request *q)
{
    return q->rec.lost + 1 >= r->limits.poison_losses || q->silent_conns >= r->limits.poison_losses;
}

/* Its app is gone for good: back to the queue, or failed when it has had its attempts. */
void request_lost(struct relay *r, struct request *q)
{
    if (q->end_wanted || r->shutting_down) /* what still runs at a stop is resumed after it */
        return;
    if (q->saving != SAVING_NOTHING) { /* decided when that was answered */
        timer_set(r, &q->timer, r->now.mono_ms);
        return;
    }
    bool begun = q->sent && !q->waited;
    bool counts = begun && !q->restored && !r->shutting_down; /* not our own stop's doing */
    struct ending end = {.status = REQUEST_QUEUED,
                         .cause = BY_RELAY,
                         .counts_lost = counts,
                         .waived = !counts,
                         .code = ERR_APP_LOST};
    const char *message = NULL;
    if (counts && poisonous(r, q)) {
        end.status = REQUEST_FAILED;
        end.code = ERR_POISONED;
        message = "This request cost several apps their connection and was set aside";
    } else if (counts && q->rec.attempt - q->rec.waived >= r->limits.max_attempts) {
        end.status = REQUEST_FAILED;
        message = "The app went away while it worked on this request";
    }
    if (message)
        end.message = bytes_new(str_of(message));
    request_end(r, q, &end);
}

/* From a person's wish to a request on disk and in the queue; and the wish to cancel it. */
#include "core/state.h"

#include <stdlib.h>

#define OVERLOAD_RETRY_MS 1000

/* Why a submit is refused. */
struct refusal {
    enum err code;
    uint64_t retry_after_ms;
    struct str message;
};

static enum err refuse(struct refusal *why, enum err code, struct str message,
                       uint64_t retry_after_ms)
{
    *why = (struct refusal){code, retry_after_ms, message};
    return code;
}

static enum err check_person(struct relay *r, struct person *p, struct space *s,
                             struct refusal *why)
{
    if (p->unfinished >= r->limits.unfinished_per_person)
        return refuse(why, ERR_RATE_LIMITED,
                      relay_text(r, "You have %u unfinished requests, which is the most at a time",
                                 p->unfinished),
                      OVERLOAD_RETRY_MS);
    if (!s->rec.rate_limit_s)
        return OK;
    struct standing *st = space_standing(r, s, p->key);
    uint64_t free_at = st->last_submit_ms + (uint64_t)s->rec.rate_limit_s * 1000;
    if (!st->submitted || r->now.mono_ms >= free_at)
        return OK;
    uint64_t wait = free_at - r->now.mono_ms;
    return refuse(why, ERR_RATE_LIMITED,
                  relay_text(r, "Too many requests, try again in %llu s",
                             (unsigned long long)((wait + 999) / 1000)),
                  wait);
}

static enum err check_submit(struct relay *r, struct person *p, struct space *s, struct str payload,
                             struct refusal *why)
{
    if (r->shutting_down)
        return refuse(why, ERR_SHUTTING_DOWN, STR("The relay is going down; try again in a moment"),
                      OVERLOAD_RETRY_MS);
    if (!s || s->pending || s->removed)
        return refuse(why, ERR_NOT_FOUND, STR("Space not found"), 0);
    if (!p || p->rec.disabled)
        return refuse(why, ERR_FORBIDDEN, STR("Your account is disabled"), 0);
    if (!s->app_count && !s->rec.queue_offline)
        return refuse(why, ERR_APP_DISCONNECTED, STR("Remote app not connected"), 0);
    if (payload.n > r->limits.payload_bytes)
        return refuse(why, ERR_TOO_LARGE,
                      relay_text(r, "The payload is larger than %llu bytes",
                                 (unsigned long long)r->limits.payload_bytes),
                      0);
    if (queue_length(&s->waiting) + s->accepting >= r->limits.queue_per_space)
        return refuse(why, ERR_QUEUE_FULL, STR("The queue of this space is full"),
                      OVERLOAD_RETRY_MS);
    if (saves_overloaded(r))
        return refuse(why, ERR_STORE_UNAVAILABLE,
                      STR("Saving is slow at the moment; nothing was accepted"), OVERLOAD_RETRY_MS);
    return check_person(r, p, s, why);
}

/* One that has its app already was the next. */
static void answer_submitted(struct relay *r, const struct request *q, const struct waiter *w)
{
    size_t position = queue_holds(&q->node) ? queue_position(&q->space->waiting, &q->node) : 1;
    if (w->ticket) {
        struct reply *reply = reply_send(r, w->ticket, OK, "");
        reply->id = q->rec.id;
        reply->position = position;
        return;
    }
    struct effect *x = effect_new(r, EFFECT_CLIENT_SEND);
    x->conn = w->conn;
    x->client_out.kind = CLIENT_OUT_SUBMITTED;
    x->client_out.ref = relay_text(r, "%s", w->ref);
    x->client_out.has_request_id = true;
    x->client_out.request_id = q->rec.id;
    x->client_out.position = position;
}

static void accept_failed(struct relay *r, struct request *q)
{
    space_standing(r, q->space, q->person->key)->submitted = false;
    if (q->app)
        lease_detach(r, q);
    waiters_answer(r, q, ERR_STORE_UNAVAILABLE,
                   "The request could not be saved and was not accepted");
    request_forget(r, q);
}

static void accept_saved(struct relay *r, struct save *save, enum err err)
{
    struct request *q = save->request;
    bool matched = q->rec.attempt > 0;
    q->saving = SAVING_NOTHING;
    q->space->accepting -= !matched;
    if (err) {
        accept_failed(r, q);
        return;
    }
    HASH_ADD(hh, r->requests, rec.id, sizeof q->rec.id, q);
    request_set_status(r, q, REQUEST_QUEUED);
    if (!matched)
        request_enqueue(r, q);
    struct waiter *w = q->waiters;
    q->waiters = NULL;
    answer_submitted(r, q, w);
    free(w);
    if (matched)
        match_new_saved(r, q);
    else if (q->space->removed)
        request_cancel(r, q);
}

static struct change *change_of_new(struct relay *r, struct request *q)
{
    struct change *c = change_new(CHANGE_REQUEST_NEW);
    bool matched = match_new(r, q);
    q->space->accepting += !matched;
    c->request = xcalloc(1, sizeof *c->request);
    *c->request = q->rec;
    c->request->status = REQUEST_QUEUED;
    bytes_ref(c->request->payload);
    if (matched)
        match_new_change(r, q, c);
    return c;
}

static struct request *accept(struct relay *r, struct person *p, struct space *s,
                              struct bytes *payload)
{
    struct request *q = request_make(r, s, p);
    q->rec.id = relay_id(r);
    q->rec.payload = payload;
    q->rec.created_ms = r->now.wall_ms;
    q->rec.turn = space_next_turn(r, s, p->key);
    q->accepted_ms = r->now.mono_ms;
    struct standing *st = space_standing(r, s, p->key);
    st->last_submit_ms = r->now.mono_ms;
    st->submitted = true;
    q->saving = SAVING_NEW;
    request_save(r, q, change_of_new(r, q), accept_saved);
    return q;
}

void submit_message(struct relay *r, const struct event *e)
{
    const struct client_msg *m = e->client_msg;
    struct person *p = person_by_key(r, e->who->user_key);
    struct space *s = space_by_name(r, m->space);
    struct refusal why = {0};
    if (check_submit(r, p, s, m->payload, &why)) {
        send_client_error(r, e->conn, m->ref, why.code, why.message, why.retry_after_ms);
        return;
    }
    struct bytes *payload = bytes_new(m->payload);
    if (!payload) {
        send_client_error(r, e->conn, m->ref, ERR_STORE_UNAVAILABLE, STR("Out of memory"),
                          OVERLOAD_RETRY_MS);
        return;
    }
    waiter_add(accept(r, p, s, payload), e->conn, 0, m->ref);
}

void submit_command(struct relay *r, const struct event *e)
{
    const struct command *c = e->command;
    struct person *p = person_by_key(r, c->actor.user_key);
    struct space *s = space_by_id(r, c->id);
    struct refusal why = {0};
    if (check_submit(r, p, s, bytes_str(c->payload), &why)) {
        struct reply *reply = reply_send(r, e->ticket, why.code, NULL);
        snprintf(reply->message, sizeof reply->message, "%.*s", STR_ARG(why.message));
        reply->retry_after_ms = why.retry_after_ms;
        return;
    }
    waiter_add(accept(r, p, s, bytes_ref(c->payload)), 0, e->ticket, STR(""));
}

/* ---- cancel ---- */

static bool may_cancel(struct relay *r, const struct request *q, int64_t user_key)
{
    return q->rec.user_key == user_key || person_is_admin(r, user_key);
}

static void cancel(struct relay *r, struct request *q, uint64_t conn, uint64_t ticket,
                   struct str ref)
{
    waiter_add(q, conn, ticket, ref);
    if (request_status_final(q->rec.status) || q->rec.status == REQUEST_CANCELLING)
        waiters_answer(r, q, ERR_ALREADY_FINAL, "The request is finished already");
    else
        request_cancel(r, q);
}

void cancel_message(struct relay *r, const struct event *e)
{
    const struct client_msg *m = e->client_msg;
    struct request *q = request_find(r, m->request_id);
    if (q && may_cancel(r, q, e->who->user_key)) {
        cancel_noted_by_socket(r, e->who, e->address, &q->rec);
        cancel(r, q, e->conn, 0, m->ref);
        return;
    }
    if (q) {
        send_client_error(r, e->conn, m->ref, ERR_NOT_FOUND, STR("Request not found"), 0);
        return;
    }
    struct load *l = load_start(r, LOAD_FOR_CANCEL, e->conn, m->request_id);
    if (!l) {
        send_client_error(r, e->conn, m->ref, ERR_RATE_LIMITED, STR("Too many cancels at once"),
                          OVERLOAD_RETRY_MS);
        return;
    }
    l->who = *e->who;
    if (!str_copy(l->ref, sizeof l->ref, m->ref))
        l->ref[0] = 0;
}

void cancel_command(struct relay *r, const struct event *e)
{
    const struct command *c = e->command;
    struct request *q = request_find(r, c->id);
    if (!q || (q->rec.user_key != c->actor.user_key && !actor_is_admin(r, &c->actor))) {
        reply_send(r, e->ticket, ERR_NOT_FOUND, "There is no such unfinished request");
        return;
    }
    cancel_noted(r, &c->actor, &q->rec);
    cancel(r, q, 0, e->ticket, STR(""));
}

/* The request is not in memory, so it is finished or there is none. */
void cancel_loaded(struct relay *r, const struct load *l, enum err err,
                   const struct request_record *rec)
{
    bool theirs = !err && (rec->user_key == l->who.user_key || person_is_admin(r, l->who.user_key));
    struct str ref = str_of(l->ref);
    if (theirs)
        send_client_error(r, l->conn, ref, ERR_ALREADY_FINAL,
                          STR("The request is finished already"), 0);
    else if (err == ERR_STORE_UNAVAILABLE)
        send_client_error(r, l->conn, ref, err, STR(""), OVERLOAD_RETRY_MS);
    else
        send_client_error(r, l->conn, ref, ERR_NOT_FOUND, STR("Request not found"), 0);
}

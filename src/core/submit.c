/* From a person's wish to a request on disk and in the queue. */
#include "core/state.h"

#include <stdlib.h>

#define OVERLOAD_RETRY_MS 1000
#define MINUTE_US         UINT64_C(60000000)

/* A wish to have a request: from a socket or from a page. */
struct wish {
    struct person *person;
    struct space *space;
    struct str payload, key; /* key "" = none */
    uint32_t inputs;         /* of the payload */
    uint32_t endpoint;       /* an ENDPOINT_BIT, or 0 */
    const struct hash *hash; /* of the payload, when there is a key */
    uint64_t conn, ticket;
    struct str ref;
    bool watch;
};

/* Why a submit is refused. */
struct refusal {
    enum err code;
    uint64_t retry_after_ms;
    struct str message;
    uint32_t inputs;
    uint64_t limit; /* see client_out */
};

static enum err refuse(struct refusal *why, enum err code, struct str message,
                       uint64_t retry_after_ms)
{
    *why = (struct refusal){.code = code, .retry_after_ms = retry_after_ms, .message = message};
    return code;
}

/* ---- how often ---- */

/* The person's bucket holds a minute's requests and fills up within one. */
static uint64_t rate_step_us(const struct relay *r)
{
    return r->limits.requests_per_minute ? MINUTE_US / r->limits.requests_per_minute : 0;
}

static uint64_t rate_full_us(const struct relay *r, const struct person *p)
{
    uint64_t now_us = r->now.mono_ms * 1000;
    return p->rate_full_us > now_us ? p->rate_full_us : now_us;
}

static uint64_t rate_wait_ms(const struct relay *r, const struct person *p)
{
    uint64_t step = rate_step_us(r);
    uint64_t full_us = rate_full_us(r, p) + step, end_us = r->now.mono_ms * 1000 + MINUTE_US;
    return step && full_us > end_us ? (full_us - end_us + 999) / 1000 : 0;
}

static uint64_t space_wait_ms(struct relay *r, const struct person *p, struct space *s)
{
    if (!s->rec.rate_limit_s)
        return 0;
    const struct standing *st = space_standing(r, s, p->key);
    uint64_t free_at = st->last_submit_ms + (uint64_t)s->rec.rate_limit_s * 1000;
    return st->submitted && r->now.mono_ms < free_at ? free_at - r->now.mono_ms : 0;
}

static void note_submit(struct relay *r, struct person *p, struct space *s)
{
    struct standing *st = space_standing(r, s, p->key);
    st->last_submit_ms = r->now.mono_ms;
    st->submitted = true;
    p->rate_full_us = rate_full_us(r, p) + rate_step_us(r);
}

/* It was not accepted after all, and does not count. */
static void take_note_back(struct relay *r, const struct request *q)
{
    struct person *p = q->person;
    struct standing *st = space_standing(r, q->space, p->key);
    uint64_t step = rate_step_us(r);
    if (st->last_submit_ms == q->accepted_ms)
        st->submitted = false;
    p->rate_full_us -= p->rate_full_us > step ? step : p->rate_full_us;
}

/* ---- whether ---- */

/* There are as many as there may be. */
static enum err refuse_more(struct refusal *why, enum err code, uint64_t limit, struct str message,
                            uint64_t retry_after_ms)
{
    enum err e = refuse(why, code, message, retry_after_ms);
    why->limit = limit;
    return e;
}

static enum err check_person(struct relay *r, const struct wish *w, struct refusal *why)
{
    struct person *p = w->person;
    if (p->unfinished >= r->limits.unfinished_per_person)
        return refuse_more(
            why, ERR_RATE_LIMITED, r->limits.unfinished_per_person,
            relay_text(r, "You have %u unfinished requests, which is the most at a time",
                       p->unfinished),
            OVERLOAD_RETRY_MS);
    uint64_t wait_ms = rate_wait_ms(r, p), space_ms = space_wait_ms(r, p, w->space);
    bool by_space = space_ms > wait_ms;
    if (by_space)
        wait_ms = space_ms;
    if (wait_ms)
        return refuse_more(why, ERR_RATE_LIMITED, by_space ? 1 : r->limits.requests_per_minute,
                           relay_text(r, "Too many requests, try again in %llu s",
                                      (unsigned long long)((wait_ms + 999) / 1000)),
                           wait_ms);
    if (w->key.n && (wait_ms = idempotency_wait(r, p)))
        return refuse_more(why, ERR_RATE_LIMITED, r->limits.idempotency_keys_per_person,
                           STR("You have too many idempotency keys in use"), wait_ms);
    return OK;
}

static enum err check_subject(const struct wish *w, struct refusal *why)
{
    if (!w->space || w->space->pending || w->space->removed)
        return refuse(why, ERR_NOT_FOUND, STR("Space not found"), 0);
    if (!w->person || w->person->rec.disabled)
        return refuse(why, ERR_FORBIDDEN, STR("Your account is disabled"), 0);
    return OK;
}

/* The first of them, in words. */
static const char *input_name(uint32_t inputs)
{
    return inputs & INPUT_PROMPT  ? "a prompt"
           : inputs & INPUT_AUDIO ? "audio"
           : inputs & INPUT_VIDEO ? "video"
                                  : "files";
}

static enum err check_inputs(struct relay *r, const struct wish *w, struct refusal *why)
{
    uint32_t refused = w->inputs & ~w->space->rec.inputs;
    if (!refused)
        return OK;
    (void)refuse(why, ERR_INPUT_REFUSED,
                 relay_text(r, "This space does not take %s", input_name(refused)), 0);
    why->inputs = refused;
    return why->code;
}

/* Every app that is connected can serve it: any of them may get it. */
static enum err check_endpoint(const struct wish *w, struct refusal *why)
{
    LIST_EACH (&w->space->apps, it) {
        const struct app_conn *a = CONTAINER_OF(it, struct app_conn, link);
        if (w->endpoint & ~a->endpoints)
            return refuse(why, ERR_INPUT_REFUSED,
                          STR("The app of this space does not serve calls of this kind"), 0);
    }
    return OK;
}

static enum err check_submit(struct relay *r, const struct wish *w, struct refusal *why)
{
    struct space *s = w->space;
    if (r->shutting_down)
        return refuse(why, ERR_SHUTTING_DOWN, STR("The relay is going down; try again in a moment"),
                      OVERLOAD_RETRY_MS);
    if (check_inputs(r, w, why) || check_endpoint(w, why))
        return why->code;
    if (!s->app_count && !s->rec.queue_offline)
        return refuse(why, ERR_APP_DISCONNECTED, STR("Remote app not connected"), 0);
    if (w->payload.n > r->limits.payload_bytes)
        return refuse(why, ERR_TOO_LARGE,
                      relay_text(r, "The payload is larger than %llu bytes",
                                 (unsigned long long)r->limits.payload_bytes),
                      0);
    if (queue_length(&s->waiting) + s->accepting >= r->limits.queue_per_space)
        return refuse_more(why, ERR_QUEUE_FULL, r->limits.queue_per_space,
                           STR("The queue of this space is full"), OVERLOAD_RETRY_MS);
    if (saves_overloaded(r))
        return refuse_more(why, ERR_STORE_UNAVAILABLE, saves_limit(r),
                           STR("Saving is slow at the moment; nothing was accepted"),
                           OVERLOAD_RETRY_MS);
    return check_person(r, w, why);
}

/* ---- answers ---- */

static void send_refusal(struct relay *r, const struct wish *w, const struct refusal *why)
{
    if (!w->ticket) {
        send_client_error(r, w->conn, w->ref, why->code, why->message, why->retry_after_ms)->limit =
            why->limit;
        return;
    }
    struct reply *reply = reply_send(r, w->ticket, why->code, NULL);
    snprintf(reply->message, sizeof reply->message, "%.*s", STR_ARG(why->message));
    reply->retry_after_ms = why->retry_after_ms;
    reply->limit = why->limit;
    reply->inputs = why->inputs;
}

/* position 0: it no longer waits. NULL: the answer is no message. */
static struct client_out *send_submitted(struct relay *r, struct uuid id, size_t position,
                                         uint64_t conn, uint64_t ticket, struct str ref)
{
    if (ticket) {
        struct reply *reply = reply_send(r, ticket, OK, "");
        reply->id = id;
        reply->position = position;
        return NULL;
    }
    struct effect *x = effect_new(r, EFFECT_CLIENT_SEND);
    x->conn = conn;
    x->client_out.kind = CLIENT_OUT_SUBMITTED;
    x->client_out.ref = ref;
    x->client_out.has_request_id = true;
    x->client_out.request_id = id;
    x->client_out.position = position;
    return &x->client_out;
}

static size_t position_of(const struct request *q)
{
    return q && queue_holds(&q->node) ? queue_position(&q->space->waiting, &q->node) : 0;
}

static bool wait_for(struct request *q, const struct wish *w)
{
    struct waiter *waiter = waiter_add(q, w->conn, w->ticket, w->ref);
    if (waiter)
        waiter->watch = w->watch;
    return waiter;
}

/* True when the key has been used: the wish is answered, now or when the first one is. */
static bool repeated(struct relay *r, const struct wish *w)
{
    struct idempotency *k = w->key.n ? idempotency_find(r, w->person, w->key) : NULL;
    struct refusal why;
    if (!k)
        return false;
    if (k->space_key != w->space->key || !hash_eq(k->hash, *w->hash)) {
        (void)refuse(&why, ERR_IDEMPOTENCY_CONFLICT, str_of(err_message(ERR_IDEMPOTENCY_CONFLICT)),
                     0);
        send_refusal(r, w, &why);
    } else if (!k->accepting) {
        size_t position = position_of(request_find(r, k->request_id));
        send_submitted(r, k->request_id, position, w->conn, w->ticket, w->ref);
    } else if (!wait_for(k->accepting, w)) {
        (void)refuse_more(&why, ERR_STORE_UNAVAILABLE, WAITERS_MAX,
                          STR("The request is still being saved"), OVERLOAD_RETRY_MS);
        send_refusal(r, w, &why);
    }
    return true;
}

/* ---- accepting ---- */

static void accept_failed(struct relay *r, struct request *q)
{
    take_note_back(r, q);
    if (q->app)
        lease_detach(r, q);
    waiters_answer(r, q, ERR_STORE_UNAVAILABLE,
                   "The request could not be saved and was not accepted");
    request_forget(r, q);
}

/* One that has its app already was the next. */
static void answer_accepted(struct relay *r, struct request *q)
{
    size_t position = q->rec.attempt ? 1 : position_of(q);
    while (q->waiters) {
        struct waiter *w = q->waiters;
        q->waiters = w->next;
        struct client_out *out =
            send_submitted(r, q->rec.id, position, w->conn, w->ticket, relay_text(r, "%s", w->ref));
        if (out && w->watch) {
            out->watch = true;
            out->topic = (struct topic_id){TOPIC_REQUEST, q->rec.id};
            watch_begin(q);
        }
        free(w);
    }
}

static void accept_saved(struct relay *r, struct save *save, enum err err)
{
    struct request *q = save->request;
    bool matched = q->rec.attempt > 0;
    q->saving = SAVING_NOTHING;
    q->space->accepting -= !matched;
    idempotency_saved(r, q, err);
    if (err) {
        accept_failed(r, q);
        return;
    }
    HASH_ADD(hh, r->requests, rec.id, sizeof q->rec.id, q);
    request_set_status(r, q, REQUEST_QUEUED);
    if (!matched)
        request_enqueue(r, q);
    answer_accepted(r, q);
    show_positions_soon(r, q->space);
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
    c->idempotency = idempotency_row(q);
    bytes_ref(c->request->payload);
    if (matched)
        match_new_change(r, q, c);
    return c;
}

/* payload is given away. */
static void accept(struct relay *r, const struct wish *w, struct bytes *payload)
{
    struct space *s = w->space;
    struct request *q = request_make(r, s, w->person);
    q->rec.id = relay_id(r);
    q->rec.payload = payload;
    q->rec.created_ms = r->now.wall_ms;
    q->rec.turn = space_next_turn(r, s, w->person->key);
    q->accepted_ms = r->now.mono_ms;
    note_submit(r, w->person, s);
    q->saving = SAVING_NEW;
    bool added = wait_for(q, w);
    assert(added);
    if (w->key.n)
        idempotency_take(r, q, w->key, w->hash);
    request_save(r, q, change_of_new(r, q), accept_saved);
}

/* payload: the wish's, with a reference for the request; NULL to make a copy. A repeat is answered
 * before any limit is looked at. */
static void submit(struct relay *r, const struct wish *w, struct bytes *payload)
{
    struct refusal why;
    if (check_subject(w, &why)) {
        send_refusal(r, w, &why);
        return;
    }
    if (repeated(r, w))
        return;
    if (check_submit(r, w, &why)) {
        send_refusal(r, w, &why);
        return;
    }
    struct bytes *own = payload ? bytes_ref(payload) : bytes_new(w->payload);
    if (own) {
        accept(r, w, own);
        return;
    }
    (void)refuse(&why, ERR_STORE_UNAVAILABLE, STR("Out of memory"), OVERLOAD_RETRY_MS);
    send_refusal(r, w, &why);
}

/* By its name, or else by its id. */
static struct space *space_named(struct relay *r, struct str name)
{
    struct uuid id;
    struct space *s = space_by_name(r, name);
    return s || uuid_parse(name, &id) ? s : space_by_id(r, id);
}

void submit_message(struct relay *r, const struct relay_event *e)
{
    const struct client_msg *m = e->client_msg;
    const struct wish w = {.person = person_by_key(r, e->who->user_key),
                           .space = space_named(r, m->space),
                           .payload = m->payload,
                           .inputs = m->inputs,
                           .endpoint = m->endpoint,
                           .key = m->idempotency_key,
                           .hash = e->payload_hash,
                           .conn = e->conn,
                           .ref = m->ref,
                           .watch = m->watch};
    submit(r, &w, NULL);
}

void submit_command(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    const struct wish w = {.person = person_by_key(r, c->actor.user_key),
                           .space = space_by_id(r, c->id),
                           .payload = bytes_str(c->payload),
                           .inputs = c->inputs,
                           .key = str_of(c->idempotency_key),
                           .hash = &c->payload_hash,
                           .ticket = e->ticket,
                           .ref = STR("")};
    submit(r, &w, c->payload);
}

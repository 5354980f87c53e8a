/* A request: its one state, the table of legal transitions, and the one function that changes it.
 */
#include "core/state.h"

#include <stdlib.h>

#define BIT(status) (1U << (status))

static const unsigned legal[REQUEST_STATUS__MAX] = {
    [REQUEST_ACCEPTING] = BIT(REQUEST_QUEUED) | BIT(REQUEST_FAILED) | BIT(REQUEST_CANCELLED),
    [REQUEST_QUEUED] = BIT(REQUEST_PROCESSING) | BIT(REQUEST_CANCELLED) | BIT(REQUEST_FAILED),
    [REQUEST_PROCESSING] = BIT(REQUEST_QUEUED) | BIT(REQUEST_CANCELLING) | BIT(REQUEST_COMPLETED) |
                           BIT(REQUEST_FAILED),
    [REQUEST_CANCELLING] = BIT(REQUEST_CANCELLED),
};

static void count(struct relay *r, enum request_status s, bool in)
{
    uint64_t *n = s == REQUEST_QUEUED       ? &r->stats.queued
                  : s == REQUEST_PROCESSING ? &r->stats.processing
                                            : NULL;
    if (n)
        *n += in ? (uint64_t)1 : (uint64_t)-1;
}

static bool unfinished(enum request_status s)
{
    return s == REQUEST_ACCEPTING || s == REQUEST_QUEUED || s == REQUEST_PROCESSING;
}

void request_set_status(struct relay *r, struct request *q, enum request_status to)
{
    enum request_status from = q->rec.status;
    assert(legal[from] & BIT(to));
    count(r, from, false);
    count(r, to, true);
    q->rec.status = to;
    if (unfinished(from) && !unfinished(to))
        q->person->unfinished--;
}

struct request *request_find(struct relay *r, struct uuid id)
{
    struct request *q;
    HASH_FIND(hh, r->requests, &id, sizeof id, q);
    return q;
}

/* A new request in state accepting (or, when restored, whatever the caller sets next). */
struct request *request_make(struct relay *r, struct space *s, struct person *p)
{
    struct request *q = xcalloc(1, sizeof *q);
    q->space = s;
    q->person = p;
    q->rec.space_key = s->key;
    q->rec.user_key = p->key;
    memcpy(q->rec.username, p->rec.name, sizeof q->rec.username);
    q->timer.fire = lease_timer_fired;
    q->text_timer.fire = text_timer_fired;
    buf_init(&q->text, r->limits.text_bytes);
    s->requests++;
    p->unfinished++;
    return q;
}

void request_free(struct request *q)
{
    request_record_release(&q->rec);
    bytes_unref(q->end.message);
    bytes_unref(q->end.result);
    bytes_unref(q->end.usage);
    bytes_unref(q->message);
    buf_release(&q->text);
    while (q->waiters) {
        struct waiter *next = q->waiters->next;
        free(q->waiters);
        q->waiters = next;
    }
    free(q);
}

/* The request is final and nothing more can happen to it: it leaves memory (at the next step, since
 * effects may still borrow from it), once the store has answered everything. */
void request_forget(struct relay *r, struct request *q)
{
    if (q->saves || q->lingering || list_linked(&q->grave_link))
        return;
    assert(!q->app && !queue_holds(&q->node));
    timer_stop(r, &q->timer);
    timer_stop(r, &q->text_timer);
    list_remove(&q->lease_link);
    list_remove(&q->watch_link);
    if (q->rec.status != REQUEST_ACCEPTING)
        HASH_DEL(r->requests, q);
    else
        q->person->unfinished--;
    q->space->requests--;
    space_release_if_over(r, q->space);
    q->space = NULL;
    list_push_back(&r->graveyard, &q->grave_link);
}

void request_enqueue(struct relay *r, struct request *q)
{
    q->node.turn = q->rec.turn;
    q->node.number = (uint64_t)uuid_key(q->rec.id);
    queue_add(&q->space->waiting, &q->node);
    if (q->watchers)
        list_push_back(&q->space->watched, &q->watch_link);
    match_wanted(r, q->space);
    show_space_soon(r, q->space);
    show_positions_soon(r, q->space);
}

void request_dequeue(struct relay *r, struct request *q)
{
    queue_remove(&q->space->waiting, &q->node);
    list_remove(&q->watch_link);
    q->shown_position = 0;
    q->shown_eta_ms = 0;
    q->shown_reason = NULL;
    show_space_soon(r, q->space);
    show_positions_soon(r, q->space);
}

struct save *request_save(struct relay *r, struct request *q, struct change *c,
                          void (*done)(struct relay *, struct save *, enum err))
{
    c->id = q->rec.id;
    struct save *s = save_start(r, c, done);
    s->request = q;
    q->saves++;
    return s;
}

/* What an attempt has said so far is void. */
void request_clear_attempt(struct relay *r, struct request *q)
{
    text_clear(r, q);
    q->has_percent = q->has_step = q->has_steps = q->has_message = false;
    q->percent = 0;
    q->step = q->steps = 0;
    bytes_unref(q->message);
    q->message = NULL;
    q->sent = false;
    q->silent_conns = 0;
}

struct waiter *waiter_add(struct request *q, uint64_t conn, uint64_t ticket, struct str ref)
{
    struct waiter **last = &q->waiters;
    for (size_t count = 0; *last; last = &(*last)->next)
        if (++count == WAITERS_MAX)
            return NULL;
    struct waiter *w = xcalloc(1, sizeof *w);
    w->conn = conn;
    w->ticket = ticket;
    if (!str_copy(w->ref, sizeof w->ref, ref))
        w->ref[0] = 0;
    *last = w;
    return w;
}

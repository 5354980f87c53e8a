/* The wish to cancel a request, from any socket or page of its person, or of an admin. */
#include "core/state.h"

#define RETRY_MS 1000

static bool may_cancel(struct relay *r, const struct request_record *q, const struct identity *who)
{
    return q->user_key == who->user_key || identity_is_admin(r, who);
}

static void refuse_cancel(struct relay *r, uint64_t conn, uint64_t ticket, struct str ref,
                          uint64_t limit)
{
    static const char message[] = "Too many cancels at once";
    if (ticket)
        reply_too_many(r, ticket, message, limit, RETRY_MS);
    else
        send_client_error(r, conn, ref, ERR_RATE_LIMITED, str_of(message), RETRY_MS)->limit = limit;
}

static void cancel(struct relay *r, struct request *q, uint64_t conn, uint64_t ticket,
                   struct str ref)
{
    if (!waiter_add(q, conn, ticket, ref)) {
        refuse_cancel(r, conn, ticket, ref, WAITERS_MAX);
        return;
    }
    if (request_status_final(q->rec.status) || q->rec.status == REQUEST_CANCELLING)
        waiters_answer(r, q, ERR_ALREADY_FINAL, "The request is finished already");
    else
        request_cancel(r, q);
}

void cancel_message(struct relay *r, const struct relay_event *e)
{
    const struct client_msg *m = e->client_msg;
    struct request *q = request_find(r, m->request_id);
    if (q && may_cancel(r, &q->rec, e->who)) {
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
        refuse_cancel(r, e->conn, 0, m->ref, LOADS_PER_CONN);
        return;
    }
    l->who = *e->who;
    if (!str_copy(l->ref, sizeof l->ref, m->ref))
        l->ref[0] = 0;
}

void cancel_command(struct relay *r, const struct relay_event *e)
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

/* The request was not in memory, so it is finished or there is none; or it was just being accepted.
 */
void cancel_loaded(struct relay *r, const struct load *l, enum err err,
                   const struct request_record *rec)
{
    bool theirs = !err && may_cancel(r, rec, &l->who);
    struct str ref = relay_text(r, "%s", l->ref);
    struct request *q = request_find(r, l->request_id);
    if (q && theirs)
        cancel(r, q, l->conn, 0, ref);
    else if (theirs)
        send_client_error(r, l->conn, ref, ERR_ALREADY_FINAL,
                          STR("The request is finished already"), 0);
    else if (err == ERR_STORE_UNAVAILABLE)
        send_client_error(r, l->conn, ref, err, STR(""), RETRY_MS);
    else
        send_client_error(r, l->conn, ref, ERR_NOT_FOUND, STR("Request not found"), 0);
}

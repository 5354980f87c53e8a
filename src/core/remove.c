/* A finished request is removed for good, by its person or by an admin. Whose it is the store
 * knows: what is finished is not in memory. Its idempotency key stays: it is not run again by that.
 */
#include "core/state.h"

#define RETRY_MS 1000

static bool theirs(struct relay *r, const struct actor *who, const struct request_record *rec)
{
    return rec->user_key == who->user_key || actor_is_admin(r, who);
}

static void send_not_found(struct relay *r, uint64_t ticket)
{
    reply_send(r, ticket, ERR_NOT_FOUND, "Request not found");
}

static void send_not_finished(struct relay *r, uint64_t ticket, const struct request *q)
{
    bool ends = q->rec.status == REQUEST_CANCELLING || request_status_final(q->rec.status);
    reply_send(r, ticket, ERR_LOCKED,
               ends ? "The request's app is still being waited for; try again"
                    : "The request is not finished: cancel it first");
}

void command_request_remove(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    const struct request *q = request_find(r, c->id);
    if (q && theirs(r, &c->actor, &q->rec)) {
        send_not_finished(r, e->ticket, q);
        return;
    }
    if (q) {
        send_not_found(r, e->ticket);
        return;
    }
    struct load *l = load_start(r, LOAD_FOR_REMOVE, QUESTIONS_OF(c->actor.user_key), c->id);
    if (!l) {
        reply_too_many(r, e->ticket, "Too many removals at once", LOADS_PER_CONN, RETRY_MS);
        return;
    }
    l->ticket = e->ticket;
    l->actor = c->actor;
}

static void save_removal(struct relay *r, const struct load *l, const struct request_record *rec)
{
    struct command c = {.actor = l->actor};
    struct change *change = change_new(CHANGE_REQUEST_REMOVE);
    char id[UUID_TEXT_BYTES];
    change->id = rec->id;
    uuid_format(rec->id, id);
    if (rec->user_key != l->actor.user_key)
        change->audit = audit_new(r, &c, "request.remove", str_of(id), rec->username);
    struct save *s = save_start(r, change, command_saved);
    s->ticket = l->ticket;
    s->object = rec->id;
}

void remove_loaded(struct relay *r, const struct load *l, enum err err,
                   const struct request_record *rec)
{
    const struct request *q = request_find(r, l->request_id);
    if (err == ERR_STORE_UNAVAILABLE)
        reply_send(r, l->ticket, err, NULL);
    else if (err || !theirs(r, &l->actor, rec))
        send_not_found(r, l->ticket);
    else if (q) /* it was just being accepted */
        send_not_finished(r, l->ticket, q);
    else
        save_removal(r, l, rec);
}

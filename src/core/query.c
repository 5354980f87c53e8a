/* A person's question how a request stands, without a socket: from memory, else from the store. */
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

static struct reply *send_record(struct relay *r, uint64_t ticket, const struct request_record *rec)
{
    struct request_record *copy = xcalloc(1, sizeof *copy);
    *copy = *rec;
    copy->payload = copy->text = NULL;
    bytes_ref(copy->result);
    bytes_ref(copy->usage);
    bytes_ref(copy->error_message);
    struct reply *reply = reply_send(r, ticket, OK, NULL);
    reply->request = copy;
    return reply;
}

/* What it says of itself and where it stands lies in memory alone. */
static void add_live(struct relay *r, struct request *q, struct reply *reply)
{
    if (request_status_final(q->rec.status))
        return;
    reply->live = xcalloc(1, sizeof *reply->live);
    request_fill_view(r, q, reply->live,
                      VIEW_POSITION | VIEW_ETA | VIEW_REASON | VIEW_PERCENT | VIEW_MESSAGE |
                          VIEW_STEP | VIEW_STEPS);
    reply->live->space = STR(""); /* it may go before the reply */
    reply->live_message = bytes_ref(q->message);
}

static void load(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct load *l = load_start(r, LOAD_FOR_QUERY, QUESTIONS_OF(c->actor.user_key), c->id);
    if (!l) {
        reply_too_many(r, e->ticket, "Too many questions at once", LOADS_PER_CONN, RETRY_MS);
        return;
    }
    l->ticket = e->ticket;
    l->actor = c->actor;
}

void command_query_request(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct request *q = request_find(r, c->id);
    if (!q) {
        load(r, e);
    } else if (!theirs(r, &c->actor, &q->rec)) {
        send_not_found(r, e->ticket);
    } else {
        look_noted(r, &c->actor, &q->rec);
        add_live(r, q, send_record(r, e->ticket, &q->rec));
    }
}

void query_loaded(struct relay *r, const struct load *l, enum err err,
                  const struct request_record *rec)
{
    if (err == ERR_STORE_UNAVAILABLE) {
        reply_send(r, l->ticket, err, NULL);
    } else if (err || !theirs(r, &l->actor, rec)) {
        send_not_found(r, l->ticket);
    } else {
        look_noted(r, &l->actor, rec);
        send_record(r, l->ticket, rec);
    }
}

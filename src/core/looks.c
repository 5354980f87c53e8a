/* What admins do with other people's requests is written to the audit log: looking at one, since
 * its words are theirs, and cancelling it. One admin's looks at the same request within a while are
 * one look: its page, the live text on it and its download belong together. */
#include "core/state.h"

#define LOOK_MS UINT64_C(600000)

static struct look *look_find(struct relay *r, int64_t user_key, struct uuid request_id)
{
    for (size_t i = 0; i < LOOKS_MAX; i++) {
        struct look *l = &r->looks.list[i];
        if (l->user_key == user_key && uuid_eq(l->request_id, request_id))
            return l;
    }
    return NULL;
}

static bool looked_lately(struct relay *r, int64_t user_key, struct uuid request_id)
{
    const struct look *l = look_find(r, user_key, request_id);
    return l && r->now.mono_ms - l->at_ms < LOOK_MS;
}

/* The oldest is forgotten: then it is written again. */
static void remember(struct relay *r, int64_t user_key, struct uuid request_id)
{
    struct look *l = look_find(r, user_key, request_id);
    if (!l)
        l = &r->looks.list[r->looks.next++ % LOOKS_MAX];
    *l = (struct look){user_key, request_id, r->now.mono_ms};
}

void look_written(struct relay *r, const struct save *s, enum err err)
{
    if (!err)
        remember(r, (int64_t)s->offset, s->object);
}

static void look_saved(struct relay *r, struct save *s, enum err err)
{
    look_written(r, s, err);
    command_saved(r, s, err);
}

static struct save *save_audit(struct relay *r, const struct command *c, const char *action,
                               struct uuid request_id, const char *owner,
                               void (*done)(struct relay *, struct save *, enum err))
{
    char id[UUID_TEXT_BYTES];
    uuid_format(request_id, id);
    struct change *change = change_new(CHANGE_AUDIT);
    change->audit = audit_new(r, c, action, str_of(id), owner);
    struct save *s = save_start(r, change, done);
    s->object = request_id;
    s->offset = (uint64_t)c->actor.user_key;
    return s;
}

void command_request_look(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    if (looked_lately(r, c->actor.user_key, c->id))
        reply_send(r, e->ticket, OK, NULL);
    else
        save_audit(r, c, "request.view", c->id, c->user.name, look_saved)->ticket = e->ticket;
}

/* A person's doing on a socket in the shape of a command, for audit_new. */
static void as_command(struct command *c, const struct identity *who, const char *address)
{
    *c = (struct command){.actor = {.user_key = who->user_key, .role = who->role}};
    memcpy(c->actor.name, who->name, sizeof c->actor.name);
    snprintf(c->actor.address, sizeof c->actor.address, "%s", address ? address : "");
}

void look_noted(struct relay *r, const struct actor *actor, const struct request_record *rec)
{
    struct command c = {.actor = *actor};
    if (rec->user_key != actor->user_key && !looked_lately(r, actor->user_key, rec->id))
        (void)save_audit(r, &c, "request.view", rec->id, rec->username, look_saved);
}

struct save *look_first(struct relay *r, const struct identity *who, const char *address,
                        const struct request_record *rec)
{
    struct command c;
    if (rec->user_key == who->user_key || looked_lately(r, who->user_key, rec->id))
        return NULL;
    as_command(&c, who, address);
    return save_audit(r, &c, "request.view", rec->id, rec->username, look_saved);
}

static bool cancels_anothers(int64_t user_key, const struct request_record *rec)
{
    return rec->user_key != user_key && rec->status != REQUEST_CANCELLING &&
           !request_status_final(rec->status);
}

void cancel_noted(struct relay *r, const struct actor *actor, const struct request_record *rec)
{
    struct command c = {.actor = *actor};
    if (cancels_anothers(actor->user_key, rec))
        (void)save_audit(r, &c, "request.cancel", rec->id, rec->username, NULL);
}

void cancel_noted_by_socket(struct relay *r, const struct identity *who, const char *address,
                            const struct request_record *rec)
{
    struct command c;
    if (!cancels_anothers(who->user_key, rec))
        return;
    as_command(&c, who, address);
    cancel_noted(r, &c.actor, rec);
}

/* Commands about API keys. */
#include "core/state.h"

#include <stdlib.h>

/* A key lets others act for its person: an admin makes none for somebody else, whoever has the
 * command line may. */
static bool may_make(const struct actor *a, const struct person *p)
{
    return a->user_key ? a->user_key == p->key : a->role == ROLE_ADMIN;
}

static enum err check_person(const struct command *c, const struct person *p, const char **why)
{
    *why = "There is no such user";
    if (!p || p->pending)
        return ERR_NOT_FOUND;
    *why = "This is not your account";
    if (!may_make(&c->actor, p))
        return ERR_FORBIDDEN;
    *why = "This account is disabled";
    if (p->rec.disabled)
        return ERR_FORBIDDEN;
    *why = "Only an admin's API key may have the scope admin";
    if ((c->api_key.scopes & SCOPE_ADMIN) && p->rec.role != ROLE_ADMIN)
        return ERR_FORBIDDEN;
    return OK;
}

static enum err check_key(struct relay *r, const struct api_key_record *rec, const char **why)
{
    *why = "An API key's name has 1 to 96 bytes, no control character, no blank at its ends";
    if (!api_key_name_valid(str_of(rec->name)))
        return ERR_BAD_MESSAGE;
    *why = "An API key has at least one of the scopes read, submit and admin";
    if (!rec->scopes || (rec->scopes & ~(uint32_t)SCOPES_OF_KEYS))
        return ERR_BAD_MESSAGE;
    *why = "An API key expires at a time to come, or never";
    if (rec->expires_ms && rec->expires_ms <= r->now.wall_ms)
        return ERR_BAD_MESSAGE;
    return OK;
}

static enum err check_room(struct relay *r, const struct api_key_record *rec,
                           const struct person *p, const char **why)
{
    *why = "There is an API key of this name already";
    if (api_key_named(p, rec->name) || api_key_by_hash(r, &rec->hash))
        return ERR_EXISTS;
    *why = "There are as many API keys as one person may have; revoke one first";
    if (api_keys_count(p) >= r->limits.api_keys_per_person)
        return ERR_RATE_LIMITED;
    return OK;
}

static struct audit_record *audit_of(struct relay *r, const struct command *c, const char *action,
                                     const struct api_key *k)
{
    char scopes[SCOPES_TEXT_BYTES], detail[NOTE_BYTES];
    scopes_format(k->rec.scopes, scopes);
    snprintf(detail, sizeof detail, "%s: %s", k->rec.name, scopes);
    return audit_new(r, c, action, str_of(k->person->rec.name), detail);
}

static void added(struct relay *r, struct save *save, enum err err)
{
    struct api_key *k = api_key_by_key(r, uuid_key(save->object));
    if (k && err)
        api_key_free(r, k);
    else if (k)
        k->pending = false;
    if (!k && !err)
        reply_send(r, save->ticket, ERR_FORBIDDEN, "This API key was revoked meanwhile");
    else
        command_saved(r, save, err);
}

static void add(struct relay *r, const struct relay_event *e, struct person *p)
{
    struct api_key_record rec = e->command->api_key;
    rec.id = relay_id(r);
    rec.user_key = p->key;
    rec.created_ms = r->now.wall_ms;
    rec.revoked_ms = rec.used_ms = 0;
    struct api_key *k = api_key_new(r, p, &rec);
    k->pending = true;
    api_key_watch(r, k);
    struct change *change = change_new(CHANGE_API_KEY_PUT);
    change->api_key = xcalloc(1, sizeof rec);
    *change->api_key = rec;
    change->audit = audit_of(r, e->command, "key.add", k);
    struct save *save = save_start(r, change, added);
    save->ticket = e->ticket;
    save->object = rec.id;
}

void command_api_key_add(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct person *p = person_by_name(r, str_of(c->user.name));
    const char *why;
    enum err err = check_person(c, p, &why);
    if (!err)
        err = check_key(r, &c->api_key, &why);
    if (!err)
        err = check_room(r, &c->api_key, p, &why);
    if (err == ERR_RATE_LIMITED)
        reply_too_many(r, e->ticket, why, r->limits.api_keys_per_person, 0);
    else if (err)
        reply_send(r, e->ticket, err, why);
    else
        add(r, e, p);
}

/* ---- revoking ---- */

static struct api_key *find(struct relay *r, const struct command *c)
{
    if (!uuid_is_nil(c->api_key.id)) {
        struct api_key *k = api_key_by_key(r, uuid_key(c->api_key.id));
        return k && uuid_eq(k->rec.id, c->api_key.id) ? k : NULL;
    }
    struct person *p = person_by_name(r, str_of(c->user.name));
    return p ? api_key_named(p, c->api_key.name) : NULL;
}

/* It has ended in any case; when that could not be saved, it is tried again. */
static void revoked(struct relay *r, struct save *save, enum err err)
{
    if (err)
        save_surely(r, CHANGE_API_KEY_END, uuid_key(save->object), save->object, STR(""));
    command_saved(r, save, err);
}

void command_api_key_revoke(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct api_key *k = find(r, c);
    bool may = k && (k->person->key == c->actor.user_key || actor_is_admin(r, &c->actor));
    if (!may || k->pending) {
        reply_send(r, e->ticket, ERR_NOT_FOUND, "There is no such API key");
        return;
    }
    struct change *change = change_new(CHANGE_API_KEY_END);
    change->key = k->key;
    change->at_ms = r->now.wall_ms;
    change->audit = audit_of(r, c, "key.revoke", k);
    struct save *save = save_start(r, change, revoked);
    save->ticket = e->ticket;
    save->object = k->rec.id;
    api_key_end(r, k);
}

/* ---- questions ---- */

static void copy_key(struct reply *reply, const struct api_key *k)
{
    struct api_key_view *v = &reply->api_keys[reply->api_key_count++];
    v->rec = k->rec;
    v->rec.hash = (struct hash){{0}};
    memcpy(v->user, k->person->rec.name, sizeof v->user);
}

void command_query_api_keys(struct relay *r, const struct relay_event *e)
{
    const char *name = e->command->user.name;
    struct person *p = person_by_name(r, str_of(name));
    if (*name && (!p || p->pending)) {
        reply_send(r, e->ticket, ERR_NOT_FOUND, "There is no such user");
        return;
    }
    struct reply *reply = reply_send(r, e->ticket, OK, NULL);
    reply->api_keys = xcalloc(HASH_COUNT(r->api_keys) + 1, sizeof *reply->api_keys);
    struct api_key *k, *tmp;
    HASH_ITER (hh, r->api_keys, k, tmp) {
        if (!k->pending && (!*name || k->person == p))
            copy_key(reply, k);
    }
}

/* Commands of pages and of the command line: checked, saved, applied, answered; in that order. */
#include "core/state.h"

#include <stdlib.h>

/* message NULL leaves it empty. The reply may be filled in further until the step ends. */
struct reply *reply_send(struct relay *r, uint64_t ticket, enum err err, const char *message)
{
    struct reply *reply = xcalloc(1, sizeof *reply);
    reply->err = err;
    if (err == ERR_STORE_UNAVAILABLE)
        reply->retry_after_ms = r->limits.save_retry_ms;
    snprintf(reply->message, sizeof reply->message, "%s", message ? message : "");
    struct effect *x = effect_new(r, EFFECT_REPLY);
    x->ticket = ticket;
    x->reply = reply;
    return reply;
}

void reply_too_many(struct relay *r, uint64_t ticket, const char *message, uint64_t limit,
                    uint64_t retry_after_ms)
{
    struct reply *reply = reply_send(r, ticket, ERR_RATE_LIMITED, message);
    reply->limit = limit;
    reply->retry_after_ms = retry_after_ms;
}

/* Rows are saved whole, so there is one change at a time. */
void reply_changing(struct relay *r, uint64_t ticket, const char *message)
{
    reply_send(r, ticket, ERR_LOCKED, message)->limit = 1;
}

struct audit_record *audit_new(struct relay *r, const struct command *c, const char *action,
                               struct str subject, const char *detail)
{
    struct audit_record *a = xcalloc(1, sizeof *a);
    a->at_ms = r->now.wall_ms;
    memcpy(a->actor, c->actor.name, sizeof a->actor);
    memcpy(a->address, c->actor.address, sizeof a->address);
    snprintf(a->action, sizeof a->action, "%s", action);
    (void)str_copy(a->subject, sizeof a->subject, subject);
    snprintf(a->detail, sizeof a->detail, "%s", detail);
    return a;
}

/* For commands that are applied already, or need no more than their answer. */
void command_saved(struct relay *r, struct save *s, enum err err)
{
    if (s->ticket)
        reply_send(r, s->ticket, err, err ? "It could not be saved" : "")->id = s->object;
}

/* The copy is made: whoever asked gets it also when that cannot be written down, since a disk that
 * fails is a reason to want one. */
static void backup_noted(struct relay *r, struct save *s, enum err err)
{
    (void)err;
    command_saved(r, s, OK);
}

void command_backup(struct relay *r, const struct relay_event *e)
{
    struct change *c = change_new(CHANGE_AUDIT);
    c->audit = audit_new(r, e->command, "backup", STR(""), "");
    struct save *s = save_start(r, c, backup_noted);
    s->ticket = e->ticket;
    s->object = e->command->id;
}

static const struct {
    command_fn *run;
    bool admin; /* only for admins and the command line */
} commands[CMD__MAX] = {
    [CMD_SETUP] = {command_setup, false},
    [CMD_USER_ADD] = {command_user_add, false}, /* also by those who register themselves */
    [CMD_USER_PASSWORD] = {command_user_password, false},
    [CMD_USER_REHASH] = {command_user_rehash, false},
    [CMD_USER_DISABLE] = {command_user_disable, true},
    [CMD_USER_ROLE] = {command_user_role, true},
    [CMD_USER_EDIT] = {command_user_edit, true},
    [CMD_USER_LANGUAGE] = {command_user_language, false},
    [CMD_SPACE_ADD] = {command_space_add, true},
    [CMD_SPACE_EDIT] = {command_space_edit, true},
    [CMD_SPACE_REMOVE] = {command_space_remove, true},
    [CMD_TOKEN_ADD] = {command_token_add, true},
    [CMD_TOKEN_REVOKE] = {command_token_revoke, true},
    [CMD_API_KEY_ADD] = {command_api_key_add, false},
    [CMD_API_KEY_REVOKE] = {command_api_key_revoke, false},
    [CMD_APP_DRAIN] = {command_app_drain, true},
    [CMD_APP_KICK] = {command_app_kick, true},
    [CMD_LOGIN_MAY] = {command_login_may, false},
    [CMD_LOGIN_FAILED] = {command_login_failed, false},
    [CMD_REGISTER_MAY] = {command_register_may, false},
    [CMD_SESSION_OPEN] = {command_session_open, false},
    [CMD_SESSION_CLOSE] = {command_session_close, false},
    [CMD_SESSION_OTHERS] = {command_session_others, false},
    [CMD_SETTING_SET] = {command_setting_set, true},
    [CMD_SETTINGS_SET] = {command_settings_set, true},
    [CMD_SUBMIT] = {submit_command, false},
    [CMD_CANCEL] = {cancel_command, false},
    [CMD_REQUEST_LOOK] = {command_request_look, true},
    [CMD_REQUEST_REMOVE] = {command_request_remove, false},
    [CMD_QUERY_SPACES] = {command_query_spaces, false},
    [CMD_QUERY_SPACE] = {command_query_space, false},
    [CMD_QUERY_APPS] = {command_query_apps, true},
    [CMD_QUERY_STATS] = {command_query_stats, true},
    [CMD_QUERY_REQUEST] = {command_query_request, false},
    [CMD_QUERY_RECORDS] = {command_query_records, true},
    [CMD_BACKUP] = {command_backup, true},
    [CMD_QUERY_API_KEYS] = {command_query_api_keys, true},
};

/* Pages have checked already; the core checks again what the actor may do now: the role may have
 * gone since. An admin whose key lacks that scope comes as a user. */
bool actor_is_admin(struct relay *r, const struct actor *a)
{
    if (a->role != ROLE_ADMIN)
        return false;
    return !a->user_key /* the command line */ || person_is_admin(r, a->user_key);
}

void command_run(struct relay *r, const struct relay_event *e)
{
    enum command_kind kind = e->command->kind;
    assert(commands[kind].run);
    if (commands[kind].admin && !actor_is_admin(r, &e->command->actor))
        reply_send(r, e->ticket, ERR_FORBIDDEN, "Only admins may do this");
    else
        commands[kind].run(r, e);
}

/* ---- questions ---- */

static void fill_with_flight(const struct space *s, struct space_view *v)
{
    space_fill_view(s, v);
    LIST_EACH (&s->apps, it)
        v->in_flight += CONTAINER_OF(it, struct app_conn, link)->taken;
    LIST_EACH (&s->orphans, it)
        v->in_flight++;
}

void command_query_spaces(struct relay *r, const struct relay_event *e)
{
    struct reply *reply = reply_send(r, e->ticket, OK, NULL);
    reply->spaces = xcalloc(HASH_COUNT(r->spaces) + 1, sizeof *reply->spaces);
    struct space *s, *tmp;
    HASH_ITER (hh, r->spaces, s, tmp) {
        if (!s->pending && !s->removed)
            fill_with_flight(s, &reply->spaces[reply->count++]);
    }
}

void command_query_space(struct relay *r, const struct relay_event *e)
{
    struct space *s = space_by_id(r, e->command->id);
    bool there = s && !s->pending && !s->removed;
    struct reply *reply = reply_send(r, e->ticket, there ? OK : ERR_NOT_FOUND, NULL);
    if (!there)
        return;
    reply->spaces = xcalloc(1, sizeof *reply->spaces);
    reply->count = 1;
    space_fill_view(s, reply->spaces);
}

void command_query_apps(struct relay *r, const struct relay_event *e)
{
    struct reply *reply = reply_send(r, e->ticket, OK, NULL);
    reply->apps = xcalloc(HASH_COUNT(r->apps) + 1, sizeof *reply->apps);
    struct app_conn *a, *tmp;
    HASH_ITER (hh, r->apps, a, tmp) {
        if (uuid_is_nil(e->command->id) || uuid_eq(a->space->rec.id, e->command->id))
            app_fill_view(a, &reply->apps[reply->count++]);
    }
}

void command_query_stats(struct relay *r, const struct relay_event *e)
{
    stats_fill(r, &reply_send(r, e->ticket, OK, NULL)->stats);
}

static void copy_users(struct relay *r, struct reply *reply)
{
    reply->users = xcalloc(HASH_COUNT(r->people) + 1, sizeof *reply->users);
    struct person *p, *tmp;
    HASH_ITER (hh, r->people, p, tmp) {
        if (p->pending || !p->rec.name[0])
            continue;
        struct user_record *u = &reply->users[reply->user_count++];
        *u = p->rec;
        secret_wipe(u->password_hash, sizeof u->password_hash);
    }
}

void command_query_records(struct relay *r, const struct relay_event *e)
{
    struct reply *reply = reply_send(r, e->ticket, OK, NULL);
    copy_users(r, reply);
    reply->records = xcalloc(HASH_COUNT(r->spaces) + 1, sizeof *reply->records);
    struct space *s, *s_tmp;
    HASH_ITER (hh, r->spaces, s, s_tmp) {
        if (!s->pending && !s->removed)
            reply->records[reply->record_count++] = s->rec;
    }
    reply->tokens = xcalloc(HASH_COUNT(r->tokens) + 1, sizeof *reply->tokens);
    struct token *t, *t_tmp;
    HASH_ITER (hh, r->tokens, t, t_tmp) {
        if (!t->pending)
            reply->tokens[reply->token_count++] = t->rec;
    }
}

/* Commands about people. */
#include "core/state.h"

#include <stdlib.h>

#define CLOSE_KICKED 4002

static void apply(struct relay *r, struct person *p, const struct user_record *rec)
{
    bool disabled = rec->disabled && !p->rec.disabled;
    bool demoted = rec->role != ROLE_ADMIN && p->rec.role == ROLE_ADMIN;
    int64_t last_login_ms = p->rec.last_login_ms;
    p->rec = *rec;
    p->rec.last_login_ms = last_login_ms;
    if (disabled) {
        sessions_end(r, p, 0);
        api_keys_end(r, p);
    }
    if (!demoted)
        return;
    struct effect *x = effect_new(r, EFFECT_CLOSE_PERSON); /* they come back as what they are now */
    x->user_key = p->key;
    x->close_code = CLOSE_KICKED;
}

/* The row as it shall be is applied when it is saved. */
static void user_saved(struct relay *r, struct save *s, enum err err)
{
    const struct user_record *rec = s->row;
    struct person *p = person_by_key(r, uuid_key(rec->id));
    assert(p && p->changing == rec);
    p->changing = NULL;
    if (!err)
        apply(r, p, rec);
    admins_note(r, p);
    command_saved(r, s, err);
}

/* c is filled in and given away. */
static struct save *put_user_with(struct relay *r, struct change *c, struct person *p,
                                  const struct user_record *rec, struct audit_record *audit,
                                  uint64_t ticket,
                                  void (*done)(struct relay *, struct save *, enum err))
{
    c->user = xcalloc(1, sizeof *rec);
    *c->user = *rec;
    c->audit = audit;
    struct save *s = save_start(r, c, done);
    s->ticket = ticket;
    s->object = rec->id;
    s->row = xcalloc(1, sizeof *rec);
    memcpy(s->row, rec, sizeof *rec);
    p->changing = s->row;
    admins_note(r, p);
    return s;
}

static struct save *put_user(struct relay *r, struct person *p, const struct user_record *rec,
                             struct audit_record *audit, uint64_t ticket,
                             void (*done)(struct relay *, struct save *, enum err))
{
    return put_user_with(r, change_new(CHANGE_USER_PUT), p, rec, audit, ticket, done);
}

/* The log-ins go in the same transaction: once it is answered, none comes back after a crash. */
static struct change *ends_sessions_but(int64_t session_key)
{
    struct change *c = change_new(CHANGE_USER_PUT);
    c->ends_sessions = true;
    c->key = session_key;
    return c;
}

static void added(struct relay *r, struct save *s, enum err err)
{
    struct person *p = person_by_key(r, uuid_key(s->object));
    assert(p && p->pending);
    p->changing = NULL;
    p->pending = false;
    if (err)
        person_free(r, p);
    else
        admins_note(r, p);
    command_saved(r, s, err);
}

static void add(struct relay *r, const struct relay_event *e, enum role role, const char *action)
{
    struct user_record rec = e->command->user;
    if (!user_name_valid(str_of(rec.name))) {
        reply_send(r, e->ticket, ERR_BAD_MESSAGE, "A user name has 1 to 32 letters, digits or _");
        return;
    }
    if (person_by_name(r, str_of(rec.name))) {
        reply_send(r, e->ticket, ERR_EXISTS, "This user name is taken");
        return;
    }
    rec.id = relay_id(r);
    rec.role = role;
    rec.disabled = false;
    rec.created_ms = r->now.wall_ms;
    rec.last_login_ms = 0;
    struct person *p = person_new(r, &rec);
    p->pending = true;
    put_user(r, p, &rec,
             audit_new(r, e->command, action, str_of(rec.name), role == ROLE_ADMIN ? "admin" : ""),
             e->ticket, added);
}

void command_setup(struct relay *r, const struct relay_event *e)
{
    for (const struct person *p = r->people; p; p = p->hh.next) {
        if (p->rec.role == ROLE_ADMIN &&
            !p->rec.disabled) { /* pending ones too: two at once make one */
            reply_send(r, e->ticket, ERR_FORBIDDEN, "The first admin has been made already");
            return;
        }
    }
    add(r, e, ROLE_ADMIN, "setup");
}

void command_user_add(struct relay *r, const struct relay_event *e)
{
    bool admin = actor_is_admin(r, &e->command->actor);
    if (!admin && strcmp(relay_setting(r, "registration_open", "0"), "1") != 0) {
        reply_send(r, e->ticket, ERR_FORBIDDEN, "Registration is closed");
        return;
    }
    add(r, e, admin ? e->command->user.role : ROLE_USER, admin ? "user.add" : "user.register");
}

/* The person that the command names; NULL when it was answered. Rows are saved whole: a second
 * change must not be made from what was there before the first. */
static struct person *named(struct relay *r, const struct relay_event *e)
{
    struct person *p = person_by_name(r, str_of(e->command->user.name));
    if (!p || p->pending)
        reply_send(r, e->ticket, ERR_NOT_FOUND, "There is no such user");
    else if (p->changing)
        reply_changing(r, e->ticket, "Another change of this account is being saved; try again");
    else
        return p;
    return NULL;
}

/* As named, and only the actor's own account unless admin. */
static struct person *own(struct relay *r, const struct relay_event *e)
{
    struct person *p = named(r, e);
    if (!p || p->key == e->command->actor.user_key || actor_is_admin(r, &e->command->actor))
        return p;
    reply_send(r, e->ticket, ERR_FORBIDDEN, "This is not your account");
    return NULL;
}

void command_user_rehash(struct relay *r, const struct relay_event *e)
{
    struct person *p = named(r, e);
    if (!p)
        return;
    struct user_record rec = p->rec;
    if (strcmp(rec.password_hash, e->command->expect_hash) != 0) {
        reply_send(r, e->ticket, OK, NULL); /* changed meanwhile: the newer one stays */
        return;
    }
    memcpy(rec.password_hash, e->command->user.password_hash, sizeof rec.password_hash);
    put_user(r, p, &rec, NULL, e->ticket, user_saved);
}

/* ---- edits ---- */

static bool may_rule(const struct user_record *u)
{
    return u->role == ROLE_ADMIN && !u->disabled;
}

/* The USER_ bits of what changes. */
static uint32_t merge(struct user_record *rec, const struct user_record *wanted, uint32_t members,
                      struct detail *d)
{
    uint32_t changes = members & USER_PASSWORD;
    if ((members & USER_ROLE) && rec->role != wanted->role) {
        detail_text(d, "role", rec->role == ROLE_ADMIN ? "admin" : "user",
                    wanted->role == ROLE_ADMIN ? "admin" : "user");
        rec->role = wanted->role;
        changes |= USER_ROLE;
    }
    if ((members & USER_DISABLED) && rec->disabled != wanted->disabled) {
        detail_flag(d, "disabled", rec->disabled, wanted->disabled);
        rec->disabled = wanted->disabled;
        changes |= USER_DISABLED;
    }
    if (changes & USER_PASSWORD) {
        detail_named(d, "password");
        memcpy(rec->password_hash, wanted->password_hash, sizeof rec->password_hash);
    }
    return changes;
}

/* One that says all has no detail. */
static struct audit_record *audit_of_edit(struct relay *r, const struct relay_event *e,
                                          uint32_t changes, const struct user_record *rec,
                                          const struct detail *d)
{
    const char *action = changes == USER_PASSWORD   ? "user.password"
                         : changes == USER_ROLE     ? "user.role"
                         : changes != USER_DISABLED ? "user.edit"
                         : rec->disabled            ? "user.disable"
                                                    : "user.enable";
    bool says_all = changes == USER_PASSWORD || changes == USER_DISABLED;
    return audit_new(r, e->command, action, str_of(rec->name), says_all ? "" : d->text);
}

static void password_saved(struct relay *r, struct save *s, enum err err)
{
    struct person *p = person_by_key(r, uuid_key(s->object));
    if (!err && p)
        sessions_end(r, p, (int64_t)s->offset);
    user_saved(r, s, err);
}

/* All of it in one change, or nothing. p NULL: it was answered. */
static void edit(struct relay *r, const struct relay_event *e, struct person *p,
                 const struct user_record *wanted, uint32_t members)
{
    struct detail d = {0};
    if (!p)
        return;
    struct user_record rec = p->rec;
    uint32_t changes = merge(&rec, wanted, members, &d);
    bool disables = (changes & USER_DISABLED) && rec.disabled;
    int64_t keep = rec.disabled ? 0 : e->command->keep_session;
    if (may_rule(&p->rec) && !may_rule(&rec) && !admins_but(r, p)) {
        reply_send(r, e->ticket, ERR_FORBIDDEN, "This is the last admin");
    } else if (!changes) {
        reply_send(r, e->ticket, OK, NULL)->id = rec.id;
    } else {
        bool password = changes & USER_PASSWORD;
        struct change *c =
            password || disables ? ends_sessions_but(keep) : change_new(CHANGE_USER_PUT);
        struct audit_record *audit = audit_of_edit(r, e, changes, &rec, &d);
        put_user_with(r, c, p, &rec, audit, e->ticket, password ? password_saved : user_saved)
            ->offset = (uint64_t)keep;
    }
}

void command_user_password(struct relay *r, const struct relay_event *e)
{
    edit(r, e, own(r, e), &e->command->user, USER_PASSWORD);
}

void command_user_disable(struct relay *r, const struct relay_event *e)
{
    const struct user_record wanted = {.disabled = e->command->flag};
    edit(r, e, named(r, e), &wanted, USER_DISABLED);
}

void command_user_role(struct relay *r, const struct relay_event *e)
{
    edit(r, e, named(r, e), &e->command->user, USER_ROLE);
}

void command_user_edit(struct relay *r, const struct relay_event *e)
{
    edit(r, e, named(r, e), &e->command->user, e->command->members);
}

void command_user_language(struct relay *r, const struct relay_event *e)
{
    struct person *p = own(r, e);
    if (!p)
        return;
    struct user_record rec = p->rec;
    memcpy(rec.language, e->command->user.language, sizeof rec.language);
    put_user(r, p, &rec, NULL, e->ticket, user_saved);
}

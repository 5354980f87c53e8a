/* Commands about spaces, their tokens and their apps. */
#include "core/state.h"

#include <stdlib.h>

#define CLOSE_KICKED  4002
#define CLOSE_REFUSED 4500
#define CLOSE_REVOKED 4501

static bool valid(struct relay *r, const struct relay_event *e, const struct space_record *rec)
{
    const char *why = NULL;
    if (!space_name_valid(str_of(rec->name)))
        why = "A space's name has 1 to 64 characters, no control character, no /, no blank at its "
              "ends";
    else if (rec->max_apps < 1 || rec->max_apps > SPACE_APPS_MAX)
        why = "A space allows 1 to 1000 apps";
    else if (!utf8_valid(rec->description, strlen(rec->description)))
        why = "The description is not valid UTF-8";
    if (why)
        reply_send(r, e->ticket, ERR_BAD_MESSAGE, why);
    return !why;
}

static bool name_taken(struct relay *r, const struct relay_event *e, const char *name,
                       const struct space *but)
{
    if (space_name_free(r, str_of(name), but))
        return false;
    struct reply *reply = reply_send(r, e->ticket, ERR_EXISTS, NULL);
    snprintf(reply->message, sizeof reply->message,
             "Multiple spaces with name \"%s\" found. Please use unique space names.", name);
    return true;
}

static struct save *put_space(struct relay *r, const struct relay_event *e,
                              const struct space_record *rec, const char *action,
                              const char *detail,
                              void (*done)(struct relay *, struct save *, enum err))
{
    struct change *c = change_new(CHANGE_SPACE_PUT);
    c->space = xcalloc(1, sizeof *rec);
    *c->space = *rec;
    c->audit = audit_new(r, e->command, action, str_of(rec->name), detail);
    struct save *s = save_start(r, c, done);
    s->ticket = e->ticket;
    s->object = rec->id;
    s->row = xcalloc(1, sizeof *rec);
    memcpy(s->row, rec, sizeof *rec);
    return s;
}

static void added(struct relay *r, struct save *save, enum err err)
{
    struct space *s = space_by_id(r, save->object);
    assert(s && s->pending);
    if (err) {
        space_unindex_name(r, s);
        space_free(r, s);
    } else {
        s->pending = false;
        show_space(r, s);
    }
    command_saved(r, save, err);
}

void command_space_add(struct relay *r, const struct relay_event *e)
{
    struct space_record rec = e->command->space;
    if (!valid(r, e, &rec) || name_taken(r, e, rec.name, NULL))
        return;
    rec.id = relay_id(r);
    rec.created_ms = r->now.wall_ms;
    rec.removed_ms = 0;
    struct space *s = space_new(r, &rec);
    s->pending = true;
    space_index_name(r, s);
    put_space(r, e, &rec, "space.add", "", added);
}

/* To be changed; NULL when it was answered. */
static struct space *named(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct uuid id = uuid_is_nil(c->id) ? c->space.id : c->id;
    struct space *s =
        uuid_is_nil(id) ? space_by_name(r, str_of(c->space.name)) : space_by_id(r, id);
    if (!s || s->pending || s->removed)
        reply_send(r, e->ticket, ERR_NOT_FOUND, "Space not found");
    else if (s->changing)
        reply_changing(r, e->ticket, "Another change of this space is being saved; try again");
    else
        return s;
    return NULL;
}

#define ANY_TOKEN (-1)
#define NO_TOKEN  0

/* token_key: of the apps that are meant, or one of the two above. */
static void close_apps(struct relay *r, struct space *s, int64_t token_key, uint16_t code,
                       struct str why)
{
    LIST_EACH (&s->apps, it) {
        struct app_conn *a = CONTAINER_OF(it, struct app_conn, link);
        if (token_key != ANY_TOKEN && a->token_key != token_key)
            continue;
        send_close(r, a->conn, code, why);
        app_gone(r, a, true);
    }
}

static void edited(struct relay *r, struct save *save, enum err err)
{
    struct space *s = space_by_id(r, save->object);
    assert(s && !s->removed);
    s->changing = false;
    s->renaming[0] = 0;
    if (!err) {
        space_unindex_name(r, s);
        s->rec = *(const struct space_record *)save->row;
        space_index_name(r, s);
        if (!s->rec.legacy_registration)
            close_apps(r, s, NO_TOKEN, CLOSE_REFUSED, STR("token is required"));
        show_space(r, s);
    }
    command_saved(r, save, err);
}

static void merge_words(struct space_record *rec, const struct space_record *wanted,
                        uint32_t members, struct detail *d)
{
    if (members & SPACE_NAME) {
        detail_text(d, "name", rec->name, wanted->name);
        memcpy(rec->name, wanted->name, sizeof rec->name);
    }
    if (members & SPACE_DESCRIPTION) {
        if (strcmp(rec->description, wanted->description) != 0)
            detail_named(d, "description");
        memcpy(rec->description, wanted->description, sizeof rec->description);
    }
    if (members & SPACE_COVER) {
        if (strcmp(rec->cover, wanted->cover) != 0 ||
            strcmp(rec->cover_type, wanted->cover_type) != 0)
            detail_named(d, "cover");
        memcpy(rec->cover, wanted->cover, sizeof rec->cover);
        memcpy(rec->cover_type, wanted->cover_type, sizeof rec->cover_type);
    }
}

static void merge_numbers(struct space_record *rec, const struct space_record *wanted,
                          uint32_t members, struct detail *d)
{
    const struct space_record old = *rec;
    if (members & SPACE_INPUTS)
        rec->inputs = wanted->inputs;
    if (members & SPACE_MAX_APPS)
        rec->max_apps = wanted->max_apps;
    if (members & SPACE_RATE_LIMIT)
        rec->rate_limit_s = wanted->rate_limit_s;
    if (members & SPACE_QUEUE_OFFLINE)
        rec->queue_offline = wanted->queue_offline;
    if (members & SPACE_LEGACY)
        rec->legacy_registration = wanted->legacy_registration;
    detail_inputs(d, "inputs", old.inputs, rec->inputs);
    detail_number(d, "max_apps", old.max_apps, rec->max_apps);
    detail_number(d, "rate_limit_s", old.rate_limit_s, rec->rate_limit_s);
    detail_flag(d, "queue_offline", old.queue_offline, rec->queue_offline);
    detail_flag(d, "legacy_registration", old.legacy_registration, rec->legacy_registration);
}

/* What is named goes into the record as it is now: edits from the same old state lose nothing. */
void command_space_edit(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct space *s = named(r, e);
    if (!s)
        return;
    struct space_record rec = s->rec;
    struct detail changes = {0};
    merge_words(&rec, &c->space, c->members, &changes);
    merge_numbers(&rec, &c->space, c->members, &changes);
    if (!valid(r, e, &rec) || name_taken(r, e, rec.name, s))
        return;
    if (!changes.n) {
        reply_send(r, e->ticket, OK, NULL)->id = rec.id;
        return;
    }
    s->changing = true;
    memcpy(s->renaming, rec.name, sizeof s->renaming);
    put_space(r, e, &rec, "space.edit", changes.text, edited);
}

/* ---- removing ---- */

static void cancel_all(struct relay *r, struct space *s)
{
    struct request *q, *tmp;
    HASH_ITER (hh, r->requests, q, tmp) {
        if (q->space == s)
            request_cancel(r, q);
    }
}

static void removed(struct relay *r, struct save *save, enum err err)
{
    struct space *s = space_by_id(r, save->object);
    assert(s && !s->removed);
    s->changing = false;
    command_saved(r, save, err);
    if (err)
        return;
    s->removed = true;
    s->rec.removed_ms = ((const struct space_record *)save->row)->removed_ms;
    space_unindex_name(r, s);
    s->requests++; /* keeps it while its last request may go */
    cancel_all(r, s);
    close_apps(r, s, ANY_TOKEN, CLOSE_REFUSED, STR("the space was removed"));
    show_space(r, s);
    s->requests--;
    space_release_if_over(r, s);
}

void command_space_remove(struct relay *r, const struct relay_event *e)
{
    struct space *s = named(r, e);
    if (!s)
        return;
    s->changing = true;
    struct space_record rec = s->rec;
    rec.removed_ms = r->now.wall_ms;
    put_space(r, e, &rec, "space.remove", "", removed);
}

/* ---- tokens ---- */

static void token_saved(struct relay *r, struct save *save, enum err err)
{
    int64_t key = uuid_key(save->object);
    struct token *t;
    HASH_FIND(hh, r->tokens, &key, sizeof key, t);
    if (t && err) {
        HASH_DEL(r->tokens, t);
        free(t);
    } else if (t) {
        t->pending = false;
    }
    command_saved(r, save, err);
}

void command_token_add(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct space *s = space_by_key(r, c->token.space_key);
    if (!s || s->pending || s->removed) {
        reply_send(r, e->ticket, ERR_NOT_FOUND, "Space not found");
        return;
    }
    struct token_record rec = c->token;
    rec.id = relay_id(r);
    rec.created_ms = r->now.wall_ms;
    rec.revoked_ms = rec.used_ms = 0;
    memcpy(rec.created_by, c->actor.name, sizeof rec.created_by);
    relay_restore_token(r, &rec);
    struct token *t;
    int64_t key = uuid_key(rec.id);
    HASH_FIND(hh, r->tokens, &key, sizeof key, t);
    t->pending = true;
    struct change *change = change_new(CHANGE_TOKEN_PUT);
    change->token = xcalloc(1, sizeof rec);
    *change->token = rec;
    change->audit = audit_new(r, c, "token.issue", str_of(s->rec.name), rec.note);
    struct save *save = save_start(r, change, token_saved);
    save->ticket = e->ticket;
    save->object = rec.id;
}

static void revoked(struct relay *r, struct save *save, enum err err)
{
    int64_t key = uuid_key(save->object);
    struct token *t;
    HASH_FIND(hh, r->tokens, &key, sizeof key, t);
    command_saved(r, save, err);
    if (err || !t)
        return;
    t->rec.revoked_ms = ((const struct token_record *)save->row)->revoked_ms;
    struct space *s = space_by_key(r, t->rec.space_key);
    if (s)
        close_apps(r, s, key, CLOSE_REVOKED, STR("token has been revoked"));
}

void command_token_revoke(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct uuid id = uuid_is_nil(c->id) ? c->token.id : c->id;
    int64_t key = uuid_key(id);
    struct token *t;
    HASH_FIND(hh, r->tokens, &key, sizeof key, t);
    if (!t || t->pending || !uuid_eq(t->rec.id, id)) {
        reply_send(r, e->ticket, ERR_NOT_FOUND, "There is no such token");
        return;
    }
    if (t->rec.revoked_ms) {
        reply_send(r, e->ticket, OK, NULL)->id = id;
        return;
    }
    struct token_record rec = t->rec;
    rec.revoked_ms = r->now.wall_ms;
    struct space *s = space_by_key(r, rec.space_key);
    struct change *change = change_new(CHANGE_TOKEN_PUT);
    change->token = xcalloc(1, sizeof rec);
    *change->token = rec;
    change->audit = audit_new(r, c, "token.revoke", str_of(s ? s->rec.name : ""), rec.note);
    struct save *save = save_start(r, change, revoked);
    save->ticket = e->ticket;
    save->object = rec.id;
    save->row = xcalloc(1, sizeof rec);
    memcpy(save->row, &rec, sizeof rec);
}

/* ---- connected apps ---- */

static struct app_conn *named_app(struct relay *r, const struct relay_event *e, const char *action)
{
    struct app_conn *a = app_by_id(r, e->command->id);
    if (!a) {
        reply_send(r, e->ticket, ERR_NOT_FOUND, "This app is not connected any more");
        return NULL;
    }
    struct change *c = change_new(CHANGE_AUDIT);
    c->audit = audit_new(r, e->command, action, str_of(a->space->rec.name), a->address);
    save_start(r, c, command_saved)->ticket = e->ticket;
    return a;
}

void command_app_drain(struct relay *r, const struct relay_event *e)
{
    struct app_conn *a = named_app(r, e, "app.drain");
    if (!a)
        return;
    app_drain(r, a);
}

void command_app_kick(struct relay *r, const struct relay_event *e)
{
    struct app_conn *a = named_app(r, e, "app.kick");
    if (!a)
        return;
    send_close(r, a->conn, CLOSE_KICKED, STR("kicked by an admin"));
    app_gone(r, a, false);
}

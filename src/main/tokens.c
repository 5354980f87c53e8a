#include "main/commands.h"

#include "base/clock.h"
#include "codec/json.h"
#include "codec/records.h"
#include "codec/token.h"

#include <stdio.h>

static void put_id(struct json_t *object, const char *key, struct uuid id)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    json_put_text(object, key, text);
}

static void put_space(struct json_t *object, const struct space_record *s)
{
    put_id(object, "space_id", s->id);
    json_put_text(object, "space", s->name);
}

/* ---- issue ---- */

static void print_token(const struct options *o, const struct space_record *s,
                        const struct token_parts *parts, struct buf *token)
{
    if (!o->json) {
        (void)printf("%s\n", buf_cstr(token));
        return;
    }
    struct json_t *object = json_object_new();
    json_put_str(object, "token", buf_str(token));
    put_id(object, "token_id", parts->id);
    put_space(object, s);
    json_put_text(object, "note", o->note ? o->note : "");
    json_put_time(object, "created_at", parts->issued_ms);
    json_put_time(object, "expires_at", parts->expires_ms);
    print_json(object);
}

/* The token is on disk before its text exists: what was shown can always be revoked. */
static int issue(struct client *c, const struct options *o, const struct space_record *s)
{
    struct command cmd = {.kind = CMD_TOKEN_ADD};
    struct reply reply = {0};
    struct sign_key key;
    struct buf token = BUF_INIT(TOKEN_MAX_BYTES);
    struct token_parts parts = {.space_id = s->id, .issued_ms = clock_now().wall_ms};
    if (o->expires_ms)
        parts.expires_ms = parts.issued_ms + o->expires_ms;
    if (client_sign_key(c, &key)) {
        complain("the signing key in %s cannot be read, or others can read it", o->data);
        return STATUS_FAILED;
    }
    cmd.token.space_key = uuid_key(s->id);
    cmd.token.expires_ms = parts.expires_ms;
    (void)str_copy(cmd.token.note, sizeof cmd.token.note, str_of(o->note));
    int status = ask(c, &cmd, &reply);
    parts.id = reply.id;
    if (!status && token_sign(&key, &parts, &token)) {
        complain("the token cannot be signed");
        status = STATUS_FAILED;
    }
    if (!status)
        print_token(o, s, &parts, &token);
    reply_release(&reply);
    secret_wipe(&key, sizeof key);
    if (token.data)
        secret_wipe(token.data, token.cap);
    buf_release(&token);
    return status;
}

int token_issue(const struct options *o)
{
    struct reply records = {0};
    struct str note = str_of(o->note);
    if (note.n >= NOTE_BYTES || str_has_control(note)) {
        complain("a note has at most %d bytes and no control characters", NOTE_BYTES - 1);
        return STATUS_USAGE;
    }
    struct client *c = open_data(o, false);
    int status = c ? ask_records(c, &records) : STATUS_FAILED;
    const struct space_record *s = status ? NULL : find_space(&records, o->space);
    status = s ? issue(c, o, s) : STATUS_FAILED;
    reply_release(&records);
    client_close(c);
    return status;
}

/* ---- list ---- */

static const char *state_of(const struct token_record *t, int64_t wall_ms)
{
    if (t->revoked_ms)
        return "revoked";
    return t->expires_ms && t->expires_ms <= wall_ms ? "expired" : "valid";
}

static void print_json_list(const struct reply *r, const struct space_record *only)
{
    int64_t wall_ms = clock_now().wall_ms;
    struct json_t *list = json_array_new();
    for (size_t i = 0; i < r->token_count; i++) {
        const struct token_record *t = &r->tokens[i];
        const struct space_record *s = space_of_key(r, t->space_key);
        if (!s || (only && s != only))
            continue;
        struct json_t *object = json_add(list, record_token_json(t));
        put_space(object, s);
        json_put_text(object, "state", state_of(t, wall_ms));
    }
    print_json(list);
}

static void print_list(const struct reply *r, const struct space_record *only)
{
    int64_t wall_ms = clock_now().wall_ms;
    struct text_table t = {.columns = 7};
    table_add(&t,
              (const char *[]){"ID", "SPACE", "STATE", "CREATED", "EXPIRES", "LAST USED", "NOTE"});
    for (size_t i = 0; i < r->token_count; i++) {
        const struct token_record *k = &r->tokens[i];
        const struct space_record *s = space_of_key(r, k->space_key);
        char id[UUID_TEXT_BYTES], created[SHORT_TIME_BYTES], expires[SHORT_TIME_BYTES],
            used[SHORT_TIME_BYTES];
        if (!s || (only && s != only))
            continue;
        uuid_format(k->id, id);
        table_add(&t, (const char *[]){id, s->name, state_of(k, wall_ms),
                                       short_time(k->created_ms, created),
                                       short_time(k->expires_ms, expires),
                                       short_time(k->used_ms, used), k->note});
    }
    table_print(&t);
    table_release(&t);
}

int token_list(const struct options *o)
{
    struct reply records = {0};
    const struct space_record *only = NULL;
    struct client *c = open_data(o, false);
    int status = c ? ask_records(c, &records) : STATUS_FAILED;
    if (!status && o->space) {
        only = find_space(&records, o->space);
        status = only ? STATUS_DONE : STATUS_FAILED;
    }
    if (!status && o->json)
        print_json_list(&records, only);
    else if (!status)
        print_list(&records, only);
    reply_release(&records);
    client_close(c);
    return status;
}

/* ---- revoke ---- */

/* With --space the token must be one of that space's. */
static int check_token(const struct options *o, const struct reply *records, struct uuid id)
{
    const struct space_record *only = o->space ? find_space(records, o->space) : NULL;
    if (o->space && !only)
        return STATUS_FAILED;
    for (size_t i = 0; i < records->token_count; i++)
        if (uuid_eq(records->tokens[i].id, id) &&
            (!only || space_of_key(records, records->tokens[i].space_key) == only))
            return STATUS_DONE;
    complain("there is no token %s%s", o->arg, o->space ? " of this space" : "");
    return STATUS_FAILED;
}

int token_revoke(const struct options *o)
{
    struct command cmd = {.kind = CMD_TOKEN_REVOKE};
    struct reply records = {0}, reply = {0};
    if (uuid_parse(str_of(o->arg), &cmd.token.id)) {
        complain("%s is no token's ID; `spacerelay token list` shows them", o->arg);
        return STATUS_USAGE;
    }
    struct client *c = open_data(o, false);
    int status = c ? ask_records(c, &records) : STATUS_FAILED;
    if (!status)
        status = check_token(o, &records, cmd.token.id);
    if (!status) {
        status = ask(c, &cmd, &reply);
        reply_release(&reply);
    }
    if (!status)
        say("revoked the token %s", o->arg);
    reply_release(&records);
    client_close(c);
    return status;
}

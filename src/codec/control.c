#include "codec/control.h"

#include "codec/control_tables.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AT(member)   offsetof(struct command, member)
#define NAME_SHOWN   40 /* bytes of a name that is not known, in messages */

static const struct control_field user_add[] = {
    {"name", CONTROL_USER_NAME, true, AT(user.name), 0, USER_NAME_BYTES},
    {"password_hash", CONTROL_HASH, true, AT(user.password_hash), 0, PASSWORD_HASH_BYTES},
    {"role", CONTROL_ROLE, false, AT(user.role), 0, 0},
    {"language", CONTROL_LINE, false, AT(user.language), 0, LANGUAGE_BYTES},
};
static const struct control_field user_password[] = {
    {"name", CONTROL_USER_NAME, true, AT(user.name), 0, USER_NAME_BYTES},
    {"password_hash", CONTROL_HASH, true, AT(user.password_hash), 0, PASSWORD_HASH_BYTES},
};
static const struct control_field user_disable[] = {
    {"name", CONTROL_USER_NAME, true, AT(user.name), 0, USER_NAME_BYTES},
    {"disabled", CONTROL_BOOL, true, AT(flag), 0, 0},
};
static const struct control_field user_role[] = {
    {"name", CONTROL_USER_NAME, true, AT(user.name), 0, USER_NAME_BYTES},
    {"role", CONTROL_ROLE, true, AT(user.role), 0, 0},
};
static const struct control_field space_add[] = {CONTROL_SPACE_FIELDS(AT(space))};
static const struct control_field space_edit[] = {
    {"space_id", CONTROL_ID, true, AT(space.id), 0, 0},
    {"members", CONTROL_U32, false, AT(members), 1, SPACE_ALL}, /* the bits; left out: all */
    CONTROL_SPACE_FIELDS(AT(space)),
};
static const struct control_field space_remove[] = {
    {"space_id", CONTROL_ID, true, AT(space.id), 0, 0},
};
static const struct control_field space_remove_named[] = {
    {"name", CONTROL_SPACE_NAME, true, AT(space.name), 0, SPACE_NAME_BYTES},
};
static const struct control_field token_add[] = {
    {"space_key", CONTROL_KEY, true, AT(token.space_key), 0, 0},
    {"note", CONTROL_LINE, false, AT(token.note), 0, NOTE_BYTES},
    {"expires_at", CONTROL_TIME, false, AT(token.expires_ms), 0, 0},
};
static const struct control_field token_revoke[] = {
    {"token_id", CONTROL_ID, true, AT(token.id), 0, 0},
};
static const struct control_field key_add[] = {
    {"user", CONTROL_USER_NAME, true, AT(user.name), 0, USER_NAME_BYTES},
    {"name", CONTROL_LINE, true, AT(api_key.name), 0, API_KEY_NAME_BYTES},
    {"scopes", CONTROL_SCOPES, true, AT(api_key.scopes), 0, 0},
    {"hash", CONTROL_DIGEST, true, AT(api_key.hash), 0, 0},
    {"expires_at", CONTROL_TIME, false, AT(api_key.expires_ms), 0, 0},
};
static const struct control_field key_revoke[] = {
    {"user", CONTROL_USER_NAME, true, AT(user.name), 0, USER_NAME_BYTES},
    {"name", CONTROL_LINE, true, AT(api_key.name), 0, API_KEY_NAME_BYTES},
};
/* "" = of all */
static const struct control_field query_keys[] = {
    {"user", CONTROL_LINE, false, AT(user.name), 0, USER_NAME_BYTES},
};
static const struct control_field query_apps[] = {
    {"space_id", CONTROL_ID, false, AT(id), 0, 0},
};
static const struct control_field query_space[] = {
    {"space_id", CONTROL_ID, true, AT(id), 0, 0},
};
static const struct control_field app[] = {
    {"connection_id", CONTROL_ID, true, AT(id), 0, 0},
};

#define FIELDS(table)                                                                              \
    {                                                                                              \
        table, COUNT(table)                                                                        \
    }

static const struct command_form {
    const char *name;
    enum command_kind kind;
    struct control_table fields;
} forms[] = {
    {"user_add", CMD_USER_ADD, FIELDS(user_add)},
    {"user_password", CMD_USER_PASSWORD, FIELDS(user_password)},
    {"user_disable", CMD_USER_DISABLE, FIELDS(user_disable)},
    {"user_role", CMD_USER_ROLE, FIELDS(user_role)},
    {"space_add", CMD_SPACE_ADD, FIELDS(space_add)},
    {"space_edit", CMD_SPACE_EDIT, FIELDS(space_edit)},
    {"space_remove", CMD_SPACE_REMOVE, FIELDS(space_remove)},
    {"space_remove_named", CMD_SPACE_REMOVE, FIELDS(space_remove_named)},
    {"token_add", CMD_TOKEN_ADD, FIELDS(token_add)},
    {"token_revoke", CMD_TOKEN_REVOKE, FIELDS(token_revoke)},
    {"key_add", CMD_API_KEY_ADD, FIELDS(key_add)},
    {"key_revoke", CMD_API_KEY_REVOKE, FIELDS(key_revoke)},
    {"query_keys", CMD_QUERY_API_KEYS, FIELDS(query_keys)},
    {"app_drain", CMD_APP_DRAIN, FIELDS(app)},
    {"app_kick", CMD_APP_KICK, FIELDS(app)},
    {"query_apps", CMD_QUERY_APPS, FIELDS(query_apps)},
    {"query_space", CMD_QUERY_SPACE, FIELDS(query_space)},
    {"query_records", CMD_QUERY_RECORDS, {NULL, 0}},
    {"backup", CMD_BACKUP, {NULL, 0}},
    {"check", CMD_CHECK, {NULL, 0}},
};

/* Two forms remove a space: by its id, and (the next one) by its name. */
static const struct command_form *form_of(const struct command *c)
{
    bool named = c->kind == CMD_SPACE_REMOVE && uuid_is_nil(c->space.id);
    for (size_t i = 0; i < COUNT(forms); i++)
        if (forms[i].kind == c->kind)
            return &forms[named ? i + 1 : i];
    return NULL;
}

static const struct command_form *form_named(struct str name)
{
    for (size_t i = 0; i < COUNT(forms); i++)
        if (str_eq(name, str_of(forms[i].name)))
            return &forms[i];
    return NULL;
}

enum err control_encode_command(struct buf *b, const struct command *c)
{
    const struct command_form *form = form_of(c);
    if (!form)
        return ERR_UNKNOWN_TYPE;
    struct json_t *object = json_object_new();
    json_put_text(object, "command", form->name);
    control_put(object, &form->fields, c);
    json_write(b, object);
    json_free(object);
    return buf_putc(b, '\n');
}

struct member_check {
    const struct control_table *table;
    struct buf *why;
    enum err err;
};

/* A field that was not understood may be the one that mattered. */
static void check_member(void *ctx, const char *key, struct json_t *v)
{
    (void)v;
    struct member_check *check = ctx;
    if (check->err || strcmp(key, "command") == 0 || control_knows(check->table, key))
        return;
    buf_printf(check->why, "field `%.*s` is not known", NAME_SHOWN, key);
    check->err = ERR_BAD_MESSAGE;
}

static enum err take_command(const struct json_t *object, struct command *out, struct buf *why)
{
    struct str name;
    if (!json_to_str(json_at(object, "command"), &name)) {
        buf_puts(why, "a command is an object with the field `command`");
        return ERR_BAD_MESSAGE;
    }
    const struct command_form *form = form_named(name);
    if (!form) {
        buf_printf(why, "there is no command %.*s", NAME_SHOWN, name.p);
        return ERR_UNKNOWN_TYPE;
    }
    struct command c = {.kind = form->kind,
                        .actor = {.role = ROLE_ADMIN, .name = "(cli)"},
                        .members = SPACE_ALL,
                        .space = {.inputs = INPUT_PROMPT, .max_apps = 1, .cover_type = "image"}};
    struct member_check check = {.table = &form->fields, .why = why};
    json_each(object, check_member, &check);
    enum err e = check.err;
    if (!e)
        e = control_take(object, &form->fields, &c, why);
    if (!e)
        *out = c;
    return e;
}

enum err control_decode_command(struct str line, struct command *out, struct buf *why)
{
    struct json_t *object = NULL;
    enum err e = json_parse(line, &object, why);
    if (!e)
        e = take_command(object, out, why);
    json_free(object);
    return e;
}

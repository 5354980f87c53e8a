#include "codec/records.h"

#include "codec/control_tables.h"

#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define USER(member)  offsetof(struct user_record, member)
#define SPACE(member) offsetof(struct space_record, member)
#define TOKEN(member) offsetof(struct token_record, member)
#define KEY(member)   (offsetof(struct api_key_view, rec) + offsetof(struct api_key_record, member))
#define APP(member)   offsetof(struct app_view, member)
#define STATE(member) offsetof(struct space_view, member)

static const struct control_field user_fields[] = {
    {"user_id", CONTROL_ID, true, USER(id), 0, 0},
    {"name", CONTROL_USER_NAME, true, USER(name), 0, USER_NAME_BYTES},
    {"role", CONTROL_ROLE, true, USER(role), 0, 0},
    {"disabled", CONTROL_BOOL, true, USER(disabled), 0, 0},
    {"language", CONTROL_TEXT, false, USER(language), 0, LANGUAGE_BYTES},
    {"created_at", CONTROL_TIME, false, USER(created_ms), 0, 0},
    {"last_login_at", CONTROL_TIME, false, USER(last_login_ms), 0, 0},
};
static const struct control_field space_fields[] = {
    {"space_id", CONTROL_ID, true, SPACE(id), 0, 0},
    CONTROL_SPACE_FIELDS(0),
    {"created_at", CONTROL_TIME, false, SPACE(created_ms), 0, 0},
};
/* The first is not for people. */
static const struct control_field token_fields[] = {
    {"space_key", CONTROL_KEY, true, TOKEN(space_key), 0, 0},
    {"token_id", CONTROL_ID, true, TOKEN(id), 0, 0},
    {"note", CONTROL_LINE, false, TOKEN(note), 0, NOTE_BYTES},
    {"created_by", CONTROL_LINE, false, TOKEN(created_by), 0, USER_NAME_BYTES},
    {"created_at", CONTROL_TIME, false, TOKEN(created_ms), 0, 0},
    {"expires_at", CONTROL_TIME, false, TOKEN(expires_ms), 0, 0},
    {"revoked_at", CONTROL_TIME, false, TOKEN(revoked_ms), 0, 0},
    {"last_used_at", CONTROL_TIME, false, TOKEN(used_ms), 0, 0},
};

static const struct control_field api_key_fields[] = {
    {"key_id", CONTROL_ID, true, KEY(id), 0, 0},
    {"user", CONTROL_USER_NAME, true, offsetof(struct api_key_view, user), 0, USER_NAME_BYTES},
    {"name", CONTROL_LINE, true, KEY(name), 0, API_KEY_NAME_BYTES},
    {"scopes", CONTROL_SCOPES, true, KEY(scopes), 0, 0},
    {"created_at", CONTROL_TIME, false, KEY(created_ms), 0, 0},
    {"expires_at", CONTROL_TIME, false, KEY(expires_ms), 0, 0},
    {"last_used_at", CONTROL_TIME, false, KEY(used_ms), 0, 0},
};
static const struct control_field app_fields[] = {
    {"connection_id", CONTROL_ID, true, APP(connection_id), 0, 0},
    {"space_id", CONTROL_ID, true, APP(space_id), 0, 0},
    {"space", CONTROL_SPACE_NAME, true, APP(space_name), 0, SPACE_NAME_BYTES},
    {"name", CONTROL_TEXT, false, APP(name), 0, NOTE_BYTES},
    {"version", CONTROL_TEXT, false, APP(version), 0, NOTE_BYTES},
    {"address", CONTROL_TEXT, false, APP(address), 0, ADDRESS_BYTES},
    {"connected_at", CONTROL_TIME, false, APP(connected_ms), 0, 0},
    {"in_flight", CONTROL_U32, true, APP(in_flight), 0, UINT32_MAX},
    {"concurrency", CONTROL_U32, true, APP(concurrency), 0, UINT32_MAX},
    {"prefetch", CONTROL_U32, true, APP(prefetch), 0, UINT32_MAX},
    {"draining", CONTROL_BOOL, true, APP(draining), 0, 0},
};
static const struct control_field state_fields[] = {
    {"space_id", CONTROL_ID, true, STATE(space_id), 0, 0},
    {"name", CONTROL_SPACE_NAME, true, STATE(name), 0, SPACE_NAME_BYTES},
    {"connected", CONTROL_BOOL, true, STATE(connected), 0, 0},
    {"apps", CONTROL_U32, true, STATE(apps), 0, UINT32_MAX},
    {"slots", CONTROL_U32, true, STATE(slots), 0, UINT32_MAX},
    {"slots_free", CONTROL_U32, true, STATE(slots_free), 0, UINT32_MAX},
    {"queue_length", CONTROL_U32, true, STATE(queue_length), 0, UINT32_MAX},
    {"draining", CONTROL_BOOL, true, STATE(draining), 0, 0},
};

static const struct control_table user_table = {user_fields, COUNT(user_fields)};
static const struct control_table space_table = {space_fields, COUNT(space_fields)};
static const struct control_table token_shown = {token_fields + 1, COUNT(token_fields) - 1};
static const struct control_table api_key_table = {api_key_fields, COUNT(api_key_fields)};
static const struct control_table app_table = {app_fields, COUNT(app_fields)};
static const struct control_table state_table = {state_fields, COUNT(state_fields)};
const struct control_table control_token_table = {token_fields, COUNT(token_fields)};

static struct json_t *to_json(const struct control_table *table, const void *record)
{
    struct json_t *object = json_object_new();
    control_put(object, table, record);
    return object;
}

struct json_t *record_user_json(const struct user_record *u)
{
    return to_json(&user_table, u);
}

struct json_t *record_space_json(const struct space_record *s)
{
    return to_json(&space_table, s);
}

struct json_t *record_token_json(const struct token_record *t)
{
    return to_json(&token_shown, t);
}

struct json_t *record_api_key_json(const struct api_key_view *k)
{
    return to_json(&api_key_table, k);
}

struct json_t *record_app_json(const struct app_view *a)
{
    return to_json(&app_table, a);
}

struct json_t *record_state_json(const struct space_view *s)
{
    return to_json(&state_table, s);
}

enum err record_user_take(const struct json_t *object, struct user_record *out, struct buf *why)
{
    struct user_record u = {0};
    enum err e = control_take(object, &user_table, &u, why);
    if (!e)
        *out = u;
    return e;
}

enum err record_space_take(const struct json_t *object, struct space_record *out, struct buf *why)
{
    struct space_record s = {.inputs = INPUT_PROMPT, .max_apps = 1};
    enum err e = control_take(object, &space_table, &s, why);
    if (!e)
        *out = s;
    return e;
}

enum err record_token_take(const struct json_t *object, struct token_record *out, struct buf *why)
{
    struct token_record t = {0};
    enum err e = control_take(object, &control_token_table, &t, why);
    if (!e)
        *out = t;
    return e;
}

enum err record_api_key_take(const struct json_t *object, struct api_key_view *out, struct buf *why)
{
    struct api_key_view k = {0};
    enum err e = control_take(object, &api_key_table, &k, why);
    if (!e)
        *out = k;
    return e;
}

enum err record_app_take(const struct json_t *object, struct app_view *out, struct buf *why)
{
    struct app_view a = {0};
    enum err e = control_take(object, &app_table, &a, why);
    if (!e)
        *out = a;
    return e;
}

enum err record_state_take(const struct json_t *object, struct space_view *out, struct buf *why)
{
    struct space_view s = {0};
    enum err e = control_take(object, &state_table, &s, why);
    if (!e)
        *out = s;
    return e;
}

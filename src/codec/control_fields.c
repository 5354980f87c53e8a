#include "codec/control_fields.h"

#include "base/clock.h"
#include "model/record.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* As JSON; in the order of the INPUT_ bits. */
static const char *const inputs[] = {"\"prompt\"", "\"audio\"", "\"video\"", "\"file\""};
#define INPUT_COUNT (sizeof inputs / sizeof *inputs)

/* ---- writing ---- */

typedef void put_fn(struct json_t *o, const struct control_field *f, const char *at);

static void put_text(struct json_t *o, const struct control_field *f, const char *at)
{
    json_put_text(o, f->name, at);
}

static void put_u32(struct json_t *o, const struct control_field *f, const char *at)
{
    uint32_t n;
    memcpy(&n, at, sizeof n);
    json_put_int(o, f->name, n);
}

static int64_t load_i64(const char *at)
{
    int64_t n;
    memcpy(&n, at, sizeof n);
    return n;
}

static void put_key(struct json_t *o, const struct control_field *f, const char *at)
{
    json_put_int(o, f->name, load_i64(at));
}

static void put_time(struct json_t *o, const struct control_field *f, const char *at)
{
    json_put_time(o, f->name, load_i64(at));
}

static void put_bool(struct json_t *o, const struct control_field *f, const char *at)
{
    bool b;
    memcpy(&b, at, sizeof b);
    json_put_bool(o, f->name, b);
}

static void put_role(struct json_t *o, const struct control_field *f, const char *at)
{
    enum role role;
    memcpy(&role, at, sizeof role);
    json_put_text(o, f->name, role == ROLE_ADMIN ? "admin" : "user");
}

static void put_inputs(struct json_t *o, const struct control_field *f, const char *at)
{
    uint32_t bits;
    memcpy(&bits, at, sizeof bits);
    struct json_t *list = json_put(o, f->name, json_array_new());
    for (size_t i = 0; i < INPUT_COUNT; i++) {
        struct json_t *name;
        if ((bits & 1u << i) && !json_parse(str_of(inputs[i]), &name, NULL))
            json_add(list, name);
    }
}

static void put_scopes(struct json_t *o, const struct control_field *f, const char *at)
{
    uint32_t bits;
    memcpy(&bits, at, sizeof bits);
    struct json_t *list = json_put(o, f->name, json_array_new());
    for (unsigned i = 0; i < SCOPE_COUNT; i++) {
        char text[SCOPES_TEXT_BYTES];
        struct json_t *name;
        (void)snprintf(text, sizeof text, "\"%s\"", scope_name(1U << i));
        if ((bits & 1U << i) && !json_parse(str_of(text), &name, NULL))
            json_add(list, name);
    }
}

static void put_digest(struct json_t *o, const struct control_field *f, const char *at)
{
    struct buf b = BUF_INIT(2 * HASH_BYTES);
    base64url_append(&b, at, HASH_BYTES);
    json_put_str(o, f->name, buf_str(&b));
    buf_release(&b);
}

static void put_id(struct json_t *o, const struct control_field *f, const char *at)
{
    struct uuid id;
    char text[UUID_TEXT_BYTES];
    memcpy(&id, at, sizeof id);
    if (uuid_is_nil(id))
        return;
    uuid_format(id, text);
    json_put_text(o, f->name, text);
}

/* ---- reading: each says what is wrong, or NULL ---- */

typedef const char *take_fn(const struct json_t *v, const struct control_field *f, char *at);

static const char *take_text(const struct json_t *v, const struct control_field *f, char *at)
{
    struct str s;
    if (!json_to_str(v, &s))
        return "must be a string";
    if (s.n >= f->high || memchr(s.n ? s.p : "", '\0', s.n))
        return "is too long";
    return str_copy(at, f->high, s) ? NULL : "is too long";
}

static const char *take_line(const struct json_t *v, const struct control_field *f, char *at)
{
    struct str s;
    if (json_to_str(v, &s) && str_has_control(s))
        return "must not have control characters";
    return take_text(v, f, at);
}

static const char *take_user_name(const struct json_t *v, const struct control_field *f, char *at)
{
    struct str s;
    if (!json_to_str(v, &s) || !user_name_valid(s))
        return "must be 1 to 32 letters, digits and _";
    return take_text(v, f, at);
}

static const char *take_space_name(const struct json_t *v, const struct control_field *f, char *at)
{
    struct str s;
    if (!json_to_str(v, &s) || !space_name_valid(s))
        return "must have 1 to 64 characters, no control character or /, and no outer blanks";
    return take_text(v, f, at);
}

static const char *take_hash(const struct json_t *v, const struct control_field *f, char *at)
{
    struct str s;
    if (!json_to_str(v, &s) || !str_starts(s, STR("$argon2id$")))
        return "must be an argon2id hash";
    return take_line(v, f, at);
}

static const char *take_u32(const struct json_t *v, const struct control_field *f, char *at)
{
    int64_t n;
    if (!json_to_int(v, &n))
        return "must be a whole number";
    if (n < f->low || n > f->high)
        return "is out of its range";
    uint32_t value = (uint32_t)n;
    memcpy(at, &value, sizeof value);
    return NULL;
}

static const char *take_key(const struct json_t *v, const struct control_field *f, char *at)
{
    (void)f;
    int64_t n;
    if (!json_to_int(v, &n) || n < 1)
        return "must be a positive whole number";
    memcpy(at, &n, sizeof n);
    return NULL;
}

static const char *take_bool(const struct json_t *v, const struct control_field *f, char *at)
{
    (void)f;
    bool b;
    if (!json_to_bool(v, &b))
        return "must be true or false";
    memcpy(at, &b, sizeof b);
    return NULL;
}

static const char *take_role(const struct json_t *v, const struct control_field *f, char *at)
{
    (void)f;
    struct str s;
    if (!json_to_str(v, &s) || !(str_eq(s, STR("admin")) || str_eq(s, STR("user"))))
        return "must be \"admin\" or \"user\"";
    enum role role = str_eq(s, STR("admin")) ? ROLE_ADMIN : ROLE_USER;
    memcpy(at, &role, sizeof role);
    return NULL;
}

static uint32_t input_bit(const struct json_t *v)
{
    struct str s;
    for (size_t i = 0; json_to_str(v, &s) && i < INPUT_COUNT; i++)
        if (str_eq(s, str_slice(inputs[i] + 1, strlen(inputs[i]) - 2)))
            return 1u << i;
    return 0;
}

static const char *take_inputs(const struct json_t *v, const struct control_field *f, char *at)
{
    (void)f;
    uint32_t bits = 0;
    if (!json_is_array(v) || json_count(v) == 0)
        return "must be a list of inputs";
    for (size_t i = 0; i < json_count(v); i++) {
        uint32_t bit = input_bit(json_nth(v, i));
        if (!bit)
            return "names an input that there is not";
        bits |= bit;
    }
    memcpy(at, &bits, sizeof bits);
    return NULL;
}

static const char *take_scopes(const struct json_t *v, const struct control_field *f, char *at)
{
    (void)f;
    uint32_t bits = 0, bit;
    if (!json_is_array(v) || json_count(v) == 0)
        return "must be a list of scopes";
    for (size_t i = 0; i < json_count(v); i++) {
        struct str s;
        if (!json_to_str(json_nth(v, i), &s) || scope_parse(s, &bit))
            return "names a scope that there is not";
        bits |= bit;
    }
    memcpy(at, &bits, sizeof bits);
    return NULL;
}

static const char *take_digest(const struct json_t *v, const struct control_field *f, char *at)
{
    (void)f;
    struct str s;
    struct buf b = BUF_INIT(HASH_BYTES);
    bool good = json_to_str(v, &s) && !base64url_decode(s, &b) && b.len == HASH_BYTES;
    if (good)
        memcpy(at, b.data, HASH_BYTES);
    buf_release(&b);
    return good ? NULL : "must be a hash of 32 bytes as base64url";
}

static const char *take_id(const struct json_t *v, const struct control_field *f, char *at)
{
    (void)f;
    struct str s;
    struct uuid id;
    if (!json_to_str(v, &s) || uuid_parse(s, &id) || uuid_is_nil(id))
        return "must be an id";
    memcpy(at, &id, sizeof id);
    return NULL;
}

static const char *take_time(const struct json_t *v, const struct control_field *f, char *at)
{
    (void)f;
    struct str s;
    int64_t wall_ms = 0;
    bool is_null = json_is_null(v);
    if (!is_null && (!json_to_str(v, &s) || rfc3339_parse(s, &wall_ms) || wall_ms <= 0))
        return "must be a time";
    memcpy(at, &wall_ms, sizeof wall_ms);
    return NULL;
}

/* ---- tables ---- */

static const struct {
    put_fn *put;
    take_fn *take;
} types[CONTROL_TYPE__MAX] = {
    [CONTROL_TEXT] = {put_text, take_text},
    [CONTROL_LINE] = {put_text, take_line},
    [CONTROL_USER_NAME] = {put_text, take_user_name},
    [CONTROL_SPACE_NAME] = {put_text, take_space_name},
    [CONTROL_HASH] = {put_text, take_hash},
    [CONTROL_U32] = {put_u32, take_u32},
    [CONTROL_KEY] = {put_key, take_key},
    [CONTROL_BOOL] = {put_bool, take_bool},
    [CONTROL_ROLE] = {put_role, take_role},
    [CONTROL_INPUTS] = {put_inputs, take_inputs},
    [CONTROL_SCOPES] = {put_scopes, take_scopes},
    [CONTROL_DIGEST] = {put_digest, take_digest},
    [CONTROL_ID] = {put_id, take_id},
    [CONTROL_TIME] = {put_time, take_time},
};

void control_put(struct json_t *object, const struct control_table *table, const void *from)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct control_field *f = &table->fields[i];
        types[f->type].put(object, f, (const char *)from + f->at);
    }
}

enum err control_take(const struct json_t *object, const struct control_table *table, void *into,
                      struct buf *why)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct control_field *f = &table->fields[i];
        const struct json_t *v = json_at(object, f->name);
        if (!v && !f->required)
            continue;
        const char *wrong = v ? types[f->type].take(v, f, (char *)into + f->at) : "is missing";
        if (wrong) {
            buf_printf(why, "field `%s` %s", f->name, wrong);
            return ERR_BAD_MESSAGE;
        }
    }
    return OK;
}

bool control_knows(const struct control_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->fields[i].name, name) == 0)
            return true;
    return false;
}

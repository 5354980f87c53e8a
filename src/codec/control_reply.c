#include "codec/control.h"

#include "base/alloc.h"
#include "codec/control_tables.h"
#include "codec/records.h"

#include <stdlib.h>

/* Names of the errors that have none outside of the program. */
static const char *const inside_names[ERR__MAX] = {
    [ERR_AGAIN] = "again",   [ERR_MEMORY] = "memory", [ERR_IO] = "io",
    [ERR_SYNTAX] = "syntax", [ERR_EXISTS] = "exists", [ERR_LOCKED] = "locked",
    [ERR_NEWER] = "newer",   [ERR_CLOSED] = "closed",
};

static const char *name_of(enum err e)
{
    return inside_names[e] ? inside_names[e] : err_code(e);
}

/* ---- writing ---- */

static void put_id(struct json_t *object, struct uuid id)
{
    char text[UUID_TEXT_BYTES];
    if (uuid_is_nil(id))
        return;
    uuid_format(id, text);
    json_put_text(object, "id", text);
}

static void put_records(struct json_t *object, const struct reply *r)
{
    struct json_t *list;
    if (r->users) {
        list = json_put(object, "users", json_array_new());
        for (size_t i = 0; i < r->user_count; i++)
            json_add(list, record_user_json(&r->users[i]));
    }
    if (r->records) {
        list = json_put(object, "spaces", json_array_new());
        for (size_t i = 0; i < r->record_count; i++)
            json_add(list, record_space_json(&r->records[i]));
    }
    if (r->findings.list) {
        list = json_put(object, "findings", json_array_new());
        for (size_t i = 0; i < r->findings.count; i++)
            json_add(list, record_finding_json(&r->findings.list[i]));
    }
    if (r->tokens) {
        list = json_put(object, "tokens", json_array_new());
        for (size_t i = 0; i < r->token_count; i++)
            control_put(json_add(list, json_object_new()), &control_token_table, &r->tokens[i]);
    }
}

static void put_api_keys(struct json_t *object, const struct reply *r)
{
    if (!r->api_keys)
        return;
    struct json_t *list = json_put(object, "keys", json_array_new());
    for (size_t i = 0; i < r->api_key_count; i++)
        json_add(list, record_api_key_json(&r->api_keys[i]));
}

static void put_live(struct json_t *object, const struct reply *r)
{
    if (r->apps) {
        struct json_t *list = json_put(object, "apps", json_array_new());
        for (size_t i = 0; i < r->count; i++)
            json_add(list, record_app_json(&r->apps[i]));
    } else if (r->spaces) {
        struct json_t *list = json_put(object, "states", json_array_new());
        for (size_t i = 0; i < r->count; i++)
            json_add(list, record_state_json(&r->spaces[i]));
    }
}

enum err control_encode_reply(struct buf *b, const struct reply *r)
{
    struct json_t *object = json_object_new();
    json_put_text(object, "code", name_of(r->err));
    if (r->message[0])
        json_put_text(object, "message", r->message);
    if (r->retry_after_ms)
        json_put_int(object, "retry_after_ms", (int64_t)r->retry_after_ms);
    put_id(object, r->id);
    put_records(object, r);
    put_api_keys(object, r);
    put_live(object, r);
    json_write(b, object);
    json_free(object);
    return buf_putc(b, '\n');
}

/* ---- reading ---- */

struct reading {
    const struct json_t *object;
    struct buf *why;
    enum err err;
};

static void refuse(struct reading *r, const char *why)
{
    if (!r->err)
        buf_puts(r->why, why);
    r->err = ERR_BAD_MESSAGE;
}

static enum err take_code(struct reading *r)
{
    struct str name;
    if (json_to_str(json_at(r->object, "code"), &name))
        for (enum err e = OK; e < ERR__MAX; e++)
            if (str_eq(name, str_of(name_of(e))))
                return e;
    refuse(r, "a reply is an object with the field `code`");
    return ERR_INTERNAL;
}

/* Cut where it does not fit: repairing bytes that were no UTF-8 made it longer. */
static void take_message(struct reading *r, char *out, size_t out_bytes)
{
    struct str s;
    if (!json_to_str(json_at(r->object, "message"), &s))
        return;
    size_t n = s.n < out_bytes ? s.n : out_bytes - 1;
    while (n > 0 && !utf8_valid(s.p, n))
        n--;
    (void)str_copy(out, out_bytes, str_slice(s.p, n));
}

static uint64_t take_number(struct reading *r, const char *name)
{
    int64_t n = 0;
    const struct json_t *v = json_at(r->object, name);
    if (v && (!json_to_int(v, &n) || n < 0))
        refuse(r, "a number of the reply is none");
    return n < 0 ? 0 : (uint64_t)n;
}

static struct uuid take_id(struct reading *r)
{
    struct str s;
    struct uuid id = {{0}};
    const struct json_t *v = json_at(r->object, "id");
    if (v && (!json_to_str(v, &s) || uuid_parse(s, &id)))
        refuse(r, "the reply's `id` is no id");
    return id;
}

/* The list of that name; NULL when there is none or something is wrong already. */
static const struct json_t *list_of(struct reading *r, const char *name, size_t *count)
{
    const struct json_t *list = json_at(r->object, name);
    *count = 0;
    if (!list || r->err)
        return NULL;
    if (!json_is_array(list)) {
        refuse(r, "a list of the reply is none");
        return NULL;
    }
    *count = json_count(list);
    return list;
}

static void take_users(struct reading *r, struct reply *out)
{
    const struct json_t *list = list_of(r, "users", &out->user_count);
    if (!list)
        return;
    out->users = xcalloc(out->user_count + 1, sizeof *out->users);
    for (size_t i = 0; i < out->user_count && !r->err; i++)
        r->err = record_user_take(json_nth(list, i), &out->users[i], r->why);
}

static void take_spaces(struct reading *r, struct reply *out)
{
    const struct json_t *list = list_of(r, "spaces", &out->record_count);
    if (!list)
        return;
    out->records = xcalloc(out->record_count + 1, sizeof *out->records);
    for (size_t i = 0; i < out->record_count && !r->err; i++)
        r->err = record_space_take(json_nth(list, i), &out->records[i], r->why);
}

static void take_tokens(struct reading *r, struct reply *out)
{
    const struct json_t *list = list_of(r, "tokens", &out->token_count);
    if (!list)
        return;
    out->tokens = xcalloc(out->token_count + 1, sizeof *out->tokens);
    for (size_t i = 0; i < out->token_count && !r->err; i++)
        r->err = record_token_take(json_nth(list, i), &out->tokens[i], r->why);
}

static void take_api_keys(struct reading *r, struct reply *out)
{
    const struct json_t *list = list_of(r, "keys", &out->api_key_count);
    if (!list)
        return;
    out->api_keys = xcalloc(out->api_key_count + 1, sizeof *out->api_keys);
    for (size_t i = 0; i < out->api_key_count && !r->err; i++)
        r->err = record_api_key_take(json_nth(list, i), &out->api_keys[i], r->why);
}

static void take_apps(struct reading *r, struct reply *out)
{
    size_t count;
    const struct json_t *list = list_of(r, "apps", &count);
    if (!list)
        return;
    out->count = count;
    out->apps = xcalloc(count + 1, sizeof *out->apps);
    for (size_t i = 0; i < count && !r->err; i++)
        r->err = record_app_take(json_nth(list, i), &out->apps[i], r->why);
}

static void take_states(struct reading *r, struct reply *out)
{
    size_t count;
    const struct json_t *list = out->apps ? NULL : list_of(r, "states", &count);
    if (!list)
        return;
    out->count = count;
    out->spaces = xcalloc(count + 1, sizeof *out->spaces);
    for (size_t i = 0; i < count && !r->err; i++)
        r->err = record_state_take(json_nth(list, i), &out->spaces[i], r->why);
}

static void take_findings(struct reading *r, struct reply *out)
{
    const struct json_t *list = list_of(r, "findings", &out->findings.count);
    if (!list)
        return;
    out->findings.list = xcalloc(out->findings.count + 1, sizeof *out->findings.list);
    for (size_t i = 0; i < out->findings.count && !r->err; i++)
        r->err = record_finding_take(json_nth(list, i), &out->findings.list[i], r->why);
}

enum err control_decode_reply(struct str line, struct reply *out, struct buf *why)
{
    struct json_t *object = NULL;
    enum err e = json_parse(line, &object, why);
    if (e)
        return e;
    struct reading r = {.object = object, .why = why};
    struct reply reply = {.err = take_code(&r)};
    take_message(&r, reply.message, sizeof reply.message);
    reply.retry_after_ms = take_number(&r, "retry_after_ms");
    reply.id = take_id(&r);
    take_users(&r, &reply);
    take_spaces(&r, &reply);
    take_tokens(&r, &reply);
    take_api_keys(&r, &reply);
    take_findings(&r, &reply);
    take_apps(&r, &reply);
    take_states(&r, &reply);
    if (r.err)
        reply_release(&reply);
    else
        *out = reply;
    json_free(object);
    return r.err;
}

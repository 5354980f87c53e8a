/* Calls of OpenAI's API as requests. */
#include "codec/json_text.h"
#include "codec/json_walk.h"
#include "codec/openai.h"

#include <stdarg.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define WHY_BYTES    200

/* A body under way. */
struct reading {
    struct json_scan scan;
    const struct limits *limits;
    struct openai_call *out;
    struct buf *payload, *strings;
    char *why;
    const char **param;
};

static enum err refuse(struct reading *r, enum err e, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static enum err refuse(struct reading *r, enum err e, const char *param, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->why, WHY_BYTES, fmt, args);
    va_end(args);
    *r->param = param;
    return e;
}

static const struct json_member *member(const struct reading *r, const char *name)
{
    const struct json_member *m = json_scan_member(&r->scan, str_of(name));
    return m && m->kind != JSON_NULL ? m : NULL;
}

static bool is_true(const struct json_member *m)
{
    return m && m->kind == JSON_BOOL && m->value.p[0] == 't';
}

/* ---- what the relay itself looks at ---- */

static enum err read_model(struct reading *r)
{
    const struct json_member *m = member(r, "model");
    if (!m || m->kind != JSON_STRING)
        return refuse(r, ERR_BAD_MESSAGE, "model", "`model` must be the name of a space");
    enum err e = json_unescape(m->value, r->strings);
    if (e == ERR_MEMORY)
        return e;
    if (e)
        return refuse(r, ERR_BAD_MESSAGE, "model", "`model` cannot be read");
    r->out->model = buf_str(r->strings);
    return OK;
}

static enum err read_stream(struct reading *r)
{
    const struct json_member *stream = member(r, "stream");
    const struct json_member *options = member(r, "stream_options");
    struct json_member usage;
    if (stream && stream->kind != JSON_BOOL)
        return refuse(r, ERR_BAD_MESSAGE, "stream", "`stream` must be true or false");
    r->out->stream = is_true(stream) && r->out->endpoint != ENDPOINT_EMBEDDINGS;
    if (options && options->kind != JSON_OBJECT)
        return refuse(r, ERR_BAD_MESSAGE, "stream_options", "`stream_options` must be an object");
    r->out->include_usage =
        options && json_walk_find(options->value, STR("include_usage"), &usage) && is_true(&usage);
    return OK;
}

static enum err read_n(struct reading *r)
{
    const struct json_member *n = member(r, "n");
    uint64_t value;
    if (!n || (n->kind == JSON_NUMBER && !str_to_u64(n->value, 1, &value) && value == 1))
        return OK;
    return refuse(r, ERR_BAD_MESSAGE, "n", "`n` must be 1: one request has one answer");
}

/* ---- the prompt that apps look for which know nothing of messages ---- */

static void put_inside(struct buf *b, struct str json_string)
{
    buf_append(b, json_string.p + 1, json_string.n - 2);
}

/* Parts of the type text, joined by line feeds, as one JSON string. */
static void put_parts(struct buf *b, struct str parts)
{
    struct json_walk w;
    struct json_member part, type, text;
    bool any = false;
    buf_putc(b, '"');
    json_walk_start(&w, parts);
    while (json_walk_next(&w, &part)) {
        if (part.kind != JSON_OBJECT || !json_walk_find(part.value, STR("type"), &type) ||
            !str_eq(type.value, STR("\"text\"")) ||
            !json_walk_find(part.value, STR("text"), &text) || text.kind != JSON_STRING)
            continue;
        if (any)
            buf_puts(b, "\\n");
        put_inside(b, text.value);
        any = true;
    }
    buf_putc(b, '"');
}

static void put_content(struct buf *b, const struct json_member *content)
{
    if (content->kind == JSON_STRING)
        buf_str_append(b, content->value);
    else if (content->kind == JSON_ARRAY)
        put_parts(b, content->value);
    else
        buf_puts(b, "\"\"");
}

/* The content of the last message of the user. */
static bool last_of_user(struct str messages, struct json_member *content)
{
    struct json_walk w;
    struct json_member message, role, found;
    bool any = false;
    json_walk_start(&w, messages);
    while (json_walk_next(&w, &message)) {
        if (message.kind == JSON_OBJECT && json_walk_find(message.value, STR("role"), &role) &&
            str_eq(role.value, STR("\"user\"")) &&
            json_walk_find(message.value, STR("content"), &found)) {
            *content = found;
            any = true;
        }
    }
    return any;
}

static enum err put_chat_prompt(struct reading *r)
{
    const struct json_member *messages = member(r, "messages");
    struct json_member content;
    if (!messages || messages->kind != JSON_ARRAY)
        return refuse(r, ERR_BAD_MESSAGE, "messages", "`messages` must be a list");
    if (json_scan_member(&r->scan, STR("prompt")))
        return OK; /* the call has one of its own */
    buf_puts(r->payload, ",\"prompt\":");
    if (last_of_user(messages->value, &content))
        put_content(r->payload, &content);
    else
        buf_puts(r->payload, "\"\"");
    return OK;
}

/* A string, or a list of exactly one. */
static enum err put_completions_prompt(struct reading *r)
{
    const struct json_member *prompt = member(r, "prompt");
    struct json_walk w;
    struct json_member one, two;
    if (prompt && prompt->kind == JSON_ARRAY) {
        json_walk_start(&w, prompt->value);
        if (json_walk_next(&w, &one) && !json_walk_next(&w, &two))
            prompt = &one;
    }
    if (!prompt || prompt->kind != JSON_STRING)
        return refuse(r, ERR_BAD_MESSAGE, "prompt", "`prompt` must be one string");
    buf_puts(r->payload, ",\"prompt\":");
    buf_str_append(r->payload, prompt->value);
    return OK;
}

static enum err check_input(struct reading *r)
{
    if (member(r, "input"))
        return OK;
    return refuse(r, ERR_BAD_MESSAGE, "input", "`input` is missing");
}

/* ---- the payload ---- */

/* Names are compared as parsers read them: an escaped one is no way around. */
static bool is_kept(const struct reading *r, struct str key)
{
    static const char *const dropped[] = {"model", "stream", "stream_options", "endpoint"};
    for (size_t i = 0; i < COUNT(dropped); i++) {
        if (json_key_is(key, str_of(dropped[i])))
            return false;
    }
    return r->out->endpoint != ENDPOINT_COMPLETIONS || !json_key_is(key, STR("prompt"));
}

static enum err put_prompt(struct reading *r)
{
    return r->out->endpoint == ENDPOINT_CHAT          ? put_chat_prompt(r)
           : r->out->endpoint == ENDPOINT_COMPLETIONS ? put_completions_prompt(r)
                                                      : check_input(r);
}

static enum err put_payload(struct reading *r)
{
    struct buf *b = r->payload;
    buf_printf(b, "{\"endpoint\":\"%s\"", endpoint_name(r->out->endpoint));
    enum err e = put_prompt(r);
    if (e)
        return e;
    for (size_t i = 0; i < r->scan.count; i++) {
        const struct json_member *m = &r->scan.members[i];
        if (!is_kept(r, m->key))
            continue;
        buf_puts(b, ",\"");
        buf_str_append(b, m->key);
        buf_puts(b, "\":");
        buf_str_append(b, m->value);
    }
    buf_putc(b, '}');
    if (b->failed == ERR_TOO_LARGE)
        return refuse(r, ERR_TOO_LARGE, "", "The call must have at most %llu bytes",
                      (unsigned long long)r->limits->payload_bytes);
    return b->failed;
}

enum err openai_read(struct str body, enum endpoint endpoint, const struct limits *limits,
                     struct openai_call *out, struct buf *payload, struct buf *strings,
                     char why[200], const char **param)
{
    struct reading r = {.limits = limits,
                        .out = out,
                        .payload = payload,
                        .strings = strings,
                        .why = why,
                        .param = param};
    *out = (struct openai_call){.endpoint = endpoint};
    *param = "";
    why[0] = 0;
    enum err e = json_scan(body, (size_t)limits->json_depth, true, &r.scan);
    if (e)
        return refuse(&r, e, "", "The body is not JSON: %s (at byte %zu)", r.scan.why,
                      r.scan.error_at);
    if (r.scan.kind != JSON_OBJECT)
        return refuse(&r, ERR_BAD_MESSAGE, "", "The body must be an object");
    e = read_model(&r);
    if (!e)
        e = read_stream(&r);
    if (!e)
        e = read_n(&r);
    return e ? e : put_payload(&r);
}

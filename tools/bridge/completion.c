#include "bridge/completion.h"

#include "base/alloc.h"
#include "codec/json.h"

#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES (64u * 1024)

struct tool_call {
    int64_t index;
    struct buf id, type, name, arguments;
};

void completion_init(struct completion *r)
{
    *r = (struct completion){.text = BUF_INIT(COMPLETION_TEXT_BYTES),
                             .reasoning = BUF_INIT(COMPLETION_TEXT_BYTES),
                             .refusal = BUF_INIT(COMPLETION_TEXT_BYTES),
                             .usage = BUF_INIT(SMALL_BYTES),
                             .error = BUF_INIT(SMALL_BYTES),
                             .total_tokens = -1};
}

void completion_release(struct completion *r)
{
    for (size_t i = 0; i < r->call_count; i++) {
        buf_release(&r->calls[i].id);
        buf_release(&r->calls[i].type);
        buf_release(&r->calls[i].name);
        buf_release(&r->calls[i].arguments);
    }
    free(r->calls);
    json_free(r->whole_calls);
    buf_release(&r->text);
    buf_release(&r->reasoning);
    buf_release(&r->refusal);
    buf_release(&r->usage);
    buf_release(&r->error);
}

/* ---- tool calls ---- */

static struct tool_call *new_call(struct completion *r, int64_t index)
{
    if (r->call_count == COMPLETION_CALLS)
        return NULL;
    r->calls = xrealloc(r->calls, r->call_count + 1, sizeof *r->calls);
    struct tool_call *c = &r->calls[r->call_count++];
    *c = (struct tool_call){.index = index,
                            .id = BUF_INIT(SMALL_BYTES),
                            .type = BUF_INIT(SMALL_BYTES),
                            .name = BUF_INIT(SMALL_BYTES),
                            .arguments = BUF_INIT(COMPLETION_TEXT_BYTES)};
    return c;
}

/* The call that a piece belongs to. Some servers give every call the index 0: another id means
 * another call; some give none: a piece without an id belongs to the last one. */
static struct tool_call *find_call(struct completion *r, const struct json_t *piece)
{
    struct str id = STR("");
    int64_t index;
    (void)json_to_str(json_at(piece, "id"), &id);
    bool has_index = json_to_int(json_at(piece, "index"), &index);
    if (!has_index)
        index =
            id.n || r->call_count == 0 ? (int64_t)r->call_count : r->calls[r->call_count - 1].index;
    for (size_t i = r->call_count; i-- > 0;) {
        struct tool_call *c = &r->calls[i];
        if (c->index == index && (!id.n || !c->id.len || str_eq(id, buf_str(&c->id))))
            return c;
    }
    return new_call(r, index);
}

/* Ids, types and names come once, or again and again as they are. */
static void set_once(struct buf *b, const struct json_t *value)
{
    struct str s;
    if (b->len == 0 && json_to_str(value, &s))
        buf_str_append(b, s);
}

static enum err take_call(struct completion *r, const struct json_t *piece)
{
    struct tool_call *c = find_call(r, piece);
    const struct json_t *function = json_at(piece, "function");
    struct str arguments;
    if (!c)
        return ERR_TOO_LARGE;
    set_once(&c->id, json_at(piece, "id"));
    set_once(&c->type, json_at(piece, "type"));
    set_once(&c->name, json_at(function, "name"));
    if (!json_to_str(json_at(function, "arguments"), &arguments))
        return OK;
    r->call_bytes += arguments.n;
    return r->call_bytes > COMPLETION_TEXT_BYTES ? ERR_TOO_LARGE
                                                 : buf_str_append(&c->arguments, arguments);
}

static enum err take_calls(struct completion *r, struct json_t *list, bool whole)
{
    enum err e = OK;
    if (whole && json_count(list)) {
        json_free(r->whole_calls);
        r->whole_calls = json_ref(list);
        return OK;
    }
    for (size_t i = 0; i < json_count(list) && !e; i++)
        e = take_call(r, json_nth(list, i));
    return e;
}

static struct json_t *write_calls(const struct completion *r)
{
    if (r->whole_calls)
        return json_ref(r->whole_calls);
    struct json_t *list = json_array_new();
    for (size_t i = 0; i < r->call_count; i++) {
        const struct tool_call *c = &r->calls[i];
        struct json_t *call = json_add(list, json_object_new());
        if (c->id.len)
            json_put_str(call, "id", buf_str(&c->id));
        json_put_str(call, "type", c->type.len ? buf_str(&c->type) : STR("function"));
        struct json_t *function = json_put(call, "function", json_object_new());
        json_put_str(function, "name", buf_str(&c->name));
        json_put_str(function, "arguments", buf_str(&c->arguments));
    }
    return list;
}

/* ---- what comes ---- */

/* A string, or a list of parts with texts in them. */
static enum err add_text(struct buf *to, const struct json_t *value)
{
    struct str s;
    enum err e = OK;
    if (json_to_str(value, &s))
        return buf_str_append(to, s);
    for (size_t i = 0; i < json_count(value) && !e; i++)
        if (json_to_str(json_at(json_nth(value, i), "text"), &s))
            e = buf_str_append(to, s);
    return e;
}

/* As much of a string as there is room for, between two characters. */
static enum err add_cut(struct completion *r, const struct json_t *value)
{
    struct buf *to = &r->text;
    struct str s;
    enum err e = add_text(to, value);
    r->cut = r->cut || e == ERR_TOO_LARGE;
    if (e != ERR_TOO_LARGE || !json_to_str(value, &s))
        return e;
    to->failed = OK;
    buf_str_append(to, str_start(s, to->max - to->len));
    return ERR_TOO_LARGE;
}

static enum err take_message(struct completion *r, const struct json_t *message, bool whole)
{
    struct json_t *reasoning = json_at(message, "reasoning_content");
    enum err e = add_cut(r, json_at(message, "content"));
    if (!e)
        e = add_text(&r->reasoning, reasoning && !json_is_null(reasoning)
                                        ? reasoning
                                        : json_at(message, "reasoning"));
    if (!e)
        e = add_text(&r->refusal, json_at(message, "refusal"));
    if (!e)
        e = take_calls(r, json_at(message, "tool_calls"), whole);
    return e;
}

static enum err take_choice(struct completion *r, const struct json_t *choice)
{
    struct json_t *whole = json_at(choice, "message");
    struct str s;
    int64_t index = 0;
    (void)json_to_int(json_at(choice, "index"), &index);
    if (index != 0)
        return OK;
    if (json_to_str(json_at(choice, "finish_reason"), &s) && s.n)
        (void)str_copy(r->finish_reason, sizeof r->finish_reason, s);
    enum err e = add_cut(r, json_at(choice, "text"));
    return e ? e : take_message(r, whole ? whole : json_at(choice, "delta"), whole);
}

static void take_usage(struct completion *r, const struct json_t *usage)
{
    if (!json_is_object(usage))
        return;
    buf_clear(&r->usage);
    if (json_write(&r->usage, usage))
        buf_clear(&r->usage);
    (void)json_to_int(json_at(usage, "total_tokens"), &r->total_tokens);
}

static bool is_error(const struct json_t *j)
{
    struct json_t *error = json_at(j, "error");
    struct str s;
    return (error && !json_is_null(error)) ||
           (!json_at(j, "choices") && json_to_str(json_at(j, "message"), &s));
}

static enum err take_object(struct completion *r, const struct json_t *j, struct str text)
{
    struct json_t *choices = json_at(j, "choices");
    enum err e = OK;
    if (is_error(j)) {
        r->failed = true;
        completion_error_words(text, &r->error, &r->error_status);
        return OK;
    }
    for (size_t i = 0; i < json_count(choices) && !e; i++)
        e = take_choice(r, json_nth(choices, i));
    take_usage(r, json_at(j, "usage"));
    return e;
}

/* Models say U+0000 now and then, which no text here may hold: it becomes U+FFFD. */
static enum err parse_without_nul(struct str json, struct json_t **out)
{
    struct buf b = BUF_INIT(json.n);
    for (size_t i = 0; i < json.n; i++) {
        struct str rest = str_slice(json.p + i, json.n - i);
        bool nul = str_starts(rest, STR("\\u0000"));
        size_t n = nul ? 6 : rest.n > 1 && rest.p[0] == '\\' ? 2 : 1;
        buf_append(&b, nul ? "\\ufffd" : rest.p, n);
        i += n - 1;
    }
    enum err e = b.failed ? b.failed : json_parse(buf_str(&b), out, NULL);
    buf_release(&b);
    return e;
}

static enum err parse(struct str json, struct json_t **out)
{
    enum err e = json_parse(json, out, NULL);
    return e == ERR_BAD_JSON ? parse_without_nul(json, out) : e;
}

enum err completion_take(struct completion *r, struct str json)
{
    struct json_t *j;
    if (str_eq(str_trim(json), STR("[DONE]"))) {
        r->done = true;
        return OK;
    }
    enum err e = parse(json, &j);
    if (e)
        return e;
    e = json_is_object(j) ? take_object(r, j, json) : ERR_BAD_JSON;
    json_free(j);
    return e;
}

bool completion_begun(const struct completion *r)
{
    return r->text.len || r->reasoning.len || r->refusal.len || r->call_count || r->whole_calls;
}

bool completion_ended(const struct completion *r)
{
    return r->done || r->finish_reason[0];
}

/* ---- what goes out ---- */

static struct str finish_of(const struct completion *r, bool has_calls)
{
    static const char *const known[] = {"stop", "length", "tool_calls", "content_filter"};
    if (r->cut)
        return STR("length");
    if (!strcmp(r->finish_reason, "function_call") || (!r->finish_reason[0] && has_calls))
        return STR("tool_calls");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(r->finish_reason, known[i]))
            return str_of(known[i]);
    return STR("stop");
}

struct json_t *completion_result(const struct completion *r)
{
    bool has_calls = r->call_count || r->whole_calls;
    struct json_t *o = json_object_new();
    json_put_str(o, "text_output", buf_str(&r->text));
    json_put_str(o, "finish_reason", finish_of(r, has_calls));
    if (r->reasoning.len)
        json_put_str(o, "reasoning", buf_str(&r->reasoning));
    if (r->refusal.len)
        json_put_str(o, "refusal", buf_str(&r->refusal));
    if (has_calls)
        json_put(o, "tool_calls", write_calls(r));
    if (r->total_tokens >= 0)
        json_put_int(o, "tokens_used", r->total_tokens);
    return o;
}

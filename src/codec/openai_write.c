/* Requests as answers of OpenAI's API. */
#include "codec/json_walk.h"
#include "codec/native_write.h"
#include "codec/openai.h"

#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define NULL_LOGPROBS ",\"logprobs\":null"

static bool is_chat(const struct openai_answer *a)
{
    return a->call->endpoint == ENDPOINT_CHAT;
}

/* A member of a raw object; "" when absent or null. */
static struct str member_of(struct str object, const char *name)
{
    struct json_member m;
    if (!object.n || object.p[0] != '{' || !json_walk_find(object, str_of(name), &m) ||
        m.kind == JSON_NULL)
        return STR("");
    return m.value;
}

static void put_head(struct buf *b, const struct openai_answer *a, const char *object)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(a->request_id, id);
    buf_printf(b, "{\"id\":\"%s-%s\",\"object\":\"%s\"", is_chat(a) ? "chatcmpl" : "cmpl", id,
               object);
    put_number(b, ",\"created\":", (uint64_t)(a->created_ms / 1000));
    put_string(b, ",\"model\":", a->call->model);
}

static struct str string_of(struct str object, const char *name)
{
    struct str value = member_of(object, name);
    return value.n && value.p[0] == '"' ? value : STR("");
}

static bool is_empty(struct str container)
{
    struct json_walk w;
    struct json_member m;
    json_walk_start(&w, container);
    return !json_walk_next(&w, &m);
}

/* The result's tool calls; "" when there is none, or no list. */
static struct str tools_of(struct str result)
{
    struct str calls = member_of(result, "tool_calls");
    return calls.n && calls.p[0] == '[' && !is_empty(calls) ? calls : STR("");
}

static void put_finish_reason(struct buf *b, struct str result)
{
    struct str reason = string_of(result, "finish_reason");
    put_raw(b, ",\"finish_reason\":",
            reason.n             ? reason
            : tools_of(result).n ? STR("\"tool_calls\"")
                                 : STR("\"stop\""));
}

/* ---- chunks ---- */

static void chunk_begin(struct buf *b, const struct openai_answer *a)
{
    buf_puts(b, "data: ");
    put_head(b, a, is_chat(a) ? "chat.completion.chunk" : "text_completion");
    buf_puts(b, ",\"choices\":[");
}

/* What an app wrote in several lines must be one in an event. Inside of JSON's strings are none. */
static void flatten(struct buf *b, size_t from)
{
    for (size_t i = from; i < b->len; i++) {
        char *c = &b->data[b->off + i];
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    }
}

/* Every chunk has `usage` when it was asked for (null but in the last), as OpenAI's have. */
static void chunk_finish(struct buf *b, const struct openai_answer *a, struct str usage)
{
    size_t from = b->len;
    buf_puts(b, "]");
    if (a->call->include_usage)
        put_raw(b, ",\"usage\":", usage);
    flatten(b, from);
    buf_puts(b, "}\n\n");
}

static void choice_end(struct buf *b, const struct openai_answer *a)
{
    buf_puts(b, NULL_LOGPROBS ",\"finish_reason\":null}");
    chunk_finish(b, a, STR(""));
}

void openai_chunk_role(struct buf *b, const struct openai_answer *a)
{
    if (!is_chat(a))
        return;
    chunk_begin(b, a);
    buf_puts(b, "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}");
    choice_end(b, a);
}

void openai_chunk_text(struct buf *b, const struct openai_answer *a, struct str json_string)
{
    chunk_begin(b, a);
    put_raw(b, is_chat(a) ? "{\"index\":0,\"delta\":{\"content\":" : "{\"index\":0,\"text\":",
            json_string);
    if (is_chat(a))
        buf_putc(b, '}');
    choice_end(b, a);
}

/* OpenAI's tool calls in a stream carry their index; in an answer they do not. */
static void put_tool_calls(struct buf *b, struct str calls)
{
    struct json_walk w;
    struct json_member call, index;
    uint64_t n = 0;
    size_t from = b->len;
    json_walk_start(&w, calls);
    buf_puts(b, "\"tool_calls\":[");
    while (json_walk_next(&w, &call)) {
        if (call.kind != JSON_OBJECT || is_empty(call.value))
            continue;
        buf_puts(b, n ? ",{" : "{");
        if (!json_walk_find(call.value, STR("index"), &index)) {
            put_number(b, "\"index\":", n);
            buf_putc(b, ',');
        }
        buf_append(b, call.value.p + 1, call.value.n - 1);
        n++;
    }
    flatten(b, from);
    buf_putc(b, ']');
}

static void chunk_tools(struct buf *b, const struct openai_answer *a, struct str calls)
{
    if (!is_chat(a) || !calls.n)
        return;
    chunk_begin(b, a);
    buf_puts(b, "{\"index\":0,\"delta\":{");
    put_tool_calls(b, calls);
    buf_putc(b, '}');
    choice_end(b, a);
}

/* What of the result's text was not streamed: all of it as it came, or the end of it. */
static void chunk_rest(struct buf *b, const struct openai_answer *a, struct str sent,
                       struct str result)
{
    struct str own = string_of(result, "text_output");
    struct buf whole = BUF_INIT(SIZE_MAX), rest = BUF_INIT(SIZE_MAX);
    if (!sent.n && own.n > 2) {
        openai_chunk_text(b, a, own);
    } else if (own.n && !json_unescape(own, &whole) && whole.len > sent.n &&
               str_starts(buf_str(&whole), sent)) {
        buf_json_string(&rest, str_slice(whole.data + sent.n, whole.len - sent.n));
        openai_chunk_text(b, a, buf_str(&rest));
    }
    if (whole.failed == ERR_MEMORY || rest.failed)
        b->failed = ERR_MEMORY;
    buf_release(&whole);
    buf_release(&rest);
}

/* What apps give only at the end. */
static void chunk_extras(struct buf *b, const struct openai_answer *a, struct str result)
{
    struct str reasoning = string_of(result, "reasoning"), refusal = string_of(result, "refusal");
    if (!is_chat(a) || !(reasoning.n + refusal.n))
        return;
    chunk_begin(b, a);
    buf_puts(b, "{\"index\":0,\"delta\":{");
    put_raw_unless_empty(b, "\"reasoning_content\":", reasoning);
    put_raw_unless_empty(b, reasoning.n ? ",\"refusal\":" : "\"refusal\":", refusal);
    buf_putc(b, '}');
    choice_end(b, a);
}

static void done(struct buf *b)
{
    buf_puts(b, "data: [DONE]\n\n");
}

void openai_chunk_end(struct buf *b, const struct openai_answer *a, struct str sent,
                      struct str result, struct str usage)
{
    chunk_extras(b, a, result);
    chunk_rest(b, a, sent, result);
    chunk_tools(b, a, tools_of(result));
    chunk_begin(b, a);
    buf_puts(b, is_chat(a) ? "{\"index\":0,\"delta\":{}" NULL_LOGPROBS
                           : "{\"index\":0,\"text\":\"\"" NULL_LOGPROBS);
    put_finish_reason(b, result);
    buf_putc(b, '}');
    chunk_finish(b, a, STR(""));
    if (a->call->include_usage) {
        chunk_begin(b, a);
        chunk_finish(b, a, usage);
    }
    done(b);
}

/* ---- whole answers ---- */

/* The result's own text, as it came, or what was streamed. null when there are tool calls alone. */
static void put_text(struct buf *b, const char *before, struct str text, struct str result,
                     bool may_be_null)
{
    struct str own = string_of(result, "text_output");
    if (own.n)
        put_raw(b, before, own);
    else if (!text.n && may_be_null)
        put_raw(b, before, STR(""));
    else
        put_string(b, before, text);
}

static void put_message(struct buf *b, struct str text, struct str result)
{
    struct str tools = tools_of(result);
    put_text(b, "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":", text, result,
             tools.n > 0);
    put_raw_unless_empty(b, ",\"reasoning_content\":", string_of(result, "reasoning"));
    put_raw(b, ",\"refusal\":", string_of(result, "refusal"));
    put_raw_unless_empty(b, ",\"tool_calls\":", tools);
    buf_puts(b, "}" NULL_LOGPROBS);
}

static void put_usage(struct buf *b, struct str usage)
{
    put_raw_unless_empty(b, ",\"usage\":", usage);
}

static void write_embeddings(struct buf *b, const struct openai_answer *a, struct str result,
                             struct str usage)
{
    struct str data = member_of(result, "data");
    put_raw(b, "{\"object\":\"list\",\"data\":", data.n ? data : STR("[]"));
    put_string(b, ",\"model\":", a->call->model);
    put_usage(b, usage);
    buf_putc(b, '}');
}

void openai_write(struct buf *b, const struct openai_answer *a, struct str text, struct str result,
                  struct str usage)
{
    if (a->call->endpoint == ENDPOINT_EMBEDDINGS) {
        write_embeddings(b, a, result, usage);
        return;
    }
    put_head(b, a, is_chat(a) ? "chat.completion" : "text_completion");
    buf_puts(b, ",\"choices\":[");
    if (is_chat(a)) {
        put_message(b, text, result);
    } else {
        put_text(b, "{\"index\":0,\"text\":", text, result, false);
        buf_puts(b, NULL_LOGPROBS);
    }
    put_finish_reason(b, result);
    buf_puts(b, "}]");
    put_usage(b, usage);
    buf_putc(b, '}');
}

/* ---- errors ---- */

static const struct {
    const char *code, *type;
    unsigned status;
} kinds[] = {
    {"bad_json", "invalid_request_error", 400},
    {"bad_message", "invalid_request_error", 400},
    {"input_refused", "invalid_request_error", 400},
    {"invalid_request", "invalid_request_error", 400},
    {"too_large", "invalid_request_error", 413},
    {"unauthorized", "authentication_error", 401},
    {"forbidden", "permission_error", 403},
    {"not_found", "invalid_request_error", 404},
    {"method_not_allowed", "invalid_request_error", 405},
    {"model_not_found", "invalid_request_error", 404},
    {"idempotency_conflict", "invalid_request_error", 409},
    {"rate_limited", "rate_limit_error", 429},
    {"queue_full", "rate_limit_error", 429},
    {"app_disconnected", "service_unavailable", 503},
    {"upstream_unavailable", "service_unavailable", 503},
    {"store_unavailable", "service_unavailable", 503},
    {"shutting_down", "service_unavailable", 503},
    {"timeout", "timeout", 504},
    {"internal", "server_error", 500},
    {"cancelled", "cancelled", 499},
};

static void put_error(struct buf *b, struct str code, struct str message, const char *param,
                      const char *type)
{
    put_string(b, "{\"error\":{\"message\":", message);
    put_string(b, ",\"type\":", str_of(type));
    if (param && param[0])
        put_string(b, ",\"param\":", str_of(param));
    else
        buf_puts(b, ",\"param\":null");
    put_string(b, ",\"code\":", code);
    buf_puts(b, "}}");
}

/* What an app has said itself is the app's, and a gateway's to pass on. */
unsigned openai_error(struct buf *b, struct str code, struct str message, const char *param)
{
    const char *type = "api_error";
    unsigned status = 502;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (str_eq(code, str_of(kinds[i].code))) {
            type = kinds[i].type;
            status = kinds[i].status;
        }
    }
    put_error(b, code, message, param, type);
    return status;
}

static void take(struct str error, const char *name, struct buf *out, enum err unless)
{
    struct str value = member_of(error, name);
    if (value.n < 3 || value.p[0] != '"' || json_unescape(value, out))
        buf_puts(out, name[0] == 'c' ? err_code(unless) : err_message(unless));
}

void openai_error_parts(struct str error, struct buf *code, struct buf *message)
{
    take(error, "code", code, ERR_INTERNAL);
    take(error, "message", message, ERR_INTERNAL);
}

void openai_chunk_error(struct buf *b, struct str code, struct str message)
{
    buf_puts(b, "data: ");
    (void)openai_error(b, code, message, NULL);
    buf_puts(b, "\n\n");
    done(b);
}

void openai_model(struct buf *b, struct str name, int64_t created_ms)
{
    put_string(b, "{\"id\":", name);
    put_number(b, ",\"object\":\"model\",\"created\":", (uint64_t)(created_ms / 1000));
    buf_puts(b, ",\"owned_by\":\"spacerelay\"}");
}

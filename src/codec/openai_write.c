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

static void put_finish_reason(struct buf *b, struct str result)
{
    struct str reason = member_of(result, "finish_reason");
    bool tools = member_of(result, "tool_calls").n > 0;
    put_raw(b, ",\"finish_reason\":",
            reason.n ? reason
            : tools  ? STR("\"tool_calls\"")
                     : STR("\"stop\""));
}

/* ---- chunks ---- */

static void chunk_begin(struct buf *b, const struct openai_answer *a)
{
    buf_puts(b, "data: ");
    put_head(b, a, is_chat(a) ? "chat.completion.chunk" : "text_completion");
    buf_puts(b, ",\"choices\":[");
}

/* Every chunk has `usage` when it was asked for (null but in the last), as OpenAI's have. */
static void chunk_finish(struct buf *b, const struct openai_answer *a, struct str usage)
{
    buf_puts(b, "]");
    if (a->call->include_usage)
        put_raw(b, ",\"usage\":", usage);
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
    json_walk_start(&w, calls);
    buf_puts(b, "\"tool_calls\":[");
    while (json_walk_next(&w, &call)) {
        if (call.kind != JSON_OBJECT || call.value.n < 3)
            continue;
        buf_puts(b, n ? ",{" : "{");
        if (!json_walk_find(call.value, STR("index"), &index)) {
            put_number(b, "\"index\":", n);
            buf_putc(b, ',');
        }
        buf_append(b, call.value.p + 1, call.value.n - 1);
        n++;
    }
    buf_putc(b, ']');
}

static void chunk_tools(struct buf *b, const struct openai_answer *a, struct str calls)
{
    if (!is_chat(a) || !calls.n || calls.p[0] != '[')
        return;
    chunk_begin(b, a);
    buf_puts(b, "{\"index\":0,\"delta\":{");
    put_tool_calls(b, calls);
    buf_putc(b, '}');
    choice_end(b, a);
}

static void chunk_string(struct buf *b, const struct openai_answer *a, struct str plain)
{
    struct buf text = BUF_INIT(SIZE_MAX);
    buf_json_string(&text, plain);
    openai_chunk_text(b, a, buf_str(&text));
    buf_release(&text);
}

static void done(struct buf *b)
{
    buf_puts(b, "data: [DONE]\n\n");
}

void openai_chunk_end(struct buf *b, const struct openai_answer *a, struct str rest,
                      struct str result, struct str usage)
{
    if (rest.n)
        chunk_string(b, a, rest);
    chunk_tools(b, a, member_of(result, "tool_calls"));
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

bool openai_result_text(struct str result, struct buf *out)
{
    struct str text = member_of(result, "text_output");
    return text.n > 1 && text.p[0] == '"' && !json_unescape(text, out);
}

/* The result's own text, as it came, or what was streamed. null when there are tool calls alone. */
static void put_text(struct buf *b, const char *before, struct str text, struct str result,
                     bool may_be_null)
{
    struct str own = member_of(result, "text_output");
    if (own.n && own.p[0] == '"')
        put_raw(b, before, own);
    else if (!text.n && may_be_null)
        put_raw(b, before, STR(""));
    else
        put_string(b, before, text);
}

static void put_message(struct buf *b, struct str text, struct str result)
{
    struct str tools = member_of(result, "tool_calls");
    put_text(b, "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":", text, result,
             tools.n > 0);
    put_raw_unless_empty(b, ",\"reasoning_content\":", member_of(result, "reasoning"));
    put_raw(b, ",\"refusal\":", member_of(result, "refusal"));
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
    {"cancelled", "cancelled", 409},
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

#include "codec/old_http.h"

#include "codec/form.h"
#include "codec/native_write.h"

#include <inttypes.h>

/* ---- submit ---- */

static const struct old_field {
    const char *name, *before;
    uint32_t input;
} fields[] = {{"prompt", "\"prompt\":", INPUT_PROMPT}, {"audio_url", "\"audio\":", INPUT_AUDIO}};

static enum err write_payload(const struct form *form, struct buf *payload, uint32_t *inputs)
{
    *inputs = 0;
    buf_putc(payload, '{');
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct str value = form_value(form, str_of(fields[i].name));
        if (!str_trim(value).n)
            continue;
        if (*inputs)
            buf_putc(payload, ',');
        put_string(payload, fields[i].before, value);
        *inputs |= fields[i].input;
    }
    buf_putc(payload, '}');
    return payload->failed ? payload->failed : *inputs ? OK : ERR_INPUT_REFUSED;
}

enum err old_submit_read(struct str content_type, struct str body, struct buf *payload,
                         uint32_t *inputs)
{
    struct form form;
    if (body.n && !form_type(content_type))
        return ERR_BAD_MESSAGE;
    enum err e = form_parse(&form, body);
    if (e)
        return e == ERR_SYNTAX ? ERR_BAD_MESSAGE : e;
    e = write_payload(&form, payload, inputs);
    form_release(&form);
    return e;
}

void old_submit_write(struct buf *b, struct uuid request_id)
{
    put_id(b, "{\"success\":true,\"request_id\":", request_id);
    buf_putc(b, '}');
}

/* ---- status ---- */

static void put_reason(struct buf *b, const struct request_record *r)
{
    struct str why = bytes_str(r->error_message);
    if (r->status == REQUEST_CANCELLED || r->status == REQUEST_CANCELLING)
        why = STR("cancelled");
    else if (!why.n)
        why = str_of(r->error_code);
    put_string(b, ",\"result\":{\"error\":", why);
    buf_putc(b, '}');
}

void old_status_write(struct buf *b, const struct request_record *r)
{
    bool failed = r->status == REQUEST_FAILED || r->status == REQUEST_CANCELLED ||
                  r->status == REQUEST_CANCELLING;
    int64_t updated_ms = r->finished_ms  ? r->finished_ms
                         : r->started_ms ? r->started_ms
                                         : r->created_ms;
    put_id(b, "{\"request_id\":", r->id);
    put_string(b, ",\"status\":", failed ? STR("failed") : str_of(request_status_name(r->status)));
    if (failed && !r->result)
        put_reason(b, r);
    else
        put_raw(b, ",\"result\":", bytes_str(r->result));
    put_time(b, ",\"created_at\":", r->created_ms);
    put_time(b, ",\"updated_at\":", updated_ms);
    buf_putc(b, '}');
}

/* ---- errors ---- */

static const struct old_words {
    enum err code;
    const char *zh, *en;
} words[] = {
    {ERR_UNAUTHORIZED, "未登录", "Not logged in"},
    {ERR_FORBIDDEN, "账户已被停用", "Your account is disabled"},
    {ERR_NOT_FOUND, "Space 未找到或类型不正确", "Space not found"},
    {ERR_APP_DISCONNECTED, "远程应用未连接", "Remote app not connected"},
    {ERR_BAD_MESSAGE, "无法读取提交的表单", "The form could not be read"},
    {ERR_TOO_LARGE, "提交的内容过大", "What was sent is too large"},
    {ERR_QUEUE_FULL, "队列已满，请稍后再试", "The queue of this space is full; try again later"},
    {ERR_STORE_UNAVAILABLE, "暂时无法保存，请稍后再试",
     "Nothing can be saved at the moment; try again later"},
    {ERR_SHUTTING_DOWN, "服务正在重启，请稍后再试",
     "The relay is going down; try again in a moment"},
};

static const struct {
    uint32_t input;
    const char *zh, *en;
} refused[] = {
    {INPUT_PROMPT, "此 Space 不接受提示词", "This space does not take a prompt"},
    {INPUT_AUDIO, "此 Space 不接受音频", "This space does not take audio"},
    {0, "请输入提示词或音频地址", "A prompt or an audio_url is needed"},
};

static const char *refusal(uint32_t inputs, bool chinese)
{
    size_t i = 0;
    while (refused[i].input && !(refused[i].input & inputs))
        i++;
    return chinese ? refused[i].zh : refused[i].en;
}

static const char *sentence(enum err e, bool chinese)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].code == e)
            return chinese ? words[i].zh : words[i].en;
    return chinese ? "服务器内部错误" : err_message(e);
}

static void put_wait(struct buf *b, uint64_t seconds, bool chinese)
{
    buf_puts(b, "{\"error\":\"");
    if (chinese)
        buf_printf(b, "请求过于频繁，请等待 %" PRIu64 " 秒后再试。", seconds);
    else
        buf_printf(b, "Too many requests, try again in %" PRIu64 " s", seconds);
    buf_putc(b, '"');
}

unsigned old_error_write(struct buf *b, enum language l, enum err e, uint64_t retry_after_ms,
                         uint32_t inputs)
{
    bool chinese = l == LANGUAGE_ZH;
    uint64_t seconds = (retry_after_ms + 999) / 1000;
    if (e == ERR_RATE_LIMITED)
        put_wait(b, seconds, chinese);
    else
        put_string(
            b, "{\"error\":",
            str_of(e == ERR_INPUT_REFUSED ? refusal(inputs, chinese) : sentence(e, chinese)));
    if (seconds)
        put_number(b, ",\"retry_after\":", seconds);
    buf_putc(b, '}');
    return (unsigned)err_http_status(e);
}

/* Events of older sites' apps. The first byte picks the event's name, the second how many binary
 * attachments there are; the rest is the argument. What is made of it is valid: a message whose
 * JSON can be read and whose texts are UTF-8, an argument with its attachments in place, a request
 * with that payload. */
#include "fuzz.h"

#include "codec/json_scan.h"
#include "codec/spaces.h"

#include <assert.h>
#include <string.h>

#define DEPTH 64

static struct limits limits;
static struct native_decoder decoder;
static const char *const names[] = {
    "register", "inference_result", "inference_progress", "inference_delta",
    "drain",    "nobody_says_this"};
static const struct str binaries[] = {{"", 0}, {"\x00\xff\x10", 3}, {"four", 4}};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_json(struct str text)
{
    struct json_scan scan;
    return json_scan(text, DEPTH + 2, false, &scan) == OK;
}

static bool is_text(struct str s)
{
    return utf8_valid(s.n ? s.p : "", s.n);
}

static void check_message(const struct app_msg *m)
{
    assert(m->kind < APP_MSG__MAX);
    if (m->kind == APP_MSG_RESULT)
        assert(m->result.p[0] == '{' && is_json(m->result));
    if (m->kind == APP_MSG_RESULT || m->kind == APP_MSG_ERROR)
        assert(!m->usage.n || is_json(m->usage));
    if (m->kind == APP_MSG_ERROR)
        assert(!m->result.n || (m->result.p[0] == '{' && is_json(m->result)));
    if (m->kind == APP_MSG_ERROR)
        assert(m->message.n && m->message.n <= limits.text_bytes && is_text(m->message));
    if (m->kind == APP_MSG_REGISTER)
        assert(m->reg.concurrency >= 1 && m->reg.concurrency <= 1024);
    assert(is_text(m->text) && m->progress.percent >= 0 && m->progress.percent <= 100);
}

static void decode(struct str name, struct str arg)
{
    struct buf made = BUF_INIT(SIZE_MAX), again = BUF_INIT(SIZE_MAX);
    struct app_msg m, same;
    enum err e = spaces_decode(&decoder, name, arg, &made, &m);
    if (e) {
        assert(decoder.why[0] && is_text(str_of(decoder.why)));
    } else {
        check_message(&m);
        enum app_msg_kind kind = m.kind;
        e = spaces_decode(&decoder, name, arg, &again, &same);
        assert(!e && same.kind == kind);
    }
    buf_release(&made);
    buf_release(&again);
}

static void join(struct str arg, size_t count)
{
    struct buf out = BUF_INIT(SIZE_MAX);
    enum err e = spaces_join(&decoder, arg, binaries, count, &out);
    if (e)
        assert(e == ERR_BAD_MESSAGE && decoder.why[0]);
    else
        assert(is_json(buf_str(&out)) && out.len <= arg.n + 16);
    buf_release(&out);
}

static void encode(struct str payload)
{
    struct buf out = BUF_INIT(SIZE_MAX);
    struct app_out m = {.kind = APP_OUT_REQUEST, .username = STR("ann"), .payload = payload};
    const char *event = spaces_encode(&out, &m, STR("a space"));
    assert(event && !out.failed && is_json(buf_str(&out)));
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!decoder.limits) {
        limits_default(&limits);
        native_init(&decoder, &limits);
    }
    if (size < 2)
        return 0;
    struct str arg = {(const char *)data + 2, size - 2};
    struct json_scan scan;
    struct buf token = BUF_INIT(SIZE_MAX);
    decode(str_of(names[data[0] % COUNT(names)]), arg);
    /* As the packet layer hands it over: JSON without blanks around it. */
    if (!json_scan(arg, DEPTH, false, &scan) && arg.p[0] == '{' && arg.p[arg.n - 1] == '}') {
        join(arg, data[1] % (COUNT(binaries) + 1));
        if (spaces_auth_token(arg, &token))
            assert(token.len);
        encode(arg);
    }
    buf_release(&token);
    return 0;
}

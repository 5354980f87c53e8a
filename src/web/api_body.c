#include "codec/json.h"
#include "web/api.h"
#include "web/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define WRONG_BYTES 1000

bool api_body_open(struct page_request *p, struct api_body *b)
{
    struct buf why = BUF_INIT(WRONG_BYTES);
    struct str text = buf_str(&p->body);
    enum err e = ERR_BAD_MESSAGE;
    *b = (struct api_body){.wrong = BUF_INIT(WRONG_BYTES)};
    buf_puts(&why, text.n ? "The body is no JSON: " : "The body must be a JSON object");
    if (text.n > app_limits_copy(p->web->app).json_tree_bytes)
        e = ERR_TOO_LARGE;
    else if (text.n)
        e = json_parse(text, &b->json, &why);
    if (!e && json_is_object(b->json)) {
        buf_release(&why);
        return true;
    }
    if (!e)
        api_fail(p, ERR_BAD_MESSAGE, STR("The body must be a JSON object"));
    else
        api_fail(p, e, e == ERR_TOO_LARGE ? STR("The body is too large") : buf_str(&why));
    json_free(b->json);
    buf_release(&why);
    return false;
}

bool api_body_good(struct page_request *p, struct api_body *b)
{
    bool good = b->wrong.len == 0;
    if (!good)
        api_fail(p, ERR_BAD_MESSAGE, buf_str(&b->wrong));
    json_free(b->json);
    buf_release(&b->wrong);
    return good;
}

bool api_body_has(const struct api_body *b, const char *name)
{
    return json_at(b->json, name) != NULL;
}

void api_body_wrong(struct api_body *b, const char *name, const char *fmt, ...)
{
    char words[WRONG_BYTES / 2];
    va_list args;
    if (b->wrong.len)
        return;
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    buf_printf(&b->wrong, "%s must be %s", name, words);
}

void api_body_str(struct api_body *b, const char *name, struct str *out)
{
    const struct json_t *value = json_at(b->json, name);
    if (value && !json_to_str(value, out))
        api_body_wrong(b, name, "a string");
}

void api_body_text(struct api_body *b, const char *name, char *out, size_t out_bytes)
{
    struct str text = {NULL, 0};
    api_body_str(b, name, &text);
    if (text.p && !str_copy(out, out_bytes, text))
        api_body_wrong(b, name, "a string of at most %zu bytes", out_bytes - 1);
}

void api_body_number(struct api_body *b, const char *name, uint64_t low, uint64_t high,
                     uint64_t *out)
{
    const struct json_t *value = json_at(b->json, name);
    int64_t n = -1;
    if (!value)
        return;
    if (!json_to_int(value, &n) || n < 0 || (uint64_t)n < low || (uint64_t)n > high)
        api_body_wrong(b, name, "a whole number from %" PRIu64 " to %" PRIu64, low, high);
    else
        *out = (uint64_t)n;
}

void api_body_flag(struct api_body *b, const char *name, bool *out)
{
    const struct json_t *value = json_at(b->json, name);
    if (value && !json_to_bool(value, out))
        api_body_wrong(b, name, "true or false");
}

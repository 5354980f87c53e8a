/* Findings as JSON. */
#include "codec/json.h"
#include "codec/records.h"

struct json_t *record_finding_json(const struct finding *f)
{
    struct json_t *object = json_object_new();
    json_put_text(object, "check", f->check);
    json_put_text(object, "status", finding_level_name(f->level));
    json_put_text(object, "message", f->message);
    if (f->advice[0])
        json_put_text(object, "advice", f->advice);
    return object;
}

static bool take_text(const struct json_t *object, const char *name, char *out, size_t out_bytes)
{
    struct str s;
    return json_to_str(json_at(object, name), &s) && str_copy(out, out_bytes, s);
}

static bool take_level(const struct json_t *object, enum finding_level *out)
{
    struct str s;
    if (!json_to_str(json_at(object, "status"), &s))
        return false;
    for (*out = 0; *out < FINDING_LEVEL__MAX; (*out)++)
        if (str_eq(s, str_of(finding_level_name(*out))))
            return true;
    return false;
}

enum err record_finding_take(const struct json_t *object, struct finding *out, struct buf *why)
{
    struct finding f = {0};
    bool good = take_level(object, &f.level) &&
                take_text(object, "check", f.check, sizeof f.check) &&
                take_text(object, "message", f.message, sizeof f.message);
    if (good && json_at(object, "advice"))
        good = take_text(object, "advice", f.advice, sizeof f.advice);
    if (!good) {
        buf_puts(why, "a finding is not complete");
        return ERR_BAD_MESSAGE;
    }
    *out = f;
    return OK;
}

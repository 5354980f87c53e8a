#include "remote/picture.h"

#include "codec/json_scan.h"

#define DEPTH_MAX  64
#define PART_BYTES (64u << 20)

static const char *const names[PICTURE__MAX] = {
    [PICTURE_STATUS] = "status",        [PICTURE_SPACE] = "space",
    [PICTURE_CREATED] = "created_at",   [PICTURE_STARTED] = "started_at",
    [PICTURE_FINISHED] = "finished_at", [PICTURE_ATTEMPT] = "attempt",
    [PICTURE_POSITION] = "position",    [PICTURE_ETA] = "eta_s",
    [PICTURE_REASON] = "reason",        [PICTURE_PERCENT] = "percent",
    [PICTURE_MESSAGE] = "message",      [PICTURE_STEP] = "step",
    [PICTURE_STEPS] = "steps",          [PICTURE_TEXT] = "text",
    [PICTURE_RESULT] = "result",        [PICTURE_USAGE] = "usage",
    [PICTURE_ERROR] = "error",
};

void picture_init(struct picture *p)
{
    for (size_t i = 0; i < PICTURE__MAX; i++)
        p->parts[i] = BUF_INIT(PART_BYTES);
}

void picture_release(struct picture *p)
{
    for (size_t i = 0; i < PICTURE__MAX; i++)
        buf_release(&p->parts[i]);
}

static enum err put_value(struct buf *b, const struct json_member *m)
{
    if (m->kind == JSON_NULL)
        return OK;
    return m->kind == JSON_STRING ? json_unescape(m->value, b) : buf_str_append(b, m->value);
}

static bool is_kind(const struct json_scan *scan, struct str kind)
{
    const struct json_member *m = json_scan_member(scan, STR("kind"));
    return m && m->kind == JSON_STRING && m->value.n == kind.n + 2 &&
           str_eq(str_slice(m->value.p + 1, kind.n), kind);
}

enum err picture_take(struct picture *p, struct str json)
{
    struct json_scan scan;
    if (json_scan(json, DEPTH_MAX, true, &scan))
        return ERR_BAD_JSON;
    bool whole = !json_scan_member(&scan, STR("kind")), more = is_kind(&scan, STR("delta"));
    for (size_t i = 0; i < PICTURE__MAX; i++) {
        const struct json_member *m = json_scan_member(&scan, str_of(names[i]));
        if (whole || (m && !more))
            buf_clear(&p->parts[i]);
        enum err e = m ? put_value(&p->parts[i], m) : OK;
        if (e)
            return e;
    }
    return OK;
}

struct str picture_part(const struct picture *p, enum picture_part part)
{
    return buf_str(&p->parts[part]);
}

bool picture_is(const struct picture *p, const char *status)
{
    return str_eq(picture_part(p, PICTURE_STATUS), str_of(status));
}

bool picture_final(const struct picture *p)
{
    return picture_is(p, "completed") || picture_is(p, "failed") || picture_is(p, "cancelled");
}

/* A text inside a part that is an object. */
static bool put_inner(const struct picture *p, enum picture_part part, struct str key,
                      struct buf *out)
{
    struct json_scan scan;
    struct str object = picture_part(p, part);
    if (!object.n || json_scan(object, DEPTH_MAX, true, &scan) || scan.kind != JSON_OBJECT)
        return false;
    const struct json_member *m = json_scan_member(&scan, key);
    return m && m->kind == JSON_STRING && !json_unescape(m->value, out);
}

enum err picture_answer(const struct picture *p, struct buf *out)
{
    struct str text = picture_part(p, PICTURE_TEXT);
    if (text.n)
        buf_str_append(out, text);
    else if (!put_inner(p, PICTURE_RESULT, STR("text_output"), out) && !out->failed)
        buf_str_append(out, picture_part(p, PICTURE_RESULT));
    return out->failed;
}

void picture_error(const struct picture *p, struct buf *code, struct buf *message)
{
    (void)put_inner(p, PICTURE_ERROR, STR("code"), code);
    (void)put_inner(p, PICTURE_ERROR, STR("message"), message);
}

#include "web/catalogue.h"

#include "base/log.h"
#include "codec/json.h"

struct merging {
    struct json_t *out;
    const struct json_t *over;
};

static void merge_member(void *ctx, const char *key, struct json_t *value)
{
    struct merging *m = ctx;
    struct json_t *over = m->over ? json_at(m->over, key) : NULL;
    struct str text;
    if (json_is_object(value))
        json_put(m->out, key, catalogue_merge(value, over));
    else if (json_to_str(over, &text) || json_to_str(value, &text))
        json_put_str(m->out, key, text);
}

static void add_member(void *ctx, const char *key, struct json_t *value)
{
    struct merging *m = ctx;
    struct str text;
    if (json_at(m->out, key))
        return;
    if (json_is_object(value))
        json_put(m->out, key, catalogue_merge(value, NULL));
    else if (json_to_str(value, &text))
        json_put_str(m->out, key, text);
}

struct json_t *catalogue_merge(const struct json_t *base, const struct json_t *over)
{
    struct merging m = {.out = json_object_new(), .over = over};
    json_each(base, merge_member, &m);
    if (json_is_object(over))
        json_each(over, add_member, &m);
    return m.out;
}

bool catalogue_find(const struct json_t *catalogue, const char *key, struct str *text)
{
    struct str rest = str_of(key), part;
    const struct json_t *at = catalogue;
    bool more = true;
    while (more && at) {
        char name[64];
        more = str_split(rest, '.', &part, &rest);
        at = str_copy(name, sizeof name, part) ? json_at(at, name) : NULL;
    }
    return json_to_str(at, text);
}

struct str catalogue_text(const struct json_t *catalogue, const char *key)
{
    struct str text;
    if (catalogue_find(catalogue, key, &text))
        return text;
    log_error("web", "no text for %s", key);
    return str_of(key);
}

void catalogue_fill(struct buf *out, struct str text, const char *name, struct str value)
{
    struct str want = str_of(name);
    while (text.n > 0) {
        size_t brace = str_find(text, '{');
        buf_append(out, text.p, brace);
        text = str_slice(text.p + brace, text.n - brace);
        if (text.n >= want.n + 2 && str_eq(str_slice(text.p + 1, want.n), want) &&
            text.p[want.n + 1] == '}') {
            buf_str_append(out, value);
            text = str_slice(text.p + want.n + 2, text.n - want.n - 2);
        } else if (text.n > 0) {
            buf_putc(out, '{');
            text = str_slice(text.p + 1, text.n - 1);
        }
    }
}

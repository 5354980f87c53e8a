#include "codec/json_walk.h"

#include "codec/json_text.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

/* p is at the opening quote; gives the place behind the closing one. */
static const char *skip_string(const char *p)
{
    for (p++; *p != '"'; p++)
        p += *p == '\\';
    return p + 1;
}

static const char *skip_container(const char *p)
{
    size_t depth = 0;
    do {
        if (*p == '"') {
            p = skip_string(p);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
    } while (depth > 0);
    return p;
}

/* Numbers, true, false, null: up to what may follow a value. */
static const char *skip_word(const char *p)
{
    while (*p != ',' && *p != '}' && *p != ']' && !is_blank(*p))
        p++;
    return p;
}

void json_walk_start(struct json_walk *w, struct str container)
{
    w->object = container.p[0] == '{';
    w->p = skip_blanks(container.p + 1);
}

static const char *take_value(const char *p, struct json_member *m)
{
    m->kind = json_kind_at(*p);
    const char *end = m->kind == JSON_STRING                            ? skip_string(p)
                      : m->kind == JSON_OBJECT || m->kind == JSON_ARRAY ? skip_container(p)
                                                                        : skip_word(p);
    m->value = str_slice(p, (size_t)(end - p));
    return end;
}

bool json_walk_next(struct json_walk *w, struct json_member *m)
{
    const char *p = w->p;
    if (*p == ']' || *p == '}')
        return false;
    m->key = str_of("");
    if (w->object) {
        const char *key_end = skip_string(p);
        m->key = str_slice(p + 1, (size_t)(key_end - p) - 2);
        p = skip_blanks(skip_blanks(key_end) + 1); /* behind the colon */
    }
    p = skip_blanks(take_value(p, m));
    w->p = *p == ',' ? skip_blanks(p + 1) : p;
    return true;
}

bool json_walk_find(struct str object, struct str key, struct json_member *m)
{
    struct json_walk w;
    json_walk_start(&w, object);
    while (json_walk_next(&w, m))
        if (json_key_is(m->key, key))
            return true;
    return false;
}

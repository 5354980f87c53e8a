#include "codec/form.h"

#include <stdlib.h>

bool form_type(struct str content_type)
{
    struct str name, params;
    str_split(content_type, ';', &name, &params);
    return str_eq_nocase(str_trim(name), STR("application/x-www-form-urlencoded"));
}

/* Decodes s to *to, which moves on. */
static enum err decode(struct str s, char **to, struct str *out)
{
    char *start = *to, *end = start;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            if (s.n - i < 3 || hex_decode(str_slice(s.p + i + 1, 2), &c, 1))
                return ERR_SYNTAX;
            i += 2;
        }
        if (c == '\0')
            return ERR_SYNTAX;
        *end++ = c;
    }
    struct str decoded = str_slice(start, (size_t)(end - start));
    if (!utf8_valid(decoded.p, decoded.n))
        return ERR_SYNTAX;
    *to = end;
    *out = decoded;
    return OK;
}

static enum err add_field(struct form *f, struct str pair, char **to)
{
    if (pair.n == 0)
        return OK;
    if (f->count == FORM_FIELDS_MAX)
        return ERR_SYNTAX;
    struct str name, value;
    str_split(pair, '=', &name, &value);
    struct form_field *field = &f->fields[f->count];
    enum err e = decode(name, to, &field->name);
    if (!e)
        e = decode(value, to, &field->value);
    if (!e)
        f->count++;
    return e;
}

enum err form_parse(struct form *f, struct str body)
{
    f->count = 0;
    f->storage = NULL;
    if (body.n == 0)
        return OK;
    f->storage = malloc(body.n); /* decoding never makes longer */
    if (!f->storage)
        return ERR_MEMORY;
    char *to = f->storage;
    for (bool more = true; more;) {
        struct str pair;
        more = str_split(body, '&', &pair, &body);
        enum err e = add_field(f, pair, &to);
        if (e) {
            form_release(f);
            return e;
        }
    }
    return OK;
}

void form_release(struct form *f)
{
    free(f->storage);
    f->storage = NULL;
    f->count = 0;
}

const struct str *form_get(const struct form *f, struct str name)
{
    for (size_t i = 0; i < f->count; i++)
        if (str_eq(f->fields[i].name, name))
            return &f->fields[i].value;
    return NULL;
}

struct str form_value(const struct form *f, struct str name)
{
    const struct str *value = form_get(f, name);
    return value ? *value : str_of("");
}

bool form_checked(const struct form *f, struct str name)
{
    struct str value = form_value(f, name);
    return str_eq(value, STR("on")) || str_eq(value, STR("1")) || str_eq(value, STR("true"));
}

#include "model/limits.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

const struct limit_info limits_info[] = {
#define X(name, value, low, high, meaning)                                                         \
    {#name, meaning, UINT64_C(value), UINT64_C(low), UINT64_C(high), offsetof(struct limits, name)},
    LIMITS_TABLE(X)
#undef X
};
const size_t limits_count = sizeof limits_info / sizeof limits_info[0];

void limits_default(struct limits *l)
{
#define X(name, value, low, high, meaning) l->name = UINT64_C(value);
    LIMITS_TABLE(X)
#undef X
}

static const struct limit_info *find(struct str name)
{
    for (size_t i = 0; i < limits_count; i++)
        if (str_eq(str_of(limits_info[i].name), name))
            return &limits_info[i];
    return NULL;
}

enum err limits_set(struct limits *l, struct str name, struct str value)
{
    const struct limit_info *info = find(name);
    uint64_t v;
    if (!info)
        return ERR_NOT_FOUND;
    if (str_to_u64(value, info->high, &v) || v < info->low)
        return ERR_SYNTAX;
    memcpy((char *)l + info->offset, &v, sizeof v);
    return OK;
}

uint64_t limits_value(const struct limits *l, const struct limit_info *info)
{
    uint64_t v;
    memcpy(&v, (const char *)l + info->offset, sizeof v);
    return v;
}

/* Says in why what is wrong with a line. Names and values are cut: the sentence is for a person. */
static void explain(struct buf *why, size_t line, enum err e, struct str name, struct str value)
{
    const struct limit_info *info = find(name);
    struct str shown = str_slice(name.p, name.n < 64 ? name.n : 64);
    if (e == ERR_NOT_FOUND)
        buf_printf(why, "line %zu: there is no limit named \"%.*s\"", line, STR_ARG(shown));
    else if (!info)
        buf_printf(why, "line %zu: expected \"name = value\"", line);
    else if (value.n == 0)
        buf_printf(why, "line %zu: %s has no value", line, info->name);
    else
        buf_printf(why, "line %zu: %s must be a whole number from %" PRIu64 " to %" PRIu64, line,
                   info->name, info->low, info->high);
}

/* One line without its end and its comment; an empty one is fine. */
static enum err parse_line(struct limits *l, struct str line, size_t number, struct buf *why)
{
    struct str name, value;
    line = str_trim(line);
    if (line.n == 0)
        return OK;
    if (!str_split(line, '=', &name, &value)) {
        explain(why, number, ERR_SYNTAX, STR(""), STR(""));
        return ERR_SYNTAX;
    }
    name = str_trim(name);
    value = str_trim(value);
    enum err e = limits_set(l, name, value);
    if (!e)
        return OK;
    explain(why, number, e, name, value);
    return ERR_SYNTAX;
}

enum err limits_parse(struct limits *l, struct str text, struct buf *why)
{
    struct limits parsed = *l;
    for (size_t number = 1; text.n > 0; number++) {
        struct str line, content, comment;
        str_split(text, '\n', &line, &text);
        if (str_ends(line, STR("\r")))
            line.n--;
        str_split(line, '#', &content, &comment);
        enum err e = parse_line(&parsed, content, number, why);
        if (e)
            return e;
    }
    *l = parsed;
    return OK;
}

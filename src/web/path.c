#include "web/path.h"

#include <string.h>

#define LOCAL_BYTES_MAX 2048

/* Percent-decodes s into out, strictly: NUL, a broken escape or broken UTF-8 is no path. */
static bool decode(struct str s, char *out, size_t out_bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            if (s.n - i < 3 || hex_decode(str_slice(s.p + i + 1, 2), &c, 1))
                return false;
            i += 2;
        }
        if (c == '\0' || n + 1 >= out_bytes)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return utf8_valid(out, n);
}

/* Adds what {name} or {name...} stands for. */
static bool add_arg(struct path_args *args, struct str name, struct str encoded)
{
    if (encoded.n == 0 || args->count == PATH_ARGS_MAX)
        return false;
    struct path_arg *arg = &args->list[args->count];
    if (!decode(encoded, arg->value, sizeof arg->value))
        return false;
    arg->name = name;
    args->count++;
    return true;
}

static bool match_segment(struct str want, struct str segment, struct path_args *args)
{
    if (want.n > 2 && want.p[0] == '{')
        return add_arg(args, str_slice(want.p + 1, want.n - 2), segment);
    char text[128];
    return decode(segment, text, sizeof text) && str_eq(str_of(text), want);
}

bool path_match(const char *pattern, struct str path, struct path_args *args)
{
    struct str want = str_of(pattern);
    *args = (struct path_args){0};
    if (path.n == 0 || path.p[0] != '/')
        return false;
    want = str_slice(want.p + 1, want.n - 1);
    path = str_slice(path.p + 1, path.n - 1);
    for (;;) {
        struct str want_segment, segment, want_rest, rest;
        bool want_more = str_split(want, '/', &want_segment, &want_rest);
        if (str_ends(want_segment, STR("...}")))
            return add_arg(args, str_slice(want_segment.p + 1, want_segment.n - 5), path);
        bool more = str_split(path, '/', &segment, &rest);
        if (more != want_more || !match_segment(want_segment, segment, args))
            return false;
        if (!more)
            return true;
        want = want_rest;
        path = rest;
    }
}

const char *path_arg(const struct path_args *args, const char *name)
{
    for (size_t i = 0; i < args->count; i++)
        if (str_eq(args->list[i].name, str_of(name)))
            return args->list[i].value;
    return "";
}

bool path_is_local(struct str target)
{
    if (target.n == 0 || target.n > LOCAL_BYTES_MAX || target.p[0] != '/')
        return false;
    if (target.n > 1 && target.p[1] == '/')
        return false;
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= 0x20 || target.p[i] >= 0x7f || target.p[i] == '\\')
            return false;
    return true;
}

static bool is_asset_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool is_asset_segment(struct str s)
{
    if (s.n == 0 || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_asset_char(s.p[i]))
            return false;
    return true;
}

bool path_is_asset(struct str name)
{
    struct str segment;
    while (str_split(name, '/', &segment, &name))
        if (!is_asset_segment(segment))
            return false;
    return is_asset_segment(segment);
}

#include "bench/text.h"

#include <string.h>

static bool behind(struct str s, struct str key, struct str *rest)
{
    const char *p = memmem(s.p, s.n, key.p, key.n);
    if (!p)
        return false;
    p += key.n;
    *rest = str_slice(p, s.n - (size_t)(p - s.p));
    return true;
}

bool text_number_after(struct str s, struct str key, uint64_t *n)
{
    struct str rest;
    uint64_t value = 0;
    size_t i = 0;
    if (!behind(s, key, &rest))
        return false;
    for (; i < rest.n && rest.p[i] >= '0' && rest.p[i] <= '9'; i++)
        value = value * 10 + (uint64_t)(rest.p[i] - '0');
    *n = value;
    return i > 0;
}

bool text_quoted_after(struct str s, struct str key, struct str *value)
{
    struct str rest;
    if (!behind(s, key, &rest))
        return false;
    *value = str_slice(rest.p, str_find(rest, '"'));
    return value->n < rest.n;
}

bool text_holds(struct str s, struct str part)
{
    return memmem(s.p, s.n, part.p, part.n) != NULL;
}

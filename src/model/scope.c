#include "model/scope.h"

#include <stdio.h>
#include <string.h>

static const char *const names[SCOPE_COUNT] = {"read", "submit", "admin"};

const char *scope_name(uint32_t scope)
{
    for (unsigned i = 0; i < SCOPE_COUNT; i++)
        if (scope == 1U << i)
            return names[i];
    return "";
}

enum err scope_parse(struct str name, uint32_t *out)
{
    for (unsigned i = 0; i < SCOPE_COUNT; i++) {
        if (str_eq(name, str_of(names[i]))) {
            *out = 1U << i;
            return OK;
        }
    }
    return ERR_SYNTAX;
}

enum err scopes_parse(struct str list, uint32_t *out)
{
    uint32_t scopes = 0, scope;
    struct str name;
    bool more = true;
    while (more) {
        more = str_split(list, ',', &name, &list);
        if (scope_parse(str_trim(name), &scope))
            return ERR_SYNTAX;
        scopes |= scope;
    }
    *out = scopes;
    return OK;
}

void scopes_format(uint32_t scopes, char out[SCOPES_TEXT_BYTES])
{
    size_t at = 0;
    out[0] = 0;
    for (unsigned i = 0; i < SCOPE_COUNT; i++) {
        if (!(scopes & 1U << i))
            continue;
        int n = snprintf(out + at, SCOPES_TEXT_BYTES - at, "%s%s", at ? ", " : "", names[i]);
        at += (size_t)n;
    }
}

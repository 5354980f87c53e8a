#include "model/finding.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *finding_level_name(enum finding_level level)
{
    static const char *const names[FINDING_LEVEL__MAX] = {"ok", "warn", "fail"};
    return names[level];
}

void findings_add(struct findings *f, enum finding_level level, const char *check,
                  const char *advice, const char *message, ...)
{
    va_list args;
    f->list = xrealloc(f->list, f->count + 1, sizeof *f->list);
    struct finding *x = &f->list[f->count++];
    *x = (struct finding){.level = level};
    (void)snprintf(x->check, sizeof x->check, "%s", check);
    (void)snprintf(x->advice, sizeof x->advice, "%s", advice ? advice : "");
    va_start(args, message);
    (void)vsnprintf(x->message, sizeof x->message, message, args);
    va_end(args);
}

void findings_release(struct findings *f)
{
    free(f->list);
    *f = (struct findings){0};
}

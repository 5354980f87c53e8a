#include "core/detail.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHORT_BYTES 64 /* longer texts are not repeated */

__attribute__((format(printf, 2, 3))) static void add(struct detail *d, const char *fmt, ...)
{
    char piece[DETAIL_BYTES];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(piece, sizeof piece, fmt, args);
    va_end(args);
    const char *between = d->n ? ", " : "";
    if (n < 0 || d->n + strlen(between) + (size_t)n >= sizeof d->text)
        return;
    d->n += (size_t)snprintf(d->text + d->n, sizeof d->text - d->n, "%s%s", between, piece);
}

void detail_named(struct detail *d, const char *member)
{
    add(d, "%s", member);
}

void detail_text(struct detail *d, const char *member, const char *old, const char *now)
{
    if (strcmp(old, now) == 0)
        return;
    if (strlen(old) > SHORT_BYTES || strlen(now) > SHORT_BYTES)
        detail_named(d, member);
    else
        add(d, "%s: %s -> %s", member, old, now);
}

void detail_number(struct detail *d, const char *member, uint64_t old, uint64_t now)
{
    if (old != now)
        add(d, "%s: %" PRIu64 " -> %" PRIu64, member, old, now);
}

void detail_flag(struct detail *d, const char *member, bool old, bool now)
{
    if (old != now)
        add(d, "%s: %s -> %s", member, old ? "true" : "false", now ? "true" : "false");
}

static void name_inputs(uint32_t inputs, char out[SHORT_BYTES])
{
    static const struct {
        uint32_t input;
        const char *name;
    } names[] = {{INPUT_PROMPT, "prompt"},
                 {INPUT_AUDIO, "audio"},
                 {INPUT_VIDEO, "video"},
                 {INPUT_FILE, "file"}};
    size_t n = 0;
    out[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (inputs & names[i].input)
            n += (size_t)snprintf(out + n, SHORT_BYTES - n, "%s%s", n ? "+" : "", names[i].name);
}

void detail_inputs(struct detail *d, const char *member, uint32_t old, uint32_t now)
{
    char before[SHORT_BYTES], after[SHORT_BYTES];
    name_inputs(old, before);
    name_inputs(now, after);
    detail_text(d, member, before, after);
}

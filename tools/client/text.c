#include "client/text.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 2048

struct str text_cut(struct str s, size_t max)
{
    size_t n = s.n < max ? s.n : max;
    while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return str_slice(s.p, n);
}

void text_disarm(char *line)
{
    for (char *p = line; *p; p++) {
        unsigned char c = (unsigned char)p[0], next = (unsigned char)p[1];
        if (c < 0x20 || c == 0x7f)
            *p = '?';
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
            p[0] = p[1] = '?';
    }
}

/* Which may be half of one. */
static void drop_last_character(char *line)
{
    size_t n = strlen(line);
    while (n > 0 && ((unsigned char)line[n - 1] & 0xc0) == 0x80)
        n--;
    line[n > 0 ? n - 1 : 0] = '\0';
}

void print(const char *fmt, ...)
{
    char line[LINE_BYTES], when[LOCAL_TIME_BYTES];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (n >= (int)sizeof line)
        drop_last_character(line);
    text_disarm(line);
    local_time_format(clock_now().wall_ms, when);
    printf("[%s] %s\n", when, line);
}

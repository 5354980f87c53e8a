#include "main/commands.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Code points: near enough to columns for names. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* What a terminal would obey; U+0080..U+009F are two bytes, c2 80 .. c2 9f. */
static void blank_controls(char *text)
{
    for (char *p = text; *p; p++) {
        bool two = (unsigned char)p[0] == 0xc2 && p[1] && (unsigned char)p[1] < 0xa0;
        if (two)
            p[1] = ' ';
        if (two || (unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    }
}

void table_add(struct text_table *t, const char *const *texts)
{
    t->cells = xrealloc(t->cells, (t->count + 1) * t->columns, sizeof *t->cells);
    for (size_t i = 0; i < t->columns; i++) {
        char *cell = str_dup(str_of(texts[i]));
        blank_controls(cell);
        t->cells[t->count * t->columns + i] = cell;
    }
    t->count++;
}

void table_print(const struct text_table *t)
{
    size_t widths[COLUMNS_MAX] = {0};
    size_t cells = t->count * t->columns;
    for (size_t i = 0; i < cells; i++)
        if (widths[i % t->columns] < width_of(t->cells[i]))
            widths[i % t->columns] = width_of(t->cells[i]);
    for (size_t i = 0; i < cells; i++) {
        bool last = i % t->columns == t->columns - 1;
        size_t pad = widths[i % t->columns] - width_of(t->cells[i]);
        (void)printf("%s%*s", t->cells[i], last ? 0 : (int)pad + 2, "");
        if (last)
            (void)putchar('\n');
    }
}

void table_release(struct text_table *t)
{
    for (size_t i = 0; i < t->count * t->columns; i++)
        free(t->cells[i]);
    free(t->cells);
    t->cells = NULL;
    t->count = 0;
}

const char *short_time(int64_t wall_ms, char out[SHORT_TIME_BYTES])
{
    char whole[RFC3339_BYTES];
    if (!wall_ms)
        return "-";
    rfc3339_format(wall_ms, whole);
    (void)snprintf(out, SHORT_TIME_BYTES, "%.19sZ", whole);
    return out;
}

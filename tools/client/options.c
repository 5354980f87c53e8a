#include "client/options.h"

#include "base/buf.h"
#include "base/str.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SECONDS 86400
#define WHY_BYTES    4096

/* Digits with at most one point in them: strtod alone would take blanks, signs, "inf" and "0x1p3".
 */
static bool read_decimal(struct str s, double *out)
{
    char text[32];
    if (s.n == 0 || !str_copy(text, sizeof text, s) || strspn(text, "0123456789.") != s.n)
        return false;
    char *end;
    *out = strtod(text, &end);
    return *end == '\0' && end != text;
}

static bool read_count(const struct option_row *row, struct str s, void *to)
{
    uint64_t n;
    if (str_to_u64(s, row->high, &n) || n < row->low)
        return false;
    *(uint32_t *)to = (uint32_t)n;
    return true;
}

static bool read_part(struct str s, double *to)
{
    double d;
    if (!read_decimal(s, &d) || d > 1)
        return false;
    *to = d;
    return true;
}

static bool read_range(struct str s, double to[2])
{
    struct str low, high;
    double a, b;
    if (!str_split(s, '-', &low, &high))
        high = low;
    if (!read_decimal(low, &a) || !read_decimal(high, &b) || a > b || b > MOST_SECONDS)
        return false;
    to[0] = a;
    to[1] = b;
    return true;
}

static bool read_flag(struct str s, bool *to)
{
    *to = str_eq(s, STR("1")) || str_eq(s, STR("true")) || str_eq(s, STR("yes"));
    return *to || s.n == 0 || str_eq(s, STR("0")) || str_eq(s, STR("false")) ||
           str_eq(s, STR("no"));
}

static bool read_value(const struct option_row *row, const char *value, void *into)
{
    void *to = (char *)into + row->at;
    struct str s = str_of(value);
    switch (row->kind) {
    case OPTION_TEXT:
        *(const char **)to = value;
        return true;
    case OPTION_COUNT:
        return read_count(row, s, to);
    case OPTION_NUMBER:
        return str_to_u64(s, UINT64_MAX, to) == OK;
    case OPTION_PART:
        return read_part(s, to);
    case OPTION_RANGE:
        return read_range(s, to);
    case OPTION_FLAG:
        return read_flag(s, to);
    }
    return false;
}

static void put_expected(const struct option_row *row, struct buf *why)
{
    if (row->kind == OPTION_COUNT)
        buf_printf(why, "a whole number from %u to %u", row->low, row->high);
    else if (row->kind == OPTION_PART)
        buf_puts(why, "a number from 0 to 1");
    else if (row->kind == OPTION_RANGE)
        buf_puts(why, "seconds, as 2, 1-5 or 0.05-0.1");
    else if (row->kind == OPTION_FLAG)
        buf_puts(why, "1 or 0");
    else
        buf_puts(why, "a whole number");
}

static bool wrong_value(const struct option_row *row, const char *name, const char *value,
                        struct buf *why)
{
    buf_printf(why, "%s is `%s`, but has to be ", name, value);
    put_expected(row, why);
    return false;
}

static bool read_environment(const struct option_table *t, void *into, struct buf *why)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct option_row *row = &t->rows[i];
        char name[64];
        snprintf(name, sizeof name, "SPACERELAY_%s", row->name);
        for (char *p = name; *p; p++)
            *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
        const char *value = getenv(name);
        if (value && !read_value(row, value, into))
            return wrong_value(row, name, value, why);
    }
    return true;
}

static const struct option_row *find(const struct option_table *t, struct str name)
{
    for (size_t i = 0; i < t->count; i++)
        if (str_eq(str_of(t->rows[i].name), name))
            return &t->rows[i];
    return NULL;
}

/* One option; *i moves on when its value is the next word. */
static bool read_option(const struct option_table *t, int argc, char **argv, int *i, void *into,
                        struct buf *why)
{
    struct str word = str_of(argv[*i]), name, rest;
    bool joined = str_split(word, '=', &name, &rest);
    const char *value = joined ? rest.p : NULL;
    const struct option_row *row = NULL;
    if (str_starts(name, STR("--")))
        row = find(t, str_slice(name.p + 2, name.n - 2));
    if (!row) {
        buf_printf(why, "there is no option `%.*s`", STR_ARG(name));
        return false;
    }
    if (row->kind == OPTION_FLAG && !joined)
        value = "1";
    else if (!joined && ++*i < argc)
        value = argv[*i];
    if (!value) {
        buf_printf(why, "--%s needs a value", row->name);
        return false;
    }
    return read_value(row, value, into) ? true : wrong_value(row, argv[*i - !joined], value, why);
}

static void put_help(const struct option_table *t)
{
    printf("%s\n\n", t->usage);
    for (size_t i = 0; i < t->count; i++) {
        const struct option_row *row = &t->rows[i];
        char head[64];
        snprintf(head, sizeof head, "--%s %s", row->name, row->value ? row->value : "");
        if (row->help)
            printf("  %-24s%s\n", head, row->help);
    }
    puts("  --help                  this text\n  --version               the version\n\n"
         "Each may also stand in the environment: SPACERELAY_TOKEN for --token, and so on.");
}

int options_wrong(const struct option_table *t, const char *words)
{
    fprintf(stderr, "%s: %s\n%s --help shows the options\n", t->program, words, t->program);
    return 2;
}

static bool read_all(const struct option_table *t, int argc, char **argv, void *into,
                     struct buf *why)
{
    if (!read_environment(t, into, why))
        return false;
    for (int i = 1; i < argc; i++)
        if (!read_option(t, argc, argv, &i, into, why))
            return false;
    return true;
}

int options_read(const struct option_table *t, int argc, char **argv, void *into)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            put_help(t);
            return 0;
        }
        if (!strcmp(argv[i], "--version")) {
            printf("%s %s\n", t->program, t->version);
            return 0;
        }
    }
    struct buf why = BUF_INIT(WHY_BYTES);
    int result = OPTIONS_GO_ON;
    if (!read_all(t, argc, argv, into, &why))
        result = options_wrong(t, buf_cstr(&why));
    buf_release(&why);
    return result;
}

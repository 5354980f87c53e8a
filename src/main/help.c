#include "main/options.h"

#include <stdio.h>
#include <string.h>

#define LEFT_WIDTH 26
#define WIDTH      100

/* text behind a margin, broken at blanks. */
static void wrap(struct buf *b, size_t margin, const char *text)
{
    size_t column = margin;
    struct str word, rest = str_of(text);
    bool more = true;
    while (more) {
        more = str_split(rest, ' ', &word, &rest);
        bool first = column == margin, breaks = !first && column + 1 + word.n > WIDTH;
        if (breaks)
            buf_printf(b, "\n%*s", (int)margin, "");
        else if (!first)
            buf_putc(b, ' ');
        buf_str_append(b, word);
        column = breaks ? margin + word.n : column + !first + word.n;
    }
    buf_putc(b, '\n');
}

static void put_row(struct buf *b, const char *left, const char *text)
{
    buf_printf(b, "  %-*s", LEFT_WIDTH - 2, left);
    if (strlen(left) > LEFT_WIDTH - 3)
        buf_printf(b, "\n%*s", LEFT_WIDTH, "");
    wrap(b, LEFT_WIDTH, text);
}

static void put_common(struct buf *b)
{
    put_row(b, "--help", "print this");
    put_row(b, "--version", "print the version");
}

void verb_name(struct buf *b, const struct verb *v)
{
    buf_printf(b, "spacerelay %s%s%s", v->group, v->action ? " " : "", v->action ? v->action : "");
}

static void put_verb_row(struct buf *b, const struct verb *v)
{
    char left[80];
    (void)snprintf(left, sizeof left, "%s%s%s%s%s", v->group, v->action ? " " : "",
                   v->action ? v->action : "", v->arg ? " " : "", v->arg ? v->arg : "");
    put_row(b, left, v->help);
}

void help_program(struct buf *b, const struct verb *verbs, size_t count)
{
    buf_puts(b, "spacerelay: lets people use inference apps that cannot be reached from outside\n\n"
                "usage: spacerelay COMMAND [OPTIONS]\n\ncommands:\n");
    for (size_t i = 0; i < count; i++)
        put_verb_row(b, &verbs[i]);
    buf_puts(b, "\noptions:\n");
    put_common(b);
    buf_puts(b,
             "\n`spacerelay COMMAND --help` tells the options of a command. Each is also read "
             "from the\nenvironment: --data from SPACERELAY_DATA, and so on. Data goes to "
             "standard output, messages to\nstandard error. Exit status: 0 done, 1 failed, 2 the "
             "command line is wrong.\n");
}

void help_group(struct buf *b, const struct verb *verbs, size_t count, const char *group)
{
    buf_printf(b, "usage: spacerelay %s ACTION [OPTIONS]\n\nactions:\n", group);
    for (size_t i = 0; i < count; i++)
        if (strcmp(verbs[i].group, group) == 0)
            put_verb_row(b, &verbs[i]);
    buf_puts(b, "\noptions:\n");
    put_common(b);
}

void help_verb(struct buf *b, const struct verb *v)
{
    buf_puts(b, "usage: ");
    verb_name(b, v);
    buf_printf(b, "%s%s [OPTIONS]\n\n", v->arg ? " " : "", v->arg ? v->arg : "");
    wrap(b, 0, v->help);
    buf_puts(b, "\noptions:\n");
    for (enum option_id id = 0; id < OPTION__MAX; id++) {
        const struct option_info *info = option_info(id);
        char left[80], text[400], variable[ENVIRONMENT_BYTES];
        if (!(v->options & OPTION_BIT(id)))
            continue;
        option_environment(id, variable);
        (void)snprintf(left, sizeof left, "--%s%s%s", info->name, info->metavar ? " " : "",
                       info->metavar ? info->metavar : "");
        (void)snprintf(text, sizeof text, "%s%s [%s]", info->help,
                       v->required & OPTION_BIT(id) ? "; required" : "", variable);
        put_row(b, left, text);
    }
    put_common(b);
}

/* A program's options from a table: on the command line as --name VALUE or --name=VALUE, in the
 * environment as SPACERELAY_NAME; the command line wins. --help and --version are added. */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_TEXT,   /* const char * : borrowed from argv or the environment */
    OPTION_COUNT,  /* uint32_t, low to high */
    OPTION_NUMBER, /* uint64_t */
    OPTION_PART,   /* double, 0 to 1 */
    OPTION_RANGE,  /* double[2]: "LOW-HIGH" or one number for both; seconds, 0 to 86400 */
    OPTION_FLAG    /* bool; in the environment 1, true, yes or 0, false, no */
};

struct option_row {
    const char *name;  /* without dashes */
    const char *value; /* what stands for it in --help; NULL for a flag */
    enum option_kind kind;
    size_t at; /* offset of where it goes */
    uint32_t low, high;
    const char *help; /* NULL = another name of an option: not shown */
};

struct option_table {
    const struct option_row *rows;
    size_t count;
    const char *program, *version;
    const char *usage; /* the first lines of --help */
};

#define OPTIONS_GO_ON (-1)

/* Fills in what is given; the rest of `into` stays. OPTIONS_GO_ON, or what the program has to exit
 * with: 0 after --help or --version (on stdout), 2 when something is wrong (said on stderr). */
int options_read(const struct option_table *t, int argc, char **argv, void *into);
/* Says on stderr what is wrong with the options. Returns 2. */
int options_wrong(const struct option_table *t, const char *words);

#endif

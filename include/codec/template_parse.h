/* A template's text as a list of parts: text, and tags with their sections matched and standalone
 * lines taken out. Private to codec/template*.c. Pure; any thread. */
#ifndef CODEC_TEMPLATE_PARSE_H
#define CODEC_TEMPLATE_PARSE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum part_kind {
    PART_TEXT,
    PART_ESCAPED,  /* {{a}} */
    PART_RAW,      /* {{{a}}} or {{&a}} */
    PART_SECTION,  /* {{#a}} */
    PART_INVERTED, /* {{^a}} */
    PART_CLOSE,    /* {{/a}} */
    PART_COMMENT,  /* {{!..}} */
    PART_PARTIAL,  /* {{>a}} */
};

struct part {
    enum part_kind kind;
    struct str text;   /* the text; a tag's name. Borrowed from the template */
    struct str indent; /* of a partial that stands alone on its line */
    size_t line;       /* from 1 */
    size_t match;      /* section: its close */
};

struct parts {
    struct part *list;
    size_t count, cap;
};

/* ERR_SYNTAX; then *line tells where and *problem is a short static phrase, *name what it is about
 * (or ""). Release the parts in either case. */
MUST_USE enum err template_parse(struct str text, struct parts *out, size_t *line,
                                 const char **problem, struct str *name);
void parts_release(struct parts *p);

#endif

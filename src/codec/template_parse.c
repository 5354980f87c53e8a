#include "codec/template_parse.h"

#include "base/alloc.h"
#include "codec/template.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    struct str text;
    size_t at;   /* how far it is parsed */
    size_t line; /* of that place */
    struct parts *out;
    size_t open[TEMPLATE_DEPTH_MAX]; /* sections: their parts */
    size_t depth;
    const char *problem;
    struct str name;
};

/* A tag's place and content. */
struct tag {
    enum part_kind kind;
    struct str name;
    size_t start, end; /* of the whole tag, braces included */
};

void parts_release(struct parts *p)
{
    free(p->list);
    *p = (struct parts){0};
}

static enum err fail(struct parser *p, const char *problem, struct str name)
{
    p->problem = problem;
    p->name = name;
    return ERR_SYNTAX;
}

static void advance(struct parser *p, size_t to)
{
    for (; p->at < to; p->at++)
        p->line += p->text.p[p->at] == '\n';
}

/* As fail, with the line of a place further on. */
static enum err fail_at(struct parser *p, size_t at, const char *problem, struct str name)
{
    advance(p, at);
    return fail(p, problem, name);
}

static struct part *add(struct parser *p, enum part_kind kind, struct str text)
{
    struct parts *out = p->out;
    if (out->count == out->cap) {
        out->cap = out->cap ? out->cap * 2 : 64;
        out->list = xrealloc(out->list, out->cap, sizeof *out->list);
    }
    struct part *part = &out->list[out->count++];
    *part = (struct part){.kind = kind, .text = text, .line = p->line};
    return part;
}

static struct str between(const struct parser *p, size_t start, size_t end)
{
    return str_slice(p->text.p + start, end - start);
}

/* Position of needle at or behind `from`; text.n when it is not there. */
static size_t find(const struct parser *p, size_t from, struct str needle)
{
    const char *start = p->text.p + from;
    const char *at = p->text.n > from ? memmem(start, p->text.n - from, needle.p, needle.n) : NULL;
    return at ? (size_t)(at - p->text.p) : p->text.n;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct str trim(struct str s)
{
    while (s.n && is_space(s.p[0]))
        s = str_slice(s.p + 1, s.n - 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool name_valid(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] <= ' ' || strchr("{}<>=#^&!$|\"'`\x7f", name.p[i]))
            return false;
    return name.n > 0 && name.p[0] != '/';
}

static enum part_kind kind_of(char sigil)
{
    switch (sigil) {
    case '#':
        return PART_SECTION;
    case '^':
        return PART_INVERTED;
    case '/':
        return PART_CLOSE;
    case '>':
        return PART_PARTIAL;
    case '&':
        return PART_RAW;
    case '!':
        return PART_COMMENT;
    default:
        return PART_ESCAPED;
    }
}

/* The tag whose braces open at `start`. */
static enum err take_tag(struct parser *p, size_t start, struct tag *tag)
{
    bool triple = p->text.n - start > 2 && p->text.p[start + 2] == '{';
    struct str closing = triple ? STR("}}}") : STR("}}");
    size_t inside = start + closing.n, end = find(p, inside, closing);
    if (end == p->text.n)
        return fail_at(p, start, "a tag does not end", STR(""));
    struct str content = between(p, inside, end);
    *tag = (struct tag){.kind = PART_RAW, .start = start, .end = end + closing.n};
    if (!triple) {
        tag->kind = kind_of(content.n ? content.p[0] : '\0');
        if (tag->kind != PART_ESCAPED)
            content = str_slice(content.p + 1, content.n - 1);
    }
    tag->name = trim(content);
    if (tag->kind != PART_COMMENT && !name_valid(tag->name))
        return fail_at(p, start, "this is no tag of ours:", tag->name);
    return OK;
}

/* Tags that leave no trace when nothing else stands on their line. */
static bool may_stand_alone(enum part_kind kind)
{
    return kind != PART_ESCAPED && kind != PART_RAW;
}

/* When only blanks share the lines of the tag: *before is where its first line starts, *after where
 * the line behind it starts. */
static bool stands_alone(const struct parser *p, const struct tag *tag, size_t *before,
                         size_t *after)
{
    const char *text = p->text.p;
    size_t start = tag->start, end = tag->end;
    while (start > 0 && (text[start - 1] == ' ' || text[start - 1] == '\t'))
        start--;
    if (start > 0 && text[start - 1] != '\n')
        return false;
    while (end < p->text.n && (text[end] == ' ' || text[end] == '\t'))
        end++;
    if (end < p->text.n && text[end] == '\r' && end + 1 < p->text.n && text[end + 1] == '\n')
        end++;
    if (end < p->text.n && text[end] != '\n')
        return false;
    *before = start;
    *after = end < p->text.n ? end + 1 : end;
    return true;
}

static enum err open_section(struct parser *p)
{
    if (p->depth == TEMPLATE_DEPTH_MAX)
        return fail(p, "nested too deeply:", p->out->list[p->out->count - 1].text);
    p->open[p->depth++] = p->out->count - 1;
    return OK;
}

static enum err close_section(struct parser *p)
{
    size_t close = p->out->count - 1;
    struct str name = p->out->list[close].text;
    if (p->depth == 0)
        return fail(p, "a section is closed that was not opened:", name);
    struct part *section = &p->out->list[p->open[--p->depth]];
    if (!str_eq(section->text, name))
        return fail(p, "another section is open than is closed:", name);
    section->match = close;
    return OK;
}

static enum err add_tag(struct parser *p, const struct tag *tag)
{
    size_t before = tag->start, after = tag->end;
    bool alone = may_stand_alone(tag->kind) && stands_alone(p, tag, &before, &after);
    if (before > p->at)
        add(p, PART_TEXT, between(p, p->at, before));
    advance(p, tag->start);
    struct part *part = add(p, tag->kind, tag->name);
    if (alone && tag->kind == PART_PARTIAL)
        part->indent = between(p, before, tag->start);
    enum err e = OK;
    if (tag->kind == PART_SECTION || tag->kind == PART_INVERTED)
        e = open_section(p);
    else if (tag->kind == PART_CLOSE)
        e = close_section(p);
    if (!e)
        advance(p, after);
    return e;
}

static enum err parse_all(struct parser *p)
{
    for (;;) {
        struct tag tag;
        size_t start = find(p, p->at, STR("{{"));
        if (start == p->text.n)
            break;
        enum err e = take_tag(p, start, &tag);
        if (!e)
            e = add_tag(p, &tag);
        if (e)
            return e;
    }
    if (p->at < p->text.n)
        add(p, PART_TEXT, between(p, p->at, p->text.n));
    if (p->depth == 0)
        return OK;
    struct part *section = &p->out->list[p->open[p->depth - 1]];
    p->line = section->line;
    return fail(p, "a section is not closed:", section->text);
}

enum err template_parse(struct str text, struct parts *out, size_t *line, const char **problem,
                        struct str *name)
{
    struct parser p = {.text = text.n ? text : STR(""), .line = 1, .out = out};
    *out = (struct parts){0};
    enum err e = parse_all(&p);
    *line = p.line;
    *problem = p.problem;
    *name = p.name;
    return e;
}

#include "codec/template.h"

#include "codec/json.h"
#include "codec/template_parse.h"

#include <string.h>

#define KEY_BYTES     128
#define PARTIAL_BYTES (1024 * 1024) /* a partial with its indentation */

/* A page under way. */
struct render {
    const struct json_t *stack[TEMPLATE_DEPTH_MAX + 1]; /* contexts, the innermost last */
    size_t contexts;
    size_t depth; /* of sections and partials within each other */
    template_source *partials;
    void *ctx;
    struct buf *out, *why;
};

/* One template text: the page, or a partial in it. */
struct sheet {
    struct parts parts;
    struct str name; /* of the partial; "" for the page */
};

static enum err say(struct render *r, struct str sheet, size_t line, const char *problem,
                    struct str name)
{
    if (sheet.n)
        buf_printf(r->why, "partial `%.*s`, ", STR_ARG(sheet));
    buf_printf(r->why, "line %zu: %s", line, problem);
    if (name.n)
        buf_printf(r->why, " `%.*s`", STR_ARG(name));
    return ERR_SYNTAX;
}

static enum err complain(struct render *r, const struct sheet *s, const struct part *part,
                         enum err e, const char *problem)
{
    (void)say(r, s->name, part->line, problem, part->text);
    return e;
}

/* The member of that name; NULL when there is none. */
static const struct json_t *member(const struct json_t *j, struct str name)
{
    char key[KEY_BYTES];
    return str_copy(key, sizeof key, name) ? json_at(j, key) : NULL;
}

/* A dotted name's first part is looked for from the innermost context outwards, the others only in
 * what was found. */
static const struct json_t *look_up(const struct render *r, struct str name)
{
    if (str_eq(name, STR(".")))
        return r->stack[r->contexts - 1];
    struct str first, rest;
    bool more = str_split(name, '.', &first, &rest);
    const struct json_t *found = NULL;
    for (size_t i = r->contexts; i > 0 && !found; i--)
        found = member(r->stack[i - 1], first);
    while (more && found) {
        more = str_split(rest, '.', &first, &rest);
        found = member(found, first);
    }
    return found;
}

/* null, false, "" and [] */
static bool falsy(const struct json_t *j)
{
    struct str s;
    bool b;
    return json_is_null(j) || (json_to_bool(j, &b) && !b) || (json_to_str(j, &s) && s.n == 0) ||
           (json_is_array(j) && json_count(j) == 0);
}

static enum err put_variable(struct render *r, const struct sheet *s, const struct part *part)
{
    const struct json_t *j = look_up(r, part->text);
    struct str text;
    if (!j)
        return complain(r, s, part, ERR_NOT_FOUND, "there is no value of name");
    if (json_is_object(j) || json_is_array(j))
        return complain(r, s, part, ERR_SYNTAX, "an object or list cannot be shown as text:");
    if (json_is_null(j))
        return OK;
    if (!json_to_str(j, &text))
        return json_write(r->out, j); /* numbers, true and false need no escaping */
    return part->kind == PART_RAW ? buf_str_append(r->out, text) : buf_html(r->out, text);
}

static enum err render_text(struct render *r, struct str text, struct str name);
static enum err render_parts(struct render *r, const struct sheet *s, size_t from, size_t to);

/* The parts from..to with one more context. */
static enum err render_within(struct render *r, const struct sheet *s, size_t section,
                              const struct json_t *context)
{
    r->stack[r->contexts++] = context;
    enum err e = render_parts(r, s, section + 1, s->parts.list[section].match);
    r->contexts--;
    return e;
}

static enum err render_section(struct render *r, const struct sheet *s, size_t section)
{
    const struct part *part = &s->parts.list[section];
    const struct json_t *j = look_up(r, part->text);
    if (!j)
        return complain(r, s, part, ERR_NOT_FOUND, "there is no value of name");
    if (falsy(j) != (part->kind == PART_INVERTED))
        return OK;
    if (r->depth == TEMPLATE_DEPTH_MAX)
        return complain(r, s, part, ERR_SYNTAX, "nested too deeply:");
    enum err e = OK;
    r->depth++;
    if (part->kind == PART_INVERTED)
        e = render_parts(r, s, section + 1, part->match);
    else if (!json_is_array(j))
        e = render_within(r, s, section, j);
    else
        for (size_t i = 0; i < json_count(j) && !e; i++)
            e = render_within(r, s, section, json_nth(j, i));
    r->depth--;
    return e;
}

/* text with the indentation before each of its lines. */
static void indent_lines(struct str text, struct str indent, struct buf *out)
{
    struct str line;
    bool more = true;
    while (more && text.n > 0) {
        more = str_split(text, '\n', &line, &text);
        buf_str_append(out, indent);
        buf_str_append(out, line);
        if (more)
            buf_putc(out, '\n');
    }
}

static enum err render_partial(struct render *r, const struct sheet *s, const struct part *part)
{
    struct str text;
    if (!r->partials || !r->partials(r->ctx, part->text, &text))
        return complain(r, s, part, ERR_NOT_FOUND, "there is no partial of name");
    if (r->depth == TEMPLATE_DEPTH_MAX)
        return complain(r, s, part, ERR_SYNTAX, "nested too deeply:");
    struct buf indented = BUF_INIT(PARTIAL_BYTES);
    enum err e = OK;
    r->depth++;
    if (part->indent.n) {
        indent_lines(text, part->indent, &indented);
        e = indented.failed;
        text = buf_str(&indented);
    }
    if (!e)
        e = render_text(r, text, part->text);
    r->depth--;
    buf_release(&indented);
    return e;
}

static enum err render_parts(struct render *r, const struct sheet *s, size_t from, size_t to)
{
    enum err e = OK;
    for (size_t i = from; i < to && !e; i++) {
        const struct part *part = &s->parts.list[i];
        switch (part->kind) {
        case PART_TEXT:
            e = buf_str_append(r->out, part->text);
            break;
        case PART_ESCAPED:
        case PART_RAW:
            e = put_variable(r, s, part);
            break;
        case PART_SECTION:
        case PART_INVERTED:
            e = render_section(r, s, i);
            i = part->match;
            break;
        case PART_PARTIAL:
            e = render_partial(r, s, part);
            break;
        case PART_CLOSE:
        case PART_COMMENT:
            break;
        }
    }
    return e;
}

static enum err render_text(struct render *r, struct str text, struct str name)
{
    struct sheet s = {.name = name};
    size_t line;
    const char *problem;
    struct str about;
    enum err e = template_parse(text, &s.parts, &line, &problem, &about);
    if (e)
        e = say(r, name, line, problem, about);
    else
        e = render_parts(r, &s, 0, s.parts.count);
    parts_release(&s.parts);
    return e;
}

enum err template_render(struct str text, const struct json_t *view, template_source *partials,
                         void *ctx, struct buf *out, struct buf *why)
{
    struct render r = {
        .stack = {view}, .contexts = 1, .partials = partials, .ctx = ctx, .out = out, .why = why};
    enum err e = render_text(&r, text, STR(""));
    if (e && why->len == 0)
        buf_puts(why, e == ERR_TOO_LARGE ? "the page is too large" : "out of memory");
    return e;
}

/* A subset of mustache for pages: variables (HTML-escaped) {{a.b}}, unescaped {{{a}}} and {{&a}},
 * sections {{#a}}{{/a}}, inverted {{^a}}{{/a}}, comments {{!..}}, partials {{>name}}, dotted names,
 * implicit iterator {{.}}, standalone lines. Not in it: set delimiters, lambdas, inheritance.
 * Unlike mustache, an unknown key is an error: a page with a hole in it is a bug. Pure; any thread.
 */
#ifndef CODEC_TEMPLATE_H
#define CODEC_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct json_t;

/* Where partials come from: false when there is none of that name. Text stays valid while
 * rendering. */
typedef bool template_source(void *ctx, struct str name, struct str *text);

#define TEMPLATE_DEPTH_MAX 32 /* sections and partials within each other */

/* Renders text with view, a JSON object. ERR_SYNTAX: the template is malformed; ERR_NOT_FOUND:
 * unknown key or partial; ERR_TOO_LARGE: out is full. why gets a sentence with the line. out may
 * then hold half a page: drop it. */
MUST_USE enum err template_render(struct str text, const struct json_t *view,
                                  template_source *partials, void *ctx, struct buf *out,
                                  struct buf *why);

#endif

/* The texts of one language, from static/lang/CODE.json: an object of objects of strings, named by
 * dotted keys. What a language lacks is English. A catalogue belongs to one thread at a time. */
#ifndef WEB_CATALOGUE_H
#define WEB_CATALOGUE_H

#include "base/buf.h"
#include "base/str.h"

struct json_t;

/* A new tree: base's strings, or over's where over has a string of the same key, and what over has
 * besides. Where one has an object and the other a string, base is right. over may be NULL. What is
 * neither object nor string is left out. Free with json_free. */
struct json_t *catalogue_merge(const struct json_t *base, const struct json_t *over);

/* The text of a dotted key; false when there is none. Borrowed from the catalogue. */
bool catalogue_find(const struct json_t *catalogue, const char *key, struct str *text);
/* The text of a dotted key, e.g. "login.invalid"; the key itself when there is none (logged), so
 * that a hole is seen and nothing crashes. Borrowed from the catalogue, or from key. */
struct str catalogue_text(const struct json_t *catalogue, const char *key);

/* Appends text with every {name} replaced by value. */
void catalogue_fill(struct buf *out, struct str text, const char *name, struct str value);

#endif

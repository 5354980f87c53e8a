/* application/x-www-form-urlencoded, for bodies and query strings (WHATWG URL standard), and
 * multipart/form-data is not taken. Pure. */
#ifndef CODEC_FORM_H
#define CODEC_FORM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define FORM_FIELDS_MAX 100

/* True for the type of a body that form_parse takes, with or without parameters. */
bool form_type(struct str content_type);

struct form {
    struct form_field {
        struct str name, value; /* decoded, valid UTF-8, no NUL */
    } fields[FORM_FIELDS_MAX];
    size_t count;
    char *storage;
};

/* ERR_SYNTAX: bad percent escape, invalid UTF-8, NUL, or more than FORM_FIELDS_MAX fields.
 * ERR_MEMORY. */
MUST_USE enum err form_parse(struct form *f, struct str body);
void form_release(struct form *f);
/* The first field of that name; NULL when absent. */
const struct str *form_get(const struct form *f, struct str name);
/* Its value, or "". */
struct str form_value(const struct form *f, struct str name);
bool form_checked(const struct form *f, struct str name); /* present and "on", "1" or "true" */

#endif

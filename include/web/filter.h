/* Filters of the admin's long lists: what the query says, and how it comes back in forms and links.
 * Private to the web layer. */
#ifndef WEB_FILTER_H
#define WEB_FILTER_H

#include "web/page.h"

struct json_t;

/* A list's address and the names of its filter's fields, NULL-terminated. */
struct filter_form {
    const char *path;
    const char *const *names;
};

/* Puts "filter": each field as it was typed; and "filtered": whether one is set. */
void filter_view(struct page_request *p, struct json_t *view, const struct filter_form *form);
/* Puts under key the list's address with this filter. name and value are one more parameter; NULL =
 * none. path NULL is the list's own, else another one that takes the same fields. */
void filter_url(struct page_request *p, struct json_t *view, const char *key,
                const struct filter_form *form, const char *path, const char *name,
                const char *value);
/* Puts list under key: for each of the values (NULL-terminated) an object {value, text, selected};
 * text is t.GROUP.VALUE, else the value. field is the filter's. */
void filter_options(struct page_request *p, struct json_t *view, const char *key, const char *field,
                    const char *group, const char *const *values);

/* A day "2026-01-08" or a time of RFC 3339 in that field, as the moment from which on (or, end,
 * before which) it means: a day begins and ends in UTC. 0 when the field is empty. False: it is
 * neither, and errors has a sentence under its name. */
bool filter_time(struct page_request *p, struct json_t *errors, const char *name, bool end,
                 int64_t *wall_ms);
/* A row key in the field "before", 0 when it is empty. ERR_SYNTAX. */
MUST_USE enum err filter_before(struct page_request *p, int64_t *key);

#endif

/* Templates, static files and SQL, embedded in the binary at build time (tools/embed.c writes the
 * table). Any thread. */
#ifndef BASE_ASSETS_H
#define BASE_ASSETS_H

#include "base/err.h"
#include "base/str.h"

struct asset {
    const char *path; /* relative to the checkout, e.g. "templates/login.html" */
    struct str content;
    const char *etag; /* quoted, of the content */
};

/* The generated table, sorted by path. Empty in programs that embed nothing. */
extern const struct asset assets_table[];
extern const size_t assets_count;

/* The embedded asset; NULL when there is none. Static storage. */
const struct asset *assets_get(struct str path);
/* Every embedded asset whose path starts with prefix: calls visit for each, in order. */
void assets_each(struct str prefix, void (*visit)(void *ctx, const struct asset *a), void *ctx);

#endif

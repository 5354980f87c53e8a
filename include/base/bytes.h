/* Immutable shared bytes, counted atomically: a payload, a result or a frame that several owners
 * read at once (the core, the store's thread, many sockets) without a copy. Any thread. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/str.h"

#include <stdatomic.h>

struct bytes {
    atomic_uint refs;
    size_t n;
    char p[]; /* n bytes and a NUL */
};

/* A copy of s with one reference. NULL when memory is out (s may be as large as a peer's message).
 */
struct bytes *bytes_new(struct str s);
/* n bytes to be filled by the caller before anyone else sees them. NULL when memory is out. */
struct bytes *bytes_new_uninit(size_t n);
struct bytes *bytes_ref(struct bytes *b);                 /* NULL gives NULL */
void bytes_unref(struct bytes *b);                        /* NULL is fine */
static inline struct str bytes_str(const struct bytes *b) /* NULL gives "" */
{
    return b ? (struct str){b->p, b->n} : (struct str){"", 0};
}

#endif

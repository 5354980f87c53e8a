#include "base/bytes.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct bytes *bytes_new_uninit(size_t n)
{
    if (n > SIZE_MAX - sizeof(struct bytes) - 1)
        return NULL;
    struct bytes *b = malloc(sizeof *b + n + 1);
    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->n = n;
    b->p[n] = '\0';
    return b;
}

struct bytes *bytes_new(struct str s)
{
    struct bytes *b = bytes_new_uninit(s.n);
    if (b && s.n)
        memcpy(b->p, s.p, s.n);
    return b;
}

struct bytes *bytes_ref(struct bytes *b)
{
    if (b) {
        unsigned before = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
        assert(before > 0 && before < UINT_MAX);
    }
    return b;
}

void bytes_unref(struct bytes *b)
{
    if (!b)
        return;
    /* Release: our reads happen before the free; acquire: so do those of the other owners. */
    unsigned before = atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        free(b);
}

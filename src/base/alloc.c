#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void out_of_memory(void)
{
    fputs("spacerelay: out of memory\n", stderr);
    abort();
}

/* glibc's calloc passes by the thread's cache of small blocks, which malloc has up to this size. */
#define CACHED_BYTES 1032

static void *zeroed(size_t count, size_t bytes)
{
    if (count > CACHED_BYTES || bytes > CACHED_BYTES || count * bytes > CACHED_BYTES)
        return calloc(count, bytes);
    void *p = malloc(count * bytes);
    return p ? memset(p, 0, count * bytes) : NULL;
}

/* Zero bytes count as one, so that NULL always means failure and realloc never frees. */
void *xcalloc(size_t count, size_t bytes)
{
    void *p = count && bytes ? zeroed(count, bytes) : zeroed(1, 1);
    if (!p)
        out_of_memory();
    return p;
}

void *xrealloc(void *p, size_t count, size_t bytes)
{
    if (bytes && count > SIZE_MAX / bytes)
        out_of_memory();
    size_t total = count * bytes;
    void *grown = realloc(p, total ? total : 1);
    if (!grown)
        out_of_memory();
    return grown;
}

#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void out_of_memory(void)
{
    fputs("spacerelay: out of memory\n", stderr);
    abort();
}

/* Zero bytes count as one, so that NULL always means failure and realloc never frees. */
void *xcalloc(size_t count, size_t bytes)
{
    void *p = count && bytes ? calloc(count, bytes) : calloc(1, 1);
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

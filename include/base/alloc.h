/* Small fixed allocations, which abort when memory is out (style: whatever a peer can size uses a
 * buf). */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

void *xcalloc(size_t count, size_t bytes);           /* zeroed */
void *xrealloc(void *p, size_t count, size_t bytes); /* overflow-checked */
_Noreturn void out_of_memory(void);                  /* says so and aborts */

#endif

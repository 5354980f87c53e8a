/* Whether a database is sound, for `spacerelay doctor`. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "model/finding.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Reads all of the database at path, through a read-only connection: that a server has opened it is
 * fine when this is the server's process, and only then (closing the file gives up its locks).
 * Takes minutes when the database is large; ends early once *stop is true. now_ms: the wall clock's
 * time, which should not be before that of the newest row. Any thread. */
void store_check(const char *path, int64_t now_ms, const atomic_bool *stop, struct findings *out);

#endif

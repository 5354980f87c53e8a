/* The little that is read from messages, without parsing them. Pure; any thread. */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include "base/str.h"

/* The digits right behind the first `key` in s. */
bool text_number_after(struct str s, struct str key, uint64_t *n);
/* What stands behind the first `key` in s, up to the next quote. */
bool text_quoted_after(struct str s, struct str key, struct str *value);
bool text_holds(struct str s, struct str part);

#endif

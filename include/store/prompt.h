/* What lists show of a request: the beginning of its prompt (private to the store). */
#ifndef STORE_PROMPT_H
#define STORE_PROMPT_H

#include "base/bytes.h"
#include "store/db.h"

#define PROMPT_BYTES 300 /* request_row.prompt without its NUL */

/* The beginning of payload.prompt. It is a convenience: where it cannot be had, it is "". */
void prompt_read(struct db *db, const struct bytes *payload, char out[PROMPT_BYTES + 1]);

#endif

/* Changes of requests as SQL, for write.c's table (private to the store). All but usage and
 * retention fail when the request is not stored. */
#ifndef STORE_WRITE_REQUEST_H
#define STORE_WRITE_REQUEST_H

#include "model/change.h"
#include "store/db.h"

/* e, or ERR_STORE_UNAVAILABLE when the statement that ended last changed no row. */
MUST_USE enum err write_found(struct db *db, enum err e);

MUST_USE enum err write_request_new(struct db *db, const struct change *c);
MUST_USE enum err write_request_attempt(struct db *db, const struct change *c);
MUST_USE enum err write_request_queued(struct db *db, const struct change *c);
MUST_USE enum err write_request_text(struct db *db, const struct change *c);
MUST_USE enum err write_request_final(struct db *db, const struct change *c);
MUST_USE enum err write_request_usage(struct db *db, const struct change *c);
/* Removes the oldest of the requests that finished before c->at_ms, with all that belongs to them:
 * so many as free about 1 MiB, at least one, at most 50. */
MUST_USE enum err write_retention(struct db *db, const struct change *c);
MUST_USE enum err write_request_remove(struct db *db, const struct change *c);
/* Whether another one would remove something. */
bool write_retention_left(struct db *db, const struct change *c);
MUST_USE enum err write_keys_expired(struct db *db, const struct change *c);

#endif

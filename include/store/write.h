/* Changes as SQL: one function a kind (private to the store). */
#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include "model/change.h"
#include "store/db.h"

/* Writes c and the audit row that comes with it, inside the caller's transaction, which has to be
 * rolled back after a failure: ERR_STORE_UNAVAILABLE; db_error says why. */
MUST_USE enum err write_change(struct db *db, const struct change *c);
/* What the log calls a kind of change, e.g. "request.final". Static storage. */
const char *write_name(enum change_kind kind);

#endif

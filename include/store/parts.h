/* What the store's files need of each other besides rows and writing (private to the store). */
#ifndef STORE_PARTS_H
#define STORE_PARTS_H

#include "store/db.h"
#include "store/store.h"

/* store_load over an open database. ERR_STORE_UNAVAILABLE; db_error says why. */
MUST_USE enum err load_all(struct db *db, const struct store_visitor *v);
/* Where the database is. Any thread. */
const char *store_path(const struct store *s);

#endif

/* Brings a database's schema up to date (private to the store).
 *
 * The schema's number is PRAGMA user_version. Migration n makes schema n out of schema n - 1, in
 * one transaction: after a failure or a crash the database has the schema before it or the one
 * after it, whole. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "store/db.h"

struct migration {
    unsigned number; /* 1, 2, 3, ... */
    struct str sql;  /* statements without BEGIN and COMMIT */
};

/* Runs those of the count (at least one) migrations that the database has not had. On failure why
 * gets a sentence: ERR_NEWER (the schema's number is above the last one; nothing was touched),
 * ERR_IO, ERR_INTERNAL (a migration failed and was rolled back). */
MUST_USE enum err migrate(struct db *db, const struct migration *list, size_t count,
                          struct buf *why);
/* The same with the embedded files src/store/sql/NNN_name.sql. */
MUST_USE enum err migrate_embedded(struct db *db, struct buf *why);
/* The number of the newest schema that this program knows. */
unsigned migrate_newest(void);

#endif

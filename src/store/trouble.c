/* Failures of the database in words. */
#include "store/db.h"

const char *db_trouble_words(enum db_trouble trouble)
{
    static const char *const words[DB_TROUBLE__MAX] = {
        [DB_FULL] = "the disk is full",
        [DB_IO] = "the disk does not read or write",
        [DB_BUSY] = "another program has locked the database",
        [DB_READONLY] = "the database can only be read",
        [DB_MEMORY] = "memory is out",
        [DB_DAMAGED] = "the database is damaged",
    };
    return words[trouble];
}

void db_explain(const struct db *db, struct buf *why)
{
    const char *words = db_trouble_words(db_trouble(db));
    if (words)
        buf_printf(why, "%s (%s)", words, db_error(db));
    else
        buf_puts(why, db_error(db));
    if (db_trouble(db) == DB_DAMAGED)
        buf_puts(why,
                 "; `spacerelay doctor` tells more, `spacerelay restore` brings a backup back");
}

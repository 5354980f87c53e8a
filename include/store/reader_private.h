/* What reader.c and reader_requests.c share (private to the store). */
#ifndef STORE_READER_PRIVATE_H
#define STORE_READER_PRIVATE_H

#include "store/db.h"
#include "store/reader.h"

struct reader {
    struct db *db;
    struct store *store;
};

/* e, after it was logged when it is a failure of the database. */
enum err reader_result(struct reader *r, enum err e);

#endif

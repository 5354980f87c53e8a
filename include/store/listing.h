/* The lists of each person's requests (schema 7), which the writer keeps up to date from time to
 * time, not with each request: what comes after listed.up_to is found by reading the table's end.
 * It relies on requests being saved in the order of their keys. Private to the store. */
#ifndef STORE_LISTING_H
#define STORE_LISTING_H

#include "store/db.h"

/* So many new requests are listed together. */
#define LISTED_TOGETHER 500

/* Lists all that are not listed yet. In the caller's transaction. */
MUST_USE enum err listing_catch_up(struct db *db);
/* Before the request's own row goes. */
MUST_USE enum err listing_remove(struct db *db, int64_t request_key);

#endif

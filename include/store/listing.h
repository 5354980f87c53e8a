/* The lists of requests beside their table (schemas 7 and 8): of each person, of the unfinished, of
 * the finished in the order of their ends, and of the failed and cancelled. Indexes would be
 * written with each request and each result; these (but the last, which is short) are kept up to
 * date from time to time, hundreds at once: what comes after listed.up_to is found by reading the
 * table's end. It relies on requests being saved in the order of their keys. Private to the store.
 */
#ifndef STORE_LISTING_H
#define STORE_LISTING_H

#include "model/change.h"
#include "store/db.h"

/* So many new requests are listed together. */
#define LISTED_TOGETHER 500

/* What the writer knows of them. */
struct listing {
    int64_t up_to;   /* listed.up_to, or above it (after a transaction that was rolled back) */
    size_t unlisted; /* new requests since the lists were up to date */
};

MUST_USE enum err listing_start(struct listing *l, struct db *db);
/* After c was written, in its transaction. */
MUST_USE enum err listing_follow(struct listing *l, struct db *db, const struct change *c);
/* Lists all that are not listed yet. In the caller's transaction. */
MUST_USE enum err listing_catch_up(struct listing *l, struct db *db);
/* Before the request's own row goes. */
MUST_USE enum err listing_remove(struct db *db, int64_t request_key);

#endif

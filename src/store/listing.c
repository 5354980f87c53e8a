#include "store/listing.h"

enum err listing_catch_up(struct db *db)
{
    struct query *q = db_query(
        db, "INSERT INTO person_request (user_key, request_key) SELECT user_key, key FROM request"
            " WHERE key > (SELECT up_to FROM listed)");
    enum err e = query_run(q);
    if (e)
        return e;
    return query_run(db_query(
        db, "UPDATE listed SET up_to = max(up_to, (SELECT coalesce(max(key), 0) FROM request))"));
}

enum err listing_remove(struct db *db, int64_t request_key)
{
    struct query *q = db_query(db, "DELETE FROM person_request WHERE request_key = ?1"
                                   " AND user_key = (SELECT user_key FROM request WHERE key = ?1)");
    bind_i64(q, request_key);
    return query_run(q);
}

#include "store/listing.h"

static enum err run(struct db *db, const char *statement)
{
    return query_run(db_query(db, statement));
}

static enum err run_for(struct db *db, const char *statement, int64_t key)
{
    struct query *q = db_query(db, statement);
    bind_i64(q, key);
    return query_run(q);
}

static enum err read_up_to(struct db *db, int64_t *up_to)
{
    struct query *q = db_query(db, "SELECT up_to FROM listed");
    if (query_row(q))
        *up_to = column_i64(q);
    return query_end(q);
}

enum err listing_start(struct listing *l, struct db *db)
{
    l->unlisted = LISTED_TOGETHER; /* an earlier process may have left some */
    return read_up_to(db, &l->up_to);
}

enum err listing_catch_up(struct listing *l, struct db *db)
{
    static const char *const statements[] = {
        "INSERT INTO person_request (user_key, request_key) SELECT user_key, key FROM request"
        " WHERE key > (SELECT up_to FROM listed)",
        "INSERT INTO listed_request (finished_ms, request_key) SELECT finished_ms, key FROM request"
        " WHERE key > (SELECT up_to FROM listed)",
        "UPDATE listed SET up_to = max(up_to, (SELECT coalesce(max(key), 0) FROM request))",
    };
    enum err e = OK;
    for (size_t i = 0; !e && i < sizeof statements / sizeof statements[0]; i++)
        e = run(db, statements[i]);
    l->unlisted = 0;
    return e ? e : read_up_to(db, &l->up_to);
}

/* The end of a request that is listed as unfinished. */
static enum err list_end(struct db *db, int64_t key, int64_t finished_ms)
{
    struct query *q = db_query(db, "UPDATE listed_request SET finished_ms = ?2"
                                   " WHERE finished_ms = 0 AND request_key = ?1");
    bind_i64(q, key);
    bind_i64(q, finished_ms);
    return query_run(q);
}

static enum err list_bad_end(struct db *db, int64_t key)
{
    return run_for(db,
                   "INSERT OR REPLACE INTO bad_end (request_key, status, error_code)"
                   " SELECT key, status, error_code FROM request WHERE key = ?1",
                   key);
}

static bool is_bad(enum request_status status)
{
    return status == REQUEST_FAILED || status == REQUEST_CANCELLED;
}

enum err listing_follow(struct listing *l, struct db *db, const struct change *c)
{
    bool is_new = c->kind == CHANGE_REQUEST_NEW;
    if (!is_new && c->kind != CHANGE_REQUEST_FINAL)
        return OK;
    int64_t key = uuid_key(is_new ? c->request->id : c->id);
    enum err e = OK;
    l->unlisted += is_new;
    if (!is_new && key <= l->up_to)
        e = list_end(db, key, c->at_ms);
    return e || !is_bad(is_new ? c->request->status : c->status) ? e : list_bad_end(db, key);
}

enum err listing_remove(struct db *db, int64_t request_key)
{
    static const char *const statements[] = {
        "DELETE FROM person_request WHERE request_key = ?1"
        " AND user_key = (SELECT user_key FROM request WHERE key = ?1)",
        "DELETE FROM listed_request WHERE request_key = ?1"
        " AND finished_ms = (SELECT finished_ms FROM request WHERE key = ?1)",
        "DELETE FROM bad_end WHERE request_key = ?1",
    };
    enum err e = OK;
    for (size_t i = 0; !e && i < sizeof statements / sizeof statements[0]; i++)
        e = run_for(db, statements[i], request_key);
    return e;
}

/* The removal of finished requests: of one, and of the oldest in steps that hold nobody up. */
#include "store/listing.h"
#include "store/write_request.h"

/* A step ends when it has removed so many requests, or freed so many pages. (SQLite overwrites
 * freed pages with zeros here, so they are written: a result of 15 MiB is a step of its own.) */
#define STEP_REQUESTS 50
#define STEP_PAGES    256

/* The request that finished first of those that finished before before_ms; 0 when there is none.
 * The table has the last word: a row of the list alone neither ends a request nor stands in the way
 * of others. */
static enum err find_expired(struct db *db, int64_t before_ms, int64_t *key)
{
    struct query *q = db_query(db, "SELECT key FROM listed_request AS l CROSS JOIN request AS r"
                                   " ON r.key = l.request_key AND r.finished_ms = l.finished_ms"
                                   " WHERE l.finished_ms > 0 AND l.finished_ms < ?1"
                                   " ORDER BY l.finished_ms LIMIT 1");
    bind_i64(q, before_ms);
    *key = query_row(q) ? column_i64(q) : 0;
    return query_end(q);
}

static enum err run_for(struct db *db, const char *statement, int64_t key)
{
    struct query *q = db_query(db, statement);
    bind_i64(q, key);
    return query_run(q);
}

/* All but its idempotency key. */
static enum err remove_request(struct db *db, int64_t key)
{
    static const char *const statements[] = {
        "DELETE FROM chunk WHERE request_key = ?1", "DELETE FROM attempt WHERE request_key = ?1",
        "DELETE FROM payload WHERE key = ?1",       "DELETE FROM result WHERE key = ?1",
        "DELETE FROM request WHERE key = ?1",
    };
    enum err e = listing_remove(db, key);
    for (size_t i = 0; !e && i < sizeof statements / sizeof statements[0]; i++)
        e = run_for(db, statements[i], key);
    return e;
}

enum err write_request_remove(struct db *db, const struct change *c)
{
    struct query *q =
        db_query(db, "SELECT key FROM request WHERE key = ?1 AND id = ?2 AND finished_ms > 0");
    bind_i64(q, uuid_key(c->id));
    bind_uuid(q, c->id);
    int64_t key = query_row(q) ? column_i64(q) : 0;
    enum err e = query_end(q);
    return e || !key ? e : remove_request(db, key);
}

static enum err count_free_pages(struct db *db, int64_t *pages)
{
    struct query *q = db_query(db, "PRAGMA freelist_count");
    *pages = query_row(q) ? column_i64(q) : 0;
    return query_end(q);
}

enum err write_retention(struct db *db, const struct change *c)
{
    int64_t key = 0, before_pages = 0, pages = 0;
    enum err e = count_free_pages(db, &before_pages);
    pages = before_pages;
    for (int i = 0; !e && i < STEP_REQUESTS && pages - before_pages < STEP_PAGES; i++) {
        e = find_expired(db, c->at_ms, &key);
        if (e || !key)
            break;
        e = remove_request(db, key);
        if (!e)
            e = run_for(db, "DELETE FROM idempotency WHERE request_key = ?1", key);
        if (!e)
            e = count_free_pages(db, &pages);
    }
    return e;
}

bool write_retention_left(struct db *db, const struct change *c)
{
    int64_t key = 0;
    return !find_expired(db, c->at_ms, &key) && key;
}

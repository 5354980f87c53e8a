#include "store/reader.h"

#include "store/reader_private.h"
#include "store/rows.h"

#define LIST_MAX 201

/* ---- lists ---- */

/* One statement for each way into the table; whatever else is asked for is tested row by row. */
#define LIST                                                                                       \
    "SELECT q.id, q.space_key, q.user_key, s.name, q.username, q.status, q.attempt, q.error_code," \
    " coalesce(q.prompt, p.prompt, ''), q.created_ms, q.started_ms, q.finished_ms"                 \
    " FROM "
#define JOINS                                                                                      \
    " LEFT JOIN space s ON s.key = q.space_key LEFT JOIN payload p ON p.key = q.key WHERE "
#define REST(key)                                                                                  \
    " AND (?2 = 0 OR q.space_key = ?2) AND (?3 = '' OR q.status = ?3)"                             \
    " AND (?6 = '' OR q.error_code = ?6) AND " key " < ?4 AND " key " >= ?7"                       \
    " ORDER BY " key " DESC LIMIT ?5"

#define LISTED(table) table " l CROSS JOIN request q ON q.key = l.request_key" JOINS
/* A person's requests, and the unfinished ones, stand in two places: see listing.h. */
static const char list_of_person[] =
    LIST LISTED("person_request") "l.user_key = ?1" REST("l.request_key");
static const char list_of_open[] = LIST LISTED(
    "listed_request") "l.finished_ms = 0 AND (?1 = 0 OR q.user_key = ?1)" REST("l.request_key");
static const char list_of_unlisted[] =
    LIST "request q" JOINS
         "q.key > (SELECT up_to FROM listed) AND (?1 = 0 OR q.user_key = ?1)" REST("q.key");
static const char list_of_bad_ends[] =
    LIST LISTED("bad_end") "(?3 = '' OR l.status = ?3) AND (?6 = '' OR l.error_code = ?6)"
                           " AND (?1 = 0 OR q.user_key = ?1)" REST("l.request_key");
static const char list_of_all[] =
    LIST "request q" JOINS "(?1 = 0 OR q.user_key = ?1)" REST("q.key");

/* Only what failed has an error code. */
static const char *list_for(const struct request_filter *f)
{
    bool open = f->status == REQUEST_QUEUED || f->status == REQUEST_PROCESSING;
    bool bad = f->status == REQUEST_FAILED || f->status == REQUEST_CANCELLED;
    if (f->error_code.n)
        return list_of_bad_ends;
    if (f->user_key)
        return list_of_person;
    if (!f->by_status)
        return list_of_all;
    return open ? list_of_open : bad ? list_of_bad_ends : list_of_all;
}

static bool read_row(struct query *q, struct request_row *out)
{
    *out = (struct request_row){.id = column_uuid(q)};
    out->space_key = column_i64(q);
    out->user_key = column_i64(q);
    column_text(q, out->space_name, sizeof out->space_name);
    column_text(q, out->username, sizeof out->username);
    out->status = rows_status(q);
    out->attempt = column_u32(q);
    column_text(q, out->error_code, sizeof out->error_code);
    column_text(q, out->prompt, sizeof out->prompt);
    out->created_ms = column_i64(q);
    out->started_ms = column_i64(q);
    out->finished_ms = column_i64(q);
    return query_good(q);
}

struct visitor {
    void (*visit)(void *, const struct request_row *);
    void *ctx;
    uint32_t left; /* rows that are still wanted */
};

static enum err visit_list(struct reader *r, const char *list, const struct request_filter *f,
                           struct visitor *v)
{
    struct query *q = db_query(r->db, list);
    bind_i64(q, f->user_key);
    bind_i64(q, f->space_key);
    bind_text(q, f->by_status ? request_status_name(f->status) : "");
    bind_i64(q, f->before_key ? f->before_key : INT64_MAX);
    bind_i64(q, v->left);
    bind_str(q, f->error_code);
    bind_i64(q, f->from_key);
    while (query_row(q)) {
        struct request_row row;
        if (!read_row(q, &row))
            continue;
        v->visit(v->ctx, &row);
        v->left--;
    }
    return query_end(q);
}

/* Both places as of one moment. */
static enum err visit_both(struct reader *r, const char *listed, const struct request_filter *f,
                           struct visitor *v)
{
    enum err e = query_run(db_query(r->db, "BEGIN"));
    if (e)
        return e;
    e = visit_list(r, list_of_unlisted, f, v);
    if (!e && v->left)
        e = visit_list(r, listed, f, v);
    db_rollback(r->db); /* nothing was written: ends the moment */
    return e;
}

enum err reader_requests(struct reader *r, const struct request_filter *f,
                         void (*visit)(void *, const struct request_row *), void *ctx)
{
    const char *list = list_for(f);
    struct visitor v = {visit, ctx, f->limit < LIST_MAX ? f->limit : LIST_MAX};
    bool two_places = list == list_of_person || list == list_of_open;
    enum err e = two_places ? visit_both(r, list, f, &v) : visit_list(r, list, f, &v);
    return reader_result(r, e);
}

enum err reader_requests_reach(struct reader *r, const struct request_filter *f, uint32_t rows,
                               int64_t *key)
{
    bool all_match = !f->space_key && !f->by_status;
    *key = 0;
    if (list_for(f) != list_of_all || all_match)
        return OK;
    struct query *q = db_query(r->db, "SELECT key FROM request WHERE key < ?1 AND key >= ?2"
                                      " ORDER BY key DESC LIMIT 1 OFFSET ?3");
    bind_i64(q, f->before_key ? f->before_key : INT64_MAX);
    bind_i64(q, f->from_key);
    bind_i64(q, rows);
    if (query_row(q))
        *key = column_i64(q);
    return reader_result(r, query_end(q));
}

/* ---- one request ---- */

static enum err read_space_name(struct db *db, int64_t space_key, char out[SPACE_NAME_BYTES])
{
    struct query *q = db_query(db, "SELECT name FROM space WHERE key = ?1");
    out[0] = '\0';
    bind_i64(q, space_key);
    if (query_row(q))
        column_text(q, out, SPACE_NAME_BYTES);
    return query_end(q);
}

static enum err read_whole(struct db *db, struct uuid id, struct request_record *out,
                           char space_name[SPACE_NAME_BYTES])
{
    struct request_record record;
    char name[SPACE_NAME_BYTES];
    enum err e = rows_whole_request(db, id, &record);
    if (e)
        return e;
    e = read_space_name(db, record.space_key, name);
    if (e) {
        request_record_release(&record);
        return e;
    }
    *out = record;
    str_copy(space_name, SPACE_NAME_BYTES, str_of(name));
    return OK;
}

enum err reader_request(struct reader *r, struct uuid id, struct request_record *out,
                        char space_name[SPACE_NAME_BYTES])
{
    /* One snapshot for the row and its text. */
    enum err e = db_exec(r->db, "BEGIN");
    if (!e)
        e = read_whole(r->db, id, out, space_name);
    reader_result(r, e);
    db_rollback(r->db);
    return e;
}

enum err reader_attempts(struct reader *r, struct uuid request_id,
                         void (*visit)(void *, const struct attempt_record *), void *ctx)
{
    /* The newest one is told of by the request's own row. */
    struct query *q =
        db_query(r->db, "SELECT a.attempt, a.app, a.started_ms, a.ended_ms, a.outcome"
                        " FROM request q JOIN attempt a ON a.request_key = q.key"
                        " WHERE q.key = ?1 AND q.id = ?2"
                        " UNION ALL SELECT attempt, app, attempt_ms, finished_ms,"
                        " CASE WHEN finished_ms = 0 THEN '' WHEN error_code = '' THEN status"
                        " ELSE error_code END FROM request"
                        " WHERE key = ?1 AND id = ?2 AND attempt_ms > 0 ORDER BY 1");
    bind_i64(q, uuid_key(request_id));
    bind_uuid(q, request_id);
    while (query_row(q)) {
        struct attempt_record attempt = {.attempt = column_u32(q)};
        column_text(q, attempt.app, sizeof attempt.app);
        attempt.started_ms = column_i64(q);
        attempt.ended_ms = column_i64(q);
        column_text(q, attempt.outcome, sizeof attempt.outcome);
        if (query_good(q))
            visit(ctx, &attempt);
    }
    return reader_result(r, query_end(q));
}

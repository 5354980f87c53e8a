#include "store/write_request.h"

#include "store/prompt.h"

#include <assert.h>

/* A part of a request up to this size stands in its row, which is written anyway; a larger one in a
 * table of its own. The four together fit on a page. */
#define ROW_PART_BYTES 900

/* ---- parts ---- */

/* Text at offset takes the place of what is stored from there on. */
static enum err put_text(struct db *db, int64_t key, uint64_t offset, const struct bytes *text)
{
    if (!text)
        return OK;
    struct query *q = db_query(db, "DELETE FROM chunk WHERE request_key = ?1 AND offset >= ?2");
    bind_i64(q, key);
    bind_i64(q, (int64_t)offset);
    enum err e = query_run(q);
    if (e || text->n == 0)
        return e;
    q = db_query(db, "INSERT INTO chunk (request_key, offset, text) VALUES (?1, ?2, ?3)");
    bind_i64(q, key);
    bind_i64(q, (int64_t)offset);
    bind_blob(q, text->p, text->n);
    return query_run(q);
}

static enum err drop_text(struct db *db, int64_t key)
{
    struct query *q = db_query(db, "DELETE FROM chunk WHERE request_key = ?1");
    bind_i64(q, key);
    return query_run(q);
}

/* NULL for what does not stand in the row. */
static const struct bytes *in_row(const struct bytes *part)
{
    return part && part->n <= ROW_PART_BYTES ? part : NULL;
}

static bool all_in_row(const struct bytes *usage, const struct bytes *message,
                       const struct bytes *result)
{
    return in_row(usage) == usage && in_row(message) == message && in_row(result) == result;
}

/* Those that do not fit: a part that does is in the row too, which goes before. */
static enum err put_large(struct db *db, int64_t key, const struct bytes *usage,
                          const struct bytes *message, const struct bytes *result)
{
    if (all_in_row(usage, message, result))
        return OK;
    struct query *q =
        db_query(db, "INSERT INTO result (key, usage, error_message, json) VALUES (?1, ?2, ?3, ?4)"
                     " ON CONFLICT (key) DO UPDATE SET usage = excluded.usage,"
                     " error_message = excluded.error_message, json = excluded.json");
    bind_i64(q, key);
    bind_bytes(q, usage);
    bind_bytes(q, message);
    bind_bytes(q, result);
    return query_run(q);
}

/* ---- a new request ---- */

static void bind_app(struct query *q, const struct change *c)
{
    bind_str(q, str_start(bytes_str(c->message), NOTE_BYTES - 1));
    bind_i64(q, c->at_ms);
}

static enum err insert_row(struct db *db, const struct change *c)
{
    const struct request_record *r = c->request;
    char prompt[PROMPT_BYTES + 1];
    prompt_read(db, r->payload, prompt);
    struct query *q = db_query(
        db, "INSERT INTO request (key, id, space_key, user_key, username, status, attempt, lost,"
            " waived, turn, error_code, created_ms, started_ms, finished_ms, app, attempt_ms,"
            " prompt, payload, usage, error_message, result) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
            " ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)");
    bind_i64(q, uuid_key(r->id));
    bind_uuid(q, r->id);
    bind_i64(q, r->space_key);
    bind_i64(q, r->user_key);
    bind_text(q, r->username);
    bind_text(q, request_status_name(r->status));
    bind_i64(q, r->attempt);
    bind_i64(q, r->lost);
    bind_i64(q, r->waived);
    bind_i64(q, (int64_t)r->turn);
    bind_text(q, r->error_code);
    bind_i64(q, r->created_ms);
    bind_i64(q, r->started_ms);
    bind_i64(q, r->finished_ms);
    bind_app(q, c);
    bind_text(q, prompt);
    bind_bytes(q, in_row(r->payload));
    bind_bytes(q, in_row(r->usage));
    bind_bytes(q, in_row(r->error_message));
    bind_bytes(q, in_row(r->result));
    return query_run(q);
}

static enum err put_payload(struct db *db, int64_t key, const struct bytes *payload)
{
    if (in_row(payload) == payload)
        return OK;
    struct query *q = db_query(db, "INSERT INTO payload (key, prompt, json) VALUES (?1, '', ?2)");
    bind_i64(q, key);
    bind_bytes(q, payload);
    return query_run(q);
}

static enum err put_idempotency(struct db *db, const struct idempotency_record *k)
{
    struct query *q =
        db_query(db, "INSERT INTO idempotency (request_key, request_id, user_key, space_key, name,"
                     " hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    bind_i64(q, uuid_key(k->request_id));
    bind_uuid(q, k->request_id);
    bind_i64(q, k->user_key);
    bind_i64(q, k->space_key);
    bind_text(q, k->name);
    bind_blob(q, k->hash.b, sizeof k->hash.b);
    return query_run(q);
}

enum err write_keys_expired(struct db *db, const struct change *c)
{
    struct query *q = db_query(db, "DELETE FROM idempotency WHERE request_key <= ?1");
    bind_i64(q, c->key);
    return query_run(q);
}

enum err write_request_new(struct db *db, const struct change *c)
{
    const struct request_record *r = c->request;
    int64_t key = uuid_key(r->id);
    enum err e = insert_row(db, c);
    if (!e)
        e = put_payload(db, key, r->payload);
    if (!e)
        e = put_text(db, key, 0, r->text);
    if (!e)
        e = put_large(db, key, r->usage, r->error_message, r->result);
    if (!e && c->idempotency)
        e = put_idempotency(db, c->idempotency);
    return e;
}

/* ---- its life ---- */

enum err write_request_attempt(struct db *db, const struct change *c)
{
    struct query *q =
        db_query(db, "UPDATE request SET status = 'processing', attempt = ?3, app = ?4,"
                     " attempt_ms = ?5,"
                     " started_ms = CASE started_ms WHEN 0 THEN ?5 ELSE started_ms END"
                     " WHERE key = ?1 AND id = ?2");
    bind_i64(q, uuid_key(c->id));
    bind_uuid(q, c->id);
    bind_i64(q, c->attempt);
    bind_app(q, c);
    enum err e = write_found(db, query_run(q));
    return e ? e : drop_text(db, uuid_key(c->id));
}

/* The row tells only of the newest attempt: one that is over, and was not the last, is written down
 * beside it. */
static enum err keep_attempt(struct db *db, const struct change *c)
{
    struct query *q = db_query(
        db, "INSERT INTO attempt (request_key, attempt, app, started_ms, ended_ms, outcome)"
            " SELECT key, attempt, app, attempt_ms, ?3, ?4 FROM request"
            " WHERE key = ?1 AND id = ?2 AND attempt_ms > 0");
    bind_i64(q, uuid_key(c->id));
    bind_uuid(q, c->id);
    bind_i64(q, c->at_ms);
    bind_text(q, c->code);
    return query_run(q);
}

enum err write_request_queued(struct db *db, const struct change *c)
{
    enum err e = keep_attempt(db, c);
    if (e)
        return e;
    struct query *q = db_query(db, "UPDATE request SET status = 'queued', lost = ?3, waived = ?4,"
                                   " app = '', attempt_ms = 0 WHERE key = ?1 AND id = ?2");
    bind_i64(q, uuid_key(c->id));
    bind_uuid(q, c->id);
    bind_i64(q, c->lost);
    bind_i64(q, c->waived);
    e = write_found(db, query_run(q));
    return e ? e : drop_text(db, uuid_key(c->id));
}

/* Whether the request is stored. */
static enum err find_request(struct db *db, struct uuid id)
{
    struct query *q = db_query(db, "SELECT 1 FROM request WHERE key = ?1 AND id = ?2");
    bind_i64(q, uuid_key(id));
    bind_uuid(q, id);
    bool found = query_row(q);
    enum err e = query_end(q);
    if (e || found)
        return e;
    db_set_error(db, "the request is not stored");
    return ERR_STORE_UNAVAILABLE;
}

enum err write_request_text(struct db *db, const struct change *c)
{
    enum err e = find_request(db, c->id);
    return e ? e : put_text(db, uuid_key(c->id), c->offset, c->text);
}

enum err write_request_final(struct db *db, const struct change *c)
{
    int64_t key = uuid_key(c->id);
    struct query *q = db_query(
        db, "UPDATE request SET status = ?3, attempt = ?4, error_code = ?5, finished_ms = ?6,"
            " usage = ?7, error_message = ?8, result = ?9 WHERE key = ?1 AND id = ?2");
    bind_i64(q, key);
    bind_uuid(q, c->id);
    bind_text(q, request_status_name(c->status));
    bind_i64(q, c->attempt);
    bind_text(q, c->code);
    bind_i64(q, c->at_ms);
    bind_bytes(q, in_row(c->usage));
    bind_bytes(q, in_row(c->message));
    bind_bytes(q, in_row(c->result));
    enum err e = write_found(db, query_run(q));
    if (!e)
        e = put_text(db, key, c->offset, c->text);
    return e ? e : put_large(db, key, c->usage, c->message, c->result);
}

static enum err put_large_usage(struct db *db, const struct change *c)
{
    struct query *q = db_query(
        db, "INSERT INTO result (key, usage) SELECT key, ?3 FROM request WHERE key = ?1 AND id = ?2"
            " ON CONFLICT (key) DO UPDATE SET usage = excluded.usage");
    bind_i64(q, uuid_key(c->id));
    bind_uuid(q, c->id);
    bind_bytes(q, c->usage);
    return query_run(q);
}

enum err write_request_usage(struct db *db, const struct change *c)
{
    struct query *q = db_query(db, "UPDATE request SET usage = ?3 WHERE key = ?1 AND id = ?2");
    bind_i64(q, uuid_key(c->id));
    bind_uuid(q, c->id);
    bind_bytes(q, in_row(c->usage));
    enum err e = query_run(q);
    return e || in_row(c->usage) == c->usage ? e : put_large_usage(db, c);
}

#include "store/write_request.h"

#include <assert.h>

#define RETENTION_BATCH "200" /* requests removed by one change */
#define PROMPT_BYTES    300   /* request_row.prompt without its NUL */
/* Of larger payloads lists show none that would have to be parsed for: that holds up the whole
 * transaction (1 ms a MiB). */
#define PROMPT_FROM_BYTES ((size_t)1 << 20)
#define KEY_COUNTER_BITS  15 /* below the milliseconds in a row key, see base/uuid.h */

/* The longest beginning of s that is valid UTF-8, has no NUL and at most max bytes. */
static struct str utf8_start(struct str s, size_t max)
{
    uint32_t state = 0;
    size_t whole = 0;
    for (size_t i = 0; i < s.n && i < max && s.p[i] != '\0'; i++) {
        if (!utf8_feed(&state, s.p + i, 1))
            break;
        if (state == 0)
            whole = i + 1;
    }
    return str_slice(s.p, whole);
}

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

static enum err put_result(struct db *db, int64_t key, const struct bytes *usage,
                           const struct bytes *message, const struct bytes *result)
{
    if (!usage && !message && !result)
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

static enum err end_attempt(struct db *db, const struct change *c, const char *outcome)
{
    struct query *q = db_query(db, "UPDATE attempt SET ended_ms = ?3, outcome = ?4"
                                   " WHERE request_key = ?1 AND attempt = ?2 AND outcome = ''");
    bind_i64(q, uuid_key(c->id));
    bind_i64(q, c->attempt);
    bind_i64(q, c->at_ms);
    bind_text(q, outcome);
    return query_run(q);
}

/* ---- a new request ---- */

static enum err insert_attempt(struct db *db, const struct change *c)
{
    struct query *q = db_query(
        db, "INSERT OR REPLACE INTO attempt (request_key, attempt, app, started_ms, ended_ms,"
            " outcome) VALUES (?1, ?2, ?3, ?4, 0, '')");
    bind_i64(q, uuid_key(c->id));
    bind_i64(q, c->attempt);
    bind_str(q, utf8_start(bytes_str(c->message), NOTE_BYTES - 1));
    bind_i64(q, c->at_ms);
    return query_run(q);
}

static enum err insert_row(struct db *db, const struct request_record *r)
{
    struct query *q = db_query(
        db, "INSERT INTO request (key, id, space_key, user_key, username, status, attempt, lost,"
            " waived, turn, error_code, created_ms, started_ms, finished_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)");
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
    return query_run(q);
}

static enum err insert_payload(struct db *db, int64_t key, const struct bytes *payload,
                               struct str prompt)
{
    struct query *q = db_query(db, "INSERT INTO payload (key, prompt, json) VALUES (?1, ?2, ?3)");
    bind_i64(q, key);
    bind_str(q, prompt);
    bind_bytes(q, payload);
    return query_run(q);
}

/* The text of json after the start of its prompt, where that is what it begins with. */
static bool skip_to_prompt(struct str json, struct str *rest)
{
    const struct str openings[] = {STR("{\"prompt\":\""), STR("{\"prompt\": \"")};
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        if (!str_starts(json, openings[i]))
            continue;
        *rest = str_slice(json.p + openings[i].n, json.n - openings[i].n);
        return true;
    }
    return false;
}

/* The start of a prompt that opens the payload and has nothing escaped in it: most do, and it is
 * had without parsing. (A member's name comes only once in a payload.) */
static bool plain_prompt(struct str json, struct str *prompt)
{
    struct str rest;
    if (!skip_to_prompt(json, &rest))
        return false;
    size_t n = 0;
    while (n < rest.n && n <= PROMPT_BYTES && rest.p[n] != '"' && rest.p[n] != '\\')
        n++;
    if (n == rest.n || (n <= PROMPT_BYTES && rest.p[n] != '"'))
        return false;
    *prompt = utf8_start(str_slice(rest.p, n), PROMPT_BYTES);
    return true;
}

/* The start of payload.prompt goes into a column of its own, so that lists need not open payloads.
 * It is a convenience: where it cannot be had, it is "". */
static enum err put_payload(struct db *db, int64_t key, const struct bytes *payload)
{
    struct str plain = STR("");
    if (!payload || plain_prompt(bytes_str(payload), &plain) || payload->n > PROMPT_FROM_BYTES)
        return insert_payload(db, key, payload, plain);
    struct query *q = db_query(db, "SELECT json_extract(?1, '$.prompt')"
                                   " WHERE json_type(?1, '$.prompt') = 'text'");
    bind_bytes(q, payload);
    struct str prompt = query_row(q) ? utf8_start(column_str(q), PROMPT_BYTES) : STR("");
    enum err e = insert_payload(db, key, payload, prompt); /* prompt is borrowed from q */
    enum err no_json = query_end(q);
    (void)no_json;
    return e;
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
    enum err e = insert_row(db, r);
    if (!e)
        e = put_payload(db, key, r->payload);
    if (!e)
        e = put_text(db, key, 0, r->text);
    if (!e)
        e = put_result(db, key, r->usage, r->error_message, r->result);
    if (!e && c->attempt)
        e = insert_attempt(db, c);
    if (!e && c->idempotency)
        e = put_idempotency(db, c->idempotency);
    return e;
}

/* ---- its life ---- */

enum err write_request_attempt(struct db *db, const struct change *c)
{
    struct query *q =
        db_query(db, "UPDATE request SET status = 'processing', attempt = ?3,"
                     " started_ms = CASE started_ms WHEN 0 THEN ?4 ELSE started_ms END"
                     " WHERE key = ?1 AND id = ?2");
    bind_i64(q, uuid_key(c->id));
    bind_uuid(q, c->id);
    bind_i64(q, c->attempt);
    bind_i64(q, c->at_ms);
    enum err e = write_found(db, query_run(q));
    if (!e)
        e = drop_text(db, uuid_key(c->id));
    if (!e)
        e = insert_attempt(db, c);
    return e;
}

enum err write_request_queued(struct db *db, const struct change *c)
{
    struct query *q = db_query(db, "UPDATE request SET status = 'queued', lost = ?3, waived = ?4"
                                   " WHERE key = ?1 AND id = ?2");
    bind_i64(q, uuid_key(c->id));
    bind_uuid(q, c->id);
    bind_i64(q, c->lost);
    bind_i64(q, c->waived);
    enum err e = write_found(db, query_run(q));
    if (!e)
        e = end_attempt(db, c, c->code);
    if (!e)
        e = drop_text(db, uuid_key(c->id));
    return e;
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
        db, "UPDATE request SET status = ?3, attempt = ?4, error_code = ?5, finished_ms = ?6"
            " WHERE key = ?1 AND id = ?2");
    bind_i64(q, key);
    bind_uuid(q, c->id);
    bind_text(q, request_status_name(c->status));
    bind_i64(q, c->attempt);
    bind_text(q, c->code);
    bind_i64(q, c->at_ms);
    enum err e = write_found(db, query_run(q));
    if (!e)
        e = put_text(db, key, c->offset, c->text);
    if (!e)
        e = put_result(db, key, c->usage, c->message, c->result);
    if (!e)
        e = end_attempt(db, c, c->code[0] ? c->code : request_status_name(c->status));
    return e;
}

enum err write_request_usage(struct db *db, const struct change *c)
{
    struct query *q = db_query(
        db, "INSERT INTO result (key, usage) SELECT key, ?3 FROM request WHERE key = ?1 AND id = ?2"
            " ON CONFLICT (key) DO UPDATE SET usage = excluded.usage");
    bind_i64(q, uuid_key(c->id));
    bind_uuid(q, c->id);
    bind_bytes(q, c->usage);
    return query_run(q);
}

/* ---- retention ---- */

/* The oldest requests that finished before ?1. None of them has a key from ?2 on, because it was
 * made before it was finished: this keeps the search among the oldest rows. */
#define EXPIRED                                                                                    \
    "(SELECT key FROM request WHERE key < ?2 AND finished_ms > 0 AND finished_ms < ?1"             \
    " ORDER BY key LIMIT " RETENTION_BATCH ")"

enum err write_retention(struct db *db, const struct change *c)
{
    static const char *const statements[] = {
        "DELETE FROM chunk WHERE request_key IN " EXPIRED,
        "DELETE FROM attempt WHERE request_key IN " EXPIRED,
        "DELETE FROM payload WHERE key IN " EXPIRED,
        "DELETE FROM result WHERE key IN " EXPIRED,
        "DELETE FROM request WHERE key IN " EXPIRED, /* last: the others find them by it */
    };
    int64_t before = c->at_ms > 0 ? c->at_ms : 0;
    enum err e = OK;
    assert(before < INT64_MAX >> KEY_COUNTER_BITS);
    for (size_t i = 0; !e && i < sizeof statements / sizeof statements[0]; i++) {
        struct query *q = db_query(db, statements[i]);
        bind_i64(q, before);
        bind_i64(q, before << KEY_COUNTER_BITS);
        e = query_run(q);
    }
    return e;
}

#include "store/parts.h"

#include "store/rows.h"

static enum err load_users(struct db *db, const struct store_visitor *v)
{
    struct query *q = db_query(db, "SELECT " USER_COLUMNS " FROM user ORDER BY key");
    while (query_row(q)) {
        struct user_record user;
        if (rows_user(q, &user))
            v->user(v->ctx, &user);
    }
    return query_end(q);
}

static enum err load_spaces(struct db *db, const struct store_visitor *v)
{
    struct query *q = db_query(db, "SELECT " SPACE_COLUMNS " FROM space"
                                   " WHERE removed_ms = 0 ORDER BY key");
    while (query_row(q)) {
        struct space_record space;
        if (rows_space(q, &space))
            v->space(v->ctx, &space);
    }
    return query_end(q);
}

static enum err load_tokens(struct db *db, const struct store_visitor *v)
{
    struct query *q = db_query(
        db, "SELECT " TOKEN_COLUMNS " FROM token"
            " WHERE space_key IN (SELECT key FROM space WHERE removed_ms = 0) ORDER BY key");
    while (query_row(q)) {
        struct token_record token;
        if (rows_token(q, &token))
            v->token(v->ctx, &token);
    }
    return query_end(q);
}

static enum err load_sessions(struct db *db, const struct store_visitor *v)
{
    struct query *q = db_query(db, "SELECT " SESSION_COLUMNS " FROM session ORDER BY key");
    while (query_row(q)) {
        struct session_record session;
        if (rows_session(q, &session))
            v->session(v->ctx, &session);
    }
    return query_end(q);
}

static enum err load_api_keys(struct db *db, const struct store_visitor *v)
{
    struct query *q = db_query(db, "SELECT " API_KEY_COLUMNS " FROM api_key"
                                   " WHERE revoked_ms = 0 ORDER BY key");
    while (query_row(q)) {
        struct api_key_record key;
        if (rows_api_key(q, &key))
            v->api_key(v->ctx, &key);
    }
    return query_end(q);
}

static enum err load_settings(struct db *db, const struct store_visitor *v)
{
    struct query *q = db_query(db, "SELECT " SETTING_COLUMNS " FROM setting ORDER BY name");
    while (query_row(q)) {
        struct setting_record setting;
        if (rows_setting(q, &setting))
            v->setting(v->ctx, &setting);
    }
    return query_end(q);
}

static enum err load_idempotency(struct db *db, const struct store_visitor *v)
{
    struct query *q =
        db_query(db, "SELECT " IDEMPOTENCY_COLUMNS " FROM idempotency ORDER BY request_key");
    while (query_row(q)) {
        struct idempotency_record key;
        if (rows_idempotency(q, &key))
            v->idempotency(v->ctx, &key);
    }
    return query_end(q);
}

#define UNFINISHED "q.status IN ('queued', 'processing')"

static enum err visit_requests(struct db *db, const struct store_visitor *v, const char *unfinished)
{
    struct query *q = db_query(db, unfinished);
    enum err text = OK;
    while (!text && query_row(q)) {
        struct request_record request;
        bool good = rows_request(q, &request);
        if (good)
            text = rows_text(db, uuid_key(request.id), &request.text);
        if (good && !text)
            v->request(v->ctx, &request);
        request_record_release(&request);
    }
    enum err e = query_end(q);
    return e ? e : text;
}

/* The unfinished requests: those that are listed, and those that came later. */
static enum err load_requests(struct db *db, const struct store_visitor *v)
{
    enum err e =
        visit_requests(db, v,
                       "SELECT " REQUEST_COLUMNS " FROM listed_request l CROSS JOIN request q"
                       " ON q.key = l.request_key" REQUEST_PARTS
                       " WHERE l.finished_ms = 0 AND " UNFINISHED " ORDER BY l.request_key");
    return e ? e
             : visit_requests(db, v,
                              "SELECT " REQUEST_COLUMNS " FROM request q" REQUEST_PARTS
                              " WHERE q.key > (SELECT up_to FROM listed) AND " UNFINISHED
                              " ORDER BY q.key");
}

/* Also of what is finished or removed, which is not loaded. What listed.up_to names may be gone,
 * and the newest row with it: what got a key up to it would be taken for listed, and never be. */
static enum err load_last_key(struct db *db, const struct store_visitor *v)
{
    struct query *q = db_query(db, "SELECT max(key) FROM (SELECT max(key) AS key FROM user"
                                   " UNION ALL SELECT max(key) FROM session"
                                   " UNION ALL SELECT max(key) FROM space"
                                   " UNION ALL SELECT max(key) FROM token"
                                   " UNION ALL SELECT max(key) FROM api_key"
                                   " UNION ALL SELECT max(key) FROM request"
                                   " UNION ALL SELECT up_to FROM listed)");
    if (query_row(q))
        v->last_key(v->ctx, column_i64(q));
    return query_end(q);
}

enum err load_all(struct db *db, const struct store_visitor *v)
{
    static enum err (*const steps[])(struct db *, const struct store_visitor *) = {
        load_users,    load_spaces,      load_tokens,   load_sessions, load_api_keys,
        load_settings, load_idempotency, load_requests, load_last_key,
    };
    enum err e = OK;
    for (size_t i = 0; !e && i < sizeof steps / sizeof steps[0]; i++)
        e = steps[i](db, v);
    return e;
}

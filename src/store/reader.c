#include "store/reader.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/parts.h"
#include "store/reader_private.h"
#include "store/rows.h"
#include "store/state.h"

#include <stdlib.h>

enum err reader_open(struct reader **out, struct store *s)
{
    struct buf why = BUF_INIT(1000);
    struct reader *r = xcalloc(1, sizeof *r);
    r->store = s;
    enum err e = db_open(&r->db, store_path(s), DB_READER, &why);
    if (e) {
        log_error("store", "%s", buf_cstr(&why));
        free(r);
    } else {
        *out = r;
    }
    buf_release(&why);
    return e ? ERR_STORE_UNAVAILABLE : OK;
}

void reader_close(struct reader *r)
{
    if (!r)
        return;
    db_close(r->db);
    free(r);
}

enum err reader_result(struct reader *r, enum err e)
{
    if (!e || e == ERR_NOT_FOUND)
        return e;
    log_error("store", "reading failed: %s", db_error(r->db));
    if (db_trouble(r->db) == DB_DAMAGED)
        store_note(r->store, DB_DAMAGED);
    return e;
}

/* Ends a query for a single thing. */
static enum err end_single(struct reader *r, struct query *q, bool found)
{
    enum err e = query_end(q);
    return reader_result(r, e || found ? e : ERR_NOT_FOUND);
}

enum err reader_user(struct reader *r, struct str name, struct user_record *out)
{
    struct user_record user;
    struct query *q = db_query(r->db, "SELECT " USER_COLUMNS " FROM user WHERE name = ?1");
    bind_str(q, name);
    bool found = query_row(q);
    if (found)
        found = rows_user(q, &user);
    enum err e = end_single(r, q, found);
    if (!e)
        *out = user;
    return e;
}

enum err reader_users(struct reader *r, void (*visit)(void *, const struct user_record *),
                      void *ctx)
{
    struct query *q = db_query(r->db, "SELECT " USER_COLUMNS " FROM user ORDER BY name");
    while (query_row(q)) {
        struct user_record user;
        if (rows_user(q, &user))
            visit(ctx, &user);
    }
    return reader_result(r, query_end(q));
}

enum err reader_sessions(struct reader *r, int64_t user_key,
                         void (*visit)(void *, const struct session_record *), void *ctx)
{
    struct query *q = db_query(r->db, "SELECT " SESSION_COLUMNS " FROM session"
                                      " WHERE user_key = ?1 ORDER BY seen_ms DESC, key DESC");
    bind_i64(q, user_key);
    while (query_row(q)) {
        struct session_record session;
        if (rows_session(q, &session))
            visit(ctx, &session);
    }
    return reader_result(r, query_end(q));
}

enum err reader_space(struct reader *r, struct uuid id, struct space_record *out)
{
    struct space_record space;
    struct query *q = db_query(r->db, "SELECT " SPACE_COLUMNS " FROM space"
                                      " WHERE key = ?1 AND id = ?2");
    bind_i64(q, uuid_key(id));
    bind_uuid(q, id);
    bool found = query_row(q);
    if (found)
        found = rows_space(q, &space);
    enum err e = end_single(r, q, found);
    if (!e)
        *out = space;
    return e;
}

enum err reader_space_by_name(struct reader *r, struct str name, struct space_record *out)
{
    struct space_record space;
    struct query *q = db_query(r->db, "SELECT " SPACE_COLUMNS " FROM space"
                                      " WHERE name = ?1 AND removed_ms = 0");
    bind_str(q, name);
    bool found = query_row(q);
    if (found)
        found = rows_space(q, &space);
    enum err e = end_single(r, q, found);
    if (!e)
        *out = space;
    return e;
}

enum err reader_spaces(struct reader *r, void (*visit)(void *, const struct space_record *),
                       void *ctx)
{
    struct query *q = db_query(r->db, "SELECT " SPACE_COLUMNS " FROM space WHERE removed_ms = 0"
                                      " ORDER BY name COLLATE NOCASE, name");
    while (query_row(q)) {
        struct space_record space;
        if (rows_space(q, &space))
            visit(ctx, &space);
    }
    return reader_result(r, query_end(q));
}

enum err reader_tokens(struct reader *r, int64_t space_key,
                       void (*visit)(void *, const struct token_record *), void *ctx)
{
    struct query *q = db_query(r->db, "SELECT " TOKEN_COLUMNS " FROM token"
                                      " WHERE ?1 = 0 OR space_key = ?1 ORDER BY key DESC");
    bind_i64(q, space_key);
    while (query_row(q)) {
        struct token_record token;
        if (rows_token(q, &token))
            visit(ctx, &token);
    }
    return reader_result(r, query_end(q));
}

enum err reader_api_keys(struct reader *r, int64_t user_key,
                         void (*visit)(void *, const struct api_key_record *), void *ctx)
{
    struct query *q = db_query(r->db, "SELECT " API_KEY_COLUMNS " FROM api_key"
                                      " WHERE user_key = ?1 AND revoked_ms = 0 ORDER BY key DESC");
    bind_i64(q, user_key);
    while (query_row(q)) {
        struct api_key_record key;
        if (rows_api_key(q, &key))
            visit(ctx, &key);
    }
    return reader_result(r, query_end(q));
}

enum err reader_settings(struct reader *r, void (*visit)(void *, const struct setting_record *),
                         void *ctx)
{
    struct query *q = db_query(r->db, "SELECT " SETTING_COLUMNS " FROM setting ORDER BY name");
    while (query_row(q)) {
        struct setting_record setting;
        if (rows_setting(q, &setting))
            visit(ctx, &setting);
    }
    return reader_result(r, query_end(q));
}

#include "store/rows.h"

#include <string.h>

/* Far above the highest limit on text: what is stored is read, whatever the limit is today. */
#define TEXT_MAX_BYTES ((size_t)1 << 28)

bool rows_user(struct query *q, struct user_record *out)
{
    *out = (struct user_record){.id = column_uuid(q)};
    column_text(q, out->name, sizeof out->name);
    struct str role = column_str(q);
    out->role = str_eq(role, STR("admin")) ? ROLE_ADMIN : ROLE_USER;
    if (out->role == ROLE_USER && !str_eq(role, STR("user")))
        query_fail(q, "a role is unknown");
    out->disabled = column_bool(q);
    column_text(q, out->password_hash, sizeof out->password_hash);
    column_text(q, out->language, sizeof out->language);
    out->created_ms = column_i64(q);
    out->last_login_ms = column_i64(q);
    return query_good(q);
}

bool rows_session(struct query *q, struct session_record *out)
{
    *out = (struct session_record){.id = column_uuid(q)};
    column_blob(q, out->hash.b, sizeof out->hash.b);
    out->user_key = column_i64(q);
    out->created_ms = column_i64(q);
    out->seen_ms = column_i64(q);
    out->expires_ms = column_i64(q);
    column_text(q, out->address, sizeof out->address);
    column_text(q, out->agent, sizeof out->agent);
    return query_good(q);
}

bool rows_space(struct query *q, struct space_record *out)
{
    *out = (struct space_record){.id = column_uuid(q)};
    column_text(q, out->name, sizeof out->name);
    column_text(q, out->description, sizeof out->description);
    column_text(q, out->cover, sizeof out->cover);
    column_text(q, out->cover_type, sizeof out->cover_type);
    out->inputs = column_u32(q);
    out->max_apps = column_u32(q);
    out->rate_limit_s = column_u32(q);
    out->queue_offline = column_bool(q);
    out->legacy_registration = column_bool(q);
    out->created_ms = column_i64(q);
    out->removed_ms = column_i64(q);
    return query_good(q);
}

bool rows_token(struct query *q, struct token_record *out)
{
    *out = (struct token_record){.id = column_uuid(q)};
    out->space_key = column_i64(q);
    column_text(q, out->note, sizeof out->note);
    column_text(q, out->created_by, sizeof out->created_by);
    out->created_ms = column_i64(q);
    out->expires_ms = column_i64(q);
    out->revoked_ms = column_i64(q);
    out->used_ms = column_i64(q);
    return query_good(q);
}

bool rows_api_key(struct query *q, struct api_key_record *out)
{
    *out = (struct api_key_record){.id = column_uuid(q)};
    out->user_key = column_i64(q);
    column_text(q, out->name, sizeof out->name);
    if (scopes_parse(column_str(q), &out->scopes))
        query_fail(q, "a scope is unknown");
    column_blob(q, out->hash.b, sizeof out->hash.b);
    out->created_ms = column_i64(q);
    out->expires_ms = column_i64(q);
    out->used_ms = column_i64(q);
    out->revoked_ms = column_i64(q);
    return query_good(q);
}

bool rows_setting(struct query *q, struct setting_record *out)
{
    *out = (struct setting_record){0};
    column_text(q, out->name, sizeof out->name);
    column_text(q, out->value, sizeof out->value);
    return query_good(q);
}

bool rows_idempotency(struct query *q, struct idempotency_record *out)
{
    *out = (struct idempotency_record){.request_id = column_uuid(q)};
    out->user_key = column_i64(q);
    out->space_key = column_i64(q);
    column_text(q, out->name, sizeof out->name);
    column_blob(q, out->hash.b, sizeof out->hash.b);
    return query_good(q);
}

enum request_status rows_status(struct query *q)
{
    enum request_status status = REQUEST_FAILED;
    if (request_status_parse(column_str(q), &status))
        query_fail(q, "a status is unknown");
    return status;
}

bool rows_request(struct query *q, struct request_record *out)
{
    *out = (struct request_record){.id = column_uuid(q)};
    out->space_key = column_i64(q);
    out->user_key = column_i64(q);
    column_text(q, out->username, sizeof out->username);
    out->status = rows_status(q);
    out->attempt = column_u32(q);
    out->lost = column_u32(q);
    out->waived = column_u32(q);
    out->turn = (uint64_t)column_i64(q);
    column_text(q, out->error_code, sizeof out->error_code);
    out->created_ms = column_i64(q);
    out->started_ms = column_i64(q);
    out->finished_ms = column_i64(q);
    out->payload = column_bytes(q);
    out->usage = column_bytes(q);
    out->error_message = column_bytes(q);
    out->result = column_bytes(q);
    return query_good(q);
}

/* A piece counts from its offset on, so it cuts what was there before; a gap ends the text. */
static bool join(struct buf *text, int64_t offset, struct str piece)
{
    if (offset < 0 || (uint64_t)offset > text->len)
        return false;
    text->len = (size_t)offset;
    buf_str_append(text, piece);
    return !text->failed;
}

enum err rows_text(struct db *db, int64_t request_key, struct bytes **out)
{
    struct buf text = BUF_INIT(TEXT_MAX_BYTES);
    struct query *q =
        db_query(db, "SELECT offset, text FROM chunk WHERE request_key = ?1 ORDER BY offset");
    bind_i64(q, request_key);
    while (query_row(q)) {
        int64_t offset = column_i64(q);
        if (!join(&text, offset, column_str(q)))
            break;
    }
    if (text.failed)
        query_fail(q, "the text is too long");
    struct bytes *joined = text.len > 0 ? bytes_new(buf_str(&text)) : NULL;
    if (text.len > 0 && !joined)
        query_fail(q, "memory is out");
    buf_release(&text);
    enum err e = query_end(q);
    if (e)
        bytes_unref(joined);
    else
        *out = joined;
    return e;
}

enum err rows_whole_request(struct db *db, struct uuid id, struct request_record *out)
{
    struct request_record record = {0};
    struct query *q = db_query(db, "SELECT " REQUEST_COLUMNS " FROM request q" REQUEST_PARTS
                                   " WHERE q.key = ?1 AND q.id = ?2");
    bind_i64(q, uuid_key(id));
    bind_uuid(q, id);
    bool found = query_row(q);
    if (found && !rows_request(q, &record))
        found = false;
    enum err e = query_end(q);
    if (!e && !found)
        return ERR_NOT_FOUND;
    if (!e)
        e = rows_text(db, uuid_key(id), &record.text);
    if (e)
        request_record_release(&record);
    else
        *out = record;
    return e;
}

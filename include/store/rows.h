/* Rows of the database as records: what loading at the start and reading for pages have in common
 * (private to the store). Each rows_x reads the columns X_COLUMNS of the query's present row.
 * False, and the query has failed, when a value does not fit its record: such a record is shown to
 * nobody. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "model/record.h"
#include "store/db.h"

#define USER_COLUMNS                                                                               \
    "id, name, role, disabled, password_hash, language, "                                          \
    "created_ms, last_login_ms"
#define SESSION_COLUMNS "id, hash, user_key, created_ms, seen_ms, expires_ms, address, agent"
#define SPACE_COLUMNS                                                                              \
    "id, name, description, cover, cover_type, inputs, max_apps, rate_limit_s, queue_offline, "    \
    "legacy_registration, created_ms, removed_ms"
#define TOKEN_COLUMNS                                                                              \
    "id, space_key, note, created_by, created_ms, "                                                \
    "expires_ms, revoked_ms, used_ms"
#define API_KEY_COLUMNS                                                                            \
    "id, user_key, name, scopes, hash, created_ms, expires_ms, used_ms, revoked_ms"
#define SETTING_COLUMNS     "name, value"
#define IDEMPOTENCY_COLUMNS "request_id, user_key, space_key, name, hash"
#define REQUEST_COLUMNS                                                                            \
    "q.id, q.space_key, q.user_key, q.username, q.status, q.attempt, q.lost, q.waived, q.turn, "   \
    "q.error_code, q.created_ms, q.started_ms, q.finished_ms, coalesce(q.payload, p.json), "       \
    "coalesce(q.usage, r.usage), coalesce(q.error_message, r.error_message), "                     \
    "coalesce(q.result, r.json)"
#define REQUEST_PARTS " LEFT JOIN payload p ON p.key = q.key LEFT JOIN result r ON r.key = q.key"

bool rows_user(struct query *q, struct user_record *out);
bool rows_session(struct query *q, struct session_record *out);
bool rows_space(struct query *q, struct space_record *out);
bool rows_token(struct query *q, struct token_record *out);
bool rows_api_key(struct query *q, struct api_key_record *out);
bool rows_setting(struct query *q, struct setting_record *out);
bool rows_idempotency(struct query *q, struct idempotency_record *out);
/* One column: a status by its name. */
enum request_status rows_status(struct query *q);
/* All but the text. out owns its parts also when false is returned: release it. */
bool rows_request(struct query *q, struct request_record *out);

/* The streamed text of a request, joined; NULL in out when there is none. ERR_STORE_UNAVAILABLE. */
MUST_USE enum err rows_text(struct db *db, int64_t request_key, struct bytes **out);
/* A whole request with its text. ERR_NOT_FOUND, ERR_STORE_UNAVAILABLE. */
MUST_USE enum err rows_whole_request(struct db *db, struct uuid id, struct request_record *out);

#endif

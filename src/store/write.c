#include "store/write.h"

#include "store/write_request.h"

#include <assert.h>

/* The statement that ended last must have found its row: what is answered as saved has to be on
 * disk. */
enum err write_found(struct db *db, enum err e)
{
    if (e || db_changes(db) > 0)
        return e;
    db_set_error(db, "what should be changed is not stored");
    return ERR_STORE_UNAVAILABLE;
}

static enum err end_sessions_but(struct db *db, int64_t user_key, int64_t session_key)
{
    struct query *q = db_query(db, "DELETE FROM session WHERE user_key = ?1 AND key <> ?2");
    bind_i64(q, user_key);
    bind_i64(q, session_key);
    return query_run(q);
}

static enum err user_put(struct db *db, const struct change *c)
{
    const struct user_record *u = c->user;
    struct query *q =
        db_query(db, "INSERT INTO user (key, " /* the columns of rows.h, in their order */
                     "id, name, role, disabled, password_hash, language, created_ms, last_login_ms)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (key) DO UPDATE SET"
                     " name = excluded.name, role = excluded.role, disabled = excluded.disabled,"
                     " password_hash = excluded.password_hash, language = excluded.language,"
                     " created_ms = excluded.created_ms, last_login_ms = excluded.last_login_ms"
                     " WHERE id = excluded.id");
    bind_i64(q, uuid_key(u->id));
    bind_uuid(q, u->id);
    bind_text(q, u->name);
    bind_text(q, u->role == ROLE_ADMIN ? "admin" : "user");
    bind_i64(q, u->disabled);
    bind_text(q, u->password_hash);
    bind_text(q, u->language);
    bind_i64(q, u->created_ms);
    bind_i64(q, u->last_login_ms);
    enum err e = write_found(db, query_run(q));
    return e || !c->ends_sessions ? e : end_sessions_but(db, uuid_key(u->id), c->key);
}

/* How many there are of that key and id: 0 or 1. */
static enum err session_update(struct db *db, const struct session_record *s)
{
    struct query *q =
        db_query(db, "UPDATE session SET hash = ?3, user_key = ?4, created_ms = ?5, seen_ms = ?6,"
                     " expires_ms = ?7, address = ?8, agent = ?9 WHERE key = ?1 AND id = ?2");
    bind_i64(q, uuid_key(s->id));
    bind_uuid(q, s->id);
    bind_blob(q, s->hash.b, sizeof s->hash.b);
    bind_i64(q, s->user_key);
    bind_i64(q, s->created_ms);
    bind_i64(q, s->seen_ms);
    bind_i64(q, s->expires_ms);
    bind_text(q, s->address);
    bind_text(q, s->agent);
    return query_run(q);
}

static enum err session_insert(struct db *db, const struct session_record *s)
{
    struct query *q = db_query(
        db, "INSERT INTO session (key, id, hash, user_key, created_ms, seen_ms, expires_ms,"
            " address, agent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    bind_i64(q, uuid_key(s->id));
    bind_uuid(q, s->id);
    bind_blob(q, s->hash.b, sizeof s->hash.b);
    bind_i64(q, s->user_key);
    bind_i64(q, s->created_ms);
    bind_i64(q, s->seen_ms);
    bind_i64(q, s->expires_ms);
    bind_text(q, s->address);
    bind_text(q, s->agent);
    return query_run(q);
}

static enum err session_put(struct db *db, const struct change *c)
{
    enum err e = session_update(db, c->session);
    if (e || db_changes(db) > 0)
        return e;
    e = session_insert(db, c->session);
    if (e)
        return e;
    struct query *q = db_query(db, "UPDATE user SET last_login_ms = ?2 WHERE key = ?1");
    bind_i64(q, c->session->user_key);
    bind_i64(q, c->session->created_ms);
    return query_run(q);
}

static enum err session_seen(struct db *db, const struct change *c)
{
    struct query *q = db_query(db, "UPDATE session SET seen_ms = ?2 WHERE key = ?1");
    bind_i64(q, c->key);
    bind_i64(q, c->at_ms);
    return query_run(q);
}

static enum err session_end(struct db *db, const struct change *c)
{
    struct query *q = db_query(db, "DELETE FROM session WHERE key = ?1");
    bind_i64(q, c->key);
    return query_run(q);
}

static enum err space_put(struct db *db, const struct change *c)
{
    const struct space_record *s = c->space;
    struct query *q = db_query(
        db, "INSERT INTO space (key, id, name, description, cover, cover_type, inputs, max_apps,"
            " rate_limit_s, queue_offline, legacy_registration, created_ms, removed_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
            " ON CONFLICT (key) DO UPDATE SET name = excluded.name,"
            " description = excluded.description, cover = excluded.cover,"
            " cover_type = excluded.cover_type, inputs = excluded.inputs,"
            " max_apps = excluded.max_apps, rate_limit_s = excluded.rate_limit_s,"
            " queue_offline = excluded.queue_offline,"
            " legacy_registration = excluded.legacy_registration,"
            " created_ms = excluded.created_ms, removed_ms = excluded.removed_ms"
            " WHERE id = excluded.id");
    bind_i64(q, uuid_key(s->id));
    bind_uuid(q, s->id);
    bind_text(q, s->name);
    bind_text(q, s->description);
    bind_text(q, s->cover);
    bind_text(q, s->cover_type);
    bind_i64(q, s->inputs);
    bind_i64(q, s->max_apps);
    bind_i64(q, s->rate_limit_s);
    bind_i64(q, s->queue_offline);
    bind_i64(q, s->legacy_registration);
    bind_i64(q, s->created_ms);
    bind_i64(q, s->removed_ms);
    return write_found(db, query_run(q));
}

static enum err token_put(struct db *db, const struct change *c)
{
    const struct token_record *t = c->token;
    struct query *q = db_query(
        db, "INSERT INTO token (key, id, space_key, note, created_by, created_ms, expires_ms,"
            " revoked_ms, used_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
            " ON CONFLICT (key) DO UPDATE SET space_key = excluded.space_key,"
            " note = excluded.note, created_by = excluded.created_by,"
            " created_ms = excluded.created_ms, expires_ms = excluded.expires_ms,"
            " revoked_ms = excluded.revoked_ms, used_ms = excluded.used_ms"
            " WHERE id = excluded.id");
    bind_i64(q, uuid_key(t->id));
    bind_uuid(q, t->id);
    bind_i64(q, t->space_key);
    bind_text(q, t->note);
    bind_text(q, t->created_by);
    bind_i64(q, t->created_ms);
    bind_i64(q, t->expires_ms);
    bind_i64(q, t->revoked_ms);
    bind_i64(q, t->used_ms);
    return write_found(db, query_run(q));
}

static enum err token_used(struct db *db, const struct change *c)
{
    struct query *q = db_query(db, "UPDATE token SET used_ms = ?2 WHERE key = ?1");
    bind_i64(q, c->key);
    bind_i64(q, c->at_ms);
    return query_run(q);
}

static enum err api_key_put(struct db *db, const struct change *c)
{
    const struct api_key_record *k = c->api_key;
    char scopes[SCOPES_TEXT_BYTES];
    struct query *q = db_query(
        db, "INSERT INTO api_key (key, id, user_key, name, scopes, hash, created_ms, expires_ms,"
            " used_ms, revoked_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
            " ON CONFLICT (key) DO UPDATE SET user_key = excluded.user_key, name = excluded.name,"
            " scopes = excluded.scopes, hash = excluded.hash, created_ms = excluded.created_ms,"
            " expires_ms = excluded.expires_ms, used_ms = excluded.used_ms,"
            " revoked_ms = excluded.revoked_ms WHERE id = excluded.id");
    scopes_format(k->scopes, scopes);
    bind_i64(q, uuid_key(k->id));
    bind_uuid(q, k->id);
    bind_i64(q, k->user_key);
    bind_text(q, k->name);
    bind_text(q, scopes);
    bind_blob(q, k->hash.b, sizeof k->hash.b);
    bind_i64(q, k->created_ms);
    bind_i64(q, k->expires_ms);
    bind_i64(q, k->used_ms);
    bind_i64(q, k->revoked_ms);
    return write_found(db, query_run(q));
}

static enum err api_key_used(struct db *db, const struct change *c)
{
    struct query *q = db_query(db, "UPDATE api_key SET used_ms = ?2 WHERE key = ?1");
    bind_i64(q, c->key);
    bind_i64(q, c->at_ms);
    return query_run(q);
}

static enum err api_key_end(struct db *db, const struct change *c)
{
    struct query *q =
        db_query(db, "UPDATE api_key SET revoked_ms = ?2 WHERE key = ?1 AND revoked_ms = 0");
    bind_i64(q, c->key);
    bind_i64(q, c->at_ms);
    return query_run(q);
}

static enum err setting_put(struct db *db, const struct change *c)
{
    struct query *q = db_query(db, "INSERT INTO setting (name, value) VALUES (?1, ?2)"
                                   " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    bind_text(q, c->setting->name);
    bind_text(q, c->setting->value);
    return query_run(q);
}

/* The audit row of every kind is written by write_change; this kind has nothing else. */
static enum err audit_alone(struct db *db, const struct change *c)
{
    (void)db;
    assert(c->audit);
    return OK;
}

static enum err audit_insert(struct db *db, const struct audit_record *a)
{
    struct query *q =
        db_query(db, "INSERT INTO audit (at_ms, actor, address, action, subject, detail)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    bind_i64(q, a->at_ms);
    bind_text(q, a->actor);
    bind_text(q, a->address);
    bind_text(q, a->action);
    bind_text(q, a->subject);
    bind_text(q, a->detail);
    return query_run(q);
}

static const struct {
    const char *name;
    enum err (*write)(struct db *db, const struct change *c);
} kinds[CHANGE__MAX] = {
    [CHANGE_REQUEST_NEW] = {"request.new", write_request_new},
    [CHANGE_REQUEST_ATTEMPT] = {"request.attempt", write_request_attempt},
    [CHANGE_REQUEST_QUEUED] = {"request.queued", write_request_queued},
    [CHANGE_REQUEST_TEXT] = {"request.text", write_request_text},
    [CHANGE_REQUEST_FINAL] = {"request.final", write_request_final},
    [CHANGE_REQUEST_USAGE] = {"request.usage", write_request_usage},
    [CHANGE_REQUEST_REMOVE] = {"request.removal", write_request_remove},
    [CHANGE_USER_PUT] = {"user.put", user_put},
    [CHANGE_SESSION_PUT] = {"session.put", session_put},
    [CHANGE_SESSION_SEEN] = {"session.seen", session_seen},
    [CHANGE_SESSION_END] = {"session.end", session_end},
    [CHANGE_SPACE_PUT] = {"space.put", space_put},
    [CHANGE_TOKEN_PUT] = {"token.put", token_put},
    [CHANGE_TOKEN_USED] = {"token.used", token_used},
    [CHANGE_API_KEY_PUT] = {"api_key.put", api_key_put},
    [CHANGE_API_KEY_USED] = {"api_key.used", api_key_used},
    [CHANGE_API_KEY_END] = {"api_key.end", api_key_end},
    [CHANGE_SETTING_PUT] = {"setting.put", setting_put},
    [CHANGE_AUDIT] = {"audit", audit_alone},
    [CHANGE_RETENTION] = {"retention", write_retention},
    [CHANGE_KEYS_EXPIRED] = {"keys.expired", write_keys_expired},
};

static enum err write_one(struct db *db, const struct change *c)
{
    assert(c->kind < CHANGE__MAX);
    enum err e = kinds[c->kind].write(db, c);
    if (!e && c->audit)
        e = audit_insert(db, c->audit);
    return e;
}

enum err write_change(struct db *db, const struct change *c)
{
    enum err e = OK;
    for (; !e && c; c = c->also)
        e = write_one(db, c);
    return e;
}

const char *write_name(enum change_kind kind)
{
    return kind < CHANGE__MAX ? kinds[kind].name : "";
}

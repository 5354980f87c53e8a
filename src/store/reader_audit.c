#include "store/reader.h"

#include "store/reader_private.h"

#define AUDIT(way)                                                                                 \
    "SELECT key, at_ms, actor, address, action, subject, detail FROM audit " way                   \
    " WHERE key < ?1 AND at_ms >= ?3 AND at_ms < ?4"                                               \
    " AND (?5 = '' OR subject = ?5 COLLATE NOCASE) AND (?6 = '' OR action = ?6)"                   \
    " AND (?7 = '' OR actor = ?7 COLLATE NOCASE)"
#define NEWEST_FIRST " ORDER BY key DESC LIMIT ?2"

/* One statement for each index, the one that leaves least first. */
static const char audit_of_subject[] =
    AUDIT("INDEXED BY audit_subject") " AND subject = ?5 COLLATE NOCASE" NEWEST_FIRST;
static const char audit_of_action[] =
    AUDIT("INDEXED BY audit_action") " AND action = ?6" NEWEST_FIRST;
static const char audit_of_actor[] =
    AUDIT("INDEXED BY audit_actor") " AND actor = ?7 COLLATE NOCASE" NEWEST_FIRST;
static const char audit_of_all[] = AUDIT("") NEWEST_FIRST;

static const char *audit_for(const struct audit_filter *f)
{
    if (f->subject.n)
        return audit_of_subject;
    if (f->action.n)
        return audit_of_action;
    return f->actor.n ? audit_of_actor : audit_of_all;
}

static bool read_audit(struct query *q, struct audit_record *out)
{
    *out = (struct audit_record){.at_ms = column_i64(q)};
    column_text(q, out->actor, sizeof out->actor);
    column_text(q, out->address, sizeof out->address);
    column_text(q, out->action, sizeof out->action);
    column_text(q, out->subject, sizeof out->subject);
    column_text(q, out->detail, sizeof out->detail);
    return query_good(q);
}

enum err reader_audit(struct reader *r, const struct audit_filter *f,
                      void (*visit)(void *, int64_t key, const struct audit_record *), void *ctx)
{
    struct query *q = db_query(r->db, audit_for(f));
    bind_i64(q, f->before_key ? f->before_key : INT64_MAX);
    bind_i64(q, f->limit);
    bind_i64(q, f->from_ms);
    bind_i64(q, f->before_ms ? f->before_ms : INT64_MAX);
    bind_str(q, f->subject);
    bind_str(q, f->action);
    bind_str(q, f->actor);
    while (query_row(q)) {
        struct audit_record audit;
        int64_t key = column_i64(q);
        if (read_audit(q, &audit))
            visit(ctx, key, &audit);
    }
    return reader_result(r, query_end(q));
}

enum err reader_audit_actions(struct reader *r, void (*visit)(void *, struct str action), void *ctx)
{
    /* From one to the next through the index: there are few, and rows may be many. */
    struct query *q = db_query(
        r->db, "WITH RECURSIVE a (action) AS (SELECT min(action) FROM audit UNION ALL"
               " SELECT (SELECT min(b.action) FROM audit b WHERE b.action > a.action) FROM a"
               " WHERE a.action IS NOT NULL) SELECT action FROM a WHERE action IS NOT NULL");
    while (query_row(q))
        visit(ctx, column_str(q));
    return reader_result(r, query_end(q));
}

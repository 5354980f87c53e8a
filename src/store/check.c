#include "store/check.h"

#include "base/clock.h"
#include "store/db.h"
#include "store/migrate.h"

#include <string.h>

#define WHY_BYTES     1000
#define MESSAGES_MAX  "5"                    /* of the integrity check */
#define CLOCK_SLACK   INT64_C(60000)         /* clocks are set by a bit now and then */
#define FIRST_TIME_MS INT64_C(1735689600000) /* 2025-01-01: before this program was written */

#define RESTORE "stop the server and bring a backup back with `spacerelay restore`"

static void failed(struct db *db, const char *check, struct findings *out)
{
    struct buf why = BUF_INIT(WHY_BYTES);
    db_explain(db, &why);
    findings_add(out, FINDING_FAIL, check, RESTORE, "%s", buf_cstr(&why));
    buf_release(&why);
}

enum schema { UNREADABLE, KNOWN, UNKNOWN };

static enum schema check_schema(struct db *db, struct findings *out)
{
    unsigned known = migrate_newest();
    struct query *q = db_query(db, "PRAGMA user_version");
    long long number = query_row(q) ? column_i64(q) : 0;
    if (query_end(q)) {
        failed(db, "database", out);
        return UNREADABLE;
    }
    if (number == known)
        findings_add(out, FINDING_OK, "schema", NULL, "the schema is number %lld", number);
    else if (number > known)
        findings_add(out, FINDING_FAIL, "schema", "use the newer spacerelay",
                     "the schema is number %lld, and this program knows those up to %u", number,
                     known);
    else
        findings_add(out, FINDING_WARN, "schema", "the next start brings it up to date",
                     "the schema is number %lld, the newest is %u", number, known);
    return number == known ? KNOWN : UNKNOWN;
}

static void check_integrity(struct db *db, struct findings *out)
{
    size_t before = out->count;
    struct query *q = db_query(db, "PRAGMA integrity_check(" MESSAGES_MAX ")");
    while (query_row(q)) {
        struct str line = column_str(q);
        if (str_eq(line, STR("ok")))
            findings_add(out, FINDING_OK, "integrity", NULL, "every page and index is sound");
        else
            findings_add(out, FINDING_FAIL, "integrity", RESTORE, "%.*s", STR_ARG(line));
    }
    if (query_end(q))
        failed(db, "integrity", out);
    else if (out->count == before)
        findings_add(out, FINDING_FAIL, "integrity", RESTORE, "the check told nothing");
}

/* Rows whose owner is gone. They harm nobody, but no program of ours leaves them. */
static void check_rows(struct db *db, struct findings *out)
{
    static const struct {
        const char *what, *sql;
    } table[] = {
        {"pieces of text", "SELECT count(*) FROM chunk"
                           " WHERE request_key NOT IN (SELECT key FROM request)"},
        {"attempts", "SELECT count(*) FROM attempt"
                     " WHERE request_key NOT IN (SELECT key FROM request)"},
        {"payloads", "SELECT count(*) FROM payload WHERE key NOT IN (SELECT key FROM request)"},
        {"results", "SELECT count(*) FROM result WHERE key NOT IN (SELECT key FROM request)"},
        {"entries in lists of requests",
         "SELECT count(*) FROM person_request l LEFT JOIN request q ON q.key = l.request_key"
         " WHERE q.user_key IS NOT l.user_key"},
        {"requests in nobody's list",
         "SELECT count(*) FROM request q WHERE key <= (SELECT up_to FROM listed) AND NOT EXISTS"
         " (SELECT 1 FROM person_request WHERE user_key = q.user_key AND request_key = q.key)"},
        {"entries in the lists of ends",
         "SELECT (SELECT count(*) FROM listed_request l LEFT JOIN request q ON q.key ="
         " l.request_key WHERE q.finished_ms IS NOT l.finished_ms) + (SELECT count(*) FROM bad_end"
         " l LEFT JOIN request q ON q.key = l.request_key WHERE q.status IS NOT l.status)"},
        {"requests whose end no list has",
         "SELECT (SELECT count(*) FROM request q WHERE key <= (SELECT up_to FROM listed) AND NOT"
         " EXISTS (SELECT 1 FROM listed_request l WHERE l.finished_ms = q.finished_ms"
         " AND l.request_key = q.key)) + (SELECT count(*) FROM request WHERE status IN"
         " ('failed', 'cancelled') AND key NOT IN (SELECT request_key FROM bad_end))"},
        {"sessions", "SELECT count(*) FROM session WHERE user_key NOT IN (SELECT key FROM user)"},
        {"API keys", "SELECT count(*) FROM api_key WHERE user_key NOT IN (SELECT key FROM user)"},
        {"tokens", "SELECT count(*) FROM token WHERE space_key NOT IN (SELECT key FROM space)"},
        {"requests in no space",
         "SELECT count(*) FROM request WHERE space_key NOT IN (SELECT key FROM space)"},
        {"requests of nobody",
         "SELECT count(*) FROM request WHERE user_key NOT IN (SELECT key FROM user)"},
        {"requests in an unknown state",
         "SELECT count(*) FROM request WHERE status NOT IN"
         " ('queued', 'processing', 'completed', 'failed', 'cancelled')"},
    };
    bool all_good = true;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct query *q = db_query(db, table[i].sql);
        long long count = query_row(q) ? column_i64(q) : 0;
        all_good = all_good && !count;
        if (query_end(q)) {
            failed(db, "rows", out);
            return;
        }
        if (count)
            findings_add(out, FINDING_WARN, "rows", "please report this",
                         "%lld %s that belong to nothing", count, table[i].what);
    }
    if (all_good)
        findings_add(out, FINDING_OK, "rows", NULL, "every row belongs to something");
}

static void check_clock(struct db *db, int64_t now_ms, struct findings *out)
{
    char now[RFC3339_BYTES], then[RFC3339_BYTES];
    struct query *q =
        db_query(db, "SELECT max(coalesce((SELECT max(finished_ms) FROM listed_request), 0),"
                     " coalesce((SELECT max(finished_ms) FROM request WHERE key >"
                     " (SELECT up_to FROM listed)), 0), coalesce((SELECT created_ms FROM request"
                     " ORDER BY key DESC LIMIT 1), 0), coalesce((SELECT at_ms FROM audit"
                     " ORDER BY key DESC LIMIT 1), 0))");
    int64_t newest_ms = query_row(q) ? column_i64(q) : 0;
    if (query_end(q)) {
        failed(db, "clock", out);
        return;
    }
    rfc3339_format(now_ms, now);
    rfc3339_format(newest_ms, then);
    if (now_ms < FIRST_TIME_MS)
        findings_add(out, FINDING_FAIL, "clock", "set the clock, for example with NTP",
                     "the clock says %s", now);
    else if (now_ms + CLOCK_SLACK < newest_ms)
        findings_add(out, FINDING_WARN, "clock",
                     "set the clock; if it is right now, it was wrong when that was written",
                     "the clock says %s, but the newest row is of %s", now, then);
    else
        findings_add(out, FINDING_OK, "clock", NULL, "the clock says %s", now);
}

void store_check(const char *path, int64_t now_ms, const atomic_bool *stop, struct findings *out)
{
    struct db *db = NULL;
    struct buf why = BUF_INIT(WHY_BYTES);
    if (db_open(&db, path, DB_READER, &why)) {
        findings_add(out, FINDING_FAIL, "database", RESTORE, "%s", buf_cstr(&why));
    } else {
        db_stop_when(db, stop);
        enum schema schema = check_schema(db, out);
        if (schema != UNREADABLE)
            check_integrity(db, out);
        if (schema == KNOWN)
            check_rows(db, out);
        if (schema == KNOWN)
            check_clock(db, now_ms, out);
        db_close(db);
    }
    buf_release(&why);
}

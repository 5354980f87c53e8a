#include "store/db.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/wal.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_WAITS_MS   1000 /* nobody else writes, but a person with a tool might */
#define READER_WAITS_MS   5000
#define STEPS_ASKED       1000  /* of SQLite's machine between two looks at `stop` */
#define CHECKPOINT_PAGES  1000  /* 4 MiB of WAL */
#define CHECKPOINT_INSIST 16000 /* then readers are waited for, so that the WAL starts anew */

struct query {
    struct db *db;
    const char *sql; /* the key: by address */
    sqlite3_stmt *stmt;
    bool active, failed;
    int parameter, column; /* read or bound last */
};

struct db {
    sqlite3 *conn;
    struct query **queries;
    size_t count, cap;
    int64_t changes;
    int wal_pages, checkpoint_at;
    bool commit_failed; /* since the transaction began */
    bool tail_is_left;  /* frames of a refused transaction may stand at the WAL's end */
    bool wal_is_old;    /* what an earlier process wrote is not known to be on the disk */
    enum db_trouble trouble;
    char error[256];
};

static enum db_trouble trouble_of(int rc)
{
    static const struct {
        int code;
        enum db_trouble trouble;
    } table[] = {
        {SQLITE_FULL, DB_FULL},         {SQLITE_IOERR, DB_IO},       {SQLITE_CANTOPEN, DB_IO},
        {SQLITE_PROTOCOL, DB_BUSY},     {SQLITE_BUSY, DB_BUSY},      {SQLITE_LOCKED, DB_BUSY},
        {SQLITE_READONLY, DB_READONLY}, {SQLITE_PERM, DB_READONLY},  {SQLITE_NOMEM, DB_MEMORY},
        {SQLITE_CORRUPT, DB_DAMAGED},   {SQLITE_NOTADB, DB_DAMAGED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].code == (rc & 0xff))
            return table[i].trouble;
    return DB_FINE;
}

static void note_error(struct db *db, const char *sql)
{
    int rc = sqlite3_extended_errcode(db->conn), why = sqlite3_system_errno(db->conn);
    db->trouble = trouble_of(rc);
    if (db->trouble == DB_IO && (why == ENOSPC || why == EDQUOT))
        db->trouble = DB_FULL;
    /* Which statement it was: its beginning is enough, and holds no value. */
    snprintf(db->error, sizeof db->error, "%s (%d) in: %.60s", sqlite3_errmsg(db->conn), rc, sql);
}

enum db_trouble db_trouble(const struct db *db)
{
    return db->trouble;
}

const char *db_error(const struct db *db)
{
    return db->error;
}

void db_set_error(struct db *db, const char *what)
{
    db->trouble = DB_FINE;
    snprintf(db->error, sizeof db->error, "%s", what);
}

/* ---- opening ---- */

void db_set_up_process(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int note_wal(void *ctx, sqlite3 *conn, const char *name, int pages)
{
    struct db *db = ctx;
    (void)conn;
    (void)name;
    if (pages < db->wal_pages) /* it was started anew */
        db->checkpoint_at = CHECKPOINT_PAGES;
    db->wal_pages = pages;
    return SQLITE_OK;
}

/* Another program that reads is none of our business: then all is moved, only the file stays. */
static enum err settle_old_wal(struct db *db)
{
    int rc = sqlite3_wal_checkpoint_v2(db->conn, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    db->wal_is_old = rc != SQLITE_OK && rc != SQLITE_BUSY;
    if (!db->wal_is_old)
        return OK;
    note_error(db, "checkpoint");
    return ERR_STORE_UNAVAILABLE;
}

static enum err set_up_writer(struct db *db)
{
    sqlite3_wal_hook(db->conn, note_wal, db); /* takes the place of automatic checkpoints */
    db->checkpoint_at = CHECKPOINT_PAGES;
    if (sqlite3_db_readonly(db->conn, "main")) {
        snprintf(db->error, sizeof db->error, "it can only be read");
        return ERR_IO;
    }
    enum err e = db_exec(db, "PRAGMA journal_mode=WAL;"
                             "PRAGMA synchronous=FULL;"
                             "PRAGMA cache_size=-16384;"
                             "PRAGMA journal_size_limit=67108864;"
                             "PRAGMA temp_store=MEMORY;"
                             "PRAGMA trusted_schema=OFF;");
    db->wal_is_old = true;
    return e || !settle_old_wal(db) || db->trouble != DB_DAMAGED ? e : ERR_IO;
}

static enum err set_up_reader(struct db *db)
{
    return db_exec(db, "PRAGMA query_only=ON; PRAGMA trusted_schema=OFF;");
}

static enum err set_up_alone(struct db *db)
{
    return db_exec(db, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;"
                       "PRAGMA trusted_schema=OFF;");
}

static const struct {
    enum err (*set_up)(struct db *db);
    int flags, wait_ms;
} modes[] = {
    [DB_WRITER] = {set_up_writer, SQLITE_OPEN_READWRITE, WRITER_WAITS_MS},
    [DB_READER] = {set_up_reader, SQLITE_OPEN_READONLY, READER_WAITS_MS},
    [DB_ALONE] = {set_up_alone, SQLITE_OPEN_READWRITE, WRITER_WAITS_MS},
};

enum err db_open(struct db **out, const char *path, enum db_mode mode, struct buf *why)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | modes[mode].flags;
    struct db *db = xcalloc(1, sizeof *db);
    /* A name that starts with "file:" would be taken for a URI. */
    char *name = xcalloc(1, strlen(path) + 3);
    snprintf(name, strlen(path) + 3, "%s%s", path[0] == '/' ? "" : "./", path);
    int rc = sqlite3_open_v2(name, &db->conn, flags, NULL);
    free(name);
    enum err e = ERR_IO;
    if (rc != SQLITE_OK)
        note_error(db, "open");
    else if (sqlite3_busy_timeout(db->conn, modes[mode].wait_ms) == SQLITE_OK)
        e = modes[mode].set_up(db);
    if (e) {
        buf_printf(why, "%s cannot be opened: ", path);
        db_explain(db, why);
        db_close(db);
        return ERR_IO;
    }
    *out = db;
    return OK;
}

static int is_set(void *stop)
{
    return atomic_load((const atomic_bool *)stop);
}

void db_stop_when(struct db *db, const atomic_bool *stop)
{
    sqlite3_progress_handler(db->conn, STEPS_ASKED, is_set, (void *)(uintptr_t)stop);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->count; i++) {
        assert(!db->queries[i]->active);
        sqlite3_finalize(db->queries[i]->stmt);
        free(db->queries[i]);
    }
    free(db->queries);
    int rc = sqlite3_close(db->conn);
    assert(rc != SQLITE_BUSY);
    free(db);
}

/* ---- transactions ---- */

enum err db_exec(struct db *db, const char *sql)
{
    if (sqlite3_exec(db->conn, sql, NULL, NULL, NULL) == SQLITE_OK)
        return OK;
    note_error(db, sql);
    return ERR_STORE_UNAVAILABLE;
}

static enum err begin(struct db *db)
{
    db->commit_failed = false;
    return query_run(db_query(db, "BEGIN IMMEDIATE"));
}

static enum err settle_tail(struct db *db)
{
    enum err e = begin(db);
    if (e)
        return e;
    db->tail_is_left = !wal_cut_tail(db->conn);
    sqlite3_exec(db->conn, "ROLLBACK", NULL, NULL, NULL);
    if (!db->tail_is_left)
        return OK;
    db_set_error(db, "what was refused cannot be cut off the WAL");
    db->trouble = DB_IO;
    return ERR_STORE_UNAVAILABLE;
}

enum err db_begin(struct db *db)
{
    enum err e = db->wal_is_old ? settle_old_wal(db) : OK;
    if (!e && db->tail_is_left)
        e = settle_tail(db);
    return e ? e : begin(db);
}

enum err db_commit(struct db *db)
{
    enum err e = query_run(db_query(db, "COMMIT"));
    db->commit_failed = e != OK;
    return e;
}

void db_rollback(struct db *db)
{
    /* Fails only where the transaction is gone already. */
    if (!sqlite3_get_autocommit(db->conn))
        sqlite3_exec(db->conn, "ROLLBACK", NULL, NULL, NULL);
    if (!db->commit_failed)
        return;
    db->commit_failed = false;
    db->tail_is_left = true;
    char error[sizeof db->error];
    memcpy(error, db->error, sizeof error);
    enum db_trouble trouble = db->trouble;
    if (settle_tail(db))
        log_error("store", "what was refused cannot be cut off the WAL; trying again");
    memcpy(db->error, error, sizeof error); /* the cause, not what came of it */
    db->trouble = trouble;
}

enum err db_probe(struct db *db)
{
    char same[48];
    enum err e = db_begin(db);
    if (e)
        return e;
    struct query *q = db_query(db, "PRAGMA user_version");
    long long version = query_row(q) ? column_i64(q) : 0;
    e = query_end(q);
    snprintf(same, sizeof same, "PRAGMA user_version = %lld", version);
    if (!e)
        e = db_exec(db, same);
    if (!e)
        e = db_commit(db);
    if (e)
        db_rollback(db);
    return e;
}

int64_t db_changes(struct db *db)
{
    return db->changes;
}

void db_checkpoint(struct db *db, bool may_wait)
{
    if (db->wal_pages < db->checkpoint_at)
        return;
    bool insist = may_wait && db->wal_pages >= CHECKPOINT_INSIST;
    int mode = insist ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    int rc = sqlite3_wal_checkpoint_v2(db->conn, NULL, mode, NULL, NULL);
    db->checkpoint_at = db->wal_pages + CHECKPOINT_PAGES;
    if (rc == SQLITE_OK || rc == SQLITE_BUSY) /* busy: readers; the rest is done another time */
        return;
    log_error("store", "checkpoint failed: %s (%d)", sqlite3_errmsg(db->conn),
              sqlite3_extended_errcode(db->conn));
}

/* ---- queries: binding ---- */

static struct query *cached(struct db *db, const char *sql)
{
    for (size_t i = 0; i < db->count; i++)
        if (db->queries[i]->sql == sql)
            return db->queries[i];
    if (db->count == db->cap) {
        db->cap = db->cap ? 2 * db->cap : 32;
        db->queries = xrealloc(db->queries, db->cap, sizeof(struct query *));
    }
    struct query *q = xcalloc(1, sizeof *q);
    q->db = db;
    q->sql = sql;
    return db->queries[db->count++] = q;
}

static void check(struct query *q, int rc)
{
    if (rc == SQLITE_OK || q->failed)
        return;
    note_error(q->db, q->sql);
    q->failed = true;
}

struct query *db_query(struct db *db, const char *sql)
{
    struct query *q = cached(db, sql);
    assert(!q->active);
    q->active = true;
    q->failed = false;
    q->parameter = q->column = 0;
    if (!q->stmt)
        check(q, sqlite3_prepare_v3(db->conn, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL));
    return q;
}

void bind_i64(struct query *q, int64_t v)
{
    if (!q->failed)
        check(q, sqlite3_bind_int64(q->stmt, ++q->parameter, v));
}

void bind_str(struct query *q, struct str s)
{
    if (!q->failed)
        check(q, sqlite3_bind_text64(q->stmt, ++q->parameter, s.n ? s.p : "", s.n, SQLITE_STATIC,
                                     SQLITE_UTF8));
}

void bind_text(struct query *q, const char *s)
{
    bind_str(q, str_of(s));
}

void bind_blob(struct query *q, const void *p, size_t n)
{
    if (!q->failed)
        check(q, sqlite3_bind_blob64(q->stmt, ++q->parameter, n ? p : "", n, SQLITE_STATIC));
}

void bind_uuid(struct query *q, struct uuid id)
{
    /* id is this function's own: SQLite has to copy it. */
    if (!q->failed)
        check(q, sqlite3_bind_blob64(q->stmt, ++q->parameter, id.b, sizeof id.b, SQLITE_TRANSIENT));
}

void bind_bytes(struct query *q, const struct bytes *b)
{
    if (b)
        bind_str(q, bytes_str(b));
    else if (!q->failed)
        check(q, sqlite3_bind_null(q->stmt, ++q->parameter));
}

/* ---- queries: rows ---- */

bool query_row(struct query *q)
{
    if (q->failed)
        return false;
    q->column = -1;
    int rc = sqlite3_step(q->stmt);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        check(q, rc);
    return false;
}

int64_t column_i64(struct query *q)
{
    return sqlite3_column_int64(q->stmt, ++q->column);
}

bool column_bool(struct query *q)
{
    return column_i64(q) != 0;
}

uint32_t column_u32(struct query *q)
{
    int64_t v = column_i64(q);
    if (v >= 0 && v <= UINT32_MAX)
        return (uint32_t)v;
    query_fail(q, "a number is out of range");
    return 0;
}

struct str column_str(struct query *q)
{
    /* A blob's pointer is the text's too (the database is UTF-8), and is not converted. */
    const void *p = sqlite3_column_blob(q->stmt, ++q->column);
    int n = sqlite3_column_bytes(q->stmt, q->column);
    if (!p && sqlite3_errcode(q->db->conn) == SQLITE_NOMEM)
        check(q, SQLITE_NOMEM);
    return p ? str_slice(p, (size_t)n) : STR("");
}

void column_text(struct query *q, char *array, size_t array_bytes)
{
    if (!str_copy(array, array_bytes, column_str(q)))
        query_fail(q, "a text is too long");
}

void column_blob(struct query *q, void *out, size_t n)
{
    struct str s = column_str(q);
    if (s.n == n)
        memcpy(out, s.p, n);
    else
        query_fail(q, "a blob has another size");
}

struct uuid column_uuid(struct query *q)
{
    struct uuid id = {0};
    column_blob(q, id.b, sizeof id.b);
    return id;
}

struct bytes *column_bytes(struct query *q)
{
    struct str s = column_str(q);
    if (q->failed || sqlite3_column_type(q->stmt, q->column) == SQLITE_NULL)
        return NULL;
    struct bytes *b = bytes_new(s);
    if (!b)
        query_fail(q, "memory is out");
    return b;
}

void query_fail(struct query *q, const char *what)
{
    if (!q->failed) {
        snprintf(q->db->error, sizeof q->db->error, "%s in: %.60s", what, q->sql);
        q->db->trouble = DB_FINE;
    }
    q->failed = true;
}

bool query_good(const struct query *q)
{
    return !q->failed;
}

enum err query_end(struct query *q)
{
    assert(q->active);
    q->active = false;
    q->db->changes = sqlite3_changes64(q->db->conn);
    if (q->stmt) {
        sqlite3_reset(q->stmt); /* repeats the failure of the step, which is known */
        sqlite3_clear_bindings(q->stmt);
    }
    return q->failed ? ERR_STORE_UNAVAILABLE : OK;
}

enum err query_run(struct query *q)
{
    bool row = query_row(q);
    assert(!row);
    return query_end(q);
}

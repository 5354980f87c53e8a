/* One connection to the database and its prepared statements: the only place that knows SQLite
 * (private to the store).
 *
 * A query is a prepared statement in use. Parameters are bound and columns are read in their order,
 * one call each. The first failure sticks: the calls after it do nothing, and query_end tells.
 * Strings in SQL are constants of the program; values are bound only, and borrowed until the query
 * has ended.
 *
 * A connection and its queries belong to one thread at a time. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/uuid.h"

#include <stdatomic.h>

struct db;
struct query;

enum db_mode {
    DB_WRITER, /* the one connection that writes and checkpoints; WAL, synchronous=FULL */
    DB_READER, /* read-only: never checkpoints, not even on closing */
    DB_ALONE   /* a file that nobody else knows of; without a WAL */
};

/* What stands behind a failure of the database. */
enum db_trouble {
    DB_FINE,     /* nothing, or only what was asked for: a row is missing, or breaks a rule */
    DB_FULL,     /* the disk */
    DB_IO,       /* the disk */
    DB_BUSY,     /* another program has a lock */
    DB_READONLY, /* the file, or its folder */
    DB_MEMORY,
    DB_DAMAGED, /* what the file holds is no database: it gets no better by trying again */
    DB_TROUBLE__MAX
};

/* SQLite's settings for the whole process: no count of its memory is kept, which nobody reads and
 * each allocation would take a lock for. Before any thread uses SQLite; later it does nothing. */
void db_set_up_process(void);

/* Opens the file at path, which must exist. ERR_IO, and why gets a sentence.
 *
 * A writer first moves into the database what an earlier process has left in the WAL. Recovery
 * takes it from the page cache, and after an fsync that failed in that process the disk may not
 * have it; here it reaches the disk before anything is built on it. When that fails although the
 * rest is well (the disk is full), the database is open, and nothing is written before it succeeds.
 */
MUST_USE enum err db_open(struct db **out, const char *path, enum db_mode mode, struct buf *why);
/* From now on statements fail soon after *stop has become true. */
void db_stop_when(struct db *db, const atomic_bool *stop);
void db_close(struct db *db); /* NULL is fine; no query may be in use */
/* What the newest failure was, for the log. Borrowed until the next failure. */
const char *db_error(const struct db *db);
/* What was behind it. */
enum db_trouble db_trouble(const struct db *db);
/* "the disk is full"; NULL for DB_FINE. Static storage. */
const char *db_trouble_words(enum db_trouble trouble);
/* The newest failure as a part of a sentence for people, and what to do about it. */
void db_explain(const struct db *db, struct buf *why);
/* Notes a failure that SQLite does not know of. */
void db_set_error(struct db *db, const char *what);

/* Runs statements without parameters or rows, separated by semicolons. ERR_STORE_UNAVAILABLE. */
MUST_USE enum err db_exec(struct db *db, const char *sql);
/* A write transaction. After a failure of anything between begin and commit, or of commit itself,
 * roll back.
 *
 * A commit that fails at its fsync has written its frames: a process killed after that would find
 * them, and bring back what was refused. The rollback therefore cuts them off the WAL; while that
 * fails, db_begin tries it again, and begins nothing before.
 *
 * Trying a failed transaction again is safe, although Linux may drop what an fsync could not write
 * and let the next fsync succeed: after a failure SQLite writes everything anew that the failed
 * fsync was for. The frames of a transaction that was rolled back are written again by the next
 * one, the header with the first of them, and a checkpoint copies all pages again until one of its
 * fsyncs has succeeded; only then does anything rely on them. */
MUST_USE enum err db_begin(struct db *db);
MUST_USE enum err db_commit(struct db *db);
void db_rollback(struct db *db); /* fine when SQLite has rolled back by itself */
/* Writes a page that changes nothing, to see whether the disk takes it. ERR_STORE_UNAVAILABLE. */
MUST_USE enum err db_probe(struct db *db);
/* Rows changed by the statement that ended last. */
int64_t db_changes(struct db *db);
/* Moves the WAL into the database when it has grown enough. Writer only; between transactions.
 * may_wait: for readers, when it has grown very much. A
 * failure is logged and tried again later: what was committed is safe in the WAL. */
void db_checkpoint(struct db *db, bool may_wait);

/* The statement with this text, ready to be bound. sql is a constant: its address is the key of the
 * cache. Never NULL. Ends with query_end or query_run, before the same sql is used again. */
struct query *db_query(struct db *db, const char *sql);
void bind_i64(struct query *q, int64_t v);
void bind_str(struct query *q, struct str s);   /* as text */
void bind_text(struct query *q, const char *s); /* NUL-terminated */
void bind_blob(struct query *q, const void *p, size_t n);
void bind_uuid(struct query *q, struct uuid id);
void bind_bytes(struct query *q, const struct bytes *b); /* as text; NULL binds NULL */

/* The next row: true when there is one. Columns are then read from the first on. */
bool query_row(struct query *q);
int64_t column_i64(struct query *q);
bool column_bool(struct query *q);
uint32_t column_u32(struct query *q);
/* Text or blob, borrowed until the next row; NULL reads "". */
struct str column_str(struct query *q);
/* As a C string into a fixed array. Text that does not fit fails the query. */
void column_text(struct query *q, char *array, size_t array_bytes);
/* A blob of exactly n bytes; another size fails the query. */
void column_blob(struct query *q, void *out, size_t n);
struct uuid column_uuid(struct query *q);
/* A copy with one reference; NULL for NULL. Memory out fails the query. */
struct bytes *column_bytes(struct query *q);
/* Fails the query: the row does not hold what it should. */
void query_fail(struct query *q, const char *what);

/* Nothing has failed since db_query. */
bool query_good(const struct query *q);

/* Resets the statement. OK, or ERR_STORE_UNAVAILABLE when anything failed since db_query. */
enum err query_end(struct query *q);
/* Runs a statement that returns no row, and ends it. */
MUST_USE enum err query_run(struct query *q);

#endif

#include "store/backup.h"

#include "store/migrate.h"
#include "store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define KEEP_FREE_BYTES (UINT64_C(64) << 20)

static enum err complain(struct buf *why, enum err e, const char *path)
{
    buf_printf(why, "%s cannot be written: %s", path, strerror(errno));
    return e;
}

/* Empty, and only for us to read. */
static enum err make_file(const char *path, struct buf *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return complain(why, errno == EEXIST ? ERR_EXISTS : ERR_IO, path);
    close(fd);
    return OK;
}

static enum err sync_file(const char *path, struct buf *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err e = fd < 0 || fsync(fd) ? complain(why, ERR_IO, path) : OK;
    if (fd >= 0)
        close(fd);
    return e;
}

/* ---- writing one ---- */

static enum err copy(struct db *db, const char *path)
{
    enum err e = db_exec(db, "PRAGMA query_only = OFF"); /* it is the copy that is written */
    if (e)
        return e;
    struct query *q = db_query(db, "VACUUM INTO ?1");
    bind_text(q, path);
    return query_run(q);
}

static enum err copy_committed(struct store *s, const char *path, const atomic_bool *stop,
                               struct buf *why)
{
    struct db *db = NULL;
    enum err e = db_open(&db, s->path, DB_READER, why);
    if (e)
        return e;
    db_stop_when(db, stop);
    e = copy(db, path);
    if (e && atomic_load(stop)) {
        buf_puts(why, "the server is going down");
        e = ERR_SHUTTING_DOWN;
    } else if (e) {
        buf_puts(why, "the copy cannot be made: ");
        db_explain(db, why);
        e = ERR_IO;
    }
    if (db_trouble(db) == DB_DAMAGED)
        store_note(s, DB_DAMAGED);
    db_close(db);
    return e;
}

/* A copy that fills the disk would keep the relay from saving. */
static enum err check_room(const struct store *s, const char *path, struct buf *why)
{
    struct stat st;
    struct statvfs v;
    char *dir = str_dup(str_of(path));
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    bool known = slash && stat(s->path, &st) == 0 && statvfs(dir, &v) == 0;
    free(dir);
    uint64_t free_bytes = known ? (uint64_t)v.f_bavail * v.f_frsize : UINT64_MAX;
    if (!known || free_bytes > (uint64_t)st.st_size + KEEP_FREE_BYTES)
        return OK;
    buf_printf(why, "there is no room for a copy of %llu MiB",
               (unsigned long long)st.st_size >> 20);
    return ERR_IO;
}

enum err store_backup(struct store *s, const char *path, const atomic_bool *stop, struct buf *why)
{
    enum err e = check_room(s, path, why);
    if (!e)
        e = make_file(path, why);
    if (e)
        return e;
    atomic_fetch_add(&s->long_readers, 1);
    e = copy_committed(s, path, stop, why);
    atomic_fetch_sub(&s->long_readers, 1);
    if (!e)
        e = sync_file(path, why);
    if (e)
        unlink(path);
    return e;
}

static enum err add_part(struct db *db, const char *name, struct str content)
{
    struct query *q = db_query(db, "INSERT INTO backup (name, content) VALUES (?1, ?2)");
    bind_text(q, name);
    bind_blob(q, content.p, content.n);
    return query_run(q);
}

static enum err seal(struct db *db, struct str key, int64_t now_ms)
{
    struct buf now = BUF_INIT(64);
    buf_printf(&now, "%lld", (long long)now_ms);
    enum err e = db_begin(db);
    if (!e)
        e = db_exec(db,
                    "CREATE TABLE backup (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT");
    if (!e)
        e = add_part(db, "sign.key", key);
    if (!e)
        e = add_part(db, "program", STR("spacerelay " SPACERELAY_VERSION));
    if (!e)
        e = add_part(db, "made_ms", buf_str(&now));
    if (!e)
        e = db_commit(db);
    if (e)
        db_rollback(db);
    buf_release(&now);
    return e;
}

enum err backup_seal(const char *path, struct str key, int64_t now_ms, struct buf *why)
{
    struct db *db = NULL;
    enum err e = db_open(&db, path, DB_ALONE, why);
    if (e)
        return e;
    if (seal(db, key, now_ms)) {
        buf_puts(why, "the copy cannot be written: ");
        db_explain(db, why);
        e = ERR_IO;
    }
    db_close(db);
    return e ? e : sync_file(path, why);
}

/* ---- taking one apart ---- */

static enum err check_schema(struct db *db, struct buf *why)
{
    struct query *q = db_query(db, "PRAGMA user_version");
    int64_t number = query_row(q) ? column_i64(q) : 0;
    if (query_end(q) || number < 1) {
        buf_puts(why, "it is no backup of a relay");
        return ERR_SYNTAX;
    }
    if (number <= migrate_newest())
        return OK;
    buf_printf(why,
               "it was made by a newer spacerelay: its schema is number %lld, and this program"
               " knows those up to %u",
               (long long)number, migrate_newest());
    return ERR_NEWER;
}

static enum err check_integrity(struct db *db, struct buf *why)
{
    struct query *q = db_query(db, "PRAGMA integrity_check(1)");
    bool sound = query_row(q) && str_eq(column_str(q), STR("ok"));
    if (!query_end(q) && sound)
        return OK;
    buf_puts(why, "it is damaged");
    return ERR_SYNTAX;
}

static enum err take_key(struct db *db, struct bytes **key, struct buf *why)
{
    struct query *q = db_query(db, "SELECT content FROM backup WHERE name = 'sign.key'");
    struct bytes *found = query_row(q) ? column_bytes(q) : NULL;
    if (!query_end(q) && found) {
        *key = found;
        return OK;
    }
    bytes_unref(found);
    buf_puts(why, "it is no backup of a relay: the signing key is missing");
    return ERR_SYNTAX;
}

/* The pages of the key are overwritten, too. */
static enum err drop_table(struct db *db, struct buf *why)
{
    if (!db_exec(db, "PRAGMA secure_delete = ON; DROP TABLE backup"))
        return OK;
    buf_puts(why, "the copy cannot be written: ");
    db_explain(db, why);
    return ERR_IO;
}

enum err backup_unpack(const char *path, struct bytes **key, struct buf *why)
{
    struct db *db = NULL;
    struct buf open_why = BUF_INIT(1000);
    struct bytes *found = NULL;
    enum err e = db_open(&db, path, DB_ALONE, &open_why);
    buf_release(&open_why);
    if (e) {
        buf_puts(why, "it is no backup of a relay");
        return ERR_SYNTAX;
    }
    e = check_schema(db, why);
    if (!e)
        e = check_integrity(db, why);
    if (!e)
        e = take_key(db, &found, why);
    if (!e)
        e = drop_table(db, why);
    db_close(db);
    if (!e)
        e = sync_file(path, why);
    if (e)
        bytes_unref(found);
    else
        *key = found;
    return e;
}

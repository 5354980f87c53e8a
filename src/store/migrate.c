#include "store/migrate.h"

#include "base/assets.h"
#include "base/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MIGRATIONS_MAX 256
#define FOLDER         "src/store/sql/"

static enum err read_version(struct db *db, int64_t *out)
{
    struct query *q = db_query(db, "PRAGMA user_version");
    int64_t version = query_row(q) ? column_i64(q) : 0;
    enum err e = query_end(q);
    if (!e)
        *out = version;
    return e;
}

/* Inside a transaction, which the caller ends. */
static enum err change_schema(struct db *db, const struct migration *m)
{
    char *sql = str_dup(m->sql);
    char note[64];
    enum err e = db_exec(db, sql);
    free(sql);
    if (e)
        return e;
    snprintf(note, sizeof note, "PRAGMA user_version = %u", m->number);
    return db_exec(db, note);
}

static enum err run(struct db *db, const struct migration *m)
{
    enum err e = db_begin(db);
    if (!e)
        e = change_schema(db, m);
    if (!e)
        e = db_commit(db);
    if (e)
        db_rollback(db);
    return e;
}

enum err migrate(struct db *db, const struct migration *list, size_t count, struct buf *why)
{
    int64_t version;
    assert(count > 0);
    if (read_version(db, &version)) {
        buf_puts(why, "the database cannot be read: ");
        db_explain(db, why);
        return ERR_IO;
    }
    if (version < 0 || version > (int64_t)count) {
        buf_printf(why,
                   "the database was written by a newer spacerelay: its schema is number %lld, "
                   "and this program knows those up to %zu",
                   (long long)version, count);
        return ERR_NEWER;
    }
    for (size_t i = (size_t)version; i < count; i++) {
        assert(list[i].number == i + 1);
        if (run(db, &list[i])) {
            buf_printf(why, "the database could not be brought to schema %zu: ", i + 1);
            db_explain(db, why);
            return ERR_INTERNAL;
        }
    }
    if (version == 0)
        log_info("store", "new database made, schema %zu", count);
    else if ((size_t)version < count)
        log_info("store", "database brought from schema %lld to %zu", (long long)version, count);
    return OK;
}

struct collected {
    struct migration list[MIGRATIONS_MAX];
    size_t count;
};

static void collect(void *ctx, const struct asset *a)
{
    struct collected *c = ctx;
    uint64_t number = 0;
    struct str name = a->path ? str_of(a->path + sizeof FOLDER - 1) : STR("");
    assert(c->count < MIGRATIONS_MAX);
    /* Three digits, so that the order of names is the order of numbers. */
    for (size_t i = 0; i < 3; i++) {
        assert(i < name.n && name.p[i] >= '0' && name.p[i] <= '9');
        number = 10 * number + (uint64_t)(name.p[i] - '0');
    }
    c->list[c->count++] = (struct migration){(unsigned)number, a->content};
}

enum err migrate_embedded(struct db *db, struct buf *why)
{
    struct collected c = {0};
    assets_each(STR(FOLDER), collect, &c);
    return migrate(db, c.list, c.count, why);
}

unsigned migrate_newest(void)
{
    struct collected c = {0};
    assets_each(STR(FOLDER), collect, &c);
    return (unsigned)c.count;
}

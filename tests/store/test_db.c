/* Connections, queries and migrations by themselves. */
#include "support.h"

#include "base/assets.h"
#include "store/db.h"
#include "store/migrate.h"

#include <fcntl.h>

static const char *path_in(struct bench *b, const char *name)
{
    static _Thread_local char path[200];
    snprintf(path, sizeof path, "%s/%s", b->dir, name);
    return path;
}

static struct db *open_file(struct bench *b, const char *name, enum db_mode mode)
{
    struct db *db = NULL;
    struct buf why = BUF_INIT(1000);
    if (mode == DB_WRITER)
        close(open(path_in(b, name), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (db_open(&db, path_in(b, name), mode, &why))
        fail_msg("db_open: %s", buf_cstr(&why));
    buf_release(&why);
    return db;
}

static int64_t number(struct db *db, const char *sql)
{
    struct query *q = db_query(db, sql);
    int64_t n = query_row(q) ? column_i64(q) : -1;
    assert_int_equal(query_end(q), OK);
    return n;
}

/* ---- queries ---- */

static void values_come_back_as_they_were_bound(void **state)
{
    struct bench *b = *state;
    struct db *db = open_file(b, "x.db", DB_WRITER);
    struct uuid id = bench_id(b);
    struct bytes *part = bytes_new(str_slice("a\0b", 3));
    char name[8];
    uint8_t blob[4];
    struct query *q = db_query(db, "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8");
    bind_i64(q, INT64_MIN);
    bind_text(q, "name");
    bind_blob(q, "\x00\xff\x00\x01", 4);
    bind_uuid(q, id);
    bind_bytes(q, part);
    bind_bytes(q, NULL);
    bind_i64(q, UINT32_MAX);
    bind_str(q, STR(""));
    assert_true(query_row(q));
    assert_true(column_i64(q) == INT64_MIN);
    column_text(q, name, sizeof name);
    assert_string_equal(name, "name");
    column_blob(q, blob, sizeof blob);
    assert_memory_equal(blob, "\x00\xff\x00\x01", 4);
    assert_true(uuid_eq(column_uuid(q), id));
    struct bytes *back = column_bytes(q);
    assert_int_equal(back->n, 3);
    assert_memory_equal(back->p, "a\0b", 4);
    assert_null(column_bytes(q));
    assert_true(column_u32(q) == UINT32_MAX);
    struct bytes *empty = column_bytes(q);
    assert_bytes_equal(empty, ""); /* empty, but there */
    assert_false(query_row(q));
    assert_int_equal(query_end(q), OK);
    bytes_unref(part);
    bytes_unref(back);
    bytes_unref(empty);
    db_close(db);
}

static void read_text(struct query *q)
{
    char small[4];
    column_text(q, small, sizeof small);
}

static void read_blob(struct query *q)
{
    uint8_t blob[4];
    column_blob(q, blob, sizeof blob);
}

static void read_uuid(struct query *q)
{
    column_uuid(q);
}

static void read_u32(struct query *q)
{
    column_u32(q);
}

static void values_that_do_not_fit_fail_the_query(void **state)
{
    struct bench *b = *state;
    struct db *db = open_file(b, "x.db", DB_WRITER);
    static const struct {
        const char *sql;
        void (*read)(struct query *q);
    } cases[] = {
        {"SELECT 'text'", read_text},
        {"SELECT x'00'", read_blob},
        {"SELECT x'0011223344'", read_blob},
        {"SELECT NULL", read_blob},
        {"SELECT 'fifteen letters'", read_uuid},
        {"SELECT -1", read_u32},
        {"SELECT 4294967296", read_u32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct query *q = db_query(db, cases[i].sql);
        assert_true(query_row(q));
        assert_true(query_good(q));
        cases[i].read(q);
        assert_false(query_good(q));
        assert_false(query_row(q));
        assert_int_equal(query_end(q), ERR_STORE_UNAVAILABLE);
        assert_non_null(strstr(db_error(db), cases[i].sql));
    }
    db_close(db);
}

static void failed_query_does_nothing_more_and_can_be_used_again(void **state)
{
    struct bench *b = *state;
    struct db *db = open_file(b, "x.db", DB_WRITER);
    static const char insert[] = "INSERT INTO t (v) VALUES (?1)";
    struct query *q = db_query(db, insert); /* there is no such table yet */
    bind_i64(q, 1);
    assert_false(query_row(q));
    assert_int_equal(query_end(q), ERR_STORE_UNAVAILABLE);
    assert_non_null(strstr(db_error(db), "no such table"));
    assert_int_equal(db_exec(db, "CREATE TABLE t (v INTEGER PRIMARY KEY) STRICT"), OK);
    q = db_query(db, insert);
    bind_i64(q, 1);
    bind_i64(q, 2); /* one too many */
    assert_int_equal(query_run(q), ERR_STORE_UNAVAILABLE);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 0);
    for (int i = 0; i < 2; i++) {
        q = db_query(db, insert);
        bind_i64(q, 1);
        assert_int_equal(query_run(q), i ? ERR_STORE_UNAVAILABLE : OK); /* unique */
    }
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 1);
    db_close(db);
}

static void reader_cannot_write(void **state)
{
    struct bench *b = *state;
    struct db *writer = open_file(b, "x.db", DB_WRITER);
    assert_int_equal(db_exec(writer, "CREATE TABLE t (v INTEGER)"), OK);
    struct db *reader = open_file(b, "x.db", DB_READER);
    assert_int_equal(db_exec(reader, "INSERT INTO t VALUES (1)"), ERR_STORE_UNAVAILABLE);
    assert_int_equal(db_exec(reader, "PRAGMA wal_checkpoint"), ERR_STORE_UNAVAILABLE);
    db_close(reader);
    db_close(writer);
}

static void writer_waits_for_the_disk_and_json_is_there(void **state)
{
    struct bench *b = *state;
    struct db *db = open_file(b, "x.db", DB_WRITER);
    assert_int_equal(number(db, "PRAGMA synchronous"), 2);
    assert_int_equal(number(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(number(db, "SELECT json_extract('{\"a\":7}', '$.a')"), 7);
    db_close(db);
}

static void rollback_undoes_and_may_be_repeated(void **state)
{
    struct bench *b = *state;
    struct db *db = open_file(b, "x.db", DB_WRITER);
    assert_int_equal(db_exec(db, "CREATE TABLE t (v INTEGER)"), OK);
    assert_int_equal(db_begin(db), OK);
    assert_int_equal(db_begin(db), ERR_STORE_UNAVAILABLE); /* not within another */
    assert_int_equal(db_exec(db, "INSERT INTO t VALUES (1)"), OK);
    db_rollback(db);
    db_rollback(db);
    assert_int_equal(db_commit(db), ERR_STORE_UNAVAILABLE); /* there is none */
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 0);
    db_close(db);
    db_close(NULL);
}

static void open_explains_a_missing_file(void **state)
{
    struct bench *b = *state;
    struct db *db = NULL;
    struct buf why = BUF_INIT(1000);
    assert_int_equal(db_open(&db, path_in(b, "none.db"), DB_READER, &why), ERR_IO);
    assert_non_null(strstr(buf_cstr(&why), "unable to open database file"));
    assert_null(db);
    buf_release(&why);
}

/* ---- migrations ---- */

#define SQL(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct migration good[] = {
    {1, SQL("CREATE TABLE one (v INTEGER); INSERT INTO one VALUES (1);")},
    {2, SQL("CREATE TABLE two (v INTEGER);\n-- done\n")},
};
static const struct migration broken[] = {
    {1, SQL("CREATE TABLE one (v INTEGER); INSERT INTO one VALUES (1);")},
    {2, SQL("CREATE TABLE two (v INTEGER); INSERT INTO one VALUES (2);"
            "INSERT INTO nowhere VALUES (3);")},
};

static void migrations_run_once_each(void **state)
{
    struct bench *b = *state;
    struct buf why = BUF_INIT(1000);
    struct db *db = open_file(b, "x.db", DB_WRITER);
    assert_int_equal(migrate(db, good, 1, &why), OK);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(migrate(db, good, 2, &why), OK);
    assert_int_equal(migrate(db, good, 2, &why), OK);
    assert_int_equal(number(db, "PRAGMA user_version"), 2);
    assert_int_equal(number(db, "SELECT count(*) FROM one"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM two"), 0);
    assert_int_equal(why.len, 0);
    db_close(db);
}

static void half_applied_migration_is_rolled_back(void **state)
{
    struct bench *b = *state;
    struct buf why = BUF_INIT(1000);
    struct db *db = open_file(b, "x.db", DB_WRITER);
    assert_int_equal(migrate(db, broken, 2, &why), ERR_INTERNAL);
    assert_non_null(strstr(buf_cstr(&why), "could not be brought to schema 2: no such table"));
    buf_clear(&why);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM one"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'two'"), 0);
    /* Mended, it goes on from there. */
    assert_int_equal(migrate(db, good, 2, &why), OK);
    assert_int_equal(number(db, "SELECT count(*) FROM two"), 0);
    db_close(db);
    buf_release(&why);
}

static void newer_schema_is_refused_untouched(void **state)
{
    struct bench *b = *state;
    struct buf why = BUF_INIT(1000);
    bench_close(b);
    struct db *db = open_file(b, STORE_FILE, DB_WRITER);
    assert_int_equal(db_exec(db, "PRAGMA user_version = 1000"), OK);
    db_close(db);
    assert_int_equal(store_open(&b->store, b->dir, &why), ERR_NEWER);
    assert_null(b->store);
    assert_non_null(strstr(buf_cstr(&why), "written by a newer spacerelay"));
    assert_non_null(strstr(buf_cstr(&why), "1000"));
    db = open_file(b, STORE_FILE, DB_WRITER);
    assert_int_equal(number(db, "PRAGMA user_version"), 1000);
    db_close(db);
    buf_release(&why);
}

static void count_asset(void *ctx, const struct asset *a)
{
    (void)a;
    ++*(int64_t *)ctx;
}

static void new_database_has_the_newest_schema(void **state)
{
    struct bench *b = *state;
    int64_t newest = 0;
    assets_each(STR("src/store/sql/"), count_asset, &newest);
    assert_true(newest > 0);
    bench_close(b);
    struct db *db = open_file(b, STORE_FILE, DB_WRITER);
    assert_int_equal(number(db, "PRAGMA user_version"), newest);
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check"
                                " WHERE integrity_check = 'ok'"),
                     1);
    db_close(db);
}

/* ---- databases of every earlier schema ---- */

static char *read_all(const char *path)
{
    struct buf content = BUF_INIT((size_t)1 << 20);
    char part[4096];
    size_t n;
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: run the tests in the top folder", path);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_append(&content, part, n);
    fclose(f);
    return buf_take(&content, &n);
}

static void count_user(void *ctx, const struct user_record *u)
{
    assert_string_equal(u->name, "Ada");
    assert_int_equal(u->role, ROLE_ADMIN);
    ++*(size_t *)ctx;
}

static void count_space(void *ctx, const struct space_record *s)
{
    assert_string_equal(s->name, "Bilder \xf0\x9f\x8e\xa8");
    ++*(size_t *)ctx;
}

static void count_token(void *ctx, const struct token_record *t)
{
    assert_string_equal(t->note, "the GPU");
    ++*(size_t *)ctx;
}

static void count_session(void *ctx, const struct session_record *s)
{
    assert_string_equal(s->address, "::1");
    ++*(size_t *)ctx;
}

static void count_api_key(void *ctx, const struct api_key_record *k)
{
    assert_string_equal(k->name, "my script");
    assert_int_equal(k->scopes, SCOPE_READ | SCOPE_SUBMIT);
    assert_int_equal(k->hash.b[31], 0xc3);
    ++*(size_t *)ctx;
}

static void count_setting(void *ctx, const struct setting_record *s)
{
    assert_string_equal(s->name, "retention_days");
    ++*(size_t *)ctx;
}

static void count_idempotency(void *ctx, const struct idempotency_record *k)
{
    assert_string_equal(k->name, "order-7");
    assert_int_equal(k->hash.b[31], 31);
    ++*(size_t *)ctx;
}

static void count_open_request(void *ctx, const struct request_record *r)
{
    if (r->status == REQUEST_PROCESSING)
        assert_bytes_equal(r->text, "Hello");
    else
        assert_bytes_equal(r->payload, "{\"prompt\":\"waits\"}");
    ++*(size_t *)ctx;
}

static void count_last_key(void *ctx, int64_t key)
{
    (void)ctx;
    assert_true(key > 0);
}

static void count_row(void *ctx, const struct request_row *row)
{
    assert_string_equal(row->space_name, "Bilder \xf0\x9f\x8e\xa8");
    assert_true(strlen(row->prompt) > 0);
    ++*(size_t *)ctx;
}

#define T0_OF_FIXTURES INT64_C(1767873600000)

static void count_attempt(void *ctx, const struct attempt_record *a)
{
    size_t at = (*(size_t *)ctx)++;
    assert_int_equal(a->attempt, at + 1);
    assert_string_equal(a->app, "mock-app 1.0, 127.0.0.1");
    assert_string_equal(a->outcome, at == 0 ? "app_lost" : "");
    assert_int_equal(a->started_ms, at == 0 ? T0_OF_FIXTURES + 42 : T0_OF_FIXTURES + 44);
}

static void remember_id(void *ctx, const struct request_row *row)
{
    struct uuid *ids = ctx;
    ids[row->status == REQUEST_COMPLETED] = row->id;
    if (row->status == REQUEST_PROCESSING)
        ids[2] = row->id;
}

/* One that is done, and one that runs for the second time. */
static void old_requests_are_whole(struct bench *b)
{
    struct uuid ids[3] = {0};
    struct request_record r;
    char name[SPACE_NAME_BYTES];
    size_t attempts = 0;
    const struct request_filter all = {.limit = 200};
    assert_int_equal(reader_requests(bench_reader(b), &all, remember_id, ids), OK);
    assert_int_equal(reader_request(bench_reader(b), ids[1], &r, name), OK);
    assert_bytes_equal(r.payload, "{\"prompt\":\"done\"}");
    assert_bytes_equal(r.result, "{\"answer\":1.00}");
    assert_bytes_equal(r.usage, "{\"total_tokens\":3}");
    request_record_release(&r);
    assert_int_equal(reader_attempts(bench_reader(b), ids[2], count_attempt, &attempts), OK);
    assert_int_equal(attempts, 2);
}

static void old_database_opens_with_all_it_holds(struct bench *b, const char *fixture, size_t rows)
{
    size_t found = 0;
    const struct store_visitor v = {.ctx = &found,
                                    .user = count_user,
                                    .space = count_space,
                                    .token = count_token,
                                    .session = count_session,
                                    .api_key = count_api_key,
                                    .setting = count_setting,
                                    .idempotency = count_idempotency,
                                    .request = count_open_request,
                                    .last_key = count_last_key};
    const struct request_filter all = {.limit = 200};
    const struct request_filter of_ada = {.limit = 200, .user_key = 57929682124800001};
    bench_close(b);
    remove(path_in(b, STORE_FILE));
    struct db *db = open_file(b, STORE_FILE, DB_WRITER);
    char *sql = read_all(fixture);
    assert_int_equal(db_exec(db, sql), OK);
    free(sql);
    db_close(db);
    bench_open(b);
    struct buf why = BUF_INIT(1000);
    assert_int_equal(store_load(b->store, &v, &why), OK);
    buf_release(&why);
    assert_int_equal(found, rows);
    found = 0;
    assert_int_equal(reader_requests(bench_reader(b), &all, count_row, &found), OK);
    assert_int_equal(found, 3);
    assert_int_equal(reader_requests(bench_reader(b), &of_ada, count_row, &found), OK);
    assert_int_equal(found, 6);
    old_requests_are_whole(b);
    bench_save(b, change_of_user(bench_id(b), "new"));
}

static void database_of_schema_1_opens(void **state)
{
    old_database_opens_with_all_it_holds(*state, "tests/store/fixtures/v1.sql", 7);
}

static void database_of_schema_2_opens(void **state)
{
    old_database_opens_with_all_it_holds(*state, "tests/store/fixtures/v2.sql", 7);
}

static void database_of_schema_3_opens(void **state)
{
    old_database_opens_with_all_it_holds(*state, "tests/store/fixtures/v3.sql", 8);
}

static void database_of_schema_4_opens(void **state)
{
    old_database_opens_with_all_it_holds(*state, "tests/store/fixtures/v4.sql", 8);
}

static void database_of_schema_5_opens(void **state)
{
    old_database_opens_with_all_it_holds(*state, "tests/store/fixtures/v5.sql", 8);
}

static void database_of_schema_6_opens(void **state)
{
    old_database_opens_with_all_it_holds(*state, "tests/store/fixtures/v6.sql", 9);
}

static void database_of_schema_7_opens(void **state)
{
    old_database_opens_with_all_it_holds(*state, "tests/store/fixtures/v7.sql", 9);
}

static void database_of_schema_8_opens(void **state)
{
    old_database_opens_with_all_it_holds(*state, "tests/store/fixtures/v8.sql", 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(values_come_back_as_they_were_bound),
        BENCH_TEST(values_that_do_not_fit_fail_the_query),
        BENCH_TEST(failed_query_does_nothing_more_and_can_be_used_again),
        BENCH_TEST(reader_cannot_write),
        BENCH_TEST(writer_waits_for_the_disk_and_json_is_there),
        BENCH_TEST(rollback_undoes_and_may_be_repeated),
        BENCH_TEST(open_explains_a_missing_file),
        BENCH_TEST(migrations_run_once_each),
        BENCH_TEST(half_applied_migration_is_rolled_back),
        BENCH_TEST(newer_schema_is_refused_untouched),
        BENCH_TEST(new_database_has_the_newest_schema),
        BENCH_TEST(database_of_schema_1_opens),
        BENCH_TEST(database_of_schema_2_opens),
        BENCH_TEST(database_of_schema_3_opens),
        BENCH_TEST(database_of_schema_4_opens),
        BENCH_TEST(database_of_schema_5_opens),
        BENCH_TEST(database_of_schema_6_opens),
        BENCH_TEST(database_of_schema_7_opens),
        BENCH_TEST(database_of_schema_8_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

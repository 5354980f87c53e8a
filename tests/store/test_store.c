/* The store's file and its writer's thread. */
#include "support.h"

#include "store/listing.h"
#include "store/parts.h"

#include <sys/stat.h>

/* ---- the file ---- */

static unsigned mode_of(struct bench *b, const char *name)
{
    char path[200];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", b->dir, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void files_are_the_owners_only(void **state)
{
    struct bench *b = *state;
    bench_save(b, change_of_setting("a", "1"));
    assert_int_equal(mode_of(b, STORE_FILE), 0600);
    assert_int_equal(mode_of(b, STORE_FILE "-wal"), 0600);
    assert_int_equal(mode_of(b, STORE_FILE "-shm"), 0600);
}

static void closing_leaves_one_file(void **state)
{
    struct bench *b = *state;
    char path[200];
    bench_save(b, change_of_setting("a", "1"));
    assert_true(has_setting(b, "a"));
    bench_close(b);
    snprintf(path, sizeof path, "%s/%s", b->dir, STORE_FILE "-wal");
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/%s", b->dir, STORE_FILE);
    assert_int_equal(access(path, F_OK), 0);
}

static void open_explains_a_missing_folder(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct buf why = BUF_INIT(1000);
    assert_int_equal(store_open(&s, "/nonexistent/folder", &why), ERR_IO);
    assert_string_equal(buf_cstr(&why), "/nonexistent/folder/" STORE_FILE
                                        " cannot be opened: No such file or directory");
    assert_null(s);
    buf_release(&why);
}

static void open_refuses_what_is_no_database(void **state)
{
    struct bench *b = *state;
    char path[200];
    bench_close(b);
    snprintf(path, sizeof path, "%s/%s", b->dir, STORE_FILE);
    FILE *f = fopen(path, "w");
    for (size_t i = 0; i < 1000; i++)
        fputs("this is a diary, not a database\n", f);
    fclose(f);
    struct buf why = BUF_INIT(1000);
    assert_int_equal(store_open(&b->store, b->dir, &why), ERR_IO);
    assert_non_null(strstr(buf_cstr(&why), "file is not a database"));
    assert_null(b->store);
    buf_release(&why);
}

static void a_folder_named_like_a_uri_is_just_a_folder(void **state)
{
    struct bench *b = *state;
    char inner[200], before[200];
    struct store *s = NULL;
    struct buf why = BUF_INIT(1000);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(b->dir), 0);
    assert_int_equal(mkdir("file:x?mode=memory", 0700), 0);
    assert_int_equal(store_open(&s, "file:x?mode=memory", &why), OK);
    store_close(s);
    assert_int_equal(chdir(before), 0);
    snprintf(inner, sizeof inner, "%s/file:x?mode=memory/%s", b->dir, STORE_FILE);
    struct stat st;
    assert_int_equal(stat(inner, &st), 0);
    assert_true(st.st_size > 0);
    buf_release(&why);
}

/* ---- the lists of requests ---- */

struct seen {
    int64_t user_key, last_key;
    size_t count;
};

static void see_row(void *ctx, const struct request_row *row)
{
    struct seen *s = ctx;
    assert_int_equal(row->user_key, s->user_key);
    assert_true(uuid_key(row->id) < s->last_key); /* the newest first, none twice */
    s->last_key = uuid_key(row->id);
    s->count++;
}

/* Read in pages, as people do. */
static size_t count_requests_of(struct bench *b, int64_t user_key)
{
    struct seen s = {.user_key = user_key, .last_key = INT64_MAX};
    for (size_t before = SIZE_MAX; s.count != before;) {
        before = s.count;
        struct request_filter f = {.limit = 70, .user_key = user_key, .before_key = s.last_key};
        assert_int_equal(reader_requests(bench_reader(b), &f, see_row, &s), OK);
    }
    return s.count;
}

static size_t count_listed(struct bench *b)
{
    struct buf why = BUF_INIT(1000);
    struct db *db = NULL;
    assert_int_equal(db_open(&db, store_path(b->store), DB_READER, &why), OK);
    buf_release(&why);
    struct query *q = db_query(db, "SELECT count(*) FROM person_request");
    assert_true(query_row(q));
    size_t count = (size_t)column_i64(q);
    assert_int_equal(query_end(q), OK);
    db_close(db);
    return count;
}

static void requests_of_a_person_are_found_before_and_after_they_are_listed(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    start_store(b, a);
    size_t listed = 0, given = 0;
    while (given < 3 * LISTED_TOGETHER) {
        for (int i = 0; i < 50; i++, given++)
            store_save_give(
                b->store, numbered(change_of_request(bench_id(b), 1, 1 + i % 2, "{}"), given + 1));
        answers_wait(a, given);
        assert_int_equal(count_requests_of(b, 1), given / 2);
        assert_int_equal(count_requests_of(b, 2), given / 2);
        assert_int_equal(count_requests_of(b, 3), 0);
        assert_true(count_listed(b) >= listed && count_listed(b) + LISTED_TOGETHER >= given);
        listed = count_listed(b);
    }
    assert_true(listed >= 2 * LISTED_TOGETHER && listed < given);
    bench_close(b);
    answers_free(a);
}

static void requests_that_an_earlier_process_left_are_listed(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 5; i++)
        bench_save(b, change_of_request(bench_id(b), 1, 1, "{}"));
    assert_int_equal(count_listed(b), 0);
    struct answers *a = answers_new();
    start_store(b, a);
    store_save_give(b->store, numbered(change_of_request(bench_id(b), 1, 1, "{}"), 1));
    answers_wait(a, 1);
    assert_int_equal(count_listed(b), 6);
    assert_int_equal(count_requests_of(b, 1), 6);
    bench_close(b);
    answers_free(a);
}

/* ---- answers ---- */

static void every_change_is_answered_once_in_order(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    start_store(b, a);
    for (uint64_t i = 0; i < 5000; i++) {
        char name[32];
        snprintf(name, sizeof name, "s%llu", (unsigned long long)i % 50);
        store_save_give(b->store, numbered(change_of_setting(name, "1"), 1000 + i));
    }
    answers_wait(a, 5000);
    bench_close(b);
    assert_int_equal(a->count, 5000);
    for (size_t i = 0; i < 5000; i++) {
        assert_false(a->list[i].is_load);
        assert_int_equal(a->list[i].id, 1000 + i);
        assert_int_equal(a->list[i].err, OK);
        assert_null(a->list[i].record);
    }
    answers_free(a);
}

static void what_waits_goes_into_one_transaction(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    for (uint64_t i = 0; i < 100; i++)
        store_save_give(b->store, numbered(change_of_setting("a", "1"), i));
    start_store(b, a);
    answers_wait(a, 100);
    bench_close(b);
    assert_int_equal(a->calls, 1);
    answers_free(a);
}

static void large_backlogs_are_cut_into_transactions(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    for (uint64_t i = 0; i < 3000; i++)
        store_save_give(b->store, numbered(change_of_setting("a", "1"), i));
    start_store(b, a);
    answers_wait(a, 3000);
    assert_int_equal(a->largest, 1024);
    assert_int_equal(a->calls, 3);
    bench_close(b);
    answers_free(a);
}

static void close_writes_what_waits(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    start_store(b, a);
    for (uint64_t i = 0; i < 500; i++)
        store_save_give(b->store, change_of_setting(i == 499 ? "last" : "a", "1"));
    bench_close(b);
    assert_int_equal(a->count, 500);
    bench_open(b);
    assert_true(has_setting(b, "last"));
    answers_free(a);
}

static void close_writes_what_waits_without_a_thread_too(void **state)
{
    struct bench *b = *state;
    store_save_give(b->store, change_of_setting("a", "1"));
    store_load_request(b->store, 1, bench_id(b));
    bench_reopen(b);
    assert_true(has_setting(b, "a"));
    store_close(NULL);
}

/* Whether the n-th load's answer came after the answer of that save. */
static bool comes_after(const struct answers *a, size_t n, uint64_t save_id)
{
    const struct store_answer *load = answer_nth(a, true, n);
    for (const struct store_answer *x = a->list; x < load; x++)
        if (!x->is_load && x->id == save_id)
            return true;
    return false;
}

static void loads_see_the_changes_before_them_and_are_answered_after_them(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    struct uuid id = bench_id(b), other = id;
    other.b[15] ^= 1;
    store_save_give(b->store, numbered(change_of_request(id, 1, 1, "{\"a\":1}"), 2));
    store_load_request(b->store, 3, id);
    store_save_give(b->store, numbered(change_of_attempt(id, 1, T0), 4));
    store_save_give(b->store, numbered(change_of_text(id, 0, "text"), 5));
    store_load_request(b->store, 6, id);
    store_save_give(b->store, numbered(change_of_final(id, REQUEST_COMPLETED, T0), 7));
    store_load_request(b->store, 8, other);
    store_load_request(b->store, 9, id);
    start_store(b, a);
    answers_wait(a, 8);
    bench_close(b);
    const struct store_answer *x = answer_nth(a, true, 0);
    assert_int_equal(x->id, 3);
    assert_int_equal(x->err, OK);
    assert_bytes_equal(x->record->payload, "{\"a\":1}");
    assert_true(comes_after(a, 0, 2));
    x = answer_nth(a, true, 1);
    assert_int_equal(x->id, 6);
    assert_int_not_equal(x->record->status, REQUEST_QUEUED);
    assert_bytes_equal(x->record->text, "text");
    assert_true(comes_after(a, 1, 4) && comes_after(a, 1, 5));
    x = answer_nth(a, true, 2);
    assert_int_equal(x->id, 8);
    assert_int_equal(x->err, ERR_NOT_FOUND);
    assert_null(x->record);
    x = answer_nth(a, true, 3);
    assert_int_equal(x->id, 9);
    assert_int_equal(x->record->status, REQUEST_COMPLETED);
    assert_true(comes_after(a, 3, 7));
    answers_free(a);
}

#define LARGE_BYTES ((size_t)15 << 20)

static struct change *change_of_large_request(struct uuid id)
{
    struct buf json = BUF_INIT(LARGE_BYTES + 16);
    char *space;
    buf_puts(&json, "{\"a\":\"");
    assert_int_equal(buf_reserve(&json, LARGE_BYTES, &space), OK);
    memset(space, 'x', LARGE_BYTES);
    buf_commit(&json, LARGE_BYTES);
    buf_puts(&json, "\"}");
    struct change *c = change_of_request(id, 1, 1, "{}");
    c->request->result = bytes_new(buf_str(&json));
    buf_release(&json);
    return c;
}

static size_t loads_in(struct answers *a)
{
    size_t n = 0;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->count; i++)
        n += a->list[i].is_load;
    pthread_mutex_unlock(&a->lock);
    return n;
}

/* Who holds 32 MiB of records gets no more before some are given back, while changes go on. */
static void loads_are_bounded_by_the_bytes_that_they_read(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    struct uuid id = bench_id(b);
    bench_save(b, change_of_large_request(id));
    start_store(b, a);
    for (uint64_t i = 0; i < 20; i++)
        store_load_request(b->store, i, id);
    answers_wait(a, 3); /* 45 MiB */
    for (size_t i = 0; i < 200; i++) {
        store_save_give(b->store, change_of_setting("a", "1"));
        answers_wait(a, 4 + i);
    }
    assert_int_equal(loads_in(a), 3);
    for (size_t i = 0; i < 2; i++) {
        struct store_answer *x = &a->list[answer_nth(a, true, i) - a->list];
        store_record_free(b->store, x->record);
        x->record = NULL;
    }
    answers_wait(a, 205);
    assert_in_range(loads_in(a), 4, 5);
    bench_close(b);
    assert_int_equal(loads_in(a), 20);
    assert_int_equal(answer_nth(a, true, 19)->err, ERR_STORE_UNAVAILABLE);
    answers_free(a);
}

static void one_bad_change_does_not_fail_the_others(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    struct uuid id = bench_id(b);
    const bool good[] = {true, true, false, false, true};
    bench_save(b, change_of_user(bench_id(b), "ada"));
    store_save_give(b->store, numbered(change_of_setting("before", "1"), 0));
    store_save_give(b->store, numbered(change_of_request(id, 1, 1, "{}"), 1));
    store_save_give(b->store, numbered(change_of_user(bench_id(b), "Ada"), 2));
    store_save_give(b->store, numbered(change_of_attempt(bench_id(b), 1, T0), 3));
    store_load_request(b->store, 9, id);
    store_save_give(b->store, numbered(change_of_setting("after", "1"), 4));
    start_store(b, a);
    answers_wait(a, 6);
    assert_null(store_trouble(b->store)); /* that was not the disk */
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(answer_nth(a, false, i)->id, i);
        assert_int_equal(answer_nth(a, false, i)->err, good[i] ? OK : ERR_STORE_UNAVAILABLE);
    }
    assert_int_equal(answer_nth(a, true, 0)->err, OK);
    bench_reopen(b);
    assert_true(has_setting(b, "before"));
    assert_true(has_setting(b, "after"));
    answers_free(a);
}

/* A change whose second statement fails must leave nothing of its first. */
static void failed_change_leaves_nothing_behind(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    struct request_record r;
    char name[SPACE_NAME_BYTES];
    bench_save(b, change_of_space(bench_id(b), "art"));
    struct change *c = change_of_request(id, 1, 1, "{}");
    c->request->result = text("{}");
    c->request->error_message = text("x");
    bench_save(b, c);
    assert_int_equal(store_save_now(b->store, change_of_request(id, 2, 2, "{}")),
                     ERR_STORE_UNAVAILABLE);
    assert_int_equal(reader_request(bench_reader(b), id, &r, name), OK);
    assert_int_equal(r.space_key, 1);
    request_record_release(&r);
}

/* ---- several threads ---- */

struct giver {
    struct store *store;
    uint64_t base;
};

static void *give_many(void *arg)
{
    const struct giver *g = arg;
    for (uint64_t i = 0; i < 1000; i++)
        store_save_give(g->store, numbered(change_of_setting("a", "1"), g->base + i));
    return NULL;
}

struct polling {
    struct store *store;
    atomic_bool stop;
};

static void *read_until_stopped(void *arg)
{
    struct polling *p = arg;
    struct reader *r;
    assert_int_equal(reader_open(&r, p->store), OK);
    struct wanted_setting w = {"a", false};
    size_t rounds = 0;
    while (!atomic_load(&p->stop) || rounds == 0) {
        assert_int_equal(reader_settings(r, look_for, &w), OK);
        rounds++;
    }
    reader_close(r);
    return NULL;
}

static void many_threads_give_and_read_at_once(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    struct giver givers[4];
    struct polling polling = {.store = b->store};
    pthread_t threads[4], reader;
    start_store(b, a);
    assert_int_equal(pthread_create(&reader, NULL, read_until_stopped, &polling), 0);
    for (size_t i = 0; i < 4; i++) {
        givers[i] = (struct giver){b->store, i * 1000};
        assert_int_equal(pthread_create(&threads[i], NULL, give_many, &givers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    answers_wait(a, 4000);
    atomic_store(&polling.stop, true);
    pthread_join(reader, NULL);
    bench_close(b);
    uint64_t next[4] = {0, 1000, 2000, 3000};
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->list[i].err, OK);
        assert_int_equal(a->list[i].id, next[a->list[i].id / 1000]++);
    }
    answers_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(files_are_the_owners_only),
        BENCH_TEST(closing_leaves_one_file),
        BENCH_TEST(open_explains_a_missing_folder),
        BENCH_TEST(open_refuses_what_is_no_database),
        BENCH_TEST(a_folder_named_like_a_uri_is_just_a_folder),
        BENCH_TEST(requests_of_a_person_are_found_before_and_after_they_are_listed),
        BENCH_TEST(requests_that_an_earlier_process_left_are_listed),
        BENCH_TEST(every_change_is_answered_once_in_order),
        BENCH_TEST(what_waits_goes_into_one_transaction),
        BENCH_TEST(large_backlogs_are_cut_into_transactions),
        BENCH_TEST(close_writes_what_waits),
        BENCH_TEST(close_writes_what_waits_without_a_thread_too),
        BENCH_TEST(loads_see_the_changes_before_them_and_are_answered_after_them),
        BENCH_TEST(loads_are_bounded_by_the_bytes_that_they_read),
        BENCH_TEST(one_bad_change_does_not_fail_the_others),
        BENCH_TEST(failed_change_leaves_nothing_behind),
        BENCH_TEST(many_threads_give_and_read_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

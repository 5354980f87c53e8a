/* Copies of a database that is in use, and what they are good for. */
#include "support.h"

#include "store/backup.h"
#include "store/check.h"
#include "store/db.h"

#include <sys/stat.h>

#define PATH(name, b)                                                                              \
    char name[200];                                                                                \
    snprintf(name, sizeof name, "%s/copy.db", (b)->dir)

static const atomic_bool never = false;

static void copy(struct bench *b, const char *path)
{
    struct buf why = BUF_INIT(1000);
    if (store_backup(b->store, path, &never, &why))
        fail_msg("%s", buf_cstr(&why));
    buf_release(&why);
}

static size_t failures(const char *path, int64_t now_ms)
{
    struct findings f = {0};
    size_t count = 0;
    store_check(path, now_ms, &never, &f);
    assert_true(f.count > 0);
    for (size_t i = 0; i < f.count; i++)
        count += f.list[i].level == FINDING_FAIL;
    findings_release(&f);
    return count;
}

static void a_copy_has_what_was_committed_and_is_sound(void **state)
{
    struct bench *b = *state;
    struct buf why = BUF_INIT(1000);
    struct bytes *key = NULL;
    struct stat st;
    PATH(path, b);
    bench_save(b, change_of_setting("before", "1"));
    copy(b, path);
    bench_save(b, change_of_setting("after", "1"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(failures(path, T0), 0);
    assert_int_equal(backup_seal(path, STR("the key"), T0, &why), OK);
    assert_int_equal(backup_unpack(path, &key, &why), OK);
    assert_bytes_equal(key, "the key");
    bytes_unref(key);
    bench_close(b);
    char place[200];
    snprintf(place, sizeof place, "%s/%s", b->dir, STORE_FILE);
    assert_int_equal(rename(path, place), 0);
    bench_open(b);
    assert_true(has_setting(b, "before"));
    assert_false(has_setting(b, "after"));
    buf_release(&why);
}

static void a_copy_replaces_nothing(void **state)
{
    struct bench *b = *state;
    struct buf why = BUF_INIT(1000);
    PATH(path, b);
    copy(b, path);
    assert_int_equal(store_backup(b->store, path, &never, &why), ERR_EXISTS);
    assert_true(why.len > 0);
    buf_release(&why);
}

static void a_copy_that_is_stopped_is_gone(void **state)
{
    struct bench *b = *state;
    struct buf why = BUF_INIT(1000);
    static const atomic_bool stop = true;
    PATH(path, b);
    for (size_t i = 0; i < 2000; i++)
        store_save_give(b->store, change_of_request(bench_id(b), 1, 1, "{}"));
    bench_reopen(b);
    assert_int_equal(store_backup(b->store, path, &stop, &why), ERR_SHUTTING_DOWN);
    assert_int_equal(access(path, F_OK), -1);
    buf_release(&why);
}

static void what_is_not_sealed_is_no_backup(void **state)
{
    struct bench *b = *state;
    struct buf why = BUF_INIT(1000);
    struct bytes *key = NULL;
    PATH(path, b);
    copy(b, path);
    assert_int_equal(backup_unpack(path, &key, &why), ERR_SYNTAX);
    assert_null(key);
    assert_true(why.len > 0);
    buf_release(&why);
}

static void a_check_knows_the_clock(void **state)
{
    struct bench *b = *state;
    PATH(path, b);
    struct change *c = change_of_request(bench_id(b), 1, 1, "{}");
    bench_save(b, c);
    copy(b, path);
    assert_int_equal(failures(path, T0), 0);
    assert_int_equal(failures(path, 1000), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(a_copy_has_what_was_committed_and_is_sound),
        BENCH_TEST(a_copy_replaces_nothing),
        BENCH_TEST(a_copy_that_is_stopped_is_gone),
        BENCH_TEST(what_is_not_sealed_is_no_backup),
        BENCH_TEST(a_check_knows_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is kept when the disk says no, another program writes, or the process is killed. */
#include "support.h"

#include "store/db.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- when the disk says no ---- */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static rlim_t wal_bytes(struct bench *b)
{
    char path[200];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", b->dir, STORE_FILE "-wal");
    assert_int_equal(stat(path, &st), 0);
    return (rlim_t)st.st_size;
}

/* The log goes to stderr, which may be a file: it must not meet the limit. */
static void save_all_with_room_for(struct bench *b, struct answers *a, rlim_t bytes)
{
    size_t before = a->count;
    limit_file_size(bytes);
    for (uint64_t i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "%llu.%llu", (unsigned long long)bytes, (unsigned long long)i);
        struct change *c = change_of_setting(name, "");
        memset(c->setting->value, 'v', SETTING_VALUE_BYTES - 1);
        store_save_give(b->store, c);
    }
    answers_wait(a, before + 20);
    limit_file_size(RLIM_INFINITY);
}

/* With less and less room for the WAL, what was answered with OK is there after a restart, and
 * nothing else is. */
static void full_disk_fails_saves_and_the_store_goes_on_after(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    size_t ok = 0, failed = 0;
    signal(SIGXFSZ, SIG_IGN);
    start_store(b, a);
    store_save_give(b->store, change_of_setting("first", "1"));
    answers_wait(a, 1);
    rlim_t used = wal_bytes(b), rooms[40];
    for (size_t i = 0; i < 40; i++) {
        rooms[i] = used + i * 1500;
        save_all_with_room_for(b, a, rooms[i]);
    }
    store_save_give(b->store, change_of_setting("last", "1"));
    answers_wait(a, 40 * 20 + 2);
    assert_int_equal(a->list[801].err, OK);
    bench_reopen(b);
    for (size_t i = 0; i < 800; i++) {
        char name[32];
        snprintf(name, sizeof name, "%llu.%zu", (unsigned long long)rooms[i / 20], i % 20);
        bool saved = a->list[1 + i].err == OK;
        assert_true(saved || a->list[1 + i].err == ERR_STORE_UNAVAILABLE);
        assert_int_equal(has_setting(b, name), saved);
        saved ? ok++ : failed++;
    }
    assert_true(ok > 0);
    assert_true(failed > 0);
    assert_true(has_setting(b, "last"));
    answers_free(a);
}

static void saves_fail_while_another_program_writes(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    struct db *other = NULL;
    struct buf why = BUF_INIT(1000);
    char path[200];
    snprintf(path, sizeof path, "%s/%s", b->dir, STORE_FILE);
    assert_int_equal(db_open(&other, path, DB_WRITER, &why), OK);
    assert_int_equal(db_begin(other), OK);
    for (uint64_t i = 0; i < 100; i++)
        store_save_give(b->store, numbered(change_of_setting("a", "1"), i));
    start_store(b, a);
    answers_wait(a, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(a->list[i].id, i);
        assert_int_equal(a->list[i].err, ERR_STORE_UNAVAILABLE);
    }
    db_rollback(other);
    store_save_give(b->store, change_of_setting("b", "1"));
    answers_wait(a, 101);
    assert_int_equal(a->list[100].err, OK);
    assert_false(has_setting(b, "a"));
    assert_true(has_setting(b, "b"));
    db_close(other);
    bench_close(b);
    buf_release(&why);
    answers_free(a);
}

/* ---- when the process ends at any instant ---- */

struct child {
    int fd;
    sem_t room; /* for changes under way: so that there are many transactions */
};

static void tell_parent(void *ctx, struct store_answer *answers, size_t count)
{
    struct child *child = ctx;
    for (size_t i = 0; i < count; i++) {
        if (answers[i].err || write(child->fd, &answers[i].id, sizeof answers[i].id) < 0)
            _exit(2);
        sem_post(&child->room);
    }
}

static void save_for_ever(const char *dir, int fd)
{
    struct store *s;
    struct buf why = BUF_INIT(1000);
    struct child child = {.fd = fd};
    sem_init(&child.room, 0, 30);
    if (store_open(&s, dir, &why) || store_start(s, tell_parent, &child))
        _exit(3);
    for (uint64_t i = 0;; i++) {
        char name[32];
        snprintf(name, sizeof name, "%llu", (unsigned long long)i);
        sem_wait(&child.room);
        store_save_give(s, numbered(change_of_setting(name, "1"), i));
    }
}

static void killing_the_process_loses_nothing_that_was_answered(void **state)
{
    struct bench *b = *state;
    int fds[2], status;
    uint64_t id = 0;
    bench_close(b);
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0)
        save_for_ever(b->dir, fds[1]);
    close(fds[1]);
    for (size_t i = 0; i < 2000; i++)
        assert_int_equal(read(fds[0], &id, sizeof id), sizeof id);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    while (read(fds[0], &id, sizeof id) == sizeof id)
        continue;
    close(fds[0]);
    bench_open(b);
    for (uint64_t i = 0; i <= id; i += i + 50 < id ? 50 : 1) {
        char name[32];
        snprintf(name, sizeof name, "%llu", (unsigned long long)i);
        assert_true(has_setting(b, name));
    }
}

/* ---- the WAL ---- */

static void the_wal_does_not_grow_for_ever(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    struct buf filler = BUF_INIT(100000);
    while (filler.len < 50000)
        buf_puts(&filler, "0123456789");
    start_store(b, a);
    for (size_t i = 0; i < 1000; i++) { /* 50 MB in all */
        struct change *c = change_of_request(bench_id(b), 1, 1, buf_cstr(&filler));
        store_save_give(b->store, c);
        if (i % 10 == 9)
            answers_wait(a, i + 1);
    }
    assert_true(wal_bytes(b) < 12000000);
    bench_close(b);
    buf_release(&filler);
    answers_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(full_disk_fails_saves_and_the_store_goes_on_after),
        BENCH_TEST(saves_fail_while_another_program_writes),
        BENCH_TEST(killing_the_process_loses_nothing_that_was_answered),
        BENCH_TEST(the_wal_does_not_grow_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The nth write, fsync and truncation of the database's files fail in turn, once or from then on;
 * then the process is gone. What was answered as saved is there, what was refused is not. */
#include "support.h"

#include "store/db.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SAVES 8

enum op { OP_WRITE, OP_SYNC, OP_TRUNCATE, OP__MAX };
static const char *const op_names[] = {"write", "fsync", "truncation"};

/* ---- what SQLite calls, instead of libc's ---- */

static struct {
    enum op op;
    atomic_int left; /* calls until one fails; below 0: those before it */
    bool for_ever;
    int error;
    atomic_bool armed;
} fault;

static bool fails(enum op op)
{
    if (!atomic_load(&fault.armed) || op != fault.op)
        return false;
    int left = atomic_fetch_sub(&fault.left, 1);
    if (left > 1 || (left < 1 && !fault.for_ever))
        return false;
    errno = fault.error;
    return true;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    return fails(OP_WRITE) ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}

int fdatasync(int fd)
{
    return fails(OP_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t bytes) __attribute__((nothrow));
int ftruncate64(int fd, off64_t bytes)
{
    return fails(OP_TRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, bytes);
}

static void arm(enum op op, int n, bool for_ever, int error)
{
    fault.op = op;
    fault.for_ever = for_ever;
    fault.error = error;
    atomic_store(&fault.left, n);
    atomic_store(&fault.armed, true);
}

static void disarm(void)
{
    atomic_store(&fault.armed, false);
}

/* ---- a process that saves, and is gone ---- */

static struct change *setting_number(uint64_t i)
{
    char name[32];
    snprintf(name, sizeof name, "s%llu", (unsigned long long)i);
    struct change *c = change_of_setting(name, "");
    memset(c->setting->value, 'v', SETTING_VALUE_BYTES - 1);
    return numbered(c, i);
}

/* Tells how each save ended: they come one by one, the last three together. */
static void save_and_vanish(const char *dir, int fd)
{
    struct answers *a = answers_new();
    struct store *s;
    struct buf why = BUF_INIT(1000);
    if (store_open(&s, dir, &why) || store_start(s, answers_add, a))
        _exit(3);
    atomic_store(&fault.armed, true);
    for (uint64_t i = 0; i < SAVES; i++) {
        store_save_give(s, setting_number(i));
        if (i < SAVES - 3)
            answers_wait(a, (size_t)i + 1);
    }
    answers_wait(a, SAVES);
    enum err said[SAVES];
    for (size_t i = 0; i < SAVES; i++)
        said[i] = a->list[i].err;
    _exit(write(fd, said, sizeof said) < 0 ? 2 : 0);
}

/* Returns how many saves were refused. */
static size_t check_fault(struct bench *b, enum op op, int n, bool for_ever, int error)
{
    int fds[2], status;
    size_t refused = 0;
    enum err said[SAVES];
    bench_close(b);
    nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(b->dir, 0700), 0);
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        arm(op, n, for_ever, error);
        disarm();
        save_and_vanish(b->dir, fds[1]);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], said, sizeof said), sizeof said);
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    bench_open(b);
    for (uint64_t i = 0; i < SAVES; i++) {
        struct change *c = setting_number(i);
        bool there = has_setting(b, c->setting->name);
        if (there != (said[i] == OK))
            fail_msg("%s %d fails %s: save %d was %s, but is %s", op_names[op], n,
                     for_ever ? "for ever" : "once", (int)i, said[i] ? "refused" : "acknowledged",
                     there ? "there" : "lost");
        refused += said[i] != OK;
        change_free(c);
    }
    return refused;
}

static int fault_count(void)
{
    const char *n = getenv("FAULT_N");
    return n ? (int)strtol(n, NULL, 10) : 12;
}

static void what_fails_for_ever_refuses_and_what_was_refused_never_comes_back(void **state)
{
    size_t refused = 0;
    for (enum op op = 0; op < OP__MAX; op++)
        for (int n = 1; n <= fault_count(); n++)
            refused += check_fault(*state, op, n, true, op == OP_WRITE ? ENOSPC : EIO);
    assert_true(refused > SAVES);
}

static void what_fails_once_is_tried_again_and_loses_nothing(void **state)
{
    for (enum op op = 0; op < OP__MAX; op++)
        for (int n = 1; n <= fault_count(); n++)
            assert_int_equal(check_fault(*state, op, n, false, op == OP_WRITE ? ENOSPC : EIO), 0);
}

/* ---- recovery ---- */

static void a_failing_store_says_so_and_notices_by_itself_that_the_disk_is_well(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    start_store(b, a);
    assert_null(store_trouble(b->store));
    arm(OP_WRITE, 1, true, ENOSPC);
    store_save_give(b->store, setting_number(0));
    answers_wait(a, 1);
    assert_int_equal(a->list[0].err, ERR_STORE_UNAVAILABLE);
    assert_string_equal(store_trouble(b->store), "the disk is full");
    arm(OP_SYNC, 1, true, EIO);
    store_save_give(b->store, setting_number(1));
    answers_wait(a, 2);
    assert_int_equal(a->list[1].err, ERR_STORE_UNAVAILABLE);
    assert_string_equal(store_trouble(b->store), "the disk does not read or write");
    disarm();
    while (store_trouble(b->store)) /* nobody saves anything meanwhile */
        usleep(1000);
    store_save_give(b->store, setting_number(2));
    answers_wait(a, 3);
    assert_int_equal(a->list[2].err, OK);
    bench_reopen(b);
    assert_false(has_setting(b, "s0"));
    assert_false(has_setting(b, "s1"));
    assert_true(has_setting(b, "s2"));
    answers_free(a);
}

/* The fsync that failed may have dropped what recovery reads from the page cache. */
static void a_start_builds_on_nothing_that_it_cannot_bring_to_the_disk(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    char from[100], to[100], command[500];
    bench_save(b, setting_number(0));
    snprintf(from, sizeof from, "%s/%s", b->dir, STORE_FILE);
    snprintf(to, sizeof to, "%s/copy", b->dir);
    assert_int_equal(mkdir(to, 0700), 0);
    snprintf(command, sizeof command, "cp %s %s-wal %s", from, from, to); /* as a crash leaves it */
    assert_int_equal(system(command), 0);
    bench_close(b);
    snprintf(b->dir, sizeof b->dir, "%.50s", to);
    arm(OP_SYNC, 1, true, EIO);
    bench_open(b);
    assert_string_equal(store_trouble(b->store), "the disk does not read or write");
    start_store(b, a);
    store_save_give(b->store, setting_number(1));
    answers_wait(a, 1);
    assert_int_equal(a->list[0].err, ERR_STORE_UNAVAILABLE);
    disarm();
    while (store_trouble(b->store))
        usleep(1000);
    store_save_give(b->store, setting_number(2));
    answers_wait(a, 2);
    assert_int_equal(a->list[1].err, OK);
    bench_reopen(b);
    assert_true(has_setting(b, "s0"));
    assert_false(has_setting(b, "s1"));
    assert_true(has_setting(b, "s2"));
    bench_close(b);
    *strrchr(b->dir, '/') = '\0';
    answers_free(a);
}

/* ---- damage ---- */

/* Where the tables and indexes begin: all pages but those of the schema, in a small database, and
 * but that one which the opening reads. */
static size_t find_roots(const char *path, long roots[64])
{
    struct db *db = NULL;
    struct buf why = BUF_INIT(1000);
    size_t count = 0;
    assert_int_equal(db_open(&db, path, DB_READER, &why), OK);
    struct query *q = db_query(db, "SELECT rootpage FROM sqlite_schema"
                                   " WHERE rootpage > 0 AND name <> 'listed'");
    while (count < 64 && query_row(q))
        roots[count++] = (long)column_i64(q);
    assert_int_equal(query_end(q), OK);
    db_close(db);
    buf_release(&why);
    return count;
}

static void damage(struct bench *b)
{
    char path[200], garbage[4096];
    long roots[64];
    memset(garbage, 'x', sizeof garbage);
    snprintf(path, sizeof path, "%s/%s", b->dir, STORE_FILE);
    size_t count = find_roots(path, roots);
    FILE *f = fopen(path, "r+");
    for (size_t i = 0; i < count; i++) {
        fseek(f, (roots[i] - 1) * (long)sizeof garbage, SEEK_SET);
        fwrite(garbage, 1, sizeof garbage, f);
    }
    fclose(f);
}

static void open_damaged(struct bench *b, struct answers *a)
{
    bench_close(b);
    damage(b);
    bench_open(b);
    start_store(b, a);
    assert_null(store_trouble(b->store)); /* nobody has looked yet */
}

static void assert_saves_refused(struct bench *b, struct answers *a)
{
    size_t before = a->count;
    assert_string_equal(store_trouble(b->store), "the database is damaged");
    for (uint64_t i = 0; i < 3; i++)
        store_save_give(b->store, change_new(CHANGE_SESSION_END));
    answers_wait(a, before + 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(a->list[before + i].err, ERR_STORE_UNAVAILABLE);
}

static void nothing_is_acknowledged_over_damage_that_a_load_finds(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    open_damaged(b, a);
    store_load_request(b->store, 7, id);
    answers_wait(a, 1);
    assert_int_equal(a->list[0].err, ERR_STORE_UNAVAILABLE);
    assert_saves_refused(b, a);
    answers_free(a);
}

static void nothing_is_acknowledged_over_damage_that_a_page_finds(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    struct wanted_setting w = {"a", false};
    open_damaged(b, a);
    assert_int_equal(reader_settings(bench_reader(b), look_for, &w), ERR_STORE_UNAVAILABLE);
    assert_saves_refused(b, a);
    answers_free(a);
}

static void nothing_is_acknowledged_over_damage_that_a_save_finds(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    open_damaged(b, a);
    store_save_give(b->store, setting_number(0));
    answers_wait(a, 1);
    assert_int_equal(a->list[0].err, ERR_STORE_UNAVAILABLE);
    assert_saves_refused(b, a);
    answers_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(what_fails_for_ever_refuses_and_what_was_refused_never_comes_back),
        BENCH_TEST(what_fails_once_is_tried_again_and_loses_nothing),
        BENCH_TEST(a_failing_store_says_so_and_notices_by_itself_that_the_disk_is_well),
        BENCH_TEST(a_start_builds_on_nothing_that_it_cannot_bring_to_the_disk),
        BENCH_TEST(nothing_is_acknowledged_over_damage_that_a_load_finds),
        BENCH_TEST(nothing_is_acknowledged_over_damage_that_a_page_finds),
        BENCH_TEST(nothing_is_acknowledged_over_damage_that_a_save_finds),
    };
    log_set_level(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

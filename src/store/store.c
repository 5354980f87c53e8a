#include "store/store.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/migrate.h"
#include "store/parts.h"
#include "store/rows.h"
#include "store/write.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One transaction takes what waits, up to these: a larger one would hold up the answers of its
 * first changes. */
#define BATCH_MAX   1024
#define BATCH_BYTES ((size_t)16 << 20)
/* What a load counts for: its size is not known before. */
#define LOAD_BYTES ((size_t)1 << 20)

/* The reading of a request waits in the same list as the changes, as a change of a kind of its own:
 * save_id is the load_id, id the request's. */
#define LOAD CHANGE__MAX

struct store {
    struct db *db; /* the writer thread's while there is one */
    char *path;
    store_answered *answered;
    void *ctx;
    bool started;
    pthread_t thread;
    struct store_answer *answers; /* BATCH_MAX */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    struct change *first, **last;
    bool stopping;
};

/* ---- opening ---- */

/* Makes the file when it is missing, readable by its owner only; SQLite gives the files beside it
 * the same mode. */
static enum err make_file(const char *dir, const char *path, struct buf *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        buf_printf(why, "%s cannot be opened: %s", path, strerror(errno));
        return ERR_IO;
    }
    close(fd);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) {
        buf_printf(why, "%s cannot be written to: %s", dir, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    close(fd);
    return OK;
}

static struct store *allocate(const char *dir)
{
    struct store *s = xcalloc(1, sizeof *s);
    size_t bytes = strlen(dir) + sizeof "/" STORE_FILE;
    s->path = xcalloc(1, bytes);
    memcpy(s->path, dir, strlen(dir));
    memcpy(s->path + strlen(dir), "/" STORE_FILE, sizeof "/" STORE_FILE);
    s->answers = xcalloc(BATCH_MAX, sizeof *s->answers);
    s->last = &s->first;
    int rc = pthread_mutex_init(&s->lock, NULL);
    rc |= pthread_cond_init(&s->more, NULL);
    assert(rc == 0);
    return s;
}

enum err store_open(struct store **out, const char *dir, struct buf *why)
{
    struct store *s = allocate(dir);
    enum err e = make_file(dir, s->path, why);
    if (!e)
        e = db_open(&s->db, s->path, DB_WRITER, why);
    if (!e)
        e = migrate_embedded(s->db, why);
    if (e)
        store_close(s);
    else
        *out = s;
    return e;
}

const char *store_path(const struct store *s)
{
    return s->path;
}

enum err store_load(struct store *s, const struct store_visitor *v)
{
    assert(!s->started);
    if (!load_all(s->db, v))
        return OK;
    log_error("store", "the database cannot be loaded: %s", db_error(s->db));
    return ERR_IO;
}

/* ---- writing ---- */

/* Inside a transaction. */
static enum err carry_out(struct store *s, const struct change *c, struct store_answer *answer)
{
    if (c->kind != LOAD)
        return write_change(s->db, c);
    struct request_record *record = xcalloc(1, sizeof *record);
    enum err e = rows_whole_request(s->db, c->id, record);
    if (!e)
        answer->record = record;
    else
        free(record);
    answer->err = e;
    return e == ERR_NOT_FOUND ? OK : e;
}

static void forget_records(struct store_answer *answers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (answers[i].record)
            request_record_release(answers[i].record);
        free(answers[i].record);
        answers[i].record = NULL;
    }
}

/* Carries out count changes from c on in one transaction: all of them or, on failure, none.
 * ERR_LOCKED when there could be no transaction at all. */
static enum err write_together(struct store *s, const struct change *c, size_t count,
                               struct store_answer *answers)
{
    enum err e = OK;
    if (db_begin(s->db))
        return ERR_LOCKED;
    for (size_t i = 0; !e && i < count; i++, c = c->next)
        e = carry_out(s, c, &answers[i]);
    if (!e)
        e = db_commit(s->db);
    if (!e)
        return OK;
    db_rollback(s->db);
    forget_records(answers, count);
    return e;
}

/* After write_together has failed: each on its own, so that one does not fail the others; but when
 * even beginning fails, trying on would only take time. */
static void write_each(struct store *s, const struct change *c, size_t count, enum err e)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++, c = c->next) {
        if (e != ERR_LOCKED)
            e = write_together(s, c, 1, &s->answers[i]);
        if (!e)
            continue;
        s->answers[i].err = ERR_STORE_UNAVAILABLE;
        if (failed++ == 0)
            log_error("store", "%s failed: %s", c->kind == LOAD ? "a load" : write_name(c->kind),
                      db_error(s->db));
    }
    if (failed == 0)
        log_warn("store", "a transaction failed, its changes were written one by one: %s",
                 db_error(s->db));
    if (failed > 1)
        log_error("store", "and %zu more changes with it", failed - 1);
}

static void write_batch(struct store *s, const struct change *batch)
{
    size_t count = 0;
    for (const struct change *c = batch; c; c = c->next)
        s->answers[count++] =
            (struct store_answer){.is_load = c->kind == LOAD, .id = c->save_id, .err = OK};
    enum err e = write_together(s, batch, count, s->answers);
    if (e)
        write_each(s, batch, count, e);
    if (s->answered)
        s->answered(s->ctx, s->answers, count);
    else
        forget_records(s->answers, count);
    db_checkpoint(s->db);
}

enum err store_save_now(struct store *s, struct change *c)
{
    struct store_answer answer = {0};
    assert(!s->started && c->kind < CHANGE__MAX && !c->next);
    enum err e = write_together(s, c, 1, &answer);
    if (e)
        log_error("store", "%s failed: %s", write_name(c->kind), db_error(s->db));
    change_free(c);
    return e ? ERR_STORE_UNAVAILABLE : OK;
}

/* ---- the list and its thread ---- */

static size_t weight(const struct change *c)
{
    const struct bytes *parts[] = {c->text, c->result, c->usage, c->message,
                                   c->request ? c->request->payload : NULL};
    size_t n = c->kind == LOAD ? LOAD_BYTES : 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        n += bytes_str(parts[i]).n;
    return n;
}

/* Detaches what the next transaction takes; NULL when nothing waits. Under the lock. */
static struct change *detach_batch(struct store *s)
{
    struct change *batch = s->first, **end = &s->first;
    size_t count = 0, bytes = 0;
    while (*end && count < BATCH_MAX && bytes < BATCH_BYTES) {
        count++;
        bytes += weight(*end);
        end = &(*end)->next;
    }
    if (count == 0)
        return NULL;
    s->first = *end;
    *end = NULL;
    if (!s->first)
        s->last = &s->first;
    return batch;
}

/* Waits until something is there; NULL when the store stops and everything is written. */
static struct change *take_batch(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->first && !s->stopping)
        pthread_cond_wait(&s->more, &s->lock);
    struct change *batch = detach_batch(s);
    pthread_mutex_unlock(&s->lock);
    return batch;
}

static void free_batch(struct change *batch)
{
    while (batch) {
        struct change *next = batch->next;
        change_free(batch);
        batch = next;
    }
}

static void *write_until_stopped(void *arg)
{
    struct store *s = arg;
    for (struct change *batch; (batch = take_batch(s)) != NULL; free_batch(batch))
        write_batch(s, batch);
    return NULL;
}

enum err store_start(struct store *s, store_answered *answered, void *ctx)
{
    sigset_t all, before;
    assert(!s->started);
    s->answered = answered;
    s->ctx = ctx;
    /* Signals are for other threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->thread, NULL, write_until_stopped, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        log_error("store", "the writer's thread cannot be started: %s", strerror(rc));
        return ERR_INTERNAL;
    }
    s->started = true;
    return OK;
}

static void enqueue(struct store *s, struct change *c)
{
    c->next = NULL;
    pthread_mutex_lock(&s->lock);
    *s->last = c;
    s->last = &c->next;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
}

void store_save_give(struct store *s, struct change *c)
{
    assert(c->kind < CHANGE__MAX);
    enqueue(s, c);
}

void store_load_request(struct store *s, uint64_t load_id, struct uuid id)
{
    struct change *c = change_new(LOAD);
    c->save_id = load_id;
    c->id = id;
    enqueue(s, c);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
    if (s->started)
        pthread_join(s->thread, NULL);
    else
        write_until_stopped(s);
    db_close(s->db);
    pthread_cond_destroy(&s->more);
    pthread_mutex_destroy(&s->lock);
    free(s->answers);
    free(s->path);
    free(s);
}

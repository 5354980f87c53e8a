#include "store/store.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/migrate.h"
#include "store/parts.h"
#include "store/state.h"
#include "store/write.h"
#include "store/write_request.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One transaction takes what waits, up to these: a larger one would hold up the answers of its
 * first changes. */
#define BATCH_MAX   1024
#define BATCH_BYTES ((size_t)16 << 20)
#define PROBE_MS    1000 /* a failing disk is tried each */

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
    s->last_load = &s->first_load;
    pthread_condattr_t monotonic;
    int rc = pthread_condattr_init(&monotonic);
    rc |= pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    rc |= pthread_mutex_init(&s->lock, NULL);
    rc |= pthread_cond_init(&s->more, &monotonic);
    rc |= pthread_cond_init(&s->may_load, NULL);
    rc |= pthread_condattr_destroy(&monotonic);
    assert(rc == 0);
    return s;
}

enum err store_open(struct store **out, const char *dir, struct buf *why)
{
    db_set_up_process();
    struct store *s = allocate(dir);
    enum err e = make_file(dir, s->path, why);
    if (!e)
        e = db_open(&s->db, s->path, DB_WRITER, why);
    if (!e)
        store_note(s, db_trouble(s->db)); /* a full disk may have room later */
    if (!e)
        e = migrate_embedded(s->db, why);
    if (!e && listing_start(&s->listing, s->db)) {
        db_explain(s->db, why);
        e = ERR_IO;
    }
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

enum err store_load(struct store *s, const struct store_visitor *v, struct buf *why)
{
    assert(!s->started);
    if (!load_all(s->db, v))
        return OK;
    buf_printf(why, "%s cannot be read: ", s->path);
    db_explain(s->db, why);
    return ERR_IO;
}

/* ---- health ---- */

const char *store_trouble(const struct store *s)
{
    return db_trouble_words(atomic_load(&s->trouble));
}

void store_note(struct store *s, enum db_trouble trouble)
{
    enum db_trouble before = atomic_load(&s->trouble);
    do {
        if (before == trouble || before == DB_DAMAGED)
            return;
    } while (!atomic_compare_exchange_weak(&s->trouble, &before, trouble));
    if (trouble)
        log_error("store", "nothing can be saved: %s", db_trouble_words(trouble));
    else
        log_warn("store", "saving works again");
}

static bool damaged(const struct store *s)
{
    return atomic_load(&s->trouble) == DB_DAMAGED;
}

/* ---- writing ---- */

/* Retention goes by the lists: they have to be up to date. */
static enum err write_one(struct store *s, const struct change *c)
{
    enum err e = c->kind == CHANGE_RETENTION ? listing_catch_up(&s->listing, s->db) : OK;
    if (!e)
        e = write_change(s->db, c);
    return e ? e : listing_follow(&s->listing, s->db, c);
}

/* Writes count changes from c on in one transaction: all of them or, on failure, none. list: and
 * brings the lists of requests up to date. */
static enum err write_together(struct store *s, const struct change *c, size_t count, bool list)
{
    if (damaged(s)) {
        db_set_error(s->db, db_trouble_words(DB_DAMAGED));
        return ERR_STORE_UNAVAILABLE;
    }
    enum err e = db_begin(s->db);
    for (size_t i = 0; !e && i < count; i++, c = c->next)
        e = write_one(s, c);
    if (!e && list)
        e = listing_catch_up(&s->listing, s->db);
    if (!e)
        e = db_commit(s->db);
    if (e)
        db_rollback(s->db);
    if (!e || db_trouble(s->db)) /* what breaks a rule says nothing about the disk */
        store_note(s, e ? db_trouble(s->db) : DB_FINE);
    return e;
}

/* After write_together has failed: each on its own, so that one does not fail the others, and what
 * failed once may succeed; but with the first that the disk refuses again it has refused them all:
 * to try on would only take time. So it is with a lock, which was waited for already. known: that
 * the disk fails was logged before. */
static void write_each(struct store *s, const struct change *c, size_t count, bool known)
{
    size_t failed = 0;
    enum err e = db_trouble(s->db) == DB_BUSY ? ERR_LOCKED : OK;
    for (size_t i = 0; i < count; i++, c = c->next) {
        if (!e || !store_trouble(s))
            e = write_together(s, c, 1, false);
        if (!e)
            continue;
        s->answers[i].err = ERR_STORE_UNAVAILABLE;
        if (failed++ == 0 && !known)
            log_error("store", "%s failed: %s", write_name(c->kind), db_error(s->db));
    }
    if (failed == 0)
        log_warn("store", "a transaction failed, its changes were written one by one: %s",
                 db_error(s->db));
    if (failed > 1 && !known)
        log_error("store", "and %zu more changes with it", failed - 1);
}

/* Loads that wait for these changes may read now. */
static void note_answered(struct store *s, size_t count)
{
    pthread_mutex_lock(&s->lock);
    s->answered_count += count;
    if (s->first_load)
        pthread_cond_signal(&s->may_load);
    pthread_mutex_unlock(&s->lock);
}

static void note_more(struct store *s, const struct change *batch)
{
    struct store_answer *a = s->answers;
    for (const struct change *c = batch; c; c = c->next, a++)
        a->more = c->kind == CHANGE_RETENTION && !a->err && write_retention_left(s->db, c);
}

/* Whether this batch makes the lists due. When that fails it is as if they were not: until then
 * the newest requests are found all the same. */
static bool listing_due(struct store *s, const struct change *batch)
{
    size_t unlisted = s->listing.unlisted;
    for (const struct change *c = batch; c; c = c->next)
        unlisted += c->kind == CHANGE_REQUEST_NEW;
    if (unlisted < LISTED_TOGETHER)
        return false;
    s->listing.unlisted = 0;
    return true;
}

static void write_batch(struct store *s, const struct change *batch)
{
    size_t count = 0;
    for (const struct change *c = batch; c; c = c->next)
        s->answers[count++] = (struct store_answer){.id = c->save_id};
    bool known = store_trouble(s);
    if (write_together(s, batch, count, listing_due(s, batch)))
        write_each(s, batch, count, known);
    note_more(s, batch);
    if (s->answered)
        s->answered(s->ctx, s->answers, count);
    note_answered(s, count);
    if (!store_trouble(s))
        db_checkpoint(s->db, !atomic_load(&s->long_readers));
}

static void probe(struct store *s)
{
    if (damaged(s))
        return;
    enum err e = db_probe(s->db);
    store_note(s, e ? db_trouble(s->db) : DB_FINE);
}

enum err store_save_now(struct store *s, struct change *c)
{
    assert(!s->started && c->kind < CHANGE__MAX && !c->next);
    enum err e = write_together(s, c, 1, false);
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
    size_t n = 0;
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

static struct timespec after_ms(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

/* Waits until something is there. NULL: the store stops and everything is written, or (while the
 * disk fails) it is time to see whether it still does. */
static struct change *take_batch(struct store *s, bool *stop)
{
    struct timespec until = after_ms(PROBE_MS);
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    while (!s->first && !s->stopping && rc != ETIMEDOUT) {
        if (store_trouble(s))
            rc = pthread_cond_timedwait(&s->more, &s->lock, &until);
        else
            pthread_cond_wait(&s->more, &s->lock);
    }
    struct change *batch = detach_batch(s);
    *stop = !batch && s->stopping;
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
    bool stop = false;
    while (!stop) {
        struct change *batch = take_batch(s, &stop);
        if (batch)
            write_batch(s, batch);
        else if (!stop)
            probe(s);
        free_batch(batch);
    }
    return NULL;
}

static void tell_to_stop(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->more);
    pthread_cond_signal(&s->may_load);
    pthread_mutex_unlock(&s->lock);
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
    int rc = pthread_create(&s->loader, NULL, load_until_stopped, s);
    if (!rc && (rc = pthread_create(&s->writer, NULL, write_until_stopped, s))) {
        tell_to_stop(s);
        pthread_join(s->loader, NULL);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        log_error("store", "the store's threads cannot be started: %s", strerror(rc));
        return ERR_INTERNAL;
    }
    s->started = true;
    return OK;
}

void store_save_give(struct store *s, struct change *c)
{
    struct change **end = &c;
    size_t count = 0;
    for (; *end; end = &(*end)->next, count++)
        assert((*end)->kind < CHANGE__MAX);
    pthread_mutex_lock(&s->lock);
    bool may_sleep = !s->first;
    *s->last = c;
    s->last = end;
    s->given_count += count;
    pthread_mutex_unlock(&s->lock);
    if (may_sleep)
        pthread_cond_signal(&s->more);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    tell_to_stop(s);
    if (s->started) {
        pthread_join(s->writer, NULL);
        pthread_join(s->loader, NULL);
    } else {
        write_until_stopped(s);
        load_until_stopped(s);
    }
    db_close(s->db);
    pthread_cond_destroy(&s->more);
    pthread_cond_destroy(&s->may_load);
    pthread_mutex_destroy(&s->lock);
    free(s->answers);
    free(s->path);
    free(s);
}

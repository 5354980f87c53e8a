/* What the store's tests share: a store in a folder of its own, records to put into it, and its
 * answers. */
#ifndef TESTS_STORE_SUPPORT_H
#define TESTS_STORE_SUPPORT_H

#include "base/alloc.h"
#include "base/log.h"
#include "model/change.h"
#include "store/reader.h"
#include "store/store.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define T0 INT64_C(1767873600000) /* 2026-01-08 12:00 UTC */
#define STRUCT(type, ...)                                                                          \
    ((type *)memcpy(xcalloc(1, sizeof(type)), &(type){__VA_ARGS__}, sizeof(type)))

struct bench {
    char dir[64];
    struct store *store;
    struct reader *reader; /* opened by bench_reader */
    struct uuid_gen gen;
};

static inline struct uuid bench_id(struct bench *b)
{
    return uuid_next(&b->gen, T0, 0x0123456789abcdef);
}

static inline void bench_open(struct bench *b)
{
    struct buf why = BUF_INIT(1000);
    enum err e = store_open(&b->store, b->dir, &why);
    if (e)
        fail_msg("store_open: %s", buf_cstr(&why));
    buf_release(&why);
}

static inline void bench_close(struct bench *b)
{
    reader_close(b->reader);
    b->reader = NULL;
    store_close(b->store);
    b->store = NULL;
}

static inline void bench_reopen(struct bench *b)
{
    bench_close(b);
    bench_open(b);
}

static inline struct reader *bench_reader(struct bench *b)
{
    if (!b->reader)
        assert_int_equal(reader_open(&b->reader, b->store), OK);
    return b->reader;
}

static inline void bench_save(struct bench *b, struct change *c)
{
    assert_int_equal(store_save_now(b->store, c), OK);
}

static inline int bench_set_up(void **state)
{
    struct bench *b = xcalloc(1, sizeof *b);
    snprintf(b->dir, sizeof b->dir, "/tmp/spacerelay-store-XXXXXX");
    *state = b;
    if (!mkdtemp(b->dir))
        return -1;
    bench_open(b);
    return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)kind;
    (void)f;
    return remove(path);
}

static inline int bench_tear_down(void **state)
{
    struct bench *b = *state;
    bench_close(b);
    int rc = nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(b);
    return rc;
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

/* ---- records ---- */

static inline struct bytes *text(const char *s)
{
    return bytes_new(str_of(s));
}

#define assert_bytes_equal(b, literal)                                                             \
    do {                                                                                           \
        assert_non_null(b);                                                                        \
        assert_string_equal((b)->p, literal);                                                      \
        assert_int_equal((b)->n, strlen(literal));                                                 \
    } while (0)

static inline struct change *change_of_user(struct uuid id, const char *name)
{
    struct change *c = change_new(CHANGE_USER_PUT);
    c->user = STRUCT(struct user_record, .id = id, .role = ROLE_USER, .created_ms = T0);
    str_copy(c->user->name, sizeof c->user->name, str_of(name));
    str_copy(c->user->password_hash, sizeof c->user->password_hash, STR("$argon2id$fake"));
    return c;
}

static inline struct change *change_of_space(struct uuid id, const char *name)
{
    struct change *c = change_new(CHANGE_SPACE_PUT);
    c->space = STRUCT(struct space_record, .id = id, .inputs = INPUT_PROMPT, .max_apps = 1,
                      .created_ms = T0);
    str_copy(c->space->name, sizeof c->space->name, str_of(name));
    return c;
}

static inline struct change *change_of_setting(const char *name, const char *value)
{
    struct change *c = change_new(CHANGE_SETTING_PUT);
    c->setting = STRUCT(struct setting_record, .name = "");
    str_copy(c->setting->name, sizeof c->setting->name, str_of(name));
    str_copy(c->setting->value, sizeof c->setting->value, str_of(value));
    return c;
}

static inline struct change *change_of_request(struct uuid id, int64_t space_key, int64_t user_key,
                                               const char *payload)
{
    struct change *c = change_new(CHANGE_REQUEST_NEW);
    c->request =
        STRUCT(struct request_record, .id = id, .space_key = space_key, .user_key = user_key,
               .username = "ada", .status = REQUEST_QUEUED, .turn = 7, .created_ms = T0);
    c->request->payload = payload ? text(payload) : NULL;
    return c;
}

static inline struct change *change_of_attempt(struct uuid id, uint32_t attempt, int64_t at_ms)
{
    struct change *c = change_new(CHANGE_REQUEST_ATTEMPT);
    c->id = id;
    c->attempt = attempt;
    c->at_ms = at_ms;
    return c;
}

static inline struct change *change_of_text(struct uuid id, uint64_t offset, const char *s)
{
    struct change *c = change_new(CHANGE_REQUEST_TEXT);
    c->id = id;
    c->attempt = 1;
    c->offset = offset;
    c->text = text(s);
    return c;
}

static inline struct change *change_of_final(struct uuid id, enum request_status status,
                                             int64_t at_ms)
{
    struct change *c = change_new(CHANGE_REQUEST_FINAL);
    c->id = id;
    c->status = status;
    c->attempt = 1;
    c->at_ms = at_ms;
    return c;
}

/* ---- answers of a started store ---- */

struct answers {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct store_answer list[8192]; /* owns the records */
    size_t count, calls, largest;
};

static inline struct answers *answers_new(void)
{
    struct answers *a = xcalloc(1, sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->more, NULL);
    return a;
}

static inline void answers_free(struct answers *a)
{
    for (size_t i = 0; i < a->count; i++) {
        if (a->list[i].record)
            request_record_release(a->list[i].record);
        free(a->list[i].record);
    }
    pthread_cond_destroy(&a->more);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static inline void answers_add(void *ctx, struct store_answer *list, size_t count)
{
    struct answers *a = ctx;
    pthread_mutex_lock(&a->lock);
    if (count > sizeof a->list / sizeof a->list[0] - a->count)
        abort();
    memcpy(a->list + a->count, list, count * sizeof *list);
    a->count += count;
    a->calls++;
    a->largest = count > a->largest ? count : a->largest;
    pthread_cond_broadcast(&a->more);
    pthread_mutex_unlock(&a->lock);
}

/* The n-th answer (from 0) to a load, or to a save. */
static inline const struct store_answer *answer_nth(const struct answers *a, bool is_load, size_t n)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].is_load == is_load && n-- == 0)
            return &a->list[i];
    fail_msg("there is no such answer");
    return NULL;
}

/* Waits until there are n answers in all; fails after a minute. */
static inline void answers_wait(struct answers *a, size_t n)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&a->lock);
    while (a->count < n)
        if (pthread_cond_timedwait(&a->more, &a->lock, &until) == ETIMEDOUT)
            abort();
    pthread_mutex_unlock(&a->lock);
}

static inline struct change *numbered(struct change *c, uint64_t save_id)
{
    c->save_id = save_id;
    return c;
}

struct wanted_setting {
    const char *name;
    bool found;
};

static inline void look_for(void *ctx, const struct setting_record *s)
{
    struct wanted_setting *w = ctx;
    w->found |= strcmp(s->name, w->name) == 0;
}

static inline bool has_setting(struct bench *b, const char *name)
{
    struct wanted_setting w = {name, false};
    assert_int_equal(reader_settings(bench_reader(b), look_for, &w), OK);
    return w.found;
}

static inline void start_store(struct bench *b, struct answers *a)
{
    assert_int_equal(store_start(b->store, answers_add, a), OK);
}

#endif

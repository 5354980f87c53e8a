/* The reading of single requests, on a thread and a connection of its own: a result of 15 MiB takes
 * tens of milliseconds, for which no commit should wait. */
#include "base/alloc.h"
#include "base/log.h"
#include "store/rows.h"
#include "store/state.h"

#include <stdlib.h>

/* Records that were read and not given back yet. One more is read while they are below it: so this
 * and the largest record is what loads ever take. */
#define HELD_BYTES ((size_t)32 << 20)

static size_t record_bytes(const struct request_record *r)
{
    const struct bytes *parts[] = {r->payload, r->text, r->result, r->usage, r->error_message};
    size_t n = sizeof *r;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        n += bytes_str(parts[i]).n;
    return n;
}

void store_record_free(struct store *s, struct request_record *record)
{
    if (!record)
        return;
    if (s) {
        pthread_mutex_lock(&s->lock);
        s->held_bytes -= record_bytes(record);
        pthread_cond_signal(&s->may_load);
        pthread_mutex_unlock(&s->lock);
    }
    request_record_release(record);
    free(record);
}

void store_load_request(struct store *s, uint64_t load_id, struct uuid id)
{
    struct load *l = xcalloc(1, sizeof *l);
    *l = (struct load){.id = load_id, .request = id};
    pthread_mutex_lock(&s->lock);
    l->after = s->given_count;
    *s->last_load = l;
    s->last_load = &l->next;
    pthread_cond_signal(&s->may_load);
    pthread_mutex_unlock(&s->lock);
}

/* The next load that may be read; NULL when the store stops. */
static struct load *take(struct store *s, bool *stop)
{
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && !(s->first_load && s->first_load->after <= s->answered_count &&
                             s->held_bytes < HELD_BYTES))
        pthread_cond_wait(&s->may_load, &s->lock);
    struct load *l = s->first_load;
    if (l)
        s->first_load = l->next;
    if (!s->first_load)
        s->last_load = &s->first_load;
    *stop = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return l;
}

static enum err open_reader(struct store *s, struct db **db)
{
    struct buf why = BUF_INIT(1000);
    if (*db)
        return OK;
    enum err e = db_open(db, s->path, DB_READER, &why);
    if (e)
        log_error("store", "%s", buf_cstr(&why));
    buf_release(&why);
    return e;
}

/* One snapshot for the row and its text. */
static enum err read_request(struct store *s, struct db *db, struct uuid id,
                             struct request_record *out)
{
    enum err e = db_exec(db, "BEGIN");
    if (!e)
        e = rows_whole_request(db, id, out);
    db_rollback(db);
    if (!e || e == ERR_NOT_FOUND)
        return e;
    log_error("store", "a load failed: %s", db_error(db));
    if (db_trouble(db) == DB_DAMAGED)
        store_note(s, DB_DAMAGED);
    return ERR_STORE_UNAVAILABLE;
}

static void hold(struct store *s, const struct request_record *record)
{
    pthread_mutex_lock(&s->lock);
    s->held_bytes += record_bytes(record);
    pthread_mutex_unlock(&s->lock);
}

static void answer(struct store *s, const struct load *l, enum err e, struct request_record *record)
{
    struct store_answer a = {.is_load = true, .id = l->id, .err = e, .record = record};
    if (record)
        hold(s, record);
    if (s->answered)
        s->answered(s->ctx, &a, 1);
    else
        store_record_free(s, record);
}

static void load(struct store *s, struct db **db, const struct load *l)
{
    struct request_record *record = xcalloc(1, sizeof *record);
    enum err e =
        open_reader(s, db) ? ERR_STORE_UNAVAILABLE : read_request(s, *db, l->request, record);
    if (e) {
        free(record);
        record = NULL;
    }
    answer(s, l, e, record);
}

void *load_until_stopped(void *store)
{
    struct store *s = store;
    struct db *db = NULL; /* opened when it is needed first */
    bool stop = false;
    for (struct load *l; (l = take(s, &stop)) != NULL; free(l)) {
        if (stop)
            answer(s, l, ERR_STORE_UNAVAILABLE, NULL);
        else
            load(s, &db, l);
    }
    db_close(db);
    return NULL;
}

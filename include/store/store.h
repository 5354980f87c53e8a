/* The store: everything that outlives the process, behind the relay's own nouns. SQL and SQLite
 * stay inside.
 *
 * One thread writes (and checkpoints): it takes all changes that wait, writes them in one
 * transaction (WAL, synchronous=FULL) and reports them together. Another one loads single requests,
 * so that a large one delays no commit. Readers have connections of their own, one a thread.
 *
 * While the disk is full, fails or is locked by another program, changes are refused and the writer
 * tries a tiny write each second until it succeeds. Once what the database holds has turned out to
 * be damaged, every change is refused until the store is opened again: nothing is acknowledged that
 * was written into a damaged file. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "model/change.h"
#include "model/record.h"

struct store;

#define STORE_FILE "relay.db" /* in the data folder */

/* Opens or makes the database in dir (which exists and is locked by the caller), and brings its
 * schema up to date. No thread yet. On failure why gets a sentence: ERR_IO, ERR_NEWER (schema of a
 * newer program), ERR_INTERNAL. */
MUST_USE enum err store_open(struct store **out, const char *dir, struct buf *why);
/* Stops the writer after it has written what waits, then closes. NULL is fine. */
void store_close(struct store *s);

/* Start-up: hands over everything the relay keeps in memory, in the order core/relay.h wants;
 * records are borrowed for the call. Before store_start. ERR_IO, and why gets a sentence. */
struct store_visitor {
    void *ctx;
    void (*user)(void *ctx, const struct user_record *);
    void (*space)(void *ctx, const struct space_record *); /* not the removed ones */
    void (*token)(void *ctx,
                  const struct token_record *); /* of spaces not removed, revoked ones too */
    void (*session)(void *ctx,
                    const struct session_record *); /* of all; the core drops the ended ones */
    void (*api_key)(void *ctx, const struct api_key_record *); /* not the revoked ones */
    void (*setting)(void *ctx, const struct setting_record *);
    void (*idempotency)(void *ctx, const struct idempotency_record *); /* ascending requests */
    void (*request)(void *ctx,
                    const struct request_record *); /* queued and processing, ascending keys */
    void (*last_key)(void *ctx, int64_t key); /* the highest of all rows; 0 when there are none */
};
MUST_USE enum err store_load(struct store *s, const struct store_visitor *v, struct buf *why);

/* An answer of the writer's or the loader's thread. */
struct store_answer {
    bool is_load;
    uint64_t id;  /* save_id or load_id */
    enum err err; /* OK; save: ERR_STORE_UNAVAILABLE; load: ERR_NOT_FOUND, ERR_STORE_UNAVAILABLE */
    bool more;    /* retention: there is more to remove */
    struct request_record *record; /* load: the callee's until store_record_free */
};
/* Called on the writer's thread after each transaction with all its answers, in the order of the
 * changes; on the loader's with one answer at a time. */
typedef void store_answered(void *ctx, struct store_answer *answers, size_t count);

/* Starts the threads. ERR_INTERNAL. */
MUST_USE enum err store_start(struct store *s, store_answered *answered, void *ctx);
/* Queues a change for the writer, or a list of them, which then share a transaction if it can hold
 * them. Any thread; never waits for the disk. The answer of each always comes, once. */
void store_save_give(struct store *s, struct change *c);
/* Queues the reading of one request. It reads what is there after all changes that were queued
 * before it, and is answered after them; those queued later may overtake it. The answer always
 * comes, once; ERR_STORE_UNAVAILABLE when the store closes before. Records of more than 32 MiB
 * together are not read ahead of store_record_free. Any thread. */
void store_load_request(struct store *s, uint64_t load_id, struct uuid id);
/* Gives back the record of an answer. NULL is fine for both; s is NULL when it was closed. */
void store_record_free(struct store *s, struct request_record *record);
/* Why nothing can be saved at the moment, in words ("the disk is full"); NULL when nothing is known
 * to be wrong. Static storage. Any thread. */
const char *store_trouble(const struct store *s);
/* The same without a thread, for the command line: writes now. Not after store_start. */
MUST_USE enum err store_save_now(struct store *s, struct change *c);

#endif

/* Idempotency keys: which request a person's key stands for, for as long as limits.idempotency_ms.
 * Private to the core, a part of state.h.
 *
 * A key is taken when its request is accepted, saved in the same change, and free again when that
 * fails. Ages are told by the core's clock: setting the wall clock makes no key older or younger.
 * On disk keys go in small steps, by ranges of request keys, which ascend with time. */
#ifndef CORE_IDEMPOTENCY_H
#define CORE_IDEMPOTENCY_H

#include "base/hash.h"
#include "base/list.h"
#include "model/record.h"

struct person;
struct relay;
struct request;

struct idempotency {
    struct uuid request_id;
    int64_t space_key;
    struct hash hash; /* of the payload */
    struct person *person;
    struct request *accepting;   /* while it is being saved */
    int64_t since_ms;            /* by the core's clock; before its start: negative */
    struct list link, of_person; /* the oldest first */
    UT_hash_handle hh;
    size_t key_bytes;
    char key[]; /* the person's key and the name */
};

/* NULL: the person has used no such key, or so long ago that it is free again. Borrowed until the
 * next step. */
struct idempotency *idempotency_find(struct relay *r, const struct person *p, struct str name);
/* The key now stands for q, which is being saved. */
void idempotency_take(struct relay *r, struct request *q, struct str name, const struct hash *hash);
/* What is stored with q; NULL when it was submitted without a key. The caller's. */
struct idempotency_record *idempotency_row(const struct request *q);
/* q is on disk (or, err, could not be put there). */
void idempotency_saved(struct relay *r, struct request *q, enum err err);
/* Milliseconds until the person may use one more key; 0 = now. */
uint64_t idempotency_wait(struct relay *r, const struct person *p);

/* Before the clock is known; the oldest first. */
void idempotency_restore(struct relay *r, const struct idempotency_record *rec);
/* Now it is known. */
void idempotency_listening(struct relay *r);
void idempotency_free_all(struct relay *r);

#endif

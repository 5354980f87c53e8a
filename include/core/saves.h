/* What the core has given the store to write or to look up, until it is answered. Private to the
 * core. */
#ifndef CORE_SAVES_H
#define CORE_SAVES_H

#include "base/hash.h"
#include "base/list.h"
#include "core/relay.h"
#include "core/timer.h"

struct request;

struct save {
    uint64_t id;
    uint64_t since_ms;
    void (*done)(struct relay *r, struct save *s, enum err err);
    struct request *request;
    uint64_t offset;  /* text: bytes on disk when it is done */
    uint32_t attempt; /* text */
    uint64_t ticket;
    bool more;          /* retention: there is more to remove */
    struct uuid object; /* what a command made or changed */
    void *row;          /* a heap copy of the row, applied when it is saved */
    struct sure *sure;
    struct list link; /* in the order they were given */
    UT_hash_handle hh;
};

/* A change that is tried again each second until it is saved, because nobody else would ask for it
 * again. */
struct sure {
    struct timer timer;
    struct list link;
    enum change_kind kind; /* SESSION_END or KEYS_EXPIRED (key), API_KEY_END (key, at_ms), or
                              REQUEST_USAGE (id, usage) */
    int64_t key, at_ms;
    struct uuid id;
    struct bytes *usage;
};

#define LOADS_PER_CONN 64
/* What a person's questions and removals load counts together, beside what each of their sockets
 * loads: sockets have small numbers, user keys leave the highest bit free. */
#define QUESTIONS_OF(user_key) ((UINT64_C(1) << 63) | (uint64_t)(user_key))

enum load_for {
    LOAD_FOR_ACK,
    LOAD_FOR_SUBSCRIBE,
    LOAD_FOR_CANCEL,
    LOAD_FOR_QUERY,
    LOAD_FOR_REMOVE
};

struct load {
    uint64_t id;
    enum load_for purpose;
    uint64_t conn, ticket; /* a query has no socket: see query.c for its conn */
    struct lease_ref lease;
    int64_t app_space_key;
    struct identity who;
    struct actor actor; /* of a query or a removal */
    struct uuid request_id;
    char topic_text[UUID_TEXT_BYTES + 16];
    char ref[REF_BYTES];
    char address[ADDRESS_BYTES]; /* of the socket that subscribes */
    bool noted;                  /* that an admin looks is written down */
    UT_hash_handle hh;
};

/* How many of a connection's loads are under way; made with the first, gone with the last. */
struct loader {
    uint64_t conn;
    unsigned loads;
    UT_hash_handle hh;
};

struct save *save_start(struct relay *r, struct change *c,
                        void (*done)(struct relay *, struct save *, enum err));
void save_surely(struct relay *r, enum change_kind kind, int64_t key, struct uuid id,
                 struct str usage);
void sure_free_all(struct relay *r);
void saves_answered(struct relay *r, const struct relay_event *e);
bool saves_overloaded(const struct relay *r);
/* How many may be under way, when that is why; 0 = the oldest takes too long. */
uint64_t saves_limit(const struct relay *r);
/* NULL when the connection has LOADS_PER_CONN under way: loads wait with what everybody saves, and
 * nobody's may fill that list. */
struct load *load_start(struct relay *r, enum load_for purpose, uint64_t conn,
                        struct uuid request_id);
void loads_answered(struct relay *r, const struct relay_event *e);
void loads_free_all(struct relay *r);

#endif

/* Reading for pages: a read-only connection, one a thread, closed before the store. What it reads
 * is what was committed.
 *
 * Every call answers OK, ERR_NOT_FOUND (single things) or ERR_STORE_UNAVAILABLE. Lists are visited
 * one record at a time, borrowed for the call. */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "model/change.h"
#include "model/record.h"
#include "store/store.h"

struct reader;

/* What a reader finds damaged stops the store from saving. */
MUST_USE enum err reader_open(struct reader **out, struct store *s);
void reader_close(struct reader *r); /* NULL is fine */

MUST_USE enum err reader_user(struct reader *r, struct str name,
                              struct user_record *out); /* any case */
MUST_USE enum err reader_users(struct reader *r, void (*visit)(void *, const struct user_record *),
                               void *ctx);
MUST_USE enum err reader_sessions(struct reader *r, int64_t user_key,
                                  void (*visit)(void *, const struct session_record *), void *ctx);
MUST_USE enum err reader_space(struct reader *r, struct uuid id, struct space_record *out);
MUST_USE enum err reader_space_by_name(struct reader *r, struct str name, struct space_record *out);
/* by name, ascending, not the removed ones */
MUST_USE enum err reader_spaces(struct reader *r,
                                void (*visit)(void *, const struct space_record *), void *ctx);
/* newest first; space_key 0 = of all spaces */
MUST_USE enum err reader_tokens(struct reader *r, int64_t space_key,
                                void (*visit)(void *, const struct token_record *), void *ctx);
/* newest first, not the revoked ones */
MUST_USE enum err reader_api_keys(struct reader *r, int64_t user_key,
                                  void (*visit)(void *, const struct api_key_record *), void *ctx);
MUST_USE enum err reader_settings(struct reader *r,
                                  void (*visit)(void *, const struct setting_record *), void *ctx);

/* Requests, newest first. */
struct request_filter {
    int64_t user_key;  /* 0 = of all */
    int64_t space_key; /* 0 = in all */
    bool by_status;
    enum request_status status; /* of the five people see */
    struct str error_code;      /* empty = any; borrowed */
    int64_t before_key;         /* only older ones; 0 = from the newest */
    int64_t from_key;           /* only these and newer ones; 0 = to the oldest */
    uint32_t limit;             /* at most 201: 200, and whether there are more */
};
/* A row of a list: without the large parts, but with the first bytes of the prompt. */
struct request_row {
    struct uuid id;
    int64_t space_key, user_key;
    char space_name[SPACE_NAME_BYTES]; /* also of a removed space */
    char username[USER_NAME_BYTES];
    enum request_status status;
    uint32_t attempt;
    char error_code[32];
    char prompt[301]; /* the start of payload.prompt, cut at a code point; "" when there is none */
    int64_t created_ms, started_ms, finished_ms;
};
MUST_USE enum err reader_requests(struct reader *r, const struct request_filter *f,
                                  void (*visit)(void *, const struct request_row *), void *ctx);
/* How far back a list with this filter may look at once: for a filter without an index the key of
 * the request that stands `rows` below before_key, to be used as from_key; 0 when there is an
 * index, or there are no more rows than that. */
MUST_USE enum err reader_requests_reach(struct reader *r, const struct request_filter *f,
                                        uint32_t rows, int64_t *key);
/* The whole request with payload, text and result; release with request_record_release. space_name
 * gets the name. */
MUST_USE enum err reader_request(struct reader *r, struct uuid id, struct request_record *out,
                                 char space_name[SPACE_NAME_BYTES]);
MUST_USE enum err reader_attempts(struct reader *r, struct uuid request_id,
                                  void (*visit)(void *, const struct attempt_record *), void *ctx);

/* Audit rows, newest first. */
struct audit_filter {
    struct str actor, action, subject; /* empty = any; borrowed. Actor and subject in any case */
    int64_t from_ms, before_ms;        /* from <= at_ms < before; 0 = open */
    int64_t before_key;                /* only older ones; 0 = from the newest */
    uint32_t limit;
};
/* key is passed for the next page. */
MUST_USE enum err reader_audit(struct reader *r, const struct audit_filter *f,
                               void (*visit)(void *, int64_t key, const struct audit_record *),
                               void *ctx);
/* Every action that has a row, in alphabetical order. */
MUST_USE enum err reader_audit_actions(struct reader *r, void (*visit)(void *, struct str action),
                                       void *ctx);

#endif

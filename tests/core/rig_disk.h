/* A disk made of arrays: what a store would hold after the changes that it has answered. */
#ifndef TESTS_CORE_RIG_DISK_H
#define TESTS_CORE_RIG_DISK_H

#include "base/alloc.h"
#include "base/buf.h"
#include "core/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DISK_ROWS 64 /* of everything but requests */

struct disk_request {
    struct request_record rec; /* rec.text is unused */
    struct buf text;
    unsigned finals; /* how often a final state was written */
};

struct disk {
    struct user_record users[DISK_ROWS];
    struct space_record spaces[DISK_ROWS];
    struct token_record tokens[DISK_ROWS];
    struct session_record sessions[DISK_ROWS];
    struct api_key_record api_keys[DISK_ROWS];
    struct setting_record settings[DISK_ROWS];
    struct audit_record audits[DISK_ROWS]; /* the newest, in a ring */
    size_t user_count, space_count, token_count, session_count, api_key_count, setting_count,
        audit_count;
    struct disk_request *requests;
    size_t request_count, request_cap;
    struct idempotency_record *keys; /* the oldest first */
    size_t key_count, key_cap;
    unsigned retentions;
    unsigned retention_steps; /* that there is something to remove for */
    int64_t retained_before_ms;
};

static inline void disk_release(struct disk *d)
{
    for (size_t i = 0; i < d->request_count; i++) {
        request_record_release(&d->requests[i].rec);
        buf_release(&d->requests[i].text);
    }
    free(d->requests);
    free(d->keys);
}

static inline struct disk_request *disk_request(struct disk *d, struct uuid id)
{
    for (size_t i = d->request_count; i-- > 0;)
        if (uuid_eq(d->requests[i].rec.id, id))
            return &d->requests[i];
    return NULL;
}

/* Puts a row into one of the arrays: in the place of the one with the same id, or at the end. */
#define DISK_PUT(d, rows, count, row)                                                              \
    do {                                                                                           \
        size_t at_ = 0;                                                                            \
        while (at_ < (d)->count && !uuid_eq((d)->rows[at_].id, (row)->id))                         \
            at_++;                                                                                 \
        assert_true(at_ < DISK_ROWS);                                                              \
        (d)->rows[at_] = *(row);                                                                   \
        (d)->count += at_ == (d)->count;                                                           \
    } while (0)

static inline void disk_put_request(struct disk *d, const struct request_record *rec)
{
    assert_null(disk_request(d, rec->id));
    if (d->request_count == d->request_cap) {
        d->request_cap = d->request_cap ? d->request_cap * 2 : 16;
        d->requests = xrealloc(d->requests, d->request_cap, sizeof *d->requests);
    }
    struct disk_request *q = &d->requests[d->request_count++];
    *q = (struct disk_request){.rec = *rec, .text = BUF_INIT(1U << 26)};
    bytes_ref(q->rec.payload);
    bytes_ref(q->rec.result);
    bytes_ref(q->rec.usage);
    bytes_ref(q->rec.error_message);
    q->rec.text = NULL;
    if (rec->text)
        buf_str_append(&q->text, bytes_str(rec->text));
}

/* Text at offset takes the place of what is there from offset on; a hole would be a bug. */
static inline void disk_text(struct disk_request *q, uint64_t offset, const struct bytes *text)
{
    if (!text)
        return;
    assert_true(offset <= q->text.len);
    q->text.len = (size_t)offset;
    buf_str_append(&q->text, bytes_str(text));
}

static inline void disk_keep(struct bytes **place, struct bytes *b)
{
    bytes_unref(*place);
    *place = bytes_ref(b);
}

static inline void disk_attempt(struct disk_request *q, const struct change *c)
{
    assert_int_equal(q->rec.status, REQUEST_QUEUED);
    assert_true(c->attempt > q->rec.attempt);
    q->rec.status = REQUEST_PROCESSING;
    q->rec.attempt = c->attempt;
    if (!q->rec.started_ms)
        q->rec.started_ms = c->at_ms;
    q->text.len = 0;
}

static inline void disk_final(struct disk_request *q, const struct change *c)
{
    assert_false(request_status_final(q->rec.status)); /* exactly one final state */
    assert_true(request_status_final(c->status));
    assert_int_equal(c->attempt, q->rec.attempt);
    q->finals++;
    q->rec.status = c->status;
    q->rec.finished_ms = c->at_ms;
    memcpy(q->rec.error_code, c->code, sizeof q->rec.error_code);
    disk_keep(&q->rec.result, c->result);
    disk_keep(&q->rec.usage, c->usage);
    disk_keep(&q->rec.error_message, c->message);
    disk_text(q, c->offset, c->text);
}

static inline void disk_remove_request(struct disk *d, struct disk_request *q)
{
    assert_true(request_status_final(q->rec.status));
    request_record_release(&q->rec);
    buf_release(&q->text);
    *q = d->requests[--d->request_count];
}

static inline void disk_apply_request(struct disk *d, const struct change *c)
{
    struct disk_request *q = disk_request(d, c->id);
    if (!q && c->kind == CHANGE_REQUEST_REMOVE)
        return;
    assert_non_null(q);
    if (c->kind == CHANGE_REQUEST_REMOVE) {
        disk_remove_request(d, q);
    } else if (c->kind == CHANGE_REQUEST_ATTEMPT) {
        disk_attempt(q, c);
    } else if (c->kind == CHANGE_REQUEST_QUEUED) {
        assert_int_equal(q->rec.status, REQUEST_PROCESSING);
        q->rec.status = REQUEST_QUEUED;
        q->rec.lost = c->lost;
        q->rec.waived = c->waived;
        q->text.len = 0;
    } else if (c->kind == CHANGE_REQUEST_TEXT) {
        assert_int_equal(c->attempt, q->rec.attempt);
        disk_text(q, c->offset, c->text);
    } else if (c->kind == CHANGE_REQUEST_FINAL) {
        disk_final(q, c);
    } else {
        disk_keep(&q->rec.usage, c->usage);
    }
}

static inline void disk_session_put(struct disk *d, const struct session_record *s)
{
    DISK_PUT(d, sessions, session_count, s);
    for (size_t i = 0; i < d->user_count; i++)
        if (uuid_key(d->users[i].id) == s->user_key)
            d->users[i].last_login_ms = s->created_ms;
}

static inline void disk_session_end(struct disk *d, int64_t key)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->session_count; i++)
        if (uuid_key(d->sessions[i].id) != key)
            d->sessions[kept++] = d->sessions[i];
    d->session_count = kept;
}

static inline void disk_note_time(struct disk *d, const struct change *c)
{
    for (size_t i = 0; i < d->session_count; i++)
        if (c->kind == CHANGE_SESSION_SEEN && uuid_key(d->sessions[i].id) == c->key)
            d->sessions[i].seen_ms = c->at_ms;
    for (size_t i = 0; i < d->token_count; i++)
        if (c->kind == CHANGE_TOKEN_USED && uuid_key(d->tokens[i].id) == c->key)
            d->tokens[i].used_ms = c->at_ms;
    for (size_t i = 0; i < d->api_key_count; i++) {
        if (uuid_key(d->api_keys[i].id) != c->key)
            continue;
        if (c->kind == CHANGE_API_KEY_USED)
            d->api_keys[i].used_ms = c->at_ms;
        if (c->kind == CHANGE_API_KEY_END && !d->api_keys[i].revoked_ms)
            d->api_keys[i].revoked_ms = c->at_ms;
    }
}

static inline void disk_setting(struct disk *d, const struct setting_record *s)
{
    size_t at = 0;
    while (at < d->setting_count && strcmp(d->settings[at].name, s->name) != 0)
        at++;
    assert_true(at < DISK_ROWS);
    d->settings[at] = *s;
    d->setting_count += at == d->setting_count;
}

static inline void disk_put_key(struct disk *d, const struct idempotency_record *k)
{
    if (d->key_count == d->key_cap) {
        d->key_cap = d->key_cap ? d->key_cap * 2 : 16;
        d->keys = xrealloc(d->keys, d->key_cap, sizeof *d->keys);
    }
    d->keys[d->key_count++] = *k;
}

static inline void disk_expire_keys(struct disk *d, int64_t up_to)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->key_count; i++)
        if (uuid_key(d->keys[i].request_id) > up_to)
            d->keys[kept++] = d->keys[i];
    d->key_count = kept;
}

static inline void disk_retention(struct disk *d, const struct change *c)
{
    d->retentions++;
    d->retained_before_ms = c->at_ms;
}

static inline void disk_user_put(struct disk *d, const struct change *c)
{
    DISK_PUT(d, users, user_count, c->user);
    for (size_t i = d->session_count; c->ends_sessions && i-- > 0;) {
        int64_t key = uuid_key(d->sessions[i].id);
        if (d->sessions[i].user_key == uuid_key(c->user->id) && key != c->key)
            disk_session_end(d, key);
    }
}

static inline void disk_apply_row(struct disk *d, const struct change *c)
{
    if (c->kind == CHANGE_USER_PUT)
        disk_user_put(d, c);
    else if (c->kind == CHANGE_SESSION_PUT)
        disk_session_put(d, c->session);
    else if (c->kind == CHANGE_SESSION_END)
        disk_session_end(d, c->key);
    else if (c->kind == CHANGE_SPACE_PUT)
        DISK_PUT(d, spaces, space_count, c->space);
    else if (c->kind == CHANGE_TOKEN_PUT)
        DISK_PUT(d, tokens, token_count, c->token);
    else if (c->kind == CHANGE_API_KEY_PUT)
        DISK_PUT(d, api_keys, api_key_count, c->api_key);
    else if (c->kind == CHANGE_SETTING_PUT)
        disk_setting(d, c->setting);
    else if (c->kind == CHANGE_RETENTION)
        disk_retention(d, c);
    else if (c->kind == CHANGE_KEYS_EXPIRED)
        disk_expire_keys(d, c->key);
    else
        disk_note_time(d, c);
}

static inline void disk_apply_one(struct disk *d, const struct change *c)
{
    if (c->kind == CHANGE_REQUEST_NEW)
        disk_put_request(d, c->request);
    else if (c->kind < CHANGE_USER_PUT)
        disk_apply_request(d, c);
    else
        disk_apply_row(d, c);
    if (c->idempotency)
        disk_put_key(d, c->idempotency);
    if (c->audit)
        d->audits[d->audit_count++ % DISK_ROWS] = *c->audit;
}

static inline void disk_apply(struct disk *d, const struct change *c)
{
    for (; c; c = c->also)
        disk_apply_one(d, c);
}

static inline void disk_restore_last_key(const struct disk *d, struct relay *r)
{
    for (size_t i = 0; i < d->user_count; i++)
        relay_restore_last_key(r, uuid_key(d->users[i].id));
    for (size_t i = 0; i < d->space_count; i++)
        relay_restore_last_key(r, uuid_key(d->spaces[i].id));
    for (size_t i = 0; i < d->token_count; i++)
        relay_restore_last_key(r, uuid_key(d->tokens[i].id));
    for (size_t i = 0; i < d->session_count; i++)
        relay_restore_last_key(r, uuid_key(d->sessions[i].id));
    for (size_t i = 0; i < d->api_key_count; i++)
        relay_restore_last_key(r, uuid_key(d->api_keys[i].id));
    for (size_t i = 0; i < d->request_count; i++)
        relay_restore_last_key(r, uuid_key(d->requests[i].rec.id));
}

/* As the store does at the start. */
static inline void disk_restore(const struct disk *d, struct relay *r)
{
    for (size_t i = 0; i < d->user_count; i++)
        relay_restore_user(r, &d->users[i]);
    for (size_t i = 0; i < d->space_count; i++)
        if (!d->spaces[i].removed_ms)
            relay_restore_space(r, &d->spaces[i]);
    for (size_t i = 0; i < d->token_count; i++)
        relay_restore_token(r, &d->tokens[i]);
    for (size_t i = 0; i < d->session_count; i++)
        relay_restore_session(r, &d->sessions[i]);
    for (size_t i = 0; i < d->api_key_count; i++)
        if (!d->api_keys[i].revoked_ms)
            relay_restore_api_key(r, &d->api_keys[i]);
    for (size_t i = 0; i < d->setting_count; i++)
        relay_restore_setting(r, &d->settings[i]);
    for (size_t i = 0; i < d->key_count; i++)
        relay_restore_idempotency(r, &d->keys[i]);
    for (size_t i = 0; i < d->request_count; i++) {
        struct request_record rec = d->requests[i].rec;
        if (request_status_final(rec.status))
            continue;
        rec.text = bytes_new(buf_str(&d->requests[i].text));
        relay_restore_request(r, &rec);
        bytes_unref(rec.text);
    }
    disk_restore_last_key(d, r);
}

#endif

/* What was stored becomes what is in memory, before the first step. */
#include "core/state.h"

#include <stdlib.h>

void relay_restore_last_key(struct relay *r, int64_t key)
{
    if (key > r->ids.last_key)
        r->ids.last_key = key;
}

void relay_restore_user(struct relay *r, const struct user_record *u)
{
    admins_note(r, person_new(r, u));
}

void relay_restore_space(struct relay *r, const struct space_record *s)
{
    space_index_name(r, space_new(r, s));
}

void relay_restore_token(struct relay *r, const struct token_record *t)
{
    struct token *token = xcalloc(1, sizeof *token);
    token->rec = *t;
    token->key = uuid_key(t->id);
    HASH_ADD(hh, r->tokens, key, sizeof token->key, token);
}

void relay_restore_session(struct relay *r, const struct session_record *s)
{
    struct person *p = person_by_key(r, s->user_key);
    if (p)
        session_new(r, p, s);
}

void relay_restore_api_key(struct relay *r, const struct api_key_record *k)
{
    struct person *p = person_by_key(r, k->user_key);
    if (p)
        api_key_new(r, p, k);
}

void relay_restore_idempotency(struct relay *r, const struct idempotency_record *k)
{
    idempotency_restore(r, k);
}

void relay_restore_setting(struct relay *r, const struct setting_record *s)
{
    struct setting *setting = xcalloc(1, sizeof *setting);
    setting->rec = *s;
    HASH_ADD_STR(r->settings, rec.name, setting);
}

/* A request of a space that was removed: it waits in a nameless space to be ended. */
static struct space *ghost_space(struct relay *r, int64_t key)
{
    struct space *s = space_new(r, &(struct space_record){0});
    HASH_DELETE(hh, r->spaces, s);
    s->key = key;
    s->removed = true;
    HASH_ADD(hh, r->spaces, key, sizeof s->key, s);
    return s;
}

static struct person *ghost_person(struct relay *r, const struct request_record *rec)
{
    struct person *p = person_new(r, &(struct user_record){.disabled = true});
    HASH_DELETE(hh, r->people, p);
    p->key = rec->user_key;
    HASH_ADD(hh, r->people, key, sizeof p->key, p);
    return p;
}

static void restore_turn(struct relay *r, struct space *s, const struct request_record *rec)
{
    struct standing *st = space_standing(r, s, rec->user_key);
    if (rec->turn > st->last_turn)
        st->last_turn = rec->turn;
    if (rec->status == REQUEST_PROCESSING && rec->turn > s->turn)
        s->turn = rec->turn;
}

static void take_bytes(struct request *q, const struct request_record *rec)
{
    bytes_ref(rec->payload);
    bytes_ref(rec->result);
    bytes_ref(rec->usage);
    bytes_ref(rec->error_message);
    q->rec.text = NULL;
    if (rec->text) {
        if (q->text.max < rec->text->n)
            q->text.max = rec->text->n; /* the limit was lowered */
        buf_str_append(&q->text, bytes_str(rec->text));
        q->text_saved = q->text.len;
    }
}

void relay_restore_request(struct relay *r, const struct request_record *rec)
{
    struct space *s = space_by_key(r, rec->space_key);
    struct person *p = person_by_key(r, rec->user_key);
    struct request *q =
        request_make(r, s ? s : ghost_space(r, rec->space_key), p ? p : ghost_person(r, rec));
    q->rec = *rec;
    take_bytes(q, rec);
    q->rec.status = REQUEST_ACCEPTING;
    HASH_ADD(hh, r->requests, rec.id, sizeof q->rec.id, q);
    request_set_status(r, q, REQUEST_QUEUED);
    restore_turn(r, q->space, rec);
    if (rec->status == REQUEST_PROCESSING) {
        request_set_status(r, q, REQUEST_PROCESSING);
        q->restored = q->sent = true;
        list_push_back(&q->space->orphans, &q->lease_link);
    } else {
        request_enqueue(r, q);
    }
}

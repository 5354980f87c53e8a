/* API keys: what lets a program act for a person. A revoked one is forgotten here at once; an
 * expired one stays until it is revoked, so that its person sees it and it counts. */
#include "core/state.h"

#include <stdlib.h>

#define CLOSE_REVOKED 4501
#define USED_SAVE_MS  INT64_C(3600000) /* "last used" is saved at most this often */

static void over_timer_fired(struct relay *r, struct timer *t);

struct api_key *api_key_new(struct relay *r, struct person *p, const struct api_key_record *rec)
{
    struct api_key *k = xcalloc(1, sizeof *k);
    k->rec = *rec;
    k->key = uuid_key(rec->id);
    k->person = p;
    k->over_timer.fire = over_timer_fired;
    list_push_back(&p->api_keys, &k->link);
    HASH_ADD(hh, r->api_keys, key, sizeof k->key, k);
    HASH_ADD(hh_hash, r->api_keys_by_hash, rec.hash, sizeof k->rec.hash, k);
    return k;
}

void api_key_free(struct relay *r, struct api_key *k)
{
    timer_stop(r, &k->over_timer);
    list_remove(&k->link);
    HASH_DELETE(hh, r->api_keys, k);
    HASH_DELETE(hh_hash, r->api_keys_by_hash, k);
    free(k);
}

struct api_key *api_key_by_key(struct relay *r, int64_t key)
{
    struct api_key *k;
    HASH_FIND(hh, r->api_keys, &key, sizeof key, k);
    return k;
}

struct api_key *api_key_by_hash(struct relay *r, const struct hash *hash)
{
    struct api_key *k;
    HASH_FIND(hh_hash, r->api_keys_by_hash, hash, sizeof *hash, k);
    return k;
}

struct api_key *api_key_named(const struct person *p, const char *name)
{
    LIST_EACH ((struct list *)&p->api_keys, it) {
        struct api_key *k = CONTAINER_OF(it, struct api_key, link);
        if (strcmp(k->rec.name, name) == 0)
            return k;
    }
    return NULL;
}

size_t api_keys_count(const struct person *p)
{
    size_t count = 0;
    LIST_EACH ((struct list *)&p->api_keys, it)
        count++;
    return count;
}

static void close_sockets(struct relay *r, const struct api_key *k, struct str why)
{
    struct effect *x = effect_new(r, EFFECT_CLOSE_PERSON);
    x->user_key = k->person->key;
    x->session_key = k->key;
    x->close_code = CLOSE_REVOKED;
    x->reason = why;
}

void api_key_end(struct relay *r, struct api_key *k)
{
    close_sockets(r, k, STR("the API key has been revoked"));
    api_key_free(r, k);
}

void api_keys_end(struct relay *r, struct person *p)
{
    LIST_EACH (&p->api_keys, it) {
        struct api_key *k = CONTAINER_OF(it, struct api_key, link);
        save_surely(r, CHANGE_API_KEY_END, k->key, k->rec.id, STR(""));
        api_key_end(r, k);
    }
}

static bool has_expired(const struct relay *r, const struct api_key *k)
{
    return k->rec.expires_ms && k->rec.expires_ms <= r->now.wall_ms;
}

void api_key_watch(struct relay *r, struct api_key *k)
{
    int64_t left_ms = k->rec.expires_ms - r->now.wall_ms;
    if (k->rec.expires_ms && left_ms > 0)
        timer_set(r, &k->over_timer, r->now.mono_ms + (uint64_t)left_ms);
}

static void over_timer_fired(struct relay *r, struct timer *t)
{
    struct api_key *k = CONTAINER_OF(t, struct api_key, over_timer);
    if (has_expired(r, k))
        close_sockets(r, k, STR("the API key has expired"));
    else
        api_key_watch(r, k); /* the wall clock was set back */
}

static void note_use(struct relay *r, struct api_key *k)
{
    if (r->now.wall_ms - k->rec.used_ms < USED_SAVE_MS)
        return;
    k->rec.used_ms = r->now.wall_ms;
    struct change *c = change_new(CHANGE_API_KEY_USED);
    c->key = k->key;
    c->at_ms = k->rec.used_ms;
    save_start(r, c, NULL);
}

bool relay_identify_key(struct relay *r, const struct hash *secret, struct now now,
                        struct effects *out, struct identity *who)
{
    struct api_key *k = api_key_by_hash(r, secret);
    r->now = now;
    r->out = out;
    if (!k || k->pending || has_expired(r, k) || k->person->rec.disabled || k->person->pending)
        return false;
    note_use(r, k);
    const struct user_record *u = &k->person->rec;
    bool admin = k->rec.scopes & SCOPE_ADMIN;
    *who = (struct identity){.user_key = k->person->key,
                             .session_key = k->key,
                             .role = admin ? u->role : ROLE_USER,
                             .scopes = k->rec.scopes & SCOPES_OF_KEYS};
    memcpy(who->name, u->name, sizeof who->name);
    memcpy(who->language, u->language, sizeof who->language);
    return true;
}

/* People and their log-ins. */
#include "core/state.h"

#include <stdlib.h>

#define CLOSE_LOGGED_OUT 4502
#define SEEN_SAVE_MS     INT64_C(300000) /* "last used" is saved at most this often */

static void fold(char *out, const char *name)
{
    size_t i = 0;
    for (; name[i] && i < USER_NAME_BYTES - 1; i++)
        out[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
    out[i] = 0;
}

struct person *person_by_key(struct relay *r, int64_t key)
{
    struct person *p;
    HASH_FIND(hh, r->people, &key, sizeof key, p);
    return p;
}

struct person *person_by_name(struct relay *r, struct str name)
{
    char text[USER_NAME_BYTES], folded[USER_NAME_BYTES];
    if (!str_copy(text, sizeof text, name))
        return NULL;
    fold(folded, text);
    struct person *p;
    HASH_FIND(hh_name, r->people_by_name, folded, strlen(folded), p);
    return p;
}

struct person *person_new(struct relay *r, const struct user_record *rec)
{
    struct person *p = xcalloc(1, sizeof *p);
    p->rec = *rec;
    p->key = uuid_key(rec->id);
    fold(p->folded, rec->name);
    list_init(&p->sessions);
    list_init(&p->api_keys);
    list_init(&p->keys);
    HASH_ADD(hh, r->people, key, sizeof p->key, p);
    HASH_ADD_KEYPTR(hh_name, r->people_by_name, p->folded, strlen(p->folded), p);
    return p;
}

void person_free(struct relay *r, struct person *p)
{
    LIST_EACH (&p->sessions, it)
        session_free(r, CONTAINER_OF(it, struct session, link));
    LIST_EACH (&p->api_keys, it)
        api_key_free(r, CONTAINER_OF(it, struct api_key, link));
    HASH_DELETE(hh, r->people, p);
    HASH_DELETE(hh_name, r->people_by_name, p);
    r->admins -= (unsigned)p->counted_admin;
    free(p);
}

static void over_timer_fired(struct relay *r, struct timer *t);

struct session *session_new(struct relay *r, struct person *p, const struct session_record *rec)
{
    struct session *s = xcalloc(1, sizeof *s);
    s->rec = *rec;
    s->key = uuid_key(rec->id);
    s->person = p;
    s->seen_saved_ms = rec->seen_ms;
    s->over_timer.fire = over_timer_fired;
    list_push_back(&p->sessions, &s->link);
    HASH_ADD(hh, r->sessions, key, sizeof s->key, s);
    HASH_ADD(hh_hash, r->sessions_by_hash, rec.hash, sizeof s->rec.hash, s);
    return s;
}

void session_free(struct relay *r, struct session *s)
{
    timer_stop(r, &s->over_timer);
    list_remove(&s->link);
    HASH_DELETE(hh, r->sessions, s);
    HASH_DELETE(hh_hash, r->sessions_by_hash, s);
    free(s);
}

/* Ends it in memory and closes its sockets at once; the row goes in its own time. */
static void session_end(struct relay *r, struct session *s)
{
    save_surely(r, CHANGE_SESSION_END, s->key, s->rec.id, STR(""));
    struct effect *x = effect_new(r, EFFECT_CLOSE_PERSON);
    x->user_key = s->person->key;
    x->session_key = s->key;
    x->close_code = CLOSE_LOGGED_OUT;
    session_free(r, s);
}

/* The first moment at which it is over if it is not used again. */
static int64_t over_at(const struct relay *r, const struct session *s)
{
    int64_t idle_ms = s->rec.seen_ms + (int64_t)r->limits.session_idle_ms + 1;
    return idle_ms < s->rec.expires_ms ? idle_ms : s->rec.expires_ms;
}

void session_watch(struct relay *r, struct session *s)
{
    int64_t left_ms = over_at(r, s) - r->now.wall_ms;
    timer_set(r, &s->over_timer, r->now.mono_ms + (left_ms > 0 ? (uint64_t)left_ms : 0));
}

static void over_timer_fired(struct relay *r, struct timer *t)
{
    struct session *s = CONTAINER_OF(t, struct session, over_timer);
    if (over_at(r, s) > r->now.wall_ms)
        session_watch(r, s); /* used since then, or the wall clock was set back */
    else
        session_end(r, s);
}

/* Those that are being saved too. */
void sessions_end(struct relay *r, struct person *p, int64_t but_key)
{
    LIST_EACH (&p->sessions, it) {
        struct session *s = CONTAINER_OF(it, struct session, link);
        if (s->key != but_key)
            session_end(r, s);
    }
}

static bool is_admin(const struct user_record *u)
{
    return u->role == ROLE_ADMIN && !u->disabled;
}

bool person_is_admin(struct relay *r, int64_t user_key)
{
    struct person *p = person_by_key(r, user_key);
    return p && is_admin(&p->rec);
}

bool identity_is_admin(struct relay *r, const struct identity *who)
{
    return (who->scopes & SCOPE_ADMIN) && person_is_admin(r, who->user_key);
}

/* Is one, and will still be when what is being saved is saved. */
bool person_stays_admin(const struct person *p)
{
    return !p->pending && is_admin(&p->rec) && (!p->changing || is_admin(p->changing));
}

void admins_note(struct relay *r, struct person *p)
{
    bool stays = person_stays_admin(p);
    r->admins += (unsigned)stays - (unsigned)p->counted_admin;
    p->counted_admin = stays;
}

unsigned admins_but(const struct relay *r, const struct person *but)
{
    return r->admins - (unsigned)but->counted_admin;
}

static bool too_old(const struct relay *r, const struct session *s)
{
    return over_at(r, s) <= r->now.wall_ms;
}

static bool session_over(const struct relay *r, const struct session *s)
{
    return s->pending || too_old(r, s) || s->person->rec.disabled || s->person->pending;
}

void sessions_prune(struct relay *r)
{
    struct session *s, *tmp;
    HASH_ITER (hh, r->sessions, s, tmp) {
        if (too_old(r, s))
            session_end(r, s);
    }
}

static void note_seen(struct relay *r, struct session *s)
{
    s->rec.seen_ms = r->now.wall_ms;
    if (s->rec.seen_ms - s->seen_saved_ms < SEEN_SAVE_MS)
        return;
    s->seen_saved_ms = s->rec.seen_ms;
    struct change *c = change_new(CHANGE_SESSION_SEEN);
    c->key = s->key;
    c->at_ms = s->rec.seen_ms;
    save_start(r, c, NULL);
}

bool relay_identify(struct relay *r, const struct hash *cookie, struct now now, struct effects *out,
                    struct identity *who)
{
    struct session *s;
    HASH_FIND(hh_hash, r->sessions_by_hash, cookie, sizeof *cookie, s);
    r->now = now;
    r->out = out;
    if (!s || session_over(r, s))
        return false;
    note_seen(r, s);
    *who = (struct identity){.user_key = s->person->key,
                             .session_key = s->key,
                             .role = s->person->rec.role,
                             .scopes = SCOPES_ALL};
    memcpy(who->name, s->person->rec.name, sizeof who->name);
    memcpy(who->language, s->person->rec.language, sizeof who->language);
    return true;
}

/* Logging in and out: who may try, sessions. */
#include "core/state.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define PENDING_MS UINT64_C(60000) /* a try that never reported its result counts for so long */
#define SLOW_FROM  3               /* failures of an account from which each next try has to wait */
#define TRIES_MAX  100000          /* accounts and addresses kept in mind */

/* Somebody with an IPv6 address has the 2^64 of its network: they count as one. */
static void network_of(const char *address, char out[ADDRESS_BYTES])
{
    struct in6_addr six;
    snprintf(out, ADDRESS_BYTES, "%s", address);
    if (inet_pton(AF_INET6, address, &six) != 1)
        return;
    memset(six.s6_addr + 8, 0, 8);
    (void)inet_ntop(AF_INET6, &six, out, ADDRESS_BYTES);
}

static void tries_key(char kind, const char *name, char key[TRIES_NAME_BYTES])
{
    char network[ADDRESS_BYTES];
    if (kind != 'a') {
        network_of(name, network);
        name = network;
    }
    snprintf(key, TRIES_NAME_BYTES, "%c:%s", kind, name);
    for (char *c = key + 2; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
}

void tries_prune(struct relay *r)
{
    struct tries *t, *tmp;
    HASH_ITER (hh, r->tries, t, tmp) {
        if (t->window_end_ms > r->now.mono_ms || t->pending_end_ms > r->now.mono_ms)
            continue;
        HASH_DEL(r->tries, t);
        free(t);
    }
}

/* NULL: nothing is known, or (make) there is no room. */
static struct tries *tries_get(struct relay *r, char kind, const char *name, bool make)
{
    char key[TRIES_NAME_BYTES];
    tries_key(kind, name, key);
    struct tries *t;
    HASH_FIND_STR(r->tries, key, t);
    if (!t && make && HASH_COUNT(r->tries) < TRIES_MAX) {
        t = xcalloc(1, sizeof *t);
        memcpy(t->name, key, sizeof t->name);
        HASH_ADD_STR(r->tries, name, t);
    }
    if (t && t->window_end_ms <= r->now.mono_ms)
        t->failures = 0;
    if (t && t->pending_end_ms <= r->now.mono_ms)
        t->pending = 0;
    return t;
}

/* Milliseconds until the next try is allowed; 0 = now. */
static uint64_t must_wait(const struct relay *r, const struct tries *t, uint64_t limit,
                          unsigned slow_from)
{
    if (!t)
        return 0;
    uint64_t now = r->now.mono_ms;
    if (t->failures >= limit)
        return t->window_end_ms > now ? t->window_end_ms - now : 1;
    if (t->failures + t->pending >= limit)
        return 1000;
    if (t->failures < slow_from)
        return 0;
    unsigned shift = t->failures - slow_from < 6 ? t->failures - slow_from : 6;
    uint64_t free_at = t->last_ms + (UINT64_C(1000) << shift);
    return free_at > now ? free_at - now : 0;
}

/* *limit: how many tries there may be of what has to wait the longest. */
static uint64_t wait_of(struct relay *r, const struct command *c, uint64_t *limit)
{
    uint64_t account = must_wait(r, tries_get(r, 'a', c->user.name, false),
                                 r->limits.login_failures_account, SLOW_FROM);
    uint64_t address = must_wait(r, tries_get(r, 'i', c->actor.address, false),
                                 r->limits.login_failures_address, UINT32_MAX);
    *limit =
        address > account ? r->limits.login_failures_address : r->limits.login_failures_account;
    return address > account ? address : account;
}

/* False when it cannot be kept in mind. */
static bool note_try(struct relay *r, char kind, const char *name)
{
    struct tries *t = tries_get(r, kind, name, true);
    if (!t)
        return false;
    t->pending++;
    t->pending_end_ms = r->now.mono_ms + PENDING_MS;
    return true;
}

/* Only a try that is let through is kept in mind: it costs its maker a hash. Refused ones would
 * fill the table for nothing, and then nobody could be counted. */
void command_login_may(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    uint64_t limit, wait = wait_of(r, c, &limit);
    if (!wait && HASH_COUNT(r->tries) + 2 > TRIES_MAX)
        tries_prune(r);
    if (!wait && (!note_try(r, 'a', c->user.name) || !note_try(r, 'i', c->actor.address)))
        wait = PENDING_MS;
    if (wait)
        reply_too_many(r, e->ticket, "Too many failed log-ins", limit, wait);
    else
        reply_send(r, e->ticket, OK, NULL);
}

static void tried(struct relay *r, struct tries *t, bool failed)
{
    if (!t)
        return;
    if (t->pending)
        t->pending--;
    if (!failed)
        return;
    if (!t->failures)
        t->window_end_ms = r->now.mono_ms + r->limits.login_window_ms;
    t->failures++;
    t->last_ms = r->now.mono_ms;
}

void command_login_failed(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    tried(r, tries_get(r, 'a', c->user.name, true), true);
    tried(r, tries_get(r, 'i', c->actor.address, true), true);
    struct change *change = change_new(CHANGE_AUDIT);
    change->audit = audit_new(r, c, "login.failed", str_of(c->user.name), "");
    save_start(r, change, NULL);
    reply_send(r, e->ticket, OK, NULL);
}

/* Whoever has no account costs a hash as well: their address is counted whatever comes of it. */
void command_register_may(struct relay *r, const struct relay_event *e)
{
    uint64_t wait = PENDING_MS;
    if (HASH_COUNT(r->tries) >= TRIES_MAX)
        tries_prune(r);
    struct tries *t = tries_get(r, 'r', e->command->actor.address, true);
    if (t)
        wait = must_wait(r, t, r->limits.registrations_per_address, UINT32_MAX);
    if (wait) {
        reply_too_many(r, e->ticket, "Too many registrations", r->limits.registrations_per_address,
                       wait);
        return;
    }
    if (!t->failures++)
        t->window_end_ms = r->now.mono_ms + r->limits.registration_window_ms;
    reply_send(r, e->ticket, OK, NULL);
}

/* ---- sessions ---- */

static void opened(struct relay *r, struct save *s, enum err err)
{
    int64_t key = uuid_key(s->object);
    struct session *session;
    HASH_FIND(hh, r->sessions, &key, sizeof key, session);
    if (session && err)
        session_free(r, session);
    else if (session)
        session->pending = false;
    if (!session && !err)
        reply_send(r, s->ticket, ERR_FORBIDDEN, "This log-in was ended");
    else
        command_saved(r, s, err);
}

void command_session_open(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct person *p = person_by_key(r, c->session.user_key);
    if (!p || p->pending || p->rec.disabled) {
        reply_send(r, e->ticket, ERR_FORBIDDEN, "This account is disabled");
        return;
    }
    struct tries *account = tries_get(r, 'a', p->rec.name, false);
    tried(r, account, false);
    if (account)
        account->failures = 0;
    tried(r, tries_get(r, 'i', c->session.address, false), false);
    struct session_record rec = c->session;
    rec.id = relay_id(r);
    rec.created_ms = rec.seen_ms = p->rec.last_login_ms = r->now.wall_ms;
    rec.expires_ms = r->now.wall_ms + (int64_t)r->limits.session_ms;
    struct session *session = session_new(r, p, &rec);
    session->pending = true;
    session_watch(r, session);
    struct change *change = change_new(CHANGE_SESSION_PUT);
    change->session = xcalloc(1, sizeof rec);
    *change->session = rec;
    change->audit = audit_new(r, c, "login", str_of(p->rec.name), "");
    struct save *s = save_start(r, change, opened);
    s->ticket = e->ticket;
    s->object = rec.id;
}

/* It has ended in any case; when that could not be saved, it is tried again. */
static void closed(struct relay *r, struct save *s, enum err err)
{
    if (err)
        save_surely(r, CHANGE_SESSION_END, uuid_key(s->object), s->object, STR(""));
    command_saved(r, s, err);
}

void command_session_close(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct session *s;
    HASH_FIND(hh, r->sessions, &c->key, sizeof c->key, s);
    bool may = s && (s->person->key == c->actor.user_key || actor_is_admin(r, &c->actor));
    if (!may) {
        reply_send(r, e->ticket, ERR_NOT_FOUND, "There is no such session");
        return;
    }
    struct change *change = change_new(CHANGE_SESSION_END);
    change->key = s->key;
    change->audit = audit_new(r, c, "logout", str_of(s->person->rec.name), "");
    struct save *save = save_start(r, change, closed);
    save->ticket = e->ticket;
    save->object = s->rec.id;
    struct effect *x = effect_new(r, EFFECT_CLOSE_PERSON);
    x->user_key = s->person->key;
    x->session_key = s->key;
    x->close_code = 4502;
    session_free(r, s);
}

void command_session_others(struct relay *r, const struct relay_event *e)
{
    const struct command *c = e->command;
    struct person *p = person_by_key(r, c->actor.user_key);
    if (p)
        sessions_end(r, p, c->key);
    struct change *change = change_new(CHANGE_AUDIT);
    change->audit = audit_new(r, c, "logout.others", str_of(c->actor.name), "");
    save_start(r, change, command_saved)->ticket = e->ticket;
}

/* An app registers: who it is, whether it may, and which of its requests it goes on with. */
#include "core/state.h"

#include <stdlib.h>

#define CLOSE_REFUSED      4500
#define CLOSE_TAKEN        4003
#define CLOSE_REPLACED     4009
#define NO_TOKEN           0 /* of an app that was let in without one */
#define TOKEN_USED_SAVE_MS INT64_C(3600000)

static void refuse(struct relay *r, uint64_t conn, enum err code, struct str message)
{
    struct effect *x = effect_new(r, EFFECT_APP_SEND);
    x->conn = conn;
    x->app_out.kind = APP_OUT_REFUSED;
    x->app_out.code = code;
    x->app_out.message = message;
    send_close(r, conn, code == ERR_SPACE_TAKEN ? CLOSE_TAKEN : CLOSE_REFUSED, message);
}

/* The token's record when it may register for the space; else NULL and why. */
static struct token *check_token(struct relay *r, const struct relay_event *e,
                                 const struct space *s, struct str *why)
{
    *why = STR("token is not valid");
    if (e->token_state != TOKEN_SIGNED)
        return NULL;
    int64_t key = uuid_key(e->claims.id);
    struct token *t;
    HASH_FIND(hh, r->tokens, &key, sizeof key, t);
    if (!uuid_eq(e->claims.space_id, s->rec.id)) {
        *why = STR("token is for another space");
        return NULL;
    }
    if (!t || t->pending || !uuid_eq(t->rec.id, e->claims.id) || t->rec.space_key != s->key)
        return NULL;
    if (t->rec.revoked_ms) {
        *why = STR("token has been revoked");
        return NULL;
    }
    if (e->claims.expires_ms && e->claims.expires_ms <= r->now.wall_ms) {
        *why = STR("token has expired");
        return NULL;
    }
    return t;
}

/* *t stays NULL for an app without a token, where the space lets such apps in. */
static bool may_serve(struct relay *r, const struct relay_event *e, const struct space *s,
                      struct token **t, struct str *why)
{
    if (e->token_state != TOKEN_ABSENT)
        return (*t = check_token(r, e, s, why)) != NULL;
    *why = STR("token is required");
    return s->rec.legacy_registration && e->app_msg->reg.may_lack_token;
}

static void note_use(struct relay *r, struct token *t)
{
    if (r->now.wall_ms - t->rec.used_ms < TOKEN_USED_SAVE_MS)
        return;
    t->rec.used_ms = r->now.wall_ms;
    struct change *c = change_new(CHANGE_TOKEN_USED);
    c->key = t->key;
    c->at_ms = r->now.wall_ms;
    save_start(r, c, NULL);
}

/* The older connection of the same app process is replaced at once; its requests wait to be
 * resumed. Without a token anybody could say that they are the same. */
static void replace_older(struct relay *r, struct space *s, int64_t token_key, struct str instance)
{
    if (!instance.n || token_key == NO_TOKEN)
        return;
    LIST_EACH (&s->apps, it) {
        struct app_conn *a = CONTAINER_OF(it, struct app_conn, link);
        if (a->token_key != token_key || !str_eq(str_of(a->instance), instance))
            continue;
        send_close(r, a->conn, CLOSE_REPLACED, STR("replaced by a newer connection"));
        app_gone(r, a, false);
        return;
    }
}

static struct app_conn *app_new(struct relay *r, const struct relay_event *e, struct space *s,
                                int64_t token_key)
{
    const struct app_register *reg = &e->app_msg->reg;
    struct app_conn *a = xcalloc(1, sizeof *a);
    a->conn = e->conn;
    a->connection_id = relay_id(r);
    a->space = s;
    a->token_key = token_key;
    a->concurrency = reg->concurrency;
    a->prefetch = reg->prefetch;
    a->endpoints = reg->endpoints;
    a->at_once = reg->own_queue ? 1 : reg->concurrency;
    a->connected_ms = r->now.wall_ms;
    (void)(str_copy(a->instance, sizeof a->instance, reg->instance));
    (void)(str_copy(a->name, sizeof a->name, reg->app_name));
    (void)(str_copy(a->version, sizeof a->version, reg->app_version));
    (void)(str_copy(a->address, sizeof a->address, str_of(e->address)));
    list_init(&a->assigning);
    list_init(&a->leases);
    list_init(&a->lingering);
    a->first_idle = &a->leases;
    list_push_back(&s->apps, &a->link);
    s->app_count++;
    HASH_ADD(hh, r->apps, conn, sizeof a->conn, a);
    return a;
}

/* ---- resuming ---- */

/* A lease from before the relay's start may be taken up by any app of the space that has a token:
 * whose it was is not stored. */
static bool same_app(const struct request *q, const struct app_conn *a)
{
    if (a->token_key == NO_TOKEN)
        return false; /* it proves nothing */
    return q->restored ||
           (q->lease_token == a->token_key && !strcmp(q->lease_instance, a->instance));
}

/* While its loss is being saved a lease cannot be taken up again; while its result is, it can: the
 * answer then goes to the new connection. */
static bool being_lost(const struct request *q)
{
    return q->end_wanted || (q->saving != SAVING_NOTHING && q->end.cause == BY_RELAY);
}

static bool may_resume(const struct request *q, const struct app_conn *a, struct lease_ref lease)
{
    return q && q->space == a->space && !q->app && q->sent && q->rec.status == REQUEST_PROCESSING &&
           q->rec.attempt == lease.attempt && same_app(q, a) && !being_lost(q) &&
           a->taken < a->concurrency + a->prefetch;
}

static size_t resume(struct relay *r, struct app_conn *a, const struct app_register *reg,
                     struct resumed *out)
{
    size_t count = 0;
    for (size_t i = 0; i < reg->resume_count; i++) {
        struct request *q = request_find(r, reg->resume[i].request_id);
        if (!may_resume(q, a, reg->resume[i]))
            continue;
        lease_detach(r, q);
        lease_take(r, q, a);
        lease_attach(r, q, a);
        q->restored = false;
        out[count++] = (struct resumed){reg->resume[i], q->text.len};
    }
    return count;
}

/* The grace is over for those that this app did not name though they were its own, and for all when
 * it has taken the space's last place. */
static void end_grace(struct relay *r, struct app_conn *a)
{
    struct space *s = a->space;
    bool full = s->app_count >= s->rec.max_apps;
    LIST_EACH (&s->orphans, it) {
        struct request *q = CONTAINER_OF(it, struct request, lease_link);
        bool own = !q->restored && a->instance[0] && same_app(q, a);
        if (full || own)
            request_lost(r, q);
    }
}

static void welcome(struct relay *r, struct app_conn *a, const struct resumed *resumed,
                    size_t count)
{
    struct effect *x = effect_new(r, EFFECT_APP_SEND);
    x->conn = a->conn;
    struct app_out *m = &x->app_out;
    m->kind = APP_OUT_REGISTERED;
    m->message = relay_text(r, "Successfully connected to space \"%s\"", a->space->rec.name);
    m->connection_id = a->connection_id;
    m->space_id = a->space->rec.id;
    m->max_message_bytes = r->limits.app_message_bytes;
    m->request_timeout_ms = r->limits.request_timeout_ms;
    m->resumed = resumed;
    m->resumed_count = count;
}

void app_register(struct relay *r, const struct relay_event *e)
{
    const struct app_register *reg = &e->app_msg->reg;
    if (!reg->space_name.n) {
        refuse(r, e->conn, ERR_BAD_MESSAGE, STR("space_name is required"));
        return;
    }
    struct space *s = space_by_name(r, reg->space_name);
    if (!s || s->pending || s->removed) {
        refuse(r, e->conn, ERR_NOT_FOUND,
               relay_text(r, "Space \"%.*s\" not found", STR_ARG(reg->space_name)));
        return;
    }
    struct str why;
    struct token *t = NULL;
    if (!may_serve(r, e, s, &t, &why)) {
        refuse(r, e->conn, ERR_UNAUTHORIZED, why);
        return;
    }
    int64_t token_key = t ? t->key : NO_TOKEN;
    replace_older(r, s, token_key, reg->instance);
    if (s->app_count >= s->rec.max_apps) {
        refuse(r, e->conn, ERR_SPACE_TAKEN, STR("Space already has a connected app"));
        return;
    }
    if (t)
        note_use(r, t);
    struct app_conn *a = app_new(r, e, s, token_key);
    struct resumed *resumed = relay_arena(r, sizeof *resumed * (reg->resume_count + 1));
    size_t count = resume(r, a, reg, resumed);
    welcome(r, a, resumed, count);
    end_grace(r, a);
    match_wanted(r, s);
    show_space_soon(r, s);
    show_positions_soon(r, s);
}

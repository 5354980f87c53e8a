#include "hub/engine_session.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

#define SID_RANDOM_BYTES 15   /* 120 bits */
#define RECHECK_MS       1000 /* a late pong of a busy peer is looked for again after */
#define STRANGER_TIMES   4    /* a session whose messages are limited has so many of them unsent */
#define NOOP_EVERY_MS    100  /* a poll is released so often while an upgrade is under way */

uint64_t engine_now(struct engine *e)
{
    return timers_now(&e->timers);
}

size_t engine_message_bytes(const struct engine_session *s)
{
    size_t most = (size_t)s->engine->config.limits->sio_message_bytes;
    return s->message_bytes && s->message_bytes < most ? s->message_bytes : most;
}

/* Who may not say much yet gets no room for answers either. */
size_t engine_unsent_bytes(const struct engine_session *s)
{
    const struct limits *l = s->engine->config.limits;
    size_t first = engine_message_bytes(s), all = (size_t)l->app_unsent_bytes;
    bool stranger = s->message_bytes && first < l->sio_message_bytes;
    return stranger && first < all / STRANGER_TIMES ? STRANGER_TIMES * first : all;
}

/* ---- the end ---- */

static void free_queue(struct engine_session *s)
{
    for (struct engine_packet *p; (p = engine_poll_next(s));)
        free(p);
}

static void session_free(struct engine_session *s)
{
    struct engine *e = s->engine;
    if (s->opened)
        e->config.handler.closed(e->config.handler.ctx, s, s->clean);
    engine_forget_query(s);
    free(s);
}

static void release_requests(struct engine_session *s)
{
    struct exchange *poll = s->poll;
    if (s->post)
        exchange_set(s->post, NULL);
    s->poll = s->post = NULL;
    if (!poll)
        return;
    exchange_set(poll, NULL);
    engine_refuse(s->engine, poll, EIO_SID_IS_UNKNOWN);
}

void engine_session_end(struct engine_session *s, bool clean, const char *why)
{
    struct engine *e = s->engine;
    uint16_t code = e->stopping ? 1001 : 1000;
    if (s->ended)
        return;
    log_debug("engine", "session of %s ends: %s", s->address, why);
    s->ended = true;
    s->clean = clean;
    HASH_DEL(e->sessions, s);
    e->count--;
    timers_stop(&e->timers, &s->timer);
    release_requests(s);
    engine_link_leave(s->probe, code);
    engine_link_close(s->link, code, why);
    s->link = s->probe = NULL;
    engine_uncount_polling(s);
    free_queue(s);
    list_remove(&s->flush);
    list_push_back(&e->ended, &s->node);
    timers_set(&e->timers, &e->later, 0);
}

void engine_drop(struct engine_session *s, const char *why)
{
    engine_session_end(s, false, why);
}

void engine_finish(struct engine_session *s)
{
    if (engine_ended(s))
        return;
    s->finishing = true;
    if (s->link) {
        engine_session_end(s, false, "finished");
        return;
    }
    s->finish_ms = engine_now(s->engine) + s->engine->config.limits->ping_timeout_ms;
    engine_set_timer(s);
    engine_flush_soon(s);
}

/* ---- time ---- */

static void earlier(uint64_t *at, uint64_t deadline)
{
    if (deadline && deadline < *at)
        *at = deadline;
}

void engine_set_timer(struct engine_session *s)
{
    uint64_t at = UINT64_MAX;
    if (s->ended)
        return;
    earlier(&at, s->ping_ms);
    earlier(&at, s->pong_ms);
    earlier(&at, s->probe_ms);
    earlier(&at, s->noop_ms);
    earlier(&at, s->finish_ms);
    timers_set(&s->engine->timers, &s->timer, at);
}

static void ping(struct engine_session *s, uint64_t now)
{
    s->ping_ms = 0;
    s->pong_ms = now + s->engine->config.limits->ping_timeout_ms;
    engine_put(s, EIO_PING, false, STR(""));
}

/* A pong may stand behind a long message, which is judged by its pace. */
static void pong_late(struct engine_session *s, uint64_t now)
{
    if (s->post || (s->link && engine_link_busy(s->link)))
        s->pong_ms = now + RECHECK_MS;
    else
        engine_session_end(s, false, "no pong came");
}

static void upgrade_late(struct engine_session *s, uint64_t now)
{
    (void)now;
    struct engine_link *probe = s->probe;
    s->probe = NULL;
    s->probe_ms = s->noop_ms = 0;
    engine_link_close(probe, 1000, "the upgrade was not completed");
}

static void noop_due(struct engine_session *s, uint64_t now)
{
    s->noop_ms = now + NOOP_EVERY_MS;
    engine_poll_flush(s);
    engine_poll_release(s, EIO_NOOP);
}

static void finish_late(struct engine_session *s, uint64_t now)
{
    (void)now;
    engine_session_end(s, false, "its last packets were not fetched");
}

static void on_due(struct timer *t)
{
    struct engine_session *s = CONTAINER_OF(t, struct engine_session, timer);
    uint64_t now = engine_now(s->engine);
    const struct {
        const uint64_t *at;
        void (*due)(struct engine_session *s, uint64_t now);
    } deadlines[] = {{&s->finish_ms, finish_late},
                     {&s->pong_ms, pong_late},
                     {&s->probe_ms, upgrade_late},
                     {&s->noop_ms, noop_due},
                     {&s->ping_ms, ping}};
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines && !s->ended; i++)
        if (*deadlines[i].at && *deadlines[i].at <= now)
            deadlines[i].due(s, now);
    engine_set_timer(s);
}

static void on_later(struct timer *t)
{
    struct engine *e = CONTAINER_OF(t, struct engine, later);
    for (struct list *it; (it = list_first(&e->flushes));) {
        list_remove(it);
        engine_poll_flush(CONTAINER_OF(it, struct engine_session, flush));
    }
    for (struct list *it; (it = list_first(&e->ended));) {
        list_remove(it);
        session_free(CONTAINER_OF(it, struct engine_session, node));
    }
}

void engine_flush_soon(struct engine_session *s)
{
    if (s->ended || !s->poll || list_linked(&s->flush))
        return;
    list_push_back(&s->engine->flushes, &s->flush);
    timers_set(&s->engine->timers, &s->engine->later, 0);
}

/* ---- packets ---- */

void engine_put(struct engine_session *s, enum eio_type type, bool binary, struct str data)
{
    if (s->ended)
        return;
    if (s->link) {
        engine_link_send(s->link, type, binary, data);
        return;
    }
    engine_poll_put(s, type, binary, data);
    engine_flush_soon(s);
}

static void take_nothing(struct engine_session *s, const struct eio_packet *p)
{
    (void)s;
    (void)p;
}

static void take_close(struct engine_session *s, const struct eio_packet *p)
{
    (void)p;
    engine_poll_release(s, EIO_NOOP);
    engine_session_end(s, true, "the client has closed it");
}

static void take_ping(struct engine_session *s, const struct eio_packet *p)
{
    (void)p;
    engine_session_end(s, false, "only the server pings");
}

static void take_pong(struct engine_session *s, const struct eio_packet *p)
{
    (void)p;
    s->pong_ms = 0;
    s->ping_ms = engine_now(s->engine) + s->engine->config.limits->ping_every_ms;
    engine_set_timer(s);
}

static void take_message(struct engine_session *s, const struct eio_packet *p)
{
    const struct engine_handler *h = &s->engine->config.handler;
    if (!s->finishing)
        h->message(h->ctx, s, p->binary, p->data);
}

void engine_take(struct engine_session *s, const struct eio_packet *p)
{
    static void (*const take[EIO_TYPE__MAX])(struct engine_session *, const struct eio_packet *) = {
        [EIO_OPEN] = take_nothing, [EIO_CLOSE] = take_close,     [EIO_PING] = take_ping,
        [EIO_PONG] = take_pong,    [EIO_MESSAGE] = take_message, [EIO_UPGRADE] = take_nothing,
        [EIO_NOOP] = take_nothing,
    };
    if (!s->ended)
        take[p->type](s, p);
}

/* ---- sessions ---- */

static void choose_sid(char out[ENGINE_SID_BYTES])
{
    uint8_t bytes[SID_RANDOM_BYTES];
    struct buf text = BUF_INIT(ENGINE_SID_BYTES);
    random_bytes(bytes, sizeof bytes);
    base64url_append(&text, bytes, sizeof bytes);
    str_copy(out, ENGINE_SID_BYTES, buf_str(&text));
    buf_release(&text);
}

struct engine_session *engine_session_new(struct engine *e, const struct exchange *x)
{
    struct engine_session *s = xcalloc(1, sizeof *s);
    s->engine = e;
    s->query = str_dup(exchange_head(x)->query);
    s->message_bytes = e->config.first_message_bytes;
    s->timer.due = on_due;
    choose_sid(s->sid);
    str_copy(s->address, sizeof s->address, str_of(exchange_address(x)));
    list_init(&s->queue);
    HASH_ADD_STR(e->sessions, sid, s);
    e->count++;
    s->ping_ms = engine_now(e) + e->config.limits->ping_every_ms;
    engine_set_timer(s);
    return s;
}

struct engine_session *engine_find(const struct engine *e, struct str sid)
{
    struct engine_session *s = NULL;
    HASH_FIND(hh, e->sessions, sid.p, sid.n, s);
    return s;
}

struct str engine_open_packet(const struct engine_session *s, struct buf *out)
{
    const struct limits *l = s->engine->config.limits;
    struct eio_open o = {.sid = str_of(s->sid),
                         .may_upgrade = !s->link,
                         .ping_interval_ms = l->ping_every_ms,
                         .ping_timeout_ms = l->ping_timeout_ms,
                         .max_payload = l->sio_message_bytes};
    buf_clear(out);
    eio_encode_open(out, &o);
    return buf_str(out);
}

void engine_session_open(struct engine_session *s)
{
    const struct engine_handler *h = &s->engine->config.handler;
    s->opened = true;
    h->opened(h->ctx, s);
}

void engine_set(struct engine_session *s, void *owner)
{
    s->owner = owner;
}

void *engine_owner(const struct engine_session *s)
{
    return s->owner;
}

const char *engine_address(const struct engine_session *s)
{
    return s->address;
}

struct str engine_query(const struct engine_session *s)
{
    return str_of(s->query);
}

void engine_forget_query(struct engine_session *s)
{
    if (s->query)
        secret_wipe(s->query, strlen(s->query));
    free(s->query);
    s->query = NULL;
}

bool engine_ended(const struct engine_session *s)
{
    return s->ended || s->finishing;
}

void engine_send(struct engine_session *s, bool binary, struct str data)
{
    if (!engine_ended(s))
        engine_put(s, EIO_MESSAGE, binary, data);
}

void engine_limit_message(struct engine_session *s, size_t bytes)
{
    s->message_bytes = bytes;
    if (s->link)
        engine_link_limit(s->link);
}

/* ---- the server ---- */

struct engine *engine_new(const struct engine_config *config)
{
    struct engine *e = xcalloc(1, sizeof *e);
    e->config = *config;
    e->later.due = on_later;
    timers_init(&e->timers, config->base);
    list_init(&e->ended);
    list_init(&e->flushes);
    buf_init(&e->scratch, SIZE_MAX / 2); /* of what is sent, which has its limits */
    return e;
}

void engine_stop(struct engine *e)
{
    struct engine_session *s, *next;
    e->stopping = true;
    HASH_ITER (hh, e->sessions, s, next)
        engine_session_end(s, false, "the relay shuts down");
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    engine_stop(e);
    on_later(&e->later);
    timers_release(&e->timers);
    buf_release(&e->scratch);
    free(e);
}

size_t engine_count(const struct engine *e, size_t *polling)
{
    *polling = e->polling;
    return e->count;
}

struct timers *engine_timers(struct engine *e)
{
    return &e->timers;
}

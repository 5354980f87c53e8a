/* Requests in our hands: what was said about them, and what of it the relay has. */
#include "client/state.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "client/text.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES   (64u * 1024) /* text sent again goes in pieces of this size */
#define FINAL_BYTES   (64u << 20)
#define RETRY_MS      1000
#define HEAL_EVERY_MS 1000

static struct lease_ref ref_of(const struct lease *l)
{
    return (struct lease_ref){l->id.request_id, l->id.attempt};
}

static struct lease *find_request(const struct client *c, struct uuid id)
{
    LIST_EACH (&c->leases, it) {
        struct lease *l = CONTAINER_OF(it, struct lease, link);
        if (uuid_eq(l->id.request_id, id))
            return l;
    }
    return NULL;
}

struct lease *lease_find(const struct client *c, const struct lease_ref *ref)
{
    struct lease *l = find_request(c, ref->request_id);
    return l && l->id.attempt == ref->attempt ? l : NULL;
}

void lease_free(struct lease *l)
{
    list_remove(&l->link);
    if (l->retry)
        event_free(l->retry);
    buf_release(&l->text);
    buf_release(&l->final);
    free(l);
}

static void settle(struct lease *l, bool accepted, struct str code)
{
    struct client *c = l->client;
    struct client_lease id = l->id;
    lease_free(l);
    if (c->callbacks.on_settled)
        c->callbacks.on_settled(c->ctx, id, accepted, code);
}

/* The relay has no use for it any more. */
static void drop(struct lease *l, struct str reason)
{
    struct client *c = l->client;
    struct client_lease id = l->id;
    if (l->final.len) {
        settle(l, false, str_of(err_code(ERR_STALE_ATTEMPT)));
        return;
    }
    lease_free(l);
    if (c->callbacks.on_cancel)
        c->callbacks.on_cancel(c->ctx, id, reason);
}

/* ---- what we say ---- */

static void send_text(struct lease *l, uint64_t from)
{
    struct str all = buf_str(&l->text);
    uint64_t end = all.n < l->text_limit ? all.n : l->text_limit;
    while (from < end && l->client->state == SESSION_REGISTERED) {
        struct str rest = str_slice(all.p + from, (size_t)(end - from));
        struct app_msg m = {
            .kind = APP_MSG_DELTA, .lease = ref_of(l), .has_offset = true, .offset = from};
        m.text = text_cut(rest, PIECE_BYTES);
        say(l->client, &m);
        from += m.text.n;
    }
}

/* A relay that was started again with smaller limits would close the connection over it each time.
 */
static void shrink_final(struct lease *l)
{
    struct app_msg m = {.kind = APP_MSG_ERROR,
                        .lease = ref_of(l),
                        .code = STR("too_large"),
                        .message = STR("The result is larger than the relay takes")};
    buf_release(&l->final);
    native_encode_app_msg(&l->final, &m);
}

static void send_final(struct lease *l)
{
    if (!l->final.len || l->client->state != SESSION_REGISTERED)
        return;
    if (l->final.len > l->client->max_message_bytes)
        shrink_final(l);
    say_raw(l->client, buf_str(&l->final));
}

static bool text_ok(struct str s)
{
    return utf8_valid(s.p, s.n) && (s.n == 0 || !memchr(s.p, 0, s.n));
}

/* Open for more: there, and without result or error. */
static struct lease *find_open(const struct client *c, struct client_lease id)
{
    struct lease *l = lease_find(c, &(struct lease_ref){id.request_id, id.attempt});
    return l && l->final.len == 0 ? l : NULL;
}

enum err client_progress(struct client *c, struct client_lease id, const struct client_progress *p)
{
    struct lease *l = find_open(c, id);
    if (!l)
        return ERR_NOT_FOUND;
    if (!text_ok(p->message))
        return ERR_BAD_MESSAGE;
    struct app_msg m = {.kind = APP_MSG_PROGRESS, .lease = ref_of(l)};
    m.progress = (struct app_progress){
        .has_percent = p->percent >= 0,
        .percent = p->percent > 100 ? 100 : p->percent,
        .has_message = p->message.n > 0,
        .message = text_cut(p->message, MESSAGE_BYTES - 1),
        .has_step = p->step > 0,
        .step = p->step,
        .has_steps = p->steps > 0,
        .steps = p->steps,
    };
    if (c->state == SESSION_REGISTERED)
        say(c, &m);
    return OK;
}

enum err client_delta(struct client *c, struct client_lease id, struct str text)
{
    struct lease *l = find_open(c, id);
    if (!l)
        return ERR_NOT_FOUND;
    if (!text_ok(text))
        return ERR_BAD_MESSAGE;
    uint64_t before = l->text.len;
    if (text.n > CLIENT_TEXT_BYTES - before || before + text.n > l->text_limit)
        return ERR_TOO_LARGE;
    enum err e = buf_str_append(&l->text, text);
    if (!e)
        send_text(l, before);
    return e;
}

/* The very check that the relay makes: what it would refuse is never kept and sent again and again.
 */
static enum err finish(struct client *c, const struct app_msg *m)
{
    struct lease *l = find_open(c, (struct client_lease){m->lease.request_id, m->lease.attempt});
    struct app_msg read;
    if (!l)
        return ERR_NOT_FOUND;
    enum err e = native_encode_app_msg(&l->final, m);
    if (!e && l->final.len > c->max_message_bytes)
        e = ERR_TOO_LARGE;
    if (!e)
        e = native_decode_app(&c->outgoing, buf_str(&l->final), &read);
    if (e)
        buf_release(&l->final);
    else
        send_final(l);
    return e;
}

enum err client_result(struct client *c, struct client_lease id, struct str result,
                       struct str usage)
{
    struct app_msg m = {.kind = APP_MSG_RESULT,
                        .lease = {id.request_id, id.attempt},
                        .result = result,
                        .usage = usage};
    return finish(c, &m);
}

enum err client_error(struct client *c, struct client_lease id, const struct client_failure *f)
{
    struct app_msg m = {.kind = APP_MSG_ERROR,
                        .lease = {id.request_id, id.attempt},
                        .code = f->code.n ? f->code : STR("app_error"),
                        .message = text_cut(f->message, MESSAGE_BYTES - 1),
                        .retryable = f->retryable,
                        .usage = f->usage};
    if (!text_ok(m.code) || !text_ok(m.message) || m.code.n >= CODE_BYTES)
        return ERR_BAD_MESSAGE;
    return finish(c, &m);
}

/* ---- what the relay says ---- */

void lease_start(struct client *c, const struct app_out *m)
{
    struct lease *l = find_request(c, m->lease.request_id);
    if (l && l->id.attempt >= m->lease.attempt)
        return; /* we have it already */
    if (l)
        drop(l, STR("a newer attempt of it has come"));
    l = xcalloc(1, sizeof *l);
    l->client = c;
    l->id = (struct client_lease){m->lease.request_id, m->lease.attempt};
    l->text = BUF_INIT(CLIENT_TEXT_BYTES);
    l->text_limit = UINT64_MAX;
    l->final = BUF_INIT(FINAL_BYTES);
    list_push_back(&c->leases, &l->link);
    struct client_request r = {.lease = l->id,
                               .username = m->username,
                               .payload = m->payload,
                               .created_ms = m->created_ms,
                               .deadline_ms = m->deadline_ms};
    if (c->callbacks.on_request)
        c->callbacks.on_request(c->ctx, &r);
}

void lease_cancel(struct client *c, const struct app_out *m)
{
    struct lease *l = lease_find(c, &m->lease);
    if (l && l->final.len == 0 && c->callbacks.on_cancel)
        c->callbacks.on_cancel(c->ctx, l->id, m->reason);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    send_final(arg);
}

static void retry_later(struct lease *l)
{
    struct timeval t = {.tv_sec = RETRY_MS / 1000, .tv_usec = RETRY_MS % 1000 * 1000};
    if (!l->retry)
        l->retry = evtimer_new(l->client->options.base, on_retry, l);
    if (l->retry)
        event_add(l->retry, &t);
}

void lease_acked(struct client *c, const struct app_in *in)
{
    struct lease *l = lease_find(c, &in->m.lease);
    if (!l || l->final.len == 0)
        return;
    if (!in->accepted && in->m.code == ERR_STORE_UNAVAILABLE) {
        retry_later(l);
        return;
    }
    settle(l, in->accepted, str_of(in->code));
}

/* Some text did not get there. All of it is sent again, and the relay skips what it has; not more
 * often than once in a while, as several pieces behind one gap are refused one by one. */
static void heal_gap(struct lease *l)
{
    uint64_t now = clock_now().mono_ms;
    if (l->final.len || (l->healed_ms && now - l->healed_ms < HEAL_EVERY_MS))
        return;
    l->healed_ms = now;
    send_text(l, 0);
}

void lease_error(struct client *c, const struct app_in *in)
{
    struct lease *l = find_request(c, in->m.lease.request_id);
    enum err e = in->m.code;
    if (!l)
        return;
    if (e == ERR_DELTA_GAP)
        heal_gap(l);
    else if (e == ERR_TOO_LARGE)
        l->text_limit = l->text.len;
    else if (l->final.len == 0 &&
             (e == ERR_STALE_ATTEMPT || e == ERR_ALREADY_FINAL || e == ERR_NOT_FOUND))
        drop(l, in->m.message);
}

/* ---- reconnecting ---- */

struct lease_ref *lease_resume(struct client *c, size_t *count)
{
    struct lease_ref *list = NULL;
    *count = 0;
    LIST_EACH (&c->leases, it) {
        struct lease *l = CONTAINER_OF(it, struct lease, link);
        l->named = *count < RESUME_MAX;
        if (!list)
            list = xcalloc(RESUME_MAX, sizeof *list);
        if (l->named)
            list[(*count)++] = ref_of(l);
    }
    return list;
}

static void go_on(struct lease *l, uint64_t text_bytes)
{
    struct str all = buf_str(&l->text);
    l->named = false;
    if (text_bytes <= all.n && text_cut(all, (size_t)text_bytes).n == text_bytes)
        send_text(l, text_bytes);
    send_final(l);
}

void lease_resumed(struct client *c, const struct app_out *m)
{
    for (size_t i = 0; i < m->resumed_count; i++) {
        struct lease *l = lease_find(c, &m->resumed[i].lease);
        if (l)
            go_on(l, m->resumed[i].text_bytes);
    }
    LIST_EACH (&c->leases, it) {
        struct lease *l = CONTAINER_OF(it, struct lease, link);
        if (!l->named)
            continue;
        l->named = false;
        if (l->final.len)
            send_final(l); /* only its result_ack ends it */
        else
            drop(l, STR("the relay gave it to another app while the connection was away"));
    }
}

void lease_abandon(struct client *c)
{
    LIST_EACH (&c->leases, it) {
        struct lease *l = CONTAINER_OF(it, struct lease, link);
        if (l->final.len == 0)
            drop(l, STR("the relay does not take this app any more"));
    }
}

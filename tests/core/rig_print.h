/* Effects as lines for a person: what a test expects is written as it is read. Requests are called
 * r1, r2, ... in the order of their first appearance; spaces and people by their names; "r1/2" is
 * attempt 2 of r1. */
#ifndef TESTS_CORE_RIG_PRINT_H
#define TESTS_CORE_RIG_PRINT_H

#include "rig_disk.h"

#include <inttypes.h>
#include <stdio.h>

struct names {
    struct uuid *requests;
    size_t count, cap;
};

static inline size_t names_of_request(struct names *n, struct uuid id)
{
    for (size_t i = 0; i < n->count; i++)
        if (uuid_eq(n->requests[i], id))
            return i + 1;
    if (n->count == n->cap) {
        n->cap = n->cap ? n->cap * 2 : 16;
        n->requests = xrealloc(n->requests, n->cap, sizeof *n->requests);
    }
    n->requests[n->count++] = id;
    return n->count;
}

struct printer {
    struct buf *out;
    struct names *names;
    struct disk *disk;
};

static inline void print_id(const struct printer *p, struct uuid id)
{
    buf_printf(p->out, " r%zu", names_of_request(p->names, id));
}

static inline void print_lease(const struct printer *p, struct lease_ref l)
{
    print_id(p, l.request_id);
    buf_printf(p->out, "/%" PRIu32, l.attempt);
}

static inline const char *print_user_name(const struct printer *p, int64_t key)
{
    for (size_t i = 0; i < p->disk->user_count; i++)
        if (uuid_key(p->disk->users[i].id) == key)
            return p->disk->users[i].name;
    return "?";
}

static inline void print_text(const struct printer *p, const char *label, struct str s)
{
    if (s.n)
        buf_printf(p->out, "%s%.*s", label, STR_ARG(s));
}

/* ---- to apps ---- */

static inline void print_registered(const struct printer *p, const struct app_out *m)
{
    buf_printf(p->out, " registered: %.*s", STR_ARG(m->message));
    for (size_t i = 0; i < m->resumed_count; i++) {
        buf_puts(p->out, i ? "," : ", resumed");
        print_lease(p, m->resumed[i].lease);
        buf_printf(p->out, " from %" PRIu64, m->resumed[i].text_bytes);
    }
}

static inline void print_app_lease(const struct printer *p, const struct app_out *m)
{
    if (m->has_lease)
        print_lease(p, m->lease);
}

static inline void print_app_send(const struct printer *p, const struct effect *e)
{
    static const char *const kinds[APP_OUT__MAX] = {
        [APP_OUT_REQUEST] = " request", [APP_OUT_CANCEL] = " cancel",
        [APP_OUT_ACK] = " ack",         [APP_OUT_DRAIN] = " drain",
        [APP_OUT_ERROR] = " error",     [APP_OUT_REFUSED] = " refused",
    };
    const struct app_out *m = &e->app_out;
    buf_printf(p->out, "app %" PRIu64 ":", e->conn);
    if (m->kind == APP_OUT_REGISTERED) {
        print_registered(p, m);
        return;
    }
    buf_puts(p->out, kinds[m->kind]);
    print_app_lease(p, m);
    if (m->kind == APP_OUT_REQUEST)
        buf_printf(p->out, " of %.*s %.*s", STR_ARG(m->username), STR_ARG(m->payload));
    if (m->kind == APP_OUT_CANCEL)
        print_text(p, ": ", m->reason);
    if (m->kind == APP_OUT_DRAIN)
        buf_printf(p->out, " %" PRIu64, m->reconnect_after_ms);
    if (m->kind == APP_OUT_ACK || m->kind == APP_OUT_ERROR || m->kind == APP_OUT_REFUSED)
        buf_printf(p->out, " %s", err_code(m->code));
    if (m->kind == APP_OUT_ERROR || m->kind == APP_OUT_REFUSED)
        print_text(p, ": ", m->message);
}

/* ---- what watchers see ---- */

static inline void print_space(const struct printer *p, const struct space_view *v)
{
    buf_printf(
        p->out, " %s %s apps %" PRIu32 " slots %" PRIu32 " free %" PRIu32 " queue %" PRIu32 "%s%s",
        v->name, v->connected ? "connected" : "disconnected", v->apps, v->slots, v->slots_free,
        v->queue_length, v->draining ? " draining" : "", v->removed ? " removed" : "");
}

static inline void print_numbers(const struct printer *p, const struct request_view *v)
{
    if (v->fields & VIEW_ATTEMPT)
        buf_printf(p->out, " attempt=%" PRIu32, v->attempt);
    if (v->fields & VIEW_POSITION)
        buf_printf(p->out, " position=%" PRIu64, v->position);
    if (v->fields & VIEW_ETA)
        buf_printf(p->out, " eta=%" PRIu64, v->eta_ms);
    if (v->fields & VIEW_PERCENT)
        buf_printf(p->out, " percent=%g", v->percent);
    if (v->fields & VIEW_STEP)
        buf_printf(p->out, " step=%" PRIu32, v->step);
    if (v->fields & VIEW_STEPS)
        buf_printf(p->out, " steps=%" PRIu32, v->steps);
}

static inline void print_gone(const struct printer *p, unsigned gone)
{
    static const struct {
        unsigned bit;
        const char *name;
    } bits[] = {{VIEW_POSITION, "position"}, {VIEW_ETA, "eta"},   {VIEW_REASON, "reason"},
                {VIEW_PERCENT, "percent"},   {VIEW_STEP, "step"}, {VIEW_STEPS, "steps"},
                {VIEW_MESSAGE, "message"}};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (gone & bits[i].bit)
            buf_printf(p->out, " -%s", bits[i].name);
}

static inline void print_request(const struct printer *p, const struct request_view *v)
{
    if (v->fields & VIEW_STATUS)
        buf_printf(p->out, " %s", request_status_name(v->status));
    print_numbers(p, v);
    if (v->fields & VIEW_REASON)
        print_text(p, " reason=", v->reason);
    if (v->fields & VIEW_MESSAGE)
        print_text(p, " message=", v->message);
    if (v->fields & VIEW_TEXT)
        buf_printf(p->out, " text=\"%.*s\"", STR_ARG(v->text));
    if (v->fields & VIEW_RESULT)
        print_text(p, " result=", v->result);
    if (v->fields & VIEW_USAGE)
        print_text(p, " usage=", v->usage);
    if (v->fields & VIEW_ERROR)
        buf_printf(p->out, " error=%.*s (%.*s)", STR_ARG(v->error_code), STR_ARG(v->error_message));
    print_gone(p, v->gone);
}

static inline void print_admin(const struct printer *p, const struct admin_view *v)
{
    buf_printf(p->out,
               " spaces %" PRIu64 " apps %" PRIu64 " people %" PRIu64 " queued %" PRIu64
               " processing %" PRIu64 " per minute %" PRIu64 " p50 %" PRIu64 " p99 %" PRIu64
               " failed %" PRIu64,
               v->spaces, v->apps, v->people, v->queued, v->processing, v->requests_per_minute,
               v->p50_ms, v->p99_ms, v->failed_per_minute);
}

static inline void print_publish(const struct printer *p, const struct effect *e)
{
    static const char *const kinds[PUBLISH__MAX] = {
        [PUBLISH_SPACE] = "space", [PUBLISH_STATE] = "state", [PUBLISH_PROGRESS] = "progress",
        [PUBLISH_DELTA] = "delta", [PUBLISH_FINAL] = "final", [PUBLISH_ADMIN] = "admin",
    };
    buf_printf(p->out, "%s", kinds[e->topic_event.kind]);
    if (e->topic.kind == TOPIC_REQUEST)
        print_id(p, e->topic.id);
    if (e->topic_event.kind == PUBLISH_SPACE)
        print_space(p, e->topic_event.space);
    else if (e->topic_event.kind == PUBLISH_ADMIN)
        print_admin(p, e->topic_event.admin);
    else
        print_request(p, e->topic_event.request);
}

/* ---- to people ---- */

static inline void print_subscribed(const struct printer *p, const struct client_out *m)
{
    static const char *const topics[] = {"space", "request", "spaces", "admin"};
    buf_printf(p->out, " subscribed %s:", topics[m->topic.kind]);
    for (size_t i = 0; i < m->spaces_count; i++)
        print_space(p, &m->spaces[i]);
    if (m->request) {
        print_id(p, m->topic.id);
        print_request(p, m->request);
    }
    if (m->admin)
        print_admin(p, m->admin);
}

static inline void print_client_error(const struct printer *p, const struct client_out *m)
{
    buf_printf(p->out, " error %s", err_code(m->code));
    print_text(p, ": ", m->message);
    print_text(p, ", topic ", m->topic_text);
    if (m->retry_after_ms)
        buf_printf(p->out, ", retry after %" PRIu64, m->retry_after_ms);
}

static inline void print_client_send(const struct printer *p, const struct effect *e)
{
    const struct client_out *m = &e->client_out;
    buf_printf(p->out, "person %" PRIu64 ":", e->conn);
    if (m->kind == CLIENT_OUT_SUBSCRIBED) {
        print_subscribed(p, m);
    } else if (m->kind == CLIENT_OUT_UNSUBSCRIBED) {
        print_text(p, " unsubscribed ", m->topic_text);
    } else if (m->kind == CLIENT_OUT_SUBMITTED) {
        buf_puts(p->out, " submitted");
        print_id(p, m->request_id);
        buf_printf(p->out, " at %" PRIu64 "%s", m->position, m->watch ? ", watched" : "");
    } else if (m->kind == CLIENT_OUT_CANCELLED) {
        buf_puts(p->out, " cancelled");
        print_id(p, m->request_id);
    } else {
        print_client_error(p, m);
    }
    print_text(p, ", ref ", m->ref);
}

static inline void print_reply(const struct printer *p, const struct effect *e)
{
    const struct reply *r = e->reply;
    buf_printf(p->out, "reply %s", r->err == ERR_EXISTS ? "exists" : err_code(r->err));
    if (r->message[0])
        buf_printf(p->out, ": %s", r->message);
    if (r->position)
        buf_printf(p->out, ", position %" PRIu64, r->position);
    if (r->retry_after_ms)
        buf_printf(p->out, ", retry after %" PRIu64, r->retry_after_ms);
}

/* ---- to the store ---- */

static inline const char *print_change_name(enum change_kind kind)
{
    static const char *const kinds[CHANGE__MAX] = {
        [CHANGE_REQUEST_NEW] = "new",
        [CHANGE_REQUEST_ATTEMPT] = "attempt",
        [CHANGE_REQUEST_QUEUED] = "queued",
        [CHANGE_REQUEST_TEXT] = "text",
        [CHANGE_REQUEST_FINAL] = "final",
        [CHANGE_REQUEST_USAGE] = "usage",
        [CHANGE_REQUEST_REMOVE] = "remove",
        [CHANGE_USER_PUT] = "user",
        [CHANGE_SESSION_PUT] = "session",
        [CHANGE_SESSION_SEEN] = "seen",
        [CHANGE_SESSION_END] = "session end",
        [CHANGE_SPACE_PUT] = "space",
        [CHANGE_TOKEN_PUT] = "token",
        [CHANGE_TOKEN_USED] = "token used",
        [CHANGE_API_KEY_PUT] = "api key",
        [CHANGE_API_KEY_USED] = "api key used",
        [CHANGE_API_KEY_END] = "api key end",
        [CHANGE_SETTING_PUT] = "setting",
        [CHANGE_AUDIT] = "audit",
        [CHANGE_RETENTION] = "retention",
        [CHANGE_KEYS_EXPIRED] = "keys expired",
    };
    return kinds[kind];
}

static inline void print_request_change(const struct printer *p, const struct change *c)
{
    if (c->kind == CHANGE_REQUEST_NEW && !c->attempt)
        print_id(p, c->request->id);
    else if (c->kind == CHANGE_REQUEST_NEW)
        print_lease(p, (struct lease_ref){c->request->id, c->attempt});
    else if (c->kind == CHANGE_REQUEST_USAGE)
        print_id(p, c->id);
    else
        print_lease(p, (struct lease_ref){c->id, c->attempt});
    if (c->kind == CHANGE_REQUEST_QUEUED)
        buf_printf(p->out, " lost %" PRIu32 " waived %" PRIu32, c->lost, c->waived);
    if (c->kind == CHANGE_REQUEST_FINAL)
        buf_printf(p->out, " %s", request_status_name(c->status));
    print_text(p, " ", str_of(c->code));
    print_text(p, " result ", bytes_str(c->result));
    print_text(p, " usage ", bytes_str(c->usage));
    if (c->text)
        buf_printf(p->out, " \"%.*s\" at %" PRIu64, STR_ARG(bytes_str(c->text)), c->offset);
}

static inline void print_save(const struct printer *p, const struct effect *e)
{
    const struct change *c = e->change;
    buf_printf(p->out, "save %s", print_change_name(c->kind));
    if (c->kind < CHANGE_USER_PUT)
        print_request_change(p, c);
    if (c->audit)
        buf_printf(p->out, " (%s %s)", c->audit->action, c->audit->subject);
}

static inline void print_close_person(const struct printer *p, const struct effect *e)
{
    buf_printf(p->out, "close person %s %u", print_user_name(p, e->user_key), e->close_code);
    print_text(p, ": ", e->reason);
}

static inline void print_rest(const struct printer *p, const struct effect *e)
{
    if (e->kind == EFFECT_CLOSE)
        buf_printf(p->out, "close %" PRIu64 " %u: %.*s", e->conn, e->close_code,
                   STR_ARG(e->reason));
    else if (e->kind == EFFECT_CLOSE_PERSON)
        print_close_person(p, e);
    else if (e->kind == EFFECT_SETTING)
        buf_printf(p->out, "setting %s = %s", e->setting->name, e->setting->value);
    else if (e->kind == EFFECT_LOAD) {
        buf_puts(p->out, "load");
        print_id(p, e->request_id);
    }
}

static inline void print_effect(const struct printer *p, const struct effect *e)
{
    static void (*const how[EFFECT__MAX])(const struct printer *, const struct effect *) = {
        [EFFECT_APP_SEND] = print_app_send, [EFFECT_CLIENT_SEND] = print_client_send,
        [EFFECT_PUBLISH] = print_publish,   [EFFECT_SAVE] = print_save,
        [EFFECT_REPLY] = print_reply,       [EFFECT_CLOSE] = print_rest,
        [EFFECT_CLOSE_PERSON] = print_rest, [EFFECT_SETTING] = print_rest,
        [EFFECT_LOAD] = print_rest,
    };
    how[e->kind](p, e);
    buf_putc(p->out, '\n');
}

#endif

/* Topics: who may watch what, and the whole picture for those who begin. */
#include "core/state.h"

#include <stdlib.h>

#define ADMIN_EVERY_MS 1000

struct client_out *send_client_error(struct relay *r, uint64_t conn, struct str ref, enum err code,
                                     struct str message, uint64_t retry_after_ms)
{
    struct effect *x = effect_new(r, EFFECT_CLIENT_SEND);
    x->conn = conn;
    x->client_out.kind = CLIENT_OUT_ERROR;
    x->client_out.ref = ref;
    x->client_out.code = code;
    x->client_out.message = message;
    x->client_out.retry_after_ms = retry_after_ms;
    return &x->client_out;
}

static struct effect *refused(struct relay *r, uint64_t conn, enum err code, struct str topic_text)
{
    struct effect *x = effect_new(r, EFFECT_CLIENT_SEND);
    x->conn = conn;
    x->client_out.kind = CLIENT_OUT_ERROR;
    x->client_out.code = code;
    x->client_out.topic_text = topic_text;
    return x;
}

/* The same for what is not there and what is not theirs. */
static void not_found(struct relay *r, uint64_t conn, struct str topic_text)
{
    refused(r, conn, ERR_NOT_FOUND, topic_text);
}

static struct client_out *subscribed(struct relay *r, uint64_t conn, struct topic_id topic,
                                     struct str text)
{
    struct effect *x = effect_new(r, EFFECT_CLIENT_SEND);
    x->conn = conn;
    x->topic = topic;
    x->client_out.kind = CLIENT_OUT_SUBSCRIBED;
    x->client_out.topic = topic;
    x->client_out.topic_text = text;
    return &x->client_out;
}

static void watch_space(struct relay *r, const struct relay_event *e)
{
    const struct client_msg *m = e->client_msg;
    struct space *s = space_by_id(r, m->topic.id);
    if (!s || s->pending || s->removed) {
        not_found(r, e->conn, m->topic_text);
        return;
    }
    struct space_view *v = relay_arena(r, sizeof *v);
    space_fill_view(s, v);
    struct client_out *out = subscribed(r, e->conn, m->topic, m->topic_text);
    out->spaces = v;
    out->spaces_count = 1;
}

static void watch_spaces(struct relay *r, const struct relay_event *e)
{
    struct space_view *all = relay_arena(r, sizeof *all * (HASH_COUNT(r->spaces) + 1));
    size_t count = 0;
    struct space *s, *tmp;
    HASH_ITER (hh, r->spaces, s, tmp) {
        if (!s->pending && !s->removed)
            space_fill_view(s, &all[count++]);
    }
    struct client_out *out =
        subscribed(r, e->conn, e->client_msg->topic, e->client_msg->topic_text);
    out->spaces = all;
    out->spaces_count = count;
}

static void watch_admin(struct relay *r, const struct relay_event *e)
{
    if (!identity_is_admin(r, e->who)) {
        not_found(r, e->conn, e->client_msg->topic_text);
        return;
    }
    struct admin_view *v = relay_arena(r, sizeof *v);
    stats_fill(r, v);
    subscribed(r, e->conn, e->client_msg->topic, e->client_msg->topic_text)->admin = v;
    if (!r->admin_watchers++)
        timer_set(r, &r->admin_timer, r->now.mono_ms + ADMIN_EVERY_MS);
}

void admin_timer_fired(struct relay *r, struct timer *t)
{
    if (!r->admin_watchers)
        return;
    struct admin_view *v = relay_arena(r, sizeof *v);
    stats_fill(r, v);
    struct effect *x = effect_new(r, EFFECT_PUBLISH);
    x->topic.kind = TOPIC_ADMIN;
    x->topic_event.kind = PUBLISH_ADMIN;
    x->topic_event.admin = v;
    timer_set(r, t, r->now.mono_ms + ADMIN_EVERY_MS);
}

void watch_begin(struct request *q)
{
    if (!q->watchers++ && queue_holds(&q->node))
        list_push_back(&q->space->watched, &q->watch_link);
}

/* ---- a request ---- */

/* Somebody who wants to watch one. */
struct wish {
    uint64_t conn;
    struct identity who;
    char address[ADDRESS_BYTES], topic_text[UUID_TEXT_BYTES + 16];
};

static void fill_wish(struct wish *w, uint64_t conn, const struct identity *who,
                      const char *address, struct str topic_text)
{
    w->conn = conn;
    w->who = *who;
    snprintf(w->address, sizeof w->address, "%s", address ? address : "");
    if (!str_copy(w->topic_text, sizeof w->topic_text, topic_text))
        w->topic_text[0] = 0;
}

static void watch_one(struct relay *r, const struct relay_event *e, bool noted);

/* It goes on from the beginning: much may have changed. */
static void wish_noted(struct relay *r, struct save *s, enum err err)
{
    const struct wish *w = s->row;
    struct client_msg m = {.kind = CLIENT_MSG_SUBSCRIBE,
                           .topic_text = relay_text(r, "%s", w->topic_text),
                           .topic_known = true,
                           .topic = {TOPIC_REQUEST, s->object}};
    look_written(r, s, err);
    if (err)
        refused(r, w->conn, ERR_STORE_UNAVAILABLE, m.topic_text)->client_out.retry_after_ms =
            r->limits.save_retry_ms;
    else
        watch_one(r,
                  &(struct relay_event){.kind = EVENT_CLIENT_MESSAGE,
                                        .conn = w->conn,
                                        .who = &w->who,
                                        .address = w->address,
                                        .client_msg = &m},
                  true);
}

/* True: an admin looks at another's, and sees it when that is in the audit log. */
static bool waits_for_note(struct relay *r, const struct wish *w, const struct request_record *rec)
{
    struct save *s = look_first(r, &w->who, w->address, rec);
    if (!s)
        return false;
    s->done = wish_noted;
    s->row = xcalloc(1, sizeof *w);
    memcpy(s->row, w, sizeof *w);
    return true;
}

static void load_for(struct relay *r, const struct relay_event *e, bool noted)
{
    const struct client_msg *m = e->client_msg;
    struct load *l = load_start(r, LOAD_FOR_SUBSCRIBE, e->conn, m->topic.id);
    if (!l) {
        struct effect *x = refused(r, e->conn, ERR_RATE_LIMITED, m->topic_text);
        x->client_out.retry_after_ms = ADMIN_EVERY_MS;
        x->client_out.limit = LOADS_PER_CONN;
        return;
    }
    l->who = *e->who;
    l->noted = noted;
    snprintf(l->address, sizeof l->address, "%s", e->address ? e->address : "");
    if (!str_copy(l->topic_text, sizeof l->topic_text, m->topic_text))
        l->topic_text[0] = 0;
}

static void show_request(struct relay *r, const struct relay_event *e, struct request *q)
{
    const struct client_msg *m = e->client_msg;
    watch_begin(q);
    struct request_view *v = relay_arena(r, sizeof *v);
    request_fill_view(r, q, v, ~0U);
    subscribed(r, e->conn, m->topic, m->topic_text)->request = v;
    q->shown_position = 0; /* shown again to whoever recovers without a state */
    show_positions_soon(r, q->space);
}

/* Whether it waits for a note of an admin's look; their own is the common case. */
static bool must_wait(struct relay *r, const struct relay_event *e, const struct request *q)
{
    struct wish w;
    if (q->rec.user_key == e->who->user_key)
        return false;
    fill_wish(&w, e->conn, e->who, e->address, e->client_msg->topic_text);
    return waits_for_note(r, &w, &q->rec);
}

static void watch_one(struct relay *r, const struct relay_event *e, bool noted)
{
    const struct client_msg *m = e->client_msg;
    struct request *q = request_find(r, m->topic.id);
    if (!q)
        load_for(r, e, noted);
    else if (q->rec.user_key != e->who->user_key && !identity_is_admin(r, e->who))
        not_found(r, e->conn, m->topic_text);
    else if (noted || !must_wait(r, e, q))
        show_request(r, e, q);
}

static void watch_request(struct relay *r, const struct relay_event *e)
{
    watch_one(r, e, false);
}

void watch_message(struct relay *r, const struct relay_event *e)
{
    static void (*const handlers[])(struct relay *, const struct relay_event *) = {
        [TOPIC_SPACE] = watch_space,
        [TOPIC_REQUEST] = watch_request,
        [TOPIC_SPACES] = watch_spaces,
        [TOPIC_ADMIN] = watch_admin,
    };
    const struct client_msg *m = e->client_msg;
    if (m->topic_known)
        handlers[m->topic.kind](r, e);
    else
        not_found(r, e->conn, m->topic_text);
}

void watch_ended(struct relay *r, const struct relay_event *e)
{
    if (e->topic.kind == TOPIC_ADMIN && r->admin_watchers)
        r->admin_watchers--;
    if (e->topic.kind != TOPIC_REQUEST)
        return;
    struct request *q = request_find(r, e->topic.id);
    if (q && q->watchers && !--q->watchers)
        list_remove(&q->watch_link);
}

void watch_loaded(struct relay *r, const struct load *l, enum err err,
                  const struct request_record *rec)
{
    struct str text = relay_text(r, "%s", l->topic_text);
    if (err == ERR_STORE_UNAVAILABLE) {
        struct effect *x = refused(r, l->conn, err, text);
        x->client_out.retry_after_ms = ADMIN_EVERY_MS;
        return;
    }
    if (err || (rec->user_key != l->who.user_key && !identity_is_admin(r, &l->who))) {
        not_found(r, l->conn, text);
        return;
    }
    struct wish w;
    fill_wish(&w, l->conn, &l->who, l->address, str_of(l->topic_text));
    if (!l->noted && waits_for_note(r, &w, rec))
        return;
    struct space *s = space_by_key(r, rec->space_key);
    struct str name = s ? str_of(s->rec.name) : STR("");
    struct topic_id topic = {TOPIC_REQUEST, l->request_id};
    subscribed(r, l->conn, topic, text)->request = view_of_record(r, rec, name);
}

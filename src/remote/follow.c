#include "remote/follow.h"

#include "base/clock.h"
#include "base/secret.h"
#include "codec/sse.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define EVENT_BYTES   (128u << 20)
#define SILENCE_S     45 /* the relay says something every 15 s */
#define FIRST_WAIT_MS 200
#define LAST_WAIT_MS  5000
#define ID_BYTES      128
#define PATH_BYTES    256

struct following {
    const struct follow *f;
    struct picture *picture;
    struct sse sse;
    char last_id[ID_BYTES];
    uint64_t heard_ms; /* when something of a stream last came */
    uint64_t wait_ms;  /* before the next try */
    bool enough;
    enum err e;
};

/* ---- a stream ---- */

static enum err on_event(void *ctx, const struct sse_event *event)
{
    struct following *s = ctx;
    s->e = picture_take(s->picture, event->data);
    if (s->e)
        return s->e;
    if (!str_copy(s->last_id, sizeof s->last_id, event->id) || str_has_control(event->id))
        s->last_id[0] = '\0'; /* then from the start */
    s->enough = !s->f->changed(s->f->ctx, s->picture);
    return s->enough || picture_final(s->picture) ? ERR_CLOSED : OK;
}

static bool on_bytes(void *ctx, struct str piece)
{
    struct following *s = ctx;
    s->heard_ms = clock_now().mono_ms;
    s->wait_ms = FIRST_WAIT_MS;
    enum err e = sse_feed(&s->sse, piece, on_event, s);
    if (e && e != ERR_CLOSED)
        s->e = e;
    return !e;
}

static void read_stream(struct following *s, struct remote_answer *out)
{
    char path[PATH_BYTES], last[ID_BYTES + 32];
    struct http_answer answer;
    struct http_call c = {.path = path,
                          .key = s->f->remote->key,
                          .silence_s = SILENCE_S,
                          .wakes = true,
                          .body_max = REMOTE_ANSWER_BYTES,
                          .bytes = on_bytes,
                          .ctx = s};
    (void)snprintf(path, sizeof path, "/api/v1/requests/%s/events", s->f->request_id);
    (void)snprintf(last, sizeof last, "Last-Event-ID: %s", s->last_id);
    if (s->last_id[0])
        c.headers[0] = last;
    sse_init(&s->sse, EVENT_BYTES);
    http_do(s->f->remote->http, &c, &answer);
    remote_judge(s->f->remote, &answer, out);
    http_answer_release(&answer);
    sse_release(&s->sse);
}

/* ---- over all of them ---- */

static bool woken_while_waiting(struct following *s, uint64_t retry_after_ms)
{
    struct pollfd p = {.fd = s->f->remote->wake_fd, .events = POLLIN};
    uint64_t ms = retry_after_ms > s->wait_ms ? retry_after_ms : s->wait_ms;
    ms = ms < LAST_WAIT_MS ? ms : LAST_WAIT_MS;
    /* Those who lost one relay together do not come back together. */
    ms = ms / 2 + random_below((uint32_t)ms / 2 + 1);
    s->wait_ms = s->wait_ms * 2 < LAST_WAIT_MS ? s->wait_ms * 2 : LAST_WAIT_MS;
    int n = poll(&p, 1, (int)ms); /* a signal's EINTR only makes the wait shorter */
    return n > 0 && p.revents;
}

static bool can_go_on(const struct remote_answer *a)
{
    return a->how != REMOTE_REFUSED || a->status == 429;
}

static bool is_late(const struct following *s)
{
    return clock_now().mono_ms - s->heard_ms > (uint64_t)s->f->retry_for_ms;
}

/* True when it is over. */
static bool judge(struct following *s, const struct remote_answer *a, struct buf *why,
                  enum follow_end *end)
{
    bool nonsense = s->e != OK;
    if (picture_final(s->picture) && !nonsense)
        *end = FOLLOW_FINAL;
    else if (a->how == REMOTE_WOKEN)
        *end = FOLLOW_WOKEN;
    else if (s->enough)
        *end = FOLLOW_ENOUGH;
    else if (nonsense || is_late(s))
        *end = FOLLOW_LOST;
    else if (!can_go_on(a))
        *end = FOLLOW_REFUSED;
    else
        return false;
    if (nonsense)
        buf_puts(why, "the relay sent an event that cannot be read");
    else
        buf_str_append(why, a->words.len ? buf_str(&a->words) : STR("the stream of events ended"));
    return true;
}

enum follow_end follow_request(const struct follow *f, struct picture *picture, struct buf *why)
{
    struct following s = {
        .f = f, .picture = picture, .heard_ms = clock_now().mono_ms, .wait_ms = FIRST_WAIT_MS};
    enum follow_end end = FOLLOW_WOKEN;
    for (;;) {
        struct remote_answer a;
        read_stream(&s, &a);
        bool over = judge(&s, &a, why, &end);
        if (!over)
            f->trouble(f->ctx, a.words.len ? buf_cstr(&a.words) : "the stream of events ended");
        over = over || woken_while_waiting(&s, a.retry_after_ms);
        remote_release(&a);
        if (over)
            return end;
    }
}

#include "bridge/bridge.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/secret.h"
#include "bridge/body.h"
#include "client/text.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_BYTES     (64u << 20)
#define ERROR_BYTES    (64u * 1024)
#define FIRST_PAUSE_MS 500
#define LAST_PAUSE_MS  10000
#define DONE_MS        1000 /* a server that leaves its stream open after [DONE] */
#define NEVER          UINT64_MAX

static void start_waiting(struct bridge *b);

/* ---- ends ---- */

static void job_free(struct job *j)
{
    (*(j->running ? &j->bridge->running_count : &j->bridge->waiting_count))--;
    list_remove(&j->link);
    http_call_free(j->call);
    event_free(j->timer);
    answer_release(j);
    buf_release(&j->body);
    free(j);
}

static void job_done(struct job *j)
{
    struct bridge *b = j->bridge;
    job_free(j);
    start_waiting(b);
    leave_when_done(b);
}

static double seconds_of(const struct job *j)
{
    return (double)(clock_now().mono_ms - j->started_ms) / 1000;
}

/* Once, whatever comes: that a result cannot be sent is itself an answer. */
static void tell_failure(struct job *j, const struct blame *blame)
{
    struct str words = str_of(blame->words);
    struct client_failure f = {.code = str_of(blame->code),
                               .message = words,
                               .retryable = blame->retryable,
                               .usage = buf_str(&j->reply.usage)};
    enum err e = client_error(j->bridge->terminal.client, j->lease, &f);
    if (e && e != ERR_NOT_FOUND) { /* usage that the relay would refuse */
        f.usage = STR("");
        e = client_error(j->bridge->terminal.client, j->lease, &f);
    }
    if (!e)
        print("[RESULT] %s: %.*s (%s)", j->id, STR_ARG(words), blame->code);
}

void job_succeed(struct job *j, struct str result, struct str usage, const char *how)
{
    struct client *c = j->bridge->terminal.client;
    enum err e = client_result(c, j->lease, result, usage);
    if (e == ERR_BAD_MESSAGE || e == ERR_BAD_JSON)
        e = client_result(c, j->lease, result, STR(""));
    if (e && e != ERR_NOT_FOUND) {
        struct blame blame = blame_trouble(about(j->bridge), e == ERR_TOO_LARGE ? TROUBLE_TOO_LARGE
                                                                                : TROUBLE_NONSENSE);
        tell_failure(j, &blame);
    } else {
        print("[RESULT] %s: completed in %.2f s%s%s", j->id, seconds_of(j), how[0] ? ", " : "",
              how);
    }
    job_done(j);
}

void job_fail(struct job *j, const struct blame *blame)
{
    tell_failure(j, blame);
    job_done(j);
}

static void job_trouble(struct job *j, enum trouble trouble)
{
    struct blame blame = blame_trouble(about(j->bridge), trouble);
    job_fail(j, &blame);
}

void job_cancel(struct job *j)
{
    struct blame blame = {.code = "cancelled", .words = "Stopped, as the relay asked"};
    job_fail(j, &blame);
}

void jobs_free(struct bridge *b)
{
    while (!list_empty(&b->running))
        job_free(CONTAINER_OF(list_first(&b->running), struct job, link));
    while (!list_empty(&b->waiting))
        job_free(CONTAINER_OF(list_first(&b->waiting), struct job, link));
}

void jobs_give_back(struct bridge *b)
{
    while (!list_empty(&b->waiting))
        job_trouble(CONTAINER_OF(list_first(&b->waiting), struct job, link), TROUBLE_LEAVING);
}

/* ---- what the relay hears meanwhile ---- */

static void tell(struct job *j)
{
    struct buf words = BUF_INIT(2 * BLAME_BYTES);
    if (!j->call && j->tries)
        buf_printf(&words, "%s; trying again", j->last.words);
    else if (j->reply.reasoning.len && !j->reply.text.len)
        buf_puts(&words, "thinking");
    else
        buf_puts(&words, answer_begun(j) ? "working" : "waiting for the answer to begin");
    struct client_progress p = {.percent = -1, .message = buf_str(&words)};
    (void)client_progress(j->bridge->terminal.client, j->lease, &p);
    buf_release(&words);
    j->told_ms = clock_now().mono_ms;
}

/* ---- tries ---- */

/* Other limits hold once the answer has begun, and once it is done: the timer looks again. That the
 * model thinks is said at once: its words may be long in coming. */
static bool take_good(struct job *j, struct str piece)
{
    bool begun = answer_begun(j), done = j->done_ms > 0;
    bool more = answer_take(j, piece);
    if (!begun && j->reply.reasoning.len)
        j->told_ms = 0;
    if (begun != answer_begun(j) || done != (j->done_ms > 0))
        event_active(j->timer, EV_TIMEOUT, 0);
    return more;
}

static bool on_bytes(void *owner, int status, struct str piece)
{
    struct job *j = owner;
    j->heard_ms = clock_now().mono_ms;
    if (status >= 200 && status < 300)
        return take_good(j, piece);
    if (j->raw.len + piece.n <= ERROR_BYTES)
        buf_append(&j->raw, piece.p, piece.n);
    return true;
}

static uint64_t after_s(uint64_t from_ms, uint32_t s)
{
    return s ? from_ms + (uint64_t)s * 1000 : NEVER;
}

/* The pause before the next try: doubling, with some chance in it, and what the server asks for. */
static uint64_t next_pause(const struct job *j, uint64_t asked_ms)
{
    uint64_t pause = FIRST_PAUSE_MS;
    for (unsigned i = 1; i < j->tries && pause < LAST_PAUSE_MS; i++)
        pause *= 2;
    pause = pause > LAST_PAUSE_MS ? LAST_PAUSE_MS : pause;
    pause = pause / 2 + random_u64() % (pause / 2);
    return pause > asked_ms ? pause : asked_ms;
}

/* Only before a byte of an answer has come: whatever failed has cost nothing and changed nothing.
 */
static void retry_or_fail(struct job *j, const struct blame *blame, const struct http_end *end)
{
    uint64_t now = clock_now().mono_ms, pause = next_pause(j, end->retry_after_ms);
    if (!blame->passing || now + pause >= after_s(j->started_ms, j->bridge->set.retry_s) ||
        j->bridge->set.retry_s == 0) {
        job_fail(j, blame);
        return;
    }
    if (j->tries == 1)
        print("[!] %s: %s; trying again", j->id, blame->words);
    http_call_free(j->call);
    j->call = NULL;
    j->retry_ms = now + pause;
    j->last = *blame;
    tell(j);
    event_active(j->timer, EV_TIMEOUT, 0);
}

static void on_ended(void *owner, const struct http_end *end)
{
    struct job *j = owner;
    bool good = end->status >= 200 && end->status < 300;
    struct buf said = BUF_INIT(ERROR_BYTES);
    struct blame blame;
    if (end->how == HTTP_UNREACHABLE || end->how == HTTP_BROKEN)
        print("[!] %s: %s", j->id, end->words);
    if (end->how == HTTP_UNREACHABLE) {
        blame = blame_trouble(about(j->bridge), TROUBLE_UNREACHABLE);
        retry_or_fail(j, &blame, end);
    } else if (end->how == HTTP_BROKEN && !(good && answer_complete(j))) {
        job_trouble(j, TROUBLE_BROKEN_OFF);
    } else if (good) {
        answer_end(j);
    } else {
        completion_error_words(buf_str(&j->raw), &said, NULL);
        blame = blame_status(about(j->bridge), end->status, buf_str(&said));
        print("[!] %s: status %d: %.*s", j->id, end->status, STR_ARG(buf_str(&said)));
        retry_or_fail(j, &blame, end);
    }
    buf_release(&said);
}

static const struct http_events http_events = {.bytes = on_bytes, .ended = on_ended};

static void try_now(struct job *j)
{
    struct bridge *b = j->bridge;
    struct buf url = BUF_INIT(4096);
    answer_release(j);
    answer_init(j);
    buf_puts(&url, buf_cstr(&b->upstream));
    if (!b->set.plain)
        buf_printf(&url, "/%s", body_path(j->endpoint));
    j->tries++;
    j->sent_ms = j->heard_ms = clock_now().mono_ms;
    j->call = http_start(b->http, &(struct http_request){.url = buf_cstr(&url),
                                                         .key = b->set.api_key,
                                                         .id = j->id,
                                                         .body = buf_str(&j->body),
                                                         .events = &http_events,
                                                         .owner = j});
    buf_release(&url);
}

/* ---- time ---- */

/* When the call has been silent for too long, or NEVER. */
static uint64_t quiet_until(const struct job *j)
{
    if (!j->call)
        return NEVER;
    if (j->done_ms)
        return j->done_ms + DONE_MS;
    return answer_begun(j) ? after_s(j->heard_ms, j->bridge->set.idle_s)
                           : after_s(j->sent_ms, j->bridge->set.first_token_s);
}

static void set_timer(struct job *j)
{
    const uint64_t moments[] = {quiet_until(j), after_s(j->started_ms, j->bridge->set.total_s),
                                j->call ? NEVER : j->retry_ms, j->told_ms + j->bridge->tell_ms};
    uint64_t now = clock_now().mono_ms, next = NEVER;
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
        next = moments[i] < next ? moments[i] : next;
    uint64_t ms = next > now ? next - now : 0;
    struct timeval t = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    event_add(j->timer, &t);
}

/* Looks at all limits; bytes that come only move them, so it may go off too early. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct job *j = arg;
    uint64_t now = clock_now().mono_ms;
    if (j->done_ms && now >= quiet_until(j)) {
        answer_end(j);
        return;
    }
    if (now >= after_s(j->started_ms, j->bridge->set.total_s)) {
        job_trouble(j, TROUBLE_TOTAL_TIMEOUT);
        return;
    }
    if (now >= quiet_until(j)) {
        job_trouble(j, answer_begun(j) ? TROUBLE_IDLE_TIMEOUT : TROUBLE_FIRST_TIMEOUT);
        return;
    }
    if (!j->call && now >= j->retry_ms)
        try_now(j);
    if (!j->call && now >= j->retry_ms) {
        job_trouble(j, TROUBLE_INTERNAL);
        return;
    }
    if (now >= j->told_ms + j->bridge->tell_ms)
        tell(j);
    set_timer(j);
}

/* ---- beginning ---- */

static void job_start(struct job *j)
{
    struct bridge *b = j->bridge;
    list_remove(&j->link);
    list_push_back(&b->running, &j->link);
    b->waiting_count--;
    b->running_count++;
    j->running = true;
    j->started_ms = j->told_ms = clock_now().mono_ms;
    event_active(j->timer, EV_TIMEOUT, 0); /* from the loop: nothing ends inside a call */
}

static void start_waiting(struct bridge *b)
{
    while (!b->terminal.leaving && b->running_count < b->set.concurrency &&
           !list_empty(&b->waiting))
        job_start(CONTAINER_OF(list_first(&b->waiting), struct job, link));
}

struct job *job_find(struct bridge *b, struct client_lease lease)
{
    struct list *const lists[] = {&b->running, &b->waiting};
    for (size_t i = 0; i < 2; i++)
        LIST_EACH (lists[i], it) {
            struct job *j = CONTAINER_OF(it, struct job, link);
            if (uuid_eq(j->lease.request_id, lease.request_id) && j->lease.attempt == lease.attempt)
                return j;
        }
    return NULL;
}

static enum err write_body(struct job *j, struct str payload, struct buf *why)
{
    if (j->bridge->set.plain)
        return buf_str_append(&j->body, payload);
    return body_write(payload, j->bridge->set.model, &j->endpoint, &j->body, why);
}

void job_new(struct bridge *b, const struct client_request *r)
{
    struct buf why = BUF_INIT(1000);
    struct job *j = xcalloc(1, sizeof *j);
    j->bridge = b;
    j->lease = r->lease;
    uuid_format(r->lease.request_id, j->id);
    j->body = BUF_INIT(BODY_BYTES);
    answer_init(j);
    j->timer = evtimer_new(b->terminal.base, on_timer, j);
    if (!j->timer)
        out_of_memory();
    list_push_back(&b->waiting, &j->link);
    b->waiting_count++;
    j->started_ms = clock_now().mono_ms;
    enum err e = write_body(j, r->payload, &why);
    print("[REQUEST] %s, attempt %u, from %.*s: %s, %zu bytes", j->id, r->lease.attempt,
          STR_ARG(r->username), b->set.plain ? "payload" : body_path(j->endpoint), r->payload.n);
    if (e) {
        struct blame blame = blame_asked(buf_str(&why));
        if (e != ERR_BAD_MESSAGE)
            blame = blame_trouble(about(b), TROUBLE_INTERNAL);
        job_fail(j, &blame);
    } else {
        start_waiting(b);
    }
    buf_release(&why);
}

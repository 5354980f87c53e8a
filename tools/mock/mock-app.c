/* mock-app: an inference app without a model. It takes the requests of a space, streams words for a
 * while and answers, so that a relay can be tried and tested. It is also the example to copy from:
 * an app of your own is this file with another job_tick(), on top of client/client.h, which does
 * all the talking to the relay, and client/terminal.h, which ends it well. */
#include "client/client.h"
#include "client/options.h"
#include "client/terminal.h"
#include "client/text.h"
#include "mock/answer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/secret.h"
#include "codec/json.h"
#include "model/message.h"

#include <event2/event.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS      20   /* least time between two pieces of text */
#define PATIENCE_MS  3000 /* SIGTERM waits so long for what runs */
#define ANSWER_BYTES 4096
#define RESULT_BYTES (8 * 1024 * 1024)

struct settings {
    const char *host, *space, *token, *ca;
    uint32_t concurrency, prefetch;
    double delay[2], fail_rate; /* seconds, lowest and highest; 0 to 1 */
    uint64_t seed;              /* 0 = another one each time */
    bool verbose, insecure;
};

struct mock {
    struct terminal terminal; /* the relay's side of it */
    struct settings set;
    struct list waiting, running; /* jobs, oldest first */
    size_t waiting_count, running_count;
    uint64_t random; /* state of chance() */
};

static struct mock *mock_of(void *terminal)
{
    return CONTAINER_OF(terminal, struct mock, terminal);
}

/* A request, from its arrival until we have answered it. */
struct job {
    struct list link; /* of mock.waiting or mock.running */
    struct mock *mock;
    struct client_lease lease;
    char id[UUID_TEXT_BYTES];
    struct buf answer;
    struct buf data; /* embeddings: a list as JSON, in place of text */
    size_t said;     /* bytes of the answer that were streamed */
    unsigned prompt_words, quarters;
    uint64_t started_ms, length_ms;
    bool running, fails;
    struct event *timer;
};

/* ---- for a person to read ---- */

static void print_queue(const struct mock *m)
{
    print("[QUEUE] %zu running, %zu waiting", m->running_count, m->waiting_count);
}

static void print_banner(const struct settings *s)
{
    print("mock-app " SPACERELAY_VERSION ", an inference app without a model");
    print("  relay:    %s, space \"%s\"", s->host, s->space);
    print("  at once:  %u, and %u held ready", s->concurrency, s->prefetch);
    print("  takes:    %g to %g s; %g %% fail", s->delay[0], s->delay[1], 100 * s->fail_rate);
}

/* ---- what a model would do ---- */

/* 0 <= x < 1; the same row for the same --seed (splitmix64). */
static double chance(struct mock *m)
{
    uint64_t z = m->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* ---- jobs ---- */

static void start_waiting(struct mock *m);

static void leave_when_done(struct mock *m)
{
    terminal_leave_when_done(&m->terminal, m->running_count, PATIENCE_MS);
}

static struct job *job_find(struct mock *m, struct client_lease lease)
{
    struct list *const lists[] = {&m->running, &m->waiting};
    for (size_t i = 0; i < 2; i++)
        LIST_EACH (lists[i], it) {
            struct job *j = CONTAINER_OF(it, struct job, link);
            if (uuid_eq(j->lease.request_id, lease.request_id) && j->lease.attempt == lease.attempt)
                return j;
        }
    return NULL;
}

static void job_free(struct job *j)
{
    (*(j->running ? &j->mock->running_count : &j->mock->waiting_count))--;
    list_remove(&j->link);
    if (j->timer)
        event_free(j->timer);
    buf_release(&j->answer);
    buf_release(&j->data);
    free(j);
}

static void job_done(struct job *j)
{
    struct mock *m = j->mock;
    job_free(j);
    start_waiting(m);
    print_queue(m);
    leave_when_done(m);
}

static void write_usage(const struct job *j, struct buf *out)
{
    unsigned completion = mock_count_words(str_slice(buf_str(&j->answer).p, j->said));
    buf_printf(out, "{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%u}",
               j->prompt_words, completion, j->prompt_words + completion);
}

static void job_fail(struct job *j, const char *code, const char *message)
{
    struct buf usage = BUF_INIT(200);
    write_usage(j, &usage);
    struct client_failure f = {
        .code = str_of(code), .message = str_of(message), .usage = buf_str(&usage)};
    if (!client_error(j->mock->terminal.client, j->lease,
                      &f)) /* else nobody waits for it any more */
        print("[RESULT] %s: %s (%s)", j->id, message, code);
    buf_release(&usage);
    job_done(j);
}

static void write_text_result(const struct job *j, double seconds, struct buf *out)
{
    struct mock *m = j->mock;
    struct json_t *o = json_object_new();
    json_put_str(o, "text_output", buf_str(&j->answer));
    json_put_num(o, "confidence", round(80 + 20 * chance(m)) / 100);
    json_put_text(o, "model_used", "mock-1");
    json_put_num(o, "processing_time_seconds", seconds);
    json_put_int(o, "tokens_used", j->prompt_words + mock_count_words(buf_str(&j->answer)));
    json_put_time(o, "timestamp", clock_now().wall_ms);
    json_write(out, o);
    json_free(o);
}

static void job_succeed(struct job *j)
{
    struct mock *m = j->mock;
    struct buf result = BUF_INIT(RESULT_BYTES), usage = BUF_INIT(200);
    double seconds = (double)(clock_now().mono_ms - j->started_ms) / 1000;
    if (j->data.len)
        buf_printf(&result, "{\"data\":%s}", buf_cstr(&j->data));
    else
        write_text_result(j, seconds, &result);
    write_usage(j, &usage);
    if (client_result(m->terminal.client, j->lease, buf_str(&result), buf_str(&usage)))
        print("[✗] %s: the result cannot be sent", j->id);
    else
        print("[RESULT] %s: completed in %.2f s", j->id, seconds);
    buf_release(&result);
    buf_release(&usage);
    job_done(j);
}

/* Streams the answer's words up to that part of it. */
static void stream(struct job *j, double part)
{
    struct str all = buf_str(&j->answer);
    size_t to = part >= 1 ? all.n : (size_t)((double)all.n * part);
    while (to > j->said && to < all.n && all.p[to - 1] != ' ')
        to--;
    if (to > j->said)
        client_delta(j->mock->terminal.client, j->lease, str_slice(all.p + j->said, to - j->said));
    j->said = to > j->said ? to : j->said;
}

static void report(struct job *j, double part)
{
    while (j->quarters < 4 && part >= 0.25 * (j->quarters + 1)) {
        j->quarters++;
        struct client_progress p = {.percent = 25 * j->quarters, .message = STR("writing words")};
        client_progress(j->mock->terminal.client, j->lease, &p);
        print("[PROGRESS] %s: %u %%", j->id, 25 * j->quarters);
    }
}

/* One look at the clock: say what is due by now. An app of your own gets its words from a model
 * instead. */
static void job_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct job *j = arg;
    uint64_t elapsed = clock_now().mono_ms - j->started_ms;
    double part = elapsed >= j->length_ms ? 1 : (double)elapsed / (double)j->length_ms;
    if (j->fails && part >= 0.5) {
        job_fail(j, "app_error", "The model failed, as --fail-rate asked it to");
        return;
    }
    stream(j, part);
    report(j, part);
    if (part >= 1)
        job_succeed(j);
}

static void job_start(struct job *j)
{
    struct mock *m = j->mock;
    uint64_t every = j->length_ms / (mock_count_words(buf_str(&j->answer)) + 1);
    every = every < TICK_MS ? TICK_MS : every;
    struct timeval tick = {.tv_sec = (time_t)(every / 1000),
                           .tv_usec = (suseconds_t)(every % 1000) * 1000};
    list_remove(&j->link);
    list_push_back(&m->running, &j->link);
    m->waiting_count--;
    m->running_count++;
    j->running = true;
    j->started_ms = clock_now().mono_ms;
    event_add(j->timer, &tick);
}

static void start_waiting(struct mock *m)
{
    while (!m->terminal.leaving && m->running_count < m->set.concurrency &&
           !list_empty(&m->waiting))
        job_start(CONTAINER_OF(list_first(&m->waiting), struct job, link));
}

/* ---- what the relay says (client/client.h) ---- */

static struct job *job_new(struct mock *m, const struct client_request *r)
{
    struct job *j = xcalloc(1, sizeof *j);
    j->mock = m;
    j->lease = r->lease;
    uuid_format(r->lease.request_id, j->id);
    j->answer = BUF_INIT(ANSWER_BYTES);
    j->data = BUF_INIT(RESULT_BYTES);
    j->timer = event_new(m->terminal.base, -1, EV_PERSIST, job_tick, j);
    list_push_back(&m->waiting, &j->link);
    m->waiting_count++;
    return j;
}

static void plan_answer(struct job *j, struct str prompt)
{
    const double *delay = j->mock->set.delay;
    j->prompt_words = mock_count_words(prompt);
    j->length_ms = (uint64_t)(1000 * (delay[0] + (delay[1] - delay[0]) * chance(j->mock)));
    j->fails = chance(j->mock) < j->mock->set.fail_rate;
    mock_answer(prompt, chance(j->mock), &j->answer);
}

static void on_request(void *ctx, const struct client_request *r)
{
    struct mock *m = mock_of(ctx);
    struct job *j = job_new(m, r);
    struct json_t *payload = NULL;
    struct str prompt = STR(""), endpoint = STR("");
    if (json_parse(r->payload, &payload, NULL) || !json_to_str(json_at(payload, "prompt"), &prompt))
        prompt = STR("");
    if (json_to_str(json_at(payload, "endpoint"), &endpoint) && str_eq(endpoint, STR("embeddings")))
        mock_embeddings(payload, &j->data, &j->prompt_words);
    else
        plan_answer(j, prompt);
    print("[REQUEST] %s, attempt %u, from %.*s: %.*s", j->id, r->lease.attempt,
          STR_ARG(r->username), STR_ARG(text_cut(j->data.len ? endpoint : prompt, 100)));
    json_free(payload);
    start_waiting(m);
    print_queue(m);
}

static void on_cancel(void *ctx, struct client_lease lease, struct str reason)
{
    struct job *j = job_find(mock_of(ctx), lease);
    if (!j)
        return;
    print("[CANCEL] %s: %.*s", j->id, STR_ARG(reason));
    job_fail(j, "cancelled", "Stopped, as the relay asked");
}

static void on_settled(void *ctx, struct client_lease lease, bool accepted, struct str code)
{
    terminal_settled(lease, accepted, code);
    leave_when_done(mock_of(ctx));
}

static void on_registered(void *ctx, const struct client_registered *r)
{
    terminal_registered(ctx, r);
}

static void on_leave(struct terminal *t)
{
    struct mock *m = mock_of(t);
    print("Stopping: %zu running. Again to stop at once", m->running_count);
    terminal_leave_within(t, PATIENCE_MS);
    leave_when_done(m);
}

/* ---- start ---- */

#define AT(field) offsetof(struct settings, field)
static const struct option_row rows[] = {
    {"host", "URL", OPTION_TEXT, AT(host), 0, 0, "the relay [http://localhost:5001]"},
    {"space", "NAME", OPTION_TEXT, AT(space), 0, 0, "the space to register under"},
    {"spaces", "NAME", OPTION_TEXT, AT(space), 0, 0, NULL},
    {"token", "TOKEN", OPTION_TEXT, AT(token), 0, 0, "safer in SPACERELAY_TOKEN"},
    {"concurrency", "N", OPTION_COUNT, AT(concurrency), 1, 1024, "requests worked on at once [1]"},
    {"prefetch", "N", OPTION_COUNT, AT(prefetch), 0, 1024, "requests held ready besides [2]"},
    {"delay", "LOW-HIGH", OPTION_RANGE, AT(delay), 0, 0, "seconds that an answer takes [1-5]"},
    {"seed", "N", OPTION_NUMBER, AT(seed), 0, 0, "the same choices each time"},
    {"fail-rate", "P", OPTION_PART, AT(fail_rate), 0, 0, "part that fails, 0 to 1 [0]"},
    {"ca", "FILE", OPTION_TEXT, AT(ca), 0, 0, "authorities to trust, PEM [the system's]"},
    {"insecure", NULL, OPTION_FLAG, AT(insecure), 0, 0, "accept any certificate; for tests"},
    {"verbose", NULL, OPTION_FLAG, AT(verbose), 0, 0, "show every message"},
};
static const struct option_table table = {
    rows, sizeof rows / sizeof *rows, "mock-app", SPACERELAY_VERSION,
    "mock-app --space NAME [options]\nAn inference app without a model."};

static const struct client_callbacks callbacks = {
    TERMINAL_CALLBACKS,     .on_registered = on_registered, .on_request = on_request,
    .on_cancel = on_cancel, .on_settled = on_settled,
};

static enum err dial(struct mock *m)
{
    const struct settings *s = &m->set;
    struct client_options options = {.host = s->host,
                                     .space = s->space,
                                     .token = s->token,
                                     .name = table.program,
                                     .version = table.version,
                                     .concurrency = s->concurrency,
                                     .prefetch = s->prefetch,
                                     .endpoints =
                                         ENDPOINTS_DEFAULT | ENDPOINT_BIT(ENDPOINT_EMBEDDINGS),
                                     .ca_file = s->ca,
                                     .insecure = s->insecure};
    return terminal_dial(&m->terminal, &options, &callbacks, &table);
}

static void run(struct mock *m)
{
    m->terminal.verbose = m->set.verbose;
    m->terminal.leave = on_leave;
    m->random = m->set.seed ? m->set.seed : random_u64();
    print_banner(&m->set);
    terminal_run(&m->terminal);
    while (!list_empty(&m->running))
        job_free(CONTAINER_OF(list_first(&m->running), struct job, link));
    while (!list_empty(&m->waiting))
        job_free(CONTAINER_OF(list_first(&m->waiting), struct job, link));
}

int main(int argc, char **argv)
{
    struct mock m = {
        .set = {.host = "http://localhost:5001", .concurrency = 1, .prefetch = 2, .delay = {1, 5}}};
    setvbuf(stdout, NULL, _IOLBF, 0);
    int done = options_read(&table, argc, argv, &m.set);
    if (done != OPTIONS_GO_ON)
        return done;
    if (!m.set.space)
        return options_wrong(&table, "--space is missing");
    list_init(&m.waiting);
    list_init(&m.running);
    if (!terminal_init(&m.terminal))
        m.terminal.exit_code = 1;
    else if (!dial(&m))
        run(&m);
    terminal_release(&m.terminal);
    return m.terminal.exit_code;
}

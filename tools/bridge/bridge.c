/* bridge: an inference app that has its requests answered by an OpenAI-compatible model server
 * (llama.cpp, Ollama, vLLM, ...), or with --plain by any HTTP service that takes and gives JSON. It
 * runs beside that server, where nobody can reach it, and dials out to the relay. */
#include "bridge/bridge.h"

#include "bridge/probe.h"
#include "client/options.h"
#include "client/text.h"

#include <event2/event.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_MS      5000  /* when leaving: for what the relay has not taken yet */
#define TELL_MS        15000 /* a person who waits hears from us at least so often */
#define WORDS_BYTES    4096
#define UPSTREAM_BYTES 2048
#define KEY_BYTES      2048

/* ---- what the relay says (client/client.h) ---- */

static void on_connecting(void *ctx, const char *url)
{
    (void)ctx;
    print("[CONNECT] %s", url);
}

static void on_registered(void *ctx, const struct client_registered *r)
{
    struct bridge *b = ctx;
    b->connected = true;
    b->tell_ms = TELL_MS;
    if (r->request_timeout_ms && r->request_timeout_ms / 4 < b->tell_ms)
        b->tell_ms = r->request_timeout_ms / 4;
    print("[✓] Registration successful! Connection ID: %s", r->connection_id);
    if (r->resumed)
        print("%zu requests go on where they were", r->resumed);
}

static void on_refused(void *ctx, struct str code, struct str message, bool for_good)
{
    struct bridge *b = ctx;
    print("[✗] Registration refused: %.*s (%.*s)", STR_ARG(message), STR_ARG(code));
    b->exit_code = for_good;
    if (for_good)
        client_stop(b->client);
}

static void on_lost(void *ctx, const char *words, uint64_t retry_ms)
{
    struct bridge *b = ctx;
    print("[✗] %s: %s. Trying again in %.1f s", b->connected ? "Connection lost" : "No connection",
          words, (double)retry_ms / 1000);
    b->connected = false;
}

static void on_request(void *ctx, const struct client_request *r)
{
    job_new(ctx, r);
}

static void on_cancel(void *ctx, struct client_lease lease, struct str reason)
{
    struct job *j = job_find(ctx, lease);
    if (!j)
        return;
    print("[CANCEL] %s: %.*s", j->id, STR_ARG(reason));
    job_cancel(j);
}

static void on_settled(void *ctx, struct client_lease lease, bool accepted, struct str code)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(lease.request_id, id);
    if (!accepted)
        print("[RESULT] %s: the relay had no use for it (%.*s)", id, STR_ARG(code));
    leave_when_done(ctx);
}

static void on_drain(void *ctx, uint64_t reconnect_after_ms)
{
    (void)ctx;
    print("The relay is going down, and expects us back in %.1f s",
          (double)reconnect_after_ms / 1000);
}

static void on_warning(void *ctx, const char *words)
{
    (void)ctx;
    print("[!] %s", words);
}

static void on_trace(void *ctx, bool out, struct str text)
{
    if (((struct bridge *)ctx)->set.verbose)
        print("%s %.*s", out ? "-->" : "<--", STR_ARG(text_cut(text, 1500)));
}

static void on_stopped(void *ctx)
{
    struct bridge *b = ctx;
    print("Stopped");
    event_base_loopbreak(b->base);
}

/* ---- leaving ---- */

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    client_stop(((struct bridge *)arg)->client);
}

/* A relay that is away just now may come back for its results, but not for ever. */
void leave_when_done(struct bridge *b)
{
    if (!b->leaving || b->running_count > 0)
        return;
    if (client_unsettled(b->client) == 0)
        client_stop(b->client);
    else if (!evtimer_pending(b->patience, NULL))
        event_add(b->patience, &(struct timeval){.tv_sec = SETTLE_MS / 1000});
}

/* First: nothing new, finish what runs. Second: at once. */
static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    struct bridge *b = arg;
    if (b->leaving) { /* a moment for the closing handshake, no more */
        client_stop(b->client);
        event_base_loopexit(b->base, &(struct timeval){.tv_usec = 100000});
        return;
    }
    print("Stopping when %zu running requests are done. Again to stop at once", b->running_count);
    b->leaving = true;
    client_drain(b->client);
    jobs_give_back(b);
    leave_when_done(b);
}

/* ---- options ---- */

#define AT(field) offsetof(struct settings, field)
static const struct option_row rows[] = {
    {"host", "URL", OPTION_TEXT, AT(host), 0, 0, "the relay [http://localhost:5001]"},
    {"space", "NAME", OPTION_TEXT, AT(space), 0, 0, "the space to register under"},
    {"token", "TOKEN", OPTION_TEXT, AT(token), 0, 0, "safer in SPACERELAY_TOKEN"},
    {"upstream", "URL", OPTION_TEXT, AT(upstream), 0, 0,
     "the server, as http://127.0.0.1:11434/v1"},
    {"model", "NAME", OPTION_TEXT, AT(model), 0, 0, "the model to ask for there"},
    {"api-key", "KEY", OPTION_TEXT, AT(api_key), 0, 0, "the server's; safer in UPSTREAM_API_KEY"},
    {"plain", NULL, OPTION_FLAG, AT(plain), 0, 0, "POST the payload to --upstream as it is"},
    {"probe", NULL, OPTION_FLAG, AT(probe), 0, 0, "say whether the server is well, and exit"},
    {"endpoints", "LIST", OPTION_TEXT, AT(endpoints), 0, 0,
     "what the server can: chat.completions, completions, embeddings [the first two]"},
    {"concurrency", "N", OPTION_COUNT, AT(concurrency), 1, 1024, "requests worked on at once [1]"},
    {"prefetch", "N", OPTION_COUNT, AT(prefetch), 0, 1024, "requests held ready besides [0]"},
    {"retry-for", "S", OPTION_COUNT, AT(retry_s), 0, 86400,
     "seconds to try again while the server is down or busy [60]"},
    {"first-token-timeout", "S", OPTION_COUNT, AT(first_token_s), 1, 86400,
     "seconds until the answer begins [600]"},
    {"idle-timeout", "S", OPTION_COUNT, AT(idle_s), 1, 86400,
     "seconds of silence in the middle of it [60]"},
    {"total-timeout", "S", OPTION_COUNT, AT(total_s), 0, 604800,
     "seconds for a request in all, 0 = no limit [0]"},
    {"ca", "FILE", OPTION_TEXT, AT(ca), 0, 0, "relay: authorities to trust, PEM [the system's]"},
    {"upstream-ca", "FILE", OPTION_TEXT, AT(upstream_ca), 0, 0, "server: the same"},
    {"insecure", NULL, OPTION_FLAG, AT(insecure), 0, 0,
     "accept any certificate of the relay; for tests"},
    {"verbose", NULL, OPTION_FLAG, AT(verbose), 0, 0, "show every message"},
};
static const struct option_table table = {
    rows, sizeof rows / sizeof *rows, "bridge", SPACERELAY_VERSION,
    "bridge --space NAME --upstream URL --model NAME [options]\n"
    "bridge --space NAME --upstream URL --plain [options]\n"
    "bridge --probe --upstream URL [--model NAME | --plain]\n"
    "An inference app in front of an OpenAI-compatible model server, or of any HTTP service."};

static bool read_endpoints(const char *list, uint32_t *bits)
{
    static const char *const names[] = {[ENDPOINT_CHAT] = "chat.completions",
                                        [ENDPOINT_COMPLETIONS] = "completions",
                                        [ENDPOINT_EMBEDDINGS] = "embeddings"};
    struct str rest = str_of(list), word;
    *bits = 0;
    while (rest.n) {
        unsigned i = 0;
        (void)str_split(rest, ',', &word, &rest);
        while (i < ENDPOINT__MAX && !str_eq(str_trim(word), str_of(names[i])))
            i++;
        if (i == ENDPOINT__MAX)
            return false;
        *bits |= 1u << i;
    }
    return true;
}

/* http://user:password@...: it would stand in logs. */
static bool has_user(struct str url)
{
    size_t scheme = str_find(url, '/') + 2; /* http(s):// */
    struct str rest = str_slice(url.p + scheme, url.n - scheme);
    return str_find(rest, '@') < str_find(rest, '/');
}

/* NULL, or what is wrong. */
static const char *check(struct settings *s)
{
    struct str upstream = str_of(s->upstream);
    uint32_t endpoints;
    if (!s->upstream)
        return "--upstream is missing: the address of the model server";
    if (!str_starts(upstream, STR("http://")) && !str_starts(upstream, STR("https://")))
        return "--upstream has to begin with http:// or https://";
    if (upstream.n > UPSTREAM_BYTES || str_has_control(upstream))
        return "--upstream is no address";
    if (has_user(upstream))
        return "--upstream must hold no user or password: use --api-key";
    if (s->model && (!s->model[0] || !utf8_valid(s->model, strlen(s->model))))
        return "--model is no name";
    if (!s->plain && !s->model && !s->probe)
        return "--model is missing (or --plain, for a service that is no model server)";
    if (!s->space && !s->probe)
        return "--space is missing";
    if (s->api_key && (strlen(s->api_key) > KEY_BYTES || str_has_control(str_of(s->api_key))))
        return "the API key is too long or has control characters in it";
    if (!read_endpoints(s->endpoints, &endpoints))
        return "--endpoints has to be a list of chat.completions, completions, embeddings";
    return NULL;
}

/* ---- start ---- */

static const struct client_callbacks callbacks = {
    .on_connecting = on_connecting,
    .on_registered = on_registered,
    .on_refused = on_refused,
    .on_lost = on_lost,
    .on_request = on_request,
    .on_cancel = on_cancel,
    .on_settled = on_settled,
    .on_drain = on_drain,
    .on_warning = on_warning,
    .on_trace = on_trace,
    .on_stopped = on_stopped,
};

static void on_probed(void *owner, bool good, const char *words)
{
    struct bridge *b = owner;
    b->probe = NULL;
    if (!b->set.probe) {
        print("%s %s", good ? "[✓]" : "[!]", words);
        return;
    }
    printf("%s\n", words);
    b->exit_code = !good;
    event_base_loopbreak(b->base);
}

static void start_probe(struct bridge *b)
{
    b->probe = probe_new(&(struct probe_options){.http = b->http,
                                                 .upstream = buf_cstr(&b->upstream),
                                                 .key = b->set.api_key,
                                                 .model = b->set.model,
                                                 .plain = b->set.plain,
                                                 .told = on_probed,
                                                 .owner = b});
    if (!b->probe)
        on_probed(b, false, "libcurl cannot start a request");
}

static enum err dial(struct bridge *b)
{
    const struct settings *s = &b->set;
    struct buf why = BUF_INIT(WORDS_BYTES);
    struct client_options options = {.base = b->base,
                                     .host = s->host,
                                     .space = s->space,
                                     .token = s->token,
                                     .name = table.program,
                                     .version = table.version,
                                     .concurrency = s->concurrency,
                                     .prefetch = s->prefetch,
                                     .ca_file = s->ca,
                                     .insecure = s->insecure};
    (void)read_endpoints(s->endpoints, &options.endpoints);
    enum err e = client_new(&options, &callbacks, b, &b->client, &why);
    if (e)
        options_wrong(&table, buf_cstr(&why));
    buf_release(&why);
    return e;
}

static void print_banner(const struct bridge *b)
{
    const struct settings *s = &b->set;
    print("bridge " SPACERELAY_VERSION ", an inference app in front of %s",
          s->plain ? "an HTTP service" : "a model server");
    print("  relay:    %s, space \"%s\"", s->host, s->space);
    print("  server:   %s%s%s", s->upstream, s->plain ? "" : ", model ", s->plain ? "" : s->model);
    print("  at once:  %u, and %u held ready", s->concurrency, s->prefetch);
}

static void serve(struct bridge *b)
{
    struct event *term = evsignal_new(b->base, SIGTERM, on_signal, b);
    struct event *interrupt = evsignal_new(b->base, SIGINT, on_signal, b);
    b->patience = evtimer_new(b->base, on_patience, b);
    event_add(term, NULL);
    event_add(interrupt, NULL);
    print_banner(b);
    start_probe(b);
    event_base_dispatch(b->base);
    event_free(term);
    event_free(interrupt);
    event_free(b->patience);
    jobs_free(b);
    client_free(b->client);
}

static int run(struct bridge *b)
{
    b->base = event_base_new();
    b->http = b->base ? http_new(b->base, b->set.upstream_ca) : NULL;
    if (!b->http) {
        fputs("bridge: libevent or libcurl cannot start\n", stderr);
        b->exit_code = 1;
    } else if (b->set.probe) {
        start_probe(b);
        if (b->probe)
            event_base_dispatch(b->base);
    } else if (dial(b)) {
        b->exit_code = 2;
    } else {
        serve(b);
    }
    probe_free(b->probe);
    http_free(b->http);
    if (b->base)
        event_base_free(b->base);
    return b->exit_code;
}

int main(int argc, char **argv)
{
    struct bridge b = {.set = {.host = "http://localhost:5001",
                               .concurrency = 1,
                               .retry_s = 60,
                               .first_token_s = 600,
                               .idle_s = 60},
                       .upstream = BUF_INIT(2 * UPSTREAM_BYTES),
                       .tell_ms = TELL_MS};
    setvbuf(stdout, NULL, _IOLBF, 0);
    int done = options_read(&table, argc, argv, &b.set);
    if (done != OPTIONS_GO_ON)
        return done;
    if (!b.set.api_key)
        b.set.api_key = getenv("UPSTREAM_API_KEY");
    const char *wrong = check(&b.set);
    if (wrong)
        return options_wrong(&table, wrong);
    list_init(&b.waiting);
    list_init(&b.running);
    struct str upstream = str_of(b.set.upstream);
    while (!b.set.plain && str_ends(upstream, STR("/")))
        upstream.n--;
    buf_str_append(&b.upstream, upstream);
    done = run(&b);
    buf_release(&b.upstream);
    return done;
}

/* bridge: an inference app that has its requests answered by an OpenAI-compatible model server
 * (llama.cpp, Ollama, vLLM, ...), or with --plain by any HTTP service that takes and gives JSON. It
 * runs beside that server, where nobody can reach it, and dials out to the relay. */
#include "bridge/bridge.h"

#include "bridge/probe.h"
#include "client/options.h"
#include "client/text.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_MS      5000  /* when leaving: for what the relay has not taken yet */
#define TELL_MS        15000 /* a person who waits hears from us at least so often */
#define UPSTREAM_BYTES 2048
#define KEY_BYTES      2048

/* ---- what the relay says (client/client.h) ---- */

static struct bridge *bridge_of(void *terminal)
{
    return CONTAINER_OF(terminal, struct bridge, terminal);
}

static void on_registered(void *ctx, const struct client_registered *r)
{
    struct bridge *b = bridge_of(ctx);
    b->tell_ms = TELL_MS;
    if (r->request_timeout_ms && r->request_timeout_ms / 4 < b->tell_ms)
        b->tell_ms = r->request_timeout_ms / 4;
    terminal_registered(ctx, r);
}

static void on_request(void *ctx, const struct client_request *r)
{
    job_new(bridge_of(ctx), r);
}

static void on_cancel(void *ctx, struct client_lease lease, struct str reason)
{
    struct job *j = job_find(bridge_of(ctx), lease);
    if (!j)
        return;
    print("[CANCEL] %s: %.*s", j->id, STR_ARG(reason));
    job_cancel(j);
}

static void on_settled(void *ctx, struct client_lease lease, bool accepted, struct str code)
{
    terminal_settled(lease, accepted, code);
    leave_when_done(bridge_of(ctx));
}

/* ---- leaving ---- */

void leave_when_done(struct bridge *b)
{
    terminal_leave_when_done(&b->terminal, b->running_count, SETTLE_MS);
}

static void on_leave(struct terminal *t)
{
    struct bridge *b = bridge_of(t);
    print("Stopping when %zu running requests are done. Again to stop at once", b->running_count);
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
    "An inference app in front of an OpenAI-compatible model server, or of any HTTP service.\n"
    "http_proxy, https_proxy, all_proxy and no_proxy are heeded, but for a server on this machine\n"
    "(localhost, 127.0.0.0/8, ::1): that is always asked directly."};

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
    TERMINAL_CALLBACKS,     .on_registered = on_registered, .on_request = on_request,
    .on_cancel = on_cancel, .on_settled = on_settled,
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
    b->terminal.exit_code = !good;
    event_base_loopbreak(b->terminal.base);
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
    struct client_options options = {.host = s->host,
                                     .space = s->space,
                                     .token = s->token,
                                     .name = table.program,
                                     .version = table.version,
                                     .concurrency = s->concurrency,
                                     .prefetch = s->prefetch,
                                     .ca_file = s->ca,
                                     .insecure = s->insecure};
    (void)read_endpoints(s->endpoints, &options.endpoints);
    return terminal_dial(&b->terminal, &options, &callbacks, &table);
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
    print_banner(b);
    start_probe(b);
    terminal_run(&b->terminal);
    jobs_free(b);
}

static void run(struct bridge *b)
{
    struct terminal *t = &b->terminal;
    t->verbose = b->set.verbose;
    t->leave = on_leave;
    b->http = terminal_init(t) ? http_new(t->base, b->set.upstream_ca) : NULL;
    if (!b->http) {
        fputs("bridge: libevent or libcurl cannot start\n", stderr);
        t->exit_code = 1;
    } else if (b->set.probe) {
        start_probe(b);
        if (b->probe)
            event_base_dispatch(t->base);
    } else if (!dial(b)) {
        serve(b);
    }
    probe_free(b->probe);
    http_free(b->http);
    terminal_release(t);
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
    run(&b);
    buf_release(&b.upstream);
    return b.terminal.exit_code;
}

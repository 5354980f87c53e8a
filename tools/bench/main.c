/* relay-bench: how fast a relay is. Starts one in a temporary folder, or attaches to a running one;
 * plays its apps and its people; reports latencies, throughput, and what the server used. */
#include "bench/scenario.h"

#include "base/alloc.h"
#include "client/options.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MOST_A_PERSON 64 /* outstanding requests; the relay's own limit is 100 */
#define LIMITS_BYTES  4096

#define AT(member) offsetof(struct settings, member)
static const struct option_row rows[] = {
    {"server", "PROGRAM", OPTION_TEXT, AT(server), 0, 0, "start this spacerelay, measure it"},
    {"host", "URL", OPTION_TEXT, AT(host), 0, 0, "or attach to http://ADDRESS:PORT"},
    {"pid", "PID", OPTION_COUNT, AT(pid), 0, INT32_MAX, "with --host: its process"},
    {"space", "NAME", OPTION_TEXT, AT(space), 0, 0, "with --host: the space"},
    {"token", "TOKEN", OPTION_TEXT, AT(token), 0, 0, "with --host: a token for it"},
    {"user", "NAME", OPTION_TEXT, AT(user), 0, 0, "with --host: who submits"},
    {"password", "WORD", OPTION_TEXT, AT(password), 0, 0, "with --host: their password"},
    {"protocol", "WHICH", OPTION_TEXT, AT(protocol), 0, 0,
     "native, or socketio for the relays of tests/bench"},
    {"submit", "HOW", OPTION_TEXT, AT(submit), 0, 0,
     "socket, or http: POST /websockets/submit as old scripts do"},
    {"limits", "LINES", OPTION_TEXT, AT(limits), 0, 0, "with --server: `name = value` lines"},
    {"apps", "N", OPTION_COUNT, AT(apps), 1, 1000, "apps of the space (1)"},
    {"concurrency", "N", OPTION_COUNT, AT(concurrency), 1, 100000,
     "requests an app takes at once (all that are outstanding)"},
    {"people", "N", OPTION_COUNT, AT(people), 1, 1000, "sockets that submit (4)"},
    {"outstanding", "N", OPTION_COUNT, AT(outstanding), 1, 60000, "requests under way (64)"},
    {"rate", "N", OPTION_COUNT, AT(rate), 0, 10000000,
     "open loop: requests a second; latency counts from when each was due"},
    {"progress", "N", OPTION_COUNT, AT(progress), 0, 1000, "progress messages a request (1)"},
    {"payload", "BYTES", OPTION_COUNT, AT(payload), 0, 1000000, "size of a prompt (100)"},
    {"result", "BYTES", OPTION_COUNT, AT(result), 0, 15000000, "size of a result (100)"},
    {"watchers", "N", OPTION_COUNT, AT(watchers), 0, 100000,
     "sockets that watch the space meanwhile"},
    {"pages", "N", OPTION_COUNT, AT(pages), 0, 100000,
     "pages loaded a second meanwhile: the space's and the log-in's"},
    {"idle", "N", OPTION_COUNT, AT(idle), 0, 100000,
     "no requests: N sockets that wait for S seconds, leave and come back at once"},
    {"fan-out", "N", OPTION_COUNT, AT(fan_out), 0, 100000,
     "no requests: N watchers see the app go and come back"},
    {"warm-up", "S", OPTION_COUNT, AT(warm_up_s), 0, 3600, "seconds that do not count (1)"},
    {"seconds", "S", OPTION_COUNT, AT(seconds), 1, 3600, "seconds that count (5)"},
    {"json", NULL, OPTION_FLAG, AT(json), 0, 0, "figures for programs"},
};

static const struct option_table table = {
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
    .program = "relay-bench",
    .version = SPACERELAY_VERSION,
    .usage = "relay-bench: how fast a relay is.\n\n"
             "  relay-bench --server build/spacerelay\n"
             "  relay-bench --host http://127.0.0.1:5001 --pid 123 --space demo --token T "
             "--user U --password P"};

static const struct settings defaults = {.protocol = "native",
                                         .submit = "socket",
                                         .space = SPACE_NAME,
                                         .limits = "",
                                         .apps = 1,
                                         .people = 4,
                                         .outstanding = 64,
                                         .progress = 1,
                                         .payload = 100,
                                         .result = 100,
                                         .warm_up_s = 1,
                                         .seconds = 5};

/* What was not said follows from the rest. */
static void complete(struct settings *s)
{
    uint32_t people = (s->outstanding + MOST_A_PERSON - 1) / MOST_A_PERSON;
    if (s->people < people && !s->host)
        s->people = people;
    if (s->people > s->outstanding)
        s->people = s->outstanding;
    if (!s->concurrency)
        s->concurrency = (s->outstanding + s->apps - 1) / s->apps;
}

static const char *wrong(const struct settings *s)
{
    if (!s->server == !s->host)
        return "one of --server and --host has to be given";
    if (strcmp(s->protocol, "native") && strcmp(s->protocol, "socketio"))
        return "--protocol is native or socketio";
    if (strcmp(s->submit, "socket") && strcmp(s->submit, "http"))
        return "--submit is socket or http";
    if (!strcmp(s->submit, "http") && strcmp(s->protocol, "native"))
        return "--submit http needs --protocol native";
    if (s->host && !strcmp(s->protocol, "native") && !(s->token && s->user && s->password))
        return "--host needs --token, --user and --password";
    return NULL;
}

static bool start_server(struct bench *b)
{
    const struct settings *set = &b->set;
    char limits[LIMITS_BYTES];
    /* the crowd shares few accounts */
    snprintf(limits, sizeof limits, "%s%s\n",
             set->idle || set->fan_out || set->watchers ? "sockets_per_person = 10000\n" : "",
             set->limits);
    if (access(set->server, X_OK)) {
        fprintf(stderr, "relay-bench: cannot run %s: %s\n", set->server, strerror(errno));
        return false;
    }
    struct server_needs needs = {.people = set->people, .apps = set->apps, .limits = limits};
    if (server_start(&b->server, b->set.server, &needs)) {
        fprintf(stderr, "relay-bench: %s\n", b->server.why);
        return false;
    }
    for (uint32_t i = 0; i < b->set.people; i++)
        b->cookies[i] = b->server.cookies[i];
    b->target = &b->server.target;
    b->set.token = b->server.token;
    return true;
}

static bool attach(struct bench *b)
{
    static const char *const why = "relay-bench: cannot log in there\n";
    b->target = &b->attached;
    b->attached.pid = (int)b->set.pid;
    if (target_parse(&b->attached, str_of(b->set.host))) {
        fputs("relay-bench: --host has to be http://ADDRESS:PORT, in numbers\n", stderr);
        return false;
    }
    if (!b->set.user)
        return true;
    b->server.cookies = xcalloc(1, sizeof *b->server.cookies);
    if (target_login(&b->attached, b->set.user, b->set.password, b->server.cookies[0])) {
        fputs(why, stderr);
        return false;
    }
    for (uint32_t i = 0; i < b->set.people; i++)
        b->cookies[i] = b->server.cookies[0];
    return true;
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool (*scenario_of(const struct settings *s))(struct bench *)
{
    return s->idle ? scenario_idle : s->fan_out ? scenario_fan_out : scenario_load;
}

static bool bench_run(struct bench *b)
{
    b->loop = xcalloc(1, sizeof *b->loop);
    b->cookies = xcalloc(b->set.people, sizeof *b->cookies);
    report_init(&b->report, b->set.json);
    raise_descriptors();
    bool ok = !loop_init(b->loop) && (b->set.server ? start_server(b) : attach(b));
    if (ok)
        fprintf(stderr, "relay-bench: http://%s\n", b->target->authority);
    ok = ok && scenario_of(&b->set)(b) && !b->loop->stopped;
    if (b->loop->stopped)
        fputs("relay-bench: interrupted\n", stderr);
    if (ok)
        report_print(&b->report);
    server_stop(&b->server);
    buf_release(&b->report.out);
    loop_release(b->loop);
    free(b->loop);
    free(b->cookies);
    return ok;
}

int main(int argc, char **argv)
{
    struct bench b = {.set = defaults};
    int status = options_read(&table, argc, argv, &b.set);
    if (status != OPTIONS_GO_ON)
        return status;
    const char *words = wrong(&b.set);
    if (words)
        return options_wrong(&table, words);
    complete(&b.set);
    signal(SIGPIPE, SIG_IGN); /* a command that ends before it has read its input says why */
    return bench_run(&b) ? 0 : 1;
}

#include "bench/server.h"

#include "bench/run.h"
#include "base/alloc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_BYTES 4096

static enum err fail(struct server *s, const char *what, const char *said)
{
    snprintf(s->why, sizeof s->why, "%s: %s", what, said);
    return ERR_IO;
}

/* A command of the relay's on our data; out gets its stdout. */
static enum err command(struct server *s, const char *const *words, const char *input,
                        char out[SAID_BYTES])
{
    const char *argv[16] = {s->program};
    size_t n = 1;
    while (*words && n < 13)
        argv[n++] = *words++;
    argv[n++] = "--data";
    argv[n] = s->data;
    return run_command(argv, input, out, SAID_BYTES) ? OK : fail(s, argv[1], out);
}

static void user_name(uint32_t i, char out[32])
{
    snprintf(out, 32, "bench%u", i);
}

static enum err make_people(struct server *s, uint32_t people)
{
    char said[SAID_BYTES], name[32];
    for (uint32_t i = 0; i < people; i++) {
        user_name(i, name);
        const char *const words[] = {
            "user", "add", name, "--password-stdin", i == 0 ? "--admin" : NULL, NULL};
        enum err e = command(s, words, PASSWORD "\n", said);
        if (e)
            return e;
    }
    return OK;
}

static enum err make_space(struct server *s, uint32_t apps)
{
    char said[SAID_BYTES], number[16];
    snprintf(number, sizeof number, "%u", apps);
    const char *const add[] = {"space", "add", SPACE_NAME, "--max-apps", number, NULL};
    const char *const issue[] = {"token", "issue", "--space", SPACE_NAME, NULL};
    enum err e = command(s, add, "", said);
    if (!e)
        e = command(s, issue, "", said);
    if (!e && !str_copy(s->token, sizeof s->token, str_slice(said, strcspn(said, "\n"))))
        e = fail(s, "token", "too long");
    return e;
}

static enum err write_limits(struct server *s, const char *limits, char path[PATH_BYTES + 8])
{
    snprintf(path, PATH_BYTES + 8, "%s/limits", s->folder);
    FILE *f = fopen(path, "w");
    if (!f)
        return fail(s, path, strerror(errno));
    fprintf(f, "requests_per_minute = 0\n%s", limits); /* a few people stand for very many */
    return fclose(f) ? fail(s, path, strerror(errno)) : OK;
}

static enum err serve(struct server *s, const char *limits)
{
    char path[PATH_BYTES + 8], line[256];
    enum err e = write_limits(s, limits, path);
    if (e)
        return e;
    const char *const argv[] = {s->program, "serve", "--listen",    "127.0.0.1:0",
                                "--data",   s->data, "--log-level", "warn",
                                "--limits", path,    NULL};
    int pid = run_server(argv, line, sizeof line);
    struct str url = str_of(line);
    if (pid <= 0 || !str_starts(url, STR("listening on ")))
        e = fail(s, "serve", "it did not start");
    else
        e = target_parse(&s->target, str_trim(str_slice(url.p + 13, url.n - 13)));
    s->target.pid = pid > 0 ? pid : 0;
    return e;
}

static enum err log_in(struct server *s, uint32_t people)
{
    char name[32];
    s->cookies = xcalloc(people, sizeof *s->cookies);
    for (uint32_t i = 0; i < people; i++) {
        user_name(i, name);
        if (target_login(&s->target, name, PASSWORD, s->cookies[i]))
            return fail(s, name, "could not log in");
    }
    return OK;
}

enum err server_start(struct server *s, const char *program, const struct server_needs *needs)
{
    const char *tmp = getenv("TMPDIR");
    *s = (struct server){.program = program};
    snprintf(s->folder, sizeof s->folder, "%s/relay-bench-XXXXXX", tmp && *tmp ? tmp : "/var/tmp");
    if (!mkdtemp(s->folder)) {
        enum err e = fail(s, s->folder, strerror(errno));
        s->folder[0] = '\0';
        return e;
    }
    snprintf(s->data, sizeof s->data, "%s/data", s->folder);
    enum err e = make_people(s, needs->people);
    if (!e)
        e = make_space(s, needs->apps);
    if (!e)
        e = serve(s, needs->limits);
    return e ? e : log_in(s, needs->people);
}

void server_stop(struct server *s)
{
    if (s->target.pid > 0) {
        kill(s->target.pid, SIGTERM);
        waitpid(s->target.pid, NULL, 0);
    }
    if (s->folder[0])
        run_remove(s->folder);
    free(s->cookies);
    *s = (struct server){0};
}

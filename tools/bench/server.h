/* A relay to measure, started in a folder of its own and taken down again; and what the kernel says
 * about a running one. One thread. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include "bench/socket.h"

#define PATH_BYTES   256
#define COOKIE_BYTES 128
#define TOKEN_BYTES  1024
#define PASSWORD     "relay-bench only"
#define SPACE_NAME   "bench"

struct server {
    const char *program;
    struct target target;
    char folder[PATH_BYTES], data[PATH_BYTES + 8];
    char token[TOKEN_BYTES];
    char (*cookies)[COOKIE_BYTES]; /* one a person */
    char why[PATH_BYTES * 2];      /* what went wrong */
};

struct server_needs {
    uint32_t people, apps;
    const char *limits; /* for serve --limits; "" : the defaults */
};

/* Starts program in a temporary folder (in TMPDIR, or /var/tmp: /tmp may be memory, where syncing
 * costs nothing) on a free port, with a space, a token for it, and people who
 * are logged in. On failure s->why says why and server_stop has to be called all the same. */
MUST_USE enum err server_start(struct server *s, const char *program,
                               const struct server_needs *needs);
/* Ends it and removes its folder. */
void server_stop(struct server *s);

/* "http://127.0.0.1:5001": numbers only. ERR_SYNTAX. */
MUST_USE enum err target_parse(struct target *t, struct str url);
/* Logs in; the cookie as it stands in a request. ERR_UNAUTHORIZED, ERR_IO. */
MUST_USE enum err target_login(const struct target *t, const char *user, const char *password,
                               char cookie[COOKIE_BYTES]);

/* What a process has used. All zero when there is none. */
struct usage {
    uint64_t cpu_ns; /* user and system */
    uint64_t rss_bytes;
};
struct usage usage_of(int pid);
uint64_t usage_own_cpu_ns(void);

#endif

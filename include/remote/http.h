/* HTTP calls to a relay on behalf of a person: one at a time, waited for, and broken off when a
 * descriptor says so. The only user of libcurl here. Redirects are not followed (the key would go
 * with them). Not for the server itself. One thread. */
#ifndef REMOTE_HTTP_H
#define REMOTE_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- addresses ---- */

struct http_place {
    char *url;     /* scheme://host[:port][/path], no slash at the end; heap */
    bool secure;   /* https */
    bool loopback; /* this machine, by its numbers or as localhost */
};

/* http or https, without user, query and fragment. ERR_SYNTAX; why gets a sentence. Release it in
 * every case. */
MUST_USE enum err http_place_parse(struct http_place *out, const char *text, struct buf *why);
void http_place_release(struct http_place *p);

/* ---- calls ---- */

struct http;
/* ca_file: PEM, NULL = the system's. wake_fd: when it can be read, a call that may be broken off
 * is; -1 = never. NULL when libcurl cannot. The place is borrowed. */
struct http *http_new(const struct http_place *place, const char *ca_file, int wake_fd);
void http_free(struct http *h); /* NULL is fine */

enum http_how {
    HTTP_ANSWERED,    /* a whole answer, whatever its status */
    HTTP_UNREACHABLE, /* no connection came about: nobody has seen the call */
    HTTP_BROKEN,      /* something went wrong later */
    HTTP_STOPPED,     /* `bytes` said that it is enough */
    HTTP_WOKEN        /* broken off because of wake_fd */
};

#define HTTP_HEADERS_MAX 2
struct http_call {
    const char *path;                      /* behind the place's URL */
    const char *key;                       /* Authorization: Bearer */
    const char *headers[HTTP_HEADERS_MAX]; /* whole lines; NULL = none */
    bool post;
    struct str body;    /* JSON to POST; p NULL = none */
    uint32_t silence_s; /* broken off when no byte came for so long */
    bool wakes;         /* broken off because of wake_fd */
    size_t body_max;    /* of the answer */
    /* Pieces of an answer with status 200; NULL: they are collected, as those of others are. False
     * ends the call. */
    bool (*bytes)(void *ctx, struct str piece);
    void *ctx;
};

struct http_answer {
    enum http_how how;
    int status;              /* 0 = none came */
    uint64_t retry_after_ms; /* 0 = not said */
    struct buf body;
    char words[256]; /* what libcurl says, when it was not answered */
};

/* *out must be released with http_answer_release. */
void http_do(struct http *h, const struct http_call *call, struct http_answer *out);
void http_answer_release(struct http_answer *a);

#endif

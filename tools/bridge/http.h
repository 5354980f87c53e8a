/* HTTP requests without blocking: libcurl's multi interface, driven by the program's event loop.
 * The bridge's only user of libcurl. Redirects are not followed (the key would go with them), and
 * the proxies that the environment names are for other machines than this one. Loop thread only;
 * events never come from inside a call. */
#ifndef BRIDGE_HTTP_H
#define BRIDGE_HTTP_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct http;
struct http_call;

/* ca_file: PEM, NULL = the system's store. NULL when libcurl or libevent cannot. */
struct http *http_new(struct event_base *base, const char *ca_file);
void http_free(struct http *h); /* all calls are freed before; NULL is fine */

enum http_how {
    HTTP_ANSWERED,    /* a whole answer, whatever its status */
    HTTP_UNREACHABLE, /* no connection came about: nobody has seen the request */
    HTTP_BROKEN,      /* something went wrong later */
    HTTP_STOPPED      /* `bytes` said that it is enough */
};

struct http_end {
    enum http_how how;
    int status;              /* 0 = none came */
    uint64_t retry_after_ms; /* what the answer asks for; 0 = nothing */
    const char *words;       /* for the log; borrowed */
};

struct http_events {
    /* A piece of the answer's body. False ends the call; http_call_free must not be called here. */
    bool (*bytes)(void *owner, int status, struct str piece);
    /* The last event: the owner frees the call, here or later. */
    void (*ended)(void *owner, const struct http_end *end);
};

struct http_request {
    const char *url;     /* copied */
    const char *key;     /* Authorization: Bearer, NULL or "" = none; copied */
    const char *id;      /* X-Request-Id, NULL = none; copied */
    struct str body;     /* JSON to POST, borrowed until the call is freed; p NULL = GET */
    uint64_t timeout_ms; /* for all of it; 0 = none */
    const struct http_events *events;
    void *owner;
};

/* NULL when libcurl cannot. */
struct http_call *http_start(struct http *h, const struct http_request *request);
/* The answer's Content-Type, "" when it has none; borrowed, while the call lives. */
const char *http_content_type(const struct http_call *c);
/* Breaks the connection off when the call is still under way. NULL is fine. */
void http_call_free(struct http_call *c);

#endif

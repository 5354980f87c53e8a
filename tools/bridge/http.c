#include "bridge/http.h"

#include "base/alloc.h"
#include "base/host.h"

#include <curl/curl.h>
#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>

#define CONNECT_MS  10000
#define HEADER_LINE 4096
#define DAY_S       86400u
/* A peer that is gone without a word is noticed after about a minute. */
#define KEEPALIVE_IDLE_S  20L
#define KEEPALIVE_EVERY_S 10L

struct http {
    CURLM *multi;
    struct event_base *base;
    struct event *timer;
    const char *ca_file;
};

struct http_call {
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    const struct http_events *events;
    void *owner;
    bool headed; /* the head of the answer is whole */
    bool stopped;
    char words[CURL_ERROR_SIZE];
};

/* ---- how a call ends ---- */

/* Whether no connection (with TLS, when it is asked for) came about. What failed later may have
 * been seen by the server. */
static bool never_reached(CURL *easy)
{
    curl_off_t sending = 0;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sending);
    return sending == 0;
}

static void end_call(struct http_call *c, CURLcode code)
{
    struct http_end end = {.how = HTTP_ANSWERED};
    long status = 0;
    curl_off_t after_s = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &after_s);
    end.status = (int)status;
    end.retry_after_ms = after_s <= 0      ? 0
                         : after_s > DAY_S ? DAY_S * 1000
                                           : (uint64_t)after_s * 1000;
    if (c->stopped)
        end.how = HTTP_STOPPED;
    else if (code != CURLE_OK)
        end.how = never_reached(c->easy) ? HTTP_UNREACHABLE : HTTP_BROKEN;
    else if (!c->headed)
        end.how = HTTP_BROKEN;
    end.words = c->words[0]        ? c->words
                : code == CURLE_OK ? "the answer is cut off"
                                   : curl_easy_strerror(code);
    c->events->ended(c->owner, &end);
}

static void end_calls(struct http *h)
{
    const CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
        struct http_call *c;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
        curl_multi_remove_handle(h->multi, c->easy); /* m is gone with it */
        end_call(c, code);
    }
}

/* ---- libcurl on libevent ---- */

static void act(struct http *h, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(h->multi, fd, what, &running);
    end_calls(h);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    act(arg, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct http *h = arg;
    if (ms < 0)
        return event_del(h->timer);
    struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    return event_add(h->timer, &t);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watching)
{
    (void)easy;
    struct http *h = arg;
    struct event *e = watching;
    if (e)
        event_free(e);
    e = NULL;
    if (what != CURL_POLL_REMOVE) {
        short kind = (short)((what & CURL_POLL_IN ? EV_READ : 0) |
                             (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);
        e = event_new(h->base, fd, kind, on_ready, h);
        if (!e)
            out_of_memory();
        event_add(e, NULL);
    }
    curl_multi_assign(h->multi, fd, e);
    return 0;
}

struct http *http_new(struct event_base *base, const char *ca_file)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return NULL;
    struct http *h = xcalloc(1, sizeof *h);
    h->base = base;
    h->ca_file = ca_file;
    h->multi = curl_multi_init();
    h->timer = evtimer_new(base, on_timer, h);
    if (!h->multi || !h->timer) {
        http_free(h);
        return NULL;
    }
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    return h;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    if (h->multi)
        curl_multi_cleanup(h->multi); /* still calls back */
    if (h->timer)
        event_free(h->timer);
    free(h);
    curl_global_cleanup();
}

/* ---- calls ---- */

static size_t on_bytes(char *p, size_t one, size_t n, void *arg)
{
    struct http_call *c = arg;
    long status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    c->stopped = c->stopped || !c->events->bytes(c->owner, (int)status, str_slice(p, one * n));
    return c->stopped ? CURL_WRITEFUNC_ERROR : n;
}

/* A connection that is closed inside the head would pass for a whole answer: libcurl takes the
 * lines that it has. Fields behind a chunked body come here too, but no empty line after them. */
static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
    struct http_call *c = arg;
    struct str line = str_slice(p, one * n);
    if (str_starts(line, STR("HTTP/")))
        c->headed = false;
    else if (str_eq(line, STR("\r\n")) || str_eq(line, STR("\n")))
        c->headed = true;
    return line.n;
}

static void add_header(struct http_call *c, const char *name, const char *value)
{
    char line[HEADER_LINE];
    snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *list = curl_slist_append(c->headers, line);
    if (!list)
        out_of_memory();
    c->headers = list;
}

static void set_headers(struct http_call *c, const struct http_request *r)
{
    char bearer[HEADER_LINE - 100];
    add_header(c, "User-Agent", "spacerelay-bridge/" SPACERELAY_VERSION);
    if (r->body.p)
        add_header(c, "Content-Type", "application/json");
    if (r->id)
        add_header(c, "X-Request-Id", r->id);
    if (r->key && r->key[0]) {
        snprintf(bearer, sizeof bearer, "Bearer %s", r->key);
        add_header(c, "Authorization", bearer);
    }
    struct curl_slist *list = curl_slist_append(c->headers, "Expect:"); /* no pause before it */
    if (!list)
        out_of_memory();
    c->headers = list;
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, list);
}

/* As libcurl itself reads the address. */
static bool on_this_machine(const char *url)
{
    CURLU *u = curl_url();
    char *host = NULL;
    bool loopback = u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
                    !curl_url_get(u, CURLUPART_HOST, &host, 0) && host_is_loopback(str_of(host));
    curl_free(host);
    curl_url_cleanup(u);
    return loopback;
}

static void set_options(struct http_call *c, const struct http_request *r)
{
    CURL *e = c->easy;
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_PRIVATE, c);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->words);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
    if (on_this_machine(r->url)) /* a proxy elsewhere would ask itself, and see the key */
        curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    if (c->http->ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, c->http->ca_file);
    if (r->body.p) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.p);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    }
}

struct http_call *http_start(struct http *h, const struct http_request *request)
{
    struct http_call *c = xcalloc(1, sizeof *c);
    c->http = h;
    c->events = request->events;
    c->owner = request->owner;
    c->easy = curl_easy_init();
    if (c->easy) {
        set_options(c, request);
        set_headers(c, request);
        if (curl_multi_add_handle(h->multi, c->easy) == CURLM_OK)
            return c;
    }
    http_call_free(c);
    return NULL;
}

const char *http_content_type(const struct http_call *c)
{
    char *type = NULL;
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    return type ? type : "";
}

void http_call_free(struct http_call *c)
{
    if (!c)
        return;
    if (c->easy) {
        curl_multi_remove_handle(c->http->multi, c->easy); /* fine when it is not there */
        curl_easy_cleanup(c->easy);
    }
    curl_slist_free_all(c->headers);
    free(c);
}

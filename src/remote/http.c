#include "remote/http.h"

#include "base/alloc.h"
#include "base/host.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS  10000L
#define POLL_MS     1000
#define HEADER_LINE 4096
/* A peer that is gone without a word is noticed after about a minute. */
#define KEEPALIVE_IDLE_S  20L
#define KEEPALIVE_EVERY_S 10L

struct http {
    const struct http_place *place;
    const char *ca_file;
    int wake_fd;
    CURLM *multi;
};

/* ---- addresses ---- */

/* NULL when the address has no such part; else curl's own memory. */
static char *part_of(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(u, part, &text, 0) ? NULL : text;
}

static bool has(CURLU *u, CURLUPart part)
{
    char *text = part_of(u, part);
    curl_free(text);
    return text;
}

static const char *what_is_wrong(CURLU *u, const char *text)
{
    if (!strstr(text, "://"))
        return "does not begin with http:// or https://";
    if (!u || curl_url_set(u, CURLUPART_URL, text, 0))
        return "is not the address of a server";
    if (has(u, CURLUPART_USER) || has(u, CURLUPART_PASSWORD))
        return "must not hold a name or a password";
    if (has(u, CURLUPART_QUERY) || has(u, CURLUPART_FRAGMENT))
        return "must end before ? and #";
    return NULL;
}

static void write_place(struct http_place *out, const char *scheme, const char *host,
                        const char *port, const char *path)
{
    struct buf b = BUF_INIT(HEADER_LINE);
    size_t n = strlen(path);
    while (n && path[n - 1] == '/')
        n--;
    buf_printf(&b, "%s://%s%s%s%.*s", scheme, host, port ? ":" : "", port ? port : "", (int)n,
               path);
    out->url = str_dup(buf_str(&b));
    out->secure = strcmp(scheme, "https") == 0;
    out->loopback = host_is_loopback(str_of(host));
    buf_release(&b);
}

/* As libcurl itself will read it, so that what is checked here is where it will go. */
enum err http_place_parse(struct http_place *out, const char *text, struct buf *why)
{
    CURLU *u = curl_url();
    const char *wrong = what_is_wrong(u, text);
    *out = (struct http_place){0};
    if (!wrong) {
        char *scheme = part_of(u, CURLUPART_SCHEME), *host = part_of(u, CURLUPART_HOST);
        char *port = part_of(u, CURLUPART_PORT), *path = part_of(u, CURLUPART_PATH);
        if (scheme && host && path && strncmp(scheme, "http", 4) == 0)
            write_place(out, scheme, host, port, path);
        else
            wrong = "does not begin with http:// or https://";
        curl_free(scheme);
        curl_free(host);
        curl_free(port);
        curl_free(path);
    }
    curl_url_cleanup(u);
    if (wrong)
        buf_printf(why, "%s %s", text, wrong);
    return wrong ? ERR_SYNTAX : OK;
}

void http_place_release(struct http_place *p)
{
    free(p->url);
    p->url = NULL;
}

/* ---- a call ---- */

struct doing {
    const struct http_call *call;
    struct http_answer *out;
    CURL *easy;
    struct curl_slist *headers;
    bool headed; /* the head of the answer is whole */
    bool stopped;
    char words[CURL_ERROR_SIZE];
};

static size_t on_bytes(char *p, size_t one, size_t n, void *arg)
{
    struct doing *d = arg;
    long status = 0;
    curl_easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &status);
    struct str piece = str_slice(p, one * n);
    if (status == 200 && d->call->bytes) {
        d->stopped = !d->call->bytes(d->call->ctx, piece);
        return d->stopped ? CURL_WRITEFUNC_ERROR : n;
    }
    return buf_str_append(&d->out->body, piece) ? CURL_WRITEFUNC_ERROR : n;
}

/* A connection that is closed inside the head would pass for a whole answer: libcurl takes the
 * lines that it has. Fields behind a chunked body come here too, but no empty line after them. */
static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
    struct doing *d = arg;
    struct str line = str_slice(p, one * n);
    if (str_starts(line, STR("HTTP/")))
        d->headed = false;
    else if (str_eq(line, STR("\r\n")) || str_eq(line, STR("\n")))
        d->headed = true;
    return line.n;
}

static void add_header(struct doing *d, const char *line)
{
    struct curl_slist *list = curl_slist_append(d->headers, line);
    if (!list)
        out_of_memory();
    d->headers = list;
}

static void set_headers(struct doing *d)
{
    const struct http_call *c = d->call;
    char line[HEADER_LINE];
    add_header(d, "User-Agent: spacerelay/" SPACERELAY_VERSION);
    add_header(d, "Accept-Language: en"); /* what it says is shown among our own words */
    add_header(d, "Expect:");             /* no pause before the body */
    if (c->post)
        add_header(d, "Content-Type: application/json");
    snprintf(line, sizeof line, "Authorization: Bearer %s", c->key);
    add_header(d, line);
    for (size_t i = 0; i < HTTP_HEADERS_MAX; i++)
        if (c->headers[i])
            add_header(d, c->headers[i]);
    curl_easy_setopt(d->easy, CURLOPT_HTTPHEADER, d->headers);
}

static void set_timeouts(CURL *e, uint32_t silence_s)
{
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)silence_s);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
}

static void set_options(const struct http *h, struct doing *d)
{
    CURL *e = d->easy;
    struct str body = d->call->body;
    struct buf url = BUF_INIT(HEADER_LINE);
    buf_printf(&url, "%s%s", h->place->url, d->call->path);
    curl_easy_setopt(e, CURLOPT_URL, buf_cstr(&url));
    buf_release(&url);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, d);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, d->words);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (h->place->loopback) /* no proxy gets to see a key that stays on this machine */
        curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    if (h->ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file);
    if (d->call->post) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, body.n ? body.p : "");
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    }
}

/* ---- its end ---- */

static bool never_reached(CURL *easy, CURLcode code)
{
    curl_off_t sending = 0;
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
        code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PEER_FAILED_VERIFICATION)
        return true;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sending);
    return code == CURLE_OPERATION_TIMEDOUT && sending == 0;
}

static enum http_how how_it_ended(const struct doing *d, CURLcode code)
{
    if (d->stopped)
        return HTTP_STOPPED;
    if (code == CURLE_OK)
        return d->headed ? HTTP_ANSWERED : HTTP_BROKEN;
    return never_reached(d->easy, code) ? HTTP_UNREACHABLE : HTTP_BROKEN;
}

static void note_end(struct doing *d, CURLcode code)
{
    long status = 0;
    curl_off_t after_s = 0;
    curl_easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(d->easy, CURLINFO_RETRY_AFTER, &after_s);
    d->out->how = how_it_ended(d, code);
    d->out->status = (int)status;
    d->out->retry_after_ms = after_s > 0 ? (uint64_t)after_s * 1000 : 0;
    snprintf(d->out->words, sizeof d->out->words, "%s",
             d->words[0]        ? d->words
             : code == CURLE_OK ? "the answer is cut off"
                                : curl_easy_strerror(code));
}

/* True when it is over. */
static bool step(const struct http *h, struct doing *d)
{
    int running = 0, left;
    if (curl_multi_perform(h->multi, &running))
        running = 0;
    CURLMsg *m = curl_multi_info_read(h->multi, &left);
    if (m)
        note_end(d, m->data.result);
    return m || !running;
}

static void transfer(const struct http *h, struct doing *d)
{
    bool wakes = h->wake_fd >= 0 && d->call->wakes;
    struct curl_waitfd wake = {.fd = h->wake_fd, .events = CURL_WAIT_POLLIN};
    while (!step(h, d)) {
        (void)curl_multi_poll(h->multi, &wake, wakes, POLL_MS, NULL);
        if (wakes && wake.revents) {
            d->out->how = HTTP_WOKEN;
            return;
        }
    }
}

void http_do(struct http *h, const struct http_call *call, struct http_answer *out)
{
    struct doing d = {.call = call, .out = out, .easy = curl_easy_init()};
    *out = (struct http_answer){.how = HTTP_BROKEN, .body = BUF_INIT(call->body_max)};
    if (!d.easy)
        out_of_memory();
    set_options(h, &d);
    set_timeouts(d.easy, call->silence_s);
    set_headers(&d);
    if (curl_multi_add_handle(h->multi, d.easy) == CURLM_OK)
        transfer(h, &d);
    curl_multi_remove_handle(h->multi, d.easy);
    curl_easy_cleanup(d.easy);
    curl_slist_free_all(d.headers);
}

void http_answer_release(struct http_answer *a)
{
    buf_release(&a->body);
}

/* ---- life ---- */

struct http *http_new(const struct http_place *place, const char *ca_file, int wake_fd)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return NULL;
    struct http *h = xcalloc(1, sizeof *h);
    *h = (struct http){place, ca_file, wake_fd, curl_multi_init()};
    if (h->multi)
        return h;
    http_free(h);
    return NULL;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    if (h->multi)
        curl_multi_cleanup(h->multi);
    free(h);
    curl_global_cleanup();
}

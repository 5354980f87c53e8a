/* The bytes of a connection through codec/http, as a transcript: two ways to feed the same bytes
 * are right when their transcripts are equal. For test_http and fuzz_http. */
#ifndef TESTS_CODEC_HTTP_RUN_H
#define TESTS_CODEC_HTTP_RUN_H

#include "codec/http.h"

#include "splits.h"

#include <assert.h>

/* Small ones, so that the cases of the limits are small. */
static const struct http_limits SMALL_LIMITS = {
    .head_bytes = 2048, .line_bytes = 512, .fields = 20, .body_bytes = 65536};

struct http_run {
    struct http_limits limits;
    bool reply;
    enum http_method method; /* that a reply answers */
    /* private */
    struct buf in, out, *transcript;
    struct http_body body;
    bool in_body, over;
};

static inline void run_dump_head(struct http_run *r, const struct http_head *h)
{
    static const char *const framings[] = {"none", "length", "chunked", "until close"};
    struct buf *t = r->transcript;
    if (r->reply)
        buf_printf(t, "%u HTTP/1.%u\n", h->status, h->minor);
    else
        buf_printf(t, "%s %.*s HTTP/1.%u\n", http_method_name(h->method), STR_ARG(h->target),
                   h->minor);
    if (!r->reply)
        buf_printf(t, "path=%.*s\nquery=%.*s\nhost=%.*s\n", STR_ARG(h->path), STR_ARG(h->query),
                   STR_ARG(h->host));
    for (size_t i = 0; i < h->field_count; i++)
        buf_printf(t, "  %.*s=%.*s\n", STR_ARG(h->fields[i].name), STR_ARG(h->fields[i].value));
    buf_printf(t, "%s%sbody %s %llu\n", h->keep_alive ? "keep-alive " : "",
               h->expect_continue ? "expect-continue " : "", framings[h->framing],
               (unsigned long long)h->length);
}

/* False when more bytes are needed, or it is over. */
static inline bool run_head(struct http_run *r)
{
    struct str held = buf_str(&r->in);
    char *exact = exact_copy(held);
    struct str in = str_slice(exact, held.n);
    struct http_head head;
    size_t used = 0;
    unsigned status = 0;
    const char *why = NULL;
    enum err e = r->reply ? http_parse_reply(in, &r->limits, r->method, &head, &used, &why)
                          : http_parse_request(in, &r->limits, &head, &used, &status, &why);
    if (e == OK) {
        assert(used > 0 && used <= in.n && used <= r->limits.head_bytes);
        run_dump_head(r, &head);
        http_body_init(&r->body, &head, r->limits.body_bytes);
        http_head_release(&head);
        buf_consume(&r->in, used);
        r->in_body = true;
    } else if (e != ERR_AGAIN) {
        assert(e == ERR_SYNTAX && why && (r->reply || (status >= 400 && status <= 505)));
        buf_printf(r->transcript, "refused %u %s\n", status, why);
        r->over = true;
    }
    free(exact);
    return e == OK;
}

static inline bool run_body(struct http_run *r)
{
    struct str held = buf_str(&r->in);
    char *exact = exact_copy(held);
    struct str in = str_slice(exact, held.n);
    enum err e = http_body_feed(&r->body, &in, &r->out);
    buf_consume(&r->in, held.n - in.n);
    free(exact);
    assert(r->out.len <= r->limits.body_bytes && r->out.len == r->body.seen);
    if (e == OK) {
        buf_printf(r->transcript, "%zu:", r->out.len);
        buf_str_append(r->transcript, buf_str(&r->out));
        buf_putc(r->transcript, '\n');
        buf_clear(&r->out);
        r->in_body = false;
    } else if (e != ERR_AGAIN) {
        buf_printf(r->transcript, "refused %u\n", e == ERR_TOO_LARGE ? 413U : 400U);
        r->over = true;
    }
    return e == OK;
}

static inline void http_run(struct http_run r, struct str bytes, struct splits splits,
                            struct buf *transcript)
{
    r.transcript = transcript;
    r.in = BUF_INIT(SIZE_MAX);
    r.out = BUF_INIT(SIZE_MAX);
    while (bytes.n > 0 && !r.over) {
        size_t n = splits_next(&splits, bytes.n);
        buf_append(&r.in, bytes.p, n);
        bytes = str_slice(bytes.p + n, bytes.n - n);
        bool more = true;
        while (more && (r.in_body || r.in.len > 0))
            more = r.in_body ? run_body(&r) : run_head(&r);
    }
    if (!r.over)
        buf_printf(transcript, "end%s, %zu bytes held\n", r.in_body ? " in the body" : "",
                   r.in.len + r.out.len);
    buf_release(&r.in);
    buf_release(&r.out);
}

/* The transcript of the whole, having tried so many ways to cut it. */
static inline void http_run_ways(struct http_run run, struct str bytes, unsigned ways,
                                 struct buf *transcript)
{
    http_run(run, bytes, WHOLE, transcript);
    for (unsigned i = 1; i < ways; i++) {
        struct buf cut = BUF_INIT(SIZE_MAX);
        http_run(run, bytes, splits_way(i), &cut);
        assert_same_transcript(transcript, &cut);
        buf_release(&cut);
    }
}

#endif

/* The first byte chooses requests or replies; the rest is what comes over a connection. However it
 * is cut, the same messages come out and the same verdict; and a request written anew from its
 * parsed form, as the edge does for the inner hop, is the same request. */
#include "codec/http.h"

#include "../codec/http_run.h"
#include "fuzz.h"

static bool has_dot_segment(struct str path)
{
    for (bool more = true; more;) {
        struct str segment;
        more = str_split(path, '/', &segment, &path);
        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return true;
    }
    return false;
}

static void assert_safe(const struct http_head *h)
{
    assert(str_starts(h->path, STR("/")) && utf8_valid(h->path.p, h->path.n));
    assert(!str_has_control(h->path) && !has_dot_segment(h->path));
    assert(!str_has_control(h->target) && str_find(h->target, ' ') == h->target.n);
    assert(h->minor == 0 || h->host.n > 0);
    assert(str_find(h->host, '@') == h->host.n && str_find(h->host, ',') == h->host.n);
    assert(h->field_count <= SMALL_LIMITS.fields && h->method != HTTP_OTHER);
    for (size_t i = 0; i < h->field_count; i++) {
        struct str value = h->fields[i].value;
        assert(str_find(value, '\n') == value.n && str_find(value, '\r') == value.n);
        assert(str_find(value, '\0') == value.n);
        assert(http_field(h, h->fields[i].name) && http_field_count(h, h->fields[i].name) > 0);
    }
    struct str cookie;
    if (http_cookie(h, STR("session"), &cookie))
        assert(http_field(h, STR("Cookie")));
}

static void write_request(struct buf *out, const struct http_head *h)
{
    buf_printf(out, "%s %.*s HTTP/1.%u\r\n", http_method_name(h->method), STR_ARG(h->target),
               h->minor);
    for (size_t i = 0; i < h->field_count; i++) {
        bool host = str_eq_nocase(h->fields[i].name, STR("Host"));
        buf_str_append(out, h->fields[i].name);
        buf_putc(out, ':');
        buf_str_append(out, host ? h->host : h->fields[i].value);
        buf_puts(out, "\r\n");
    }
    buf_puts(out, "\r\n");
}

static void assert_same_head(const struct http_head *a, const struct http_head *b)
{
    assert(a->method == b->method && a->minor == b->minor && a->framing == b->framing);
    assert(a->length == b->length && a->keep_alive == b->keep_alive);
    assert(str_eq(a->target, b->target) && str_eq(a->path, b->path));
    assert(str_eq(a->query, b->query) && a->field_count == b->field_count);
    assert(a->minor == 0 || str_eq(a->host, b->host));
}

static void assert_survives_writing(struct str bytes)
{
    struct http_head h, again;
    size_t used, used_again;
    unsigned status;
    const char *why;
    if (http_parse_request(bytes, &SMALL_LIMITS, &h, &used, &status, &why) != OK)
        return;
    assert_safe(&h);
    struct buf out = BUF_INIT(SIZE_MAX);
    struct http_limits wide = {SIZE_MAX, SIZE_MAX, SMALL_LIMITS.fields, SMALL_LIMITS.body_bytes};
    write_request(&out, &h);
    assert(http_parse_request(buf_str(&out), &wide, &again, &used_again, &status, &why) == OK);
    assert(used_again == out.len);
    assert_same_head(&h, &again);
    http_head_release(&again);
    http_head_release(&h);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 16384)
        return 0;
    struct http_run run = {
        .limits = SMALL_LIMITS,
        .reply = (data[0] & 1) != 0,
        .method = (data[0] & 2) != 0 ? HTTP_HEAD : HTTP_GET,
    };
    struct str bytes = str_slice((const char *)data + 1, size - 1);
    struct buf transcript = BUF_INIT(SIZE_MAX);
    http_run_ways(run, bytes, 4, &transcript);
    buf_release(&transcript);
    if (!run.reply)
        assert_survives_writing(bytes);
    return 0;
}

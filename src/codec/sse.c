#include "codec/sse.h"

void sse_init(struct sse *s, size_t max_bytes)
{
    *s = (struct sse){.line = BUF_INIT(max_bytes),
                      .data = BUF_INIT(max_bytes),
                      .id = BUF_INIT(max_bytes),
                      .name = BUF_INIT(max_bytes)};
}

void sse_release(struct sse *s)
{
    buf_release(&s->line);
    buf_release(&s->data);
    buf_release(&s->id);
    buf_release(&s->name);
}

static enum err dispatch(struct sse *s, sse_fn *event, void *ctx)
{
    struct sse_event told = {buf_str(&s->id), buf_str(&s->name), buf_str(&s->data)};
    enum err e = s->has_data ? event(ctx, &told) : OK;
    s->has_data = false;
    buf_clear(&s->data);
    buf_clear(&s->name);
    return e;
}

static enum err replace(struct buf *b, struct str value)
{
    buf_clear(b);
    return buf_str_append(b, value);
}

static enum err take_field(struct sse *s, struct str name, struct str value)
{
    if (value.n && value.p[0] == ' ')
        value = str_slice(value.p + 1, value.n - 1);
    if (str_eq(name, STR("event")))
        return replace(&s->name, value);
    if (str_eq(name, STR("id")))
        return memchr(value.p, '\0', value.n) ? OK : replace(&s->id, value);
    if (!str_eq(name, STR("data")) && !str_eq(name, STR("error")))
        return OK;
    if (s->has_data)
        buf_putc(&s->data, '\n');
    s->has_data = true;
    buf_str_append(&s->data, value);
    return s->data.failed;
}

static enum err take_line(struct sse *s, sse_fn *event, void *ctx)
{
    struct str line = buf_str(&s->line), name, value;
    if (!s->begun && str_starts(line, STR("\xef\xbb\xbf")))
        line = str_slice(line.p + 3, line.n - 3);
    s->begun = true;
    (void)str_split(line, ':', &name, &value);
    enum err e = line.n ? take_field(s, name, value) : dispatch(s, event, ctx);
    buf_clear(&s->line);
    return e;
}

static size_t until_line_end(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != '\n' && s.p[n] != '\r')
        n++;
    return n;
}

enum err sse_feed(struct sse *s, struct str bytes, sse_fn *event, void *ctx)
{
    while (bytes.n > 0) {
        bool rest_of_crlf = s->after_cr && bytes.p[0] == '\n';
        s->after_cr = false;
        if (rest_of_crlf) {
            bytes = str_slice(bytes.p + 1, bytes.n - 1);
            continue;
        }
        size_t n = until_line_end(bytes);
        enum err e = buf_append(&s->line, bytes.p, n);
        if (!e && n < bytes.n) {
            s->after_cr = bytes.p[n++] == '\r';
            e = take_line(s, event, ctx);
        }
        if (e)
            return e;
        bytes = str_slice(bytes.p + n, bytes.n - n);
    }
    return OK;
}

enum err sse_end(struct sse *s, sse_fn *event, void *ctx)
{
    enum err e = s->line.len ? take_line(s, event, ctx) : OK;
    return e ? e : dispatch(s, event, ctx);
}

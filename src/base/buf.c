#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP   64
#define LARGE_BYTES (16 * 1024) /* storage above this is given back when a buffer runs empty */

/* Invariant: data is NULL and cap 0, or off + len < cap: there is always a place for buf_cstr's
 * NUL. cap is at most max + 1, so that what fits into the storage does not pass the maximum. */

void buf_init(struct buf *b, size_t max)
{
    *b = BUF_INIT(max);
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
    b->off = b->len = 0;
    b->failed = OK;
}

/* Once failed, every append fails until buf_clear: what is held is a prefix of what was meant,
 * never a text with a hole in it. */
static enum err fail(struct buf *b, enum err e)
{
    if (!b->failed)
        b->failed = e;
    return b->failed;
}

static void compact(struct buf *b)
{
    if (b->off && b->len)
        memmove(b->data, b->data + b->off, b->len);
    b->off = 0;
}

static enum err grow(struct buf *b, size_t need, size_t limit)
{
    size_t cap = b->cap > limit / 2 ? limit : b->cap * 2;
    if (cap < FIRST_CAP)
        cap = limit < FIRST_CAP ? limit : FIRST_CAP;
    if (cap < need)
        cap = need;
    compact(b);
    char *p = realloc(b->data, cap);
    if (!p)
        return fail(b, ERR_MEMORY);
    b->data = p;
    b->cap = cap;
    return OK;
}

static enum err make_room(struct buf *b, size_t n)
{
    if (b->failed)
        return b->failed;
    assert(b->len <= b->max);
    if (n > b->max - b->len || n >= SIZE_MAX - b->len)
        return fail(b, ERR_TOO_LARGE);
    size_t need = b->len + n + 1;
    if (need <= b->cap - b->off)
        return OK;
    size_t limit = b->max < SIZE_MAX ? b->max + 1 : SIZE_MAX;
    /* Moving no more than was consumed since the last move keeps appends linear. */
    if (need <= b->cap && (b->off >= b->len || b->cap >= limit)) {
        compact(b);
        return OK;
    }
    return grow(b, need, limit);
}

enum err buf_reserve(struct buf *b, size_t n, char **out)
{
    enum err e = make_room(b, n);
    if (!e)
        *out = b->data + b->off + b->len;
    return e;
}

void buf_commit(struct buf *b, size_t n)
{
    assert(n <= b->max - b->len && (n == 0 || n < b->cap - b->off - b->len));
    b->len += n;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    b->off += n;
    b->len -= n;
    if (b->len)
        return;
    b->off = 0;
    if (b->cap > LARGE_BYTES) {
        free(b->data);
        b->data = NULL;
        b->cap = 0;
    }
}

const char *buf_cstr(struct buf *b)
{
    if (!b->data)
        return "";
    b->data[b->off + b->len] = '\0';
    return b->data + b->off;
}

char *buf_take(struct buf *b, size_t *n)
{
    compact(b);
    char *p = realloc(b->data, b->len + 1);
    if (!p)
        p = b->data; /* too long, but it holds the bytes */
    if (!p)
        return NULL;
    p[b->len] = '\0';
    *n = b->len;
    b->data = NULL;
    b->off = b->len = b->cap = 0;
    return p;
}

enum err buf_append_slowly(struct buf *b, const void *p, size_t n)
{
    enum err e = make_room(b, n);
    if (e || n == 0)
        return e;
    memcpy(b->data + b->off + b->len, p, n);
    b->len += n;
    return OK;
}

enum err buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        return fail(b, ERR_INTERNAL);
    enum err e = make_room(b, (size_t)n);
    if (e)
        return e;
    va_start(args, fmt);
    vsnprintf(b->data + b->off + b->len, (size_t)n + 1, fmt, args);
    va_end(args);
    b->len += (size_t)n;
    return OK;
}

/* Which bytes have to be escaped, and what stands for them: writes it to out, returns its length.
 */
struct escape {
    bool special[256];
    size_t (*write)(unsigned char c, char out[8]);
};

/* All of s or nothing. */
static enum err append_escaped(struct buf *b, struct str s, const struct escape *escape)
{
    size_t before = b->len, plain = 0;
    for (size_t i = 0; i < s.n; i++) {
        char out[8];
        unsigned char c = (unsigned char)s.p[i];
        if (!escape->special[c])
            continue;
        buf_append(b, s.p + plain, i - plain);
        if (buf_append(b, out, escape->write(c, out)))
            break;
        plain = i + 1;
    }
    if (!b->failed)
        buf_append(b, s.n ? s.p + plain : NULL, s.n - plain);
    if (b->failed)
        b->len = before;
    return b->failed;
}

static size_t write_json_escape(unsigned char c, char out[8])
{
    static const char short_form[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char letter = c < 0x20 ? short_form[c] : (char)c;
    if (letter) {
        out[0] = '\\';
        out[1] = letter;
        return 2;
    }
    memcpy(out, "\\u00", 4);
    hex_encode(&c, 1, out + 4);
    return 6;
}

static size_t write_entity(unsigned char c, char out[8])
{
    const char *entity = c == '&'   ? "&amp;"
                         : c == '<' ? "&lt;"
                         : c == '>' ? "&gt;"
                         : c == '"' ? "&quot;"
                                    : "&#39;";
    size_t n = strlen(entity);
    memcpy(out, entity, n);
    return n;
}

#define TEN(first)                                                                                 \
    [first] = true, [(first) + 1] = true, [(first) + 2] = true, [(first) + 3] = true,              \
    [(first) + 4] = true, [(first) + 5] = true, [(first) + 6] = true, [(first) + 7] = true,        \
    [(first) + 8] = true, [(first) + 9] = true

static const struct escape json_escape = {
    {TEN(0), TEN(10), TEN(20), [30] = true, [31] = true, ['"'] = true, ['\\'] = true},
    write_json_escape,
};
static const struct escape html_escape = {
    {['&'] = true, ['<'] = true, ['>'] = true, ['"'] = true, ['\''] = true},
    write_entity,
};

enum err buf_json_string(struct buf *b, struct str s)
{
    size_t before = b->len;
    buf_putc(b, '"');
    append_escaped(b, s, &json_escape);
    if (buf_putc(b, '"'))
        b->len = before;
    return b->failed;
}

enum err buf_html(struct buf *b, struct str s)
{
    return append_escaped(b, s, &html_escape);
}

static bool uri_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

enum err buf_uri(struct buf *b, struct str s)
{
    static const char digits[] = "0123456789ABCDEF"; /* upper case: RFC 3986 section 2.1 */
    size_t before = b->len;
    for (size_t i = 0; i < s.n && !b->failed; i++) {
        unsigned char c = (unsigned char)s.p[i];
        const char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
        if (uri_unreserved(c))
            buf_putc(b, (char)c);
        else
            buf_append(b, escaped, sizeof escaped);
    }
    if (b->failed)
        b->len = before;
    return b->failed;
}

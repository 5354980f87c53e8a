#include "codec/http_parts.h"

#define LINE_BYTES    4096        /* of an extension or a trailer line */
#define TRAILER_BYTES (16 * 1024) /* of all trailer lines */

/* What the next byte of a chunked body belongs to (RFC 9112 section 7.1). Nothing is optional: CR
 * LF ends every line, no blank stands before or after the size. */
enum chunk_state {
    CHUNK_SIZE,      /* the first digit */
    CHUNK_SIZE_MORE, /* another digit, ';' or CR */
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START, /* a name, or the CR of the last line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    BROKEN,
};

typedef enum err step_fn(struct http_body *b, unsigned char c);

void http_body_init(struct http_body *b, const struct http_head *h, uint64_t max)
{
    *b = (struct http_body){
        .framing = h->framing,
        .left = h->framing == HTTP_LENGTH ? h->length : 0,
        .max = max,
        .state = CHUNK_SIZE,
    };
    b->done = b->framing == HTTP_NO_BODY || (b->framing == HTTP_LENGTH && b->left == 0);
}

static enum err go(struct http_body *b, enum chunk_state state)
{
    b->state = (int)state;
    return OK;
}

static enum err expect(struct http_body *b, unsigned char c, unsigned char want,
                       enum chunk_state state)
{
    return c == want ? go(b, state) : ERR_SYNTAX;
}

/* 0-15, or 16 */
static unsigned hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    unsigned char lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10U : 16;
}

static enum err step_size(struct http_body *b, unsigned char c)
{
    unsigned digit = hex_value(c);
    if (digit > 15 || b->left > INT64_MAX / 16)
        return ERR_SYNTAX;
    b->left = b->left * 16 + digit;
    return go(b, CHUNK_SIZE_MORE);
}

static enum err step_size_more(struct http_body *b, unsigned char c)
{
    if (c == '\r')
        return go(b, CHUNK_SIZE_LF);
    return c == ';' ? go(b, CHUNK_EXTENSION) : step_size(b, c);
}

static enum err step_extension(struct http_body *b, unsigned char c)
{
    if (c == '\r')
        return go(b, CHUNK_SIZE_LF);
    return http_is_value_char(c) ? OK : ERR_SYNTAX;
}

static enum err step_size_lf(struct http_body *b, unsigned char c)
{
    b->line_bytes = 0;
    if (c == '\n' && b->left > b->max - b->seen)
        return ERR_TOO_LARGE;
    return expect(b, c, '\n', b->left > 0 ? CHUNK_DATA : TRAILER_START);
}

static enum err step_data_cr(struct http_body *b, unsigned char c)
{
    return expect(b, c, '\r', CHUNK_DATA_LF);
}

static enum err step_data_lf(struct http_body *b, unsigned char c)
{
    b->line_bytes = 0;
    return expect(b, c, '\n', CHUNK_SIZE);
}

static enum err step_trailer_start(struct http_body *b, unsigned char c)
{
    if (c == '\r')
        return go(b, LAST_LF);
    return http_is_tchar(c) ? go(b, TRAILER_NAME) : ERR_SYNTAX;
}

static enum err step_trailer_name(struct http_body *b, unsigned char c)
{
    if (c == ':')
        return go(b, TRAILER_VALUE);
    return http_is_tchar(c) ? OK : ERR_SYNTAX;
}

static enum err step_trailer_value(struct http_body *b, unsigned char c)
{
    if (c == '\r')
        return go(b, TRAILER_LF);
    return http_is_value_char(c) ? OK : ERR_SYNTAX;
}

static enum err step_trailer_lf(struct http_body *b, unsigned char c)
{
    b->line_bytes = 0;
    return expect(b, c, '\n', TRAILER_START);
}

static enum err step_last_lf(struct http_body *b, unsigned char c)
{
    b->done = c == '\n';
    return b->done ? OK : ERR_SYNTAX;
}

static enum err step(struct http_body *b, unsigned char c)
{
    static step_fn *const steps[] = {
        [CHUNK_SIZE] = step_size,
        [CHUNK_SIZE_MORE] = step_size_more,
        [CHUNK_EXTENSION] = step_extension,
        [CHUNK_SIZE_LF] = step_size_lf,
        [CHUNK_DATA] = NULL, /* not byte by byte */
        [CHUNK_DATA_CR] = step_data_cr,
        [CHUNK_DATA_LF] = step_data_lf,
        [TRAILER_START] = step_trailer_start,
        [TRAILER_NAME] = step_trailer_name,
        [TRAILER_VALUE] = step_trailer_value,
        [TRAILER_LF] = step_trailer_lf,
        [LAST_LF] = step_last_lf,
    };
    bool trailer = b->state >= TRAILER_START;
    bool ends_line = c == '\r' || c == '\n';
    if (!ends_line && ++b->line_bytes > LINE_BYTES)
        return ERR_SYNTAX;
    if (trailer && ++b->trailer_bytes > TRAILER_BYTES)
        return ERR_SYNTAX;
    return steps[b->state](b, c);
}

static enum err take(struct http_body *b, size_t n, struct str *in, struct buf *out)
{
    enum err e = n ? buf_append(out, in->p, n) : OK;
    if (e || n == 0)
        return e;
    b->seen += n;
    *in = str_slice(in->p + n, in->n - n);
    return OK;
}

/* As many of the bytes `left` as are there. */
static enum err take_left(struct http_body *b, struct str *in, struct buf *out)
{
    size_t n = in->n < b->left ? in->n : (size_t)b->left;
    enum err e = take(b, n, in, out);
    if (!e)
        b->left -= n;
    return e;
}

static enum err feed_length(struct http_body *b, struct str *in, struct buf *out)
{
    if (b->left > b->max - b->seen)
        return ERR_TOO_LARGE;
    enum err e = take_left(b, in, out);
    b->done = !e && b->left == 0;
    return e;
}

static enum err feed_until_close(struct http_body *b, struct str *in, struct buf *out)
{
    return in->n > b->max - b->seen ? ERR_TOO_LARGE : take(b, in->n, in, out);
}

static enum err feed_chunk_data(struct http_body *b, struct str *in, struct buf *out)
{
    enum err e = take_left(b, in, out);
    return !e && b->left == 0 ? go(b, CHUNK_DATA_CR) : e;
}

static enum err feed_chunked(struct http_body *b, struct str *in, struct buf *out)
{
    enum err e = b->state == BROKEN ? ERR_SYNTAX : OK;
    while (!e && !b->done && in->n > 0) {
        if (b->state == CHUNK_DATA) {
            e = feed_chunk_data(b, in, out);
            continue;
        }
        e = step(b, (unsigned char)in->p[0]);
        if (e)
            b->state = BROKEN;
        else
            *in = str_slice(in->p + 1, in->n - 1);
    }
    return e;
}

enum err http_body_feed(struct http_body *b, struct str *in, struct buf *out)
{
    enum err e = OK;
    if (b->done)
        return OK;
    if (b->framing == HTTP_CHUNKED)
        e = feed_chunked(b, in, out);
    else if (b->framing == HTTP_LENGTH)
        e = feed_length(b, in, out);
    else
        e = feed_until_close(b, in, out);
    return e ? e : b->done ? OK : ERR_AGAIN;
}

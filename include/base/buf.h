/* A growable byte buffer with a maximum: whatever a peer can size goes through one of these.
 *
 * Bytes are appended at the end and consumed at the front. A buffer that would pass its maximum, or
 * for which memory is out, fails the append with ERR_TOO_LARGE / ERR_MEMORY, keeps what it held,
 * and remembers the failure in `failed`, so that a run of appends can be checked once at its end:
 * until buf_clear every later append fails too, so there are never holes. What is appended must not
 * lie in the same buffer. Not thread-safe. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

#include <string.h>

struct buf {
    char *data;      /* start of the storage; NULL until the first append */
    size_t off;      /* consumed bytes at the front */
    size_t len;      /* unread bytes, from data + off */
    size_t cap;      /* allocated bytes */
    size_t max;      /* unread bytes never pass this */
    enum err failed; /* first failure since init or clear; OK when none */
};

#define BUF_INIT(max_bytes) ((struct buf){.max = (max_bytes)})

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* empties, keeps the storage, forgets the failure */

static inline struct str buf_str(const struct buf *b) /* borrowed until the next change */
{
    return (struct str){b->data ? b->data + b->off : "", b->len};
}
const char *buf_cstr(struct buf *b); /* as above, NUL-terminated; "" when memory is out */

/* The appends return an error for those who want it at once; it may be ignored and `failed` read
 * later. */
enum err buf_append_slowly(struct buf *b, const void *p, size_t n); /* private */
static inline enum err buf_append(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || n >= b->cap - b->off - b->len || b->failed)
        return buf_append_slowly(b, p, n);
    memcpy(b->data + b->off + b->len, p, n);
    b->len += n;
    return OK;
}

static inline enum err buf_str_append(struct buf *b, struct str s)
{
    return buf_append(b, s.p, s.n);
}

static inline enum err buf_puts(struct buf *b, const char *s)
{
    return buf_append(b, s, strlen(s));
}

static inline enum err buf_putc(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}

enum err buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* s as a JSON string with its quotes. s must be valid UTF-8. */
enum err buf_json_string(struct buf *b, struct str s);
/* s with & < > " ' escaped for HTML text and quoted attributes. */
enum err buf_html(struct buf *b, struct str s);
/* s with everything but unreserved characters percent-encoded (RFC 3986 section 2.3). */
enum err buf_uri(struct buf *b, struct str s);

/* Room for n more bytes at the end; *out is where to write them; then buf_commit(b, written). */
MUST_USE enum err buf_reserve(struct buf *b, size_t n, char **out);
void buf_commit(struct buf *b, size_t n);
/* Drops n bytes at the front (n <= len). Gives large storage back when it becomes empty. */
void buf_consume(struct buf *b, size_t n);
/* The bytes as a heap block of exactly *n bytes plus a NUL; the buffer is left empty. NULL when
 * memory is out. */
char *buf_take(struct buf *b, size_t *n);

#endif

#include "codec/json_text.h"

#include "base/buf.h"
#include "codec/json_scan.h"

#include <string.h>

/* What the letter behind a backslash stands for; 0: no such escape ('u' has more to it). */
static const char short_escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Reads \uXXXX at p; false when it is not there. */
static bool take_unit(const char *p, const char *end, uint32_t *unit)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return false;
    uint32_t value = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *unit = value;
    return true;
}

static size_t put_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

size_t json_unescape_one(const char **p, const char *end, char out[4])
{
    const char *at = *p;
    if (end - at < 2)
        return 0;
    char plain = short_escapes[(unsigned char)at[1]];
    if (plain) {
        out[0] = plain;
        *p = at + 2;
        return 1;
    }
    uint32_t code, low;
    if (!take_unit(at, end, &code))
        return 0;
    at += 6;
    if (code >= 0xd800 && code < 0xe000) { /* RFC 8259 section 7: a pair, high half first */
        if (code >= 0xdc00 || !take_unit(at, end, &low) || low < 0xdc00 || low > 0xdfff)
            return 0;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    *p = at;
    return put_utf8(code, out);
}

enum json_kind json_kind_at(char c)
{
    switch (c) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* A key's bytes one by one, as they read unescaped. */
struct reader {
    const char *p, *end;
    unsigned char pending[4]; /* of an escape that stands for more than one byte */
    size_t have, given;
};

/* -1 at the end. */
static int read_byte(struct reader *r)
{
    if (r->given < r->have)
        return r->pending[r->given++];
    if (r->p == r->end)
        return -1;
    if (*r->p != '\\')
        return (unsigned char)*r->p++;
    r->have = json_unescape_one(&r->p, r->end, (char *)r->pending);
    r->given = 1;
    if (r->have == 0) { /* not a checked key: ends here */
        r->given = 0;
        r->p = r->end;
        return -1;
    }
    return r->pending[0];
}

int json_key_cmp(struct str a, struct str b)
{
    struct reader left = {.p = a.p, .end = a.p + a.n}, right = {.p = b.p, .end = b.p + b.n};
    int x, y;
    do {
        x = read_byte(&left);
        y = read_byte(&right);
    } while (x == y && x >= 0);
    return x - y;
}

/* FNV-1a, folded. Not keyed: nothing depends on it but speed (see json_keys.h). */
uint32_t json_key_hash(struct str key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    const char *p = key.p, *end = p + key.n;
    while (p < end) {
        char bytes[4] = {*p};
        size_t n = 1;
        if (*p != '\\')
            p++;
        else if ((n = json_unescape_one(&p, end, bytes)) == 0)
            break;
        for (size_t i = 0; i < n; i++)
            hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return (uint32_t)(hash >> 32 ^ hash);
}

bool json_key_means(struct str escaped, struct str plain)
{
    if (escaped.n == plain.n)
        return str_eq(escaped, plain) && !memchr(plain.n ? plain.p : "", '\\', plain.n);
    struct reader r = {.p = escaped.p, .end = escaped.p + escaped.n};
    for (size_t i = 0; i < plain.n; i++)
        if (read_byte(&r) != (unsigned char)plain.p[i])
            return false;
    return read_byte(&r) < 0;
}

/* The part of a value between its quotes; false when it has none. */
static bool unquote(struct str value, struct str *inside)
{
    if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"')
        return false;
    *inside = str_slice(value.p + 1, value.n - 2);
    return true;
}

static enum err unescape_all(const char *p, const char *end, struct buf *out)
{
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *stop = slash ? slash : end;
        buf_append(out, p, (size_t)(stop - p));
        p = stop;
        if (!slash)
            break;
        char bytes[4];
        size_t n = json_unescape_one(&p, end, bytes);
        if (n == 0 || bytes[0] == '\0')
            return ERR_BAD_JSON;
        buf_append(out, bytes, n);
    }
    return out->failed;
}

enum err json_unescape(struct str value, struct buf *out)
{
    struct str inside;
    size_t before = out->len;
    if (!unquote(value, &inside))
        return ERR_BAD_JSON;
    enum err e = unescape_all(inside.p, inside.p + inside.n, out);
    if (e)
        out->len = before;
    return e;
}

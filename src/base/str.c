#include "base/str.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

int str_cmp(struct str a, struct str b)
{
    size_t common = a.n < b.n ? a.n : b.n;
    int order = common ? memcmp(a.p, b.p, common) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.n && blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t str_find(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

bool str_split(struct str s, char sep, struct str *head, struct str *rest)
{
    size_t at = str_find(s, sep);
    *head = str_slice(s.p, at);
    if (at == s.n) {
        *rest = str_of("");
        return false;
    }
    *rest = str_slice(s.p + at + 1, s.n - at - 1);
    return true;
}

enum err str_to_u64(struct str s, uint64_t max, uint64_t *out)
{
    if (s.n == 0 || (s.n > 1 && s.p[0] == '0'))
        return ERR_SYNTAX;
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return ERR_SYNTAX;
        unsigned digit = (unsigned)(s.p[i] - '0');
        if (digit > max || value > (max - digit) / 10)
            return ERR_SYNTAX;
        value = value * 10 + digit;
    }
    *out = value;
    return OK;
}

enum err str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    if (negative)
        s = str_slice(s.p + 1, s.n - 1);
    uint64_t magnitude;
    enum err e = str_to_u64(s, (uint64_t)INT64_MAX + negative, &magnitude);
    if (e)
        return e;
    /* -1 - (m - 1): -m would overflow for INT64_MIN */
    int64_t value = negative && magnitude ? -1 - (int64_t)(magnitude - 1) : (int64_t)magnitude;
    if (value < min || value > max)
        return ERR_SYNTAX;
    *out = value;
    return OK;
}

enum err str_to_duration_ms(struct str s, int64_t *out)
{
    static const struct {
        struct str suffix;
        uint64_t ms;
    } units[] = {
        {{"ms", 2}, 1},      {{"s", 1}, 1000},     {{"m", 1}, 60000},
        {{"h", 1}, 3600000}, {{"d", 1}, 86400000}, {{"", 0}, 1000},
    };
    size_t unit = 0;
    while (!str_ends(s, units[unit].suffix))
        unit++; /* the empty suffix fits always */
    uint64_t count;
    struct str digits = str_slice(s.p, s.n - units[unit].suffix.n);
    enum err e = str_to_u64(digits, (uint64_t)INT64_MAX / units[unit].ms, &count);
    if (e)
        return e;
    *out = (int64_t)(count * units[unit].ms);
    return OK;
}

/* What may come next, by the bytes before (RFC 3629 section 4). */
enum {
    UTF8_START,
    UTF8_TAIL_1, /* one more continuation byte, any */
    UTF8_TAIL_2,
    UTF8_TAIL_3,
    UTF8_AFTER_E0, /* less would be overlong */
    UTF8_AFTER_ED, /* more would be a surrogate */
    UTF8_AFTER_F0, /* less would be overlong */
    UTF8_AFTER_F4, /* more would pass U+10FFFF */
    UTF8_INVALID,
};

static const struct {
    uint8_t low, high, next;
} utf8_tail[] = {
    [UTF8_TAIL_1] = {0x80, 0xbf, UTF8_START},    [UTF8_TAIL_2] = {0x80, 0xbf, UTF8_TAIL_1},
    [UTF8_TAIL_3] = {0x80, 0xbf, UTF8_TAIL_2},   [UTF8_AFTER_E0] = {0xa0, 0xbf, UTF8_TAIL_1},
    [UTF8_AFTER_ED] = {0x80, 0x9f, UTF8_TAIL_1}, [UTF8_AFTER_F0] = {0x90, 0xbf, UTF8_TAIL_2},
    [UTF8_AFTER_F4] = {0x80, 0x8f, UTF8_TAIL_2}, [UTF8_INVALID] = {1, 0, UTF8_INVALID},
};

/* c is not ASCII. */
static uint32_t utf8_lead(uint8_t c)
{
    if (c < 0xc2)
        return UTF8_INVALID; /* a continuation byte, or an overlong form of ASCII */
    if (c < 0xe0)
        return UTF8_TAIL_1;
    if (c < 0xf0)
        return c == 0xe0 ? UTF8_AFTER_E0 : c == 0xed ? UTF8_AFTER_ED : UTF8_TAIL_2;
    if (c < 0xf5)
        return c == 0xf0 ? UTF8_AFTER_F0 : c == 0xf4 ? UTF8_AFTER_F4 : UTF8_TAIL_3;
    return UTF8_INVALID;
}

static size_t ascii_run(const uint8_t *p, size_t n)
{
    size_t i = 0;
    for (uint64_t word; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

bool utf8_feed(uint32_t *state, const void *p, size_t n)
{
    const uint8_t *bytes = p;
    uint32_t now = *state;
    for (size_t i = 0; i < n && now != UTF8_INVALID; i++) {
        uint8_t c = bytes[i];
        if (now != UTF8_START) {
            bool fits = c >= utf8_tail[now].low && c <= utf8_tail[now].high;
            now = fits ? utf8_tail[now].next : UTF8_INVALID;
        } else if (c >= 0x80) {
            now = utf8_lead(c);
        } else {
            i += ascii_run(bytes + i + 1, n - i - 1);
        }
    }
    *state = now;
    return now != UTF8_INVALID;
}

bool utf8_valid(const void *p, size_t n)
{
    uint32_t state = UTF8_START;
    return utf8_feed(&state, p, n) && state == UTF8_START;
}

struct str str_start(struct str s, size_t max)
{
    uint32_t state = UTF8_START;
    size_t whole = 0, n = s.n < max ? s.n : max;
    const char *nul = n ? memchr(s.p, '\0', n) : NULL;
    n = nul ? (size_t)(nul - s.p) : n;
    if (utf8_valid(s.p, n)) /* as nearly always: many bytes at a time */
        return str_slice(s.p, n);
    for (size_t i = 0; i < n; i++) {
        if (!utf8_feed(&state, s.p + i, 1))
            break;
        if (state == UTF8_START)
            whole = i + 1;
    }
    return str_slice(s.p, whole);
}

bool str_has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        /* U+0080..U+009F are c2 80 .. c2 9f */
        if (c == 0xc2 && i + 1 < s.n && (uint8_t)s.p[i + 1] >= 0x80 && (uint8_t)s.p[i + 1] < 0xa0)
            return true;
    }
    return false;
}

void hex_encode(const void *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = p;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

/* 0-15, or -1 */
/* One more than a digit's value; 0 for what is none. */
static const uint8_t hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static unsigned hex_value(char c)
{
    return hex_values[(unsigned char)c];
}

enum err hex_decode(struct str s, void *out, size_t n)
{
    if (s.n % 2 != 0 || s.n / 2 != n)
        return ERR_SYNTAX;
    for (size_t i = 0; i < s.n; i++)
        if (!hex_value(s.p[i]))
            return ERR_SYNTAX;
    uint8_t *bytes = out;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)((hex_value(s.p[2 * i]) - 1) << 4 | (hex_value(s.p[2 * i + 1]) - 1));
    return OK;
}

bool str_copy(char *array, size_t array_bytes, struct str s)
{
    if (array_bytes == 0)
        return false;
    bool fits = s.n < array_bytes;
    size_t n = fits ? s.n : 0;
    if (n)
        memcpy(array, s.p, n);
    array[n] = '\0';
    return fits;
}

char *str_dup(struct str s)
{
    char *copy = xcalloc(s.n + 1, 1);
    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

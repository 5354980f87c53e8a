#include "codec/json_scan.h"

#include "codec/json_keys.h"
#include "codec/json_text.h"

#include <endian.h>
#include <string.h>

/* What may come next. */
enum next {
    NEXT_VALUE,
    NEXT_ITEM_OR_END, /* behind '[' */
    NEXT_KEY,
    NEXT_KEY_OR_END, /* behind '{' */
    NEXT_COMMA_OR_END,
    NEXT_NOTHING
};

/* The place in the text is handed from function to function: each takes it and returns the next,
 * NULL on failure. */
struct walk {
    const char *start, *end;
    enum next next;
    bool object; /* the innermost container is an object */
    bool member; /* it is the outermost, and its members are wanted */
    enum err failed;
    size_t max_depth;
    bool want_members;
    struct words open;     /* one word for each open container: entry number of its first key, and
                              whether an object */
    struct json_keys keys; /* of all open objects */
    struct json_scan *out;
};

static const char *fail(struct walk *w, const char *p, const char *why)
{
    w->out->error_at = (size_t)(p - w->start);
    w->out->why = why;
    w->failed = ERR_BAD_JSON;
    return NULL;
}

/* ERR_EXISTS or ERR_MEMORY from json_keys. */
static const char *fail_key(struct walk *w, const char *p, enum err e)
{
    fail(w, p, e == ERR_EXISTS ? "a key occurs twice in an object" : "out of memory");
    if (e != ERR_EXISTS)
        w->failed = e;
    return NULL;
}

/* After a container was opened or closed. */
static inline void note_container(struct walk *w)
{
    w->object = w->open.n > 0 && (w->open.p[w->open.n - 1] & 1);
    w->member = w->object && w->open.n == 1 && w->want_members;
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (uint64_t)(c))

/* Bytes that end a run of plain ones in a string: '"', '\\', control characters and what is not
 * ASCII. Bits are set in the first such byte, and maybe in later ones; 0 when there is none. */
static inline uint64_t special_bytes(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"'), slash = word ^ EACH_BYTE('\\');
    uint64_t found = ((quote - EACH_BYTE(1)) & ~quote) | ((slash - EACH_BYTE(1)) & ~slash) |
                     ((word - EACH_BYTE(0x20)) & ~word) | word;
    return found & EACH_BYTE(0x80);
}

static inline bool is_special(char c)
{
    return (unsigned char)c < 0x20 || (unsigned char)c >= 0x80 || c == '"' || c == '\\';
}

static inline const char *skip_plain(const char *p, const char *end)
{
    for (uint64_t word; end - p >= 8; p += 8) {
        memcpy(&word, p, sizeof word);
        uint64_t found = special_bytes(le64toh(word));
        if (found)
            return p + __builtin_ctzll(found) / 8;
    }
    while (p < end && !is_special(*p))
        p++;
    return p;
}

static inline bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Length of the character at p, whose first byte is not ASCII; 0 when it is not UTF-8 (RFC 3629
 * section 4). */
static inline size_t utf8_length(const char *p, const char *end)
{
    size_t left = (size_t)(end - p);
    unsigned char first = (unsigned char)p[0], second = left > 1 ? (unsigned char)p[1] : 0;
    if (left < 2 || first < 0xc2 || first > 0xf4 || !is_tail(p[1]))
        return 0;
    if (first < 0xe0)
        return 2;
    if (left < 3 || !is_tail(p[2]))
        return 0;
    if (first < 0xf0) /* no overlong form, no surrogate */
        return (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ? 0 : 3;
    if (left < 4 || !is_tail(p[3]))
        return 0;
    return (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f) ? 0 : 4;
}

/* p is at the opening quote; gives the place behind the closing one. */
static const char *scan_string(struct walk *w, const char *p)
{
    const char *end = w->end;
    for (p++;;) {
        char ignored[4];
        p = skip_plain(p, end);
        if (p == end)
            return fail(w, p, "a string does not end");
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            if (json_unescape_one(&p, end, ignored) == 0)
                return fail(w, p, "a wrong escape in a string");
            continue;
        }
        if ((unsigned char)*p < 0x20)
            return fail(w, p, "a control character in a string");
        do { /* seldom alone */
            size_t n = utf8_length(p, end);
            if (n == 0)
                return fail(w, p, "not UTF-8");
            p += n;
        } while (p < end && (unsigned char)*p >= 0x80);
    }
}

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static inline const char *scan_number(struct walk *w, const char *p)
{
    static const char why[] = "a wrong number";
    const char *end = w->end;
    p += *p == '-';
    const char *first = p;
    p = skip_digits(p, end);
    if (p == first)
        return fail(w, p, why);
    if (*first == '0' && p - first > 1)
        return fail(w, first, why);
    if (p < end && *p == '.') {
        first = ++p;
        p = skip_digits(p, end);
        if (p == first)
            return fail(w, p, why);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        first = p;
        p = skip_digits(p, end);
        if (p == first)
            return fail(w, p, why);
    }
    return p;
}

static const char *scan_word(struct walk *w, const char *p, struct str word)
{
    if (!str_starts(str_slice(p, (size_t)(w->end - p)), word))
        return fail(w, p, "a value was expected");
    return p + word.n;
}

static inline const char *take_comma(struct walk *w, const char *p)
{
    w->next = w->object ? NEXT_KEY : NEXT_VALUE;
    return p + 1;
}

/* p is behind a whole value. */
static inline const char *value_done(struct walk *w, const char *p)
{
    if (w->member) {
        struct json_member *m = &w->out->members[w->out->count++];
        m->value.n = (size_t)(p - m->value.p);
    }
    if (w->open.n > 0 && p < w->end && *p == ',') /* spares a step where most values are */
        return take_comma(w, p);
    w->next = w->open.n ? NEXT_COMMA_OR_END : NEXT_NOTHING;
    return p;
}

static inline const char *open_container(struct walk *w, const char *p, bool object)
{
    if (w->open.n >= w->max_depth)
        return fail(w, p, "nested too deeply");
    enum err e = words_push(&w->open, (uint64_t)w->keys.entries.n << 1 | object);
    if (e)
        return fail_key(w, p, e);
    note_container(w);
    w->next = object ? NEXT_KEY_OR_END : NEXT_ITEM_OR_END;
    return p + 1;
}

static inline const char *close_container(struct walk *w, const char *p)
{
    uint64_t top = w->open.p[--w->open.n];
    size_t at = 0;
    enum err e = top & 1 ? json_keys_close(&w->keys, (size_t)(top >> 1), &at) : OK;
    note_container(w);
    return e ? fail_key(w, w->start + at, e) : value_done(w, p + 1);
}

static inline const char *scan_scalar(struct walk *w, const char *p)
{
    switch (*p) {
    case '"':
        return scan_string(w, p);
    case 't':
        return scan_word(w, p, STR("true"));
    case 'f':
        return scan_word(w, p, STR("false"));
    case 'n':
        return scan_word(w, p, STR("null"));
    default:
        if (*p == '-' || (*p >= '0' && *p <= '9'))
            return scan_number(w, p);
        return fail(w, p, "a value was expected");
    }
}

static inline const char *scan_value(struct walk *w, const char *p)
{
    if (w->open.n == 0)
        w->out->kind = json_kind_at(*p);
    else if (w->member) {
        struct json_member *m = &w->out->members[w->out->count];
        m->value.p = p;
        m->kind = json_kind_at(*p);
    }
    if (*p == '{' || *p == '[')
        return open_container(w, p, *p == '{');
    p = scan_scalar(w, p);
    return p ? value_done(w, p) : NULL;
}

static inline const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* False on failure. */
static inline bool take_key(struct walk *w, struct str key)
{
    enum err e = json_keys_add(&w->keys, (size_t)(w->open.p[w->open.n - 1] >> 1), key);
    if (e)
        fail_key(w, key.p, e);
    else if (w->member && w->out->count == JSON_MEMBERS_MAX)
        fail(w, key.p, "the object has too many members");
    else if (w->member)
        w->out->members[w->out->count].key = key;
    return !w->failed;
}

static inline const char *scan_key(struct walk *w, const char *p)
{
    if (*p != '"')
        return fail(w, p, "a key was expected");
    const char *end = scan_string(w, p);
    if (!end || !take_key(w, str_slice(p + 1, (size_t)(end - p) - 2)))
        return NULL;
    p = skip_blanks(end, w->end);
    if (p == w->end || *p != ':')
        return fail(w, p, "':' was expected");
    w->next = NEXT_VALUE;
    return p + 1;
}

static inline const char *scan_comma_or_end(struct walk *w, const char *p)
{
    if (*p == ',')
        return take_comma(w, p);
    if (*p == (w->object ? '}' : ']'))
        return close_container(w, p);
    return fail(w, p, w->object ? "',' or '}' was expected" : "',' or ']' was expected");
}

static inline const char *step(struct walk *w, const char *p)
{
    p = skip_blanks(p, w->end);
    if (p == w->end)
        return fail(w, p, "the text ends too early");
    switch (w->next) {
    case NEXT_ITEM_OR_END:
        return *p == ']' ? close_container(w, p) : scan_value(w, p);
    case NEXT_KEY_OR_END:
        return *p == '}' ? close_container(w, p) : scan_key(w, p);
    case NEXT_KEY:
        return scan_key(w, p);
    case NEXT_COMMA_OR_END:
        return scan_comma_or_end(w, p);
    case NEXT_VALUE:
    case NEXT_NOTHING:
        break;
    }
    return scan_value(w, p);
}

static enum err scan_text(struct walk *w)
{
    const char *p = w->start;
    while (p && w->next != NEXT_NOTHING)
        p = step(w, p);
    if (p && skip_blanks(p, w->end) != w->end)
        fail(w, skip_blanks(p, w->end), "something follows the value");
    return w->failed;
}

enum err json_scan(struct str text, size_t max_depth, bool want_members, struct json_scan *out)
{
    const char *start = text.n ? text.p : "";
    struct walk w = {.start = start,
                     .end = start + text.n,
                     .max_depth = max_depth,
                     .want_members = want_members,
                     .out = out};
    out->count = 0;
    out->kind = JSON_NULL;
    out->error_at = 0;
    out->why = NULL;
    if (text.n > UINT32_MAX) { /* json_keys' places are 32 bits */
        fail(&w, start, "the text is too long");
        return w.failed;
    }
    words_init(&w.open);
    json_keys_init(&w.keys, str_slice(start, text.n));
    enum err e = scan_text(&w);
    json_keys_release(&w.keys);
    words_release(&w.open);
    return e;
}

const struct json_member *json_scan_member(const struct json_scan *s, struct str key)
{
    for (size_t i = 0; i < s->count; i++)
        if (json_key_is(s->members[i].key, key))
            return &s->members[i];
    return NULL;
}

#include "codec/json_keys.h"

#include "codec/json_text.h"

#include <stdlib.h>
#include <string.h>

/* An object of at most this many keys is checked key by key, by comparing hashes. */
#define SMALL_KEYS 32

void words_init(struct words *w)
{
    w->p = w->inside;
    w->n = 0;
    w->cap = WORDS_INLINE;
}

void words_release(struct words *w)
{
    if (w->p != w->inside)
        free(w->p);
    words_init(w);
}

enum err words_grow(struct words *w)
{
    if (w->cap > SIZE_MAX / sizeof *w->p / 2)
        return ERR_MEMORY;
    size_t cap = w->cap * 2;
    uint64_t *old = w->p == w->inside ? NULL : w->p;
    uint64_t *p = realloc(old, cap * sizeof *p);
    if (!p)
        return ERR_MEMORY;
    if (!old)
        memcpy(p, w->inside, w->n * sizeof *p);
    w->p = p;
    w->cap = cap;
    return OK;
}

void json_keys_init(struct json_keys *k, struct str text)
{
    k->text = text;
    words_init(&k->entries);
}

void json_keys_release(struct json_keys *k)
{
    words_release(&k->entries);
}

static uint32_t hash_of(uint64_t entry)
{
    return (uint32_t)(entry >> 32);
}

/* The key at an entry's place, up to its closing quote. */
static struct str key_of(struct str text, uint64_t entry)
{
    const char *start = text.p + (uint32_t)entry, *p = start;
    while (*p != '"')
        p += *p == '\\' ? 2 : 1;
    return str_slice(start, (size_t)(p - start));
}

enum err json_keys_add(struct json_keys *k, size_t base, struct str key)
{
    uint64_t hash = json_key_hash(key);
    const uint64_t *p = k->entries.p;
    size_t n = k->entries.n;
    for (size_t i = base; n - base < SMALL_KEYS && i < n; i++)
        if (hash_of(p[i]) == hash && json_key_cmp(key_of(k->text, p[i]), key) == 0)
            return ERR_EXISTS;
    return words_push(&k->entries, hash << 32 | (uint64_t)(key.p - k->text.p));
}

/* Orders n entries by the last `digits` digits of their hashes: stable, least significant digit
 * first. The result is in p again, as `digits` is even. */
static void sort_by_hash(uint64_t *p, uint64_t *spare, size_t n, int digits)
{
    for (int shift = 32; shift < 32 + 8 * digits; shift += 8) {
        uint32_t next[256] = {0}, place = 0;
        for (size_t i = 0; i < n; i++)
            next[p[i] >> shift & 0xff]++;
        for (int value = 0; value < 256; value++) {
            uint32_t count = next[value];
            next[value] = place;
            place += count;
        }
        for (size_t i = 0; i < n; i++)
            spare[next[p[i] >> shift & 0xff]++] = p[i];
        uint64_t *from = p;
        p = spare;
        spare = from;
    }
}

static int by_key(const void *a, const void *b, void *text)
{
    const struct str *t = text;
    const uint64_t *x = a, *y = b;
    int order = json_key_cmp(key_of(*t, *x), key_of(*t, *y));
    return order ? order : (*x > *y) - (*x < *y); /* then by place */
}

/* n entries of like hashes. The place of the first repeated key after sorting; false when all
 * differ.
 */
static bool repeated(struct str text, uint64_t *p, size_t n, size_t *at)
{
    qsort_r(p, n, sizeof *p, by_key, &text);
    for (size_t i = 1; i < n; i++) {
        if (json_key_cmp(key_of(text, p[i - 1]), key_of(text, p[i])) == 0) {
            *at = (uint32_t)p[i];
            return true;
        }
    }
    return false;
}

/* A few thousand keys seldom agree in 16 bits of their hashes; more are sorted by all 32. */
static enum err check_large(struct json_keys *k, size_t base, size_t *at)
{
    size_t n = k->entries.n - base;
    int digits = n < 4096 ? 2 : 4;
    uint32_t mask = digits == 2 ? 0xffff : 0xffffffff;
    while (k->entries.cap - k->entries.n < n) {
        enum err e = words_grow(&k->entries);
        if (e)
            return e;
    }
    uint64_t *p = k->entries.p + base;
    sort_by_hash(p, p + n, n, digits);
    for (size_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && ((hash_of(p[i + run]) ^ hash_of(p[i])) & mask) == 0; run++)
            ;
        if (run > 1 && repeated(k->text, p + i, run, at))
            return ERR_EXISTS;
    }
    return OK;
}

enum err json_keys_close(struct json_keys *k, size_t base, size_t *at)
{
    enum err e = k->entries.n - base > SMALL_KEYS ? check_large(k, base, at) : OK;
    k->entries.n = base;
    return e;
}

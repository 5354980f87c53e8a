/* Which object of a JSON text holds a key twice? Private to codec's JSON files.
 *
 * The keys of all open objects lie on one stack, 8 bytes each: hash and place in the text. A key of
 * a small object is compared with those before it as it arrives; a larger object is sorted by hash
 * when it closes (radix sort, linear) and keys of equal hash by their bytes. So no choice of keys,
 * also not one that makes hashes collide, costs more than O(n log n) comparisons, and memory is at
 * most 32 bytes a key. Not thread-safe. */
#ifndef CODEC_JSON_KEYS_H
#define CODEC_JSON_KEYS_H

#include "base/err.h"
#include "base/str.h"

#define WORDS_INLINE 64

/* A stack of words; the first WORDS_INLINE need no heap. */
struct words {
    uint64_t *p;
    size_t n, cap;
    uint64_t inside[WORDS_INLINE];
};
void words_init(struct words *w); /* must stay where it is until words_release */
void words_release(struct words *w);
/* ERR_MEMORY */
MUST_USE enum err words_grow(struct words *w);
MUST_USE static inline enum err words_push(struct words *w, uint64_t word)
{
    if (w->n == w->cap) {
        enum err e = words_grow(w);
        if (e)
            return e;
    }
    w->p[w->n++] = word;
    return OK;
}

struct json_keys {
    struct str text; /* less than 4 GiB */
    struct words entries;
};
void json_keys_init(struct json_keys *k, struct str text);
void json_keys_release(struct json_keys *k);
/* Adds a key, checked, as it lies in the text between its quotes, to the innermost object, whose
 * first key is entry number base. ERR_EXISTS when a small object has it already; ERR_MEMORY. */
MUST_USE enum err json_keys_add(struct json_keys *k, size_t base, struct str key);
/* The object whose first key is entry number base is complete; its keys are dropped. ERR_EXISTS
 * with the place of a repeated key in *at; ERR_MEMORY. */
MUST_USE enum err json_keys_close(struct json_keys *k, size_t base, size_t *at);

#endif

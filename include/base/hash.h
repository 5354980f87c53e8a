/* uthash, with the house's answer when memory is out (its own, exit(-1), would run the program's
 * exit handlers while other threads work) and a hash function that takes eight bytes at a time
 * where uthash's takes one.
 *
 * The function is not keyed: whoever chooses keys could choose ones that collide, as with uthash's
 * own; keys that come from strangers are bounded in number where they are kept. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/alloc.h"

#include <stdint.h>
#include <string.h>

/* A multiplication and a fold mix each word into the rest; the length tells "a" from "a\0". */
static inline unsigned hash_of_bytes(const void *key, size_t n)
{
    const char *p = key;
    uint64_t word, hash = n * UINT64_C(0x9e3779b97f4a7c15);
    for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
        memcpy(&word, p, sizeof word);
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, p, n);
    hash = (hash ^ word) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (unsigned)(hash ^ hash >> 32);
}

#define uthash_fatal(message)       out_of_memory()
#define HASH_FUNCTION(key, n, hash) ((hash) = hash_of_bytes((key), (n)))
#include <uthash.h>

#endif

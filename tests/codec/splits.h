/* Ways to cut an input into pieces: a decoder must not care how its bytes arrive. */
#ifndef TESTS_CODEC_SPLITS_H
#define TESTS_CODEC_SPLITS_H

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct splits {
    size_t piece;    /* every piece has this size; 0: random sizes from 1 to 16 */
    uint64_t random; /* the generator's state, not 0 */
};

#define WHOLE        ((struct splits){.piece = SIZE_MAX})
#define BYTEWISE     ((struct splits){.piece = 1})
#define RANDOM(seed) ((struct splits){.random = 0x9e3779b97f4a7c15U ^ (uint64_t)(seed)})

static inline uint64_t xorshift(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline size_t splits_next(struct splits *s, size_t left)
{
    size_t n = s->piece ? s->piece : 1 + xorshift(&s->random) % 16;
    return n < left ? n : left;
}

/* A block of exactly s.n bytes, so that a sanitizer sees a read past the end. Free with free(). */
static inline char *exact_copy(struct str s)
{
    char *copy = malloc(s.n ? s.n : 1);
    if (!copy)
        abort();
    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

/* The i-th of any number of ways. */
static inline struct splits splits_way(unsigned i)
{
    return i == 0 ? WHOLE : i == 1 ? BYTEWISE : RANDOM(i);
}

/* Aborts when the transcripts of two ways differ. */
static inline void assert_same_transcript(const struct buf *whole, const struct buf *cut)
{
    if (str_eq(buf_str(whole), buf_str(cut)))
        return;
    fprintf(stderr, "whole:\n%.*s\nin pieces:\n%.*s\n", STR_ARG(buf_str(whole)),
            STR_ARG(buf_str(cut)));
    abort();
}

#endif

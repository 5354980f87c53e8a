/* The masking of RFC 6455 section 5.3, shared by the decoder and the encoder of codec/ws; for
 * nobody else. */
#ifndef CODEC_WS_MASK_H
#define CODEC_WS_MASK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* to[i] = from[i] xor the mask, where from[0] is byte `at` of the payload. Eight bytes at a time:
 * every byte that a client sends passes here. */
static inline void ws_mask(char *restrict to, const char *restrict from, size_t n,
                           const unsigned char mask[4], uint64_t at)
{
    unsigned char key[8];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = mask[(at + i) & 3];
    uint64_t key_word, word;
    memcpy(&key_word, key, sizeof key_word);
    size_t i = 0;
    for (; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, from + i, sizeof word);
        word ^= key_word;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < n; i++)
        to[i] = (char)((unsigned char)from[i] ^ key[i & 7]);
}

#endif

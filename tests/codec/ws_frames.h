/* Frames written by hand, right or wrong, and what must come of them. For test_ws and
 * test_ws_encode, after cmocka.h. */
#ifndef TESTS_CODEC_WS_FRAMES_H
#define TESTS_CODEC_WS_FRAMES_H

#include "ws_run.h"

static const struct ws_limits LIMITS = {.message_bytes = 200000, .message_fragments = 5};
static const unsigned char MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

#define FIN 0x80

/* The header as it is asked for, right or wrong: length_bytes is 0, 2 or 8. */
static inline void put_header(struct buf *b, unsigned first, uint64_t n, size_t length_bytes,
                              bool masked)
{
    unsigned length = length_bytes == 0 ? (unsigned)n : length_bytes == 2 ? 126 : 127;
    buf_putc(b, (char)first);
    buf_putc(b, (char)(length | (masked ? 0x80 : 0)));
    for (size_t i = length_bytes; i > 0; i--)
        buf_putc(b, (char)(n >> 8 * (i - 1) & 0xff));
    if (masked)
        buf_append(b, MASK, sizeof MASK);
}

static inline void put_frame(struct buf *b, unsigned first, struct str data, bool masked)
{
    put_header(b, first, data.n, data.n <= 125 ? 0 : data.n <= 0xffff ? 2 : 8, masked);
    for (size_t i = 0; i < data.n; i++)
        buf_putc(b, (char)(data.p[i] ^ (masked ? (char)MASK[i % 4] : 0)));
}

/* As a client sends it. */
static inline void put(struct buf *b, unsigned first, struct str data)
{
    put_frame(b, first, data, true);
}

/* Feeds the stream, cut in many ways; the transcript must be `want`. Releases the stream. */
static inline void expect_role(enum ws_role role, struct buf *stream, const char *want)
{
    struct buf got = BUF_INIT(SIZE_MAX);
    ws_run_ways(role, LIMITS, buf_str(stream), 12, &got);
    assert_string_equal(buf_cstr(&got), want);
    buf_release(&got);
    buf_release(stream);
}

static inline void expect(struct buf *stream, const char *want)
{
    expect_role(WS_SERVER, stream, want);
}

static inline struct buf new_stream(void)
{
    return BUF_INIT(SIZE_MAX);
}

static inline struct str filled(char *array, size_t n, char c)
{
    memset(array, c, n);
    return str_slice(array, n);
}

#endif

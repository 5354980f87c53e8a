/* A WebSocket stream through the decoder, as a transcript: two ways to feed the same bytes are
 * right when their transcripts are equal. For test_ws and fuzz_ws. */
#ifndef TESTS_CODEC_WS_RUN_H
#define TESTS_CODEC_WS_RUN_H

#include "codec/ws.h"

#include "splits.h"

#include <assert.h>

static inline void ws_run_piece(struct ws_decoder *d, struct str in, struct buf *transcript)
{
    for (;;) {
        struct ws_message m;
        enum err e = ws_next(d, &in, &m);
        if (e == ERR_AGAIN)
            assert(in.n == 0);
        if (e)
            return;
        assert(m.data.n <= d->limits.message_bytes || m.opcode >= WS_CLOSE);
        assert((m.opcode != WS_TEXT && m.opcode != WS_CLOSE) || utf8_valid(m.data.p, m.data.n));
        buf_printf(transcript, "%d %u %zu:", (int)m.opcode, (unsigned)m.close_code, m.data.n);
        buf_str_append(transcript, m.data);
        buf_putc(transcript, '\n');
    }
}

/* One line a message, then how it ended: "fail CODE WHY", "closed", "under way" or "idle". */
static inline void ws_run(enum ws_role role, struct ws_limits limits, struct str stream,
                          struct splits splits, struct buf *transcript)
{
    struct ws_decoder d;
    ws_init(&d, role, limits);
    while (stream.n > 0) {
        size_t n = splits_next(&splits, stream.n);
        char *piece = exact_copy(str_slice(stream.p, n));
        ws_run_piece(&d, str_slice(piece, n), transcript);
        free(piece);
        stream = str_slice(stream.p + n, stream.n - n);
    }
    if (d.fail_code)
        buf_printf(transcript, "fail %u %s\n", (unsigned)d.fail_code, d.fail_why);
    else
        buf_puts(transcript, d.closed ? "closed\n" : ws_under_way(&d) ? "under way\n" : "idle\n");
    ws_release(&d);
}

/* The transcript of the whole stream, having tried so many ways to cut it. */
static inline void ws_run_ways(enum ws_role role, struct ws_limits limits, struct str stream,
                               unsigned ways, struct buf *transcript)
{
    ws_run(role, limits, stream, WHOLE, transcript);
    for (unsigned i = 1; i < ways; i++) {
        struct buf cut = BUF_INIT(SIZE_MAX);
        ws_run(role, limits, stream, splits_way(i), &cut);
        assert_same_transcript(transcript, &cut);
        buf_release(&cut);
    }
}

#endif

/* The first byte chooses role and limits; the rest is a stream from a peer. However it is cut, the
 * decoder gives the same messages and the same verdict; and every message that came out, encoded
 * again, comes out again. */
#include "codec/ws.h"

#include "../codec/ws_run.h"
#include "fuzz.h"

static void encode_again(struct buf *out, const struct ws_message *m, const unsigned char *mask)
{
    enum err e = m->opcode == WS_CLOSE ? ws_encode_close(out, m->close_code, m->data, mask)
                                       : ws_encode(out, m->opcode, m->data, mask);
    assert(e == OK);
}

/* A message in one frame is never refused when its fragments were not. */
static void assert_survives_encoding(enum ws_role role, struct ws_limits limits, struct str stream)
{
    static const unsigned char mask[4] = {0x80, 0x00, 0xff, 0x5a};
    struct ws_decoder first, second;
    struct ws_message m, again;
    ws_init(&first, role, limits);
    ws_init(&second, role, limits);
    while (ws_next(&first, &stream, &m) == OK) {
        struct buf frame = BUF_INIT(SIZE_MAX);
        encode_again(&frame, &m, role == WS_SERVER ? mask : NULL);
        struct str in = buf_str(&frame);
        assert(ws_next(&second, &in, &again) == OK && in.n == 0 && !ws_under_way(&second));
        assert(again.opcode == m.opcode && again.close_code == m.close_code);
        assert(str_eq(again.data, m.data));
        if (role == WS_CLIENT && m.opcode != WS_CLOSE) {
            struct bytes *shared = ws_frame(m.opcode, m.data);
            assert(str_eq(bytes_str(shared), buf_str(&frame)));
            bytes_unref(shared);
        }
        buf_release(&frame);
    }
    assert(stream.n == 0 || first.fail_code == 1002 || first.fail_code == 1007 ||
           first.fail_code == 1009);
    assert(first.message.len <= limits.message_bytes);
    ws_release(&first);
    ws_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ws_limits limits[] = {
        {1 << 20, 100000}, {100, 3}, {SIZE_MAX, SIZE_MAX}, {0, 1}};
    if (size == 0)
        return 0;
    enum ws_role role = data[0] & 1 ? WS_CLIENT : WS_SERVER;
    struct ws_limits chosen = limits[data[0] >> 1 & 3];
    struct str stream = str_slice((const char *)data + 1, size - 1);
    struct buf transcript = BUF_INIT(SIZE_MAX);
    ws_run_ways(role, chosen, stream, 4, &transcript);
    buf_release(&transcript);
    assert_survives_encoding(role, chosen, stream);
    char accept[WS_ACCEPT_BYTES];
    enum err e = ws_accept(stream, accept);
    assert(e == ERR_SYNTAX || (e == OK && strlen(accept) == WS_ACCEPT_BYTES - 1));
    return 0;
}

#include "codec/ws.h"

#include "base/secret.h"
#include "codec/ws_mask.h"

#include <assert.h>
#include <string.h>

#define HEADER_BYTES  14 /* the longest header */
#define CONTROL_BYTES 125
#define REASON_BYTES  (CONTROL_BYTES - 2)
#define KEY_BYTES     16

/* FIN, opcode, shortest length, mask. Returns the header's length. */
static size_t write_header(char header[HEADER_BYTES], enum ws_opcode opcode, size_t n,
                           const unsigned char mask[4])
{
    assert(opcode != WS_CONTINUATION && (opcode < WS_CLOSE || n <= CONTROL_BYTES));
    size_t length_bytes = n <= CONTROL_BYTES ? 0 : n <= UINT16_MAX ? 2 : 8;
    unsigned length = length_bytes == 0 ? (unsigned)n : length_bytes == 2 ? 126 : 127;
    header[0] = (char)(0x80 | opcode);
    header[1] = (char)(length | (mask ? 0x80 : 0));
    for (size_t i = 0; i < length_bytes; i++)
        header[2 + i] = (char)((uint64_t)n >> 8 * (length_bytes - 1 - i) & 0xff);
    if (mask)
        memcpy(header + 2 + length_bytes, mask, 4);
    return 2 + length_bytes + (mask ? 4 : 0);
}

enum err ws_encode(struct buf *out, enum ws_opcode opcode, struct str data,
                   const unsigned char mask[4])
{
    char header[HEADER_BYTES], *to;
    size_t header_bytes = write_header(header, opcode, data.n, mask);
    enum err e = buf_reserve(out, header_bytes + data.n, &to); /* all of the frame or nothing */
    if (e)
        return e;
    memcpy(to, header, header_bytes);
    if (mask)
        ws_mask(to + header_bytes, data.p, data.n, mask, 0);
    else if (data.n)
        memcpy(to + header_bytes, data.p, data.n);
    buf_commit(out, header_bytes + data.n);
    return OK;
}

struct bytes *ws_frame(enum ws_opcode opcode, struct str data)
{
    char header[HEADER_BYTES];
    size_t header_bytes = write_header(header, opcode, data.n, NULL);
    struct bytes *frame = bytes_new_uninit(header_bytes + data.n);
    if (!frame)
        return NULL;
    memcpy(frame->p, header, header_bytes);
    if (data.n)
        memcpy(frame->p + header_bytes, data.p, data.n);
    return frame;
}

static size_t cut_at_code_point(struct str s, size_t max)
{
    if (s.n <= max)
        return s.n;
    size_t n = max;
    while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

enum err ws_encode_close(struct buf *out, uint16_t code, struct str reason,
                         const unsigned char mask[4])
{
    /* 1005 is what the decoder says of a close frame without a code: it can be echoed as it came.
     */
    if (code == 0 || code == 1005)
        return ws_encode(out, WS_CLOSE, str_of(""), mask);
    assert(ws_close_code_valid(code));
    char payload[CONTROL_BYTES] = {(char)(code >> 8), (char)(code & 0xff)};
    size_t n = cut_at_code_point(reason, REASON_BYTES);
    if (n)
        memcpy(payload + 2, reason.p, n);
    return ws_encode(out, WS_CLOSE, str_slice(payload, 2 + n), mask);
}

bool ws_close_code_valid(uint16_t code)
{
    if (code >= 3000)
        return code <= 4999;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

enum err ws_accept(struct str key, char out[WS_ACCEPT_BYTES])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */
    struct buf bytes = BUF_INIT(64);
    enum err e = base64_decode(key, &bytes);
    if (!e && bytes.len != KEY_BYTES)
        e = ERR_SYNTAX;
    if (e)
        goto out;
    buf_clear(&bytes);
    buf_str_append(&bytes, key);
    buf_puts(&bytes, guid);
    e = bytes.failed;
    if (e)
        goto out;
    uint8_t digest[20];
    sha1(buf_str(&bytes).p, bytes.len, digest);
    buf_clear(&bytes);
    e = base64_append(&bytes, digest, sizeof digest);
    if (!e && !str_copy(out, WS_ACCEPT_BYTES, buf_str(&bytes)))
        e = ERR_INTERNAL;
out:
    buf_release(&bytes);
    return e == ERR_TOO_LARGE ? ERR_SYNTAX : e;
}

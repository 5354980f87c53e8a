/* RFC 6455 without I/O: bytes in, messages out, for both roles. Pure: no socket, no clock. Not
 * thread-safe.
 *
 * Everything that can be judged from a frame's header is judged there (reserved bits, opcode, mask,
 * minimal length, control frames, size of message, number of fragments), before a byte of payload
 * is stored. Text is checked as UTF-8 while it arrives, across fragments. */
#ifndef CODEC_WS_H
#define CODEC_WS_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum ws_role { WS_SERVER, WS_CLIENT }; /* a server wants masked frames, a client unmasked ones */

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

struct ws_limits {
    size_t message_bytes;     /* larger: 1009 */
    size_t message_fragments; /* more: 1009 */
};

struct ws_message {
    enum ws_opcode opcode; /* text, binary, close, ping, pong */
    struct str
        data; /* whole payload, borrowed until the next ws_next or ws_release; close: the reason */
    uint16_t close_code; /* close: 1005 when the frame had none */
};

struct ws_decoder {
    enum ws_role role;
    struct ws_limits limits;
    struct buf message;   /* payload of the message under way */
    struct buf control;   /* payload of a control frame */
    uint16_t fail_code;   /* after ERR_SYNTAX: the close code to answer with: 1002, 1007 or 1009 */
    const char *fail_why; /* its reason, a short sentence; static */
    /* private: the frame under way */
    unsigned char header[14];
    size_t header_len, header_want;
    enum ws_opcode frame_opcode, message_opcode;
    bool fin, in_payload, in_message, closed, delivered;
    unsigned char mask[4];
    uint64_t frame_len, frame_seen, fragments;
    uint32_t utf8;
};

void ws_init(struct ws_decoder *d, enum ws_role role, struct ws_limits limits);
void ws_release(struct ws_decoder *d);
/* Another limit for the messages to come, at most the one of ws_init. Not inside a message. */
void ws_limit_message(struct ws_decoder *d, size_t bytes);

/* Takes bytes from *in (advancing it) until a message is complete (OK, *out filled), the bytes are
 * used up (ERR_AGAIN), or the peer broke the protocol (ERR_SYNTAX, fail_code set; the decoder takes
 * nothing more), or memory is out (ERR_MEMORY). Control frames between fragments come out as they
 * arrive. After a close frame every further byte is swallowed (ERR_AGAIN). */
MUST_USE enum err ws_next(struct ws_decoder *d, struct str *in, struct ws_message *out);
/* True between the first byte of a message (or frame) and its last: for the limits on idle time and
 * pace. */
bool ws_under_way(const struct ws_decoder *d);

/* One whole frame, FIN set. mask is NULL for a server; 4 random bytes for a client. Fails as
 * buf_append does. */
enum err ws_encode(struct buf *out, enum ws_opcode opcode, struct str data,
                   const unsigned char mask[4]);
/* A server's frame as shared bytes, for one or many outputs. NULL when memory is out. */
struct bytes *ws_frame(enum ws_opcode opcode, struct str data);
/* A close frame: code 0 sends none; the reason is cut to 123 bytes at a code point. */
enum err ws_encode_close(struct buf *out, uint16_t code, struct str reason,
                         const unsigned char mask[4]);
/* True for codes that may stand in a close frame (RFC 6455 section 7.4 and IANA's registry,
 * 3000-4999). */
bool ws_close_code_valid(uint16_t code);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (28 characters and a NUL). ERR_SYNTAX when the key
 * is not the base64 of 16 bytes. */
#define WS_ACCEPT_BYTES 29
MUST_USE enum err ws_accept(struct str key, char out[WS_ACCEPT_BYTES]);

#endif

#include "codec/ws.h"

#include "codec/ws_mask.h"

#include <assert.h>
#include <string.h>

#define CONTROL_BYTES 125 /* most payload of a control frame (RFC 6455 section 5.5) */

/* The invariants of a decoder between two calls:
 * - header_len bytes of the next frame's header are in `header`, and each was judged as soon as it
 * was there;
 * - in_payload: the header is whole, and frame_seen of frame_len payload bytes have been taken;
 * - in_message: a data frame without FIN came, the one with FIN is not finished;
 * - delivered: the last call handed out a message, whose buffer is emptied by the next one. */

void ws_init(struct ws_decoder *d, enum ws_role role, struct ws_limits limits)
{
    *d = (struct ws_decoder){
        .role = role,
        .limits = limits,
        .message = BUF_INIT(limits.message_bytes),
        .control = BUF_INIT(CONTROL_BYTES),
        .header_want = 2,
    };
}

void ws_release(struct ws_decoder *d)
{
    buf_release(&d->message);
    buf_release(&d->control);
}

void ws_limit_message(struct ws_decoder *d, size_t bytes)
{
    assert(!d->in_message && bytes <= d->message.max);
    d->limits.message_bytes = bytes;
}

bool ws_under_way(const struct ws_decoder *d)
{
    return !d->closed && !d->fail_code && (d->in_message || d->in_payload || d->header_len > 0);
}

static enum err fail(struct ws_decoder *d, uint16_t code, const char *why)
{
    d->fail_code = code;
    d->fail_why = why;
    return ERR_SYNTAX;
}

static bool is_control(enum ws_opcode opcode)
{
    return (opcode & 8) != 0;
}

static bool opcode_known(unsigned opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

/* FIN, reserved bits, opcode; whether such a frame may come now. */
static enum err judge_first(struct ws_decoder *d)
{
    unsigned byte = d->header[0];
    d->fin = (byte & 0x80) != 0;
    if (byte & 0x70)
        return fail(d, 1002, "a reserved bit is set");
    if (!opcode_known(byte & 15))
        return fail(d, 1002, "the opcode is not known");
    d->frame_opcode = (enum ws_opcode)(byte & 15);
    if (is_control(d->frame_opcode))
        return d->fin ? OK : fail(d, 1002, "a control frame is fragmented");
    if (d->frame_opcode == WS_CONTINUATION && !d->in_message)
        return fail(d, 1002, "a continuation without a message");
    if (d->frame_opcode != WS_CONTINUATION && d->in_message)
        return fail(d, 1002, "a new message inside a fragmented one");
    if (d->fragments >= d->limits.message_fragments)
        return fail(d, 1009, "the message has too many fragments");
    return OK;
}

static size_t length_bytes(const struct ws_decoder *d)
{
    unsigned length = d->header[1] & 0x7f;
    return length == 126 ? 2 : length == 127 ? 8 : 0;
}

static enum err judge_length(struct ws_decoder *d)
{
    bool data = !is_control(d->frame_opcode);
    if (data && d->frame_len > d->limits.message_bytes - d->message.len)
        return fail(d, 1009, "the message is too large");
    return OK;
}

/* Mask bit and short length. */
static enum err judge_second(struct ws_decoder *d)
{
    bool masked = (d->header[1] & 0x80) != 0;
    unsigned length = d->header[1] & 0x7f;
    if (masked != (d->role == WS_SERVER))
        return fail(d, 1002,
                    masked ? "a server's frame is masked" : "a client's frame is not masked");
    if (is_control(d->frame_opcode) && length > CONTROL_BYTES)
        return fail(d, 1002, "a control frame is longer than 125 bytes");
    if (d->frame_opcode == WS_CLOSE && length == 1)
        return fail(d, 1002, "a close frame holds half a code");
    d->header_want = 2 + length_bytes(d) + (masked ? sizeof d->mask : 0);
    d->frame_len = length;
    return length_bytes(d) ? OK : judge_length(d);
}

/* The extended length, once it is whole. */
static enum err judge_extended(struct ws_decoder *d)
{
    size_t bytes = length_bytes(d);
    uint64_t length = 0;
    for (size_t i = 0; i < bytes; i++)
        length = length << 8 | d->header[2 + i];
    if (length >> 63)
        return fail(d, 1002, "the top bit of the length is set");
    if (length <= (bytes == 2 ? CONTROL_BYTES : UINT16_MAX))
        return fail(d, 1002, "the length is not in its shortest form");
    d->frame_len = length;
    return judge_length(d);
}

static enum err judge(struct ws_decoder *d)
{
    if (d->header_len == 1)
        return judge_first(d);
    if (d->header_len == 2)
        return judge_second(d);
    return d->header_len == 2 + length_bytes(d) ? judge_extended(d) : OK;
}

static enum err take_header(struct ws_decoder *d, struct str *in)
{
    while (d->header_len < d->header_want) {
        if (in->n == 0)
            return ERR_AGAIN;
        d->header[d->header_len++] = (unsigned char)*in->p;
        *in = str_slice(in->p + 1, in->n - 1);
        enum err e = judge(d);
        if (e)
            return e;
    }
    if (d->role == WS_SERVER)
        memcpy(d->mask, d->header + d->header_want - sizeof d->mask, sizeof d->mask);
    d->in_payload = true;
    d->frame_seen = 0;
    if (is_control(d->frame_opcode))
        return OK;
    if (d->frame_opcode != WS_CONTINUATION) {
        d->message_opcode = d->frame_opcode;
        d->utf8 = 0;
    }
    d->in_message = true;
    d->fragments++;
    return OK;
}

/* What has arrived of the frame's payload. Room is made for these bytes only, never for what a
 * header claims. */
static enum err take_payload(struct ws_decoder *d, struct str *in)
{
    uint64_t left = d->frame_len - d->frame_seen;
    size_t n = in->n < left ? in->n : (size_t)left;
    if (n == 0)
        return OK;
    bool data = !is_control(d->frame_opcode);
    struct buf *b = data ? &d->message : &d->control;
    char *to;
    enum err e = buf_reserve(b, n, &to);
    if (e)
        return e;
    if (d->role == WS_SERVER)
        ws_mask(to, in->p, n, d->mask, d->frame_seen);
    else
        memcpy(to, in->p, n);
    buf_commit(b, n);
    d->frame_seen += n;
    *in = str_slice(in->p + n, in->n - n);
    if (data && d->message_opcode == WS_TEXT && !utf8_feed(&d->utf8, to, n))
        return fail(d, 1007, "the text is not UTF-8");
    return OK;
}

static enum err finish_close(struct ws_decoder *d, struct ws_message *out)
{
    struct str payload = buf_str(&d->control);
    if (payload.n == 0) {
        *out = (struct ws_message){.opcode = WS_CLOSE, .data = payload, .close_code = 1005};
        d->closed = true;
        return OK;
    }
    uint16_t code = (uint16_t)((unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1]);
    struct str reason = str_slice(payload.p + 2, payload.n - 2);
    if (!ws_close_code_valid(code))
        return fail(d, 1002, "the close code may not be sent");
    if (!utf8_valid(reason.p, reason.n))
        return fail(d, 1007, "the close reason is not UTF-8");
    *out = (struct ws_message){.opcode = WS_CLOSE, .data = reason, .close_code = code};
    d->closed = true;
    return OK;
}

static enum err finish_message(struct ws_decoder *d, struct ws_message *out)
{
    if (d->message_opcode == WS_TEXT && d->utf8 != 0)
        return fail(d, 1007, "the text ends inside a character");
    *out = (struct ws_message){.opcode = d->message_opcode, .data = buf_str(&d->message)};
    d->in_message = false;
    d->fragments = 0;
    return OK;
}

/* The frame is whole. ERR_AGAIN when it brought no message. */
static enum err finish_frame(struct ws_decoder *d, struct ws_message *out)
{
    d->in_payload = false;
    d->header_len = 0;
    d->header_want = 2;
    if (d->frame_opcode == WS_CLOSE)
        return finish_close(d, out);
    if (is_control(d->frame_opcode)) {
        *out = (struct ws_message){.opcode = d->frame_opcode, .data = buf_str(&d->control)};
        return OK;
    }
    return d->fin ? finish_message(d, out) : ERR_AGAIN;
}

/* A large message's storage goes back at once (buf_consume): most sockets are idle most of the
 * time. */
static void forget_delivered(struct ws_decoder *d)
{
    struct buf *b = is_control(d->frame_opcode) ? &d->control : &d->message;
    buf_consume(b, b->len);
    d->delivered = false;
}

static void swallow(struct str *in)
{
    if (in->n) /* p may be NULL otherwise */
        *in = str_slice(in->p + in->n, 0);
}

enum err ws_next(struct ws_decoder *d, struct str *in, struct ws_message *out)
{
    if (d->delivered)
        forget_delivered(d);
    if (d->fail_code)
        return ERR_SYNTAX;
    if (d->closed) {
        swallow(in);
        return ERR_AGAIN;
    }
    for (;;) {
        enum err e = d->in_payload ? OK : take_header(d, in);
        if (!e)
            e = take_payload(d, in);
        if (e)
            return e;
        if (d->frame_seen < d->frame_len)
            return ERR_AGAIN;
        e = finish_frame(d, out);
        d->delivered = !e;
        if (e != ERR_AGAIN)
            return e;
    }
}

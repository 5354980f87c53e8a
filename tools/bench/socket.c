#include "bench/socket.h"

#include "base/list.h"
#include "codec/ws.h"

#include <stdio.h>
#include <string.h>

#define IN_BYTES (64u * 1024 * 1024)

static struct socket *socket_of(struct wire *w)
{
    return CONTAINER_OF(w, struct socket, wire);
}

/* ---- out ---- */

static void put_frame(struct socket *s, unsigned opcode, struct str data)
{
    unsigned char head[14] = {(unsigned char)(0x80 | opcode)};
    size_t n = 2, length_bytes = data.n < 126 ? 0 : data.n <= UINT16_MAX ? 2 : 8;
    head[1] = (unsigned char)(0x80 | (length_bytes == 0 ? data.n : length_bytes == 2 ? 126 : 127));
    for (size_t i = length_bytes; i > 0; i--)
        head[n++] = (unsigned char)(data.n >> (8 * (i - 1)));
    n += 4; /* the mask */
    buf_append(&s->wire.out, head, n);
    buf_str_append(&s->wire.out, data);
    wire_send_soon(&s->wire);
}

void socket_text(struct socket *s, struct str text)
{
    if (s->wire.fd >= 0)
        put_frame(s, WS_TEXT, text);
}

/* ---- in ---- */

static void lose(struct socket *s, const char *why)
{
    socket_close(s);
    s->ops->gone(s->owner, why);
}

static void on_frame(struct socket *s, unsigned opcode, struct str data)
{
    if (opcode == WS_TEXT)
        s->ops->text(s->owner, data);
    else if (opcode == WS_PING)
        put_frame(s, WS_PONG, data);
    else if (opcode == WS_CLOSE)
        lose(s, "the server sent a close frame");
}

/* Takes one frame off the front; false when it is not whole. */
static bool take_frame(struct str *in, unsigned *opcode, struct str *data)
{
    const unsigned char *p = (const unsigned char *)in->p;
    if (in->n < 2)
        return false;
    size_t head = p[1] < 126 ? 2 : p[1] == 126 ? 4 : 10;
    if (in->n < head)
        return false;
    uint64_t length = head == 2 ? p[1] : 0;
    for (size_t i = 2; i < head; i++)
        length = length << 8 | p[i];
    if (in->n - head < length)
        return false;
    *opcode = p[0] & 0x0f;
    *data = str_slice(in->p + head, (size_t)length);
    *in = str_slice(in->p + head + length, in->n - head - (size_t)length);
    return true;
}

/* Takes the reply to the upgrade off the front; false when it is not whole or s is lost. */
static bool take_reply(struct socket *s, struct str *in)
{
    const char *end = memmem(in->p, in->n, "\r\n\r\n", 4);
    if (!end)
        return false;
    if (!str_starts(*in, STR("HTTP/1.1 101 "))) {
        char why[80];
        snprintf(why, sizeof why, "refused: %.*s", (int)str_find(*in, '\r'), in->p);
        lose(s, why);
        return false;
    }
    *in = str_slice(end + 4, in->n - (size_t)(end + 4 - in->p));
    s->open = true;
    s->ops->open(s->owner);
    return true;
}

/* Returns what is left of in: a part of a frame. */
static struct str take_all(struct socket *s, struct str in)
{
    unsigned opcode;
    struct str data;
    if (!s->open && !take_reply(s, &in))
        return in;
    while (s->open && take_frame(&in, &opcode, &data))
        on_frame(s, opcode, data);
    return in;
}

static void on_bytes(struct wire *w, struct str bytes)
{
    struct socket *s = socket_of(w);
    if (s->in.len == 0) {
        struct str rest = take_all(s, bytes);
        if (w->fd >= 0 && rest.n)
            buf_str_append(&s->in, rest);
        return;
    }
    buf_str_append(&s->in, bytes);
    size_t before = s->in.len;
    struct str rest = take_all(s, buf_str(&s->in));
    if (w->fd >= 0)
        buf_consume(&s->in, before - rest.n);
}

static void on_open(struct wire *w)
{
    wire_send_soon(w); /* the upgrade waits in out */
}

static void on_gone(struct wire *w, const char *why)
{
    struct socket *s = socket_of(w);
    lose(s, why);
}

static const struct wire_ops wire_ops = {.open = on_open, .bytes = on_bytes, .gone = on_gone};

/* ---- life ---- */

static void put_upgrade(struct socket *s, const struct socket_to *to)
{
    struct buf *b = &s->wire.out;
    buf_printf(b,
               "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
               "Origin: http://%s\r\n",
               to->path, to->target->authority, to->target->authority);
    if (to->subprotocol)
        buf_printf(b, "Sec-WebSocket-Protocol: %s\r\n", to->subprotocol);
    if (to->cookie)
        buf_printf(b, "Cookie: %s\r\n", to->cookie);
    buf_puts(b, "\r\n");
}

enum err socket_connect(struct socket *s, struct loop *l, const struct socket_to *to,
                        const struct socket_ops *ops, void *owner)
{
    *s = (struct socket){.ops = ops, .owner = owner, .in = BUF_INIT(IN_BYTES)};
    enum err e = wire_connect(&s->wire, l, &wire_ops, &to->target->address, to->source);
    if (e)
        s->wire.fd = -1;
    else
        put_upgrade(s, to);
    return e;
}

void socket_close(struct socket *s)
{
    s->open = false;
    wire_close(&s->wire);
    buf_release(&s->in);
}

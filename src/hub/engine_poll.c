#include "hub/engine_session.h"

#include <stdlib.h>
#include <string.h>

#define POLL_PACKETS 16 /* in one answer: Debian's python-engineio refuses more */
#define TEXT_TYPE    "text/plain; charset=UTF-8"

/* ---- answers ---- */

static struct exchange *take_poll(struct engine_session *s)
{
    struct exchange *x = s->poll;
    s->poll = NULL;
    if (x)
        exchange_set(x, NULL);
    return x;
}

void engine_poll_release(struct engine_session *s, enum eio_type type)
{
    struct exchange *x = take_poll(s);
    char packet[] = {(char)('0' + type)};
    if (x)
        engine_reply(s->engine, x, 200, TEXT_TYPE, str_slice(packet, 1));
}

struct engine_packet *engine_poll_next(struct engine_session *s)
{
    struct list *first = list_first(&s->queue);
    if (!first)
        return NULL;
    struct engine_packet *p = CONTAINER_OF(first, struct engine_packet, node);
    list_remove(first);
    s->queue_bytes -= sizeof *p + p->n;
    return p;
}

/* As many packets as one answer may have; the first in any case. */
static void fill_payload(struct engine_session *s, struct buf *out)
{
    uint64_t most = s->engine->config.limits->sio_message_bytes;
    for (size_t i = 0; i < POLL_PACKETS && (!out->len || out->len < most); i++) {
        struct engine_packet *p = engine_poll_next(s);
        if (!p)
            return;
        struct eio_packet packet = {p->type, p->binary, str_slice(p->p, p->n)};
        eio_payload_add(out, &packet);
        free(p);
    }
}

void engine_poll_flush(struct engine_session *s)
{
    struct buf *out = &s->engine->scratch;
    bool last = list_empty(&s->queue);
    if (!s->poll || (last && !s->finishing))
        return;
    if (last) {
        engine_poll_release(s, EIO_CLOSE);
        engine_session_end(s, false, "finished");
        return;
    }
    buf_clear(out);
    fill_payload(s, out);
    if (out->failed)
        engine_session_end(s, false, "out of memory");
    else
        engine_reply(s->engine, take_poll(s), 200, TEXT_TYPE, buf_str(out));
    buf_consume(out, out->len);
}

void engine_poll_put(struct engine_session *s, enum eio_type type, bool binary, struct str data)
{
    size_t bytes = sizeof(struct engine_packet) + data.n;
    if (bytes + s->queue_bytes > engine_unsent_bytes(s)) {
        engine_session_end(s, false, "too slow");
        return;
    }
    struct engine_packet *p = malloc(bytes);
    if (!p) {
        engine_session_end(s, false, "out of memory");
        return;
    }
    *p = (struct engine_packet){.type = type, .binary = binary, .n = data.n};
    if (data.n)
        memcpy(p->p, data.p, data.n);
    list_push_back(&s->queue, &p->node);
    s->queue_bytes += bytes;
}

/* ---- requests ---- */

void engine_poll_open(struct engine *e, struct exchange *x)
{
    struct engine_session *s = engine_session_new(e, x);
    if (!engine_count_polling(s)) {
        engine_session_end(s, false, "too many polling sessions");
        engine_reply(e, x, 429, "application/json",
                     STR("{\"code\":4,\"message\":\"Too many sessions\"}"));
        return;
    }
    engine_reply(e, x, 200, TEXT_TYPE, engine_open_packet(s, &e->scratch));
    engine_session_open(s);
}

void engine_poll_overlap(struct engine_session *s, struct exchange *x)
{
    engine_poll_release(s, EIO_CLOSE);
    engine_refuse(s->engine, x, EIO_BAD_REQUEST);
    engine_session_end(s, false, "two requests at once");
}

void engine_poll_take(struct engine_session *s, struct exchange *x)
{
    if (s->poll) {
        engine_poll_overlap(s, x);
        return;
    }
    s->poll = x;
    exchange_set(x, s);
    engine_poll_flush(s);
}

/* True when every packet is well-formed: nothing is done before that is known. */
static bool payload_ok(struct str payload, struct buf *scratch)
{
    struct eio_packet p;
    enum err e;
    do
        e = eio_payload_next(&payload, scratch, &p);
    while (!e);
    return e == ERR_AGAIN;
}

void engine_poll_post(struct engine_session *s)
{
    struct engine *e = s->engine;
    struct exchange *x = s->post;
    struct str payload = exchange_body(x);
    struct buf binary = BUF_INIT(payload.n);
    struct eio_packet p;
    s->post = NULL;
    exchange_set(x, NULL);
    if (payload_ok(payload, &binary)) {
        while (!s->ended && !eio_payload_next(&payload, &binary, &p))
            engine_take(s, &p);
        engine_reply(e, x, 200, TEXT_TYPE, STR("ok"));
    } else {
        engine_refuse(e, x, EIO_BAD_REQUEST);
        engine_session_end(s, false, "a bad payload");
    }
    buf_release(&binary);
}

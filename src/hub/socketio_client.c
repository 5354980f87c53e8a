#include "hub/socketio_client.h"

#include "base/alloc.h"
#include "base/secret.h"
#include "codec/json_scan.h"

#include <stdlib.h>

#define NAMESPACES_MAX   8 /* of one client */
#define BINARY_TIMES     4 /* all attachments of a packet are so many times a message at most */
#define SID_RANDOM_BYTES 15

/* ---- namespaces ---- */

static struct sio_socket *socket_in(const struct sio_client *c, struct str nsp)
{
    LIST_EACH (&c->sockets, it) {
        struct sio_socket *s = CONTAINER_OF(it, struct sio_socket, node);
        if (!s->over && str_eq(str_of(s->nsp), nsp))
            return s;
    }
    return NULL;
}

static void socket_free(struct sio_socket *s)
{
    list_remove(&s->node);
    free(s->nsp);
    free(s);
}

static void await_connect(struct sio_client *c)
{
    struct timers *t = engine_timers(c->server->engine);
    timers_set(t, &c->timer, timers_now(t) + c->server->config.limits->sio_connect_ms);
}

static void tell_closed(struct sio_client *c)
{
    const struct sio_handler *h = &c->server->config.handler;
    LIST_EACH (&c->sockets, it) {
        struct sio_socket *s = CONTAINER_OF(it, struct sio_socket, node);
        if (!s->over)
            continue;
        h->closed(h->ctx, s, s->clean);
        socket_free(s);
    }
}

static void on_due(struct timer *t)
{
    struct sio_client *c = CONTAINER_OF(t, struct sio_client, timer);
    bool told = !list_empty(&c->sockets);
    tell_closed(c);
    if (c->count)
        return;
    if (told) /* it has left: it may enter another one */
        await_connect(c);
    else
        sio_client_drop(c, "no CONNECT came");
}

static void refuse_connect(struct sio_client *c, struct str nsp, struct str why)
{
    struct sio_packet p = {.type = SIO_CONNECT_ERROR, .nsp = nsp, .data = why};
    sio_client_send(c, &p);
}

static void let_in(struct sio_socket *s)
{
    struct sio_client *c = s->client;
    const struct sio_handler *h = &c->server->config.handler;
    uint8_t bytes[SID_RANDOM_BYTES];
    struct buf data = BUF_INIT(64);
    random_bytes(bytes, sizeof bytes);
    buf_puts(&data, "{\"sid\":\"");
    base64url_append(&data, bytes, sizeof bytes);
    buf_puts(&data, "\"}");
    struct sio_packet p = {.type = SIO_CONNECT, .nsp = str_of(s->nsp), .data = buf_str(&data)};
    s->let_in = true;
    c->count++;
    timers_stop(engine_timers(c->server->engine), &c->timer);
    engine_forget_query(c->session); /* it may hold a secret, and is of no use any more */
    sio_client_send(c, &p);
    buf_release(&data);
    if (h->connected)
        h->connected(h->ctx, s);
}

static void take_connect(struct sio_client *c, const struct sio_packet *p)
{
    const struct sio_handler *h = &c->server->config.handler;
    struct str why = STR("Invalid namespace");
    tell_closed(c); /* the order of things: out, then in again */
    if (c->count >= NAMESPACES_MAX) {
        refuse_connect(c, p->nsp, STR("Too many namespaces"));
        return;
    }
    struct sio_socket *s = xcalloc(1, sizeof *s);
    s->client = c;
    s->nsp = str_dup(p->nsp);
    list_push_back(&c->sockets, &s->node);
    if (h->connect(h->ctx, s, p->nsp, p->data, &why)) {
        let_in(s);
        return;
    }
    refuse_connect(c, p->nsp, why);
    socket_free(s);
}

/* ---- packets ---- */

static void take_disconnect(struct sio_socket *s, const struct sio_packet *p,
                            const struct str *binaries)
{
    struct sio_client *c = s->client;
    (void)p;
    (void)binaries;
    sio_socket_over(s, true);
    tell_closed(c);
    if (!c->count)
        await_connect(c);
}

static void take_event(struct sio_socket *s, const struct sio_packet *p, const struct str *binaries)
{
    const struct sio_handler *h = &s->client->server->config.handler;
    struct buf name = BUF_INIT(p->name.n);
    struct sio_event e = {.name = p->name,
                          .args = p->data,
                          .binaries = binaries,
                          .binary_count = p->attachments,
                          .has_ack_id = p->has_id,
                          .ack_id = p->id};
    if (str_find(p->name, '\\') < p->name.n) {
        struct str quoted = str_slice(p->name.p - 1, p->name.n + 2);
        if (json_unescape(quoted, &name)) {
            sio_client_drop(s->client, "a bad event name");
            buf_release(&name);
            return;
        }
        e.name = buf_str(&name);
    }
    h->event(h->ctx, s, &e);
    buf_release(&name);
}

static void take_ack(struct sio_socket *s, const struct sio_packet *p, const struct str *binaries)
{
    const struct sio_handler *h = &s->client->server->config.handler;
    if (h->ack && p->id < s->last_ack_id)
        h->ack(h->ctx, s, p->id, p->data, binaries, p->attachments);
}

static void take_packet(struct sio_client *c, const struct sio_packet *p,
                        const struct str *binaries)
{
    static void (*const take[SIO_TYPE__MAX])(struct sio_socket *, const struct sio_packet *,
                                             const struct str *) = {
        [SIO_DISCONNECT] = take_disconnect, [SIO_EVENT] = take_event,    [SIO_ACK] = take_ack,
        [SIO_BINARY_EVENT] = take_event,    [SIO_BINARY_ACK] = take_ack,
    };
    struct sio_socket *s = socket_in(c, p->nsp);
    if (!s && p->type == SIO_CONNECT)
        take_connect(c, p);
    else if (s && take[p->type])
        take[p->type](s, p, binaries);
    else if (s || !c->parted) /* what comes for a namespace that it was put out of was on its way */
        sio_client_drop(c, "a packet out of turn");
}

/* ---- attachments ---- */

static void pending_free(struct sio_pending *p)
{
    if (!p)
        return;
    buf_release(&p->text);
    buf_release(&p->binary);
    free(p);
}

static void expect_attachments(struct sio_client *c, struct str text, size_t count)
{
    struct sio_pending *p = xcalloc(1, sizeof *p);
    p->wanted = count;
    c->pending = p;
    buf_init(&p->text, text.n);
    buf_init(&p->binary, BINARY_TIMES * c->message_bytes);
    if (buf_str_append(&p->text, text))
        sio_client_drop(c, "out of memory");
}

static void take_text(struct sio_client *c, struct str text)
{
    const struct limits *l = c->server->config.limits;
    struct buf mended = BUF_INIT(SIZE_MAX); /* bounded by text */
    struct sio_packet p;
    const char *why;
    if (c->pending)
        sio_client_drop(c, "a packet where an attachment belongs");
    else if (sio_decode(text, (size_t)l->json_depth, &mended, &p, &why))
        sio_client_drop(c, why);
    else if (p.attachments)
        expect_attachments(c, text, p.attachments);
    else
        take_packet(c, &p, NULL);
    buf_release(&mended);
}

/* All is there. The packet was decoded before, but for a copy of its text that lies elsewhere. */
static void take_pending(struct sio_client *c)
{
    struct sio_pending *pending = c->pending;
    const struct limits *l = c->server->config.limits;
    struct str binaries[SIO_ATTACHMENTS_MAX], rest = buf_str(&pending->binary);
    struct buf mended = BUF_INIT(SIZE_MAX);
    struct sio_packet p;
    const char *why;
    for (size_t i = 0; i < pending->wanted; i++) {
        binaries[i] = str_slice(rest.p, pending->sizes[i]);
        rest = str_slice(rest.p + pending->sizes[i], rest.n - pending->sizes[i]);
    }
    c->pending = NULL;
    if (sio_decode(buf_str(&pending->text), (size_t)l->json_depth, &mended, &p, &why))
        sio_client_drop(c, why);
    else
        take_packet(c, &p, binaries);
    buf_release(&mended);
    pending_free(pending);
}

static void take_attachment(struct sio_client *c, struct str data)
{
    struct sio_pending *p = c->pending;
    if (!p) {
        sio_client_drop(c, "an attachment of nothing");
        return;
    }
    if (buf_str_append(&p->binary, data)) {
        sio_client_drop(c, "attachments that are too large");
        return;
    }
    p->sizes[p->got++] = data.n;
    if (p->got == p->wanted)
        take_pending(c);
}

/* ---- the engine's calls ---- */

static void on_opened(void *ctx, struct engine_session *session)
{
    struct sio_server *sv = ctx;
    struct sio_client *c = xcalloc(1, sizeof *c);
    c->server = sv;
    c->session = session;
    c->timer.due = on_due;
    c->message_bytes = sv->config.first_message_bytes;
    if (!c->message_bytes)
        c->message_bytes = (size_t)sv->config.limits->sio_message_bytes;
    list_init(&c->sockets);
    engine_set(session, c);
    await_connect(c);
}

static void on_message(void *ctx, struct engine_session *session, bool binary, struct str data)
{
    struct sio_client *c = engine_owner(session);
    (void)ctx;
    if (binary)
        take_attachment(c, data);
    else
        take_text(c, data);
}

static void on_closed(void *ctx, struct engine_session *session, bool clean)
{
    struct sio_client *c = engine_owner(session);
    (void)ctx;
    LIST_EACH (&c->sockets, it) {
        struct sio_socket *s = CONTAINER_OF(it, struct sio_socket, node);
        if (!s->over)
            sio_socket_over(s, clean);
    }
    tell_closed(c);
    timers_stop(engine_timers(c->server->engine), &c->timer);
    pending_free(c->pending);
    free(c);
}

struct engine_handler sio_client_handler(struct sio_server *sv)
{
    return (struct engine_handler){sv, on_opened, on_message, on_closed};
}

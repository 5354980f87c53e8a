#include "hub/socketio_client.h"

#include "base/alloc.h"
#include "codec/engineio.h"

#include <stdlib.h>

/* ---- clients ---- */

void sio_client_drop(struct sio_client *c, const char *why)
{
    engine_drop(c->session, why);
}

void sio_client_send(struct sio_client *c, const struct sio_packet *p)
{
    struct buf *b = &c->server->scratch;
    buf_clear(b);
    if (sio_encode(b, p))
        sio_client_drop(c, "out of memory");
    else
        engine_send(c->session, false, buf_str(b));
    buf_consume(b, b->len);
}

void sio_socket_over(struct sio_socket *s, bool clean)
{
    s->over = true;
    s->clean = clean;
    s->client->count--;
}

/* ---- sending ---- */

static void send_with(struct sio_socket *s, struct sio_packet *p, const struct str *binaries,
                      size_t count)
{
    if (s->over || !s->let_in)
        return;
    p->nsp = str_of(s->nsp);
    p->attachments = count;
    sio_client_send(s->client, p);
    for (size_t i = 0; i < count; i++)
        engine_send(s->client->session, true, binaries[i]);
}

void sio_emit(struct sio_socket *s, struct str name, struct str args, const struct str *binaries,
              size_t binary_count)
{
    struct sio_packet p = {
        .type = binary_count ? SIO_BINARY_EVENT : SIO_EVENT, .name = name, .data = args};
    send_with(s, &p, binaries, binary_count);
}

uint64_t sio_emit_ack(struct sio_socket *s, struct str name, struct str args,
                      const struct str *binaries, size_t binary_count)
{
    struct sio_packet p = {.type = binary_count ? SIO_BINARY_EVENT : SIO_EVENT,
                           .has_id = true,
                           .id = s->last_ack_id++,
                           .name = name,
                           .data = args};
    send_with(s, &p, binaries, binary_count);
    return p.id;
}

void sio_ack(struct sio_socket *s, uint64_t id, struct str args, const struct str *binaries,
             size_t binary_count)
{
    struct sio_packet p = {
        .type = binary_count ? SIO_BINARY_ACK : SIO_ACK, .has_id = true, .id = id, .data = args};
    send_with(s, &p, binaries, binary_count);
}

/* ---- for the handler ---- */

void sio_set(struct sio_socket *s, void *owner)
{
    s->owner = owner;
}

void *sio_owner(const struct sio_socket *s)
{
    return s->owner;
}

const char *sio_address(const struct sio_socket *s)
{
    return engine_address(s->client->session);
}

struct str sio_namespace(const struct sio_socket *s)
{
    return str_of(s->nsp);
}

bool sio_query(const struct sio_socket *s, struct str name, struct buf *out)
{
    return eio_query_value(engine_query(s->client->session), name, out);
}

void sio_disconnect(struct sio_socket *s)
{
    struct sio_client *c = s->client;
    struct sio_packet p = {.type = SIO_DISCONNECT, .nsp = str_of(s->nsp)};
    if (s->over || !s->let_in)
        return;
    sio_client_send(c, &p);
    c->parted = true;
    sio_socket_over(s, false);
    timers_set(engine_timers(c->server->engine), &c->timer, 0); /* tells the handler */
    if (!c->count)
        engine_finish(c->session);
}

void sio_drop(struct sio_socket *s)
{
    sio_client_drop(s->client, "dropped");
}

void sio_limit_message(struct sio_socket *s, size_t bytes)
{
    s->client->message_bytes = bytes;
    engine_limit_message(s->client->session, bytes);
}

/* ---- the server ---- */

struct sio_server *sio_server_new(const struct sio_config *config)
{
    struct sio_server *sv = xcalloc(1, sizeof *sv);
    struct engine_config engine = {.base = config->base,
                                   .limits = config->limits,
                                   .origins = config->origins,
                                   .first_message_bytes = config->first_message_bytes,
                                   .handler = sio_client_handler(sv)};
    sv->config = *config;
    sv->engine = engine_new(&engine);
    buf_init(&sv->scratch, SIZE_MAX / 2); /* of what is sent, which has its limits */
    return sv;
}

void sio_server_free(struct sio_server *sv)
{
    if (!sv)
        return;
    engine_free(sv->engine);
    buf_release(&sv->scratch);
    free(sv);
}

enum edge_route sio_route(struct sio_server *sv, struct exchange *x, uint64_t *max_body)
{
    return engine_route(sv->engine, x, max_body);
}

void sio_answer(struct sio_server *sv, struct exchange *x)
{
    engine_answer(sv->engine, x);
}

void sio_upgrade(struct sio_server *sv, struct exchange *x)
{
    engine_upgrade(sv->engine, x);
}

void sio_abandoned(struct sio_server *sv, struct exchange *x)
{
    engine_abandoned(sv->engine, x);
}

void sio_server_stop(struct sio_server *sv)
{
    engine_stop(sv->engine);
}

size_t sio_server_count(const struct sio_server *sv, size_t *polling)
{
    return engine_count(sv->engine, polling);
}

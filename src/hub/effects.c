#include "hub/effects.h"

#include "hub/app_socket.h"
#include "hub/call.h"
#include "hub/client_socket.h"
#include "hub/spaces_app.h"

static void app_send(struct hub *h, const struct effect *e)
{
    struct conn *c = conn_find(h, e->conn);
    if (!c || c->closing)
        return;
    if (c->kind == CONN_APP)
        app_socket_send(c, &e->app_out);
    else if (c->kind == CONN_SPACES_APP)
        spaces_app_send(c, &e->app_out);
}

static void client_send(struct hub *h, const struct effect *e)
{
    struct conn *c = conn_find(h, e->conn);
    if (c && c->kind == CONN_CALL)
        call_send(c, &e->client_out);
    else
        client_socket_send(h, e->conn, &e->client_out);
}

static void close_one(struct hub *h, const struct effect *e)
{
    struct conn *c = conn_find(h, e->conn);
    if (c)
        conn_close(c, e->close_code, e->reason);
}

static void close_person(struct hub *h, const struct effect *e)
{
    client_socket_close_person(h, e->user_key, e->session_key, e->close_code, e->reason);
}

static void publish(struct hub *h, const struct effect *e)
{
    topics_publish(h->topics, e->topic, &e->topic_event);
    /* The list page watches all spaces by one topic. */
    if (e->topic_event.kind == PUBLISH_SPACE)
        topics_publish(h->topics, (struct topic_id){.kind = TOPIC_SPACES}, &e->topic_event);
}

/* The others concern the store and waiting threads: the app's. */
static void (*const carry_out[EFFECT__MAX])(struct hub *, const struct effect *) = {
    [EFFECT_APP_SEND] = app_send,         [EFFECT_CLOSE] = close_one,
    [EFFECT_CLOSE_PERSON] = close_person, [EFFECT_CLIENT_SEND] = client_send,
    [EFFECT_PUBLISH] = publish,
};

void effects_sink(void *hub, const struct effect *e)
{
    if (carry_out[e->kind])
        carry_out[e->kind](hub, e);
}

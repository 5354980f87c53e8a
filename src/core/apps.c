/* Connected apps: their messages, their going, draining. */
#include "core/state.h"

#include <stdlib.h>

#define RECONNECT_AFTER_MS 1000

struct app_conn *app_find(struct relay *r, uint64_t conn)
{
    struct app_conn *a;
    HASH_FIND(hh, r->apps, &conn, sizeof conn, a);
    return a;
}

struct app_conn *app_by_id(struct relay *r, struct uuid connection_id)
{
    struct app_conn *a, *tmp;
    HASH_ITER (hh, r->apps, a, tmp) {
        if (uuid_eq(a->connection_id, connection_id))
            return a;
    }
    return NULL;
}

void app_fill_view(const struct app_conn *a, struct app_view *v)
{
    *v = (struct app_view){.connection_id = a->connection_id,
                           .space_id = a->space->rec.id,
                           .connected_ms = a->connected_ms,
                           .concurrency = a->concurrency,
                           .prefetch = a->prefetch,
                           .in_flight = a->taken,
                           .draining = a->draining};
    memcpy(v->space_name, a->space->rec.name, sizeof v->space_name);
    memcpy(v->name, a->name, sizeof v->name);
    memcpy(v->version, a->version, sizeof v->version);
    memcpy(v->address, a->address, sizeof v->address);
}

/* ---- going ---- */

static void orphan_leases(struct relay *r, struct app_conn *a, bool at_once)
{
    LIST_EACH (&a->leases, it) { /* before the first one passes its timing on */
        struct request *q = CONTAINER_OF(it, struct request, lease_link);
        q->waited = q->inside;
    }
    a->first_idle = &a->leases; /* it begins none of them any more */
    LIST_EACH (&a->leases, it) {
        struct request *q = CONTAINER_OF(it, struct request, lease_link);
        bool worked_on = q->timed; /* what waits inside an app is not to blame */
        lease_orphan(r, q);
        if (at_once || (worked_on && q->silent_conns >= r->limits.poison_losses))
            request_lost(r, q);
    }
    LIST_EACH (&a->assigning, it)
        lease_detach(r, CONTAINER_OF(it, struct request, lease_link));
    LIST_EACH (&a->lingering, it)
        linger_end(r, CONTAINER_OF(it, struct request, lease_link));
}

/* The connection is gone, or is to be seen as gone. at_once: nobody will come back for its
 * requests. */
void app_gone(struct relay *r, struct app_conn *a, bool at_once)
{
    struct space *s = a->space;
    s->requests++; /* keeps it while its last request may go */
    list_remove(&a->link);
    s->app_count--;
    HASH_DEL(r->apps, a);
    orphan_leases(r, a, at_once);
    assert(a->taken == 0);
    free(a);
    show_space_soon(r, s);
    show_positions_soon(r, s);
    s->requests--;
    space_release_if_over(r, s);
}

/* It is given nothing new. */
void app_drain(struct relay *r, struct app_conn *a)
{
    a->draining = true;
    show_space_soon(r, a->space);
    show_positions_soon(r, a->space);
}

/* ---- messages ---- */

static void drain_message(struct relay *r, struct app_conn *a, const struct app_msg *m)
{
    (void)m;
    app_drain(r, a);
}

static void name_attempt(struct relay *r, const struct app_conn *a, struct lease_ref *lease)
{
    if (lease->attempt)
        return;
    const struct request *q = request_find(r, lease->request_id);
    if (q && q->app == a)
        lease->attempt = q->rec.attempt;
}

void app_message(struct relay *r, const struct relay_event *e)
{
    static void (*const handlers[APP_MSG__MAX])(struct relay *, struct app_conn *,
                                                const struct app_msg *) = {
        [APP_MSG_PROGRESS] = frame_progress, [APP_MSG_DELTA] = frame_delta,
        [APP_MSG_RESULT] = frame_result,     [APP_MSG_ERROR] = frame_error,
        [APP_MSG_DRAIN] = drain_message,
    };
    struct app_conn *a = app_find(r, e->conn);
    if (!a && e->app_msg->kind == APP_MSG_REGISTER) {
        app_register(r, e);
        return;
    }
    if (a && e->app_msg->kind != APP_MSG_REGISTER) {
        struct app_msg m = *e->app_msg;
        name_attempt(r, a, &m.lease);
        handlers[m.kind](r, a, &m);
        return;
    }
    struct effect *x = effect_new(r, EFFECT_APP_SEND);
    x->conn = e->conn;
    x->app_out.kind = APP_OUT_ERROR;
    x->app_out.code = a ? ERR_BAD_MESSAGE : ERR_UNAUTHORIZED;
    x->app_out.message =
        a ? STR("This connection is registered already") : STR("Send `register` first");
}

void apps_drain_all(struct relay *r)
{
    struct app_conn *a, *tmp;
    HASH_ITER (hh, r->apps, a, tmp) {
        struct effect *x = effect_new(r, EFFECT_APP_SEND);
        x->conn = a->conn;
        x->app_out.kind = APP_OUT_DRAIN;
        x->app_out.reconnect_after_ms = RECONNECT_AFTER_MS;
    }
}

#include "hub/engine_session.h"

#include "base/alloc.h"

#include <stdlib.h>

#define ORIGIN_BYTES  1024
#define HEADERS_BYTES 16384

/* ---- other sites ---- */

/* True when the asking page is of the list, or our own. */
static bool origin_listed(const struct engine *e, const struct exchange *x, struct str origin)
{
    struct str rest = str_of(e->config.origins), one;
    struct buf ours = BUF_INIT(ORIGIN_BYTES);
    bool listed = !exchange_origin(x, &ours) && str_eq(buf_str(&ours), origin);
    buf_release(&ours);
    while (rest.n && !listed) {
        str_split(rest, ' ', &one, &rest);
        listed = one.n && (str_eq(one, STR("*")) || str_eq_nocase(one, origin));
    }
    return listed;
}

static bool from_refused_site(const struct engine *e, const struct exchange *x)
{
    const struct http_head *head = exchange_head(x);
    const struct str *origin = http_field(head, STR("Origin"));
    return origin && (http_field_count(head, STR("Origin")) > 1 || !origin_listed(e, x, *origin));
}

/* No credentials, so that any site may be let in: a session is known by its number alone. */
static void add_access(const struct engine *e, const struct exchange *x, struct buf *out)
{
    const struct str *origin = http_field(exchange_head(x), STR("Origin"));
    if (str_eq(str_of(e->config.origins), STR("*"))) {
        buf_puts(out, "Access-Control-Allow-Origin: *\r\n");
        return;
    }
    buf_puts(out, "Vary: Origin\r\n");
    if (origin && !from_refused_site(e, x))
        buf_printf(out, "Access-Control-Allow-Origin: %.*s\r\n", STR_ARG(*origin));
}

static void reply_preflight(const struct engine *e, struct exchange *x)
{
    const struct str *fields = http_field(exchange_head(x), STR("Access-Control-Request-Headers"));
    struct buf headers = BUF_INIT(HEADERS_BYTES);
    add_access(e, x, &headers);
    buf_puts(&headers, "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
                       "Access-Control-Max-Age: 600\r\n");
    if (fields)
        buf_printf(&headers, "Access-Control-Allow-Headers: %.*s\r\n", STR_ARG(*fields));
    exchange_reply(x, headers.failed ? 400 : 204, "", headers.failed ? STR("") : buf_str(&headers),
                   STR(""));
    buf_release(&headers);
}

void engine_reply(struct engine *e, struct exchange *x, unsigned status, const char *content_type,
                  struct str body)
{
    struct buf headers = BUF_INIT(HEADERS_BYTES);
    add_access(e, x, &headers);
    exchange_reply(x, status, content_type, buf_str(&headers), body);
    buf_release(&headers);
}

void engine_refuse(struct engine *e, struct exchange *x, enum eio_refusal r)
{
    engine_reply(e, x, r == EIO_FORBIDDEN ? 403 : 400, "application/json", eio_refusal_json(r));
}

/* ---- how many poll ---- */

struct engine_peer {
    struct address address;
    size_t sessions;
    UT_hash_handle hh;
};

static struct engine_peer *peer_of(struct engine *e, struct address a)
{
    struct address key = address_counted(a);
    struct engine_peer *p;
    HASH_FIND(hh, e->peers, &key, sizeof key, p);
    if (!p) {
        p = xcalloc(1, sizeof *p);
        p->address = key;
        HASH_ADD(hh, e->peers, address, sizeof p->address, p);
    }
    return p;
}

static void forget_peer(struct engine *e, struct engine_peer *p)
{
    if (p->sessions)
        return;
    HASH_DEL(e->peers, p);
    free(p);
}

bool engine_count_polling(struct engine_session *s)
{
    struct engine *e = s->engine;
    const struct limits *l = e->config.limits;
    struct address a;
    if (e->polling >= l->polling_sessions || address_parse(str_of(s->address), &a))
        return false;
    struct engine_peer *p = peer_of(e, a);
    if (p->sessions >= l->polling_per_address && !address_is_loopback(a)) {
        forget_peer(e, p);
        return false;
    }
    p->sessions++;
    s->peer = p;
    e->polling++;
    return true;
}

void engine_uncount_polling(struct engine_session *s)
{
    struct engine_peer *p = s->peer;
    if (!p)
        return;
    s->peer = NULL;
    s->engine->polling--;
    p->sessions--;
    forget_peer(s->engine, p);
}

/* ---- what is asked ---- */

static enum edge_route refuse(struct engine *e, struct exchange *x, enum eio_refusal r)
{
    engine_refuse(e, x, r);
    return EDGE_DONE;
}

static bool wants_socket(const struct exchange *x)
{
    const struct http_head *head = exchange_head(x);
    return head->method == HTTP_GET && http_field_has_token(head, STR("Upgrade"), STR("websocket"));
}

static enum edge_route route_new(struct engine *e, struct exchange *x, const struct eio_query *q)
{
    if (exchange_head(x)->method != HTTP_GET)
        return refuse(e, x, EIO_BAD_HANDSHAKE_METHOD);
    if (q->transport == EIO_WEBSOCKET && !wants_socket(x))
        return refuse(e, x, EIO_BAD_REQUEST);
    if (!q->version_ok)
        return refuse(e, x, EIO_UNSUPPORTED_VERSION);
    if (e->stopping) {
        exchange_error(x, ERR_SHUTTING_DOWN, err_message(ERR_SHUTTING_DOWN), 1000);
        return EDGE_DONE;
    }
    return q->transport == EIO_WEBSOCKET ? EDGE_SOCKET : EDGE_HERE;
}

/* The body of a POST is on its way from here on. */
static enum edge_route route_post(struct engine_session *s, struct exchange *x, uint64_t *max_body)
{
    const struct str *type = http_field(exchange_head(x), STR("Content-Type"));
    if (s->post) {
        engine_poll_overlap(s, x);
        return EDGE_DONE;
    }
    if (type && str_eq_nocase(*type, STR("application/octet-stream"))) {
        refuse(s->engine, x, EIO_BAD_REQUEST);
        engine_session_end(s, false, "a payload of another protocol version");
        return EDGE_DONE;
    }
    *max_body = engine_message_bytes(s);
    s->post = x;
    exchange_set(x, s);
    return EDGE_HERE;
}

static enum edge_route route_known(struct engine_session *s, struct exchange *x,
                                   const struct eio_query *q, uint64_t *max_body)
{
    enum http_method method = exchange_head(x)->method;
    if (q->transport == EIO_WEBSOCKET)
        return wants_socket(x) ? EDGE_SOCKET : refuse(s->engine, x, EIO_BAD_REQUEST);
    if (s->link || (method != HTTP_GET && method != HTTP_POST))
        return refuse(s->engine, x, EIO_BAD_REQUEST);
    return method == HTTP_POST ? route_post(s, x, max_body) : EDGE_HERE;
}

enum edge_route engine_route(struct engine *e, struct exchange *x, uint64_t *max_body)
{
    const struct http_head *head = exchange_head(x);
    struct eio_query q;
    struct engine_session *s = NULL;
    *max_body = 0;
    if (head->method == HTTP_OPTIONS) {
        reply_preflight(e, x);
        return EDGE_DONE;
    }
    eio_query_parse(head->query, &q);
    if (from_refused_site(e, x))
        return refuse(e, x, EIO_FORBIDDEN);
    if (q.transport == EIO_TRANSPORT_UNKNOWN)
        return refuse(e, x, EIO_TRANSPORT_IS_UNKNOWN);
    if (!q.has_sid)
        return route_new(e, x, &q);
    s = engine_find(e, q.sid);
    return s ? route_known(s, x, &q, max_body) : refuse(e, x, EIO_SID_IS_UNKNOWN);
}

/* The session may have ended since the route was chosen. */
static struct engine_session *session_of(const struct engine *e, const struct exchange *x,
                                         struct eio_query *q)
{
    eio_query_parse(exchange_head(x)->query, q);
    return q->has_sid ? engine_find(e, q->sid) : NULL;
}

void engine_answer(struct engine *e, struct exchange *x)
{
    struct engine_session *posting = exchange_value(x);
    struct eio_query q;
    struct engine_session *s = session_of(e, x, &q);
    if (posting)
        engine_poll_post(posting);
    else if (!q.has_sid)
        engine_poll_open(e, x);
    else if (!s || exchange_head(x)->method != HTTP_GET)
        engine_refuse(e, x, EIO_SID_IS_UNKNOWN);
    else if (s->link)
        engine_refuse(e, x, EIO_BAD_REQUEST);
    else
        engine_poll_take(s, x);
}

void engine_upgrade(struct engine *e, struct exchange *x)
{
    struct eio_query q;
    struct engine_session *s = session_of(e, x, &q);
    if (!q.has_sid)
        engine_socket_open(e, x);
    else if (s)
        engine_socket_upgrade(s, x);
    else
        engine_refuse(e, x, EIO_SID_IS_UNKNOWN);
}

void engine_abandoned(struct engine *e, struct exchange *x)
{
    struct engine_session *s = exchange_value(x);
    (void)e;
    if (!s)
        return;
    if (s->poll == x)
        s->poll = NULL;
    else
        s->post = NULL;
    engine_session_end(s, false, "its request was broken off");
}

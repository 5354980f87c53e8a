#include "codec/engineio.h"

#include "base/secret.h"
#include "codec/form.h"

#include <inttypes.h>

#define SEPARATOR '\x1e'

/* ---- packets ---- */

enum err eio_decode(struct str text, struct eio_packet *out)
{
    if (!text.n || text.p[0] < '0' || text.p[0] >= '0' + EIO_TYPE__MAX)
        return ERR_SYNTAX;
    *out = (struct eio_packet){.type = (enum eio_type)(text.p[0] - '0'),
                               .data = str_slice(text.p + 1, text.n - 1)};
    return OK;
}

enum err eio_encode(struct buf *out, enum eio_type type, struct str data)
{
    buf_putc(out, (char)('0' + type));
    return buf_str_append(out, data);
}

enum err eio_encode_open(struct buf *out, const struct eio_open *o)
{
    return buf_printf(out,
                      "0{\"sid\":\"%.*s\",\"upgrades\":[%s],\"pingTimeout\":%" PRIu64
                      ",\"pingInterval\":%" PRIu64 ",\"maxPayload\":%" PRIu64 "}",
                      STR_ARG(o->sid), o->may_upgrade ? "\"websocket\"" : "", o->ping_timeout_ms,
                      o->ping_interval_ms, o->max_payload);
}

/* ---- payloads ---- */

static enum err decode_binary(struct str base64, struct buf *scratch, struct eio_packet *out)
{
    enum err e = base64_decode(base64, scratch);
    if (e)
        return e;
    *out = (struct eio_packet){.type = EIO_MESSAGE, .binary = true, .data = buf_str(scratch)};
    return OK;
}

enum err eio_payload_next(struct str *payload, struct buf *scratch, struct eio_packet *out)
{
    struct str one;
    if (!payload->p)
        return ERR_AGAIN;
    if (!str_split(*payload, SEPARATOR, &one, payload))
        *payload = (struct str){0};
    buf_clear(scratch);
    if (one.n && one.p[0] == 'b')
        return decode_binary(str_slice(one.p + 1, one.n - 1), scratch, out);
    return utf8_valid(one.p, one.n) ? eio_decode(one, out) : ERR_SYNTAX;
}

enum err eio_payload_add(struct buf *out, const struct eio_packet *p)
{
    if (out->len)
        buf_putc(out, SEPARATOR);
    if (!p->binary)
        return eio_encode(out, p->type, p->data);
    buf_putc(out, 'b');
    return base64_append(out, p->data.p, p->data.n);
}

/* ---- the query ---- */

/* The first parameter of that name, as it stands. */
static bool raw_value(struct str query, struct str name, struct str *value)
{
    struct str one, key;
    while (query.n) {
        str_split(query, '&', &one, &query);
        str_split(one, '=', &key, value);
        if (str_eq(key, name))
            return true;
    }
    return false;
}

void eio_query_parse(struct str query, struct eio_query *out)
{
    struct str value;
    *out = (struct eio_query){.transport = EIO_TRANSPORT_UNKNOWN};
    if (raw_value(query, STR("transport"), &value)) {
        if (str_eq(value, STR("polling")))
            out->transport = EIO_POLLING;
        else if (str_eq(value, STR("websocket")))
            out->transport = EIO_WEBSOCKET;
    }
    out->version_ok = raw_value(query, STR("EIO"), &value) && str_eq(value, STR("4"));
    out->has_sid = raw_value(query, STR("sid"), &value) && value.n;
    if (out->has_sid)
        out->sid = value;
}

bool eio_query_value(struct str query, struct str name, struct buf *out)
{
    struct str value;
    struct form form;
    if (!raw_value(query, name, &value) || !value.n)
        return false;
    struct buf field = BUF_INIT(value.n + 2);
    buf_puts(&field, "v=");
    buf_str_append(&field, value);
    bool ok = !field.failed && !form_parse(&form, buf_str(&field));
    if (ok) {
        ok = !buf_str_append(out, form_value(&form, STR("v")));
        form_release(&form);
    }
    buf_release(&field);
    return ok;
}

/* ---- refusals ---- */

struct str eio_refusal_json(enum eio_refusal r)
{
    static const char *const texts[EIO_REFUSAL__MAX] = {
        [EIO_TRANSPORT_IS_UNKNOWN] = "{\"code\":0,\"message\":\"Transport unknown\"}",
        [EIO_SID_IS_UNKNOWN] = "{\"code\":1,\"message\":\"Session ID unknown\"}",
        [EIO_BAD_HANDSHAKE_METHOD] = "{\"code\":2,\"message\":\"Bad handshake method\"}",
        [EIO_BAD_REQUEST] = "{\"code\":3,\"message\":\"Bad request\"}",
        [EIO_FORBIDDEN] = "{\"code\":4,\"message\":\"Forbidden\"}",
        [EIO_UNSUPPORTED_VERSION] = "{\"code\":5,\"message\":\"Unsupported protocol version\"}",
    };
    return str_of(texts[r]);
}

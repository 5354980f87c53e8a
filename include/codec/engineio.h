/* Engine.IO 4's packets and polling payloads, without I/O. Pure; any thread. */
#ifndef CODEC_ENGINEIO_H
#define CODEC_ENGINEIO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum eio_type {
    EIO_OPEN,
    EIO_CLOSE,
    EIO_PING,
    EIO_PONG,
    EIO_MESSAGE,
    EIO_UPGRADE,
    EIO_NOOP,
    EIO_TYPE__MAX
};

struct eio_packet {
    enum eio_type type;
    bool binary; /* only messages are */
    struct str data;
};

/* A text of a WebSocket, UTF-8 as the frames are. (A binary one is a binary message as it stands.)
 * ERR_SYNTAX: no type. */
MUST_USE enum err eio_decode(struct str text, struct eio_packet *out);

/* Takes the first packet of a polling payload off; more than one are separated by 0x1e. A binary
 * one is decoded into scratch (cleared first, its maximum is the payload's length or more), of
 * which out->data is then a part. ERR_AGAIN: none is left. ERR_SYNTAX: not UTF-8, an empty packet,
 * no type, not base64. ERR_MEMORY. */
MUST_USE enum err eio_payload_next(struct str *payload, struct buf *scratch,
                                   struct eio_packet *out);
/* Appends a packet as it stands in a polling payload, behind a separator when out is not empty.
 * Fails as buf_append does. */
enum err eio_payload_add(struct buf *out, const struct eio_packet *p);

/* Appends a text packet as WebSockets carry it. */
enum err eio_encode(struct buf *out, enum eio_type type, struct str data);

struct eio_open {
    struct str sid; /* of URL characters */
    bool may_upgrade;
    uint64_t ping_interval_ms, ping_timeout_ms, max_payload;
};
enum err eio_encode_open(struct buf *out, const struct eio_open *o); /* type and JSON */

enum eio_transport { EIO_POLLING, EIO_WEBSOCKET, EIO_TRANSPORT_UNKNOWN };

/* What a request's query says; parameters of no meaning (t, b64, j) are left out. */
struct eio_query {
    enum eio_transport transport; /* none named is unknown */
    bool version_ok;              /* EIO=4 */
    bool has_sid;
    struct str sid; /* as it stands in the query: ours need no escapes */
};
/* Parameters that come twice: the first counts. */
void eio_query_parse(struct str query, struct eio_query *out);
/* The decoded value of another parameter, appended to out; false when it is absent, empty or not
 * UTF-8. */
bool eio_query_value(struct str query, struct str name, struct buf *out);

/* What is answered to a request that cannot be served. */
enum eio_refusal {
    EIO_TRANSPORT_IS_UNKNOWN,
    EIO_SID_IS_UNKNOWN,
    EIO_BAD_HANDSHAKE_METHOD,
    EIO_BAD_REQUEST,
    EIO_FORBIDDEN,
    EIO_UNSUPPORTED_VERSION,
    EIO_REFUSAL__MAX
};
/* {"code":0,"message":"Transport unknown"} and so on: static. */
struct str eio_refusal_json(enum eio_refusal r);

#endif

/* Socket.IO 5's packets, the default encoding, without I/O: text <-> struct. JSON payloads stay raw
 * bytes. Pure; any thread. */
#ifndef CODEC_SOCKETIO_H
#define CODEC_SOCKETIO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum sio_type {
    SIO_CONNECT,
    SIO_DISCONNECT,
    SIO_EVENT,
    SIO_ACK,
    SIO_CONNECT_ERROR,
    SIO_BINARY_EVENT,
    SIO_BINARY_ACK,
    SIO_TYPE__MAX
};

#define SIO_ATTACHMENTS_MAX 64
#define SIO_NAMESPACE_MAX   128
#define SIO_ACK_ID_MAX      UINT64_C(9007199254740991) /* what a JavaScript number holds */

struct sio_packet {
    enum sio_type type;
    struct str nsp; /* "/" when none is named; a query behind it is left out */
    bool has_id;
    uint64_t id;
    size_t attachments; /* binary messages that follow, for the two binary types */
    struct str name;    /* of an event, between its quotes, still escaped */
    struct str
        data; /* of a connect: the payload, "" = none. Of an event: the values after its
                 name.    Of an ack: its values. Values have commas between them; "" = none */
};

/* Strings point into text. Everything is checked: type, count of attachments, namespace, id, JSON
 * of at most max_depth (inside the outermost array), the payload's kind, that an event has a name
 * and none that Socket.IO keeps for itself. ERR_SYNTAX; why gets a static sentence.
 *
 * Python's json writes NaN, Infinity and -Infinity, which are no JSON. With mended, an empty buf,
 * those in the array of an event or ack read null: the array is then written there, at most a third
 * longer, and the strings point into it. With NULL, or no room, they are ERR_SYNTAX. */
MUST_USE enum err sio_decode(struct str text, size_t max_depth, struct buf *mended,
                             struct sio_packet *out, const char **why);

/* Takes the first of values (as in sio_packet.data) off; false when there is none. */
bool sio_arg_next(struct str *values, struct str *one);
/* True when the value is exactly a placeholder; *num is its number. */
bool sio_placeholder(struct str value, uint64_t *num);

/* Appends a packet. name is plain text, data is as above; a connect error's data is the message, in
 * plain text. Fails as buf_append does. */
enum err sio_encode(struct buf *out, const struct sio_packet *p);
enum err sio_encode_placeholder(struct buf *out, uint64_t num);

#endif

/* What inference apps of older sites ("WebSocket Spaces", Flask-SocketIO) say and hear: the
 * arguments of Socket.IO events <-> model/message.h. The wire shapes are at /docs/flask. Pure.
 *
 * They know no attempts, take many requests at once, may lack a token, and send whatever their
 * library made of a dictionary: more is forgiven here than in the native protocol. */
#ifndef CODEC_SPACES_H
#define CODEC_SPACES_H

#include "codec/native.h"

#define SPACES_CONCURRENCY 100 /* unless `register` says otherwise */

/* An event of an app: its name and its only argument, an object ("" reads as an empty one). made
 * holds what had to be built, and *out borrows from it, from arg and from d until the next decode.
 * An event of another name is ERR_UNKNOWN_TYPE; the rest is as for native_decode_app. A result that
 * is no object becomes {"text_output": it} when it is a string, else {"output": it}; one of a
 * failure stays beside its message when it is an object with members. */
MUST_USE enum err spaces_decode(struct native_decoder *d, struct str name, struct str arg,
                                struct buf *made, struct app_msg *out);
/* The argument again (valid JSON), with each binary attachment in its place as a base64 string.
 * ERR_BAD_MESSAGE: a placeholder names none, or they name more bytes than there are (each is for
 * one place); ERR_TOO_LARGE, ERR_MEMORY: out is full. d->why is set. */
MUST_USE enum err spaces_join(struct native_decoder *d, struct str arg, const struct str *binaries,
                              size_t count, struct buf *out);

/* The token in a Socket.IO connect payload, {"token": ...}, appended to out; false when there is
 * none. auth is valid JSON, or "". */
bool spaces_auth_token(struct str auth, struct buf *out);

/* The event's argument, appended to b; returns the event's name, NULL when such an app is told
 * nothing of m. space_name: what it asked for. b->failed tells whether there was room. */
const char *spaces_encode(struct buf *b, const struct app_out *m, struct str space_name);

#endif

/* The native protocol, version 1 (documented at /docs/protocol): JSON text <-> model/message.h.
 * Pure.
 *
 * A message's bytes are walked once by json_scan (UTF-8, depth, duplicate keys, where the raw parts
 * lie); payload, result and usage stay raw; only what remains, at most limits.tree_bytes, becomes a
 * tree. */
#ifndef CODEC_NATIVE_H
#define CODEC_NATIVE_H

#include "base/buf.h"
#include "model/limits.h"
#include "model/message.h"

struct native_decoder {
    const struct limits *limits; /* borrowed */
    struct buf scratch;          /* decoded strings of the last message */
    struct lease_ref *resume;    /* heap */
    size_t resume_cap;
    /* of the last failure, for the `error` answer */
    char why[200];
    bool has_request_id;
    struct uuid request_id;
    char ref[REF_BYTES]; /* client: echo when it could be read; "" else */
};

void native_init(struct native_decoder *d, const struct limits *limits);
void native_release(struct native_decoder *d);

/* OK; ERR_BAD_JSON (close with 1007 after the error); ERR_BAD_MESSAGE, ERR_UNKNOWN_TYPE,
 * ERR_TOO_LARGE, ERR_INPUT_REFUSED (the socket stays open). d->why says what is wrong, for a
 * person. Strings in out are borrowed from text and d until the next decode. A missing `space_name`
 * or `token` in register is no failure: the fields are "". */
MUST_USE enum err native_decode_app(struct native_decoder *d, struct str text, struct app_msg *out);
/* A topic that is no topic decodes with topic_known false. submit's idempotency_key, when there,
 * has 1 to limits.idempotency_key_bytes visible ASCII characters (else ERR_BAD_MESSAGE). submit's
 * payload must be an object of at most limits.payload_bytes (ERR_TOO_LARGE); its `prompt`, when
 * there, a string (ERR_INPUT_REFUSED). inputs are the kinds of input that are there and neither
 * null nor "". */
MUST_USE enum err native_decode_client(struct native_decoder *d, struct str text,
                                       struct client_msg *out);
/* A submit without its `type`, as /api/v1 takes it. key: of the Idempotency-Key field, NULL when
 * there is none; it goes before the member of that name. */
MUST_USE enum err native_decode_submit(struct native_decoder *d, struct str text,
                                       const struct str *key, struct client_msg *out);

enum err native_encode_app(struct buf *b, const struct app_out *m);
enum err native_encode_client(struct buf *b, const struct client_out *m);
/* A request as in the state of its topic. */
enum err native_encode_request(struct buf *b, const struct request_view *v);
/* The whole event message: {"type":"event","topic":...,"seq":n,"event":{...}} */
enum err native_encode_event(struct buf *b, struct topic_id topic, uint64_t seq,
                             const struct topic_event *e);
/* "space:<id>", "request:<id>", "spaces", "admin" */
#define TOPIC_TEXT_BYTES 48
void topic_format(struct topic_id t, char out[TOPIC_TEXT_BYTES]);
bool topic_parse(struct str s, struct topic_id *out);

/* For the client side (mock-app and other apps): the reverse direction. */
struct app_in {
    enum app_out_kind kind; /* what the relay sent */
    bool known;             /* false: a type this version does not know; ignore it */
    struct app_out m;       /* strings borrowed as above */
    char code[32];          /* refused, ack, error: the code's text; "" when none */
    bool accepted;          /* ack */
    bool success;           /* register_response */
};
MUST_USE enum err native_decode_relay(struct native_decoder *d, struct str text,
                                      struct app_in *out);
/* What an app sends. */
enum err native_encode_app_msg(struct buf *b, const struct app_msg *m);

#endif

/* Events of a request, as a topic sends them to WebSockets (codec/native.h), read again for those
 * who follow a request over HTTP. Pure. Everything borrows from the frame. */
#ifndef CODEC_CALL_EVENT_H
#define CODEC_CALL_EVENT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Raw JSON values; "" = absent. */
struct call_event {
    uint64_t seq;
    struct str event; /* the whole of it: {"kind": ...} */
    struct str kind;  /* without quotes: state, progress, delta, final */
    struct str status, text, position, result, usage, error;
};

/* frame: a whole unmasked text frame with {"type":"event","topic","seq","event"}. ERR_SYNTAX. */
MUST_USE enum err call_event_read(struct str frame, struct call_event *out);

#endif

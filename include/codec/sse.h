/* Server-sent events (HTML Living Standard, section 9.2), as model servers and the relay stream
 * them: bytes in, events out. Pure; the bytes may be split anywhere. Lines end in LF, CRLF or CR;
 * comments and `retry` are skipped; the data lines of an event are joined by LF. Some servers write
 * `error: {...}` where `data:` belongs: that is taken as data. */
#ifndef CODEC_SSE_H
#define CODEC_SSE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

struct sse_event {
    struct str id;   /* the last one of the stream, to come back with; "" when there was none */
    struct str name; /* "" when it has none */
    struct str data;
};

struct sse {
    struct buf line, data, id, name;
    bool begun;    /* the first line is over: no byte order mark any more */
    bool after_cr; /* a LF that comes next belongs to it */
    bool has_data; /* the event has a data line, maybe an empty one */
};

/* Gets an event, borrowed. An error ends sse_feed, which returns it. */
typedef enum err sse_fn(void *ctx, const struct sse_event *event);

/* max_bytes: of an event's data, and of a line. */
void sse_init(struct sse *s, size_t max_bytes);
void sse_release(struct sse *s);
/* ERR_TOO_LARGE, ERR_MEMORY, or what `event` said; then the stream is of no use any more. */
MUST_USE enum err sse_feed(struct sse *s, struct str bytes, sse_fn *event, void *ctx);
/* The stream has ended: an event that lacks nothing but its empty line is still given. */
MUST_USE enum err sse_end(struct sse *s, sse_fn *event, void *ctx);

#endif

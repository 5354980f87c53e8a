/* Errors of /api/v1: RFC 9457 problem details. Pure. */
#ifndef CODEC_PROBLEM_H
#define CODEC_PROBLEM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define PROBLEM_TYPE "application/problem+json"

/* Of a refusal that passes. */
struct retry {
    uint64_t after_ms; /* 0 = in a moment */
    uint64_t limit;    /* how many there may be of what there are too many of; 0 = nothing that can
                          be counted */
};

/* {"type":"about:blank","title","status","detail","code","retry_after_s"?} into body. detail "" =
 * the code's own sentence. With 429 and 503 lines gets retry_write; retry means nothing else. */
void problem_write(struct buf *body, struct buf *lines, unsigned status, enum err code,
                   struct str detail, struct retry retry);
/* Lines for a head: Retry-After, and the RateLimit fields (draft-ietf-httpapi-ratelimit-headers,
 * version 5): none remain, and so the time until there is room again is the same. */
void retry_write(struct buf *lines, struct retry retry);
/* 429 and 503: it may go better later. */
bool retry_fits(unsigned status);

#endif

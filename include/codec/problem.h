/* Errors of /api/v1: RFC 9457 problem details. Pure. */
#ifndef CODEC_PROBLEM_H
#define CODEC_PROBLEM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define PROBLEM_TYPE "application/problem+json"

/* {"type":"about:blank","title","status","detail","code","retry_after_s"?}. detail "" = the code's
 * own sentence. Returns the status. */
unsigned problem_write(struct buf *b, enum err e, struct str detail, uint64_t retry_after_ms);
/* For statuses that no code stands for, such as 405 and 415; code: "bad_message" and the like. */
void problem_write_status(struct buf *b, unsigned status, enum err code, struct str detail,
                          uint64_t retry_after_ms);

#endif

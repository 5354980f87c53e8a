/* Pieces of compact JSON for the encoders: each writes `before` (punctuation and key, as they are)
 * and a value. A buf remembers its first failure, so nothing is returned. Private to codec. */
#ifndef CODEC_NATIVE_WRITE_H
#define CODEC_NATIVE_WRITE_H

#include "base/buf.h"
#include "base/uuid.h"

void put_string(struct buf *b, const char *before, struct str s);
void put_string_unless_empty(struct buf *b, const char *before, struct str s);
void put_raw(struct buf *b, const char *before, struct str json); /* null when "" */
void put_raw_unless_empty(struct buf *b, const char *before, struct str json);
void put_number(struct buf *b, const char *before, uint64_t n);
void put_percent(struct buf *b, const char *before, double n);
/* Milliseconds as seconds, rounded to `decimals` (0 to 3) and without trailing zeros. */
void put_seconds(struct buf *b, const char *before, uint64_t ms, int decimals);
void put_bool(struct buf *b, const char *before, bool value);
void put_id(struct buf *b, const char *before, struct uuid id);
void put_time(struct buf *b, const char *before, int64_t wall_ms);

#endif

/* UUIDv7 (RFC 9562 section 5.7) as the program's only kind of id, and the integer hidden in it.
 *
 * Layout: 48 bits of wall milliseconds; 12 bits rand_a and the top 3 bits of rand_b form a 15-bit
 * counter within the millisecond (section 6.2, method 1); the 59 bits that remain are random.
 * Timestamp and counter together are the row key: unique in one database, ascending, 63 bits, so no
 * table needs an index on a blob. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct uuid {
    uint8_t b[16];
};

#define UUID_TEXT_BYTES 37 /* 36 characters and a NUL */

/* The last key given out; ids of one generator ascend strictly, also when the clock steps back. */
struct uuid_gen {
    int64_t last_key;
};

/* The next id. random is 8 fresh random bytes. */
struct uuid uuid_next(struct uuid_gen *gen, int64_t wall_ms, uint64_t random);
/* The row key of an id made by uuid_next; never negative. */
int64_t uuid_key(struct uuid id);
int64_t uuid_ms(struct uuid id); /* the wall milliseconds in it */
/* The lowest key of an id made at that time, for searching by time: ids made before have lower
 * keys (but for those made while the clock was set back, which count on from the latest). */
int64_t uuid_key_at(int64_t wall_ms);
void uuid_format(struct uuid id, char out[UUID_TEXT_BYTES]);
/* 36 characters, either case of hex. Any version is taken. ERR_SYNTAX. */
MUST_USE enum err uuid_parse(struct str s, struct uuid *out);
bool uuid_eq(struct uuid a, struct uuid b);
bool uuid_is_nil(struct uuid id);

#endif

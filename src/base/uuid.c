#include "base/uuid.h"

#include <assert.h>
#include <string.h>

#define COUNTER_BITS 15
#define MAX_MS       ((INT64_C(1) << 48) - 1)

int64_t uuid_key_at(int64_t wall_ms)
{
    if (wall_ms < 0)
        wall_ms = 0;
    if (wall_ms > MAX_MS)
        wall_ms = MAX_MS;
    return wall_ms * (INT64_C(1) << COUNTER_BITS);
}

struct uuid uuid_next(struct uuid_gen *gen, int64_t wall_ms, uint64_t random)
{
    int64_t key = uuid_key_at(wall_ms);
    if (key <= gen->last_key) { /* same millisecond, or the clock stepped back */
        assert(gen->last_key < INT64_MAX);
        key = gen->last_key + 1; /* a full counter carries into the milliseconds */
    }
    gen->last_key = key;

    uint64_t ms = (uint64_t)key >> COUNTER_BITS;
    unsigned counter = (unsigned)((uint64_t)key & ((1U << COUNTER_BITS) - 1));
    struct uuid id;
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.b[6] = (uint8_t)(0x70U | counter >> 11);
    id.b[7] = (uint8_t)(counter >> 3);
    id.b[8] = (uint8_t)(0x80U | (counter & 7U) << 3 | ((unsigned)(random >> 56) & 7U));
    for (int i = 0; i < 7; i++)
        id.b[9 + i] = (uint8_t)(random >> (48 - 8 * i));
    return id;
}

int64_t uuid_key(struct uuid id)
{
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.b[i];
    uint64_t counter = (id.b[6] & 0x0fU) << 11 | (unsigned)id.b[7] << 3 | (id.b[8] >> 3 & 7U);
    return (int64_t)(ms << COUNTER_BITS | counter);
}

int64_t uuid_ms(struct uuid id)
{
    return uuid_key(id) >> COUNTER_BITS;
}

/* The bytes of the text's five groups. */
static const struct {
    size_t text_at, byte_at, bytes;
} groups[] = {{0, 0, 4}, {9, 4, 2}, {14, 6, 2}, {19, 8, 2}, {24, 10, 6}};
#define GROUP_COUNT (sizeof groups / sizeof *groups)

void uuid_format(struct uuid id, char out[UUID_TEXT_BYTES])
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        hex_encode(id.b + groups[i].byte_at, groups[i].bytes, out + groups[i].text_at);
        if (i + 1 < GROUP_COUNT)
            out[groups[i + 1].text_at - 1] = '-';
    }
}

enum err uuid_parse(struct str s, struct uuid *out)
{
    if (s.n != UUID_TEXT_BYTES - 1)
        return ERR_SYNTAX;
    struct uuid id;
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        if (i > 0 && s.p[groups[i].text_at - 1] != '-')
            return ERR_SYNTAX;
        struct str group = str_slice(s.p + groups[i].text_at, groups[i].bytes * 2);
        enum err e = hex_decode(group, id.b + groups[i].byte_at, groups[i].bytes);
        if (e)
            return e;
    }
    *out = id;
    return OK;
}

bool uuid_eq(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool uuid_is_nil(struct uuid id)
{
    return uuid_eq(id, (struct uuid){0});
}

/* The small parts of JSON texts: escapes, keys as what they mean rather than as they are written,
 * kinds. Private to codec's JSON files. Pure; any thread. */
#ifndef CODEC_JSON_TEXT_H
#define CODEC_JSON_TEXT_H

#include "base/str.h"
#include "codec/json_scan.h"

/* *p is at a backslash, end behind the last byte that may be read. Writes what the escape stands
 * for as UTF-8 to out, moves *p behind it (behind both halves of a surrogate pair) and returns the
 * length, 1 to 4. 0 when it is no escape of RFC 8259, or half a surrogate pair; *p then stays. */
size_t json_unescape_one(const char **p, const char *end, char out[4]);

/* Keys as they are written between the quotes, valid. Equal and ordered by their unescaped bytes.
 */
int json_key_cmp(struct str a, struct str b);
uint32_t json_key_hash(struct str key);
/* Where the lengths and first bytes alone do not tell (see json_key_is). */
bool json_key_means(struct str escaped, struct str plain);
/* escaped is as written, plain is not. An escape is longer than what it stands for. */
static inline bool json_key_is(struct str escaped, struct str plain)
{
    if (escaped.n < plain.n)
        return false;
    if (plain.n && escaped.p[0] != plain.p[0] && escaped.p[0] != '\\')
        return false;
    return json_key_means(escaped, plain);
}

/* The kind of the value that begins with c. */
enum json_kind json_kind_at(char c);

#endif

/* Borrowed strings with a length, and strict parsing. Nothing here allocates. Any thread. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes, not NUL-terminated. p may be NULL only when n is 0. */
struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){("" literal), sizeof(literal) - 1})
/* for printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_of(const char *nul_terminated) /* NULL gives the empty string */
{
    return nul_terminated ? (struct str){nul_terminated, strlen(nul_terminated)} : STR("");
}

static inline struct str str_slice(const char *p, size_t n)
{
    return (struct str){p, n};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_nocase(struct str a, struct str b); /* ASCII only */

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b); /* bytewise, shorter first */
/* Without blanks (space, tab) at both ends. */
struct str str_trim(struct str s);
/* Splits at the first sep: head before it, rest after it. False when there is no sep (head = s,
 * rest = ""). */
bool str_split(struct str s, char sep, struct str *head, struct str *rest);
/* Position of c, or s.n. */
size_t str_find(struct str s, char c);

/* A whole decimal number, no sign, no blanks, no leading zero (but "0"), at most max. ERR_SYNTAX
 * otherwise. */
MUST_USE enum err str_to_u64(struct str s, uint64_t max, uint64_t *out);
/* As above with an optional leading '-', between min and max. */
MUST_USE enum err str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out);
/* "90d", "12h", "30m", "45s", "1500ms" or a bare number of seconds -> milliseconds. ERR_SYNTAX. */
MUST_USE enum err str_to_duration_ms(struct str s, int64_t *out);

/* True when s is well-formed UTF-8 (RFC 3629: no surrogates, no overlongs, at most U+10FFFF). */
bool utf8_valid(const void *p, size_t n);
/* Streaming form for text that arrives in pieces: *state starts at 0; false as soon as it can no
 * longer be valid. When the text has ended it was complete only if *state is 0. */
bool utf8_feed(uint32_t *state, const void *p, size_t n);
/* The longest beginning of s that is valid UTF-8, has no NUL and at most max bytes. */
struct str str_start(struct str s, size_t max);
/* True when s holds an ASCII control character (below 0x20, or 0x7f) or U+0080..U+009F. */
bool str_has_control(struct str s);

/* Lower-case hex. out gets 2*n bytes and a NUL. */
void hex_encode(const void *p, size_t n, char *out);
/* Exactly n bytes from 2*n hex digits, either case. ERR_SYNTAX. */
MUST_USE enum err hex_decode(struct str s, void *out, size_t n);

/* Copies s into a fixed array and terminates it; false (and an empty array) when it does not fit.
 */
bool str_copy(char *array, size_t array_bytes, struct str s);
/* A heap copy, NUL-terminated; aborts when memory is out (small strings only). Free with free(). */
char *str_dup(struct str s);

#endif

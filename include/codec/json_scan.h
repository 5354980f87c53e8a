/* One walk over a JSON text, without building anything: is it well-formed (RFC 8259) and UTF-8, no
 * deeper than allowed, without duplicate keys, and where do the members of its outermost object
 * lie? Pure, linear time, bounded memory. */
#ifndef CODEC_JSON_SCAN_H
#define CODEC_JSON_SCAN_H

#include "base/err.h"
#include "base/str.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_member {
    struct str key;   /* between the quotes, still escaped */
    struct str value; /* the value's own bytes, no blanks around */
    enum json_kind kind;
};

#define JSON_MEMBERS_MAX 64

struct json_scan {
    struct json_member members[JSON_MEMBERS_MAX]; /* of the outermost object, in order */
    size_t count;
    enum json_kind kind; /* of the whole text */
    size_t error_at;     /* offset of the first wrong byte */
    const char *why;     /* static sentence; NULL when OK */
};

/* OK or ERR_BAD_JSON. An outermost object with more than JSON_MEMBERS_MAX members is ERR_BAD_JSON
 * only when want_members is set. Duplicate keys are refused in every object, in time O(n log n) and
 * memory that is bounded by the input. */
MUST_USE enum err json_scan(struct str text, size_t max_depth, bool want_members,
                            struct json_scan *out);
/* The member of that (unescaped) name; NULL when absent. */
const struct json_member *json_scan_member(const struct json_scan *s, struct str key);
/* A string value's text, unescaped, appended to out. value is as in json_member, kind JSON_STRING.
 * A lone surrogate escape is ERR_BAD_JSON (json_scan refuses it too), so is \u0000 here. */
struct buf;
MUST_USE enum err json_unescape(struct str value, struct buf *out);

#endif

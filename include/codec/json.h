/* JSON as trees, for what is small: the only user of jansson.h. Larger things are scanned
 * (codec/json_scan.h). Used by codecs, the templates' contexts and the command line's --json. Any
 * thread; a tree and all that shares parts of it belong to one thread at a time. */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* An owned or borrowed JSON value; jansson's own struct, so that nothing is wrapped twice. */
struct json_t;

/* Rejects duplicate keys, invalid UTF-8, trailing bytes, depth past 64. ERR_BAD_JSON; why (may be
 * NULL) gets a sentence. Free with json_free. */
MUST_USE enum err json_parse(struct str text, struct json_t **out, struct buf *why);
void json_free(struct json_t *j);
/* One more owner of the same tree, to be put into another or freed; whoever shares a tree changes
 * it no more. */
struct json_t *json_ref(struct json_t *j);
/* Overwrites the strings of an object that hold a secret; whoever has it too sees that. NULL is
 * fine. */
void json_wipe(struct json_t *object);

/* Building; all take ownership of values given, abort when memory is out. Strings must be valid
 * UTF-8 (invalid bytes become U+FFFD). */
struct json_t *json_object_new(void);
struct json_t *json_array_new(void);
struct json_t *json_put(struct json_t *object, const char *key,
                        struct json_t *value_given);                       /* returns value */
struct json_t *json_add(struct json_t *array, struct json_t *value_given); /* returns value */
void json_put_str(struct json_t *object, const char *key, struct str s);
void json_add_str(struct json_t *array, struct str s);
void json_put_text(struct json_t *object, const char *key, const char *s);
void json_put_int(struct json_t *object, const char *key, int64_t n);
void json_put_num(struct json_t *object, const char *key, double n);
void json_put_bool(struct json_t *object, const char *key, bool b);
void json_put_null(struct json_t *object, const char *key);
void json_put_time(struct json_t *object, const char *key,
                   int64_t wall_ms); /* RFC 3339; null when 0 */

/* Reading. Borrowed from the tree. */
struct json_t *json_at(const struct json_t *object,
                       const char *key);       /* NULL when absent or no object */
size_t json_count(const struct json_t *array); /* 0 when no array */
struct json_t *json_nth(const struct json_t *array, size_t i);
bool json_is_object(const struct json_t *j);
bool json_is_array(const struct json_t *j);
bool json_is_null(const struct json_t *j);
bool json_to_str(const struct json_t *j, struct str *out); /* false: not a string (or NULL) */
bool json_to_int(const struct json_t *j, int64_t *out);    /* false: not an integer */
bool json_to_num(const struct json_t *j, double *out);
bool json_to_bool(const struct json_t *j, bool *out);
/* Visits members in the order they were put. */
void json_each(const struct json_t *object,
               void (*visit)(void *ctx, const char *key, struct json_t *v), void *ctx);

enum err json_write(struct buf *b, const struct json_t *j);        /* compact */
enum err json_write_pretty(struct buf *b, const struct json_t *j); /* for a person */

#endif

/* Fields of flat JSON objects, read and written by one table. Private to codec's control files. */
#ifndef CODEC_CONTROL_FIELDS_H
#define CODEC_CONTROL_FIELDS_H

#include "base/buf.h"
#include "codec/json.h"

#include <stddef.h>

enum control_type {
    CONTROL_TEXT,       /* char[high]: any UTF-8 that fits */
    CONTROL_LINE,       /* char[high]: without control characters */
    CONTROL_USER_NAME,  /* char[high] */
    CONTROL_SPACE_NAME, /* char[high] */
    CONTROL_HASH,       /* char[high]: an argon2id hash */
    CONTROL_U32,        /* low..high */
    CONTROL_KEY,        /* int64_t, 1 and above */
    CONTROL_BOOL,
    CONTROL_ROLE,   /* enum role: "admin" or "user" */
    CONTROL_INPUTS, /* uint32_t: ["prompt", ...], not empty */
    CONTROL_SCOPES, /* uint32_t: ["read", ...], not empty */
    CONTROL_DIGEST, /* struct hash: base64url */
    CONTROL_ID,     /* struct uuid; a nil one is not written */
    CONTROL_TIME,   /* int64_t: RFC 3339; null = 0 */
    CONTROL_TYPE__MAX
};

struct control_field {
    const char *name;
    enum control_type type;
    bool required;
    size_t at; /* offset in the struct; one that is absent is left as it is */
    uint32_t low, high;
};

struct control_table {
    const struct control_field *fields;
    size_t count;
};

void control_put(struct json_t *object, const struct control_table *table, const void *from);
/* ERR_BAD_MESSAGE; why gets a sentence. Members that no field names are for the caller to judge. */
MUST_USE enum err control_take(const struct json_t *object, const struct control_table *table,
                               void *into, struct buf *why);
bool control_knows(const struct control_table *table, const char *name);

#endif

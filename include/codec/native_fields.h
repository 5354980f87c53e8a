/* How the native protocol's messages are read: each kind of message is a table of fields, and one
 * reader checks types and ranges, puts the values into a struct and words what is wrong. Private to
 * codec/native_*.c. */
#ifndef CODEC_NATIVE_FIELDS_H
#define CODEC_NATIVE_FIELDS_H

#include "codec/json_scan.h"
#include "codec/native.h"

#include <stddef.h>

enum field_type {
    FIELD_STRING,  /* struct str; high = most bytes, 0 = any */
    FIELD_U32,     /* low..high; a high of UINT32_MAX is not named in messages */
    FIELD_U64,     /* as above with UINT64_MAX */
    FIELD_PERCENT, /* double, 0..100 */
    FIELD_SECONDS, /* uint64_t: milliseconds */
    FIELD_BOOL,    /* bool */
    FIELD_OBJECT,  /* struct str, raw */
    FIELD_ARRAY,   /* struct str, raw */
    FIELD_ID,      /* struct uuid */
    FIELD_TIME,    /* int64_t: wall milliseconds */
    FIELD__MAX
};

#define NO_FLAG SIZE_MAX

struct field {
    const char *name;
    enum field_type type;
    bool required; /* one that is not may also be null */
    size_t at;     /* offset of the value in the struct; left as it is when the field is absent */
    size_t flag;   /* offset of a bool that says whether it was there, or NO_FLAG */
    uint64_t low, high;
};

/* A message under way. */
struct native_reading {
    struct native_decoder *d;
    struct str text;
    struct json_scan scan;
    struct str type;
    struct app_register defaults; /* of a `register` */
    bool attempt_optional;        /* absent reads 0 */
    size_t strings_bytes;         /* all its decoded strings together take at most this */
};

/* What fields are looked up in: the message itself, or (object.n > 0) an object inside it. */
struct field_scope {
    struct str object;
    const char *prefix; /* of its fields' names in messages, e.g. "error." */
};
#define WHOLE_MESSAGE ((struct field_scope){{NULL, 0}, ""})

/* Scans the text and reads `type` and, when it can be read, request_id into the decoder. Errors as
 * native_decode_app; ERR_MEMORY. */
MUST_USE enum err native_begin(struct native_reading *r, struct native_decoder *d, struct str text);
/* For a message whose type is no field of it. */
MUST_USE enum err native_begin_typed(struct native_reading *r, struct native_decoder *d,
                                     struct str text, struct str type);
/* The rest of native_decode_app, by r->type. */
MUST_USE enum err native_decode_begun(struct native_reading *r, struct app_msg *out);
/* request_id and attempt. */
MUST_USE enum err native_read_lease(struct native_reading *r, struct app_msg *out);
/* Reads the fields into the struct at `into`. ERR_BAD_MESSAGE, ERR_MEMORY; d->why is set. */
MUST_USE enum err native_read(struct native_reading *r, struct field_scope scope,
                              const struct field *fields, size_t count, void *into);
/* Sets d->why and returns e. */
enum err native_refuse(struct native_decoder *d, enum err e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* For a type that no table names. */
enum err native_unknown_type(struct native_reading *r);
/* Storage of the decoder's for a list of structs, until the next decode. NULL when memory is out.
 */
void *native_list(struct native_decoder *d, size_t bytes);
/* Number of items of an array, counted up to at most max + 1. */
size_t native_count(struct str array, size_t max);

#endif

#include "codec/native.h"

#include "base/clock.h"
#include "codec/json_text.h"
#include "codec/json_walk.h"
#include "codec/native_fields.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_BYTES     (64 * 1024) /* scratch above this is given back before the next message */
#define SMALL_BYTES    1024 /* a message up to this is not measured; below any json_tree_bytes */
#define TYPE_MAX_BYTES 40   /* a type up to this is quoted in messages */

void native_init(struct native_decoder *d, const struct limits *limits)
{
    *d = (struct native_decoder){.limits = limits, .scratch = BUF_INIT(SIZE_MAX)};
}

void native_release(struct native_decoder *d)
{
    buf_release(&d->scratch);
    free(d->resume);
    d->resume = NULL;
    d->resume_cap = 0;
}

enum err native_refuse(struct native_decoder *d, enum err e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(d->why, sizeof d->why, fmt, args);
    va_end(args);
    return e;
}

/* resume_cap counts bytes: the list is of lease_ref, or (native_decode_relay) of resumed. */
void *native_list(struct native_decoder *d, size_t bytes)
{
    if (bytes <= d->resume_cap)
        return d->resume;
    void *p = realloc(d->resume, bytes);
    if (!p)
        return NULL;
    d->resume = p;
    d->resume_cap = bytes;
    return p;
}

size_t native_count(struct str array, size_t max)
{
    struct json_walk w;
    struct json_member item;
    size_t n = 0;
    json_walk_start(&w, array);
    while (n <= max && json_walk_next(&w, &item))
        n++;
    return n;
}

/* Takes a string out of the message: borrowed from it when it has no escapes, else decoded into
 * scratch, which never moves after its first use, as there is room for all. ERR_BAD_JSON: it holds
 * a NUL. */
static enum err take_string(struct native_reading *r, struct str value, struct str *out)
{
    if (!memchr(value.p, '\\', value.n)) {
        *out = str_slice(value.p + 1, value.n - 2);
        return OK;
    }
    struct buf *scratch = &r->d->scratch;
    char *room;
    assert(scratch->len <= r->strings_bytes);
    enum err e = buf_reserve(scratch, r->strings_bytes - scratch->len, &room);
    if (e)
        return e;
    size_t before = scratch->len;
    e = json_unescape(value, scratch);
    if (!e)
        *out = str_slice(buf_str(scratch).p + before, scratch->len - before);
    return e;
}

/* A field being read: where its value goes, and how it is called. */
struct slot {
    struct native_reading *r;
    const struct field *field;
    const char *prefix;
    struct json_member value;
    void *to;
};

static enum err wrong(const struct slot *s, const char *must)
{
    return native_refuse(s->r->d, ERR_BAD_MESSAGE, "field `%s%s` %s", s->prefix, s->field->name,
                         must);
}

static enum err out_of_memory(struct native_decoder *d)
{
    return native_refuse(d, ERR_MEMORY, "out of memory");
}

static enum err read_string(const struct slot *s)
{
    struct str text;
    if (s->value.kind != JSON_STRING)
        return wrong(s, "must be a string");
    enum err e = take_string(s->r, s->value.value, &text);
    if (e == ERR_BAD_JSON)
        return wrong(s, "must not hold a NUL character");
    if (e)
        return out_of_memory(s->r->d);
    if (s->field->high && text.n > s->field->high)
        return native_refuse(s->r->d, ERR_BAD_MESSAGE, "field `%s%s` must have at most %llu bytes",
                             s->prefix, s->field->name, (unsigned long long)s->field->high);
    *(struct str *)s->to = text;
    return OK;
}

/* No fraction and no exponent: what counts is written as a whole number. */
static enum err read_whole(const struct slot *s, uint64_t unnamed_high, uint64_t *out)
{
    const struct field *f = s->field;
    uint64_t n;
    if (s->value.kind == JSON_NUMBER && !str_to_u64(s->value.value, f->high, &n) && n >= f->low) {
        *out = n;
        return OK;
    }
    if (f->high == unnamed_high)
        return native_refuse(s->r->d, ERR_BAD_MESSAGE,
                             "field `%s%s` must be a whole number from %llu", s->prefix, f->name,
                             (unsigned long long)f->low);
    return native_refuse(s->r->d, ERR_BAD_MESSAGE,
                         "field `%s%s` must be a whole number from %llu to %llu", s->prefix,
                         f->name, (unsigned long long)f->low, (unsigned long long)f->high);
}

static enum err read_u32(const struct slot *s)
{
    uint64_t n;
    enum err e = read_whole(s, UINT32_MAX, &n);
    if (!e)
        *(uint32_t *)s->to = (uint32_t)n;
    return e;
}

static enum err read_u64(const struct slot *s)
{
    uint64_t n;
    enum err e = read_whole(s, UINT64_MAX, &n);
    if (!e)
        *(uint64_t *)s->to = n;
    return e;
}

/* The number ends before its object does, so strtod needs no NUL. */
static bool take_number(const struct slot *s, double high, double *out)
{
    if (s->value.kind != JSON_NUMBER)
        return false;
    double n = strtod(s->value.value.p, NULL);
    if (!(n >= 0 && n <= high))
        return false;
    *out = n == 0 ? 0 : n; /* not -0 */
    return true;
}

static enum err read_percent(const struct slot *s)
{
    double n;
    if (!take_number(s, 100, &n))
        return wrong(s, "must be a number from 0 to 100");
    *(double *)s->to = n;
    return OK;
}

static enum err read_seconds(const struct slot *s)
{
    double n;
    if (!take_number(s, 1e9, &n))
        return wrong(s, "must be a number of seconds");
    *(uint64_t *)s->to = (uint64_t)(n * 1000 + 0.5);
    return OK;
}

static enum err read_bool(const struct slot *s)
{
    if (s->value.kind != JSON_BOOL)
        return wrong(s, "must be true or false");
    *(bool *)s->to = s->value.value.p[0] == 't';
    return OK;
}

static enum err read_object(const struct slot *s)
{
    if (s->value.kind != JSON_OBJECT)
        return wrong(s, "must be an object");
    *(struct str *)s->to = s->value.value;
    return OK;
}

static enum err read_array(const struct slot *s)
{
    if (s->value.kind != JSON_ARRAY)
        return wrong(s, "must be a list");
    *(struct str *)s->to = s->value.value;
    return OK;
}

static enum err read_id(const struct slot *s)
{
    struct str text;
    struct uuid id;
    if (s->value.kind != JSON_STRING || take_string(s->r, s->value.value, &text) ||
        uuid_parse(text, &id))
        return wrong(s, "must be an id");
    *(struct uuid *)s->to = id;
    return OK;
}

static enum err read_time(const struct slot *s)
{
    struct str text;
    int64_t ms;
    if (s->value.kind != JSON_STRING || take_string(s->r, s->value.value, &text) ||
        rfc3339_parse(text, &ms))
        return wrong(s, "must be a time as in RFC 3339");
    *(int64_t *)s->to = ms;
    return OK;
}

typedef enum err read_fn(const struct slot *s);
static read_fn *const readers[] = {
    [FIELD_STRING] = read_string,   [FIELD_U32] = read_u32,         [FIELD_U64] = read_u64,
    [FIELD_PERCENT] = read_percent, [FIELD_SECONDS] = read_seconds, [FIELD_BOOL] = read_bool,
    [FIELD_OBJECT] = read_object,   [FIELD_ARRAY] = read_array,     [FIELD_ID] = read_id,
    [FIELD_TIME] = read_time,
};
_Static_assert(sizeof readers / sizeof *readers == FIELD__MAX, "one reader for each type");

static bool look_up(const struct native_reading *r, struct field_scope scope, const char *name,
                    struct json_member *out)
{
    if (scope.object.n)
        return json_walk_find(scope.object, str_of(name), out);
    const struct json_member *m = json_scan_member(&r->scan, str_of(name));
    if (m)
        *out = *m;
    return m;
}

enum err native_read(struct native_reading *r, struct field_scope scope, const struct field *fields,
                     size_t count, void *into)
{
    for (size_t i = 0; i < count; i++) {
        const struct field *f = &fields[i];
        struct slot s = {.r = r, .field = f, .prefix = scope.prefix, .to = (char *)into + f->at};
        bool there = look_up(r, scope, f->name, &s.value);
        if (!there && f->required)
            return wrong(&s, "is missing");
        if (!there || (!f->required && s.value.kind == JSON_NULL))
            continue;
        enum err e = readers[f->type](&s);
        if (e)
            return e;
        if (f->flag != NO_FLAG)
            *(bool *)((char *)into + f->flag) = true;
    }
    return OK;
}

static size_t member_bytes(const struct json_scan *scan, const char *const *names, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct json_member *m = json_scan_member(scan, str_of(names[i]));
        sum += m ? m->value.n : 0;
    }
    return sum;
}

/* Sets strings_bytes; returns how much there is besides what is stored, passed on or read item by
 * item. A message that is small in all is not looked at closer. */
static size_t measure(struct native_reading *r)
{
    r->strings_bytes = r->text.n;
    if (r->text.n <= SMALL_BYTES)
        return r->text.n;
    static const char *const raw[] = {"payload", "result", "usage"};
    static const char *const large[] = {"text", "resume", "resumed"};
    r->strings_bytes = r->text.n - member_bytes(&r->scan, raw, sizeof raw / sizeof *raw);
    return r->strings_bytes - member_bytes(&r->scan, large, sizeof large / sizeof *large);
}

/* What an `error` answer repeats, so far as it can be read at all. */
static void note_names(struct native_reading *r)
{
    static const struct field id = {"request_id", FIELD_ID, true, 0, NO_FLAG, 0, 0};
    static const struct field ref = {"ref", FIELD_STRING, true, 0, NO_FLAG, 0, REF_BYTES - 1};
    struct native_decoder *d = r->d;
    struct str text;
    if (json_scan_member(&r->scan, STR("request_id")))
        d->has_request_id = !native_read(r, WHOLE_MESSAGE, &id, 1, &d->request_id);
    if (json_scan_member(&r->scan, STR("ref")) && !native_read(r, WHOLE_MESSAGE, &ref, 1, &text))
        (void)str_copy(d->ref, sizeof d->ref, text);
    buf_clear(
        &d->scratch); /* nothing points there yet, and strings_bytes counts each string once */
    d->why[0] = '\0';
}

static void clear(struct native_decoder *d)
{
    if (d->scratch.cap > KEPT_BYTES)
        buf_release(&d->scratch);
    buf_clear(&d->scratch);
    d->why[0] = d->ref[0] = '\0';
    d->has_request_id = false;
}

enum err native_begin_typed(struct native_reading *r, struct native_decoder *d, struct str text,
                            struct str type)
{
    clear(d);
    r->d = d;
    r->text = text;
    r->type = type;
    r->defaults = (struct app_register){.concurrency = 1, .endpoints = ENDPOINTS_DEFAULT};
    r->attempt_optional = false;
    enum err e = json_scan(text, (size_t)d->limits->json_depth, true, &r->scan);
    if (e)
        return native_refuse(d, e, "%s (at byte %zu)", r->scan.why, r->scan.error_at);
    if (r->scan.kind != JSON_OBJECT)
        return native_refuse(d, ERR_BAD_MESSAGE, "a message must be an object");
    size_t rest = measure(r);
    note_names(r);
    if (rest > d->limits->json_tree_bytes)
        return native_refuse(
            d, ERR_TOO_LARGE,
            "a message without its payload, result and text must have at most %llu bytes",
            (unsigned long long)d->limits->json_tree_bytes);
    return OK;
}

enum err native_begin(struct native_reading *r, struct native_decoder *d, struct str text)
{
    static const struct field type = {"type", FIELD_STRING, true, 0, NO_FLAG, 0, 0};
    enum err e = native_begin_typed(r, d, text, STR(""));
    return e ? e : native_read(r, WHOLE_MESSAGE, &type, 1, &r->type);
}

enum err native_unknown_type(struct native_reading *r)
{
    if (r->type.n > TYPE_MAX_BYTES)
        return native_refuse(r->d, ERR_UNKNOWN_TYPE, "there is no message of this type");
    return native_refuse(r->d, ERR_UNKNOWN_TYPE, "there is no message of type `%.*s`",
                         STR_ARG(r->type));
}

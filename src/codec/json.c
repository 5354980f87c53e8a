#include "codec/json.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/secret.h"
#include "codec/json_check.h"

#include <jansson.h>

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64

/* jansson gives NULL when memory is out. */
static json_t *made(json_t *j)
{
    if (j)
        return j;
    fputs("spacerelay: out of memory\n", stderr);
    abort();
}

/* The scan refuses what jansson would take or take long over: depth, repeated keys, bytes behind
 * the value. What remains for jansson to refuse are numbers that it cannot hold, and NUL in
 * strings. */
enum err json_parse(struct str text, struct json_t **out, struct buf *why)
{
    enum err e = json_check(text, MAX_DEPTH, why);
    if (e)
        return e;
    json_error_t error;
    json_t *j = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!j) {
        if (why)
            buf_printf(why, "%s (at byte %d)", error.text, error.position);
        return json_error_code(&error) == json_error_out_of_memory ? ERR_MEMORY : ERR_BAD_JSON;
    }
    *out = j;
    return OK;
}

void json_free(struct json_t *j)
{
    json_decref(j);
}

struct json_t *json_ref(struct json_t *j)
{
    return json_incref(j);
}

void json_wipe(struct json_t *object)
{
    const char *key;
    json_t *v;
    json_object_foreach(object, key, v) if (json_is_string(v))
        secret_wipe((void *)(uintptr_t)json_string_value(v), json_string_length(v));
}

struct json_t *json_object_new(void)
{
    return made(json_object());
}

struct json_t *json_array_new(void)
{
    return made(json_array());
}

struct json_t *json_put(struct json_t *object, const char *key, struct json_t *value_given)
{
    assert(json_is_object(object) && value_given);
    if (json_object_set_new_nocheck(object, key, value_given) < 0)
        made(NULL);
    return value_given;
}

struct json_t *json_add(struct json_t *array, struct json_t *value_given)
{
    assert(json_is_array(array) && value_given);
    if (json_array_append_new(array, value_given) < 0)
        made(NULL);
    return value_given;
}

/* Length of the longest valid UTF-8 at the start of s. */
static size_t valid_prefix(struct str s)
{
    uint32_t state = 0;
    size_t whole = 0;
    for (size_t i = 0; i < s.n && utf8_feed(&state, s.p + i, 1); i++)
        if (state == 0)
            whole = i + 1;
    return whole;
}

static json_t *repaired_string(struct str s)
{
    char *text = xcalloc(s.n, 3), *end = text; /* U+FFFD has three bytes */
    while (s.n > 0) {
        size_t n = valid_prefix(s);
        memcpy(end, s.p, n);
        end += n;
        s = str_slice(s.p + n, s.n - n);
        if (s.n == 0)
            break;
        memcpy(end, "\xef\xbf\xbd", 3);
        end += 3;
        s = str_slice(s.p + 1, s.n - 1);
    }
    json_t *j = made(json_stringn_nocheck(text, (size_t)(end - text)));
    free(text);
    return j;
}

static json_t *string_of(struct str s)
{
    const char *p = s.n ? s.p : "";
    return utf8_valid(p, s.n) ? made(json_stringn_nocheck(p, s.n)) : repaired_string(s);
}

void json_put_str(struct json_t *object, const char *key, struct str s)
{
    json_put(object, key, string_of(s));
}

void json_add_str(struct json_t *array, struct str s)
{
    json_add(array, string_of(s));
}

void json_put_text(struct json_t *object, const char *key, const char *s)
{
    json_put_str(object, key, str_of(s));
}

void json_put_int(struct json_t *object, const char *key, int64_t n)
{
    json_put(object, key, made(json_integer(n)));
}

void json_put_num(struct json_t *object, const char *key, double n)
{
    json_put(object, key, isfinite(n) ? made(json_real(n)) : json_null());
}

void json_put_bool(struct json_t *object, const char *key, bool b)
{
    json_put(object, key, json_boolean(b));
}

void json_put_null(struct json_t *object, const char *key)
{
    json_put(object, key, json_null());
}

void json_put_time(struct json_t *object, const char *key, int64_t wall_ms)
{
    char text[RFC3339_BYTES];
    if (wall_ms == 0) {
        json_put_null(object, key);
        return;
    }
    rfc3339_format(wall_ms, text);
    json_put_text(object, key, text);
}

struct json_t *json_at(const struct json_t *object, const char *key)
{
    return json_object_get(object, key);
}

size_t json_count(const struct json_t *array)
{
    return json_array_size(array);
}

struct json_t *json_nth(const struct json_t *array, size_t i)
{
    return json_array_get(array, i);
}

/* jansson has macros of these names. */
bool(json_is_object)(const struct json_t *j)
{
    return j && json_typeof(j) == JSON_OBJECT;
}

bool(json_is_array)(const struct json_t *j)
{
    return j && json_typeof(j) == JSON_ARRAY;
}

bool(json_is_null)(const struct json_t *j)
{
    return j && json_typeof(j) == JSON_NULL;
}

bool json_to_str(const struct json_t *j, struct str *out)
{
    if (!json_is_string(j))
        return false;
    *out = str_slice(json_string_value(j), json_string_length(j));
    return true;
}

bool json_to_int(const struct json_t *j, int64_t *out)
{
    if (!json_is_integer(j))
        return false;
    *out = json_integer_value(j);
    return true;
}

bool json_to_num(const struct json_t *j, double *out)
{
    if (!json_is_number(j))
        return false;
    *out = json_number_value(j);
    return true;
}

bool json_to_bool(const struct json_t *j, bool *out)
{
    if (!json_is_boolean(j))
        return false;
    *out = json_is_true(j);
    return true;
}

void json_each(const struct json_t *object,
               void (*visit)(void *ctx, const char *key, struct json_t *v), void *ctx)
{
    json_t *o = (json_t *)object; /* jansson's iterators are not const */
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i))
        visit(ctx, json_object_iter_key(i), json_object_iter_value(i));
}

struct writer {
    struct buf *b;
    bool pretty;
    int depth;
};

static void new_line(struct writer *w)
{
    if (w->pretty)
        buf_printf(w->b, "\n%*s", 2 * w->depth, "");
}

/* The shortest decimal that reads back as the same number; jansson's own would show 33.3
 * as 33.299999999999997. */
static void write_real(struct buf *b, double n)
{
    char text[32];
    if (n == 0)
        n = 0; /* "-0" would read back as an integer */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, n);
        if (strtod(text, NULL) == n)
            break;
    }
    buf_puts(b, text);
}

static void write_value(struct writer *w, const json_t *j);

static void write_array(struct writer *w, const json_t *array)
{
    size_t n = json_array_size(array);
    buf_putc(w->b, '[');
    w->depth++;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_putc(w->b, ',');
        new_line(w);
        write_value(w, json_array_get(array, i));
    }
    w->depth--;
    if (n > 0)
        new_line(w);
    buf_putc(w->b, ']');
}

static void write_member(void *ctx, const char *key, json_t *value)
{
    struct writer *w = ctx;
    struct str written = buf_str(w->b);
    if (written.n > 0 && written.p[written.n - 1] != '{')
        buf_putc(w->b, ',');
    new_line(w);
    buf_json_string(w->b, str_of(key));
    buf_puts(w->b, w->pretty ? ": " : ":");
    write_value(w, value);
}

static void write_object(struct writer *w, const json_t *object)
{
    buf_putc(w->b, '{');
    w->depth++;
    json_each(object, write_member, w);
    w->depth--;
    if (json_object_size(object) > 0)
        new_line(w);
    buf_putc(w->b, '}');
}

static void write_value(struct writer *w, const json_t *j)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        write_object(w, j);
        break;
    case JSON_ARRAY:
        write_array(w, j);
        break;
    case JSON_STRING:
        buf_json_string(w->b, str_slice(json_string_value(j), json_string_length(j)));
        break;
    case JSON_INTEGER:
        buf_printf(w->b, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
        break;
    case JSON_REAL:
        write_real(w->b, json_real_value(j));
        break;
    case JSON_TRUE:
        buf_puts(w->b, "true");
        break;
    case JSON_FALSE:
        buf_puts(w->b, "false");
        break;
    case JSON_NULL:
        buf_puts(w->b, "null");
        break;
    }
}

enum err json_write(struct buf *b, const struct json_t *j)
{
    struct writer w = {.b = b};
    write_value(&w, j);
    return b->failed;
}

enum err json_write_pretty(struct buf *b, const struct json_t *j)
{
    struct writer w = {.b = b, .pretty = true};
    write_value(&w, j);
    return b->failed;
}

#include "codec/spaces.h"

#include "base/clock.h"
#include "base/secret.h"
#include "codec/json_walk.h"
#include "codec/native_fields.h"
#include "codec/native_write.h"

#include <string.h>

#define MESSAGE_BYTES ((size_t)64 * 1024) /* of a failure, as in the native protocol */
#define COUNT(array)  (sizeof(array) / sizeof *(array))

/* ---- from an app ---- */

static const char *const failure_names[] = {"error", "message"};

static bool empty_object(const struct json_member *m)
{
    return m->kind == JSON_OBJECT && !str_trim(str_slice(m->value.p + 1, m->value.n - 2)).n;
}

/* What an app says of a failure, wherever it says it: {"error": "..."} or {"message": "..."} in the
 * result, the result itself, or, when there is none, the same two beside it. */
static struct json_member failure_text(const struct native_reading *r,
                                       const struct json_member *result)
{
    for (size_t i = 0; i < COUNT(failure_names); i++) {
        struct json_member m;
        if (result->kind == JSON_OBJECT &&
            json_walk_find(result->value, str_of(failure_names[i]), &m) && m.kind == JSON_STRING)
            return m;
    }
    for (size_t i = 0; result->kind == JSON_NULL && i < COUNT(failure_names); i++) {
        const struct json_member *m = json_scan_member(&r->scan, str_of(failure_names[i]));
        if (m && m->kind == JSON_STRING)
            return *m;
    }
    return *result;
}

/* Cut between two characters. */
static struct str at_most(struct str s, size_t bytes)
{
    if (s.n <= bytes)
        return s;
    while (bytes && ((unsigned char)s.p[bytes] & 0xc0) == 0x80)
        bytes--;
    return str_slice(s.p, bytes);
}

/* \u0000 can be no part of a text: then it stays as it was written. An app that is told nothing
 * must not have its failure refused. */
static void put_text(struct buf *made, struct str string)
{
    if (json_unescape(string, made))
        buf_str_append(made, str_slice(string.p + 1, string.n - 2));
}

/* A result that is an object is kept whole beside its text: scripts read other members too. */
static enum err read_failure(const struct native_reading *r, struct buf *made,
                             const struct json_member *result, struct app_msg *out)
{
    struct json_member found = failure_text(r, result);
    bool empty = empty_object(result);
    out->kind = APP_MSG_ERROR;
    out->code = str_of(err_code(ERR_APP_ERROR));
    out->result = result->kind == JSON_OBJECT && !empty ? result->value : STR("");
    if (found.kind == JSON_STRING)
        put_text(made, found.value);
    else if (found.kind != JSON_NULL && !empty)
        buf_str_append(made, found.value);
    out->message =
        made->len ? at_most(buf_str(made), MESSAGE_BYTES) : STR("The app reported a failure");
    return made->failed;
}

static enum err read_success(struct buf *made, const struct json_member *result,
                             struct app_msg *out)
{
    out->kind = APP_MSG_RESULT;
    out->result = result->value;
    if (result->kind == JSON_OBJECT)
        return OK;
    if (result->kind != JSON_NULL)
        put_raw(made,
                result->kind == JSON_STRING ? "{\"text_output\":" : "{\"output\":", result->value);
    buf_puts(made, made->len ? "}" : "{}");
    out->result = buf_str(made);
    return made->failed;
}

static enum err decode_result(struct native_reading *r, struct buf *made, struct app_msg *out)
{
    static const struct field status_field = {"status", FIELD_STRING, true, 0, NO_FLAG, 0, 0};
    static const struct json_member none = {.value = {"null", 4}, .kind = JSON_NULL};
    struct app_msg m = {.usage = STR("")};
    struct str status;
    enum err e = native_read_lease(r, &m);
    if (!e)
        e = native_read(r, WHOLE_MESSAGE, &status_field, 1, &status);
    if (e)
        return e;
    const struct json_member *result = json_scan_member(&r->scan, STR("result"));
    result = result ? result : &none;
    const struct json_member *usage = json_scan_member(&r->scan, STR("usage"));
    if (usage && usage->kind == JSON_OBJECT)
        m.usage = usage->value;
    bool failed = !str_eq(status, STR("completed")); /* "failed" and "error" mean the same */
    e = failed ? read_failure(r, made, result, &m) : read_success(made, result, &m);
    if (e)
        return native_refuse(r->d, e, "field `result` cannot be read");
    *out = m;
    return OK;
}

static void set_defaults(struct native_reading *r)
{
    r->attempt_optional = true;
    r->defaults.own_queue = !json_scan_member(&r->scan, STR("concurrency"));
    r->defaults.concurrency = SPACES_CONCURRENCY;
    r->defaults.may_lack_token = true;
}

enum err spaces_decode(struct native_decoder *d, struct str name, struct str arg, struct buf *made,
                       struct app_msg *out)
{
    struct native_reading r;
    buf_clear(made);
    enum err e = native_begin_typed(&r, d, arg.n ? arg : STR("{}"), name);
    if (e)
        return e;
    set_defaults(&r);
    if (str_eq(name, STR("inference_result")))
        return decode_result(&r, made, out);
    return native_decode_begun(&r, out);
}

bool spaces_auth_token(struct str auth, struct buf *out)
{
    struct json_member m;
    return auth.n && auth.p[0] == '{' && json_walk_find(auth, STR("token"), &m) &&
           m.kind == JSON_STRING && m.value.n > 2 && !json_unescape(m.value, out);
}

/* ---- binary attachments ---- */

static bool is_placeholder(const struct json_member *m, uint64_t *number)
{
    struct json_member mark, num;
    return m->kind == JSON_OBJECT && json_walk_find(m->value, STR("_placeholder"), &mark) &&
           mark.kind == JSON_BOOL && mark.value.p[0] == 't' &&
           json_walk_find(m->value, STR("num"), &num) && num.kind == JSON_NUMBER &&
           !str_to_u64(num.value, UINT32_MAX, number);
}

/* Where the copying of one array or object stands. */
struct join_level {
    struct json_walk walk;
    bool object, any;
};

#define JOIN_DEPTH 128

struct attachments {
    const struct str *p;
    size_t count;
    size_t unused_bytes; /* a placeholder that comes again and again must not multiply them */
};

static enum err join_attachment(struct attachments *a, uint64_t number, struct buf *out)
{
    if (number >= a->count || a->p[number].n > a->unused_bytes)
        return ERR_BAD_MESSAGE;
    a->unused_bytes -= a->p[number].n;
    buf_putc(out, '"');
    (void)base64_append(out, a->p[number].p, a->p[number].n);
    buf_putc(out, '"');
    return OK;
}

static enum err join_value(const struct json_member *m, struct attachments *a, struct buf *out,
                           bool *deeper)
{
    uint64_t number;
    *deeper = false;
    if (is_placeholder(m, &number))
        return join_attachment(a, number, out);
    if (m->kind == JSON_OBJECT || m->kind == JSON_ARRAY) {
        *deeper = true;
    } else {
        buf_str_append(out, m->value);
    }
    return OK;
}

static void join_open(struct join_level *l, struct str container, struct buf *out)
{
    *l = (struct join_level){.object = container.p[0] == '{'};
    json_walk_start(&l->walk, container);
    buf_putc(out, container.p[0]);
}

static void join_key(struct join_level *l, const struct json_member *m, struct buf *out)
{
    if (l->any)
        buf_putc(out, ',');
    l->any = true;
    if (!l->object)
        return;
    buf_putc(out, '"');
    buf_str_append(out, m->key); /* still escaped */
    buf_puts(out, "\":");
}

static enum err join(struct str arg, struct attachments *a, struct buf *out)
{
    struct join_level levels[JOIN_DEPTH];
    size_t depth = 1;
    join_open(&levels[0], arg, out);
    while (depth) {
        struct join_level *l = &levels[depth - 1];
        struct json_member m;
        bool deeper;
        if (!json_walk_next(&l->walk, &m)) {
            buf_putc(out, l->object ? '}' : ']');
            depth--;
            continue;
        }
        join_key(l, &m, out);
        enum err e = join_value(&m, a, out, &deeper);
        if (e || (deeper && depth == JOIN_DEPTH))
            return ERR_BAD_MESSAGE;
        if (deeper)
            join_open(&levels[depth++], m.value, out);
    }
    return out->failed;
}

enum err spaces_join(struct native_decoder *d, struct str arg, const struct str *binaries,
                     size_t count, struct buf *out)
{
    if (!arg.n || arg.p[0] != '{')
        return native_refuse(d, ERR_BAD_MESSAGE, "a message must be an object");
    struct attachments a = {.p = binaries, .count = count};
    for (size_t i = 0; i < count; i++)
        a.unused_bytes += binaries[i].n;
    enum err e = join(arg, &a, out);
    return e ? native_refuse(d, e, "its binary attachments cannot be put in their places") : OK;
}

/* ---- to an app ---- */

static const char *encode_registered(struct buf *b, const struct app_out *m, struct str space_name)
{
    (void)space_name;
    put_id(b, "{\"success\":true,\"connection_id\":", m->connection_id);
    put_id(b, ",\"space_id\":", m->space_id);
    put_string(b, ",\"message\":", m->message);
    buf_puts(b, "}");
    return "register_response";
}

/* Some of these apps match the old site's words. */
static const char *encode_refused(struct buf *b, const struct app_out *m, struct str space_name)
{
    struct buf why = BUF_INIT(SPACE_NAME_BYTES * 8);
    buf_str_append(&why, m->message);
    if (m->code == ERR_NOT_FOUND) {
        buf_clear(&why);
        buf_printf(&why, "Space \"%.*s\" not found or is not a WebSocket space",
                   STR_ARG(space_name));
    }
    put_string(b, "{\"success\":false,\"message\":", buf_str(&why));
    buf_puts(b, "}");
    buf_release(&why);
    return "register_response";
}

/* ISO 8601 without a zone, as Python's isoformat() writes UTC. */
static void put_naive_time(struct buf *b, const char *before, int64_t wall_ms)
{
    char text[RFC3339_BYTES];
    rfc3339_format(wall_ms, text);
    text[strcspn(text, "Z")] = '\0';
    buf_printf(b, "%s\"%s\"", before, text);
}

/* The payload as it was submitted, with the time that these apps look for. */
static void put_payload(struct buf *b, const char *before, struct str payload, int64_t created_ms)
{
    struct json_member found;
    if (json_walk_find(payload, STR("timestamp"), &found)) {
        put_raw(b, before, payload);
        return;
    }
    struct json_walk w;
    json_walk_start(&w, payload);
    bool any = json_walk_next(&w, &found);
    put_raw(b, before, str_slice(payload.p, payload.n - 1));
    put_naive_time(b, any ? ",\"timestamp\":" : "\"timestamp\":", created_ms);
    buf_putc(b, '}');
}

static const char *encode_request(struct buf *b, const struct app_out *m, struct str space_name)
{
    (void)space_name;
    put_id(b, "{\"request_id\":", m->lease.request_id);
    put_string(b, ",\"username\":", m->username);
    put_payload(b, ",\"payload\":", m->payload, m->created_ms);
    put_number(b, ",\"attempt\":", m->lease.attempt);
    buf_puts(b, "}");
    return "inference_request";
}

/* Old apps have no handler for it and go on; newer ones may stop. */
static const char *encode_cancel(struct buf *b, const struct app_out *m, struct str space_name)
{
    (void)space_name;
    put_id(b, "{\"request_id\":", m->lease.request_id);
    put_number(b, ",\"attempt\":", m->lease.attempt);
    put_string(b, ",\"reason\":", m->reason);
    buf_puts(b, "}");
    return "inference_cancel";
}

const char *spaces_encode(struct buf *b, const struct app_out *m, struct str space_name)
{
    static const char *(*const encoders[APP_OUT__MAX])(struct buf *, const struct app_out *,
                                                       struct str) = {
        [APP_OUT_REGISTERED] = encode_registered,
        [APP_OUT_REFUSED] = encode_refused,
        [APP_OUT_REQUEST] = encode_request,
        [APP_OUT_CANCEL] = encode_cancel,
    };
    return encoders[m->kind] ? encoders[m->kind](b, m, space_name) : NULL;
}

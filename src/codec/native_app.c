/* /ws/app: what apps send, and what is sent to them. */
#include "codec/json_walk.h"
#include "codec/native_fields.h"
#include "codec/native_write.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AT(member)   offsetof(struct app_msg, member)

/* Each reads the fields of its kind into out, which holds defaults. */
typedef enum err decode_fn(struct native_reading *r, struct app_msg *out);

enum err native_read_lease(struct native_reading *r, struct app_msg *out)
{
    const struct field fields[] = {
        {"request_id", FIELD_ID, true, AT(lease.request_id), NO_FLAG, 0, 0},
        {"attempt", FIELD_U32, !r->attempt_optional, AT(lease.attempt), NO_FLAG, 1, UINT32_MAX},
    };
    return native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), out);
}

static enum err read_resume(struct native_reading *r, struct str array, struct app_register *reg)
{
    static const struct field fields[] = {
        {"request_id", FIELD_ID, true, offsetof(struct lease_ref, request_id), NO_FLAG, 0, 0},
        {"attempt", FIELD_U32, true, offsetof(struct lease_ref, attempt), NO_FLAG, 1, UINT32_MAX},
    };
    size_t n = native_count(array, RESUME_MAX);
    if (n > RESUME_MAX)
        return native_refuse(r->d, ERR_BAD_MESSAGE, "field `resume` must have at most %d entries",
                             RESUME_MAX);
    struct lease_ref *list = native_list(r->d, n * sizeof *list);
    if (n > 0 && !list)
        return native_refuse(r->d, ERR_MEMORY, "out of memory");
    struct json_walk w;
    struct json_member item;
    json_walk_start(&w, array);
    for (size_t i = 0; i < n && json_walk_next(&w, &item); i++) {
        if (item.kind != JSON_OBJECT)
            return native_refuse(r->d, ERR_BAD_MESSAGE, "field `resume` must hold objects");
        struct field_scope scope = {item.value, "resume."};
        enum err e = native_read(r, scope, fields, COUNT(fields), &list[i]);
        if (e)
            return e;
    }
    reg->resume = list;
    reg->resume_count = n;
    return OK;
}

/* Names that this version does not know are passed over. */
static uint32_t read_endpoints(struct str array)
{
    struct json_walk w;
    struct json_member item;
    uint32_t endpoints = 0;
    json_walk_start(&w, array);
    while (json_walk_next(&w, &item)) {
        if (item.kind == JSON_STRING)
            endpoints |= endpoint_parse(str_slice(item.value.p + 1, item.value.n - 2));
    }
    return endpoints;
}

struct register_parts {
    struct app_register reg;
    struct str app, resume, endpoints;
};
#define REG(member) offsetof(struct register_parts, member)

static enum err decode_register(struct native_reading *r, struct app_msg *out)
{
    static const struct field fields[] = {
        {"space_name", FIELD_STRING, false, REG(reg.space_name), NO_FLAG, 0, 0},
        {"token", FIELD_STRING, false, REG(reg.token), NO_FLAG, 0, 0},
        {"instance", FIELD_STRING, false, REG(reg.instance), NO_FLAG, 0, INSTANCE_BYTES - 1},
        {"concurrency", FIELD_U32, false, REG(reg.concurrency), NO_FLAG, 1, 1024},
        {"prefetch", FIELD_U32, false, REG(reg.prefetch), NO_FLAG, 0, 1024},
        {"app", FIELD_OBJECT, false, REG(app), NO_FLAG, 0, 0},
        {"resume", FIELD_ARRAY, false, REG(resume), NO_FLAG, 0, 0},
        {"endpoints", FIELD_ARRAY, false, REG(endpoints), NO_FLAG, 0, 0},
    };
    static const struct field app_fields[] = {
        {"name", FIELD_STRING, false, REG(reg.app_name), NO_FLAG, 0, 0},
        {"version", FIELD_STRING, false, REG(reg.app_version), NO_FLAG, 0, 0},
    };
    struct register_parts parts = {.reg = r->defaults};
    enum err e = native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), &parts);
    if (!e && parts.app.n) {
        struct field_scope scope = {parts.app, "app."};
        e = native_read(r, scope, app_fields, COUNT(app_fields), &parts);
    }
    if (!e && parts.resume.n)
        e = read_resume(r, parts.resume, &parts.reg);
    if (!e && parts.endpoints.n)
        parts.reg.endpoints = read_endpoints(parts.endpoints);
    out->reg = parts.reg;
    return e;
}

static enum err decode_progress(struct native_reading *r, struct app_msg *out)
{
    static const struct field fields[] = {
        {"percent", FIELD_PERCENT, false, AT(progress.percent), AT(progress.has_percent), 0, 0},
        {"message", FIELD_STRING, false, AT(progress.message), AT(progress.has_message), 0, 0},
        {"step", FIELD_U32, false, AT(progress.step), AT(progress.has_step), 0, UINT32_MAX},
        {"steps", FIELD_U32, false, AT(progress.steps), AT(progress.has_steps), 0, UINT32_MAX},
    };
    enum err e = native_read_lease(r, out);
    return e ? e : native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), out);
}

static enum err decode_delta(struct native_reading *r, struct app_msg *out)
{
    static const struct field fields[] = {
        {"text", FIELD_STRING, true, AT(text), NO_FLAG, 0, 0},
        {"offset", FIELD_U64, false, AT(offset), AT(has_offset), 0, UINT64_MAX},
    };
    enum err e = native_read_lease(r, out);
    if (!e)
        e = native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), out);
    if (e || out->text.n <= r->d->limits->text_bytes)
        return e;
    return native_refuse(r->d, ERR_TOO_LARGE,
                         "the streamed text of a request must have at most %llu bytes",
                         (unsigned long long)r->d->limits->text_bytes);
}

struct result_parts {
    struct str status, result, usage;
};
#define RESULT(member) offsetof(struct result_parts, member)

static enum err decode_result(struct native_reading *r, struct app_msg *out)
{
    static const struct field fields[] = {
        {"status", FIELD_STRING, true, RESULT(status), NO_FLAG, 0, 0},
        {"result", FIELD_OBJECT, true, RESULT(result), NO_FLAG, 0, 0},
        {"usage", FIELD_OBJECT, false, RESULT(usage), NO_FLAG, 0, 0},
    };
    struct result_parts parts = {.usage = STR("")};
    enum err e = native_read_lease(r, out);
    if (!e)
        e = native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), &parts);
    if (!e && !str_eq(parts.status, STR("completed")))
        e = native_refuse(r->d, ERR_BAD_MESSAGE, "field `status` must be \"completed\"");
    out->result = parts.result;
    out->usage = parts.usage;
    return e;
}

struct error_parts {
    struct str error, usage;
};
#define ERROR(member) offsetof(struct error_parts, member)

static enum err decode_error(struct native_reading *r, struct app_msg *out)
{
    static const struct field fields[] = {
        {"error", FIELD_OBJECT, true, ERROR(error), NO_FLAG, 0, 0},
        {"usage", FIELD_OBJECT, false, ERROR(usage), NO_FLAG, 0, 0},
    };
    static const struct field retryable = {"retryable", FIELD_BOOL, false, AT(retryable),
                                           NO_FLAG,     0,          0};
    static const struct field error_fields[] = {
        {"code", FIELD_STRING, true, AT(code), NO_FLAG, 0, 0},
        {"message", FIELD_STRING, true, AT(message), NO_FLAG, 0, 0},
    };
    struct error_parts parts = {.usage = STR("")};
    enum err e = native_read_lease(r, out);
    if (!e)
        e = native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), &parts);
    if (!e)
        e = native_read(r, WHOLE_MESSAGE, &retryable, 1, out);
    if (!e) {
        struct field_scope scope = {parts.error, "error."};
        e = native_read(r, scope, error_fields, COUNT(error_fields), out);
    }
    out->usage = parts.usage;
    return e;
}

static enum err decode_drain(struct native_reading *r, struct app_msg *out)
{
    (void)r;
    (void)out;
    return OK;
}

static const struct {
    const char *type;
    decode_fn *decode;
} app_types[] = {
    [APP_MSG_REGISTER] = {"register", decode_register},
    [APP_MSG_PROGRESS] = {"inference_progress", decode_progress},
    [APP_MSG_DELTA] = {"inference_delta", decode_delta},
    [APP_MSG_RESULT] = {"inference_result", decode_result},
    [APP_MSG_ERROR] = {"inference_error", decode_error},
    [APP_MSG_DRAIN] = {"drain", decode_drain},
};
_Static_assert(COUNT(app_types) == APP_MSG__MAX, "one row for each kind");

enum err native_decode_begun(struct native_reading *r, struct app_msg *out)
{
    for (size_t kind = 0; kind < APP_MSG__MAX; kind++) {
        if (!str_eq(r->type, str_of(app_types[kind].type)))
            continue;
        struct app_msg m = {.kind = (enum app_msg_kind)kind};
        enum err e = app_types[kind].decode(r, &m);
        if (!e)
            *out = m;
        return e;
    }
    return native_unknown_type(r);
}

enum err native_decode_app(struct native_decoder *d, struct str text, struct app_msg *out)
{
    struct native_reading r;
    enum err e = native_begin(&r, d, text);
    return e ? e : native_decode_begun(&r, out);
}

/* ---- to an app ---- */

typedef void encode_fn(struct buf *b, const struct app_out *m);

static void encode_registered(struct buf *b, const struct app_out *m)
{
    struct str message = m->message.n ? m->message : STR("Registered");
    put_string(b, "{\"type\":\"register_response\",\"success\":true,\"message\":", message);
    put_id(b, ",\"connection_id\":", m->connection_id);
    put_id(b, ",\"space_id\":", m->space_id);
    put_number(b, ",\"limits\":{\"max_message_bytes\":", m->max_message_bytes);
    put_seconds(b, ",\"request_timeout_s\":", m->request_timeout_ms, 3);
    buf_puts(b, "},\"resumed\":[");
    for (size_t i = 0; i < m->resumed_count; i++) {
        const struct resumed *r = &m->resumed[i];
        put_id(b, i ? ",{\"request_id\":" : "{\"request_id\":", r->lease.request_id);
        put_number(b, ",\"attempt\":", r->lease.attempt);
        put_number(b, ",\"text_bytes\":", r->text_bytes);
        buf_putc(b, '}');
    }
    buf_puts(b, "]}");
}

static void put_code_and_message(struct buf *b, const struct app_out *m)
{
    put_string(b, ",\"code\":", str_of(err_code(m->code)));
    put_string(b, ",\"message\":", m->message.n ? m->message : str_of(err_message(m->code)));
}

static void encode_refused(struct buf *b, const struct app_out *m)
{
    buf_puts(b, "{\"type\":\"register_response\",\"success\":false");
    put_code_and_message(b, m);
    buf_putc(b, '}');
}

static void encode_request(struct buf *b, const struct app_out *m)
{
    put_id(b, "{\"type\":\"inference_request\",\"request_id\":", m->lease.request_id);
    put_number(b, ",\"attempt\":", m->lease.attempt);
    put_string(b, ",\"username\":", m->username);
    put_raw(b, ",\"payload\":", m->payload);
    put_time(b, ",\"created_at\":", m->created_ms);
    if (m->deadline_ms)
        put_time(b, ",\"deadline\":", m->deadline_ms);
    buf_putc(b, '}');
}

static void encode_cancel(struct buf *b, const struct app_out *m)
{
    put_id(b, "{\"type\":\"inference_cancel\",\"request_id\":", m->lease.request_id);
    put_number(b, ",\"attempt\":", m->lease.attempt);
    put_string(b, ",\"reason\":", m->reason);
    buf_putc(b, '}');
}

static void encode_ack(struct buf *b, const struct app_out *m)
{
    put_id(b, "{\"type\":\"result_ack\",\"request_id\":", m->lease.request_id);
    put_number(b, ",\"attempt\":", m->lease.attempt);
    put_bool(b, ",\"accepted\":", m->code == OK);
    if (m->code)
        put_string(b, ",\"code\":", str_of(err_code(m->code)));
    buf_putc(b, '}');
}

static void encode_drain(struct buf *b, const struct app_out *m)
{
    put_number(b, "{\"type\":\"drain\",\"reconnect_after_ms\":", m->reconnect_after_ms);
    buf_putc(b, '}');
}

static void encode_error(struct buf *b, const struct app_out *m)
{
    buf_puts(b, "{\"type\":\"error\"");
    put_code_and_message(b, m);
    if (m->has_lease)
        put_id(b, ",\"request_id\":", m->lease.request_id);
    buf_putc(b, '}');
}

static encode_fn *const app_encoders[] = {
    [APP_OUT_REGISTERED] = encode_registered,
    [APP_OUT_REFUSED] = encode_refused,
    [APP_OUT_REQUEST] = encode_request,
    [APP_OUT_CANCEL] = encode_cancel,
    [APP_OUT_ACK] = encode_ack,
    [APP_OUT_DRAIN] = encode_drain,
    [APP_OUT_ERROR] = encode_error,
};
_Static_assert(COUNT(app_encoders) == APP_OUT__MAX, "one row for each kind");

enum err native_encode_app(struct buf *b, const struct app_out *m)
{
    app_encoders[m->kind](b, m);
    return b->failed;
}

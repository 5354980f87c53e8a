/* The other end of /ws/app, for programs that are apps: what the relay sends, and what is sent to
 * it. */
#include "codec/json_walk.h"
#include "codec/native_fields.h"
#include "codec/native_write.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AT(member)   offsetof(struct app_in, member)

typedef enum err decode_fn(struct native_reading *r, struct app_in *out);

/* A code this version does not know counts as internal; its text is kept. */
static void set_code(struct app_in *out, struct str code)
{
    (void)str_copy(out->code, sizeof out->code, code);
    out->m.code = ERR_INTERNAL;
    for (int e = OK + 1; e < ERR_INTERNAL; e++)
        if (str_eq(code, str_of(err_code((enum err)e))))
            out->m.code = (enum err)e;
}

static enum err read_code(struct native_reading *r, struct app_in *out)
{
    static const struct field field = {"code", FIELD_STRING, true, 0, NO_FLAG, 0, 0};
    struct str code;
    enum err e = native_read(r, WHOLE_MESSAGE, &field, 1, &code);
    if (!e)
        set_code(out, code);
    return e;
}

static enum err read_message(struct native_reading *r, struct app_in *out)
{
    static const struct field field = {"message", FIELD_STRING, false, AT(m.message), NO_FLAG, 0,
                                       0};
    return native_read(r, WHOLE_MESSAGE, &field, 1, out);
}

static enum err read_lease(struct native_reading *r, struct app_in *out)
{
    static const struct field fields[] = {
        {"request_id", FIELD_ID, true, AT(m.lease.request_id), AT(m.has_lease), 0, 0},
        {"attempt", FIELD_U32, true, AT(m.lease.attempt), NO_FLAG, 1, UINT32_MAX},
    };
    return native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), out);
}

static enum err read_resumed(struct native_reading *r, struct str array, struct app_in *out)
{
    static const struct field fields[] = {
        {"request_id", FIELD_ID, true, offsetof(struct resumed, lease.request_id), NO_FLAG, 0, 0},
        {"attempt", FIELD_U32, true, offsetof(struct resumed, lease.attempt), NO_FLAG, 1,
         UINT32_MAX},
        {"text_bytes", FIELD_U64, true, offsetof(struct resumed, text_bytes), NO_FLAG, 0,
         UINT64_MAX},
    };
    size_t n = native_count(array, RESUME_MAX);
    if (n > RESUME_MAX)
        return native_refuse(r->d, ERR_BAD_MESSAGE, "field `resumed` must have at most %d entries",
                             RESUME_MAX);
    struct resumed *list = native_list(r->d, n * sizeof *list);
    if (n > 0 && !list)
        return native_refuse(r->d, ERR_MEMORY, "out of memory");
    struct json_walk w;
    struct json_member item;
    json_walk_start(&w, array);
    for (size_t i = 0; i < n && json_walk_next(&w, &item); i++) {
        if (item.kind != JSON_OBJECT)
            return native_refuse(r->d, ERR_BAD_MESSAGE, "field `resumed` must hold objects");
        struct field_scope scope = {item.value, "resumed."};
        enum err e = native_read(r, scope, fields, COUNT(fields), &list[i]);
        if (e)
            return e;
    }
    out->m.resumed = list;
    out->m.resumed_count = n;
    return OK;
}

struct registered_parts {
    struct str limits, resumed;
};
#define PART(member) offsetof(struct registered_parts, member)

static enum err decode_registered(struct native_reading *r, struct app_in *out)
{
    static const struct field fields[] = {
        {"connection_id", FIELD_ID, true, AT(m.connection_id), NO_FLAG, 0, 0},
        {"space_id", FIELD_ID, true, AT(m.space_id), NO_FLAG, 0, 0},
    };
    static const struct field nested[] = {
        {"limits", FIELD_OBJECT, false, PART(limits), NO_FLAG, 0, 0},
        {"resumed", FIELD_ARRAY, false, PART(resumed), NO_FLAG, 0, 0},
    };
    static const struct field limits[] = {
        {"max_message_bytes", FIELD_U64, false, AT(m.max_message_bytes), NO_FLAG, 0, UINT64_MAX},
        {"request_timeout_s", FIELD_SECONDS, false, AT(m.request_timeout_ms), NO_FLAG, 0, 0},
    };
    struct registered_parts parts = {.limits = STR("")};
    enum err e = native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), out);
    if (!e)
        e = native_read(r, WHOLE_MESSAGE, nested, COUNT(nested), &parts);
    if (!e && parts.limits.n) {
        struct field_scope scope = {parts.limits, "limits."};
        e = native_read(r, scope, limits, COUNT(limits), out);
    }
    return !e && parts.resumed.n ? read_resumed(r, parts.resumed, out) : e;
}

static enum err decode_register_response(struct native_reading *r, struct app_in *out)
{
    static const struct field success = {"success", FIELD_BOOL, true, AT(success), NO_FLAG, 0, 0};
    enum err e = native_read(r, WHOLE_MESSAGE, &success, 1, out);
    if (!e)
        e = read_message(r, out);
    if (e)
        return e;
    out->kind = out->success ? APP_OUT_REGISTERED : APP_OUT_REFUSED;
    return out->success ? decode_registered(r, out) : read_code(r, out);
}

static enum err decode_request(struct native_reading *r, struct app_in *out)
{
    static const struct field fields[] = {
        {"username", FIELD_STRING, false, AT(m.username), NO_FLAG, 0, 0},
        {"payload", FIELD_OBJECT, true, AT(m.payload), NO_FLAG, 0, 0},
        {"created_at", FIELD_TIME, false, AT(m.created_ms), NO_FLAG, 0, 0},
        {"deadline", FIELD_TIME, false, AT(m.deadline_ms), NO_FLAG, 0, 0},
    };
    enum err e = read_lease(r, out);
    return e ? e : native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), out);
}

static enum err decode_cancel(struct native_reading *r, struct app_in *out)
{
    static const struct field reason = {"reason", FIELD_STRING, false, AT(m.reason), NO_FLAG, 0, 0};
    enum err e = read_lease(r, out);
    return e ? e : native_read(r, WHOLE_MESSAGE, &reason, 1, out);
}

static enum err decode_ack(struct native_reading *r, struct app_in *out)
{
    static const struct field accepted = {"accepted", FIELD_BOOL, true, AT(accepted),
                                          NO_FLAG,    0,          0};
    enum err e = read_lease(r, out);
    if (!e)
        e = native_read(r, WHOLE_MESSAGE, &accepted, 1, out);
    return e || out->accepted ? e : read_code(r, out);
}

static enum err decode_drain(struct native_reading *r, struct app_in *out)
{
    static const struct field after = {
        "reconnect_after_ms", FIELD_U64, false, AT(m.reconnect_after_ms), NO_FLAG, 0, UINT64_MAX};
    return native_read(r, WHOLE_MESSAGE, &after, 1, out);
}

static enum err decode_error(struct native_reading *r, struct app_in *out)
{
    static const struct field id = {"request_id",    FIELD_ID, false, AT(m.lease.request_id),
                                    AT(m.has_lease), 0,        0};
    enum err e = read_code(r, out);
    if (!e)
        e = read_message(r, out);
    return e ? e : native_read(r, WHOLE_MESSAGE, &id, 1, out);
}

static const struct {
    const char *type;
    enum app_out_kind kind; /* register_response sets its own */
    decode_fn *decode;
} relay_types[] = {
    {"register_response", APP_OUT_REGISTERED, decode_register_response},
    {"inference_request", APP_OUT_REQUEST, decode_request},
    {"inference_cancel", APP_OUT_CANCEL, decode_cancel},
    {"result_ack", APP_OUT_ACK, decode_ack},
    {"drain", APP_OUT_DRAIN, decode_drain},
    {"error", APP_OUT_ERROR, decode_error},
};

enum err native_decode_relay(struct native_decoder *d, struct str text, struct app_in *out)
{
    struct native_reading r;
    struct app_in in = {.known = true};
    enum err e = native_begin(&r, d, text);
    if (e)
        return e;
    for (size_t i = 0; i < COUNT(relay_types); i++) {
        if (!str_eq(r.type, str_of(relay_types[i].type)))
            continue;
        in.kind = relay_types[i].kind;
        e = relay_types[i].decode(&r, &in);
        in.m.kind = in.kind;
        if (!e)
            *out = in;
        return e;
    }
    *out = (struct app_in){.known = false};
    return OK;
}

/* ---- to the relay ---- */

static void put_lease(struct buf *b, const char *before, const struct lease_ref *lease)
{
    put_id(b, before, lease->request_id);
    put_number(b, ",\"attempt\":", lease->attempt);
}

typedef void encode_fn(struct buf *b, const struct app_msg *m);

static void put_app(struct buf *b, const struct app_register *reg)
{
    if (reg->app_name.n + reg->app_version.n == 0)
        return;
    put_string(b, ",\"app\":{\"name\":", reg->app_name);
    put_string(b, ",\"version\":", reg->app_version);
    buf_putc(b, '}');
}

/* 0, and what the relay takes for granted, go without saying. */
static void put_endpoints(struct buf *b, uint32_t endpoints)
{
    if (!endpoints || endpoints == ENDPOINTS_DEFAULT)
        return;
    const char *before = ",\"endpoints\":[";
    for (unsigned i = 0; i < ENDPOINT__MAX; i++) {
        if (!(endpoints & ENDPOINT_BIT(i)))
            continue;
        buf_printf(b, "%s\"%s\"", before, endpoint_name((enum endpoint)i));
        before = ",";
    }
    buf_putc(b, ']');
}

static void encode_register(struct buf *b, const struct app_msg *m)
{
    const struct app_register *reg = &m->reg;
    put_string(b, "{\"type\":\"register\",\"space_name\":", reg->space_name);
    put_string_unless_empty(b, ",\"token\":", reg->token);
    put_string_unless_empty(b, ",\"instance\":", reg->instance);
    put_app(b, reg);
    put_number(b, ",\"concurrency\":", reg->concurrency);
    put_number(b, ",\"prefetch\":", reg->prefetch);
    put_endpoints(b, reg->endpoints);
    for (size_t i = 0; i < reg->resume_count; i++) {
        put_lease(b, i ? ",{\"request_id\":" : ",\"resume\":[{\"request_id\":", &reg->resume[i]);
        buf_putc(b, '}');
    }
    buf_puts(b, reg->resume_count ? "]}" : "}");
}

static void encode_progress(struct buf *b, const struct app_msg *m)
{
    const struct app_progress *p = &m->progress;
    put_lease(b, "{\"type\":\"inference_progress\",\"request_id\":", &m->lease);
    if (p->has_percent)
        put_percent(b, ",\"percent\":", p->percent);
    if (p->has_message)
        put_string(b, ",\"message\":", p->message);
    if (p->has_step)
        put_number(b, ",\"step\":", p->step);
    if (p->has_steps)
        put_number(b, ",\"steps\":", p->steps);
    buf_putc(b, '}');
}

static void encode_delta(struct buf *b, const struct app_msg *m)
{
    put_lease(b, "{\"type\":\"inference_delta\",\"request_id\":", &m->lease);
    put_string(b, ",\"text\":", m->text);
    if (m->has_offset)
        put_number(b, ",\"offset\":", m->offset);
    buf_putc(b, '}');
}

static void encode_result(struct buf *b, const struct app_msg *m)
{
    put_lease(b, "{\"type\":\"inference_result\",\"request_id\":", &m->lease);
    put_raw(b, ",\"status\":\"completed\",\"result\":", m->result.n ? m->result : STR("{}"));
    put_raw_unless_empty(b, ",\"usage\":", m->usage);
    buf_putc(b, '}');
}

static void encode_error(struct buf *b, const struct app_msg *m)
{
    put_lease(b, "{\"type\":\"inference_error\",\"request_id\":", &m->lease);
    put_string(b, ",\"error\":{\"code\":", m->code);
    put_string(b, ",\"message\":", m->message);
    put_bool(b, "},\"retryable\":", m->retryable);
    put_raw_unless_empty(b, ",\"usage\":", m->usage);
    buf_putc(b, '}');
}

static void encode_drain(struct buf *b, const struct app_msg *m)
{
    (void)m;
    buf_puts(b, "{\"type\":\"drain\"}");
}

static encode_fn *const app_msg_encoders[] = {
    [APP_MSG_REGISTER] = encode_register, [APP_MSG_PROGRESS] = encode_progress,
    [APP_MSG_DELTA] = encode_delta,       [APP_MSG_RESULT] = encode_result,
    [APP_MSG_ERROR] = encode_error,       [APP_MSG_DRAIN] = encode_drain,
};
_Static_assert(COUNT(app_msg_encoders) == APP_MSG__MAX, "one row for each kind");

enum err native_encode_app_msg(struct buf *b, const struct app_msg *m)
{
    app_msg_encoders[m->kind](b, m);
    return b->failed;
}

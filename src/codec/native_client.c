/* /ws/client: what people's sockets send, and what is sent to them. */
#include "codec/json_text.h"
#include "codec/json_walk.h"
#include "codec/native_fields.h"
#include "codec/native_view.h"
#include "codec/native_write.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AT(member)   offsetof(struct client_msg, member)

typedef enum err decode_fn(struct native_reading *r, struct client_msg *out);

static enum err read_topic(struct native_reading *r, struct client_msg *out)
{
    static const struct field topic = {"topic", FIELD_STRING, true, AT(topic_text), NO_FLAG, 0, 0};
    enum err e = native_read(r, WHOLE_MESSAGE, &topic, 1, out);
    if (!e)
        out->topic_known = topic_parse(out->topic_text, &out->topic);
    return e;
}

static enum err decode_subscribe(struct native_reading *r, struct client_msg *out)
{
    static const struct field fields[] = {
        {"since", FIELD_U64, false, AT(since), AT(has_since), 0, UINT64_MAX},
        {"epoch", FIELD_STRING, false, AT(epoch), NO_FLAG, 0, EPOCH_BYTES - 1},
    };
    enum err e = read_topic(r, out);
    return e ? e : native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), out);
}

/* The input that a member of the payload is; 0 for what the relay only passes on, and for what is
 * empty. */
static uint32_t input_of(const struct json_member *m)
{
    static const struct {
        struct str key;
        uint32_t input;
    } inputs[] = {{{"prompt", 6}, INPUT_PROMPT},
                  {{"audio", 5}, INPUT_AUDIO},
                  {{"video", 5}, INPUT_VIDEO},
                  {{"file", 4}, INPUT_FILE}};
    if (m->kind == JSON_NULL || (m->kind == JSON_STRING && m->value.n == 2))
        return 0;
    for (size_t i = 0; i < COUNT(inputs); i++)
        if (json_key_is(m->key, inputs[i].key))
            return inputs[i].input;
    return 0;
}

/* One walk over it. */
static enum err read_payload(struct native_reading *r, struct client_msg *out)
{
    struct json_walk w;
    struct json_member m;
    uint64_t max = r->d->limits->payload_bytes;
    if (out->payload.n > max)
        return native_refuse(r->d, ERR_TOO_LARGE, "field `payload` must have at most %llu bytes",
                             (unsigned long long)max);
    json_walk_start(&w, out->payload);
    while (json_walk_next(&w, &m)) {
        if (json_key_is(m.key, STR("prompt")) && m.kind != JSON_STRING)
            return native_refuse(r->d, ERR_INPUT_REFUSED,
                                 "field `payload.prompt` must be a string");
        out->inputs |= input_of(&m);
        if (json_key_is(m.key, STR("endpoint")) && m.kind == JSON_STRING)
            out->endpoint = endpoint_parse(str_slice(m.value.p + 1, m.value.n - 2));
    }
    return OK;
}

static enum err check_key(struct native_reading *r, const struct client_msg *m)
{
    struct str key = m->idempotency_key;
    uint64_t max = r->d->limits->idempotency_key_bytes;
    bool good = key.n > 0 && key.n <= max;
    for (size_t i = 0; good && i < key.n; i++)
        good = key.p[i] > ' ' && key.p[i] < 0x7f;
    if (good || !m->has_idempotency_key)
        return OK;
    return native_refuse(r->d, ERR_BAD_MESSAGE,
                         "field `idempotency_key` must have 1 to %llu visible ASCII characters",
                         (unsigned long long)max);
}

static enum err decode_submit(struct native_reading *r, struct client_msg *out)
{
    static const struct field fields[] = {
        {"space", FIELD_STRING, true, AT(space), NO_FLAG, 0, 0},
        {"payload", FIELD_OBJECT, true, AT(payload), NO_FLAG, 0, 0},
        {"ref", FIELD_STRING, false, AT(ref), NO_FLAG, 0, REF_BYTES - 1},
        {"idempotency_key", FIELD_STRING, false, AT(idempotency_key), AT(has_idempotency_key), 0,
         0},
        {"watch", FIELD_BOOL, false, AT(watch), NO_FLAG, 0, 0},
    };
    enum err e = native_read(r, WHOLE_MESSAGE, fields, COUNT(fields), out);
    if (!e)
        e = check_key(r, out);
    return e ? e : read_payload(r, out);
}

static enum err decode_cancel(struct native_reading *r, struct client_msg *out)
{
    static const struct field id = {"request_id", FIELD_ID, true, AT(request_id), NO_FLAG, 0, 0};
    return native_read(r, WHOLE_MESSAGE, &id, 1, out);
}

static const struct {
    const char *type;
    decode_fn *decode;
} client_types[] = {
    [CLIENT_MSG_SUBSCRIBE] = {"subscribe", decode_subscribe},
    [CLIENT_MSG_UNSUBSCRIBE] = {"unsubscribe", read_topic},
    [CLIENT_MSG_SUBMIT] = {"submit", decode_submit},
    [CLIENT_MSG_CANCEL] = {"cancel", decode_cancel},
};
_Static_assert(COUNT(client_types) == CLIENT_MSG__MAX, "one row for each kind");

enum err native_decode_client(struct native_decoder *d, struct str text, struct client_msg *out)
{
    struct native_reading r;
    enum err e = native_begin(&r, d, text);
    if (e)
        return e;
    for (size_t kind = 0; kind < CLIENT_MSG__MAX; kind++) {
        if (!str_eq(r.type, str_of(client_types[kind].type)))
            continue;
        struct client_msg m = {.kind = (enum client_msg_kind)kind};
        e = client_types[kind].decode(&r, &m);
        if (!e)
            *out = m;
        return e;
    }
    return native_unknown_type(&r);
}

enum err native_decode_submit(struct native_decoder *d, struct str text, const struct str *key,
                              struct client_msg *out)
{
    struct native_reading r;
    struct client_msg m = {.kind = CLIENT_MSG_SUBMIT};
    enum err e = native_begin_typed(&r, d, text, STR("submit"));
    if (!e)
        e = decode_submit(&r, &m);
    m.watch = false; /* no socket */
    if (!e && key) {
        m.idempotency_key = *key;
        m.has_idempotency_key = true;
        e = check_key(&r, &m);
    }
    if (!e)
        *out = m;
    return e;
}

/* ---- to a person's socket ---- */

typedef void encode_fn(struct buf *b, const struct client_out *m);

/* As it was sent; what the relay itself names has only its id. */
static void put_topic(struct buf *b, const char *before, const struct client_out *m)
{
    char name[TOPIC_TEXT_BYTES];
    topic_format(m->topic, name);
    put_string(b, before, m->topic_text.n ? m->topic_text : str_of(name));
}

static void put_spaces(struct buf *b, const struct space_view *spaces, size_t count)
{
    buf_puts(b, "{\"spaces\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_putc(b, ',');
        put_space(b, &spaces[i]);
    }
    buf_puts(b, "]}");
}

static void put_state(struct buf *b, const struct client_out *m)
{
    buf_puts(b, ",\"state\":");
    switch (m->topic.kind) {
    case TOPIC_SPACE:
        put_space(b, m->spaces);
        break;
    case TOPIC_REQUEST:
        put_request(b, m->request);
        break;
    case TOPIC_SPACES:
        put_spaces(b, m->spaces, m->spaces_count);
        break;
    case TOPIC_ADMIN:
        put_admin(b, m->admin);
        break;
    }
}

static void encode_subscribed(struct buf *b, const struct client_out *m)
{
    put_topic(b, "{\"type\":\"subscribed\",\"topic\":", m);
    put_string(b, ",\"epoch\":", m->epoch);
    put_number(b, ",\"seq\":", m->seq);
    put_bool(b, ",\"recovered\":", m->recovered);
    if (!m->recovered)
        put_state(b, m);
    buf_putc(b, '}');
}

static void encode_unsubscribed(struct buf *b, const struct client_out *m)
{
    put_topic(b, "{\"type\":\"unsubscribed\",\"topic\":", m);
    buf_putc(b, '}');
}

static void encode_submitted(struct buf *b, const struct client_out *m)
{
    buf_puts(b, "{\"type\":\"submitted\"");
    put_string_unless_empty(b, ",\"ref\":", m->ref);
    put_id(b, ",\"request_id\":", m->request_id);
    put_number(b, ",\"position\":", m->position);
    if (m->epoch.n) {
        put_string(b, ",\"epoch\":", m->epoch);
        put_number(b, ",\"seq\":", m->seq);
    }
    buf_putc(b, '}');
}

static void encode_cancelled(struct buf *b, const struct client_out *m)
{
    put_id(b, "{\"type\":\"cancelled\",\"request_id\":", m->request_id);
    buf_putc(b, '}');
}

static void encode_error(struct buf *b, const struct client_out *m)
{
    put_string(b, "{\"type\":\"error\",\"code\":", str_of(err_code(m->code)));
    put_string(b, ",\"message\":", m->message.n ? m->message : str_of(err_message(m->code)));
    put_string_unless_empty(b, ",\"ref\":", m->ref);
    put_string_unless_empty(b, ",\"topic\":", m->topic_text);
    if (m->has_request_id)
        put_id(b, ",\"request_id\":", m->request_id);
    if (m->retry_after_ms)
        put_seconds(b, ",\"retry_after_s\":", m->retry_after_ms, 3);
    buf_putc(b, '}');
}

static encode_fn *const client_encoders[] = {
    [CLIENT_OUT_SUBSCRIBED] = encode_subscribed, [CLIENT_OUT_UNSUBSCRIBED] = encode_unsubscribed,
    [CLIENT_OUT_SUBMITTED] = encode_submitted,   [CLIENT_OUT_CANCELLED] = encode_cancelled,
    [CLIENT_OUT_ERROR] = encode_error,
};
_Static_assert(COUNT(client_encoders) == CLIENT_OUT__MAX, "one row for each kind");

enum err native_encode_client(struct buf *b, const struct client_out *m)
{
    client_encoders[m->kind](b, m);
    return b->failed;
}

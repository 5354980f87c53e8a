/* The first byte chooses who sends. What decodes is encoded and decoded again, to the same bytes.
 */
#include "codec/native.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct limits limits;
static struct native_decoder decoder;

static void check_failure(enum err e)
{
    assert(e == ERR_BAD_JSON || e == ERR_BAD_MESSAGE || e == ERR_UNKNOWN_TYPE ||
           e == ERR_TOO_LARGE || e == ERR_INPUT_REFUSED);
    assert(decoder.why[0] && utf8_valid(decoder.why, strlen(decoder.why)));
    assert(utf8_valid(decoder.ref, strlen(decoder.ref)));
}

static void check_object(struct str raw)
{
    assert(raw.n >= 2 && raw.p[0] == '{' && raw.p[raw.n - 1] == '}');
}

static void check_app_msg(const struct app_msg *m)
{
    assert(m->kind < APP_MSG__MAX);
    if (m->kind == APP_MSG_REGISTER) {
        assert(m->reg.concurrency >= 1 && m->reg.concurrency <= 1024 && m->reg.prefetch <= 1024);
        assert(m->reg.resume_count <= RESUME_MAX && m->reg.instance.n < INSTANCE_BYTES);
    } else if (m->kind != APP_MSG_DRAIN)
        assert(m->lease.attempt >= 1);
    if (m->kind == APP_MSG_RESULT)
        check_object(m->result);
    assert(m->progress.percent >= 0 && m->progress.percent <= 100);
    assert(m->text.n <= limits.text_bytes && utf8_valid(m->text.n ? m->text.p : "", m->text.n));
}

static void from_app(struct str text)
{
    struct app_msg m;
    struct buf once = BUF_INIT(SIZE_MAX), twice = BUF_INIT(SIZE_MAX);
    enum err e = native_decode_app(&decoder, text, &m);
    if (e) {
        check_failure(e);
        return;
    }
    check_app_msg(&m);
    enum app_msg_kind kind = m.kind;
    e = native_encode_app_msg(&once, &m);
    assert(e == OK);
    e = native_decode_app(&decoder, buf_str(&once), &m);
    assert(e == OK && m.kind == kind);
    e = native_encode_app_msg(&twice, &m);
    assert(e == OK && str_eq(buf_str(&once), buf_str(&twice)));
    buf_release(&once);
    buf_release(&twice);
}

static void from_relay(struct str text)
{
    struct app_in in;
    struct buf once = BUF_INIT(SIZE_MAX), twice = BUF_INIT(SIZE_MAX);
    enum err e = native_decode_relay(&decoder, text, &in);
    if (e || !in.known) {
        if (e)
            check_failure(e);
        return;
    }
    enum app_out_kind kind = in.kind;
    e = native_encode_app(&once, &in.m);
    assert(e == OK);
    e = native_decode_relay(&decoder, buf_str(&once), &in);
    assert(e == OK && in.kind == kind && in.m.kind == kind);
    e = native_encode_app(&twice, &in.m);
    assert(e == OK && str_eq(buf_str(&once), buf_str(&twice)));
    buf_release(&once);
    buf_release(&twice);
}

static void from_client(struct str text)
{
    struct client_msg m;
    enum err e = native_decode_client(&decoder, text, &m);
    if (e) {
        check_failure(e);
        return;
    }
    if (m.kind == CLIENT_MSG_SUBMIT)
        check_object(m.payload);
    if (m.topic_known) {
        char name[TOPIC_TEXT_BYTES];
        struct topic_id again;
        topic_format(m.topic, name);
        bool known = topic_parse(str_of(name), &again);
        assert(known && again.kind == m.topic.kind && uuid_eq(again.id, m.topic.id));
    }
    assert(m.epoch.n < EPOCH_BYTES && m.ref.n < REF_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!decoder.limits) {
        limits_default(&limits);
        limits.text_bytes = 256;
        limits.payload_bytes = 256;
        limits.json_tree_bytes = 2048;
        native_init(&decoder, &limits);
    }
    if (size == 0)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    switch (data[0]) {
    case 'a':
        from_app(text);
        break;
    case 'r':
        from_relay(text);
        break;
    default:
        from_client(text);
        break;
    }
    return 0;
}

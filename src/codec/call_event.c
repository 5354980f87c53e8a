#include "codec/call_event.h"

#include "codec/json_walk.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The payload of an unmasked frame (RFC 6455, section 5.2). */
static struct str payload_of(struct str frame)
{
    if (frame.n < 2)
        return STR("");
    unsigned length = (unsigned char)frame.p[1];
    size_t skip = length < 126 ? 2 : length == 126 ? 4 : 10;
    return frame.n > skip ? str_slice(frame.p + skip, frame.n - skip) : STR("");
}

static struct str between_quotes(struct str value)
{
    return value.n >= 2 ? str_slice(value.p + 1, value.n - 2) : STR("");
}

static void read_fields(struct str event, struct call_event *out)
{
    const struct {
        struct str name;
        struct str *to;
    } fields[] = {
        {STR("kind"), &out->kind},     {STR("status"), &out->status},
        {STR("text"), &out->text},     {STR("position"), &out->position},
        {STR("result"), &out->result}, {STR("usage"), &out->usage},
        {STR("error"), &out->error},
    };
    struct json_walk w;
    struct json_member m;
    json_walk_start(&w, event);
    while (json_walk_next(&w, &m)) {
        for (size_t i = 0; i < COUNT(fields); i++) {
            if (m.kind != JSON_NULL && str_eq(m.key, fields[i].name))
                *fields[i].to = m.value;
        }
    }
    out->kind = between_quotes(out->kind);
    out->status = between_quotes(out->status);
}

enum err call_event_read(struct str frame, struct call_event *out)
{
    struct str text = payload_of(frame);
    struct json_member seq, event;
    *out = (struct call_event){0};
    if (!text.n || text.p[0] != '{' || !json_walk_find(text, STR("seq"), &seq) ||
        !json_walk_find(text, STR("event"), &event) || event.kind != JSON_OBJECT)
        return ERR_SYNTAX;
    if (str_to_u64(seq.value, UINT64_MAX, &out->seq))
        return ERR_SYNTAX;
    out->event = event.value;
    read_fields(event.value, out);
    return OK;
}

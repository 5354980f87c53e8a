/* Frames in both directions. */
#include "client/link_state.h"

#include "base/secret.h"

#include <event2/event.h>

void link_frame(struct link *l, enum ws_opcode opcode, struct str data)
{
    unsigned char mask[4];
    random_bytes(mask, sizeof mask);
    if (ws_encode(&l->out, opcode, data, mask))
        link_end(l, "the relay takes no bytes, and there is no room for more");
    event_active(l->again, 0, 0);
}

void link_close_frame(struct link *l, uint16_t code, struct str reason)
{
    unsigned char mask[4];
    if (l->echoed)
        return;
    l->echoed = true;
    random_bytes(mask, sizeof mask);
    ws_encode_close(&l->out, code, reason, mask); /* no room: the connection ends without it */
    event_active(l->again, 0, 0);
}

static enum step take_text(struct link *l, const struct ws_message *m)
{
    if (l->phase == PHASE_OPEN)
        l->options.events->message(l->options.owner, m->data);
    return STEP_WAIT;
}

static enum step take_binary(struct link *l, const struct ws_message *m)
{
    (void)m;
    link_close_frame(l, 1003, STR("text frames only"));
    return link_end(l, "the relay sent a binary frame");
}

static enum step take_ping(struct link *l, const struct ws_message *m)
{
    if (l->phase == PHASE_OPEN)
        link_frame(l, WS_PONG, m->data);
    return STEP_WAIT;
}

static enum step take_pong(struct link *l, const struct ws_message *m)
{
    (void)l;
    (void)m;
    return STEP_WAIT;
}

static enum step take_close(struct link *l, const struct ws_message *m)
{
    bool ours = l->phase == PHASE_CLOSING;
    link_close_frame(l, m->close_code, STR(""));
    if (!ours)
        l->close_code = m->close_code;
    if (m->data.n)
        return link_end(l, "%.*s", STR_ARG(m->data));
    return link_end(l, "the relay closed the connection");
}

typedef enum step take_fn(struct link *l, const struct ws_message *m);
static take_fn *const takers[] = {
    [WS_TEXT] = take_text, [WS_BINARY] = take_binary, [WS_CLOSE] = take_close,
    [WS_PING] = take_ping, [WS_PONG] = take_pong,
};

enum step link_take(struct link *l, struct str bytes)
{
    struct ws_message m;
    for (;;) {
        enum err e = ws_next(&l->decoder, &bytes, &m);
        if (e == ERR_AGAIN)
            return STEP_WAIT;
        if (e == ERR_SYNTAX) {
            link_close_frame(l, l->decoder.fail_code, str_of(l->decoder.fail_why));
            return link_end(l, "the relay broke the protocol: %s", l->decoder.fail_why);
        }
        if (e)
            return link_end(l, "%s", err_message(e));
        if (takers[m.opcode](l, &m) == STEP_END)
            return STEP_END;
    }
}

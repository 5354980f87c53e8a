#include "client/state.h"

#include <stdarg.h>
#include <stdio.h>

#define FRAME_BYTES (64u << 20)

void warn(struct client *c, const char *fmt, ...)
{
    char words[MESSAGE_BYTES];
    va_list args;
    if (!c->callbacks.on_warning)
        return;
    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    c->callbacks.on_warning(c->ctx, words);
}

static void show(struct client *c, const struct app_msg *m, struct str text)
{
    if (!c->callbacks.on_trace)
        return;
    if (m->kind != APP_MSG_REGISTER || !m->reg.token.n) {
        c->callbacks.on_trace(c->ctx, true, text);
        return;
    }
    struct app_msg masked = *m;
    struct buf b = BUF_INIT(FRAME_BYTES);
    masked.reg.token = STR("...");
    if (!native_encode_app_msg(&b, &masked))
        c->callbacks.on_trace(c->ctx, true, buf_str(&b));
    buf_release(&b);
}

void say(struct client *c, const struct app_msg *m)
{
    struct buf b = BUF_INIT(FRAME_BYTES);
    if (!c->link)
        return;
    if (!native_encode_app_msg(&b, m)) {
        show(c, m, buf_str(&b));
        link_send(c->link, buf_str(&b));
    }
    buf_release(&b);
}

void say_raw(struct client *c, struct str text)
{
    if (!c->link)
        return;
    if (c->callbacks.on_trace)
        c->callbacks.on_trace(c->ctx, true, text);
    link_send(c->link, text);
}

/* What calls of OpenAI's API hear at once: errors, and which models there are. */
#include "codec/openai.h"
#include "hub/ask.h"
#include "hub/openai.h"
#include "hub/routes.h"

#include <stdio.h>
#include <string.h>

#define SMALL_BYTES   16384
#define MODELS_PREFIX "/v1/models/"

/* ---- errors ---- */

static void reply_error(struct exchange *x, struct str code, struct str message, const char *param,
                        const char *fields, struct retry retry)
{
    struct buf b = BUF_INIT(SMALL_BYTES + 8 * message.n), lines = BUF_INIT(SMALL_BYTES);
    unsigned status = openai_error(&b, code, message, param);
    buf_puts(&lines, fields);
    if (retry.after_ms && retry_fits(status))
        retry_write(&lines, retry);
    exchange_reply(x, status, "application/json", buf_str(&lines), buf_str(&b));
    buf_release(&lines);
    buf_release(&b);
}

void openai_reply_error(struct exchange *x, struct str code, struct str message, const char *param,
                        const char *fields)
{
    reply_error(x, code, message, param, fields, (struct retry){0});
}

void openai_reply_later(struct exchange *x, struct str code, struct str message, struct retry retry)
{
    reply_error(x, code, message, NULL, "", retry);
}

void openai_refuse(struct exchange *x, enum err e, const char *message, uint64_t retry_after_ms)
{
    const char *text = message && message[0] ? message : err_message(e);
    openai_reply_later(x, str_of(err_code(e)), str_of(text),
                       (struct retry){.after_ms = retry_after_ms});
}

void openai_refuse_model(struct exchange *x, struct str name)
{
    struct buf why = BUF_INIT(SMALL_BYTES);
    buf_printf(&why, "There is no model \"%.*s\": it has to be the name of a space", STR_ARG(name));
    openai_reply_error(x, STR("model_not_found"), buf_str(&why), "model", "");
    buf_release(&why);
}

/* ---- models ---- */

/* The name behind it; "" for the list. */
static struct str model_asked_for(const struct exchange *x)
{
    struct str path = exchange_head(x)->path, before = STR(MODELS_PREFIX);
    return path.n > before.n ? str_slice(path.p + before.n, path.n - before.n) : STR("");
}

static void list_models(struct buf *b, const struct reply *reply, bool all)
{
    size_t listed = 0;
    buf_puts(b, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < reply->count; i++) {
        const struct space_view *s = &reply->spaces[i];
        if (!s->connected && !all)
            continue;
        if (listed++)
            buf_putc(b, ',');
        openai_model(b, str_of(s->name), (int64_t)uuid_ms(s->space_id));
    }
    buf_puts(b, "]}");
}

static void find_model(struct buf *b, const struct reply *reply, struct str name)
{
    for (size_t i = 0; i < reply->count; i++) {
        if (str_eq(name, str_of(reply->spaces[i].name)))
            openai_model(b, name, (int64_t)uuid_ms(reply->spaces[i].space_id));
    }
}

static void on_models(struct hub *h, struct exchange *x, const struct reply *reply, int all)
{
    struct buf *b = &h->scratch;
    struct str name = model_asked_for(x);
    if (reply->err) {
        openai_refuse(x, reply->err, reply->message, reply->retry_after_ms);
        return;
    }
    if (name.n)
        find_model(b, reply, name);
    else
        list_models(b, reply, all);
    if (b->failed)
        openai_refuse(x, ERR_STORE_UNAVAILABLE, NULL, 1000);
    else if (b->len)
        exchange_reply(x, 200, "application/json", STR(""), buf_str(b));
    else
        openai_refuse_model(x, name);
    buf_consume(b, b->len);
    buf_clear(b);
}

void openai_models(struct hub *h, struct exchange *x)
{
    struct identity who;
    if (!routes_identify(h, x, &who)) {
        openai_refuse(x, ERR_UNAUTHORIZED, ROUTES_SHOW_KEY, 0);
        return;
    }
    struct command c = {.kind = CMD_QUERY_SPACES,
                        .actor = {.user_key = who.user_key, .role = who.role}};
    memcpy(c.actor.name, who.name, sizeof c.actor.name);
    ask_core(h, x, &c, on_models, str_eq(exchange_head(x)->query, STR("all=1")));
}

void openai_no_route(struct exchange *x, const char *allow)
{
    struct str path = exchange_head(x)->path;
    struct buf why = BUF_INIT(SMALL_BYTES);
    if (allow)
        buf_printf(&why, "%.*s takes another method", STR_ARG(path));
    else
        buf_printf(&why, "There is no %.*s here; /docs/openai says what there is", STR_ARG(path));
    openai_reply_error(x, allow ? STR("method_not_allowed") : STR("not_found"), buf_str(&why), NULL,
                       allow ? allow : "");
    buf_release(&why);
}

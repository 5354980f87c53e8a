#include "hub/old_http.h"

#include "codec/form.h"
#include "codec/old_http.h"
#include "hub/ask.h"
#include "hub/routes.h"

#include <stdio.h>
#include <string.h>

#define LANGUAGE_COOKIE "lang"
#define SMALL_BYTES     4096
#define JSON_TYPE       "application/json"

/* ---- who asks, and in which language they are answered ---- */

struct asker {
    bool known;
    struct identity who; /* when known */
    enum language language;
};

static struct asker asker_of(struct hub *h, const struct exchange *x)
{
    const struct http_head *head = exchange_head(x);
    struct asker a = {0};
    struct str cookie = STR("");
    a.known = routes_identify(h, x, &a.who);
    if (!http_cookie(head, STR(LANGUAGE_COOKIE), &cookie))
        cookie = STR("");
    /* Without the field it is a script: it compares Chinese words, whatever its owner's account has
     * chosen for pages. */
    const struct str *accept = http_field(head, STR("Accept-Language"));
    a.language = language_choose(accept ? str_of(a.who.language) : STR(""), cookie, accept);
    return a;
}

static struct command command_of(enum command_kind kind, const struct identity *who,
                                 const struct exchange *x, struct uuid id)
{
    struct command c = {
        .kind = kind, .actor = {.user_key = who->user_key, .role = who->role}, .id = id};
    memcpy(c.actor.name, who->name, sizeof c.actor.name);
    (void)str_copy(c.actor.address, sizeof c.actor.address, str_of(exchange_address(x)));
    return c;
}

/* ---- errors ---- */

static void reply_error(struct exchange *x, unsigned status, uint64_t retry_after_ms,
                        struct str json)
{
    char retry[64] = "";
    if (retry_after_ms)
        (void)snprintf(retry, sizeof retry, "Retry-After: %llu\r\n",
                       (unsigned long long)((retry_after_ms + 999) / 1000));
    exchange_reply(x, status, JSON_TYPE, str_of(retry), json);
}

static void refuse_as(struct exchange *x, enum language l, const struct reply *why)
{
    struct buf b = BUF_INIT(SMALL_BYTES);
    unsigned status = old_error_write(&b, l, why->err, why->retry_after_ms, why->inputs);
    reply_error(x, status, why->retry_after_ms, buf_str(&b));
    buf_release(&b);
}

static void refuse(struct exchange *x, enum language l, enum err e)
{
    refuse_as(x, l, &(struct reply){.err = e});
}

/* ---- submit ---- */

/* A payload's JSON is escaped once by the form: a byte may take three. */
uint64_t old_submit_body_max(struct hub *h, const struct exchange *x)
{
    struct identity who;
    uint64_t most = 3 * h->limits->payload_bytes + SMALL_BYTES;
    bool known = routes_identify(h, x, &who);
    return known && most > h->limits->body_bytes ? most : h->limits->body_bytes;
}

static void on_submitted(struct hub *h, struct exchange *x, const struct reply *reply, int language)
{
    (void)h;
    struct buf b = BUF_INIT(SMALL_BYTES);
    if (reply->err) {
        refuse_as(x, (enum language)language, reply);
        return;
    }
    old_submit_write(&b, reply->id);
    exchange_reply(x, 200, JSON_TYPE, STR(""), buf_str(&b));
    buf_release(&b);
}

/* The form as a payload; c owns it. */
static enum err read_payload(struct hub *h, const struct exchange *x, struct command *c)
{
    const struct str *type = http_field(exchange_head(x), STR("Content-Type"));
    struct buf b = BUF_INIT((size_t)h->limits->payload_bytes);
    enum err e = old_submit_read(type ? *type : STR(""), exchange_body(x), &b, &c->inputs);
    if (!e)
        c->payload = bytes_new(buf_str(&b));
    buf_release(&b);
    if ((!e && !c->payload) || e == ERR_MEMORY)
        return ERR_STORE_UNAVAILABLE;
    return e;
}

void old_submit(struct hub *h, struct exchange *x)
{
    struct str path = exchange_head(x)->path;
    size_t skip = strlen(OLD_SUBMIT_PATH);
    struct asker a = asker_of(h, x);
    struct uuid space_id;
    if (!a.known) {
        refuse(x, a.language, ERR_UNAUTHORIZED);
        return;
    }
    if (uuid_parse(str_slice(path.p + skip, path.n - skip), &space_id)) {
        refuse(x, a.language, ERR_NOT_FOUND);
        return;
    }
    struct command c = command_of(CMD_SUBMIT, &a.who, x, space_id);
    enum err e = read_payload(h, x, &c);
    if (e)
        refuse(x, a.language, e);
    else
        ask_core(h, x, &c, on_submitted, a.language);
}

/* ---- status ---- */

static void on_status(struct hub *h, struct exchange *x, const struct reply *reply, int language)
{
    if (reply->err == ERR_NOT_FOUND) {
        reply_error(x, 404, 0, STR("{\"error\":\"Request not found\"}"));
        return;
    }
    if (reply->err) {
        refuse_as(x, (enum language)language, reply);
        return;
    }
    old_status_write(&h->scratch, reply->request);
    if (h->scratch.failed)
        refuse(x, (enum language)language, ERR_INTERNAL);
    else
        exchange_reply(x, 200, JSON_TYPE, STR(""), buf_str(&h->scratch));
    buf_consume(&h->scratch, h->scratch.len);
    buf_clear(&h->scratch);
}

/* The query's request_id; ERR_BAD_MESSAGE when it is missing, ERR_NOT_FOUND when it is no id. */
static enum err read_request_id(const struct exchange *x, struct uuid *id)
{
    struct form query;
    if (form_parse(&query, exchange_head(x)->query))
        return ERR_BAD_MESSAGE;
    struct str text = form_value(&query, STR("request_id"));
    enum err e = !text.n ? ERR_BAD_MESSAGE : uuid_parse(text, id) ? ERR_NOT_FOUND : OK;
    form_release(&query);
    return e;
}

void old_status(struct hub *h, struct exchange *x)
{
    struct asker a = asker_of(h, x);
    struct uuid id;
    enum err e = read_request_id(x, &id);
    if (e == ERR_BAD_MESSAGE) {
        reply_error(x, 400, 0, STR("{\"error\":\"Missing request_id\"}"));
    } else if (e || !a.known) { /* who has not logged in is nobody's owner */
        reply_error(x, 404, 0, STR("{\"error\":\"Request not found\"}"));
    } else {
        struct command c = command_of(CMD_QUERY_REQUEST, &a.who, x, id);
        ask_core(h, x, &c, on_status, a.language);
    }
}

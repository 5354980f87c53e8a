/* The tokens of a space, which its apps register with. */
#include "codec/json.h"
#include "codec/token.h"
#include "web/api_calls.h"
#include "web/api_views.h"
#include "web/state.h"

#define EXPIRES_MAX_S (UINT64_C(100) * 366 * 86400)

static struct json_t *token_json(const struct token_record *t)
{
    struct json_t *token = json_object_new();
    view_id(token, "token_id", t->id);
    json_put_text(token, "note", t->note);
    json_put_time(token, "created_at", t->created_ms);
    json_put_text(token, "created_by", t->created_by);
    json_put_time(token, "expires_at", t->expires_ms);
    json_put_time(token, "revoked_at", t->revoked_ms);
    json_put_time(token, "used_at", t->used_ms);
    return token;
}

static void visit(void *ctx, const struct token_record *t)
{
    json_add(ctx, token_json(t));
}

void api_tokens(struct page_request *p)
{
    struct space_record s;
    if (!api_space_of_path(p, &s))
        return;
    struct json_t *all = json_object_new();
    enum err e = reader_tokens(page_reader(p), uuid_key(s.id), visit,
                               json_put(all, "tokens", json_array_new()));
    if (!e) {
        api_reply(p, 200, all);
        return;
    }
    json_free(all);
    api_fail(p, e, STR(""));
}

/* ---- making one ---- */

/* A body is not needed. False: replied to. */
static bool read_token(struct page_request *p, struct token_record *t)
{
    struct api_body b;
    uint64_t expires_in_s = 0;
    if (!p->body.len)
        return true;
    if (!api_body_open(p, &b))
        return false;
    api_body_text(&b, "note", t->note, sizeof t->note);
    if (str_has_control(str_of(t->note)))
        api_body_wrong(&b, "note", "a string without control characters");
    api_body_number(&b, "expires_in_s", 1, EXPIRES_MAX_S, &expires_in_s);
    if (expires_in_s)
        t->expires_ms = p->now.wall_ms + (int64_t)expires_in_s * 1000;
    return api_body_good(p, &b);
}

/* The token is on disk before its text exists: what was shown can always be revoked. False: replied
 * to. */
static bool issue(struct page_request *p, struct token_record *t)
{
    struct command *c = page_command(p, CMD_TOKEN_ADD);
    struct reply reply;
    c->token = *t;
    enum err e = page_ask(p, c, PAGE_SAVE_MS, &reply);
    if (e) {
        api_refused(p, e, &reply);
        return false;
    }
    t->id = reply.id;
    reply_release(&reply);
    return true;
}

static void find(void *ctx, const struct token_record *t)
{
    struct token_record *wanted = ctx;
    if (uuid_eq(wanted->id, t->id))
        *wanted = *t;
}

static enum err text_of(struct page_request *p, struct uuid space_id, struct token_record *t,
                        struct buf *text)
{
    enum err e = reader_tokens(page_reader(p), t->space_key, find, t);
    return e ? e : app_token_text(p->web->app, t->id, space_id, t->created_ms, t->expires_ms, text);
}

void api_token_add(struct page_request *p)
{
    struct space_record s;
    struct token_record t = {0};
    struct buf text = BUF_INIT(TOKEN_MAX_BYTES);
    if (!api_space_of_path(p, &s) || !read_token(p, &t))
        return;
    t.space_key = uuid_key(s.id);
    if (!issue(p, &t))
        return;
    enum err e = text_of(p, s.id, &t, &text);
    if (e) {
        api_fail(p, e, STR(""));
    } else {
        struct json_t *token = token_json(&t);
        json_put_str(token, "token", buf_str(&text));
        api_reply(p, 201, token);
        secret_wipe(text.data, text.cap);
    }
    buf_release(&text);
}

void api_token_revoke(struct page_request *p)
{
    struct space_record s;
    struct token_record t = {0};
    if (!api_space_of_path(p, &s) || !api_id(p, "token_id", "token", &t.id))
        return;
    enum err e = reader_tokens(page_reader(p), uuid_key(s.id), find, &t);
    if (e || !t.space_key) {
        api_fail(p, e ? e : ERR_NOT_FOUND, e ? STR("") : STR("There is no such token"));
        return;
    }
    struct command *c = page_command(p, CMD_TOKEN_REVOKE);
    c->token.id = t.id;
    if (api_do(p, c))
        api_done(p);
}

#include "web/admin_views.h"

#include "codec/token.h"
#include "web/pages.h"
#include "web/state.h"

/* "" = never; else one of what the form offers. */
static enum err read_expiry(struct page_request *p, int64_t *expires_ms)
{
    static const char *const offered[] = {"30d", "90d", "365d"};
    struct str text = page_value(p, "expires");
    int64_t duration_ms;
    *expires_ms = 0;
    if (text.n == 0)
        return OK;
    for (size_t i = 0; i < sizeof offered / sizeof offered[0]; i++) {
        if (str_eq(text, str_of(offered[i])) && !str_to_duration_ms(text, &duration_ms)) {
            *expires_ms = p->now.wall_ms + duration_ms;
            return OK;
        }
    }
    return ERR_SYNTAX;
}

static enum err read_form(struct page_request *p, struct token_record *t)
{
    struct str note = page_trimmed(p, "note");
    if (str_has_control(note) || !str_copy(t->note, sizeof t->note, note))
        return ERR_SYNTAX;
    return read_expiry(p, &t->expires_ms);
}

/* The token is on disk before its text exists: what was shown can always be revoked. */
static enum err issue(struct page_request *p, const struct space_record *s,
                      const struct token_record *wanted, struct buf *text)
{
    struct command *c = page_command(p, CMD_TOKEN_ADD);
    struct reply reply;
    c->token = *wanted;
    c->token.space_key = uuid_key(s->id);
    enum err e = page_ask(p, c, PAGE_SAVE_MS, &reply);
    struct uuid id = reply.id;
    reply_release(&reply);
    return e ? e : app_token_text(p->web->app, id, s->id, p->now.wall_ms, wanted->expires_ms, text);
}

void page_token_issue(struct page_request *p)
{
    struct space_record space;
    struct token_record token = {0};
    struct buf text = BUF_INIT(TOKEN_MAX_BYTES);
    enum err e = space_of_path(p, &space);
    if (!e && read_form(p, &token)) {
        page_error(p, 400, "bad_request");
        return;
    }
    if (!e)
        e = issue(p, &space, &token, &text);
    if (e)
        page_fail(p, e);
    else
        space_page_show(p, &space, buf_str(&text));
    if (text.data)
        secret_wipe(text.data, text.cap);
    buf_release(&text);
}

/* Who reloads the page that showed a token asks for it with GET. */
void page_token_back(struct page_request *p)
{
    struct uuid id;
    if (page_id(p, "id", &id))
        page_error(p, 404, "not_found");
    else
        redirect_to_space(p, id, "#tokens");
}

struct search {
    struct uuid wanted;
    int64_t space_key;
};

static void visit_token(void *ctx, const struct token_record *t)
{
    struct search *search = ctx;
    if (uuid_eq(t->id, search->wanted))
        search->space_key = t->space_key;
}

/* Back to the page of the token's space, or to the list when that is gone. */
static void back(struct page_request *p, struct uuid token_id)
{
    struct search search = {.wanted = token_id};
    struct space_names names;
    const struct space_name *space = NULL;
    enum err e = space_names_read(p, &names);
    if (!e)
        e = reader_tokens(page_reader(p), 0, visit_token, &search);
    if (!e)
        space = space_names_by_key(&names, search.space_key);
    if (space)
        redirect_to_space(p, space->id, "#tokens");
    else
        page_redirect(p, 302, STR("/admin/spaces"));
    space_names_release(&names);
}

void page_token_revoke(struct page_request *p)
{
    struct uuid id;
    if (page_id(p, "id", &id)) {
        page_error(p, 404, "not_found");
        return;
    }
    struct command *c = page_command(p, CMD_TOKEN_REVOKE);
    c->token.id = id;
    enum err e = page_do(p, c, NULL);
    if (e) {
        page_fail(p, e);
        return;
    }
    flash_set(p, true, "token_revoked");
    back(p, id);
}

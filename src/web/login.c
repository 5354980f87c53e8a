#include "web/accounts.h"

#include "codec/json.h"
#include "web/pages.h"
#include "web/view.h"

/* Where the person wanted to go, when it is a place of ours. */
static struct str next_place(const struct page_request *p)
{
    const struct str *next = form_get(&p->form, STR("next"));
    if (!next)
        next = form_get(&p->query, STR("next"));
    return next && path_is_local(*next) ? *next : STR("");
}

static void leave(struct page_request *p)
{
    struct str next = next_place(p);
    page_redirect(p, 302, next.n > 0 ? next : STR("/"));
}

static struct json_t *login_view(struct page_request *p)
{
    struct json_t *view = view_new(p, "login", PLACE_NONE);
    json_put_str(view, "username", page_value(p, "username"));
    json_put_null(view, "error");
    json_put_str(view, "next", next_place(p));
    json_put_bool(view, "registration_open", registration_is_open(p));
    return view;
}

void page_login(struct page_request *p)
{
    if (p->logged_in)
        leave(p);
    else
        page_render(p, 200, "login", login_view(p));
}

static void refuse(struct page_request *p, unsigned status)
{
    struct json_t *view = login_view(p);
    view_text(p, view, "error", "invalid.login_wrong", NULL, STR(""));
    page_render(p, status, "login", view);
}

static void refuse_for_now(struct page_request *p, uint64_t wait_ms)
{
    struct json_t *view = login_view(p);
    view_wait(p, view, "error", "invalid.login_locked", wait_ms);
    page_render(p, 429, "login", view);
}

/* The parameters of argon2id have changed since the password was set. */
static void rehash(struct page_request *p, const struct user_record *user)
{
    if (!password_needs_rehash(user->password_hash))
        return;
    struct command *c = page_command(p, CMD_USER_REHASH);
    c->user = *user;
    (void)str_copy(c->expect_hash, sizeof c->expect_hash, str_of(user->password_hash));
    /* When it does not work out, there is a next time. */
    if (hash_field(p, "password", c->user.password_hash))
        page_drop(c);
    else
        (void)page_do(p, c, NULL);
}

static void enter(struct page_request *p, const struct user_record *user)
{
    rehash(p, user);
    enum err e = session_start(p, uuid_key(user->id), user->name);
    if (e)
        page_fail(p, e);
    else
        leave(p);
}

void page_login_post(struct page_request *p)
{
    struct user_record user = {0};
    uint64_t wait_ms;
    if (!form_get(&p->form, STR("username")) || !form_get(&p->form, STR("password"))) {
        refuse(p, 400);
        return;
    }
    char name[USER_NAME_BYTES];
    name_for_tries(name, page_value(p, "username"));
    enum err e = password_try(p, name, "password", &user, &wait_ms);
    if (e == ERR_RATE_LIMITED)
        refuse_for_now(p, wait_ms);
    else if (e == ERR_UNAUTHORIZED)
        refuse(p, 200);
    else if (e)
        page_fail(p, e);
    else
        enter(p, &user);
    secret_wipe(&user, sizeof user);
}

void page_logout(struct page_request *p)
{
    enum err e = OK;
    if (p->logged_in) {
        struct command *c = page_command(p, CMD_SESSION_CLOSE);
        c->key = p->who.session_key;
        e = page_do(p, c, NULL);
    }
    if (e && e != ERR_NOT_FOUND) {
        page_fail(p, e); /* still logged in, and the page says so */
        return;
    }
    session_forget_cookie(p);
    if (p->logged_in)
        flash_set(p, true, "logged_out");
    page_redirect(p, 302, STR("/login"));
}

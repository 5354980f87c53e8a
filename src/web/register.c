#include "codec/json.h"
#include "web/accounts.h"
#include "web/pages.h"
#include "web/state.h"
#include "web/view.h"

static struct json_t *register_view(struct page_request *p, struct json_t **errors)
{
    static const char *const fields[] = {"username", "password", "confirm_password", "form", NULL};
    struct json_t *view = view_new(p, "register", PLACE_NONE);
    json_put_str(view, "username", page_value(p, "username"));
    *errors = view_nulls(view, "errors", fields);
    return view;
}

void page_register(struct page_request *p)
{
    struct json_t *errors;
    if (!registration_is_open(p))
        page_error(p, 403, "registration_closed");
    else
        page_render(p, 200, "register", register_view(p, &errors));
}

/* ERR_RATE_LIMITED: *wait_ms until this address may register again. */
static enum err hash_in_turn(struct page_request *p, char hash[PASSWORD_HASH_BYTES],
                             uint64_t *wait_ms)
{
    struct reply may;
    if (!registering_begin(p->web))
        return ERR_AGAIN;
    enum err e = page_ask(p, page_command(p, CMD_REGISTER_MAY), PAGE_CALL_MS, &may);
    *wait_ms = may.retry_after_ms;
    reply_release(&may);
    if (!e)
        e = hash_field(p, "password", hash);
    registering_end(p->web);
    return e;
}

static enum err add_user(struct page_request *p, uint64_t *wait_ms)
{
    struct command *c = page_command(p, CMD_USER_ADD);
    (void)str_copy(c->user.name, sizeof c->user.name, page_value(p, "username"));
    c->user.role = ROLE_USER;
    enum err e = hash_in_turn(p, c->user.password_hash, wait_ms);
    if (!e)
        return page_do(p, c, NULL);
    page_drop(c);
    return e;
}

static bool check(struct page_request *p, struct json_t *errors)
{
    bool name = check_name(p, "username", errors);
    bool password = check_password(p, "password", errors);
    return check_repeated(p, "password", "confirm_password", false, errors) && name && password;
}

void page_register_post(struct page_request *p)
{
    struct json_t *errors;
    if (!registration_is_open(p)) {
        page_error(p, 403, "registration_closed");
        return;
    }
    bool whole =
        form_get(&p->form, STR("username")) != NULL && form_get(&p->form, STR("password")) != NULL;
    struct json_t *view = register_view(p, &errors);
    uint64_t wait_ms = 0;
    enum err e = check(p, errors) ? add_user(p, &wait_ms) : ERR_INPUT_REFUSED;
    if (e == ERR_EXISTS)
        view_text(p, errors, "username", "invalid.username_taken", NULL, STR(""));
    if (e == ERR_RATE_LIMITED)
        view_wait(p, errors, "form", "invalid.register_locked", wait_ms);
    if (e == ERR_EXISTS || e == ERR_INPUT_REFUSED || e == ERR_RATE_LIMITED) {
        page_render(p, e == ERR_RATE_LIMITED ? 429 : whole ? 200 : 400, "register", view);
        return;
    }
    json_free(view);
    if (e) {
        page_fail(p, e);
        return;
    }
    flash_set(p, true, "registered");
    page_redirect(p, 302, STR("/login"));
}

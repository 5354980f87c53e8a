#include "codec/json.h"
#include "web/accounts.h"
#include "web/pages.h"
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

static enum err add_user(struct page_request *p)
{
    struct command *c = page_command(p, CMD_USER_ADD);
    (void)str_copy(c->user.name, sizeof c->user.name, page_value(p, "username"));
    c->user.role = ROLE_USER;
    enum err e = hash_field(p, "password", c->user.password_hash);
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
    enum err e = check(p, errors) ? add_user(p) : ERR_INPUT_REFUSED;
    if (e == ERR_EXISTS)
        view_text(p, errors, "username", "invalid.username_taken", NULL, STR(""));
    if (e == ERR_EXISTS || e == ERR_INPUT_REFUSED) {
        page_render(p, whole ? 200 : 400, "register", view);
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

#include "codec/json.h"
#include "web/accounts.h"
#include "web/pages.h"
#include "web/state.h"
#include "web/view.h"

static void note_admin(void *ctx, const struct user_record *u)
{
    bool *found = ctx;
    if (u->role == ROLE_ADMIN && !u->disabled)
        *found = true;
}

/* Until there is an admin, however they were made; what cannot be read counts as none. */
static bool needs_setup(struct page_request *p)
{
    struct reader *reader;
    bool has_admin = false;
    if (!p->web->setup_token || atomic_load(&p->web->setup_done))
        return false;
    reader = page_reader(p);
    if (reader && !reader_users(reader, note_admin, &has_admin) && has_admin)
        atomic_store(&p->web->setup_done, true);
    return !has_admin;
}

static bool link_is_valid(struct page_request *p)
{
    return page_reader(p) && needs_setup(p) &&
           secret_eq(form_value(&p->query, STR("token")), str_of(p->web->setup_token));
}

bool page_setup_first(struct page_request *p)
{
    bool open = str_eq(p->path, STR("/setup")) || str_eq(p->path, STR("/language")) ||
                str_starts(p->path, STR("/static/"));
    if (open || !needs_setup(p))
        return false;
    page_header(p, "Retry-After", "10");
    page_render(p, 503, "setup_first", view_new(p, "setup", PLACE_NONE));
    return true;
}

static struct json_t *setup_view(struct page_request *p, struct json_t **errors)
{
    static const char *const fields[] = {"username", "password", "password2", "form", NULL};
    struct json_t *view = view_new(p, "setup", PLACE_NONE);
    json_put_str(view, "token", form_value(&p->query, STR("token")));
    json_put_str(view, "username", page_value(p, "username"));
    *errors = view_nulls(view, "errors", fields);
    return view;
}

void page_setup(struct page_request *p)
{
    struct json_t *errors;
    if (!link_is_valid(p))
        page_error(p, 404, "setup_closed");
    else
        page_render(p, 200, "setup", setup_view(p, &errors));
}

static enum err make_admin(struct page_request *p, int64_t *user_key)
{
    struct command *c = page_command(p, CMD_SETUP);
    (void)str_copy(c->user.name, sizeof c->user.name, page_value(p, "username"));
    (void)str_copy(c->actor.name, sizeof c->actor.name, page_value(p, "username"));
    c->user.role = ROLE_ADMIN;
    enum err e = hash_field(p, "password", c->user.password_hash);
    if (e) {
        page_drop(c);
        return e;
    }
    struct reply reply;
    e = page_ask(p, c, PAGE_SAVE_MS, &reply);
    *user_key = uuid_key(reply.id);
    reply_release(&reply);
    return e;
}

static bool check(struct page_request *p, struct json_t *errors)
{
    bool name = check_name(p, "username", errors);
    bool password = check_password(p, "password", errors);
    return check_repeated(p, "password", "password2", true, errors) && name && password;
}

static void finish(struct page_request *p, enum err e, int64_t user_key)
{
    char name[USER_NAME_BYTES];
    if (e == ERR_FORBIDDEN) {
        atomic_store(&p->web->setup_done, true); /* somebody was faster */
        page_error(p, 404, "setup_closed");
        return;
    }
    if (e) {
        page_fail(p, e);
        return;
    }
    atomic_store(&p->web->setup_done, true);
    (void)str_copy(name, sizeof name, page_value(p, "username"));
    /* Without a session the admin exists all the same, and can log in. */
    bool entered = !session_start(p, user_key, name);
    flash_set(p, true, "setup_done");
    page_redirect(p, 302, entered ? STR("/") : STR("/login"));
}

void page_setup_post(struct page_request *p)
{
    struct json_t *errors;
    int64_t user_key = 0;
    if (!link_is_valid(p)) {
        page_error(p, 404, "setup_closed");
        return;
    }
    struct json_t *view = setup_view(p, &errors);
    enum err e = check(p, errors) ? make_admin(p, &user_key) : ERR_INPUT_REFUSED;
    if (e == ERR_EXISTS)
        view_text(p, errors, "username", "invalid.username_taken", NULL, STR(""));
    if (e == ERR_INPUT_REFUSED || e == ERR_EXISTS) {
        page_render(p, 200, "setup", view);
        return;
    }
    json_free(view);
    finish(p, e, user_key);
}

#include "web/admin_views.h"

#include "codec/json.h"
#include "web/accounts.h"
#include "web/pages.h"

#include <string.h>

/* A refused act on one user, shown at their row. */
struct refusal {
    const char *user; /* "" = none */
    struct str sentence;
};

struct users {
    struct page_request *p;
    struct json_t *list;
    const struct refusal *refusal;
};

static void visit_user(void *ctx, const struct user_record *u)
{
    struct users *users = ctx;
    bool is_admin = u->role == ROLE_ADMIN, refused = strcmp(u->name, users->refusal->user) == 0;
    struct json_t *object = json_add(users->list, json_object_new());
    json_put_text(object, "name", u->name);
    json_put_bool(object, "is_admin", is_admin);
    view_text(users->p, object, "role_text", is_admin ? "roles.admin" : "roles.user", NULL,
              STR(""));
    json_put_bool(object, "disabled", u->disabled);
    json_put_bool(object, "is_self", uuid_key(u->id) == users->p->who.user_key);
    view_time(users->p, object, "created_at", u->created_ms);
    view_time(users->p, object, "last_login_at", u->last_login_ms);
    json_put_null(object, "error");
    if (refused)
        json_put_str(object, "error", users->refusal->sentence);
    json_put_bool(object, "open", refused);
}

/* typed: the form to make a user was refused, and comes back with what was in it. */
static struct json_t *users_view(struct page_request *p, struct json_t **errors, bool typed)
{
    static const char *const fields[] = {"username", "password", NULL};
    struct json_t *view = admin_view(p, "admin_users", TAB_USERS);
    struct json_t *form = json_put(view, "form", json_object_new());
    json_put_str(form, "username", typed ? page_value(p, "username") : STR(""));
    json_put_bool(form, "is_admin", typed && str_eq(page_value(p, "role"), STR("admin")));
    json_put_bool(form, "failed", typed);
    *errors = view_nulls(view, "errors", fields);
    return view;
}

static void show(struct page_request *p, struct json_t *view_given, const struct refusal *refusal)
{
    struct reader *reader = page_reader(p);
    struct users users = {p, json_put(view_given, "users", json_array_new()), refusal};
    enum err e = reader ? reader_users(reader, visit_user, &users) : ERR_STORE_UNAVAILABLE;
    if (!e) {
        page_render(p, 200, "admin_users", view_given);
        return;
    }
    json_free(view_given);
    page_fail(p, e);
}

void page_users(struct page_request *p)
{
    const struct refusal none = {"", STR("")};
    struct json_t *errors;
    struct json_t *view = users_view(p, &errors, false);
    show(p, view, &none);
}

static void done(struct page_request *p, const char *flash)
{
    flash_set(p, true, flash);
    page_redirect(p, 302, STR("/admin/users"));
}

static enum err read_role(struct page_request *p, enum role *role)
{
    struct str text = page_value(p, "role");
    *role = str_eq(text, STR("admin")) ? ROLE_ADMIN : ROLE_USER;
    return *role == ROLE_ADMIN || str_eq(text, STR("user")) ? OK : ERR_SYNTAX;
}

static enum err add_user(struct page_request *p, enum role role)
{
    struct command *c = page_command(p, CMD_USER_ADD);
    (void)str_copy(c->user.name, sizeof c->user.name, page_value(p, "username"));
    c->user.role = role;
    enum err e = hash_field(p, "password", c->user.password_hash);
    if (!e)
        return page_do(p, c, NULL);
    page_drop(c);
    return e;
}

void page_users_add(struct page_request *p)
{
    const struct refusal none = {"", STR("")};
    struct json_t *errors;
    enum role role;
    if (read_role(p, &role)) {
        page_error(p, 400, "bad_request");
        return;
    }
    struct json_t *view = users_view(p, &errors, true);
    bool good = check_name(p, "username", errors);
    good &= check_password(p, "password", errors);
    enum err e = good ? add_user(p, role) : ERR_INPUT_REFUSED;
    if (e == ERR_EXISTS)
        view_text(p, errors, "username", "invalid.username_taken", NULL, STR(""));
    if (e == ERR_EXISTS || e == ERR_INPUT_REFUSED) {
        show(p, view, &none);
        return;
    }
    json_free(view);
    if (e)
        page_fail(p, e);
    else
        done(p, "user_created");
}

/* A command about the user of the path. */
static struct command *user_command(struct page_request *p, enum command_kind kind)
{
    struct command *c = page_command(p, kind);
    (void)str_copy(c->user.name, sizeof c->user.name, str_of(path_arg(&p->args, "name")));
    return c;
}

static void refuse(struct page_request *p, struct str sentence)
{
    const struct refusal refusal = {path_arg(&p->args, "name"), sentence};
    struct json_t *errors;
    struct json_t *view = users_view(p, &errors, false);
    show(p, view, &refusal);
}

static void finish(struct page_request *p, enum err e, const char *flash)
{
    if (e)
        page_fail(p, e);
    else
        done(p, flash);
}

/* Carries out what the core refuses when it would cost the last admin. */
static void demote(struct page_request *p, struct command *cmd_given, const char *flash)
{
    enum err e = page_do(p, cmd_given, NULL);
    if (e == ERR_FORBIDDEN)
        refuse(p, page_text(p, "invalid.last_admin"));
    else
        finish(p, e, flash);
}

void page_user_role(struct page_request *p)
{
    enum role role;
    if (read_role(p, &role)) {
        page_error(p, 400, "bad_request");
        return;
    }
    struct command *c = user_command(p, CMD_USER_ROLE);
    c->user.role = role;
    demote(p, c, "role_changed");
}

void page_user_disable(struct page_request *p)
{
    struct command *c = user_command(p, CMD_USER_DISABLE);
    c->flag = true;
    demote(p, c, "user_disabled");
}

void page_user_enable(struct page_request *p)
{
    finish(p, page_do(p, user_command(p, CMD_USER_DISABLE), NULL), "user_enabled");
}

/* One's own is changed on the account's page, which asks for the present one. */
void page_user_password(struct page_request *p)
{
    if (str_eq_nocase(str_of(path_arg(&p->args, "name")), str_of(p->who.name))) {
        refuse(p, page_text(p, "users.own_password"));
        return;
    }
    if (!password_valid(page_value(p, "password"))) {
        refuse(p, page_text(p, "invalid.password_rule"));
        return;
    }
    struct command *c = user_command(p, CMD_USER_PASSWORD);
    enum err e = hash_field(p, "password", c->user.password_hash);
    if (e)
        page_drop(c);
    else
        e = page_do(p, c, NULL);
    finish(p, e, "password_reset");
}

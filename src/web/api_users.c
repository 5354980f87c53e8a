#include "codec/json.h"
#include "web/accounts.h"
#include "web/api_calls.h"
#include "web/api_views.h"
#include "web/state.h"

static struct json_t *user_json(const struct user_record *u)
{
    struct json_t *user = json_object_new();
    json_put_text(user, "name", u->name);
    json_put_text(user, "role", u->role == ROLE_ADMIN ? "admin" : "user");
    json_put_bool(user, "disabled", u->disabled);
    json_put_time(user, "created_at", u->created_ms);
    json_put_time(user, "last_login_at", u->last_login_ms);
    return user;
}

static void visit(void *ctx, const struct user_record *u)
{
    json_add(ctx, user_json(u));
}

void api_users(struct page_request *p)
{
    struct reader *reader = page_reader(p);
    struct json_t *all = json_object_new();
    struct json_t *list = json_put(all, "users", json_array_new());
    enum err e = reader ? reader_users(reader, visit, list) : ERR_STORE_UNAVAILABLE;
    if (!e) {
        api_reply(p, 200, all);
        return;
    }
    json_free(all);
    api_fail(p, e, STR(""));
}

/* As they are stored now. False: replied to. */
static bool find(struct page_request *p, struct str name, struct user_record *u)
{
    struct reader *reader = page_reader(p);
    enum err e = reader ? reader_user(reader, name, u) : ERR_STORE_UNAVAILABLE;
    if (e)
        api_fail(p, e, e == ERR_NOT_FOUND ? STR("There is no such user") : STR(""));
    return !e;
}

static bool find_in_path(struct page_request *p, struct user_record *u)
{
    return find(p, str_of(path_arg(&p->args, "name")), u);
}

static void show(struct page_request *p, struct str name)
{
    struct user_record u;
    if (find(p, name, &u))
        api_reply(p, 200, user_json(&u));
}

void api_user(struct page_request *p)
{
    show(p, str_of(path_arg(&p->args, "name")));
}

/* ---- what is wanted of them ---- */

static void read_role(struct api_body *b, enum role *role)
{
    struct str text = {NULL, 0};
    api_body_str(b, "role", &text);
    if (!text.p)
        return;
    *role = str_eq(text, STR("admin")) ? ROLE_ADMIN : ROLE_USER;
    if (*role == ROLE_USER && !str_eq(text, STR("user")))
        api_body_wrong(b, "role", "user or admin");
}

static void read_password(struct api_body *b, bool required, struct str *password)
{
    api_body_str(b, "password", password);
    if ((password->p || required) && !password_valid(*password))
        api_body_wrong(b, "password", "a string of 8 to 1024 bytes");
}

/* Once all else is right: that takes long. *out is untouched when there is none. */
static enum err hash(struct page_request *p, const struct api_body *b, struct str password,
                     char out[PASSWORD_HASH_BYTES])
{
    return password.p && !b->wrong.len ? hash_text(p, password, out) : OK;
}

/* False: replied to. */
static bool hashed(struct page_request *p, enum err e)
{
    if (e == ERR_AGAIN)
        api_fail_later(p, e, STR("Too many passwords are being hashed at once"),
                       (struct retry){.limit = hashing_places(p->web)});
    else if (e)
        api_fail(p, e, STR(""));
    return !e;
}

void api_user_add(struct page_request *p)
{
    struct api_body b;
    struct user_record u = {0};
    if (!api_body_open(p, &b))
        return;
    api_body_text(&b, "name", u.name, sizeof u.name);
    if (!user_name_valid(str_of(u.name)))
        api_body_wrong(&b, "name", "a string of 1 to 32 letters, digits or _");
    struct str password = {NULL, 0};
    read_role(&b, &u.role);
    read_password(&b, true, &password);
    enum err e = hash(p, &b, password, u.password_hash);
    if (!api_body_good(p, &b) || !hashed(p, e))
        return;
    struct command *c = page_command(p, CMD_USER_ADD);
    c->user = u;
    if (api_do(p, c) && find(p, str_of(u.name), &u))
        api_created(p, "/users/", str_of(u.name), user_json(&u));
    secret_wipe(&u, sizeof u);
}

/* All that is named, in one change. False: replied to. */
static bool change(struct page_request *p, const struct user_record *u, uint32_t members)
{
    struct command *c = page_command(p, CMD_USER_EDIT);
    c->user = *u;
    c->members = members;
    if (uuid_key(u->id) == p->who.user_key)
        c->keep_session = p->who.session_key;
    return api_do(p, c);
}

static uint32_t members_of(const struct api_body *b)
{
    return (api_body_has(b, "role") ? USER_ROLE : 0U) |
           (api_body_has(b, "disabled") ? USER_DISABLED : 0U) |
           (api_body_has(b, "password") ? USER_PASSWORD : 0U);
}

/* Whoever has a key, or has found a browser that is logged in, does not get the account with it:
 * one's own password is changed by who knows it, here as on the account's page. */
static enum err prove(struct page_request *p, struct api_body *b, const struct user_record *u,
                      struct retry *wait)
{
    struct str current = {NULL, 0};
    struct user_record known = {0};
    if (uuid_key(u->id) != p->who.user_key || !api_body_has(b, "password"))
        return OK;
    api_body_str(b, "current_password", &current);
    if (!current.p)
        api_body_wrong(b, "current_password", "your present password, as this is your account");
    if (b->wrong.len)
        return OK;
    enum err e = password_try_text(p, u->name, current, &known, wait);
    secret_wipe(&known, sizeof known);
    return e;
}

/* False: replied to. */
static bool proved(struct page_request *p, enum err e, struct retry wait)
{
    if (e == ERR_UNAUTHORIZED)
        api_fail(p, ERR_FORBIDDEN, STR("current_password is wrong"));
    else if (e == ERR_RATE_LIMITED)
        api_fail_later(p, e, STR("current_password was wrong too often"), wait);
    else
        return hashed(p, e);
    return false;
}

void api_user_edit(struct page_request *p)
{
    struct api_body b;
    struct user_record u;
    struct str password = {NULL, 0};
    struct retry wait = {0};
    if (!find_in_path(p, &u) || !api_body_open(p, &b))
        return;
    uint32_t members = members_of(&b);
    read_role(&b, &u.role);
    api_body_flag(&b, "disabled", &u.disabled);
    read_password(&b, false, &password);
    enum err e = prove(p, &b, &u, &wait);
    if (!e)
        e = hash(p, &b, password, u.password_hash);
    if (api_body_good(p, &b) && proved(p, e, wait) && change(p, &u, members))
        show(p, str_of(u.name));
    secret_wipe(&u, sizeof u);
}

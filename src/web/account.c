#include "codec/json.h"
#include "web/account_page.h"
#include "web/accounts.h"
#include "web/pages.h"
#include "web/state.h"
#include "web/view.h"

struct sessions {
    struct page_request *p;
    struct json_t *list;
    struct limits limits;
};

static void visit_session(void *ctx, const struct session_record *s)
{
    struct sessions *sessions = ctx;
    const struct page_request *p = sessions->p;
    bool current = uuid_key(s->id) == p->who.session_key;
    int64_t idle_ms = p->now.wall_ms - s->seen_ms;
    bool over =
        s->expires_ms <= p->now.wall_ms || idle_ms > (int64_t)sessions->limits.session_idle_ms;
    if (over && !current)
        return;
    struct json_t *object = json_add(sessions->list, json_object_new());
    view_id(object, "id", s->id);
    json_put_text(object, "agent", s->agent);
    json_put_text(object, "address", s->address);
    view_time(sessions->p, object, "created_at", s->created_ms);
    view_time(sessions->p, object, "seen_at", s->seen_ms);
    json_put_bool(object, "current", current);
}

static enum err put_sessions(struct page_request *p, struct json_t *view)
{
    struct sessions sessions = {.p = p, .limits = app_limits_copy(p->web->app)};
    sessions.list = json_put(view, "sessions", json_array_new());
    enum err e = reader_sessions(page_reader(p), p->who.user_key, visit_session, &sessions);
    json_put_bool(view, "has_others", json_count(sessions.list) > 1);
    return e;
}

static void put_language(struct json_t *list, const char *code, struct str name, const char *chosen)
{
    struct json_t *language = json_add(list, json_object_new());
    json_put_text(language, "code", code);
    json_put_str(language, "name", name);
    json_put_bool(language, "selected", str_eq(str_of(code), str_of(chosen)));
}

static void put_languages(struct page_request *p, struct json_t *view)
{
    struct json_t *list = json_put(view, "languages", json_array_new());
    put_language(list, "", page_text(p, "account.language_auto"), p->who.language);
    for (unsigned l = 0; l < LANGUAGE__MAX; l++)
        put_language(list, language_code((enum language)l), str_of(language_name((enum language)l)),
                     p->who.language);
}

static enum err put_user(struct page_request *p, struct json_t *view)
{
    struct user_record user;
    enum err e = reader_user(page_reader(p), str_of(p->who.name), &user);
    if (e)
        return e;
    struct json_t *account = json_put(view, "account", json_object_new());
    json_put_text(account, "name", user.name);
    view_text(p, account, "role_text", user.role == ROLE_ADMIN ? "roles.admin" : "roles.user", NULL,
              STR(""));
    view_time(p, account, "created_at", user.created_ms);
    secret_wipe(&user, sizeof user);
    return OK;
}

struct json_t *account_view(struct page_request *p, struct json_t **errors)
{
    static const char *const fields[] = {"current_password", "password", "password2", "key_name",
                                         "key_scopes",       "key_days", NULL};
    struct json_t *view = view_new(p, "account", PLACE_ACCOUNT);
    *errors = view_nulls(view, "errors", fields);
    return view;
}

void account_show(struct page_request *p, struct json_t *view_given, struct str new_key)
{
    enum err e = page_reader(p) ? OK : ERR_STORE_UNAVAILABLE;
    put_languages(p, view_given);
    if (!e)
        e = put_user(p, view_given);
    if (!e)
        e = put_sessions(p, view_given);
    if (!e)
        e = account_put_keys(p, view_given, new_key);
    struct json_t *key = json_ref(json_at(view_given, "new_key"));
    if (e)
        json_free(view_given);
    else
        page_render(p, 200, "account", view_given);
    json_wipe(key);
    json_free(key);
    if (e)
        page_fail(p, e);
}

void page_account(struct page_request *p)
{
    struct json_t *errors;
    struct json_t *view = account_view(p, &errors);
    account_show(p, view, STR(""));
}

void account_back(struct page_request *p, enum err e, const char *flash)
{
    if (e) {
        page_fail(p, e);
        return;
    }
    flash_set(p, true, flash);
    page_redirect(p, 302, STR("/account"));
}

static enum err change_password(struct page_request *p)
{
    struct command *c = page_command(p, CMD_USER_PASSWORD);
    (void)str_copy(c->user.name, sizeof c->user.name, str_of(p->who.name));
    c->keep_session = p->who.session_key;
    enum err e = hash_field(p, "password", c->user.password_hash);
    if (!e)
        return page_do(p, c, NULL);
    page_drop(c);
    return e;
}

static bool check(struct page_request *p, struct json_t *errors)
{
    bool password = check_password(p, "password", errors);
    return check_repeated(p, "password", "password2", true, errors) && password;
}

void page_account_password(struct page_request *p)
{
    struct json_t *errors;
    struct user_record user = {0};
    uint64_t wait_ms = 0;
    struct json_t *view = account_view(p, &errors);
    bool good = check(p, errors);
    enum err e = good ? password_try(p, p->who.name, "current_password", &user, &wait_ms)
                      : ERR_INPUT_REFUSED;
    if (e == ERR_UNAUTHORIZED)
        view_text(p, errors, "current_password", "invalid.password_wrong", NULL, STR(""));
    if (e == ERR_RATE_LIMITED)
        view_wait(p, errors, "current_password", "invalid.login_locked", wait_ms);
    secret_wipe(&user, sizeof user);
    if (e == ERR_UNAUTHORIZED || e == ERR_RATE_LIMITED || e == ERR_INPUT_REFUSED) {
        account_show(p, view, STR(""));
        return;
    }
    json_free(view);
    if (!e)
        e = change_password(p);
    account_back(p, e, "password_changed");
}

void page_account_language(struct page_request *p)
{
    struct str code = page_value(p, "language");
    enum language l;
    if (code.n > 0 && !language_parse(code, &l)) {
        page_error(p, 400, "bad_request");
        return;
    }
    struct command *c = page_command(p, CMD_USER_LANGUAGE);
    (void)str_copy(c->user.name, sizeof c->user.name, str_of(p->who.name));
    (void)str_copy(c->user.language, sizeof c->user.language, code);
    enum err e = page_do(p, c, NULL);
    if (!e) /* for the pages before the log-in */
        language_send(p, code);
    account_back(p, e, "language_changed");
}

void page_account_end(struct page_request *p)
{
    struct uuid id;
    if (page_id(p, "id", &id)) {
        page_error(p, 404, "not_found");
        return;
    }
    struct command *c = page_command(p, CMD_SESSION_CLOSE);
    c->key = uuid_key(id);
    account_back(p, page_do(p, c, NULL), "session_ended");
}

void page_account_end_others(struct page_request *p)
{
    struct command *c = page_command(p, CMD_SESSION_OTHERS);
    c->key = p->who.session_key;
    account_back(p, page_do(p, c, NULL), "sessions_ended");
}

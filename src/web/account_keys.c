/* API keys on the account page: made, shown once, listed, revoked. */
#include "codec/json.h"
#include "web/account_page.h"
#include "web/pages.h"
#include "web/state.h"
#include "web/view.h"

#define DAYS_MAX      3650
#define DAYS_DEFAULT  "90"
#define DAY_MS        INT64_C(86400000)
#define EXAMPLE_BYTES 1000

/* ---- the page ---- */

struct listed {
    struct page_request *p;
    struct json_t *list;
};

static void visit(void *ctx, const struct api_key_record *k)
{
    struct listed *listed = ctx;
    struct page_request *p = listed->p;
    char scopes[SCOPES_TEXT_BYTES];
    struct json_t *object = json_add(listed->list, json_object_new());
    scopes_format(k->scopes, scopes);
    view_id(object, "id", k->id);
    json_put_text(object, "name", k->name);
    json_put_text(object, "scopes", scopes);
    json_put_bool(object, "expired", k->expires_ms && k->expires_ms <= p->now.wall_ms);
    view_time(p, object, "created_at", k->created_ms);
    view_time(p, object, "expires_at", k->expires_ms);
    view_time(p, object, "used_at", k->used_ms);
}

/* What the form wants. */
static uint32_t read_scopes(const struct page_request *p)
{
    return (page_value(p, "scope_read").n ? SCOPE_READ : 0U) |
           (page_value(p, "scope_submit").n ? SCOPE_SUBMIT : 0U) |
           (page_value(p, "scope_admin").n ? SCOPE_ADMIN : 0U);
}

/* A call that this key may make. */
static const char *example_of(uint32_t scopes)
{
    return scopes & SCOPE_READ     ? "/api/v1/spaces"
           : scopes & SCOPE_SUBMIT ? "/api/v1/requests --json "
                                     "'{\"space\": \"NAME\", \"payload\": {\"prompt\": \"hello\"}}'"
                                   : "/api/v1/users";
}

static void put_new_key(struct page_request *p, struct json_t *view, struct str secret)
{
    if (!secret.n) {
        json_put_null(view, "new_key");
        return;
    }
    struct buf example = BUF_INIT(EXAMPLE_BYTES);
    struct json_t *object = json_put(view, "new_key", json_object_new());
    json_put_str(object, "secret", secret);
    buf_printf(&example, "curl -H \"Authorization: Bearer %.*s\" %.*s%s", STR_ARG(secret),
               STR_ARG(p->origin), example_of(read_scopes(p)));
    json_put_str(object, "example", buf_str(&example));
    secret_wipe(example.data, example.cap);
    buf_release(&example);
}

/* What was typed when a form comes back with errors; else what is right for most. */
static void put_form(struct page_request *p, struct json_t *view, bool fresh)
{
    struct json_t *form = json_put(view, "key_form", json_object_new());
    json_put_str(form, "name", fresh ? STR("") : page_value(p, "key_name"));
    json_put_str(form, "days", fresh ? STR(DAYS_DEFAULT) : page_value(p, "key_days"));
    json_put_bool(form, "read", fresh || page_value(p, "scope_read").n);
    json_put_bool(form, "submit", fresh || page_value(p, "scope_submit").n);
    json_put_bool(form, "admin", !fresh && page_value(p, "scope_admin").n);
    json_put_bool(form, "may_admin", page_is_admin(p));
}

enum err account_put_keys(struct page_request *p, struct json_t *view, struct str new_key)
{
    struct listed listed = {.p = p, .list = json_put(view, "keys", json_array_new())};
    put_new_key(p, view, new_key);
    put_form(p, view, new_key.n || !form_get(&p->form, STR("key_name")));
    return reader_api_keys(page_reader(p), p->who.user_key, visit, &listed);
}

/* ---- making one ---- */

/* "" = never. */
static bool read_days(const struct page_request *p, int64_t *expires_ms)
{
    struct str text = page_trimmed(p, "key_days");
    int64_t days = 0;
    if (text.n && str_to_i64(text, 1, DAYS_MAX, &days))
        return false;
    *expires_ms = text.n ? p->now.wall_ms + days * DAY_MS : 0;
    return true;
}

/* False when errors has got a sentence. */
static bool read_form(struct page_request *p, struct api_key_record *k, struct json_t *errors)
{
    struct str name = page_trimmed(p, "key_name");
    bool named = api_key_name_valid(name) && str_copy(k->name, sizeof k->name, name);
    bool timed = read_days(p, &k->expires_ms);
    k->scopes = read_scopes(p);
    if (!named)
        view_text(p, errors, "key_name", "invalid.key_name_rule", NULL, STR(""));
    if (!k->scopes)
        view_text(p, errors, "key_scopes", "invalid.key_scopes_rule", NULL, STR(""));
    if (!timed)
        view_numbers(p, errors, "key_days", "invalid.number_range", "low", 1, "high", DAYS_MAX);
    return named && timed && k->scopes;
}

/* Only the hash leaves this page but for the person who asked. */
static enum err make(struct page_request *p, const struct api_key_record *k, struct str secret)
{
    struct command *c = page_command(p, CMD_API_KEY_ADD);
    (void)str_copy(c->user.name, sizeof c->user.name, str_of(p->who.name));
    c->api_key = *k;
    c->api_key.hash = secret_hash(secret);
    return page_do(p, c, NULL);
}

/* What the person can mend goes beside its field: true when it did. */
static bool explain(struct page_request *p, enum err e, struct json_t *errors)
{
    if (e == ERR_EXISTS)
        view_text(p, errors, "key_name", "invalid.key_name_taken", NULL, STR(""));
    else if (e == ERR_RATE_LIMITED)
        view_numbers(p, errors, "key_name", "invalid.keys_full", "n",
                     app_limits_copy(p->web->app).api_keys_per_person, NULL, 0);
    else
        return e == ERR_INPUT_REFUSED;
    return true;
}

void page_account_key_add(struct page_request *p)
{
    struct json_t *errors;
    struct api_key_record key = {0};
    char secret[API_KEY_SECRET_BYTES];
    struct json_t *view = account_view(p, &errors);
    api_key_secret(secret);
    enum err e = read_form(p, &key, errors) ? make(p, &key, str_of(secret)) : ERR_INPUT_REFUSED;
    if (!e || explain(p, e, errors)) {
        account_show(p, view, e ? STR("") : str_of(secret));
    } else {
        json_free(view);
        page_fail(p, e);
    }
    secret_wipe(secret, sizeof secret);
}

/* Who reloads the page that showed a key asks for it with GET. */
void page_account_keys(struct page_request *p)
{
    page_redirect(p, 302, STR("/account#keys"));
}

void page_account_key_revoke(struct page_request *p)
{
    struct uuid id;
    if (page_id(p, "id", &id)) {
        page_error(p, 404, "not_found");
        return;
    }
    struct command *c = page_command(p, CMD_API_KEY_REVOKE);
    c->api_key.id = id;
    account_back(p, page_do(p, c, NULL), "key_revoked");
}

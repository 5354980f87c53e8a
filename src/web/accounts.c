#include "web/accounts.h"

#include "codec/json.h"
#include "web/state.h"

#include <string.h>

static bool refuse(struct page_request *p, struct json_t *errors, const char *field,
                   const char *key)
{
    json_put_str(errors, field, page_text(p, key));
    return false;
}

bool check_name(struct page_request *p, const char *field, struct json_t *errors)
{
    return user_name_valid(page_value(p, field)) ||
           refuse(p, errors, field, "invalid.username_rule");
}

bool check_password(struct page_request *p, const char *field, struct json_t *errors)
{
    return password_valid(page_value(p, field)) ||
           refuse(p, errors, field, "invalid.password_rule");
}

bool check_repeated(struct page_request *p, const char *password_field, const char *field,
                    bool required, struct json_t *errors)
{
    if (!required && !form_get(&p->form, str_of(field)))
        return true;
    return secret_eq(page_value(p, password_field), page_value(p, field)) ||
           refuse(p, errors, field, "invalid.passwords_differ");
}

/* The start of what a browser says it is. */
static void copy_agent(char out[AGENT_BYTES], struct str agent)
{
    if (agent.n >= AGENT_BYTES)
        agent.n = AGENT_BYTES - 1;
    while (agent.n > 0 && !utf8_valid(agent.p, agent.n))
        agent.n--;
    (void)str_copy(out, AGENT_BYTES, agent);
}

static enum err open_session(struct page_request *p, int64_t user_key, const char *name,
                             struct str secret)
{
    struct command *c = page_command(p, CMD_SESSION_OPEN);
    c->actor.user_key = user_key;
    (void)str_copy(c->actor.name, sizeof c->actor.name, str_of(name));
    c->session.user_key = user_key;
    c->session.hash = secret_hash(secret);
    (void)str_copy(c->session.address, sizeof c->session.address, p->address);
    copy_agent(c->session.agent, p->agent);
    return page_do(p, c, NULL);
}

static void close_old_session(struct page_request *p)
{
    if (!p->logged_in)
        return;
    struct command *c = page_command(p, CMD_SESSION_CLOSE);
    c->key = p->who.session_key;
    /* When it cannot be closed it ends by itself: the browser forgets its cookie anyway. */
    (void)page_do(p, c, NULL);
}

enum err session_start(struct page_request *p, int64_t user_key, const char *name)
{
    char secret[SECRET_TEXT_BYTES];
    secret_text(secret);
    enum err e = open_session(p, user_key, name, str_of(secret));
    if (!e) {
        int64_t lasts_ms = (int64_t)app_limits_copy(p->web->app).session_ms;
        close_old_session(p);
        page_set_cookie(p, "session", str_of(secret), lasts_ms / 1000, true);
    }
    secret_wipe(secret, sizeof secret);
    return e;
}

void session_forget_cookie(struct page_request *p)
{
    page_set_cookie(p, "session", STR(""), 0, true);
}

struct setting_wanted {
    const char *name;
    char *value;
};

static void visit_setting(void *ctx, const struct setting_record *s)
{
    struct setting_wanted *wanted = ctx;
    if (strcmp(s->name, wanted->name) == 0)
        memcpy(wanted->value, s->value, sizeof s->value);
}

void setting_read(struct page_request *p, const char *name, const char *fallback,
                  char value[SETTING_VALUE_BYTES])
{
    struct setting_wanted wanted = {name, value};
    struct reader *reader = page_reader(p);
    (void)str_copy(value, SETTING_VALUE_BYTES, str_of(fallback));
    if (reader && reader_settings(reader, visit_setting, &wanted))
        (void)str_copy(value, SETTING_VALUE_BYTES, str_of(fallback));
}

bool registration_is_open(struct page_request *p)
{
    char value[SETTING_VALUE_BYTES];
    setting_read(p, "registration_open", "0", value);
    return strcmp(value, "1") == 0;
}

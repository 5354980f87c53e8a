/* Setup and account: what the hub is asked, what the person sees. */
#include "rig.h"

static const char setup_form[] = "username=root&password=12345678&password2=12345678";

static int setup_set_up(void **state)
{
    struct rig *r = rig_new();
    rig_start(r, SETUP_TOKEN);
    *state = r;
    return 0;
}

#define SETUP_TEST(name) cmocka_unit_test_setup_teardown(name, setup_set_up, rig_tear_down)

static void fill_id(struct reply *reply)
{
    reply->id = (struct uuid){.b = {1, 2, 3, 4, 5, 6, 7}};
}

static void the_setup_link_makes_an_admin_once(void **state)
{
    struct rig *r = *state;
    r->app.fill[CMD_SETUP] = fill_id;
    assert_int_equal(get(r, "/setup?token=" SETUP_TOKEN, NULL), 200);
    assert_has(r, "action=\"/setup?token=" SETUP_TOKEN "\"");
    assert_int_equal(post(r, "/setup?token=" SETUP_TOKEN, NULL, setup_form), 302);
    assert_has(r, "\r\nLocation: /\r\n");
    assert_has(r, "\r\nSet-Cookie: session=");
    assert_string_equal(r->app.last[CMD_SETUP].user.name, "root");
    assert_true(password_verify(r->app.last[CMD_SETUP].user.password_hash, STR("12345678")));
    struct reply made = {0};
    fill_id(&made);
    assert_int_equal(r->app.last[CMD_SESSION_OPEN].session.user_key, uuid_key(made.id));
    assert_int_equal(get(r, "/setup?token=" SETUP_TOKEN, NULL), 404);
    assert_int_equal(post(r, "/setup?token=" SETUP_TOKEN, NULL, setup_form), 404);
    assert_int_equal(r->app.asked[CMD_SETUP], 1);
}

static void a_wrong_setup_token_finds_nothing(void **state)
{
    struct rig *r = *state;
    static const char *const targets[] = {"/setup", "/setup?token=", "/setup?token=x",
                                          "/setup?token=" SETUP_TOKEN "x"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        assert_int_equal(get(r, targets[i], NULL), 404);
        assert_int_equal(post(r, targets[i], NULL, setup_form), 404);
    }
    assert_int_equal(r->app.asked[CMD_SETUP], 0);
}

static void the_setup_link_ends_when_there_is_an_admin(void **state)
{
    struct rig *r = *state;
    (void)rig_user(r, "clerk", "12345678", ROLE_USER);
    assert_int_equal(get(r, "/setup?token=" SETUP_TOKEN, NULL), 200);
    r->app.answer[CMD_SETUP] = ERR_EXISTS;
    assert_int_equal(post(r, "/setup?token=" SETUP_TOKEN, NULL, setup_form), 200);
    assert_has(r, "There is a user of this name already.");
    r->app.answer[CMD_SETUP] = ERR_FORBIDDEN; /* made between our question and our command */
    assert_int_equal(post(r, "/setup?token=" SETUP_TOKEN, NULL, setup_form), 404);
    assert_int_equal(get(r, "/setup?token=" SETUP_TOKEN, NULL), 404);
}

static void an_admin_of_the_command_line_ends_the_link(void **state)
{
    struct rig *r = *state;
    (void)rig_user(r, "boss", "12345678", ROLE_ADMIN);
    assert_int_equal(get(r, "/setup?token=" SETUP_TOKEN, NULL), 404);
}

static void until_there_is_an_admin_every_page_says_how_to_make_one(void **state)
{
    static const char *const paths[] = {"/",         "/login",   "/admin/",
                                        "/requests", "/setup/x", "/static",
                                        "/docs",     "/nowhere", "/admin/audit.csv"};
    struct rig *r = *state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(get(r, paths[i], NULL), 503);
        assert_has(r, "\r\nRetry-After: 10\r\n");
        assert_has(r, "This relay has no admin yet</h1>");
        assert_has_not(r, SETUP_TOKEN);
    }
    assert_int_equal(post(r, "/login", NULL, "username=root&password=12345678"), 503);
    assert_int_equal(get(r, "/static/app.css", NULL), 200);
    (void)rig_user(r, "eve", "eve's password", ROLE_USER);
    assert_int_equal(get(r, "/login", NULL), 503);
    (void)rig_user(r, "root", "root's password", ROLE_ADMIN);
    assert_int_equal(get(r, "/login", NULL), 200);
    assert_int_equal(get(r, "/nowhere", NULL), 404);
}

static void a_setup_form_is_checked_first(void **state)
{
    struct rig *r = *state;
    static const char *const bodies[] = {"", "username=root&password=12345678",
                                         "username=a.b&password=12345678&password2=12345678",
                                         "username=root&password=1&password2=1"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        assert_int_equal(post(r, "/setup?token=" SETUP_TOKEN, NULL, bodies[i]), 200);
        assert_has(r, "class=\"field-error\"");
    }
    assert_int_equal(r->app.asked[CMD_SETUP], 0);
    assert_int_equal(get(r, "/setup?token=" SETUP_TOKEN, NULL), 200);
}

static void a_new_password_needs_the_old_one(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    assert_int_equal(post(r, "/account/password", &e,
                          "current_password=wrong&password=new+password&password2=new+password"),
                     200);
    assert_has(r, "This is not your current password.");
    assert_int_equal(r->app.asked[CMD_LOGIN_FAILED], 1);
    assert_int_equal(r->app.asked[CMD_USER_PASSWORD], 0);
    assert_int_equal(
        post(r, "/account/password", &e,
             "current_password=eve%27s+password&password=new+password&password2=other"),
        200);
    assert_has(r, "The two passwords differ.");
    assert_int_equal(r->app.asked[CMD_LOGIN_MAY],
                     1); /* nothing is tried for a form that is wrong */
    assert_int_equal(
        post(r, "/account/password", &e,
             "current_password=eve%27s+password&password=new+password&password2=new+password"),
        302);
    const struct command *c = &r->app.last[CMD_USER_PASSWORD];
    assert_string_equal(c->user.name, "eve");
    assert_int_equal(c->keep_session, 4711);
    assert_true(password_verify(c->user.password_hash, STR("new password")));
}

static void guessing_the_old_password_is_slowed(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    r->app.answer[CMD_LOGIN_MAY] = ERR_RATE_LIMITED;
    assert_int_equal(
        post(r, "/account/password", &e,
             "current_password=eve%27s+password&password=new+password&password2=new+password"),
        200);
    assert_has(r, "Too many failed log-ins.");
    assert_int_equal(r->app.asked[CMD_USER_PASSWORD], 0);
}

static void a_language_is_one_of_ours(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    assert_int_equal(post(r, "/account/language", &e, "language=ko"), 302);
    assert_string_equal(r->app.last[CMD_USER_LANGUAGE].user.language, "ko");
    assert_string_equal(r->app.last[CMD_USER_LANGUAGE].user.name, "eve");
    assert_has(r, "\r\nSet-Cookie: lang=ko; ");
    assert_int_equal(post(r, "/account/language", &e, "language="), 302);
    assert_string_equal(r->app.last[CMD_USER_LANGUAGE].user.language, "");
    assert_int_equal(post(r, "/account/language", &e, "language=xx"), 400);
    assert_int_equal(r->app.asked[CMD_USER_LANGUAGE], 2);
}

static void the_switch_in_the_foot_needs_no_account(void **state)
{
    struct rig *r = *state;
    assert_int_equal(get(r, "/docs?a=b&c", NULL), 200);
    assert_has(r, "name=\"back\" value=\"/docs?a=b&amp;c\"");
    assert_has(r, "value=\"en\" lang=\"en\" aria-current=\"true\">English<");
    assert_int_equal(post(r, "/language", NULL, "language=ko&back=%2Fdocs%3Fa%3Db"), 302);
    assert_has(r, "\r\nSet-Cookie: lang=ko; Path=/; Max-Age=31536000; ");
    assert_has(r, "\r\nLocation: /docs?a=b\r\n");
    assert_int_equal(r->app.asked[CMD_USER_LANGUAGE], 0);
    static const char *const elsewhere[] = {"language=ko", "language=ko&back=%2F%2Fevil.example",
                                            "language=ko&back=https%3A%2F%2Fevil.example"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        assert_int_equal(post(r, "/language", NULL, elsewhere[i]), 302);
        assert_has(r, "\r\nLocation: /\r\n");
    }
    static const char *const none[] = {"", "language=", "language=xx", "language=EN"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(post(r, "/language", NULL, none[i]), 400);
    assert_int_equal(get(r, "/language", NULL), 405);
}

static void the_switch_of_somebody_known_is_kept_in_the_account(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    assert_int_equal(post(r, "/language", &e, "language=zh&back=%2Faccount"), 302);
    assert_string_equal(r->app.last[CMD_USER_LANGUAGE].user.name, "eve");
    assert_string_equal(r->app.last[CMD_USER_LANGUAGE].user.language, "zh");
    assert_has(r, "\r\nSet-Cookie: lang=zh; ");
    r->app.answer[CMD_USER_LANGUAGE] = ERR_STORE_UNAVAILABLE;
    assert_int_equal(post(r, "/language", &e, "language=ko&back=%2Faccount"), 503);
    assert_has_not(r, "lang=ko;");
}

static void the_switch_leads_back_to_a_page_that_can_be_looked_at(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    assert_int_equal(post(r, "/account/password", &e, "current_password=x"), 200);
    assert_has(r, "name=\"back\" value=\"/account\"");
    assert_int_equal(post(r, "/requests/x/cancel", &e, ""), 404);
    assert_has(r, "name=\"back\" value=\"/requests/x\"");
    assert_int_equal(post(r, "/nowhere/at/all", &e, ""), 404);
    assert_has(r, "name=\"back\" value=\"/\"");
    assert_int_equal(get(r, "/nowhere/at/all?x", &e), 404);
    assert_has(r, "name=\"back\" value=\"/nowhere/at/all?x\"");
}

static void sessions_are_listed_and_ended(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    char path[128];
    int64_t now_ms = clock_now().wall_ms;
    struct uuid ids[2];
    for (int i = 0; i < 2; i++) {
        struct change *c = change_new(CHANGE_SESSION_PUT);
        c->session = xcalloc(1, sizeof *c->session);
        *c->session = (struct session_record){.id = ids[i] = rig_id(r),
                                              .hash = secret_hash(i ? STR("a") : STR("b")),
                                              .user_key = uuid_key(r->eve),
                                              .created_ms = now_ms,
                                              .seen_ms = now_ms,
                                              .expires_ms = i ? now_ms - 1 : now_ms + 1000000};
        str_copy(c->session->agent, sizeof c->session->agent, i ? STR("gone") : STR("<agent>"));
        rig_save(r, c);
    }
    assert_int_equal(get(r, "/account", &e), 200);
    assert_has(r, "&lt;agent&gt;");
    assert_has_not(r, ">gone<");
    assert_int_equal(post(r, path_of(path, "/account/session/{id}/end", ids[0]), &e, ""), 302);
    assert_int_equal(r->app.last[CMD_SESSION_CLOSE].key, uuid_key(ids[0]));
    assert_int_equal(post(r, "/account/session/nothing/end", &e, ""), 404);
    assert_int_equal(post(r, "/account/sessions/end-others", &e, ""), 302);
    assert_int_equal(r->app.last[CMD_SESSION_OTHERS].key, 4711);
    assert_int_equal(r->app.last[CMD_SESSION_OTHERS].actor.user_key, uuid_key(r->eve));
}

/* ---- API keys ---- */

static void an_api_key_is_shown_once_and_only_its_hash_leaves_the_page(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    assert_int_equal(post(r, "/account/keys", &e,
                          "key_name=+my+script+&scope_read=on&scope_submit=on&key_days=90"),
                     200);
    const char *shown = strstr(r->got.text, "<code id=\"key-secret\">");
    assert_non_null(shown);
    char secret[API_KEY_SECRET_BYTES];
    (void)str_copy(secret, sizeof secret, str_slice(strchr(shown, '>') + 1, sizeof secret - 1));
    assert_memory_equal(secret, "sr_", 3);
    char example[200];
    snprintf(example, sizeof example, "Authorization: Bearer %s&quot; " ORIGIN "/", secret);
    assert_has(r, example);
    const struct command *c = &r->app.last[CMD_API_KEY_ADD];
    assert_true(hash_eq(c->api_key.hash, secret_hash(str_of(secret))));
    assert_string_equal(c->user.name, "eve");
    assert_int_equal(c->actor.user_key, uuid_key(r->eve));
    assert_string_equal(c->api_key.name, "my script");
    assert_int_equal(c->api_key.scopes, SCOPE_READ | SCOPE_SUBMIT);
    int64_t days = (c->api_key.expires_ms - clock_now().wall_ms + 3600000) / 86400000;
    assert_int_equal(days, 90);
    assert_int_equal(get(r, "/account", &e), 200);
    assert_has_not(r, secret);
    assert_int_equal(get(r, "/account/keys", &e), 302);
    assert_has(r, "\r\nLocation: /account#keys\r\n");
}

static void an_api_key_s_form_is_checked_first(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"key_name=&scope_read=on&key_days=", "1 to 96 bytes, no blank at either end."},
        {"key_name=x&key_days=9", "Choose at least one."},
        {"key_name=x&scope_read=on&key_days=0", "A whole number from 1 to 3650."},
        {"key_name=x&scope_read=on&key_days=3651", "A whole number from 1 to 3650."},
        {"key_name=x&scope_read=on&key_days=soon", "A whole number from 1 to 3650."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(post(r, "/account/keys", &e, cases[i].body), 200);
        assert_has(r, cases[i].says);
        assert_has_not(r, "key-secret");
    }
    assert_int_equal(r->app.asked[CMD_API_KEY_ADD], 0);
    assert_int_equal(post(r, "/account/keys", &e, "key_name=%3Cx%3E&scope_submit=on&key_days=7x"),
                     200);
    assert_has(r, "value=\"&lt;x&gt;\"");
    assert_has(r, "value=\"7x\"");
    assert_has(r, "name=\"scope_submit\" checked");
    assert_has_not(r, "name=\"scope_read\" checked");
}

static void what_the_core_refuses_is_said_beside_the_name(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    const char *body = "key_name=x&scope_read=on&key_days=";
    r->app.answer[CMD_API_KEY_ADD] = ERR_EXISTS;
    assert_int_equal(post(r, "/account/keys", &e, body), 200);
    assert_has(r, "You have an API key of this name already.");
    assert_has_not(r, "key-secret");
    r->app.answer[CMD_API_KEY_ADD] = ERR_RATE_LIMITED;
    assert_int_equal(post(r, "/account/keys", &e, body), 200);
    assert_has(r, "You have 100 API keys, which is the most.");
    r->app.answer[CMD_API_KEY_ADD] = ERR_FORBIDDEN;
    assert_int_equal(post(r, "/account/keys", &e, body), 403);
    r->app.answer[CMD_API_KEY_ADD] = ERR_STORE_UNAVAILABLE;
    assert_int_equal(post(r, "/account/keys", &e, body), 503);
    assert_int_equal(r->app.last[CMD_API_KEY_ADD].api_key.expires_ms, 0);
}

static void the_scope_admin_is_offered_to_admins(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r), e = eve(r);
    assert_int_equal(get(r, "/account", &a), 200);
    assert_has(r, "name=\"scope_admin\"");
    assert_int_equal(get(r, "/account", &e), 200);
    assert_has_not(r, "name=\"scope_admin\"");
}

static struct uuid put_key(struct rig *r, struct uuid user, const char *name, int64_t expires_ms)
{
    struct change *c = change_new(CHANGE_API_KEY_PUT);
    c->api_key = xcalloc(1, sizeof *c->api_key);
    *c->api_key = (struct api_key_record){.id = rig_id(r),
                                          .user_key = uuid_key(user),
                                          .scopes = SCOPE_READ | SCOPE_ADMIN,
                                          .created_ms = T0,
                                          .expires_ms = expires_ms};
    assert_true(str_copy(c->api_key->name, sizeof c->api_key->name, str_of(name)));
    struct uuid id = c->api_key->id;
    rig_save(r, c);
    return id;
}

static void own_keys_are_listed_and_revoked(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    char path[128];
    struct uuid id = put_key(r, r->eve, "<one>", 0);
    put_key(r, r->eve, "over", 1);
    put_key(r, r->ada, "ada's", 0);
    assert_int_equal(get(r, "/account", &e), 200);
    assert_has(r, "<b>&lt;one&gt;</b> <code>read, admin</code>");
    assert_has(r, "<b>over</b> <code>read, admin</code> <span class=\"badge expired\">");
    assert_has(r, "never expires");
    assert_has_not(r, "ada&#39;s");
    assert_has(r, path_of(path, "action=\"/account/key/{id}/revoke\"", id));
    assert_int_equal(post(r, path_of(path, "/account/key/{id}/revoke", id), &e, ""), 302);
    assert_true(uuid_eq(r->app.last[CMD_API_KEY_REVOKE].api_key.id, id));
    assert_int_equal(r->app.last[CMD_API_KEY_REVOKE].actor.user_key, uuid_key(r->eve));
    assert_int_equal(post(r, "/account/key/x/revoke", &e, ""), 404);
    r->app.answer[CMD_API_KEY_REVOKE] = ERR_NOT_FOUND;
    assert_int_equal(post(r, path_of(path, "/account/key/{id}/revoke", id), &e, ""), 404);
}

/* Should one come by the edge: the page itself lets only a log-in in. */
static void the_account_is_no_program_s(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    e.scopes = SCOPES_OF_KEYS;
    assert_int_equal(get(r, "/account", &e), 302);
    assert_int_equal(post(r, "/account/sessions/end-others", &e, ""), 302);
    assert_int_equal(r->app.asked[CMD_SESSION_OTHERS], 0);
    assert_int_equal(get(r, "/", &e), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETUP_TEST(the_setup_link_makes_an_admin_once),
        SETUP_TEST(a_wrong_setup_token_finds_nothing),
        SETUP_TEST(the_setup_link_ends_when_there_is_an_admin),
        SETUP_TEST(an_admin_of_the_command_line_ends_the_link),
        SETUP_TEST(until_there_is_an_admin_every_page_says_how_to_make_one),
        SETUP_TEST(a_setup_form_is_checked_first),
        RIG_TEST(a_new_password_needs_the_old_one),
        RIG_TEST(guessing_the_old_password_is_slowed),
        RIG_TEST(a_language_is_one_of_ours),
        RIG_TEST(the_switch_in_the_foot_needs_no_account),
        RIG_TEST(the_switch_of_somebody_known_is_kept_in_the_account),
        RIG_TEST(the_switch_leads_back_to_a_page_that_can_be_looked_at),
        RIG_TEST(sessions_are_listed_and_ended),
        RIG_TEST(an_api_key_is_shown_once_and_only_its_hash_leaves_the_page),
        RIG_TEST(an_api_key_s_form_is_checked_first),
        RIG_TEST(what_the_core_refuses_is_said_beside_the_name),
        RIG_TEST(the_scope_admin_is_offered_to_admins),
        RIG_TEST(own_keys_are_listed_and_revoked),
        RIG_TEST(the_account_is_no_program_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Setup, log-in, registration, log-out and account: what the hub is asked, what the browser gets.
 */
#include "rig.h"

static const char right[] = "username=ada&password=ada%27s+password";
static const char wrong[] = "username=ada&password=eve%27s+password";
static const char unknown[] = "username=nobody&password=whatever";

static void fill_wait(struct reply *reply)
{
    reply->retry_after_ms = 61001;
}

/* The value of the session cookie that was set; "" when none was. */
static void cookie_of(struct rig *r, char out[64])
{
    const char *at = strstr(r->got.text, "\r\nSet-Cookie: session=");
    *out = '\0';
    if (at)
        (void)sscanf(at, "\r\nSet-Cookie: session=%60[^;\r\n]", out);
}

static void the_right_password_opens_a_session(void **state)
{
    struct rig *r = *state;
    char cookie[64];
    assert_int_equal(ask_with(r, "POST", "/login", NULL, "User-Agent: some browser\r\n", right),
                     302);
    assert_has(r, "\r\nLocation: /\r\n");
    assert_has(r, "; Path=/; Max-Age=2592000; SameSite=Lax; HttpOnly; Secure\r\n");
    cookie_of(r, cookie);
    assert_int_equal(strlen(cookie), 43);
    const struct command *open = &r->app.last[CMD_SESSION_OPEN];
    assert_int_equal(r->app.asked[CMD_SESSION_OPEN], 1);
    assert_true(hash_eq(open->session.hash, secret_hash(str_of(cookie))));
    assert_int_equal(open->session.user_key, uuid_key(r->ada));
    assert_string_equal(open->session.address, "192.0.2.7");
    assert_string_equal(open->session.agent, "some browser");
    assert_string_equal(open->actor.name, "ada");
    assert_string_equal(r->app.last[CMD_LOGIN_MAY].user.name, "ada");
    assert_string_equal(r->app.last[CMD_LOGIN_MAY].actor.address, "192.0.2.7");
    assert_int_equal(r->app.asked[CMD_LOGIN_FAILED], 0);
    assert_int_equal(r->app.asked[CMD_USER_REHASH], 0);
}

static void a_session_that_was_there_before_is_closed(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    assert_int_equal(post(r, "/login", &e, right), 302);
    assert_int_equal(r->app.asked[CMD_SESSION_CLOSE], 1);
    assert_int_equal(r->app.last[CMD_SESSION_CLOSE].key, 4711);
}

static void wrong_unknown_and_disabled_look_the_same(void **state)
{
    struct rig *r = *state;
    struct change *c = change_new(CHANGE_USER_PUT);
    c->user = xcalloc(1, sizeof *c->user);
    c->user->id = rig_id(r);
    c->user->disabled = true;
    str_copy(c->user->name, sizeof c->user->name, STR("off"));
    assert_int_equal(password_hash(STR("off's password"), c->user->password_hash), OK);
    rig_save(r, c);
    static const char *const names[] = {"ada", "xyz", "off"};
    static const char *const tries[] = {"username=ada&password=x", "username=xyz&password=x",
                                        "username=off&password=off%27s+password"};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        assert_int_equal(post(r, "/login", NULL, tries[i]), 200);
        assert_has(r, "Invalid username or password");
        assert_has_not(r, "\r\nSet-Cookie: session");
        assert_string_equal(r->app.last[CMD_LOGIN_FAILED].user.name, names[i]);
        assert_int_equal(r->app.asked[CMD_LOGIN_FAILED], i + 1);
    }
    assert_int_equal(r->app.asked[CMD_SESSION_OPEN], 0);
}

static void the_words_are_chinese_for_scripts(void **state)
{
    struct rig *r = *state;
    assert_int_equal(ask_with(r, "POST", "/login", NULL, "", wrong), 200);
    assert_has(r, "无效的凭据");
    assert_int_equal(ask_with(r, "POST", "/login", NULL, "Accept-Language: en\r\n", wrong), 200);
    assert_has(r, "Invalid username or password");
    rig_setting(r, "registration_open", "1");
    r->app.answer[CMD_USER_ADD] = ERR_EXISTS;
    assert_int_equal(ask_with(r, "POST", "/register", NULL, "", "username=ada&password=12345678"),
                     200);
    assert_has(r, "用户名已存在");
}

static void a_missing_field_is_400_and_no_try(void **state)
{
    struct rig *r = *state;
    static const char *const bodies[] = {"", "username=ada", "password=x"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_int_equal(post(r, "/login", NULL, bodies[i]), 400);
    assert_int_equal(r->app.asked[CMD_LOGIN_MAY], 0);
}

static void who_has_failed_too_often_must_wait(void **state)
{
    struct rig *r = *state;
    static const char *const tries[] = {right, wrong, unknown};
    r->app.answer[CMD_LOGIN_MAY] = ERR_RATE_LIMITED;
    r->app.fill[CMD_LOGIN_MAY] = fill_wait;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        assert_int_equal(post(r, "/login", NULL, tries[i]), 429);
        assert_has(r, "Try again in 62 s.");
        assert_has(r, "\r\nRetry-After: 62\r\n");
    }
    assert_int_equal(r->app.asked[CMD_SESSION_OPEN] + r->app.asked[CMD_LOGIN_FAILED], 0);
}

static void without_the_hub_nobody_logs_in(void **state)
{
    struct rig *r = *state;
    r->app.answer[CMD_LOGIN_MAY] = ERR_TIMEOUT;
    assert_int_equal(post(r, "/login", NULL, right), 503);
    r->app.answer[CMD_LOGIN_MAY] = OK;
    r->app.answer[CMD_SESSION_OPEN] = ERR_STORE_UNAVAILABLE;
    assert_int_equal(post(r, "/login", NULL, right), 503);
    assert_has_not(r, "\r\nSet-Cookie: session");
}

static void a_long_name_is_nobody_but_counts(void **state)
{
    struct rig *r = *state;
    assert_int_equal(post(r, "/login", NULL,
                          "password=x&username=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%C3%A9aaaaaaaaaa"),
                     200);
    assert_string_equal(r->app.last[CMD_LOGIN_FAILED].user.name, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static void the_way_on_is_a_place_of_ours(void **state)
{
    struct rig *r = *state;
    assert_int_equal(post(r, "/login?next=%2Frequests%3Fa%3Db", NULL, right), 302);
    assert_has(r, "\r\nLocation: /requests?a=b\r\n");
    assert_int_equal(
        post(r, "/login", NULL, "username=ada&password=ada%27s+password&next=%2Faccount"), 302);
    assert_has(r, "\r\nLocation: /account\r\n");
    static const char *const evil[] = {"%2F%2Fevil.example", "https%3A%2F%2Fevil.example",
                                       "%2F%5Cevil.example", "%2Fa%0D%0ASet-Cookie%3A+a%3Db"};
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        char target[128];
        snprintf(target, sizeof target, "/login?next=%s", evil[i]);
        assert_int_equal(post(r, target, NULL, right), 302);
        assert_has(r, "\r\nLocation: /\r\n");
        assert_int_equal(get(r, target, NULL), 200);
        assert_has_not(r, "name=\"next\"");
    }
}

static void an_old_hash_is_made_anew(void **state)
{
    struct rig *r = *state;
    /* "old password" with 8 MiB and one pass */
    static const char old[] = "$argon2id$v=19$m=8192,t=1,p=1$HjNEseZFycPf/GMv3/nsgA$"
                              "eTPYmkJnTwp059nwwsjvTu+dPz3OWplBD/W23F7+VYU";
    struct change *c = change_new(CHANGE_USER_PUT);
    c->user = xcalloc(1, sizeof *c->user);
    c->user->id = rig_id(r);
    str_copy(c->user->name, sizeof c->user->name, STR("old"));
    str_copy(c->user->password_hash, sizeof c->user->password_hash, str_of(old));
    rig_save(r, c);
    assert_int_equal(post(r, "/login", NULL, "username=old&password=old+password"), 302);
    const struct command *rehash = &r->app.last[CMD_USER_REHASH];
    assert_int_equal(r->app.asked[CMD_USER_REHASH], 1);
    assert_string_equal(rehash->expect_hash, old);
    assert_string_equal(rehash->user.name, "old");
    assert_true(password_verify(rehash->user.password_hash, STR("old password")));
    assert_false(password_needs_rehash(rehash->user.password_hash));
}

static void logging_out_closes_the_session(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    assert_int_equal(get(r, "/logout", &a), 302);
    assert_has(r, "\r\nLocation: /login\r\n");
    assert_has(r, "\r\nSet-Cookie: session=; Path=/; Max-Age=0; ");
    assert_int_equal(r->app.last[CMD_SESSION_CLOSE].key, 4711);
    assert_int_equal(get(r, "/logout", NULL), 302);
    assert_int_equal(r->app.asked[CMD_SESSION_CLOSE], 1);
    r->app.answer[CMD_SESSION_CLOSE] = ERR_STORE_UNAVAILABLE;
    assert_int_equal(get(r, "/logout", &a), 503);
    assert_has_not(r, "Set-Cookie: session=;"); /* it is still open, so it can be closed again */
}

static void who_is_logged_in_needs_no_login_page(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    assert_int_equal(get(r, "/login?next=%2Frequests", &a), 302);
    assert_has(r, "\r\nLocation: /requests\r\n");
}

static void registration_is_closed_unless_opened(void **state)
{
    struct rig *r = *state;
    assert_int_equal(get(r, "/register", NULL), 403);
    assert_int_equal(post(r, "/register", NULL, "username=new&password=12345678"), 403);
    assert_int_equal(r->app.asked[CMD_USER_ADD], 0);
    rig_setting(r, "registration_open", "1");
    assert_int_equal(get(r, "/register", NULL), 200);
    assert_int_equal(post(r, "/register", NULL, "username=new&password=12345678"), 302);
    assert_has(r, "\r\nLocation: /login\r\n");
    const struct command *add = &r->app.last[CMD_USER_ADD];
    assert_string_equal(add->user.name, "new");
    assert_int_equal(add->user.role, ROLE_USER);
    assert_true(password_verify(add->user.password_hash, STR("12345678")));
}

static void an_address_that_registers_too_often_must_wait(void **state)
{
    struct rig *r = *state;
    rig_setting(r, "registration_open", "1");
    r->app.answer[CMD_REGISTER_MAY] = ERR_RATE_LIMITED;
    r->app.fill[CMD_REGISTER_MAY] = fill_wait;
    assert_int_equal(post(r, "/register", NULL, "username=new&password=12345678"), 429);
    assert_has(r, "\r\nRetry-After: 62\r\n");
    assert_has(r, "Too many registrations from your network. Try again in 62 s.");
    assert_has(r, "value=\"new\"");
    assert_int_equal(r->app.asked[CMD_USER_ADD], 0);
}

static void a_registration_is_checked_first(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *body;
        unsigned status;
        const char *sentence;
    } cases[] = {
        {"username=a+b&password=12345678", 200, "letters, digits and underscores."},
        {"username=&password=12345678", 200, "letters, digits and underscores."},
        {"username=new&password=1234567", 200, "8 to 1024 bytes."},
        {"username=new&password=12345678&confirm_password=12345679", 200,
         "The two passwords differ."},
        {"username=new", 400, "8 to 1024 bytes."},
        {"password=12345678", 400, "letters, digits and underscores."},
    };
    rig_setting(r, "registration_open", "1");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(post(r, "/register", NULL, cases[i].body), cases[i].status);
        assert_has(r, cases[i].sentence);
        assert_has_not(r, "1234567"); /* no password on a page */
    }
    assert_int_equal(r->app.asked[CMD_USER_ADD] + r->app.asked[CMD_REGISTER_MAY], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_right_password_opens_a_session),
        RIG_TEST(a_session_that_was_there_before_is_closed),
        RIG_TEST(wrong_unknown_and_disabled_look_the_same),
        RIG_TEST(the_words_are_chinese_for_scripts),
        RIG_TEST(a_missing_field_is_400_and_no_try),
        RIG_TEST(who_has_failed_too_often_must_wait),
        RIG_TEST(without_the_hub_nobody_logs_in),
        RIG_TEST(a_long_name_is_nobody_but_counts),
        RIG_TEST(the_way_on_is_a_place_of_ours),
        RIG_TEST(an_old_hash_is_made_anew),
        RIG_TEST(logging_out_closes_the_session),
        RIG_TEST(who_is_logged_in_needs_no_login_page),
        RIG_TEST(registration_is_closed_unless_opened),
        RIG_TEST(an_address_that_registers_too_often_must_wait),
        RIG_TEST(a_registration_is_checked_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

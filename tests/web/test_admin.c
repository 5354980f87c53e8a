/* Admin forms: what the hub is asked, what the admin sees when something is refused. */
#include "rig.h"

#include "codec/form.h"

static void fill_new_id(struct reply *reply)
{
    reply->id = (struct uuid){.b = {0x01, 0x98, 0xc0, 0xde, 5, 6, 0x70, 8, 0x80}};
}
#define NEW_ID "0198c0de-0506-7008-8000-000000000000"

static void a_space_is_made_from_the_form(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    r->app.fill[CMD_SPACE_ADD] = fill_new_id;
    assert_int_equal(
        post(r, "/admin/space/add", &a,
             "name=Gro%C3%9F&description=a+text&cover=https%3A%2F%2Fx.example%2Fy.png"
             "&cover_type=image&card_type=websockets&ws_enable_prompt=on&ws_enable_video=on"
             "&ws_rate_limit_seconds=7&max_apps=3&queue_offline=on"),
        302);
    assert_has(r, "\r\nLocation: /admin/space/edit/" NEW_ID "\r\n");
    const struct command *c = &r->app.last[CMD_SPACE_ADD];
    assert_string_equal(c->space.name, "Gro\xc3\x9f");
    assert_string_equal(c->space.description, "a text");
    assert_string_equal(c->space.cover, "https://x.example/y.png");
    assert_string_equal(c->space.cover_type, "image");
    assert_int_equal(c->space.inputs, INPUT_PROMPT | INPUT_VIDEO);
    assert_int_equal(c->space.rate_limit_s, 7);
    assert_int_equal(c->space.max_apps, 3);
    assert_true(c->space.queue_offline);
    assert_false(c->space.legacy_registration);
    assert_string_equal(c->actor.name, "ada");
    assert_int_equal(c->actor.role, ROLE_ADMIN);
}

static void what_an_old_form_lacks_is_as_it_was(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128];
    r->app.fill[CMD_SPACE_ADD] = fill_new_id;
    assert_int_equal(post(r, "/admin/space/add", &a, "name=x&ws_enable_prompt=on"), 302);
    assert_int_equal(r->app.last[CMD_SPACE_ADD].space.max_apps, 1);
    assert_int_equal(r->app.last[CMD_SPACE_ADD].space.rate_limit_s, 0);
    path_of(path, "/admin/space/edit/{id}", r->space);
    assert_int_equal(post(r, path, &a, "name=y&ws_legacy_registration=on"), 302);
    const struct command *c = &r->app.last[CMD_SPACE_EDIT];
    assert_true(uuid_eq(c->space.id, r->space));
    assert_string_equal(c->space.name, "y");
    assert_int_equal(c->space.created_ms, T0);
    assert_int_equal(c->space.inputs, INPUT_PROMPT); /* else it would take nothing at all */
    assert_true(c->space.legacy_registration);
    assert_int_equal(c->members, SPACE_NAME | SPACE_INPUTS | SPACE_QUEUE_OFFLINE | SPACE_LEGACY);
    assert_int_equal(
        post(r, path, &a, "name=y&ws_rate_limit_seconds=&max_apps=&ws_enable_audio=on"), 302);
    assert_int_equal(c->space.inputs, INPUT_AUDIO);
    assert_false(c->space.legacy_registration);
    assert_int_equal(c->space.max_apps, 1);
    assert_false(c->members & (SPACE_MAX_APPS | SPACE_RATE_LIMIT)); /* they stay */
    assert_int_equal(post(r, path, &a,
                          "name=y&description=&cover=&cover_type=image&max_apps=2&"
                          "ws_rate_limit_seconds=0"),
                     302);
    assert_int_equal(c->members, SPACE_ALL);
}

static void a_taken_name_is_refused_with_the_sentence(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    r->app.answer[CMD_SPACE_ADD] = ERR_EXISTS;
    assert_int_equal(post(r, "/admin/space/add", &a, "name=X&description=kept&max_apps=4"), 200);
    assert_has(r, "Multiple spaces with name &quot;X&quot; found. Please use unique space names.");
    assert_has(r, "value=\"X\"");
    assert_has(r, "kept</textarea>");
    assert_has(r, "value=\"4\"");
}

static void a_space_form_is_checked_field_by_field(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    static const struct {
        const char *body, *sentence;
    } cases[] = {
        {"", "This is needed."},
        {"name=a%2Fb", "1 to 64 characters, no /"},
        {"name=+a", "1 to 64 characters, no /"},
        {"name=a&cover=javascript%3Aalert(1)", "An address that begins with https://"},
        {"name=a&cover=%2F%2Fevil.example", "An address that begins with https://"},
        {"name=a&max_apps=0", "A whole number from 1 to 1000."},
        {"name=a&max_apps=x", "A whole number from 1 to 1000."},
        {"name=a&ws_rate_limit_seconds=-1", "A whole number from 0 to 86400."},
        {"name=a&cover_type=0123456789abcdef", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(post(r, "/admin/space/add", &a, cases[i].body), 200);
        assert_has(r, cases[i].sentence);
    }
    assert_int_equal(r->app.asked[CMD_SPACE_ADD], 0);
}

static void a_space_is_deleted(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128];
    assert_int_equal(post(r, path_of(path, "/admin/space/delete/{id}", r->space), &a, ""), 302);
    assert_has(r, "\r\nLocation: /admin/spaces\r\n");
    assert_true(uuid_eq(r->app.last[CMD_SPACE_REMOVE].space.id, r->space));
    assert_int_equal(post(r, path_of(path, "/admin/space/delete/{id}", r->ada), &a, ""), 404);
}

static void a_token_is_shown_once_with_the_command(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128];
    r->app.fill[CMD_TOKEN_ADD] = fill_new_id;
    path_of(path, "/admin/space/{id}/token", r->space);
    assert_int_equal(post(r, path, &a, "note=gpu+%3Cbox%3E&expires=90d"), 200);
    assert_has(r, "mock-app --host " ORIGIN " --space &quot;My \\&quot;first\\&quot; &lt;space&gt;"
                  "&quot; --token v4.public.fake-" NEW_ID "-1");
    assert_has(r, "<code id=\"token\">v4.public.fake-" NEW_ID "-1</code>");
    const struct command *c = &r->app.last[CMD_TOKEN_ADD];
    assert_int_equal(c->token.space_key, uuid_key(r->space));
    assert_string_equal(c->token.note, "gpu <box>");
    int64_t in_ms = c->token.expires_ms - clock_now().wall_ms;
    assert_true(in_ms > 89LL * 86400000 && in_ms <= 90LL * 86400000);
    assert_int_equal(post(r, path, &a, "note=&expires="), 200);
    assert_has(r, "v4.public.fake-" NEW_ID "-0");
    assert_int_equal(r->app.last[CMD_TOKEN_ADD].token.expires_ms, 0);
    assert_int_equal(get(r, path, &a), 302);
    assert_int_equal(get(r, path_of(path, "/admin/space/edit/{id}", r->space), &a), 200);
    assert_has_not(r, "v4.public.");
}

static void a_token_form_offers_what_it_offers(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128];
    static const char *const bodies[] = {"expires=1d", "expires=90", "expires=-90d", "note=a%0Ab"};
    path_of(path, "/admin/space/{id}/token", r->space);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_int_equal(post(r, path, &a, bodies[i]), 400);
    r->app.answer[CMD_TOKEN_ADD] = ERR_STORE_UNAVAILABLE;
    assert_int_equal(post(r, path, &a, ""), 503);
    assert_has_not(r, "v4.public.");
}

static void a_token_is_revoked_from_its_spaces_page(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128];
    struct change *c = change_new(CHANGE_TOKEN_PUT);
    c->token = xcalloc(1, sizeof *c->token);
    *c->token = (struct token_record){
        .id = rig_id(r), .space_key = uuid_key(r->space), .note = "<note>", .created_ms = T0};
    struct uuid id = c->token->id;
    rig_save(r, c);
    assert_int_equal(get(r, path_of(path, "/admin/space/edit/{id}", r->space), &a), 200);
    assert_has(r, "&lt;note&gt;");
    assert_int_equal(post(r, path_of(path, "/admin/token/{id}/revoke", id), &a, ""), 302);
    assert_true(uuid_eq(r->app.last[CMD_TOKEN_REVOKE].token.id, id));
    path_of(path, "\r\nLocation: /admin/space/edit/{id}#tokens\r\n", r->space);
    assert_has(r, path);
}

static struct uuid connection, its_space;

static void fill_app(struct reply *reply)
{
    reply->apps = xcalloc(1, sizeof *reply->apps);
    reply->count = 1;
    reply->apps[0].connection_id = connection;
    reply->apps[0].space_id = its_space;
}

static void an_app_is_drained_or_kicked(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128];
    connection = rig_id(r);
    its_space = r->space;
    r->app.fill[CMD_QUERY_APPS] = fill_app;
    assert_int_equal(post(r, path_of(path, "/admin/app/{id}/drain", connection), &a, ""), 302);
    assert_true(uuid_eq(r->app.last[CMD_APP_DRAIN].id, connection));
    path_of(path, "\r\nLocation: /admin/space/edit/{id}#apps\r\n", r->space);
    assert_has(r, path);
    assert_int_equal(post(r, path_of(path, "/admin/app/{id}/kick", connection), &a, ""), 302);
    assert_true(uuid_eq(r->app.last[CMD_APP_KICK].id, connection));
    assert_int_equal(post(r, path_of(path, "/admin/app/{id}/kick", r->space), &a, ""), 302);
    assert_has(r, "flash=error.app_gone:/admin/spaces;");
    assert_int_equal(r->app.asked[CMD_APP_KICK], 1);
}

static void users_are_made_and_changed(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    assert_int_equal(post(r, "/admin/users", &a, "username=bob&password=12345678&role=admin"), 302);
    assert_string_equal(r->app.last[CMD_USER_ADD].user.name, "bob");
    assert_int_equal(r->app.last[CMD_USER_ADD].user.role, ROLE_ADMIN);
    assert_int_equal(post(r, "/admin/users", &a, "username=bob&password=12345678&role=god"), 400);
    assert_int_equal(post(r, "/admin/users", &a, "username=b+b&password=1&role=user"), 200);
    assert_has(r, "value=\"b b\"");
    assert_int_equal(post(r, "/admin/users/eve/role", &a, "role=admin"), 302);
    assert_string_equal(r->app.last[CMD_USER_ROLE].user.name, "eve");
    assert_int_equal(r->app.last[CMD_USER_ROLE].user.role, ROLE_ADMIN);
    assert_int_equal(post(r, "/admin/users/eve/disable", &a, ""), 302);
    assert_true(r->app.last[CMD_USER_DISABLE].flag);
    assert_int_equal(post(r, "/admin/users/eve/enable", &a, ""), 302);
    assert_false(r->app.last[CMD_USER_DISABLE].flag);
    assert_int_equal(post(r, "/admin/users/eve/password", &a, "password=12345678"), 302);
    assert_int_equal(r->app.last[CMD_USER_PASSWORD].keep_session, 0);
    assert_int_equal(post(r, "/admin/users/Ada/password", &a, "password=12345678"), 200);
    assert_has(r, "on the page of your account");
    assert_int_equal(post(r, "/admin/users/eve/password", &a, "password=short"), 200);
    assert_has(r, "8 to 1024 bytes.");
    assert_int_equal(r->app.asked[CMD_USER_PASSWORD], 1);
}

static void the_last_admin_stays(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    r->app.answer[CMD_USER_ROLE] = r->app.answer[CMD_USER_DISABLE] = ERR_FORBIDDEN;
    assert_int_equal(post(r, "/admin/users/ada/role", &a, "role=user"), 200);
    assert_has(r, "This is the last admin. Make another one first.");
    assert_int_equal(post(r, "/admin/users/ada/disable", &a, ""), 200);
    assert_has(r, "This is the last admin. Make another one first.");
    r->app.answer[CMD_USER_ROLE] = ERR_NOT_FOUND;
    assert_int_equal(post(r, "/admin/users/xyz/role", &a, "role=user"), 404);
}

static void settings_are_saved_by_name(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    const struct command *c = &r->app.last[CMD_SETTING_SET];
    assert_int_equal(post(r, "/admin/settings/registration", &a, "registration=open"), 302);
    assert_string_equal(c->setting.name, "registration_open");
    assert_string_equal(c->setting.value, "1");
    assert_int_equal(post(r, "/admin/settings/registration", &a, "registration=ajar"), 400);
    assert_int_equal(post(r, "/admin/settings/retention", &a, "retention_days=30"), 302);
    assert_string_equal(c->setting.name, "limit.retention_days");
    assert_string_equal(c->setting.value, "30");
    assert_int_equal(post(r, "/admin/settings/retention", &a, "retention_days=36501"), 200);
    assert_has(r, "value=\"36501\"");
    assert_has(r, "A whole number from 0 to 36500.");
    assert_int_equal(r->app.asked[CMD_SETTING_SET], 2);
}

static void limits_are_saved_together_or_not_at_all(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    assert_int_equal(
        post(r, "/admin/settings/limits", &a, "text_bytes=17&json_depth=3&head_fields=x"), 200);
    assert_has(r, "Nothing was saved: 2 of the values are not right.");
    assert_has(r, "A whole number from 4 to 1000.");
    assert_has(r, "value=\"17\"");
    assert_int_equal(r->app.asked[CMD_SETTINGS_SET], 0);
    assert_int_equal(post(r, "/admin/settings/limits", &a,
                          "text_bytes=17&json_depth=64&max_attempts=3&unknown=1"),
                     302);
    assert_int_equal(r->app.asked[CMD_SETTINGS_SET], 1);
    assert_int_equal(r->app.last[CMD_SETTINGS_SET].setting_count, 2); /* one is as it was */
    assert_string_equal(r->app.settings[0].name, "limit.text_bytes");
    assert_string_equal(r->app.settings[0].value, "17");
    assert_string_equal(r->app.settings[1].name, "limit.max_attempts");
    assert_int_equal(post(r, "/admin/settings/limits", &a, "text_bytes=4194304"), 302);
    assert_int_equal(r->app.asked[CMD_SETTINGS_SET], 1); /* there is nothing to save */
}

static void the_form_of_limits_fits_into_a_form(void **state)
{
    (void)state;
    assert_true(limits_count <= FORM_FIELDS_MAX);
    for (size_t i = 0; i < limits_count; i++)
        assert_true(strlen("limit.") + strlen(limits_info[i].name) < SETTING_NAME_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_space_is_made_from_the_form),
        RIG_TEST(what_an_old_form_lacks_is_as_it_was),
        RIG_TEST(a_taken_name_is_refused_with_the_sentence),
        RIG_TEST(a_space_form_is_checked_field_by_field),
        RIG_TEST(a_space_is_deleted),
        RIG_TEST(a_token_is_shown_once_with_the_command),
        RIG_TEST(a_token_form_offers_what_it_offers),
        RIG_TEST(a_token_is_revoked_from_its_spaces_page),
        RIG_TEST(an_app_is_drained_or_kicked),
        RIG_TEST(users_are_made_and_changed),
        RIG_TEST(the_last_admin_stays),
        RIG_TEST(settings_are_saved_by_name),
        RIG_TEST(limits_are_saved_together_or_not_at_all),
        cmocka_unit_test(the_form_of_limits_fits_into_a_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

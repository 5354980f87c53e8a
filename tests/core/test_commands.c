/* What admins do: spaces, tokens, apps, settings; and what pages ask. */
#include "rig.h"

static struct command on_space(struct rig *t, enum command_kind kind, const char *name)
{
    struct command c = {.kind = kind, .actor = as(t, "root"), .space.max_apps = 1};
    (void)str_copy(c.space.name, sizeof c.space.name, str_of(name));
    return c;
}

static struct command edit(struct rig *t, const char *name, const char *new_name)
{
    struct command c = on_space(t, CMD_SPACE_EDIT, new_name);
    c.space.id = space(t, name)->id;
    c.members = SPACE_ALL;
    return c;
}

static struct audit_record *newest_audit(struct rig *t)
{
    assert_true(t->disk.audit_count > 0);
    return &t->disk.audits[(t->disk.audit_count - 1) % DISK_ROWS];
}

/* ---- spaces ---- */

static void a_space_is_there_once_it_is_saved(void **state)
{
    struct rig *t = *state;
    t->hold = true;
    show(t, SHOW_PEERS | SHOW_PUBLISH);
    command(t, on_space(t, CMD_SPACE_ADD, "hut"));
    join(t, 1, .space = "hut");
    expect(t, "app 1: refused not_found: Space \"hut\" not found",
           "close 1 4500: Space \"hut\" not found");
    release(t);
    expect(t, "space hut disconnected apps 0 slots 0 free 0 queue 0", "reply ok");
    assert_true(uuid_eq(t->reply.id, space(t, "hut")->id));
    assert_int_equal(space(t, "hut")->created_ms, t->now.wall_ms);
}

static void space_names_are_unique_and_case_sensitive(void **state)
{
    struct rig *t = *state;
    command(t, on_space(t, CMD_SPACE_ADD, "den"));
    expect(t,
           "reply exists: Multiple spaces with name \"den\" found. Please use unique space names.");
    command(t, on_space(t, CMD_SPACE_ADD, "Den"));
    expect(t, "reply ok");
    command(t, edit(t, "Den", "den"));
    expect(t,
           "reply exists: Multiple spaces with name \"den\" found. Please use unique space names.");
    command(t, edit(t, "Den", "Den"));
    expect(t, "reply ok");
}

static void a_name_is_taken_while_it_is_being_saved(void **state)
{
    struct rig *t = *state;
    t->hold = true;
    command(t, on_space(t, CMD_SPACE_ADD, "hut"));
    command(t, on_space(t, CMD_SPACE_ADD, "hut"));
    command(t, edit(t, "den", "hut"));
    expect(t,
           "reply exists: Multiple spaces with name \"hut\" found. Please use unique space names.",
           "reply exists: Multiple spaces with name \"hut\" found. Please use unique space names.");
    t->fail[CHANGE_SPACE_PUT] = 1;
    release(t);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    t->hold = true;
    command(t, edit(t, "den", "hut")); /* the name is free again; now both are taken */
    command(t, on_space(t, CMD_SPACE_ADD, "den"));
    command(t, on_space(t, CMD_SPACE_ADD, "hut"));
    expect(t,
           "reply exists: Multiple spaces with name \"den\" found. Please use unique space names.",
           "reply exists: Multiple spaces with name \"hut\" found. Please use unique space names.");
    release(t);
    forget(t);
    command(t, on_space(t, CMD_SPACE_ADD, "den"));
    expect(t, "reply ok");
}

static void an_edit_that_could_not_be_saved_changed_nothing(void **state)
{
    struct rig *t = *state;
    t->fail[CHANGE_SPACE_PUT] = 1;
    command(t, edit(t, "den", "cave"));
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    join(t, 1);
    expect(t, "app 1: registered: Successfully connected to space \"den\"");
    command(t, edit(t, "den", "cave"));
    forget(t);
    vanish(t, 1);
    join(t, 2, .space = "cave");
    expect(t, "app 2: registered: Successfully connected to space \"cave\"");
}

static void edits_from_the_same_old_state_lose_nothing(void **state)
{
    struct rig *t = *state;
    struct command limit = edit(t, "den", "den"), words = edit(t, "den", "den");
    limit.members = SPACE_RATE_LIMIT | SPACE_MAX_APPS;
    limit.space.rate_limit_s = 7;
    limit.space.max_apps = 3;
    words.members = SPACE_DESCRIPTION | SPACE_NAME;
    (void)str_copy(words.space.description, sizeof words.space.description, STR("a cave"));
    (void)str_copy(words.space.name, sizeof words.space.name, STR("cave"));
    command(t, limit);
    command(t, words);
    expect(t, "reply ok", "reply ok");
    const struct space_record *s = space(t, "cave");
    assert_int_equal(s->rate_limit_s, 7);
    assert_int_equal(s->max_apps, 3);
    assert_string_equal(s->description, "a cave");
    assert_string_equal(newest_audit(t)->detail, "name: den -> cave, description");
}

static void an_edit_is_written_down_with_what_it_changed(void **state)
{
    struct rig *t = *state;
    struct command c = edit(t, "den", "den");
    c.space.inputs = INPUT_PROMPT | INPUT_FILE;
    c.space.max_apps = 2;
    c.space.queue_offline = !space(t, "den")->queue_offline;
    c.space.legacy_registration = !space(t, "den")->legacy_registration;
    (void)str_copy(c.space.cover, sizeof c.space.cover, STR("#123456"));
    command(t, c);
    assert_string_equal(newest_audit(t)->action, "space.edit");
    assert_string_equal(newest_audit(t)->subject, "den");
    assert_string_equal(newest_audit(t)->detail,
                        "cover, inputs: prompt -> prompt+file, max_apps: 1 -> 2, queue_offline: "
                        "false -> true, legacy_registration: false -> true");
    size_t before = t->disk.audit_count;
    command(t, c);
    expect(t, "reply ok", "reply ok"); /* nothing is left to change */
    assert_int_equal(t->disk.audit_count, before);
}

static void one_change_of_a_space_at_a_time(void **state)
{
    struct rig *t = *state;
    struct command removal = on_space(t, CMD_SPACE_REMOVE, "den"), change = edit(t, "den", "cave");
    t->hold = true;
    command(t, removal);
    command(t, change); /* would bring the row of the removed space back */
    expect(t, "reply internal: Another change of this space is being saved; try again");
    assert_int_equal(t->reply.limit, 1);
    release(t);
    forget(t);
    restart(t);
    assert_null(space(t, "den"));
    command(t, change);
    expect(t, "reply not_found: Space not found");
}

static void spaces_have_their_form(void **state)
{
    struct rig *t = *state;
    const char *const bad[] = {
        "",    " den",      "den ",
        "a/b", "tab\there", "12345678901234567890123456789012345678901234567890123456789012345"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        command(t, on_space(t, CMD_SPACE_ADD, bad[i]));
        assert_int_equal(t->reply.err, ERR_BAD_MESSAGE);
    }
    struct command c = on_space(t, CMD_SPACE_ADD, "hut");
    c.space.max_apps = 0;
    command(t, c);
    assert_int_equal(t->reply.err, ERR_BAD_MESSAGE);
    c.space.max_apps = 1001;
    command(t, c);
    assert_int_equal(t->reply.err, ERR_BAD_MESSAGE);
    c.space.max_apps = 1000;
    command(t, c);
    assert_int_equal(t->reply.err, OK);
}

static void removing_a_space_cancels_what_waits_and_what_runs(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    submit(t, "ben");
    show(t, SHOW_PEERS | SHOW_PUBLISH);
    command(t, on_space(t, CMD_SPACE_REMOVE, "den"));
    expect(t, "reply ok", "close 1 4500: the space was removed",
           "space den disconnected apps 0 slots 0 free 0 queue 0 removed", "final r1 cancelled",
           "final r2 cancelled");
    assert_int_equal(status_on_disk(t, 1), REQUEST_CANCELLED);
    assert_int_equal(status_on_disk(t, 2), REQUEST_CANCELLED);
    pass(t, 20000);
    show(t, SHOW_PEERS);
    submit(t, "ann");
    expect(t, "person 101: error not_found: Space not found");
    command(t, on_space(t, CMD_SPACE_REMOVE, "den"));
    expect(t, "reply not_found: Space not found");
    command(t, on_space(t, CMD_SPACE_ADD, "den")); /* the name is free */
    expect(t, "reply ok");
    join(t, 2, .claim_space = space(t, "den")->id); /* the old token is not for the new space */
    expect(t, "app 2: refused unauthorized: token is not valid",
           "close 2 4500: token is not valid");
}

static void removal_that_could_not_be_saved_changed_nothing(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    t->fail[CHANGE_SPACE_PUT] = 1;
    forget(t);
    command(t, on_space(t, CMD_SPACE_REMOVE, "den"));
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    submit(t, "ann");
    expect(t, "person 101: submitted r1 at 1", "app 1: request r1/1 of ann {}");
}

static void cancels_of_a_removed_space_are_tried_until_they_are_saved(void **state)
{
    struct rig *t = *state;
    join(t, 1, .concurrency = 2);
    for (int i = 0; i < 4; i++)
        submit(t, "ann");
    t->fail[CHANGE_REQUEST_FINAL] = 6;
    command(t, on_space(t, CMD_SPACE_REMOVE, "den"));
    pass(t, 1000);
    pass(t, 1000);
    for (size_t i = 1; i <= 4; i++)
        assert_int_equal(status_on_disk(t, i), REQUEST_CANCELLED);
}

static void requests_in_every_state_of_saving_end_with_their_space(void **state)
{
    struct rig *t = *state;
    join(t, 1, .concurrency = 9, .instance = "a");
    for (int i = 0; i < 5; i++)
        submit(t, "ann");
    t->hold = true;
    command(t, on_space(t, CMD_SPACE_REMOVE, "den"));
    result(t, 1, lease(t, 1, 1));
    app_error(t, 1, lease(t, 2, 1), true);
    cancel(t, "ann", 3);
    submit(t, "ben"); /* r6: accepted after the removal was */
    cancel(t, "ann", 4);
    t->fail[CHANGE_REQUEST_FINAL] = 3; /* r1's result and both cancels */
    release(t);
    pass(t, 5000);
    for (size_t i = 1; i <= 6; i++)
        assert_int_equal(status_on_disk(t, i), REQUEST_CANCELLED);
}

/* ---- tokens and apps ---- */

static void a_token_works_once_it_is_saved(void **state)
{
    struct rig *t = *state;
    struct command c = {.kind = CMD_TOKEN_ADD, .actor = as(t, "root")};
    c.token.space_key = uuid_key(space(t, "den")->id);
    c.token.expires_ms = 5;
    t->fail[CHANGE_TOKEN_PUT] = 1;
    command(t, c);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    command(t, c);
    expect(t, "reply ok");
    const struct token_record *k = &t->disk.tokens[1];
    assert_true(uuid_eq(t->reply.id, k->id));
    assert_string_equal(k->created_by, "root");
    assert_int_equal(k->expires_ms, 5);
    join(t, 1, .token = 1);
    expect(t, "app 1: registered: Successfully connected to space \"den\"");
    c.token.space_key = 1;
    command(t, c);
    expect(t, "reply not_found: Space not found");
}

static void revoking_a_token_closes_its_connections_at_once(void **state)
{
    struct rig *t = *state;
    add_space(t, "hall", (struct space_record){.max_apps = 3});
    size_t one = add_token(t, "hall"), two = add_token(t, "hall");
    join(t, 1, .space = "hall", .token = one);
    join(t, 2, .space = "hall", .token = two);
    join(t, 3, .space = "hall", .token = one);
    forget(t);
    struct command c = {
        .kind = CMD_TOKEN_REVOKE, .actor = as(t, "root"), .id = t->disk.tokens[one].id};
    t->fail[CHANGE_TOKEN_PUT] = 1;
    command(t, c);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    command(t, c);
    expect(t, "reply ok", "close 1 4501: token has been revoked",
           "close 3 4501: token has been revoked");
    command(t, c);
    expect(t, "reply ok");
    restart(t);
    join(t, 4, .space = "hall", .token = one);
    expect(t, "app 4: refused unauthorized: token has been revoked",
           "close 4 4500: token has been revoked");
    c.id = rig_id(t);
    command(t, c);
    expect(t, "reply not_found: There is no such token");
}

/* The connection_id of the only app. */
static struct uuid only_app(struct rig *t)
{
    command(t, (struct command){.kind = CMD_QUERY_APPS, .actor = as(t, "root")});
    assert_int_equal(t->reply.count, 1);
    forget(t);
    return t->reply.apps[0].connection_id;
}

static void a_kicked_app_may_come_back(void **state)
{
    struct rig *t = *state;
    join(t, 1, .instance = "a");
    submit(t, "ann");
    struct command c = {.kind = CMD_APP_KICK, .actor = as(t, "root"), .id = only_app(t)};
    command(t, c);
    expect(t, "close 1 4002: kicked by an admin", "reply ok");
    join(t, 2, .instance = "a", .resume = {lease(t, 1, 1)}, .resume_count = 1);
    expect(t, "app 2: registered: Successfully connected to space \"den\", resumed r1/1 from 0");
    command(t, c);
    expect(t, "reply not_found: This app is not connected any more");
}

static void an_app_can_be_drained(void **state)
{
    struct rig *t = *state;
    join(t, 1, .instance = "a");
    struct command c = {.kind = CMD_APP_DRAIN, .actor = as(t, "root"), .id = only_app(t)};
    command(t, c);
    submit(t, "ann");
    expect(t, "reply ok", "person 101: submitted r1 at 1");
    command(t, (struct command){.kind = CMD_QUERY_SPACE, .id = space(t, "den")->id});
    assert_true(t->reply.spaces[0].draining);
}

/* ---- who may, and questions ---- */

static void only_admins_do_what_admins_do(void **state)
{
    struct rig *t = *state;
    static const enum command_kind kinds[] = {
        CMD_USER_DISABLE, CMD_USER_ROLE,    CMD_SPACE_ADD,  CMD_SPACE_EDIT,  CMD_SPACE_REMOVE,
        CMD_TOKEN_ADD,    CMD_TOKEN_REVOKE, CMD_APP_DRAIN,  CMD_APP_KICK,    CMD_SETTING_SET,
        CMD_USER_EDIT,    CMD_SETTINGS_SET, CMD_QUERY_APPS, CMD_QUERY_STATS, CMD_QUERY_RECORDS};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct command c = {.kind = kinds[i], .actor = as(t, "ann")};
        c.actor.role = ROLE_ADMIN;
        command(t, c);
        expect(t, "reply forbidden: Only admins may do this");
    }
    struct command c = {.kind = CMD_QUERY_STATS, .actor.role = ROLE_ADMIN}; /* the command line */
    command(t, c);
    expect(t, "reply ok");
}

static void settings_are_applied_once_saved(void **state)
{
    struct rig *t = *state;
    struct command c = {
        .kind = CMD_SETTING_SET, .actor = as(t, "root"), .setting = {"motd", "hello"}};
    t->fail[CHANGE_SETTING_PUT] = 1;
    command(t, c);
    assert_string_equal(relay_setting(t->relay, "motd", "none"), "none");
    command(t, c);
    (void)str_copy(c.setting.value, sizeof c.setting.value, STR("bye"));
    command(t, c);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000",
           "setting motd = hello", "reply ok", "setting motd = bye", "reply ok");
    restart(t);
    assert_string_equal(relay_setting(t->relay, "motd", "none"), "bye");
}

static void settings_are_changed_together_or_not_at_all(void **state)
{
    struct rig *t = *state;
    const struct setting_record two[] = {{"motd", "hello"}, {"limit.max_attempts", "3"}};
    struct command c = {.kind = CMD_SETTINGS_SET,
                        .actor = as(t, "root"),
                        .settings = (struct setting_record *)two,
                        .setting_count = 2};
    t->fail[CHANGE_SETTING_PUT] = 1;
    command(t, c);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    assert_string_equal(relay_setting(t->relay, "motd", "none"), "none");
    command(t, c);
    expect(t, "setting motd = hello", "setting limit.max_attempts = 3", "reply ok");
    assert_string_equal(newest_audit(t)->subject, "limit.max_attempts");
    assert_string_equal(newest_audit(t)->detail, "2 -> 3");
    restart(t);
    assert_string_equal(relay_setting(t->relay, "motd", "none"), "hello");
    assert_string_equal(relay_setting(t->relay, "limit.max_attempts", "none"), "3");
}

static void questions_are_answered_from_memory(void **state)
{
    struct rig *t = *state;
    add_space(t, "attic", (struct space_record){0});
    join(t, 1, .concurrency = 2, .prefetch = 1, .instance = "a");
    submit(t, "ann");
    command(t, (struct command){.kind = CMD_QUERY_SPACES});
    assert_int_equal(t->reply.count, 2);
    assert_string_equal(t->reply.spaces[0].name, "den");
    assert_int_equal(t->reply.spaces[0].slots_free, 1);
    command(t, (struct command){.kind = CMD_QUERY_SPACE, .id = rig_id(t)});
    assert_int_equal(t->reply.err, ERR_NOT_FOUND);
    command(t, (struct command){
                   .kind = CMD_QUERY_APPS, .actor = as(t, "root"), .id = space(t, "attic")->id});
    assert_int_equal(t->reply.count, 0);
    command(t, (struct command){
                   .kind = CMD_QUERY_APPS, .actor = as(t, "root"), .id = space(t, "den")->id});
    assert_int_equal(t->reply.count, 1);
    const struct app_view *a = &t->reply.apps[0];
    assert_string_equal(a->name, "mock");
    assert_string_equal(a->address, "192.0.2.1");
    assert_int_equal(a->in_flight, 1);
    assert_int_equal(a->concurrency, 2);
    command(t, (struct command){.kind = CMD_QUERY_STATS, .actor = as(t, "root")});
    assert_int_equal(t->reply.stats.processing, 1);
    command(t, (struct command){.kind = CMD_QUERY_RECORDS, .actor = as(t, "root")});
    assert_int_equal(t->reply.user_count, 4);
    assert_int_equal(t->reply.record_count, 2);
    assert_int_equal(t->reply.token_count, 1);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(t->reply.users[i].password_hash, "");
}

static void what_admins_did_is_written_down(void **state)
{
    struct rig *t = *state;
    show(t, SHOW_STORE);
    command(t, on_space(t, CMD_SPACE_ADD, "hut"));
    command(t, on_space(t, CMD_SPACE_REMOVE, "hut"));
    expect(t, "save space (space.add hut)", "save space (space.remove hut)");
    const struct audit_record *a = &t->disk.audits[0];
    assert_string_equal(a->actor, "root");
    assert_string_equal(a->address, "192.0.2.9");
    assert_int_equal(a->at_ms, t->now.wall_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_space_is_there_once_it_is_saved),
        RIG_TEST(space_names_are_unique_and_case_sensitive),
        RIG_TEST(a_name_is_taken_while_it_is_being_saved),
        RIG_TEST(an_edit_that_could_not_be_saved_changed_nothing),
        RIG_TEST(edits_from_the_same_old_state_lose_nothing),
        RIG_TEST(an_edit_is_written_down_with_what_it_changed),
        RIG_TEST(one_change_of_a_space_at_a_time),
        RIG_TEST(spaces_have_their_form),
        RIG_TEST(removing_a_space_cancels_what_waits_and_what_runs),
        RIG_TEST(removal_that_could_not_be_saved_changed_nothing),
        RIG_TEST(cancels_of_a_removed_space_are_tried_until_they_are_saved),
        RIG_TEST(requests_in_every_state_of_saving_end_with_their_space),
        RIG_TEST(a_token_works_once_it_is_saved),
        RIG_TEST(revoking_a_token_closes_its_connections_at_once),
        RIG_TEST(a_kicked_app_may_come_back),
        RIG_TEST(an_app_can_be_drained),
        RIG_TEST(only_admins_do_what_admins_do),
        RIG_TEST(settings_are_applied_once_saved),
        RIG_TEST(settings_are_changed_together_or_not_at_all),
        RIG_TEST(questions_are_answered_from_memory),
        RIG_TEST(what_admins_did_is_written_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which apps may take requests of a space, and what they hear. */
#include "rig.h"

#define WELCOME(conn) "app " #conn ": registered: Successfully connected to space \"den\""

static void an_app_with_a_token_of_the_space_is_welcome(void **state)
{
    struct rig *t = *state;
    show(t, SHOW_PEERS | SHOW_PUBLISH | SHOW_STORE);
    join(t, 1);
    expect(t, "save token used", WELCOME(1), "space den connected apps 1 slots 1 free 1 queue 0");
}

static bool says_how_large_and_how_long;
static void look_at_welcome(struct rig *t, const struct effect *e)
{
    if (e->kind == EFFECT_APP_SEND && e->app_out.kind == APP_OUT_REGISTERED)
        says_how_large_and_how_long = e->app_out.max_message_bytes == 16777216 &&
                                      e->app_out.request_timeout_ms == 120000 &&
                                      uuid_eq(e->app_out.space_id, space(t, "den")->id) &&
                                      !uuid_is_nil(e->app_out.connection_id);
}

static void the_welcome_tells_limits_and_ids(void **state)
{
    struct rig *t = *state;
    t->watch = look_at_welcome;
    join(t, 1);
    assert_true(says_how_large_and_how_long);
}

static void a_name_is_required(void **state)
{
    struct rig *t = *state;
    join(t, 1, .nameless = true);
    expect(t, "app 1: refused bad_message: space_name is required",
           "close 1 4500: space_name is required");
}

static void an_unknown_space_is_named(void **state)
{
    struct rig *t = *state;
    join(t, 1, .space = "Den");
    expect(t, "app 1: refused not_found: Space \"Den\" not found",
           "close 1 4500: Space \"Den\" not found");
}

static void a_name_of_64_wide_characters_is_named_whole(void **state)
{
    struct rig *t = *state;
    char name[SPACE_NAME_BYTES] = "", line[600], second[600];
    for (int i = 0; i < 64; i++)
        memcpy(name + 4 * i, "\xf0\x9f\x90\x99", 5);
    join(t, 1, .space = name);
    snprintf(line, sizeof line, "app 1: refused not_found: Space \"%s\" not found", name);
    snprintf(second, sizeof second, "close 1 4500: Space \"%s\" not found", name);
    expect(t, line, second);
}

static void tokens_are_refused_for_what_is_wrong_with_them(void **state)
{
    struct rig *t = *state;
    add_space(t, "attic", (struct space_record){0});
    size_t attic = add_token(t, "attic");
    join(t, 1, .no_token = true);
    expect(t, "app 1: refused unauthorized: token is required", "close 1 4500: token is required");
    join(t, 2, .token_state = TOKEN_INVALID);
    expect(t, "app 2: refused unauthorized: token is not valid",
           "close 2 4500: token is not valid");
    join(t, 3, .claim_expires_ms = t->now.wall_ms);
    expect(t, "app 3: refused unauthorized: token has expired", "close 3 4500: token has expired");
    join(t, 4, .token = attic);
    expect(t, "app 4: refused unauthorized: token is for another space",
           "close 4 4500: token is for another space");
    join(t, 5, .token = attic,
         .claim_space = space(t, "den")->id); /* signed, yet not as it was issued */
    expect(t, "app 5: refused unauthorized: token is not valid",
           "close 5 4500: token is not valid");
    join(t, 6, .claim_expires_ms = t->now.wall_ms + 1);
    expect(t, WELCOME(6));
}

static void a_token_that_the_relay_never_issued_is_not_valid(void **state)
{
    struct rig *t = *state;
    t->disk.tokens[0].id = rig_id(t);
    join(t, 1);
    expect(t, "app 1: refused unauthorized: token is not valid",
           "close 1 4500: token is not valid");
}

static void a_revoked_token_is_refused(void **state)
{
    struct rig *t = *state;
    command(t, (struct command){
                   .kind = CMD_TOKEN_REVOKE, .actor = as(t, "root"), .id = t->disk.tokens[0].id});
    forget(t);
    join(t, 1);
    expect(t, "app 1: refused unauthorized: token has been revoked",
           "close 1 4500: token has been revoked");
}

static void a_space_with_one_place_takes_one_app(void **state)
{
    struct rig *t = *state;
    join(t, 1, .instance = "a");
    forget(t);
    join(t, 2, .instance = "b");
    expect(t, "app 2: refused space_taken: Space already has a connected app",
           "close 2 4003: Space already has a connected app");
    leave_cleanly(t, 1);
    join(t, 3, .instance = "b");
    expect(t, WELCOME(3));
}

static void an_app_without_an_instance_replaces_nobody(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    forget(t);
    join(t, 2);
    expect(t, "app 2: refused space_taken: Space already has a connected app",
           "close 2 4003: Space already has a connected app");
}

static void a_space_takes_as_many_apps_as_it_allows(void **state)
{
    struct rig *t = *state;
    add_space(t, "hall", (struct space_record){.max_apps = 2});
    size_t hall = add_token(t, "hall");
    join(t, 1, .space = "hall", .token = hall);
    join(t, 2, .space = "hall", .token = hall);
    forget(t);
    join(t, 3, .space = "hall", .token = hall);
    expect(t, "app 3: refused space_taken: Space already has a connected app",
           "close 3 4003: Space already has a connected app");
}

static void the_same_process_replaces_its_older_connection_unseen(void **state)
{
    struct rig *t = *state;
    join(t, 1, .instance = "a");
    pass(t, 1000);
    show(t, SHOW_PEERS | SHOW_PUBLISH);
    join(t, 2, .instance = "a");
    expect(t, "close 1 4009: replaced by a newer connection", WELCOME(2));
    vanish(t, 1); /* the hub tells of it later */
    pass(t, 1000);
    expect(t, "space den connected apps 1 slots 1 free 1 queue 0");
}

static void another_token_with_the_same_instance_is_another_app(void **state)
{
    struct rig *t = *state;
    size_t second = add_token(t, "den");
    join(t, 1, .instance = "a");
    forget(t);
    join(t, 2, .instance = "a", .token = second);
    expect(t, "app 2: refused space_taken: Space already has a connected app",
           "close 2 4003: Space already has a connected app");
}

static void nothing_is_taken_before_register_and_nothing_twice(void **state)
{
    struct rig *t = *state;
    app_says(t, 1, (struct app_msg){.kind = APP_MSG_DRAIN});
    expect(t, "app 1: error unauthorized: Send `register` first");
    join(t, 1);
    forget(t);
    join(t, 1);
    expect(t, "app 1: error bad_message: This connection is registered already");
}

static void use_of_a_token_is_noted_once_an_hour(void **state)
{
    struct rig *t = *state;
    show(t, SHOW_STORE);
    for (uint64_t i = 1; i < 5; i++) {
        join(t, i);
        leave_cleanly(t, i);
    }
    expect(t, "save token used");
    assert_int_equal(t->disk.tokens[0].used_ms, t->now.wall_ms);
    t->now.wall_ms += 3600000;
    join(t, 9);
    expect(t, "save token used");
}

static void a_space_is_shown_as_connected_at_once_and_the_rest_together(void **state)
{
    struct rig *t = *state;
    add_space(t, "hall", (struct space_record){.max_apps = 3});
    size_t hall = add_token(t, "hall");
    show(t, SHOW_PUBLISH);
    join(t, 1, .space = "hall", .token = hall, .concurrency = 2, .prefetch = 5);
    expect(t, "space hall connected apps 1 slots 2 free 2 queue 0");
    join(t, 2, .space = "hall", .token = hall);
    join(t, 3, .space = "hall", .token = hall);
    pass(t, 199);
    expect_nothing(t);
    pass(t, 1);
    expect(t, "space hall connected apps 3 slots 4 free 4 queue 0");
    vanish(t, 1);
    vanish(t, 2);
    expect_nothing(t);
    vanish(t, 3);
    expect(t, "space hall disconnected apps 0 slots 0 free 0 queue 0");
    pass(t, 5000);
    expect_nothing(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(an_app_with_a_token_of_the_space_is_welcome),
        RIG_TEST(the_welcome_tells_limits_and_ids),
        RIG_TEST(a_name_is_required),
        RIG_TEST(an_unknown_space_is_named),
        RIG_TEST(a_name_of_64_wide_characters_is_named_whole),
        RIG_TEST(tokens_are_refused_for_what_is_wrong_with_them),
        RIG_TEST(a_token_that_the_relay_never_issued_is_not_valid),
        RIG_TEST(a_revoked_token_is_refused),
        RIG_TEST(a_space_with_one_place_takes_one_app),
        RIG_TEST(an_app_without_an_instance_replaces_nobody),
        RIG_TEST(a_space_takes_as_many_apps_as_it_allows),
        RIG_TEST(the_same_process_replaces_its_older_connection_unseen),
        RIG_TEST(another_token_with_the_same_instance_is_another_app),
        RIG_TEST(nothing_is_taken_before_register_and_nothing_twice),
        RIG_TEST(use_of_a_token_is_noted_once_an_hour),
        RIG_TEST(a_space_is_shown_as_connected_at_once_and_the_rest_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

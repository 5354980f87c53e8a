/* API keys: who makes and revokes them, whom they let in, and when they end. */
#include "rig.h"

#define DAY_MS INT64_C(86400000)

static struct hash secret(uint8_t n)
{
    return (struct hash){{0xa0, n}};
}

static struct command wish(struct rig *t, const char *actor, const char *name, uint32_t scopes,
                           uint8_t n)
{
    struct command c = {.kind = CMD_API_KEY_ADD, .actor = as(t, actor)};
    (void)str_copy(c.user.name, sizeof c.user.name, str_of(actor));
    (void)str_copy(c.api_key.name, sizeof c.api_key.name, str_of(name));
    c.api_key.scopes = scopes;
    c.api_key.hash = secret(n);
    return c;
}

/* The id of a new key of secret n, which works. */
static struct uuid add(struct rig *t, const char *person, const char *name, uint32_t scopes,
                       uint8_t n)
{
    command(t, wish(t, person, name, scopes, n));
    assert_int_equal(t->reply.err, OK);
    forget(t);
    return t->reply.id;
}

static bool identify(struct rig *t, uint8_t n, struct identity *who)
{
    struct hash h = secret(n);
    bool yes = relay_identify_key(t->relay, &h, t->now, &t->fx, who);
    rig_collect(t);
    if (!t->hold)
        answer_all(t);
    return yes;
}

static bool known(struct rig *t, uint8_t n)
{
    struct identity who;
    return identify(t, n, &who);
}

static struct command revocation(struct rig *t, const char *actor, struct uuid id)
{
    struct command c = {.kind = CMD_API_KEY_REVOKE, .actor = as(t, actor)};
    c.api_key.id = id;
    return c;
}

static const struct audit_record *last_audit(const struct rig *t)
{
    return &t->disk.audits[(t->disk.audit_count - 1) % DISK_ROWS];
}

/* ---- making ---- */

static void a_key_counts_once_it_is_saved(void **state)
{
    struct rig *t = *state;
    t->hold = true;
    command(t, wish(t, "ann", "script", SCOPE_READ, 1));
    assert_false(known(t, 1));
    release(t);
    expect(t, "reply ok");
    assert_true(known(t, 1));
    assert_false(known(t, 2));
    assert_string_equal(last_audit(t)->action, "key.add");
    assert_string_equal(last_audit(t)->subject, "ann");
    assert_string_equal(last_audit(t)->detail, "script: read");
    restart(t);
    assert_true(known(t, 1));
}

static void a_key_that_could_not_be_saved_is_none(void **state)
{
    struct rig *t = *state;
    t->fail[CHANGE_API_KEY_PUT] = 1;
    command(t, wish(t, "ann", "script", SCOPE_READ, 1));
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    assert_false(known(t, 1));
    add(t, "ann", "script", SCOPE_READ, 1); /* its name is free again */
}

static void a_key_acts_as_its_person_with_its_scopes(void **state)
{
    struct rig *t = *state;
    struct identity who;
    struct uuid id = add(t, "ann", "script", SCOPE_READ | SCOPE_SUBMIT, 1);
    assert_true(identify(t, 1, &who));
    assert_int_equal(who.user_key, user_key(t, "ann"));
    assert_int_equal(who.session_key, uuid_key(id));
    assert_string_equal(who.name, "ann");
    assert_int_equal(who.role, ROLE_USER);
    assert_int_equal(who.scopes, SCOPE_READ | SCOPE_SUBMIT);
}

static void what_a_key_may_be_is_checked(void **state)
{
    struct rig *t = *state;
    struct command c = wish(t, "ann", "", SCOPE_READ, 1);
    command(t, c);
    command(t, wish(t, "ann", " x", SCOPE_READ, 1));
    command(t, wish(t, "ann", "a\nb", SCOPE_READ, 1));
    expect(t,
           "reply bad_message: An API key's name has 1 to 96 bytes, no control character, no blank "
           "at its ends",
           "reply bad_message: An API key's name has 1 to 96 bytes, no control character, no blank "
           "at its ends",
           "reply bad_message: An API key's name has 1 to 96 bytes, no control character, no blank "
           "at its ends");
    command(t, wish(t, "ann", "x", 0, 1));
    command(t, wish(t, "ann", "x", SCOPE_READ | SCOPE_ACCOUNT, 1));
    expect(t, "reply bad_message: An API key has at least one of the scopes read, submit and admin",
           "reply bad_message: An API key has at least one of the scopes read, submit and admin");
    c = wish(t, "ann", "x", SCOPE_READ, 1);
    c.api_key.expires_ms = t->now.wall_ms;
    command(t, c);
    expect(t, "reply bad_message: An API key expires at a time to come, or never");
    assert_int_equal(t->disk.api_key_count, 0);
}

static void names_and_secrets_are_unique_while_the_key_is_not_revoked(void **state)
{
    struct rig *t = *state;
    struct uuid id = add(t, "ann", "script", SCOPE_READ, 1);
    command(t, wish(t, "ann", "script", SCOPE_READ, 2));
    command(t, wish(t, "ann", "other", SCOPE_READ, 1));
    expect(t, "reply exists: There is an API key of this name already",
           "reply exists: There is an API key of this name already");
    add(t, "ben", "script", SCOPE_READ, 3);
    command(t, revocation(t, "ann", id));
    add(t, "ann", "script", SCOPE_READ, 2);
}

static void nobody_makes_a_key_for_somebody_else_but_the_command_line(void **state)
{
    struct rig *t = *state;
    struct command c = wish(t, "ann", "script", SCOPE_READ, 1);
    c.actor = as(t, "ben");
    command(t, c);
    c.actor = as(t, "root");
    command(t, c);
    c.actor = (struct actor){.name = "stranger"};
    command(t, c);
    expect(t, "reply forbidden: This is not your account",
           "reply forbidden: This is not your account",
           "reply forbidden: This is not your account");
    c.actor = (struct actor){.role = ROLE_ADMIN, .name = "(cli)"};
    command(t, c);
    (void)str_copy(c.user.name, sizeof c.user.name, STR("nobody"));
    command(t, c);
    expect(t, "reply ok", "reply not_found: There is no such user");
    assert_true(known(t, 1));
}

static void a_person_has_so_many_keys_at_most_and_expired_ones_count(void **state)
{
    struct rig *t = *state;
    t->limits.api_keys_per_person = 2;
    set_limits(t);
    struct command c = wish(t, "ann", "short", SCOPE_READ, 1);
    c.api_key.expires_ms = t->now.wall_ms + 1000;
    command(t, c);
    struct uuid id = t->reply.id;
    pass(t, 2000);
    add(t, "ann", "second", SCOPE_READ, 2);
    command(t, wish(t, "ann", "third", SCOPE_READ, 3));
    expect(t, "reply rate_limited: There are as many API keys as one person may have; revoke one "
              "first");
    assert_int_equal(t->reply.limit, 2);
    add(t, "ben", "his", SCOPE_READ, 4);
    command(t, revocation(t, "ann", id));
    add(t, "ann", "third", SCOPE_READ, 3);
}

/* ---- the scope admin ---- */

static bool sees_all(struct rig *t, uint8_t n)
{
    struct identity who;
    assert_true(identify(t, n, &who));
    struct actor a = {.user_key = who.user_key, .role = who.role};
    command(t, (struct command){.kind = CMD_QUERY_STATS, .actor = a});
    return t->reply.err == OK;
}

static void a_key_is_admin_only_with_that_scope_and_while_its_person_is(void **state)
{
    struct rig *t = *state;
    command(t, wish(t, "ann", "no admin", SCOPE_ADMIN, 1));
    expect(t, "reply forbidden: Only an admin's API key may have the scope admin");
    add(t, "root", "reads", SCOPE_READ | SCOPE_SUBMIT, 2);
    add(t, "root", "rules", SCOPE_ADMIN, 3);
    assert_false(sees_all(t, 2));
    assert_true(sees_all(t, 3));
    add_user(t, "second", ROLE_ADMIN);
    struct command c = {.kind = CMD_USER_ROLE, .actor = as(t, "second")};
    (void)str_copy(c.user.name, sizeof c.user.name, STR("root"));
    forget(t);
    command(t, c);
    expect(t, "close person root 4002", "reply ok");
    assert_false(sees_all(t, 3));
}

/* An admin's eyes do not come with a key that was made for less. */
static void another_s_request_is_hidden_from_an_admin_s_key_without_that_scope(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    forget(t);
    struct client_msg m = {.kind = CLIENT_MSG_SUBSCRIBE,
                           .topic_text = STR("request:r1"),
                           .topic_known = true,
                           .topic = {TOPIC_REQUEST, request(t, 1)}};
    struct identity who = {.user_key = user_key(t, "root"), .scopes = SCOPE_READ | SCOPE_SUBMIT};
    struct relay_event e = {
        .kind = EVENT_CLIENT_MESSAGE, .conn = 55, .who = &who, .client_msg = &m, .address = ""};
    feed(t, &e);
    m.kind = CLIENT_MSG_CANCEL;
    m.request_id = request(t, 1);
    feed(t, &e);
    expect(t, "person 55: error not_found, topic request:r1",
           "person 55: error not_found: Request not found");
    who.scopes |= SCOPE_ADMIN;
    feed(t, &e);
    assert_int_equal(status_on_disk(t, 1), REQUEST_CANCELLED);
}

/* ---- ending ---- */

static void revoking_closes_the_sockets_of_that_key(void **state)
{
    struct rig *t = *state;
    struct uuid id = add(t, "ann", "one", SCOPE_READ, 1);
    add(t, "ann", "two", SCOPE_READ, 2);
    command(t, revocation(t, "ben", id));
    expect(t, "reply not_found: There is no such API key");
    command(t, revocation(t, "ann", id));
    expect(t, "close person ann 4501: the API key has been revoked", "reply ok");
    assert_string_equal(last_audit(t)->action, "key.revoke");
    assert_string_equal(last_audit(t)->detail, "one: read");
    assert_false(known(t, 1));
    assert_true(known(t, 2));
    command(t, revocation(t, "ann", id));
    expect(t, "reply not_found: There is no such API key");
    restart(t);
    assert_false(known(t, 1));
    assert_true(known(t, 2));
}

static void keys_are_revoked_by_admins_and_by_name_too(void **state)
{
    struct rig *t = *state;
    command(t, revocation(t, "root", add(t, "ann", "one", SCOPE_READ, 1)));
    assert_false(known(t, 1));
    add(t, "ann", "two", SCOPE_READ, 2);
    add(t, "ben", "two", SCOPE_READ, 3);
    struct command c = revocation(t, "root", (struct uuid){{0}});
    (void)str_copy(c.user.name, sizeof c.user.name, STR("Ann"));
    (void)str_copy(c.api_key.name, sizeof c.api_key.name, STR("two"));
    command(t, c);
    assert_false(known(t, 2));
    assert_true(known(t, 3));
}

static void a_revocation_that_could_not_be_saved_is_tried_again(void **state)
{
    struct rig *t = *state;
    struct uuid id = add(t, "ann", "one", SCOPE_READ, 1);
    t->fail[CHANGE_API_KEY_END] = 3;
    int64_t at_ms = t->now.wall_ms;
    command(t, revocation(t, "ann", id));
    expect(t, "close person ann 4501: the API key has been revoked",
           "reply store_unavailable: It could not be saved, retry after 1000");
    assert_false(known(t, 1));
    pass(t, 3000);
    assert_int_equal(t->disk.api_keys[0].revoked_ms, at_ms);
    restart(t);
    assert_false(known(t, 1));
}

static void an_expired_key_is_nobody_and_its_sockets_are_closed(void **state)
{
    struct rig *t = *state;
    struct command c = wish(t, "ann", "short", SCOPE_READ, 1);
    c.api_key.expires_ms = t->now.wall_ms + DAY_MS;
    command(t, c);
    forget(t);
    restart(t); /* the timer is there again */
    pass(t, (uint64_t)DAY_MS - 6000);
    assert_true(known(t, 1));
    pass(t, 1000);
    expect(t, "close person ann 4501: the API key has expired");
    assert_false(known(t, 1));
    restart(t);
    assert_false(known(t, 1));
}

static void a_clock_set_back_lets_a_key_live_until_its_time(void **state)
{
    struct rig *t = *state;
    struct command c = wish(t, "ann", "short", SCOPE_READ, 1);
    c.api_key.expires_ms = t->now.wall_ms + 10000;
    command(t, c);
    forget(t);
    t->now.wall_ms -= 5000;
    pass(t, 11000);
    expect_nothing(t);
    assert_true(known(t, 1));
    pass(t, 4000);
    expect(t, "close person ann 4501: the API key has expired");
}

static void disabling_its_person_revokes_a_key_for_good(void **state)
{
    struct rig *t = *state;
    add(t, "ann", "one", SCOPE_READ, 1);
    struct command c = {.kind = CMD_USER_DISABLE, .actor = as(t, "root"), .flag = true};
    (void)str_copy(c.user.name, sizeof c.user.name, STR("ann"));
    command(t, c);
    expect(t, "close person ann 4501: the API key has been revoked", "reply ok");
    assert_false(known(t, 1));
    command(t, wish(t, "ann", "two", SCOPE_READ, 2));
    expect(t, "reply forbidden: This account is disabled");
    c.flag = false;
    command(t, c);
    assert_false(known(t, 1));
    restart(t);
    assert_false(known(t, 1));
}

static void a_key_under_way_ends_with_the_account_it_was_made_for(void **state)
{
    struct rig *t = *state;
    struct command c = {.kind = CMD_USER_DISABLE, .actor = as(t, "root"), .flag = true};
    (void)str_copy(c.user.name, sizeof c.user.name, STR("ann"));
    t->hold = true;
    command(t, c);
    command(t, wish(t, "ann", "one", SCOPE_READ, 1));
    release(t);
    expect(t, "close person ann 4501: the API key has been revoked", "reply ok",
           "reply forbidden: This API key was revoked meanwhile");
    restart(t);
    assert_false(known(t, 1));
}

/* ---- use and lists ---- */

static void use_is_saved_once_an_hour(void **state)
{
    struct rig *t = *state;
    add(t, "ann", "one", SCOPE_READ, 1);
    show(t, SHOW_STORE);
    for (int i = 0; i < 61; i++) {
        assert_true(known(t, 1));
        pass(t, 60000);
    }
    expect(t, "save api key used", "save api key used");
    assert_int_equal(t->disk.api_keys[0].used_ms, t->now.wall_ms - 60000);
}

static void keys_are_listed_without_their_hashes(void **state)
{
    struct rig *t = *state;
    add(t, "ann", "one", SCOPE_READ, 1);
    command(t, revocation(t, "ann", add(t, "ann", "gone", SCOPE_READ, 2)));
    add(t, "ben", "his", SCOPE_SUBMIT, 3);
    struct command c = {.kind = CMD_QUERY_API_KEYS, .actor = as(t, "root")};
    command(t, c);
    assert_int_equal(t->reply.api_key_count, 2);
    assert_string_equal(t->reply.api_keys[1].user, "ben");
    assert_true(hash_eq(t->reply.api_keys[1].rec.hash, (struct hash){{0}}));
    (void)str_copy(c.user.name, sizeof c.user.name, STR("ANN"));
    command(t, c);
    assert_int_equal(t->reply.api_key_count, 1);
    assert_string_equal(t->reply.api_keys[0].rec.name, "one");
    forget(t);
    (void)str_copy(c.user.name, sizeof c.user.name, STR("nobody"));
    command(t, c);
    c.actor = as(t, "ann");
    command(t, c);
    expect(t, "reply not_found: There is no such user", "reply forbidden: Only admins may do this");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_key_counts_once_it_is_saved),
        RIG_TEST(a_key_that_could_not_be_saved_is_none),
        RIG_TEST(a_key_acts_as_its_person_with_its_scopes),
        RIG_TEST(what_a_key_may_be_is_checked),
        RIG_TEST(names_and_secrets_are_unique_while_the_key_is_not_revoked),
        RIG_TEST(nobody_makes_a_key_for_somebody_else_but_the_command_line),
        RIG_TEST(a_person_has_so_many_keys_at_most_and_expired_ones_count),
        RIG_TEST(a_key_is_admin_only_with_that_scope_and_while_its_person_is),
        RIG_TEST(another_s_request_is_hidden_from_an_admin_s_key_without_that_scope),
        RIG_TEST(revoking_closes_the_sockets_of_that_key),
        RIG_TEST(keys_are_revoked_by_admins_and_by_name_too),
        RIG_TEST(a_revocation_that_could_not_be_saved_is_tried_again),
        RIG_TEST(an_expired_key_is_nobody_and_its_sockets_are_closed),
        RIG_TEST(a_clock_set_back_lets_a_key_live_until_its_time),
        RIG_TEST(disabling_its_person_revokes_a_key_for_good),
        RIG_TEST(a_key_under_way_ends_with_the_account_it_was_made_for),
        RIG_TEST(use_is_saved_once_an_hour),
        RIG_TEST(keys_are_listed_without_their_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

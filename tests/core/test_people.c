/* People, log-ins and sessions. */
#include "rig.h"

static struct command on_user(struct rig *t, const char *actor, enum command_kind kind,
                              const char *name)
{
    struct command c = {.kind = kind, .actor = as(t, actor)};
    (void)str_copy(c.user.name, sizeof c.user.name, str_of(name));
    return c;
}

static void set_password(struct rig *t, const char *actor, const char *name, const char *hash,
                         int64_t keep)
{
    struct command c = on_user(t, actor, CMD_USER_PASSWORD, name);
    (void)str_copy(c.user.password_hash, sizeof c.user.password_hash, str_of(hash));
    c.keep_session = keep;
    command(t, c);
}

static void disable(struct rig *t, const char *name, bool off)
{
    struct command c = on_user(t, "root", CMD_USER_DISABLE, name);
    c.flag = off;
    command(t, c);
}

static void set_role(struct rig *t, const char *name, enum role role)
{
    struct command c = on_user(t, "root", CMD_USER_ROLE, name);
    c.user.role = role;
    command(t, c);
}

static struct hash cookie(uint8_t n)
{
    return (struct hash){{n}};
}

/* Opens the session of cookie n; its key. */
static int64_t log_in(struct rig *t, const char *name, uint8_t n)
{
    struct command c = {
        .kind = CMD_SESSION_OPEN, .session.hash = cookie(n), .session.address = "192.0.2.9"};
    c.actor = as(t, "");
    c.session.user_key = user_key(t, name);
    command(t, c);
    return uuid_key(t->reply.id);
}

static bool known(struct rig *t, uint8_t n)
{
    struct identity who;
    struct hash h = cookie(n);
    bool yes = relay_identify(t->relay, &h, t->now, &t->fx, &who);
    rig_collect(t);
    if (!t->hold)
        answer_all(t);
    return yes;
}

/* ---- who there is ---- */

static void setup_makes_the_first_admin_and_only_once(void **state)
{
    (void)state;
    static struct rig rig;
    struct rig *t = &rig;
    rig_init_empty(t);
    rig_listen(t);
    assert_true(relay_needs_setup(t->relay));
    t->hold = true;
    command(t, on_user(t, "", CMD_SETUP, "boss"));
    command(t, on_user(t, "", CMD_SETUP, "other")); /* while the first is being saved */
    expect(t, "reply forbidden: The first admin has been made already");
    assert_true(relay_needs_setup(t->relay));
    release(t);
    expect(t, "reply ok");
    assert_false(relay_needs_setup(t->relay));
    command(t, on_user(t, "", CMD_SETUP, "third"));
    expect(t, "reply forbidden: The first admin has been made already");
    assert_int_equal(user(t, "boss")->role, ROLE_ADMIN);
    assert_int_equal(t->disk.user_count, 1);
    rig_release(t);
}

static void setup_that_could_not_be_saved_may_be_tried_again(void **state)
{
    (void)state;
    static struct rig rig;
    struct rig *t = &rig;
    rig_init_empty(t);
    rig_listen(t);
    t->fail[CHANGE_USER_PUT] = 1;
    command(t, on_user(t, "", CMD_SETUP, "boss"));
    assert_true(relay_needs_setup(t->relay));
    command(t, on_user(t, "", CMD_SETUP, "boss"));
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000", "reply ok");
    rig_release(t);
}

static void user_names_are_unique_whatever_their_case(void **state)
{
    struct rig *t = *state;
    command(t, on_user(t, "root", CMD_USER_ADD, "ANN"));
    expect(t, "reply exists: This user name is taken");
    t->hold = true;
    command(t, on_user(t, "root", CMD_USER_ADD, "Dora"));
    command(t, on_user(t, "root", CMD_USER_ADD, "dora")); /* while the first is being saved */
    expect(t, "reply exists: This user name is taken");
    t->fail[CHANGE_USER_PUT] = 1;
    release(t);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    command(t, on_user(t, "root", CMD_USER_ADD, "dora"));
    expect(t, "reply ok");
    assert_true(uuid_eq(t->reply.id, user(t, "dora")->id));
}

static void user_names_have_their_form(void **state)
{
    struct rig *t = *state;
    command(t, on_user(t, "root", CMD_USER_ADD, "no blanks"));
    command(t, on_user(t, "root", CMD_USER_ADD, ""));
    expect(t, "reply bad_message: A user name has 1 to 32 letters, digits or _",
           "reply bad_message: A user name has 1 to 32 letters, digits or _");
}

static void strangers_register_only_while_that_is_open_and_never_as_admin(void **state)
{
    struct rig *t = *state;
    struct command c = on_user(t, "", CMD_USER_ADD, "dora");
    c.user.role = ROLE_ADMIN;
    command(t, c);
    expect(t, "reply forbidden: Registration is closed");
    struct command open = {.kind = CMD_SETTING_SET, .actor = as(t, "root")};
    open.setting = (struct setting_record){"registration_open", "1"};
    command(t, open);
    expect(t, "setting registration_open = 1", "reply ok");
    command(t, c);
    expect(t, "reply ok");
    assert_int_equal(user(t, "dora")->role, ROLE_USER);
    restart(t); /* settings are kept */
    command(t, on_user(t, "", CMD_USER_ADD, "emil"));
    expect(t, "reply ok");
}

static void the_last_admin_stays(void **state)
{
    struct rig *t = *state;
    disable(t, "root", true);
    set_role(t, "root", ROLE_USER);
    expect(t, "reply forbidden: This is the last admin", "reply forbidden: This is the last admin");
    set_role(t, "ann", ROLE_ADMIN);
    forget(t);
    set_role(t, "root", ROLE_USER);
    expect(t, "close person root 4002", "reply ok");
    struct command c = on_user(t, "ann", CMD_USER_DISABLE, "ann");
    c.flag = true;
    command(t, c);
    expect(t, "reply forbidden: This is the last admin");
}

static void two_admins_cannot_remove_each_other_at_once(void **state)
{
    struct rig *t = *state;
    set_role(t, "ann", ROLE_ADMIN);
    forget(t);
    t->hold = true;
    disable(t, "ann", true);
    struct command c = on_user(t, "ann", CMD_USER_DISABLE, "root");
    c.flag = true;
    command(t, c);
    expect(t, "reply forbidden: This is the last admin");
    release(t);
    expect(t, "reply ok");
    assert_false(user(t, "root")->disabled);
}

static void a_second_change_does_not_undo_the_first_that_is_being_saved(void **state)
{
    struct rig *t = *state;
    t->hold = true;
    set_password(t, "ann", "ann", "new", 0);
    struct command c = on_user(t, "ann", CMD_USER_LANGUAGE, "ann");
    (void)str_copy(c.user.language, sizeof c.user.language, STR("de"));
    command(t, c);
    expect(t, "reply internal: Another change of this account is being saved; try again");
    assert_int_equal(t->reply.limit, 1);
    release(t);
    assert_string_equal(user(t, "ann")->password_hash, "new");
    command(t, c);
    assert_string_equal(user(t, "ann")->password_hash, "new");
    assert_string_equal(user(t, "ann")->language, "de");
}

static void an_edit_of_an_account_is_one_change(void **state)
{
    struct rig *t = *state;
    struct command c = on_user(t, "root", CMD_USER_EDIT, "ann");
    c.members = USER_ROLE | USER_DISABLED | USER_PASSWORD;
    c.user.role = ROLE_ADMIN;
    c.user.disabled = true;
    (void)str_copy(c.user.password_hash, sizeof c.user.password_hash, STR("new"));
    t->fail[CHANGE_USER_PUT] = 1;
    command(t, c);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    assert_int_equal(user(t, "ann")->role, ROLE_USER);
    size_t rows = t->disk.audit_count;
    command(t, c);
    const struct user_record *ann = user(t, "ann");
    assert_int_equal(ann->role, ROLE_ADMIN);
    assert_true(ann->disabled);
    assert_string_equal(ann->password_hash, "new");
    assert_int_equal(t->disk.audit_count, rows + 1);
    assert_string_equal(t->disk.audits[rows].action, "user.edit");
    assert_string_equal(t->disk.audits[rows].detail,
                        "role: user -> admin, disabled: false -> true, password");
}

static void an_edit_that_would_cost_the_last_admin_does_nothing(void **state)
{
    struct rig *t = *state;
    struct command c = on_user(t, "root", CMD_USER_EDIT, "root");
    c.members = USER_PASSWORD | USER_DISABLED;
    c.user.disabled = true;
    (void)str_copy(c.user.password_hash, sizeof c.user.password_hash, STR("new"));
    command(t, c);
    expect(t, "reply forbidden: This is the last admin");
    assert_string_equal(user(t, "root")->password_hash, "old");
    c.members = USER_PASSWORD;
    command(t, c);
    expect(t, "reply ok");
    assert_string_equal(user(t, "root")->password_hash, "new");
    assert_false(user(t, "root")->disabled);
}

static void only_admins_and_the_person_change_an_account(void **state)
{
    struct rig *t = *state;
    set_password(t, "ann", "ben", "stolen", 0);
    expect(t, "reply forbidden: This is not your account");
    disable(t, "nobody", true);
    expect(t, "reply not_found: There is no such user");
    struct command c = on_user(t, "ann", CMD_USER_DISABLE, "ben");
    c.flag = true;
    c.actor.role = ROLE_ADMIN; /* what the page believes does not count */
    command(t, c);
    expect(t, "reply forbidden: Only admins may do this");
    set_password(t, "root", "ben", "given", 0);
    expect(t, "reply ok");
    assert_string_equal(user(t, "ben")->password_hash, "given");
}

static void a_hash_is_renewed_only_when_it_is_still_the_same(void **state)
{
    struct rig *t = *state;
    log_in(t, "ann", 1);
    struct command c = on_user(t, "ann", CMD_USER_REHASH, "ann");
    (void)str_copy(c.user.password_hash, sizeof c.user.password_hash, STR("stronger"));
    (void)str_copy(c.expect_hash, sizeof c.expect_hash, STR("old"));
    command(t, c);
    assert_string_equal(user(t, "ann")->password_hash, "stronger");
    (void)str_copy(c.user.password_hash, sizeof c.user.password_hash, STR("again"));
    command(t, c);
    assert_string_equal(user(t, "ann")->password_hash, "stronger");
    assert_true(known(t, 1));
}

/* ---- sessions ---- */

static void a_session_counts_once_it_is_saved(void **state)
{
    struct rig *t = *state;
    t->hold = true;
    log_in(t, "ann", 1);
    assert_false(known(t, 1));
    release(t);
    expect(t, "reply ok");
    assert_true(known(t, 1));
    assert_false(known(t, 2));
    assert_int_equal(user(t, "ann")->last_login_ms, t->now.wall_ms);
    restart(t);
    assert_true(known(t, 1));
}

static void a_session_that_could_not_be_saved_is_none(void **state)
{
    struct rig *t = *state;
    t->fail[CHANGE_SESSION_PUT] = 1;
    log_in(t, "ann", 1);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    assert_false(known(t, 1));
}

static void sessions_end_after_30_days_or_7_days_unused(void **state)
{
    struct rig *t = *state;
    log_in(t, "ann", 1);
    log_in(t, "ben", 2);
    forget(t);
    for (int day = 0; day < 29; day++) {
        pass(t, 86400000);
        assert_true(known(t, 1));
        if (day == 6)
            assert_int_equal(t->disk.session_count, 2);
    }
    assert_false(known(t, 2));
    pass(t, 86400000);
    assert_false(known(t, 1));
    expect(t, "close person ben 4502", "close person ann 4502");
    assert_int_equal(t->disk.session_count, 0);
}

static void use_is_saved_every_five_minutes(void **state)
{
    struct rig *t = *state;
    log_in(t, "ann", 1);
    show(t, SHOW_STORE);
    for (int i = 0; i < 7; i++) {
        pass(t, 60000);
        assert_true(known(t, 1));
    }
    expect(t, "save seen");
}

static void logging_out_closes_the_sockets_of_that_session(void **state)
{
    struct rig *t = *state;
    int64_t first = log_in(t, "ann", 1);
    log_in(t, "ann", 2);
    forget(t);
    struct command c = {.kind = CMD_SESSION_CLOSE, .actor = as(t, "ben"), .key = first};
    c.actor.role = ROLE_ADMIN; /* believed by the page only */
    command(t, c);
    expect(t, "reply not_found: There is no such session");
    c.actor = as(t, "ann");
    command(t, c);
    expect(t, "close person ann 4502", "reply ok");
    assert_false(known(t, 1));
    assert_true(known(t, 2));
    command(t, c);
    expect(t, "reply not_found: There is no such session");
}

static void a_log_out_that_could_not_be_saved_is_tried_again(void **state)
{
    struct rig *t = *state;
    struct command c = {
        .kind = CMD_SESSION_CLOSE, .actor = as(t, "ann"), .key = log_in(t, "ann", 1)};
    t->fail[CHANGE_SESSION_END] = 3;
    command(t, c);
    assert_false(known(t, 1));
    pass(t, 3000);
    restart(t);
    assert_false(known(t, 1));
}

static void others_are_logged_out_and_this_one_stays(void **state)
{
    struct rig *t = *state;
    int64_t mine = log_in(t, "ann", 1);
    log_in(t, "ann", 2);
    log_in(t, "ben", 3);
    forget(t);
    command(t, (struct command){.kind = CMD_SESSION_OTHERS, .actor = as(t, "ann"), .key = mine});
    expect(t, "close person ann 4502", "reply ok");
    assert_true(known(t, 1));
    assert_false(known(t, 2));
    assert_true(known(t, 3));
}

static void a_new_password_ends_all_sessions_but_the_one_that_set_it(void **state)
{
    struct rig *t = *state;
    int64_t mine = log_in(t, "ann", 1);
    log_in(t, "ann", 2);
    forget(t);
    t->fail[CHANGE_USER_PUT] = 1;
    set_password(t, "ann", "ann", "new", mine);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    assert_true(known(t, 2));
    t->fail[CHANGE_SESSION_END] = 2;
    set_password(t, "ann", "ann", "new", mine);
    expect(t, "close person ann 4502", "reply ok");
    pass(t, 2000);
    restart(t);
    assert_true(known(t, 1));
    assert_false(known(t, 2));
}

static void once_it_is_answered_no_log_in_survives_a_new_password(void **state)
{
    struct rig *t = *state;
    int64_t mine = log_in(t, "ann", 1);
    log_in(t, "ann", 2);
    log_in(t, "ben", 3);
    forget(t);
    t->hold = true;
    set_password(t, "ann", "ann", "new", mine);
    answer(t);
    expect(t, "close person ann 4502", "reply ok");
    t->hold = false;
    restart(t);
    assert_true(known(t, 1) && known(t, 3));
    assert_false(known(t, 2));
}

static void a_log_in_under_way_ends_with_the_password_it_was_made_by(void **state)
{
    struct rig *t = *state;
    t->hold = true;
    set_password(t, "ann", "ann", "new", 0);
    log_in(t, "ann", 1);
    release(t);
    expect(t, "close person ann 4502", "reply ok", "reply forbidden: This log-in was ended");
    assert_false(known(t, 1));
    restart(t);
    assert_false(known(t, 1));
}

static void disabling_ends_sessions_and_refuses_new_ones(void **state)
{
    struct rig *t = *state;
    log_in(t, "ann", 1);
    log_in(t, "ann", 2);
    forget(t);
    disable(t, "ann", true);
    expect(t, "close person ann 4502", "close person ann 4502", "reply ok");
    assert_false(known(t, 1));
    log_in(t, "ann", 3);
    expect(t, "reply forbidden: This account is disabled");
    disable(t, "ann", false);
    assert_false(known(t, 1));
    log_in(t, "ann", 4);
    assert_true(known(t, 4));
}

/* ---- throttling ---- */

static void try(struct rig *t, const char *name, const char *address, bool fails)
{
    struct command c = on_user(t, "", CMD_LOGIN_MAY, name);
    (void)str_copy(c.actor.address, sizeof c.actor.address, str_of(address));
    command(t, c);
    if (!fails || t->reply.err)
        return;
    c.kind = CMD_LOGIN_FAILED;
    forget(t);
    command(t, c);
}

static void five_failures_of_an_account_lock_it_for_a_quarter_of_an_hour(void **state)
{
    struct rig *t = *state;
    uint64_t began = t->now.mono_ms;
    for (int i = 0; i < 5; i++) {
        try(t, "ann", "192.0.2.1", true);
        pass(t, 10000);
    }
    forget(t);
    try(t, "ANN", "192.0.2.2", false); /* from anywhere, however it is written */
    char line[100];
    snprintf(line, sizeof line, "reply rate_limited: Too many failed log-ins, retry after %llu",
             (unsigned long long)(began + 900000 - t->now.mono_ms));
    expect(t, line);
    try(t, "ben", "192.0.2.1", false);
    expect(t, "reply ok");
    pass(t, began + 900000 - t->now.mono_ms);
    try(t, "ann", "192.0.2.2", false);
    expect(t, "reply ok");
}

static void from_the_third_failure_each_try_has_to_wait(void **state)
{
    struct rig *t = *state;
    for (int i = 0; i < 3; i++)
        try(t, "ann", "192.0.2.1", true);
    forget(t);
    try(t, "ann", "192.0.2.1", false);
    expect(t, "reply rate_limited: Too many failed log-ins, retry after 1000");
    pass(t, 1000);
    try(t, "ann", "192.0.2.1", true);
    forget(t);
    try(t, "ann", "192.0.2.1", false);
    expect(t, "reply rate_limited: Too many failed log-ins, retry after 2000");
}

static void tries_under_way_count(void **state)
{
    struct rig *t = *state;
    for (int i = 0; i < 5; i++)
        try(t, "ann", "192.0.2.1", false);
    forget(t);
    try(t, "ann", "192.0.2.1", false);
    expect(t, "reply rate_limited: Too many failed log-ins, retry after 1000");
    pass(t, 60000); /* their results never came */
    try(t, "ann", "192.0.2.1", false);
    expect(t, "reply ok");
}

static void a_right_password_clears_the_account_s_failures(void **state)
{
    struct rig *t = *state;
    for (int i = 0; i < 4; i++) {
        try(t, "ann", "192.0.2.1", true);
        pass(t, 10000);
    }
    log_in(t, "ann", 1);
    forget(t);
    for (int i = 0; i < 3; i++)
        try(t, "ann", "192.0.2.1", true);
    expect(t, "reply ok");
}

static void twenty_failures_lock_an_address(void **state)
{
    struct rig *t = *state;
    char name[20];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "guess%d", i);
        try(t, name, "2001:db8::1", true);
    }
    forget(t);
    try(t, "ann", "2001:db8::1", false);
    expect(t, "reply rate_limited: Too many failed log-ins, retry after 900000");
    try(t, "ann", "2001:db8:0:0:ffff::2", false); /* the same network */
    expect(t, "reply rate_limited: Too many failed log-ins, retry after 900000");
    try(t, "ann", "2001:db8:0:1::1", false);
    expect(t, "reply ok");
}

static void failures_are_written_down(void **state)
{
    struct rig *t = *state;
    try(t, "ann", "192.0.2.1", true);
    const struct audit_record *a = &t->disk.audits[t->disk.audit_count - 1];
    assert_string_equal(a->action, "login.failed");
    assert_string_equal(a->subject, "ann");
    assert_string_equal(a->address, "192.0.2.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setup_makes_the_first_admin_and_only_once),
        cmocka_unit_test(setup_that_could_not_be_saved_may_be_tried_again),
        RIG_TEST(user_names_are_unique_whatever_their_case),
        RIG_TEST(user_names_have_their_form),
        RIG_TEST(strangers_register_only_while_that_is_open_and_never_as_admin),
        RIG_TEST(the_last_admin_stays),
        RIG_TEST(two_admins_cannot_remove_each_other_at_once),
        RIG_TEST(a_second_change_does_not_undo_the_first_that_is_being_saved),
        RIG_TEST(an_edit_of_an_account_is_one_change),
        RIG_TEST(an_edit_that_would_cost_the_last_admin_does_nothing),
        RIG_TEST(only_admins_and_the_person_change_an_account),
        RIG_TEST(a_hash_is_renewed_only_when_it_is_still_the_same),
        RIG_TEST(a_session_counts_once_it_is_saved),
        RIG_TEST(a_session_that_could_not_be_saved_is_none),
        RIG_TEST(sessions_end_after_30_days_or_7_days_unused),
        RIG_TEST(use_is_saved_every_five_minutes),
        RIG_TEST(logging_out_closes_the_sockets_of_that_session),
        RIG_TEST(a_log_out_that_could_not_be_saved_is_tried_again),
        RIG_TEST(others_are_logged_out_and_this_one_stays),
        RIG_TEST(a_new_password_ends_all_sessions_but_the_one_that_set_it),
        RIG_TEST(once_it_is_answered_no_log_in_survives_a_new_password),
        RIG_TEST(a_log_in_under_way_ends_with_the_password_it_was_made_by),
        RIG_TEST(disabling_ends_sessions_and_refuses_new_ones),
        RIG_TEST(five_failures_of_an_account_lock_it_for_a_quarter_of_an_hour),
        RIG_TEST(from_the_third_failure_each_try_has_to_wait),
        RIG_TEST(tries_under_way_count),
        RIG_TEST(a_right_password_clears_the_account_s_failures),
        RIG_TEST(twenty_failures_lock_an_address),
        RIG_TEST(failures_are_written_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

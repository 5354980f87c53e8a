/* What admins do with other people's requests stands in the audit log. */
#include "rig.h"

#include "core/looks.h"

static const struct audit_record *newest(struct rig *t)
{
    assert_true(t->disk.audit_count > 0);
    return &t->disk.audits[(t->disk.audit_count - 1) % DISK_ROWS];
}

static void look(struct rig *t, const char *name, size_t number)
{
    struct command c = {.kind = CMD_REQUEST_LOOK, .actor = as(t, name), .id = request(t, number)};
    (void)str_copy(c.user.name, sizeof c.user.name, STR("ann"));
    command(t, c);
}

static void assert_newest(struct rig *t, const char *action, size_t number, const char *address)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(request(t, number), id);
    const struct audit_record *a = newest(t);
    assert_string_equal(a->action, action);
    assert_string_equal(a->subject, id);
    assert_string_equal(a->detail, "ann");
    assert_string_equal(a->address, address);
}

static void begin(struct rig *t)
{
    let_wait(t);
    submit(t, "ann");
    submit(t, "ann");
    forget(t);
    t->disk.audit_count = 0;
}

static void a_look_is_answered_once_it_is_saved(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    look(t, "root", 1);
    expect_nothing(t);
    release(t);
    expect(t, "reply ok");
    assert_int_equal(t->disk.audit_count, 1);
    assert_newest(t, "request.view", 1, "192.0.2.9");
    assert_string_equal(newest(t)->actor, "root");
}

static void a_look_that_cannot_be_saved_is_refused(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->fail[CHANGE_AUDIT] = 1;
    look(t, "root", 1);
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    look(t, "root", 1); /* it did not count */
    expect(t, "reply ok");
    assert_int_equal(t->disk.audit_count, 1);
}

static void one_look_in_ten_minutes_is_one_row(void **state)
{
    struct rig *t = *state;
    begin(t);
    look(t, "root", 1);
    look(t, "root", 1);
    subscribe(t, "root", TOPIC_REQUEST, request(t, 1));
    assert_int_equal(t->disk.audit_count, 1);
    look(t, "root", 2);
    assert_int_equal(t->disk.audit_count, 2);
    pass(t, 599999);
    look(t, "root", 1);
    assert_int_equal(t->disk.audit_count, 2);
    pass(t, 1);
    look(t, "root", 1);
    assert_int_equal(t->disk.audit_count, 3);
}

static void only_admins_look(void **state)
{
    struct rig *t = *state;
    begin(t);
    look(t, "ben", 1);
    expect(t, "reply forbidden: Only admins may do this");
    assert_int_equal(t->disk.audit_count, 0);
}

static void more_looks_than_are_remembered_are_all_written(void **state)
{
    struct rig *t = *state;
    begin(t);
    for (size_t i = 0; i < LOOKS_MAX + 1; i++) {
        struct command c = {.kind = CMD_REQUEST_LOOK, .actor = as(t, "root"), .id = rig_id(t)};
        command(t, c);
        command(t, c);
    }
    assert_int_equal(t->disk.audit_count, LOOKS_MAX + 1);
}

static void a_subscription_is_a_look_unless_the_request_is_theirs(void **state)
{
    struct rig *t = *state;
    begin(t);
    subscribe(t, "ann", TOPIC_REQUEST, request(t, 1));
    subscribe(t, "ben", TOPIC_REQUEST, request(t, 1));
    assert_int_equal(t->disk.audit_count, 0);
    subscribe(t, "root", TOPIC_REQUEST, request(t, 1)); /* in memory */
    assert_int_equal(t->disk.audit_count, 1);
    assert_newest(t, "request.view", 1, "192.0.2.5");
    cancel(t, "ann", 2);
    subscribe(t, "root", TOPIC_REQUEST, request(t, 2)); /* on disk */
    assert_int_equal(t->disk.audit_count, 2);
    assert_newest(t, "request.view", 2, "192.0.2.5");
}

static void who_watches_anothers_request_sees_it_once_that_is_saved(void **state)
{
    struct rig *t = *state;
    begin(t);
    cancel(t, "ann", 2);
    forget(t);
    t->hold = true;
    subscribe(t, "root", TOPIC_REQUEST, request(t, 1)); /* in memory */
    expect_nothing(t);
    answer(t);
    assert_int_equal(t->disk.audit_count, 1);
    assert_true(buf_cstr(&t->log)[0]);
    forget(t);
    subscribe(t, "root", TOPIC_REQUEST, request(t, 2)); /* on disk */
    answer(t);
    expect_nothing(t); /* it is loaded, and the look is being saved */
    answer_all(t);
    assert_int_equal(t->disk.audit_count, 2);
    assert_true(buf_cstr(&t->log)[0]);
}

static void who_cannot_be_written_down_watches_nothing(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->fail[CHANGE_AUDIT] = 1;
    subscribe(t, "root", TOPIC_REQUEST, request(t, 1));
    assert_non_null(strstr(buf_cstr(&t->log), "error store_unavailable"));
    assert_null(strstr(buf_cstr(&t->log), "subscribed"));
    assert_int_equal(t->disk.audit_count, 0);
    forget(t);
    subscribe(t, "root", TOPIC_REQUEST, request(t, 1)); /* it did not count */
    assert_int_equal(t->disk.audit_count, 1);
}

static void an_admins_cancel_is_written_and_a_persons_own_is_not(void **state)
{
    struct rig *t = *state;
    begin(t);
    cancel(t, "ann", 1);
    assert_int_equal(t->disk.audit_count, 0);
    cancel(t, "root", 2);
    assert_int_equal(t->disk.audit_count, 1);
    assert_newest(t, "request.cancel", 2, "192.0.2.5");
    cancel(t, "root", 2); /* it has ended */
    assert_int_equal(t->disk.audit_count, 1);
}

static void an_admins_cancel_from_a_page_is_written(void **state)
{
    struct rig *t = *state;
    begin(t);
    command(t, (struct command){.kind = CMD_CANCEL, .actor = as(t, "root"), .id = request(t, 1)});
    expect(t, "reply ok");
    assert_int_equal(t->disk.audit_count, 1);
    assert_newest(t, "request.cancel", 1, "192.0.2.9");
    command(t, (struct command){.kind = CMD_CANCEL, .actor = as(t, "ann"), .id = request(t, 2)});
    assert_int_equal(t->disk.audit_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_look_is_answered_once_it_is_saved),
        RIG_TEST(a_look_that_cannot_be_saved_is_refused),
        RIG_TEST(one_look_in_ten_minutes_is_one_row),
        RIG_TEST(only_admins_look),
        RIG_TEST(more_looks_than_are_remembered_are_all_written),
        RIG_TEST(a_subscription_is_a_look_unless_the_request_is_theirs),
        RIG_TEST(who_watches_anothers_request_sees_it_once_that_is_saved),
        RIG_TEST(who_cannot_be_written_down_watches_nothing),
        RIG_TEST(an_admins_cancel_is_written_and_a_persons_own_is_not),
        RIG_TEST(an_admins_cancel_from_a_page_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

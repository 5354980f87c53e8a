/* A finished request is removed for good. */
#include "rig.h"

static void remove_request(struct rig *t, const char *name, struct uuid id)
{
    command(t, (struct command){.kind = CMD_REQUEST_REMOVE, .actor = as(t, name), .id = id});
}

/* Ann's, completed; the log is empty. */
static void begin(struct rig *t)
{
    join(t, 1);
    submit(t, "ann");
    result(t, 1, lease(t, 1, 1));
    forget(t);
    t->disk.audit_count = 0;
}

static bool stored(struct rig *t, size_t number)
{
    return disk_request(&t->disk, request(t, number)) != NULL;
}

static void its_person_removes_it_once_it_is_saved(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->hold = true;
    remove_request(t, "ann", request(t, 1));
    expect_nothing(t);
    release(t);
    expect(t, "reply ok");
    assert_false(stored(t, 1));
    assert_int_equal(t->disk.audit_count, 0);
    remove_request(t, "ann", request(t, 1));
    expect(t, "reply not_found: Request not found");
}

static void an_admin_s_removal_is_written_down_with_it(void **state)
{
    struct rig *t = *state;
    begin(t);
    remove_request(t, "root", request(t, 1));
    expect(t, "reply ok");
    assert_false(stored(t, 1));
    assert_int_equal(t->disk.audit_count, 1);
    const struct audit_record *a = &t->disk.audits[0];
    char id[UUID_TEXT_BYTES];
    uuid_format(request(t, 1), id);
    assert_string_equal(a->action, "request.remove");
    assert_string_equal(a->actor, "root");
    assert_string_equal(a->subject, id);
    assert_string_equal(a->detail, "ann");
}

static void for_others_it_is_not_there(void **state)
{
    struct rig *t = *state;
    begin(t);
    remove_request(t, "ben", request(t, 1));
    expect(t, "reply not_found: Request not found");
    remove_request(t, "ann", rig_id(t));
    expect(t, "reply not_found: Request not found");
    assert_true(stored(t, 1));
}

static void what_is_not_finished_stays(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    submit(t, "ann");
    forget(t);
    for (size_t i = 1; i <= 2; i++) {
        remove_request(t, "ann", request(t, i));
        expect(t, "reply internal: The request is not finished: cancel it first");
        remove_request(t, "ben", request(t, i));
        expect(t, "reply not_found: Request not found");
    }
    assert_int_equal(t->disk.request_count, 2);
}

static void what_its_app_may_still_speak_of_stays(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    command(t, (struct command){.kind = CMD_CANCEL, .actor = as(t, "ann"), .id = request(t, 1)});
    forget(t);
    remove_request(t, "ann", request(t, 1));
    expect(t, "reply internal: The request's app is still being waited for; try again");
    pass(t, 10000); /* limits.cancel_wait_ms */
    forget(t);
    remove_request(t, "ann", request(t, 1));
    expect(t, "reply ok");
    assert_false(stored(t, 1));
}

static void a_removal_that_cannot_be_saved_is_refused(void **state)
{
    struct rig *t = *state;
    begin(t);
    t->fail[CHANGE_REQUEST_REMOVE] = 1;
    remove_request(t, "ann", request(t, 1));
    expect(t, "reply store_unavailable: It could not be saved, retry after 1000");
    assert_true(stored(t, 1));
    remove_request(t, "ann", request(t, 1));
    expect(t, "reply ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(its_person_removes_it_once_it_is_saved),
        RIG_TEST(an_admin_s_removal_is_written_down_with_it),
        RIG_TEST(for_others_it_is_not_there),
        RIG_TEST(what_is_not_finished_stays),
        RIG_TEST(what_its_app_may_still_speak_of_stays),
        RIG_TEST(a_removal_that_cannot_be_saved_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How a request stands, asked without a socket. */
#include "rig.h"

static void ask(struct rig *t, const char *name, struct uuid id)
{
    command(t, (struct command){.kind = CMD_QUERY_REQUEST, .actor = as(t, name), .id = id});
}

static void assert_answer(struct rig *t, size_t number, enum request_status status)
{
    expect(t, "reply ok");
    assert_non_null(t->reply.request);
    assert_true(uuid_eq(t->reply.request->id, request(t, number)));
    assert_int_equal(t->reply.request->status, status);
    assert_null(t->reply.request->payload);
}

static void a_request_is_told_as_it_stands(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    submit(t, "ann");
    forget(t);
    ask(t, "ann", request(t, 1));
    assert_answer(t, 1, REQUEST_PROCESSING);
    ask(t, "ann", request(t, 2));
    assert_answer(t, 2, REQUEST_QUEUED);
    assert_null(t->reply.request->result);
    assert_int_equal(t->reply.live->fields, VIEW_POSITION | VIEW_REASON);
    assert_int_equal(t->reply.live->position, 1);
    assert_string_equal(t->reply.live->reason.p, "app_busy");
}

static void its_progress_outlives_it(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    percent(t, 1, lease(t, 1, 1), 40);
    ask(t, "ann", request(t, 1));
    struct request_view live = *t->reply.live;
    assert_int_equal(live.fields, VIEW_PERCENT);
    assert_true(live.percent == 40);
    result(t, 1, lease(t, 1, 1));
    forget(t);
    ask(t, "ann", request(t, 1));
    assert_answer(t, 1, REQUEST_COMPLETED);
    assert_null(t->reply.live);
}

static void a_finished_one_is_read_from_the_store(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    result(t, 1, lease(t, 1, 1));
    show(t, SHOW_STORE | SHOW_PEERS);
    t->hold = true;
    ask(t, "ann", request(t, 1));
    expect(t, "load r1");
    answer(t);
    assert_answer(t, 1, REQUEST_COMPLETED);
    assert_memory_equal(bytes_str(t->reply.request->result).p, "{\"a\":1}", 7);
}

static void others_and_what_is_not_there_are_not_found(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    forget(t);
    ask(t, "ben", request(t, 1));
    expect(t, "reply not_found: Request not found");
    result(t, 1, lease(t, 1, 1));
    forget(t);
    ask(t, "ben", request(t, 1));
    expect(t, "reply not_found: Request not found");
    ask(t, "ann", rig_id(t));
    expect(t, "reply not_found: Request not found");
}

static void an_admins_look_is_written_down(void **state)
{
    struct rig *t = *state;
    join(t, 1);
    submit(t, "ann");
    size_t rows = t->disk.audit_count;
    forget(t);
    ask(t, "root", request(t, 1));
    assert_answer(t, 1, REQUEST_PROCESSING);
    ask(t, "root", request(t, 1));
    ask(t, "ann", request(t, 1));
    assert_int_equal(t->disk.audit_count, rows + 1);
    assert_string_equal(t->disk.audits[rows].action, "request.view");
}

static void a_store_that_cannot_read_says_when_to_ask_again(void **state)
{
    struct rig *t = *state;
    t->broken = true;
    ask(t, "ann", rig_id(t));
    expect(t, "reply store_unavailable, retry after 1000");
}

/* Loads wait with what everybody saves. */
static void one_persons_questions_fill_no_list(void **state)
{
    struct rig *t = *state;
    t->hold = true;
    for (size_t i = 0; i < 64; i++)
        ask(t, "ann", rig_id(t));
    expect_nothing(t);
    ask(t, "ann", rig_id(t));
    expect(t, "reply rate_limited: Too many questions at once, retry after 1000");
    ask(t, "ben", rig_id(t));
    expect_nothing(t);
    release(t);
    forget(t);
    ask(t, "ann", rig_id(t));
    expect(t, "reply not_found: Request not found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_request_is_told_as_it_stands),
        RIG_TEST(its_progress_outlives_it),
        RIG_TEST(a_finished_one_is_read_from_the_store),
        RIG_TEST(others_and_what_is_not_there_are_not_found),
        RIG_TEST(an_admins_look_is_written_down),
        RIG_TEST(a_store_that_cannot_read_says_when_to_ask_again),
        RIG_TEST(one_persons_questions_fill_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What apps of older sites send and hear. */
#include "native_support.h"

#include "codec/spaces.h"

#include <stdio.h>

static struct app_msg app;
static struct buf made = {.max = 1 << 24};

static int stop_all(void **state)
{
    buf_release(&made);
    return stop(state);
}

static enum err take(const char *name, const char *args)
{
    return spaces_decode(&decoder, str_of(name), str_of(args), &made, &app);
}

static void register_needs_but_a_name(void **state)
{
    (void)state;
    assert_int_equal(take("register", "{\"space_name\":\"X\"}"), OK);
    assert_int_equal(app.kind, APP_MSG_REGISTER);
    assert_str(app.reg.space_name, "X");
    assert_int_equal(app.reg.concurrency, 100);
    assert_true(app.reg.own_queue && app.reg.may_lack_token);
    assert_int_equal(take("register", "{\"space_name\":\"X\",\"token\":\"t\",\"concurrency\":3,"
                                      "\"instance\":\"i\",\"resume\":[{" LEASE "}]}"),
                     OK);
    assert_str(app.reg.token, "t");
    assert_str(app.reg.instance, "i");
    assert_int_equal(app.reg.concurrency, 3);
    assert_false(app.reg.own_queue);
    assert_int_equal(app.reg.resume_count, 1);
}

static void register_without_a_name_or_anything_is_no_failure(void **state)
{
    (void)state;
    const char *args[] = {"", "{}", "{\"space_name\":null}", "{\"space_name\":\"\"}"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(take("register", args[i]), OK);
        assert_str(app.reg.space_name, "");
    }
}

static void what_is_no_object_or_event_is_refused(void **state)
{
    (void)state;
    const struct refusal r[] = {
        {"[1]", ERR_BAD_MESSAGE, "a message must be an object"},
        {"\"X\"", ERR_BAD_MESSAGE, NULL},
        {"{\"a\":1,\"a\":2}", ERR_BAD_JSON, NULL},
        {"{\"space_name\":7}", ERR_BAD_MESSAGE, "field `space_name` must be a string"},
    };
    for (size_t i = 0; i < sizeof r / sizeof *r; i++)
        assert_refused(&r[i], take("register", r[i].text));
    assert_int_equal(take("message", "{}"), ERR_UNKNOWN_TYPE);
    assert_int_equal(take("inference_result", "{\"status\":\"completed\"}"), ERR_BAD_MESSAGE);
    assert_int_equal(take("inference_result", "{\"request_id\":\"7\",\"status\":\"completed\"}"),
                     ERR_BAD_MESSAGE);
}

static void a_result_names_no_attempt_and_may_be_anything(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"text_output\":\"a\"}", "{\"text_output\":\"a\"}"},
        {"\"a\\n\"", "{\"text_output\":\"a\\n\"}"},
        {"[1,2.50]", "{\"output\":[1,2.50]}"},
        {"false", "{\"output\":false}"},
        {"null", "{}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char args[200];
        snprintf(args, sizeof args,
                 "{\"request_id\":\"" ID "\",\"status\":\"completed\",\"result\":%s,\"extra\":1}",
                 cases[i][0]);
        assert_int_equal(take("inference_result", args), OK);
        assert_int_equal(app.kind, APP_MSG_RESULT);
        assert_true(uuid_eq(app.lease.request_id, id));
        assert_int_equal(app.lease.attempt, 0);
        assert_str(app.result, cases[i][1]);
    }
    assert_int_equal(take("inference_result", "{" LEASE ",\"status\":\"completed\"}"), OK);
    assert_int_equal(app.lease.attempt, 3);
    assert_str(app.result, "{}");
}

static void failed_and_error_fail_with_what_the_app_said(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"{\"error\":\"no \\u00e4ir\"}", "no \xc3\xa4ir", "{\"error\":\"no \\u00e4ir\"}"},
        {"{\"message\":\"m\",\"error\":7}", "m", "{\"message\":\"m\",\"error\":7}"},
        {"\"just text\"", "just text", ""},
        {"{\"code\":7.50}", "{\"code\":7.50}", "{\"code\":7.50}"},
        {"{ }", "The app reported a failure", ""},
        {"null", "The app reported a failure", ""},
        {"\"\"", "The app reported a failure", ""},
        {"\"null \\u0000 byte\"", "null \\u0000 byte", ""},
        {"{\"error\":\"\\u00e4\\u0000\"}", "\\u00e4\\u0000", "{\"error\":\"\\u00e4\\u0000\"}"},
    };
    static const char *const statuses[] = {"failed", "error"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char args[200];
        snprintf(args, sizeof args,
                 "{\"request_id\":\"" ID "\",\"status\":\"%s\",\"result\":%s,"
                 "\"usage\":{\"total_tokens\":7}}",
                 statuses[i % 2], cases[i][0]);
        assert_int_equal(take("inference_result", args), OK);
        assert_int_equal(app.kind, APP_MSG_ERROR);
        assert_str(app.message, cases[i][1]);
        assert_str(app.result, cases[i][2]);
        assert_str(app.code, "app_error");
        assert_str(app.usage, "{\"total_tokens\":7}");
        assert_false(app.retryable);
    }
}

static void a_failure_without_a_result_may_say_why_beside_it(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"\"error\":\"out of memory\"", "out of memory"},
        {"\"result\":null,\"message\":\"no\",\"error\":{\"a\":1}", "no"},
        {"\"result\":{\"error\":\"inside\"},\"error\":\"beside\"", "inside"},
        {"\"error\":7", "The app reported a failure"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char args[200];
        snprintf(args, sizeof args, "{\"request_id\":\"" ID "\",\"status\":\"failed\",%s}",
                 cases[i][0]);
        assert_int_equal(take("inference_result", args), OK);
        assert_str(app.message, cases[i][1]);
    }
}

static void a_long_failure_is_cut_between_two_characters(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    buf_puts(&b, "{\"request_id\":\"" ID "\",\"status\":\"error\",\"result\":\"x");
    for (int i = 0; i < 40000; i++)
        buf_puts(&b, "\xc3\xa4");
    buf_puts(&b, "\"}");
    assert_int_equal(spaces_decode(&decoder, STR("inference_result"), buf_str(&b), &made, &app),
                     OK);
    assert_int_equal(app.message.n, 65535);
    buf_release(&b);
}

static void progress_and_text_are_those_of_the_native_protocol(void **state)
{
    (void)state;
    assert_int_equal(
        take("inference_progress", "{\"request_id\":\"" ID "\",\"percent\":12.5,\"step\":1}"), OK);
    assert_true(app.kind == APP_MSG_PROGRESS && app.progress.percent == 12.5);
    assert_int_equal(take("inference_delta", "{\"request_id\":\"" ID "\",\"text\":\"hi\"}"), OK);
    assert_int_equal(app.kind, APP_MSG_DELTA);
    assert_str(app.text, "hi");
    assert_int_equal(take("inference_delta", "{\"request_id\":\"" ID "\"}"), ERR_BAD_MESSAGE);
}

static void attachments_are_put_in_their_places(void **state)
{
    (void)state;
    const struct str two[] = {{"\x00\xff", 2}, {"abc", 3}};
    struct buf b = BUF_INIT(1000);
    assert_int_equal(spaces_join(&decoder,
                                 STR("{\"a\\\"\":[{\"_placeholder\":true,\"num\":1},1.50,{}],"
                                     "\"b\":{\"num\":0,\"_placeholder\":true}, \"c\":[]}"),
                                 two, 2, &b),
                     OK);
    assert_str(buf_str(&b), "{\"a\\\"\":[\"YWJj\",1.50,{}],\"b\":\"AP8=\",\"c\":[]}");
    buf_clear(&b);
    assert_int_equal(
        spaces_join(&decoder, STR("{\"a\":{\"_placeholder\":true,\"num\":2}}"), two, 2, &b),
        ERR_BAD_MESSAGE);
    buf_release(&b);
}

static void a_placeholder_that_comes_again_does_not_multiply_its_attachment(void **state)
{
    (void)state;
    const struct str two[] = {{"abc", 3}, {"ab", 2}};
    struct buf b = BUF_INIT(1000);
#define FIRST "{\"_placeholder\":true,\"num\":0}"
    assert_int_equal(spaces_join(&decoder, STR("{\"a\":[" FIRST "," FIRST "]}"), two, 2, &b),
                     ERR_BAD_MESSAGE);
    buf_clear(&b);
    assert_int_equal(spaces_join(&decoder, STR("{\"a\":[" FIRST "]}"), two, 2, &b), OK);
    buf_release(&b);
}

static void expect_sent(const struct app_out *m, const char *name, const char *args)
{
    struct buf b = BUF_INIT(1 << 16);
    const char *sent = spaces_encode(&b, m, STR("a \"b\""));
    assert_string_equal(sent ? sent : "nothing", name);
    assert_int_equal(b.failed, OK);
    assert_str(buf_str(&b), args);
    buf_release(&b);
}

static void answers_to_register_have_the_old_words(void **state)
{
    (void)state;
    expect_sent(&(struct app_out){.kind = APP_OUT_REGISTERED,
                                  .message = STR("Successfully connected to space \"X\""),
                                  .connection_id = id,
                                  .space_id = id},
                "register_response",
                "{\"success\":true,\"connection_id\":\"" ID "\",\"space_id\":\"" ID
                "\",\"message\":\"Successfully connected to space \\\"X\\\"\"}");
    expect_sent(&(struct app_out){.kind = APP_OUT_REFUSED,
                                  .code = ERR_NOT_FOUND,
                                  .message = STR("Space \"a \"b\"\" not found")},
                "register_response",
                "{\"success\":false,\"message\":\"Space \\\"a \\\"b\\\"\\\" not found or is not a "
                "WebSocket space\"}");
    expect_sent(&(struct app_out){.kind = APP_OUT_REFUSED,
                                  .code = ERR_SPACE_TAKEN,
                                  .message = STR("Space already has a connected app")},
                "register_response",
                "{\"success\":false,\"message\":\"Space already has a connected app\"}");
}

static void a_request_carries_the_time_they_look_for(void **state)
{
    (void)state;
    struct app_out m = {.kind = APP_OUT_REQUEST,
                        .lease = {id, 2},
                        .username = STR("ann"),
                        .payload = STR("{\"prompt\":\"p\",\"audio\":\"u\"}"),
                        .created_ms = INT64_C(1750000000123)};
    expect_sent(&m, "inference_request",
                "{\"request_id\":\"" ID "\",\"username\":\"ann\",\"payload\":{\"prompt\":\"p\","
                "\"audio\":\"u\",\"timestamp\":\"2025-06-15T15:06:40.123\"},\"attempt\":2}");
    m.payload = STR("{}");
    expect_sent(&m, "inference_request",
                "{\"request_id\":\"" ID "\",\"username\":\"ann\",\"payload\":{"
                "\"timestamp\":\"2025-06-15T15:06:40.123\"},\"attempt\":2}");
    m.payload = STR("{\"timestamp\":7}");
    expect_sent(&m, "inference_request",
                "{\"request_id\":\"" ID "\",\"username\":\"ann\",\"payload\":{"
                "\"timestamp\":7},\"attempt\":2}");
}

static void a_cancel_is_an_event_and_the_rest_is_not_for_them(void **state)
{
    (void)state;
    expect_sent(
        &(struct app_out){.kind = APP_OUT_CANCEL, .lease = {id, 2}, .reason = STR("timeout")},
        "inference_cancel", "{\"request_id\":\"" ID "\",\"attempt\":2,\"reason\":\"timeout\"}");
    const enum app_out_kind silent[] = {APP_OUT_ACK, APP_OUT_DRAIN, APP_OUT_ERROR};
    for (size_t i = 0; i < 3; i++)
        expect_sent(&(struct app_out){.kind = silent[i]}, "nothing", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(register_needs_but_a_name),
        cmocka_unit_test(register_without_a_name_or_anything_is_no_failure),
        cmocka_unit_test(what_is_no_object_or_event_is_refused),
        cmocka_unit_test(a_result_names_no_attempt_and_may_be_anything),
        cmocka_unit_test(failed_and_error_fail_with_what_the_app_said),
        cmocka_unit_test(a_failure_without_a_result_may_say_why_beside_it),
        cmocka_unit_test(a_long_failure_is_cut_between_two_characters),
        cmocka_unit_test(progress_and_text_are_those_of_the_native_protocol),
        cmocka_unit_test(attachments_are_put_in_their_places),
        cmocka_unit_test(a_placeholder_that_comes_again_does_not_multiply_its_attachment),
        cmocka_unit_test(answers_to_register_have_the_old_words),
        cmocka_unit_test(a_request_carries_the_time_they_look_for),
        cmocka_unit_test(a_cancel_is_an_event_and_the_rest_is_not_for_them),
    };
    return cmocka_run_group_tests(tests, start, stop_all);
}

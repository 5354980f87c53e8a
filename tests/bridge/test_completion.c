#include "bridge/completion.h"

#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct completion r;

static int start(void **state)
{
    (void)state;
    completion_init(&r);
    return 0;
}

static int end(void **state)
{
    (void)state;
    completion_release(&r);
    return 0;
}

static void take(const char *json)
{
    assert_int_equal(completion_take(&r, str_of(json)), OK);
}

static void assert_result(const char *expected)
{
    struct buf b = BUF_INIT(100000);
    struct json_t *o = completion_result(&r);
    assert_int_equal(json_write(&b, o), OK);
    json_free(o);
    assert_string_equal(buf_cstr(&b), expected);
    buf_release(&b);
}

#define DELTA(members) "{\"choices\":[{\"index\":0,\"delta\":{" members "}}]}"
#define FINISH(reason) "{\"choices\":[{\"delta\":{},\"finish_reason\":\"" reason "\"}]}"

static void pieces_make_a_text(void **state)
{
    (void)state;
    take(DELTA("\"role\":\"assistant\",\"content\":\"\""));
    assert_false(completion_begun(&r));
    take(DELTA("\"content\":\"Hé\""));
    assert_true(completion_begun(&r));
    take(DELTA("\"content\":\"llo\""));
    take(DELTA("\"content\":null"));
    assert_false(completion_ended(&r));
    take(FINISH("length"));
    assert_true(completion_ended(&r));
    assert_result("{\"text_output\":\"Héllo\",\"finish_reason\":\"length\"}");
}

static void usage_may_come_alone_and_the_last_counts(void **state)
{
    (void)state;
    take("{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}");
    take("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"total_tokens\":2}}");
    take("{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,"
         "\"total_tokens\":7,\"extra\":{\"cached\":1}}}");
    assert_string_equal(buf_cstr(&r.usage), "{\"prompt_tokens\":3,\"completion_tokens\":4,"
                                            "\"total_tokens\":7,\"extra\":{\"cached\":1}}");
    assert_result("{\"text_output\":\"x\",\"finish_reason\":\"stop\",\"tokens_used\":7}");
}

static void done_is_the_end(void **state)
{
    (void)state;
    take(" [DONE]");
    assert_true(completion_ended(&r));
    assert_result("{\"text_output\":\"\",\"finish_reason\":\"stop\"}");
}

static void reasoning_and_refusal_are_kept_apart(void **state)
{
    (void)state;
    take(DELTA("\"reasoning_content\":\"Let me \""));
    take(DELTA("\"reasoning_content\":null,\"reasoning\":\"see\""));
    take(DELTA("\"content\":\"No\",\"refusal\":\"I will not\""));
    assert_result("{\"text_output\":\"No\",\"finish_reason\":\"stop\",\"reasoning\":\"Let me see\","
                  "\"refusal\":\"I will not\"}");
}

static void other_choices_are_ignored(void **state)
{
    (void)state;
    take("{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"},"
         "{\"index\":0,\"delta\":{\"content\":\"a\"}}]}");
    assert_string_equal(buf_cstr(&r.text), "a");
    assert_false(completion_ended(&r));
}

#define CALL(members) DELTA("\"tool_calls\":[{" members "}]")

static void tool_calls_are_merged_by_index(void **state)
{
    (void)state;
    take(CALL("\"index\":0,\"id\":\"c1\",\"type\":\"function\","
              "\"function\":{\"name\":\"add\",\"arguments\":\"\"}"));
    take(CALL("\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}"));
    take(CALL("\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"sub\",\"arguments\":\"{}\"}"));
    take(CALL("\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"add\",\"arguments\":\":1}\"}"));
    assert_result("{\"text_output\":\"\",\"finish_reason\":\"tool_calls\",\"tool_calls\":["
                  "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"add\","
                  "\"arguments\":\"{\\\"a\\\":1}\"}},"
                  "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"sub\","
                  "\"arguments\":\"{}\"}}]}");
}

static void another_id_is_another_call_whatever_the_index(void **state)
{
    (void)state;
    take(CALL("\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"a\",\"arguments\":\"1\"}"));
    take(CALL("\"index\":0,\"id\":\"c2\",\"function\":{\"name\":\"b\",\"arguments\":\"2\"}"));
    take(CALL("\"index\":0,\"function\":{\"arguments\":\"3\"}"));
    assert_int_equal(r.call_count, 2);
    assert_result("{\"text_output\":\"\",\"finish_reason\":\"tool_calls\",\"tool_calls\":["
                  "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"a\","
                  "\"arguments\":\"1\"}},"
                  "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"b\","
                  "\"arguments\":\"23\"}}]}");
}

static void calls_without_an_index_follow_each_other(void **state)
{
    (void)state;
    take(CALL("\"id\":\"c1\",\"function\":{\"name\":\"a\",\"arguments\":\"1\"}"));
    take(CALL("\"function\":{\"arguments\":\"2\"}"));
    take(CALL("\"id\":\"c2\",\"function\":{\"name\":\"b\",\"arguments\":\"3\"}"));
    assert_int_equal(r.call_count, 2);
}

static void too_many_or_too_large_calls_are_refused(void **state)
{
    (void)state;
    char json[200];
    for (int i = 0; i < COMPLETION_CALLS; i++) {
        snprintf(json, sizeof json, CALL("\"index\":%d,\"function\":{\"name\":\"f\"}"), i);
        take(json);
    }
    snprintf(json, sizeof json, CALL("\"index\":%d,\"function\":{\"name\":\"f\"}"),
             COMPLETION_CALLS);
    assert_int_equal(completion_take(&r, str_of(json)), ERR_TOO_LARGE);
}

static void an_answer_in_one_piece_is_the_same(void **state)
{
    (void)state;
    take("{\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
         "\"assistant\",\"content\":\"Hi\",\"tool_calls\":[{\"id\":\"x\",\"type\":\"function\","
         "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"more\":1}]},"
         "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"total_tokens\":3}}");
    assert_true(completion_ended(&r));
    assert_result("{\"text_output\":\"Hi\",\"finish_reason\":\"tool_calls\",\"tool_calls\":[{"
                  "\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                  "\"arguments\":\"{}\"},\"more\":1}],\"tokens_used\":3}");
}

static void completions_have_their_text_in_the_choice(void **state)
{
    (void)state;
    take("{\"object\":\"text_completion\",\"choices\":[{\"text\":\"a\",\"finish_reason\":null}]}");
    take("{\"choices\":[{\"text\":\"b\",\"finish_reason\":\"stop\"}]}");
    assert_result("{\"text_output\":\"ab\",\"finish_reason\":\"stop\"}");
}

static void content_may_be_a_list_of_parts(void **state)
{
    (void)state;
    take(DELTA("\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\"},"
               "{\"type\":\"text\",\"text\":\"b\"}]"));
    assert_string_equal(buf_cstr(&r.text), "ab");
}

static void nul_becomes_a_replacement_character(void **state)
{
    (void)state;
    take(DELTA("\"content\":\"a\\u0000b\\\\u0000\""));
    assert_string_equal(buf_cstr(&r.text), "a\xef\xbf\xbd"
                                           "b\\u0000");
}

static void unknown_reasons_become_stop(void **state)
{
    (void)state;
    take(DELTA("\"content\":\"a\""));
    take(FINISH("eos_token"));
    assert_result("{\"text_output\":\"a\",\"finish_reason\":\"stop\"}");
}

static void an_error_in_the_stream_is_told(void **state)
{
    (void)state;
    take(DELTA("\"content\":\"a\""));
    take("{\"error\":{\"message\":\"CUDA out of memory\",\"type\":\"x\",\"code\":503}}");
    assert_true(r.failed);
    assert_int_equal(r.error_status, 503);
    assert_string_equal(buf_cstr(&r.error), "CUDA out of memory");
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "{", "[]", "7", "null", "\"x\"", "{} {}", "DONE"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(completion_take(&r, str_of(wrong[i])), ERR_BAD_JSON);
}

static void odd_objects_change_nothing(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}",
        "{\"type\":\"ping\"}",
        "{\"choices\":null}",
        "{\"choices\":[1,null,[]]}",
        "{\"choices\":[{\"delta\":7,\"finish_reason\":\"\"}]}",
        "{\"choices\":[{\"delta\":{\"content\":7,\"tool_calls\":{}}}],\"usage\":[]}",
        "{\"error\":null}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        take(odd[i]);
    assert_false(completion_begun(&r) || completion_ended(&r) || r.failed);
}

static void text_is_cut_between_characters_at_its_limit(void **state)
{
    (void)state;
    r.text.max = 8;
    take(DELTA("\"content\":\"12345\""));
    assert_int_equal(completion_take(&r, str_of(DELTA("\"content\":\"67é\""))), ERR_TOO_LARGE);
    assert_string_equal(buf_cstr(&r.text), "1234567");
    assert_true(r.cut);
    struct json_t *o = completion_result(&r);
    struct str reason;
    assert_true(json_to_str(json_at(o, "finish_reason"), &reason));
    assert_true(str_eq(reason, STR("length")));
    json_free(o);
}

static void assert_words(const char *body, int status, const char *words)
{
    struct buf b = BUF_INIT(10000);
    int got = 0;
    completion_error_words(str_of(body), &b, &got);
    assert_string_equal(buf_cstr(&b), words);
    assert_int_equal(got, status);
    buf_release(&b);
}

static void errors_are_read_in_every_shape(void **state)
{
    (void)state;
    assert_words("{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\"}}", 400, "m");
    assert_words("{\"error\":{\"message\":\"m\",\"type\":\"x\",\"code\":\"model_not_found\"}}", 404,
                 "m");
    assert_words("{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\","
                 "\"code\":\"invalid_api_key\"}}",
                 401, "m");
    assert_words("{\"error\":{\"message\":\"m\",\"type\":\"authentication_error\","
                 "\"code\":\"invalid_request_error\"}}",
                 401, "m");
    assert_words("{\"error\":{\"message\":\"m\",\"code\":401,\"type\":\"x\",\"status\":500}}", 401,
                 "m");
    assert_words("{\"error\":{\"message\":\"m\",\"code\":\"insufficient_quota\"}}", 429, "m");
    assert_words("{\"error\":{\"message\":\"m\",\"code\":429}}", 429, "m");
    assert_words("{\"error\":{\"message\":\"m\",\"code\":7}}", 0, "m");
    assert_words("{\"error\":\"m\"}", 0, "m");
    assert_words("{\"object\":\"error\",\"message\":\"m\",\"code\":400}", 400, "m");
    assert_words("{\"detail\":\"m\"}", 0, "m");
    assert_words("{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"m\"}]}", 0, "m");
    assert_words("\"m\"", 0, "m");
    assert_words(" m in plain text\r\n", 0, "m in plain text");
    assert_words("<html>no</html>", 0, "");
    assert_words("{\"half", 0, "");
    assert_words("{\"error\":{}}", 0, "");
    assert_words("\xff\xfe", 0, "");
    assert_words("", 0, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pieces_make_a_text),
        TEST(usage_may_come_alone_and_the_last_counts),
        TEST(done_is_the_end),
        TEST(reasoning_and_refusal_are_kept_apart),
        TEST(other_choices_are_ignored),
        TEST(tool_calls_are_merged_by_index),
        TEST(another_id_is_another_call_whatever_the_index),
        TEST(calls_without_an_index_follow_each_other),
        TEST(too_many_or_too_large_calls_are_refused),
        TEST(an_answer_in_one_piece_is_the_same),
        TEST(completions_have_their_text_in_the_choice),
        TEST(content_may_be_a_list_of_parts),
        TEST(nul_becomes_a_replacement_character),
        TEST(unknown_reasons_become_stop),
        TEST(an_error_in_the_stream_is_told),
        TEST(what_is_no_object_is_refused),
        TEST(odd_objects_change_nothing),
        TEST(text_is_cut_between_characters_at_its_limit),
        TEST(errors_are_read_in_every_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

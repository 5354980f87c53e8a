/* OpenAI's calls as payloads, and results as its answers. */
#include "codec/json.h"
#include "codec/openai.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HI   "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define HEAD "{\"endpoint\":\"chat.completions\""
#define ID   "0190a0b0-1234-7abc-8def-0123456789ab"

static struct limits limits;
static struct openai_call call;
static struct buf payload = {.max = 1 << 20}, strings = {.max = 1 << 16}, made = {.max = 1 << 20};
static char why[200];
static const char *param;

static int start(void **state)
{
    (void)state;
    limits_default(&limits);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    buf_release(&payload);
    buf_release(&strings);
    buf_release(&made);
    return 0;
}

static enum err read_text(uint32_t endpoint, struct str body)
{
    buf_clear(&payload);
    buf_clear(&strings);
    return openai_read(body, endpoint, &limits, &call, &payload, &strings, why, &param);
}

static void assert_payload(uint32_t endpoint, const char *body, const char *expected)
{
    if (read_text(endpoint, str_of(body)))
        fail_msg("%s: %s", body, why);
    assert_string_equal(buf_cstr(&payload), expected);
}

static void assert_chat(const char *members, const char *expected)
{
    struct buf body = BUF_INIT(10000), whole = BUF_INIT(10000);
    buf_printf(&body, "{\"model\":\"m\",%s}", members);
    buf_printf(&whole, HEAD "%s}", expected);
    assert_payload(ENDPOINT_CHAT, buf_cstr(&body), buf_cstr(&whole));
    buf_release(&body);
    buf_release(&whole);
}

/* ---- calls ---- */

static void members_are_passed_on_byte_for_byte(void **state)
{
    (void)state;
    assert_chat(HI ", \"temperature\" : 0.70,\"\\u0078\":[ 1e-7 ],\"seed\":12345678901234567890",
                ",\"prompt\":\"hi\"," HI
                ",\"temperature\":0.70,\"\\u0078\":[ 1e-7 ],\"seed\":12345678901234567890");
}

static void what_the_relay_itself_uses_is_left_out_however_it_is_written(void **state)
{
    (void)state;
    assert_chat(HI ",\"stream\":true,\"stream_options\":{\"include_usage\":true}",
                ",\"prompt\":\"hi\"," HI);
    assert_true(call.stream && call.include_usage);
    assert_payload(ENDPOINT_CHAT,
                   "{\"\\u006dodel\":\"m\",\"\\u0065ndpoint\":\"embeddings\"," HI
                   ",\"str\\u0065am\":true}",
                   HEAD ",\"prompt\":\"hi\"," HI "}");
    assert_true(call.stream && str_eq(call.model, STR("m")));
    assert_payload(ENDPOINT_COMPLETIONS, "{\"model\":\"m\",\"\\u0070rompt\":[\"once\"]}",
                   "{\"endpoint\":\"completions\",\"prompt\":\"once\"}");
}

static void model_names_are_unescaped(void **state)
{
    (void)state;
    assert_int_equal(read_text(ENDPOINT_CHAT, STR("{\"model\":\"a \\u00e9\\/\\\"b\"," HI "}")), OK);
    assert_true(str_eq(call.model, STR("a é/\"b")));
}

static void the_prompt_is_the_text_of_the_last_message_of_the_user(void **state)
{
    (void)state;
    assert_chat("\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                "{\"content\":[{\"type\":\"text\",\"text\":\"b\\n\"},{\"type\":\"image_url\"},7,"
                "{\"text\":\"c\",\"type\":\"text\"}],\"role\":\"user\"},"
                "{\"role\":\"assistant\",\"content\":\"d\"}]",
                ",\"prompt\":\"b\\n\\nc\","
                "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                "{\"content\":[{\"type\":\"text\",\"text\":\"b\\n\"},{\"type\":\"image_url\"},7,"
                "{\"text\":\"c\",\"type\":\"text\"}],\"role\":\"user\"},"
                "{\"role\":\"assistant\",\"content\":\"d\"}]");
    assert_chat("\"messages\":[]", ",\"prompt\":\"\",\"messages\":[]");
    assert_chat("\"messages\":[7,{\"role\":\"user\",\"content\":null},{}]",
                ",\"prompt\":\"\",\"messages\":[7,{\"role\":\"user\",\"content\":null},{}]");
    assert_chat(HI ",\"prompt\":\"own\"", "," HI ",\"prompt\":\"own\"");
}

static void embeddings_stream_nothing(void **state)
{
    (void)state;
    assert_payload(ENDPOINT_EMBEDDINGS, "{\"model\":\"m\",\"input\":[[1,2]],\"stream\":true}",
                   "{\"endpoint\":\"embeddings\",\"input\":[[1,2]]}");
    assert_false(call.stream);
}

static void what_is_wrong_is_said_and_where(void **state)
{
    (void)state;
    static const struct {
        uint32_t endpoint;
        const char *body;
        enum err error;
        const char *param, *why;
    } rows[] = {
        {ENDPOINT_CHAT, "", ERR_BAD_JSON, "", "The body is not JSON"},
        {ENDPOINT_CHAT, "[]", ERR_BAD_MESSAGE, "", "The body must be an object"},
        {ENDPOINT_CHAT, "{\"model\":\"a\",\"\\u006dodel\":\"b\"}", ERR_BAD_JSON, "", "twice"},
        {ENDPOINT_CHAT, "{\"model\":null," HI "}", ERR_BAD_MESSAGE, "model", "name of a space"},
        {ENDPOINT_CHAT, "{\"model\":\"a\\u0000b\"," HI "}", ERR_BAD_MESSAGE, "model", "be read"},
        {ENDPOINT_CHAT, "{\"model\":\"m\",\"stream\":\"yes\"}", ERR_BAD_MESSAGE, "stream", "true"},
        {ENDPOINT_CHAT, "{\"model\":\"m\",\"stream_options\":[]}", ERR_BAD_MESSAGE,
         "stream_options", "an object"},
        {ENDPOINT_CHAT, "{\"model\":\"m\",\"n\":1.0," HI "}", ERR_BAD_MESSAGE, "n", "must be 1"},
        {ENDPOINT_CHAT, "{\"model\":\"m\",\"messages\":{}}", ERR_BAD_MESSAGE, "messages", "a list"},
        {ENDPOINT_COMPLETIONS, "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}", ERR_BAD_MESSAGE,
         "prompt", "one string"},
        {ENDPOINT_COMPLETIONS, "{\"model\":\"m\",\"prompt\":[1,2]}", ERR_BAD_MESSAGE, "prompt",
         "one string"},
        {ENDPOINT_EMBEDDINGS, "{\"model\":\"m\",\"input\":null}", ERR_BAD_MESSAGE, "input",
         "missing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum err e = read_text(rows[i].endpoint, str_of(rows[i].body));
        if (e != rows[i].error || !strstr(why, rows[i].why) || strcmp(param, rows[i].param) != 0)
            fail_msg("%s: %s, %s, %s", rows[i].body, err_code(e), param, why);
    }
}

static void json_may_be_as_deep_and_a_payload_as_long_as_the_limits_say(void **state)
{
    (void)state;
    struct buf body = BUF_INIT(100000);
    for (int more = 0; more < 2; more++) {
        buf_clear(&body);
        buf_puts(&body, "{\"model\":\"m\"," HI ",\"x\":");
        for (uint64_t i = 1; i < limits.json_depth + (uint64_t)more; i++)
            buf_putc(&body, '[');
        for (uint64_t i = 1; i < limits.json_depth + (uint64_t)more; i++)
            buf_putc(&body, ']');
        buf_putc(&body, '}');
        assert_int_equal(read_text(ENDPOINT_CHAT, buf_str(&body)), more ? ERR_BAD_JSON : OK);
    }
    assert_int_equal(read_text(ENDPOINT_CHAT, STR("{\"model\":\"m\"," HI "}")), OK);
    const size_t fits = payload.len;
    for (size_t less = 0; less < 2; less++) {
        buf_release(&payload);
        payload = BUF_INIT(fits - less);
        assert_int_equal(read_text(ENDPOINT_CHAT, STR("{\"model\":\"m\"," HI "}")),
                         less ? ERR_TOO_LARGE : OK);
    }
    assert_non_null(strstr(why, "at most"));
    buf_release(&payload);
    payload = BUF_INIT(1 << 20);
    buf_release(&body);
}

/* ---- answers ---- */

static struct openai_answer answer_to(uint32_t endpoint, bool usage)
{
    call = (struct openai_call){.endpoint = endpoint, .include_usage = usage, .model = STR("m\"1")};
    struct openai_answer a = {.call = &call, .created_ms = 1700000000999};
    assert_int_equal(uuid_parse(STR(ID), &a.request_id), OK);
    buf_clear(&made);
    return a;
}

/* What made holds is JSON, and ends as expected. */
static void assert_ends(const char *end)
{
    struct json_t *j = NULL;
    assert_int_equal(json_parse(buf_str(&made), &j, NULL), OK);
    json_free(j);
    if (!str_ends(buf_str(&made), str_of(end)))
        fail_msg("%s\ndoes not end with\n%s", buf_cstr(&made), end);
}

static void assert_choice(const char *text, const char *result, const char *choice)
{
    struct openai_answer a = answer_to(ENDPOINT_CHAT, false);
    struct buf end = BUF_INIT(10000);
    buf_printf(&end, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",%s}]}",
               choice);
    openai_write(&made, &a, str_of(text), str_of(result), STR(""));
    assert_ends(buf_cstr(&end));
    buf_release(&end);
}

#define PLAIN ",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\""

static void an_answer_names_its_request_and_model(void **state)
{
    (void)state;
    struct openai_answer a = answer_to(ENDPOINT_CHAT, false);
    openai_write(&made, &a, STR("x"), STR("{}"), STR("{\"total_tokens\": 1}"));
    assert_string_equal(buf_cstr(&made),
                        "{\"id\":\"chatcmpl-" ID "\",\"object\":\"chat.completion\",\"created\":"
                        "1700000000,\"model\":\"m\\\"1\",\"choices\":[{\"index\":0,\"message\":{"
                        "\"role\":\"assistant\",\"content\":\"x\"" PLAIN "}],"
                        "\"usage\":{\"total_tokens\": 1}}");
}

static void the_result_s_text_goes_before_what_was_streamed(void **state)
{
    (void)state;
    assert_choice("old", "{\"text_output\":\"n\\u0065w\"}", "\"content\":\"n\\u0065w\"" PLAIN);
    assert_choice("old\n", "{\"text_output\":7}", "\"content\":\"old\\n\"" PLAIN);
    assert_choice("", "", "\"content\":\"\"" PLAIN);
    assert_choice("", "{\"reasoning\":\"r\",\"refusal\":\"no\",\"text_output\":\"\"}",
                  "\"content\":\"\",\"reasoning_content\":\"r\",\"refusal\":\"no\"},"
                  "\"logprobs\":null,\"finish_reason\":\"stop\"");
}

static void tool_calls_stand_alone_or_beside_text(void **state)
{
    (void)state;
#define TOOLS "\"tool_calls\":[{\"id\":\"a\"}]"
#define END   ",\"refusal\":null," TOOLS "},\"logprobs\":null,\"finish_reason\":"
    assert_choice("", "{" TOOLS "}", "\"content\":null" END "\"tool_calls\"");
    assert_choice("x", "{" TOOLS ",\"finish_reason\":\"length\"}",
                  "\"content\":\"x\"" END "\"length\"");
    assert_choice("", "{\"tool_calls\":[ ],\"finish_reason\":null}", "\"content\":\"\"" PLAIN);
    assert_choice("", "{\"tool_calls\":\"x\",\"finish_reason\":9}", "\"content\":\"\"" PLAIN);
}

static void completions_and_embeddings_have_shapes_of_their_own(void **state)
{
    (void)state;
    struct openai_answer a = answer_to(ENDPOINT_COMPLETIONS, false);
    openai_write(&made, &a, STR("x"), STR("{}"), STR(""));
    assert_ends("\"choices\":[{\"index\":0,\"text\":\"x\",\"logprobs\":null,"
                "\"finish_reason\":\"stop\"}]}");
    a = answer_to(ENDPOINT_EMBEDDINGS, false);
    openai_write(&made, &a, STR(""), STR("{\"data\":[{\"embedding\":[0.50]}]}"), STR("{}"));
    assert_string_equal(buf_cstr(&made), "{\"object\":\"list\",\"data\":[{\"embedding\":[0.50]}],"
                                         "\"model\":\"m\\\"1\",\"usage\":{}}");
    a = answer_to(ENDPOINT_EMBEDDINGS, false);
    openai_write(&made, &a, STR(""), STR("{}"), STR(""));
    assert_ends("\"data\":[],\"model\":\"m\\\"1\"}");
}

/* ---- streams ---- */

#define CHUNK                                                                                      \
    "data: {\"id\":\"chatcmpl-" ID "\",\"object\":\"chat.completion.chunk\",\"created\":"          \
    "1700000000,\"model\":\"m\\\"1\",\"choices\":["
#define DELTA(d) CHUNK "{\"index\":0,\"delta\":{" d "},\"logprobs\":null,\"finish_reason\":"
#define DONE     "data: [DONE]\n\n"

static void assert_end(const char *sent, const char *result, const char *expected)
{
    struct openai_answer a = answer_to(ENDPOINT_CHAT, false);
    openai_chunk_end(&made, &a, str_of(sent), str_of(result), STR("{}"));
    assert_string_equal(buf_cstr(&made), expected);
}

static void a_stream_begins_with_the_role_and_goes_on_with_text(void **state)
{
    (void)state;
    struct openai_answer a = answer_to(ENDPOINT_CHAT, false);
    openai_chunk_role(&made, &a);
    openai_chunk_text(&made, &a, STR("\"h\\u00e9\""));
    assert_string_equal(buf_cstr(&made),
                        DELTA("\"role\":\"assistant\",\"content\":\"\"") "null}]}\n\n" DELTA(
                            "\"content\":\"h\\u00e9\"") "null}]}\n\n");
    a = answer_to(ENDPOINT_COMPLETIONS, false);
    openai_chunk_role(&made, &a);
    assert_int_equal(made.len, 0);
}

static void the_end_says_what_was_not_streamed(void **state)
{
    (void)state;
    static const char stop[] = DELTA("") "\"stop\"}]}\n\n" DONE;
    assert_end("abc", "{\"text_output\":\"abc\"}", stop);
    assert_end("abc", "{\"text_output\":\"other\"}", stop);
    assert_end("abc", "{}", stop);
    assert_end("ab", "{\"text_output\":\"a\\u0062c\\n\"}",
               DELTA("\"content\":\"c\\n\"") "null}]}\n\n" DELTA("") "\"stop\"}]}\n\n" DONE);
    assert_end("", "{\"text_output\":\"a\\u0000b\"}",
               DELTA("\"content\":\"a\\u0000b\"") "null}]}\n\n" DELTA("") "\"stop\"}]}\n\n" DONE);
    assert_end("", "{\"refusal\":\"no\",\"reasoning\":\"r\"}",
               DELTA("\"reasoning_content\":\"r\",\"refusal\":\"no\"") "null}]}\n\n" DELTA(
                   "") "\"stop\"}]}\n\n" DONE);
}

static void streamed_tool_calls_carry_their_index(void **state)
{
    (void)state;
    assert_end(
        "", "{\"tool_calls\":[{\"id\":\"a\"},{ },7,{\"index\":5}]}",
        DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\"},{\"index\":5}]") "null}]}\n\n" DELTA(
            "") "\"tool_calls\"}]}\n\n" DONE);
}

static void json_of_several_lines_is_one_in_an_event(void **state)
{
    (void)state;
    struct openai_answer a = answer_to(ENDPOINT_CHAT, true);
    openai_chunk_end(&made, &a, STR(""), STR("{\"tool_calls\":[\n{\"id\":\r\n\"a\\n\"\n}]}"),
                     STR("{\n\n\"x\":1}"));
    assert_non_null(strstr(buf_cstr(&made), "[{\"index\":0,\"id\":  \"a\\n\" }]"));
    assert_non_null(strstr(buf_cstr(&made), "\"usage\":{  \"x\":1}}\n\n"));
}

static void usage_comes_last_when_it_was_asked_for(void **state)
{
    (void)state;
    struct openai_answer a = answer_to(ENDPOINT_CHAT, true);
    openai_chunk_end(&made, &a, STR(""), STR("{}"), STR("{\"x\":1}"));
    assert_string_equal(buf_cstr(&made), DELTA("") "\"stop\"}],\"usage\":null}\n\n" CHUNK
                                                   "],\"usage\":{\"x\":1}}\n\n" DONE);
}

/* ---- errors ---- */

static void errors_have_openai_s_shape_and_status(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        unsigned status;
        const char *type;
    } rows[] = {
        {"input_refused", 400, "invalid_request_error"},
        {"unauthorized", 401, "authentication_error"},
        {"forbidden", 403, "permission_error"},
        {"model_not_found", 404, "invalid_request_error"},
        {"rate_limited", 429, "rate_limit_error"},
        {"queue_full", 429, "rate_limit_error"},
        {"app_disconnected", 503, "service_unavailable"},
        {"app_lost", 502, "api_error"},
        {"timeout", 504, "timeout"},
        {"of my \"own\"", 502, "api_error"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf expected = BUF_INIT(1000);
        buf_clear(&made);
        assert_int_equal(openai_error(&made, str_of(rows[i].code), STR("it\nbroke"), "n"),
                         rows[i].status);
        buf_printf(
            &expected,
            "{\"error\":{\"message\":\"it\\nbroke\",\"type\":\"%s\",\"param\":\"n\",\"code\":",
            rows[i].type);
        buf_json_string(&expected, str_of(rows[i].code));
        buf_puts(&expected, "}}");
        assert_string_equal(buf_cstr(&made), buf_cstr(&expected));
        buf_release(&expected);
    }
}

static void an_error_without_parts_is_an_internal_one(void **state)
{
    (void)state;
    struct buf code = BUF_INIT(1000), message = BUF_INIT(1000);
    openai_error_parts(STR("{\"code\":\"x\\n\",\"message\":\"y\"}"), &code, &message);
    assert_string_equal(buf_cstr(&code), "x\n");
    assert_string_equal(buf_cstr(&message), "y");
    const char *bad[] = {"", "{}", "{\"code\":7,\"message\":\"\"}", "{\"code\":\"\\u0000\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buf_clear(&code);
        buf_clear(&message);
        openai_error_parts(str_of(bad[i]), &code, &message);
        assert_string_equal(buf_cstr(&code), "internal");
        assert_true(message.len > 0);
    }
    buf_release(&code);
    buf_release(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_passed_on_byte_for_byte),
        cmocka_unit_test(what_the_relay_itself_uses_is_left_out_however_it_is_written),
        cmocka_unit_test(model_names_are_unescaped),
        cmocka_unit_test(the_prompt_is_the_text_of_the_last_message_of_the_user),
        cmocka_unit_test(embeddings_stream_nothing),
        cmocka_unit_test(what_is_wrong_is_said_and_where),
        cmocka_unit_test(json_may_be_as_deep_and_a_payload_as_long_as_the_limits_say),
        cmocka_unit_test(an_answer_names_its_request_and_model),
        cmocka_unit_test(the_result_s_text_goes_before_what_was_streamed),
        cmocka_unit_test(tool_calls_stand_alone_or_beside_text),
        cmocka_unit_test(completions_and_embeddings_have_shapes_of_their_own),
        cmocka_unit_test(a_stream_begins_with_the_role_and_goes_on_with_text),
        cmocka_unit_test(the_end_says_what_was_not_streamed),
        cmocka_unit_test(streamed_tool_calls_carry_their_index),
        cmocka_unit_test(json_of_several_lines_is_one_in_an_event),
        cmocka_unit_test(usage_comes_last_when_it_was_asked_for),
        cmocka_unit_test(errors_have_openai_s_shape_and_status),
        cmocka_unit_test(an_error_without_parts_is_an_internal_one),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

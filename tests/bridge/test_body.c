#include "bridge/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct buf body, why;

static enum endpoint write(const char *payload)
{
    enum endpoint endpoint = ENDPOINT__MAX;
    buf_clear(&body);
    buf_clear(&why);
    assert_int_equal(body_write(str_of(payload), "m\"1", &endpoint, &body, &why), OK);
    return endpoint;
}

#define STREAM "{\"model\":\"m\\\"1\",\"stream\":true,\"stream_options\":{\"include_usage\":true}"

static void assert_chat(const char *payload, const char *rest)
{
    struct buf expected = BUF_INIT(1000);
    assert_int_equal(write(payload), ENDPOINT_CHAT);
    buf_printf(&expected, STREAM "%s}", rest);
    assert_string_equal(buf_cstr(&body), buf_cstr(&expected));
    buf_release(&expected);
}

static void assert_refused(const char *payload, const char *words)
{
    enum endpoint endpoint;
    buf_clear(&body);
    buf_clear(&why);
    assert_int_equal(body_write(str_of(payload), "m", &endpoint, &body, &why), ERR_BAD_MESSAGE);
    assert_string_equal(buf_cstr(&why), words);
    assert_int_equal(body.len, 0);
}

static void a_prompt_becomes_a_message(void **state)
{
    (void)state;
    assert_chat("{\"prompt\":\"h\\u0069\",\"top_k\":5}",
                ",\"messages\":[{\"role\":\"user\",\"content\":\"h\\u0069\"}],\"top_k\":5");
}

static void an_audio_url_is_a_part_of_it(void **state)
{
    (void)state;
    assert_chat(
        "{\"prompt\":\"hi\",\"audio\":\"https://a/b\"}",
        ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},"
        "{\"type\":\"audio_url\",\"audio_url\":{\"url\":\"https://a/b\"}}]}]");
    assert_chat("{\"prompt\":\"hi\",\"audio\":\"\"}",
                ",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"audio\":\"\"");
}

static void messages_are_kept_byte_for_byte_and_the_prompt_dropped(void **state)
{
    (void)state;
    assert_chat("{\"endpoint\":\"chat.completions\",\"messages\": [ {\"role\": \"user\"} ],"
                "\"prompt\":\"x\",\"seed\":1e2,\"audio\":{\"voice\":\"v\"}}",
                ",\"messages\":[ {\"role\": \"user\"} ],\"seed\":1e2,\"audio\":{\"voice\":\"v\"}");
}

static void what_the_bridge_says_itself_is_left_out(void **state)
{
    (void)state;
    assert_chat(
        "{\"model\":\"a\",\"m\\u006fdel\\u0020\":1,\"stream\":false,\"stream_options\":null,"
        "\"timestamp\":1,\"created_at\":\"x\",\"messages\":[]}",
        ",\"m\\u006fdel\\u0020\":1,\"messages\":[]");
    assert_chat("{\"\\u006dodel\":\"a\",\"messages\":[]}", ",\"messages\":[]");
}

static void completions_keep_their_prompt(void **state)
{
    (void)state;
    assert_int_equal(write("{\"endpoint\":\"completions\",\"prompt\":[\"a\"],\"echo\":true}"),
                     ENDPOINT_COMPLETIONS);
    assert_string_equal(buf_cstr(&body), STREAM ",\"prompt\":[\"a\"],\"echo\":true}");
}

static void embeddings_are_not_streamed(void **state)
{
    (void)state;
    assert_int_equal(write("{\"endpoint\":\"embeddings\",\"input\":[1],\"prompt\":\"\"}"),
                     ENDPOINT_EMBEDDINGS);
    assert_string_equal(buf_cstr(&body), "{\"model\":\"m\\\"1\",\"input\":[1]}");
    write("{\"endpoint\":\"embeddings\",\"prompt\":\"a\"}");
    assert_string_equal(buf_cstr(&body), "{\"model\":\"m\\\"1\",\"input\":\"a\"}");
}

static void what_asks_nothing_is_refused(void **state)
{
    (void)state;
    assert_refused("{}", "The request holds no prompt");
    assert_refused("{\"prompt\":\"\"}", "The request holds no prompt");
    assert_refused("{\"prompt\":7,\"messages\":\"x\"}", "The request holds no prompt");
    assert_refused("{\"endpoint\":\"images\",\"prompt\":\"x\"}",
                   "This app knows no endpoint of that name");
    assert_refused("[]", "The request is no JSON object, or has too many members");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_becomes_a_message),
        cmocka_unit_test(an_audio_url_is_a_part_of_it),
        cmocka_unit_test(messages_are_kept_byte_for_byte_and_the_prompt_dropped),
        cmocka_unit_test(what_the_bridge_says_itself_is_left_out),
        cmocka_unit_test(completions_keep_their_prompt),
        cmocka_unit_test(embeddings_are_not_streamed),
        cmocka_unit_test(what_asks_nothing_is_refused),
    };
    buf_init(&body, 100000);
    buf_init(&why, 1000);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&body);
    buf_release(&why);
    return failed;
}

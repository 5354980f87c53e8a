/* What people's sockets send, and topics. */
#include "native_support.h"

#include <stdio.h>

static struct client_msg client;

static void take_client(const char *text)
{
    if (native_decode_client(&decoder, str_of(text), &client))
        fail_msg("%s: %s", text, decoder.why);
}

#define SUBMIT "{\"type\":\"submit\",\"space\":\"x\",\"payload\":{}"
#define NO_KEY "field `idempotency_key` must have 1 to 128 visible ASCII characters"
#define KEY16  "0123456789abcdef"
#define KEY128 KEY16 KEY16 KEY16 KEY16 KEY16 KEY16 KEY16 KEY16

static const struct refusal client_refusals[] = {
    {"{\"type\":\"register\"}", ERR_UNKNOWN_TYPE, "there is no message of type `register`"},
    {"{\"type\":\"subscribe\"}", ERR_BAD_MESSAGE, "field `topic` is missing"},
    {"{\"type\":\"subscribe\",\"topic\":1}", ERR_BAD_MESSAGE, "field `topic` must be a string"},
    {"{\"type\":\"subscribe\",\"topic\":\"spaces\",\"since\":-1}", ERR_BAD_MESSAGE, NULL},
    {"{\"type\":\"subscribe\",\"topic\":\"spaces\",\"epoch\":\"0123456789abcdef0\"}",
     ERR_BAD_MESSAGE, "field `epoch` must have at most 16 bytes"},
    {"{\"type\":\"unsubscribe\"}", ERR_BAD_MESSAGE, "field `topic` is missing"},
    {"{\"type\":\"submit\",\"payload\":{}}", ERR_BAD_MESSAGE, "field `space` is missing"},
    {"{\"type\":\"submit\",\"space\":\"x\"}", ERR_BAD_MESSAGE, "field `payload` is missing"},
    {"{\"type\":\"submit\",\"space\":\"x\",\"payload\":\"y\"}", ERR_BAD_MESSAGE,
     "field `payload` must be an object"},
    {"{\"type\":\"submit\",\"space\":\"x\",\"payload\":{\"prompt\":7}}", ERR_INPUT_REFUSED,
     "field `payload.prompt` must be a string"},
    {"{\"type\":\"submit\",\"space\":\"x\",\"payload\":{\"a\":{},\"pr\\u006fmpt\":null}}",
     ERR_INPUT_REFUSED, NULL},
    {SUBMIT ",\"idempotency_key\":7}", ERR_BAD_MESSAGE, "field `idempotency_key` must be a string"},
    {SUBMIT ",\"idempotency_key\":\"\"}", ERR_BAD_MESSAGE, NO_KEY},
    {SUBMIT ",\"idempotency_key\":\"a b\"}", ERR_BAD_MESSAGE, NO_KEY},
    {SUBMIT ",\"idempotency_key\":\"a\\u001f\"}", ERR_BAD_MESSAGE, NO_KEY},
    {SUBMIT ",\"idempotency_key\":\"\xc3\xa9\"}", ERR_BAD_MESSAGE, NO_KEY},
    {SUBMIT ",\"idempotency_key\":\"\x7f\"}", ERR_BAD_MESSAGE, NO_KEY},
    {SUBMIT ",\"idempotency_key\":\"" KEY128 "!\"}", ERR_BAD_MESSAGE, NO_KEY},
    {"{\"type\":\"submit\",\"space\":\"x\",\"payload\":{},\"ref\":"
     "\"01234567890123456789012345678901234567890123456789012345678901234\"}",
     ERR_BAD_MESSAGE, "field `ref` must have at most 64 bytes"},
    {"{\"type\":\"cancel\"}", ERR_BAD_MESSAGE, "field `request_id` is missing"},
    {"{\"type\":\"cancel\",\"request_id\":\"x\"}", ERR_BAD_MESSAGE,
     "field `request_id` must be an id"},
};

static void wrong_messages_of_people_are_refused_and_change_nothing(void **state)
{
    (void)state;
    struct client_msg untouched = {.kind = CLIENT_MSG__MAX};
    for (size_t i = 0; i < sizeof client_refusals / sizeof *client_refusals; i++) {
        assert_refused(&client_refusals[i],
                       native_decode_client(&decoder, str_of(client_refusals[i].text), &untouched));
        assert_int_equal(untouched.kind, CLIENT_MSG__MAX);
    }
}

static void a_refusal_repeats_the_names_it_could_read(void **state)
{
    (void)state;
    struct app_msg app;
    assert_int_equal(native_decode_app(&decoder, STR("{\"type\":\"what\"," LEASE "}"), &app),
                     ERR_UNKNOWN_TYPE);
    assert_true(decoder.has_request_id && uuid_eq(decoder.request_id, id));
    struct str submit = STR("{\"type\":\"submit\",\"ref\":\"a\\u0062c\"}");
    assert_int_equal(native_decode_client(&decoder, submit, &client), ERR_BAD_MESSAGE);
    assert_string_equal(decoder.ref, "abc");
    assert_false(decoder.has_request_id);
    assert_string_equal(decoder.why, "field `space` is missing");
    submit = STR("{\"type\":\"submit\",\"ref\":7,\"request_id\":{}}");
    assert_int_equal(native_decode_client(&decoder, submit, &client), ERR_BAD_MESSAGE);
    assert_string_equal(decoder.ref, "");
    assert_false(decoder.has_request_id);
}

static void subscribe_is_read(void **state)
{
    (void)state;
    take_client("{\"type\":\"subscribe\",\"topic\":\"request:" ID
                "\",\"since\":0,\"epoch\":\"0123456789abcdef\"}");
    assert_int_equal(client.kind, CLIENT_MSG_SUBSCRIBE);
    assert_str(client.topic_text, "request:" ID);
    assert_true(client.topic_known && client.topic.kind == TOPIC_REQUEST &&
                uuid_eq(client.topic.id, id));
    assert_true(client.has_since && client.since == 0);
    assert_str(client.epoch, "0123456789abcdef");
    take_client("{\"type\":\"subscribe\",\"topic\":\"nonsense\"}");
    assert_false(client.topic_known || client.has_since);
    assert_str(client.topic_text, "nonsense");
    take_client("{\"type\":\"unsubscribe\",\"topic\":\"space:" ID "\"}");
    assert_int_equal(client.kind, CLIENT_MSG_UNSUBSCRIBE);
    assert_true(client.topic_known && client.topic.kind == TOPIC_SPACE);
}

static void a_submit_says_which_inputs_it_holds(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        uint32_t inputs;
    } cases[] = {
        {"{}", 0},
        {"{\"n\":1,\"x\":{\"audio\":\"a\"},\"y\":[\"video\"]}", 0},
        {"{\"prompt\":\"p\"}", INPUT_PROMPT},
        {"{\"prompt\":\"\",\"audio\":null,\"video\":\"\",\"file\":null}", 0},
        {"{ \"\\u0061udio\" : \"https://a/b\" , \"prompt\" : \" \" }", INPUT_PROMPT | INPUT_AUDIO},
        {"{\"video\":{\"url\":1},\"file\":[]}", INPUT_VIDEO | INPUT_FILE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "{\"type\":\"submit\",\"space\":\"x\",\"payload\":%s}",
                       cases[i].payload);
        take_client(text);
        assert_int_equal(client.inputs, cases[i].inputs);
    }
}

static void a_submit_may_watch(void **state)
{
    (void)state;
    take_client("{\"type\":\"submit\",\"space\":\"x\",\"payload\":{},\"watch\":true}");
    assert_true(client.watch);
    take_client("{\"type\":\"submit\",\"space\":\"x\",\"payload\":{},\"watch\":false}");
    assert_false(client.watch);
    take_client("{\"type\":\"submit\",\"space\":\"x\",\"payload\":{\"watch\":true}}");
    assert_false(client.watch);
}

static void submit_and_cancel_are_read(void **state)
{
    (void)state;
    take_client(
        "{\"type\":\"submit\",\"space\":\"My GPU\",\"payload\":{\"prompt\":\"\\u0000\",\"n\":1.50},"
        "\"ref\":\"r1\",\"idempotency_key\":null}");
    assert_int_equal(client.kind, CLIENT_MSG_SUBMIT);
    assert_str(client.space, "My GPU");
    assert_str(client.payload, "{\"prompt\":\"\\u0000\",\"n\":1.50}");
    assert_str(client.ref, "r1");
    assert_string_equal(decoder.ref, "r1");
    assert_int_equal(client.idempotency_key.n, 0);
    take_client("{\"type\":\"submit\",\"space\":\"\",\"payload\":{}}");
    assert_int_equal(client.ref.n + client.idempotency_key.n, 0);
    take_client(SUBMIT ",\"idempotency_key\":\"" KEY128 "\"}");
    assert_str(client.idempotency_key, KEY128);
    take_client(SUBMIT ",\"idempotency_key\":\"!~\"}");
    assert_str(client.idempotency_key, "!~");
    take_client("{\"type\":\"cancel\",\"request_id\":\"" ID "\"}");
    assert_int_equal(client.kind, CLIENT_MSG_CANCEL);
    assert_true(uuid_eq(client.request_id, id));
}

static void topics_are_parsed_as_they_are_formatted(void **state)
{
    (void)state;
    static const struct topic_id topics[] = {{TOPIC_SPACE, {{1}}},
                                             {TOPIC_REQUEST, {{0xff, 2}}},
                                             {TOPIC_SPACES, {{0}}},
                                             {TOPIC_ADMIN, {{0}}}};
    static const char *const wrong[] = {
        "",       "space",     "space:",          "space:x", "Spaces", "spaces:",
        "admin:", "queue:" ID, "request:" ID "x", " admin",  "request"};
    for (size_t i = 0; i < 4; i++) {
        char text[TOPIC_TEXT_BYTES];
        struct topic_id parsed;
        topic_format(topics[i], text);
        assert_true(topic_parse(str_of(text), &parsed));
        assert_int_equal(parsed.kind, topics[i].kind);
        assert_true(uuid_eq(parsed.id, topics[i].id));
    }
    struct topic_id untouched = {.kind = TOPIC_ADMIN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(topic_parse(str_of(wrong[i]), &untouched));
    assert_int_equal(untouched.kind, TOPIC_ADMIN);
}

static void payload_is_limited_by_its_own_limit(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(SIZE_MAX);
    const char *head = "{\"type\":\"submit\",\"space\":\"x\",\"payload\":";
    size_t room = (size_t)limits.payload_bytes - strlen("{\"prompt\":\"\"}");
    struct str text = padded(&b, head, "{\"prompt\":\"", "a", room, "\"}}");
    assert_int_equal(native_decode_client(&decoder, text, &client), OK);
    assert_int_equal(client.payload.n, limits.payload_bytes);
    text = padded(&b, head, "{\"prompt\":\"", "a", room + 1, "\"}}");
    assert_int_equal(native_decode_client(&decoder, text, &client), ERR_TOO_LARGE);
    buf_release(&b);
}

static void payloads_may_have_any_number_of_members(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(SIZE_MAX);
    buf_puts(&b, "{\"type\":\"submit\",\"space\":\"x\",\"payload\":{");
    for (int i = 0; i < 200; i++)
        buf_printf(&b, "\"k%d\":[{}],", i);
    buf_puts(&b, "\"prompt\":\"p\"}}");
    assert_int_equal(native_decode_client(&decoder, buf_str(&b), &client), OK);
    buf_release(&b);
}

static void nesting_deeper_than_the_limit_is_bad_json(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(SIZE_MAX);
    const char *head = "{\"type\":\"submit\",\"space\":\"x\",\"payload\":{\"a\":";
    struct str text = padded(&b, head, "", "[", (size_t)limits.json_depth - 2, "");
    for (uint64_t i = 0; i < limits.json_depth - 2; i++)
        buf_putc(&b, ']');
    buf_puts(&b, "}}");
    text = buf_str(&b);
    assert_int_equal(native_decode_client(&decoder, text, &client), OK);
    text = padded(&b, head, "", "[", (size_t)limits.json_depth - 1, "");
    assert_int_equal(native_decode_client(&decoder, text, &client), ERR_BAD_JSON);
    assert_non_null(strstr(decoder.why, "nested too deeply"));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_messages_of_people_are_refused_and_change_nothing),
        cmocka_unit_test(a_refusal_repeats_the_names_it_could_read),
        cmocka_unit_test(subscribe_is_read),
        cmocka_unit_test(a_submit_may_watch),
        cmocka_unit_test(submit_and_cancel_are_read),
        cmocka_unit_test(a_submit_says_which_inputs_it_holds),
        cmocka_unit_test(topics_are_parsed_as_they_are_formatted),
        cmocka_unit_test(payload_is_limited_by_its_own_limit),
        cmocka_unit_test(payloads_may_have_any_number_of_members),
        cmocka_unit_test(nesting_deeper_than_the_limit_is_bad_json),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

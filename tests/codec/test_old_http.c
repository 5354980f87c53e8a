/* What scripts of the old site send and compare, to the letter. */
#include "codec/old_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FORM  STR("application/x-www-form-urlencoded")
#define ID    "0190b8e0-0000-7000-8000-000000000001"
#define TIMES ",\"created_at\":\"2026-01-02T03:04:05.678Z\",\"updated_at\":"

static struct buf out = {.max = 100000};

static enum err read_form(const char *body, const char *payload, uint32_t inputs)
{
    struct buf b = BUF_INIT(1000);
    uint32_t got = 77;
    enum err e = old_submit_read(FORM, str_of(body), &b, &got);
    if (!e) {
        assert_string_equal(buf_cstr(&b), payload);
        assert_int_equal(got, inputs);
    }
    buf_release(&b);
    return e;
}

static void a_form_becomes_a_payload(void **state)
{
    (void)state;
    assert_int_equal(read_form("prompt=a+b%22%0A", "{\"prompt\":\"a b\\\"\\n\"}", INPUT_PROMPT),
                     OK);
    assert_int_equal(
        read_form("audio_url=https%3A%2F%2Fa%2Fb&x=1", "{\"audio\":\"https://a/b\"}", INPUT_AUDIO),
        OK);
    assert_int_equal(read_form("audio_url=u&prompt=%E4%BD%A0",
                               "{\"prompt\":\"你\",\"audio\":\"u\"}", INPUT_PROMPT | INPUT_AUDIO),
                     OK);
    assert_int_equal(read_form("prompt=p&audio_url=", "{\"prompt\":\"p\"}", INPUT_PROMPT), OK);
}

static void a_form_without_input_is_refused(void **state)
{
    (void)state;
    static const char *const forms[] = {"", "x=1", "prompt=", "prompt=+&audio_url=%20"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_int_equal(read_form(forms[i], "", 0), ERR_INPUT_REFUSED);
}

static void what_is_no_form_is_refused(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1000);
    uint32_t inputs;
    assert_int_equal(old_submit_read(STR("application/json"), STR("{}"), &b, &inputs),
                     ERR_BAD_MESSAGE);
    assert_int_equal(old_submit_read(STR(""), STR("prompt=a"), &b, &inputs), ERR_BAD_MESSAGE);
    assert_int_equal(old_submit_read(STR(""), STR(""), &b, &inputs), ERR_INPUT_REFUSED);
    assert_int_equal(read_form("prompt=%F", "", 0), ERR_BAD_MESSAGE);
    assert_int_equal(read_form("prompt=%FF", "", 0), ERR_BAD_MESSAGE);
    buf_release(&b);
}

static void a_payload_has_its_limit(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(20);
    uint32_t inputs;
    assert_int_equal(old_submit_read(FORM, STR("prompt=1234567"), &b, &inputs), OK);
    buf_clear(&b);
    assert_int_equal(old_submit_read(FORM, STR("prompt=123456789"), &b, &inputs), ERR_TOO_LARGE);
    buf_release(&b);
}

static struct request_record record(enum request_status status)
{
    struct request_record r = {.status = status, .created_ms = 1767323045678};
    assert_int_equal(uuid_parse(STR(ID), &r.id), OK);
    return r;
}

static void assert_status(const struct request_record *r, const char *rest)
{
    char want[400];
    (void)snprintf(want, sizeof want, "{\"request_id\":\"" ID "\",%s}", rest);
    buf_clear(&out);
    old_status_write(&out, r);
    assert_string_equal(buf_cstr(&out), want);
}

static void states_read_as_on_the_old_site(void **state)
{
    (void)state;
    struct request_record r = record(REQUEST_QUEUED);
    assert_status(&r, "\"status\":\"queued\",\"result\":null" TIMES "\"2026-01-02T03:04:05.678Z\"");
    r.status = REQUEST_PROCESSING;
    r.started_ms = r.created_ms + 1000;
    assert_status(&r,
                  "\"status\":\"processing\",\"result\":null" TIMES "\"2026-01-02T03:04:06.678Z\"");
    r.status = REQUEST_COMPLETED;
    r.finished_ms = r.created_ms + 2000;
    r.result = bytes_new(STR("{\"n\": 1.50}"));
    assert_status(&r, "\"status\":\"completed\",\"result\":{\"n\": 1.50}" TIMES
                      "\"2026-01-02T03:04:07.678Z\"");
    bytes_unref(r.result);
}

static void what_failed_says_why(void **state)
{
    (void)state;
#define AT_ONCE TIMES "\"2026-01-02T03:04:05.678Z\""
    struct request_record r = record(REQUEST_FAILED);
    (void)str_copy(r.error_code, sizeof r.error_code, STR("timeout"));
    assert_status(&r, "\"status\":\"failed\",\"result\":{\"error\":\"timeout\"}" AT_ONCE);
    r.error_message = bytes_new(STR("no \"luck\""));
    assert_status(&r, "\"status\":\"failed\",\"result\":{\"error\":\"no \\\"luck\\\"\"}" AT_ONCE);
    r.status = REQUEST_CANCELLED;
    assert_status(&r, "\"status\":\"failed\",\"result\":{\"error\":\"cancelled\"}" AT_ONCE);
    r.status = REQUEST_CANCELLING;
    assert_status(&r, "\"status\":\"failed\",\"result\":{\"error\":\"cancelled\"}" AT_ONCE);
    r.status = REQUEST_FAILED;
    r.result = bytes_new(STR("{\"error\":\"oom\"}")); /* the app's own words */
    assert_status(&r, "\"status\":\"failed\",\"result\":{\"error\":\"oom\"}" AT_ONCE);
    bytes_unref(r.result);
    bytes_unref(r.error_message);
}

static void errors_have_the_contracts_words(void **state)
{
    (void)state;
    static const struct {
        enum err code;
        uint64_t wait_ms;
        uint32_t inputs;
        unsigned status;
        const char *zh, *en;
    } cases[] = {
        {ERR_UNAUTHORIZED, 0, 0, 401, "{\"error\":\"未登录\"}", "{\"error\":\"Not logged in\"}"},
        {ERR_NOT_FOUND, 0, 0, 404, "{\"error\":\"Space 未找到或类型不正确\"}",
         "{\"error\":\"Space not found\"}"},
        {ERR_APP_DISCONNECTED, 0, 0, 503, "{\"error\":\"远程应用未连接\"}",
         "{\"error\":\"Remote app not connected\"}"},
        {ERR_RATE_LIMITED, 4001, 0, 429,
         "{\"error\":\"请求过于频繁，请等待 5 秒后再试。\",\"retry_after\":5}",
         "{\"error\":\"Too many requests, try again in 5 s\",\"retry_after\":5}"},
        {ERR_INPUT_REFUSED, 0, INPUT_AUDIO, 400, "{\"error\":\"此 Space 不接受音频\"}",
         "{\"error\":\"This space does not take audio\"}"},
        {ERR_INPUT_REFUSED, 0, INPUT_AUDIO | INPUT_PROMPT, 400,
         "{\"error\":\"此 Space 不接受提示词\"}",
         "{\"error\":\"This space does not take a prompt\"}"},
        {ERR_INPUT_REFUSED, 0, 0, 400, "{\"error\":\"请输入提示词或音频地址\"}",
         "{\"error\":\"A prompt or an audio_url is needed\"}"},
        {ERR_STORE_UNAVAILABLE, 1000, 0, 503,
         "{\"error\":\"暂时无法保存，请稍后再试\",\"retry_after\":1}",
         "{\"error\":\"Nothing can be saved at the moment; try again later\",\"retry_after\":1}"},
        {ERR_INTERNAL, 0, 0, 500, "{\"error\":\"服务器内部错误\"}",
         "{\"error\":\"Something went wrong inside the relay\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (enum language l = 0; l < LANGUAGE__MAX; l++) {
            buf_clear(&out);
            assert_int_equal(
                old_error_write(&out, l, cases[i].code, cases[i].wait_ms, cases[i].inputs),
                cases[i].status);
            assert_string_equal(buf_cstr(&out), l == LANGUAGE_ZH ? cases[i].zh : cases[i].en);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_becomes_a_payload),
        cmocka_unit_test(a_form_without_input_is_refused),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(a_payload_has_its_limit),
        cmocka_unit_test(states_read_as_on_the_old_site),
        cmocka_unit_test(what_failed_says_why),
        cmocka_unit_test(errors_have_the_contracts_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

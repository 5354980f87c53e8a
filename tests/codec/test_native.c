/* What apps send. */
#include "native_support.h"

static struct app_msg app;

static void take_app(const char *text)
{
    if (native_decode_app(&decoder, str_of(text), &app))
        fail_msg("%s: %s", text, decoder.why);
}

static void assert_lease(void)
{
    assert_true(uuid_eq(app.lease.request_id, id));
    assert_int_equal(app.lease.attempt, 3);
}

static void register_is_read_with_all_its_fields(void **state)
{
    (void)state;
    take_app(
        "{\"type\":\"register\",\"space_name\":\"My "
        "\\\"GPU\\\"\",\"token\":\"v4.public.x\",\"instance\":\"i1\","
        "\"app\":{\"name\":\"m\\u006fck\",\"version\":\"1.0\"},\"concurrency\":4,\"prefetch\":2,"
        "\"resume\":[{\"request_id\":\"" ID
        "\",\"attempt\":7,\"more\":[]}, {\"attempt\":1,\"request_id\":\"" ID
        "\"}],\"unknown\":{\"x\":1}}");
    assert_int_equal(app.kind, APP_MSG_REGISTER);
    assert_str(app.reg.space_name, "My \"GPU\"");
    assert_str(app.reg.token, "v4.public.x");
    assert_str(app.reg.instance, "i1");
    assert_str(app.reg.app_name, "mock");
    assert_str(app.reg.app_version, "1.0");
    assert_int_equal(app.reg.concurrency, 4);
    assert_int_equal(app.reg.prefetch, 2);
    assert_int_equal(app.reg.resume_count, 2);
    assert_true(uuid_eq(app.reg.resume[0].request_id, id));
    assert_int_equal(app.reg.resume[0].attempt, 7);
    assert_int_equal(app.reg.resume[1].attempt, 1);
}

static void register_has_defaults(void **state)
{
    (void)state;
    take_app("{\"type\":\"register\"}");
    assert_int_equal(app.reg.space_name.n + app.reg.token.n + app.reg.instance.n, 0);
    assert_int_equal(app.reg.app_name.n + app.reg.app_version.n, 0);
    assert_int_equal(app.reg.concurrency, 1);
    assert_int_equal(app.reg.prefetch, 0);
    assert_int_equal(app.reg.resume_count, 0);
    take_app("{\"type\":\"register\",\"space_name\":\"\",\"token\":null,\"app\":null,"
             "\"concurrency\":null,\"resume\":[]}");
    assert_int_equal(app.reg.concurrency, 1);
}

static void progress_tells_which_fields_it_has(void **state)
{
    (void)state;
    take_app("{\"type\":\"inference_progress\"," LEASE
             ",\"percent\":33.5,\"message\":\"x\",\"step\":0,\"steps\":9}");
    assert_int_equal(app.kind, APP_MSG_PROGRESS);
    assert_lease();
    assert_true(app.progress.has_percent && app.progress.has_message);
    assert_true(app.progress.has_step && app.progress.has_steps);
    assert_true(app.progress.percent > 33.4 && app.progress.percent < 33.6);
    assert_str(app.progress.message, "x");
    assert_int_equal(app.progress.step, 0);
    assert_int_equal(app.progress.steps, 9);
    take_app("{\"type\":\"inference_progress\"," LEASE ",\"percent\":null}");
    assert_false(app.progress.has_percent || app.progress.has_message);
    assert_false(app.progress.has_step || app.progress.has_steps);
    take_app("{\"type\":\"inference_progress\"," LEASE ",\"percent\":1e2}");
    take_app("{\"type\":\"inference_progress\"," LEASE ",\"percent\":-0}");
}

static void delta_is_read_with_its_text_unescaped(void **state)
{
    (void)state;
    take_app("{\"type\":\"inference_delta\"," LEASE ",\"text\":\" caf\\u00e9\\n\\ud83d\\ude00\"}");
    assert_int_equal(app.kind, APP_MSG_DELTA);
    assert_lease();
    assert_str(app.text, " caf\xc3\xa9\n\xf0\x9f\x98\x80");
    assert_false(app.has_offset);
    take_app("{\"type\":\"inference_delta\"," LEASE
             ",\"text\":\"\",\"offset\":18446744073709551615}");
    assert_int_equal(app.text.n, 0);
    assert_true(app.has_offset && app.offset == UINT64_MAX);
}

static void result_stays_as_it_was_written(void **state)
{
    (void)state;
    take_app("{\"type\":\"inference_result\"," LEASE
             ",\"status\":\"complet\\u0065d\",\"result\": { \"n\" : 1.0 } ,"
             "\"usage\":{\"total_tokens\":12345678901234567890123}}");
    assert_int_equal(app.kind, APP_MSG_RESULT);
    assert_lease();
    assert_str(app.result, "{ \"n\" : 1.0 }");
    assert_str(app.usage, "{\"total_tokens\":12345678901234567890123}");
    take_app("{\"type\":\"inference_result\"," LEASE
             ",\"status\":\"completed\",\"result\":{},\"usage\":null}");
    assert_int_equal(app.usage.n, 0);
}

static void error_is_read(void **state)
{
    (void)state;
    take_app("{\"type\":\"inference_error\"," LEASE
             ",\"error\":{\"code\":\"oom\",\"message\":\"out of \\\"VRAM\\\"\"},"
             "\"retryable\":true,\"usage\":{}}");
    assert_int_equal(app.kind, APP_MSG_ERROR);
    assert_lease();
    assert_str(app.code, "oom");
    assert_str(app.message, "out of \"VRAM\"");
    assert_str(app.usage, "{}");
    assert_true(app.retryable);
    take_app("{\"type\":\"inference_error\"," LEASE ",\"error\":{\"code\":\"\",\"message\":\"\"}}");
    assert_false(app.retryable);
    take_app("{ \"type\" : \"drain\" }");
    assert_int_equal(app.kind, APP_MSG_DRAIN);
}

#define REG(fields)      "{\"type\":\"register\"," fields "}"
#define PROGRESS(fields) "{\"type\":\"inference_progress\"," fields "}"
#define DELTA(fields)    "{\"type\":\"inference_delta\"," LEASE "," fields "}"
#define RESULT(fields)   "{\"type\":\"inference_result\"," LEASE "," fields "}"
#define ERROR(fields)    "{\"type\":\"inference_error\"," LEASE "," fields "}"

static const struct refusal app_refusals[] = {
    {"", ERR_BAD_JSON, "the text ends too early (at byte 0)"},
    {"{\"type\":\"drain\",}", ERR_BAD_JSON, NULL},
    {"{\"type\":\"drain\",\"type\":\"drain\"}", ERR_BAD_JSON,
     "a key occurs twice in an object (at byte 17)"},
    {"{\"type\":\"drain\",\"x\":{\"a\":1,\"\\u0061\":1}}", ERR_BAD_JSON, NULL},
    {"{\"type\":\"drain\"} {}", ERR_BAD_JSON, NULL},
    {"{\"type\":\"dr\xff\"}", ERR_BAD_JSON, NULL},
    {"[]", ERR_BAD_MESSAGE, "a message must be an object"},
    {"\"drain\"", ERR_BAD_MESSAGE, "a message must be an object"},
    {"{}", ERR_BAD_MESSAGE, "field `type` is missing"},
    {"{\"type\":7}", ERR_BAD_MESSAGE, "field `type` must be a string"},
    {"{\"type\":\"submit\"}", ERR_UNKNOWN_TYPE, "there is no message of type `submit`"},
    {"{\"type\":\"\"}", ERR_UNKNOWN_TYPE, NULL},
    {"{\"type\":\"Drain\"}", ERR_UNKNOWN_TYPE, NULL},
    {"{\"type\":\"0123456789012345678901234567890123456789x\"}", ERR_UNKNOWN_TYPE,
     "there is no message of this type"},
    {REG("\"space_name\":1"), ERR_BAD_MESSAGE, "field `space_name` must be a string"},
    {REG("\"token\":{}"), ERR_BAD_MESSAGE, "field `token` must be a string"},
    {REG("\"token\":\"a\\u0000\""), ERR_BAD_MESSAGE, "field `token` must not hold a NUL character"},
    {REG("\"instance\":\"0123456789012345678901234567890123456789012345678901234567890123x\""),
     ERR_BAD_MESSAGE, "field `instance` must have at most 64 bytes"},
    {REG("\"concurrency\":0"), ERR_BAD_MESSAGE,
     "field `concurrency` must be a whole number from 1 to 1024"},
    {REG("\"concurrency\":1025"), ERR_BAD_MESSAGE, NULL},
    {REG("\"concurrency\":1.0"), ERR_BAD_MESSAGE, NULL},
    {REG("\"concurrency\":\"1\""), ERR_BAD_MESSAGE, NULL},
    {REG("\"prefetch\":1025"), ERR_BAD_MESSAGE,
     "field `prefetch` must be a whole number from 0 to 1024"},
    {REG("\"prefetch\":-1"), ERR_BAD_MESSAGE, NULL},
    {REG("\"app\":\"x\""), ERR_BAD_MESSAGE, "field `app` must be an object"},
    {REG("\"app\":{\"name\":1}"), ERR_BAD_MESSAGE, "field `app.name` must be a string"},
    {REG("\"resume\":{}"), ERR_BAD_MESSAGE, "field `resume` must be a list"},
    {REG("\"resume\":[1]"), ERR_BAD_MESSAGE, "field `resume` must hold objects"},
    {REG("\"resume\":[{}]"), ERR_BAD_MESSAGE, "field `resume.request_id` is missing"},
    {REG("\"resume\":[{\"request_id\":\"" ID "\"}]"), ERR_BAD_MESSAGE,
     "field `resume.attempt` is missing"},
    {PROGRESS("\"attempt\":1"), ERR_BAD_MESSAGE, "field `request_id` is missing"},
    {PROGRESS("\"request_id\":\"" ID "\""), ERR_BAD_MESSAGE, "field `attempt` is missing"},
    {PROGRESS("\"request_id\":null,\"attempt\":1"), ERR_BAD_MESSAGE,
     "field `request_id` must be an id"},
    {PROGRESS("\"request_id\":\"0190\",\"attempt\":1"), ERR_BAD_MESSAGE,
     "field `request_id` must be an id"},
    {PROGRESS("\"request_id\":\"" ID "\",\"attempt\":0"), ERR_BAD_MESSAGE,
     "field `attempt` must be a whole number from 1"},
    {PROGRESS("\"request_id\":\"" ID "\",\"attempt\":4294967296"), ERR_BAD_MESSAGE, NULL},
    {PROGRESS("\"request_id\":\"" ID "\",\"attempt\":1e0"), ERR_BAD_MESSAGE, NULL},
    {PROGRESS("\"request_id\":\"" ID "\",\"attempt\":null"), ERR_BAD_MESSAGE, NULL},
    {PROGRESS(LEASE ",\"percent\":100.1"), ERR_BAD_MESSAGE,
     "field `percent` must be a number from 0 to 100"},
    {PROGRESS(LEASE ",\"percent\":-1"), ERR_BAD_MESSAGE, NULL},
    {PROGRESS(LEASE ",\"percent\":1e999"), ERR_BAD_MESSAGE, NULL},
    {PROGRESS(LEASE ",\"percent\":\"5\""), ERR_BAD_MESSAGE, NULL},
    {PROGRESS(LEASE ",\"message\":false"), ERR_BAD_MESSAGE, "field `message` must be a string"},
    {PROGRESS(LEASE ",\"step\":-1"), ERR_BAD_MESSAGE, "field `step` must be a whole number from 0"},
    {DELTA("\"offset\":0"), ERR_BAD_MESSAGE, "field `text` is missing"},
    {DELTA("\"text\":null"), ERR_BAD_MESSAGE, "field `text` must be a string"},
    {DELTA("\"text\":\"\\u0000\""), ERR_BAD_MESSAGE, "field `text` must not hold a NUL character"},
    {DELTA("\"text\":\"\",\"offset\":18446744073709551616"), ERR_BAD_MESSAGE,
     "field `offset` must be a whole number from 0"},
    {RESULT("\"result\":{}"), ERR_BAD_MESSAGE, "field `status` is missing"},
    {RESULT("\"status\":\"done\",\"result\":{}"), ERR_BAD_MESSAGE,
     "field `status` must be \"completed\""},
    {RESULT("\"status\":\"completed\""), ERR_BAD_MESSAGE, "field `result` is missing"},
    {RESULT("\"status\":\"completed\",\"result\":[]"), ERR_BAD_MESSAGE,
     "field `result` must be an object"},
    {RESULT("\"status\":\"completed\",\"result\":null"), ERR_BAD_MESSAGE, NULL},
    {RESULT("\"status\":\"completed\",\"result\":{},\"usage\":5"), ERR_BAD_MESSAGE,
     "field `usage` must be an object"},
    {ERROR("\"retryable\":true"), ERR_BAD_MESSAGE, "field `error` is missing"},
    {ERROR("\"error\":\"x\""), ERR_BAD_MESSAGE, "field `error` must be an object"},
    {ERROR("\"error\":{\"message\":\"x\"}"), ERR_BAD_MESSAGE, "field `error.code` is missing"},
    {ERROR("\"error\":{\"code\":\"x\"}"), ERR_BAD_MESSAGE, "field `error.message` is missing"},
    {ERROR("\"error\":{\"code\":\"x\",\"message\":\"\"},\"retryable\":1"), ERR_BAD_MESSAGE,
     "field `retryable` must be true or false"},
};

static void wrong_messages_of_apps_are_refused_and_change_nothing(void **state)
{
    (void)state;
    struct app_msg untouched = {.kind = APP_MSG__MAX};
    for (size_t i = 0; i < sizeof app_refusals / sizeof *app_refusals; i++) {
        assert_refused(&app_refusals[i],
                       native_decode_app(&decoder, str_of(app_refusals[i].text), &untouched));
        assert_int_equal(untouched.kind, APP_MSG__MAX);
    }
}

static void raw_parts_may_be_large_and_the_rest_may_not(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(SIZE_MAX);
    struct str text =
        padded(&b, "{\"type\":\"inference_result\"," LEASE ",\"status\":\"completed\",\"result\":",
               "{\"x\":\"", "0123456789", 800000, "\"}}");
    assert_int_equal(native_decode_app(&decoder, text, &app), OK);
    assert_int_equal(app.result.n, 8000008);
    text = padded(
        &b, "{\"type\":\"inference_result\"," LEASE ",\"status\":\"completed\",\"result\":{},",
        "\"x\":\"", "0123456789", 7000, "\"}");
    assert_int_equal(native_decode_app(&decoder, text, &app), ERR_TOO_LARGE);
    assert_true(decoder.has_request_id);
    assert_string_equal(
        decoder.why,
        "a message without its payload, result and text must have at most 65536 bytes");
    text = padded(&b, "{\"type\":\"drain\"", "", " ", 65536, "}");
    assert_int_equal(native_decode_app(&decoder, text, &app), ERR_TOO_LARGE);
    buf_release(&b);
}

static void streamed_text_is_limited_by_its_own_limit(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(SIZE_MAX);
    const char *head = "{\"type\":\"inference_delta\"," LEASE ",\"text\":";
    size_t half = (size_t)limits.text_bytes / 2;
    assert_int_equal(
        native_decode_app(&decoder, padded(&b, head, "\"", "\\n\\u0041", half, "\"}"), &app), OK);
    assert_int_equal(app.text.n, limits.text_bytes);
    assert_true(str_starts(app.text, STR("\nA\nA")) && str_ends(app.text, STR("\nA")));
    assert_int_equal(
        native_decode_app(&decoder, padded(&b, head, "\"", "\\n\\n", half, "\\n\"}"), &app),
        ERR_TOO_LARGE);
    take_app("{\"type\":\"drain\"}");
    assert_true(decoder.scratch.cap <= 65536);
    buf_release(&b);
}

static enum err resume_many(struct buf *b, unsigned n)
{
    buf_clear(b);
    buf_puts(b, "{\"type\":\"register\",\"resume\":[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(b,
                   "%s{\"request_id\":\"\\u0030"
                   "190a0b0-1234-7abc-8def-0123456789ab\",\"attempt\":%u}",
                   i ? "," : "", i + 1);
    buf_puts(b, "]}");
    return native_decode_app(&decoder, buf_str(b), &app);
}

static void resume_has_at_most_1024_entries(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(SIZE_MAX);
    assert_int_equal(resume_many(&b, 1024), OK);
    assert_int_equal(app.reg.resume_count, 1024);
    for (unsigned i = 0; i < 1024; i++)
        assert_true(uuid_eq(app.reg.resume[i].request_id, id) &&
                    app.reg.resume[i].attempt == i + 1);
    assert_int_equal(resume_many(&b, 1025), ERR_BAD_MESSAGE);
    assert_string_equal(decoder.why, "field `resume` must have at most 1024 entries");
    buf_release(&b);
}

static void strings_with_escapes_stay_where_they_are(void **state)
{
    (void)state;
    take_app("{\"type\":\"inf\\u0065rence_error\",\"request_id\":\"\\u00301"
             "90a0b0-1234-7abc-8def-0123456789ab\","
             "\"attempt\":3,\"error\":{\"code\":\"\\u0061\\u0062\",\"message\":\"\\u0063\\n\"},"
             "\"ref\":\"\\u0064\"}");
    assert_lease();
    assert_str(app.code, "ab");
    assert_str(app.message, "c\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(register_is_read_with_all_its_fields),
        cmocka_unit_test(register_has_defaults),
        cmocka_unit_test(progress_tells_which_fields_it_has),
        cmocka_unit_test(delta_is_read_with_its_text_unescaped),
        cmocka_unit_test(result_stays_as_it_was_written),
        cmocka_unit_test(error_is_read),
        cmocka_unit_test(wrong_messages_of_apps_are_refused_and_change_nothing),
        cmocka_unit_test(raw_parts_may_be_large_and_the_rest_may_not),
        cmocka_unit_test(streamed_text_is_limited_by_its_own_limit),
        cmocka_unit_test(resume_has_at_most_1024_entries),
        cmocka_unit_test(strings_with_escapes_stay_where_they_are),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

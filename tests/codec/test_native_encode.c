/* What is sent: exact bytes, and that the other end reads them. */
#include "native_support.h"

#define ID2 "00000000-0000-0000-0000-0000000000ff"
static const struct uuid id2 = {{[15] = 0xff}};
static const int64_t time_ms = 1767873600123;
#define TIME "2026-01-08T12:00:00.123Z"

static struct buf out;

static void assert_out(enum err e, const char *expected)
{
    assert_int_equal(e, OK);
    if (strcmp(buf_cstr(&out), expected) != 0)
        fail_msg("%s\nis not\n%s", buf_cstr(&out), expected);
    buf_clear(&out);
}

static void to_app(struct app_out m, const char *expected)
{
    assert_out(native_encode_app(&out, &m), expected);
}

static void to_client(struct client_out m, const char *expected)
{
    assert_out(native_encode_client(&out, &m), expected);
}

static void event(enum publish_kind kind, const struct request_view *v, const char *expected)
{
    struct topic_event e = {.kind = kind, .request = v};
    struct buf whole = BUF_INIT(SIZE_MAX);
    buf_printf(&whole, "{\"type\":\"event\",\"topic\":\"request:" ID "\",\"seq\":7,\"event\":%s}",
               expected);
    assert_out(native_encode_event(&out, (struct topic_id){TOPIC_REQUEST, id}, 7, &e),
               buf_cstr(&whole));
    buf_release(&whole);
}

static void registration_is_answered(void **state)
{
    (void)state;
    struct resumed resumed[] = {{{id, 3}, 12}, {{id2, 1}, 0}};
    struct app_out m = {.kind = APP_OUT_REGISTERED,
                        .connection_id = id,
                        .space_id = id2,
                        .max_message_bytes = 16777216,
                        .request_timeout_ms = 120000};
    to_app(m, "{\"type\":\"register_response\",\"success\":true,\"message\":\"Registered\","
              "\"connection_id\":\"" ID "\",\"space_id\":\"" ID2
              "\",\"limits\":{\"max_message_bytes\":16777216,\"request_timeout_s\":120},"
              "\"resumed\":[]}");
    m.resumed = resumed;
    m.resumed_count = 2;
    m.message = STR("Hello \"you\"");
    m.request_timeout_ms = 1500;
    to_app(m, "{\"type\":\"register_response\",\"success\":true,\"message\":\"Hello "
              "\\\"you\\\"\",\"connection_id\":\"" ID "\",\"space_id\":\"" ID2
              "\",\"limits\":{\"max_message_bytes\":16777216,\"request_timeout_s\":1.5},"
              "\"resumed\":[{\"request_id\":\"" ID
              "\",\"attempt\":3,\"text_bytes\":12},{\"request_id\":\"" ID2
              "\",\"attempt\":1,\"text_bytes\":0}]}");
    to_app((struct app_out){.kind = APP_OUT_REFUSED,
                            .code = ERR_NOT_FOUND,
                            .message = STR("Space \"X\" not found")},
           "{\"type\":\"register_response\",\"success\":false,\"code\":\"not_found\","
           "\"message\":\"Space \\\"X\\\" not found\"}");
    to_app((struct app_out){.kind = APP_OUT_REFUSED, .code = ERR_SPACE_TAKEN},
           "{\"type\":\"register_response\",\"success\":false,\"code\":\"space_taken\","
           "\"message\":\"Space already has a connected app\"}");
}

static void requests_and_cancels_are_sent(void **state)
{
    (void)state;
    to_app((struct app_out){.kind = APP_OUT_REQUEST,
                            .has_lease = true,
                            .lease = {id, 2},
                            .username = STR("ann"),
                            .payload = STR("{ \"prompt\":\"x\" }"),
                            .created_ms = time_ms,
                            .deadline_ms = time_ms + 1},
           "{\"type\":\"inference_request\",\"request_id\":\"" ID
           "\",\"attempt\":2,\"username\":\"ann\","
           "\"payload\":{ \"prompt\":\"x\" },\"created_at\":\"" TIME
           "\",\"deadline\":\"2026-01-08T12:00:00.124Z\"}");
    to_app((struct app_out){.kind = APP_OUT_CANCEL, .lease = {id, 2}, .reason = STR("timeout")},
           "{\"type\":\"inference_cancel\",\"request_id\":\"" ID
           "\",\"attempt\":2,\"reason\":\"timeout\"}");
    to_app((struct app_out){.kind = APP_OUT_DRAIN, .reconnect_after_ms = 500},
           "{\"type\":\"drain\",\"reconnect_after_ms\":500}");
}

static void acks_and_errors_are_sent(void **state)
{
    (void)state;
    to_app((struct app_out){.kind = APP_OUT_ACK, .lease = {id, 2}},
           "{\"type\":\"result_ack\",\"request_id\":\"" ID "\",\"attempt\":2,\"accepted\":true}");
    to_app((struct app_out){.kind = APP_OUT_ACK, .lease = {id, 2}, .code = ERR_STALE_ATTEMPT},
           "{\"type\":\"result_ack\",\"request_id\":\"" ID
           "\",\"attempt\":2,\"accepted\":false,\"code\":\"stale_attempt\"}");
    to_app((struct app_out){.kind = APP_OUT_ERROR, .code = ERR_BAD_JSON, .message = STR("no")},
           "{\"type\":\"error\",\"code\":\"bad_json\",\"message\":\"no\"}");
    to_app(
        (struct app_out){
            .kind = APP_OUT_ERROR, .code = ERR_DELTA_GAP, .has_lease = true, .lease = {id, 1}},
        "{\"type\":\"error\",\"code\":\"delta_gap\",\"message\":\"Text before this offset is "
        "missing\","
        "\"request_id\":\"" ID "\"}");
}

static void answers_to_people_are_sent(void **state)
{
    (void)state;
    to_client(
        (struct client_out){
            .kind = CLIENT_OUT_SUBMITTED, .ref = STR("r1"), .request_id = id, .position = 3},
        "{\"type\":\"submitted\",\"ref\":\"r1\",\"request_id\":\"" ID "\",\"position\":3}");
    to_client((struct client_out){.kind = CLIENT_OUT_SUBMITTED, .request_id = id, .position = 1},
              "{\"type\":\"submitted\",\"request_id\":\"" ID "\",\"position\":1}");
    to_client((struct client_out){.kind = CLIENT_OUT_SUBMITTED,
                                  .request_id = id,
                                  .position = 1,
                                  .epoch = STR("0123456789abcdef"),
                                  .seq = 0},
              "{\"type\":\"submitted\",\"request_id\":\"" ID
              "\",\"position\":1,\"epoch\":\"0123456789abcdef\",\"seq\":0}");
    to_client((struct client_out){.kind = CLIENT_OUT_CANCELLED, .request_id = id},
              "{\"type\":\"cancelled\",\"request_id\":\"" ID "\"}");
    to_client((struct client_out){.kind = CLIENT_OUT_UNSUBSCRIBED, .topic_text = STR("what ever")},
              "{\"type\":\"unsubscribed\",\"topic\":\"what ever\"}");
    to_client((struct client_out){.kind = CLIENT_OUT_ERROR,
                                  .code = ERR_NOT_FOUND,
                                  .topic_text = STR("x\"")},
              "{\"type\":\"error\",\"code\":\"not_found\",\"message\":\"There is no such "
              "thing\",\"topic\":\"x\\\"\"}");
    to_client((struct client_out){.kind = CLIENT_OUT_ERROR,
                                  .code = ERR_RATE_LIMITED,
                                  .message = STR("slower"),
                                  .ref = STR("r"),
                                  .has_request_id = true,
                                  .request_id = id,
                                  .retry_after_ms = 2050},
              "{\"type\":\"error\",\"code\":\"rate_limited\",\"message\":\"slower\",\"ref\":\"r\","
              "\"request_id\":\"" ID "\",\"retry_after_s\":2.05}");
}

static const struct space_view space = {.space_id = {{[15] = 0xff}},
                                        .name = "A & \"B\"",
                                        .connected = true,
                                        .apps = 1,
                                        .slots = 4,
                                        .slots_free = 2,
                                        .queue_length = 9};
#define SPACE                                                                                      \
    "{\"space_id\":\"" ID2                                                                         \
    "\",\"name\":\"A & \\\"B\\\"\",\"connected\":true,\"apps\":1,\"slots\":4,"                     \
    "\"slots_free\":2,\"queue_length\":9,\"draining\":false"
static const struct admin_view admin = {1, 2, 3, 4, 5, 6, 7, 8, 9};
#define ADMIN                                                                                      \
    "{\"spaces\":1,\"apps\":2,\"people\":3,\"queued\":4,\"processing\":5,\"requests_per_minute\":" \
    "6,\"p50_ms\":7,"                                                                              \
    "\"p99_ms\":8,\"failed_per_minute\":9}"
#define SUBSCRIBED(topic)                                                                          \
    "{\"type\":\"subscribed\",\"topic\":\"" topic "\",\"epoch\":\"e1\",\"seq\":5,\"recovered\":"

static struct client_out subscribed(enum topic_kind kind, const char *text)
{
    return (struct client_out){.kind = CLIENT_OUT_SUBSCRIBED,
                               .topic = {kind, id},
                               .topic_text = str_of(text),
                               .epoch = STR("e1"),
                               .seq = 5};
}

static void subscriptions_are_answered_with_the_topics_state(void **state)
{
    (void)state;
    struct space_view two[] = {space, space};
    two[1].draining = true;
    struct client_out m = subscribed(TOPIC_SPACE, "");
    m.spaces = &space;
    to_client(m, SUBSCRIBED("space:" ID) "false,\"state\":" SPACE "}}");
    m.recovered = true;
    to_client(m, SUBSCRIBED("space:" ID) "true}");
    m = subscribed(TOPIC_SPACES, "spaces");
    to_client(m, SUBSCRIBED("spaces") "false,\"state\":{\"spaces\":[]}}");
    m.spaces = two;
    m.spaces_count = 2;
    to_client(
        m, SUBSCRIBED(
               "spaces") "false,\"state\":{\"spaces\":[" SPACE "},{\"space_id\":\"" ID2
                         "\",\"name\":\"A & "
                         "\\\"B\\\"\",\"connected\":true,\"apps\":1,\"slots\":4,\"slots_free\":2,"
                         "\"queue_length\":9,\"draining\":true}]}}");
    m = subscribed(TOPIC_ADMIN, "");
    m.admin = &admin;
    to_client(m, SUBSCRIBED("admin") "false,\"state\":" ADMIN "}");
}

/* Everything set; a test chooses by `fields`. */
static const struct request_view view = {
    .request_id = {{0x01, 0x90, 0xa0, 0xb0, 0x12, 0x34, 0x7a, 0xbc, 0x8d, 0xef, 0x01, 0x23, 0x45,
                    0x67, 0x89, 0xab}},
    .space = {"S", 1},
    .status = REQUEST_PROCESSING,
    .attempt = 2,
    .text = {"a\nb", 3},
    .position = 4,
    .eta_ms = 12340,
    .reason = {"app_busy", 8},
    .percent = 33.3,
    .step = 1,
    .steps = 3,
    .message = {"m", 1},
    .result = {"{\"x\":1}", 7},
    .usage = {"{}", 2},
    .error_code = {"timeout", 7},
    .error_message = {"late", 4},
    .created_ms = 1767873600123,
    .started_ms = 1767873600123,
    .finished_ms = 1767873600123};

static void a_requests_state_has_the_fields_that_are_known(void **state)
{
    (void)state;
    struct request_view v = view;
    struct client_out m = subscribed(TOPIC_REQUEST, "");
    m.request = &v;
    v.fields = VIEW_IDENTITY | VIEW_STATUS | VIEW_ATTEMPT | VIEW_TEXT;
    v.gone = VIEW_POSITION;
    to_client(m,
              SUBSCRIBED(
                  "request:" ID) "false,\"state\":{\"request_id\":\"" ID
                                 "\",\"space\":\"S\",\"created_at\":\"" TIME
                                 "\",\"status\":\"processing\",\"attempt\":2,\"text\":\"a\\nb\"}}");
    v.fields = VIEW_IDENTITY * 2 - 1;
    to_client(m, SUBSCRIBED("request:" ID) "false,\"state\":{\"request_id\":\"" ID
                                           "\",\"space\":\"S\",\"created_at\":\"" TIME
                                           "\",\"status\":\"processing\",\"attempt\":2,\"text\":"
                                           "\"a\\nb\",\"position\":4,\"eta_s\":12.3,"
                                           "\"reason\":\"app_busy\",\"percent\":33.3,\"message\":"
                                           "\"m\",\"step\":1,\"steps\":3,\"result\":{\"x\":1},"
                                           "\"error\":{\"code\":\"timeout\",\"message\":\"late\"},"
                                           "\"usage\":{},\"started_at\":\"" TIME
                                           "\",\"finished_at\":\"" TIME "\"}}");
}

static void a_requests_events_have_what_changed(void **state)
{
    (void)state;
    struct request_view v = view;
    v.fields = VIEW_STATUS | VIEW_ATTEMPT;
    v.gone = VIEW_POSITION | VIEW_ETA | VIEW_REASON | VIEW_ATTEMPT;
    event(PUBLISH_STATE, &v,
          "{\"kind\":\"state\",\"status\":\"processing\",\"attempt\":2,\"position\":null,\"eta_s\":"
          "null,\"reason\":null}");
    v.gone = 0;
    v.fields = VIEW_PERCENT | VIEW_MESSAGE | VIEW_STEP | VIEW_STEPS;
    event(PUBLISH_PROGRESS, &v,
          "{\"kind\":\"progress\",\"percent\":33.3,\"message\":\"m\",\"step\":1,\"steps\":3}");
    v.fields = VIEW_TEXT;
    event(PUBLISH_DELTA, &v, "{\"kind\":\"delta\",\"text\":\"a\\nb\"}");
    v.fields = VIEW_STATUS | VIEW_RESULT | VIEW_USAGE;
    v.status = REQUEST_COMPLETED;
    event(PUBLISH_FINAL, &v,
          "{\"kind\":\"final\",\"status\":\"completed\",\"result\":{\"x\":1},\"usage\":{}}");
    v.fields = VIEW_STATUS | VIEW_ERROR;
    v.status = REQUEST_CANCELLING;
    event(PUBLISH_FINAL, &v,
          "{\"kind\":\"final\",\"status\":\"cancelled\",\"error\":{\"code\":\"timeout\","
          "\"message\":\"late\"}}");
}

static void events_of_spaces_and_of_the_whole_are_sent(void **state)
{
    (void)state;
    struct space_view removed = space;
    removed.removed = true;
    struct topic_event e = {.kind = PUBLISH_SPACE, .space = &space};
    assert_out(
        native_encode_event(&out, (struct topic_id){.kind = TOPIC_SPACES}, UINT64_MAX, &e),
        "{\"type\":\"event\",\"topic\":\"spaces\",\"seq\":18446744073709551615,\"event\":" SPACE
        "}}");
    e.space = &removed;
    assert_out(native_encode_event(&out, (struct topic_id){TOPIC_SPACE, id2}, 0, &e),
               "{\"type\":\"event\",\"topic\":\"space:" ID2 "\",\"seq\":0,\"event\":" SPACE
               ",\"removed\":true}}");
    e = (struct topic_event){.kind = PUBLISH_ADMIN, .admin = &admin};
    assert_out(native_encode_event(&out, (struct topic_id){.kind = TOPIC_ADMIN}, 1, &e),
               "{\"type\":\"event\",\"topic\":\"admin\",\"seq\":1,\"event\":" ADMIN "}");
}

static void numbers_are_written_without_what_they_do_not_need(void **state)
{
    (void)state;
    static const struct {
        double percent;
        uint64_t eta_ms;
        const char *expected;
    } rows[] = {
        {0, 0, "\"eta_s\":0,\"percent\":0"},
        {50, 1000, "\"eta_s\":1,\"percent\":50"},
        {100, 1049, "\"eta_s\":1,\"percent\":100"},
        {33.3, 1050, "\"eta_s\":1.1,\"percent\":33.3"},
        {99.95, 40, "\"eta_s\":0,\"percent\":99.95"},
        {0.1, 50, "\"eta_s\":0.1,\"percent\":0.1"},
        {12.5, 9950, "\"eta_s\":10,\"percent\":12.5"},
        {66.7, 100500, "\"eta_s\":100.5,\"percent\":66.7"},
        {1 / 3.0, 999, "\"eta_s\":1,\"percent\":0.3333333333"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct request_view v = {.fields = VIEW_PERCENT | VIEW_ETA,
                                 .percent = rows[i].percent,
                                 .eta_ms = rows[i].eta_ms};
        struct buf expected = BUF_INIT(200);
        buf_printf(&expected, "{\"kind\":\"state\",%s}", rows[i].expected);
        event(PUBLISH_STATE, &v, buf_cstr(&expected));
        buf_release(&expected);
    }
}

static struct app_in in;

static void receive(struct app_out m)
{
    buf_clear(&out);
    assert_int_equal(native_encode_app(&out, &m), OK);
    if (native_decode_relay(&decoder, buf_str(&out), &in))
        fail_msg("%s: %s", buf_cstr(&out), decoder.why);
    assert_true(in.known);
    assert_int_equal(in.kind, m.kind);
    assert_int_equal(in.m.kind, m.kind);
}

static void apps_read_how_they_were_registered(void **state)
{
    (void)state;
    struct resumed resumed[] = {{{id, 3}, UINT64_MAX}, {{id2, 1}, 0}};
    receive((struct app_out){.kind = APP_OUT_REGISTERED,
                             .message = STR("\n"),
                             .connection_id = id,
                             .space_id = id2,
                             .max_message_bytes = 77,
                             .request_timeout_ms = 1234,
                             .resumed = resumed,
                             .resumed_count = 2});
    assert_true(in.success);
    assert_str(in.m.message, "\n");
    assert_true(uuid_eq(in.m.connection_id, id) && uuid_eq(in.m.space_id, id2));
    assert_true(in.m.max_message_bytes == 77 && in.m.request_timeout_ms == 1234);
    assert_int_equal(in.m.resumed_count, 2);
    assert_true(uuid_eq(in.m.resumed[0].lease.request_id, id) &&
                in.m.resumed[0].lease.attempt == 3);
    assert_true(in.m.resumed[0].text_bytes == UINT64_MAX && in.m.resumed[1].text_bytes == 0);
    receive(
        (struct app_out){.kind = APP_OUT_REFUSED, .code = ERR_SPACE_TAKEN, .message = STR("no")});
    assert_false(in.success);
    assert_int_equal(in.m.code, ERR_SPACE_TAKEN);
    assert_string_equal(in.code, "space_taken");
    assert_str(in.m.message, "no");
}

static void apps_read_what_else_the_relay_sends(void **state)
{
    (void)state;
    receive((struct app_out){.kind = APP_OUT_REQUEST,
                             .lease = {id, 2},
                             .username = STR("ann"),
                             .payload = STR("{\"n\":1.0}"),
                             .created_ms = time_ms,
                             .deadline_ms = time_ms + 1});
    assert_true(in.m.has_lease && uuid_eq(in.m.lease.request_id, id) && in.m.lease.attempt == 2);
    assert_str(in.m.username, "ann");
    assert_str(in.m.payload, "{\"n\":1.0}");
    assert_true(in.m.created_ms == time_ms && in.m.deadline_ms == time_ms + 1);
    receive((struct app_out){.kind = APP_OUT_CANCEL, .lease = {id, 2}, .reason = STR("timeout")});
    assert_str(in.m.reason, "timeout");
    receive((struct app_out){.kind = APP_OUT_ACK, .lease = {id, 2}});
    assert_true(in.accepted && in.m.code == OK && in.m.lease.attempt == 2);
    receive((struct app_out){.kind = APP_OUT_ACK, .lease = {id, 2}, .code = ERR_STORE_UNAVAILABLE});
    assert_true(!in.accepted && in.m.code == ERR_STORE_UNAVAILABLE);
    receive((struct app_out){.kind = APP_OUT_DRAIN, .reconnect_after_ms = 5});
    assert_true(in.m.reconnect_after_ms == 5);
    receive((struct app_out){
        .kind = APP_OUT_ERROR, .code = ERR_DELTA_GAP, .has_lease = true, .lease = {id, 2}});
    assert_true(in.m.has_lease && uuid_eq(in.m.lease.request_id, id));
    receive((struct app_out){.kind = APP_OUT_ERROR, .code = ERR_BAD_JSON});
    assert_false(in.m.has_lease);
    assert_str(in.m.message, "The message is not valid JSON");
}

static void apps_survive_what_a_newer_relay_may_send(void **state)
{
    (void)state;
    assert_int_equal(native_decode_relay(&decoder, STR("{\"type\":\"news\",\"x\":[]}"), &in), OK);
    assert_false(in.known);
    struct str error = STR("{\"type\":\"error\",\"code\":\"brand_new\",\"message\":\"m\"}");
    assert_int_equal(native_decode_relay(&decoder, error, &in), OK);
    assert_int_equal(in.m.code, ERR_INTERNAL);
    assert_string_equal(in.code, "brand_new");
    assert_int_equal(native_decode_relay(&decoder, STR("{\"type\":\"error\"}"), &in),
                     ERR_BAD_MESSAGE);
    assert_int_equal(native_decode_relay(&decoder, STR("{\"type\":\"result_ack\"}"), &in),
                     ERR_BAD_MESSAGE);
    assert_int_equal(native_decode_relay(&decoder, STR("nonsense"), &in), ERR_BAD_JSON);
    error = STR("{\"type\":\"inference_request\"," LEASE
                ",\"payload\":{},\"created_at\":\"yesterday\"}");
    assert_int_equal(native_decode_relay(&decoder, error, &in), ERR_BAD_MESSAGE);
    assert_string_equal(decoder.why, "field `created_at` must be a time as in RFC 3339");
}

/* decode, encode, decode: the texts are in the form that the encoder writes. */
static void what_an_app_sends_is_what_the_relay_reads(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"type\":\"register\",\"space_name\":\"\",\"concurrency\":1,\"prefetch\":0}",
        "{\"type\":\"register\",\"space_name\":\"a\\\"b\",\"token\":\"t\",\"instance\":\"i\","
        "\"app\":{\"name\":\"n\","
        "\"version\":\"v\"},\"concurrency\":1024,\"prefetch\":7,\"resume\":[{\"request_id\":\"" ID
        "\",\"attempt\":1},{\"request_id\":\"" ID2 "\",\"attempt\":4294967295}]}",
        "{\"type\":\"inference_progress\"," LEASE "}",
        "{\"type\":\"inference_progress\"," LEASE
        ",\"percent\":33.3,\"message\":\"\",\"step\":0,\"steps\":4294967295}",
        "{\"type\":\"inference_delta\"," LEASE ",\"text\":\"caf\xc3\xa9\\n\"}",
        "{\"type\":\"inference_delta\"," LEASE ",\"text\":\"\",\"offset\":0}",
        "{\"type\":\"inference_result\"," LEASE ",\"status\":\"completed\",\"result\":{}}",
        "{\"type\":\"inference_result\"," LEASE
        ",\"status\":\"completed\",\"result\":{ \"a\":[1.0]},\"usage\":{}}",
        "{\"type\":\"inference_error\"," LEASE
        ",\"error\":{\"code\":\"c\",\"message\":\"m\"},\"retryable\":false}",
        "{\"type\":\"inference_error\"," LEASE
        ",\"error\":{\"code\":\"\",\"message\":\"\"},\"retryable\":true,"
        "\"usage\":{\"x\":1}}",
        "{\"type\":\"drain\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct app_msg m;
        buf_clear(&out);
        assert_int_equal(native_decode_app(&decoder, str_of(texts[i]), &m), OK);
        assert_out(native_encode_app_msg(&out, &m), texts[i]);
    }
}

static void a_full_buffer_fails_the_encoding(void **state)
{
    (void)state;
    struct buf small = BUF_INIT(30);
    struct app_out m = {.kind = APP_OUT_DRAIN};
    assert_int_equal(native_encode_app(&small, &m), ERR_TOO_LARGE);
    struct client_out c = {.kind = CLIENT_OUT_CANCELLED};
    buf_clear(&small);
    assert_int_equal(native_encode_client(&small, &c), ERR_TOO_LARGE);
    buf_release(&small);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registration_is_answered),
        cmocka_unit_test(requests_and_cancels_are_sent),
        cmocka_unit_test(acks_and_errors_are_sent),
        cmocka_unit_test(answers_to_people_are_sent),
        cmocka_unit_test(subscriptions_are_answered_with_the_topics_state),
        cmocka_unit_test(a_requests_state_has_the_fields_that_are_known),
        cmocka_unit_test(a_requests_events_have_what_changed),
        cmocka_unit_test(events_of_spaces_and_of_the_whole_are_sent),
        cmocka_unit_test(numbers_are_written_without_what_they_do_not_need),
        cmocka_unit_test(apps_read_how_they_were_registered),
        cmocka_unit_test(apps_read_what_else_the_relay_sends),
        cmocka_unit_test(apps_survive_what_a_newer_relay_may_send),
        cmocka_unit_test(what_an_app_sends_is_what_the_relay_reads),
        cmocka_unit_test(a_full_buffer_fails_the_encoding),
    };
    buf_init(&out, SIZE_MAX);
    return cmocka_run_group_tests(tests, start, stop);
}

/* Submit and status of the old site: who may, what the core is asked, what comes back. */
#include "fakes.h"

#include "hub/client_socket.h"
#include "hub/routes.h"

#include <stdio.h>

#define ID     "0190b8e0-0000-7000-8000-000000000001"
#define SUBMIT "POST /websockets/submit/" ID " HTTP/1.1\r\nHost: relay.example\r\n"
#define STATUS "GET /websockets/status"
#define TAIL   " HTTP/1.1\r\nHost: relay.example\r\n"
#define LOGIN  "Cookie: session=good\r\n"
#define FORM   "Content-Type: application/x-www-form-urlencoded\r\n"

struct fixture {
    struct hub hub;
    struct app app;
    struct edge_handler edge;
    struct exchange *x;
    uint64_t max_body;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    hub_fake_init(&f->hub, &f->app);
    f->edge = routes_handler(&f->hub);
    f->app.command.kind = CMD__MAX; /* none yet */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    exchange_fake_free(f->x);
    hub_fake_release(&f->hub);
    free(f);
    return 0;
}

static enum edge_route route(struct fixture *f, const char *lines)
{
    if (f->x)
        exchange_fake_free(f->x);
    f->x = exchange_fake(lines);
    f->max_body = f->app.limits.body_bytes;
    return f->edge.route(f->edge.ctx, f->x, &f->max_body);
}

static void ask(struct fixture *f, const char *lines, const char *body)
{
    assert_int_equal(route(f, lines), EDGE_HERE);
    f->x->content = str_of(body);
    f->edge.answer(f->edge.ctx, f->x);
}

static void assert_reply(struct fixture *f, unsigned status, const char *body)
{
    assert_int_equal(f->x->status, status);
    assert_string_equal(f->x->type, "application/json");
    assert_string_equal(f->x->body, body);
}

static void a_submit_is_answered_once_it_is_saved(void **state)
{
    struct fixture *f = *state;
    f->app.answers_late = true;
    assert_int_equal(uuid_parse(STR(ID), &f->app.reply.id), OK);
    ask(f, SUBMIT LOGIN FORM, "prompt=hi&audio_url=https%3A%2F%2Fa%2Fb");
    assert_int_equal(f->x->status, 0);
    const struct command *c = &f->app.command;
    assert_int_equal(c->kind, CMD_SUBMIT);
    assert_true(uuid_eq(c->id, f->app.reply.id));
    assert_int_equal(c->actor.user_key, 5);
    assert_string_equal(c->actor.name, "ann");
    assert_string_equal(c->actor.address, "192.0.2.7");
    assert_string_equal(c->payload->p, "{\"prompt\":\"hi\",\"audio\":\"https://a/b\"}");
    assert_int_equal(c->inputs, INPUT_PROMPT | INPUT_AUDIO);
    app_answer_late(&f->app);
    assert_reply(f, 200, "{\"success\":true,\"request_id\":\"" ID "\"}");
}

static void a_submit_whose_client_has_gone_stands(void **state)
{
    struct fixture *f = *state;
    f->app.answers_late = true;
    ask(f, SUBMIT LOGIN FORM, "prompt=hi");
    f->edge.abandoned(f->edge.ctx, f->x);
    app_answer_late(&f->app);
    assert_int_equal(f->x->status, 0);
    assert_int_equal(f->app.command.kind, CMD_SUBMIT);
}

static void a_refusal_has_its_words_and_its_time_to_wait(void **state)
{
    struct fixture *f = *state;
    f->app.reply = (struct reply){.err = ERR_RATE_LIMITED, .retry_after_ms = 2001};
    ask(f, SUBMIT LOGIN FORM, "prompt=hi");
    assert_reply(f, 429, "{\"error\":\"请求过于频繁，请等待 3 秒后再试。\",\"retry_after\":3}");
    assert_string_equal(f->x->headers, "Retry-After: 3\r\n");
    f->app.reply = (struct reply){.err = ERR_STORE_UNAVAILABLE, .retry_after_ms = 1000};
    ask(f, SUBMIT LOGIN FORM "Accept-Language: en\r\n", "prompt=hi");
    assert_int_equal(f->x->status, 503);
    assert_string_equal(f->x->headers, "Retry-After: 1\r\n");
    f->app.reply = (struct reply){.err = ERR_INPUT_REFUSED, .inputs = INPUT_AUDIO};
    ask(f, SUBMIT LOGIN FORM, "audio_url=x");
    assert_reply(f, 400, "{\"error\":\"此 Space 不接受音频\"}");
    f->app.reply = (struct reply){.err = ERR_APP_DISCONNECTED};
    ask(f, SUBMIT LOGIN FORM, "prompt=hi");
    assert_reply(f, 503, "{\"error\":\"远程应用未连接\"}");
}

static void nothing_is_asked_of_the_core_for(struct fixture *f, const char *lines, const char *body,
                                             unsigned status, const char *words)
{
    f->app.command.kind = CMD__MAX;
    ask(f, lines, body);
    assert_reply(f, status, words);
    assert_int_equal(f->app.command.kind, CMD__MAX);
}

static void what_is_not_a_submit_never_reaches_the_core(void **state)
{
    struct fixture *f = *state;
    nothing_is_asked_of_the_core_for(f, SUBMIT FORM, "prompt=hi", 401, "{\"error\":\"未登录\"}");
    nothing_is_asked_of_the_core_for(f, SUBMIT LOGIN FORM, "", 400,
                                     "{\"error\":\"请输入提示词或音频地址\"}");
    nothing_is_asked_of_the_core_for(
        f, SUBMIT LOGIN "Content-Type: application/json\r\nAccept-Language: en\r\n", "{}", 400,
        "{\"error\":\"The form could not be read\"}");
    nothing_is_asked_of_the_core_for(f, "POST /websockets/submit/x/y" TAIL LOGIN FORM, "prompt=hi",
                                     404, "{\"error\":\"Space 未找到或类型不正确\"}");
    f->app.limits.payload_bytes = 16;
    nothing_is_asked_of_the_core_for(f, SUBMIT LOGIN FORM, "prompt=0123456789", 413,
                                     "{\"error\":\"提交的内容过大\"}");
}

static void the_language_is_the_persons_else_the_browsers(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *fields;
        bool chinese;
    } cases[] = {{"", true},
                 {"Accept-Language: zh-CN,en;q=0.5\r\n", true},
                 {"Accept-Language: en\r\n", false},
                 {"Accept-Language: ko\r\n", false},
                 {"Cookie: lang=en\r\n", false},
                 {"Accept-Language: en\r\nCookie: lang=zh\r\n", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char lines[300];
        (void)snprintf(lines, sizeof lines, SUBMIT "%s", cases[i].fields);
        ask(f, lines, "");
        assert_reply(f, 401,
                     cases[i].chinese ? "{\"error\":\"未登录\"}" : "{\"error\":\"Not logged in\"}");
    }
    (void)str_copy(f->app.person.language, sizeof f->app.person.language, STR("en"));
    ask(f, SUBMIT LOGIN "Accept-Language: zh\r\n", "");
    assert_reply(f, 400, "{\"error\":\"A prompt or an audio_url is needed\"}");
    ask(f, SUBMIT LOGIN, ""); /* a script, whatever its owner has chosen for pages */
    assert_reply(f, 400, "{\"error\":\"请输入提示词或音频地址\"}");
}

static void only_who_is_logged_in_may_send_more_than_a_page_takes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(route(f, SUBMIT), EDGE_HERE);
    assert_int_equal(f->max_body, f->app.limits.body_bytes);
    assert_int_equal(route(f, SUBMIT LOGIN), EDGE_HERE);
    assert_true(f->max_body >= 3 * f->app.limits.payload_bytes);
    assert_int_equal(route(f, STATUS TAIL), EDGE_HERE);
    assert_int_equal(f->max_body, 0);
}

static void submits_from_other_sites_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(route(f, SUBMIT LOGIN "Origin: https://evil.example\r\n"), EDGE_DONE);
    assert_int_equal(f->x->status, 403);
    assert_int_equal(route(f, SUBMIT LOGIN "Sec-Fetch-Site: cross-site\r\n"), EDGE_DONE);
    assert_int_equal(f->x->status, 403);
    assert_int_equal(route(f, SUBMIT LOGIN "Origin: https://relay.example\r\n"), EDGE_HERE);
    assert_int_equal(route(f, "GET /websockets/submit/" ID TAIL LOGIN), EDGE_DONE);
    assert_int_equal(f->x->status, 405);
    assert_int_equal(route(f, "POST /websockets/submit/" TAIL LOGIN), EDGE_PAGE);
}

static void a_status_is_read_from_the_core(void **state)
{
    struct fixture *f = *state;
    struct request_record *r = calloc(1, sizeof *r);
    assert_int_equal(uuid_parse(STR(ID), &r->id), OK);
    r->status = REQUEST_COMPLETED;
    r->result = bytes_new(STR("{\"a\":1}"));
    f->app.reply.request = r;
    ask(f, STATUS "?request_id=" ID TAIL LOGIN, "");
    assert_int_equal(f->app.command.kind, CMD_QUERY_REQUEST);
    assert_reply(f, 200,
                 "{\"request_id\":\"" ID "\",\"status\":\"completed\",\"result\":{\"a\":1},"
                 "\"created_at\":\"1970-01-01T00:00:00.000Z\","
                 "\"updated_at\":\"1970-01-01T00:00:00.000Z\"}");
}

static void a_status_that_is_not_to_be_had(void **state)
{
    struct fixture *f = *state;
    nothing_is_asked_of_the_core_for(f, STATUS "?request_id=" ID TAIL, "", 404,
                                     "{\"error\":\"Request not found\"}");
    nothing_is_asked_of_the_core_for(f, STATUS TAIL, "", 400, "{\"error\":\"Missing request_id\"}");
    nothing_is_asked_of_the_core_for(f, STATUS TAIL LOGIN, "", 400,
                                     "{\"error\":\"Missing request_id\"}");
    nothing_is_asked_of_the_core_for(f, STATUS "?request_id=" TAIL LOGIN, "", 400,
                                     "{\"error\":\"Missing request_id\"}");
    nothing_is_asked_of_the_core_for(f, STATUS "?request_id=nonsense" TAIL LOGIN, "", 404,
                                     "{\"error\":\"Request not found\"}");
    f->app.reply = (struct reply){.err = ERR_NOT_FOUND, .message = "Request not found"};
    ask(f, STATUS "?request_id=" ID TAIL LOGIN, "");
    assert_reply(f, 404, "{\"error\":\"Request not found\"}");
    f->app.reply = (struct reply){.err = ERR_STORE_UNAVAILABLE, .retry_after_ms = 1000};
    ask(f, STATUS "?request_id=" ID TAIL LOGIN, "");
    assert_int_equal(f->x->status, 503);
    assert_string_equal(f->x->headers, "Retry-After: 1\r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_submit_is_answered_once_it_is_saved),
        TEST(a_submit_whose_client_has_gone_stands),
        TEST(a_refusal_has_its_words_and_its_time_to_wait),
        TEST(what_is_not_a_submit_never_reaches_the_core),
        TEST(the_language_is_the_persons_else_the_browsers),
        TEST(only_who_is_logged_in_may_send_more_than_a_page_takes),
        TEST(submits_from_other_sites_are_refused),
        TEST(a_status_is_read_from_the_core),
        TEST(a_status_that_is_not_to_be_had),
    };
    return secret_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

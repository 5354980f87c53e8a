#include "fakes.h"

#include "codec/token.h"
#include "hub/client_socket.h"
#include "hub/effects.h"
#include "hub/routes.h"

#include <stdio.h>

#define HOST   "Host: relay.example\r\n"
#define MINE   "Cookie: session=good\r\nOrigin: https://relay.example\r\n"
#define APP    "GET /ws/app HTTP/1.1\r\n" HOST
#define CLIENT "GET /ws/client HTTP/1.1\r\n" HOST
#define TOPIC  "request:00000000-0000-7000-8000-000000000001"

struct fixture {
    struct hub hub;
    struct app app;
    unsigned status; /* of the last handshake's reply; 101 when it became a socket */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    hub_fake_init(&f->hub, &f->app);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct conn *c, *next;
    HASH_ITER (hh, f->hub.conns, c, next)
        websocket_gone(c->socket, false);
    assert_null(f->hub.persons);
    hub_fake_release(&f->hub);
    free(f);
    return 0;
}

static struct websocket *open_socket(struct fixture *f, const char *lines)
{
    struct edge_handler edge = routes_handler(&f->hub);
    struct exchange *x = exchange_fake(lines);
    uint64_t max_body = 0;
    assert_int_equal(edge.route(edge.ctx, x, &max_body), EDGE_SOCKET);
    edge.socket(edge.ctx, x);
    struct websocket *w = x->socket;
    f->status = w ? 101 : x->status;
    exchange_fake_free(x);
    return w;
}

static void effect(struct fixture *f, const struct effect *e)
{
    effects_sink(&f->hub, e);
}

/* ---- handshakes ---- */

static void only_our_subprotocol_or_none_is_taken(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, APP);
    assert_int_equal(w->config.subprotocol.n, 0);
    w = open_socket(f, APP "Sec-WebSocket-Protocol: mqtt, spacerelay.v1\r\n");
    assert_true(str_eq(w->config.subprotocol, STR("spacerelay.v1")));
    assert_null(open_socket(f, APP "Sec-WebSocket-Protocol: mqtt\r\n"));
    assert_int_equal(f->status, 400);
    assert_null(open_socket(f, CLIENT MINE "Sec-WebSocket-Protocol: spacerelay.v2\r\n"));
    assert_int_equal(f->status, 400);
}

static void people_need_a_cookie_and_our_own_page(void **state)
{
    struct fixture *f = *state;
    assert_null(open_socket(f, CLIENT "Origin: https://relay.example\r\n"));
    assert_int_equal(f->status, 401);
    assert_null(open_socket(f, CLIENT "Cookie: session=good\r\n"));
    assert_int_equal(f->status, 403);
    assert_null(open_socket(f, CLIENT "Cookie: session=good\r\nOrigin: https://evil.example\r\n"));
    assert_int_equal(f->status, 403);
    assert_non_null(open_socket(f, CLIENT MINE));
}

#define KEY "Authorization: Bearer sr_good\r\n"

static void a_program_needs_a_key_and_no_page(void **state)
{
    struct fixture *f = *state;
    assert_non_null(open_socket(f, CLIENT KEY));
    assert_non_null(open_socket(f, CLIENT KEY "Origin: https://evil.example\r\n"));
    assert_non_null(open_socket(f, CLIENT KEY "Cookie: session=bad\r\n"));
}

static void say_and_expect(struct fixture *f, struct websocket *w, const char *text,
                           const char *answer)
{
    size_t told = f->app.count;
    websocket_say(w, text);
    if (answer) {
        assert_string_equal(websocket_last(w), answer);
        assert_int_equal(f->app.count, told);
    } else {
        assert_int_equal(f->app.count, told + 1);
    }
}

static void each_message_needs_its_scope(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, CLIENT KEY);
    say_and_expect(f, w, "{\"type\":\"subscribe\",\"topic\":\"" TOPIC "\"}", NULL);
    say_and_expect(f, w, "{\"type\":\"subscribe\",\"topic\":\"spaces\"}", NULL);
    say_and_expect(
        f, w, "{\"type\":\"subscribe\",\"topic\":\"admin\"}",
        "{\"type\":\"error\",\"code\":\"forbidden\",\"message\":\"This API key lacks the "
        "scope admin, which is needed here; it has read\",\"topic\":\"admin\"}");
    say_and_expect(
        f, w, "{\"type\":\"submit\",\"space\":\"den\",\"payload\":{},\"ref\":\"a\"}",
        "{\"type\":\"error\",\"code\":\"forbidden\",\"message\":\"This API key lacks the "
        "scope submit, which is needed here; it has read\",\"ref\":\"a\"}");
    say_and_expect(
        f, w, "{\"type\":\"cancel\",\"request_id\":\"00000000-0000-7000-8000-000000000001\"}",
        "{\"type\":\"error\",\"code\":\"forbidden\",\"message\":\"This API key lacks the "
        "scope submit, which is needed here; it has read\",\"request_id\":"
        "\"00000000-0000-7000-8000-000000000001\"}");
    say_and_expect(f, w, "{\"type\":\"unsubscribe\",\"topic\":\"spaces\"}",
                   "{\"type\":\"unsubscribed\",\"topic\":\"spaces\"}");
    f->app.by_key.scopes = SCOPE_SUBMIT | SCOPE_ADMIN;
    w = open_socket(f, CLIENT KEY);
    say_and_expect(f, w, "{\"type\":\"submit\",\"space\":\"den\",\"payload\":{}}", NULL);
    say_and_expect(f, w, "{\"type\":\"subscribe\",\"topic\":\"admin\"}", NULL);
    say_and_expect(
        f, w, "{\"type\":\"subscribe\",\"topic\":\"spaces\"}",
        "{\"type\":\"error\",\"code\":\"forbidden\",\"message\":\"This API key lacks the "
        "scope read, which is needed here; it has submit, admin\",\"topic\":\"spaces\"}");
}

static void a_key_s_end_closes_its_sockets_and_no_others(void **state)
{
    struct fixture *f = *state;
    struct websocket *by_key = open_socket(f, CLIENT KEY), *by_cookie = open_socket(f, CLIENT MINE);
    effect(f,
           &(struct effect){
               .kind = EFFECT_CLOSE_PERSON, .user_key = 5, .session_key = 7, .close_code = 4501});
    assert_int_equal(by_key->closed, 4501);
    assert_int_equal(by_cookie->closed, 0);
}

static void a_person_has_so_many_sockets(void **state)
{
    struct fixture *f = *state;
    f->app.limits.sockets_per_person = 2;
    struct websocket *w = open_socket(f, CLIENT MINE);
    assert_non_null(open_socket(f, CLIENT MINE));
    assert_null(open_socket(f, CLIENT MINE));
    assert_int_equal(f->status, 429);
    websocket_gone(w, true);
    assert_non_null(open_socket(f, CLIENT MINE));
}

static void nobody_comes_in_during_shutdown(void **state)
{
    struct fixture *f = *state;
    f->hub.phase = HUB_FINISHES;
    assert_null(open_socket(f, APP));
    assert_int_equal(f->status, 503);
    assert_null(open_socket(f, CLIENT MINE));
    assert_int_equal(f->status, 503);
}

/* ---- apps ---- */

static void make_token(struct fixture *f, struct buf *out)
{
    struct token_parts parts = {.space_id.b = {1}, .id.b = {2}, .issued_ms = 1767225600000};
    assert_int_equal(token_sign(&f->app.key, &parts, out), OK);
}

static void a_token_comes_by_message_or_by_handshake(void **state)
{
    struct fixture *f = *state;
    struct buf token = BUF_INIT(4096), text = BUF_INIT(8192);
    make_token(f, &token);
    buf_printf(&text, APP "Authorization: bearer %s\r\n", buf_cstr(&token));
    struct websocket *w = open_socket(f, buf_cstr(&text));
    websocket_say(w, "{\"type\":\"register\",\"space_name\":\"a\"}");
    assert_int_equal(app_told_last(&f->app)->token_state, TOKEN_SIGNED);
    assert_int_equal(app_told_last(&f->app)->claims.id.b[0], 2);
    websocket_say(w, "{\"type\":\"register\",\"space_name\":\"a\",\"token\":\"no\"}");
    assert_int_equal(app_told_last(&f->app)->token_state, TOKEN_INVALID);

    w = open_socket(f, APP);
    websocket_say(w, "{\"type\":\"register\",\"space_name\":\"a\"}");
    assert_int_equal(app_told_last(&f->app)->token_state, TOKEN_ABSENT);
    buf_clear(&text);
    buf_printf(&text, "{\"type\":\"register\",\"space_name\":\"a\",\"token\":\"%s\"}",
               buf_cstr(&token));
    websocket_say(w, buf_cstr(&text));
    assert_int_equal(app_told_last(&f->app)->token_state, TOKEN_SIGNED);
    assert_int_equal(app_told_last(&f->app)->claims.space_id.b[0], 1);
    buf_release(&token);
    buf_release(&text);
}

static void wrong_messages_are_answered_and_only_bad_json_ends_it(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, APP);
    websocket_say(w, "{\"type\":\"dance\"}");
    assert_non_null(strstr(websocket_last(w), "\"unknown_type\""));
    websocket_say(w, "{\"type\":\"register\",\"space_name\":7}");
    assert_non_null(strstr(websocket_last(w), "\"bad_message\""));
    assert_int_equal(w->closed, 0);
    assert_int_equal(w->count, 2);
    websocket_say(w, "{\"type\":");
    assert_non_null(strstr(websocket_last(w), "\"bad_json\""));
    assert_int_equal(w->closed, 1007);
    websocket_say(w, "{\"type\":\"drain\"}");
    assert_int_equal(f->app.count, 0);
}

static void binary_is_closed(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, APP);
    w->config.message(w->config.owner, w, WS_BINARY, STR("{}"));
    assert_int_equal(w->closed, 1003);
    w = open_socket(f, CLIENT MINE);
    w->config.message(w->config.owner, w, WS_BINARY, STR("{}"));
    assert_int_equal(w->closed, 1003);
}

static void end_loop(void *base)
{
    loop_end(base);
}

/* Turns the loop for a while. */
static void turn(struct fixture *f, uint64_t ms)
{
    struct trigger *t = trigger_timer(f->hub.base, end_loop, f->hub.base);
    trigger_after(t, ms);
    assert_int_equal(loop_run(f->hub.base), OK);
    trigger_free(t);
}

static void an_app_that_does_not_register_is_closed(void **state)
{
    struct fixture *f = *state;
    f->app.limits.register_ms = 1;
    struct websocket *silent = open_socket(f, APP), *registered = open_socket(f, APP);
    effect(f, &(struct effect){.kind = EFFECT_APP_SEND,
                               .conn = 2,
                               .app_out = {.kind = APP_OUT_REGISTERED, .message = STR("welcome")}});
    assert_non_null(strstr(websocket_last(registered), "register_response"));
    turn(f, 20);
    assert_int_equal(silent->closed, 4001);
    assert_int_equal(registered->closed, 0);
}

static void the_core_hears_of_apps_that_go(void **state)
{
    struct fixture *f = *state;
    struct websocket *a = open_socket(f, APP), *b = open_socket(f, APP);
    websocket_gone(a, true);
    assert_int_equal(app_told_last(&f->app)->kind, EVENT_APP_GONE);
    assert_int_equal(app_told_last(&f->app)->conn, 1);
    assert_true(app_told_last(&f->app)->clean);
    websocket_gone(b, false);
    assert_int_equal(app_told_last(&f->app)->conn, 2);
    assert_false(app_told_last(&f->app)->clean);
}

static void effects_for_sockets_that_are_gone_are_dropped(void **state)
{
    struct fixture *f = *state;
    websocket_gone(open_socket(f, APP), true);
    f->app.count = 0;
    effect(f, &(struct effect){.kind = EFFECT_APP_SEND, .conn = 1, .app_out.kind = APP_OUT_DRAIN});
    effect(f, &(struct effect){.kind = EFFECT_CLOSE, .conn = 1, .close_code = 4002});
    effect(f, &(struct effect){
                  .kind = EFFECT_CLIENT_SEND, .conn = 1, .client_out.kind = CLIENT_OUT_SUBMITTED});
    assert_int_equal(f->app.count, 0);
}

static void nothing_follows_a_close(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, APP);
    effect(f, &(struct effect){.kind = EFFECT_CLOSE, .conn = 1, .close_code = 4500});
    effect(f, &(struct effect){.kind = EFFECT_CLOSE, .conn = 1, .close_code = 1001});
    effect(f, &(struct effect){.kind = EFFECT_APP_SEND, .conn = 1, .app_out.kind = APP_OUT_DRAIN});
    assert_int_equal(w->closed, 4500);
    assert_int_equal(w->count, 0);
}

/* ---- people ---- */

static struct topic_id the_topic(void)
{
    struct topic_id id;
    assert_true(topic_parse(STR(TOPIC), &id));
    return id;
}

static void answer_subscribed(struct fixture *f, uint64_t conn)
{
    struct request_view view = {.fields = VIEW_IDENTITY | VIEW_STATUS, .status = REQUEST_QUEUED};
    effect(f, &(struct effect){.kind = EFFECT_CLIENT_SEND,
                               .conn = conn,
                               .client_out = {.kind = CLIENT_OUT_SUBSCRIBED,
                                              .topic = the_topic(),
                                              .request = &view}});
}

static void publish(struct fixture *f, const char *text)
{
    struct request_view view = {.fields = VIEW_TEXT, .text = str_of(text)};
    effect(f, &(struct effect){.kind = EFFECT_PUBLISH,
                               .topic = the_topic(),
                               .topic_event = {.kind = PUBLISH_DELTA, .request = &view}});
}

#define SUBSCRIBE   "{\"type\":\"subscribe\",\"topic\":\"" TOPIC "\"}"
#define UNSUBSCRIBE "{\"type\":\"unsubscribe\",\"topic\":\"" TOPIC "\"}"

static struct websocket *subscriber(struct fixture *f, uint64_t conn)
{
    struct websocket *w = open_socket(f, CLIENT MINE);
    websocket_say(w, SUBSCRIBE);
    assert_int_equal(app_told_last(&f->app)->client_kind, CLIENT_MSG_SUBSCRIBE);
    assert_int_equal(app_told_last(&f->app)->user_key, 5);
    answer_subscribed(f, conn);
    return w;
}

static void a_subscriber_gets_state_then_events(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = subscriber(f, 1);
    assert_non_null(strstr(websocket_last(w), "\"recovered\":false"));
    assert_non_null(strstr(websocket_last(w), "\"state\":{"));
    publish(f, "hello");
    assert_non_null(strstr(websocket_last(w), "\"hello\""));
    websocket_gone(w, true);
    assert_int_equal(app_told_count(&f->app, EVENT_UNWATCH), 1);
}

static void the_core_counts_each_socket_once(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = subscriber(f, 1);
    websocket_say(w, SUBSCRIBE);
    answer_subscribed(f, 1);
    assert_int_equal(w->count, 2);
    assert_int_equal(app_told_count(&f->app, EVENT_UNWATCH), 1);
    publish(f, "once");
    assert_int_equal(w->count, 3);
    websocket_say(w, UNSUBSCRIBE);
    assert_non_null(strstr(websocket_last(w), "\"unsubscribed\""));
    assert_int_equal(app_told_count(&f->app, EVENT_UNWATCH), 2);
    websocket_say(w, UNSUBSCRIBE);
    websocket_gone(w, true);
    assert_int_equal(app_told_count(&f->app, EVENT_UNWATCH), 2);
    answer_subscribed(f, 1);
    assert_int_equal(app_told_count(&f->app, EVENT_UNWATCH), 3);
}

static void unsubscribing_before_the_answer_ends_the_watch(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, CLIENT MINE);
    websocket_say(w, SUBSCRIBE);
    websocket_say(w, UNSUBSCRIBE);
    websocket_say(w, SUBSCRIBE);
    answer_subscribed(f, 1);
    assert_int_equal(app_told_count(&f->app, EVENT_UNWATCH), 1);
    assert_int_equal(w->count, 1);
    answer_subscribed(f, 1);
    assert_int_equal(app_told_count(&f->app, EVENT_UNWATCH), 1);
    assert_non_null(strstr(websocket_last(w), "\"subscribed\""));
    publish(f, "x");
    assert_int_equal(w->count, 3);
}

static void a_second_subscribe_before_the_answer_is_refused(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, CLIENT MINE);
    websocket_say(w, SUBSCRIBE);
    for (int i = 0; i < 3; i++) {
        websocket_say(w, SUBSCRIBE);
        assert_non_null(strstr(websocket_last(w), "\"rate_limited\""));
        assert_non_null(strstr(websocket_last(w), TOPIC));
        assert_int_equal(app_told_count(&f->app, EVENT_CLIENT_MESSAGE), 1);
    }
    answer_subscribed(f, 1);
    assert_non_null(strstr(websocket_last(w), "\"subscribed\""));
    assert_int_equal(app_told_count(&f->app, EVENT_UNWATCH), 0);
    websocket_say(w, SUBSCRIBE); /* it may ask again, for the state */
    assert_int_equal(app_told_count(&f->app, EVENT_CLIENT_MESSAGE), 2);
}

/* The value of a string member that occurs once. */
static void copy_member(char *out, size_t out_bytes, const char *text, const char *start)
{
    const char *at = strstr(text, start);
    assert_non_null(at);
    at += strlen(start);
    assert_true(str_copy(out, out_bytes, str_slice(at, strcspn(at, "\""))));
}

static void who_comes_back_is_sent_what_was_missed(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = subscriber(f, 1);
    char epoch[40], again[200];
    copy_member(epoch, sizeof epoch, websocket_last(w), "\"epoch\":\"");
    publish(f, "one");
    websocket_gone(w, false);
    publish(f, "two");
    publish(f, "three");
    w = open_socket(f, CLIENT MINE);
    snprintf(again, sizeof again,
             "{\"type\":\"subscribe\",\"topic\":\"" TOPIC "\",\"since\":1,\"epoch\":\"%s\"}",
             epoch);
    websocket_say(w, again);
    answer_subscribed(f, 2);
    assert_int_equal(w->count, 3);
    assert_non_null(strstr(w->sent[0], "\"recovered\":true"));
    assert_null(strstr(w->sent[0], "\"state\""));
    assert_non_null(strstr(w->sent[1], "\"two\""));
    assert_non_null(strstr(w->sent[2], "\"three\""));
}

static void a_refused_subscribe_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, CLIENT MINE);
    f->app.limits.topics_per_socket = 1;
    for (int i = 0; i < 3; i++) {
        websocket_say(w, SUBSCRIBE);
        assert_int_equal(app_told_count(&f->app, EVENT_CLIENT_MESSAGE), i + 1);
        effect(f, &(struct effect){.kind = EFFECT_CLIENT_SEND,
                                   .conn = 1,
                                   .client_out = {.kind = CLIENT_OUT_ERROR,
                                                  .topic_text = STR(TOPIC),
                                                  .code = ERR_NOT_FOUND}});
        assert_non_null(strstr(websocket_last(w), "\"not_found\""));
    }
}

static void a_socket_watches_so_many_topics(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, CLIENT MINE);
    f->app.limits.topics_per_socket = 2;
    websocket_say(w, "{\"type\":\"subscribe\",\"topic\":\"spaces\"}");
    websocket_say(w, SUBSCRIBE);
    answer_subscribed(f, 1);
    websocket_say(w, "{\"type\":\"subscribe\",\"topic\":\"admin\"}");
    assert_non_null(strstr(websocket_last(w), "\"rate_limited\""));
    assert_non_null(strstr(websocket_last(w), "\"admin\""));
    assert_int_equal(app_told_count(&f->app, EVENT_CLIENT_MESSAGE), 2);
    websocket_say(w, SUBSCRIBE);
    assert_int_equal(app_told_count(&f->app, EVENT_CLIENT_MESSAGE), 3);
}

static void a_space_is_published_on_the_list_too(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, CLIENT MINE);
    struct space_view view = {.name = "demo", .connected = true};
    struct topic_id list = {.kind = TOPIC_SPACES}, space = {.kind = TOPIC_SPACE, .id.b = {4}};
    websocket_say(w, "{\"type\":\"subscribe\",\"topic\":\"spaces\"}");
    effect(f, &(struct effect){.kind = EFFECT_CLIENT_SEND,
                               .conn = 1,
                               .client_out = {.kind = CLIENT_OUT_SUBSCRIBED, .topic = list}});
    effect(f, &(struct effect){.kind = EFFECT_PUBLISH,
                               .topic = space,
                               .topic_event = {.kind = PUBLISH_SPACE, .space = &view}});
    assert_int_equal(w->count, 2);
    assert_non_null(strstr(websocket_last(w), "\"topic\":\"spaces\""));
    assert_non_null(strstr(websocket_last(w), "\"demo\""));
}

static void logging_out_closes_that_session_only(void **state)
{
    struct fixture *f = *state;
    struct websocket *a = open_socket(f, CLIENT MINE);
    f->app.person.session_key = 7;
    struct websocket *b = open_socket(f, CLIENT MINE);
    f->app.person.user_key = 8;
    struct websocket *c = open_socket(f, CLIENT MINE);
    effect(f,
           &(struct effect){
               .kind = EFFECT_CLOSE_PERSON, .user_key = 5, .session_key = 6, .close_code = 4502});
    assert_int_equal(a->closed, 4502);
    assert_int_equal(b->closed, 0);
    effect(f, &(struct effect){.kind = EFFECT_CLOSE_PERSON, .user_key = 5, .close_code = 4502});
    assert_int_equal(b->closed, 4502);
    assert_int_equal(c->closed, 0);
}

static void wrong_words_of_people_are_answered_with_their_ref(void **state)
{
    struct fixture *f = *state;
    struct websocket *w = open_socket(f, CLIENT MINE);
    websocket_say(w, "{\"type\":\"submit\",\"space\":\"a\",\"payload\":7,\"ref\":\"r1\"}");
    assert_non_null(strstr(websocket_last(w), "\"r1\""));
    assert_int_equal(w->closed, 0);
    websocket_say(w, "[");
    assert_int_equal(w->closed, 1007);
    assert_int_equal(f->app.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_our_subprotocol_or_none_is_taken),
        TEST(people_need_a_cookie_and_our_own_page),
        TEST(a_program_needs_a_key_and_no_page),
        TEST(each_message_needs_its_scope),
        TEST(a_key_s_end_closes_its_sockets_and_no_others),
        TEST(a_person_has_so_many_sockets),
        TEST(nobody_comes_in_during_shutdown),
        TEST(a_token_comes_by_message_or_by_handshake),
        TEST(wrong_messages_are_answered_and_only_bad_json_ends_it),
        TEST(binary_is_closed),
        TEST(an_app_that_does_not_register_is_closed),
        TEST(the_core_hears_of_apps_that_go),
        TEST(effects_for_sockets_that_are_gone_are_dropped),
        TEST(nothing_follows_a_close),
        TEST(a_subscriber_gets_state_then_events),
        TEST(the_core_counts_each_socket_once),
        TEST(unsubscribing_before_the_answer_ends_the_watch),
        TEST(a_second_subscribe_before_the_answer_is_refused),
        TEST(who_comes_back_is_sent_what_was_missed),
        TEST(a_refused_subscribe_is_forgotten),
        TEST(a_socket_watches_so_many_topics),
        TEST(a_space_is_published_on_the_list_too),
        TEST(logging_out_closes_that_session_only),
        TEST(wrong_words_of_people_are_answered_with_their_ref),
    };
    return secret_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

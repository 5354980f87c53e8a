#include "fakes.h"

#include "hub/client_socket.h"
#include "hub/routes.h"
#include "hub/scopes.h"

#include <stdio.h>

struct fixture {
    struct hub hub;
    struct app app;
    struct edge_handler edge;
    struct exchange *x;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    hub_fake_init(&f->hub, &f->app);
    f->edge = routes_handler(&f->hub);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->x)
        exchange_fake_free(f->x);
    hub_fake_release(&f->hub);
    free(f);
    return 0;
}

/* A new request, routed. */
static enum edge_route route(struct fixture *f, const char *lines)
{
    uint64_t max_body = 1000;
    if (f->x)
        exchange_fake_free(f->x);
    f->x = exchange_fake(lines);
    return f->edge.route(f->edge.ctx, f->x, &max_body);
}

static unsigned answer(struct fixture *f, const char *lines)
{
    assert_int_equal(route(f, lines), EDGE_HERE);
    f->edge.answer(f->edge.ctx, f->x);
    return f->x->status;
}

#define HOST "Host: relay.example\r\n"

static void every_other_path_is_a_page(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(route(f, "GET / HTTP/1.1\r\n" HOST), EDGE_PAGE);
    assert_int_equal(route(f, "POST /login HTTP/1.1\r\n" HOST), EDGE_PAGE);
    assert_int_equal(route(f, "GET /healthz/ HTTP/1.1\r\n" HOST), EDGE_PAGE);
    assert_int_equal(route(f, "GET /ws/apps HTTP/1.1\r\n" HOST), EDGE_PAGE);
    assert_int_equal(route(f, "GET /ws/app HTTP/1.1\r\n" HOST), EDGE_SOCKET);
    assert_int_equal(route(f, "GET /ws/client?x=1 HTTP/1.1\r\n" HOST), EDGE_SOCKET);
    assert_int_equal(route(f, "GET /%68ealthz HTTP/1.1\r\n" HOST), EDGE_HERE);
}

static void wrong_methods_are_told_the_right_ones(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(route(f, "POST /healthz HTTP/1.1\r\n" HOST), EDGE_DONE);
    assert_int_equal(f->x->status, 405);
    assert_string_equal(f->x->headers, "Allow: GET, HEAD\r\n");
    assert_int_equal(route(f, "HEAD /ws/app HTTP/1.1\r\n" HOST), EDGE_DONE);
    assert_int_equal(f->x->status, 405);
    assert_string_equal(f->x->headers, "Allow: GET\r\n");
    assert_int_equal(route(f, "HEAD /readyz HTTP/1.1\r\n" HOST), EDGE_HERE);
}

static void changes_from_other_sites_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const refused[] = {
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: Cross-Site\r\n",
        "Sec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: \r\n",
        "Origin: http://relay.example\r\n",
        "Origin: https://relay.example:8443\r\n",
        "Origin: https://relay.example.evil\r\n",
        "Origin: https://relay.example\r\nOrigin: https://relay.example\r\n",
        "Sec-Fetch-Site: same-origin\r\nOrigin: https://evil.example\r\n",
    };
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char lines[300];
        snprintf(lines, sizeof lines, "%s /any HTTP/1.1\r\n" HOST "%s", methods[i % 4], refused[i]);
        assert_int_equal(route(f, lines), EDGE_DONE);
        assert_int_equal(f->x->status, 403);
    }
}

static void nobody_is_logged_out_by_another_site(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(route(f, "GET /logout HTTP/1.1\r\n" HOST "Sec-Fetch-Site: cross-site\r\n"),
                     EDGE_DONE);
    assert_int_equal(f->x->status, 403);
    assert_int_equal(route(f, "GET /logout HTTP/1.1\r\n" HOST "Sec-Fetch-Site: none\r\n"),
                     EDGE_PAGE);
    assert_int_equal(route(f, "GET /logout HTTP/1.1\r\n" HOST), EDGE_PAGE);
}

static void changes_from_here_and_from_programs_pass(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(route(f, "POST /x HTTP/1.1\r\n" HOST), EDGE_PAGE);
    assert_int_equal(route(f, "POST /x HTTP/1.1\r\n" HOST "Sec-Fetch-Site: same-origin\r\n"
                              "Origin: https://relay.example\r\n"),
                     EDGE_PAGE);
    assert_int_equal(route(f, "POST /x HTTP/1.1\r\n" HOST "Sec-Fetch-Site: none\r\n"), EDGE_PAGE);
    assert_int_equal(route(f, "GET /x HTTP/1.1\r\n" HOST "Sec-Fetch-Site: cross-site\r\n"),
                     EDGE_PAGE);
}

static void before_setup_only_pages_are_open_and_say_so_themselves(void **state)
{
    struct fixture *f = *state;
    f->app.needs_setup = true;
    static const char *const open[] = {"GET /setup?token=x", "POST /setup", "GET /static/app.css",
                                       "GET /", "GET /login"};
    static const char *const closed[] = {"GET /ws/app", "GET /ws/client", "GET /metrics"};
    char lines[100];
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        snprintf(lines, sizeof lines, "%s HTTP/1.1\r\n" HOST, open[i]);
        assert_int_equal(route(f, lines), EDGE_PAGE);
    }
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        snprintf(lines, sizeof lines, "%s HTTP/1.1\r\n" HOST, closed[i]);
        assert_int_equal(route(f, lines), EDGE_DONE);
        assert_int_equal(f->x->status, 503);
        assert_non_null(strstr(f->x->body, "set-up link"));
    }
    assert_int_equal(answer(f, "GET /healthz HTTP/1.1\r\n" HOST), 200);
    assert_int_equal(answer(f, "GET /readyz HTTP/1.1\r\n" HOST), 200);
}

static void readiness_ends_with_a_full_or_failing_store_and_with_shutdown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(answer(f, "GET /readyz HTTP/1.1\r\n" HOST), 200);
    f->app.saves_pending = f->app.limits.saves_pending;
    assert_int_equal(answer(f, "GET /readyz HTTP/1.1\r\n" HOST), 503);
    f->app.saves_pending = 0;
    f->app.store_trouble = "the disk is full";
    assert_int_equal(answer(f, "GET /readyz HTTP/1.1\r\n" HOST), 503);
    assert_string_equal(f->x->body, "the disk is full\n");
    f->app.store_trouble = NULL;
    assert_int_equal(answer(f, "GET /readyz HTTP/1.1\r\n" HOST), 200);
    f->hub.phase = HUB_FINISHES;
    assert_int_equal(answer(f, "GET /readyz HTTP/1.1\r\n" HOST), 503);
    assert_int_equal(answer(f, "GET /healthz HTTP/1.1\r\n" HOST), 200);
}

static unsigned scrape(struct fixture *f, const char *address, const char *header)
{
    char lines[200];
    snprintf(lines, sizeof lines, "GET /metrics HTTP/1.1\r\n" HOST "%s", header);
    assert_int_equal(route(f, lines), EDGE_HERE);
    f->x->address = address;
    f->edge.answer(f->edge.ctx, f->x);
    return f->x->status;
}

static void metrics_are_for_this_machine_and_admins(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(scrape(f, "192.0.2.7", ""), 403);
    assert_int_equal(scrape(f, "192.0.2.7", "Cookie: session=good\r\n"), 403);
    assert_int_equal(scrape(f, "127.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n"), 403);
    assert_int_equal(scrape(f, "127.0.0.1", ""), 200);
    assert_int_equal(scrape(f, "::1", ""), 200);
    f->app.person.role = ROLE_ADMIN;
    assert_int_equal(scrape(f, "192.0.2.7", "Cookie: session=wrong\r\n"), 403);
    assert_int_equal(scrape(f, "192.0.2.7", "Cookie: session=good\r\n"), 200);
    assert_non_null(strstr(f->x->body, "\nspacerelay_connections 12\n"));
    assert_non_null(strstr(f->x->body, "\nspacerelay_requests_queued 34\n"));
}

static void a_scrape_that_has_gone_is_not_answered(void **state)
{
    struct fixture *f = *state;
    f->app.answers_late = true;
    assert_int_equal(scrape(f, "127.0.0.1", ""), 0);
    f->edge.abandoned(f->edge.ctx, f->x);
    app_answer_late(&f->app);
    assert_int_equal(f->x->status, 0);
    assert_int_equal(scrape(f, "127.0.0.1", ""), 0);
    app_answer_late(&f->app);
    assert_int_equal(f->x->status, 200);
}

static void a_cookie_names_a_person(void **state)
{
    struct fixture *f = *state;
    struct identity who = {0};
    route(f, "GET / HTTP/1.1\r\n" HOST "Cookie: a=b; session=good\r\n");
    assert_true(f->edge.identify(f->edge.ctx, f->x, &who));
    assert_string_equal(who.name, "ann");
    route(f, "GET / HTTP/1.1\r\n" HOST "Cookie: session=bad\r\n");
    assert_false(f->edge.identify(f->edge.ctx, f->x, &who));
    route(f, "GET / HTTP/1.1\r\n" HOST);
    assert_false(f->edge.identify(f->edge.ctx, f->x, &who));
}

#define KEY(secret) "Authorization: Bearer " secret "\r\n"

static void a_key_names_a_person_and_wins_over_a_cookie(void **state)
{
    struct fixture *f = *state;
    struct identity who = {0};
    static const char *const good[] = {
        KEY("sr_good"),
        "Authorization: bearer   sr_good \r\n",
        "Cookie: session=bad\r\n" KEY("sr_good"),
        "Cookie: session=good\r\n" KEY("sr_good"),
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char lines[300];
        snprintf(lines, sizeof lines, "GET / HTTP/1.1\r\n" HOST "%s", good[i]);
        assert_int_equal(route(f, lines), EDGE_PAGE);
        assert_true(f->edge.identify(f->edge.ctx, f->x, &who));
        assert_int_equal(who.scopes, SCOPE_READ);
    }
}

static void a_key_that_is_not_valid_is_refused_whatever_cookie_comes_with_it(void **state)
{
    struct fixture *f = *state;
    struct identity who;
    static const char *const bad[] = {KEY("sr_bad"),
                                      KEY("good"),
                                      KEY(""),
                                      "Authorization: Bearer\r\n",
                                      "Authorization: Bearer\tsr_bad\r\n",
                                      KEY("sr_good") KEY("sr_good"),
                                      "Authorization: Basic YTpi\r\n" KEY("sr_good"),
                                      KEY("v4.public.abc")};
    static const char *const lines_of[] = {"GET /",
                                           "POST /any",
                                           "GET /ws/client",
                                           "GET /static/app.css",
                                           "POST /websockets/submit/x",
                                           "GET /healthz"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t j = 0; j < sizeof lines_of / sizeof *lines_of; j++) {
            char lines[300];
            snprintf(lines, sizeof lines, "%s HTTP/1.1\r\n" HOST "Cookie: session=good\r\n%s",
                     lines_of[j], bad[i]);
            assert_int_equal(route(f, lines), EDGE_DONE);
            assert_int_equal(f->x->status, 401);
            assert_string_equal(f->x->headers,
                                "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n");
            assert_false(f->edge.identify(f->edge.ctx, f->x, &who));
        }
    }
}

static void another_scheme_is_left_to_the_cookie(void **state)
{
    struct fixture *f = *state;
    struct identity who;
    route(f, "GET / HTTP/1.1\r\n" HOST "Cookie: session=good\r\nAuthorization: Basic YTpi\r\n");
    assert_true(f->edge.identify(f->edge.ctx, f->x, &who));
    assert_int_equal(who.scopes, SCOPES_ALL);
    route(f, "GET / HTTP/1.1\r\n" HOST "Cookie: session=good\r\nAuthorization: Bearers sr_bad\r\n");
    assert_true(f->edge.identify(f->edge.ctx, f->x, &who));
}

static void what_an_app_shows_is_not_taken_for_a_key(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(route(f, "GET /ws/app HTTP/1.1\r\n" HOST KEY("v4.public.abc")), EDGE_SOCKET);
}

/* Every route, as the table has it. */
static void each_route_needs_its_scope(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *path;
        uint32_t scope;
    } routes[] = {
        {HTTP_GET, "/", SCOPE_READ},
        {HTTP_HEAD, "/spaces/den", SCOPE_READ},
        {HTTP_GET, "/requests", SCOPE_READ},
        {HTTP_GET, "/requests/1", SCOPE_READ},
        {HTTP_GET, "/websockets/status", SCOPE_READ},
        {HTTP_GET, "/nowhere", SCOPE_READ},
        {HTTP_POST, "/requests/1/cancel", SCOPE_SUBMIT},
        {HTTP_POST, "/websockets/submit/1", SCOPE_SUBMIT},
        {HTTP_GET, "/admin", SCOPE_ADMIN},
        {HTTP_GET, "/admin/", SCOPE_ADMIN},
        {HTTP_POST, "/admin/users", SCOPE_ADMIN},
        {HTTP_GET, "/admin/websockets/status", SCOPE_ADMIN},
        {HTTP_GET, "/metrics", SCOPE_ADMIN},
        {HTTP_GET, "/account", SCOPE_ACCOUNT},
        {HTTP_POST, "/account/keys", SCOPE_ACCOUNT},
        {HTTP_POST, "/account/password", SCOPE_ACCOUNT},
        {HTTP_GET, "/logout", SCOPE_ACCOUNT},
        {HTTP_POST, "/login", SCOPE_ACCOUNT},
        {HTTP_POST, "/register", SCOPE_ACCOUNT},
        {HTTP_POST, "/language", SCOPE_ACCOUNT},
        {HTTP_POST, "/setup", SCOPE_ACCOUNT},
        {HTTP_POST, "/nowhere", SCOPE_ACCOUNT},
        {HTTP_DELETE, "/requests", SCOPE_ACCOUNT},
        {HTTP_POST, "/docs/x", 0},
        {HTTP_GET, "/docs", 0},
        {HTTP_GET, "/static/app.css", 0},
        {HTTP_GET, "/healthz", 0},
        {HTTP_GET, "/readyz", 0},
        {HTTP_GET, "/ws/client", 0},
        {HTTP_OPTIONS, "*", SCOPE_ACCOUNT},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (scope_of_request(routes[i].method, str_of(routes[i].path)) != routes[i].scope)
            fail_msg("%s %s", http_method_name(routes[i].method), routes[i].path);
}

static void a_key_does_what_its_scopes_allow_and_is_told_what_it_lacks(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(route(f, "GET /requests HTTP/1.1\r\n" HOST KEY("sr_good")), EDGE_PAGE);
    assert_int_equal(route(f, "POST /websockets/submit/x HTTP/1.1\r\n" HOST KEY("sr_good")),
                     EDGE_DONE);
    assert_int_equal(f->x->status, 403);
    assert_string_equal(f->x->body,
                        "This API key lacks the scope submit, which is needed here; it has read");
    assert_string_equal(
        f->x->headers,
        "WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"submit\"\r\n");
    assert_int_equal(route(f, "GET /account HTTP/1.1\r\n" HOST KEY("sr_good")), EDGE_DONE);
    assert_int_equal(f->x->status, 403);
    assert_string_equal(f->x->body,
                        "API keys may not do this: their calls are below /v1 and /api/v1; "
                        "for this log in with a browser");
    assert_string_equal(f->x->headers, "WWW-Authenticate: Bearer error=\"insufficient_scope\"\r\n");
    f->app.by_key.scopes = SCOPE_SUBMIT | SCOPE_ADMIN;
    assert_int_equal(route(f, "GET /requests HTTP/1.1\r\n" HOST KEY("sr_good")), EDGE_DONE);
    assert_string_equal(
        f->x->body,
        "This API key lacks the scope read, which is needed here; it has submit, admin");
    assert_int_equal(route(f, "POST /websockets/submit/x HTTP/1.1\r\n" HOST KEY("sr_good")),
                     EDGE_HERE);
    assert_int_equal(route(f, "GET /admin/users HTTP/1.1\r\n" HOST KEY("sr_good")), EDGE_DONE);
    assert_string_equal(f->x->body, "Only admins may do this");
    f->app.by_key.role = ROLE_ADMIN;
    assert_int_equal(route(f, "GET /admin/users HTTP/1.1\r\n" HOST KEY("sr_good")), EDGE_PAGE);
}

static void each_family_of_calls_is_refused_in_its_own_form(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(route(f, "GET /api/v1/spaces HTTP/1.1\r\n" HOST KEY("sr_bad")), EDGE_DONE);
    assert_int_equal(f->x->status, 401);
    assert_string_equal(f->x->type, "application/problem+json");
    assert_string_equal(f->x->headers, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n");
    assert_non_null(strstr(f->x->body, "\"detail\":\"There is no such API key, or it is over\""));
    assert_int_equal(route(f, "POST /api/v1/requests HTTP/1.1\r\n" HOST KEY("sr_good")), EDGE_DONE);
    assert_int_equal(f->x->status, 403);
    assert_non_null(strstr(f->x->body, "\"code\":\"forbidden\""));
    assert_int_equal(route(f, "POST /v1/chat/completions HTTP/1.1\r\n" HOST KEY("sr_good")),
                     EDGE_DONE);
    assert_int_equal(f->x->status, 403);
    assert_string_equal(f->x->type, "application/json");
    assert_non_null(
        strstr(f->x->body, "{\"error\":{\"message\":\"This API key lacks the scope submit"));
    assert_int_equal(route(f, "GET /v1/models HTTP/1.1\r\n" HOST KEY("sr_bad")), EDGE_DONE);
    assert_int_equal(f->x->status, 401);
    assert_int_equal(route(f, "GET /v1/models HTTP/1.1\r\n" HOST KEY("sr_good")), EDGE_HERE);
}

/* No page can make a browser send one. */
static void a_key_may_come_from_any_site(void **state)
{
    struct fixture *f = *state;
    f->app.by_key.scopes = SCOPES_OF_KEYS;
    assert_int_equal(
        route(f, "POST /websockets/submit/x HTTP/1.1\r\n" HOST
                 "Origin: https://else.example\r\nSec-Fetch-Site: cross-site\r\n" KEY("sr_good")),
        EDGE_HERE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_other_path_is_a_page),
        TEST(wrong_methods_are_told_the_right_ones),
        TEST(changes_from_other_sites_are_refused),
        TEST(nobody_is_logged_out_by_another_site),
        TEST(changes_from_here_and_from_programs_pass),
        TEST(before_setup_only_pages_are_open_and_say_so_themselves),
        TEST(readiness_ends_with_a_full_or_failing_store_and_with_shutdown),
        TEST(metrics_are_for_this_machine_and_admins),
        TEST(a_scrape_that_has_gone_is_not_answered),
        TEST(a_cookie_names_a_person),
        TEST(a_key_names_a_person_and_wins_over_a_cookie),
        TEST(a_key_that_is_not_valid_is_refused_whatever_cookie_comes_with_it),
        TEST(another_scheme_is_left_to_the_cookie),
        TEST(what_an_app_shows_is_not_taken_for_a_key),
        TEST(each_route_needs_its_scope),
        TEST(a_key_does_what_its_scopes_allow_and_is_told_what_it_lacks),
        TEST(each_family_of_calls_is_refused_in_its_own_form),
        TEST(a_key_may_come_from_any_site),
    };
    return secret_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

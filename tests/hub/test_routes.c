#include "fakes.h"

#include "hub/client_socket.h"
#include "hub/routes.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_other_path_is_a_page),
        TEST(wrong_methods_are_told_the_right_ones),
        TEST(changes_from_other_sites_are_refused),
        TEST(changes_from_here_and_from_programs_pass),
        TEST(before_setup_only_pages_are_open_and_say_so_themselves),
        TEST(readiness_ends_with_a_full_or_failing_store_and_with_shutdown),
        TEST(metrics_are_for_this_machine_and_admins),
        TEST(a_scrape_that_has_gone_is_not_answered),
        TEST(a_cookie_names_a_person),
    };
    return secret_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

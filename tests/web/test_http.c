/* What is the same for every page: the private port's secret, methods, fields of the reply, bodies,
 * static files. */
#include "rig.h"

#include "base/assets.h"

#include <sys/stat.h>

static void ask_raw(struct rig *r, const char *text)
{
    struct buf request = BUF_INIT(1024 * 1024);
    int fd = rig_connect(r);
    buf_puts(&request, text);
    rig_send(fd, &request);
    rig_receive(r, fd);
}

static void without_the_secret_nothing_is_answered(void **state)
{
    struct rig *r = *state;
    static const char *const fields[] = {"", INNER_SECRET ": \r\n", INNER_SECRET ": wrong\r\n",
                                         INNER_SECRET
                                         ": AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char request[512];
        snprintf(request, sizeof request,
                 "GET /login HTTP/1.1\r\nHost: x\r\n" INNER_ROLE ": admin\r\n%s\r\n", fields[i]);
        ask_raw(r, request);
        assert_string_equal(r->got.text, "HTTP/1.1 403 Forbidden\r\n"
                                         "Content-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

/* civetweb keeps 64 fields and drops the others without a word. */
static void more_fields_than_are_kept_are_refused(void **state)
{
    struct rig *r = *state;
    struct buf fields = BUF_INIT(4096);
    for (int i = 0; i < 58; i++) /* and Host, Secret, Address, Origin, Connection */
        buf_printf(&fields, "X-%d: y\r\n", i);
    assert_int_equal(ask_with(r, "GET", "/login", NULL, buf_cstr(&fields), NULL), 200);
    buf_puts(&fields, "X-58: y\r\n");
    assert_int_equal(ask_with(r, "GET", "/login", NULL, buf_cstr(&fields), NULL), 431);
    buf_puts(&fields, "X-59: y\r\n");
    assert_int_equal(ask_with(r, "POST", "/login", NULL, buf_cstr(&fields), "a=b"), 431);
    buf_release(&fields);
}

static void what_is_no_http_gets_no_answer(void **state)
{
    struct rig *r = *state;
    ask_raw(r, "nonsense\r\n\r\n");
    assert_string_equal(r->got.text, "");
    ask_raw(r, "BREW /login HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_string_equal(r->got.text, "");
}

static void every_page_carries_the_security_fields(void **state)
{
    struct rig *r = *state;
    static const char *const targets[] = {"/login", "/nothing", "/", "/static/app.css"};
    static const char *const fields[] = {
        "\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "img-src 'self'\r\n",
        "\r\nX-Content-Type-Options: nosniff\r\n", "\r\nX-Frame-Options: DENY\r\n",
        "\r\nReferrer-Policy: same-origin\r\n", "\r\nContent-Length: "};
    for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
        get(r, targets[t], NULL);
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
            assert_has(r, fields[f]);
    }
    get(r, "/login", NULL);
    assert_has(r, "\r\nCache-Control: no-store\r\n");
    assert_has(r, "\r\nContent-Type: text/html; charset=utf-8\r\n");
}

static void pages_have_no_inline_script_or_style(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    static const char *const targets[] = {"/", "/login", "/admin/", "/admin/settings", "/account"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        get(r, targets[i], &a);
        assert_has_not(r, "<style");
        assert_has_not(r, " style=");
        assert_has_not(r, " onclick=");
        assert_has_not(r, "<script>");
    }
}

static void a_head_request_gets_the_head_of_the_page(void **state)
{
    struct rig *r = *state;
    assert_int_equal(get(r, "/login", NULL), 200);
    size_t length = strlen(r->got.body);
    char field[64];
    snprintf(field, sizeof field, "\r\nContent-Length: %zu\r\n", length);
    assert_has(r, field);
    assert_int_equal(ask_with(r, "HEAD", "/login", NULL, ENGLISH, NULL), 200);
    assert_has(r, field);
    assert_string_equal(r->got.body, "");
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *method, *target, *allow;
    } cases[] = {
        {"POST", "/", "GET, HEAD"},
        {"DELETE", "/login", "GET, HEAD, POST"},
        {"PUT", "/static/app.css", "GET, HEAD"},
        {"GET", "/account/password", "POST"},
        {"OPTIONS", "/login", "GET, HEAD, POST"},
        {"PATCH", "/admin/settings/limits", "POST"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char field[64];
        snprintf(field, sizeof field, "\r\nAllow: %s\r\n", cases[i].allow);
        assert_int_equal(ask_with(r, cases[i].method, cases[i].target, NULL,
                                  "Origin: " ORIGIN "\r\nAccess-Control-Request-Method: PUT\r\n",
                                  ""),
                         405);
        assert_has(r, field);
        assert_has_not(r, "Access-Control-Allow");
    }
    assert_int_equal(ask_with(r, "DELETE", "/nothing", NULL, ENGLISH, NULL), 404);
}

static void another_site_can_change_nothing(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    static const char *const refused[] = {
        "Origin: https://evil.example\r\n", "Origin: null\r\n", "Origin: http://relay.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\nOrigin: " ORIGIN "\r\n"};
    static const char *const taken[] = {"", "Origin: " ORIGIN "\r\n",
                                        "Sec-Fetch-Site: same-origin\r\n",
                                        "Sec-Fetch-Site: none\r\n"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(ask_with(r, "POST", "/account/language", &a, refused[i], "language=ko"),
                         403);
    assert_int_equal(r->app.asked[CMD_USER_LANGUAGE], 0);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        assert_int_equal(ask_with(r, "POST", "/account/language", &a, taken[i], "language=ko"),
                         302);
    assert_int_equal(r->app.asked[CMD_USER_LANGUAGE], sizeof taken / sizeof *taken);
}

static void a_body_that_is_no_form_is_refused(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char *large = malloc(1024 * 1024 + 2);
    memset(large, 'a', 1024 * 1024 + 1);
    large[1024 * 1024 + 1] = '\0';
    assert_int_equal(post(r, "/account/language", &a, large), 413);
    large[1024 * 1024] = '\0';
    assert_int_equal(post(r, "/account/language", &a, large), 302);
    free(large);
    assert_int_equal(post(r, "/account/language", &a, "language=%zz"), 400);
    assert_int_equal(post(r, "/account/language", &a, "language=%00"), 400);
    assert_int_equal(ask_with(r, "POST", "/account/language", &a,
                              "Content-Type: multipart/form-data; boundary=x\r\n", "--x"),
                     415);
    assert_int_equal(get(r, "/login?next=%zz", NULL), 400);
}

static void a_connection_serves_many_requests(void **state)
{
    struct rig *r = *state;
    struct buf requests = BUF_INIT(65536), both = BUF_INIT(65536);
    for (int i = 0; i < 3; i++) {
        struct buf one = BUF_INIT(4096);
        rig_write(r, &one, i == 1 ? "HEAD" : "GET", "/nothing", NULL, ENGLISH, NULL);
        struct str text = buf_str(&one);
        if (i < 2) /* without its "Connection: close" */
            text.n -= strlen("Connection: close\r\n\r\n");
        buf_str_append(&requests, text);
        if (i < 2)
            buf_puts(&requests, "\r\n");
        buf_release(&one);
    }
    buf_str_append(&both, buf_str(&requests));
    buf_release(&requests);
    int fd = rig_connect(r);
    rig_send(fd, &both);
    rig_receive(r, fd);
    unsigned count = 0;
    for (const char *at = r->got.text; (at = strstr(at, "HTTP/1.1 404 Not Found\r\n")); at++)
        count++;
    assert_int_equal(count, 3);
}

static void static_files_are_revalidated_by_their_tag(void **state)
{
    struct rig *r = *state;
    const struct asset *css = assets_get(STR("static/app.css"));
    char field[128];
    assert_non_null(css);
    assert_int_equal(get(r, "/static/app.css", NULL), 200);
    assert_int_equal(strlen(r->got.body), css->content.n);
    assert_has(r, "\r\nContent-Type: text/css; charset=utf-8\r\n");
    assert_has(r, "\r\nCache-Control: no-cache\r\n");
    snprintf(field, sizeof field, "\r\nETag: %s\r\n", css->etag);
    assert_has(r, field);
    static const char *const same[] = {"{t}", "W/{t}", "\"other\", {t}", "*"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct buf fields = BUF_INIT(128);
        buf_puts(&fields, "If-None-Match: ");
        catalogue_fill(&fields, str_of(same[i]), "t", str_of(css->etag));
        buf_puts(&fields, "\r\n");
        assert_int_equal(ask_with(r, "GET", "/static/app.css", NULL, buf_cstr(&fields), NULL), 304);
        assert_string_equal(r->got.body, "");
        buf_release(&fields);
    }
    assert_int_equal(
        ask_with(r, "GET", "/static/app.css", NULL, "If-None-Match: \"other\"\r\n", NULL), 200);
}

static void write_file(const struct rig *r, const char *name, const char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", r->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    assert_int_equal(fclose(f), 0);
}

static void a_checkout_is_read_at_each_request(void **state)
{
    struct rig *r = rig_new();
    const struct web_config config = {
        .app = &r->app, .threads = 2, .data_dir = r->dir, .assets_dir = r->dir};
    static const char *const folders[] = {"static", "static/lang", "templates",
                                          "templates/partials"};
    struct buf why = BUF_INIT(1000);
    char path[128];
    *state = r;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", r->dir, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    write_file(r, "static/a.css", "first");
    write_file(r, "static/.a.css", "hidden");
    write_file(r, "static/lang/en.json", "{\"a\":\"one\",\"titles\":{\"login\":\"x\"}}");
    write_file(r, "templates/login.html", "{{>x}}{{>x}} {{t.a}} {{{lang}}}");
    write_file(r, "templates/partials/x.html", "<{{next}}>");
    assert_int_equal(web_start(&r->web, &config, &why), OK);
    assert_int_equal(get(r, "/static/a.css", NULL), 200);
    assert_string_equal(r->got.body, "first");
    write_file(r, "static/a.css", "second");
    get(r, "/static/a.css", NULL);
    assert_string_equal(r->got.body, "second");
    assert_int_equal(get(r, "/login", NULL), 200);
    assert_string_equal(r->got.body, "<><> one en");
    write_file(r, "static/lang/en.json", "{\"a\":\"two\",\"titles\":{\"login\":\"x\"}}");
    get(r, "/login?next=/b", NULL);
    assert_string_equal(r->got.body, "</b></b> two en");
    log_set_level(LOG_ERROR + 1);
    assert_int_equal(get(r, "/static/.a.css", NULL), 500); /* there is no template for 404 */
    assert_int_equal(get(r, "/static/%2e%2e/relay.db", NULL), 500);
    assert_has_not(r, "SQLite");
    write_file(r, "templates/login.html", "{{nothing}}");
    assert_int_equal(get(r, "/login", NULL), 500);
    buf_release(&why);
}

static void the_language_of_a_page_follows_the_rule(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *fields, *html;
    } cases[] = {{"", "<html lang=\"zh\">"},
                 {ENGLISH, "<html lang=\"en\">"},
                 {"Accept-Language: ko,en;q=0.5\r\n", "<html lang=\"ko\">"},
                 {ENGLISH "Cookie: a=b; lang=ko\r\n", "<html lang=\"ko\">"},
                 {ENGLISH "Cookie: lang=../../x\r\n", "<html lang=\"en\">"}};
    struct asker a = ada(r);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ask_with(r, "GET", "/login", NULL, cases[i].fields, NULL), 200);
        assert_has(r, cases[i].html);
    }
    assert_int_equal(ask_with(r, "GET", "/account", &a, ENGLISH INNER_LANG ": zh\r\n", NULL), 200);
    assert_has(r, "<html lang=\"zh\">");
}

static void what_a_page_did_is_said_once(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    assert_int_equal(get(r, "/logout", &a), 302);
    assert_has(r, "\r\nSet-Cookie: flash=ok.logged_out:/login; Path=/; Max-Age=60; SameSite=Lax; "
                  "HttpOnly; Secure\r\n");
    ask_with(r, "GET", "/login", NULL, ENGLISH "Cookie: flash=ok.logged_out:/login\r\n", NULL);
    assert_has(r, "<p class=\"flash ok\" role=\"status\">You are logged out.</p>");
    assert_has(r, "\r\nSet-Cookie: flash=; Path=/; Max-Age=0;");
    /* A page in another tab leaves it where it is. */
    ask_with(r, "GET", "/docs", NULL, ENGLISH "Cookie: flash=ok.logged_out:/login\r\n", NULL);
    assert_has_not(r, "You are logged out.");
    assert_has_not(r, "Set-Cookie: flash");
    static const char *const forged[] = {"x",
                                         "ok.nothing.:/login",
                                         "<b>.logged_out:/login",
                                         "ok.:/login",
                                         "ok.a.b.c:/login",
                                         "ok.space_deleted.%zz:/login",
                                         "ok.logged_out",
                                         ":/login"};
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        char field[128];
        snprintf(field, sizeof field, ENGLISH "Cookie: flash=%s\r\n", forged[i]);
        assert_int_equal(ask_with(r, "GET", "/login", NULL, field, NULL), 200);
        assert_has_not(r, "class=\"flash");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(without_the_secret_nothing_is_answered),
        RIG_TEST(more_fields_than_are_kept_are_refused),
        RIG_TEST(what_is_no_http_gets_no_answer),
        RIG_TEST(every_page_carries_the_security_fields),
        RIG_TEST(pages_have_no_inline_script_or_style),
        RIG_TEST(a_head_request_gets_the_head_of_the_page),
        RIG_TEST(a_wrong_method_is_told_the_right_ones),
        RIG_TEST(another_site_can_change_nothing),
        RIG_TEST(a_body_that_is_no_form_is_refused),
        RIG_TEST(a_connection_serves_many_requests),
        RIG_TEST(static_files_are_revalidated_by_their_tag),
        cmocka_unit_test_teardown(a_checkout_is_read_at_each_request, rig_tear_down),
        RIG_TEST(the_language_of_a_page_follows_the_rule),
        RIG_TEST(what_a_page_did_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

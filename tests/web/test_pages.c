/* Every page with every kind of visitor: it renders (an unknown key in a template is an error), and
 * who may not see it is sent elsewhere. */
#include "rig.h"

static const char *const user_pages[] = {"/",         "/spaces/My%20%22first%22%20%3Cspace%3E",
                                         "/requests", "/requests?space=nothing&status=failed",
                                         "/account",  "/ai_project/{id}"};
static const char *const admin_pages[] = {
    "/admin/",         "/admin/spaces", "/admin/users",    "/admin/space/add",
    "/admin/requests", "/admin/audit",  "/admin/settings", "/admin/space/edit/{id}"};
static const char *const open_pages[] = {"/login", "/docs/nothing", "/nothing"};

static void fill_space(struct reply *reply)
{
    reply->spaces = xcalloc(1, sizeof *reply->spaces);
    reply->count = 1;
    reply->spaces[0].connected = true;
}

static void fill_app(struct reply *reply)
{
    reply->apps = xcalloc(1, sizeof *reply->apps);
    reply->count = 1;
    reply->apps[0] = (struct app_view){
        .name = "gpu <box>", .version = "1.2", .address = "203.0.113.9", .connected_ms = T0};
}

static void fill_stats(struct reply *reply)
{
    reply->stats.queued = 54321;
}

static void assert_page(struct rig *r, const char *target, const struct asker *who, unsigned status)
{
    char path[128];
    unsigned got = get(r, path_of(path, target, r->space), who);
    if (got != status)
        fail_msg("%s: %u instead of %u\n%s", path, got, status, r->got.text);
    if (got < 300)
        assert_has(r, "</html>");
}

static void every_page_renders(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r), e = eve(r);
    for (size_t i = 0; i < sizeof user_pages / sizeof *user_pages; i++) {
        assert_page(r, user_pages[i], &a, 200);
        assert_page(r, user_pages[i], &e, 200);
    }
    for (size_t i = 0; i < sizeof admin_pages / sizeof *admin_pages; i++)
        assert_page(r, admin_pages[i], &a, 200);
    assert_page(r, "/login", NULL, 200);
}

static void every_page_renders_with_a_lively_hub(void **state)
{
    struct rig *r = *state;
    r->app.fill[CMD_QUERY_SPACES] = r->app.fill[CMD_QUERY_SPACE] = fill_space;
    r->app.fill[CMD_QUERY_APPS] = fill_app;
    r->app.fill[CMD_QUERY_STATS] = fill_stats;
    every_page_renders(state);
    struct asker a = ada(r);
    char path[128];
    get(r, path_of(path, "/admin/space/edit/{id}", r->space), &a);
    assert_has(r, "gpu &lt;box&gt;");
    get(r, "/admin/", &a);
    assert_has(r, "54321");
}

static void every_page_renders_when_the_hub_is_silent(void **state)
{
    struct rig *r = *state;
    for (enum command_kind k = CMD_QUERY_SPACES; k < CMD__MAX; k++)
        r->app.answer[k] = ERR_TIMEOUT;
    every_page_renders(state);
    struct asker a = ada(r);
    get(r, "/", &a);
    assert_has(r, "? Not known right now");
}

static void strangers_are_sent_to_the_login_and_back(void **state)
{
    struct rig *r = *state;
    assert_page(r, "/", NULL, 302);
    assert_has(r, "\r\nLocation: /login\r\n");
    assert_page(r, "/requests?status=failed", NULL, 302);
    assert_has(r, "\r\nLocation: /login?next=%2Frequests%3Fstatus%3Dfailed\r\n");
    assert_page(r, "/admin/", NULL, 302);
    assert_has(r, "\r\nLocation: /login\r\n");
    assert_int_equal(post(r, "/admin/settings/retention", NULL, "retention_days=1"), 302);
    assert_has(r, "\r\nLocation: /login\r\n");
    for (size_t i = 0; i < sizeof admin_pages / sizeof *admin_pages; i++)
        assert_page(r, admin_pages[i], NULL, 302);
    for (size_t i = 0; i < sizeof user_pages / sizeof *user_pages; i++)
        assert_page(r, user_pages[i], NULL, 302);
    for (size_t i = 0; i < sizeof open_pages / sizeof *open_pages; i++)
        assert_page(r, open_pages[i], NULL, i == 0 ? 200 : 404);
}

static void people_who_are_no_admins_are_sent_home(void **state)
{
    struct rig *r = *state;
    struct asker e = eve(r);
    for (size_t i = 0; i < sizeof admin_pages / sizeof *admin_pages; i++) {
        assert_page(r, admin_pages[i], &e, 302);
        assert_has(r, "\r\nLocation: /\r\n");
    }
    assert_int_equal(post(r, "/admin/space/add", &e, "name=x"), 302);
    assert_int_equal(r->app.asked[CMD_SPACE_ADD], 0);
    assert_page(r, "/admin", NULL, 308);
    assert_has(r, "\r\nLocation: /admin/\r\n");
}

static void a_request_is_shown_to_its_owner_and_admins_only(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r), e = eve(r);
    char path[128];
    assert_int_equal(get(r, path_of(path, "/requests/{id}", r->request), &a), 200);
    assert_has(r, "say &lt;hi&gt;");
    assert_has(r, "[1,2]");
    assert_int_equal(get(r, path_of(path, "/requests/{id}", r->theirs), &a),
                     302); /* see admin_lists */
    assert_int_equal(get(r, path_of(path, "/admin/requests/{id}", r->theirs), &a), 200);
    assert_int_equal(get(r, path_of(path, "/requests/{id}", r->theirs), &e), 200);
    static const char *const ways[] = {"/requests/{id}", "/requests/{id}.json"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        assert_int_equal(get(r, path_of(path, ways[i], r->request), &e), 404);
        assert_has_not(r, "say ");
        assert_int_equal(get(r, path_of(path, ways[i], r->request), NULL), 302);
    }
    path_of(path, "/requests/{id}/cancel", r->request);
    assert_int_equal(post(r, path, &e, ""), 404);
    assert_int_equal(r->app.asked[CMD_CANCEL], 0);
    assert_int_equal(post(r, path, &a, ""), 302);
    assert_int_equal(r->app.asked[CMD_CANCEL], 1);
    assert_true(uuid_eq(r->app.last[CMD_CANCEL].id, r->request));
}

static void a_finished_request_is_shown_and_downloaded_as_it_was(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128];
    struct change *c = change_new(CHANGE_REQUEST_ATTEMPT);
    c->id = r->request;
    c->attempt = 1;
    c->at_ms = T0 + 1000;
    rig_save(r, c);
    c = change_new(CHANGE_REQUEST_FINAL);
    c->id = r->request;
    c->attempt = 1;
    c->status = REQUEST_COMPLETED;
    c->at_ms = T0 + 4200;
    c->text = bytes_new(STR("some <text>"));
    c->result =
        bytes_new(STR("{\"text_output\":\"the <answer>\",\"model_used\":\"m\",\"n\":1.50}"));
    c->usage = bytes_new(STR("{\"total_tokens\":7}"));
    rig_save(r, c);
    assert_int_equal(get(r, path_of(path, "/requests/{id}", r->request), &a), 200);
    assert_has(r, "the &lt;answer&gt;");
    assert_has(r, "<dt>Model</dt><dd>m</dd>");
    assert_has(r, "<dd>1.50</dd>");
    assert_has(r, "<dt>Total tokens</dt><dd>7</dd>");
    assert_has(r, "4.2 s");
    assert_int_equal(get(r, path_of(path, "/requests/{id}.json?download", r->request), &a), 200);
    assert_has(r, "\"payload\":{\"prompt\":\"say <hi>\",\"audio\":[1,2]},\"text\":\"some <text>\"");
    assert_has(r, "\"result\":{\"text_output\":\"the <answer>\",\"model_used\":\"m\",\"n\":1.50}");
    assert_has(r, "\"finished_at\":\"2026-01-08T12:00:04.200Z\"");
    assert_has(r, "\r\nContent-Disposition: attachment; filename=");
    assert_has(r, "\r\nContent-Type: application/json");
}

static void what_is_not_there_is_404(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    static const char *const nowhere[] = {"/ai_project/nothing",
                                          "/ai_project/0198c0de-0000-7000-8000-000000000000",
                                          "/spaces/nothing",
                                          "/requests/nothing",
                                          "/requests/0198c0de-0000-7000-8000-000000000000",
                                          "/admin/space/edit/nothing",
                                          "/static/nothing.css",
                                          "/static/../templates/login.html",
                                          "/static/%2e%2e/templates/login.html",
                                          "/templates/login.html",
                                          "/setup?token=" SETUP_TOKEN,
                                          "/login/",
                                          "/%00",
                                          "/spaces/%ff"};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++)
        assert_page(r, nowhere[i], &a, 404);
    get(r, nowhere[0], &a);
    assert_has(r, "AI Project not found");
}

static void long_lists_are_paged(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    for (int i = 0; i < 50; i++)
        (void)rig_request(r, r->space, r->ada, "{\"prompt\":\"again\"}");
    assert_int_equal(get(r, "/requests?space=&status=queued", &a), 200);
    const char *older = strstr(r->got.text, "/requests?space=&amp;status=queued&amp;before=");
    assert_non_null(older);
    assert_has_not(r, "say &lt;hi&gt;");
    char target[128] = "/requests?space=&status=queued&before=";
    const char *id = strstr(older, "before=") + 7;
    memcpy(target + strlen(target), id, 36);
    assert_int_equal(get(r, target, &a), 200);
    assert_has(r, "say &lt;hi&gt;");
    assert_has_not(r, "again");
    assert_has(r, "\"/requests?space=&amp;status=queued\"");
    assert_int_equal(get(r, "/requests?status=nonsense", &a), 400);
    assert_int_equal(get(r, "/requests?before=nonsense", &a), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_page_renders),
        RIG_TEST(every_page_renders_with_a_lively_hub),
        RIG_TEST(every_page_renders_when_the_hub_is_silent),
        RIG_TEST(strangers_are_sent_to_the_login_and_back),
        RIG_TEST(people_who_are_no_admins_are_sent_home),
        RIG_TEST(a_request_is_shown_to_its_owner_and_admins_only),
        RIG_TEST(a_finished_request_is_shown_and_downloaded_as_it_was),
        RIG_TEST(what_is_not_there_is_404),
        RIG_TEST(long_lists_are_paged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

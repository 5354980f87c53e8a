/* The admin's long lists: every request, and the audit log. Filters, pages, who may, and that
 * nothing shown is taken for markup. */
#include "rig.h"

#define EVIL "<img src=x onerror=alert(1)>"

static struct uuid request_of(struct rig *r, struct uuid user, const char *name, const char *code,
                              enum request_status status)
{
    struct change *c = change_new(CHANGE_REQUEST_NEW);
    c->request = xcalloc(1, sizeof *c->request);
    *c->request = (struct request_record){.id = rig_id(r),
                                          .space_key = uuid_key(r->space),
                                          .user_key = uuid_key(user),
                                          .status = status,
                                          .attempt = 1,
                                          .created_ms = T0,
                                          .finished_ms = T0 + 1000};
    (void)str_copy(c->request->username, sizeof c->request->username, str_of(name));
    (void)str_copy(c->request->error_code, sizeof c->request->error_code, str_of(code));
    c->request->payload = bytes_new(STR("{\"prompt\":\"secret words\"}"));
    struct uuid id = c->request->id;
    rig_save(r, c);
    return id;
}

static void attempt_of(struct rig *r, struct uuid id, uint32_t attempt, const char *app)
{
    struct change *c = change_new(CHANGE_REQUEST_ATTEMPT);
    c->id = id;
    c->attempt = attempt;
    c->at_ms = T0;
    c->message = bytes_new(str_of(app));
    rig_save(r, c);
}

static void lost_of(struct rig *r, struct uuid id)
{
    struct change *c = change_new(CHANGE_REQUEST_QUEUED);
    c->id = id;
    c->lost = 1;
    c->at_ms = T0 + 500;
    (void)str_copy(c->code, sizeof c->code, STR("app_lost"));
    rig_save(r, c);
}

static void final_of(struct rig *r, struct uuid id, const char *code)
{
    struct change *c = change_new(CHANGE_REQUEST_FINAL);
    c->id = id;
    c->status = REQUEST_FAILED;
    c->attempt = 1;
    c->at_ms = T0 + 1000;
    (void)str_copy(c->code, sizeof c->code, str_of(code));
    rig_save(r, c);
}

static void audit_row(struct rig *r, const char *actor, const char *action, const char *subject,
                      const char *detail, int64_t at_ms)
{
    struct change *c = change_new(CHANGE_AUDIT);
    c->audit = xcalloc(1, sizeof *c->audit);
    c->audit->at_ms = at_ms;
    (void)str_copy(c->audit->actor, sizeof c->audit->actor, str_of(actor));
    (void)str_copy(c->audit->action, sizeof c->audit->action, str_of(action));
    (void)str_copy(c->audit->subject, sizeof c->audit->subject, str_of(subject));
    (void)str_copy(c->audit->detail, sizeof c->audit->detail, str_of(detail));
    (void)str_copy(c->audit->address, sizeof c->audit->address, STR("192.0.2.3"));
    rig_save(r, c);
}

static unsigned count(const struct rig *r, const char *part)
{
    unsigned n = 0;
    for (const char *at = r->got.text; (at = strstr(at, part)); at++)
        n++;
    return n;
}
#define REQUEST_ROW "<tr data-request="
#define AUDIT_ROW   "<tr data-key="

/* ---- who may ---- */

static void only_admins_come_here(void **state)
{
    static const char *const paths[] = {"/admin/requests", "/admin/audit", "/admin/audit.csv",
                                        "/admin/audit.jsonl"};
    struct rig *r = *state;
    struct asker e = eve(r);
    char path[128];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(get(r, paths[i], &e), 302);
        assert_has(r, "\r\nLocation: /\r\n");
        assert_int_equal(get(r, paths[i], NULL), 302);
        assert_has(r, "\r\nLocation: /login?next=");
    }
    assert_int_equal(get(r, path_of(path, "/admin/requests/{id}", r->theirs), &e), 302);
    assert_has(r, "\r\nLocation: /\r\n");
    assert_int_equal(r->app.asked[CMD_REQUEST_LOOK], 0);
}

/* ---- all requests ---- */

static void every_request_is_listed_without_its_words(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    request_of(r, r->eve, "eve", "", REQUEST_COMPLETED);
    assert_int_equal(get(r, "/admin/requests", &a), 200);
    assert_int_equal(count(r, REQUEST_ROW), 3);
    assert_has_not(r, "secret words");
    assert_has_not(r, "say &lt;hi&gt;");
    assert_has(r, "href=\"/admin/requests?person=eve\"");
    assert_int_equal(r->app.asked[CMD_REQUEST_LOOK], 0);
}

static void requests_are_filtered(void **state)
{
    static const struct {
        const char *query;
        unsigned rows;
    } cases[] = {
        {"", 5},
        {"status=failed", 2},
        {"status=queued", 2},
        {"status=completed", 1},
        {"code=poisoned", 1},
        {"code=no_such", 0},
        {"person=EVE", 3},
        {"person=eve&status=failed", 1},
        {"space=My+%22first%22+%3Cspace%3E", 5},
        {"space=unknown", 0},
        {"from=2026-01-08", 5},
        {"until=2026-01-08", 5},
        {"until=2026-01-07", 0},
        {"from=2026-01-09", 0},
        {"from=2026-01-08T12:00:00Z&until=2026-01-08T12:00:00Z", 0},
        {"from=+2026-01-08+&until=", 5},
        {"before=1", 0},
        {"until=1970-01-01", 0},
        {"until=1969-12-31", 0},
    };
    struct rig *r = *state;
    struct asker a = ada(r);
    request_of(r, r->eve, "eve", "timeout", REQUEST_FAILED);
    request_of(r, r->ada, "ada", "poisoned", REQUEST_FAILED);
    request_of(r, r->eve, "eve", "", REQUEST_COMPLETED);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char target[256];
        snprintf(target, sizeof target, "/admin/requests?%s", cases[i].query);
        assert_int_equal(get(r, target, &a), 200);
        if (count(r, REQUEST_ROW) != cases[i].rows)
            fail_msg("%s: %u rows", target, count(r, REQUEST_ROW));
    }
}

static void what_cannot_be_filtered_by_is_said(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    assert_int_equal(get(r, "/admin/requests?person=nobody_here", &a), 200);
    assert_has(r, "There is no user of this name.");
    assert_int_equal(count(r, REQUEST_ROW), 0);
    assert_int_equal(get(r, "/admin/requests?from=yesterday&until=2026-02-30", &a), 200);
    assert_int_equal(count(r, "A day like 2026-01-31"), 2);
    assert_has(r, "value=\"yesterday\"");
    assert_int_equal(count(r, REQUEST_ROW), 0);
    assert_int_equal(get(r, "/admin/requests?status=odd", &a), 400);
    assert_int_equal(get(r, "/admin/requests?before=x", &a), 400);
    assert_int_equal(get(r, "/admin/requests?before=99999999999999999999", &a), 400);
}

static void follow(struct rig *r, const struct asker *who, const char *label)
{
    char target[512];
    const char *end = strstr(r->got.text, label);
    assert_non_null(end);
    const char *at = end;
    while (strncmp(at, "href=\"", 6))
        at--;
    size_t n = 0;
    for (at += 6; *at != '"'; at += strncmp(at, "&amp;", 5) ? 1 : 5)
        target[n++] = *at;
    target[n] = 0;
    assert_int_equal(get(r, target, who), 200);
}

static void pages_of_requests_meet_and_keep_the_filter(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    for (size_t i = 0; i < 103; i++)
        request_of(r, r->eve, "eve", i % 2 ? "timeout" : "app_error", REQUEST_FAILED);
    assert_int_equal(get(r, "/admin/requests?status=failed&person=eve", &a), 200);
    assert_int_equal(count(r, REQUEST_ROW), 50);
    follow(r, &a, "Older");
    assert_int_equal(count(r, REQUEST_ROW), 50);
    follow(r, &a, "Older");
    assert_int_equal(count(r, REQUEST_ROW), 3);
    assert_has_not(r, "Older");
    follow(r, &a, "Newest");
    assert_int_equal(count(r, REQUEST_ROW), 50);
    assert_has(r, "value=\"failed\" selected");
    assert_has(r, "value=\"eve\"");
}

static void what_was_set_aside_shows_its_history(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    struct uuid id = request_of(r, r->eve, "eve", "", REQUEST_PROCESSING);
    attempt_of(r, id, 1, "bad-app 1.0, 192.0.2.1");
    lost_of(r, id);
    attempt_of(r, id, 2, "worse-app 2.0, 192.0.2.2");
    final_of(r, id, "poisoned");
    assert_int_equal(get(r, "/admin/requests?code=poisoned", &a), 200);
    assert_int_equal(count(r, REQUEST_ROW), 1);
    assert_has(r, "bad-app 1.0, 192.0.2.1");
    assert_has(r, "<b>the app was lost</b>");
    assert_has(r, "worse-app 2.0, 192.0.2.2");
    assert_has(r, "<b>set aside</b>");
    assert_has(r, "<details open>");
    assert_int_equal(get(r, "/admin/requests", &a), 200);
    assert_has(r, "bad-app 1.0, 192.0.2.1");
    assert_has_not(r, "<details open>");
}

static void the_overview_warns_of_what_was_set_aside_today(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    struct now now = clock_now();
    final_of(r, request_of(r, r->eve, "eve", "", REQUEST_PROCESSING), "poisoned");
    assert_int_equal(get(r, "/admin/", &a), 200);
    assert_has_not(r, "Look at them"); /* it was long ago */
    struct change *c = change_new(CHANGE_REQUEST_FINAL);
    c->id = request_of(r, r->eve, "eve", "", REQUEST_PROCESSING);
    c->status = REQUEST_FAILED;
    c->at_ms = now.wall_ms - 3600000;
    (void)str_copy(c->code, sizeof c->code, STR("poisoned"));
    rig_save(r, c);
    assert_int_equal(get(r, "/admin/", &a), 200);
    assert_has(r, "lost their connection with them: 1.");
    assert_has(r, "href=\"/admin/requests?code=poisoned\"");
}

static void the_overview_warns_of_a_failing_disk(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    assert_int_equal(get(r, "/admin/", &a), 200);
    assert_has_not(r, "Nothing can be saved");
    r->app.trouble = "the disk is <full>";
    assert_int_equal(get(r, "/admin/", &a), 200);
    assert_has(r, "Nothing can be saved at the moment: the disk is &lt;full&gt;.");
}

/* ---- one request ---- */

static void a_look_is_written_down_before_it_is_shown(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128], json[128];
    path_of(path, "/admin/requests/{id}", r->theirs);
    path_of(json, "/requests/{id}.json", r->theirs);

    assert_int_equal(get(r, path, &a), 200);
    assert_has(r, "eve&#39;s");
    const struct command *c = &r->app.last[CMD_REQUEST_LOOK];
    assert_true(uuid_eq(c->id, r->theirs));
    assert_string_equal(c->user.name, "ada"); /* the rig's rows all say so */
    assert_string_equal(c->actor.name, "ada");
    assert_string_equal(c->actor.address, "192.0.2.7");
    assert_int_equal(get(r, json, &a), 200);
    assert_int_equal(r->app.asked[CMD_REQUEST_LOOK], 2);

    r->app.answer[CMD_REQUEST_LOOK] = ERR_STORE_UNAVAILABLE;
    assert_int_equal(get(r, path, &a), 503);
    assert_has_not(r, "eve&#39;s");
    assert_int_equal(get(r, json, &a), 503);
    assert_has_not(r, "eve's");
}

static void ones_own_request_is_nobodys_business(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r), e = eve(r);
    char path[128];
    assert_int_equal(get(r, path_of(path, "/requests/{id}", r->theirs), &e), 200);
    assert_int_equal(get(r, path_of(path, "/requests/{id}", r->request), &a), 200);
    assert_int_equal(get(r, path_of(path, "/admin/requests/{id}", r->request), &a), 200);
    assert_int_equal(r->app.asked[CMD_REQUEST_LOOK], 0);
}

static void an_admin_is_led_from_anothers_page_to_the_admins_page(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128], where[160];
    path_of(path, "/requests/{id}", r->theirs);
    snprintf(where, sizeof where, "\r\nLocation: /admin%s\r\n", path);
    assert_int_equal(get(r, path, &a), 302);
    assert_has(r, where);
    assert_has_not(r, "eve&#39;s");
}

static void anothers_words_cannot_be_run_again(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128];
    struct uuid theirs = request_of(r, r->eve, "eve", "", REQUEST_COMPLETED);
    struct uuid own = request_of(r, r->ada, "ada", "", REQUEST_COMPLETED);
    assert_int_equal(get(r, path_of(path, "/admin/requests/{id}", theirs), &a), 200);
    assert_has_not(r, "Run again");
    assert_has_not(r, "id=\"cancel-form\"");
    assert_int_equal(get(r, path_of(path, "/admin/requests/{id}", own), &a), 200);
    assert_has(r, "Run again");
    assert_int_equal(get(r, path_of(path, "/admin/requests/{id}", r->theirs), &a), 200);
    assert_has(r, "id=\"cancel-form\"");
}

/* ---- audit ---- */

static void audit_is_filtered(void **state)
{
    static const struct {
        const char *query;
        unsigned rows;
    } cases[] = {
        {"", 4},
        {"actor=ADA", 2},
        {"actor=%28cli%29", 1},
        {"action=space.add", 2},
        {"subject=den", 2},
        {"subject=den&action=space.add&actor=ada", 1},
        {"from=2026-01-09", 1},
        {"until=2026-01-08", 3},
        {"from=2026-01-10", 0},
        {"action=%27+OR+1+--", 0},
    };
    struct rig *r = *state;
    struct asker a = ada(r);
    audit_row(r, "ada", "space.add", "den", "", T0);
    audit_row(r, "ada", "space.edit", "den", "", T0);
    audit_row(r, "(cli)", "space.add", "hut", "", T0);
    audit_row(r, "", "login.failed", "eve", "", T0 + 86400000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char target[256];
        snprintf(target, sizeof target, "/admin/audit?%s", cases[i].query);
        assert_int_equal(get(r, target, &a), 200);
        if (count(r, AUDIT_ROW) != cases[i].rows)
            fail_msg("%s: %u rows", target, count(r, AUDIT_ROW));
    }
    assert_int_equal(get(r, "/admin/audit?from=x", &a), 200);
    assert_has(r, "A day like 2026-01-31");
    assert_int_equal(get(r, "/admin/audit?before=x", &a), 400);
    assert_int_equal(get(r, "/admin/audit.csv?from=x", &a), 400);
}

static void pages_of_the_audit_log_meet(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    for (int64_t i = 0; i < 230; i++)
        audit_row(r, "ada", i % 2 ? "login" : "logout", "ada", "", T0 + i);
    assert_int_equal(get(r, "/admin/audit?action=login", &a), 200);
    assert_int_equal(count(r, AUDIT_ROW), 100);
    follow(r, &a, "Older");
    assert_int_equal(count(r, AUDIT_ROW), 15);
    assert_has_not(r, "Older");
    follow(r, &a, "Newest");
    assert_int_equal(count(r, AUDIT_ROW), 100);
}

static void the_audit_log_is_a_file_too(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    audit_row(r, "ada", "space.add", "say \"hi\", den", "", T0);
    audit_row(r, "", "login.failed", "=cmd|'/c calc'!A1", "a\nb", T0);
    assert_int_equal(get(r, "/admin/audit.csv", &a), 200);
    assert_has(r, "Content-Disposition: attachment; filename=\"audit.csv\"\r\n");
    assert_string_equal(r->got.body,
                        "at,actor,address,action,subject,detail\r\n"
                        "\"2026-01-08T12:00:00.000Z\",\"\",\"192.0.2.3\",\"login.failed\","
                        "\"'=cmd|'/c calc'!A1\",\"a\nb\"\r\n"
                        "\"2026-01-08T12:00:00.000Z\",\"ada\",\"192.0.2.3\",\"space.add\","
                        "\"say \"\"hi\"\", den\",\"\"\r\n");
    assert_int_equal(get(r, "/admin/audit.jsonl?action=space.add", &a), 200);
    assert_string_equal(r->got.body, "{\"at\":\"2026-01-08T12:00:00.000Z\",\"actor\":\"ada\","
                                     "\"address\":\"192.0.2.3\",\"action\":\"space.add\","
                                     "\"subject\":\"say \\\"hi\\\", den\",\"detail\":\"\"}\n");
}

static void nothing_of_the_audit_log_can_be_changed(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    assert_int_equal(post(r, "/admin/audit", &a, "x=y"), 405);
    assert_int_equal(post(r, "/admin/audit.csv", &a, "x=y"), 405);
    assert_int_equal(post(r, "/admin/requests", &a, "x=y"), 405);
}

/* ---- what is shown is text ---- */

static void nothing_shown_is_markup(void **state)
{
    struct rig *r = *state;
    struct asker a = ada(r);
    char path[128];
    struct uuid id = request_of(r, r->eve, EVIL, "", REQUEST_PROCESSING);
    attempt_of(r, id, 1, EVIL);
    struct uuid code = request_of(r, r->eve, "eve", EVIL, REQUEST_FAILED);
    final_of(r, id, "poisoned");
    audit_row(r, EVIL, EVIL, EVIL, EVIL, T0);
    static const char *const paths[] = {
        "/admin/requests", "/admin/requests?code=poisoned", "/admin/audit",
        "/admin/requests?code=%3Cimg+src%3Dx%3E&person=%3Cimg+src%3Dx%3E&from=%3Cimg+src%3Dx%3E",
        "/admin/audit?actor=%3Cimg+src%3Dx%3E&subject=%22%3E%3Cimg+src%3Dx%3E&until=%3Cimg+src"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(get(r, paths[i], &a), 200);
        assert_has_not(r, "<img");
        assert_has(r, "&lt;img");
    }
    assert_int_equal(get(r, path_of(path, "/admin/requests/{id}", id), &a), 200);
    assert_has_not(r, "<img");
    assert_has(r, "&lt;img");
    assert_int_equal(get(r, path_of(path, "/admin/requests/{id}", code), &a), 200);
    assert_has_not(r, "<img");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(only_admins_come_here),
        RIG_TEST(every_request_is_listed_without_its_words),
        RIG_TEST(requests_are_filtered),
        RIG_TEST(what_cannot_be_filtered_by_is_said),
        RIG_TEST(pages_of_requests_meet_and_keep_the_filter),
        RIG_TEST(what_was_set_aside_shows_its_history),
        RIG_TEST(the_overview_warns_of_what_was_set_aside_today),
        RIG_TEST(the_overview_warns_of_a_failing_disk),
        RIG_TEST(a_look_is_written_down_before_it_is_shown),
        RIG_TEST(ones_own_request_is_nobodys_business),
        RIG_TEST(an_admin_is_led_from_anothers_page_to_the_admins_page),
        RIG_TEST(anothers_words_cannot_be_run_again),
        RIG_TEST(audit_is_filtered),
        RIG_TEST(pages_of_the_audit_log_meet),
        RIG_TEST(the_audit_log_is_a_file_too),
        RIG_TEST(nothing_of_the_audit_log_can_be_changed),
        RIG_TEST(nothing_shown_is_markup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

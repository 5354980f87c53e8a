/* The data folder, calls from other threads, and what survives: with a real store and a real clock.
 */
#include "app/state.h"

#include "codec/token.h"

#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

struct bench {
    char root[64], dir[96]; /* dir is made by app_open */
    struct app *app;
    pthread_t hub;
    atomic_bool stop;
    struct buf why;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    struct bench *b = xcalloc(1, sizeof *b);
    snprintf(b->root, sizeof b->root, "/tmp/test_app.XXXXXX");
    assert_non_null(mkdtemp(b->root));
    snprintf(b->dir, sizeof b->dir, "%s/data", b->root);
    buf_init(&b->why, 4096);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    app_close(b->app);
    nftw(b->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    buf_release(&b->why);
    free(b);
    return 0;
}

static enum err open_as(struct bench *b, const char *dir, struct app **out)
{
    struct limits limits;
    limits_default(&limits);
    buf_clear(&b->why);
    return app_open(out, dir, &limits, &b->why);
}

static void open_app(struct bench *b)
{
    enum err e = open_as(b, b->dir, &b->app);
    if (e)
        fail_msg("app_open: %s", buf_cstr(&b->why));
}

static void close_app(struct bench *b)
{
    app_close(b->app);
    b->app = NULL;
}

static struct command command(enum command_kind kind)
{
    return (struct command){.kind = kind, .actor = {.role = ROLE_ADMIN, .name = "(cli)"}};
}

static struct command add_space(const char *name)
{
    struct command c = command(CMD_SPACE_ADD);
    c.space.max_apps = 1;
    c.space.queue_offline = true;
    assert_true(str_copy(c.space.name, sizeof c.space.name, str_of(name)));
    return c;
}

static size_t count_spaces(struct bench *b)
{
    struct command c = command(CMD_QUERY_SPACES);
    struct reply reply;
    assert_int_equal(app_call_alone(b->app, &c, &reply), OK);
    size_t count = reply.count;
    reply_release(&reply);
    return count;
}

/* ---- a thread in the hub's place ---- */

static void *poll_app(void *arg)
{
    struct bench *b = arg;
    while (!atomic_load(&b->stop)) {
        uint64_t ms = app_poll(b->app);
        poll(&(struct pollfd){.fd = app_wake_fd(b->app), .events = POLLIN}, 1,
             (int)(ms < 20 ? ms : 20));
    }
    return NULL;
}

static void start_hub(struct bench *b)
{
    atomic_store(&b->stop, false);
    assert_int_equal(pthread_create(&b->hub, NULL, poll_app, b), 0);
}

static void stop_hub(struct bench *b)
{
    atomic_store(&b->stop, true);
    pthread_join(b->hub, NULL);
}

/* ---- the folder ---- */

static mode_t mode_of(struct bench *b, const char *file)
{
    char path[200];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", b->dir, file);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void the_folder_and_what_is_secret_in_it_are_the_owner_s_alone(void **state)
{
    struct bench *b = *state;
    open_app(b);
    assert_int_equal(mode_of(b, ""), 0700);
    assert_int_equal(mode_of(b, "sign.key"), 0600);
    assert_string_equal(app_data_dir(b->app), b->dir);
    assert_true(app_needs_setup(b->app));
}

static void a_second_one_finds_the_folder_locked(void **state)
{
    struct bench *b = *state;
    struct app *second = NULL;
    open_app(b);
    assert_int_equal(open_as(b, b->dir, &second), ERR_LOCKED);
    assert_null(second);
    assert_non_null(strstr(buf_cstr(&b->why), "another spacerelay is using the data folder"));
    close_app(b);
    open_app(b); /* closing gives it free */
}

static void a_folder_that_cannot_be_made_or_written_is_refused(void **state)
{
    struct bench *b = *state;
    struct app *app = NULL;
    char path[200];
    snprintf(path, sizeof path, "%s/file", b->root);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(open_as(b, path, &app), ERR_IO);
    assert_non_null(strstr(buf_cstr(&b->why), path));
    snprintf(path, sizeof path, "%s/file/data", b->root);
    assert_int_equal(open_as(b, path, &app), ERR_IO);
    snprintf(path, sizeof path, "%s/closed", b->root);
    assert_int_equal(mkdir(path, 0500), 0);
    if (geteuid() != 0)
        assert_int_equal(open_as(b, path, &app), ERR_IO);
    assert_null(app);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    struct bench *b = *state;
    char path[200];
    open_app(b);
    close_app(b);
    snprintf(path, sizeof path, "%s/sign.key", b->dir);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(open_as(b, b->dir, &b->app), ERR_FORBIDDEN);
    assert_non_null(strstr(buf_cstr(&b->why), "0600"));
    assert_null(b->app);
    assert_int_equal(chmod(path, 0600), 0);
    open_app(b); /* the failed try has let go of the lock */
}

static void the_key_stays_the_same(void **state)
{
    struct bench *b = *state;
    open_app(b);
    struct sign_key first = *app_sign_key(b->app);
    close_app(b);
    open_app(b);
    assert_memory_equal(&first, app_sign_key(b->app), sizeof first);
}

/* ---- without a hub ---- */

static void a_call_alone_is_answered_when_it_is_on_disk(void **state)
{
    struct bench *b = *state;
    struct reply reply;
    open_app(b);
    struct command c = add_space("den");
    assert_int_equal(app_call_alone(b->app, &c, &reply), OK);
    assert_false(uuid_is_nil(reply.id));
    assert_int_equal(app_call_alone(b->app, &c, &reply), ERR_EXISTS);
    close_app(b);
    open_app(b);
    assert_int_equal(count_spaces(b), 1);
}

static void what_was_given_to_the_store_is_written_before_closing(void **state)
{
    struct bench *b = *state;
    char name[20];
    open_app(b);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "space %d", i);
        struct command c = add_space(name);
        struct relay_event e = {
            .kind = EVENT_COMMAND, .ticket = 999999, .command = &c}; /* nobody waits */
        app_event(b->app, &e);
    }
    close_app(b);
    open_app(b);
    assert_int_equal(count_spaces(b), 50);
}

static void what_a_turn_has_not_given_yet_is_written_before_closing(void **state)
{
    struct bench *b = *state;
    char name[20];
    open_app(b);
    app_hold_clock(b->app); /* the turn begins */
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "space %d", i);
        struct command c = add_space(name);
        struct relay_event e = {
            .kind = EVENT_COMMAND, .ticket = 999999, .command = &c}; /* nobody waits */
        app_event(b->app, &e);
    }
    close_app(b);
    open_app(b);
    assert_int_equal(count_spaces(b), 50);
}

static void set(struct bench *b, const char *name, const char *value)
{
    struct command c = command(CMD_SETTING_SET);
    struct reply reply;
    assert_true(str_copy(c.setting.name, sizeof c.setting.name, str_of(name)));
    assert_true(str_copy(c.setting.value, sizeof c.setting.value, str_of(value)));
    assert_int_equal(app_call_alone(b->app, &c, &reply), OK);
}

static void limits_are_settings_too_and_stay(void **state)
{
    struct bench *b = *state;
    open_app(b);
    set(b, "limit.grace_ms", "1234");
    set(b, "limit.grace_ms", "no number");
    set(b, "limit.no_such_limit", "5");
    set(b, "grace_ms", "5");
    assert_int_equal(app_limits(b->app)->grace_ms, 1234);
    assert_int_equal(app_limits_copy(b->app).grace_ms, 1234);
    set(b, "limit.grace_ms", "777");
    close_app(b);
    open_app(b);
    assert_int_equal(app_limits(b->app)->grace_ms, 777);
}

static void tokens_are_signed_with_the_folder_s_key(void **state)
{
    struct bench *b = *state;
    struct token_parts parts;
    struct buf text = BUF_INIT(4096);
    struct uuid_gen ids = {0};
    struct uuid token = uuid_next(&ids, 1000, 1), space = uuid_next(&ids, 1000, 2);
    open_app(b);
    assert_int_equal(app_token_text(b->app, token, space, 1000, 5000, &text), OK);
    assert_true(str_starts(buf_str(&text), STR("v4.public.")));
    assert_int_equal(token_verify(app_sign_key(b->app)->public_key, buf_str(&text), &parts), OK);
    assert_true(uuid_eq(parts.id, token) && uuid_eq(parts.space_id, space));
    assert_int_equal(parts.expires_ms, 5000);
    buf_release(&text);
}

/* ---- calls from other threads ---- */

static void a_thread_s_call_is_answered(void **state)
{
    struct bench *b = *state;
    struct reply reply;
    open_app(b);
    start_hub(b);
    struct command c = add_space("den");
    assert_int_equal(app_call(b->app, &c, PATIENCE_MS, &reply), OK);
    struct command query = command(CMD_QUERY_SPACES);
    assert_int_equal(app_call(b->app, &query, PATIENCE_MS, &reply), OK);
    assert_int_equal(reply.count, 1);
    assert_string_equal(reply.spaces[0].name, "den");
    reply_release(&reply);
    stop_hub(b);
}

struct caller {
    struct bench *bench;
    pthread_t thread;
    int number;
    unsigned right;
};

static void *call_often(void *arg)
{
    struct caller *x = arg;
    char name[30];
    for (int i = 0; i < 20; i++) {
        struct reply reply;
        snprintf(name, sizeof name, "space %d %d", x->number, i);
        struct command c = add_space(name);
        x->right += app_call(x->bench->app, &c, PATIENCE_MS, &reply) == OK &&
                    app_limits_copy(x->bench->app).web_threads;
    }
    return NULL;
}

static void many_threads_may_call_at_once(void **state)
{
    struct bench *b = *state;
    struct caller callers[8];
    open_app(b);
    start_hub(b);
    for (int i = 0; i < 8; i++) {
        callers[i] = (struct caller){.bench = b, .number = i};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].right, 20);
    }
    stop_hub(b);
    assert_int_equal(count_spaces(b), 160);
}

static void a_call_that_nobody_answers_times_out_and_may_still_happen(void **state)
{
    struct bench *b = *state;
    struct reply reply;
    open_app(b);
    struct command c = add_space("den");
    c.payload = bytes_new(STR("freed with the call"));
    assert_int_equal(app_call(b->app, &c, 30, &reply), ERR_TIMEOUT);
    assert_string_equal(reply.message, "The relay did not answer in time");
    assert_null(c.payload);
    do
        app_poll(b->app);
    while (app_saves_pending(b->app));
    assert_int_equal(count_spaces(b), 1);
}

static void a_call_abandoned_before_it_was_read_is_let_go_of_at_the_end(void **state)
{
    struct bench *b = *state;
    struct reply reply;
    open_app(b);
    struct command c = add_space("den");
    c.payload = bytes_new(STR("freed with the call"));
    assert_int_equal(app_call(b->app, &c, 1, &reply), ERR_TIMEOUT);
}

static void *call_once(void *arg)
{
    struct caller *x = arg;
    struct reply reply;
    struct command c = add_space("late");
    x->right = app_call(x->bench->app, &c, PATIENCE_MS, &reply) == ERR_SHUTTING_DOWN;
    return NULL;
}

static bool has_letters(struct bench *b)
{
    return poll(&(struct pollfd){.fd = app_wake_fd(b->app), .events = POLLIN}, 1, PATIENCE_MS) == 1;
}

static void calls_that_wait_and_later_ones_are_refused_when_polling_ends(void **state)
{
    struct bench *b = *state;
    struct caller caller = {.bench = b};
    struct reply reply;
    open_app(b);
    assert_int_equal(pthread_create(&caller.thread, NULL, call_once, &caller), 0);
    assert_true(has_letters(b));
    app_refuse_calls(b->app);
    pthread_join(caller.thread, NULL);
    assert_true(caller.right);
    struct command c = add_space("later");
    assert_int_equal(app_call(b->app, &c, PATIENCE_MS, &reply), ERR_SHUTTING_DOWN);
    assert_string_equal(reply.message, err_message(ERR_SHUTTING_DOWN));
}

static void *close_it(void *arg)
{
    struct bench *b = arg;
    assert_true(has_letters(b));
    close_app(b);
    return NULL;
}

static void closing_answers_a_call_that_waits(void **state)
{
    struct bench *b = *state;
    struct reply reply;
    open_app(b);
    struct app *app = b->app;
    struct command c = add_space("den");
    assert_int_equal(pthread_create(&b->hub, NULL, close_it, b), 0);
    assert_int_equal(app_call(app, &c, PATIENCE_MS, &reply), ERR_SHUTTING_DOWN);
    pthread_join(b->hub, NULL);
}

static void count_one(void *arg)
{
    ++*(int *)arg;
}

static void what_is_posted_runs_on_the_hub_s_thread(void **state)
{
    struct bench *b = *state;
    int count = 0;
    open_app(b);
    app_post(b->app, count_one, &count);
    app_post(b->app, count_one, &count);
    assert_int_equal(count, 0);
    app_poll(b->app);
    assert_int_equal(count, 2);
}

/* ---- effects and time ---- */

struct seen {
    struct app *app;
    size_t sends, depth;
};

static void sink(void *ctx, const struct effect *e)
{
    struct seen *s = ctx;
    assert_int_equal(s->depth, 0); /* never inside one another */
    s->depth++;
    if (e->kind == EFFECT_CLIENT_SEND) {
        struct relay_event gone = {.kind = EVENT_UNWATCH, .topic = e->client_out.topic};
        s->sends++;
        app_event(s->app, &gone);
    }
    s->depth--;
}

static void the_sink_may_feed_events_in_turn(void **state)
{
    struct bench *b = *state;
    open_app(b);
    struct seen seen = {.app = b->app};
    app_set_sink(b->app, sink, &seen);
    struct identity who = {0};
    struct client_msg m = {
        .kind = CLIENT_MSG_SUBSCRIBE, .topic = {.kind = TOPIC_SPACES}, .topic_known = true};
    struct relay_event e = {.kind = EVENT_CLIENT_MESSAGE, .conn = 1, .who = &who, .client_msg = &m};
    app_event(b->app, &e);
    app_event(b->app, &e);
    assert_int_equal(seen.sends, 2);
}

static void the_clock_stands_still_while_the_process_does(void **state)
{
    struct bench *b = *state;
    open_app(b);
    struct now before = app_now(b->app);
    b->app->last_mono_ms -= 3600000; /* as if the last turn had been an hour ago */
    struct now after = app_now(b->app);
    assert_true(after.mono_ms <= before.mono_ms);
    assert_true(before.mono_ms - after.mono_ms <= 3600000 - 2000);
    struct now later = app_now(b->app);
    assert_true(later.mono_ms >= after.mono_ms && later.mono_ms - after.mono_ms < 2000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_folder_and_what_is_secret_in_it_are_the_owner_s_alone),
        TEST(a_second_one_finds_the_folder_locked),
        TEST(a_folder_that_cannot_be_made_or_written_is_refused),
        TEST(a_key_that_others_may_read_is_refused),
        TEST(the_key_stays_the_same),
        TEST(a_call_alone_is_answered_when_it_is_on_disk),
        TEST(what_was_given_to_the_store_is_written_before_closing),
        TEST(what_a_turn_has_not_given_yet_is_written_before_closing),
        TEST(limits_are_settings_too_and_stay),
        TEST(tokens_are_signed_with_the_folder_s_key),
        TEST(a_thread_s_call_is_answered),
        TEST(many_threads_may_call_at_once),
        TEST(a_call_that_nobody_answers_times_out_and_may_still_happen),
        TEST(a_call_abandoned_before_it_was_read_is_let_go_of_at_the_end),
        TEST(calls_that_wait_and_later_ones_are_refused_when_polling_ends),
        TEST(closing_answers_a_call_that_waits),
        TEST(what_is_posted_runs_on_the_hub_s_thread),
        TEST(the_sink_may_feed_events_in_turn),
        TEST(the_clock_stands_still_while_the_process_does),
    };
    if (secret_start())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

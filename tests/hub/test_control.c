#include "hub/control.h"

#include "codec/control.h"
#include "hub/loop.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLS_MAX 64

/* The app, as far as the control socket sees it: answers at once, or when the test says so. */
struct app {
    char dir[400];
    bool late;
    app_answered *answered[CALLS_MAX];
    void *ctx[CALLS_MAX];
    char names[CALLS_MAX][SETTING_NAME_BYTES];
    size_t asked, told;
};

const char *app_data_dir(const struct app *a)
{
    return a->dir;
}

static void tell(struct app *a)
{
    struct reply r = {.err = ERR_NOT_FOUND};
    size_t i = a->told++;
    assert_true(str_copy(r.message, sizeof r.message, str_of(a->names[i])));
    a->answered[i](a->ctx[i], &r);
}

void app_command(struct app *a, struct command *cmd, app_answered *answered, void *ctx)
{
    assert_true(a->asked < CALLS_MAX);
    assert_int_equal(cmd->kind, CMD_USER_DISABLE);
    a->answered[a->asked] = answered;
    a->ctx[a->asked] = ctx;
    assert_true(str_copy(a->names[a->asked], USER_NAME_BYTES, str_of(cmd->user.name)));
    a->asked++;
    if (!a->late)
        tell(a);
}

struct fixture {
    struct app app;
    struct event_base *base;
    struct control *control;
    struct trigger *clock;
};

static void open_control(struct fixture *f)
{
    struct buf why = BUF_INIT(1000);
    if (control_new(&f->control, f->base, &f->app, &why))
        fail_msg("%s", buf_cstr(&why));
    buf_release(&why);
}

static void end_turn(void *base)
{
    loop_end(base);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strncpy(f->app.dir, "/tmp/test_control.XXXXXX", sizeof f->app.dir - 1);
    assert_non_null(mkdtemp(f->app.dir));
    f->base = loop_new();
    f->clock = trigger_timer(f->base, end_turn, f->base);
    open_control(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    control_free(f->control);
    while (f->app.told < f->app.asked)
        tell(&f->app); /* to nobody */
    trigger_free(f->clock);
    loop_free(f->base);
    assert_int_equal(rmdir(f->app.dir), 0); /* the socket's file is gone */
    free(f);
    return 0;
}

/* So many whole turns of the loop that everything which was under way has arrived, however slow the
 * machine: each turn takes what is readable before the clock. */
static void turn(struct fixture *f)
{
    for (int i = 0; i < 10; i++) {
        trigger_after(f->clock, 1);
        assert_int_equal(loop_run(f->base), OK);
    }
}

static int dial(const struct fixture *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n = snprintf(a.sun_path, sizeof a.sun_path, "%s/" CONTROL_SOCKET, f->app.dir);
    assert_true(fd >= 0 && n > 0 && (size_t)n < sizeof a.sun_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void say(int fd, const char *text, size_t n)
{
    assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void ask(int fd, const char *name)
{
    struct buf b = BUF_INIT(4096);
    struct command c = {.kind = CMD_USER_DISABLE, .flag = true};
    assert_true(str_copy(c.user.name, sizeof c.user.name, str_of(name)));
    assert_int_equal(control_encode_command(&b, &c), OK);
    say(fd, buf_str(&b).p, b.len);
    buf_release(&b);
}

/* What has come, as text; "" for nothing. */
static const char *hear(int fd, char out[8192])
{
    ssize_t n = recv(fd, out, 8191, MSG_DONTWAIT);
    out[n > 0 ? n : 0] = '\0';
    return out;
}

static bool ended(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static void the_socket_is_for_its_owner_only(void **state)
{
    struct fixture *f = *state;
    char path[500];
    struct stat st;
    snprintf(path, sizeof path, "%s/" CONTROL_SOCKET, f->app.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_file_left_over_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct control *first = f->control;
    open_control(f);
    int fd = dial(f);
    ask(fd, "ann");
    turn(f);
    char out[8192];
    assert_non_null(strstr(hear(fd, out), "ann"));
    close(fd);
    control_free(f->control);
    f->control = first;
}

static void commands_in_one_piece_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    char out[8192];
    int fd = dial(f);
    f->app.late = true;
    ask(fd, "ann");
    ask(fd, "bob");
    ask(fd, "cid");
    turn(f);
    assert_int_equal(f->app.asked, 1); /* one at a time */
    assert_true(control_busy(f->control));
    assert_string_equal(hear(fd, out), "");
    for (size_t i = 0; i < 3; i++) {
        tell(&f->app);
        turn(f);
        const char *names[] = {"ann", "bob", "cid"};
        assert_non_null(strstr(hear(fd, out), names[i]));
        assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
    }
    assert_false(control_busy(f->control));
    close(fd);
}

static void who_says_no_more_still_gets_the_answers(void **state)
{
    struct fixture *f = *state;
    char out[8192];
    for (int late = 0; late < 2; late++) {
        int fd = dial(f);
        f->app.late = late;
        ask(fd, "ann");
        ask(fd, "bob");
        shutdown(fd, SHUT_WR);
        turn(f);
        for (int i = 0; late && i < 2; i++) {
            tell(&f->app);
            turn(f);
        }
        hear(fd, out);
        assert_non_null(strstr(out, "ann"));
        assert_non_null(strstr(out, "bob"));
        assert_true(ended(fd));
        close(fd);
    }
}

static void a_late_answer_to_nobody_is_dropped(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    f->app.late = true;
    ask(fd, "ann");
    turn(f);
    close(fd);
    turn(f);
    tell(&f->app);
    turn(f);
    assert_false(control_busy(f->control));
    fd = dial(f);
    ask(fd, "bob");
    turn(f); /* and teardown frees the socket while bob waits */
    close(fd);
}

static void nonsense_gets_an_error_and_the_line_goes_on(void **state)
{
    struct fixture *f = *state;
    char out[8192];
    int fd = dial(f);
    say(fd, "{\n", 2);
    turn(f);
    assert_non_null(strstr(hear(fd, out), "bad_json"));
    ask(fd, "ann");
    turn(f);
    assert_non_null(strstr(hear(fd, out), "ann"));
    close(fd);
}

static void a_line_without_end_is_cut_off(void **state)
{
    struct fixture *f = *state;
    char piece[4096], out[8192];
    int fd = dial(f);
    memset(piece, ' ', sizeof piece);
    for (size_t sent = 0; sent < CONTROL_LINE_BYTES + 8 * sizeof piece;) {
        ssize_t n = send(fd, piece, sizeof piece, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            sent += (size_t)n;
        else
            turn(f);
        if (n < 0 && errno != EAGAIN)
            break;
    }
    turn(f);
    assert_non_null(strstr(hear(fd, out), "too_large"));
    close(fd);
}

static void so_many_connections_and_no_more(void **state)
{
    struct fixture *f = *state;
    int fds[CONTROL_CONNECTIONS + 1];
    for (size_t i = 0; i <= CONTROL_CONNECTIONS; i++) {
        fds[i] = dial(f);
        turn(f);
    }
    assert_false(ended(fds[0]));
    assert_true(ended(fds[CONTROL_CONNECTIONS]));
    close(fds[0]);
    turn(f);
    int fd = dial(f);
    turn(f);
    assert_false(ended(fd));
    close(fd);
    for (size_t i = 1; i <= CONTROL_CONNECTIONS; i++)
        close(fds[i]);
}

/* A folder whose path is longer than sun_path. */
static void a_long_path_is_fine(void **state)
{
    struct fixture *f = *state;
    char out[8192];
    control_free(f->control);
    size_t n = strlen(f->app.dir);
    f->app.dir[n] = '/';
    memset(f->app.dir + n + 1, 'd', 150);
    assert_int_equal(mkdir(f->app.dir, 0700), 0);
    open_control(f);

    struct sockaddr_un a = {.sun_family = AF_UNIX};
    DIR *dir = opendir(f->app.dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/" CONTROL_SOCKET, dirfd(dir));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    closedir(dir);
    ask(fd, "ann");
    turn(f);
    assert_non_null(strstr(hear(fd, out), "ann"));
    close(fd);

    control_free(f->control);
    assert_int_equal(rmdir(f->app.dir), 0);
    f->app.dir[n] = '\0';
    open_control(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_socket_is_for_its_owner_only),
        TEST(a_file_left_over_is_replaced),
        TEST(commands_in_one_piece_are_answered_in_order),
        TEST(who_says_no_more_still_gets_the_answers),
        TEST(a_late_answer_to_nobody_is_dropped),
        TEST(nonsense_gets_an_error_and_the_line_goes_on),
        TEST(a_line_without_end_is_cut_off),
        TEST(so_many_connections_and_no_more),
        TEST(a_long_path_is_fine),
    };
    signal(SIGPIPE, SIG_IGN); /* as hub_run does */
    return secret_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

/* Streams over real sockets: who is served first. */
#include "base/alloc.h"
#include "hub/stream.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define STREAMS 400

struct rig {
    struct event_base *base;
    struct stream_loop loop;
    struct stream streams[STREAMS];
    int peers[STREAMS];
};

static void on_data(void *owner, struct str in)
{
    (void)owner;
    (void)in;
}

static void on_nothing(void *owner)
{
    (void)owner;
}

static const struct stream_calls calls = {
    .data = on_data, .end = on_nothing, .broken = on_nothing, .released = on_nothing};

static int set_up(void **state)
{
    struct rig *t = xcalloc(1, sizeof *t);
    t->base = event_base_new();
    stream_loop_init(&t->loop, t->base);
    for (size_t i = 0; i < STREAMS; i++) {
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                         0);
        stream_init(&t->streams[i], &t->loop, ends[0], NULL, false, &calls, t);
        t->peers[i] = ends[1];
    }
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *t = *state;
    for (size_t i = 0; i < STREAMS; i++) {
        stream_close(&t->streams[i]);
        close(t->peers[i]);
    }
    stream_loop_release(&t->loop);
    event_base_free(t->base);
    free(t);
    return 0;
}

static size_t arrived(const struct rig *t, size_t i)
{
    int n = 0;
    assert_int_equal(ioctl(t->peers[i], FIONREAD, &n), 0);
    return (size_t)n;
}

static size_t served(const struct rig *t)
{
    size_t n = 0;
    for (size_t i = 0; i < STREAMS; i++)
        n += arrived(t, i) > 0;
    return n;
}

static void turn(struct rig *t)
{
    assert_int_not_equal(event_base_loop(t->base, EVLOOP_ONCE | EVLOOP_NONBLOCK), -1);
}

static void give_all(struct rig *t, const char *text)
{
    struct bytes *b = bytes_new(str_of(text));
    for (size_t i = 0; i < STREAMS; i++)
        stream_give_crowd(&t->streams[i], bytes_ref(b));
    bytes_unref(b);
}

static void what_a_crowd_gets_lets_others_go_first(void **state)
{
    struct rig *t = *state;
    give_all(t, "news");
    stream_write(&t->streams[STREAMS - 1], STR("!"));
    turn(t);
    assert_int_equal(arrived(t, STREAMS - 1), 5); /* its news before, as it was given */
    size_t first = served(t);
    assert_true(first > 1 && first < STREAMS);
    stream_write(&t->streams[STREAMS - 2], STR("!")); /* between two parts of the crowd */
    turn(t);
    assert_int_equal(arrived(t, STREAMS - 2), 5);
    assert_true(served(t) > first);
}

static void a_crowd_is_served_whole_in_the_end(void **state)
{
    struct rig *t = *state;
    give_all(t, "one");
    turn(t);
    give_all(t, "two"); /* behind the first, also where that is still to be written */
    for (int i = 0; i < STREAMS; i++)
        turn(t);
    for (size_t i = 0; i < STREAMS; i++) {
        char got[8] = "";
        assert_int_equal(read(t->peers[i], got, sizeof got), 6);
        assert_string_equal(got, "onetwo");
    }
    assert_int_equal(t->loop.unsent, 0);
}

static void a_crowd_is_served_while_input_keeps_coming(void **state)
{
    struct rig *t = *state;
    give_all(t, "news");
    for (int i = 0; i < STREAMS && served(t) < STREAMS; i++) {
        assert_int_equal(write(t->peers[0], "x", 1), 1);
        turn(t);
    }
    assert_int_equal(served(t), STREAMS);
}

static void one_that_is_closed_meanwhile_is_left_out(void **state)
{
    struct rig *t = *state;
    give_all(t, "news");
    stream_close(&t->streams[STREAMS - 1]);
    for (int i = 0; i < STREAMS; i++)
        turn(t);
    assert_int_equal(served(t), STREAMS - 1);
    assert_int_equal(t->streams[STREAMS - 1].fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_crowd_gets_lets_others_go_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_is_served_whole_in_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_is_served_while_input_keeps_coming, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_closed_meanwhile_is_left_out, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

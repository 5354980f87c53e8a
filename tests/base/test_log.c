#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LINE_BYTES 16384

/* stderr as a socket that keeps the boundaries between writes. */
struct capture {
    int saved_stderr, read_end;
};

static struct capture capture_begin(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    struct capture c = {.saved_stderr = dup(STDERR_FILENO), .read_end = ends[0]};
    assert_true(c.saved_stderr >= 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return c;
}

static void capture_end(struct capture *c)
{
    dup2(c->saved_stderr, STDERR_FILENO);
    close(c->saved_stderr);
}

/* The next write as a string; false when there was none. After capture_end only. */
static bool next_write(const struct capture *c, char out[LINE_BYTES])
{
    ssize_t n = recv(c->read_end, out, LINE_BYTES - 1, MSG_DONTWAIT);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* What one call wrote, after "time level area: ", without its line feed. */
#define LOGGED(out, ...)                                                                           \
    do {                                                                                           \
        struct capture capture_ = capture_begin();                                                 \
        log_warn("area", __VA_ARGS__);                                                             \
        capture_end(&capture_);                                                                    \
        take_message(&capture_, out);                                                              \
    } while (0)

static void take_message(struct capture *c, char out[LINE_BYTES])
{
    char line[LINE_BYTES], more[LINE_BYTES];
    assert_true(next_write(c, line));
    assert_false(next_write(c, more));
    close(c->read_end);
    size_t n = strlen(line);
    assert_int_equal(line[n - 1], '\n');
    line[n - 1] = '\0';
    char *start = strstr(line, " warn area: ");
    assert_non_null(start);
    assert_int_equal(start - line, 19);
    memcpy(out, start + 12, strlen(start + 12) + 1);
}

static void a_line_tells_time_level_and_area(void **state)
{
    (void)state;
    char line[LINE_BYTES];
    regex_t form;
    assert_int_equal(regcomp(&form,
                             "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} error "
                             "store: disk 7 is full\n$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    struct capture c = capture_begin();
    log_error("store", "disk %d is %s", 7, "full");
    capture_end(&c);
    assert_true(next_write(&c, line));
    assert_int_equal(regexec(&form, line, 0, NULL, 0), 0);
    assert_false(next_write(&c, line));
    close(c.read_end);
    regfree(&form);
}

static size_t lines_written_by_all_levels(void)
{
    char line[LINE_BYTES];
    size_t n = 0;
    struct capture c = capture_begin();
    log_debug("a", "x");
    log_info("a", "x");
    log_warn("a", "x");
    log_error("a", "x");
    capture_end(&c);
    while (next_write(&c, line))
        n++;
    close(c.read_end);
    return n;
}

static void levels_below_the_set_one_are_silent(void **state)
{
    (void)state;
    assert_int_equal(lines_written_by_all_levels(), 3); /* the default is info */
    log_set_level(LOG_DEBUG);
    assert_int_equal(lines_written_by_all_levels(), 4);
    log_set_level(LOG_ERROR);
    assert_int_equal(lines_written_by_all_levels(), 1);
    log_set_level(LOG_INFO);
}

static void no_peer_can_forge_a_line(void **state)
{
    (void)state;
    char out[LINE_BYTES];
    LOGGED(out, "name %s", "x\n2026-01-01 00:00:00 error a: forged\r");
    assert_string_equal(out, "name x\\x0a2026-01-01 00:00:00 error a: forged\\x0d");
    LOGGED(out, "%s", "\x1b[2J\t\x7f");
    assert_string_equal(out, "\\x1b[2J\\x09\\x7f");
    LOGGED(out, "a%cb", '\0');
    assert_string_equal(out, "a\\x00b");
    LOGGED(out, "%s",
           "\xc2\x9b"
           "2J \xc2\x85 \xc2\xa0");
    assert_string_equal(out, "\\xc2\\x9b2J \\xc2\\x85 \xc2\xa0");
}

static void text_in_any_language_stays_readable(void **state)
{
    (void)state;
    char out[LINE_BYTES];
    LOGGED(out, "%s", "\xe4\xbd\xa0\xe5\xa5\xbd \xc3\x80 \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_string_equal(out, "\xe4\xbd\xa0\xe5\xa5\xbd \xc3\x80 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void what_is_not_utf8_is_escaped(void **state)
{
    (void)state;
    char out[LINE_BYTES];
    LOGGED(out, "a%s", "\x9b\xff\xc2");
    assert_string_equal(out, "a\\x9b\\xff\\xc2");
}

static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    char text[6001], out[LINE_BYTES];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        LOGGED(out, "%s", text);
        size_t n = strlen(out);
        assert_in_range(n, 2000, 2100);
        assert_string_equal(out + n - 3, "...");
        assert_memory_equal(out, text, n - 3);
        assert_int_equal((n - 3 - shift) % 3, 0);
    }
    for (size_t length = 2040; length < 2060; length++) { /* about the size of the array */
        memset(text, 'a', length);
        text[length] = '\0';
        LOGGED(out, "%s", text);
        bool whole = strcmp(out, text) == 0;
        assert_int_equal(whole, length < 2048);
        assert_int_equal(strspn(out, "a") + (whole ? 0 : 3), strlen(out));
    }
    memset(text, '\n', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    LOGGED(out, "%s", text); /* still one write, four times as long */
    assert_in_range(strlen(out), 8000, 8400);
    memset(text, '\x80', sizeof text - 1);
    LOGGED(out, "seen: %s", text);
    assert_in_range(strlen(out), 8000, 8400);
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    struct capture c = capture_begin();
    errno = ENOENT;
    log_warn("area", "written");
    int after = errno;
    close(STDERR_FILENO);
    log_warn("area", "nowhere to go");
    int after_failure = errno;
    capture_end(&c);
    assert_int_equal(after, ENOENT);
    assert_int_equal(after_failure, ENOENT);
    close(c.read_end);
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 20; i++)
        log_warn("area", "%s", (const char *)arg);
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    char *words[] = {"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"};
    char line[LINE_BYTES];
    pthread_t threads[3];
    int lines = 0;
    struct capture c = capture_begin();
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, log_many, words[i]);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    capture_end(&c);
    for (; next_write(&c, line); lines++) {
        const char *message = strstr(line, "area: ");
        assert_non_null(message);
        assert_int_equal(strlen(message + 6), 17);
        assert_int_equal(strspn(message + 6, (char[]){message[6], '\0'}), 16);
    }
    assert_int_equal(lines, 60);
    close(c.read_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_tells_time_level_and_area),
        cmocka_unit_test(levels_below_the_set_one_are_silent),
        cmocka_unit_test(no_peer_can_forge_a_line),
        cmocka_unit_test(text_in_any_language_stays_readable),
        cmocka_unit_test(what_is_not_utf8_is_escaped),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(errno_is_left_alone),
        cmocka_unit_test(lines_of_several_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

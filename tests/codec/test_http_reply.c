#include "codec/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http_run.h"

static void expect_reply(enum http_method method, const char *text, const char *want)
{
    struct buf transcript = BUF_INIT(SIZE_MAX);
    struct http_run run = {.limits = SMALL_LIMITS, .reply = true, .method = method};
    http_run_ways(run, str_of(text), 12, &transcript);
    assert_string_equal(buf_cstr(&transcript), want);
    buf_release(&transcript);
}

static void replies_end_where_their_framing_says(void **state)
{
    (void)state;
    expect_reply(
        HTTP_GET,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
        "200 HTTP/1.1\n  Content-Length=2\nkeep-alive body length 2\n2:ok\n"
        "404 HTTP/1.1\n  Content-Length=0\nkeep-alive body length 0\n0:\nend, 0 bytes held\n");
    expect_reply(HTTP_POST,
                 "HTTP/1.1 201 Made it\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                 "201 HTTP/1.1\n  Transfer-Encoding=chunked\nkeep-alive body chunked 0\n2:ok\n"
                 "end, 0 bytes held\n");
    expect_reply(HTTP_GET, "HTTP/1.1 200 OK\r\n\r\nuntil the end",
                 "200 HTTP/1.1\nbody until close 0\nend in the body, 13 bytes held\n");
    expect_reply(HTTP_GET,
                 "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
                 "200 HTTP/1.0\n  Connection=keep-alive\n  Content-Length=1\n"
                 "keep-alive body length 1\n1:x\nend, 0 bytes held\n");
}

static void some_replies_have_no_body_whatever_they_say(void **state)
{
    (void)state;
    expect_reply(
        HTTP_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        "200 HTTP/1.1\n  Content-Length=9\nkeep-alive body none 9\n0:\nend, 0 bytes held\n");
    expect_reply(
        HTTP_GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        "304 HTTP/1.1\n  Content-Length=9\nkeep-alive body none 9\n0:\nend, 0 bytes held\n");
    expect_reply(
        HTTP_GET, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "100 HTTP/1.1\nkeep-alive body none 0\n0:\n204 HTTP/1.1\nkeep-alive body none 0\n0:\n"
        "end, 0 bytes held\n");
    expect_reply(
        HTTP_GET, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        "101 HTTP/1.1\n  Upgrade=websocket\nkeep-alive body none 0\n0:\nend, 0 bytes held\n");
}

static void malformed_replies_are_refused(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 204 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\n\n",
        "HTTP/1.1 200 a\rb\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 +20 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct buf transcript = BUF_INIT(SIZE_MAX);
        struct http_run run = {.limits = SMALL_LIMITS, .reply = true};
        http_run_ways(run, str_of(replies[i]), 12, &transcript);
        if (!str_starts(buf_str(&transcript), STR("refused ")))
            fail_msg("%s\n%s", replies[i], buf_cstr(&transcript));
        buf_release(&transcript);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_end_where_their_framing_says),
        cmocka_unit_test(some_replies_have_no_body_whatever_they_say),
        cmocka_unit_test(malformed_replies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

"""The edge's HTTP/1.1 against raw sockets (tests/ws_echo.c): framing, limits, keep-alive, slow and odd clients."""
import json
import select
import socket
import threading

import pytest

from edge_fixture import edge, running_edge  # edge is a fixture

SMUGGLED = b"GET /who HTTP/1.1\r\nHost: smuggled\r\n\r\n"


def refused(edge, raw, status, method="GET"):
    """raw is answered with that status, and what follows it is not read as a request."""
    with edge.connect() as c:
        c.send((raw.encode("latin-1") if isinstance(raw, str) else raw) + SMUGGLED)
        r = c.reply(method)
        assert r.status == status, (r.status, r.body)
        assert r["Connection"] == "close"
        assert c.ended()
        return r


def post(path="/x", fields="", body=b"", version="1.1"):
    return f"POST {path} HTTP/{version}\r\nHost: localhost\r\n{fields}\r\n".encode() + body


# ---- one way to find the end of a message ----

@pytest.mark.parametrize(
    "raw",
    [
        post(fields="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"),
        post(fields="Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", body=b"0\r\n\r\n"),
        post(fields="Content-Length: 5\r\nContent-Length: 5\r\n", body=b"hello"),
        post(fields="Content-Length: 5\r\nContent-Length: 6\r\n", body=b"hello"),
        post(fields="Content-Length: 5, 5\r\n", body=b"hello"),
        post(fields="Content-Length: +5\r\n", body=b"hello"),
        post(fields="Content-Length: -1\r\n", body=b""),
        post(fields="Content-Length: 0x5\r\n", body=b"hello"),
        post(fields="Content-Length: 5 5\r\n", body=b"hello"),
        post(fields="Content-Length: \r\n", body=b""),
        post(fields="Content-Length: 99999999999999999999\r\n", body=b""),
        post(fields="Content-Length : 5\r\n", body=b"hello"),
        post(fields="Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"),
        post(fields="Transfer-Encoding: identity\r\n", body=b""),
        post(fields="Transfer-Encoding: xchunked\r\n", body=b"0\r\n\r\n"),
        post(fields="Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"),
        post(fields="Transfer-Encoding: chunked, identity\r\n", body=b"0\r\n\r\n"),
        post(fields="Transfer-Encoding:\x0bchunked\r\n", body=b"0\r\n\r\n"),
        post(fields="Transfer-Encoding\r\n: chunked\r\n", body=b"0\r\n\r\n"),
        post(fields="Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n", version="1.0"),
        b"GET /x HTTP/1.1\nHost: a\n\n",
        b"GET /x HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        b"GET /x HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a@b\r\n\r\n",
        b"GET  /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"GET /x y HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n",
    ],
)
def test_ambiguous_requests_are_refused_and_nothing_behind_them_is_read(edge, raw):
    refused(edge, raw, 400)


@pytest.mark.parametrize(
    "body",
    [b"5\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n",
     b"0x5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"\r\n", b"-1\r\n\r\n",
     b"fffffffffffffffff\r\n", b"5;x\ny\r\nhello\r\n0\r\n\r\n", b"g\r\n", b"0\r\nbad trailer\r\n\r\n",
     b"5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n"],
)
def test_odd_chunks_are_refused_and_nothing_behind_them_is_read(edge, body):
    refused(edge, post(fields="Transfer-Encoding: chunked\r\n", body=body), 400)


def test_other_refusals_have_their_own_status(edge):
    refused(edge, "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", 501)
    refused(edge, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501)
    refused(edge, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505)
    refused(edge, "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505)
    refused(edge, "GET /" + "x" * 9000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414)
    refused(edge, "GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 9000 + "\r\n\r\n", 431)
    refused(edge, "GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 100 + "\r\n", 431)
    refused(edge, "GET / HTTP/1.1\r\nHost: a\r\n" + f"X: {'y' * 4000}\r\n" * 5 + "\r\n", 431)
    refused(edge, "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417)


def test_limits_are_judged_before_the_head_is_complete(edge):
    with edge.connect() as c:
        c.send("GET /" + "x" * 17000)
        assert c.reply().status == 414
    with edge.connect() as c:
        c.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 17000)
        assert c.reply().status == 431


def test_refusals_carry_the_security_headers(edge):
    r = refused(edge, "GET / HTTP/1.1\r\n\r\n", 400)
    assert r["X-Content-Type-Options"] == "nosniff"
    assert r["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert r["Cache-Control"] == "no-store" and r["Date"].endswith(" GMT")


def test_replies_carry_the_security_headers(edge):
    r = edge.get("/who")
    assert r["X-Content-Type-Options"] == "nosniff" and r["Referrer-Policy"] == "same-origin"
    assert r["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert r["Cache-Control"] == "no-store" and r["Date"].endswith(" GMT")
    assert len([1 for name, _ in r.fields if name == "Content-Length"]) == 1


def test_errors_are_json_with_a_code(edge):
    r = edge.get("/nothing")
    assert r.status == 404
    assert json.loads(r.body) == {"error": {"code": "not_found", "message": "There is nothing here"}}


# ---- bodies ----

@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 1 << 20, 16 << 20])
def test_bodies_come_whole(edge, size):
    body = bytes(range(256)) * (size // 256 + 1)
    r = edge.get("/x", method="POST", body=body[:size])
    assert r.status == 200 and r.body == body[:size] and r["X-Echo"] == "yes"


CHUNKED = b"5\r\nhello\r\n1;a=b\r\n \r\nA\r\n0123456789\r\n0\r\nX-Trailer: y\r\n\r\n"


def test_chunks_are_joined(edge):
    with edge.connect() as c:
        c.send(post(fields="Transfer-Encoding: chunked\r\n", body=CHUNKED) + SMUGGLED)
        assert c.reply().body == b"hello 0123456789"
        assert c.reply().body.endswith(b"http://smuggled")


def test_requests_may_come_byte_by_byte(edge):
    with edge.connect() as c:
        c.send_slowly(post(fields="Transfer-Encoding: chunked\r\n", body=CHUNKED) + SMUGGLED)
        assert c.reply().body == b"hello 0123456789"
        assert c.reply().body.endswith(b"http://smuggled")


def test_body_above_the_route_limit_is_refused_before_it_is_read(edge):
    with edge.connect() as c:
        c.send(post("/small", "Content-Length: 1025\r\n"))  # and no body
        r = c.reply()
        assert r.status == 413 and r["Connection"] == "close"
        assert c.ended()


def test_chunked_body_above_the_limit_is_refused(edge):
    refused(edge, post("/small", "Transfer-Encoding: chunked\r\n", b"401\r\n"), 413)
    with edge.connect() as c:
        c.send(post("/small", "Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n" * 1025))
        assert c.reply().status == 413


def test_body_at_the_limit_is_taken(edge):
    assert edge.get("/small", method="POST", body=b"x" * 1024).status == 200


def test_client_still_sending_gets_to_see_its_refusal(edge):
    """Closing at once would reset the connection and lose the reply."""
    body = b"x" * (8 << 20)
    with edge.connect() as c:
        c.send(post("/small", f"Content-Length: {len(body)}\r\n", body))
        assert c.reply().status == 413
        assert c.ended()


def test_client_that_goes_on_sending_for_long_is_not_reset(edge):
    with edge.connect() as c:
        c.send(post("/small", "Content-Length: 1000000\r\n"))
        assert c.reply().status == 413
        for _ in range(30):  # longer than a silent client would be waited for
            select.select([], [], [], 0.1)
            c.send(b"x" * 100)
        assert c.ended()


def test_early_reply_keeps_the_connection_when_the_body_is_there(edge):
    with edge.connect() as c:
        r = c.get("/early", method="POST", body=b"hello")
        assert r.status == 401 and r["Connection"] is None and r["Retry-After"] == "2"
        assert c.get("/who").status == 200


def test_early_reply_ends_the_connection_when_it_is_not(edge):
    with edge.connect() as c:
        c.send(post("/early", "Content-Length: 100\r\n", b"hello"))
        r = c.reply()
        assert r.status == 401 and r["Connection"] == "close"
        assert c.ended()


# ---- Expect ----

def test_continue_is_said_once_the_head_is_accepted(edge):
    with edge.connect() as c:
        c.send(post(fields="Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert c.head().status == 100
        c.send("hello")
        assert c.reply().body == b"hello"


def test_continue_is_not_said_before_a_refusal(edge):
    for path, length, status in (("/small", 2000, 413), ("/early", 5, 401)):
        with edge.connect() as c:
            c.send(post(path, f"Content-Length: {length}\r\nExpect: 100-continue\r\n"))
            assert c.reply().status == status
            assert c.ended()


def test_continue_is_not_said_when_the_body_is_there_or_to_http_1_0(edge):
    fields = "Content-Length: 5\r\nExpect: 100-continue\r\n"
    for version in ("1.1", "1.0"):
        with edge.connect() as c:
            c.send(post(fields=fields, body=b"hello", version=version))
            assert c.reply().status == 200
    with edge.connect() as c:
        c.send(post(fields=fields, version="1.0"))
        assert select.select([c.sock], [], [], 0.05)[0] == []
        c.send("hello")
        assert c.reply().status == 200


# ---- keep-alive ----

def test_http_1_1_stays_open(edge):
    with edge.connect() as c:
        for _ in range(3):
            assert c.get("/who")["Connection"] is None
        assert c.get("/x", method="POST", body=b"x").body == b"x"
        assert c.get("/who", "Connection: close\r\n")["Connection"] == "close"
        assert c.ended()


def test_http_1_0_stays_open_only_when_asked(edge):
    with edge.connect() as c:
        c.send("GET /who HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        r = c.reply()
        assert r.status == 200 and r["Connection"] == "keep-alive"
        c.send("GET /who HTTP/1.0\r\n\r\n")
        assert c.reply()["Connection"] == "close"
        assert c.ended()


def test_head_has_no_body_and_the_connection_stays_usable(edge):
    with edge.connect() as c:
        r = c.get("/who", method="HEAD")
        assert r.status == 200 and int(r["Content-Length"]) > 0
        assert c.get("/who").status == 200
        assert c.get("/nothing", method="HEAD").status == 404
        assert c.get("/who").status == 200


def test_pipelined_requests_are_answered_in_order(edge):
    with edge.connect() as c:
        c.send(b"".join(post(fields="Content-Length: 5\r\n", body=b"%05d" % i) + SMUGGLED for i in range(200)))
        for i in range(200):
            assert c.reply().body == b"%05d" % i
            assert c.reply().status == 200


def test_pipelining_waits_for_the_reader(edge):
    """More requests than any buffer holds replies for, by a client that reads only when it cannot write."""
    count = 20000
    request = b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n"
    with edge.connect(small=True) as c:
        writer = threading.Thread(target=c.send, args=(request * count,))
        writer.start()
        for _ in range(count):
            assert c.reply().status == 200
        writer.join()


def test_replies_do_not_pile_up_for_one_who_only_asks(edge):
    with edge.connect(small=True) as c:
        asked = c.send_until_it_blocks(SMUGGLED * 1000) // len(SMUGGLED)
        assert edge.stats()["unsent_bytes"] < 150000
        for _ in range(min(asked, 1000)):
            assert c.reply().status == 200


def test_error_in_a_pipeline_ends_it_after_the_earlier_replies(edge):
    with edge.connect() as c:
        c.send(SMUGGLED + SMUGGLED + b"GET / HTTP/1.1\r\n\r\n" + SMUGGLED)
        assert [c.reply().status for _ in range(3)] == [200, 200, 400]
        assert c.ended()


def test_one_empty_line_before_a_request_is_skipped(edge):
    with edge.connect() as c:
        c.send(b"\r\n" + SMUGGLED + b"\r\n" + SMUGGLED)
        assert [c.reply().status for _ in range(2)] == [200, 200]


def test_absolute_form_names_the_host(edge):
    with edge.connect() as c:
        c.send("GET http://Example.org:80/who HTTP/1.1\r\nHost: other\r\n\r\n")
        assert c.reply().body == b"127.0.0.1 plain http://example.org"


def test_client_that_half_closes_gets_its_replies(edge):
    with edge.connect() as c:
        c.send(SMUGGLED * 3)
        c.sock.shutdown(socket.SHUT_WR)
        assert [c.reply().status for _ in range(3)] == [200] * 3
        assert c.ended()


# ---- replies that come later ----

def test_held_request_is_answered_later_and_the_pipeline_goes_on(edge):
    with edge.connect() as c:
        c.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED.decode())
        edge.wait_for(lambda e: e.stats()["held"])
        assert edge.get("/release").body == b"1"
        assert c.reply().body == b"released"
        assert c.reply().status == 200


def test_handler_hears_of_a_client_that_went_away():
    with running_edge() as e:
        for half in (False, True):
            with e.connect() as c:
                c.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
                e.wait_for(lambda e: e.stats()["held"])
                if half:
                    c.sock.shutdown(socket.SHUT_WR)
                    assert c.ended()
            e.wait_for(lambda e: not e.stats()["held"])
        assert e.log() == ["abandoned", "abandoned"]
        assert e.get("/release").body == b"0"


def test_much_input_behind_a_held_request_is_not_read(edge):
    with edge.connect() as c:
        c.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        edge.wait_for(lambda e: e.stats()["held"])
        assert c.send_until_it_blocks(SMUGGLED * 1000) > 1000 * len(SMUGGLED)
        assert edge.get("/release").body == b"1"
        assert c.reply().body == b"released"
        for _ in range(1000):
            assert c.reply().status == 200


def test_large_body_behind_a_held_request_is_read_in_its_turn(edge):
    body = b"b" * (6 << 20)
    with edge.connect() as c:
        c.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        writer = threading.Thread(target=c.send, args=(post(fields=f"Content-Length: {len(body)}\r\n", body=body),))
        writer.start()
        edge.wait_for(lambda e: e.stats()["held"])
        assert edge.get("/release").body == b"1"
        assert c.reply().body == b"released"
        assert c.reply().body == body
        writer.join()


# ---- time ----

def test_slow_head_gets_408():
    with running_edge(limits={"head_ms": 200}) as e, e.connect() as c:
        c.send("GET / HTTP/1.1\r\nHo")
        r = c.reply()
        assert r.status == 408 and r["Connection"] == "close"
        assert c.ended()


def test_second_head_is_timed_as_well():
    with running_edge(limits={"head_ms": 200}) as e, e.connect() as c:
        assert c.get("/who").status == 200
        c.send("GET / HTTP/1.1\r\nHo")
        assert c.reply().status == 408


def test_dripping_a_head_does_not_buy_time():
    with running_edge(limits={"head_ms": 300}) as e, e.connect() as c:
        c.sock.setblocking(False)
        head = b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 90
        for i in range(len(head)):
            c.sock.send(head[i : i + 1])
            if select.select([c.sock], [], [], 0.01)[0]:
                break
        assert i < len(head) - 100
        c.sock.setblocking(True)
        assert c.reply().status == 408


def test_silent_and_idle_connections_are_closed_without_a_word():
    with running_edge(limits={"head_ms": 100, "keep_alive_ms": 100}) as e:
        with e.connect() as c:
            assert c.ended()
        with e.connect() as c:
            assert c.get("/who").status == 200
            assert c.ended()


def test_body_that_stops_gets_408():
    with running_edge(limits={"body_idle_ms": 200}) as e, e.connect() as c:
        c.send(post(fields="Content-Length: 5\r\n", body=b"he"))
        assert c.reply().status == 408
        assert c.ended()


def test_body_must_keep_the_pace():
    with running_edge(limits={"pace_window_ms": 200, "pace_bytes_per_s": 100000}) as e, e.connect() as c:
        c.send(post(fields="Content-Length: 5000\r\n", body=b"x" * 1000))
        assert c.reply().status == 408
        assert c.ended()


def test_client_that_does_not_take_its_reply_is_dropped():
    with running_edge(limits={"body_idle_ms": 200, "keep_alive_ms": 200}) as e, e.connect(small=True) as c:
        c.send(post(fields=f"Content-Length: {12 << 20}\r\n", body=b"x" * (12 << 20)))
        e.wait_for(lambda e: e.stats()["connections"] == 1)
        assert e.stats()["unsent_bytes"] == 0

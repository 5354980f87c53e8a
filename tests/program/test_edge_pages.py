"""The inner hop: what the web threads get to see, and what becomes of their replies (tests/ws_echo.c, /page/...)."""
import json
import select
import signal
import socket
import threading
import time

import pytest

from edge_fixture import frame, running_edge
from inner_fixture import SECRET, Web, listening


@pytest.fixture
def pages(request):
    """(edge, web); parametrize indirectly with (connections, limits)."""
    connections, limits = getattr(request, "param", (2, {}))
    web = Web()
    with running_edge(INNER=f"{web.path} {connections} {SECRET}", limits=limits) as e:
        yield e, web
    web.stop()


def ask(edge, path="/page/x", fields="", method="GET", body=b"", chunked=False):
    """A client that has asked and not yet read its reply."""
    c = edge.connect()
    length = "Transfer-Encoding: chunked\r\n" if chunked else f"Content-Length: {len(body)}\r\n" if body else ""
    c.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}{length}\r\n".encode() + body)
    return c


def finish(c, status, body=None, method="GET"):
    r = c.reply(method)
    assert r.status == status, (r.status, r.body)
    assert body is None or r.body == body
    c.sock.close()
    return r


# ---- the request as it arrives ----

def test_request_is_written_anew(pages):
    edge, web = pages
    c = ask(edge, "/page/a%20b%C3%A4%3f?q=%20x&y=/?", "Accept: text/html\r\ncookie: who=anna\r\nCookie: b=2\r\n")
    hop = web.next()
    assert hop.line == "GET /page/a%20b%C3%A4%3F?q=%20x&y=/? HTTP/1.1"
    assert hop["Host"] == "localhost" and hop["Accept"] is None and hop["Cookie"] == "who=anna; b=2"
    assert hop["X-Relay-Secret"] == SECRET
    assert hop["X-Relay-Address"] == "127.0.0.1" and hop["X-Relay-Origin"] == "http://localhost"
    assert hop["X-Relay-User"] == "anna" and hop["X-Relay-User-Key"] == "7"
    assert hop["X-Relay-Role"] == "admin" and hop["X-Relay-Session"] == "8" and hop["X-Relay-Language"] == "de"
    assert hop["Content-Length"] is None
    hop.reply(b"page")
    finish(c, 200, b"page")


def test_pages_get_no_more_fields_than_they_read_however_many_come(pages):
    edge, web = pages
    c = ask(edge, fields="".join(f"X-{i}: {i}\r\n" for i in range(80)) + "Accept-Language: en\r\n")
    hop = web.next()
    assert hop["Accept-Language"] == "en" and not any(name.startswith("X-") and name[2:].isdigit() for name, _ in hop.fields)
    hop.reply(b"page")
    finish(c, 200)


def test_nobody_has_no_identity(pages):
    edge, web = pages
    c = ask(edge)
    hop = web.next()
    assert not any(name.startswith("X-Relay-User") or name == "X-Relay-Role" for name, _ in hop.fields)
    hop.reply(b"page")
    finish(c, 200)


def test_fields_that_are_the_edges_own_are_dropped(pages):
    edge, web = pages
    forged = ["X-Relay-Secret", "X-Relay-User", "x-relay-role", "X_Relay_User", "X-Relay_Role", "X-Forwarded-For",
              "X-Forwarded-Host", "Forwarded", "Keep-Alive", "TE", "Trailer", "Proxy-Authorization", "Proxy-Connection",
              "Named", "HTTP2-Settings", "Upgrade"]
    fields = "".join(f"{name}: forged\r\n" for name in forged)
    c = ask(edge, fields="Connection: keep-alive, named\r\nUser-Agent: yes\r\n" + fields)
    hop = web.next()
    assert "forged" not in [value for _, value in hop.fields]
    assert hop["User-Agent"] == "yes" and hop["Connection"] is None
    assert hop["X-Relay-Secret"] == SECRET
    hop.reply()
    finish(c, 200, b"")


def test_connection_cannot_name_away_what_the_edge_says(pages):
    edge, web = pages
    c = ask(edge, fields="Connection: close, X-Relay-Address, Host, X-Relay-Secret\r\n")
    hop = web.next()
    assert hop["X-Relay-Address"] == "127.0.0.1" and hop["Host"] == "localhost" and hop["X-Relay-Secret"] == SECRET
    hop.reply()
    assert finish(c, 200)["Connection"] == "close"


def test_bodies_go_with_their_length(pages):
    edge, web = pages
    for kind in ("length", "chunks"):
        body = b"a=1&b=2" if kind == "length" else b"4\r\na=1&\r\n3\r\nb=2\r\n0\r\n\r\n"
        c = ask(edge, method="POST", body=body, chunked=kind == "chunks", fields="Expect: 100-continue\r\n")
        hop = web.next()
        assert hop["Content-Length"] == "7" and hop.body == b"a=1&b=2"
        assert hop["Transfer-Encoding"] is None and hop["Expect"] is None
        hop.reply()
        finish(c, 200)


def test_post_without_a_body_says_so(pages):
    edge, web = pages
    c = ask(edge, method="POST")
    hop = web.next()
    assert hop["Content-Length"] == "0"
    hop.reply()
    finish(c, 200)


def test_http_1_0_without_a_host_has_one_inside(pages):
    edge, web = pages
    c = edge.connect()
    c.send("GET /page/x HTTP/1.0\r\n\r\n")
    hop = web.next()
    assert hop.line.endswith("HTTP/1.1") and hop["Host"] == "localhost" and hop["X-Relay-Origin"] == "null"
    hop.reply()
    finish(c, 200)


# ---- the reply as it leaves ----

def test_reply_is_passed_on_without_hop_by_hop_fields(pages):
    edge, web = pages
    c = ask(edge)
    web.next().reply(
        b"<p>", "203 Whatever",
        "ETag: \"x\"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Security-Policy: mine\r\nKeep-Alive: timeout=5\r\n"
        "Connection: keep-alive, gone\r\nGone: x\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n")
    r = finish(c, 203, b"<p>")
    names = [name for name, _ in r.fields]
    assert sorted(names) == sorted(["ETag", "Set-Cookie", "Set-Cookie", "Content-Security-Policy", "Content-Length", "Date"])
    assert r["Content-Security-Policy"] == "mine" and "1970" not in r["Date"]


def test_replies_of_every_framing_are_passed_on_with_a_length(pages):
    edge, web = pages
    c = ask(edge)
    web.next().raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    r = finish(c, 200, b"abcde")
    assert r["Transfer-Encoding"] is None
    c = ask(edge)
    hop = web.next()
    hop.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
    hop.close()
    finish(c, 200, b"until the end")
    c = ask(edge)
    web.next().raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                   b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    finish(c, 200, b"ok")


def test_replies_without_a_body(pages):
    edge, web = pages
    with edge.connect() as c:
        c.send("HEAD /page/x HTTP/1.1\r\nHost: a\r\n\r\n")
        web.next().raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        assert c.reply("HEAD")["Content-Length"] == "1234"
        for status in ("304 Not Modified", "204 No Content"):
            c.send("GET /page/x HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\"\r\n\r\n")
            hop = web.next()
            assert hop["If-None-Match"] == '"x"'
            hop.raw(f"HTTP/1.1 {status}\r\nETag: \"x\"\r\n\r\n".encode())
            r = c.reply()
            assert r.status == int(status[:3]) and r["ETag"] == '"x"' and r["Content-Length"] is None
        c.send("GET /page/x HTTP/1.1\r\nHost: a\r\n\r\n")
        web.next().reply(b"after")
        assert c.reply().body == b"after"


def test_pipelined_pages_come_in_order(pages):
    edge, web = pages
    with edge.connect() as c:
        c.send("".join(f"GET /page/{i} HTTP/1.1\r\nHost: a\r\n\r\n" for i in range(20)))
        for i in range(20):
            hop = web.next()
            assert hop.line.startswith(f"GET /page/{i} ")
            hop.reply(b"%d" % i)
            assert c.reply().body == b"%d" % i


def test_slow_client_does_not_hold_a_web_thread():
    web = Web()
    with running_edge(INNER=f"{web.path} 1 {SECRET}") as edge:
        slow = edge.connect(small=True)
        slow.send("GET /page/x HTTP/1.1\r\nHost: a\r\n\r\n")
        web.next().reply(b"x" * (20 << 20))
        c = ask(edge)
        web.next().reply(b"quick")
        finish(c, 200, b"quick")
        finish(slow, 200, b"x" * (20 << 20))
    web.stop()


# ---- connections to the web threads ----

def test_no_connection_is_opened_before_there_is_a_request(pages):
    """Civetweb hangs up on one that says nothing, and would have to be called again and again."""
    edge, web = pages
    for _ in range(50):
        edge.stats()
    assert web.most == 0
    c = ask(edge)
    web.next().reply(b"page")
    finish(c, 200, b"page")
    assert web.most == 1


def test_connection_that_is_hung_up_on_is_opened_again_for_the_next_request_only(pages):
    edge, web = pages
    for i in range(3):
        c = ask(edge)
        hop = web.next()
        hop.reply(b"page")
        finish(c, 200, b"page")
        hop.close()
        for _ in range(20):
            edge.stats()
        assert len(web.socks) == 0


def test_exactly_as_many_connections_as_threads(pages):
    edge, web = pages
    clients = [ask(edge, f"/page/{i}") for i in range(10)]
    edge.wait_for(lambda e: e.stats()["inner_waiting"] == 8)
    assert edge.stats()["inner_busy"] == 2
    for _ in range(10):
        hop = web.next()
        hop.reply(hop.line.split()[1].encode())
    for i, c in enumerate(clients):
        finish(c, 200, f"/page/{i}".encode())
    assert web.most == 2 and len(web.socks) == 2


@pytest.mark.parametrize("pages", [(1, {})], indirect=True)
def test_waiting_requests_are_served_in_order(pages):
    edge, web = pages
    first = ask(edge, "/page/first")
    hop = web.next()
    clients = []
    for i in range(5):
        clients.append(ask(edge, f"/page/{i}"))
        edge.wait_for(lambda e: e.stats()["inner_waiting"] == i + 1)
    hop.reply()
    finish(first, 200)
    for i, c in enumerate(clients):
        hop = web.next()
        assert hop.line.startswith(f"GET /page/{i} ")
        hop.reply()
        finish(c, 200)


@pytest.mark.parametrize("pages", [(1, {"inner_waiting": 1})], indirect=True)
def test_too_many_waiting_get_503(pages):
    edge, web = pages
    busy = ask(edge)
    hop = web.next()
    waiting = ask(edge)
    edge.wait_for(lambda e: e.stats()["inner_waiting"] == 1)
    r = finish(ask(edge), 503)
    assert r["Retry-After"] == "1"
    hop.reply()
    finish(busy, 200)
    web.next().reply()
    finish(waiting, 200)


@pytest.mark.parametrize("pages", [(1, {"inner_waiting": 0})], indirect=True)
def test_who_gets_no_page_is_told_in_their_language(pages):
    edge, web = pages
    busy = ask(edge)
    hop = web.next()
    for fields, words in (("", "当前访问的人过多"), ("Accept-Language: ko\r\n", "접속이 너무 많습니다"),
                          ("Accept-Language: de\r\n", "Too many pages"),
                          ("Accept-Language: ko\r\nCookie: a=b; lang=en\r\n", "Too many pages")):
        with edge.connect() as c:
            reply = c.get("/page/x", fields)
            assert reply.status == 503 and words in reply.body.decode()
    hop.reply()
    finish(busy, 200)


@pytest.mark.parametrize("pages", [(1, {"inner_waiting_bytes": 10000})], indirect=True)
def test_too_many_bytes_that_wait_get_503(pages):
    edge, web = pages
    busy = ask(edge)
    hop = web.next()
    finish(ask(edge, method="POST", body=b"x" * 10000), 503)
    for _ in range(2):  # what leaves makes room
        waiting = ask(edge, method="POST", body=b"x" * 6000)
        edge.wait_for(lambda e: e.stats()["inner_waiting"] == 1)
        finish(ask(edge, method="POST", body=b"x" * 6000), 503)
        hop.reply()
        finish(busy, 200)
        busy, hop = waiting, web.next()
    hop.reply()
    finish(busy, 200)


def test_closed_connections_are_opened_again(pages):
    edge, web = pages
    for i in range(10):
        c = ask(edge)
        hop = web.next()
        web.gone(hop.sock)  # before the edge may know
        hop.reply(b"bye", fields="Connection: close\r\n" if i % 2 else "")
        hop.close()
        finish(c, 200, b"bye")
    assert web.most == 1


def test_no_pages_without_web_threads():
    with running_edge() as edge:
        assert finish(ask(edge), 503)["Retry-After"] == "1"


def problem_of(reply):
    p = json.loads(reply.body)
    assert (reply["Content-Type"], p["type"], p["status"]) == ("application/problem+json", "about:blank", reply.status)
    return p


def test_calls_of_the_api_that_get_no_answer_get_problems():
    with running_edge() as edge:
        r = finish(ask(edge, "/api/v1/me", "X-Request-Id: mine\r\n"), 503)
        assert (problem_of(r)["code"], r["Retry-After"], r["X-Request-Id"]) == ("store_unavailable", "1", "mine")
        r = ask(edge, "/api/v1/spaces", f"Content-Length: {2**40}\r\nX-Request-Id: mine\r\n", "POST").reply()
        assert (r.status, problem_of(r)["code"], r["X-Request-Id"]) == (413, "too_large", "mine")
        r = ask(edge, "/api/v1/spaces", "Transfer-Encoding: chunked\r\n\r\nx", "POST").reply()
        assert (r.status, problem_of(r)["code"]) == (400, "bad_message")
        assert ask(edge, "/page", f"Content-Length: {2**40}\r\n", "POST").reply()["Content-Type"].startswith("text/plain")


def test_a_call_of_the_api_whose_thread_breaks_off_gets_a_problem(pages):
    edge, web = pages
    c = ask(edge, "/api/v1/spaces", method="POST", body=b"{}")
    web.next().close()
    r = finish(c, 502)
    assert problem_of(r)["code"] == "internal" and r["X-Request-Id"]


def test_web_threads_that_are_not_there():
    with running_edge(INNER=f"/nowhere/pages.sock 1 {SECRET}", limits={"inner_timeout_ms": 300}) as edge:
        assert ask(edge).reply().status == 504


def test_request_that_meets_a_closing_connection_gets_another():
    """A POST is never sent twice, so it must not be sent where the web threads have hung up already."""
    web = Web()
    with running_edge(INNER=f"{web.path} 1 {SECRET}") as edge:
        c = ask(edge)
        hop = web.next()
        hop.reply()
        assert c.reply().status == 200
        edge.process.send_signal(signal.SIGSTOP)
        c.send("POST /page/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")  # is looked at first
        hop.close()
        edge.process.send_signal(signal.SIGCONT)
        web.next().reply(b"once")
        finish(c, 200, b"once")
    web.stop()


def test_web_threads_that_hang_up_at_once_are_not_stormed(tmp_path):
    path = str(tmp_path / "pages.sock")
    listener, count = listening(path), 0

    def hang_up():
        nonlocal count
        while True:
            try:
                sock = listener.accept()[0]
            except OSError:
                return
            count += 1
            sock.close()

    threading.Thread(target=hang_up, daemon=True).start()
    with running_edge(INNER=f"{path} 1 {SECRET}") as edge:
        for i in range(1, 4):
            finish(ask(edge), 502)
            assert count == 3 * i - 1  # a GET is tried once more, after a while
            finish(ask(edge, method="POST"), 502)
            assert count == 3 * i
        for _ in range(200):
            edge.stats()
        assert count == 9
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_client_that_half_closes_gets_its_page(pages):
    edge, web = pages
    c = ask(edge)
    c.sock.shutdown(socket.SHUT_WR)
    hop = web.next()
    edge.stats()  # by now the end has been seen
    hop.reply(b"page")
    r = c.reply()
    assert r.status == 200 and r.body == b"page"
    assert c.ended()


# ---- failures ----

@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_safe_request_is_tried_once_more_when_nothing_came_back(pages, method):
    edge, web = pages
    c = ask(edge, method=method)
    web.next().close()
    web.next().reply(b"" if method == "HEAD" else b"second try")
    finish(c, 200, b"" if method == "HEAD" else b"second try", method)
    c = ask(edge, method=method)
    web.next().close()
    web.next().close()
    finish(c, 502, method=method)


def test_other_requests_are_not_tried_again(pages):
    edge, web = pages
    c = ask(edge, method="POST", body=b"x")
    web.next().close()
    finish(c, 502)
    assert web.requests.empty()
    c = ask(edge)
    web.next().reply(b"fine")
    finish(c, 200, b"fine")


@pytest.mark.parametrize(
    "reply", [b"H", b"HTTP/1.1 200 OK\r\nContent-Len", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
def test_half_a_reply_is_not_tried_again(pages, reply):
    edge, web = pages
    c = ask(edge)
    hop = web.next()
    hop.raw(reply)
    hop.close()
    finish(c, 502)
    assert web.requests.empty()


@pytest.mark.parametrize(
    "reply",
    [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"])
def test_odd_replies_get_502(pages, reply):
    edge, web = pages
    c = ask(edge)
    web.next().raw(reply)
    finish(c, 502)
    c = ask(edge)
    web.next().reply(b"fine")
    finish(c, 200, b"fine")


@pytest.mark.parametrize("pages", [(1, {"inner_reply_bytes": 65536})], indirect=True)
def test_too_large_a_reply_gets_502(pages):
    edge, web = pages
    for raw in (b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n" + b"x" * 65537,
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n"):
        c = ask(edge)
        try:
            web.next().raw(raw)
        except OSError:
            pass
        finish(c, 502)
    c = ask(edge)
    web.next().reply(b"x" * 65536)
    finish(c, 200, b"x" * 65536)


def test_more_than_the_reply_is_not_taken_for_another(pages):
    edge, web = pages
    c = ask(edge)
    web.next().raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    finish(c, 200, b"ok")
    c = ask(edge)
    web.next().reply(b"mine")
    finish(c, 200, b"mine")


@pytest.mark.parametrize("pages", [(1, {"inner_timeout_ms": 200})], indirect=True)
def test_slow_page_gets_504_and_its_late_reply_goes_to_nobody(pages):
    edge, web = pages
    with edge.connect() as c:
        assert c.get("/page/slow").status == 504
        late = web.next()
        waits = ask(edge, "/page/waits")  # the thread is still at it
        finish(waits, 504)
        c.send("GET /page/next HTTP/1.1\r\nHost: a\r\n\r\n")
        late.reply(b"late")
        hop = web.next()
        assert hop.line.startswith("GET /page/next ")
        hop.reply(b"next")
        assert c.reply().body == b"next"
    assert web.most == 1


@pytest.mark.parametrize("pages", [(1, {})], indirect=True)
def test_client_that_leaves_is_forgotten(pages):
    edge, web = pages
    running, waiting = ask(edge, "/page/running"), ask(edge, "/page/waiting")
    hop = web.next()
    edge.wait_for(lambda e: e.stats()["inner_waiting"] == 1)
    for c in (running, waiting):
        c.sock.close()
    edge.wait_for(lambda e: e.stats()["inner_waiting"] == 0 and e.stats()["exchanges"] == 1)
    c = ask(edge, "/page/next")
    hop.reply(b"for nobody")
    hop = web.next()
    assert hop.line.startswith("GET /page/next ")
    hop.reply(b"next")
    finish(c, 200, b"next")


@pytest.mark.parametrize("pages", [(1, {"inner_total_bytes": 30 << 20})], indirect=True)
def test_slowest_reader_is_dropped_when_pages_fill_their_memory(pages):
    edge, web = pages
    page = b"p" * (12 << 20)
    slow = edge.connect(small=True)
    slow.send("GET /page/slow HTTP/1.1\r\nHost: a\r\n\r\n")
    web.next().reply(page)
    edge.wait_for(lambda e: e.stats()["unsent_bytes"] > 0)
    steady = edge.connect(small=True)
    steady.send("GET /page/steady HTTP/1.1\r\nHost: a\r\n\r\n")
    web.next().reply(page)
    got = len(steady.take(8 << 20))
    third = ask(edge)
    web.next().reply(page)
    finish(third, 200, page)
    with pytest.raises((EOFError, ConnectionError)):
        slow.reply()
    assert len(steady.take(len(page) - got)) == len(page) - got
    steady.sock.close()


@pytest.mark.parametrize("pages", [(2, {"inner_total_bytes": 1 << 20})], indirect=True)
def test_newest_reader_is_not_taken_for_the_slowest(pages):
    """One that gets its page in this very turn has taken nothing of it yet."""
    edge, web = pages
    stuck, page = edge.connect(small=True), b"p" * 60000
    stuck.send("GET /page/stuck HTTP/1.1\r\nHost: a\r\n\r\n")
    web.next().reply(b"s" * ((1 << 20) - 90000))
    edge.wait_for(lambda e: e.stats()["unsent_bytes"] > 0)
    clients = [ask(edge), ask(edge)]
    hops = [web.next(), web.next()]
    edge.process.send_signal(signal.SIGSTOP)
    for hop in hops:
        hop.reply(page)
    edge.process.send_signal(signal.SIGCONT)
    for c in clients:
        finish(c, 200, page)
    with pytest.raises((EOFError, ConnectionError)):
        stuck.reply()


def test_drain_lets_pages_finish(pages):
    edge, web = pages
    c, socket_client = ask(edge), edge.connect()
    socket_client.upgrade()
    hop = web.next()
    edge.process.send_signal(signal.SIGUSR1)
    socket_client.send(frame(1, "still there"))
    socket_client.expect_echo(1, b"still there")
    while True:  # until nobody is let in any more
        try:
            edge.connect().sock.close()
        except OSError:
            break
        select.select([], [], [], 0.01)
    hop.reply(b"last page")
    assert finish(c, 200, b"last page")["Connection"] == "close"
    socket_client.sock.close()

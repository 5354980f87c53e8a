"""Replies in parts (tests/ws_echo.c, /stream): chunks, clients that go, stop reading or speak HTTP/1.0."""
import pytest

from edge_fixture import edge, running_edge  # edge is a fixture


def start(c, version="1.1", method="GET", fields=""):
    c.send(f"{method} /stream HTTP/{version}\r\nHost: localhost\r\n{fields}\r\n")
    r = c.head()
    assert (r.status, r["Content-Type"], r["X-Stream"]) == (200, "text/event-stream", "yes")
    assert r["Content-Length"] is None
    return r


def chunk(c):
    while b"\r\n" not in c.held:
        assert c.more()
    size, c.held = c.held.split(b"\r\n", 1)
    data = c.take(int(size, 16))
    assert c.take(2) == b"\r\n"
    return data


def test_parts_come_as_chunks_as_soon_as_they_are_written(edge):
    with edge.connect() as c, edge.connect() as other:
        assert start(c)["Transfer-Encoding"] == "chunked"
        for text in ("one", "two"):
            assert other.get(f"/part?{text}").body == b"written"
            assert chunk(c) == text.encode()
        other.get("/last")
        assert chunk(c) == b""
        assert c.get("/who").status == 200  # the connection goes on


def test_an_empty_part_does_not_end_it(edge):
    with edge.connect() as c, edge.connect() as other:
        start(c)
        other.get("/part?")
        other.get("/part?x")
        assert chunk(c) == b"x"
        other.get("/last")
        assert chunk(c) == b""


def test_a_request_behind_it_waits_for_the_end(edge):
    with edge.connect() as c, edge.connect() as other:
        start(c)
        c.send("GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n")
        other.get("/part?x")
        assert chunk(c) == b"x"
        other.get("/last")
        assert chunk(c) == b""
        assert c.reply().status == 200


def test_http_1_0_reads_until_the_end_of_the_connection(edge):
    with edge.connect() as c, edge.connect() as other:
        r = start(c, version="1.0", fields="Connection: keep-alive\r\n")
        assert r["Transfer-Encoding"] is None and r["Connection"] == "close"
        other.get("/part?abc")
        other.get("/last")
        assert c.rest() == b"abc"


def test_head_gets_no_part(edge):
    with edge.connect() as c, edge.connect() as other:
        start(c, method="HEAD")
        other.get("/part?x")
        other.get("/last")
        assert c.get("/who").status == 200


def test_connection_close_is_kept(edge):
    with edge.connect() as c, edge.connect() as other:
        assert start(c, fields="Connection: close\r\n")["Connection"] == "close"
        other.get("/part?x")
        other.get("/last")
        assert chunk(c) == b"x" and chunk(c) == b""
        assert c.ended()


def wait_gone(c):
    while c.get("/part?x").body != b"nobody reads":
        pass
    assert b"abandoned" in c.get("/log").body


@pytest.mark.parametrize("half", [False, True])
def test_handler_hears_of_a_client_that_goes(half):
    import socket

    with running_edge() as edge, edge.connect() as other:
        with edge.connect() as c:
            start(c)
            if half:
                c.sock.shutdown(socket.SHUT_WR)
                wait_gone(other)
        if not half:
            wait_gone(other)


def test_a_client_that_leaves_too_much_unread_is_dropped():
    with running_edge(limits={"client_unsent_bytes": 100000}) as edge, edge.connect() as other, edge.connect() as c:
        start(c)
        text = "x" * 4000
        while other.get(f"/part?500*{text}").body != b"nobody reads":
            pass
        assert b"abandoned" in other.get("/log").body


def test_a_client_that_reads_nothing_is_dropped_in_time():
    with running_edge(limits={"body_idle_ms": 200, "client_unsent_bytes": 67108864}) as edge:
        with edge.connect() as other, edge.connect() as c:
            start(c)
            other.get("/part?5000*" + "x" * 4000)  # more than the kernels hold
            wait_gone(other)


def test_one_that_is_written_to_seldom_is_not_taken_for_dead():
    with running_edge(limits={"body_idle_ms": 100}) as edge, edge.connect() as other, edge.connect() as c:
        start(c)
        for _ in range(3):
            with edge.connect() as silent:  # the clock: a body that stops is refused after body_idle_ms
                silent.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
                assert silent.head().status == 408
            other.get("/part?x")
            assert chunk(c) == b"x"

"""RFC 9112 at the public port of the real program: every case of tests/codec/http from a raw socket. A case's name says the
rule and, when it is refused, the status. What follows a refused request is never read, and the connection is closed."""
import pathlib
import socket

import pytest

from edge_fixture import ROOT, Client
from relay import PATIENCE, relay_fixture

CASES = ROOT / "tests" / "codec" / "http"
INVALID = sorted((CASES / "invalid").iterdir())
VALID = sorted(path for path in (CASES / "valid").iterdir() if path.stem != "websocket-upgrade")
# As SMALL_LIMITS of tests/codec/http_run.h, so that the cases of the limits are small.
server, r = relay_fixture("server", limits={"head_bytes": 2048, "head_line_bytes": 512, "head_fields": 20,
                                            "body_bytes": 65536, "body_idle_ms": 2000, "head_ms": 2000})
SMUGGLED = b"GET /who HTTP/1.1\r\nHost: smuggled\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"
NAMED = {"ids": lambda path: path.stem}


def connect(relay):
    host, port = relay.url.split("//")[1].split(":")
    return Client(socket.create_connection((host, int(port)), PATIENCE))


@pytest.fixture
def c(r):
    with connect(r) as client:
        yield client


def methods_of(path):
    """Of the requests that a valid case holds, in their order; and whether the last one is under way."""
    lines = (CASES / "expected" / (path.stem + ".txt")).read_bytes().decode("latin-1").split("\n")
    found = [lines[i - 1].split(" ")[0] for i, line in enumerate(lines) if line.startswith("path=")]
    return found, "under-way" in path.name


def replies(c, methods=()):
    """(status, whether it says close) of all replies up to the end of the connection, which must be an orderly one."""
    raw, found = c.rest(), []
    while raw:
        head, raw = raw.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        lengths = [int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")]
        found.append((int(lines[0].split(b" ")[1]), b"Connection: close" in lines))
        bare = len(found) <= len(methods) and methods[len(found) - 1] == "HEAD"
        raw = raw[0 if bare or not lengths else lengths[0] :]
    return found


@pytest.mark.parametrize("path", INVALID, **NAMED)
def test_refused_with_its_status_and_closed(c, path):
    c.send(path.read_bytes() + (b"" if "without-end" in path.name else SMUGGLED))
    *earlier, last = replies(c)
    assert last == (int(path.name[:3]), True)
    assert len(earlier) == (path.stem == "400-second-of-two-pipelined")


@pytest.mark.parametrize("path", VALID, **NAMED)
def test_taken_one_reply_a_request(c, path):
    """And the bytes behind them are the next request, unless the client has said that there is none."""
    methods, under_way = methods_of(path)
    c.send(path.read_bytes() + (b"" if under_way else LAST))
    got = replies(c, methods)
    statuses = [status for status, _ in got]
    if under_way:
        assert statuses[-1] == 408
        return
    assert 400 not in statuses and max(statuses) < 500, statuses
    last = [close for _, close in got].index(True)
    assert last == len(got) - 1 and len(got) in (len(methods), len(methods) + 1), got
    assert len(got) == len(methods) + 1 or b"close" in path.read_bytes().lower() or b"HTTP/1.0" in path.read_bytes()


# ---- what is not a matter of one message's bytes ----

def test_half_a_body_is_no_request(r, c):
    """Section 8: a message that is cut off is incomplete, whatever has come of it."""
    form = b"username=ann&password=correct+horse"
    r.ann
    c.send(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
           b"Content-Length: %d\r\n\r\n" % (len(form) + 1) + form)
    c.sock.shutdown(socket.SHUT_WR)
    assert c.ended()


def test_half_a_chunked_body_is_no_request(r, c):
    """Section 7.1: the last chunk and the empty line belong to it."""
    r.ann
    form = b"username=ann&password=correct+horse"
    c.send(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
           b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(form), form))
    c.sock.shutdown(socket.SHUT_WR)
    assert c.ended()


@pytest.mark.parametrize("fields", ["Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", "Upgrade: websocket\r\n",
                                    "Upgrade: TLS/1.0\r\n"])
def test_an_upgrade_that_is_not_wanted_is_ignored(c, fields):
    """RFC 9110 section 7.8."""
    connection = "Connection: Upgrade, HTTP2-Settings\r\n"
    answer = c.get("/healthz", fields + connection)
    assert answer.status == 200 and answer["Upgrade"] is None
    assert c.get("/healthz").status == 200


def test_methods_that_a_place_does_not_know_get_405_with_allow(c):
    """RFC 9110 section 15.5.6."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = c.get("/healthz", method=method)
        assert answer.status == 405 and answer["Allow"] == "GET, HEAD"
    answer = c.get("/login", method="DELETE")
    assert answer.status == 405 and "GET" in answer["Allow"]


def test_head_says_what_get_would_say(c):
    """RFC 9110 section 9.3.2."""
    for path in ("/healthz", "/login", "/static/app.css", "/nothing"):
        get, head = c.get(path), c.get(path, method="HEAD")
        assert (head.status, head["Content-Length"], head["Content-Type"]) == (
            get.status, get["Content-Length"], get["Content-Type"])


def test_every_reply_has_a_date(c):
    """RFC 9110 section 6.6.1."""
    for path in ("/healthz", "/login", "/nothing"):
        assert c.get(path)["Date"].endswith(" GMT")

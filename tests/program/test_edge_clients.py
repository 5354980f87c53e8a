"""The edge and many, distant, proxied, encrypted or departing clients (tests/ws_echo.c)."""
import json
import pathlib
import select
import signal
import socket
import ssl
import subprocess

import pytest

from edge_fixture import BINARY, BUILD, TEXT, close_frame, edge, frame, running_edge  # edge is a fixture
from test_edge_http import SMUGGLED, post


# ---- many ----

def test_a_thousand_half_sent_heads_hold_nobody_up(edge):
    slow = [edge.connect() for _ in range(1000)]
    try:
        for i, c in enumerate(slow):
            c.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Header: "[: 1 + i % 40])
        with edge.connect() as c:
            for i in range(300):
                assert c.get("/x", method="POST", body=b"%d" % i).body == b"%d" % i
        assert edge.stats()["connections"] > 1000
    finally:
        for c in slow:
            c.sock.close()
    edge.wait_for(lambda e: e.stats()["connections"] < 10)


def test_accepting_goes_on_when_descriptors_were_short():
    with running_edge(files=40) as e:
        crowd = [e.connect() for _ in range(60)]
        for c in crowd:
            c.send(SMUGGLED)
        assert e.busy() < 0.2
        served = 0
        while crowd:  # each that is served makes room for the next
            ready, _, _ = select.select([c.sock for c in crowd], [], [], 30)
            assert ready
            for c in [c for c in crowd if c.sock in ready]:
                assert c.reply().status == 200
                served += 1
                c.sock.close()
                crowd.remove(c)
        assert served == 60


def memory_kb(edge):
    status = pathlib.Path(f"/proc/{edge.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def test_memory_goes_back_when_a_crowd_has_left_but_for_a_few():
    """What they had lies between what the few have, and would be kept by the allocator."""
    sanitized = "-asan" in str(BUILD) or "-tsan" in str(BUILD)  # keeps what was freed for a while
    with running_edge() as e:
        before, crowd = memory_kb(e), [e.connect(small=True) for _ in range(300)]
        for i, c in enumerate(crowd):
            c.upgrade()
            c.send(frame(TEXT, f"!send {400000 + i}"))
        e.wait_for(lambda e: e.stats()["unsent_bytes"] > 300 * 200000)
        for i, c in enumerate(crowd):
            if i % 30:
                c.sock.close()
        e.wait_for(lambda e: memory_kb(e) < before + (1 << 20 if sanitized else 30000))
        for i in range(0, 300, 30):
            crowd[i].expect_echo(TEXT, b"x" * (400000 + i))
            crowd[i].sock.close()


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            return s.getsockname()[0]
        except OSError:
            return "127.0.0.1"


@pytest.mark.skipif(own_address().startswith("127."), reason="only loopback here")
def test_connections_of_one_address_are_limited():
    address = own_address()
    with running_edge(host="0.0.0.0", limits={"connections_per_address": 5}) as e:
        crowd = [e.connect(host=address) for _ in range(5)]
        for c in crowd:
            assert c.get("/who").body.startswith(address.encode())
        with e.connect(host=address) as c:
            with pytest.raises((EOFError, ConnectionError)):
                c.get("/who")
        crowd.pop().sock.close()
        e.host = "127.0.0.1"  # exempt
        e.wait_for(lambda e: e.stats()["connections"] == 5)
        with e.connect(host=address) as c:
            assert c.get("/who").status == 200
        for c in crowd:
            c.sock.close()


@pytest.mark.skipif(own_address().startswith("127."), reason="only loopback here")
def test_trusted_proxies_are_exempt_from_the_limit():
    address = own_address()
    with running_edge(host="0.0.0.0", PROXIES=address, limits={"connections_per_address": 5}) as e:
        crowd = [e.connect(host=address) for _ in range(20)]
        for c in crowd:
            assert c.get("/who").status == 200
            c.sock.close()


# ---- addresses ----

def test_all_addresses_and_ipv6():
    with running_edge(host="") as e:
        assert e.url == f"http://0.0.0.0:{e.port}"
        e.host = "127.0.0.1"
        assert e.get("/who").body == b"127.0.0.1 plain http://localhost"
        with e.connect(host="::1") as c:
            assert c.get("/who").body == b"::1 plain http://localhost"
    with running_edge(host="[::1]") as e:
        assert e.url == f"http://[::1]:{e.port}"
        assert e.get("/who").status == 200


@pytest.mark.parametrize(
    "fields,says",
    [
        ("", "127.0.0.1 plain"),
        ("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7 plain"),
        ("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n", "192.0.2.7 secure"),
        ("X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n", "192.0.2.7 plain"),
        ("X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.2.3\r\n", "192.0.2.7 plain"),
        ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 10.1.2.3\r\n", "192.0.2.7 plain"),
        ("X-Forwarded-For: 10.9.9.9, 10.1.2.3\r\n", "10.9.9.9 plain"),
        ("X-Forwarded-For: 6.6.6.6, nonsense, 10.1.2.3\r\n", "10.1.2.3 plain"),
        ("X-Forwarded-For: 192.0.2.7:4711\r\n", "192.0.2.7 plain"),
        ("X-Forwarded-For: [2001:db8::7]:4711\r\n", "2001:db8::7 plain"),
        ("X-Forwarded-For: 2001:DB8::7\r\n", "2001:db8::7 plain"),
        ("X-Forwarded-For: \r\n", "127.0.0.1 plain"),
        ("X-Forwarded-For: 192.0.2.7,\r\n", "127.0.0.1 plain"),
        ("X-Forwarded-Proto: https, http\r\n", "127.0.0.1 plain"),
        ("X-Forwarded-Proto: HTTPS\r\n", "127.0.0.1 secure"),
    ],
)
def test_trusted_proxies_say_who_asks(proxied, fields, says):
    scheme = "https" if says.endswith("secure") else "http"
    assert proxied.get("/who", fields).body.decode() == f"{says} {scheme}://localhost"


@pytest.fixture(scope="module")
def proxied():
    with running_edge(PROXIES="127.0.0.1 10.0.0.0/8 2001:db8:1::/48") as e:
        yield e


def test_nobody_else_says_who_asks(edge):
    r = edge.get("/who", "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nForwarded: for=192.0.2.7\r\n")
    assert r.body == b"127.0.0.1 plain http://localhost"


def test_origin_is_what_a_browser_would_send(proxied):
    with proxied.connect() as c:
        for host, proto, origin in (("Example.org:80", "http", "http://example.org"), ("a:443", "https", "https://a"),
                                    ("a:80", "https", "https://a:80"), ("[::1]:8080", "http", "http://[::1]:8080")):
            c.send(f"GET /who HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: {proto}\r\n\r\n")
            assert c.reply().body.decode().split()[2] == origin


# ---- going down ----

def test_drain_closes_what_is_idle_and_finishes_what_is_not():
    with running_edge() as e, e.connect() as idle, e.connect() as half, e.connect() as held, e.connect() as ws:
        assert idle.get("/who").status == 200
        half.send("GET / HT")
        held.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        ws.upgrade()
        e.wait_for(lambda e: e.stats()["held"])
        last = e.connect()
        last.send(post("/release", "Content-Length: 1\r\n"))
        e.wait_for(lambda e: e.stats()["exchanges"] == 3)  # held, last, this one
        e.process.send_signal(signal.SIGUSR1)
        assert idle.ended()
        assert half.ended()
        assert last.reply().status == 503
        ws.send(frame(1, "x"))
        ws.expect_echo(1, b"x")
        with pytest.raises(OSError):
            e.connect()
        assert select.select([held.sock], [], [], 0)[0] == []


# ---- TLS ----

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )
    return {"CERT": cert, "KEY": key}


@pytest.fixture(scope="module")
def secure(certificate):
    with running_edge(**certificate) as e:
        yield e


def test_requests_over_tls(secure):
    assert secure.url.startswith("https://")
    body = bytes(range(256)) * 65536
    with secure.connect_tls() as c:
        assert c.get("/x", method="POST", body=body).body == body
        assert c.get("/who").body == b"127.0.0.1 secure https://localhost"
        c.send(SMUGGLED * 500)
        assert [c.reply().status for _ in range(500)] == [200] * 500
        assert c.get("/who", "Connection: close\r\n").status == 200
        assert c.ended()


def test_websocket_over_tls(secure):
    with secure.connect_tls() as c:
        c.upgrade()
        for size in (0, 1, 1000, 20000, 100000, 16 << 20):
            c.send(frame(BINARY, b"s" * size))
            c.expect_echo(BINARY, b"s" * size)
        c.send(b"".join(frame(TEXT, str(i)) for i in range(3000)))
        for i in range(3000):
            c.expect_echo(TEXT, str(i).encode())
        c.send(close_frame(1000))
        assert c.close_code() == 1000
        assert c.ended()


def send_while_stopped(e, c, data):
    """In many small records, which are all there when the server looks, and nothing after them to wake it."""
    e.process.send_signal(signal.SIGSTOP)
    for i in range(0, len(data), 1000):
        c.send(data[i : i + 1000])
    e.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("size", [66000, 131600, 132000, 135000])
def test_bytes_that_openssl_holds_are_not_forgotten(certificate, size):
    with running_edge(**certificate) as e, e.connect_tls() as c:
        assert c.get("/who").status == 200
        send_while_stopped(e, c, post(fields=f"Content-Length: {size}\r\n", body=b"x" * size))
        assert c.reply().body == b"x" * size


def test_request_in_one_packet_with_the_end_of_the_handshake_is_answered(secure):
    came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl._create_unverified_context().wrap_bio(came, goes)
    with secure.connect() as c:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                c.send(goes.read())
                came.write(c.sock.recv(65536))
        tls.write(SMUGGLED)
        c.send(goes.read())
        while True:
            try:
                assert tls.read(12) == b"HTTP/1.1 200"
                break
            except ssl.SSLWantReadError:
                came.write(c.sock.recv(65536))


def test_bytes_that_openssl_holds_are_not_forgotten_over_a_pause(certificate):
    with running_edge(**certificate) as e, e.connect_tls() as c, e.connect_tls() as other:
        assert c.get("/who").status == 200 and other.get("/who").status == 200
        hold = b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
        send_while_stopped(e, c, hold + post(fields="Content-Length: 132000\r\n", body=b"x" * 132000))
        while not json.loads(other.get("/stats").body)["held"]:
            pass
        assert other.get("/release").body == b"1"
        assert c.reply().body == b"released"
        assert c.reply().body == b"x" * 132000


def test_slow_reader_over_tls_is_told_4008(certificate):
    with running_edge(**certificate) as e:
        context = ssl._create_unverified_context()
        sock = e.connect(small=True).sock
        with type(e.connect_tls())(context.wrap_socket(sock)) as c:
            c.upgrade()
            c.send(frame(TEXT, "!flood 300"))
            while True:
                try:
                    opcode, payload = c.message()
                except EOFError:
                    raise AssertionError("no close frame")
                if opcode == 8:
                    break
                select.select([], [], [], 0.001)
            assert payload[:2] == b"\x0f\xa8"


def test_old_versions_are_refused(secure):
    context = ssl._create_unverified_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        secure.connect_tls(context)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl._create_unverified_context()
        context.minimum_version = context.maximum_version = version
        with secure.connect_tls(context) as c:
            assert c.sock.compression() is None
            assert c.get("/who").status == 200


def test_http_1_1_is_chosen_by_alpn(secure):
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with secure.connect_tls(context) as c:
        assert c.sock.selected_alpn_protocol() == "http/1.1"


def test_plain_text_on_the_tls_port_is_closed(secure):
    with secure.connect() as c:
        c.send(SMUGGLED)
        try:
            assert b"HTTP/1.1 200" not in c.rest()
        except ConnectionError:
            pass


def test_handshakes_are_timed(certificate):
    with running_edge(limits={"head_ms": 200}, **certificate) as e, e.connect() as c:
        c.send(b"\x16\x03\x01")
        assert c.ended()


def test_stopped_handshakes_hold_nobody_up(secure):
    crowd = [secure.connect() for _ in range(100)]
    for c in crowd:
        c.send(b"\x16\x03\x01\x02")
    with secure.connect_tls() as c:
        assert c.get("/who").status == 200
    for c in crowd:
        c.sock.close()


def start(*arguments, **env):
    import os
    from edge_fixture import BUILD
    return subprocess.run([BUILD / "tests" / "ws_echo", *arguments], env={**os.environ, **env},
                          capture_output=True, text=True, timeout=30)


def test_what_cannot_be_used_is_said_at_start(certificate, tmp_path):
    nothing = str(tmp_path / "nothing.pem")
    said = start("127.0.0.1:0", "/ws", CERT=nothing, KEY=certificate["KEY"])
    assert said.returncode == 1 and nothing in said.stderr
    assert "key" in start("127.0.0.1:0", "/ws", CERT=certificate["CERT"], KEY=certificate["CERT"]).stderr
    assert "needs its key" in start("127.0.0.1:0", "/ws", CERT=certificate["CERT"]).stderr
    assert "10.0.0.0/33" in start("127.0.0.1:0", "/ws", PROXIES="10.0.0.0/33").stderr
    for address in ("127.0.0.1", "127.0.0.1:99999", "::1:80", "127.0.0.1:x", ""):
        assert "to listen on" in start(address, "/ws").stderr


def test_taken_port_is_said_at_start(edge):
    said = start(f"127.0.0.1:{edge.port}", "/ws")
    assert said.returncode == 1
    assert f"127.0.0.1:{edge.port}" in said.stderr and "already in use" in said.stderr

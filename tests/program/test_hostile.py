"""Slow, silent and greedy peers, in their short form: a hundred of each kind against limits that are short. Nobody else
notices, each is dropped, and descriptors and memory are back where they were. The long form is tests/torture/slow_peers.py."""
import contextlib
import json
import os
import pathlib
import re
import resource
import select
import signal
import time

import pytest

from edge_fixture import CLOSE, PING, TEXT, close_frame, frame
from hostile_fixture import Crowd, Held, Others, connect, connect_tab, outlast
from relay import Person, relay_fixture, running_relay, until

MANY = 100
STOP_S = float(os.environ.get("STOP_S", 5))
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
server, r = relay_fixture("server", limits={
    "head_ms": 400, "body_idle_ms": 400, "pace_window_ms": 400, "keep_alive_ms": 400, "message_idle_ms": 400,
    "ping_every_ms": 400, "ping_timeout_ms": 400, "register_ms": 400, "client_unsent_bytes": 100000,
    "sockets_per_person": 1000, "login_failures_address": 1000, "unfinished_per_person": 1000})


@pytest.fixture
def others(r):
    """Their sockets answer pings by themselves, and they were there before."""
    others = Others(r)
    others.held = Held(r)
    return others


@pytest.mark.parametrize("path, flood", [
    ("/socket.io/?EIO=4&transport=websocket", 4000 * frame(TEXT, '4217["register",{}]')),
    ("/ws/app", 4000 * frame(PING, "x" * 125))], ids=["socket.io", "native"])
def test_a_stranger_that_does_not_read_gets_no_room_for_answers(path, flood):
    """Before it has registered as an app. What the kernel holds comes on top, and is not counted."""
    def unsent():
        return int(re.search(r"spacerelay_unsent_bytes (\d+)", relay.stranger().get("/metrics").text)[1])

    with running_relay() as relay:
        stranger = connect(relay, receive=4096)
        stranger.upgrade(path)
        stranger.send(frame(TEXT, "40"))
        stranger.sock.setblocking(False)
        sent, seen = 0, [0]
        while not seen[-1] or len(set(seen[-5:])) > 1:  # until nothing more is taken from it
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent = (sent + stranger.sock.send(flood[sent:])) % len(flood)
            seen.append(unsent())
        assert seen[-1] < 2 << 20


def attack(r, others, clients, drip=None, reads=True):
    with Crowd(clients, drip, reads) as crowd:
        outlast(crowd, others)
    others.page.sock.close()
    others.held.back()


def one_byte(c):
    c.sock.send(b"x")


# ---- slow HTTP ----

def test_slow_heads(r, others):
    clients = [connect(r) for _ in range(MANY)]
    for c in clients:
        c.send("GET /login HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    attack(r, others, clients, one_byte)


def test_slow_bodies(r, others):
    clients = [connect(r) for _ in range(MANY)]
    for c in clients:
        c.send(f"POST /login HTTP/1.1\r\nHost: a\r\n{FORM}Content-Length: 100000\r\n\r\nusername=")
    attack(r, others, clients, one_byte)


def test_slow_chunks(r, others):
    clients = [connect(r) for _ in range(MANY)]
    for c in clients:
        c.send(f"POST /login HTTP/1.1\r\nHost: a\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n")
    attack(r, others, clients, lambda c: c.sock.send(b"1\r\nx\r\n"))


def test_slow_reading_of_pages(r, others):
    """Each asks for more than any buffer holds and takes nothing."""
    clients = [connect(r, receive=1024) for _ in range(MANY)]
    asks = b"GET /docs/protocol HTTP/1.1\r\nHost: a\r\n\r\n" * 40
    for c in clients:
        c.send(asks)
    attack(r, others, clients, reads=False)


def test_silence_and_halves(r, others):
    halves = [b"", b"\r\n", b"G", b"GET / HTTP/1.1\r\nHost", b"GET /login HTTP/1.1\r\nHost: a\r\n\r\n",
              f"POST /login HTTP/1.1\r\nHost: a\r\n{FORM}Content-Length: 5\r\n\r\nab".encode(),
              f"POST /login HTTP/1.1\r\nHost: a\r\n{FORM}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode(),
              f"POST /login HTTP/1.1\r\nHost: a\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n5\r\nab".encode()]
    clients = [connect(r) for _ in range(MANY)]
    for i, c in enumerate(clients):
        c.send(halves[i % len(halves)])
    attack(r, others, clients)


# ---- WebSockets ----

@pytest.mark.parametrize("path", ["/ws/app", "/ws/client"])
def test_silent_and_half_sent_sockets(r, others, path):
    halves = [b"", b"\x81", b"\x81\xfe", b"\x81\xfe\x01\x00", b"\x81\x85\1\2\3", frame(TEXT, "{", length=200),
              frame(TEXT, "{", fin=False), frame(PING, b"x", length=100), close_frame(1000)[:7]]
    clients = []
    for i in range(MANY):
        c = connect(r)
        c.upgrade(path, f"Cookie: {r.ann.cookie}\r\nOrigin: http://localhost\r\n" if path == "/ws/client" else "")
        c.send(halves[i % len(halves)])
        clients.append(c)
    attack(r, others, clients)


def test_messages_that_drip(r, others):
    clients = [connect_tab(r, r.ann) for _ in range(MANY)]
    for c in clients:
        c.send(frame(TEXT, "{", length=100000))
    attack(r, others, clients, one_byte)


def test_readers_that_stop_reading(r, others):
    """Each is told 4008 at its limit and dropped, whatever more there is; those who read get all of it."""
    space = r.space()
    app, tab = space.app(), r.bob.tab()
    id = tab.submit(space)
    request = app.take()
    tab.watch(id)
    clients = [connect_tab(r, r.bob, receive=4096) for _ in range(MANY)]
    for c in clients:
        c.send(frame(TEXT, f'{{"type":"subscribe","topic":"request:{id}"}}'))
        c.message()
    read = []
    for _ in range(60):
        app.delta(request, "x" * 50000)
        # The one who reads keeps up, and gets each piece by itself.
        read.append(tab.event(f"request:{id}", lambda e: e["kind"] == "delta")["text"])
    assert app.result(request)["accepted"]
    assert tab.final(id)["status"] == "completed"
    assert read == 60 * ["x" * 50000]
    attack(r, others, clients, reads=False)


def test_askers_that_do_not_listen(r, others):
    """They are not read any more, and dropped once their ping goes unanswered: what they ask costs nobody anything."""
    clients = [connect_tab(r, r.ann, receive=4096) for _ in range(MANY)]
    ask = frame(TEXT, '{"type":"nonsense"}') * 200

    def drip(c):
        c.sent = getattr(c, "sent", 0)
        c.sent += c.sock.send(ask[c.sent % len(ask) :])

    attack(r, others, clients, drip, reads=False)


def test_app_that_stops_reading_is_dropped_and_its_requests_go_to_the_next():
    with running_relay(limits={"app_unsent_bytes": 200000, "body_idle_ms": 400, "grace_ms": 100}) as relay:
        space, tab = relay.space(), relay.ann.tab()
        with connect(relay, receive=4096) as app:
            app.upgrade("/ws/app")
            register = {"type": "register", "space_name": space.name, "token": space.token, "concurrency": 50}
            app.send(frame(TEXT, json.dumps(register)))
            assert json.loads(app.message()[1])["success"]
            asked = [tab.ask(space, {"prompt": "x" * 50000}) for _ in range(50)]
            ids = [m["request_id"] for m in asked if m["type"] == "submitted"]
            assert {m.get("code") for m in asked} <= {None, "app_disconnected"}
            until(lambda: tab.sync() or "spacerelay_app_sockets 0\n" in relay.stranger().get("/metrics").text)
            code = None
            while code is None:  # what it does take ends with the reason
                opcode, payload = app.message()
                code = int.from_bytes(payload[:2], "big") if opcode == CLOSE else None
            assert code == 4008
        other = space.app(concurrency=50)
        for _ in ids:
            assert other.result(other.take())["accepted"]
        assert {tab.outcome(id)["status"] for id in ids} == {"completed"}


# ---- descriptors ----

def busy(pid):
    """The share of a processor that the process uses while nobody wants anything, over half a second."""
    def ticks():
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    select.select([], [], [], 0.5)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / 0.5


def test_out_of_descriptors():
    """The sockets that are there work, pages and log-ins work over a connection that is there, the rest waits and is served
    when others have gone, and nobody spins."""
    with running_relay(limits={"keep_alive_ms": 60000, "head_ms": 60000}) as relay:
        relay.ann
        pid = relay.process.pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (300, 300))
        app, tab = (space := relay.space()).app(), relay.ann.tab()
        person = Person(relay, "ann")
        assert person.get("/login").status_code == 200  # keeps its connection
        held = Held(relay)
        crowd = [connect(relay) for _ in range(400)]
        try:
            for c in crowd:
                c.send("GET /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"[:-2])
            until(lambda: tab.sync() or held.now()[0] > 160)
            for _ in range(5):
                id = tab.submit(space)
                request = app.take()
                assert app.result(request)["accepted"] and tab.outcome(id)["status"] == "completed"
                assert person.try_login().status_code == 302 and person.get("/").status_code == 200
            assert held.now()[0] <= 300
            assert busy(pid) < 0.5
            assert not select.select([c.sock for c in crowd], [], [], 0)[0]  # nobody was hung up on
            for c in crowd[:300]:
                c.sock.close()
            for c in crowd[300:]:
                c.send("\r\n")
                assert c.reply().status == 200
        finally:
            for c in crowd:
                c.sock.close()
        until(lambda: tab.sync() or held.now()[0] <= held.files + 40)
        relay.space()  # the command line gets through
        assert Person(relay, "ann").try_login().status_code == 302


# ---- a process that was stopped ----

def test_nobody_is_dropped_for_the_time_the_process_was_stopped():
    """Longer than every limit of silence: pings, leases, heads, bodies and messages under way go on where they were."""
    limits = {"ping_every_ms": 1000, "ping_timeout_ms": 1500, "message_idle_ms": 2000, "head_ms": 1500, "body_idle_ms": 1500,
              "request_timeout_ms": 4500, "register_ms": 4500, "keep_alive_ms": 1500}
    with running_relay(limits=limits) as relay:
        space = relay.space()
        app, tab = space.app(), relay.ann.tab()
        idle = [relay.ann.tab() for _ in range(20)]
        id = tab.submit(space)
        request = app.take()
        half = connect_tab(relay, relay.ann)
        text = frame(TEXT, '{"type":"nonsense"}')
        half.send(text[:9])
        tab.sync()
        relay.process.send_signal(signal.SIGSTOP)
        time.sleep(STOP_S)  # nothing can be waited for: this is the length of the stop
        relay.process.send_signal(signal.SIGCONT)
        half.send(text[9:])
        opcode, _ = half.message()
        while opcode == PING:
            opcode, _ = half.message()
        assert opcode == TEXT
        for t in [tab, app, *idle]:
            t.sync()
        assert tab.watch(id)["status"] == "processing"
        assert app.result(request)["accepted"]
        assert tab.outcome(id)["status"] == "completed"
        assert not [m for m in app.held if m["type"] == "inference_request"]  # once

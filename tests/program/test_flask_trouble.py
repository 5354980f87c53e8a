"""The old HTTP surface when something is in the way: clients that vanish, limits, a disk that fails, a restart."""
import socket
import threading

import pytest

from faults import FULL, WRITE, FaultyRelay
from old_app import OldApp
from old_script import ENGLISH, Script, app_of, error
from relay import PATIENCE, running_relay, until

LIMITS = {"queue_per_space": 3, "unfinished_per_person": 5, "shutdown_ms": 3000, "save_retry_ms": 10}


@pytest.fixture(scope="module")
def server():
    with running_relay(limits=LIMITS) as relay:
        yield relay


@pytest.fixture
def r(server):
    if server.process.poll() is not None:
        server.start(server.url.split("//")[1])
    yield server
    server.close_sockets()


def script_of(person, headers=None):
    return Script(person.relay, headers).borrow(person)


def raw_submit(relay, space_id, prompt):
    """The request's bytes."""
    body = f"prompt={prompt}".encode()
    return (f"POST /websockets/submit/{space_id} HTTP/1.1\r\nHost: {relay.url.split('//')[1]}\r\n"
            f"Cookie: {relay.ann.cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def connect(relay):
    host, port = relay.url.split("//")[1].split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def finish_all(app, count):
    for _ in range(count):
        app.result(app.take())


def test_a_submit_whose_client_has_gone_stands(r):
    name, space_id = script_of(r.admin).add_space()
    app = app_of(r, name, space_id)
    for i in range(3):
        with connect(r) as s:
            s.sendall(raw_submit(r, space_id, f"p{i}"))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            # The request may not even have been read; that it was is for the app to say.
    with connect(r) as s:
        s.sendall(raw_submit(r, space_id, "last"))
        request = app.take()
        app.result(request)
        while request["payload"]["prompt"] != "last":
            request = app.take()
            app.result(request)
        assert s.recv(12) == b"HTTP/1.1 200"
    assert script_of(r.ann).status(request["request_id"]).json()["status"] == "completed"


def test_submits_come_pipelined_and_half_closed(r):
    name, space_id = script_of(r.admin).add_space()
    app = app_of(r, name, space_id, concurrency=9)
    with connect(r) as s:
        s.sendall(raw_submit(r, space_id, "one") + raw_submit(r, space_id, "two"))
        s.shutdown(socket.SHUT_WR)
        answers = b"".join(iter(lambda: s.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 2 == answers.count(b'"success":true')
    assert [app.take()["payload"]["prompt"] for _ in range(2)] == ["one", "two"]
    app.result({"request_id": answers.split(b'"request_id":"')[1][:36].decode(), "attempt": 1})


def test_a_full_queue_and_too_many_unfinished_say_so(r):
    name, space_id = script_of(r.admin).add_space()
    app = app_of(r, name, space_id)
    bob, root = script_of(r.bob), script_of(r.admin, ENGLISH)
    for i in range(4):  # one is with the app
        bob.accepted(space_id, prompt=str(i))
    answer = root.submit(space_id, prompt="p")
    assert error(answer) == (503, {"error": "The queue of this space is full; try again later", "retry_after": 1})
    assert answer.headers["Retry-After"] == "1"
    other = app_of(r, *script_of(r.admin).add_space())
    name, second = script_of(r.admin).add_space()
    app2 = app_of(r, name, second)
    bob.accepted(second, prompt="the fifth")
    answer = bob.submit(second, prompt="the sixth")
    assert error(answer) == (429, {"error": "请求过于频繁，请等待 1 秒后再试。", "retry_after": 1})
    finish_all(app, 4)
    finish_all(app2, 1)
    other.close()


def test_a_disabled_person_is_logged_out(r):
    eve = script_of(r.person("eve"))
    name, space_id = script_of(r.admin).add_space()
    app_of(r, name, space_id)
    r.command("user", "disable", "eve")
    assert error(eve.submit(space_id, prompt="p")) == (401, {"error": "未登录"})


def test_what_is_under_way_when_it_stops_is_answered(r):
    """A poll or a submit during shutdown is answered or its connection closed; what was accepted is there afterwards."""
    name, space_id = script_of(r.admin).add_space()
    app = app_of(r, name, space_id)
    ann, ids = script_of(r.ann), []
    ids.append(ann.accepted(space_id, prompt="p"))
    app.take()
    answers = []

    def poll():
        try:
            while True:
                answers.append(ann.status(ids[0]).status_code)
        except OSError:
            pass  # requests' errors are these

    poller = threading.Thread(target=poll)
    poller.start()
    until(lambda: answers)
    r.restart()
    poller.join(PATIENCE)
    assert set(answers) <= {200, 503}, answers
    assert ann.status(ids[0]).json()["status"] in ("processing", "queued")


def test_a_disk_that_cannot_save_503_with_retry_after():
    relay = FaultyRelay(limits=LIMITS)
    try:
        script = script_of(relay.admin)
        name, space_id = script.add_space()
        app = app_of(relay, name, space_id, concurrency=9)
        done = script.accepted(space_id, prompt="done")
        app.result(app.take())
        with relay.fault(WRITE, FULL):
            answer = script.submit(space_id, prompt="refused")
            assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
            assert answer.json() == {"error": "暂时无法保存，请稍后再试", "retry_after": int(answer.headers["Retry-After"])}
            assert script.status(done).json()["status"] == "completed"  # reading goes on
        until(lambda: relay.stranger().get("/readyz").status_code == 200)
        accepted = script.accepted(space_id, prompt="accepted")
        request = app.take()
        assert (request["request_id"], request["payload"]["prompt"]) == (accepted, "accepted")
    finally:
        relay.leave()


def test_a_result_that_cannot_be_saved_is_kept_and_saved_later():
    """These apps send it once."""
    relay = FaultyRelay(limits={**LIMITS, "save_retry_ms": 50})
    try:
        script = script_of(relay.admin)
        name, space_id = script.add_space(ws_legacy_registration="on")
        app = OldApp(relay.url)
        assert app.register(name)["success"]
        request_id = script.accepted(space_id, prompt="once")
        request = app.take()
        with relay.fault(WRITE, FULL):
            app.emit("inference_result", {"request_id": request_id, "status": "completed", "result": {"n": 1}})
            for _ in relay.until_failed():
                pass
            assert script.status(request_id).json()["status"] == "processing"
        until(lambda: script.status(request_id).json()["status"] == "completed")
        assert script.status(request_id).json()["result"] == {"n": 1} and request["attempt"] == 1
        app.close()
    finally:
        relay.leave()

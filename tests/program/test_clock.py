"""The wall clock is set while the relay runs, and while it does not. Deadlines do not care; a log-in and a token last as
long as the wall clock says; ids stay unique and ascend."""
import mmap
import signal
import struct
import tempfile
import time

import pytest

from relay import Relay, preloaded

DAY_MS = 86400000
DAYS = pytest.mark.parametrize("days", [[3, 0], [-3, 0], [3, -3, 3, -3, 0]], ids=["on", "back", "to and fro"])


class Clock:
    """What tests/fault/clock.c reads."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(bytes(16))
        self.file.flush()
        self.map = mmap.mmap(self.file.fileno(), 16)

    def set(self, add_ms=0, stands_ms=0):
        self.map[:] = struct.pack("qq", add_ms, stands_ms)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def r(clock):
    relay = Relay(limits={"request_timeout_ms": 60000, "grace_ms": 60000},
                  environment=preloaded("clock", CLOCK_FILE=clock.file.name))
    try:
        relay.admin
        yield relay
    finally:
        relay.leave()


@DAYS
def test_days_to_and_fro_end_nothing(r, clock, days):
    space = r.space()
    token = space.new_token(expires="4d")
    app = space.app(token=token, instance="one", concurrency=2)
    tab = r.ann.tab()
    running, queued = tab.submit(space), [tab.submit(space) for _ in range(3)]
    request, other = app.take(), app.take()
    for day in days:
        clock.set(add_ms=day * DAY_MS)
        queued.append(tab.submit(space))
        app.progress(request, percent=10)
        app.sync()
        tab.sync()  # nobody has been disconnected
        assert r.ann.get("/").status_code == 200  # nor logged out
        assert r.ann.tab().watch(running)["status"] == "processing"
        if day < 0:
            late = space.new_token(expires="1d")
            assert r.app().register(space.name, token=late)["code"] == "space_taken"
    ids = [running, *queued]
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    assert app.result(request)["accepted"] is True
    assert app.result(other)["accepted"] is True
    seen = [request["request_id"], other["request_id"]]
    while len(seen) < len(ids):
        request = app.take()
        assert request["attempt"] == 1
        seen.append(request["request_id"])
        assert app.result(request)["accepted"] is True
    assert seen == ids
    assert app.said() == []  # each was handed out once
    assert [tab.outcome(i)["status"] for i in ids] == ["completed"] * len(ids)


def test_a_token_and_a_log_in_end_when_the_wall_clock_says_so(r, clock):
    space = r.space()
    token = space.new_token(expires="2d")
    app = r.app()
    clock.set(add_ms=3 * DAY_MS)
    assert app.register(space.name, token=token)["message"] == "token has expired"
    clock.set()
    assert space.app(token=token).response["success"]
    ann = r.ann
    clock.set(add_ms=8 * DAY_MS)  # unused for so long
    assert ann.get("/").status_code == 302
    clock.set()


def test_an_earlier_clock_after_a_restart_repeats_no_id(r, clock):
    """The clock stands: each id of the second life would be that of one in the first."""
    space = r.space(queue_offline=True)
    r.ann, r.bob
    at = int(time.time() * 1000) + 60000
    clock.set(stands_ms=at)
    first = life(r, space)
    r.restart(kill=True)
    clock.set(stands_ms=at)
    second = life(r, space)
    assert first + second == sorted(first + second) and len({i[:22] for i in first + second}) == len(first + second)
    clock.set(add_ms=-3 * DAY_MS)
    r.restart()
    third = life(r, space)
    assert first + second + third == sorted(first + second + third)
    tab = r.ann.tab()
    assert [tab.watch(i)["status"] for i in first + second + third] == ["completed"] * 9


def life(r, space):
    app, tab = space.app(concurrency=3), r.ann.tab()
    ids = [tab.submit(space) for _ in range(3)]
    for _ in ids:
        assert app.result(app.take())["accepted"] is True
    return ids


def test_a_stopped_process_times_nobody_out(clock):
    """Stopped for longer than any deadline: what peers said meanwhile is heard first."""
    relay = Relay(limits={"request_timeout_ms": 3000, "ping_every_ms": 500, "ping_timeout_ms": 2500, "grace_ms": 100},
                  environment=preloaded("clock", CLOCK_FILE=clock.file.name))
    try:
        relay.admin
        space = relay.space()
        app, tab = space.app(), relay.ann.tab()
        tab.watch(tab.submit(space))
        request = app.take()
        relay.process.send_signal(signal.SIGSTOP)
        time.sleep(6)  # what is tested is that time passes
        relay.process.send_signal(signal.SIGCONT)
        app.sync()
        assert app.result(request)["accepted"] is True
        assert tab.final(request["request_id"])["status"] == "completed"
    finally:
        relay.leave()


def test_what_is_made_after_the_newest_was_removed_and_the_clock_set_back_is_not_lost(r, clock):
    space = r.space(queue_offline=True)
    ann, tab = r.ann, r.ann.tab()
    removed = tab.submit(space)
    assert tab.cancel(removed)["type"] == "cancelled"
    r.restart()
    settings = {"limits": {"queue_per_space": 99}}
    headers = {"Origin": r.url}
    assert r.admin.http.patch(r.url + "/api/v1/settings", json=settings, headers=headers).status_code == 200  # lists it
    assert r.admin.http.delete(f"{r.url}/api/v1/requests/{removed}", headers=headers).status_code == 204
    r.stop()
    clock.set(add_ms=-DAY_MS)
    r.start()
    waiting = ann.tab().submit(space)
    assert waiting > removed
    r.restart(kill=True)
    assert waiting in ann.get("/requests").text
    assert space.app().take()["request_id"] == waiting

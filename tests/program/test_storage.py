"""A disk that is full, fails, is locked or damaged: nothing acknowledged is lost, nothing refused comes back, nothing is
shown that is not stored, and the relay goes on by itself when the disk does."""
import errno
import json
import os
import sqlite3
import subprocess

import pytest

from faults import BROKEN, FULL, OPEN, READ_ONLY, SYNC, TRUNCATE, WRITE, FaultyRelay
from relay import PATIENCE, PROGRAM, Relay, numbers, preloaded, until

FAULT_N = int(os.environ.get("FAULT_N", 12))  # the first, second, ... so-many-th call fails in turn
SENTENCES = {FULL: "the disk is full", BROKEN: "the disk does not read or write"}


def make_relay(kind=FaultyRelay):
    relay = kind(limits={"save_retry_ms": 10, "grace_ms": 50, "text_save_ms": 10, "max_attempts": 9,
                         "requests_per_minute": 0})
    relay.admin, relay.ann  # made while all is well
    return relay


@pytest.fixture(scope="module")
def server():
    relay = make_relay()
    try:
        yield relay
    finally:
        relay.leave()


@pytest.fixture
def r(server):
    if server.process.poll() is not None:
        server.start()
    yield server
    server.disarm()
    server.close_sockets()


def ready(relay):
    answer = relay.stranger().get("/readyz")
    return answer.status_code == 200, answer.text


def until_ready(relay):
    until(lambda: ready(relay)[0])


def failing(relay, sentence):
    until(lambda: ready(relay) == (False, sentence + "\n"))


# ---- a disk that cannot fail proves nothing ----


def test_no_test_goes_on_without_the_library_that_makes_calls_fail():
    with pytest.raises(AssertionError, match="tests/fault/nothing.so is missing.*make fault"):
        preloaded("nothing")


def test_no_test_waits_for_ever_for_a_call_that_fails(r, monkeypatch):
    monkeypatch.setattr("faults.PATIENCE", 0)
    with pytest.raises(AssertionError, match="no call of that kind has failed"):
        for _ in r.until_failed():
            pass


# ---- the nth call fails ----


class Story:
    """What one person was told about her requests."""

    def __init__(self, relay):
        self.relay, self.space = relay, relay.space(queue_offline=True)
        self.accepted, self.refused, self.results = [], [], {}

    def submit(self, tab):
        prompt = f"prompt-{next(numbers)}-end"
        m = tab.ask(self.space, {"prompt": prompt})
        if m["type"] == "submitted":
            self.accepted.append(m["request_id"])
        else:
            assert (m["code"], m["retry_after_s"] > 0) == ("store_unavailable", True), m
            self.refused.append(prompt)
        return m

    def finish(self, app, request):
        """An app's answer to one request. False when it was not taken."""
        result = {"of": request["payload"]["prompt"]}
        app.delta(request, "some text")
        ack = app.result(request, result)
        if ack["accepted"]:
            self.results[request["request_id"]] = result
        else:
            assert ack["code"] == "store_unavailable", ack
        return ack["accepted"]

    def serve(self, app):
        """All that is open, with a disk that works."""
        for _ in [i for i in self.accepted if i not in self.results]:
            assert self.finish(app, app.take())

    def check(self, tab, since=0):
        """Everything accepted is there and done, everything refused is not. since: of the accepted, how many not to ask about."""
        for i in self.accepted[since:]:
            state = tab.outcome(i)
            tab.unwatch(i)
            assert (state["status"], state["result"]) == ("completed", self.results[i])
        listed = self.relay.ann.get(f"/requests?space={self.space.id}").text
        for prompt in self.refused:
            assert prompt not in listed


KINDS = pytest.mark.parametrize("calls, error", [(WRITE, FULL), (WRITE, BROKEN), (SYNC, BROKEN),
                                                   (SYNC | TRUNCATE, BROKEN)],
                                ids=["write-full", "write-broken", "fsync-broken", "fsync-truncate-broken"])


@KINDS
def test_one_call_that_fails_is_noticed_by_nobody(r, calls, error):
    story, tab = Story(r), r.ann.tab()
    app = story.space.app()
    for n in range(1, FAULT_N + 1):
        with r.fault(calls, error, first=n, count=1):
            for _ in r.until_failed():
                assert story.submit(tab)["type"] == "submitted"
                assert story.finish(app, app.take())
    story.check(tab)


@KINDS
def test_what_fails_from_the_nth_call_on_and_a_kill(r, calls, error):
    """Submits and results while nothing can be saved; then the server is killed, and started with a disk that works."""
    story = Story(r)
    for n in range(1, FAULT_N + 1):
        tab, app, before = r.ann.tab(), story.space.app(instance="one"), len(story.accepted)
        r.arm(calls, error, first=n)
        for _ in r.until_failed():
            story.submit(tab)
            for request in [m for m in app.said() if m["type"] == "inference_request"]:
                story.finish(app, request)
        for _ in range(2):
            story.submit(tab)
        shown = {i: tab.state(i)["status"] for i in story.accepted[before:]}
        assert all((status == "completed") == (i in story.results) for i, status in shown.items())
        r.kill()
        r.disarm()
        r.close_sockets()
        r.start(r.url.split("//")[1])
        story.serve(story.space.app(instance="one"))
        story.check(r.ann.tab(), before)
        r.close_sockets()
    story.check(r.ann.tab())
    assert story.refused


# ---- failing and recovering ----


@pytest.mark.parametrize("calls, error", [(WRITE, FULL), (SYNC, BROKEN), (WRITE, BROKEN), (WRITE | SYNC | TRUNCATE, BROKEN)],
                         ids=["full", "fsync", "write", "all"])
def test_the_relay_says_what_fails_and_goes_on_by_itself(r, calls, error):
    story, tab = Story(r), r.ann.tab()
    app = story.space.app()
    request_id = story.submit(tab)["request_id"]
    tab.watch(request_id)
    request = app.take()
    assert ready(r) == (True, "ok\n")
    r.arm(calls, error)
    assert app.result(request, {"n": 1}) == {
        "type": "result_ack", "request_id": request_id, "attempt": 1, "accepted": False, "code": "store_unavailable"}
    assert story.submit(tab)["type"] == "error"
    failing(r, SENTENCES[error])
    assert r.stranger().get("/healthz").status_code == 200
    assert r.ann.get(f"/requests/{request_id}").status_code == 200  # pages read on
    assert not any(m["type"] == "event" and m["event"]["kind"] == "final" for m in tab.said())
    page = r.admin.post("/admin/settings/registration", registration="open")
    assert (page.status_code, page.headers.get("Retry-After")) == (503, "1")
    r.disarm()
    until_ready(r)  # nobody saves anything meanwhile
    assert app.result(request, {"n": 2})["accepted"] is True
    assert tab.final(request_id)["result"] == {"n": 2}
    assert story.submit(tab)["type"] == "submitted"


def test_another_program_that_holds_the_write_lock(r):
    story, tab = Story(r), r.ann.tab()
    app = story.space.app()
    request_id = story.submit(tab)["request_id"]
    request = app.take()
    other = sqlite3.connect(r.data / "relay.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert story.submit(tab)["type"] == "error"
    assert app.result(request)["code"] == "store_unavailable"
    failing(r, "another program has locked the database")
    other.execute("ROLLBACK")
    until_ready(r)
    assert app.result(request)["accepted"] is True
    assert tab.outcome(request_id)["status"] == "completed"
    other.close()


# ---- damage ----


def roots(data, *tables):
    db = sqlite3.connect(data / "relay.db")
    try:
        return [db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", [t]).fetchone()[0] for t in tables]
    finally:
        db.close()


def damage(data, *tables):
    for root in roots(data, *tables):
        with open(data / "relay.db", "r+b") as f:
            f.seek((root - 1) * 4096)
            f.write(b"x" * 4096)


@pytest.fixture
def own():
    relay = make_relay(Relay)
    try:
        yield relay
    finally:
        relay.leave(kill=True)


def test_nothing_is_acknowledged_over_damage(own):
    space = own.space(queue_offline=True)
    tab, app = own.ann.tab(), space.app()
    done = tab.submit(space)
    request = app.take()
    assert app.result(request)["accepted"] is True
    own.stop()
    own.close_sockets()
    damage(own.data, "result")
    own.start(own.url.split("//")[1])
    tab = own.ann.tab()
    assert ready(own)[0]  # nobody has met it yet
    tab.send("subscribe", topic=f"request:{done}")
    refusal = tab.wait_type("error")
    assert refusal["code"] == "store_unavailable"
    failing(own, "the database is damaged")
    for _ in range(3):
        assert tab.ask(space)["code"] == "store_unavailable"


# ---- starts that cannot be ----


def start_fails(relay, *says, env=None):
    done = subprocess.run([PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data", relay.data], env=env,
                          capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("spacerelay: ")
    for words in says:
        assert words in last


@pytest.fixture
def stopped():
    relay = make_relay()
    relay.stop()
    yield relay
    relay.leave(kill=True)


def test_no_start_on_what_is_no_database(stopped):
    (stopped.data / "relay.db").write_bytes(b"this is a diary\n" * 1000)
    start_fails(stopped, "relay.db cannot be opened", "the database is damaged", "spacerelay doctor")


def test_no_start_on_a_damaged_schema_or_damaged_rows_that_the_start_reads(stopped):
    damage(stopped.data, "user")
    start_fails(stopped, "cannot be read", "the database is damaged", "spacerelay doctor")


def test_no_start_with_a_full_disk(stopped):
    with stopped.fault(WRITE, FULL):
        start_fails(stopped, "the disk is full", env={**os.environ, **stopped.environment})
    stopped.start()
    assert ready(stopped)[0]


def test_no_start_on_a_newer_schema(stopped):
    db = sqlite3.connect(stopped.data / "relay.db", isolation_level=None)
    db.execute("PRAGMA user_version = 999")
    db.close()
    start_fails(stopped, "written by a newer spacerelay", "999")


def test_no_start_while_another_program_has_the_database_to_itself(stopped):
    db = sqlite3.connect(stopped.data / "relay.db", isolation_level=None)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN EXCLUSIVE")
    start_fails(stopped, "another program has locked the database")
    db.close()


@pytest.mark.parametrize("error", [READ_ONLY, errno.EACCES], ids=["read-only", "not ours"])
def test_no_start_in_a_folder_that_cannot_be_written(stopped, error):
    with stopped.fault(OPEN, error):
        start_fails(stopped, "cannot write in the data folder", os.strerror(error), env={**os.environ, **stopped.environment})


def test_no_start_on_a_database_that_can_only_be_read(stopped):
    """The lock is tried twice, for it may be there already; the database is the next that is opened for writing."""
    with stopped.fault(OPEN, READ_ONLY, first=3):
        start_fails(stopped, "relay.db", os.strerror(READ_ONLY), env={**os.environ, **stopped.environment})


def test_after_a_start_that_could_not_be_the_next_one_is_as_if_nothing_was(stopped):
    for n in range(1, FAULT_N + 1):
        for calls, error in [(WRITE, FULL), (SYNC, BROKEN)]:
            with stopped.fault(calls, error, first=n):
                done = subprocess.run([PROGRAM, "user", "list", "--json", "--data", stopped.data], capture_output=True,
                                      text=True, timeout=PATIENCE, env={**os.environ, **stopped.environment})
            assert done.returncode == 0 or done.stderr.startswith("spacerelay: "), done.stderr
    assert sorted(u["name"] for u in json.loads(stopped.command("user", "list", json=True))) == ["ann", "root"]

"""Finished requests that are older than the setting go, while people work on; what they belong to stays."""
import sqlite3

import pytest

from relay import Relay, preloaded, until
from test_clock import DAY_MS, Clock

TABLES = {"request": "key", "payload": "key", "result": "key", "chunk": "request_key"}
LONG = "x" * 2000  # has a row of its own


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def r(clock):
    relay = Relay(limits={"retention_days": 2, "text_save_ms": 10},
                  environment=preloaded("clock", CLOCK_FILE=clock.file.name))
    try:
        relay.admin
        yield relay
    finally:
        relay.leave()


def work_off(space, tab, count, **fields):
    """Submits so many, an app finishes them; their ids."""
    app = space.app(instance="one")
    ids = []
    for i in range(count):
        ids.append(tab.submit(space, {"prompt": LONG}))
        request = app.take()
        app.delta(request, "some text")
        assert app.result(request, {"n": LONG}, **fields)["accepted"]
    app.close()
    return ids


def rows(relay):
    """Of each table, when the server has stopped."""
    db = sqlite3.connect(relay.data / "relay.db")
    try:
        return {t: db.execute(f"SELECT count(DISTINCT {key}) FROM {t}").fetchone()[0] for t, key in TABLES.items()}
    finally:
        db.close()


def test_old_requests_go_in_steps_and_nobody_else_notices(r, clock):
    clock.set(add_ms=-3 * DAY_MS)
    r.restart()
    space = r.space(queue_offline=True)
    tab = r.ann.tab()
    old = work_off(space, tab, 60)
    waiting = tab.submit(space, {"prompt": LONG})
    clock.set()
    r.restart()
    tab = r.ann.tab()
    tab.subscribe(f"request:{old[-1]}")  # may be there still, or not
    young = work_off(space, tab, 2)  # the first that it gets is the one that waited
    until(lambda: all(r.ann.get(f"/requests/{i}").status_code == 404 for i in old))
    for i in (old[0], old[-1]):
        tab.send("unsubscribe", topic=f"request:{i}")
        assert tab.subscribe(f"request:{i}")["code"] == "not_found"
    assert not any(m["type"] == "event" and m["topic"][8:] in old for m in tab.said())
    assert tab.outcome(waiting)["status"] == tab.outcome(young[0])["status"] == "completed"
    listed = r.ann.get("/requests").text
    assert all(i in listed for i in [waiting, *young]) and not any(i in listed for i in old)
    r.stop()
    assert rows(r) == {"request": 3, "payload": 3, "result": 2, "chunk": 2}
    r.start()

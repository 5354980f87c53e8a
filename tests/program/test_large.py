"""A start with 100,000 finished and 10,000 waiting requests, and a SIGTERM under load. Times are printed, not judged."""
import sqlite3
import time

import pytest

from relay import PATIENCE, Relay
from test_crash import LIMITS, SEED, check_database, start_traffic, wait_until_empty
from traffic import Traffic

FINISHED, WAITING, PEOPLE = 100000, 10000, 5
PAD = "x" * 300


def uuid_of(key):
    """As base/uuid.h: milliseconds and a counter, the rest zero."""
    ms, counter = key >> 15, key & 0x7fff
    return (ms.to_bytes(6, "big") + bytes([0x70 | counter >> 11, counter >> 3 & 0xff, 0x80 | (counter & 7) << 3])
            + bytes(7))


def text_of(uuid):
    x = uuid.hex()
    return f"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}"


def fill(relay, space):
    """Behind the stopped relay's back. Returns the waiting ids in the order of their turns."""
    with sqlite3.connect(relay.data / "relay.db") as db:
        space_key = db.execute("SELECT key FROM space WHERE name = ?", (space.name,)).fetchone()[0]
        now = int(time.time() * 1000)
        first = now - (FINISHED + WAITING) * 10  # one each 10 ms
        keys = [first + 10 * i << 15 for i in range(FINISHED + WAITING)]
        people = dict(db.execute("SELECT name, key FROM user WHERE name LIKE 'p%'"))
        names = list(people)

        def rows():
            for i, key in enumerate(keys):
                waits, name = i >= FINISHED, names[i % PEOPLE]
                row = {"key": key, "id": uuid_of(key), "space_key": space_key, "user_key": people[name],
                       "username": name, "lost": 0, "waived": 0, "error_code": "", "created_ms": key >> 15,
                       "prompt": f"prompt {i}", "payload": f'{{"prompt": "prompt {i}", "pad": "{PAD}"}}',
                       "status": "completed", "attempt": 1, "turn": 0, "app": "an app", "attempt_ms": key >> 15,
                       "started_ms": key >> 15, "finished_ms": now, "result": f'{{"text_output": "{PAD}"}}'}
                if waits:
                    row.update(status="queued", attempt=0, turn=1 + (i - FINISHED) // PEOPLE, app="", attempt_ms=0,
                               started_ms=0, finished_ms=0, result=None)
                yield row

        columns = list(next(rows()))
        db.executemany(f"INSERT INTO request ({', '.join(columns)}) VALUES (:{', :'.join(columns)})", rows())
    return [text_of(uuid_of(k)) for k in keys]


@pytest.fixture
def filled():
    relay = Relay(limits={"unfinished_per_person": 100000, "requests_per_minute": 0, "shutdown_ms": 3000,
                          "queue_per_space": 100000})
    try:
        relay.admin
        space = relay.space(queue_offline=True, max_apps=4)
        relay.ann
        for i in range(PEOPLE):
            relay.person(f"p{i}")
        relay.stop()
        ids = fill(relay, space)
        begin = time.monotonic()
        relay.start()
        print(f"{FINISHED} finished, {WAITING} waiting: ready in {time.monotonic() - begin:.2f} s")
        yield relay, space, ids
    finally:
        relay.leave(kill=True)


def test_a_start_with_many_requests_knows_them_all(filled):
    relay, space, ids = filled
    tab = relay.admin.tab()
    assert tab.subscribe(space.topic)["state"]["queue_length"] == WAITING
    for i in (0, 7, WAITING - 1):
        state = tab.state(ids[FINISHED + i])
        assert (state["status"], state["position"]) == ("queued", i + 1)
    assert tab.state(ids[0])["result"] == {"text_output": PAD}
    assert f"prompt {FINISHED + WAITING - 1}" in relay.person(f"p{PEOPLE - 1}").get("/requests").text
    app = space.app(concurrency=1)
    for i in range(100):
        request = app.take()
        assert (request["request_id"], request["payload"]["prompt"]) == (ids[FINISHED + i], f"prompt {FINISHED + i}")
        assert app.result(request)["accepted"] is True
    newest = relay.ann.tab().submit(space)  # of somebody who has not had a turn: before their next ones
    took = []
    while newest not in took:
        request = app.take()
        took.append(request["request_id"])
        assert app.result(request)["accepted"] is True
        assert len(took) <= 2 * PEOPLE + 2


def test_a_sigterm_under_load_loses_nothing():
    relay = Relay(limits={**LIMITS, "shutdown_ms": 1000})
    try:
        with Traffic(relay, SEED) as traffic:
            start_traffic(traffic, relay)
            for _ in range(3):
                traffic.ledger.wait_for_more(300, PATIENCE)
                begin = time.monotonic()
                relay.process.terminate()
                assert relay.wait_end() == 0, relay.log()[-2000:]
                print(f"SIGTERM: gone after {time.monotonic() - begin:.2f} s")
                relay.start(relay.url.split("//")[1])
                traffic.spot_check()
            print(traffic.settle(10 * PATIENCE))
            wait_until_empty(relay)
        relay.close_sockets()
        relay.stop()
        check_database(relay, traffic.ledger)
    finally:
        relay.leave(kill=True)

"""The server is killed at random moments under load, and started again on the same data. What anybody was told must
hold. KILLS=200 is the long form; SEED repeats a run."""
import os
import random
import sqlite3
import time

from relay import PATIENCE, Relay
from traffic import Traffic

KILLS = int(os.environ.get("KILLS", 5))
SEED = os.environ.get("SEED") or str(random.randrange(10**6))
LIMITS = {"text_save_ms": 20, "requests_per_minute": 0, "unfinished_per_person": 100000, "request_timeout_ms": 20000,
          "grace_ms": 5000, "cancel_wait_ms": 200, "max_attempts": 3}


def start_traffic(traffic, relay, people=4):
    relay.admin  # from now on it serves
    spaces = [relay.space(max_apps=2), relay.space(queue_offline=True)]
    for space in spaces:
        traffic.add_app(space)
    traffic.add_app(spaces[0])
    for i in range(people):
        traffic.add_person(relay.person(f"person{i}"), spaces)
    return spaces


def check_database(relay, ledger):
    """Behind the stopped server's back: nothing is open, nothing is doubled, nothing is missing."""
    with sqlite3.connect(f"file:{relay.data}/relay.db?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        status = dict(db.execute("SELECT lower(hex(id)), status FROM request"))
        assert ledger.acknowledged() <= {f"{i[:8]}-{i[8:12]}-{i[12:16]}-{i[16:20]}-{i[20:]}" for i in status}
        assert set(status.values()) <= {"completed", "failed", "cancelled"}
        assert db.execute("SELECT count(*) FROM request").fetchone()[0] == len(status)
        # None of these was meant twice: what was asked again had an idempotency key.
        assert db.execute("SELECT prompt FROM request WHERE prompt LIKE 'person%' GROUP BY prompt"
                          " HAVING count(*) > 1").fetchall() == []


def wait_until_empty(relay):
    """Also of what was accepted without anybody having heard of it."""
    admin = relay.admin.tab()
    end = time.monotonic() + PATIENCE
    while True:
        admin.send("subscribe", topic="spaces")
        spaces = admin.wait_type("subscribed")["state"]["spaces"]
        if all(s["queue_length"] == 0 and s["slots_free"] == s["slots"] for s in spaces):
            return
        assert time.monotonic() < end, spaces
        admin.send("unsubscribe", topic="spaces")
        admin.wait_type("unsubscribed")


def test_nothing_acknowledged_is_lost_or_changed_by_kills():
    print(f"SEED={SEED} KILLS={KILLS}")
    chance = random.Random(SEED)
    relay = Relay(limits=LIMITS)
    try:
        with Traffic(relay, SEED) as traffic:
            start_traffic(traffic, relay)
            for kill in range(KILLS):
                if chance.random() < 0.85:  # else again while it has hardly started
                    traffic.ledger.wait_for_more(chance.randint(1, 1500), PATIENCE)
                time.sleep(0.02 * chance.random())  # the moment is the point
                relay.restart(kill=True)
                traffic.spot_check()
            print(traffic.settle(10 * PATIENCE))
            wait_until_empty(relay)
        relay.close_sockets()
        relay.stop()
        check_database(relay, traffic.ledger)
    finally:
        relay.leave(kill=True)

"""Apps and people behind a network that delays, cuts, half-closes and swallows; and an app that dies all the time.
Whatever becomes of a connection, each request ends once, with what an app made for it, as everybody was told.
CHAOS_S=600 is the long form; SEED repeats a run."""
import contextlib
import datetime
import json
import os
import random
import re
import subprocess
import time

import pytest

from chaos_proxy import ChaosProxy
from relay import BUILD, PATIENCE, Relay
from test_crash import check_database, wait_until_empty
from traffic import Traffic, TrafficApp, on_loop

CHAOS_S = float(os.environ.get("CHAOS_S", 5))
SEED = os.environ.get("SEED") or str(random.randrange(10**6))
# Some stay away for longer than the grace: what they have is late then.
LIMITS = {"text_save_ms": 20, "requests_per_minute": 0, "unfinished_per_person": 100000, "request_timeout_ms": 5000,
          "grace_ms": 300, "cancel_wait_ms": 200, "ping_every_ms": 300, "ping_timeout_ms": 300}
LATE_S = 5  # how much later than its deadline a request may end on a machine that is busy with other things


@pytest.fixture
def relay():
    print(f"SEED={SEED} CHAOS_S={CHAOS_S}")
    relay = Relay(limits=LIMITS)
    try:
        relay.admin
        yield relay
    finally:
        relay.leave(kill=True)


def finish(relay, traffic):
    """Returns how all ended."""
    print(traffic.settle(4 * PATIENCE))
    states = traffic.shown()
    wait_until_empty(relay)
    relay.close_sockets()
    relay.stop()
    check_database(relay, traffic.ledger)
    return states


def while_it_works(traffic, *codes):
    """At least CHAOS_S seconds, until these codes have been heard too."""
    end = time.monotonic() + CHAOS_S
    while time.monotonic() < end or not traffic.ledger.counts().keys() >= set(codes):
        traffic.ledger.wait_for_more(20, PATIENCE)
        traffic.check()


# ---- the network ----


@contextlib.contextmanager
def bad_network(relay):
    def target():
        host, port = relay.url.split("//")[1].split(":")
        return host, int(port)

    proxy = ChaosProxy(target, SEED)
    on_loop(proxy.start())
    try:
        yield proxy
    finally:
        on_loop(proxy.end())


@contextlib.contextmanager
def mock_app(relay, space, url):
    out = relay.folder / "mock-app.out"
    with open(out, "wb") as file:
        process = subprocess.Popen(
            [BUILD / "mock-app", "--host", url, "--space", space.name, "--concurrency", "4", "--delay", "0-0.1",
             "--fail-rate", "0.05", "--verbose"], stdout=file, stderr=subprocess.STDOUT,
            env={**os.environ, "SPACERELAY_TOKEN": space.token})
    try:
        yield lambda: out.read_text(errors="replace").splitlines()
        assert process.poll() is None, out.read_text()[-2000:]
    finally:
        process.kill()
        process.wait()


def write_down(traffic, lines):
    """What mock-app printed of its results and what became of them."""
    made = {}
    for line in lines:
        _, arrow, text = line.partition(" --> ") if " --> " in line else line.partition(" <-- ")
        m = re.match(r'\{"type":"inference_request".*?"username":"(\w+)"', text)
        if m:
            traffic.owners[re.search('"request_id":"(.*?)"', text).group(1)] = m.group(1)
        elif arrow == " --> " and text.startswith('{"type":"inference_result"'):
            m = json.loads(text)
            made[m["request_id"], m["attempt"]] = m["result"]
            traffic.ledger.add("computed", m["request_id"], attempt=m["attempt"], result=m["result"])
        elif arrow == " <-- " and text.startswith('{"type":"result_ack"'):
            m = json.loads(text)
            lease = (m["request_id"], m["attempt"])
            if m["accepted"] and lease in made:
                traffic.ledger.add("accepted", lease[0], attempt=lease[1], result=made[lease])


def test_each_request_ends_once_over_a_bad_network(relay):
    with bad_network(relay) as proxy, Traffic(relay, SEED, lambda: proxy.url, ping_s=0.5, away_s=0.5) as traffic:
        spaces = [relay.space(max_apps=2), relay.space(queue_offline=True)]
        for _ in range(2):
            traffic.add_app(spaces[0])
        with mock_app(relay, spaces[1], proxy.url) as said:
            for i in range(4):
                traffic.add_person(relay.person(f"person{i}"), spaces)
            while_it_works(traffic)
            on_loop(proxy.quiet())
            traffic.closing = True
            wait_until_empty(relay)
            write_down(traffic, said())
            finish(relay, traffic)


# ---- the app ----


class DyingApp(TrafficApp):
    """Each 100 ms its connection is gone, and half of the times all that it knew."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.deadlines = {}

    async def hello(self):
        self.traffic.soon(0.1, self.die)
        await super().hello()

    def die(self):
        if self.traffic.closing:
            return
        self.drop()
        if self.chance.random() < 0.5:
            self.reborn()

    async def on_inference_request(self, m):
        self.deadlines[m["request_id"]] = m["deadline"]
        await super().on_inference_request(m)


def when(text):
    return datetime.datetime.fromisoformat(text)


def test_an_app_that_dies_every_100_ms_leaves_no_request_behind(relay):
    with Traffic(relay, SEED, away_s=0.5) as traffic:
        space = relay.space(queue_offline=True)
        app = traffic.add_app(space, kind=DyingApp, work_s=0.1)
        for i in range(2):
            traffic.add_person(relay.person(f"person{i}"), [space])
        while_it_works(traffic, "app_lost", "stale_attempt")
        states = finish(relay, traffic)
        late = {i: (s, app.deadlines[i]) for i, s in states.items() if i in app.deadlines and
                when(s["finished_at"]) > when(app.deadlines[i]) + datetime.timedelta(seconds=LATE_S)}
        assert not late

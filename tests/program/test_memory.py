"""Memory is out: each large allocation (which a peer has sized) fails in its turn, and the program lives on; a small one
ends the program, as it is meant to, and a start finds all that was acknowledged."""
import contextlib
import itertools
import json
import mmap
import os
import random
import signal
import struct
import tempfile
import time

import pytest
import requests

from relay import PATIENCE, Closed, Refused, Relay, preloaded
from test_crash import LIMITS, check_database, start_traffic, wait_until_empty
from traffic import Traffic

LARGE = 64 * 1024
OOMS = int(os.environ.get("OOMS", 3))
SEED = os.environ.get("SEED") or str(random.randrange(10**6))


class Memory:
    """What tests/fault/alloc.c reads and counts."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(bytes(32))
        self.file.flush()
        self.map = mmap.mmap(self.file.fileno(), 32)

    def fail(self, nth, least_bytes, span=1):
        self.map[:] = struct.pack("QqqQ", least_bytes, nth, span, 0)

    def last(self):
        """Enough again."""
        self.fail(0, 0, 0)

    @property
    def failed(self):
        return struct.unpack("QqqQ", self.map)[3]


@pytest.fixture
def memory():
    return Memory()


def relay_of(memory, **limits):
    return Relay(limits=limits, environment=preloaded("alloc", ALLOC_FILE=memory.file.name))


def says_so(answer):
    """That it could not be done just now, not that it is otherwise."""
    return answer["type"] == "error" and answer["code"] in ("store_unavailable", "internal")


def large_things(r, space, big):
    """Everything whose size a peer chooses. What fails may fail in any way that tells the peer so."""
    acknowledged = {}
    app = space.app(instance="one")
    tab = r.ann.tab()
    with contextlib.suppress(Closed):
        answer = tab.ask(space, {"prompt": "large", "pad": big})
        if answer["type"] == "submitted":
            request_id = answer["request_id"]
            acknowledged[request_id] = None
            request = app.take()
            assert request["payload"]["pad"] == big
            app.delta(request, big)
            app.sync()
            assert all(says_so(m) for m in app.held if m["type"] == "error"), app.held
            ack = app.result(request, {"text_output": big})
            if ack["accepted"]:
                acknowledged[request_id] = {"text_output": big}
                answer = tab.subscribe(f"request:{request_id}")
                assert says_so(answer) or answer["state"]["result"] == {"text_output": big}, answer
        else:
            assert says_so(answer), answer
    with contextlib.suppress(requests.ConnectionError):
        for request_id in acknowledged:
            assert r.ann.get(f"/requests/{request_id}.json").status_code in (200, 500, 502, 503)
        r.ann.get("/requests")
        r.ann.post("/account/language", language="en", pad=big)
    for s in (app, tab):
        s.drop()
    return acknowledged


def test_each_large_allocation_fails_in_its_turn(memory):
    big = "x" * 300000
    relay = relay_of(memory, grace_ms=0, max_attempts=1)
    try:
        relay.admin
        space = relay.space()
        watcher = relay.bob.tab()
        watcher.subscribe(space.topic)
        acknowledged = large_things(relay, space, big)  # what is made once is made now
        for nth in itertools.count(1):
            memory.fail(nth, LARGE)
            with contextlib.suppress(Refused):
                acknowledged.update(large_things(relay, space, big))
            failed = memory.failed
            memory.last()
            assert relay.process.poll() is None, relay.log()[-2000:]
            watcher.sync()
            for request_id, result in acknowledged.items():
                state = relay.ann.tab().outcome(request_id)
                assert result is None or state["result"] == result
            acknowledged.clear()
            relay.close_sockets()
            watcher = relay.bob.tab()
            if not failed:
                break
        print(f"{nth - 1} large allocations failed")
        assert nth > 5
        assert large_things(relay, space, big).popitem()[1]  # all is well again
    finally:
        relay.leave()


def chat_whole_or_not(r, space, big):
    """A streamed chat call with large parts: its text is whole, or its end is none."""
    app = space.app()
    body = {"model": space.name, "stream": True, "messages": [{"role": "user", "content": big}]}
    data = []
    with contextlib.suppress(Closed, requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        reply = r.ann.http.post(r.url + "/v1/chat/completions", json=body, timeout=PATIENCE, stream=True)
        if reply.status_code == 200:
            with contextlib.suppress(Closed):
                request = app.take()
                app.delta(request, big)
                if not app.result(request, {"text_output": big + "end"})["accepted"]:
                    app.drop()  # it would have to send it again
            for line in reply.content.split(b"\n"):
                if line.startswith(b"data: "):
                    data.append(line[6:])
        else:
            assert reply.status_code in (429, 500, 503), reply.text
    app.drop()
    if not data or data[-1] != b"[DONE]":
        return False
    parts = [json.loads(d) for d in data[:-1]]
    if "error" in parts[-1]:
        return False
    assert "".join(p["choices"][0]["delta"].get("content", "") for p in parts) == big + "end"
    return True


def test_a_streamed_chat_is_whole_or_breaks_off(memory):
    big = "x" * 300000
    relay = relay_of(memory, grace_ms=0, max_attempts=1)
    try:
        relay.admin
        space = relay.space()
        assert chat_whole_or_not(relay, space, big)
        for nth in itertools.count(1):
            memory.fail(nth, LARGE)
            with contextlib.suppress(Refused):
                chat_whole_or_not(relay, space, big)
            failed = memory.failed
            memory.last()
            assert relay.process.poll() is None, relay.log()[-2000:]
            relay.close_sockets()
            if not failed:
                break
        print(f"{nth - 1} large allocations failed")
        assert nth > 5
        assert chat_whole_or_not(relay, space, big)
    finally:
        relay.leave()


def events_whole_or_not(r, space, big):
    """A stream of a request's events with large parts: each event is whole, or the stream breaks off before it."""
    app = space.app()
    text, whole = "", False
    with contextlib.suppress(Closed, requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        request_id = r.ann.tab().submit(space, {"prompt": "x"})
        reply = r.ann.http.get(f"{r.url}/api/v1/requests/{request_id}/events", timeout=PATIENCE, stream=True)
        assert reply.status_code in (200, 500, 503), reply.status_code
        with contextlib.suppress(Closed):
            request = app.take()
            app.delta(request, big)
            if not app.result(request, {"text_output": big})["accepted"]:
                app.drop()
        body = b""
        with contextlib.suppress(requests.exceptions.ChunkedEncodingError, requests.ConnectionError):
            for part in reply.iter_content(65536):
                body += part
            whole = reply.status_code == 200
        *events, rest = body.split(b"\n\n")
        assert not (whole and rest), rest[:100]
        for event in events if reply.status_code == 200 else []:
            lines = [line for line in event.split(b"\n") if not line.startswith(b":")]
            if lines:
                assert [line.split(b":")[0] for line in lines] == [b"id", b"event", b"data"], event[:200]
                data = json.loads(lines[2][5:])
                text += data.get("text", "") if data.get("kind") == "delta" or "request_id" in data else ""
                whole = whole and data.get("result", {"text_output": big}) == {"text_output": big}
    app.drop()
    return whole and text == big


def test_a_stream_of_events_is_whole_or_breaks_off(memory):
    big = "x" * 300000
    relay = relay_of(memory, grace_ms=0, max_attempts=1)
    try:
        relay.admin
        space = relay.space()
        assert events_whole_or_not(relay, space, big)
        for nth in itertools.count(1):
            memory.fail(nth, LARGE)
            with contextlib.suppress(Refused):
                events_whole_or_not(relay, space, big)
            failed = memory.failed
            memory.last()
            assert relay.process.poll() is None, relay.log()[-2000:]
            relay.close_sockets()
            if not failed:
                break
        print(f"{nth - 1} large allocations failed")
        assert nth > 5
        assert events_whole_or_not(relay, space, big)
    finally:
        relay.leave()


def dies(relay, memory, ledger):
    """False when it went on without that memory."""
    end, grown = time.monotonic() + PATIENCE, None
    while relay.process.poll() is None:
        if memory.failed and grown is None:
            grown = len(ledger.entries) + 200
        if grown and len(ledger.entries) > grown:
            return False
        assert time.monotonic() < end, (memory.failed, grown)
        time.sleep(0.002)
    return True


def test_a_small_allocation_that_fails_loses_nothing(memory):
    print(f"SEED={SEED} OOMS={OOMS}")
    chance = random.Random(SEED)
    relay = relay_of(memory, **LIMITS)
    ends = []
    try:
        with Traffic(relay, SEED) as traffic:
            start_traffic(traffic, relay)
            while len(ends) < OOMS:
                traffic.ledger.wait_for_more(chance.randint(1, 300), PATIENCE)
                memory.fail(chance.randint(1, 3000), 1, span=100)
                if dies(relay, memory, traffic.ledger):
                    ends.append(-relay.wait_end())
                    memory.last()
                    relay.start(relay.url.split("//")[1])
                traffic.spot_check()
            print(traffic.settle(10 * PATIENCE))
            wait_until_empty(relay)
        assert set(ends) == {signal.SIGABRT}
        relay.close_sockets()
        relay.stop()
        check_database(relay, traffic.ledger)
    finally:
        relay.leave(kill=True)

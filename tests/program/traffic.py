"""Apps and people that use a relay as ours are told to: they reconnect, resume, send results again until they are
acknowledged, and write down in a ledger what they were told. They do so while a test kills the relay or cuts their
connections; `shown` asks the relay for the truth as it sees it, over a connection of its own.

Everything random comes from one seed, which the tests print. (When what happens is up to the machine.)"""
import asyncio
import collections
import contextlib
import json
import random
import time

import websockets

from ledger import FINAL, Ledger, broken_promises
from relay import PATIENCE, _loop

GONE = (OSError, EOFError, websockets.WebSocketException, asyncio.TimeoutError)
AT_ONCE = 64  # requests that are asked about in one go
EXPECTED = {"already_final", "app_disconnected", "store_unavailable", "shutting_down"}  # what people may be refused with
SOME = 100    # finished requests that are looked at in between
OPEN = 300    # requests under way at most, so that a backlog does not hide what the test is about


def on_loop(coroutine, seconds=PATIENCE):
    return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, seconds), _loop).result(seconds + 5)


class Peer:
    """Somebody with a connection, again and again until the traffic is over."""

    path, headers = "", {}

    def __init__(self, traffic, number):
        self.traffic, self.ledger = traffic, traffic.ledger
        self.chance = random.Random(f"{traffic.seed} {type(self).__name__} {number}")
        self.ws = None

    async def run(self):
        while not self.traffic.over:
            try:
                await self.connect()
            except websockets.InvalidStatusCode as e:
                if e.status_code != 503:  # a refusal that reconnecting does not mend
                    raise
            except GONE:
                pass
            away_s = self.traffic.away_s if self.chance.random() < 0.2 else 0
            await asyncio.sleep(away_s + 0.02 * self.chance.random())

    async def connect(self):
        async with websockets.connect(
                "ws" + self.traffic.url()[4:] + self.path, extra_headers=self.headers, subprotocols=["spacerelay.v1"],
                max_size=None, ping_interval=self.traffic.ping_s, ping_timeout=self.traffic.ping_s, compression=None,
                open_timeout=5, close_timeout=0.05) as ws:
            self.ws = ws
            try:
                await self.hello()
                async for text in ws:
                    m = json.loads(text)
                    handler = getattr(self, "on_" + m["type"], None)
                    if handler:
                        await handler(m)
            finally:
                self.ws = None
                self.left()
                ws.transport.abort()

    async def send(self, type, **fields):
        """What is not sent is up to who resumes."""
        with contextlib.suppress(*GONE, AttributeError):
            await self.ws.send(json.dumps({"type": type, **fields}))

    def drop(self):
        """As when the process dies."""
        if self.ws:
            self.ws.transport.abort()

    def left(self):
        pass


class TrafficApp(Peer):
    path = "/ws/app"

    def __init__(self, traffic, number, space, token, concurrency=8, work_s=0.02):
        super().__init__(traffic, number)
        self.space, self.token, self.concurrency, self.work_s = space, token, concurrency, work_s
        self.number, self.lives = number, 0
        self.reborn()

    def reborn(self):
        """Another process: what the last one knew is gone."""
        for task in getattr(self, "working", {}).values():
            task.cancel()
        self.lives += 1
        self.instance = f"{self.number}.{self.lives}"
        self.working, self.texts, self.kept = {}, {}, {}
        self.registered = asyncio.Event()

    async def hello(self):
        mine = [{"request_id": i, "attempt": a} for i, a in [*self.working, *self.kept]]
        await self.send("register", space_name=self.space, token=self.token, instance=self.instance,
                        concurrency=self.concurrency, prefetch=1, resume=mine[:1000])

    def left(self):
        self.registered.clear()

    async def on_register_response(self, m):
        if not m["success"]:
            self.ws.transport.abort()
            return
        resumed = {(r["request_id"], r["attempt"]): r["text_bytes"] for r in m["resumed"]}
        for lease in [lease for lease in self.working if lease not in resumed]:
            if self.chance.random() < 0.5:  # the others go on, and are late
                self.working.pop(lease).cancel()
        for (request_id, attempt), have in resumed.items():
            text = self.texts.get((request_id, attempt), "")
            if len(text) > have:
                await self.send("inference_delta", request_id=request_id, attempt=attempt, text=text[have:], offset=have)
        for frame in list(self.kept.values()):
            await self.send(**frame)
        self.registered.set()

    async def on_inference_request(self, m):
        lease = (m["request_id"], m["attempt"])
        self.traffic.owners[m["request_id"]] = m["username"]
        self.ledger.add("given", lease[0], attempt=lease[1], payload=m["payload"])
        self.working[lease] = asyncio.create_task(self.work(lease, m["payload"]))

    async def work(self, lease, payload):
        fields = {"request_id": lease[0], "attempt": lease[1]}
        self.texts[lease] = ""
        pace = self.work_s * (30 if self.chance.random() < 0.1 else 1)
        for step in range(self.chance.randint(0, 3)):
            await asyncio.sleep(pace * self.chance.random())
            await self.registered.wait()
            await self.send("inference_progress", **fields, percent=step * 25)
            offset, piece = len(self.texts[lease]), f"{step} {payload['prompt']} "
            self.texts[lease] += piece
            await self.send("inference_delta", **fields, text=piece, offset=offset)
        await self.registered.wait()
        if self.chance.random() < 0.05:
            failure = {"code": "app_error", "message": f"failure {self.chance.getrandbits(64):x}"}
            frame = {"type": "inference_error", **fields, "error": failure, "retryable": self.chance.random() < 0.5}
        else:
            result = {"text_output": payload["prompt"].upper(), "by": self.instance, "n": self.chance.getrandbits(64)}
            self.ledger.add("computed", lease[0], attempt=lease[1], result=result)
            frame = {"type": "inference_result", **fields, "status": "completed", "result": result}
        self.kept[lease] = frame
        del self.working[lease], self.texts[lease]
        await self.send(**frame)

    async def on_inference_cancel(self, m):
        lease = (m["request_id"], m["attempt"])
        if lease in self.working:
            self.working.pop(lease).cancel()
            self.kept[lease] = {"type": "inference_error", "request_id": lease[0], "attempt": lease[1],
                                "error": {"code": "cancelled", "message": "as you wish"}}
            await self.send(**self.kept[lease])

    async def on_drain(self, m):
        """The relay goes down, or an admin wants it: nothing new comes over this connection."""
        self.traffic.soon(0.2, self.drop)

    async def on_result_ack(self, m):
        lease = (m["request_id"], m["attempt"])
        frame = self.kept.get(lease)
        if frame is None:
            return
        if m.get("code") == "store_unavailable":
            await asyncio.sleep(0.05)
            await self.send(**frame)
            return
        del self.kept[lease]
        if not m["accepted"]:
            self.ledger.add("refused", lease[0], attempt=lease[1], code=m["code"])
        elif frame["type"] == "inference_result":
            self.ledger.add("accepted", lease[0], attempt=lease[1], result=frame["result"])
        elif not frame.get("retryable") and frame["error"]["code"] != "cancelled":
            self.ledger.add("accepted", lease[0], attempt=lease[1], failure=frame["error"]["message"])
        self.traffic.open.discard(lease[0])


class TrafficPerson(Peer):
    path = "/ws/client"

    def __init__(self, traffic, number, person, spaces, window=8):
        super().__init__(traffic, number)
        self.name, self.spaces = person.name, spaces
        self.headers = {"Cookie": person.cookie, "Origin": traffic.url()}
        self.window, self.count = window, 0
        self.asked, self.watched, self.submitting = {}, set(), None

    def left(self):
        if self.submitting:
            self.submitting.cancel()

    async def hello(self):
        # Nobody knows whether these were accepted. With a key one may ask again.
        self.asked = {ref: fields for ref, fields in self.asked.items() if "idempotency_key" in fields}
        for ref, fields in list(self.asked.items()):
            await self.send("submit", ref=ref, **fields)
        for request_id in self.watched:
            await self.send("subscribe", topic=f"request:{request_id}")
        self.submitting = asyncio.create_task(self.submit())

    async def submit(self):
        while not self.traffic.closing:
            if len(self.asked) + len(self.watched) >= self.window:
                await asyncio.sleep(0.005)
                continue
            if len(self.traffic.open) >= OPEN:
                await self.look_after_one()
                await asyncio.sleep(0.005)
                continue
            self.count += 1
            ref = f"{self.name}.{self.count}"
            payload = {"prompt": ref, "n": 1.50, "pad": "世" * self.chance.choice((0, 10, 3000))}
            self.asked[ref] = {"space": self.chance.choice(self.spaces), "payload": payload}
            if self.chance.random() < 0.5:
                self.asked[ref]["idempotency_key"] = ref
            await self.send("submit", ref=ref, **self.asked[ref])

    async def look_after_one(self):
        """One that is not watched may have ended without anybody's hearing of it."""
        for request_id in self.traffic.open - self.watched:
            if self.traffic.owners[request_id] == self.name:
                self.watched.add(request_id)
                await self.send("subscribe", topic=f"request:{request_id}")
                return

    async def on_submitted(self, m):
        if m["ref"] not in self.asked:
            return
        request_id, payload = m["request_id"], self.asked.pop(m["ref"])["payload"]
        self.traffic.owners[request_id] = self.name
        self.traffic.open.add(request_id)
        self.ledger.add("submitted", request_id, payload=payload)
        what = self.chance.random()
        if what < 0.7:
            self.watched.add(request_id)
            await self.send("subscribe", topic=f"request:{request_id}")
        if what < 0.1:
            await self.send("cancel", request_id=request_id)

    async def on_cancelled(self, m):
        self.ledger.add("cancelled", m["request_id"])
        self.traffic.open.discard(m["request_id"])

    async def on_error(self, m):
        self.traffic.errors[m["code"]] += 1
        if m.get("ref") in self.asked:
            await asyncio.sleep(0.02)
            self.asked.pop(m["ref"], None)
        elif m.get("topic", "").startswith("request:") and m["code"] == "not_found":
            self.ledger.add("final", m["topic"][8:], status="not found")

    async def on_subscribed(self, m):
        if m["topic"].startswith("request:") and m["state"]["status"] in FINAL:
            await self.end(m["topic"], m["state"])

    async def on_event(self, m):
        if m["event"].get("kind") == "final":
            await self.end(m["topic"], m["event"])

    async def end(self, topic, state):
        request_id = topic[8:]
        if request_id in self.watched:
            self.watched.discard(request_id)
            await self.send("unsubscribe", topic=topic)
        self.ledger.add("final", request_id, **{k: state.get(k) for k in ("status", "result", "error")})
        self.traffic.open.discard(request_id)


class Traffic:
    """Runs on the loop of relay.py, beside the test's own thread. url: where apps and people connect to. ping_s: what
    they take for a dead connection. away_s: how long one in five stays away before it comes back."""

    def __init__(self, relay, seed, url=None, ping_s=None, away_s=0):
        self.relay, self.seed, self.ping_s, self.away_s = relay, seed, ping_s, away_s
        self.url = url or (lambda: relay.url)
        self.ledger, self.owners = Ledger(), {}
        self.open, self.errors = set(), collections.Counter()
        self.closing = self.over = False
        self.peers, self.apps, self.tasks = [], [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = self.closing = True
        on_loop(self.end())

    async def end(self):
        for app in self.apps:
            app.reborn()
        ending = set(self.tasks)
        while ending:  # asyncio.wait_for may swallow a cancel
            for task in ending:
                task.cancel()
            _, ending = await asyncio.wait(ending, timeout=0.2)

    async def add(self, kind, *args, **options):
        peer = kind(self, len(self.peers), *args, **options)
        self.peers.append(peer)
        self.tasks.append(asyncio.create_task(peer.run()))
        return peer

    def soon(self, seconds, what):
        """On the loop; not any more when all is over."""
        asyncio.get_running_loop().call_later(seconds, lambda: self.over or what())

    def add_app(self, space, kind=TrafficApp, **options):
        app = on_loop(self.add(kind, space.name, space.token, **options))
        self.apps.append(app)
        return app

    def add_person(self, person, spaces, **options):
        return on_loop(self.add(TrafficPerson, person, [s.name for s in spaces], **options))

    def check(self):
        """A peer that has broken down would look like a quiet one."""
        for task in self.tasks:
            if task.done() and not task.cancelled():
                task.result()

    # ---- the truth as the relay sees it ----

    async def ask(self, name, ids):
        """Again what was not answered when the connection is lost: while this process is busy it pongs too late."""
        states = {}
        while left := [i for i in ids if i not in states]:
            with contextlib.suppress(*GONE):
                await self.ask_once(name, left, states)
        return states

    async def ask_once(self, name, ids, states):
        headers = {"Cookie": self.relay.people[name].cookie, "Origin": self.relay.url}
        async with websockets.connect("ws" + self.relay.url[4:] + "/ws/client", extra_headers=headers, max_size=None,
                                      ping_interval=None, compression=None, close_timeout=0.05) as ws:
            for i in range(0, len(ids), AT_ONCE):
                some = ids[i:i + AT_ONCE]
                for request_id in some:
                    await ws.send(json.dumps({"type": "subscribe", "topic": f"request:{request_id}"}))
                waiting = set(some)
                while waiting:
                    m = json.loads(await ws.recv())
                    if m["type"] in ("subscribed", "error") and m.get("topic", "")[8:] in waiting:
                        waiting.discard(m["topic"][8:])
                        states[m["topic"][8:]] = m.get("state")
                for request_id in some:
                    await ws.send(json.dumps({"type": "unsubscribe", "topic": f"request:{request_id}"}))

    def shown(self, ids=None):
        """Of all that anybody knows of: what its owner is shown now; None when that is not found."""
        by_owner, states = {}, {}
        for request_id in self.ledger.known() if ids is None else ids:
            by_owner.setdefault(self.owners[request_id], []).append(request_id)
        for name, theirs in by_owner.items():
            states.update(on_loop(self.ask(name, theirs), 20 * PATIENCE))
        return states

    def spot_check(self):
        """In between: what is open, and some of the rest. What was told before the question must hold in the answer;
        a result may have been made meanwhile."""
        self.check()
        before = list(self.ledger.entries)
        ids = sorted({request_id for _, request_id, _ in before})
        chance = random.Random(f"{self.seed} {len(ids)}")
        some = {*self.open, *chance.sample(ids, min(len(ids), SOME))} & set(ids)
        shown = self.shown(some)
        made = [e for e in self.ledger.entries[len(before):] if e[0] == "computed"]
        entries = [e for e in before + made if e[1] in some]
        broken = [s for s in broken_promises(entries, shown) if " has not ended" not in s]
        assert not broken, (len(broken), broken[:5])
        self.open -= {i for i, state in shown.items() if state["status"] in FINAL}

    def settle(self, seconds=PATIENCE):
        """No more submits; waits until everything has ended, and holds it against the ledger."""
        self.closing = True
        end, done = time.monotonic() + seconds, set()
        while open_ones := self.ledger.known() - done:
            self.check()
            states = self.shown(open_ones)
            done |= {i for i, state in states.items() if not state or state["status"] in FINAL}
            assert time.monotonic() < end, (len(open_ones), list(states.values())[:5])
        assert self.errors.keys() <= EXPECTED, self.errors
        broken = list(broken_promises(self.ledger.entries, self.shown()))
        assert not broken, (len(broken), broken[:5])
        return dict(self.ledger.counts()), dict(self.errors)

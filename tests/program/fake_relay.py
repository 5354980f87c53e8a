"""A relay that does exactly what a test tells it to, for programs that are apps; and those programs."""
import asyncio
import json
import os
import pathlib
import signal
import subprocess

import websockets

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SPACERELAY_BUILD", ROOT / "build")).resolve()
MOCK = str(BUILD / "mock-app")
PATIENCE = 30  # seconds; only a failing test waits so long
ID = "01983c4e-0000-7000-8000-%012d"
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("SPACERELAY_")}


class Connection:
    """One connection as the relay sees it."""

    def __init__(self, socket):
        self.socket = socket

    async def send(self, type, **fields):
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def next(self, *types):
        """The next message, or the next one of these types."""
        while True:
            m = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))
            if not types or m["type"] in types:
                return m

    async def accept(self, resumed=()):
        """Takes `register` and lets it in."""
        m = await self.next()
        assert m["type"] == "register"
        await self.send("register_response", success=True, message="Welcome", connection_id=ID % 1,
                        space_id=ID % 2, resumed=list(resumed),
                        limits={"max_message_bytes": 16777216, "request_timeout_s": 120})
        return m

    async def refuse(self, code, message, close):
        await self.next("register")
        await self.send("register_response", success=False, code=code, message=message)
        await self.socket.close(close, message)

    async def request(self, number=7, prompt="hello there", attempt=1, **payload):
        await self.send("inference_request", request_id=ID % number, attempt=attempt, username="ada",
                        payload={"prompt": prompt, **payload}, created_at="2026-01-08T12:00:00.000Z",
                        deadline="2026-01-08T12:02:00.000Z")
        return {"request_id": ID % number, "attempt": attempt}

    async def ack(self, lease, accepted=True, **fields):
        await self.send("result_ack", **lease_of(lease), accepted=accepted, **fields)

    async def until_final(self):
        """Every message up to a result or an error, that one included."""
        heard = [await self.next()]
        while heard[-1]["type"] not in ("inference_result", "inference_error"):
            heard.append(await self.next())
        return heard

    async def sync(self):
        """All messages that were sent before the answer to a ping; the app has read all of ours by then."""
        heard = []
        pong = await self.socket.ping()
        await asyncio.wait_for(pong, PATIENCE)
        while self.socket.messages:
            heard.append(json.loads(self.socket.messages.popleft()))
        return heard

    async def closed(self):
        await asyncio.wait_for(self.socket.wait_closed(), PATIENCE)
        return self.socket.close_code

    def drop(self):
        """As when a cable is pulled out: no closing handshake."""
        self.socket.transport.abort()


class Relay:
    def __init__(self):
        self.arrived = asyncio.Queue()

    async def start(self, tls=None, **options):
        async def handle(socket):
            self.arrived.put_nowait(Connection(socket))
            await socket.wait_closed()

        self.server = await websockets.serve(
            handle, "127.0.0.1", 0, ssl=tls, ping_interval=None, max_size=None, max_queue=None,
            **{"subprotocols": ["spacerelay.v1"], **options})
        port = self.server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    async def connection(self):
        return await asyncio.wait_for(self.arrived.get(), PATIENCE)


class Program:
    def __init__(self, process):
        self.process, self.said = process, ""

    async def line(self, text):
        """Reads the output up to a line with that text."""
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
            assert line, f"it ended before it said {text!r}:\n{self.said}"
            self.said += line.decode()
            if text in line.decode():
                return line.decode()

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    async def exit(self):
        rest, _ = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        self.said += rest.decode()
        assert "Sanitizer" not in self.said and "runtime error" not in self.said
        return self.process.returncode


class World:
    """A relay and the programs that a test starts; all of them end with the test."""

    def __init__(self):
        self.relay, self.programs = Relay(), []

    async def program(self, *args, env=()):
        process = await asyncio.create_subprocess_exec(
            *args, env={**CLEAN, **dict(env)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.programs.append(Program(process))
        return self.programs[-1]

    async def app(self, *options, env=(), delay="0.05"):
        return await self.program(MOCK, "--host", self.relay.url, "--space", "demo", "--token", "secret",
                                  "--delay", delay, "--seed", "1", *options, env=env)

    async def registered(self, *options, delay="0.05"):
        app = await self.app(*options, delay=delay)
        c = await self.relay.connection()
        await c.accept()
        return app, c

    async def leave(self):
        for p in self.programs:
            if p.process.returncode is None:
                p.process.kill()
                await p.process.wait()
        self.relay.server.close()


def lease_of(message):
    return {"request_id": message["request_id"], "attempt": message["attempt"]}


def text_of(heard):
    return "".join(m["text"] for m in heard if m["type"] == "inference_delta")


def scenario(test):
    """Runs a test's coroutine with a relay that listens."""

    def run():
        async def all_of_it():
            w = World()
            await w.relay.start()
            try:
                await asyncio.wait_for(test(w), 3 * PATIENCE)
            finally:
                await w.leave()

        asyncio.run(all_of_it())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run

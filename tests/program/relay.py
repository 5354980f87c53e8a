"""The real server for the tests of the program, with people, apps and sockets that talk to it.

A message that a test has not asked for yet is held until it asks: `next` takes them in their order, `wait` takes the
first that fits. Everything has a deadline (PATIENCE); only a failing test waits that long."""
import asyncio
import atexit
import contextlib
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time

import pytest
import requests
import websockets

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SPACERELAY_BUILD", ROOT / "build"))
PROGRAM = BUILD / "spacerelay"
PATIENCE = float(os.environ.get("SPACERELAY_PATIENCE", 30))  # seconds
PASSWORD = "correct horse"
ENGLISH = {"Accept-Language": "en"}
NOBODY = "00000000-0000-7000-8000-000000000000"  # an id that nothing has
numbers = itertools.count(1)

_loop = asyncio.new_event_loop()
_thread = threading.Thread(target=_loop.run_forever, daemon=True)
_thread.start()


@atexit.register
def _end():
    _loop.call_soon_threadsafe(_loop.stop)
    _thread.join(PATIENCE)


def run(coroutine):
    return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, PATIENCE), _loop).result(PATIENCE + 5)


def until(what):
    """Asks again until the answer is true. Each question should go to the server: its answering is the clock."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, "it did not happen"


class Closed(Exception):
    """The connection was closed while a message was expected."""


class Refused(Exception):
    """The upgrade was refused."""

    def __init__(self, status):
        super().__init__(f"refused with {status}")
        self.status = status


class Socket:
    def __init__(self, url, headers=None, subprotocols=("spacerelay.v1",), tls=None):
        async def connect():
            return await websockets.connect(
                url, extra_headers=headers or {}, subprotocols=subprotocols, max_size=None, ping_interval=None,
                compression=None, ssl=tls)

        self.held = []
        try:
            self.ws = run(connect())
        except websockets.InvalidStatusCode as e:
            raise Refused(e.status_code) from None

    # ---- out ----

    def raw(self, data):
        """Text, or bytes for a binary frame. A connection that is gone is noticed by who reads."""
        with contextlib.suppress(websockets.ConnectionClosed):
            run(self.ws.send(data))

    def send(self, type, **fields):
        self.raw(json.dumps({"type": type, **fields}, ensure_ascii=False))

    # ---- in ----

    def text(self):
        """The next message as it came, nothing parsed."""
        try:
            return run(self.ws.recv())
        except websockets.ConnectionClosed:
            raise Closed(f"{self.ws.close_code} {self.ws.close_reason}") from None

    def receive(self):
        return json.loads(self.text())

    def next(self):
        return self.held.pop(0) if self.held else self.receive()

    def wait(self, fits):
        """The first message that fits; those before it are held."""
        for i, m in enumerate(self.held):
            if fits(m):
                return self.held.pop(i)
        while True:
            m = self.receive()
            if fits(m):
                return m
            self.held.append(m)

    def wait_type(self, *types):
        return self.wait(lambda m: m["type"] in types)

    def sync(self):
        """All that the server said before it read this is held afterwards."""
        mark = f"sync_{next(numbers)}"
        self.send(mark)
        self.wait(lambda m: m["type"] == "error" and mark in m["message"])

    def said(self):
        """Everything up to now."""
        self.sync()
        said, self.held = self.held, []
        return said

    def closed(self):
        """Waits until the server has closed; returns the code. What came before is held."""
        with contextlib.suppress(Closed):
            while True:
                self.held.append(self.receive())
        return self.ws.close_code

    # ---- the end ----

    def close(self):
        run(self.ws.close())

    def drop(self):
        """Gone without a close frame, as when a cable is pulled."""
        async def abort():
            self.ws.transport.abort()
            await self.ws.wait_closed()

        run(abort())


class Tab(Socket):
    """/ws/client"""

    def subscribe(self, topic, **fields):
        self.send("subscribe", topic=topic, **fields)
        m = self.wait(lambda m: m["type"] in ("subscribed", "error") and m.get("topic") == topic)
        return m

    def ask(self, space, payload=None, **fields):
        """Submits and returns the answer."""
        ref = f"r{next(numbers)}"
        fields = {"payload": {"prompt": "hello"} if payload is None else payload, **fields}
        self.send("submit", space=getattr(space, "name", space), ref=ref, **fields)
        return self.wait(lambda m: m.get("ref") == ref)

    def submit(self, space, payload=None):
        m = self.ask(space, payload)
        assert m["type"] == "submitted", m
        return m["request_id"]

    def cancel(self, request_id):
        self.send("cancel", request_id=request_id)
        return self.wait(lambda m: m["type"] in ("cancelled", "error"))

    def event(self, topic, fits=lambda e: True):
        return self.wait(lambda m: m["type"] == "event" and m["topic"] == topic and fits(m["event"]))["event"]

    def watch(self, request_id):
        return self.subscribe(f"request:{request_id}")["state"]

    def final(self, request_id):
        """The final event of a request that is being watched."""
        return self.event(f"request:{request_id}", lambda e: e["kind"] == "final")

    def outcome(self, request_id):
        """How it ended, waiting for that."""
        state = self.watch(request_id)
        return state if state["status"] in ("completed", "failed", "cancelled") else self.final(request_id)

    def state(self, request_id):
        state = self.watch(request_id)
        self.unwatch(request_id)
        return state

    def unwatch(self, request_id):
        self.send("unsubscribe", topic=f"request:{request_id}")
        self.wait_type("unsubscribed")


class App(Socket):
    """/ws/app. Not registered yet."""

    def register(self, space_name=None, **fields):
        """Returns the answer."""
        if space_name is not None:
            fields["space_name"] = space_name
        self.send("register", **fields)
        return self.wait_type("register_response")

    def take(self):
        """The next request."""
        return self.wait_type("inference_request")

    def about(self, type, request, **fields):
        self.send(type, request_id=request["request_id"], attempt=request["attempt"], **fields)

    def progress(self, request, **fields):
        self.about("inference_progress", request, **fields)

    def delta(self, request, text, **fields):
        self.about("inference_delta", request, text=text, **fields)

    def result(self, request, result=None, **fields):
        """Returns the acknowledgement."""
        fields = {"status": "completed", "result": {"text_output": "done"} if result is None else result, **fields}
        self.about("inference_result", request, **fields)
        return self.ack(request)

    def error(self, request, code="app_error", message="it broke", **fields):
        self.about("inference_error", request, error={"code": code, "message": message}, **fields)
        return self.ack(request)

    def ack(self, request):
        return self.wait(lambda m: m["type"] == "result_ack" and m["request_id"] == request["request_id"])

    def cancelled(self, request):
        return self.wait(lambda m: m["type"] == "inference_cancel" and m["request_id"] == request["request_id"])


class Person:
    """A browser: cookies, English pages."""

    def __init__(self, relay, name, headers=ENGLISH):
        self.relay, self.name = relay, name
        self.http = requests.Session()
        self.http.headers.update(headers)
        if relay.tls:
            self.http.verify = str(relay.certificate)
        self.http.trust_env = False

    def get(self, path, **options):
        options.setdefault("allow_redirects", False)
        return self.http.get(self.relay.url + path, timeout=PATIENCE, **options)

    def head(self, path, **options):
        return self.http.head(self.relay.url + path, timeout=PATIENCE, **options)

    def post(self, path, headers=None, **form):
        return self.http.post(self.relay.url + path, data=form, headers=headers, timeout=PATIENCE,
                              allow_redirects=False)

    def try_login(self, password=PASSWORD, **fields):
        return self.post("/login", username=self.name, password=password, **fields)

    def login(self):
        r = self.try_login()
        assert (r.status_code, r.headers["Location"]) == (302, "/"), (r.status_code, r.text)
        return self

    @property
    def cookie(self):
        return "session=" + self.http.cookies["session"]

    def tab(self, **headers):
        return self.relay.socket(Tab, "/ws/client", {"Cookie": self.cookie, "Origin": self.relay.url, **headers})


class Space:
    def __init__(self, relay, record):
        self.relay, self.name, self.id = relay, record["name"], record["space_id"]
        self._token = None

    @property
    def topic(self):
        return f"space:{self.id}"

    @property
    def token(self):
        if not self._token:
            self._token = self.new_token()
        return self._token

    def new_token(self, **options):
        return self.relay.command("token", "issue", "--space", self.name, **options).strip()

    def app(self, token=None, **fields):
        """A registered app."""
        token = token or self.token
        app = self.relay.app()
        app.response = app.register(self.name, token=token, **fields)
        assert app.response["success"], app.response
        return app


def preloaded(name, **environment):
    """The environment of a program that is preloaded with tests/fault/NAME.c."""
    library = BUILD.resolve() / f"tests/fault/{name}.so"
    assert library.is_file(), f"{library} is missing, and nothing would ever fail: make fault BUILD={BUILD}"
    options = [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]
    return {"LD_PRELOAD": str(library),
            "ASAN_OPTIONS": ":".join(filter(None, options)), **environment}


class Relay:
    def __init__(self, limits=None, tls=False, options=(), environment=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="relay-"))
        self.data = self.folder / "data"
        self.certificate = self.folder / "cert.pem"
        self.options = list(options)
        self.environment = environment or {}
        self.tls = tls
        self.process, self.sockets, self.people = None, [], {}
        self.errors = self.folder / "stderr"
        self.use_limits(limits or {})
        if tls:
            self.make_certificate()
        self.start()

    def use_limits(self, limits):
        """From the next start on."""
        limits = {"shutdown_ms": 100, **limits}
        text = "".join(f"{name} = {value}\n" for name, value in limits.items())
        (self.folder / "limits").write_text("# of a test\n" + text)

    def make_certificate(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", self.folder / "key.pem", "-out", self.certificate],
            check=True, stderr=subprocess.DEVNULL)
        self.options += ["--tls-cert", self.certificate, "--tls-key", self.folder / "key.pem"]

    # ---- life ----

    def start(self, listen="127.0.0.1:0"):
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--listen", listen, "--data", self.data, "--limits", self.folder / "limits",
                 *self.options], stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment})
        line = self.process.stdout.readline().decode().split()
        assert line[:2] == ["listening", "on"], (line, self.log())
        self.url = line[2]

    def log(self):
        return self.errors.read_text(errors="replace")

    def wait_end(self):
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status

    def stop(self):
        """As systemd would. The server must have lived until now, and end well."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.wait_end()
        assert status == 0, (status, self.log()[-4000:])
        assert "Sanitizer" not in self.log() and "runtime error" not in self.log(), self.log()[-8000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.wait_end()

    def restart(self, kill=False):
        """On the same port, so that people and apps find it again."""
        listen = self.url.split("//")[1]
        if kill:
            self.kill()
        else:
            self.stop()
        self.close_sockets()
        self.start(listen)

    def close_sockets(self):
        sockets, self.sockets = self.sockets, []
        for s in sockets:
            s.drop()

    def leave(self, kill=False):
        try:
            self.close_sockets()
            if not kill:
                self.stop()
        finally:
            if self.process.poll() is None:
                self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the command line ----

    def command(self, *words, input=None, **options):
        """What it prints; an option value of True is a switch."""
        words = list(words)
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        done = subprocess.run([PROGRAM, *words, "--data", self.data], input=input, capture_output=True, text=True,
                              timeout=PATIENCE)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def add_user(self, name, **options):
        self.command("user", "add", name, input=PASSWORD + "\n", password_stdin=True, **options)

    def space(self, **options):
        name = options.pop("name", f"space {next(numbers)}")
        return Space(self, json.loads(self.command("space", "add", name, json=True, **options)))

    # ---- who talks to it ----

    def person(self, name, **options):
        """Logged in; made when new."""
        if name not in self.people:
            self.add_user(name, **options)
            self.people[name] = Person(self, name).login()
        return self.people[name]

    def stranger(self, name="stranger", headers=ENGLISH):
        """Somebody without a cookie."""
        return Person(self, name, headers)

    @property
    def admin(self):
        return self.person("root", admin=True)

    @property
    def ann(self):
        return self.person("ann")

    @property
    def bob(self):
        return self.person("bob")

    def socket(self, kind, path, headers=None, **options):
        if self.tls:
            options["tls"] = ssl.create_default_context(cafile=self.certificate)
        s = kind("ws" + self.url[4:] + path, headers, **options)
        self.sockets.append(s)
        return s

    def app(self, headers=None, **options):
        return self.socket(App, "/ws/app", headers, **options)

    def refusal(self, path, headers=None, **options):
        """The status with which an upgrade is refused."""
        with pytest.raises(Refused) as refused:
            self.socket(Socket, path, headers, **options)
        return refused.value.status

    def setup_token(self):
        """Printed after the line that says where it listens."""
        return until(lambda: re.findall(r"/setup\?token=([\w-]+)\n", self.log()))[-1]


@contextlib.contextmanager
def running_relay(**options):
    """With an admin, so that it serves at once."""
    relay = Relay(**options)
    try:
        relay.admin
        yield relay
    finally:
        relay.leave()


def relay_fixture(name, **options):
    """Two fixtures: one server a module, to be called `name`, and what tests ask for, which closes each test's
    sockets."""
    @pytest.fixture(scope="module")
    def server():
        with running_relay(**options) as relay:
            yield relay

    @pytest.fixture
    def r(request):
        relay = request.getfixturevalue(name)
        yield relay
        relay.close_sockets()

    return server, r

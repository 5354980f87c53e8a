"""build/bridge between a relay and a model server of the test's own."""
import contextlib
import os
import signal
import subprocess
import threading

from fake_upstream import Upstream
from relay import BUILD, PATIENCE

BRIDGE = BUILD / "bridge"


def environment(**more):
    """Without what would speak to the bridge or send it through a proxy."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("SPACERELAY_") and not k.lower().endswith("_proxy")}
    return {**ours, **more}


def bridge_command(*options, **env):
    """Runs it to its end; (status, stdout, stderr)."""
    options = [o if isinstance(o, bytes) else str(o) for o in options]
    done = subprocess.run([BRIDGE, *options], capture_output=True, text=True, timeout=PATIENCE,
                          env=environment(**env))
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


class Bridge:
    def __init__(self, *options, env=None):
        self.process = subprocess.Popen([BRIDGE, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=environment(**(env or {})))
        self.said, self.ended, self.changed = "", False, threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.said += line
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, text, times=1):
        with self.changed:
            self.changed.wait_for(lambda: self.said.count(text) >= times or self.ended, PATIENCE)
            assert self.said.count(text) >= times, f"it never said {text!r}:\n{self.said}"

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def exit(self):
        """Waits for the end; the status."""
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        assert "Sanitizer" not in self.said and "runtime error" not in self.said, self.said[-8000:]
        return status

    def leave(self):
        """It must have lived until now. A second signal when something still runs."""
        if self.process.poll() is None:
            self.signal()
            self.wait_for("Stopping when ")
            if "when 0 running" not in self.said:
                self.signal()
        try:
            assert self.exit() in (0, -signal.SIGTERM), self.said  # the second may come when it has ended by itself
        finally:
            if self.process.poll() is None:
                self.process.kill()


class Chain:
    """A person's tab, a relay's space, a bridge, a model server."""

    def __init__(self, relay, upstream):
        self.relay, self.upstream, self.bridges = relay, upstream, []
        self.space = relay.space()
        self.tab = relay.ann.tab()

    def bridge(self, *options, model="tiny", upstream=None, env=None, wait=True):
        wanted = ["--host", self.relay.url, "--space", self.space.name, "--upstream", upstream or self.upstream.url]
        b = Bridge(*wanted, *(["--model", model] if model else []), *options,
                   env={"SPACERELAY_TOKEN": self.space.token, **(env or {})})
        self.bridges.append(b)
        if wait:
            b.wait_for("Registration successful")
        return b

    def plain(self, *options):
        return self.bridge("--plain", *options, model=None,
                           upstream=self.upstream.url.removesuffix("/v1") + "/predict?fast=1")

    def ask(self, prompt="hello", **payload):
        """Submits and watches; the request's id."""
        if prompt is not None:
            payload["prompt"] = prompt
        request = self.tab.submit(self.space, payload)
        self.tab.watch(request)
        return request

    def chat(self, prompt="hello", **payload):
        messages = payload.pop("messages", [{"role": "user", "content": prompt}])
        return self.ask(prompt, endpoint="chat.completions", messages=messages, **payload)

    def text(self, request, length):
        """The streamed text, once it has that many characters."""
        said = ""
        while len(said) < length:
            said += self.tab.event(f"request:{request}", lambda e: e["kind"] == "delta")["text"]
        return said

    def result(self, request):
        final = self.tab.outcome(request)  # it may have ended before we watched
        assert final["status"] == "completed", final
        return final["result"]

    def error(self, request, code):
        final = self.tab.outcome(request)  # it may have ended before we watched
        assert final["status"] == "failed", final
        assert final["error"]["code"] == code, final
        return final["error"]["message"]

    def leave(self):
        for b in self.bridges:
            b.leave()


@contextlib.contextmanager
def chain_of(relay):
    upstream = Upstream()
    chain = Chain(relay, upstream)
    try:
        yield chain
    finally:
        chain.leave()
        upstream.stop()

"""spacerelay as people start it: commands, servers on a free port, and a browser's share of HTTP."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import threading
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("SPACERELAY_BUILD", "build")).resolve()
BINARY = BUILD / "spacerelay"
PATIENCE = 60  # seconds; only a failing test waits so long
PASSWORD = "correct horse"


def clean_environment(**more):
    """Ours, without what would speak to spacerelay."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("SPACERELAY_") and k != "NOTIFY_SOCKET"}
    return {**env, **more}


class Outcome:
    def __init__(self, process):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr

    def json(self):
        return json.loads(self.out)


def command(*args, data=None, stdin="", env=None, status=0, cwd=None):
    """Runs a command to its end; the status must be as said."""
    args = [str(a) for a in args] + (["--data", str(data)] if data else [])
    done = subprocess.run(
        [BINARY, *args], input=stdin, capture_output=True, text=True, timeout=PATIENCE,
        env=clean_environment(**(env or {})), cwd=cwd,
    )
    outcome = Outcome(done)
    assert outcome.status == status, (args, outcome.status, outcome.out, outcome.err)
    return outcome


def add_user(data, name="ann", *more, password=PASSWORD, **options):
    return command("user", "add", name, "--password-stdin", *more, data=data, stdin=password, **options)


class Server:
    """A running server. Its stderr is collected, so that it can be waited for."""

    def __init__(self, data, *args, listen=("127.0.0.1:0",), env=None):
        listens = [part for address in listen for part in ("--listen", address)]
        self.data = data
        self.process = subprocess.Popen(
            [BINARY, "serve", *listens, "--data", str(data), *map(str, args)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(**(env or {})),
        )
        self.err = ""
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.urls = []
        for _ in range(max(len(listen), 1)):
            line = self.process.stdout.readline()
            if not line.startswith("listening on "):
                self.process.wait(PATIENCE)
                self.reader.join(PATIENCE)
                raise AssertionError((line, self.err))
            self.urls.append(line[len("listening on "):].rstrip("\n"))
        self.url = self.urls[0]
        self.port = int(self.url.rsplit(":", 1)[1]) if self.urls else 0

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.err += line
                self.changed.notify_all()

    def wait_for(self, text):
        with self.changed:
            assert self.changed.wait_for(lambda: text in self.err, PATIENCE), self.err
        return self.err

    def setup_path(self):
        err = self.wait_for("/setup?token=")
        line = next(line for line in err.splitlines() if "/setup?token=" in line)
        assert line.startswith(f"set up the first admin at {self.url}/setup?token="), line
        return line.split(self.url, 1)[1]

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def ended(self):
        """Waits for the end; the exit status."""
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return status

    def stop(self):
        if self.process.poll() is None:
            self.signal()
        status = self.ended()
        rest = self.process.stdout.read()
        self.process.stdout.close()
        self.process.stderr.close()
        assert rest == "", rest
        return status

    def ask(self, path, method="GET", form=None, cookie=None):
        """(status, headers, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"Accept-Language": "en"}
        if cookie:
            headers["Cookie"] = cookie
        body = None
        if form is not None:
            method, body = "POST", urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = f"http://127.0.0.1:{self.port}"
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        result = reply.status, reply.headers, reply.read().decode()
        connection.close()
        return result

    def log_in(self, name="ann", password=PASSWORD):
        """The session's cookie, or None when refused."""
        status, headers, body = self.ask("/login", form={"username": name, "password": password})
        assert status in (200, 302), (status, body)
        return headers["Set-Cookie"].split(";")[0] if status == 302 else None

    def is_logged_in(self, cookie):
        return self.ask("/account", cookie=cookie)[0] == 200


@contextlib.contextmanager
def serving(data, *args, **options):
    server = Server(data, *args, **options)
    try:
        yield server
    finally:
        killed = server.process.poll() is not None
        status = server.stop()
    assert killed or status == 0, (status, server.err)

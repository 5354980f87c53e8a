"""ws_echo for the tests of the edge, and a client that sends exactly the bytes it is told to."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import select
import signal
import socket
import ssl
import struct
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SPACERELAY_BUILD", ROOT / "build"))
PATIENCE = 30  # seconds; only a failing test waits so long
KEY = "dGhlIHNhbXBsZSBub25jZQ=="

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload=b"", fin=True, mask=b"\x01\x02\x03\x04", length=None, rsv=0, size=None):
    """One frame as a client sends it. size picks the form of the length: 7, 16 or 64 bits."""
    if isinstance(payload, str):
        payload = payload.encode()
    n = len(payload) if length is None else length
    size = size or (7 if n < 126 else 16 if n < 65536 else 64)
    short = {7: n, 16: 126, 64: 127}[size]
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode, (0x80 if mask else 0) | short])
    head += {7: b"", 16: struct.pack(">H", n & 0xFFFF), 64: struct.pack(">Q", n)}[size]
    if not mask:
        return head + payload
    whole = mask * (len(payload) // 4 + 1)
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(whole[: len(payload)], "big")
    return head + mask + masked.to_bytes(len(payload), "big")


def close_frame(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


class Reply:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def __getitem__(self, name):
        found = [v for n, v in self.fields if n.lower() == name.lower()]
        return found[0] if found else None


class Client:
    """A socket that reads replies and frames."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.held = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def send_slowly(self, data):
        """Byte by byte."""
        for i in range(len(data)):
            self.send(data[i : i + 1])

    def send_until_it_blocks(self, data):
        """Sends data again and again until the server takes no more; returns how many bytes went."""
        sent = blocked = 0
        self.sock.setblocking(False)
        while blocked < 5:  # nothing could be written five times in a row: the server has stopped
            try:
                sent += self.sock.send(data[sent % len(data) :])
                blocked = 0
            except BlockingIOError:
                blocked += not select.select([], [self.sock], [], 0.05)[1]
        self.sock.settimeout(PATIENCE)
        return sent

    def more(self):
        data = self.sock.recv(1 << 20)
        self.held += data
        return bool(data)

    def take(self, n):
        parts, have = [self.held], len(self.held)
        while have < n:
            data = self.sock.recv(1 << 20)
            if not data:
                raise EOFError(b"".join(parts)[:200])
            parts.append(data)
            have += len(data)
        whole = b"".join(parts)
        self.held = whole[n:]
        return whole[:n]

    def head(self):
        while b"\r\n\r\n" not in self.held:
            if not self.more():
                raise EOFError(self.held)
        head, self.held = self.held.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
        return Reply(int(lines[0].split(" ")[1]), fields, b"")

    def reply(self, method="GET"):
        r = self.head()
        if method != "HEAD" and r["Content-Length"]:
            r.body = self.take(int(r["Content-Length"]))
        return r

    def get(self, path, fields="", method="GET", body=b""):
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}{length}\r\n".encode() + body)
        return self.reply(method)

    def rest(self):
        """Everything up to the end of the connection, which must be an orderly one."""
        while self.more():
            pass
        rest, self.held = self.held, b""
        return rest

    # ---- WebSocket ----

    def upgrade(self, path="/ws", fields=""):
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
        )
        r = self.head()
        assert r.status == 101, (r.status, r.fields)
        return r

    def frame(self):
        """(fin, opcode, payload) of a server's frame."""
        first, second = self.take(2)
        assert not first & 0x70 and not second & 0x80
        n = second & 0x7F
        if n == 126:
            (n,) = struct.unpack(">H", self.take(2))
        elif n == 127:
            (n,) = struct.unpack(">Q", self.take(8))
        return bool(first & 0x80), first & 15, self.take(n)

    def message(self):
        fin, opcode, payload = self.frame()
        assert fin
        return opcode, payload

    def expect_echo(self, opcode, payload):
        got = self.message()
        assert got == (opcode, payload), (got[0], got[1][:100], payload[:100])

    def close_code(self):
        opcode, payload = self.message()
        assert opcode == CLOSE, (opcode, payload[:100])
        return struct.unpack(">H", payload[:2])[0] if payload else None

    def ended(self):
        """True when the server says nothing more and closes."""
        return self.rest() == b""


class Edge:
    def __init__(self, host="127.0.0.1", path="/ws", files=None, **env):
        def limit_files():
            import resource

            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        limits = env.pop("limits", {})
        env["LIMITS"] = " ".join(f"{name}={value}" for name, value in limits.items())
        self.process = subprocess.Popen(
            [BUILD / "tests" / "ws_echo", f"{host}:0", path],
            stdout=subprocess.PIPE,
            env={**os.environ, **env},
            preexec_fn=limit_files,
        )
        line = self.process.stdout.readline().decode().split()
        assert line[:2] == ["listening", "on"], line
        self.url = line[2]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.host = self.url.split("//")[1].rsplit(":", 1)[0].strip("[]")

    def connect(self, small=False, host=None):
        """small: the client's kernel takes little, so that the server soon notices a slow reader."""
        family = socket.AF_INET6 if ":" in (host or self.host) else socket.AF_INET
        sock = socket.socket(family)
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(PATIENCE)
        sock.connect((host or self.host, self.port))
        return Client(sock)

    def connect_tls(self, context=None):
        if context is None:
            context = ssl._create_unverified_context()
        return Client(context.wrap_socket(self.connect().sock, server_hostname="localhost"))

    def get(self, path, fields="", method="GET", body=b""):
        with self.connect() as c:
            return c.get(path, fields, method, body)

    def log(self):
        return self.get("/log").body.decode().splitlines()

    def stats(self):
        return json.loads(self.get("/stats").body)

    def wait_for(self, what):
        """Asks until what(self) is true; the server's answering is the clock."""
        import time

        end = time.monotonic() + PATIENCE
        while True:
            result = what(self)
            if result:
                return result
            assert time.monotonic() < end, "it did not happen"

    def wait_for_log(self, line):
        self.wait_for(lambda e: line in e.log())

    def busy(self):
        """The share of a processor that the server uses while nobody wants anything, over a third of a second."""
        fields = lambda: pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = lambda: int(fields()[11]) + int(fields()[12])
        before = ticks()
        select.select([], [], [], 0.33)
        return (ticks() - before) / os.sysconf("SC_CLK_TCK") / 0.33

    def stop(self):
        """The server must have lived until now, and end well: a sanitizer's finding is a status of its own."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        assert status == 0, status


@contextlib.contextmanager
def running_edge(**options):
    edge = Edge(**options)
    try:
        yield edge
    finally:
        edge.stop()


@pytest.fixture(scope="module")
def edge():
    with running_edge() as e:
        yield e


@pytest.fixture
def ws(edge):
    with edge.connect() as c:
        c.upgrade()
        yield c


def refused(client, data, code):
    """The server answers data with that close code, says nothing more and closes."""
    client.send(data)
    assert client.close_code() == code
    assert client.ended()


def accept_value(key=KEY):
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()

"""sio_echo for the tests of Engine.IO and Socket.IO, with clients that say exactly what they are told to."""
import contextlib
import json
import os
import signal
import subprocess

from edge_fixture import BUILD, CLOSE, TEXT, BINARY, Edge, frame

SEPARATOR = "\x1e"


class Echo(Edge):
    """engine: Engine.IO alone, at /engine.io/, every message echoed. Others see tests/sio_echo.c."""

    def __init__(self, engine=False, ping_interval=25000, ping_timeout=20000, port=0, **env):
        limits = env.pop("limits", {})
        env["LIMITS"] = " ".join(f"{name}={value}" for name, value in limits.items())
        env.update(PING_INTERVAL=str(ping_interval), PING_TIMEOUT=str(ping_timeout))
        self.path = "/engine.io/" if engine else "/socket.io/"
        self.host = "127.0.0.1"
        self.process = subprocess.Popen(
            [BUILD / "tests" / "sio_echo", f"{self.host}:{port}", *(["--engine"] if engine else [])],
            stdout=subprocess.PIPE, env={**os.environ, **env})
        line = self.process.stdout.readline().decode().split()
        assert line[:2] == ["listening", "on"], line
        self.url = line[2]
        self.port = int(self.url.rsplit(":", 1)[1])

    def ask(self, query, method="GET", fields="", body=b""):
        """One request over a connection of its own."""
        return self.get(f"{self.path}?{query}", fields, method, body.encode() if isinstance(body, str) else body)

    def polling(self, query=""):
        return Polling(self, query)

    def websocket(self, query="", fields="", small=False):
        return WebSocket(self, "EIO=4&transport=websocket" + query, fields, small)

    def shut_down(self):
        self.process.send_signal(signal.SIGUSR1)


@contextlib.contextmanager
def running_echo(**options):
    echo = Echo(**options)
    try:
        yield echo
    finally:
        echo.stop()


def refusal(reply):
    """Its code, when it is one of the reference server's."""
    assert reply["Content-Type"] == "application/json"
    says = json.loads(reply.body)
    messages = ["Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden",
                "Unsupported protocol version"]
    assert says == {"code": says["code"], "message": messages[says["code"]]}
    assert reply.status == (403 if says["code"] == 4 else 400)
    return says["code"]


class Polling:
    """A session that was opened by polling."""

    def __init__(self, echo, query=""):
        self.echo, self.held = echo, []
        reply = echo.ask("EIO=4&transport=polling" + query)
        assert reply.status == 200, reply.body
        self.greeting = reply.body.decode()
        self.open = json.loads(self.greeting[1:])
        self.sid = self.open["sid"]
        self.query = f"EIO=4&transport=polling&sid={self.sid}"

    def ask(self, method="GET", body=b"", fields=""):
        return self.echo.ask(self.query, method, fields, body)

    def poll(self):
        """The packets of one answer."""
        reply = self.ask()
        assert reply.status == 200, (reply.status, reply.body)
        assert reply["Content-Type"] == "text/plain; charset=UTF-8"
        return reply.body.decode().split(SEPARATOR)

    def next(self):
        """The next packet, over as many polls as it takes; pings are answered."""
        while True:
            while not self.held:
                self.held = self.poll()
            packet = self.held.pop(0)
            if packet != "2":
                return packet
            self.post("3")

    def start(self, method="GET", body=b"", length=None):
        """A request that is under way: the client over which its reply comes."""
        client = self.echo.connect()
        length = len(body) if length is None else length
        client.send(f"{method} {self.echo.path}?{self.query} HTTP/1.1\r\nHost: localhost\r\n"
                    f"Content-Length: {length}\r\n\r\n".encode() + body)
        return client

    def start_poll(self):
        """A poll that the server has taken: what follows comes after it."""
        client = self.start()
        self.echo.stats()
        return client

    def post(self, *packets):
        reply = self.ask("POST", SEPARATOR.join(packets))
        assert (reply.status, reply.body) == (200, b"ok"), (reply.status, reply.body)

    def upgrading(self):
        return self.echo.websocket("&sid=" + self.sid)

    def gone(self):
        return refusal(self.ask()) == 1


class WebSocket:
    def __init__(self, echo, query, fields="", small=False):
        self.client = echo.connect(small)
        self.client.upgrade(f"{echo.path}?{query}", fields)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.sock.close()

    def send(self, *messages):
        """Text, or bytes for a binary message; all in one go."""
        self.client.send(b"".join(frame(TEXT if isinstance(m, str) else BINARY, m) for m in messages))

    def next_raw(self):
        opcode, payload = self.client.message()
        assert opcode in (TEXT, BINARY), (opcode, payload)
        return payload.decode() if opcode == TEXT else payload

    def next(self):
        """The next message; pings are answered."""
        while True:
            message = self.next_raw()
            if message != "2":
                return message
            self.send("3")

    def greeting(self):
        return json.loads(self.next_raw()[1:])

    def closed(self):
        """Waits for the server's close frame; its code. Messages before it do not matter."""
        while True:
            opcode, payload = self.client.message()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")

    def drop(self):
        self.client.sock.close()

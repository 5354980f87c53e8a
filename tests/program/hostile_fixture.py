"""What a server under attack is looked at with: others, who must not notice, and what the process holds."""
import contextlib
import os
import pathlib
import re
import selectors
import socket
import time

from edge_fixture import Client
from relay import PATIENCE, Person, until

SANITIZED = "-asan" in os.environ.get("SPACERELAY_BUILD", "") or "-tsan" in os.environ.get("SPACERELAY_BUILD", "")
SLACK_KB = 1024 * (1024 if SANITIZED else 64)  # caches fill up, and a sanitizer keeps what was freed


def address_of(relay):
    host, port = relay.url.split("//")[1].split(":")
    return host, int(port)


def connect(relay, receive=None):
    """A client at byte level. receive: how much its kernel takes before it reads."""
    sock = socket.socket()
    if receive:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    sock.settimeout(PATIENCE)
    sock.connect(address_of(relay))
    return Client(sock)


def connect_tab(relay, person, receive=None):
    client = connect(relay, receive)
    client.upgrade("/ws/client", f"Cookie: {person.cookie}\r\nOrigin: http://localhost\r\n")
    return client


class Held:
    """What the process holds, to be compared with later on."""

    def __init__(self, relay):
        self.relay, self.pid = relay, relay.process.pid
        self.files, self.kb = self.now()

    def now(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return len(os.listdir(f"/proc/{self.pid}/fd")), int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def back(self):
        """Descriptors are where they were, and memory nearly."""
        def is_back():
            self.relay.stranger().get("/healthz").close()
            return self.now()[0] <= self.files + 48  # eight web threads open readers and links when they are needed

        until(is_back)
        assert self.now()[1] <= self.kb + SLACK_KB, (self.kb, self.now())


class Others:
    """An app and a person who were there before, and whoever comes while it lasts."""

    def __init__(self, relay):
        self.relay = relay
        self.space = relay.space()
        self.app, self.tab = self.space.app(), relay.ann.tab()
        self.page = connect(relay)
        self.work()

    def work(self):
        """A request through the app, a page, a log-in; any error fails."""
        id = self.tab.submit(self.space)
        request = self.app.take()
        self.app.delta(request, "hello ")
        assert self.app.result(request)["accepted"]
        assert self.tab.outcome(id)["status"] == "completed"
        assert self.relay.stranger().get("/login").status_code == 200
        person = Person(self.relay, "ann").login()
        assert person.get("/").status_code == 200


class Crowd:
    """Clients that misbehave all at once. drip(client) is called again and again for those that are still there; what they
    receive is read only if `reads`. They count as gone once the server has closed."""

    def __init__(self, clients, drip=None, reads=True):
        self.here, self.drip, self.reads = list(clients), drip, reads
        self.count = len(self.here)
        for c in self.here:
            c.sock.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for c in self.here:
            c.sock.close()

    def _gone(self, c):
        try:
            if self.drip:
                self.drip(c)
        except BlockingIOError:
            pass
        except OSError:
            return True
        try:
            while self.reads:
                if not c.sock.recv(65536):
                    return True
        except BlockingIOError:
            pass
        except OSError:
            return True
        return not self.reads and reset(c.sock)

    def turn(self):
        """One round over all; returns how many are left."""
        for c in [c for c in self.here if self._gone(c)]:
            c.sock.close()
            self.here.remove(c)
        return len(self.here)


def reset(sock):
    """Whether the server has gone, of one who does not read."""
    with selectors.PollSelector() as s:
        s.register(sock, selectors.EVENT_WRITE)
        s.select(0)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or tcp_state(sock) != 1


def tcp_state(sock):
    """1 = established; the first byte of struct tcp_info."""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def outlast(crowd, others):
    """The others work while the crowd is there, until all of it has been dropped."""
    end = time.monotonic() + PATIENCE
    rounds = 0
    while crowd.turn() or rounds < 2:
        others.work()
        rounds += 1
        assert time.monotonic() < end, f"{len(crowd.here)} of {crowd.count} are still there"
    others.work()

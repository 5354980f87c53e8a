#!/usr/bin/env python3
"""Thousands of slow, silent and greedy peers against the real server with its own limits, and what others notice of it.

    [KINDS="heads bodies reading stopped silent H B X"] [N=1000] [SECONDS=30] tests/torture/slow_peers.py

heads     N connections that send a header field a byte at a time; those that are dropped come again
bodies    the same with the body of a log-in
reading   the same with pages that they ask for and do not take
stopped   N/2 people's sockets that stop reading while 64 MiB of streamed text are sent to each
silent    N/2 connections and sockets that say nothing, or half of something; all must be gone within 45 s
H, B, X   slowhttptest's slow headers, slow body and slow read, N connections each (Debian's package slowhttptest)

Meanwhile an app and a person go on working, pages are asked for and people log in: every error of theirs is counted (there
must be none), every time is measured. At the end descriptors and memory must be back. Exit status 1 when not."""
import json
import multiprocessing
import os
import pathlib
import re
import resource
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "program"))

from edge_fixture import PING, PONG, TEXT, Client, frame  # noqa: E402
from relay import PASSWORD, running_relay  # noqa: E402

KINDS = os.environ.get("KINDS", "heads bodies reading stopped silent H B X").split()
N = int(os.environ.get("N", 1000))
SECONDS = float(os.environ.get("SECONDS", 30))
GONE_S = 45
TEXT_BYTES = 4 << 20  # what a request may stream
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


def dial(at, receive=None):
    sock = socket.socket()
    if receive:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    sock.connect(at)
    return sock


def upgraded(at, path, fields="", receive=None):
    client = Client(dial(at, receive))
    client.upgrade(path, fields)
    return client


class Talker:
    """A socket of the native protocol that answers pings."""

    def __init__(self, at, path, fields=""):
        self.client = upgraded(at, path, fields)

    def send(self, type, **fields):
        self.client.send(frame(TEXT, json.dumps({"type": type, **fields})))

    def wait(self, *types):
        while True:
            opcode, payload = self.client.message()
            if opcode == PING:
                self.client.send(frame(PONG, payload))
            elif opcode == TEXT:
                m = json.loads(payload)
                if m["type"] in types:
                    return m
            else:
                raise EOFError(f"closed: {payload}")


# ---- the others ----

def work(at, cookie, space, token, stop, found):
    """Submits, pages and log-ins one after the other until told to stop; times in ms by kind."""
    times, errors = {"submit": [], "page": [], "login": [], "new page": []}, []
    fields = f"Cookie: {cookie}\r\nOrigin: http://localhost\r\n"
    app, tab, page = Talker(at, "/ws/app"), Talker(at, "/ws/client", fields), Client(dial(at))
    app.send("register", space_name=space, token=token)
    assert app.wait("register_response")["success"]

    def submit():
        tab.send("submit", space=space, payload={"prompt": "hello"})
        assert tab.wait("submitted", "error")["type"] == "submitted"
        request = app.wait("inference_request")
        about = {"request_id": request["request_id"], "attempt": request["attempt"]}
        app.send("inference_result", **about, status="completed", result={"text_output": "done"})
        assert app.wait("result_ack")["accepted"]

    def get():
        assert page.get("/login").status == 200

    def get_anew():
        with Client(dial(at)) as c:
            assert c.get("/login", "Connection: close\r\n").status == 200

    def log_in():
        with Client(dial(at)) as c:
            body = f"username=ann&password={PASSWORD.replace(' ', '+')}".encode()
            assert c.get("/login", f"{FORM}Origin: http://localhost\r\n", "POST", body).status == 302

    turn = 0
    while not stop.is_set():
        turn += 1
        for kind, do in (("submit", submit), ("page", get), ("new page", get_anew), ("login", log_in)):
            if kind == "login" and turn % 50:
                continue
            start = time.monotonic()
            try:
                do()
            except Exception as e:
                errors.append(f"{kind}: {e!r}")
            times[kind].append((time.monotonic() - start) * 1000)
        time.sleep(0.005)
    found.put((times, errors))


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))] if values else float("nan")


def measured(relay, what, attack=None):
    """What the others see while attack() runs, or for some seconds."""
    found, stop = multiprocessing.Queue(), multiprocessing.Event()
    space = relay.space()
    worker = multiprocessing.Process(target=work, args=(address(relay), relay.ann.cookie, space.name, space.token, stop, found))
    worker.start()
    if attack:
        said = attack()
    else:
        said = ""
        time.sleep(5)
    stop.set()
    times, errors = found.get(timeout=120)
    worker.join()
    print(f"{what:22}", "  ".join(
        f"{kind} {quantile(t, 0.5):.1f}/{quantile(t, 0.99):.1f}/{max(t, default=0):.0f}" for kind, t in times.items()),
        f" errors {len(errors)}", said, *errors[:3], flush=True)
    return not errors


# ---- the attackers ----

class Attackers:
    """A process of its own that keeps n connections open; makers are called for each anew. Says how many were dropped."""

    def __init__(self, at, n, opening, drip, again=True, receive=None, every_s=1.0):
        self.at, self.n, self.opening, self.drip, self.again = at, n, opening, drip, again
        self.receive, self.every_s = receive, every_s
        self.left = multiprocessing.Value("q", n)
        self.dropped = multiprocessing.Value("q", 0)
        self.stop = multiprocessing.Event()
        self.process = multiprocessing.Process(target=self.run)
        self.process.start()

    def open(self, poll, socks, i):
        sock = dial(self.at, self.receive)
        sock.sendall(self.opening(i))
        sock.setblocking(False)
        socks[sock.fileno()] = sock
        poll.register(sock, select.EPOLLRDHUP if self.receive else select.EPOLLIN | select.EPOLLRDHUP)

    def gone(self, sock, event):
        if event & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP):
            return True
        try:
            return not sock.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def run(self):
        os.nice(10)  # they stand for other machines, and shall not take the processor from those who are measured
        socks, poll, due = {}, select.epoll(), time.monotonic() + self.every_s
        for i in range(self.n):
            self.open(poll, socks, i)
        while not self.stop.is_set():
            for fd, event in poll.poll(0.1):
                if self.gone(socks[fd], event):
                    poll.unregister(fd)
                    socks.pop(fd).close()
                    self.dropped.value += 1
                    if self.again:
                        self.open(poll, socks, fd)
            if self.drip and time.monotonic() >= due:
                due = time.monotonic() + self.every_s
                for sock in socks.values():
                    try:
                        sock.send(self.drip)
                    except OSError:
                        pass
            self.left.value = len(socks)

    def end(self):
        self.stop.set()
        self.process.join()
        return self.dropped.value


def address(relay):
    host, port = relay.url.split("//")[1].split(":")
    return host, int(port)


def for_a_while(at, opening, drip, receive=None):
    def attack():
        crowd = Attackers(at, N, opening, drip, receive=receive)
        time.sleep(SECONDS)
        return f" dropped {crowd.end()}"

    return attack


def heads(relay):
    return for_a_while(address(relay), lambda i: b"GET /login HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"x")


def bodies(relay):
    head = f"POST /login HTTP/1.1\r\nHost: a\r\n{FORM}Content-Length: 100000\r\n\r\nusername=".encode()
    return for_a_while(address(relay), lambda i: head, b"x")


def reading(relay):
    ask = b"GET /docs/protocol HTTP/1.1\r\nHost: a\r\n\r\n" * 20
    return for_a_while(address(relay), lambda i: ask, None, receive=2048)


def handshake(relay, path):
    fields = f"Cookie: {relay.ann.cookie}\r\nOrigin: http://a\r\n" if path == "/ws/client" else ""
    return (f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{fields}"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()


def silent(relay):
    """Gone within GONE_S, whatever half they have sent."""
    halves = [b"", b"G", b"GET /login HTTP/1.1\r\nHost", b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
              *(handshake(relay, path) + half for path in ("/ws/app", "/ws/client")
                for half in (b"", b"\x81", b"\x81\xfe\x01", frame(TEXT, "{", length=200), frame(TEXT, "{", fin=False)))]

    def attack():
        crowd, start = Attackers(address(relay), N // 2, lambda i: halves[i % len(halves)], None, again=False), time.monotonic()
        while crowd.left.value and time.monotonic() < start + GONE_S + 5:
            time.sleep(0.2)
        took, left = time.monotonic() - start, crowd.left.value
        crowd.end()
        assert not left and took <= GONE_S + 1, f"{left} are still there after {took:.0f} s"
        return f" all gone after {took:.0f} s"

    return attack


def stopped(relay):
    """Each watches 16 requests of 4 MiB text, and stops reading."""
    requests = (64 << 20) // TEXT_BYTES
    space = relay.space()
    at, n = address(relay), N // 2
    app, tab = Talker(at, "/ws/app"), Talker(at, "/ws/client", f"Cookie: {relay.ann.cookie}\r\nOrigin: http://localhost\r\n")
    app.send("register", space_name=space.name, token=space.token, concurrency=requests)
    assert app.wait("register_response")["success"]
    ids = []
    for _ in range(requests):
        tab.send("submit", space=space.name, payload={"prompt": "long"})
        ids.append(tab.wait("submitted")["request_id"])
    leases = [app.wait("inference_request") for _ in ids]
    subscribes = b"".join(frame(TEXT, json.dumps({"type": "subscribe", "topic": f"request:{id}"})) for id in ids)

    def attack():
        crowd = Attackers(at, n, lambda i: handshake(relay, "/ws/client") + subscribes, None, again=False, receive=4096)
        while sockets(relay) < n:
            time.sleep(0.2)
        piece = "x" * 65536
        for _ in range(TEXT_BYTES // len(piece)):
            for lease in leases:
                app.send("inference_delta", request_id=lease["request_id"], attempt=lease["attempt"], text=piece)
        start = time.monotonic()
        while crowd.left.value and time.monotonic() < start + GONE_S:
            time.sleep(0.2)
        left = crowd.left.value
        crowd.end()
        app.client.sock.close()
        tab.client.sock.close()
        assert not left, f"{left} are still there"
        return f" all dropped {time.monotonic() - start:.1f} s after the last text"

    return attack


def slowhttptest(relay, *options):
    def attack():
        command = ["slowhttptest", *options, "-c", N, "-r", max(N // 5, 1), "-l", int(SECONDS), "-p", 5]
        done = subprocess.run(["nice", *map(str, command)], capture_output=True, text=True)
        end = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).split("slow HTTP test status")[-1]
        said = dict(re.findall(r"([\w ]+?):\s+(\w+)", end))
        assert said.get("service available") == "YES", end
        return f" dropped {said.get('closed')}"

    return attack


def slow_headers(relay):
    return slowhttptest(relay, "-H", "-i", 1, "-x", 24, "-u", relay.url + "/login")


def slow_body(relay):
    return slowhttptest(relay, "-B", "-i", 1, "-s", 8192, "-x", 24, "-u", relay.url + "/login")


def slow_read(relay):
    return slowhttptest(relay, "-X", "-n", 1, "-w", 1, "-y", 512, "-z", 5, "-k", 3, "-u", relay.url + "/docs/protocol")


def sockets(relay):
    for line in relay.stranger().get("/metrics").text.splitlines():
        if line.startswith("spacerelay_client_sockets "):
            return int(line.split()[1])
    return 0


# ---- what the process holds ----

def holds(relay):
    pid = relay.process.pid
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    kb = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    return len(os.listdir(f"/proc/{pid}/fd")), kb


ATTACKS = {"heads": heads, "bodies": bodies, "reading": reading, "stopped": stopped, "silent": silent, "H": slow_headers,
           "B": slow_body, "X": slow_read}


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    good = True
    limits = {"sockets_per_person": 10000, "login_failures_address": 100000,
              "requests_per_minute": 0}
    with running_relay(limits=limits) as relay:
        relay.ann
        print("times in ms: median/p99/max")
        good &= measured(relay, "nobody else")
        for kind in KINDS:
            before = holds(relay)
            n = N // 2 if kind in ("stopped", "silent") else N
            good &= measured(relay, f"{n} {kind}", ATTACKS[kind](relay))
            end = time.monotonic() + 70  # idle connections of our own included
            while holds(relay)[0] > before[0] + 48 and time.monotonic() < end:
                time.sleep(0.5)
            after = holds(relay)
            back = after[0] <= before[0] + 48 and after[1] <= before[1] + 96 * 1024
            good &= back
            print(f"{'':22} descriptors {before[0]} -> {after[0]}, memory {before[1] >> 10} -> {after[1] >> 10} MiB",
                  "" if back else " NOT BACK", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""relay-bench counts what happens, and nothing goes wrong. No figure of speed is judged."""
import json
import signal
import subprocess

import pytest
import websockets

from relay import PASSWORD, PROGRAM, relay_fixture, run

BENCH = PROGRAM.parent / "relay-bench"
server, r = relay_fixture("server")
LATENCIES = ["submit_to_acknowledged", "submit_to_dispatched", "result_to_seen", "submit_to_seen"]


def bench(*words, status=0):
    done = subprocess.run([BENCH, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done


def figures(*words):
    return json.loads(bench(*words, "--json", "--warm-up", 0, "--seconds", 1).stdout)


def check_requests(f):
    assert f["requests"]["errors"] == 0, f
    assert f["requests"]["seen"] == f["requests"]["submitted"] > 0
    for name in LATENCIES:
        h = f[name]
        assert h["count"] == f["requests"]["submitted"]
        assert 0 < h["p50_us"] <= h["p90_us"] <= h["p99_us"] <= h["p99.9_us"] <= h["max_us"]


def attached(r, space, user="ann"):
    r.person(user)
    return ["--host", r.url, "--pid", r.process.pid, "--space", space.name, "--token", space.token, "--user", user,
            "--password", PASSWORD]



def test_every_request_is_counted_in_a_closed_loop():
    f = figures("--server", PROGRAM, "--apps", 2, "--outstanding", 16, "--progress", 2)
    check_requests(f)
    assert f["settings"]["apps"] == 2
    assert f["server"]["rss_kib"] > 1000


def test_every_request_is_counted_at_a_rate(r):
    f = figures(*attached(r, r.space()), "--rate", 50, "--payload", 3000, "--result", 70000)
    check_requests(f)
    assert f["requests"]["submitted"] < 60  # as many as were due, whatever the machine does
    assert f["server"]["rss_kib"] > 1000


def test_every_request_is_counted_when_submitted_as_old_scripts_do():
    f = figures("--server", PROGRAM, "--submit", "http", "--outstanding", 12, "--payload", 3000)
    check_requests(f)
    assert f["settings"]["submit"] == "http"


def test_errors_of_old_submits_are_shown(r):
    f = figures(*attached(r, r.space(), "bob"), "--submit", "http", "--outstanding", 101, "--people", 1)
    assert f["requests"]["errors"] > 0
    assert "429" in f["requests"]["first_error"]


def test_errors_are_counted_and_shown(r):
    words = attached(r, r.space())
    f = figures(*words, "--payload", 10, "--result", 10, "--outstanding", 101, "--people", 1)
    assert f["requests"]["errors"] > 0
    assert "unfinished" in f["requests"]["first_error"]


def test_idle_sockets_are_counted_and_come_back(r):
    # 4 who submit, 12, and 12 more before the server has noticed that the first are gone: below 32 a person
    f = figures(*attached(r, r.space()), "--idle", 12)["idle"]
    assert (f["sockets"], f["lost"]) == (12, 0)
    assert f["connect_ms"] > 0 and f["reconnect_ms"] > 0


def test_every_watcher_sees_the_app_go_and_come_back(r):
    f = figures(*attached(r, r.space()), "--fan-out", 20)
    for change in "app_lost", "app_back":
        assert f[change]["rounds"] == 10
        assert 0 < f[change]["median_first_ms"] <= f[change]["median_last_ms"] <= f[change]["max_last_ms"]


def test_watchers_and_pages_keep_the_load_company():
    f = figures("--server", PROGRAM, "--watchers", 50, "--pages", 20)
    check_requests(f)
    assert f["watchers"] == {"count": 50, "lost": 0}
    assert f["pages"]["errors"] == 0
    assert f["page_of_the_space"]["count"] > 0 and f["page_log_in"]["count"] > 0


class SocketIo:
    """As much of a Socket.IO relay as relay-bench speaks to."""

    def __init__(self):
        self.app, self.people, self.pongs = None, {}, 0
        self.server = run(self.start())
        self.url = "http://127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]

    async def start(self):
        return await websockets.serve(self.serve, "127.0.0.1", 0)

    async def end(self):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, ws, path):
        assert path == "/socket.io/?EIO=4&transport=websocket"
        await ws.send('0{"sid":"s","upgrades":[],"pingInterval":25000}')
        assert await ws.recv() == "40"
        await ws.send('40{"sid":"s"}')
        await ws.send("2")
        async for text in ws:
            if text == "3":
                self.pongs += 1
            else:
                await self.take(ws, *json.loads(text.removeprefix("42")))

    async def take(self, ws, kind, data):
        say = lambda to, name: to.send("42" + json.dumps([name, data], separators=(",", ":")))
        if kind == "register":
            self.app = ws
            await say(ws, "registered")
        elif kind == "submit":
            self.people[data["n"]] = ws
            await say(ws, "submitted")
            await say(self.app, "inference_request")
        else:
            await say(self.people[data["n"]], {"inference_progress": "progress", "inference_result": "result"}[kind])


def test_a_socketio_relay_is_driven_in_the_same_way():
    relay = SocketIo()
    try:
        check_requests(figures("--host", relay.url, "--protocol", "socketio", "--people", 3))
        assert relay.pongs == 4
    finally:
        run(relay.end())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_interrupted_leaves_nothing_behind(tmp_path, number):
    process = subprocess.Popen([BENCH, "--server", PROGRAM, "--seconds", "3000"], env={"TMPDIR": str(tmp_path)},
                               stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline().startswith("relay-bench: http://127.0.0.1:")
    assert list(tmp_path.glob("*/data"))
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and "interrupted" in said
    assert not list(tmp_path.iterdir())


def test_figures_for_people():
    text = bench("--server", PROGRAM, "--warm-up", 0, "--seconds", 1).stdout
    assert "per_second" in text and "p99.9_us" in text


@pytest.mark.parametrize("words", [[], ["--server", "a", "--host", "b"], ["--host", "http://127.0.0.1:1"],
                                   ["--server", "a", "--protocol", "other"], ["--server", "a", "--submit", "mail"],
                                   ["--server", "a", "--submit", "http", "--protocol", "socketio"]])
def test_wrong_options_are_refused(words):
    assert "relay-bench" in bench(*words, status=2).stderr


def test_a_server_that_does_not_start_is_said():
    assert "user" in bench("--server", "/bin/false", status=1).stderr


def test_a_server_that_is_not_there_is_named():
    assert "cannot run no/such/relay: No such file" in bench("--server", "no/such/relay", status=1).stderr

#!/usr/bin/env python3
"""`make bench`: spacerelay, gearmand, a plain Node relay and a plain Flask relay do the same work, one after the other;
then what else the relay is asked to bear. Prints Markdown.

    bench.py [--seconds S] [PART...]     parts: spacerelay gearmand node flask rate idle fan-out pages; all by default"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("SPACERELAY_BUILD", HERE.parents[1] / "build")).resolve()
RELAY, BENCH, GEARMAN = BUILD / "spacerelay", BUILD / "relay-bench", BUILD / "gearman-bench"
DEPTHS = [64, 1]
PAYLOAD = 100
WARM_UP_S = 2
RATE = 1000
IDLE, IDLE_S, WATCHERS, PAGES = 10000, 35, 5000, 50  # 35 s: every socket is pinged once in it
# threads of gearmand, clients, workers: the best one counts, since which it is depends on the machine
GEARMAN_SETUPS = {64: [(4, 1, 8), (4, 1, 16), (4, 4, 16), (1, 1, 8)], 1: [(4, 1, 1), (1, 1, 1)]}
PARTS = {"spacerelay": "spacerelay, durable", "gearmand": "gearmand, in memory",
         "node": "plain Node relay (socket.io), in memory", "flask": "plain Flask relay (Flask-SocketIO), in memory"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*words):
    """The JSON that a program prints."""
    say("+ " + " ".join(pathlib.Path(str(w)).name if "/" in str(w) else str(w) for w in words))
    return json.loads(subprocess.run([str(w) for w in words], check=True, stdout=subprocess.PIPE).stdout)


def relay_bench(*words, seconds, server=True):
    where = ["--server", RELAY] if server else []
    return run(BENCH, *where, "--json", "--warm-up", WARM_UP_S, "--seconds", seconds, *words)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def serving(*words):
    """A server that takes its port as last word, or where PORT stands. Yields process id and port."""
    port = free_port()
    words = [str(w).replace("PORT", str(port)) for w in words]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while True:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{words[0]} does not serve")
            time.sleep(0.05)
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- side by side: each returns figures by depth ----


def spacerelay(seconds):
    return {d: relay_bench("--outstanding", d, "--payload", PAYLOAD, "--result", PAYLOAD, seconds=seconds) for d in DEPTHS}


def gearmand_once(depth, threads, clients, workers, seconds):
    with serving("/usr/sbin/gearmand", "-L", "127.0.0.1", "-p", "PORT", "-t", threads, "-l", "none") as (pid, port):
        figures = run(GEARMAN, port, depth, clients, workers, 1, seconds, PAYLOAD)
        figures["server"] = {"cpu_us_per_request": 1e6 * cpu_s(pid) / figures["requests"]["seen"]}
    figures["setup"] = f"{threads} threads, clients: {clients}, workers: {workers}"
    return figures


def gearmand(seconds):
    best = lambda tries: max(tries, key=lambda f: f["requests"]["per_second"])
    return {d: best([gearmand_once(d, *setup, max(1, seconds // 2)) for setup in GEARMAN_SETUPS[d]]) for d in DEPTHS}


def over_socketio(seconds, *words):
    with serving(*words) as (pid, port):
        return {d: relay_bench("--host", f"http://127.0.0.1:{port}", "--pid", pid, "--protocol", "socketio", "--outstanding",
                               d, "--payload", PAYLOAD, "--result", PAYLOAD, seconds=seconds, server=False)
                for d in DEPTHS}


def node(seconds):
    return over_socketio(seconds, "node", HERE / "node_relay.js", "PORT")


def flask(seconds):
    return over_socketio(seconds, "/usr/bin/python3", HERE / "flask_relay.py", "PORT")


# ---- the tables ----


def number(x, digits=0):
    return f"{x:,.{digits}f}"


def milliseconds(us):
    return number(us / 1000, 1 if us >= 10000 else 2)


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |")


def side_by_side(figures):
    row("submit -> progress -> result -> seen", *(f"requests/s, {d} under way" for d in DEPTHS), "p50 / p99 ms, 64", "p50 / p99 ms, 1",
        "server CPU us, 64", "errors", "spacerelay is")
    row(*["---"] * 8)
    ours = figures.get("spacerelay")
    for part, f in figures.items():
        rates = [f[d]["requests"]["per_second"] for d in DEPTHS]
        times = [f"{milliseconds(f[d]['submit_to_seen']['p50_us'])} / {milliseconds(f[d]['submit_to_seen']['p99_us'])}"
                 for d in DEPTHS]
        ratio = "" if part == "spacerelay" or not ours else " and ".join(
            f"{ours[d]['requests']['per_second'] / rate:.1f}" for d, rate in zip(DEPTHS, rates)) + " times as fast"
        row(PARTS[part], *map(number, rates), *times, number(f[64]["server"]["cpu_us_per_request"], 1),
            sum(f[d]["requests"]["errors"] for d in DEPTHS), ratio)
    print()
    if "gearmand" in figures:
        print("gearmand was tried in several ways; the best are shown: " + "; ".join(
            f"at {d}, {figures['gearmand'][d]['setup']}" for d in DEPTHS) + ".\n")


def latency_rows(figures):
    for d in DEPTHS:
        for name, words in [("submit_to_acknowledged", "acknowledged (it is on disk)"), ("submit_to_dispatched", "at the app"),
                            ("result_to_seen", "result (on disk, then) seen")]:
            h = figures[d][name]
            row(f"{words}, {d} under way: p50 / p99 / p99.9",
                " / ".join(milliseconds(h[p]) for p in ("p50_us", "p99_us", "p99.9_us")) + " ms")


def rate_rows(seconds):
    """Open loop: what a request waits for counts from when it was due."""
    f = relay_bench("--rate", RATE, "--outstanding", RATE, "--payload", PAYLOAD, "--result", PAYLOAD, seconds=seconds)
    h = f["submit_to_seen"]
    row(f"{RATE:,} requests/s, as they come: submit -> seen, p50 / p99 / p99.9",
        " / ".join(milliseconds(h[p]) for p in ("p50_us", "p99_us", "p99.9_us")) + f" ms ({f['requests']['errors']} errors)")


def idle_rows():
    f = relay_bench("--idle", IDLE, seconds=IDLE_S)["idle"]
    row(f"{IDLE:,} idle sockets: memory each", f"{number(f['bytes_each'])} bytes")
    row(f"{IDLE:,} idle sockets: CPU over {IDLE_S} s", f"{f['cpu_percent']} % of a core")
    row(f"{IDLE:,} sockets that reconnect at once: all are back after", f"{number(f['reconnect_ms'])} ms ({f['lost']} lost)")


def fan_out_rows():
    f = relay_bench("--fan-out", WATCHERS, seconds=1)
    for name, words in [("app_lost", "app goes"), ("app_back", "app comes")]:
        row(f"{words}: the last of {WATCHERS:,} watchers has seen it after, median / worst of {f[name]['rounds']}",
            f"{number(f[name]['median_last_ms'], 1)} / {number(f[name]['max_last_ms'], 1)} ms")


def page_rows(seconds):
    f = relay_bench("--watchers", WATCHERS, "--pages", PAGES, "--outstanding", 64, seconds=seconds)
    for name, words in [("page_of_the_space", "page of a space"), ("page_log_in", "log-in page")]:
        row(f"{words}, while {WATCHERS:,} watch and 64 requests are under way: p50 / p99",
            f"{milliseconds(f[name]['p50_us'])} / {milliseconds(f[name]['p99_us'])} ms")
    row("requests/s meanwhile", number(f["requests"]["per_second"]))


def sync_us():
    """What one fdatasync takes where the data lies: the median of 200."""
    times = []
    with tempfile.TemporaryFile(dir=os.environ.get("TMPDIR", "/var/tmp")) as f:  # as relay-bench chooses
        for _ in range(200):
            f.write(b"x" * 4096)
            f.flush()
            start = time.monotonic()
            os.fdatasync(f.fileno())
            times.append(time.monotonic() - start)
    return 1e6 * sorted(times)[len(times) // 2]


def machine():
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores ({model}), Linux {platform.release()}, fdatasync {sync_us():.0f} us"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement")
    parser.add_argument("parts", nargs="*", default=[])
    options = parser.parse_args()
    unknown = set(options.parts) - {*PARTS, "rate", "idle", "fan-out", "pages"}
    if unknown:
        parser.error(f"no such part: {' '.join(sorted(unknown))}")
    wanted = options.parts or [*PARTS, "rate", "idle", "fan-out", "pages"]
    figures = {part: globals()[part](options.seconds) for part in PARTS if part in wanted}
    print(f"{time.strftime('%Y-%m-%d')}, {machine()}; server and load share them.\n")
    if figures:
        side_by_side(figures)
    row("spacerelay", "")
    row("---", "---")
    if "spacerelay" in figures:
        latency_rows(figures["spacerelay"])
    if "rate" in wanted:
        rate_rows(options.seconds)
    if "idle" in wanted:
        idle_rows()
    if "fan-out" in wanted:
        fan_out_rows()
    if "pages" in wanted:
        page_rows(options.seconds)


if __name__ == "__main__":
    main()

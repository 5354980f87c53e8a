"""mock-app, and with it tools/client, against a relay that does exactly what each test tells it to."""
import asyncio
import base64
import re
import signal
import struct
import subprocess

import pytest
from fake_relay import CLEAN, ID, MOCK, PATIENCE, lease_of, scenario, text_of


# ---- registering ----


@scenario
async def test_it_registers_and_tells_a_person(w):
    app = await w.app("--concurrency", "3", "--prefetch", "4")
    c = await w.relay.connection()
    m = await c.accept()
    instance = m.pop("instance")
    assert re.fullmatch("[0-9a-f]{32}", instance)
    assert re.fullmatch(r"\d+\.\d+\.\d+", m["app"].pop("version"))
    assert m == {"type": "register", "space_name": "demo", "token": "secret", "app": {"name": "mock-app"},
                 "concurrency": 3, "prefetch": 4, "endpoints": ["chat.completions", "completions", "embeddings"]}
    assert c.socket.path == "/ws/app" and c.socket.subprotocol == "spacerelay.v1"
    line = await app.line("Registration successful!")
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] \[✓\] Registration successful!\n", line)
    assert ID % 1 in await app.line("Connection ID")
    assert "secret" not in app.said


@scenario
async def test_instance_stays_the_same_over_reconnects_and_differs_between_processes(w):
    seen = []
    await w.app()
    for _ in range(2):
        c = await w.relay.connection()
        seen.append((await c.accept())["instance"])
        c.drop()
    await w.leave()
    await w.relay.start()
    await w.app()
    seen.append((await (await w.relay.connection()).accept())["instance"])
    assert seen[0] == seen[1] != seen[2]


@scenario
async def test_options_are_read_from_the_environment_and_the_command_line_wins(w):
    await w.program(MOCK, "--prefetch", "5", env={
        "SPACERELAY_HOST": w.relay.url + "/", "SPACERELAY_SPACE": "from env", "SPACERELAY_TOKEN": "t",
        "SPACERELAY_CONCURRENCY": "2", "SPACERELAY_PREFETCH": "9"})
    m = await (await w.relay.connection()).accept()
    assert (m["space_name"], m["token"], m["concurrency"], m["prefetch"]) == ("from env", "t", 2, 5)


@scenario
async def test_refused_for_good_exits_1_with_the_reason(w):
    app = await w.app()
    await (await w.relay.connection()).refuse("not_found", 'Space "demo" not found', 4500)
    assert await app.exit() == 1
    assert '[✗] Registration refused: Space "demo" not found (not_found)' in app.said


@scenario
async def test_refused_without_a_close_frame_exits_1_all_the_same(w):
    app = await w.app()
    c = await w.relay.connection()
    await c.next("register")
    await c.send("register_response", success=False, code="unauthorized", message="token has expired")
    await c.sync()
    c.drop()
    assert await app.exit() == 1 and "token has expired" in app.said


@scenario
async def test_a_taken_space_is_tried_again(w):
    app = await w.app()
    await (await w.relay.connection()).refuse("space_taken", "Space already has a connected app", 4003)
    await app.line("Space already has a connected app")
    await (await w.relay.connection()).accept()
    await app.line("Registration successful!")


@pytest.mark.parametrize("code,again", [(4501, False), (4502, False), (4999, False),
                                        (1001, True), (4002, True), (4009, True), (4499, True)])
def test_close_code_says_whether_to_come_back(code, again):
    @scenario
    async def run(w):
        app, c = await w.registered()
        await app.line("Connection ID")
        await c.socket.close(code, "because of this")
        await app.line("because of this")
        if again:
            await (await w.relay.connection()).accept()
            await app.line("Registration successful!")
        else:
            assert await app.exit() == 1
            assert w.relay.arrived.empty()

    run()


@scenario
async def test_it_waits_as_long_as_the_relay_asked_for(w):
    app, c = await w.registered()
    await c.send("drain", reconnect_after_ms=700)
    await app.line("going down")
    await c.socket.close(1001)
    line = await app.line("Trying again in")
    assert 0.7 <= float(re.search(r"in ([\d.]+) s", line)[1]) <= 1.2
    await (await w.relay.connection()).accept()


@scenario
async def test_pauses_grow_up_to_their_limit(w):
    """The ceiling doubles from 0.5 s; what is drawn lies under it."""
    port = w.relay.server.sockets[0].getsockname()[1]
    w.relay.server.close()
    await w.relay.server.wait_closed()
    app = await w.program(MOCK, "--host", f"http://127.0.0.1:{port}", "--space", "demo")
    for ceiling in (0.5, 1, 2, 4):
        line = await app.line("Trying again in")
        assert "Connection refused" in line
        assert float(re.search(r"in ([\d.]+) s", line)[1]) <= ceiling
    app.signal()
    assert await app.exit() == 0


# ---- requests ----


@scenario
async def test_a_request_is_streamed_and_answered(w):
    app, c = await w.registered(delay="0.2")
    lease = await c.request(prompt="one two three")
    heard = await c.until_final()
    assert all(lease_of(m) == lease for m in heard)
    percents = [m["percent"] for m in heard if m["type"] == "inference_progress"]
    assert percents == [25, 50, 75, 100]
    told = 0
    for m in (m for m in heard if m["type"] == "inference_delta"):
        assert m["offset"] == told
        told += len(m["text"].encode())
    final = heard[-1]
    result, usage = final["result"], final["usage"]
    assert final["type"] == "inference_result" and final["status"] == "completed"
    assert result["text_output"] == text_of(heard) and "one two three" in result["text_output"]
    assert 0 <= result["confidence"] <= 1 and result["model_used"]
    assert 0.2 <= result["processing_time_seconds"] < PATIENCE
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", result["timestamp"])
    assert usage["prompt_tokens"] == 3
    assert usage["total_tokens"] == result["tokens_used"] == 3 + usage["completion_tokens"]
    await c.ack(lease)
    await app.line("[REQUEST] " + lease["request_id"])
    await app.line("[PROGRESS]")
    await app.line("[RESULT] " + lease["request_id"])
    await app.line("[QUEUE] 0 running, 0 waiting")


@pytest.mark.parametrize("prompt", ["", "Grüße 你好 😀 " * 300, "\x1b[31mred\x07\u009b", "a\"b\\c\n\t"])
def test_any_prompt_is_answered_and_steers_no_terminal(prompt):
    @scenario
    async def run(w):
        app, c = await w.registered()
        await c.request(prompt=prompt)
        final = (await c.until_final())[-1]
        assert prompt[:50] in final["result"]["text_output"]
        await app.line("[RESULT]")
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u0080-\u009f]", app.said)

    run()


@scenario
async def test_a_payload_without_a_prompt_is_answered(w):
    _, c = await w.registered()
    await c.send("inference_request", request_id=ID % 3, attempt=1, username="ada", payload={"prompt": 5})
    assert (await c.until_final())[-1]["type"] == "inference_result"


@scenario
async def test_embeddings_are_the_same_for_the_same_text(w):
    _, c = await w.registered()
    answers = []
    for n, more in ((1, {}), (2, {"encoding_format": "base64"})):
        payload = {"endpoint": "embeddings", "input": ["a b", "c", "a b"], **more}
        await c.send("inference_request", request_id=ID % n, attempt=1, username="ada", payload=payload)
        answers.append((await c.until_final())[-1])
    floats, texts = ([d["embedding"] for d in a["result"]["data"]] for a in answers)
    assert [d["index"] for d in answers[0]["result"]["data"]] == [0, 1, 2]
    assert floats[0] == floats[2] != floats[1] and abs(sum(x * x for x in floats[0]) - 1) < 1e-5
    assert [list(struct.unpack("<8f", base64.b64decode(t))) for t in texts] == [pytest.approx(f) for f in floats]
    assert answers[0]["usage"] == {"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5}


@scenario
async def test_a_chat_call_is_answered_as_a_prompt_is(w):
    _, c = await w.registered()
    await c.request(prompt="hi", endpoint="chat.completions", messages=[{"role": "user", "content": "hi"}])
    assert "“hi”" in (await c.until_final())[-1]["result"]["text_output"]


@scenario
async def test_concurrency_work_at_once_and_the_rest_waits(w):
    app, c = await w.registered("--concurrency", "2", delay="60")
    for n in (1, 2, 3):
        await c.request(n)
    await app.line("2 running, 1 waiting")
    await c.send("inference_cancel", request_id=ID % 1, attempt=1, reason="cancelled by ada")
    await c.next("inference_error")
    await app.line("2 running, 0 waiting")


@scenario
async def test_fail_rate_fails_requests(w):
    _, c = await w.registered("--fail-rate", "1")
    lease = await c.request()
    final = (await c.until_final())[-1]
    assert final["type"] == "inference_error" and lease_of(final) == lease
    assert final["error"]["code"] == "app_error" and final["error"]["message"]
    assert final["retryable"] is False and final["usage"]["total_tokens"] >= 2


@scenario
async def test_a_seed_gives_the_same_answers(w):
    answers = []
    for _ in range(2):
        app, c = await w.registered()
        await c.request()
        answers.append((await c.until_final())[-1]["result"]["text_output"])
        app.signal(signal.SIGKILL)
        await c.closed()
    assert answers[0] == answers[1]


@scenario
async def test_cancel_stops_the_work_and_frees_the_slot(w):
    app, c = await w.registered(delay="60")
    lease = await c.request(1)
    await c.request(2)
    await c.next("inference_delta")
    await c.send("inference_cancel", **lease, reason="cancelled by ada")
    final = (await c.until_final())[-1]
    assert final["type"] == "inference_error" and lease_of(final) == lease
    assert final["error"]["code"] == "cancelled"
    await c.ack(lease, accepted=False, code="already_final")
    assert "cancelled by ada" in await app.line("[CANCEL]")
    assert (await c.next("inference_delta"))["request_id"] == ID % 2


@scenario
async def test_a_cancel_for_something_else_is_ignored(w):
    app, c = await w.registered()
    await c.send("inference_cancel", request_id=ID % 99, attempt=1, reason="?")
    lease = await c.request(attempt=2)
    await c.send("inference_cancel", request_id=lease["request_id"], attempt=1, reason="older")
    assert (await c.until_final())[-1]["type"] == "inference_result"


@scenario
async def test_a_newer_attempt_takes_the_place_of_the_older(w):
    app, c = await w.registered(delay="60")
    await c.request(attempt=1)
    await c.next("inference_delta")
    await c.request(attempt=2)
    await app.line("[CANCEL]")
    await app.line("attempt 2")
    m = await c.next("inference_delta")
    while m["attempt"] == 1:
        m = await c.next("inference_delta")
    assert m["attempt"] == 2 and m["offset"] == 0


# ---- what is sent again ----


@scenario
async def test_a_result_is_sent_again_after_each_reconnect_until_it_is_acknowledged(w):
    app, c = await w.registered()
    lease = await c.request()
    final = (await c.until_final())[-1]
    for resumed in ([], [{**lease, "text_bytes": len(final["result"]["text_output"].encode())}]):
        c.drop()
        c = await w.relay.connection()
        assert (await c.accept(resumed))["resume"] == [lease]
        assert await c.next() == final
    await c.ack(lease)
    await c.sync()
    c.drop()
    c = await w.relay.connection()
    assert "resume" not in await c.accept()
    assert await c.sync() == []


@pytest.mark.parametrize("code", ["stale_attempt", "already_final", "not_found"])
def test_a_result_that_nobody_wants_is_dropped(code):
    @scenario
    async def run(w):
        app, c = await w.registered()
        lease = await c.request()
        await c.until_final()
        await c.ack(lease, accepted=False, code=code)
        await app.line(code)
        c.drop()
        assert "resume" not in await (await w.relay.connection()).accept()

    run()


@scenario
async def test_a_result_that_could_not_be_saved_is_sent_again_after_a_second(w):
    _, c = await w.registered()
    lease = await c.request()
    final = (await c.until_final())[-1]
    loop = asyncio.get_running_loop()
    for _ in range(2):
        asked = loop.time()
        await c.ack(lease, accepted=False, code="store_unavailable")
        assert await c.next() == final
        assert loop.time() - asked >= 0.99


@scenario
async def test_text_goes_on_from_where_the_relay_has_it(w):
    app, c = await w.registered(delay="1")
    lease = await c.request(prompt="Grüße")
    heard = [await c.next("inference_delta") for _ in range(3)]
    c.drop()
    c = await w.relay.connection()
    kept = heard[0]["text"]
    assert (await c.accept([{**lease, "text_bytes": len(kept.encode())}]))["resume"] == [lease]
    rest = await c.until_final()
    deltas = [m for m in rest if m["type"] == "inference_delta"]
    assert deltas[0]["offset"] == len(kept.encode())
    assert kept + text_of(rest) == rest[-1]["result"]["text_output"]
    assert "1 requests go on" in app.said + await app.line("go on")


@scenario
async def test_a_gap_in_the_text_is_filled(w):
    _, c = await w.registered(delay="1")
    lease = await c.request()
    first = await c.next("inference_delta")
    await c.send("error", code="delta_gap", message="Text before this offset is missing",
                 request_id=lease["request_id"])
    m = await c.next("inference_delta")
    while m["offset"]:
        m = await c.next("inference_delta")
    assert m["text"].startswith(first["text"])


@scenario
async def test_work_that_was_given_away_meanwhile_stops(w):
    app, c = await w.registered(delay="60")
    await c.request()
    await c.next("inference_delta")
    c.drop()
    c = await w.relay.connection()
    await c.accept(resumed=[])
    await app.line("[CANCEL]")
    await app.line("[QUEUE] 0 running")
    assert await c.sync() == []


@scenario
async def test_an_error_about_a_lease_that_is_over_stops_its_work(w):
    app, c = await w.registered(delay="60")
    lease = await c.request()
    await c.send("error", code="stale_attempt", message="not yours", request_id=lease["request_id"])
    await app.line("not yours")
    await app.line("[QUEUE] 0 running")


# ---- leaving ----


@scenario
async def test_sigterm_finishes_what_runs_and_gives_back_what_waits(w):
    app, c = await w.registered(delay="0.5")
    lease = await c.request(1)
    await c.request(2)
    await c.next("inference_delta")
    app.signal()
    heard = await c.until_final()
    assert "drain" in [m["type"] for m in heard]
    assert heard[-1]["type"] == "inference_result" and lease_of(heard[-1]) == lease
    assert await c.sync() == []  # it waits for the acknowledgement
    await c.ack(lease)
    assert await c.closed() == 1000
    assert await app.exit() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(number):
    @scenario
    async def run(w):
        app, c = await w.registered(delay="60")
        await c.request()
        await c.next("inference_delta")
        app.signal(number)
        await app.line("Stopping")
        app.signal(number)
        assert await c.closed() == 1000
        assert await app.exit() == 0

    run()


@scenario
async def test_it_gives_up_on_long_work_after_3_seconds(w):
    app, c = await w.registered(delay="60")
    await c.request()
    await c.next("inference_delta")
    loop = asyncio.get_running_loop()
    start = loop.time()
    app.signal()
    assert await c.closed() == 1000 and await app.exit() == 0
    assert 2.9 <= loop.time() - start < PATIENCE


# ---- the command line ----


def command(*args, **env):
    return subprocess.run([MOCK, *args], env={**CLEAN, **env}, capture_output=True, text=True, timeout=PATIENCE)


def test_help_and_version():
    r = command("--help")
    assert r.returncode == 0 and r.stderr == ""
    for option in ("host", "space", "token", "concurrency", "prefetch", "delay", "seed", "fail-rate", "verbose"):
        assert f"--{option} " in r.stdout
    r = command("--version")
    assert r.returncode == 0 and re.fullmatch(r"mock-app \d+\.\d+\.\d+\n", r.stdout)


@pytest.mark.parametrize("args", [
    [], ["--space"], ["--space", "x", "--nonsense"], ["--space", "x", "y"], ["--space", "x", "--delay", "5-1"],
    ["--space", "x", "--delay", "-1"], ["--space", "x", "--delay", "1e3"], ["--space", "x", "--delay", "."],
    ["--space", "x", "--concurrency", "0"], ["--space", "x", "--concurrency", "1025"],
    ["--space", "x", "--prefetch", "-1"], ["--space", "x", "--fail-rate", "1.5"],
    ["--space", "x", "--seed", "abc"], ["--space", "x", "--host", "localhost:5001"],
    ["--space", "x", "--host", "http://"], ["--space", "x", "--host", "http://a:0"],
    ["--space", "x", "--host", "http://a:65536"], ["--space", "x", "--host", "http://u@a"],
    ["--space", "x", "--host", "http://a/?b"], ["--space", "x", "--host", "http://a/ b"],
    ["--space", "x", "--host", "http://[::1"], ["--space", "x", "--host", "ftp://a"],
    ["--space", "x", "--host", "https://a", "--ca", "/no/such/file"],
])
def test_bad_options_exit_2(args):
    r = command(*args)
    assert r.returncode == 2 and r.stdout == "" and r.stderr.startswith("mock-app: ")


def test_bad_environment_exits_2():
    r = command("--space", "x", SPACERELAY_DELAY="soon")
    assert r.returncode == 2 and "SPACERELAY_DELAY" in r.stderr

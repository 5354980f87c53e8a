"""spacerelay login, logout, spaces, run, requests, show and cancel: the real program against the real server, with apps that
do as the test says, on pipes and on a terminal."""
import asyncio
import contextlib
import itertools
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from chaos_proxy import ChaosProxy
from program_fixture import clean_environment
from relay import NOBODY, PATIENCE, PROGRAM, relay_fixture, run, running_relay, until

server, r = relay_fixture("server", limits={"grace_ms": 200, "requests_per_minute": 0})
numbers = itertools.count(1)


class Done:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


class Cli:
    """A person's terminals: a folder for the config, and nothing of ours in the environment."""

    def __init__(self, folder, relay, person):
        self.config, self.relay, self.person = folder / "config" / "spacerelay", relay, person
        self.env = clean_environment(XDG_CONFIG_HOME=str(folder / "config"), HOME=str(folder))
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "no_proxy"):
            self.env.pop(name, None)

    @property
    def file(self):
        return self.config / "config.json"

    def key(self, *scopes):
        self.key_name = f"cli {next(numbers)}"
        return self.relay.command("key", "add", user=self.person.name, name=self.key_name,
                                  scopes=",".join(scopes or ("read", "submit"))).strip()

    def revoke(self):
        self.relay.command("key", "revoke", user=self.person.name, name=self.key_name)

    def log_in(self, *scopes):
        self("login", self.relay.url, input=self.key(*scopes), key_stdin=True)
        return self

    def start(self, *words, env=None, before=(), **options):
        # Whoever runs the tests in the background of a script ignores Ctrl+C, and so would the program.
        return subprocess.Popen([*before, PROGRAM, *map(str, words)], env={**self.env, **(env or {})},
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)

    def __call__(self, *words, status=0, input="", env=None, **switches):
        words = list(words)
        for name, value in switches.items():
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        done = subprocess.run([PROGRAM, *map(str, words)], input=input.encode(), capture_output=True, timeout=PATIENCE,
                              env={**self.env, **(env or {})})
        done = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert done.status == status, (words, done.status, done.out, done.err)
        return done


class Piped:
    """A command on pipes, while it runs."""

    def __init__(self, cli, *words, **options):
        self.process = cli.start(*words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.out = b""

    def wait_out(self, text):
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.out:
            assert select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0], self.out
            piece = os.read(self.process.stdout.fileno(), 65536)
            assert piece, (self.out, self.process.stderr.read())
            self.out += piece

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def end(self, status):
        out, err = self.process.communicate(timeout=PATIENCE)
        done = Done(self.process.returncode, (self.out + out).decode(), err.decode())
        assert done.status == status, (done.status, done.out, done.err)
        return done


class Terminal:
    """A command whose stdin, stdout and stderr are one terminal, in which Ctrl+C can be typed."""

    def __init__(self, cli, *words, stdout=None):
        self.master, slave = pty.openpty()
        self.process = cli.start(*words, stdin=slave, stdout=stdout or slave, stderr=slave, before=("setsid", "--ctty"))
        os.close(slave)
        self.seen = b""

    def read(self):
        assert select.select([self.master], [], [], PATIENCE)[0], self.seen
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            piece = b""
        self.seen += piece
        return piece

    def wait(self, text):
        while text not in self.seen.decode(errors="replace"):
            assert self.read(), self.seen
        return self.seen.decode(errors="replace")

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self, status):
        while self.read():
            pass
        assert self.process.wait(PATIENCE) == status, self.seen
        os.close(self.master)
        return self.seen.decode()


@pytest.fixture
def cli(r, tmp_path):
    return Cli(tmp_path, r, r.ann)


@pytest.fixture
def ann(cli):
    return cli.log_in()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def only_id(r, space):
    """Of the one request of a space."""
    found = until(lambda: r.ann.get(f"/api/v1/requests?space={space.name}").json()["requests"])
    assert len(found) == 1
    return found[0]["request_id"]


def status_of(r, request_id):
    return r.ann.get(f"/api/v1/requests/{request_id}").json()["status"]


# ---- log-in ----


def test_a_log_in_keeps_the_key_where_only_its_person_reads_it(cli):
    key = cli.key("read", "submit")
    done = cli("login", cli.relay.url + "/", input=key + "\n", key_stdin=True)
    assert done.out == "" and done.err == f"logged in to {cli.relay.url} as ann; the API key may: read, submit\n"
    assert mode(cli.config) == 0o700 and mode(cli.file) == 0o600
    assert [s["key"] for s in json.loads(cli.file.read_text())["servers"]] == [key]
    assert [p.name for p in cli.config.iterdir()] == ["config.json"]
    assert "NAME" in cli("spaces").out


def test_a_folder_that_others_could_read_is_closed(cli):
    cli.config.mkdir(parents=True, mode=0o755)
    cli.log_in()
    assert mode(cli.config) == 0o700


def test_without_xdg_the_folder_is_in_the_home_folder(cli, tmp_path):
    for odd in ("", "relative/path"):
        cli.env["XDG_CONFIG_HOME"] = odd
        cli.log_in()
        assert mode(tmp_path / ".config/spacerelay/config.json") == 0o600
        cli("logout")
    del cli.env["HOME"]
    assert "HOME is not set" in cli("spaces", status=1).err


def test_a_log_in_asks_for_the_key_without_showing_it(cli):
    key = cli.key()
    terminal = Terminal(cli, "login", cli.relay.url)
    terminal.wait(f"API key for {cli.relay.url}: ")
    terminal.type(key + "\n")
    assert "logged in to" in terminal.end(0) and key not in terminal.seen.decode()


def test_a_log_in_takes_the_key_from_the_environment(cli):
    cli("login", cli.relay.url, env={"SPACERELAY_KEY": cli.key()})
    cli("spaces")


def test_a_log_in_without_a_terminal_wants_to_be_told_where_the_key_is(cli):
    assert "use --key-stdin" in cli("login", cli.relay.url, status=2).err


@pytest.mark.parametrize("key, says", [
    ("sr_" + "A" * 43, "wrong, expired or revoked"),
    ("", "no API key"),
    ("two words", "no API key"),
    ("sr_x\nX-Forged: 1", "no API key"),
    ("a" * 300, "not as long"),
])
def test_a_key_that_is_wrong_is_not_kept(cli, key, says):
    assert says in cli("login", cli.relay.url, input=key, key_stdin=True, status=1).err
    assert not cli.file.exists()


def test_a_revoked_key_is_named_so(ann):
    ann.revoke()
    for words in (("spaces",), ("run", "any", "hello"), ("requests",), ("show", NOBODY), ("cancel", NOBODY)):
        assert "wrong, expired or revoked" in ann(*words, status=1).err


def test_a_log_out_forgets_the_key(ann):
    assert "logged out of" in ann("logout").err
    assert "sr_" not in ann.file.read_text()
    assert "not logged in" in ann("spaces", status=1).err
    assert "not logged in" in ann("logout", status=1).err


@pytest.mark.parametrize("url, says", [
    ("relay.example.org", "http:// or https://"),
    ("ftp://relay.example.org", "http:// or https://"),
    ("http://", "not the address"),
    ("http://ann:x@127.0.0.1", "name or a password"),
    ("http://127.0.0.1/?x", "before ? and #"),
    ("http://127.0.0.1:99999", "not the address"),
])
def test_an_address_that_is_none_is_refused(cli, url, says):
    assert says in cli("login", url, input="sr_x", key_stdin=True, status=1).err


@pytest.mark.parametrize("host", ["relay.example.org", "127.0.0.1.example.org", "192.0.2.1", "[2001:db8::1]", "localhost.example.org"])
def test_no_key_goes_over_plain_http_to_another_machine(cli, host):
    done = cli("login", f"http://{host}:1", input="sr_x", key_stdin=True, status=2)
    assert "not over plain http" in done.err and "--insecure" in done.err
    env = {"SPACERELAY_URL": f"http://{host}:1", "SPACERELAY_KEY": "sr_x"}
    assert "not over plain http" in cli("run", "x", "y", env=env, status=2).err


def test_to_this_machine_no_proxy_sees_the_key(cli):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        url = "http://127.0.0.1:%d" % proxy.getsockname()[1]
        cli("login", cli.relay.url, input=cli.key(), key_stdin=True, env={"http_proxy": url})
        assert not select.select([proxy], [], [], 0)[0]


def test_insecure_lets_the_key_go(cli):
    """Over a proxy that notes what it is asked, for there is no other machine here."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        port = proxy.getsockname()[1]
        proxy.settimeout(PATIENCE)
        process = cli.start("login", "http://relay.invalid", "--insecure", stderr=subprocess.PIPE,
                            env={"http_proxy": f"http://127.0.0.1:{port}", "SPACERELAY_KEY": "sr_x"})
        connection, _ = proxy.accept()
        connection.settimeout(PATIENCE)
        asked = connection.recv(65536).decode()
        assert asked.startswith("GET http://relay.invalid/api/v1/me ") and "Bearer sr_x" in asked
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n")
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1 and b"status 302" in err
        connection.close()


def test_a_server_that_is_not_there_is_named(ann):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = "http://127.0.0.1:%d" % nobody.getsockname()[1]
    assert f"cannot reach {url}: " in ann("login", url, input="sr_x", key_stdin=True, status=1).err
    env = {"SPACERELAY_URL": url, "SPACERELAY_KEY": "sr_x"}
    for words in (("spaces",), ("run", "x", "y"), ("requests",), ("show", NOBODY)):
        assert f"cannot reach {url}: " in ann(*words, env=env, status=1).err


def test_a_file_that_is_damaged_is_named_and_stays(ann):
    for text in ("{", "[]", '{"servers": 1}'):
        ann.file.write_text(text)
        assert str(ann.file) in ann("spaces", status=1).err
        ann("login", ann.relay.url, input="sr_x", key_stdin=True, status=1)
        assert ann.file.read_text() == text


def test_several_relays(cli, tmp_path):
    with running_relay() as other:
        mine = cli.relay.space()
        theirs = other.space()
        cli.log_in()
        over_there = Cli(tmp_path, other, other.bob)
        over_there.log_in()
        assert theirs.name in cli("spaces").out  # the last log-in
        assert mine.name in cli("spaces", server=cli.relay.url).out
        assert mine.name in cli("spaces", env={"SPACERELAY_URL": cli.relay.url + "/"}).out
        cli.log_in()
        assert mine.name in cli("spaces").out
        cli("logout")
        assert theirs.name in cli("spaces").out
        assert f"not logged in to {cli.relay.url}" in cli("spaces", server=cli.relay.url, status=1).err


def test_the_environment_says_who_and_where(cli):
    space, key = cli.relay.space(), cli.key("read")
    env = {"SPACERELAY_URL": cli.relay.url, "SPACERELAY_KEY": key}
    assert space.name in cli("spaces", env=env).out
    assert not cli.config.exists()
    assert space.name in cli("spaces", env={"SPACERELAY_KEY": key}, server=cli.relay.url).out


def test_a_key_in_the_environment_is_sent_to_no_other_relay(ann):
    assert "set SPACERELAY_URL too" in ann("spaces", env={"SPACERELAY_KEY": "sr_other"}, status=1).err
    env = {"SPACERELAY_URL": "http://127.0.0.1:1", "SPACERELAY_KEY": "sr_other"}
    ann("spaces", env=env, server=ann.relay.url)  # with the key of the log-in


def test_a_certificate_is_checked(tmp_path):
    with running_relay(tls=True) as relay:
        cli = Cli(tmp_path, relay, relay.ann)
        assert "certificate" in cli("login", relay.url, input=cli.key(), key_stdin=True, status=1).err
        cli("login", relay.url, input=cli.key(), key_stdin=True, ca=relay.certificate)
        assert "NAME" in cli("spaces", ca=relay.certificate).out


# ---- run ----


class App(threading.Thread):
    """Answers one request in the background: `does` is called with the app and the request."""

    def __init__(self, space, does):
        super().__init__(daemon=True)
        self.app, self.does, self.request, self.failure = space.app(), does, None, None
        self.start()

    def run(self):
        try:
            self.request = self.app.take()
            self.does(self.app, self.request)
        except BaseException as e:
            self.failure = e

    def end(self):
        self.join(PATIENCE)
        if self.failure:
            raise self.failure
        return self.request


def says(*pieces, result=None, **fields):
    def does(app, request):
        for piece in pieces:
            app.delta(request, piece)
        app.result(request, {"text_output": "".join(pieces)} if result is None else result, **fields)

    return does


def test_the_answer_goes_to_stdout(r, ann):
    space = r.space()
    app = App(space, says("Hello, ", "wörld"))
    done = ann("run", space.name, "who?")
    assert (done.out, done.err) == ("Hello, wörld\n", "")
    assert app.end()["payload"] == {"prompt": "who?"}


def test_text_is_printed_as_it_comes(r, ann):
    space = r.space()
    app = space.app()
    running = Piped(ann, "run", space.id, "go")
    request = app.take()
    app.delta(request, "one ")
    running.wait_out("one ")
    app.delta(request, "two\n")
    running.wait_out("one two\n")
    app.result(request)
    assert running.end(0).out == "one two\n"


def test_without_streaming_it_comes_in_one_piece(r, ann):
    space = r.space()
    app = space.app()
    running = Piped(ann, "run", space.name, "go", "--no-stream")
    request = app.take()
    app.delta(request, "one ")
    app.sync()
    app.delta(request, "two")
    app.result(request)
    assert running.end(0).out == "one two\n"


@pytest.mark.parametrize("result, out", [
    ({"text_output": "whole"}, "whole\n"),
    ({"text_output": "ends\n"}, "ends\n"),
    ({"score": 1.10, "big": 12345678901234567890}, '{"score": 1.1, "big": 12345678901234567890}\n'),
    ({}, "{}\n"),
])
def test_a_result_without_streamed_text_is_printed(r, ann, result, out):
    space = r.space()
    App(space, says(result=result))
    assert ann("run", space.name, "go").out == out


@pytest.mark.parametrize("given, prompt", [("from stdin\n", "from stdin"), ("a\n\nb", "a\n\nb"), ("", ""), ("x\n\n", "x\n")])
def test_a_dash_reads_the_prompt_from_stdin(r, ann, given, prompt):
    space = r.space()
    app = App(space, says("ok"))
    ann("run", space.name, "-", input=given)
    assert app.end()["payload"] == {"prompt": prompt}


def test_a_prompt_that_is_no_utf8_is_refused(r, ann):
    space = r.space(queue_offline=True)
    process = ann.start("run", space.name, "-", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    _, err = process.communicate(b"\xff", timeout=PATIENCE)
    assert process.returncode == 1 and b"not UTF-8" in err


def test_json_is_the_whole_request_as_the_relay_tells_it(r, ann):
    space = r.space()
    App(space, says("a", "\x9b\x7f"))
    done = ann("run", space.name, "go", "--json")
    request = json.loads(done.out)
    assert (request["status"], request["text"]) == ("completed", "a\x9b\x7f")
    assert "\x9b" not in done.out and "\x7f" not in done.out
    assert request == r.ann.get(f"/api/v1/requests/{request['request_id']}").json()


def test_a_failure_is_told_with_what_was_said_before(r, ann):
    space = r.space()

    def fails(app, request):
        app.delta(request, "half")
        app.error(request, message="no \x1b[31mmemory")

    App(space, fails)
    done = ann("run", space.name, "go", status=1)
    assert done.out == "half\n"
    assert done.err == "spacerelay: the request failed: no  [31mmemory (app_error)\n"
    other = r.space()
    App(other, fails)
    done = ann("run", other.name, "go", "--json", status=1)
    assert json.loads(done.out)["error"]["code"] == "app_error"


def test_what_is_refused_is_said(r, ann):
    assert ann("run", "no such space", "go", status=1).err == \
        'spacerelay: there is no space "no such space": see spacerelay spaces\n'
    assert "not connected" in ann("run", r.space().name, "go", status=1).err
    too_large = "x" * (2 << 20)
    assert ann("run", r.space(queue_offline=True).name, "-", input=too_large, status=1).err.startswith("spacerelay: ")


def test_scopes_that_lack_are_named(r, cli):
    space = r.space(queue_offline=True)
    another = f"make one that has it at {cli.relay.url}/account#keys and use it with spacerelay login {cli.relay.url}"
    cli.log_in("read")
    done = cli("run", space.name, "go", status=1)
    assert "lacks the scope submit" in done.err and another in done.err
    env = {"SPACERELAY_URL": cli.relay.url, "SPACERELAY_KEY": cli.key("submit")}
    done = cli("run", space.name, "go", env=env, status=1)
    assert "lacks the scope read" in done.err and another in done.err and only_id(r, space) in done.err
    done = cli("login", cli.relay.url, env=env, status=1)
    assert "lacks the scope read" in done.err and another in done.err


def test_a_log_in_says_what_its_key_is_not_enough_for(cli):
    done = cli("login", cli.relay.url, input=cli.key("read"), key_stdin=True)
    assert "may: read\n" in done.err
    assert f"spacerelay run and cancel need the scope submit; make a key that has it at {cli.relay.url}/account#keys" in done.err
    cli("spaces")
    assert "need the scope" not in cli("login", cli.relay.url, input=cli.key("read", "submit"), key_stdin=True).err


def test_another_device_cancels(r, ann):
    space = r.space()
    app = space.app()
    running = Piped(ann, "run", space.name, "go")
    request = app.take()
    app.delta(request, "so far")
    running.wait_out("so far")
    r.ann.tab().cancel(request["request_id"])
    done = running.end(1)
    assert (done.out, done.err) == ("so far\n", "spacerelay: the request was cancelled\n")


def test_an_app_that_begins_again_is_not_mixed_with_what_it_said_before(r, ann):
    space = r.space()
    first = space.app()
    running = Piped(ann, "run", space.name, "go")
    first.delta(first.take(), "one two three")
    running.wait_out("one two three")
    first.close()
    second = space.app()
    request = second.take()
    second.delta(request, "one two")
    second.sync()
    second.delta(request, " four")
    second.result(request)
    done = running.end(0)
    assert done.out == "one two three\none two four\n"
    assert "begun again" in done.err


def test_an_app_that_says_the_same_again_is_heard_once(r, ann):
    space = r.space()
    first = space.app()
    running = Piped(ann, "run", space.name, "go")
    first.delta(first.take(), "one two")
    running.wait_out("one two")
    first.close()
    second = space.app()
    request = second.take()
    second.delta(request, "one")
    second.sync()
    second.delta(request, " two three")
    second.result(request)
    done = running.end(0)
    assert (done.out, done.err) == ("one two three\n", "")


# ---- Ctrl+C ----


def test_ctrl_c_cancels_a_running_request(r, ann):
    space = r.space()
    app = space.app()
    running = Piped(ann, "run", space.name, "go")
    request = app.take()
    app.delta(request, "so far")
    running.wait_out("so far")
    running.interrupt()
    done = running.end(130)
    assert (done.out, done.err) == ("so far\n", f"cancelled the request {request['request_id']}\n")
    assert app.cancelled(request)
    assert status_of(r, request["request_id"]) == "cancelled"


def test_ctrl_c_cancels_a_queued_request(r, ann):
    space = r.space(queue_offline=True)
    running = Piped(ann, "run", space.name, "go")
    request_id = only_id(r, space)
    running.interrupt()
    assert f"cancelled the request {request_id}" in running.end(130).err
    assert status_of(r, request_id) == "cancelled"


def stalled_server():
    """Takes connections and says nothing."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(PATIENCE)
    return listening


def test_the_second_ctrl_c_leaves_at_once(cli):
    """While the submit hangs, the first one waits to know what to cancel."""
    with stalled_server() as nobody:
        env = {"SPACERELAY_URL": "http://127.0.0.1:%d" % nobody.getsockname()[1], "SPACERELAY_KEY": "sr_x"}
        running = Piped(cli, "run", "x", "go", env=env)
        connection, _ = nobody.accept()
        assert connection.recv(65536).startswith(b"POST /api/v1/requests ")
        running.interrupt()
        until(lambda: not pending_interrupt(running.process.pid))
        assert running.process.poll() is None
        running.interrupt()
        assert running.end(130).out == ""
        connection.close()


def pending_interrupt(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return any(int(re.search(rf"{name}:\s*(\w+)", text)[1], 16) >> (signal.SIGINT - 1) & 1 for name in ("SigPnd", "ShdPnd"))


def test_ctrl_c_when_the_relay_is_gone_says_that_nothing_was_cancelled(tmp_path):
    with running_relay() as relay:
        cli = Cli(tmp_path, relay, relay.ann).log_in()
        space = relay.space(queue_offline=True)
        terminal = Terminal(cli, "run", space.name, "go")
        terminal.wait("queued")
        relay.kill()
        terminal.wait("trying again")
        terminal.type("\x03")
        try:
            assert "could not cancel" in terminal.end(130)
        finally:
            relay.start(relay.url.split("//")[1])


def test_who_stops_reading_cancels(r, ann):
    space = r.space()
    app = space.app()
    running = Piped(ann, "run", space.name, "go")
    request = app.take()
    app.delta(request, "one")
    running.wait_out("one")
    running.process.stdout.close()
    app.delta(request, "two")
    assert app.cancelled(request)
    assert running.process.wait(PATIENCE) == 1
    assert b"cannot write to standard output" in running.process.stderr.read()
    running.process.stderr.close()


# ---- on a terminal ----


def test_a_terminal_shows_the_place_in_the_queue_and_the_progress(r, ann):
    space = r.space(queue_offline=True)
    r.ann.tab().submit(space, {"prompt": "before"})
    terminal = Terminal(ann, "run", space.name, "go")
    terminal.wait("queued, place 2")
    app = space.app()
    app.result(app.take())
    request = app.take()
    app.progress(request, percent=40, message="halfway \x1b[2J", step=2, steps=5)
    terminal.wait("running, 40 %, step 2 of 5: halfway  [2J")
    app.delta(request, "the \x1b]0;title\x07ans\u009bwer")
    app.result(request)
    seen = terminal.end(0)
    assert seen.endswith("\r\x1b[Kthe ]0;titleanswer\r\n")
    assert "\x1b" not in seen.replace("\r\x1b[K", "") and "\x07" not in seen and "\x9b" not in seen


def test_text_in_a_pipe_stays_as_it_is_while_the_terminal_shows_progress(r, ann, tmp_path):
    space = r.space()
    app = space.app()
    with open(tmp_path / "out", "wb") as out:
        terminal = Terminal(ann, "run", space.name, "go", stdout=out)
        request = app.take()
        app.delta(request, "a\x1bb")
        app.progress(request, percent=7)
        terminal.wait("running, 7 %")
        app.result(request)
        terminal.end(0)
    assert (tmp_path / "out").read_bytes() == b"a\x1bb\n"


def test_a_line_that_is_too_long_is_cut(r, ann):
    space = r.space()
    app = space.app()
    terminal = Terminal(ann, "run", space.name, "go")
    request = app.take()
    app.progress(request, percent=1, message="x" * 300)
    terminal.wait("running, 1 %: xxx")
    app.result(request)
    lines = terminal.end(0).split("\r\x1b[K")
    assert max(len(line) for line in lines) == 79


# ---- broken connections ----


class Broken(contextlib.AbstractContextManager):
    """The relay, behind a network that breaks off."""

    def __init__(self, relay, seed):
        host, port = relay.url.split("//")[1].split(":")

        async def make():
            proxy = ChaosProxy(lambda: (host, int(port)), seed)
            await proxy.start()
            return proxy

        self.proxy = run(make())
        self.url = self.proxy.url

    def cut(self):
        async def cut():
            self.proxy.cut(set(self.proxy.writers))

        run(cut())

    def calm(self):
        async def calm():
            self.proxy.calm = True

        run(calm())
        return self

    def __exit__(self, *error):
        run(self.proxy.end())


def test_a_broken_connection_loses_no_text(r, cli):
    space = r.space()
    app = space.app()
    with Broken(r, 1).calm() as network:
        env = {"SPACERELAY_URL": network.url, "SPACERELAY_KEY": cli.key()}
        running = Piped(cli, "run", space.name, "go", env=env)
        request = app.take()
        text = ""
        for n in range(5):
            app.delta(request, f"{n} ")
            text += f"{n} "
            running.wait_out(text)
            network.cut()
            app.delta(request, f"{n}. ")
            text += f"{n}. "
            running.wait_out(text)
        app.result(request, {"text_output": "done"})
        assert running.end(0).out == text + "\n"


@pytest.mark.parametrize("cut", [
    b"", b"HTTP/1.1 202 Acc", b"HTTP/1.1 202 Accepted\r\n", b"HTTP/1.1 202 Accepted\r\nContent-Length: 3",
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 300\r\n", b"HTTP/1.1 202 Accepted\r\nContent-Length: 300\r\n\r\n{",
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno", b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"])
def test_an_answer_that_is_cut_is_asked_for_again_with_the_same_key(cli, cut):
    with stalled_server() as relay:
        env = {"SPACERELAY_URL": "http://127.0.0.1:%d" % relay.getsockname()[1], "SPACERELAY_KEY": "sr_x"}
        running, keys = Piped(cli, "run", "x", "go", env=env), []
        for answer in (cut, b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"):
            connection, _ = relay.accept()
            connection.settimeout(PATIENCE)
            asked = b""
            while not asked.endswith(b"}}"):
                asked += connection.recv(65536)
            keys.append(re.search(rb"\r\nIdempotency-Key: (\w{32})\r\n", asked)[1])
            connection.sendall(answer)
            connection.close()
        assert "status 409" in running.end(1).err
        assert keys[0] == keys[1]


def test_through_a_bad_network_each_prompt_is_one_request_and_each_answer_whole(r, cli):
    space = r.space()
    app = space.app(concurrency=8)
    with Broken(r, "bad network") as network:
        env = {"SPACERELAY_URL": network.url, "SPACERELAY_KEY": cli.key()}
        running = [Piped(cli, "run", space.name, f"prompt {n}", env=env) for n in range(8)]
        prompts = set()
        for _ in running:
            request = app.take()
            prompt = request["payload"]["prompt"]
            prompts.add(prompt)
            for word in range(20):
                app.delta(request, f"{prompt}: {word} " + "x" * 200 + "\n")
            app.result(request)
        assert len(prompts) == 8
        network.calm()
        network.cut()
        for n, one in enumerate(running):
            lines = one.end(0).out.splitlines()
            assert lines == [f"prompt {n}: {word} " + "x" * 200 for word in range(20)]


def test_a_relay_that_starts_again_is_found_again(tmp_path):
    with running_relay(limits={"grace_ms": 200}) as relay:
        cli = Cli(tmp_path, relay, relay.ann).log_in()
        space = relay.space(queue_offline=True)
        running = Piped(cli, "run", space.name, "go")
        request_id = only_id(relay, space)
        relay.restart()
        app = space.app()
        request = app.take()
        assert request["request_id"] == request_id
        app.delta(request, "after all")
        app.result(request)
        assert running.end(0).out == "after all\n"


def test_a_relay_that_stays_away_is_given_up(tmp_path):
    with running_relay() as relay:
        cli = Cli(tmp_path, relay, relay.ann).log_in()
        space = relay.space(queue_offline=True)
        running = Piped(cli, "run", space.name, "go", "--retry-for", "500ms")
        request_id = only_id(relay, space)
        relay.kill()
        try:
            done = running.end(1)
            # Which of its tries was the last is a matter of milliseconds.
            said = f"cannot reach {relay.url}", f"the connection to {relay.url} broke"
            assert any(words in done.err for words in said) and request_id in done.err
        finally:
            relay.start(relay.url.split("//")[1])


def test_a_key_that_is_revoked_meanwhile_ends_it(r, ann):
    space = r.space()
    app = space.app()
    running = Piped(ann, "run", space.name, "go")
    request = app.take()
    app.delta(request, "so far")
    running.wait_out("so far")
    ann.revoke()
    done = running.end(1)
    assert "wrong, expired or revoked" in done.err and request["request_id"] in done.err
    app.result(request)


# ---- lists ----


def test_spaces_in_a_table(r, ann):
    away, there = r.space(), r.space()
    there.app(concurrency=3)
    rows = [re.split(r" {2,}", line) for line in ann("spaces").out.splitlines()]
    assert rows[0] == ["NAME", "FREE", "SLOTS", "QUEUE", "STATE"]
    assert [away.name, "0", "0", "0", "no app"] in rows and [there.name, "3", "3", "0", "connected"] in rows
    listed = json.loads(ann("spaces", json=True).out)["spaces"]
    assert {"name": there.name, "slots": 3, "connected": True}.items() <= next(
        s for s in listed if s["space_id"] == there.id).items()


def test_requests_newest_first(r, ann):
    one, other = r.space(queue_offline=True), r.space(queue_offline=True)
    tab = r.ann.tab()
    ids = [tab.submit(space) for space in (one, other, one)]
    tab.cancel(ids[0])
    rows = [re.split(r" {2,}", line) for line in ann("requests", limit=3).out.splitlines()]
    assert rows[0] == ["ID", "CREATED", "STATUS", "SPACE"]
    assert [(row[0], row[2], row[3]) for row in rows[1:]] == [
        (ids[2], "queued", one.name), (ids[1], "queued", other.name), (ids[0], "cancelled", one.name)]
    assert len(ann("requests", limit=1).out.splitlines()) == 2
    found = json.loads(ann("requests", "--status", "queued", space=one.name, json=True).out)["requests"]
    assert [q["request_id"] for q in found] == [ids[2]]
    assert "no such space" in ann("requests", space="no such", status=1).err


def test_show_tells_all_of_a_request(r, ann):
    space = r.space()
    app = space.app()
    request_id = r.ann.tab().submit(space)
    app.result(app.take(), {"text_output": "the\nanswer"}, usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
    shown = ann("show", request_id).out
    assert shown.startswith(f"id        {request_id}\nspace     {space.name}\nstatus    completed\n")
    assert '"total_tokens": 3' in shown and shown.endswith("\n\nthe\nanswer\n")
    assert json.loads(ann("show", request_id, json=True).out)["result"] == {"text_output": "the\nanswer"}
    assert ann("show", request_id.upper()).out == shown


def test_show_tells_why_it_failed(r, ann):
    space = r.space()
    app = space.app()
    request_id = r.ann.tab().submit(space)
    app.error(app.take(), message="no \x1bmemory")
    assert "error     no  memory (app_error)\n" in ann("show", request_id).out


def test_the_beginning_of_an_id_will_do(r, ann, cli):
    space = r.space(queue_offline=True)
    tab = r.ann.tab()
    first, second = tab.submit(space), tab.submit(space)
    shared = os.path.commonprefix([first, second])
    assert len(shared) >= 8
    assert first in ann("show", first[:len(shared) + 1]).out
    assert "begin with" in ann("show", shared, status=1).err
    assert "none of the last 200" in ann("show", "ffffffff", status=1).err
    for odd in ("abc", "xyz0", "../../x", ""):
        assert "is no request's ID" in ann("show", odd, status=2).err
    ann("cancel", second[:len(shared) + 1])
    assert (status_of(r, first), status_of(r, second)) == ("queued", "cancelled")


def test_cancel(r, ann):
    space = r.space(queue_offline=True)
    request_id = r.ann.tab().submit(space)
    assert ann("cancel", request_id).err == f"cancelled the request {request_id}\n"
    assert status_of(r, request_id) == "cancelled"
    assert ann("cancel", request_id, status=1).err.startswith("spacerelay: ")
    assert "not found" in ann("cancel", NOBODY, status=1).err


def test_nobody_sees_another_s_requests(r, ann, tmp_path):
    request_id = r.bob.tab().submit(r.space(queue_offline=True))
    assert "not found" in ann("show", request_id, status=1).err
    assert "not found" in ann("cancel", request_id, status=1).err
    assert request_id not in ann("requests", limit=200).out

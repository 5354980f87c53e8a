"""The server as a process: listening, its limits, the first start, and its end."""
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import stat
import subprocess

import pytest
import websockets

from program_fixture import PATIENCE, add_user, command, serving


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


# ---- listening ----


def test_a_line_for_each_listener(data):
    add_user(data, "ann", "--admin")
    with serving(data, listen=("127.0.0.1:0", "localhost:0")) as server:
        assert len(set(server.urls)) == 2
        for url in server.urls:
            port = int(url.rsplit(":", 1)[1])
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            assert url in (f"http://127.0.0.1:{port}", f"http://localhost:{port}")


def test_listeners_from_the_environment(data):
    env = {"SPACERELAY_LISTEN": "127.0.0.1:0, localhost:0"}
    done = command("serve", "--listen", "nonsense", data=data, env=env, status=2)
    assert "nonsense" in done.err  # the command line wins
    env["SPACERELAY_LISTEN"] += ",nonsense"
    assert "nonsense" in command("serve", data=data, env=env, status=2).err


@pytest.mark.parametrize("address", ["127.0.0.1", "5001", "127.0.0.1:x", "127.0.0.1:65536", "::1:5001"])
def test_an_address_that_is_none(data, address):
    done = command("serve", "--listen", address, data=data, status=2)
    assert done.out == "" and address in done.err.splitlines()[-1]


def listening_ports(pid):
    """The TCP ports that a process listens on."""
    owned = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            owned.add(os.readlink(fd))
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in owned:
                ports.add(int(words[1].rsplit(":", 1)[1], 16))
    return ports


@pytest.mark.parametrize("depth", [0, 3])
def test_nothing_else_listens_on_the_network(tmp_path, depth):
    """The web threads have a socket in the data folder, which nobody else on the machine can reach, however long its
    path is."""
    data = tmp_path.joinpath(*["x" * 60] * depth) / "data"
    data.parent.mkdir(parents=True, exist_ok=True)
    add_user(data, "ann", "--admin")
    with serving(data) as server:
        assert listening_ports(server.process.pid) == {server.port}
        assert stat.S_IMODE((data / "pages.sock").stat().st_mode) == 0o600
        for _ in range(3):
            assert server.ask("/login")[0] == 200
    assert not (data / "pages.sock").exists()


def test_a_socket_left_over_by_a_killed_server_is_replaced(data):
    add_user(data, "ann", "--admin")
    with serving(data) as server:
        server.process.kill()
        server.ended()
    assert (data / "pages.sock").exists()
    with serving(data) as server:
        assert server.ask("/login")[0] == 200


def test_a_port_that_is_taken(data):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = command("serve", "--listen", f"127.0.0.1:{port}", data=data, status=1)
    last = done.err.splitlines()[-1]
    assert done.out == "" and last.startswith("spacerelay: ") and f":{port}" in last and "choose another" in last


def test_a_trusted_proxy_that_is_none(data):
    done = command("serve", "--listen", "127.0.0.1:0", "--trusted-proxy", "nonsense", data=data, status=2)
    assert "nonsense" in done.err


def test_a_second_server_is_refused(data):
    with serving(data):
        done = command("serve", "--listen", "127.0.0.1:0", data=data, status=1)
        assert done.out == "" and str(data) in done.err and "another server" in done.err
        command("space", "add", "demo", data=data)  # the first is as it was


# ---- TLS ----


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True)
    return folder


def test_a_certificate_makes_it_https(data, certificate):
    with serving(data, "--tls-cert", certificate / "cert.pem", "--tls-key", certificate / "key.pem") as server:
        assert server.url.startswith("https://127.0.0.1:")
        assert server.setup_path().startswith("/setup?token=")
        context = ssl.create_default_context(cafile=certificate / "cert.pem")
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=PATIENCE, context=context)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()


def test_certificates_that_are_none(data, certificate, tmp_path):
    bad = tmp_path / "bad.pem"
    bad.write_text("nonsense")
    for cert, key in ((bad, certificate / "key.pem"), (certificate / "cert.pem", bad),
                      (tmp_path / "nosuch.pem", certificate / "key.pem")):
        done = subprocess_serve(data, "--tls-cert", cert, "--tls-key", key)
        assert done.status in (1, 2) and done.out == ""
        assert "bad.pem" in done.err or "nosuch.pem" in done.err


def subprocess_serve(data, *args):
    from program_fixture import BINARY, Outcome, clean_environment

    return Outcome(subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--data", data, *args],
                                  capture_output=True, text=True, timeout=PATIENCE, env=clean_environment()))


# ---- limits ----


def test_limits_are_read_from_a_file(data, tmp_path):
    add_user(data, "ann", "--admin")
    limits = tmp_path / "limits"
    limits.write_text("# ours\nping_every_ms = 12345\n\nweb_threads=2 # few\n")
    with serving(data, "--limits", limits) as server:
        status, _, page = server.ask("/docs/limits")
        assert status == 200 and "12345" in page.replace(",", "")


@pytest.mark.parametrize("text, says", [
    ("ping_every_ms = 1\n", "line 1: ping_every_ms must be a whole number from 100 to 3600000"),
    ("\n\nping_every_ms = soon\n", "line 3: ping_every_ms must be"),
    ("nosuch = 1\n", 'line 1: there is no limit named "nosuch"'),
    ("nonsense\n", 'line 1: expected "name = value"'),
    ("web_threads =\n", "line 1: web_threads has no value"),
])
def test_wrong_limits_are_explained(data, tmp_path, text, says):
    limits = tmp_path / "limits"
    limits.write_text(text)
    done = command("serve", "--listen", "127.0.0.1:0", "--limits", limits, data=data, status=2)
    assert done.out == "" and str(limits) in done.err and says in done.err
    assert not data.exists()


def test_limits_that_cannot_be_read(data, tmp_path):
    for path in (tmp_path / "nosuch", tmp_path):
        done = command("serve", "--listen", "127.0.0.1:0", "--limits", path, data=data, status=2)
        assert str(path) in done.err
    endless = tmp_path / "long"
    endless.write_text("#" * (1024 * 1024 + 1))
    assert "too long" in command("serve", "--limits", endless, data=data, status=2).err


# ---- the first start ----


def test_the_setup_link_is_printed_once(data):
    with serving(data) as server:
        path = server.setup_path()
        assert server.ask(path)[0] == 200
        assert server.ask("/")[0] == 503
        assert server.ask("/setup?token=wrong")[0] == 404
        form = {"username": "ann", "password": "correct horse", "password2": "correct horse"}
        status, headers, _ = server.ask(path, form=form)
        assert status == 302
        assert server.ask(path)[0] == 404
        assert server.is_logged_in(headers["Set-Cookie"].split(";")[0])
        assert server.err.count("/setup?token=") == 1
    with serving(data) as server:
        assert server.ask("/login")[0] == 200
        assert "/setup" not in server.err


def test_an_admin_by_command_line_ends_the_link(data):
    with serving(data) as server:
        path = server.setup_path()
        add_user(data, "bob")  # no admin
        assert server.ask(path)[0] == 200
        add_user(data, "ann", "--admin")
        assert server.ask(path)[0] == 404
        assert server.ask("/login")[0] == 200


def test_every_start_without_an_admin_has_a_link_of_its_own(data):
    with serving(data) as server:
        first = server.setup_path()
    with serving(data) as server:
        assert server.setup_path() != first
        assert server.ask(first)[0] == 404


# ---- the end ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(data, number):
    with serving(data) as server:
        command("space", "add", "demo", data=data)
        server.signal(number)
        assert server.ended() == 0
        assert not (data / "control.sock").exists()
    assert command("space", "list", "--json", data=data).json()[0]["name"] == "demo"


async def receive(socket_, kind):
    while True:
        message = json.loads(await asyncio.wait_for(socket_.recv(), PATIENCE))
        if message["type"] == kind:
            return message


async def app_of(server, token):
    app = await websockets.connect(f"ws://127.0.0.1:{server.port}/ws/app", subprotocols=["spacerelay.v1"])
    await app.send(json.dumps({"type": "register", "space_name": "demo", "token": token}))
    assert (await receive(app, "register_response"))["success"] is True
    return app


def space_with_token(data):
    add_user(data, "ann", "--admin")
    command("space", "add", "demo", data=data)
    return command("token", "issue", "--space", "demo", "--json", data=data).json()


def test_a_second_signal_ends_it_at_once(data, tmp_path):
    token = space_with_token(data)["token"]
    limits = tmp_path / "limits"
    limits.write_text("shutdown_ms = 600000\n")

    async def work():
        app = await app_of(server, token)
        page = await websockets.connect(
            f"ws://127.0.0.1:{server.port}/ws/client", origin=f"http://127.0.0.1:{server.port}",
            extra_headers={"Cookie": server.log_in()})
        await page.send(json.dumps({"type": "submit", "space": "demo", "payload": {"prompt": "hi"}}))
        await receive(app, "inference_request")
        server.signal()
        await receive(app, "drain")  # it waits for our work now,
        server.signal()
        assert server.ended() == 1  # or not
        await asyncio.gather(app.wait_closed(), page.wait_closed())

    with serving(data, "--limits", limits) as server:
        asyncio.run(work())


# ---- tokens, at a running server ----


def test_tokens_of_the_command_line_let_apps_in(data):
    made = [space_with_token(data)]  # issued without a server

    async def work():
        for token in made:
            app = await app_of(server, token["token"])
            listed = {t["token_id"]: t for t in command("token", "list", "--json", data=data).json()}
            assert listed[token["token_id"]]["last_used_at"]
            command("token", "revoke", token["token_id"], data=data)
            await asyncio.wait_for(app.wait_closed(), PATIENCE)
            assert app.close_code == 4501

    with serving(data) as server:
        made.append(command("token", "issue", "--space", "demo", "--json", data=data).json())
        asyncio.run(work())


def test_removing_a_space_closes_its_apps(data):
    token = space_with_token(data)["token"]

    async def work():
        app = await app_of(server, token)
        command("space", "remove", "demo", data=data)
        await asyncio.wait_for(app.wait_closed(), PATIENCE)

    with serving(data) as server:
        asyncio.run(work())

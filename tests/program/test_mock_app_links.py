"""mock-app's connections: relays that are odd, servers that are no relay, TLS."""
import asyncio
import ssl
import subprocess

import pytest
from fake_relay import ID, MOCK, scenario


# ---- a relay that is odd ----


@scenario
async def test_unknown_types_and_fields_are_ignored(w):
    app, c = await w.registered()
    await c.send("something_new", request_id=ID % 1, payload=[1, 2])
    await c.send("result_ack", request_id=ID % 1, attempt=1, accepted=True, more={"a": None})
    await c.request(colour="blue")
    assert (await c.until_final())[-1]["type"] == "inference_result"


@scenario
async def test_messages_that_make_no_sense_are_told_and_ignored(w):
    app, c = await w.registered()
    await c.send("inference_request", request_id="not an id", attempt=1, payload={})
    await app.line("makes no sense")
    await c.request()
    assert (await c.until_final())[-1]["type"] == "inference_result"


@pytest.mark.parametrize("data,code", [("{", 1007), (b"\x00", 1003)])
def test_what_is_no_json_text_ends_the_connection(data, code):
    @scenario
    async def run(w):
        _, c = await w.registered()
        await c.socket.send(data)
        assert await c.closed() == code
        await (await w.relay.connection()).accept()

    run()


@pytest.mark.parametrize("answer,reason", [
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 Not Found"),
    (b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://new.example/\r\nContent-Length: 0\r\n\r\n",
     "https://new.example/"),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", "Sec-WebSocket-Accept is wrong"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
    (b"", "hung up"),
])
def test_what_is_no_relay_is_told_apart(answer, reason):
    @scenario
    async def run(w):
        async def handle(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            app = await w.program(MOCK, "--host", f"ws://127.0.0.1:{port}", "--space", "demo")
            assert reason in await app.line("No connection")

    run()


@scenario
async def test_an_unknown_name_is_told(w):
    app = await w.program(MOCK, "--host", "http://no-such-host.invalid", "--space", "demo")
    assert "no-such-host.invalid" in await app.line("No connection")


# ---- TLS ----


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=relay", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out",
                    folder / "cert.pem"], check=True, capture_output=True)
    return folder


async def secure(w, certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    w.relay.server.close()
    await w.relay.start(tls=tls)


def test_wss_with_an_authority_of_ones_own(certificate):
    @scenario
    async def run(w):
        await secure(w, certificate)
        app, c = await w.registered("--ca", str(certificate / "cert.pem"))
        await c.request(prompt="x" * 200000)
        assert (await c.until_final())[-1]["type"] == "inference_result"
        app.signal()
        assert await c.closed() == 1000

    run()


def test_wss_verifies_unless_told_not_to(certificate):
    @scenario
    async def run(w):
        await secure(w, certificate)
        app = await w.app()
        assert "certificate" in await app.line("No connection")
        assert w.relay.arrived.empty()
        await w.registered("--insecure")

    run()


def test_wss_refuses_a_certificate_for_another_host(certificate):
    @scenario
    async def run(w):
        await secure(w, certificate)
        url = w.relay.url.replace("127.0.0.1", "localhost")
        app = await w.program(MOCK, "--host", url, "--space", "x", "--ca", str(certificate / "cert.pem"))
        line = await app.line("No connection")
        while "certificate" not in line:  # ::1, on which nobody listens
            line = await app.line("No connection")
        assert "mismatch" in line

    run()

"""What the server does with sockets that say nothing, and with those that do not listen."""
import socket
import struct

import pytest

from edge_fixture import CLOSE, PING, TEXT, Client, close_frame, frame
from relay import PATIENCE, relay_fixture, until

server, r = relay_fixture("server", limits={"register_ms": 200, "ping_every_ms": 100, "ping_timeout_ms": 300,
                                            "client_unsent_bytes": 50000})


@pytest.fixture
def bare(r):
    """A client of ours at byte level."""
    host, port = r.url.split("//")[1].split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(PATIENCE)
    sock.connect((host, int(port)))
    with Client(sock) as client:
        client.host = f"{host}:{port}"
        yield client


def test_who_does_not_register_in_time_is_closed_with_4001(r):
    assert r.app().closed() == 4001


def test_who_answers_no_ping_is_gone(r, bare):
    bare.upgrade("/ws/client", f"Cookie: {r.ann.cookie}\r\nOrigin: http://localhost\r\n")
    opcode, _ = bare.message()
    assert opcode == PING
    with pytest.raises((EOFError, ConnectionError)):
        while True:
            bare.message()


def test_a_clean_close_is_answered(r, bare):
    bare.upgrade("/ws/app", "")
    bare.send(close_frame(1000))
    opcode, payload = bare.message()
    while opcode == PING:
        opcode, payload = bare.message()
    assert (opcode, struct.unpack(">H", payload[:2])[0]) == (CLOSE, 1000)
    assert bare.ended()


def test_who_does_not_read_is_closed_with_4008(r, bare):
    space = r.space()
    app, tab = space.app(), r.ann.tab()
    request_id = tab.submit(space)
    request = app.take()
    bare.upgrade("/ws/client", f"Cookie: {r.ann.cookie}\r\nOrigin: http://localhost\r\n")
    message = f'{{"type":"subscribe","topic":"request:{request_id}"}}'
    bare.send(frame(TEXT, message))

    def gone():
        app.delta(request, "x" * 50000)
        app.sync()
        return "spacerelay_client_sockets 1\n" in r.stranger().get("/metrics").text

    until(gone)
    opcode, payload = bare.message()
    while opcode != CLOSE:
        opcode, payload = bare.message()
    assert struct.unpack(">H", payload[:2])[0] == 4008
    assert tab.watch(request_id)["status"] == "processing"  # and nobody else noticed

"""RFC 6455 on the two public sockets of the real program, /ws/app and /ws/client, byte by byte. The cases are fewer than
those of the echo (test_edge_ws*.py, test_rfc6455.py): one for each rule, to see that nothing lies between the rule and the
sockets. A text of an unknown type is answered with an error that names it: so a socket shows what it has understood."""
import json
import signal
import socket
import struct

import pytest

from edge_fixture import BINARY, CLOSE, PING, PONG, TEXT, Client, accept_value, close_frame, frame, refused
from relay import PATIENCE, Relay, relay_fixture
from test_rfc6455 import fragments

server, r = relay_fixture("server", limits={"message_fragments": 50})
quick_server, quick = relay_fixture("quick_server", limits={"message_idle_ms": 200, "pace_window_ms": 400,
                                                            "ping_every_ms": 600, "ping_timeout_ms": 600})
PATHS = ["/ws/app", "/ws/client"]


def connect(relay, path):
    host, port = relay.url.split("//")[1].split(":")
    c = Client(socket.create_connection((host, int(port)), PATIENCE))
    fields = f"Cookie: {relay.ann.cookie}\r\nOrigin: http://localhost\r\n" if path == "/ws/client" else ""
    c.answer = c.upgrade(path, fields + "Sec-WebSocket-Protocol: other, spacerelay.v1\r\n")
    return c


@pytest.fixture(params=PATHS)
def c(r, request):
    with connect(r, request.param) as client:
        yield client


@pytest.fixture(params=PATHS)
def hasty(quick, request):
    with connect(quick, request.param) as client:
        yield client


def words(mark="mark"):
    return json.dumps({"type": mark, "text": "κόσμε 🎉"}, ensure_ascii=False).encode()


def understood(c, mark="mark"):
    opcode, payload = c.message()
    said = json.loads(payload)
    assert opcode == TEXT and said["type"] == "error" and mark in said["message"], said


# ---- 4: the handshake ----

def test_handshake(c):
    assert c.answer["Sec-WebSocket-Accept"] == accept_value()
    assert c.answer["Sec-WebSocket-Protocol"] == "spacerelay.v1"
    assert c.answer["Sec-WebSocket-Extensions"] is None


# ---- 5.2, 5.3: frames ----

WRONG = {
    "not masked": (frame(TEXT, words(), mask=None), 1002),
    "reserved bit 1": (frame(TEXT, words(), rsv=4), 1002),
    "reserved bit 2": (frame(TEXT, words(), rsv=2), 1002),
    "reserved bit 3": (frame(PING, b"", rsv=1), 1002),
    **{f"opcode {n}": (frame(n), 1002) for n in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "16-bit length of 125": (frame(TEXT, b" " * 125, size=16), 1002),
    "64-bit length of 65535": (frame(TEXT, b" " * 65535, size=64), 1002),
    "top bit of the length": (frame(TEXT, length=1 << 63), 1002),
    "binary": (frame(BINARY, words()), 1003),
    "ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "fragmented ping": (frame(PING, fin=False), 1002),
    "fragmented close": (frame(CLOSE, fin=False), 1002),
    "continuation of nothing": (frame(0, words()), 1002),
    "message inside a message": (frame(TEXT, b"{", fin=False) + frame(TEXT, words()), 1002),
    "bad text": (frame(TEXT, b'{"type":"\xff"}'), 1007),
    "text cut in a character": (frame(TEXT, b'"\xc3'), 1007),
    "bad text at once": (frame(TEXT, b"\xf4\x90", length=1000), 1007),
    "bad text over fragments": (frame(TEXT, b'"\xf4', fin=False) + frame(0, b"\x90"), 1007),
    "no JSON": (frame(TEXT, b"hello"), 1007),
    "too large": (frame(TEXT, length=(16 << 20) + 1), 1009),
    "enormous": (frame(TEXT, length=(1 << 63) - 1), 1009),
    "too large in fragments": (frame(TEXT, b"[", fin=False) + frame(0, length=16 << 20), 1009),
    "too many fragments": (frame(TEXT, fin=False) + frame(0, fin=False) * 50, 1009),
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close of 126 bytes": (close_frame(1000, b"x" * 124), 1002),
    "close reason that is no text": (close_frame(1000, b"\xff"), 1007),
    **{f"close with {n}": (close_frame(n), 1002) for n in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)},
}


@pytest.mark.parametrize("data,code", WRONG.values(), ids=WRONG.keys())
def test_wrong_frames_close_with_their_code_and_nothing_behind_them_is_read(c, data, code):
    c.send(data + frame(PING, b"behind"))
    opcode, payload = c.message()
    if code == 1007 and opcode == TEXT:  # bad JSON is explained first
        assert json.loads(payload)["code"] == "bad_json"
        opcode, payload = c.message()
    assert opcode == CLOSE and struct.unpack(">H", payload[:2])[0] == code, (opcode, payload)
    c.send(close_frame(code))
    assert c.ended()


def test_wrong_frame_after_good_ones(c):
    c.send(frame(TEXT, words("one")) + frame(PING, b"2"))
    understood(c, "one")
    c.expect_echo(PONG, b"2")
    refused(c, frame(TEXT, words(), rsv=1), 1002)


@pytest.mark.parametrize("size", [1, 3, 20])
def test_fragments_with_control_frames_between_them(c, size):
    if size == 1:
        c.send(fragments(TEXT, b'{"type":"mark"}', 1, control=frame(PONG)))
    else:
        c.send(fragments(TEXT, words(), size, control=frame(PONG) + frame(PING, b"p")))
        for _ in range(-(-len(words()) // size) - 1):
            c.expect_echo(PONG, b"p")
    understood(c)


def test_frames_may_come_byte_by_byte(c):
    c.send_slowly(frame(PING, b"\xff" * 125) + frame(TEXT, words()))
    c.expect_echo(PONG, b"\xff" * 125)
    understood(c)


def test_many_messages_in_one_packet(c):
    c.send(b"".join(frame(TEXT, words(f"mark{i}.")) for i in range(300)))
    for i in range(300):
        understood(c, f"mark{i}.")


# ---- 5.5.1, 7: closing ----

@pytest.mark.parametrize("code", [None, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999])
def test_close_is_answered_with_its_code_and_the_connection_closed(c, code):
    c.send(close_frame(code, b"bye" if code else b"") + frame(TEXT, words()) + frame(PING) + close_frame(1001))
    assert c.close_code() == code
    assert c.sock.recv(1) == b""


def test_close_inside_a_fragmented_message(c):
    c.send(frame(TEXT, b"{", fin=False) + close_frame(1000))
    assert c.close_code() == 1000 and c.ended()


@pytest.mark.parametrize("path", PATHS)
def test_shutdown_closes_with_1001(path):
    relay = Relay()
    try:
        relay.admin
        with connect(relay, path) as c:
            relay.process.send_signal(signal.SIGTERM)
            opcode, payload = c.message()
            while opcode == TEXT:  # an app is told to drain before
                opcode, payload = c.message()
            assert opcode == CLOSE and struct.unpack(">H", payload[:2])[0] == 1001
            c.send(close_frame(1001))
            assert c.ended()
        assert relay.wait_end() == 0
    finally:
        relay.leave(kill=True)


# ---- time ----

HALVES = {"one byte": b"\x81", "half a length": b"\x81\xfe\x01", "half a mask": b"\x81\x85\x01\x02",
          "half a payload": frame(TEXT, b'{"ty', length=100), "an unfinished message": frame(TEXT, b"{", fin=False),
          "half a ping": frame(PING, b"x", length=5)}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES.keys())
def test_half_a_message_is_dropped_after_the_idle_time(hasty, half):
    hasty.send(half)
    assert hasty.close_code() == 4008
    assert hasty.ended()


def test_message_slower_than_the_pace_is_dropped(hasty):
    hasty.sock.settimeout(0.05)  # the pause between two bytes
    data, code = frame(TEXT, words() + b" " * 4000), None
    for i in range(len(data)):
        hasty.send(data[i : i + 1])
        try:
            code = hasty.close_code()
            break
        except (TimeoutError, socket.timeout):
            pass
    assert code == 4008 and i < 100


def test_silent_socket_is_pinged_and_then_dropped_without_a_close(hasty):
    assert hasty.message() == (PING, b"")
    assert hasty.ended()

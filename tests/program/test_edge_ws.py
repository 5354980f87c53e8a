"""RFC 6455, case by case, against the edge's WebSockets (tests/ws_echo.c)."""
import pytest

from edge_fixture import (BINARY, CLOSE, KEY, PING, PONG, TEXT, accept_value, close_frame, edge, frame, refused,
                          running_edge, ws)  # edge and ws are fixtures


# ---- the handshake ----

HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def handshake(edge, method="GET", version="1.1", extra="", **changes):
    fields = {**HANDSHAKE, **{k.replace("_", "-"): v for k, v in changes.items()}}
    lines = "".join(f"{k}: {v}\r\n" for k, v in fields.items() if v is not None)
    with edge.connect() as c:
        c.send(f"{method} /ws HTTP/{version}\r\n{lines}{extra}\r\n")
        return c.reply()


def test_handshake_is_answered_with_the_accept_value(edge):
    r = handshake(edge)
    assert r.status == 101
    assert r["Sec-WebSocket-Accept"] == accept_value() == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert r["Upgrade"] == "websocket" and r["Connection"] == "Upgrade"
    assert r["Sec-WebSocket-Protocol"] is None and r["Sec-WebSocket-Extensions"] is None


def test_subprotocol_is_named():
    with running_edge(SUBPROTOCOL="spacerelay.v1") as e:
        assert handshake(e)["Sec-WebSocket-Protocol"] == "spacerelay.v1"


def test_tokens_of_the_handshake_are_found_in_lists_and_any_case(edge):
    assert handshake(edge, Connection="keep-alive, UPGRADE", Upgrade="WebSocket").status == 101


@pytest.mark.parametrize(
    "changes",
    [{"Upgrade": None}, {"Upgrade": "h2c"}, {"Connection": None}, {"Connection": "keep-alive"},
     {"version": "1.0"}, {"Sec_WebSocket_Version": None}, {"Sec_WebSocket_Version": "8"},
     {"extra": "Sec-WebSocket-Version: 13\r\n"}],
)
def test_what_is_no_websocket_13_handshake_gets_426(edge, changes):
    r = handshake(edge, **changes)
    assert r.status == 426
    assert r["Upgrade"] == "websocket" and r["Sec-WebSocket-Version"] == "13"
    assert r["Connection"] == "close"


@pytest.mark.parametrize(
    "changes",
    [{"Sec_WebSocket_Key": None}, {"Sec_WebSocket_Key": "short"}, {"Sec_WebSocket_Key": KEY[:-2]},
     {"Sec_WebSocket_Key": KEY.replace("=", "A")}, {"extra": f"Sec-WebSocket-Key: {KEY}\r\n"},
     {"extra": "Content-Length: 3\r\n"}],
)
def test_bad_keys_and_bodies_get_400(edge, changes):
    assert handshake(edge, **changes).status == 400


def test_only_get_opens_a_websocket(edge):
    r = handshake(edge, method="POST")
    assert r.status == 405 and r["Allow"] == "GET"


def test_frames_that_come_with_the_handshake_are_taken(edge):
    lines = "".join(f"{k}: {v}\r\n" for k, v in HANDSHAKE.items())
    with edge.connect() as c:
        c.send(f"GET /ws HTTP/1.1\r\n{lines}\r\n".encode() + frame(TEXT, "early") + frame(TEXT, "bird"))
        assert c.head().status == 101
        c.expect_echo(TEXT, b"early")
        c.expect_echo(TEXT, b"bird")


def test_websocket_follows_requests_on_the_same_connection(edge):
    with edge.connect() as c:
        assert c.get("/who").status == 200
        c.upgrade()
        c.send(frame(TEXT, "x"))
        c.expect_echo(TEXT, b"x")


# ---- messages ----

@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 100000, 16 * 1024 * 1024])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_every_length_are_echoed(ws, opcode, size):
    payload = bytes(range(32, 127)) * (size // 95 + 1)
    ws.send(frame(opcode, payload[:size]))
    ws.expect_echo(opcode, payload[:size])


def test_frames_may_come_byte_by_byte(ws):
    ws.send_slowly(frame(TEXT, "ä" * 100) + frame(PING, b"p") + frame(BINARY, b"x" * 300))
    ws.expect_echo(TEXT, ("ä" * 100).encode())
    ws.expect_echo(PONG, b"p")
    ws.expect_echo(BINARY, b"x" * 300)


def test_many_messages_in_one_packet_keep_their_order(ws):
    ws.send(b"".join(frame(TEXT, str(i)) for i in range(5000)))
    for i in range(5000):
        ws.expect_echo(TEXT, str(i).encode())


def test_fragments_are_joined(ws):
    ws.send(frame(TEXT, "a", fin=False) + frame(0, "", fin=False) + frame(0, "b", fin=False) + frame(0, "c"))
    ws.expect_echo(TEXT, b"abc")


def test_empty_fragments_make_an_empty_message(ws):
    ws.send(frame(BINARY, b"", fin=False) + frame(0, b""))
    ws.expect_echo(BINARY, b"")


def test_control_frames_come_between_fragments(ws):
    ws.send(frame(TEXT, "a", fin=False) + frame(PING, "1") + frame(0, "b", fin=False) + frame(PONG, "") + frame(0, "c"))
    ws.expect_echo(PONG, b"1")
    ws.expect_echo(TEXT, b"abc")


def test_close_comes_between_fragments(ws):
    ws.send(frame(TEXT, "a", fin=False) + close_frame(1000))
    assert ws.close_code() == 1000
    assert ws.ended()


def test_ping_is_answered_with_its_payload(ws):
    for payload in (b"", b"x" * 125):
        ws.send(frame(PING, payload))
        ws.expect_echo(PONG, payload)


def test_unasked_pong_is_ignored(ws):
    ws.send(frame(PONG, b"hello") + frame(TEXT, "x"))
    ws.expect_echo(TEXT, b"x")


# ---- UTF-8 ----

def test_utf8_may_be_cut_anywhere_by_fragments(ws):
    text = "κόσμε 🎉".encode()
    for i in range(len(text) + 1):
        ws.send(frame(TEXT, text[:i], fin=False) + frame(0, text[i:]))
        ws.expect_echo(TEXT, text)


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x80"])
def test_bad_utf8_is_refused_at_once(ws, bad):
    # More of the message is announced than ever comes: the verdict does not wait for it.
    refused(ws, frame(TEXT, b"ok " + bad + b"xxx", length=1000), 1007)


def test_text_may_not_end_inside_a_character(ws):
    refused(ws, frame(TEXT, "κ".encode()[:1]), 1007)


def test_text_may_not_end_inside_a_character_of_its_fragments(ws):
    refused(ws, frame(TEXT, b"\xf0\x9f", fin=False) + frame(0, b"\x8e"), 1007)


def test_binary_is_not_checked(ws):
    ws.send(frame(BINARY, b"\xff\xc0"))
    ws.expect_echo(BINARY, b"\xff\xc0")


# ---- what breaks the protocol ----

@pytest.mark.parametrize("rsv", [1, 2, 4, 7])
def test_reserved_bits_are_refused(ws, rsv):
    refused(ws, frame(TEXT, "x", rsv=rsv), 1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_reserved_opcodes_are_refused(ws, opcode):
    refused(ws, frame(opcode), 1002)


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_unmasked_frames_are_refused(ws, opcode):
    refused(ws, frame(opcode, b"", mask=None), 1002)


@pytest.mark.parametrize("n,size", [(0, 16), (125, 16), (5, 64), (126, 64), (65535, 64)])
def test_lengths_must_be_minimal(ws, n, size):
    refused(ws, frame(BINARY, b"x" * n, size=size), 1002)


def test_length_with_the_top_bit_is_refused(ws):
    refused(ws, frame(BINARY, b"", length=1 << 63), 1002)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_long_control_frames_are_refused(ws, opcode):
    refused(ws, frame(opcode, b"\x03\xe8" + b"x" * 124), 1002)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_fragmented_control_frames_are_refused(ws, opcode):
    refused(ws, frame(opcode, b"", fin=False), 1002)


def test_continuation_without_a_message_is_refused(ws):
    refused(ws, frame(0, b"x"), 1002)


def test_continuation_after_a_whole_message_is_refused(ws):
    ws.send(frame(TEXT, "x") + frame(0, b"y"))
    ws.expect_echo(TEXT, b"x")
    assert ws.close_code() == 1002 and ws.ended()


def test_new_message_inside_a_fragmented_one_is_refused(ws):
    refused(ws, frame(TEXT, "a", fin=False) + frame(TEXT, "b"), 1002)


def test_nothing_after_a_failure_is_read(ws):
    refused(ws, frame(3) + frame(TEXT, "x") + frame(PING, b"y"), 1002)


# ---- sizes ----

def test_too_large_a_message_is_refused_by_its_header_alone(ws):
    refused(ws, frame(TEXT, b"", length=16 * 1024 * 1024 + 1), 1009)


def test_enormous_length_is_refused_by_its_header_alone(ws):
    refused(ws, frame(BINARY, b"", length=(1 << 63) - 1), 1009)


def test_fragments_are_too_large_together_by_the_last_header_alone(ws):
    mib = b"x" * (1024 * 1024)
    ws.send(frame(BINARY, mib, fin=False) + b"".join(frame(0, mib, fin=False) for _ in range(15)))
    refused(ws, frame(0, b"", length=1), 1009)


def test_too_many_fragments_are_refused():
    with running_edge(limits={"message_fragments": 10}) as e, e.connect() as c:
        c.upgrade()
        c.send(frame(TEXT, "a", fin=False) + frame(0, "b", fin=False) * 8 + frame(0, "c"))
        c.expect_echo(TEXT, b"abbbbbbbbc")
        c.send(frame(TEXT, "a", fin=False) + frame(0, "b", fin=False) * 9)
        refused(c, frame(0, "", fin=False), 1009)

"""RFC 6455 case by case, section by section, as outside suites ask it, where test_edge_ws.py and test_edge_ws_life.py do not
ask it already (tests/ws_echo.c). The groups carry the numbers that the Autobahn test suite gives them."""
import struct

import pytest

from edge_fixture import (BINARY, CLOSE, PING, PONG, TEXT, close_frame, edge, frame, refused, running_edge,
                          ws)  # edge and ws are fixtures
from test_edge_ws import handshake


def fragments(opcode, payload, size, control=b""):
    """A message cut into pieces of size bytes, with a control frame between any two."""
    pieces = [payload[i : i + size] for i in range(0, len(payload), size)] or [b""]
    last = len(pieces) - 1
    return control.join(frame(opcode if i == 0 else 0, p, fin=i == last) for i, p in enumerate(pieces))


# ---- section 4: the opening handshake ----

@pytest.mark.parametrize("offered", ["permessage-deflate", "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame",
                                     "unknown; a=1"])
def test_no_extension_is_agreed_to(edge, offered):
    r = handshake(edge, extra=f"Sec-WebSocket-Extensions: {offered}\r\n")
    assert r.status == 101 and r["Sec-WebSocket-Extensions"] is None


def test_no_subprotocol_is_invented(edge):
    r = handshake(edge, extra="Sec-WebSocket-Protocol: chat, superchat\r\n")
    assert r.status == 101 and r["Sec-WebSocket-Protocol"] is None


def test_handshake_needs_one_host(edge):
    assert handshake(edge, Host=None).status == 400
    assert handshake(edge, extra="Host: other\r\n").status == 400


def test_unsupported_version_is_told_which_one_is(edge):
    """4.4: 0, 7, 8 and 25 are versions that existed or could come."""
    for version in ("0", "7", "8", "14", "25", "013", "13, 8", "abc"):
        r = handshake(edge, Sec_WebSocket_Version=version)
        assert r.status == 426 and r["Sec-WebSocket-Version"] == "13"


@pytest.mark.parametrize("key", ["AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w==", "+/+/+/+/+/+/+/+/+/+/+A=="])
def test_key_is_any_16_bytes(edge, key):
    assert handshake(edge, Sec_WebSocket_Key=key).status == 101


@pytest.mark.parametrize("key", ["AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAA==A", "A" * 4000,
                                 "AAAAAAAAAAAAAAAAAAAAA-==", "====" * 6])
def test_key_of_another_length_or_alphabet_is_refused(edge, key):
    assert handshake(edge, Sec_WebSocket_Key=key).status == 400


# ---- 1: framing ----

@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [128, 255, 256, 32767, 32768, 65537])
def test_1_lengths_around_every_bound_are_echoed(ws, opcode, size):
    ws.send(frame(opcode, b"*" * size))
    ws.expect_echo(opcode, b"*" * size)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_1_message_may_come_in_packets_of_997_bytes(ws, opcode):
    data = frame(opcode, b"*" * 65536)
    for i in range(0, len(data), 997):
        ws.send(data[i : i + 997])
    ws.expect_echo(opcode, b"*" * 65536)


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x00\xff\x00\xff"])
def test_1_every_mask_is_taken_off(ws, mask):
    """5.3, whatever the key and wherever the payload starts in memory."""
    for size in range(70):
        payload = bytes(range(size))
        ws.send(frame(BINARY, payload, mask=mask))
        ws.expect_echo(BINARY, payload)


# ---- 2: pings and pongs ----

def test_2_ping_payload_is_any_bytes(ws):
    ws.send(frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"))
    ws.expect_echo(PONG, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")


def test_2_long_ping_may_come_byte_by_byte(ws):
    ws.send_slowly(frame(PING, b"\xfe" * 125))
    ws.expect_echo(PONG, b"\xfe" * 125)


def test_2_pong_is_no_answer_to_anything_else(ws):
    ws.send(frame(PONG, b"unsolicited") + frame(PING, b"asked"))
    ws.expect_echo(PONG, b"asked")


@pytest.mark.parametrize("slowly", [False, True])
def test_2_ten_pings_get_ten_pongs_in_order(ws, slowly):
    data = b"".join(frame(PING, b"payload-%d" % i) for i in range(10))
    (ws.send_slowly if slowly else ws.send)(data)
    for i in range(10):
        ws.expect_echo(PONG, b"payload-%d" % i)


# ---- 3: reserved bits ----

@pytest.mark.parametrize("rsv", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("opcode,payload", [(TEXT, b"x"), (BINARY, b"\0"), (PING, b"p"), (PONG, b""), (CLOSE, b"\x03\xe8"),
                                            (0, b"c")])
def test_3_reserved_bits_fail_any_frame_after_the_good_ones(ws, rsv, opcode, payload):
    ws.send(frame(TEXT, "good"))
    ws.expect_echo(TEXT, b"good")
    refused(ws, frame(opcode, payload, rsv=rsv) + frame(PING), 1002)


def test_3_reserved_bits_fail_a_continuation(ws):
    refused(ws, frame(TEXT, "a", fin=False) + frame(0, "b", rsv=4), 1002)


def test_3_reserved_bits_fail_with_the_first_byte(ws):
    refused(ws, b"\xc1", 1002)


# ---- 4: opcodes ----

@pytest.mark.parametrize("payload", [b"", b"reserved opcode payload"])
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_4_reserved_opcodes_fail_after_a_good_message(ws, opcode, payload):
    ws.send(frame(TEXT, "good"))
    ws.expect_echo(TEXT, b"good")
    refused(ws, frame(opcode, payload) + frame(PING), 1002)


@pytest.mark.parametrize("opcode", [3, 11])
def test_4_reserved_opcodes_fail_inside_a_message(ws, opcode):
    refused(ws, frame(TEXT, "a", fin=False) + frame(opcode, b""), 1002)


# ---- 5: fragments ----

@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_5_pings_between_all_fragments_are_answered_at_once(ws, opcode, size):
    message = b"fragment1fragment2"
    pings = -(-len(message) // size) - 1
    ws.send_slowly(fragments(opcode, message, size, control=frame(PING, b"p")))
    for _ in range(pings):
        ws.expect_echo(PONG, b"p")
    ws.expect_echo(opcode, message)


@pytest.mark.parametrize("fin", [True, False])
def test_5_continuation_without_a_message_fails_finished_or_not(ws, fin):
    refused(ws, frame(0, b"non-continuation", fin=fin) + frame(TEXT, "x"), 1002)


def test_5_unfinished_message_may_not_be_followed_by_text_or_binary(ws):
    refused(ws, frame(TEXT, "a", fin=False) + frame(0, "b", fin=False) + frame(BINARY, b"c"), 1002)


def test_5_continuation_after_a_fragmented_message_fails(ws):
    ws.send(frame(TEXT, "a", fin=False) + frame(0, "b"))
    ws.expect_echo(TEXT, b"ab")
    refused(ws, frame(0, "c", fin=False) + frame(TEXT, "d"), 1002)


def test_5_fragments_may_be_of_any_length_form(ws):
    parts = [b"", b"a" * 125, b"b" * 126, b"", b"c" * 65535, b"d" * 65536, b""]
    ws.send(b"".join(frame(0 if i else BINARY, p, fin=i == 6) for i, p in enumerate(parts)))
    ws.expect_echo(BINARY, b"".join(parts))


# ---- 6: UTF-8 ----

GOOD = {  # after Markus Kuhn's list
    "greek": "κόσμε", "first of 1 byte": "\0", "first of 2": "\x80", "first of 3": "\u0800", "first of 4": "\U00010000",
    "last of 1": "\x7f", "last of 2": "\u07ff", "last of 3": "\uffff", "last of 4": "\U0010ffff", "before surrogates": "\ud7ff",
    "after surrogates": "\ue000", "replacement": "\ufffd", "annotations": "\ufff9\ufffa\ufffb", "bom": "\ufeffx",
    "non-characters": "\ufdd0\ufdef\ufffe\uffff\U0001fffe\U0001ffff\U0010fffe\U0010ffff", "combining": "e\u0301\u0325",
}
BAD = {
    "5 bytes": "f888808080", "6 bytes": "fc8480808080", "last of 5": "fbbfbfbfbf", "last of 6": "fdbfbfbfbfbf",
    "above the last": "f4908080", "U+1FFFFF": "f7bfbfbf", "continuation 80": "80", "continuation bf": "bf",
    "two continuations": "80bf", "seven continuations": "80bf80bf80bf80", "all continuations": bytes(range(128, 192)).hex(),
    "lonely c0": "c020", "lonely c2": "c220", "lonely e0": "e020", "lonely ed": "ed20", "lonely f0": "f020", "lonely f4": "f420",
    "lonely f8": "f820", "lonely fc": "fc20", "2 without the last": "c220", "3 without the last": "e08020",
    "4 without the last": "f0808020", "3 cut": "efbf20", "4 cut": "f7bfbf20", "many incomplete": "c0e080f08080dfefbff7bfbf",
    "fe": "fe", "ff": "ff", "fefeffff": "fefeffff", "overlong / in 2": "c0af", "overlong / in 3": "e080af",
    "overlong / in 4": "f08080af", "overlong 7f": "c1bf", "overlong 7ff": "e09fbf", "overlong ffff": "f08fbfbf",
    "overlong nul in 2": "c080", "overlong nul in 3": "e08080", "overlong nul in 4": "f0808080", "surrogate d800": "eda080",
    "surrogate db7f": "edadbf", "surrogate db80": "edae80", "surrogate dbff": "edafbf", "surrogate dc00": "edb080",
    "surrogate dfff": "edbfbf", "surrogate pair": "eda080edb080", "surrogate pair at the end": "edafbfedbfbf",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_6_good_text_is_taken_whole_and_cut_at_every_byte(ws, text):
    text = text.encode()
    ws.send(frame(TEXT, text) + fragments(TEXT, text, 1))
    ws.expect_echo(TEXT, text)
    ws.expect_echo(TEXT, text)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_6_bad_text_fails_whole(ws, bad):
    refused(ws, frame(TEXT, "κόσμε".encode() + bytes.fromhex(bad)), 1007)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_6_bad_text_fails_cut_at_every_byte(ws, bad):
    refused(ws, fragments(TEXT, b"ok" + bytes.fromhex(bad), 1), 1007)


def test_6_every_text_that_ends_inside_a_character_fails(edge):
    for text in ("\x80", "\u0800", "\U00010000"):
        raw = text.encode()
        for n in range(1, len(raw)):
            with edge.connect() as c:
                c.upgrade()
                refused(c, frame(TEXT, b"x" + raw[:n]), 1007)


def test_6_bad_text_fails_fast_inside_a_frame_and_across_frames(edge):
    """6.4: the verdict comes with the first byte that no text can have, before the frame or the message is complete."""
    start, bad, rest = "κόσμε".encode(), b"\xf4\x90", b"\x80\x80edited"
    for chops in ([frame(TEXT, start, fin=False), frame(0, bad, fin=False)],
                  [frame(TEXT, start, fin=False), frame(0, bad[:1], fin=False), frame(0, bad[1:], fin=False)],
                  [frame(TEXT, start + bad, length=len(start + bad + rest))]):
        with edge.connect() as c:
            c.upgrade()
            for chop in chops:
                c.send(chop)
            assert c.close_code() == 1007
            assert c.ended()


def test_6_pings_inside_a_character_do_not_break_it(ws):
    ws.send(fragments(TEXT, "κόσμε 🎉".encode(), 1, control=frame(PING, b"\xff")))
    pongs = len("κόσμε 🎉".encode()) - 1
    for _ in range(pongs):
        ws.expect_echo(PONG, b"\xff")
    ws.expect_echo(TEXT, "κόσμε 🎉".encode())


def test_6_binary_fragments_may_hold_what_is_no_text(ws):
    ws.send(fragments(BINARY, b"\xff\xc0\x80", 1))
    ws.expect_echo(BINARY, b"\xff\xc0\x80")


# ---- 7: closing ----

def test_7_messages_before_the_close_are_answered_first(ws):
    ws.send(frame(TEXT, "last words") + close_frame(1000))
    ws.expect_echo(TEXT, b"last words")
    assert ws.close_code() == 1000 and ws.ended()


def test_7_second_close_is_not_answered(ws):
    ws.send(close_frame(1000) + close_frame(1000))
    assert ws.close_code() == 1000 and ws.ended()


def test_7_rest_of_a_message_after_the_close_is_dropped(ws):
    ws.send(frame(TEXT, "fragment1", fin=False) + close_frame(1000) + frame(0, "fragment2"))
    assert ws.close_code() == 1000 and ws.ended()


def test_7_large_message_then_close_then_ping(ws):
    ws.send(frame(TEXT, b"*" * 262144) + close_frame(1000) + frame(PING))
    ws.expect_echo(TEXT, b"*" * 262144)
    assert ws.close_code() == 1000 and ws.ended()


@pytest.mark.parametrize("reason", [b"", b"Hello World!", b"*" * 123, "κ".encode() * 61])
def test_7_close_reason_has_up_to_123_bytes(ws, reason):
    ws.send(close_frame(1000, reason))
    assert ws.close_code() == 1000 and ws.ended()


def test_7_close_reason_of_124_bytes_fails(ws):
    refused(ws, close_frame(1000, b"*" * 124), 1002)


def test_7_close_may_come_byte_by_byte(ws):
    ws.send_slowly(close_frame(4999, b"bye"))
    assert ws.close_code() == 4999 and ws.ended()


@pytest.mark.parametrize("code", [3001, 3999, 4001, 4998])
def test_7_registered_and_private_codes_are_taken(ws, code):
    ws.send(close_frame(code))
    assert ws.close_code() == code and ws.ended()


def test_7_server_closes_the_tcp_connection_first(ws):
    """7.1.1: it half-closes at once and does not wait for the client."""
    ws.send(close_frame(1000))
    assert ws.close_code() == 1000
    assert ws.sock.recv(1) == b""  # and we have closed nothing


def test_7_failing_is_said_with_a_code_and_a_reason_that_is_text(ws):
    ws.send(frame(3))
    opcode, payload = ws.message()
    assert opcode == CLOSE and struct.unpack(">H", payload[:2])[0] == 1002 and payload[2:].decode()


# ---- 9 and 10: sizes and fragments of large messages ----

@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [64, 256, 1024, 4096, 65536])
def test_9_large_message_in_many_fragments(ws, opcode, size):
    payload = b"*" * (4 << 20 if size > 64 else 1 << 20)
    ws.send(fragments(opcode, payload, size))
    ws.expect_echo(opcode, payload)


def test_9_message_of_exactly_the_limit_in_fragments(ws):
    payload = b"*" * (16 << 20)
    ws.send(fragments(BINARY, payload, 1 << 20))
    ws.expect_echo(BINARY, payload)


def test_10_message_in_1300_byte_fragments(ws):
    ws.send(fragments(TEXT, b"*" * 65536, 1300))
    ws.expect_echo(TEXT, b"*" * 65536)


# ---- 10.4 of the RFC: nothing is believed that has not come ----

def heap(edge):
    return edge.stats()["heap"]


@pytest.mark.parametrize("claim", [16 << 20, (16 << 20) + 1, 1 << 31, (1 << 63) - 1])
def test_length_of_a_header_takes_no_memory(claim):
    with running_edge() as e:
        before = heap(e)
        crowd = [e.connect() for _ in range(20)]
        for c in crowd:
            c.upgrade()
            c.send(frame(BINARY, b"x", length=claim))
            if claim > 16 << 20:
                assert c.close_code() == 1009
        e.wait_for(lambda e: heap(e) - before < 20 * 16384)
        for c in crowd:
            c.sock.close()


def test_fragment_limit_counts_empty_fragments_and_starts_anew_with_each_message():
    with running_edge(limits={"message_fragments": 4}) as e, e.connect() as c:
        c.upgrade()
        for _ in range(3):
            c.send(frame(TEXT, "a", fin=False) + frame(0, "", fin=False) * 2 + frame(PING) + frame(0, "b"))
            assert c.message() == (PONG, b"")
            c.expect_echo(TEXT, b"ab")
        refused(c, frame(BINARY, b"", fin=False) + frame(0, b"", fin=False) * 3 + frame(0, b"", length=1 << 20), 1009)

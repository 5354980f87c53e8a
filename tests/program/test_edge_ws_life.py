"""How the edge's WebSockets end, wait, slow down and live side by side (tests/ws_echo.c)."""
import asyncio
import select
import socket
import struct

import pytest
import websockets

from edge_fixture import (BINARY, CLOSE, PING, PONG, TEXT, close_frame, edge, frame, refused, running_edge,
                          ws)  # edge and ws are fixtures


# ---- closing ----

@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999])
def test_peers_close_is_answered_with_its_code(ws, code):
    ws.send(close_frame(code, b"bye"))
    assert ws.close_code() == code
    assert ws.ended()


def test_close_without_a_code_is_answered_without_one(ws):
    ws.send(close_frame())
    assert ws.close_code() is None
    assert ws.ended()


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_close_codes_that_may_not_be_sent_are_refused(ws, code):
    refused(ws, close_frame(code), 1002)


def test_close_with_half_a_code_is_refused(ws):
    refused(ws, frame(CLOSE, b"\x03"), 1002)


def test_close_reason_must_be_utf8(ws):
    refused(ws, close_frame(1000, b"\xff"), 1007)


def test_nothing_is_answered_after_a_close(ws):
    ws.send(close_frame(1000) + frame(TEXT, "x") + frame(PING, b"y") + close_frame(1001))
    assert ws.close_code() == 1000
    assert ws.ended()


def test_owner_hears_of_a_clean_close():
    with running_edge() as e:
        with e.connect() as c:
            c.upgrade()
            c.send(close_frame(4321))
            assert c.close_code() == 4321
        with e.connect() as c:
            c.upgrade()
            c.send(close_frame())
            assert c.close_code() is None
        assert e.log() == ["closed clean 4321", "closed clean 1005"]
        assert e.stats()["sockets"] == 0


def test_owner_hears_of_a_lost_connection():
    with running_edge() as e:
        with e.connect() as c:
            c.upgrade()
        e.wait_for_log("closed unclean 1006")


def test_owner_hears_of_a_reset_connection():
    with running_edge() as e:
        with e.connect() as c:
            c.upgrade()
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        e.wait_for_log("closed unclean 1006")


def test_owner_hears_of_a_failure():
    with running_edge() as e:
        with e.connect() as c:
            c.upgrade()
            refused(c, frame(3), 1002)
        assert e.log() == ["closed unclean 1002"]


def test_owners_close_waits_for_the_peers():
    with running_edge() as e, e.connect() as c:
        c.upgrade()
        c.send(frame(TEXT, "!close 4003 space taken"))
        assert c.message() == (CLOSE, struct.pack(">H", 4003) + b"space taken")
        assert e.log() == []
        c.send(frame(TEXT, "not delivered any more") + close_frame(4003))
        assert c.ended()
        assert e.log() == ["closed unclean 4003"]


def test_owners_close_does_not_wait_for_ever():
    with running_edge() as e, e.connect() as c:
        c.upgrade()
        c.send(frame(TEXT, "!close 4003 x"))
        assert c.close_code() == 4003
        assert c.ended()
        assert e.log() == ["closed unclean 1006"]


# ---- time ----

def test_silent_peer_is_pinged_and_dropped():
    with running_edge(limits={"ping_every_ms": 100, "ping_timeout_ms": 100}) as e, e.connect() as c:
        c.upgrade()
        assert c.message() == (PING, b"")
        assert c.ended()
        assert "closed unclean 1006" in e.log()


def test_peer_that_answers_pings_stays():
    with running_edge(limits={"ping_every_ms": 100, "ping_timeout_ms": 1000}) as e, e.connect() as c:
        c.upgrade()
        for _ in range(5):
            assert c.message() == (PING, b"")
            c.send(frame(PONG))
        c.send(frame(TEXT, "still here"))
        c.expect_echo(TEXT, b"still here")


def test_any_byte_is_a_sign_of_life():
    with running_edge(limits={"ping_every_ms": 100, "ping_timeout_ms": 200}) as e, e.connect() as c:
        c.upgrade()
        data = frame(BINARY, b"x" * 4)
        for i in range(len(data)):
            assert c.message() == (PING, b"")
            c.send(data[i : i + 1])
        c.expect_echo(BINARY, b"x" * 4)


def test_half_a_message_is_not_waited_for():
    with running_edge(limits={"message_idle_ms": 200}) as e, e.connect() as c:
        c.upgrade()
        c.send(frame(TEXT, "abc", length=10))
        assert c.close_code() == 4008
        assert c.ended()
        assert e.log() == ["closed unclean 4008"]


def test_half_a_header_is_not_waited_for():
    with running_edge(limits={"message_idle_ms": 200}) as e, e.connect() as c:
        c.upgrade()
        c.send(b"\x81")
        assert c.close_code() == 4008
        assert c.ended()


def test_message_must_keep_the_pace():
    with running_edge(limits={"pace_window_ms": 200, "pace_bytes_per_s": 100000}) as e, e.connect() as c:
        c.upgrade()
        c.send(frame(TEXT, "abc", length=10))
        assert c.close_code() == 4008
        assert c.ended()


# ---- output that is not taken ----

def test_peer_that_reads_too_slowly_is_told_so():
    with running_edge() as e, e.connect(small=True) as c:
        c.upgrade()
        c.send(frame(TEXT, "!flood 300"))
        e.wait_for_log("closed unclean 4008")
        assert e.stats()["unsent_bytes"] < 70000  # at most one message is kept, to be whole
        while True:
            opcode, payload = c.message()
            if opcode == CLOSE:
                break
            assert opcode == TEXT and payload == b"x" * 65536
        assert payload[:2] == struct.pack(">H", 4008)
        assert c.ended()


def test_large_message_is_sent_though_it_is_above_the_limit():
    with running_edge() as e, e.connect(small=True) as c:
        c.upgrade()
        c.send(frame(TEXT, "!send 8000000"))
        c.expect_echo(TEXT, b"x" * 8000000)


def test_reading_stops_while_output_is_not_taken():
    """A peer that only writes is not cut off: it is not read any more, and gets everything once it reads."""
    with running_edge() as e, e.connect(small=True) as c:
        c.upgrade()
        data = frame(BINARY, b"m" * 10000)
        sent = c.send_until_it_blocks(data)
        assert e.stats()["unsent_bytes"] < 1024 * 1024
        for _ in range(sent // len(data)):
            c.expect_echo(BINARY, b"m" * 10000)
        c.send(data[sent % len(data) :] if sent % len(data) else b"")
        if sent % len(data):
            c.expect_echo(BINARY, b"m" * 10000)
        c.send(close_frame(1000))
        assert c.close_code() == 1000


def test_peer_that_fell_behind_inside_a_message_is_waited_for():
    """While the server does not read it is not the peer who is late with the rest."""
    limits = {"message_idle_ms": 500, "client_unsent_bytes": 20000000}
    with running_edge(limits=limits) as e, e.connect(small=True) as c:
        c.upgrade()
        c.send(frame(TEXT, "a", fin=False))
        assert e.get("/flood").status == 200
        c.send(frame(0, "b", fin=False))
        assert e.busy() < 0.2
        assert e.busy() < 0.2
        for _ in range(250):
            c.expect_echo(TEXT, b"x" * 65536)
        c.send(frame(0, "c"))
        c.expect_echo(TEXT, b"abc")


def test_close_handshake_ends_though_the_peer_had_fallen_behind():
    with running_edge() as e, e.connect(small=True) as c:
        c.upgrade()
        data = frame(BINARY, b"m" * 10000)
        sent = c.send_until_it_blocks(data)
        assert e.get("/kick").status == 200
        opcode = BINARY
        while opcode == BINARY:
            opcode, payload = c.message()
        assert opcode == CLOSE and payload[:2] == struct.pack(">H", 4002)
        c.send((data[sent % len(data) :] if sent % len(data) else b"") + close_frame(4002))
        assert c.ended()
        assert e.log() == ["closed unclean 4002"]


def test_ping_behind_much_output_is_not_late_while_that_is_read():
    limits = {"ping_every_ms": 100, "ping_timeout_ms": 300, "client_unsent_bytes": 64000000}
    with running_edge(limits=limits) as e, e.connect(small=True) as c:
        c.upgrade()
        c.send(frame(TEXT, "!flood 100"))
        for _ in range(60):
            select.select([], [], [], 0.02)  # a reader on a slow line
            assert c.message() == (TEXT, b"x" * 65536)
        pinged = False
        for _ in range(41):
            opcode, _ = c.message()
            if opcode == PING:
                pinged = True
                c.send(frame(PONG))
        assert pinged or c.message()[0] == PING


# ---- many ----

def test_half_frames_do_not_hold_up_others(edge):
    idle = [edge.connect() for _ in range(200)]
    try:
        for c in idle:
            c.upgrade()
            c.send(b"\x82\xff\x00")
        with edge.connect() as c:
            c.upgrade()
            for i in range(200):
                c.send(frame(TEXT, str(i)))
                c.expect_echo(TEXT, str(i).encode())
    finally:
        for c in idle:
            c.sock.close()


def test_flooder_does_not_starve_others(edge):
    with edge.connect() as flooder, edge.connect() as c:
        flooder.upgrade()
        c.upgrade()
        flooder.sock.setblocking(False)
        junk, sent = frame(PONG) * 20000, 0
        for i in range(100):
            try:
                sent += flooder.sock.send(junk[sent % 6 :])
            except BlockingIOError:
                pass
            c.send(frame(TEXT, str(i)))
            c.expect_echo(TEXT, str(i).encode())


def test_real_clients_talk_at_once(edge):
    async def one(number):
        async with websockets.connect(edge.url.replace("http", "ws") + "/ws", max_size=None) as w:
            for i in range(20):
                text = f"{number} {i} " + "é" * (i * 100)
                await w.send(text)
                assert await w.recv() == text
            await w.send([b"a", b"b", b"c"])
            assert await w.recv() == b"abc"
            await (await w.ping())

    async def all_of_them():
        await asyncio.gather(*(one(n) for n in range(50)))

    asyncio.run(all_of_them())

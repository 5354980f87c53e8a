"""Engine.IO 4 case by case, as its protocol document and its reference server have it (tests/sio_echo.c --engine): every
message is echoed. The sections follow the document's own test suite."""
import json

import pytest

from edge_fixture import BINARY, PING, PONG, TEXT, frame
from sio_fixture import SEPARATOR, refusal, running_echo

KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
FAST = {"ping_interval": 300, "ping_timeout": 200}


@pytest.fixture(scope="module")
def echo():
    with running_echo(engine=True) as e:
        yield e


@pytest.fixture
def polling(echo):
    return echo.polling()


@pytest.fixture
def ws(echo):
    with echo.websocket() as w:
        w.open = w.greeting()
        yield w


# ---- handshake ----

def test_polling_opens_a_session(echo):
    reply = echo.ask("EIO=4&transport=polling")
    assert reply.status == 200 and reply["Content-Type"] == "text/plain; charset=UTF-8"
    says = json.loads(reply.body[1:])
    assert reply.body[:1] == b"0" and says.keys() == KEYS and len(says["sid"]) == 20
    assert says["upgrades"] == ["websocket"] and says["maxPayload"] == 1000000
    assert (says["pingInterval"], says["pingTimeout"]) == (25000, 20000)


def test_handshake_is_spelled_as_older_sites_spelled_it(polling):
    assert polling.greeting == ('0{"sid":"%s","upgrades":["websocket"],"pingTimeout":20000,"pingInterval":25000,'
                                '"maxPayload":1000000}' % polling.sid)


def test_session_numbers_differ(echo):
    assert len({echo.polling().sid for _ in range(20)}) == 20


def test_parameters_of_older_clients_are_ignored(echo):
    assert echo.polling("&t=N8hyd7H&b64=1&j=0").open.keys() == KEYS


@pytest.mark.parametrize("query", ["transport=polling", "EIO=&transport=polling", "EIO=abc&transport=polling",
                                   "EIO=3&transport=polling", "EIO=04&transport=polling", "EIO=5&transport=polling"])
def test_polling_with_another_version_is_refused(echo, query):
    assert refusal(echo.ask(query)) == 5


@pytest.mark.parametrize("query", ["", "EIO=4", "EIO=4&transport=", "EIO=4&transport=abc", "EIO=4&transport=constructor",
                                   "EIO=4&transport=Polling", "EIO=4&transport=webtransport"])
def test_unknown_transport_is_refused(echo, query):
    assert refusal(echo.ask(query)) == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_handshake_by_another_method_is_refused(echo, method):
    assert refusal(echo.ask("EIO=4&transport=polling", method)) == 2


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_unknown_session_is_refused(echo, method, transport):
    assert refusal(echo.ask(f"EIO=4&transport={transport}&sid=AAAAAAAAAAAAAAAAAAAA", method)) == 1


def test_websocket_opens_a_session(ws):
    assert ws.open.keys() == KEYS
    assert ws.open["upgrades"] == [] and ws.open["maxPayload"] == 1000000


def test_websocket_transport_over_plain_http_is_refused(echo, polling):
    assert refusal(echo.ask("EIO=4&transport=websocket")) == 3
    assert refusal(echo.ask(f"EIO=4&transport=websocket&sid={polling.sid}")) == 3


@pytest.mark.parametrize("query, code", [("transport=websocket", 5), ("EIO=abc&transport=websocket", 5), ("EIO=4", 0),
                                         ("EIO=4&transport=abc", 0), ("EIO=4&transport=websocket&sid=unknown", 1)])
def test_websocket_handshake_is_refused_with_a_reason(echo, query, code):
    fields = ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
    assert refusal(echo.ask(query, fields=fields)) == code


# ---- messages by polling ----

def test_one_packet_is_taken_and_given(polling):
    polling.post("4hello")
    assert polling.poll() == ["4hello"]


def test_several_packets_are_taken_and_given(polling):
    polling.post("4test1", "4test2", "4test3")
    assert polling.poll() == ["4test1", "4test2", "4test3"]


def test_binary_packets_are_base64(polling):
    polling.post("4hello", "bAQIDBA==", "b")
    assert polling.poll() == ["4hello", "bAQIDBA==", "b"]


def test_text_is_utf8(polling):
    polling.post("4€", "4日本語😀")
    assert polling.poll() == ["4€", "4日本語😀"]


def test_answer_holds_16_packets_at_most(polling):
    sent = [f"4{i}" for i in range(40)]
    polling.post(*sent)
    assert polling.poll() == sent[:16] and polling.poll() == sent[16:32] and polling.poll() == sent[32:]


def test_poll_waits_for_a_message(polling):
    with polling.start_poll() as waiting:
        polling.post("4hello")
        assert waiting.reply().body == b"4hello"


def test_connection_carries_one_poll_after_the_other(echo, polling):
    with echo.connect() as c:
        for i in range(5):
            assert c.get(f"{echo.path}?{polling.query}", method="POST", body=b"4%d" % i).body == b"ok"
            assert c.get(f"{echo.path}?{polling.query}").body == b"4%d" % i


@pytest.mark.parametrize("payload", [b"abc", b"", b"7", b"4ok\x1e", b"\x1e4ok", b"4ok\x1eabc", b"b4", b"bAQID!",
                                     b"bAQIDBA", b"4\xff", b"4\xed\xa0\x80"])
def test_malformed_payload_ends_the_session(echo, payload):
    polling = echo.polling()
    assert refusal(polling.ask("POST", payload)) == 3
    assert polling.gone()


def test_nothing_of_a_malformed_payload_is_done(polling):
    with polling.start_poll() as waiting:
        assert refusal(polling.ask("POST", b"4first\x1eabc")) == 3
        assert refusal(waiting.reply()) == 1


def test_payload_of_an_older_version_is_refused(polling):
    assert refusal(polling.ask("POST", b"4hello", "Content-Type: application/octet-stream\r\n")) == 3
    assert polling.gone()


def test_two_polls_at_once_end_the_session(polling):
    with polling.start_poll() as first:
        assert refusal(polling.ask()) == 3
        reply = first.reply()
        assert (reply.status, reply.body) == (200, b"1")
    assert polling.gone()


def test_two_posts_at_once_end_the_session(polling):
    with polling.start_poll() as waiting, polling.start("POST", b"4he", 6) as first:
        polling.echo.stats()
        assert refusal(polling.ask("POST", b"4hello")) == 3
        assert waiting.reply().body == b"1"
        first.send(b"llo")
        assert refusal(first.reply()) == 1
    assert polling.gone()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "PATCH"])
def test_session_takes_no_other_method(polling, method):
    reply = polling.ask(method)
    assert reply.status == 400
    polling.post("4still here")
    assert polling.poll() == ["4still here"]


def test_body_past_max_payload_is_refused():
    with running_echo(engine=True, MAX_PAYLOAD="2000") as echo:
        polling = echo.polling()
        assert polling.open["maxPayload"] == 2000
        polling.post("4" + "x" * 1999)
        assert polling.poll() == ["4" + "x" * 1999]
        assert polling.ask("POST", b"4" + b"x" * 2000).status == 413


def test_poll_that_is_broken_off_ends_the_session(echo, polling):
    polling.start_poll().sock.close()
    echo.wait_for(lambda e: polling.echo.ask(polling.query, "PUT").body.find(b'"code":1') >= 0)


def test_post_that_is_broken_off_ends_the_session(echo, polling):
    post = polling.start("POST", b"4he", 6)
    echo.stats()
    post.sock.close()
    echo.wait_for(lambda e: polling.echo.ask(polling.query, "PUT").body.find(b'"code":1') >= 0)


# ---- messages by WebSocket ----

def test_websocket_takes_and_gives_text(ws):
    ws.send("4hello", "4", "4€😀")
    assert [ws.next(), ws.next(), ws.next()] == ["4hello", "4", "4€😀"]


def test_websocket_takes_and_gives_binary(ws):
    ws.send(b"\1\2\3\4", b"", b"4\x1e")
    assert [ws.next(), ws.next(), ws.next()] == [b"\1\2\3\4", b"", b"4\x1e"]


@pytest.mark.parametrize("packet", ["abc", "", "7", "bAQID", "2", "2probe"])
def test_websocket_closes_upon_a_malformed_packet(ws, packet):
    ws.send(packet, "4hello")
    assert ws.closed() == 1000


def test_message_past_max_payload_closes_with_1009():
    with running_echo(engine=True, MAX_PAYLOAD="2000") as echo, echo.websocket() as ws:
        assert ws.greeting()["maxPayload"] == 2000
        ws.send("4" + "x" * 1999)
        assert ws.next() == "4" + "x" * 1999
        ws.send("4" + "x" * 2000)
        assert ws.closed() == 1009


def test_websocket_session_cannot_be_polled(echo, ws):
    query = f"EIO=4&transport=polling&sid={ws.open['sid']}"
    assert refusal(echo.ask(query)) == 3
    assert refusal(echo.ask(query, "POST", body=b"4hello")) == 3
    ws.send("4hello")
    assert ws.next() == "4hello"


@pytest.mark.parametrize("packet", ["0", "5", "6"])
def test_packets_without_meaning_are_passed_over(ws, packet):
    ws.send(packet, "4hello")
    assert ws.next() == "4hello"


# ---- heartbeat ----

def test_polling_is_pinged():
    with running_echo(engine=True, **FAST) as echo:
        polling = echo.polling()
        for _ in range(3):
            assert polling.poll() == ["2"]
            polling.post("3")
        polling.post("4alive")
        assert "4alive" in polling.poll()


def test_missed_pong_ends_a_polling_session():
    with running_echo(engine=True, **FAST) as echo:
        polling = echo.polling()
        echo.wait_for_log("closed unclean")
        assert refusal(polling.ask("POST", b"3")) == 1


def test_poll_that_waits_when_the_pong_is_missed_is_refused():
    """A close packet would make Debian's Python client give up for good."""
    with running_echo(engine=True, **FAST) as echo:
        polling = echo.polling()
        assert polling.poll() == ["2"]
        assert polling.gone()


def test_websocket_is_pinged():
    with running_echo(engine=True, **FAST) as echo, echo.websocket() as ws:
        ws.greeting()
        for _ in range(3):
            assert ws.next_raw() == "2"
            ws.send("3")


def test_missed_pong_closes_a_websocket():
    with running_echo(engine=True, **FAST) as echo, echo.websocket() as ws:
        ws.greeting()
        ws.closed()
        echo.wait_for_log("closed unclean")


def test_messages_are_no_pong():
    with running_echo(engine=True, **FAST) as echo, echo.websocket() as ws:
        ws.greeting()
        assert ws.next_raw() == "2"
        ws.send("4hello")
        assert ws.next_raw() == "4hello"
        ws.closed()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_pong_may_wait_behind_a_long_message(transport):
    """Another session, opened later and silent, is the clock: its pong is missed first."""
    with running_echo(engine=True, **FAST) as echo:
        if transport == "polling":
            polling = echo.polling()
            slow = polling.start("POST", b"4he", 6)
        else:
            ws = echo.websocket()
            ws.greeting()
            slow = ws.client
            slow.send(frame(TEXT, "4he", fin=False))
        echo.stats()
        echo.polling()
        echo.wait_for_log("closed unclean")
        assert len(echo.log()) == 1
        if transport == "polling":
            slow.send(b"llo")
            assert slow.reply().body == b"ok"
            assert "4hello" in polling.poll()
        else:
            slow.send(frame(0, "llo") + frame(TEXT, "3"))
            assert ws.next_raw() == "2" and ws.next_raw() == "4hello"
        slow.sock.close()


# ---- close ----

def test_close_by_polling_releases_the_poll_and_ends_the_session():
    with running_echo(engine=True) as echo:
        polling = echo.polling()
        with polling.start_poll() as waiting:
            polling.post("1")
            assert waiting.reply().body == b"6"
        assert polling.gone()
        assert echo.log() == ["closed clean"]


def test_packets_behind_a_close_are_not_taken(polling):
    polling.post("1", "4hello")
    assert polling.gone()


def test_close_by_websocket_closes_it():
    with running_echo(engine=True) as echo, echo.websocket() as ws:
        ws.greeting()
        ws.send("1")
        assert ws.closed() == 1000
        echo.wait_for_log("closed clean")


def test_websocket_that_goes_ends_its_session():
    with running_echo(engine=True) as echo:
        with echo.websocket() as ws:
            ws.greeting()
        echo.wait_for_log("closed unclean")
        assert echo.stats()["sessions"] == 0


# ---- upgrade ----

def upgraded(polling):
    ws = polling.upgrading()
    ws.send("2probe")
    assert ws.next() == "3probe"
    ws.send("5")
    return ws


def test_upgrade_from_polling_to_websocket(polling):
    with polling.upgrading() as ws:
        ws.send("2probe")
        assert ws.next() == "3probe"
        assert polling.poll() == ["6"]
        ws.send("5", "4hello")
        assert ws.next() == "4hello"


def test_upgrade_releases_the_poll_that_waits_and_those_that_follow(polling):
    with polling.start_poll() as waiting, polling.upgrading() as ws:
        ws.send("2probe")
        assert waiting.reply().body == b"6"
        assert polling.poll() == ["6"] and polling.poll() == ["6"]
        ws.send("5", "4hello")
        assert [ws.next(), ws.next()] == ["3probe", "4hello"]


def test_probe_and_upgrade_in_one_go(polling):
    with polling.upgrading() as ws:
        ws.send("2probe", "5", "4hello")
        assert [ws.next(), ws.next()] == ["3probe", "4hello"]


def test_what_waited_for_a_poll_goes_over_the_websocket_first(polling):
    polling.post(*[f"4{i}" for i in range(40)], "bAQID")
    with upgraded(polling) as ws:
        ws.send("4after")
        assert [ws.next() for _ in range(42)] == [*[f"4{i}" for i in range(40)], b"\1\2\3", "4after"]


def test_polls_are_refused_after_the_upgrade(polling):
    with upgraded(polling) as ws:
        ws.send("4hello")
        assert ws.next() == "4hello"
        assert refusal(polling.ask()) == 3
        assert refusal(polling.ask("POST", b"4hello")) == 3
        ws.send("4still here")
        assert ws.next() == "4still here"


def test_poll_that_waits_is_released_by_the_upgrade_itself(polling):
    with polling.upgrading() as ws:
        ws.send("2probe")
        assert ws.next() == "3probe"
        with polling.start_poll() as waiting:
            ws.send("5", "4hello")
            assert waiting.reply().body == b"6"
            assert ws.next() == "4hello"


def test_post_that_is_under_way_survives_the_upgrade(polling):
    with polling.start("POST", b"4he", 6) as post:
        polling.echo.stats()
        with upgraded(polling) as ws:
            ws.send("4first")
            assert ws.next() == "4first"
            post.send(b"llo")
            assert post.reply().body == b"ok"
            assert ws.next() == "4hello"


def test_second_websocket_of_a_session_is_closed(polling):
    with upgraded(polling) as ws:
        ws.send("4hello")
        assert ws.next() == "4hello"
        with polling.upgrading() as second:
            second.closed()
        ws.send("4still here")
        assert ws.next() == "4still here"


def test_second_websocket_during_an_upgrade_is_closed(polling):
    with polling.upgrading() as ws, polling.upgrading() as second:
        second.closed()
        ws.send("2probe", "5", "4hello")
        assert [ws.next(), ws.next()] == ["3probe", "4hello"]


@pytest.mark.parametrize("packets", [["5"], ["4hello"], ["2"], ["2prob"], ["abc"], [b"\1"], ["2probe", "4hello"], ["2probe", "6"],
                                     ["2probe", "2probe"]])
def test_odd_packet_ends_the_upgrade_and_polling_goes_on(polling, packets):
    with polling.upgrading() as ws:
        ws.send(*packets)
        assert ws.closed() == 1002
    polling.post("4still here")
    assert polling.poll() == ["4still here"]
    with upgraded(polling) as ws:
        ws.send("4hello")
        assert ws.next() == "4hello"


def test_session_that_ends_during_an_upgrade_is_told_to_who_has_paused_polling(polling):
    with polling.upgrading() as ws:
        ws.send("2probe")
        assert ws.next() == "3probe"
        assert refusal(polling.ask("POST", "x")) == 3  # a bad packet ends the session
        ws.client.send(frame(PING, b"still there"))
        assert ws.client.message() == (PONG, b"still there")  # a client that is told now would not notice
        ws.send("5")
        assert ws.closed() == 1000


def test_upgrade_whose_websocket_goes_leaves_polling_alone(polling):
    with polling.upgrading() as ws:
        ws.send("2probe")
        assert ws.next() == "3probe"
    polling.echo.wait_for(lambda e: e.stats()["sockets"] == 0)
    with polling.start_poll() as waiting:
        polling.post("4still here")
        assert waiting.reply().body == b"4still here"
    with upgraded(polling) as ws:
        ws.send("4hello")
        assert ws.next() == "4hello"


@pytest.mark.parametrize("packets", [[], ["2probe"]])
def test_abandoned_upgrade_times_out_and_polling_goes_on(packets):
    with running_echo(engine=True, limits={"sio_upgrade_ms": 300}) as echo:
        polling = echo.polling()
        with polling.upgrading() as ws:
            ws.send(*packets)
            ws.closed()
        polling.post("4still here")
        assert polling.poll() == ["4still here"]
        with upgraded(polling) as ws:
            ws.send("4hello")
            assert ws.next() == "4hello"


def test_ping_that_waits_for_a_poll_goes_over_the_websocket():
    with running_echo(engine=True, ping_interval=300, ping_timeout=20000) as echo:
        polling = echo.polling()
        clock = echo.polling()
        assert clock.poll() == ["2"]
        with upgraded(polling) as ws:
            assert ws.next_raw() == "2"
            ws.send("3")
            assert ws.next_raw() == "2"


# ---- other sites ----

def test_any_site_may_read_the_answers_without_credentials(echo, polling):
    origin = "Origin: https://elsewhere.example\r\nSec-Fetch-Site: cross-site\r\n"
    for reply in (echo.ask("EIO=4&transport=polling", fields=origin), polling.ask("POST", b"4hello", origin),
                  polling.ask("GET", fields=origin), echo.ask("EIO=4&transport=abc", fields=origin)):
        assert reply["Access-Control-Allow-Origin"] == "*"
        assert reply["Access-Control-Allow-Credentials"] is None and reply["Set-Cookie"] is None


def test_preflight_is_answered(echo, polling):
    fields = ("Origin: https://elsewhere.example\r\nAccess-Control-Request-Method: POST\r\n"
              "Access-Control-Request-Headers: content-type, x-custom\r\n")
    for query in ("EIO=4&transport=polling", polling.query):
        reply = echo.ask(query, "OPTIONS", fields)
        assert reply.status == 204 and reply["Access-Control-Allow-Origin"] == "*"
        assert reply["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
        assert reply["Access-Control-Allow-Headers"] == "content-type, x-custom"
        assert reply["Access-Control-Allow-Credentials"] is None


def test_listed_sites_and_our_own_may_and_others_may_not():
    with running_echo(engine=True, ORIGINS="https://a.example https://b.example:8443") as echo:
        for origin in ("https://a.example", "https://b.example:8443", "http://localhost"):
            reply = echo.ask("EIO=4&transport=polling", fields=f"Origin: {origin}\r\n")
            assert reply.status == 200 and reply["Access-Control-Allow-Origin"] == origin and reply["Vary"] == "Origin"
        for origin in ("https://c.example", "https://b.example", "null", "https://a.example.evil.example"):
            reply = echo.ask("EIO=4&transport=polling", fields=f"Origin: {origin}\r\n")
            assert refusal(reply) == 4 and reply["Access-Control-Allow-Origin"] is None
            reply = echo.ask("EIO=4&transport=polling", "OPTIONS", f"Origin: {origin}\r\n")
            assert reply["Access-Control-Allow-Origin"] is None
        assert echo.polling().sid  # programs name no site
        upgrade = ("Origin: https://c.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
        assert refusal(echo.ask("EIO=4&transport=websocket", fields=upgrade)) == 4


# ---- bounds ----

def test_sessions_by_polling_are_counted():
    with running_echo(engine=True, limits={"polling_sessions": 3}) as echo:
        sessions = [echo.polling() for _ in range(3)]
        assert echo.ask("EIO=4&transport=polling").status == 429
        with echo.websocket() as ws:
            assert ws.greeting()["upgrades"] == []
        with upgraded(sessions[0]) as ws:  # makes room
            ws.send("4hello")
            assert ws.next() == "4hello"
            echo.polling()
            assert echo.ask("EIO=4&transport=polling").status == 429
        sessions[1].post("1")
        echo.polling()


def test_session_that_does_not_fetch_is_dropped_at_its_limit():
    with running_echo(engine=True, limits={"app_unsent_bytes": 10000}) as echo:
        polling, other = echo.polling(), echo.polling()
        polling.post(*["4" + "x" * 1000] * 5)
        polling.ask("POST", SEPARATOR.join(["4" + "x" * 1000] * 20))
        assert polling.gone()
        other.post("4hello")
        assert other.poll() == ["4hello"]


def test_websocket_that_does_not_read_is_dropped_at_its_limit():
    with running_echo(engine=True, limits={"app_unsent_bytes": 100000}) as echo, echo.websocket(small=True) as ws:
        ws.client.send_until_it_blocks(frame(BINARY, b"x" * 100000) * 10)
        assert echo.stats()["heap"] < 8 << 20


def test_answer_of_one_poll_is_bounded_but_for_its_first_packet():
    with running_echo(engine=True, MAX_PAYLOAD="2000") as echo:
        polling = echo.polling()
        for i in range(3):
            polling.post(str(4) + str(i) * 1500)
        assert [len(p) for p in polling.poll()] == [1501, 1501] and len(polling.poll()) == 1


def test_memory_comes_back_when_sessions_go():
    with running_echo(engine=True) as echo:
        def crowd():
            for s in [echo.polling() for _ in range(200)]:
                s.post("4" + "x" * 1000)
                s.post("1")
            return echo.stats()

        before = crowd()["heap"]  # the log's buffer and the like have grown by now
        after = crowd()
        assert after["sessions"] == after["polling"] == 0 and after["heap"] < before + 40000


# ---- shutdown ----

def test_shutdown_drops_everybody_and_lets_nobody_in():
    with running_echo(engine=True) as echo, echo.websocket() as ws:
        ws.greeting()
        polling = echo.polling()
        with polling.start_poll() as waiting:
            echo.shut_down()
            assert refusal(waiting.reply()) == 1
        assert ws.closed() == 1001
        assert echo.ask("EIO=4&transport=polling").status == 503
        assert echo.stats()["sessions"] == 0

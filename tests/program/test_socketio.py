"""Socket.IO 5 case by case, as its protocol document and its reference server have it (tests/sio_echo.c)."""
import json

import pytest

from edge_fixture import BINARY, frame
from sio_fixture import SEPARATOR, refusal, running_echo


@pytest.fixture(scope="module")
def echo():
    with running_echo() as e:
        yield e


@pytest.fixture
def ws(echo):
    """A client in the main namespace."""
    with echo.websocket() as w:
        connect(w)
        yield w


def connect(w, packet="40", prefix="40"):
    if packet == "40":
        w.greeting()
    w.send(packet)
    reply = w.next()
    assert reply.startswith(prefix + '{"sid":"'), reply
    assert w.next().startswith(prefix.replace("40", "42", 1) + '["auth",')
    return json.loads(reply[len(prefix):])["sid"]


def dropped(w, *packets):
    """The connection is closed upon what was sent."""
    w.send(*packets)
    assert w.closed() == 1000


# ---- connect ----

@pytest.mark.parametrize("packet, prefix, auth", [
    ("40", "40", "{}"), ("40{}", "40", "{}"), ("40/,", "40", "{}"), ('40{"token":"123"}', "40", '{"token":"123"}'),
    ("40/custom,", "40/custom,", "{}"), ("40/custom", "40/custom,", "{}"), ("40/custom?x=1,", "40/custom,", "{}"),
    ('40/custom,{"token":"abc"}', "40/custom,", '{"token":"abc"}')])
def test_namespace_is_entered(echo, packet, prefix, auth):
    with echo.websocket() as w:
        w.greeting()
        w.send(packet)
        reply = w.next()
        assert reply.startswith(prefix)
        says = json.loads(reply[len(prefix):])
        assert says.keys() == {"sid"} and len(says["sid"]) == 20
        assert w.next() == prefix.replace("40", "42", 1) + f'["auth",{auth}]'


@pytest.mark.parametrize("packet, reply", [
    ("40/random", '44/random,{"message":"Invalid namespace"}'), ("40/random,", '44/random,{"message":"Invalid namespace"}'),
    ('40/random,{"token":"abc"}', '44/random,{"message":"Invalid namespace"}')])
def test_unknown_namespace_is_refused_and_others_are_not(echo, packet, reply):
    with echo.websocket() as w:
        w.greeting()
        w.send(packet)
        assert w.next() == reply
        connect(w, "40/custom,", "40/custom,")


@pytest.mark.parametrize("packet", ["4abc", "4", "47", '42["message"]', "41", "43[]", '44{"message":"x"}', '42/custom,["message"]',
                                    "40[]", "40null", "40{", '40"auth"', '40{"a":1,"a":2}', "40/" + "x" * 200, b"\1\2"])
def test_anything_but_a_connect_closes_the_connection(echo, packet):
    with echo.websocket() as w:
        w.greeting()
        dropped(w, packet)


def test_client_that_never_connects_is_closed():
    with running_echo(limits={"sio_connect_ms": 300}) as echo:
        polling = echo.polling()
        with echo.websocket() as w, echo.websocket() as other:
            connect(other)
            w.greeting()
            w.closed()
            other.send('42["message"]')
            assert other.next() == '42["message-back"]'
        echo.wait_for(lambda e: e.stats()["polling"] == 0)
        assert polling.gone()


def test_client_that_has_left_all_namespaces_is_closed():
    with running_echo(limits={"sio_connect_ms": 300}) as echo, echo.websocket() as w:
        connect(w)
        w.send("41")
        w.closed()


def test_refused_client_is_closed_when_it_enters_no_other():
    with running_echo(limits={"sio_connect_ms": 300}) as echo, echo.websocket() as w:
        w.greeting()
        w.send("40/random,")
        assert w.next() == '44/random,{"message":"Invalid namespace"}'
        w.closed()


def test_namespace_is_entered_once(ws):
    dropped(ws, "40")


def test_two_namespaces_share_a_connection(ws):
    connect(ws, "40/custom,", "40/custom,")
    ws.send('42["message",1]', '42/custom,["message",2]', '42["message",3]')
    assert [ws.next() for _ in range(3)] == ['42["message-back",1]', '42/custom,["message-back",2]', '42["message-back",3]']


def test_connection_numbers_differ_from_the_sessions(echo):
    with echo.websocket() as w:
        sid = w.greeting()["sid"]
        assert connect(w, "40/custom,", "40/custom,") != connect(w, "40{}") != sid


def test_handshake_parameters_reach_the_namespace():
    with running_echo() as echo, echo.websocket("&who=a%20b%2Bc%3D") as w:
        connect(w)
        connect(w, "40/custom,", "40/custom,")
        assert echo.log() == ["who a b+c="]  # forgotten once it was let in


# ---- events ----

@pytest.mark.parametrize("args", ["", ',1,"2",{"3":[true]}', ',null', ',"€😀\\u00e9\\n\\"]"', ',[[],{}],"a,b"', ",1e400,0.10,-0",
                                  ',{"_placeholder":true,"num":0}'])
def test_event_comes_back_with_the_same_arguments(ws, args):
    ws.send(f'42["message"{args}]')
    assert ws.next() == f'42["message-back"{args}]'


def test_blanks_between_are_allowed(ws):
    ws.send('42 [ "message" , 1 , { "a" : 2 } ] ')
    assert json.loads(ws.next()[2:]) == ["message-back", 1, {"a": 2}]


def test_escaped_event_name_is_understood(ws):
    ws.send('42["mess\\u0061ge",1]')
    assert ws.next() == '42["message-back",1]'


def test_unknown_event_does_no_harm(ws):
    ws.send('42["other",1]', '422["other",1]', '42["message",2]')
    assert ws.next() == '42["message-back",2]'


@pytest.mark.parametrize("packet", [
    "42", "42[]", "42{}", '42"message"', "42[1]", "42[null]", '42[["message"]]', '42["message"', '42["message",]', '42["message"]x',
    '42["message",{"a":1,"a":2}]', '42["message",nan]', '42["message","\\ud800"]', '42["connect"]', '42["disconnect"]',
    '42["connect_error"]', '42["disconnecting"]', '42["newListener"]', '42["removeListener"]', "42-1[]",
    '4299999999999999999999["message"]', "43[]", '431{}', "431", '41{}', '4xx', '45["message"]', '45-["message"]',
    '451["message"]', '45x-["message"]', '4565-["message"]', '4599999999999999999999-["message"]',
    "42" + "[" * 100 + "]" * 100])
def test_malformed_packet_closes_the_connection(ws, packet):
    dropped(ws, packet)


def test_event_for_a_namespace_that_was_not_entered_closes_the_connection(ws):
    dropped(ws, '42/custom,["message"]')


def test_nesting_up_to_the_limit_is_taken(ws):
    deep = "[" * 64 + "]" * 64
    ws.send(f'42["message",{deep}]')
    assert ws.next() == f'42["message-back",{deep}]'
    dropped(ws, f'42["message",[{deep}]]')


# ---- binary ----

PLACEHOLDERS = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'


def test_event_with_attachments_comes_back_with_them(ws):
    ws.send(f'452-["message",{PLACEHOLDERS}]', b"\1\2\3", b"\4\5\6")
    assert [ws.next() for _ in range(3)] == [f'452-["message-back",{PLACEHOLDERS}]', b"\1\2\3", b"\4\5\6"]


def test_attachments_in_a_namespace_with_an_ack(ws):
    connect(ws, "40/custom,", "40/custom,")
    ws.send(f'452-/custom,789["message-with-ack",{PLACEHOLDERS}]', b"\1", b"")
    assert [ws.next() for _ in range(3)] == [f"462-/custom,789[{PLACEHOLDERS}]", b"\1", b""]


def test_binary_event_without_attachments_is_an_event(ws):
    ws.send('450-["message",1]')
    assert ws.next() == '42["message-back",1]'


def test_64_attachments_are_taken(ws):
    ws.send('4564-["message"]', *[bytes([i]) for i in range(64)])
    assert ws.next() == '4564-["message-back"]'
    assert [ws.next() for _ in range(64)] == [bytes([i]) for i in range(64)]


def test_attachments_by_polling(echo):
    polling = echo.polling()
    polling.post("40", f'452-["message",{PLACEHOLDERS}]', "bAQID", "bBAUG")
    assert polling.next().startswith('40{"sid"') and polling.next() == '42["auth",{}]'
    assert [polling.next() for _ in range(3)] == [f'452-["message-back",{PLACEHOLDERS}]', "bAQID", "bBAUG"]


def test_attachments_over_several_posts_and_the_upgrade(echo):
    polling = echo.polling()
    polling.post("40", f'452-["message",{PLACEHOLDERS}]', "bAQID")
    with polling.upgrading() as w:
        w.send("2probe", "5", b"\4\5\6")
        got = [w.next() for _ in range(6)]
        assert got[0] == "3probe" and got[3:] == [f'452-["message-back",{PLACEHOLDERS}]', b"\1\2\3", b"\4\5\6"]


@pytest.mark.parametrize("packets", [[b"\1"], ['452-["message"]', b"\1", '42["message"]'], ['451-["message"]', "40/custom,"],
                                     ['451-["message"]', b"\1", b"\2"]])
def test_attachment_out_of_turn_closes_the_connection(ws, packets):
    dropped(ws, *packets)


def test_attachments_are_bounded_together():
    with running_echo(MAX_PAYLOAD="2000") as echo, echo.websocket() as w:
        connect(w)
        w.send('454-["message"]', *[b"x" * 2000] * 4)
        assert w.next() == '454-["message-back"]' and [len(w.next()) for _ in range(4)] == [2000] * 4
        dropped(w, '455-["message"]', *[b"x" * 2000] * 4, b"x")


# ---- acks ----

@pytest.mark.parametrize("id", [0, 456, 9007199254740991])
def test_event_is_acknowledged(ws, id):
    ws.send(f'42{id}["message-with-ack",1,"2",{{"3":[false]}}]')
    assert ws.next() == f'43{id}[1,"2",{{"3":[false]}}]'


def test_event_is_acknowledged_with_nothing(ws):
    ws.send('421["message-with-ack"]')
    assert ws.next() == "431[]"


def test_client_acknowledges(ws):
    ws.send('42["ask",1]', '42["ask",2]')
    assert [ws.next(), ws.next()] == ['420["asked",1]', '421["asked",2]']
    ws.send('431["b"]', "430[]", '451-["message",{"_placeholder":true,"num":0}]', b"x")
    assert [ws.next() for _ in range(4)] == ['42["answered","b"]', '42["answered"]',
                                             '451-["message-back",{"_placeholder":true,"num":0}]', b"x"]


def test_client_acknowledges_with_an_attachment(ws):
    ws.send('42["ask"]')
    assert ws.next() == '420["asked"]'
    ws.send('461-0["bar",{"_placeholder":true,"num":0}]', b"\7")
    assert [ws.next(), ws.next()] == ['451-["answered","bar",{"_placeholder":true,"num":0}]', b"\7"]


def test_ack_that_nobody_waits_for_does_no_harm(ws):
    ws.send("4399[]", '42["message"]')
    assert ws.next() == '42["message-back"]'


# ---- disconnect ----

def test_client_that_leaves_the_main_namespace_keeps_its_connection():
    with running_echo(ping_interval=300) as echo, echo.websocket() as w:
        connect(w)
        w.send("41")
        assert w.next_raw() == "2"
        w.send("3")
        assert echo.log() == ["closed / clean"]
        connect(w, "40{}")
        w.send('42["message"]')
        assert w.next() == '42["message-back"]'


def test_client_that_leaves_a_namespace_stays_in_the_other(ws):
    connect(ws, "40/custom,", "40/custom,")
    ws.send("41/custom,", '42["message","message to main namespace"]')
    assert ws.next() == '42["message-back","message to main namespace"]'
    dropped(ws, '42/custom,["message"]')


def test_server_disconnects_with_41_after_what_it_said():
    with running_echo() as echo, echo.websocket() as w:
        connect(w)
        w.send('42["leave"]', '42["message"]')
        assert [w.next(), w.next()] == ['42["farewell"]', "41"]
        assert w.closed() == 1000
        echo.wait_for_log("closed / unclean")


def test_server_disconnects_one_namespace_of_two(ws):
    connect(ws, "40/custom,", "40/custom,")
    ws.send('42/custom,["leave"]', '42/custom,["message","too late"]', '42["message"]')
    assert [ws.next() for _ in range(3)] == ['42/custom,["farewell"]', "41/custom,", '42["message-back"]']


def test_server_disconnects_a_polling_client():
    with running_echo() as echo:
        polling = echo.polling()
        polling.post("40")
        assert polling.next().startswith("40{") and polling.next() == '42["auth",{}]'
        polling.post('42["leave"]', '42["message"]')
        assert [polling.next(), polling.next()] == ['42["farewell"]', "41"]
        assert polling.poll() == ["1"]
        assert polling.gone()
        assert echo.log() == ["closed / unclean"]


def test_server_drops_without_a_word():
    with running_echo() as echo, echo.websocket() as w:
        polling = echo.polling()
        polling.post("40")
        assert len(polling.poll()) == 2
        with polling.start_poll() as waiting:
            polling.post('42["drop"]', '42["message"]')
            assert refusal(waiting.reply()) == 1
        connect(w)
        w.send('42["drop"]', '42["message"]')
        assert w.closed() == 1000
        echo.wait_for(lambda e: e.log() == ["closed / unclean"] * 2)


def test_leaving_is_clean_and_vanishing_is_not():
    with running_echo() as echo:
        for packets in (["41"], ["1"], []):
            with echo.websocket() as w:
                connect(w)
                w.send(*packets, '6')
                echo.stats()
        echo.wait_for(lambda e: e.log() == ["closed / clean", "closed / clean", "closed / unclean"])


def test_shutdown_drops_without_41():
    with running_echo() as echo, echo.websocket() as w:
        connect(w)
        echo.shut_down()
        assert w.closed() == 1001
        assert echo.ask("EIO=4&transport=polling").status == 503
        echo.wait_for_log("closed / unclean")


# ---- bounds ----

def test_messages_are_limited_until_the_limit_is_raised():
    with running_echo(FIRST_MESSAGE="2000") as echo:
        for raise_it in (True, False):
            with echo.websocket() as w:
                connect(w)
                if raise_it:
                    w.send('42["limit",1000000]', '42["message","%s"]' % ("x" * 100000))
                    assert len(w.next()) > 100000
                else:
                    w.send('42["message","%s"]' % ("x" * 2000))
                    assert w.closed() == 1009
        polling = echo.polling()
        polling.post("40")
        assert polling.ask("POST", "42" + "x" * 2000).status == 413


def test_client_that_does_not_read_is_dropped_and_others_are_not():
    with running_echo(limits={"app_unsent_bytes": 1000000}) as echo, echo.websocket(small=True) as slow, echo.websocket() as w:
        connect(w)
        connect(slow)
        slow.send('42["burst",1000000]')
        echo.wait_for_log("closed / unclean")
        w.send('42["message"]')
        assert w.next() == '42["message-back"]'
        assert echo.stats()["heap"] < 8 << 20


def test_client_enters_a_bounded_number_of_namespaces(ws):
    """The echo has two; what is refused is not counted."""
    for i in range(20):
        ws.send(f"40/x{i},")
        assert ws.next() == '44/x%d,{"message":"Invalid namespace"}' % i
    connect(ws, "40/custom,", "40/custom,")


def test_burst_keeps_its_order(ws, echo):
    ws.send('42["burst",5000]')
    assert [ws.next() for _ in range(5000)] == [f'42["number",{i}]' for i in range(5000)]
    polling = echo.polling()
    polling.post("40", '42["burst",500]')
    got = [polling.next() for _ in range(502)]
    assert got[2:] == [f'42["number",{i}]' for i in range(500)]


def test_posted_burst_keeps_its_order(echo):
    polling = echo.polling()
    polling.post("40", *[f'42["message",{i}]' for i in range(500)])
    assert [polling.next() for _ in range(502)][2:] == [f'42["message-back",{i}]' for i in range(500)]


def test_stranger_gets_no_room_for_answers():
    """While its messages are limited, so is what may wait for its polls."""
    with running_echo(FIRST_MESSAGE="2000") as echo:
        polling = echo.polling()
        polling.post(*["40/x"] * 300)
        assert polling.gone()
    with running_echo() as echo:
        polling = echo.polling()
        polling.post(*["40/x"] * 300)
        assert polling.poll() == ['44/x,{"message":"Invalid namespace"}'] * 16

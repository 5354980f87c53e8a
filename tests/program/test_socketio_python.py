"""Debian's python3-socketio against sio_echo: over WebSocket, by polling, and by polling with an upgrade."""
import json
import queue

import pytest
import socketio

from sio_fixture import Echo, running_echo

PATIENCE = 30
TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": None}
ends_with = {"websocket": "websocket", "polling": "polling", "upgrade": "websocket"}


class Client:
    """What happens to it comes out of `next` in its order, ("connect",) and ("disconnect",) too."""

    def __init__(self, echo, transport, namespaces=("/",), wait_timeout=PATIENCE, **options):
        self.sio = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.2, randomization_factor=0)
        self.happened = queue.Queue()
        for n in namespaces:
            self.sio.on("connect", lambda n=n: self.happened.put((n, "connect")), namespace=n)
            self.sio.on("disconnect", lambda n=n: self.happened.put((n, "disconnect")), namespace=n)
            self.sio.on("connect_error", lambda why, n=n: self.happened.put((n, "connect_error", why)), namespace=n)
            for name in ("auth", "message-back", "asked", "answered", "number", "farewell"):
                self.sio.on(name, lambda *args, n=n, name=name: self.take(n, name, args), namespace=n)
        try:
            self.sio.connect(echo.url, transports=TRANSPORTS[transport], namespaces=list(namespaces),
                             wait_timeout=wait_timeout, **options)
        except socketio.exceptions.ConnectionError:
            self.give_up()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.give_up()

    def give_up(self):
        """Its `disconnect` does not end the attempts to come back to a server that has gone: a thread tries for ever,
        and the tests' process does not end."""
        self.sio.reconnection = False
        self.sio.disconnect()
        self.sio.eio.wait()
        while (task := self.sio._reconnect_task) and task.is_alive():
            self.sio._reconnect_abort.set()
            task.join(0.05)
        self.sio.disconnect()

    def take(self, namespace, name, args):
        self.happened.put((namespace, name, *args))
        return "yes", *args

    def next(self):
        return self.happened.get(timeout=PATIENCE)

    def wait(self, *what):
        while (got := self.next()) != what:
            pass
        return got


@pytest.fixture(scope="module")
def echo():
    with running_echo() as e:
        yield e


@pytest.fixture(params=list(TRANSPORTS))
def transport(request):
    return request.param


def test_connects_over_the_chosen_transport(echo, transport):
    with Client(echo, transport) as c:
        c.wait("/", "connect")
        assert c.sio.transport() == ends_with[transport]


def test_auth_payload_reaches_the_server(echo, transport):
    with Client(echo, transport, auth={"token": "abc"}) as c:
        c.sio.emit("message", "later")
        got = [c.next() for _ in range(3)]
        assert ("/", "auth", {"token": "abc"}) in got and ("/", "connect") in got and got[2] == ("/", "message-back", "later")


def test_500_events_keep_their_order_both_ways(echo, transport):
    """python-engineio starts a thread for each message: what is read from the wire, in its order, is what counts."""
    with Client(echo, transport) as c:
        c.wait("/", "auth", {})
        wire, take = [], c.sio.eio._receive_packet
        c.sio.eio._receive_packet = lambda packet: (wire.append(packet.data), take(packet))
        c.sio.emit("burst", 500)
        for i in range(500):
            c.sio.emit("message", i)
        heard = 0
        while heard < 1000:
            heard += c.next()[1] in ("number", "message-back")
        events = [json.loads(data[1:]) for data in wire if isinstance(data, str) and data.startswith("2[")]
        assert [n for name, n in events if name == "number"] == list(range(500))
        assert [n for name, n in events if name == "message-back"] == list(range(500))


def test_binary_goes_both_ways(echo, transport):
    blobs = [bytes(range(256)) * 100, b"", b"\x1e\0"]
    with Client(echo, transport) as c:
        c.sio.emit("message", ({"a": blobs[0], "b": [blobs[1]]}, blobs[2]))
        c.wait("/", "message-back", {"a": blobs[0], "b": [blobs[1]]}, blobs[2])
        assert c.sio.call("message-with-ack", {"x": blobs[0]}, timeout=PATIENCE) == {"x": blobs[0]}


def test_what_is_no_number_reads_null(echo, transport):
    """Python's json writes NaN and Infinity, and Python's sites take them."""
    odd = {"loss": float("nan"), "range": [float("-inf"), float("inf")], "text": "NaN, Infinity"}
    with Client(echo, transport) as c:
        c.sio.emit("message", odd)
        c.wait("/", "message-back", {"loss": None, "range": [None, None], "text": "NaN, Infinity"})
        c.sio.emit("message", (b"\xff", float("nan")))
        c.wait("/", "message-back", b"\xff", None)


def test_large_messages_go_both_ways(echo, transport):
    with Client(echo, transport) as c:
        c.sio.emit("message", "€" * 100000)
        c.wait("/", "message-back", "€" * 100000)


def test_acks_both_ways(echo, transport):
    with Client(echo, transport) as c:
        assert c.sio.call("message-with-ack", ("a", 1), timeout=PATIENCE) == ("a", 1)
        c.sio.emit("ask", "b")
        c.wait("/", "answered", "yes", "b")


def test_namespaces(echo, transport):
    with Client(echo, transport, ("/", "/custom")) as c:
        for n in ("/", "/custom"):
            c.sio.emit("message", n, namespace=n)
            c.wait(n, "message-back", n)


def test_unknown_namespace_is_refused(echo, transport):
    with pytest.raises(socketio.exceptions.ConnectionError):
        Client(echo, transport, ("/random",), wait_timeout=1)  # it waits so long in any case


def test_client_that_disconnects_is_gone_at_once(transport):
    with running_echo() as echo:
        with Client(echo, transport) as c:
            c.sio.call("message-with-ack", timeout=PATIENCE)
            c.sio.eio.queue.join()  # by polling it says goodbye only when it has nothing else under way
        echo.wait_for_log("closed / clean")
        echo.wait_for(lambda e: e.stats()["sessions"] == 0)


def test_server_side_disconnect_is_for_good(echo, transport):
    c = Client(echo, transport)
    c.sio.emit("leave")
    c.wait("/", "disconnect")
    c.sio.wait()  # returns once it neither is connected nor tries to be
    assert not c.sio.connected


def test_dropped_client_comes_back(echo, transport):
    with Client(echo, transport) as c:
        c.wait("/", "connect")
        c.sio.emit("drop")
        c.wait("/", "disconnect")
        c.wait("/", "connect")
        c.sio.emit("message", "again")
        c.wait("/", "message-back", "again")


@pytest.mark.parametrize("announced", [True, False])
def test_client_comes_back_after_a_restart(transport, announced):
    echo = Echo()
    with Client(echo, transport) as c:
        c.wait("/", "connect")
        if announced:
            echo.shut_down()
            c.wait("/", "disconnect")
        echo.stop()
        with running_echo(port=echo.port) as echo:
            c.wait("/", "connect")
            c.sio.emit("message", "again")
            c.wait("/", "message-back", "again")


def test_heartbeat_keeps_a_client(transport):
    """A silent session that was opened later is the clock."""
    with running_echo(ping_interval=300, ping_timeout=200) as echo, Client(echo, transport) as c:
        c.wait("/", "connect")
        for _ in range(3):
            silent = echo.polling()
            echo.wait_for(lambda e: e.ask(silent.query, "PUT").body.find(b'"code":1') >= 0)
        assert echo.log() == []
        c.sio.emit("message", "alive")
        c.wait("/", "message-back", "alive")

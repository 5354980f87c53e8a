"""What strangers and ill-meaning people try, and that what is allowed beside it still works."""
import json
import socket

import pytest
from edge_fixture import CLOSE, PATIENCE, Client, frame
from relay import NOBODY, Person, relay_fixture

server, r = relay_fixture("server")
proxied_server, proxied = relay_fixture(
    "proxied_server", limits={"login_failures_address": 3}, options=["--trusted-proxy", "127.0.0.1"])

LARGE = 300 * 1024


def connect(relay, path, fields=""):
    """A socket that sends exactly what it is told to."""
    host, port = relay.url.split("//")[1].split(":")
    client = Client(socket.create_connection((host, int(port)), PATIENCE))
    client.upgrade(path, fields)
    return client


def message(type, **fields):
    return frame(1, json.dumps({"type": type, **fields}))


def test_a_flood_of_cancels_fills_no_list(r):
    flood, ben = 3000, r.bob.tab()
    with connect(r, "/ws/client", f"Cookie: {r.ann.cookie}\r\nOrigin: http://localhost\r\n") as ann:
        ann.send(message("cancel", request_id=NOBODY) * flood)
        codes = [json.loads(ann.message()[1])["code"] for _ in range(flood)]
        assert ben.cancel(NOBODY)["code"] == "not_found"
        assert codes.count("not_found") + codes.count("rate_limited") == flood
        assert codes.count("not_found") >= 64 and codes.count("rate_limited") > 0
        ann.send(message("cancel", request_id=NOBODY))  # it was only too much at once
        assert json.loads(ann.message()[1])["code"] == "not_found"


def test_a_flood_of_subscribes_fills_no_list(r):
    flood = 200
    with connect(r, "/ws/client", f"Cookie: {r.ann.cookie}\r\nOrigin: http://localhost\r\n") as ann:
        ann.send(message("subscribe", topic=f"request:{NOBODY}") * flood)
        errors = [json.loads(ann.message()[1]) for _ in range(flood)]
        assert {e["code"] for e in errors} == {"not_found", "rate_limited"}
        assert {e["topic"] for e in errors} == {f"request:{NOBODY}"}


def test_who_is_not_registered_gets_no_room_for_a_large_message(r):
    with connect(r, "/ws/app") as stranger:
        stranger.send(frame(1, length=LARGE))
        opcode, payload = stranger.message()
        assert (opcode, payload[:2]) == (CLOSE, (1009).to_bytes(2, "big"))


def test_a_register_with_all_it_may_hold_is_taken(r):
    space = r.space()
    resume = [{"request_id": NOBODY, "attempt": 4294967295}] * 1024
    assert space.app(instance="a", app={"name": "n" * 64, "version": "v" * 64}, resume=resume).response["success"]


def test_who_is_registered_may_send_large_messages(r):
    space = r.space()
    app, tab = space.app(), r.ann.tab()
    id = tab.submit(space)
    assert app.result(app.take(), {"text_output": "x" * LARGE})["accepted"]
    assert len(tab.outcome(id)["result"]["text_output"]) == LARGE


def test_a_tab_in_a_field_costs_no_connection_to_the_web_threads(r):
    answer = r.stranger().get("/login", headers={"X-Odd": "a\tb\t\tc", "User-Agent": "odd\tbrowser"})
    assert answer.status_code == 200
    person = Person(r, "ann")
    assert person.try_login(headers={"User-Agent": "odd\tbrowser"}).status_code == 302
    assert "odd browser" in person.get("/account").text


@pytest.mark.parametrize("before", range(3))
def test_a_long_name_is_refused_in_whole_characters(r, before):
    answer = r.app().register("x" * before + "€" * 1000)  # what is not UTF-8 would end the connection
    assert answer["code"] == "not_found" and answer["message"].endswith("€")


def test_the_addresses_of_one_ipv6_network_count_as_one(proxied):
    def guess(i, network):
        return proxied.stranger(f"guess{i}").try_login(
            "wrong one", headers={"X-Forwarded-For": f"2001:db8:0:{network}::{i:x}"}).status_code

    assert [guess(i, 1) for i in range(1, 5)] == [200, 200, 200, 429]
    assert guess(5, 2) == 200  # the neighbours' network

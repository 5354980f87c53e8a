"""The same key and body give the same request: at once, later, from another device, after a restart."""
import pytest

from relay import relay_fixture

server, r = relay_fixture("server")


def patient(r):
    return r.space(queue_offline=True)


def test_a_repeat_gives_the_same_request_on_any_socket(r):
    space = patient(r)
    first = r.ann.tab().ask(space, idempotency_key="order-7")
    assert first["type"] == "submitted", first
    other = r.ann.tab()
    again = other.ask(space, idempotency_key="order-7")
    assert (again["type"], again["request_id"], again["position"]) == ("submitted", first["request_id"], 1)
    assert other.ask(space, idempotency_key="order-8")["request_id"] != first["request_id"]
    assert r.bob.tab().ask(space, idempotency_key="order-7")["request_id"] != first["request_id"]


def test_many_repeats_at_once_start_one_request(r):
    space = patient(r)
    tabs = [r.ann.tab() for _ in range(4)]
    for i in range(32):  # one after the other without waiting for an answer
        tabs[i % 4].send("submit", space=space.name, payload={"prompt": "once"}, idempotency_key="all", ref=str(i))
    ids = {tabs[i % 4].wait(lambda m, i=i: m.get("ref") == str(i))["request_id"] for i in range(32)}
    assert len(ids) == 1
    app = space.app(concurrency=8)
    assert {app.take()["request_id"]} == ids
    assert app.said() == []


def test_another_body_or_space_is_refused(r):
    space = patient(r)
    tab = r.ann.tab()
    tab.submit(space)
    first = tab.ask(space, {"prompt": "a"}, idempotency_key="x")
    for where, payload in ((space, {"prompt": "b"}), (patient(r), {"prompt": "a"})):
        answer = tab.ask(where, payload, idempotency_key="x")
        assert (answer["type"], answer["code"]) == ("error", "idempotency_conflict")
        assert "request_id" not in answer
    assert tab.ask(space, {"prompt": "a"}, idempotency_key="x")["request_id"] == first["request_id"]


def test_a_repeat_after_the_end_gives_the_finished_request(r):
    space = r.space()
    app, tab = space.app(), r.ann.tab()
    first = tab.ask(space, idempotency_key="done")
    app.result(app.take(), {"text_output": "the one answer"})
    again = tab.ask(space, idempotency_key="done")
    assert (again["request_id"], again["position"]) == (first["request_id"], 0)
    assert tab.outcome(again["request_id"])["result"] == {"text_output": "the one answer"}
    app.close()
    assert tab.ask(space, idempotency_key="done")["request_id"] == first["request_id"]  # though no app is there


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 129, "a\n", 7, {"k": 1}])
def test_an_odd_key_is_refused(r, key):
    answer = r.ann.tab().ask(patient(r), idempotency_key=key)
    assert (answer["type"], answer["code"]) == ("error", "bad_message")
    assert "idempotency_key" in answer["message"]


def test_null_is_no_key(r):
    space, tab = patient(r), r.ann.tab()
    assert tab.ask(space, idempotency_key=None)["request_id"] != tab.ask(space, idempotency_key=None)["request_id"]


@pytest.mark.parametrize("kill", [False, True])
def test_keys_survive_a_restart(r, kill):
    space = patient(r)
    key = f"kept-{kill}"
    first = r.ann.tab().ask(space, {"prompt": "p"}, idempotency_key=key)
    r.restart(kill=kill)
    tab = r.ann.tab()
    assert tab.ask(space, {"prompt": "p"}, idempotency_key=key)["request_id"] == first["request_id"]
    assert tab.ask(space, {"prompt": "q"}, idempotency_key=key)["code"] == "idempotency_conflict"
    assert tab.cancel(first["request_id"])["type"] == "cancelled"
    r.restart(kill=kill)
    again = r.ann.tab().ask(space, {"prompt": "p"}, idempotency_key=key)
    assert (again["request_id"], again["position"]) == (first["request_id"], 0)

"""/ws/app, message by message."""
import json
import re

import pytest

from relay import NOBODY, Relay, relay_fixture, until

server, r = relay_fixture("server", limits={"app_message_bytes": 100000, "text_bytes": 1000, "payload_bytes": 20000,
                                  "json_depth": 10})
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def running(r, payload=None, **register):
    """An app with one request: (app, tab, request)."""
    space = r.space()
    app = space.app(**register)
    tab = r.ann.tab()
    tab.submit(space, payload)
    return app, tab, app.take()


# ---- registering ----


def test_register_response_has_exactly_these_fields(r):
    space = r.space()
    response = space.app().response
    assert set(response) == {"type", "success", "message", "connection_id", "space_id", "limits", "resumed"}
    assert response["success"] is True
    assert response["message"] == f'Successfully connected to space "{space.name}"'
    assert response["space_id"] == space.id
    assert UUID7.fullmatch(response["connection_id"])
    assert response["limits"] == {"max_message_bytes": 100000, "request_timeout_s": 120}
    assert response["resumed"] == []


def test_the_token_may_travel_in_the_handshake(r):
    space = r.space()
    app = r.app({"Authorization": f"Bearer {space.token}"})
    assert app.register(space.name)["success"]


def test_the_message_s_token_goes_before_the_handshake_s(r):
    space = r.space()
    app = r.app({"Authorization": f"Bearer {space.token}"})
    assert app.register(space.name, token="v4.public.AAAA")["message"] == "token is not valid"


def test_the_subprotocol_is_chosen_and_none_is_needed(r):
    space = r.space()
    assert r.app().ws.subprotocol == "spacerelay.v1"
    app = r.app(subprotocols=None)
    assert app.ws.subprotocol is None
    assert app.register(space.name, token=space.token)["success"]


def test_only_other_subprotocols_are_refused(r):
    assert r.refusal("/ws/app", subprotocols=["spacerelay.v2"]) == 400
    assert r.app(subprotocols=["other", "spacerelay.v1"]).ws.subprotocol == "spacerelay.v1"


def refused(app, message, code, close=4500):
    response = app.wait_type("register_response")
    assert response == {"type": "register_response", "success": False, "message": message, "code": code}
    assert app.closed() == close
    assert app.held == []


@pytest.mark.parametrize("fields", [{}, {"space_name": ""}, {"space_name": None}])
def test_a_register_without_a_name_is_refused(r, fields):
    app = r.app()
    app.send("register", token=r.space().token, **fields)
    refused(app, "space_name is required", "bad_message")


def test_a_register_for_an_unknown_space_is_refused(r):
    space = r.space()
    for name in ["nowhere", space.name.upper(), space.name + " ", "<b>\"x\""]:
        app = r.app()
        app.send("register", space_name=name, token=space.token)
        refused(app, f'Space "{name}" not found', "not_found")


def test_a_second_app_is_refused_when_the_space_has_its_only_place_taken(r):
    space = r.space()
    first = space.app(instance="a")
    second = r.app()
    second.send("register", space_name=space.name, token=space.token, instance="b")
    refused(second, "Space already has a connected app", "space_taken", close=4003)
    first.sync()  # still there


def test_as_many_apps_as_the_space_allows(r):
    space = r.space(max_apps=2)
    first, second = space.app(), space.app()
    third = r.app()
    third.send("register", space_name=space.name, token=space.token)
    refused(third, "Space already has a connected app", "space_taken", close=4003)
    first.close()
    second.sync()
    assert r.app().register(space.name, token=space.token)["success"]


def change_signature(token):
    # The last character holds bits that are no part of it.
    return token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]


def test_every_wrong_token_is_refused_with_its_sentence(r):
    space, other = r.space(), r.space()
    revoked = space.new_token()
    token_id = [t["token_id"] for t in json.loads(r.command("token", "list", space=space.name, json=True))][0]
    r.command("token", "revoke", token_id)
    cases = [
        (None, "token is required"),
        ("", "token is required"),
        ("garbage", "token is not valid"),
        ("v4.public.", "token is not valid"),
        ("v4.local." + space.token[10:], "token is not valid"),
        (space.token + "x", "token is not valid"),
        (change_signature(space.token), "token is not valid"),
        (space.token[:40], "token is not valid"),
        ("令牌" * 2000, "token is not valid"),
        (other.token, "token is for another space"),
        (revoked, "token has been revoked"),
    ]
    for token, sentence in cases:
        app = r.app()
        app.send("register", space_name=space.name, token=token)
        refused(app, sentence, "unauthorized")


def test_an_expired_token_is_refused(r):
    space = r.space()
    token = space.new_token(expires="1s")
    answers = set()

    def expired():
        app = r.app()
        answer = app.register(space.name, token=token)
        app.close()
        answers.add(answer["message"])
        return not answer["success"]

    until(expired)
    assert answers <= {f'Successfully connected to space "{space.name}"', "token has expired"}
    assert "token has expired" in answers
    app = r.app()
    app.send("register", space_name=space.name, token=token)
    refused(app, "token has expired", "unauthorized")


def test_a_token_of_another_relay_is_not_valid(r):
    other = Relay()
    try:
        foreign = other.space(name="same").token
    finally:
        other.leave()
    space = r.space(name="same")
    app = r.app()
    app.send("register", space_name="same", token=foreign)
    refused(app, "token is not valid", "unauthorized")


@pytest.mark.parametrize("field, value", [
    ("concurrency", 0), ("concurrency", 1025), ("concurrency", 1.5), ("concurrency", "2"), ("prefetch", -1),
    ("instance", "i" * 100), ("resume", {}), ("resume", [1]), ("resume", [{"request_id": NOBODY}]),
    ("app", "me"), ("space_name", 7), ("token", {})])
def test_a_malformed_register_gets_an_error_and_may_be_sent_again(r, field, value):
    space = r.space()
    app = r.app()
    app.send("register", **{"space_name": space.name, "token": space.token, field: value})
    answer = app.next()
    assert (answer["type"], answer["code"]) == ("error", "bad_message")
    assert field in answer["message"]
    assert app.register(space.name, token=space.token)["success"]


def test_a_second_register_on_a_connection_is_an_error(r):
    space = r.space()
    app = space.app()
    app.send("register", space_name=space.name, token=space.token)
    assert app.next()["code"] == "bad_message"
    app.sync()


def test_frames_before_register_are_refused(r):
    app = r.app()
    app.send("inference_delta", request_id=NOBODY, attempt=1, text="x")
    answer = app.next()
    assert (answer["type"], answer["code"]) == ("error", "unauthorized")


def test_revoking_a_token_closes_its_connections_with_4501(r):
    space = r.space(max_apps=2)
    keeps = space.app()
    token = space.new_token()
    app = space.app(token=token)
    ids = [t["token_id"] for t in json.loads(r.command("token", "list", space=space.name, json=True))]
    r.command("token", "revoke", max(ids))
    assert app.closed() == 4501
    keeps.sync()


# ---- what every socket owes ----


def test_an_unknown_type_gets_an_error_and_the_socket_stays_open(r):
    app = r.space().app()
    app.send("make_coffee", request_id=NOBODY)
    answer = app.next()
    assert set(answer) == {"type", "code", "message", "request_id"}
    assert (answer["code"], answer["request_id"]) == ("unknown_type", NOBODY)
    app.send("")
    assert app.next()["code"] == "unknown_type"
    app.raw("{}")
    assert app.next()["code"] == "bad_message"
    app.raw("[]")
    assert app.next()["code"] == "bad_message"
    app.sync()


@pytest.mark.parametrize("text", ["", "{", "{'a':1}", '{"type":"drain",}', '{"type":"drain"} x', "nul", "\x00",
                                  '{"type":"a","type":"b"}', "[" * 11 + "]" * 11, '{"type":"\\ud800"}', '"\\x"',
                                  '{"n":01}', "NaN"])
def test_malformed_json_gets_an_error_and_1007(r, text):
    app = r.space().app()
    app.raw(text)
    assert app.closed() == 1007
    assert [(m["type"], m["code"]) for m in app.held] == [("error", "bad_json")]


def test_a_binary_frame_is_closed_with_1003(r):
    app = r.space().app()
    app.raw(b'{"type":"drain"}')
    assert app.closed() == 1003


def test_a_message_that_is_too_large_is_closed_with_1009(r):
    app = r.space().app()
    app.raw('{"type":"x","pad":"' + "x" * 70000 + '"}')
    assert app.next()["code"] == "too_large"  # as a tree; the socket stays open
    app.sync()
    app.raw("x" * 100001)
    assert app.closed() == 1009


# ---- one request ----


def test_a_request_has_exactly_these_fields(r):
    app, _, request = running(r, {"prompt": "hi", "temperature": 0.50})
    assert set(request) == {"type", "request_id", "attempt", "username", "payload", "created_at", "deadline"}
    assert UUID7.fullmatch(request["request_id"])
    assert request["attempt"] == 1
    assert request["username"] == "ann"
    assert request["payload"] == {"prompt": "hi", "temperature": 0.5}
    assert TIME.fullmatch(request["created_at"]) and TIME.fullmatch(request["deadline"])
    assert request["created_at"] < request["deadline"]


PAYLOAD = ('{"prompt": "caf\\u00e9 \\ud83d\\ude00 \\"x\\" \\/", "n":[1.50,1e400,-0,12345678901234567890,0.1E-7, 1E+2],'
           '  "t":null,"o":{"b":1,"a":2}\t,"spaces" : true}')


def test_payload_and_result_pass_byte_by_byte(r):
    """Numbers keep their digits, strings their escapes, blanks and order stay."""
    space = r.space()
    app = space.app()
    tab = r.ann.tab()
    tab.raw('{"type":"submit","space":%s,"ref":"raw","payload":%s}' % (json.dumps(space.name), PAYLOAD))
    request_id = tab.wait(lambda m: m.get("ref") == "raw")["request_id"]
    sent = app.text()
    assert f'"payload":{PAYLOAD},' in sent
    tab.watch(request_id)
    usage = '{"total_tokens":  3.0,"x":1e-0}'
    app.raw('{"usage":%s,"result": %s ,"status":"completed","attempt":1,"request_id":"%s","type":"inference_result"}'
            % (usage, PAYLOAD, request_id))
    while '"final"' not in (event := tab.text()):
        pass
    assert f'"result":{PAYLOAD}' in event and f'"usage":{usage}' in event
    stored = r.ann.get(f"/requests/{request_id}.json").text
    assert f'"payload":{PAYLOAD},' in stored and f'"result":{PAYLOAD},' in stored and f'"usage":{usage}' in stored
    again = r.ann.tab()
    again.send("subscribe", topic=f"request:{request_id}")
    assert f'"result":{PAYLOAD}' in again.text()


def test_progress_is_shown_and_never_goes_backwards(r):
    app, tab, request = running(r)
    topic = "request:" + request["request_id"]
    tab.subscribe(topic)
    app.progress(request, percent=25, message="loading", step=1, steps=4)
    assert tab.event(topic) == {"kind": "progress", "percent": 25, "message": "loading", "step": 1, "steps": 4}
    app.progress(request, percent=10)
    assert tab.event(topic) == {"kind": "progress", "percent": 25}
    app.progress(request, message="步骤 ✓")
    assert tab.event(topic) == {"kind": "progress", "message": "步骤 ✓"}
    app.progress(request, percent=99.5)
    assert tab.event(topic) == {"kind": "progress", "percent": 99.5}
    state = r.ann.tab().watch(request["request_id"])
    assert (state["percent"], state["message"]) == (99.5, "步骤 ✓")


@pytest.mark.parametrize("fields", [{"percent": 101}, {"percent": -1}, {"percent": "50"}, {"message": 5},
                                    {"step": -1}, {"attempt": 0}, {"request_id": "x"}, {"request_id": None}])
def test_malformed_progress_gets_an_error_and_changes_nothing(r, fields):
    app, tab, request = running(r)
    app.send("inference_progress", **{"request_id": request["request_id"], "attempt": 1, **fields})
    answer = app.wait_type("error")
    assert answer["code"] == "bad_message"
    assert answer.get("request_id") == (None if "request_id" in fields else request["request_id"])
    state = tab.watch(request["request_id"])
    assert "percent" not in state and "message" not in state
    assert app.result(request)["accepted"] is True


def test_deltas_are_appended_and_shown(r):
    app, tab, request = running(r)
    topic = "request:" + request["request_id"]
    tab.subscribe(topic)
    app.delta(request, "Hel")
    app.delta(request, "lo 世")
    app.delta(request, "")
    app.delta(request, "界")
    text = ""
    while text != "Hello 世界":
        event = tab.event(topic)
        assert set(event) == {"kind", "text"} and event["kind"] == "delta"
        text += event["text"]
        assert "Hello 世界".startswith(text)
    assert r.ann.tab().watch(request["request_id"])["text"] == "Hello 世界"


def test_an_overlapping_delta_is_ignored_and_a_gap_refused(r):
    app, tab, request = running(r)
    app.delta(request, "世界", offset=0)
    app.delta(request, "世界", offset=0)  # again
    app.delta(request, "界!", offset=3)  # half known
    app.delta(request, "?", offset=6)  # says what is known already
    app.sync()
    assert app.held == []
    app.delta(request, "x", offset=8)
    gap = app.next()
    assert set(gap) == {"type", "code", "message", "request_id"}
    assert (gap["code"], gap["request_id"]) == ("delta_gap", request["request_id"])
    app.delta(request, "…", offset=7)
    app.sync()
    assert tab.watch(request["request_id"])["text"] == "世界!…"


def test_text_above_its_limit_is_refused_and_the_rest_stays(r):
    app, tab, request = running(r)
    app.delta(request, "a" * 999)
    app.delta(request, "bb")
    assert app.next()["code"] == "too_large"
    app.delta(request, "c" * 2000)
    assert app.next()["code"] == "too_large"
    app.delta(request, "d")
    app.sync()
    assert tab.watch(request["request_id"])["text"] == "a" * 999 + "d"


def test_a_result_is_acknowledged_and_final(r):
    app, tab, request = running(r)
    request_id = request["request_id"]
    state = tab.watch(request_id)
    assert state["status"] == "processing"
    app.delta(request, "partial")
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    ack = app.result(request, {"text_output": "full", "n": 1}, usage=usage)
    assert ack == {"type": "result_ack", "request_id": request_id, "attempt": 1, "accepted": True}
    final = tab.final(request_id)
    assert {k: final[k] for k in ("kind", "status", "result", "usage")} == {
        "kind": "final", "status": "completed", "result": {"text_output": "full", "n": 1}, "usage": usage}
    assert "error" not in final
    state = r.ann.tab().watch(request_id)
    assert (state["status"], state["text"], state["usage"]) == ("completed", "partial", usage)


def test_a_final_error_fails_the_request(r):
    app, tab, request = running(r)
    tab.watch(request["request_id"])
    assert app.error(request, "out_of_memory", "no VRAM", usage={"total_tokens": 9})["accepted"] is True
    final = tab.final(request["request_id"])
    assert final["status"] == "failed"
    assert final["error"] == {"code": "out_of_memory", "message": "no VRAM"}
    assert final["usage"] == {"total_tokens": 9}
    assert "result" not in final


def test_a_retryable_error_gets_another_attempt_with_empty_text(r):
    app, tab, request = running(r)
    topic = "request:" + request["request_id"]
    app.progress(request, percent=80, message="nearly", step=1, steps=2)
    app.delta(request, "first")
    app.sync()
    tab.subscribe(topic)
    assert app.error(request, retryable=True)["accepted"] is True
    queued = tab.event(topic, lambda e: e.get("status") == "queued")
    assert (queued["kind"], queued["text"]) == ("state", "")
    assert queued["percent"] is None and queued["message"] is None
    assert queued["step"] is None and queued["steps"] is None
    again = app.take()
    assert (again["request_id"], again["attempt"]) == (request["request_id"], 2)
    assert again["payload"] == request["payload"] and again["created_at"] == request["created_at"]
    tab.event(topic, lambda e: e.get("attempt") == 2)
    state = tab.state(request["request_id"])
    assert (state["attempt"], state["text"]) == (2, "") and "percent" not in state
    # max_attempts is 2
    assert app.error(again, "busy", "still", retryable=True)["accepted"] is True
    assert tab.outcome(request["request_id"])["error"] == {"code": "busy", "message": "still"}


@pytest.mark.parametrize("fields", [
    {"status": "failed", "result": {}}, {"status": "completed"}, {"status": "completed", "result": "text"},
    {"status": "completed", "result": []}, {"result": {}}, {"status": "completed", "result": {}, "usage": 5}])
def test_a_malformed_result_is_an_error_and_changes_nothing(r, fields):
    app, tab, request = running(r)
    app.about("inference_result", request, **fields)
    answer = app.wait_type("error", "result_ack")
    assert (answer["type"], answer["code"], answer["request_id"]) == ("error", "bad_message", request["request_id"])
    assert tab.state(request["request_id"])["status"] == "processing"


# ---- fencing ----


def test_a_repeated_result_is_accepted_again_and_others_are_not(r):
    app, tab, request = running(r)
    assert app.result(request, {"n": 1})["accepted"] is True
    assert app.result(request, {"n": 2})["accepted"] is True  # a repeat of the attempt that won
    other = dict(request, attempt=2)
    assert app.result(other)["code"] in ("stale_attempt", "already_final")
    assert app.result(other)["accepted"] is False
    assert tab.outcome(request["request_id"])["result"] == {"n": 1}


def test_a_result_for_an_unknown_request_is_not_found(r):
    app = r.space().app()
    request = {"request_id": NOBODY, "attempt": 1}
    assert app.result(request) == {"type": "result_ack", "request_id": NOBODY, "attempt": 1, "accepted": False,
                                   "code": "not_found"}
    assert app.error(request)["code"] == "not_found"


def test_another_space_s_request_is_not_found(r):
    app, tab, request = running(r)
    spy = r.space().app()
    assert spy.result(request)["code"] == "not_found"
    spy.delta(request, "forged")
    spy.progress(request, percent=99)
    assert [m["code"] for m in spy.said()] == ["not_found", "not_found"]
    assert app.result(request, {"n": 1})["accepted"] is True
    assert spy.result(request)["code"] == "not_found"  # also once it is finished
    state = tab.state(request["request_id"])
    assert (state["text"], state["result"]) == ("", {"n": 1})


def test_frames_of_another_app_and_of_an_old_attempt_change_nothing(r):
    space = r.space(max_apps=2)
    one = space.app(instance="1")
    tab = r.ann.tab()
    tab.submit(space)
    request = one.take()
    two = space.app(instance="2")
    two.delta(request, "forged")
    assert two.next()["code"] == "stale_attempt"
    assert two.result(request)["code"] == "stale_attempt"
    for attempt in (2, 7):
        assert one.result(dict(request, attempt=attempt))["code"] == "stale_attempt"
    one.delta(dict(request, attempt=2), "early")
    assert one.next()["code"] == "stale_attempt"
    state = tab.state(request["request_id"])
    assert (state["status"], state["text"], state["attempt"]) == ("processing", "", 1)
    assert one.result(request)["accepted"] is True
    one.delta(request, "late")
    assert one.next()["code"] in ("already_final", "not_found")
    assert tab.state(request["request_id"])["text"] == ""


def test_the_winner_after_a_requeue_is_the_new_attempt(r):
    app, tab, request = running(r)
    app.error(request, retryable=True)
    again = app.take()
    app.delta(request, "old")
    assert app.next()["code"] == "stale_attempt"
    assert app.result(request)["code"] == "stale_attempt"
    assert app.result(again, {"n": 2})["accepted"] is True
    assert app.result(request)["accepted"] is False
    assert app.result(again)["accepted"] is True
    assert tab.outcome(request["request_id"])["result"] == {"n": 2}


# ---- how many ----


def test_concurrency_and_prefetch_bound_what_an_app_holds(r):
    space = r.space()
    app = space.app(concurrency=2, prefetch=1)
    tab = r.ann.tab()
    ids = [tab.submit(space) for _ in range(5)]
    got = [app.take() for _ in range(3)]
    assert [g["request_id"] for g in got] == ids[:3]
    state = tab.subscribe(space.topic)["state"]
    assert (state["slots"], state["slots_free"], state["queue_length"]) == (2, 0, 2)
    app.sync()
    assert app.held == []
    app.result(got[1])
    assert app.take()["request_id"] == ids[3]
    app.sync()
    assert app.held == []


def test_one_at_a_time_by_default(r):
    space = r.space()
    app = space.app()
    tab = r.ann.tab()
    ids = [tab.submit(space) for _ in range(4)]
    for request_id in ids:
        request = app.take()
        assert request["request_id"] == request_id
        app.sync()
        assert app.held == []
        app.result(request)


# ---- draining ----


def test_a_draining_app_gets_nothing_new_and_may_finish(r):
    space = r.space()
    app = space.app()
    tab = r.ann.tab()
    tab.subscribe(space.topic)
    first = tab.submit(space)
    request = app.take()
    app.send("drain")
    tab.event(space.topic, lambda e: e["draining"])
    second = tab.submit(space)
    state = tab.watch(second)
    assert (state["status"], state["reason"], state["position"]) == ("queued", "draining", 1)
    assert app.result(request)["accepted"] is True
    assert tab.outcome(first)["status"] == "completed"
    app.sync()
    assert [m for m in app.held if m["type"] == "inference_request"] == []
    app.close()
    tab.event(space.topic, lambda e: not e["connected"])
    assert space.app().take()["request_id"] == second

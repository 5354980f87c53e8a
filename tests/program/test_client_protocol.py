"""/ws/client, message by message; what a person sees, and what nobody else does."""
import json
import re

import pytest

from relay import NOBODY, Space, relay_fixture, running_relay, until

server, r = relay_fixture("server", limits={
    "topic_events": 4, "client_message_bytes": 50000, "payload_bytes": 5000, "json_depth": 10, "publish_space_ms": 1,
    "publish_position_ms": 1, "topics_per_socket": 40, "sockets_per_person": 20})
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SPACE_KEYS = {"space_id", "name", "connected", "apps", "slots", "slots_free", "queue_length", "draining"}


def working(r, **options):
    space = r.space(**options)
    return space, space.app(), r.ann.tab()


# ---- the socket ----


def test_without_a_session_the_upgrade_is_refused(r):
    ours = {"Origin": r.url}
    assert r.refusal("/ws/client", ours) == 401
    assert r.refusal("/ws/client", {**ours, "Cookie": "session="}) == 401
    assert r.refusal("/ws/client", {**ours, "Cookie": "session=AAAA"}) == 401
    assert r.refusal("/ws/client", {**ours, "Cookie": "other=" + r.ann.cookie.split("=")[1]}) == 401


@pytest.mark.parametrize("origin", [
    None, "", "null", "http://evil.example", "https://{host}", "http://{host}.evil.example", "http://127.0.0.1",
    "http://localhost:{port}", "{host}", "http://{host}/"])
def test_a_cookie_needs_our_origin(r, origin):
    host = r.url.split("//")[1]
    headers = {"Cookie": r.ann.cookie}
    if origin is not None:
        headers["Origin"] = origin.format(host=host, port=host.split(":")[1])
    assert r.refusal("/ws/client", headers) == 403


def test_a_plain_get_is_told_to_upgrade(r):
    for path in ("/ws/client", "/ws/app"):
        answer = r.ann.get(path)
        assert (answer.status_code, answer.headers["Upgrade"]) == (426, "websocket")
        answer = r.ann.post(path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


def test_only_other_subprotocols_are_refused(r):
    headers = {"Cookie": r.ann.cookie, "Origin": r.url}
    assert r.refusal("/ws/client", headers, subprotocols=["chat"]) == 400


def test_a_person_has_only_so_many_sockets(r):
    tabs = [r.bob.tab() for _ in range(20)]
    assert r.refusal("/ws/client", {"Cookie": r.bob.cookie, "Origin": r.url}) == 429
    tabs[0].close()
    until(lambda: r.bob.get("/").ok and "spacerelay_client_sockets 19\n" in r.stranger().get("/metrics").text)
    r.bob.tab().sync()


def test_a_socket_watches_only_so_many_topics(r):
    space, app, tab = working(r)
    ids = [tab.submit(space) for _ in range(40)]
    for request_id in ids:
        tab.watch(request_id)
    assert tab.subscribe(space.topic)["code"] == "rate_limited"
    assert tab.subscribe(f"request:{ids[0]}")["type"] == "subscribed"  # again: no more than before
    tab.send("unsubscribe", topic=f"request:{ids[0]}")
    assert tab.subscribe(space.topic)["type"] == "subscribed"
    r.command("space", "remove", space.name)


def test_an_unknown_type_gets_an_error_and_the_socket_stays_open(r):
    tab = r.ann.tab()
    tab.send("make_tea", ref="x")
    answer = tab.next()
    assert (answer["type"], answer["code"], answer["ref"]) == ("error", "unknown_type", "x")
    tab.raw('{"ref":"y"}')
    answer = tab.next()
    assert (answer["code"], answer["ref"]) == ("bad_message", "y")
    tab.sync()


@pytest.mark.parametrize("text", ["", "{", '{"type":"submit",}', '{"type":"a"}{"type":"b"}', '{"a":1,"a":2}',
                                  "\ufeff{}", "[" * 11 + "]" * 11, '{"type":"\n"}'])
def test_malformed_json_gets_an_error_and_1007(r, text):
    tab = r.ann.tab()
    tab.raw(text)
    assert tab.closed() == 1007
    assert [(m["type"], m["code"]) for m in tab.held] == [("error", "bad_json")]


def test_a_binary_frame_is_closed_with_1003(r):
    tab = r.ann.tab()
    tab.raw(b"{}")
    assert tab.closed() == 1003
    assert tab.held == []


def test_a_message_that_is_too_large_is_closed_with_1009(r):
    tab = r.ann.tab()
    tab.raw("x" * 50001)
    assert tab.closed() == 1009


# ---- submitting ----


def test_submitted_has_exactly_these_fields(r):
    space, app, tab = working(r)
    tab.send("submit", space=space.name, payload={"prompt": "hi"}, ref="my ref", more="ignored")
    answer = tab.next()
    assert set(answer) == {"type", "ref", "request_id", "position"}
    assert (answer["type"], answer["ref"]) == ("submitted", "my ref")
    assert app.take()["request_id"] == answer["request_id"]
    tab.send("submit", space=space.name, payload={})
    assert set(tab.next()) == {"type", "request_id", "position"}
    assert tab.ask(space)["position"] == 2


@pytest.mark.parametrize("fields, code", [
    ({"space": "nowhere"}, "not_found"), ({"space": 5}, "bad_message"), ({"space": None}, "bad_message"),
    ({"payload": "text"}, "bad_message"), ({"payload": []}, "bad_message"), ({"payload": None}, "bad_message"),
    ({"payload": {"prompt": 5}}, "input_refused"), ({"payload": {"prompt": "x" * 5000}}, "too_large"),
    ({"idempotency_key": ""}, "bad_message")])
def test_what_cannot_be_submitted_is_refused(r, fields, code):
    space, app, tab = working(r)
    tab.send("submit", **{"space": space.name, "payload": {}, "ref": "it", **fields})
    answer = tab.next()
    assert (answer["type"], answer["ref"], answer["code"]) == ("error", "it", code)
    assert answer["message"]
    assert app.said() == []


def test_what_the_space_does_not_take_is_refused(r):
    space = r.space()  # a prompt and nothing else
    app, tab = space.app(), r.ann.tab()
    for name, words in (("audio", "audio"), ("video", "video"), ("file", "files")):
        answer = tab.ask(space, {"prompt": "p", name: "https://a.example/b"})
        assert (answer["type"], answer["code"]) == ("error", "input_refused")
        assert answer["message"] == f"This space does not take {words}"
    request = tab.submit(space, {"prompt": "p", "audio": "", "video": None, "temperature": 0.5})
    assert app.take()["request_id"] == request


def test_without_a_connected_app_a_submit_is_refused(r):
    space = r.space()
    answer = r.ann.tab().ask(space)
    del answer["ref"]
    assert answer == {"type": "error", "code": "app_disconnected", "message": "Remote app not connected"}


def test_what_was_accepted_stays_queued_while_the_app_is_away(r):
    space, app, tab = working(r)
    ids = [tab.submit(space) for _ in range(3)]
    app.close()
    assert tab.ask(space)["code"] == "app_disconnected"
    app = space.app()
    for request_id in ids:
        request = app.take()
        assert request["request_id"] == request_id
        app.result(request)


def test_queue_offline_takes_requests_while_no_app_is_there(r):
    space = r.space(queue_offline=True)
    tab = r.ann.tab()
    answer = tab.ask(space)
    assert (answer["type"], answer["position"]) == ("submitted", 1)
    state = tab.watch(answer["request_id"])
    assert (state["status"], state["position"], state["reason"]) == ("queued", 1, "app_disconnected")
    assert space.app().take()["request_id"] == answer["request_id"]


def test_seconds_between_requests_of_one_person(r):
    name = "slow space"
    answer = r.admin.post("/admin/space/add", name=name, ws_rate_limit_seconds="3600", max_apps="1",
                          ws_enable_prompt="on")
    assert answer.status_code == 302
    space = json.loads(r.command("space", "show", name, json=True))
    space = Space(r, space)
    space.app()
    tab = r.ann.tab()
    tab.submit(space)
    answer = tab.ask(space)
    assert answer["code"] == "rate_limited"
    assert re.fullmatch(r"Too many requests, try again in \d+ s", answer["message"])
    assert 0 < answer["retry_after_s"] <= 3600
    r.bob.tab().submit(space)


# ---- topics ----


def test_a_space_s_state_and_events_are_the_whole_of_it(r):
    space = r.space()
    tab = r.ann.tab()
    answer = tab.subscribe(space.topic)
    assert set(answer) == {"type", "topic", "epoch", "seq", "recovered", "state"}
    assert answer["recovered"] is False
    assert answer["state"] == {"space_id": space.id, "name": space.name, "connected": False, "apps": 0, "slots": 0,
                               "slots_free": 0, "queue_length": 0, "draining": False}
    app = space.app(concurrency=2)
    m = tab.wait_type("event")
    assert set(m) == {"type", "topic", "seq", "event"}
    assert (m["topic"], m["seq"]) == (space.topic, answer["seq"] + 1)
    assert set(m["event"]) == SPACE_KEYS
    assert (m["event"]["connected"], m["event"]["slots"], m["event"]["slots_free"]) == (True, 2, 2)
    for _ in range(3):
        tab.submit(space)
    tab.event(space.topic, lambda e: e["slots_free"] == 0 and e["queue_length"] == 1)
    app.close()
    event = tab.event(space.topic, lambda e: not e["connected"])
    assert (event["apps"], event["slots"]) == (0, 0)


def test_the_list_of_spaces(r):
    one, two = r.space(), r.space()
    tab = r.ann.tab()
    state = tab.subscribe("spaces")["state"]
    assert set(state) == {"spaces"}
    names = [s["name"] for s in state["spaces"]]
    assert one.name in names and two.name in names and len(set(names)) == len(names)
    assert all(set(s) == SPACE_KEYS for s in state["spaces"])
    one.app()
    assert tab.event("spaces", lambda e: e["space_id"] == one.id)["connected"] is True
    new = r.space()
    assert tab.event("spaces", lambda e: e["space_id"] == new.id)["name"] == new.name


def test_a_request_s_state_and_events(r):
    space, app, tab = working(r)
    first = tab.submit(space)
    app.take()
    request_id = tab.submit(space)
    topic = "request:" + request_id
    state = tab.watch(request_id)
    assert set(state) == {"request_id", "space", "status", "attempt", "text", "created_at", "position", "reason"}
    assert (state["request_id"], state["space"], state["status"], state["text"]) == (
        request_id, space.name, "queued", "")
    assert (state["position"], state["reason"]) == (1, "app_busy")
    assert TIME.fullmatch(state["created_at"])
    app.result({"request_id": first, "attempt": 1})
    request = app.take()
    event = tab.event(topic, lambda e: e.get("status") == "processing")
    assert (event["kind"], event["attempt"]) == ("state", 1)
    assert event["position"] is None and event["reason"] is None
    assert TIME.fullmatch(event["started_at"])
    app.delta(request, "abc")
    app.result(request, {"n": 1})
    final = tab.final(request_id)
    assert TIME.fullmatch(final["finished_at"])
    state = r.ann.tab().watch(request_id)
    assert set(state) == {"request_id", "space", "status", "attempt", "text", "created_at", "result", "started_at",
                          "finished_at"}
    assert (state["status"], state["text"], state["result"]) == ("completed", "abc", {"n": 1})


def test_a_submit_may_watch_its_request_to_the_end(r):
    space, app, tab = working(r)
    said = tab.ask(space, watch=True)
    assert set(said) == {"type", "ref", "request_id", "position", "epoch", "seq"}
    topic = "request:" + said["request_id"]
    app.result(app.take(), {"n": 1})
    events = []
    while not events or events[-1]["event"]["kind"] != "final":
        events.append(tab.wait(lambda m: m.get("topic") == topic))
    assert [m["seq"] for m in events] == list(range(said["seq"] + 1, said["seq"] + 1 + len(events)))
    assert events[0]["event"]["status"] == "processing" and events[-1]["event"]["result"] == {"n": 1}
    # It is watched no longer: to begin anew is to see the state, and not what was missed.
    assert tab.subscribe(topic)["state"]["status"] == "completed"


def test_who_was_cut_off_recovers_what_a_submit_began_to_watch(r):
    space, app, tab = working(r)
    said = tab.ask(space, watch=True)
    topic = "request:" + said["request_id"]
    request = app.take()
    tab.drop()
    app.delta(request, "Hello")
    app.result(request)
    state = r.ann.tab()
    assert state.outcome(said["request_id"])["status"] == "completed"
    again = r.ann.tab()
    assert again.subscribe(topic, epoch=said["epoch"], since=said["seq"])["recovered"] is True
    assert again.event(topic)["status"] == "processing"
    assert again.final(said["request_id"])["status"] == "completed"


def test_a_watched_submit_that_waits_is_told_its_place(r):
    space, app, tab = working(r)
    first, second, third = [tab.ask(space, watch=True)["request_id"] for _ in range(3)]
    assert tab.event("request:" + third, lambda e: e.get("position") == 2)
    app.result(app.take())
    assert tab.event("request:" + third, lambda e: e.get("position") == 1)
    app.result(app.take())
    app.result(app.take())
    for request_id in (first, second, third):
        assert tab.final(request_id)["status"] == "completed"


def test_a_socket_that_watches_too_much_submits_all_the_same():
    with running_relay(limits={"topics_per_socket": 1}) as relay:
        space, app, tab = working(relay)
        first, second = tab.ask(space, watch=True), tab.ask(space, watch=True)
        assert "epoch" in first and "epoch" not in second
        app.result(app.take())
        assert tab.final(first["request_id"])["status"] == "completed"
        app.result(app.take())
        assert "epoch" in tab.ask(space, watch=True)  # the first has left its place


def test_eta_comes_from_the_recent_pace_and_is_not_invented(r):
    space, app, tab = working(r)
    for _ in range(3):
        request_id = tab.submit(space)
        request = app.take()
        assert "eta_s" not in tab.state(request_id)
        app.result(request)
    tab.submit(space)
    app.take()
    state = tab.watch(tab.submit(space))
    assert 0 <= state["eta_s"] < 60


def test_the_admin_s_topic(r):
    tab = r.admin.tab()
    keys = {"spaces", "apps", "people", "queued", "processing", "requests_per_minute", "p50_ms", "p99_ms",
            "failed_per_minute"}
    assert set(tab.subscribe("admin")["state"]) == keys
    space, app, other = working(r)
    other.submit(space)
    app.take()
    event = tab.event("admin", lambda e: e["processing"] >= 1)
    assert set(event) == keys and event["apps"] >= 1
    answer = r.ann.tab().subscribe("admin")
    assert (answer["type"], answer["code"]) == ("error", "not_found")


@pytest.mark.parametrize("topic", ["space", "space:", "request:x", f"space:{NOBODY}", f"request:{NOBODY}", "users",
                                   f"admin:{NOBODY}", f"Space:{NOBODY}", "request:" + "x" * 300])
def test_a_topic_that_does_not_exist_is_not_found(r, topic):
    answer = r.ann.tab().subscribe(topic)
    del answer["message"]
    assert answer == {"type": "error", "code": "not_found", "topic": topic}


def test_unsubscribed_is_silent(r):
    space = r.space()
    tab = r.ann.tab()
    tab.subscribe(space.topic)
    tab.send("unsubscribe", topic=space.topic)
    assert tab.wait_type("unsubscribed") == {"type": "unsubscribed", "topic": space.topic}
    app = space.app()
    request_id = tab.submit(space)
    tab.watch(request_id)
    app.result(app.take())
    tab.final(request_id)
    assert [m for m in tab.said() if m.get("topic") == space.topic] == []


# ---- coming back ----


def test_who_comes_back_in_time_gets_what_was_missed(r):
    space, app, tab = working(r)
    request_id = tab.submit(space)
    request = app.take()
    topic = "request:" + request_id
    before = tab.subscribe(topic)
    tab.sync()
    tab.held = []
    tab.close()
    app.delta(request, "a")
    app.delta(request, "b")
    app.progress(request, percent=5)
    app.sync()
    tab = r.ann.tab()
    answer = tab.subscribe(topic, since=before["seq"], epoch=before["epoch"])
    assert set(answer) == {"type", "topic", "epoch", "seq", "recovered"}
    assert answer["recovered"] is True and answer["epoch"] == before["epoch"]
    missed = [m for m in tab.said() if m["type"] == "event"]
    text = "".join(m["event"]["text"] for m in missed if m["event"]["kind"] == "delta")
    assert text == "ab"
    assert [m["event"]["percent"] for m in missed if m["event"]["kind"] == "progress"] == [5]
    assert missed[-1]["seq"] > before["seq"]
    app.delta(request, "c")
    event = tab.wait_type("event")
    assert event["event"] == {"kind": "delta", "text": "c"} and event["seq"] > missed[-1]["seq"]
    # Again from there: nothing was missed.
    again = r.ann.tab()
    assert again.subscribe(topic, since=event["seq"], epoch=before["epoch"])["recovered"] is True
    assert again.said() == []


def test_who_comes_back_too_late_gets_the_whole_picture(r):
    space, app, tab = working(r)
    request_id = tab.submit(space)
    request = app.take()
    topic = "request:" + request_id
    before = tab.subscribe(topic)
    for i in range(9):  # topic_events is 4
        app.delta(request, str(i))
        tab.event(topic, lambda e: e["kind"] == "delta")
    newest = tab.subscribe(topic)["seq"]
    for since, epoch in ((before["seq"], before["epoch"]), (newest, "0123456789abcdef"), (newest, ""),
                         (newest + 1, before["epoch"])):
        answer = r.ann.tab().subscribe(topic, since=since, epoch=epoch)
        assert answer["recovered"] is False, (since, epoch)
        assert (answer["state"]["text"], answer["seq"]) == ("012345678", newest)
    answer = r.ann.tab().subscribe(topic, since=newest)
    assert answer["recovered"] is False
    assert r.ann.tab().subscribe(topic, since=newest - 4, epoch=before["epoch"])["recovered"] is True


def test_closing_the_tab_cancels_nothing(r):
    space, app, tab = working(r)
    request_id = tab.submit(space)
    request = app.take()
    tab.close()
    app.delta(request, "text so far")
    app.sync()
    tab = r.ann.tab()
    assert tab.watch(request_id)["text"] == "text so far"
    assert app.result(request)["accepted"] is True
    assert tab.final(request_id)["status"] == "completed"


# ---- other people's ----


def without_id(answer, *ids):
    text = json.dumps(answer)
    for i in ids:
        text = text.replace(i, "ID")
    return text


def test_another_person_s_request_is_as_missing_as_one_that_is_not_there(r):
    space, app, tab = working(r)
    request_id = tab.submit(space)
    spy = r.bob.tab()

    def everything(request_id):
        pages = [r.bob.get(f"/requests/{request_id}{end}") for end in ("", ".json", ".json?download")]
        pages.append(r.bob.post(f"/requests/{request_id}/cancel"))
        answers = [spy.subscribe(f"request:{request_id}"), spy.cancel(request_id)]
        assert [p.status_code for p in pages] == [404] * 4
        assert [a["code"] for a in answers] == ["not_found"] * 2
        return [without_id(a, request_id) for a in answers] + [without_id(p.text, request_id) for p in pages]

    missing = everything(NOBODY)
    assert everything(request_id) == missing
    request = app.take()
    assert everything(request_id) == missing
    app.delta(request, "secret")
    app.result(request, {"text_output": "secret"})
    tab.outcome(request_id)
    assert everything(request_id) == missing
    assert spy.said() == []
    assert request_id not in r.bob.get("/requests").text
    assert tab.state(request_id)["status"] == "completed"


def test_an_admin_sees_and_cancels_everybody_s(r):
    space, app, tab = working(r)
    request_id = tab.submit(space, {"prompt": "of ann"})
    admin = r.admin.tab()
    assert admin.watch(request_id)["request_id"] == request_id
    assert "of ann" in r.admin.get(f"/admin/requests/{request_id}").text
    assert admin.cancel(request_id)["type"] == "cancelled"
    assert tab.outcome(request_id)["status"] == "cancelled"
    assert request_id not in r.admin.get("/requests").text  # the history is one's own


def test_an_anonymous_visitor_is_sent_to_log_in(r):
    for path in ("/", "/requests", f"/requests/{NOBODY}", "/account", "/spaces/x"):
        answer = r.stranger().get(path)
        assert answer.status_code == 302 and answer.headers["Location"].startswith("/login"), path

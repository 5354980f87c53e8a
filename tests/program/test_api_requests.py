"""/api/v1: requests: listed, looked at, cancelled, removed."""
import json

import pytest

from api_fixture import Caller, admin_of, caller, later, problem
from relay import NOBODY, relay_fixture, until

server, r = relay_fixture("server", limits={"grace_ms": 3600000})


@pytest.fixture
def root(r):
    return admin_of(r)


@pytest.fixture
def ann(r):
    return caller(r, r.ann)


@pytest.fixture
def bob(r):
    return caller(r, r.bob)


def submit(who, space, prompt="hello"):
    return who.good("POST", "/requests", {"space": space.name, "payload": {"prompt": prompt}}, status=202)["request_id"]


def finished(who, space, app, result=None, **fields):
    request_id = submit(who, space)
    app.result(app.take(), result or {"text_output": "done"}, **fields)
    return request_id


def audited(r, action, subject):
    rows = [json.loads(line) for line in r.admin.get(f"/admin/audit.jsonl?action={action}").text.splitlines()]
    return [(row["actor"], row["detail"]) for row in rows if row["subject"] == subject]


# ---- one ----

def test_a_key_that_only_submits_gets_what_it_submitted_and_no_more(r):
    space = r.space()
    app = space.app()
    only = caller(r, r.ann, "submit")
    body = {"space": space.name, "payload": {"prompt": "hello"}}
    accepted = only.good("POST", "/requests", body, status=202)
    app.result(app.take())
    path = f"/requests/{accepted['request_id']}"
    for where in (path, path + "/events", "/requests", "/me"):
        problem(only.get(where), 403, "forbidden", "lacks the scope read, which is needed here; it has submit")
    problem(caller(r, r.ann, "read").post("/requests", body), 403, "forbidden",
            "lacks the scope submit, which is needed here; it has read")
    problem(caller(r, r.ann).get("/users"), 403, "forbidden", "lacks the scope admin, which is needed here; it has read, submit")


def test_a_waiting_request_has_its_place(r, ann):
    space = r.space(queue_offline=True)
    ids = [submit(ann, space) for _ in range(3)]
    state = ann.good("GET", f"/requests/{ids[2]}")
    assert state == r.ann.tab().state(ids[2])
    assert (state["status"], state["position"], state["reason"], state["text"]) == ("queued", 3, "app_disconnected", "")


def test_a_running_request_shows_what_it_says(r, ann):
    space = r.space()
    app = space.app()
    request_id = submit(ann, space)
    request = app.take()
    app.progress(request, percent=40, message="halfway", step=2, steps=5)
    app.delta(request, "some text")
    app.sync()
    state = until(lambda: (s := ann.good("GET", f"/requests/{request_id}"))["text"] and s)
    assert state == r.ann.tab().state(request_id)
    assert (state["status"], state["percent"], state["message"], state["step"], state["steps"], state["text"]) == \
        ("processing", 40, "halfway", 2, 5, "some text")
    app.result(request)


def test_a_finished_request_has_its_result_byte_by_byte(r, ann):
    space = r.space()
    app = space.app()
    request_id = finished(ann, space, app, {"n": 1}, usage={"total_tokens": 3})
    state = ann.good("GET", f"/requests/{request_id}")
    assert state == r.ann.tab().state(request_id)
    assert (state["status"], state["result"], state["usage"]) == ("completed", {"n": 1}, {"total_tokens": 3})
    assert "position" not in state and state["started_at"] <= state["finished_at"]
    odd = '{"n":1.50,"big":12345678901234567890}'
    request_id = submit(ann, space)
    request = app.take()
    app.raw('{"type":"inference_result","request_id":"%s","attempt":1,"status":"completed","result":%s}'
            % (request_id, odd))
    app.ack(request)
    assert f'"result":{odd}' in ann.get(f"/requests/{request_id}").text


def test_a_failed_request_says_why(r, ann):
    space = r.space()
    app = space.app()
    request_id = submit(ann, space)
    app.error(app.take(), "app_error", "no such voice")
    state = ann.good("GET", f"/requests/{request_id}")
    assert (state["status"], state["error"]) == ("failed", {"code": "app_error", "message": "no such voice"})
    [row] = ann.good("GET", f"/requests?space={space.name}")["requests"]
    assert row["error"]["code"] == "app_error" and row["error"]["message"]


@pytest.mark.parametrize("name", [NOBODY, "x", "x.json"])
def test_what_is_no_request_is_not_found(ann, name):
    problem(ann.get(f"/requests/{name}"), 404, "not_found", "Request not found")
    problem(ann.post(f"/requests/{name}/cancel"), 404, "not_found", "Request not found")
    problem(ann.delete(f"/requests/{name}"), 404, "not_found", "Request not found")


def test_an_id_has_no_ending(r, ann):
    request_id = submit(ann, r.space(queue_offline=True))
    problem(ann.get(f"/requests/{request_id}.json"), 404, "not_found", "Request not found")


def test_another_s_request_is_not_there(r, ann, bob):
    space = r.space()
    app = space.app()
    for request_id in (finished(ann, space, app), submit(ann, space)):
        problem(bob.get(f"/requests/{request_id}"), 404, "not_found", "Request not found")
        problem(bob.post(f"/requests/{request_id}/cancel"), 404, "not_found", "Request not found")
        problem(bob.delete(f"/requests/{request_id}"), 404, "not_found", "Request not found")
        as_user = caller(r, r.admin, "read", "submit")
        problem(as_user.get(f"/requests/{request_id}"), 404, "not_found", "Request not found")
        assert audited(r, "request.view", request_id) == []
    assert ann.good("GET", f"/requests/{request_id}")["status"] == "processing"
    app.result(app.take())


def test_an_admin_s_look_is_written_down(r, root, ann):
    space = r.space()
    app = space.app()
    for request_id in (finished(ann, space, app), submit(ann, space)):
        assert root.good("GET", f"/requests/{request_id}")["request_id"] == request_id
        assert audited(r, "request.view", request_id) == [("root", "ann")]
    app.result(app.take())


# ---- the list ----

def test_one_s_own_newest_first(r, ann, bob):
    space, other = r.space(queue_offline=True), r.space(queue_offline=True)
    ids = [submit(ann, space) for _ in range(3)]
    submit(ann, other), submit(bob, space)
    answer = ann.good("GET", f"/requests?space={space.name}")
    assert [q["request_id"] for q in answer["requests"]] == ids[::-1] and answer["next"] is None
    assert set(answer["requests"][0]) == {"request_id", "space", "status", "attempt", "created_at"}
    assert ann.good("GET", f"/requests?space={space.id}") == answer
    assert len(ann.good("GET", "/requests?limit=2")["requests"]) == 2


def test_by_status(r, ann):
    space = r.space(queue_offline=True)
    app = space.app()
    done = finished(ann, space, app)
    running, waiting = submit(ann, space), submit(ann, space)
    ann.good("POST", f"/requests/{waiting}/cancel")
    for status, wanted in (("completed", [done]), ("processing", [running]), ("cancelled", [waiting]), ("failed", []),
                           ("queued", [])):
        found = ann.good("GET", f"/requests?space={space.name}&status={status}")["requests"]
        assert [q["request_id"] for q in found] == wanted
    app.result(app.take())


def pages(who, query):
    cursor, seen = "", []
    while cursor is not None:
        answer = who.good("GET", f"/requests?{query}&cursor={cursor}")
        seen.append([q["request_id"] for q in answer["requests"]])
        cursor = answer["next"]
    return seen


def test_a_cursor_stays_where_it_is_while_new_requests_arrive(r, ann):
    space = r.space(queue_offline=True)
    ids = [submit(ann, space) for _ in range(5)][::-1]
    query = f"/requests?space={space.name}&limit=2"
    first = ann.good("GET", query)
    submit(ann, space), submit(ann, space)
    second = ann.good("GET", f"{query}&cursor={first['next']}")
    submit(ann, space)
    third = ann.good("GET", f"{query}&cursor={second['next']}")
    seen = [q["request_id"] for page in (first, second, third) for q in page["requests"]]
    assert (seen, third["next"]) == (ids, None)
    assert pages(ann, f"space={space.name}&limit=4") == [pages(ann, f"space={space.name}")[0][:4],
                                                         pages(ann, f"space={space.name}")[0][4:]]


def test_a_whole_page_of_the_most_there_may_be(r, ann):
    space = r.space(queue_offline=True)
    relay_ids = [submit(ann, space) for _ in range(20)]
    assert pages(ann, f"space={space.name}&limit=20") == [relay_ids[::-1]]
    assert [len(p) for p in pages(ann, f"space={space.name}&limit=19")] == [19, 1]


@pytest.mark.parametrize("query, words", [
    ("status=odd", "status"), ("limit=0", "limit"), ("limit=201", "limit"), ("limit=x", "limit"), ("limit=-1", "limit"),
    ("cursor=x", "cursor"), ("cursor=0", "cursor"), ("cursor=99999999999999999999", "cursor"), ("all=2", "all"),
])
def test_what_is_wrong_in_a_query_is_named(ann, query, words):
    problem(ann.get(f"/requests?{query}"), 400, "bad_message", words)


def test_a_space_that_is_not_there(ann):
    problem(ann.get("/requests?space=nowhere"), 404, "not_found", "space")
    problem(ann.get(f"/requests?space={NOBODY}"), 404, "not_found", "space")


def test_admins_see_everybody_s(r, root, ann, bob):
    space = r.space(queue_offline=True)
    mine, theirs, own = submit(ann, space), submit(bob, space), submit(root, space)
    listed = root.good("GET", f"/requests?all=1&space={space.name}")["requests"]
    assert [(q["request_id"], q["username"]) for q in listed] == [(own, "root"), (theirs, "bob"), (mine, "ann")]
    listed = root.good("GET", f"/requests?user=ANN&space={space.name}")["requests"]
    assert [q["request_id"] for q in listed] == [mine]
    assert [q["request_id"] for q in root.good("GET", f"/requests?space={space.name}")["requests"]] == [own]
    problem(root.get("/requests?user=nobody_here"), 404, "not_found", "user")


def test_others_see_their_own_alone(r, ann, bob):
    space = r.space(queue_offline=True)
    mine = submit(ann, space)
    for query in ("all=1", "user=bob"):
        problem(ann.get(f"/requests?{query}"), 403, "forbidden", "Only admins")
    problem(caller(r, r.admin, "read").get("/requests?all=1"), 403, "forbidden", "Only admins")
    assert ann.good("GET", f"/requests?user=Ann&space={space.name}")["requests"][0]["request_id"] == mine


def test_requests_of_a_removed_space_are_found_by_its_id(r, root, ann):
    space = r.space(queue_offline=True)
    request_id = submit(ann, space)
    assert root.delete(f"/spaces/{space.id}").status_code == 204
    until(lambda: ann.good("GET", f"/requests/{request_id}")["status"] == "cancelled")
    [row] = ann.good("GET", f"/requests?space={space.id}")["requests"]
    assert (row["request_id"], row["space"]) == (request_id, space.name)


# ---- cancelling ----

def test_a_waiting_request_is_cancelled(r, ann):
    space = r.space(queue_offline=True)
    request_id = submit(ann, space)
    state = ann.good("POST", f"/requests/{request_id}/cancel")
    assert (state["request_id"], state["status"]) == (request_id, "cancelled")
    problem(ann.post(f"/requests/{request_id}/cancel"), 409, "already_final")


def test_a_running_request_is_cancelled_with_what_it_had_said(r, ann):
    space = r.space()
    app = space.app()
    request_id = submit(ann, space)
    request = app.take()
    app.delta(request, "partial")
    app.sync()
    state = ann.good("POST", f"/requests/{request_id}/cancel", {"unknown": 1})
    assert (state["status"], state["text"]) == ("cancelled", "partial")
    app.cancelled(request)
    app.error(request, "cancelled", "")


def test_what_has_ended_is_not_cancelled(r, ann):
    space = r.space()
    request_id = finished(ann, space, space.app())
    problem(ann.post(f"/requests/{request_id}/cancel"), 409, "already_final")


def test_an_admin_cancels_another_s_and_is_written_down(r, root, ann):
    request_id = submit(ann, r.space(queue_offline=True))
    assert root.good("POST", f"/requests/{request_id}/cancel")["status"] == "cancelled"
    assert audited(r, "request.cancel", request_id) == [("root", "ann")]


# ---- limits of a person ----

strict_server, strict = relay_fixture("strict_server", limits={
    "unfinished_per_person": 3, "requests_per_minute": 5, "queue_per_space": 4, "idempotency_keys_per_person": 2})


def test_who_has_enough_is_told_when_there_is_room_again(strict):
    ann, bob, eve = (caller(strict, strict.person(name)) for name in ("ann", "bob", "eve"))
    open_space, slow = strict.space(queue_offline=True), strict.space(queue_offline=True)
    admin_of(strict).good("PATCH", f"/spaces/{slow.id}", {"rate_limit_s": 60})
    body = {"space": open_space.name, "payload": {}}
    for _ in range(3):
        submit(ann, open_space)
    later(ann.post("/requests", body), 429, "rate_limited", 3, 1)
    for _ in range(5):
        eve.good("POST", f"/requests/{submit(eve, open_space)}/cancel")
    later(eve.post("/requests", body), 429, "rate_limited", 5, 12)
    submit(bob, slow)
    later(bob.post("/requests", {**body, "space": slow.name}), 429, "rate_limited", 1, 60)


def test_a_full_queue_says_how_long_it_is(strict):
    space = strict.space(queue_offline=True)
    fay, gus = (caller(strict, strict.person(name)) for name in ("fay", "gus"))
    for who in (fay, fay, gus, gus):
        submit(who, space)
    later(gus.post("/requests", {"space": space.name, "payload": {}}), 503, "queue_full", 4, 1)


def test_idempotency_keys_in_use_are_counted(strict):
    space = strict.space(queue_offline=True)
    hal = caller(strict, strict.person("hal"))
    body = {"space": space.name, "payload": {}}
    for name in ("one", "two"):
        assert hal.post("/requests", body, headers={"Idempotency-Key": name}).status_code == 202
    later(hal.post("/requests", body, headers={"Idempotency-Key": "three"}), 429, "rate_limited", 2, 86400 + 60)


def test_a_space_without_an_app_has_nothing_to_count(strict):
    ivy = caller(strict, strict.person("ivy"))
    later(ivy.post("/requests", {"space": strict.space().name, "payload": {}}), 503, "app_disconnected", None, 1)


# ---- removing ----

def test_a_finished_request_is_removed_for_good(r, ann):
    space = r.space()
    request_id = finished(ann, space, space.app())
    answer = ann.delete(f"/requests/{request_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(ann.get(f"/requests/{request_id}"), 404, "not_found")
    problem(ann.delete(f"/requests/{request_id}"), 404, "not_found")
    problem(ann.get(f"/requests/{request_id}/events"), 404, "not_found")
    assert ann.good("GET", f"/requests?space={space.name}")["requests"] == []
    assert r.ann.tab().subscribe(f"request:{request_id}")["code"] == "not_found"
    assert audited(r, "request.remove", request_id) == []
    r.restart()
    problem(ann.get(f"/requests/{request_id}"), 404, "not_found")


def test_what_runs_or_waits_is_not_removed(r, ann):
    space = r.space()
    app = space.app()
    running, waiting = submit(ann, space), submit(ann, space)
    for request_id, status in ((running, "processing"), (waiting, "queued")):
        problem(ann.delete(f"/requests/{request_id}"), 409, "input_refused", "cancel it first")
        assert ann.good("GET", f"/requests/{request_id}")["status"] == status
    app.result(app.take()), app.result(app.take())
    assert ann.delete(f"/requests/{waiting}").status_code == 204


def test_an_admin_removes_another_s_and_is_written_down(r, root, ann):
    space = r.space()
    request_id = finished(ann, space, space.app())
    assert root.delete(f"/requests/{request_id}").status_code == 204
    assert audited(r, "request.remove", request_id) == [("root", "ann")]
    problem(ann.get(f"/requests/{request_id}"), 404, "not_found")


def test_a_removed_request_is_not_run_again_by_its_key(r, ann):
    space = r.space()
    app = space.app()
    body = {"space": space.name, "payload": {"prompt": "once"}}
    key = {"Idempotency-Key": "removed-1"}
    request_id = ann.good("POST", "/requests", body, status=202, headers=key)["request_id"]
    app.result(app.take())
    assert ann.delete(f"/requests/{request_id}").status_code == 204
    problem(ann.post("/requests", body, headers=key), 404, "not_found")


# ---- scopes ----

def test_each_call_needs_its_scope(r, ann):
    request_id = submit(ann, r.space(queue_offline=True))
    reads, submits = caller(r, r.ann, "read"), caller(r, r.ann, "submit")
    for path in ("/requests", f"/requests/{request_id}"):
        problem(submits.get(path), 403, "forbidden", "scope read")
        problem(Caller(r).get(path), 401, "unauthorized", "Show an API key")
    for method, path in (("POST", "/requests"), ("POST", f"/requests/{request_id}/cancel"),
                         ("DELETE", f"/requests/{request_id}")):
        problem(reads.call(method, path), 403, "forbidden", "scope submit")
        problem(Caller(r).call(method, path), 401, "unauthorized", "Show an API key")
    with_cookie = Caller(r, http=r.ann.http)
    assert with_cookie.good("GET", f"/requests/{request_id}")["status"] == "queued"
    assert submits.good("POST", f"/requests/{request_id}/cancel")["status"] == "cancelled"

"""What becomes of the requests of apps that go, come back, fall silent, or are told to stop."""
import pytest

from relay import relay_fixture

# Here the grace never ends by itself.
server, r = relay_fixture("server", limits={"grace_ms": 3600000})
# Here everything that may end by itself does so at once.
quick_server, quick = relay_fixture("quick_server", limits={"grace_ms": 0, "max_attempts": 9, "cancel_wait_ms": 10,
                                            "request_timeout_ms": 300})


def working(r, space=None, **register):
    """An app with one request that has text: (space, app, tab, request)."""
    space = space or r.space()
    app = space.app(**register)
    tab = r.ann.tab()
    tab.watch(tab.submit(space))
    request = app.take()
    app.delta(request, "Hello 世")
    app.sync()
    return space, app, tab, request


def lease(request):
    return {"request_id": request["request_id"], "attempt": request["attempt"]}


def not_connected(tab, space):
    tab.event(space.topic, lambda e: not e["connected"])


# ---- an app that comes back ----


def test_an_app_resumes_within_the_grace_and_sends_the_text_again_from_there(r):
    space, app, tab, request = working(r, instance="one")
    tab.subscribe(space.topic)
    app.drop()
    not_connected(tab, space)
    state = r.ann.tab().watch(request["request_id"])
    assert (state["status"], state["text"], state["attempt"]) == ("processing", "Hello 世", 1)
    app = space.app(instance="one", resume=[lease(request)])
    assert app.response["resumed"] == [{**lease(request), "text_bytes": len("Hello 世".encode())}]
    app.delta(request, "世界", offset=6)
    assert app.result(request)["accepted"] is True
    assert tab.final(request["request_id"])["status"] == "completed"
    assert r.ann.tab().watch(request["request_id"])["text"] == "Hello 世界"
    assert app.said() == []


def test_a_newer_connection_of_the_same_instance_replaces_the_older_with_4009(r):
    space, app, tab, request = working(r, instance="one")
    newer = space.app(instance="one", resume=[lease(request)])
    assert [x["request_id"] for x in newer.response["resumed"]] == [request["request_id"]]
    assert app.closed() == 4009
    assert newer.result(request)["accepted"] is True
    assert tab.final(request["request_id"])["status"] == "completed"


def test_a_request_that_the_same_instance_does_not_resume_gets_its_next_attempt_at_once(r):
    space, app, tab, request = working(r, instance="one")
    app.drop()
    app = space.app(instance="one")
    assert app.response["resumed"] == []
    again = app.take()
    assert lease(again) == {"request_id": request["request_id"], "attempt": 2}
    state = r.ann.tab().watch(request["request_id"])
    assert (state["status"], state["attempt"], state["text"]) == ("processing", 2, "")


@pytest.mark.parametrize("other", [{"instance": "two"}, {}])
def test_only_the_same_instance_resumes(r, other):
    space, app, tab, request = working(r, instance="one")
    app.drop()
    app = space.app(resume=[lease(request)], **other)
    assert app.response["resumed"] == []
    # It has taken the space's last place, which ends the grace.
    assert lease(app.take()) == {"request_id": request["request_id"], "attempt": 2}


def test_only_the_same_token_resumes(r):
    space, app, tab, request = working(r, instance="one")
    app.drop()
    app = space.app(token=space.new_token(), instance="one", resume=[lease(request)])
    assert app.response["resumed"] == []
    assert app.take()["attempt"] == 2


def test_another_app_does_not_end_the_grace_while_there_is_room(r):
    space = r.space(max_apps=2)
    space, app, tab, request = working(r, space, instance="one")
    app.drop()
    other = space.app(instance="two")
    assert other.said() == []
    back = space.app(instance="one", resume=[lease(request)])
    assert len(back.response["resumed"]) == 1
    assert other.said() == []
    assert back.result(request)["accepted"] is True


def test_an_old_attempt_and_what_is_not_theirs_is_not_resumed(r):
    space, app, tab, request = working(r, instance="one")
    _, _, _, foreign = working(r)
    app.drop()
    wrong = [{"request_id": request["request_id"], "attempt": 2}, lease(foreign)]
    app = space.app(instance="one", resume=wrong + [lease(request), lease(request)])
    assert [x["request_id"] for x in app.response["resumed"]] == [request["request_id"]]


def test_a_result_that_is_sent_again_after_reconnecting_is_accepted(r):
    space, app, tab, request = working(r, instance="one")
    app.about("inference_result", request, status="completed", result={"n": 1})
    tab.final(request["request_id"])
    app.drop()
    app = space.app(instance="one", resume=[lease(request)])
    assert app.response["resumed"] == []
    assert app.result(request, {"n": 1}) == {"type": "result_ack", **lease(request), "accepted": True}


# ---- an app that does not come back ----


def test_a_clean_close_ends_the_grace_at_once(r):
    space, app, tab, request = working(r, instance="one")
    topic = "request:" + request["request_id"]
    app.close()
    queued = tab.event(topic, lambda e: e.get("status") == "queued")
    assert (queued["text"], queued["reason"], queued["position"]) == ("", "app_disconnected", 1)
    app = space.app(instance="one", resume=[lease(request)])
    assert app.response["resumed"] == []
    again = app.take()
    assert again == {**request, "attempt": 2, "deadline": again["deadline"]}
    assert app.result(request)["code"] == "stale_attempt"
    assert app.result(again)["accepted"] is True


def test_after_max_attempts_it_fails_with_app_lost(r):
    space, app, tab, request = working(r)
    app.close()
    app = space.app()
    again = app.take()
    app.delta(again, "kept")
    app.sync()
    app.close()
    final = tab.final(request["request_id"])
    assert (final["status"], final["error"]["code"]) == ("failed", "app_lost")
    assert final["error"]["message"]
    assert r.ann.tab().watch(request["request_id"])["text"] == "kept"
    late = space.app()
    assert late.said() == []
    assert late.result(again)["code"] == "already_final"


def test_a_requeued_request_keeps_its_place(r):
    space, app, tab, request = working(r)
    second = tab.submit(space)
    app.close()
    app = space.app()
    assert app.take()["request_id"] == request["request_id"]
    app.result({**request, "attempt": 2})
    assert app.take()["request_id"] == second


def test_when_the_grace_is_over_the_request_goes_back_to_the_queue(quick):
    space, app, tab, request = working(quick)
    app.drop()
    tab.event("request:" + request["request_id"], lambda e: e.get("status") == "queued")
    assert lease(space.app().take()) == {"request_id": request["request_id"], "attempt": 2}


def test_a_request_that_cost_three_apps_their_connection_is_set_aside(quick):
    space, app, tab, request = working(quick)
    for attempt in (2, 3):
        app.drop()
        app = space.app()
        assert app.take()["attempt"] == attempt
    app.drop()
    final = tab.final(request["request_id"])
    assert (final["status"], final["error"]["code"]) == ("failed", "poisoned")


def test_a_request_whose_app_comes_back_and_dies_without_a_word_is_set_aside(r):
    space, app, tab, request = working(r, instance="one")
    for _ in range(3):  # the first connection has said something
        app.drop()
        app = space.app(instance="one", resume=[lease(request)])
        assert [lease(x) for x in app.response["resumed"]] == [lease(request)]
    app.drop()
    final = tab.final(request["request_id"])
    assert (final["status"], final["error"]["code"]) == ("failed", "poisoned")


def test_kicking_an_app_closes_it_with_4002_and_it_may_come_back(r):
    space, app, tab, request = working(r, instance="one")
    answer = r.admin.post(f"/admin/app/{app.response['connection_id']}/kick")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/space/edit/{space.id}#apps")
    assert app.closed() == 4002
    app = space.app(instance="one", resume=[lease(request)])
    assert len(app.response["resumed"]) == 1


def test_an_admin_drains_an_app(r):
    space, app, tab, request = working(r)
    tab.subscribe(space.topic)
    answer = r.admin.post(f"/admin/app/{app.response['connection_id']}/drain")
    assert answer.status_code == 302
    tab.event(space.topic, lambda e: e["draining"])
    waits = tab.submit(space)
    assert tab.watch(waits)["reason"] == "draining"
    assert app.result(request)["accepted"] is True
    tab.final(request["request_id"])
    assert app.said() == []
    page = r.admin.get(f"/admin/space/edit/{space.id}").text
    assert f"/admin/app/{app.response['connection_id']}/kick" in page
    assert f"/admin/app/{app.response['connection_id']}/drain" not in page


def test_only_admins_drain_and_kick(r):
    space, app, tab, request = working(r)
    for act in ("drain", "kick"):
        answer = r.ann.post(f"/admin/app/{app.response['connection_id']}/{act}")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert tab.subscribe(space.topic)["state"]["draining"] is False
    assert app.result(request)["accepted"] is True


def test_removing_a_space_ends_its_requests_and_closes_its_apps(r):
    space, app, tab, request = working(r)
    waits = tab.submit(space)
    tab.watch(waits)
    tab.subscribe(space.topic)
    r.command("space", "remove", space.name)
    assert {tab.final(request["request_id"])["status"], tab.final(waits)["status"]} == {"cancelled"}
    assert app.closed() == 4500
    assert tab.ask(space)["code"] == "not_found"
    assert tab.subscribe(space.topic)["code"] == "not_found"
    assert r.ann.get("/ai_project/" + space.id).status_code == 404
    assert r.ann.get("/requests/" + request["request_id"]).status_code == 200  # what was asked is still theirs


# ---- silence ----


def test_a_silent_app_s_request_times_out_and_the_app_is_told(quick):
    space = quick.space()
    app = space.app()
    tab = quick.ann.tab()
    request_id = tab.submit(space)
    tab.watch(request_id)
    request = app.take()
    assert app.cancelled(request) == {"type": "inference_cancel", **lease(request), "reason": "timeout"}
    final = tab.final(request_id)
    assert (final["status"], final["error"]["code"]) == ("failed", "timeout")
    assert app.result(request) == {"type": "result_ack", **lease(request), "accepted": False, "code": "already_final"}


def test_what_waits_inside_an_app_is_not_late(quick):
    """Silence counts for the oldest `concurrency` requests: the second's time begins when the first is over."""
    space = quick.space()
    app = space.app(concurrency=1, prefetch=1)
    tab = quick.ann.tab()
    ids = [tab.submit(space) for _ in range(2)]
    for request_id in ids:
        tab.watch(request_id)
    requests = [app.take(), app.take()]
    assert [x["request_id"] for x in requests] == ids
    app.cancelled(requests[0])
    app.progress(requests[1], percent=1)
    app.result(requests[0])
    app.progress(requests[1], percent=2)
    app.sync()
    assert tab.final(ids[0])["error"]["code"] == "timeout"
    assert app.result(requests[1])["accepted"] is True
    assert tab.final(ids[1])["status"] == "completed"


# ---- cancelling ----


def test_cancelling_a_running_request_reaches_the_app_and_keeps_its_slot(r):
    space, app, tab, request = working(r)
    waits = tab.submit(space)
    assert tab.cancel(request["request_id"]) == {"type": "cancelled", "request_id": request["request_id"]}
    final = tab.final(request["request_id"])
    assert final["status"] == "cancelled" and "error" not in final and "result" not in final
    assert app.cancelled(request) == {"type": "inference_cancel", **lease(request), "reason": "cancelled"}
    app.delta(request, "late")
    assert app.next()["code"] == "already_final"
    assert app.said() == []  # the slot is still taken
    ack = app.error(request, "cancelled", "stopped", usage={"total_tokens": 5})
    assert ack == {"type": "result_ack", **lease(request), "accepted": False, "code": "already_final"}
    assert app.take()["request_id"] == waits
    state = r.ann.tab().watch(request["request_id"])
    assert (state["status"], state["text"], state["usage"]) == ("cancelled", "Hello 世", {"total_tokens": 5})


def test_an_app_that_does_not_answer_a_cancel_gets_its_slot_back(quick):
    space, app, tab, request = working(quick)
    waits = tab.submit(space)
    tab.cancel(request["request_id"])
    app.cancelled(request)
    assert app.take()["request_id"] == waits


def test_cancelling_a_waiting_request(r):
    space, app, tab, request = working(r)
    ids = [tab.submit(space) for _ in range(3)]
    tab.watch(ids[2])
    tab.watch(ids[1])
    assert tab.cancel(ids[1])["type"] == "cancelled"
    assert tab.final(ids[1])["status"] == "cancelled"
    assert tab.event("request:" + ids[2], lambda e: e.get("position") == 2)["kind"] == "state"
    app.result(request)
    assert app.take()["request_id"] == ids[0]
    assert "inference_cancel" not in [m["type"] for m in app.said()]


def test_a_finished_request_cannot_be_cancelled(r):
    space, app, tab, request = working(r)
    app.result(request)
    tab.final(request["request_id"])
    answer = tab.cancel(request["request_id"])
    assert (answer["type"], answer["code"]) == ("error", "already_final")


def test_the_page_s_button_cancels(r):
    space, app, tab, request = working(r)
    path = "/requests/" + request["request_id"]
    answer = r.ann.post(path + "/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    assert app.cancelled(request)["reason"] == "cancelled"
    assert tab.final(request["request_id"])["status"] == "cancelled"
    assert r.ann.post(path + "/cancel").status_code == 302  # too late, and the page says so


def test_a_cancel_while_the_app_is_away_holds(r):
    space, app, tab, request = working(r, instance="one")
    app.drop()
    assert tab.cancel(request["request_id"])["type"] == "cancelled"
    app = space.app(instance="one", resume=[lease(request)])
    assert app.response["resumed"] == []
    assert app.said() == []
    assert app.result(request)["code"] == "already_final"

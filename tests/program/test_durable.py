"""What was acknowledged is there after a stop, and after a kill."""
import json

import pytest

from relay import Closed, Refused, Relay, until

BOTH = pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])


@pytest.fixture
def r():
    relay = Relay(limits={"text_save_ms": 10, "max_attempts": 1})
    try:
        relay.person("ann", admin=True)
        yield relay
    finally:
        relay.leave(kill=True)  # how it stops is told by the tests themselves


def lease(request):
    return {"request_id": request["request_id"], "attempt": request["attempt"]}


@BOTH
def test_queued_running_and_finished_requests_survive(r, kill):
    space = r.space()
    app = space.app(instance="one", concurrency=2)
    tab = r.ann.tab()
    ids = [tab.submit(space, {"prompt": f"p{i}", "n": 1.50}) for i in range(5)]
    done, running = app.take(), app.take()
    app.delta(done, "all of it")
    assert app.result(done, {"n": 0.10}, usage={"total_tokens": 4})["accepted"] is True
    third = app.take()
    app.delta(running, "half 世")
    app.sync()
    until(lambda: r.ann.get(f"/requests/{ids[1]}.json").json()["text"] == "half 世")
    r.restart(kill)
    tab = r.ann.tab()  # the log-in holds, too
    state = tab.watch(ids[0])
    assert (state["status"], state["text"], state["result"], state["usage"]) == (
        "completed", "all of it", {"n": 0.1}, {"total_tokens": 4})
    assert '"result":{"n": 0.1}' in r.ann.get(f"/requests/{ids[0]}.json").text
    state = tab.watch(ids[1])
    assert (state["status"], state["text"], state["attempt"]) == ("processing", "half 世", 1)
    assert tab.watch(ids[2])["status"] == "processing"
    assert [(tab.watch(i)["status"], tab.watch(i)["position"]) for i in ids[3:]] == [("queued", 1), ("queued", 2)]
    app = space.app(instance="one", concurrency=2, resume=[lease(running), lease(third), lease(done)])
    assert app.response["resumed"] == [{**lease(running), "text_bytes": 8}, {**lease(third), "text_bytes": 0}]
    app.delta(running, "世界", offset=5)
    assert app.result(running)["accepted"] is True
    assert tab.final(ids[1])["status"] == "completed"
    assert r.ann.get(f"/requests/{ids[1]}.json").json()["text"] == "half 世界"
    assert app.result(done, {"n": 0.10})["accepted"] is True  # it had won, whoever has forgotten the acknowledgement
    assert app.result(third)["accepted"] is True
    for request_id in ids[3:]:
        request = app.take()
        assert (request["request_id"], request["payload"]["n"]) == (request_id, 1.5)
        assert app.result(request)["accepted"] is True
    history = r.ann.get("/requests").text
    assert all(i in history for i in ids)


@BOTH
def test_an_attempt_that_the_relay_s_own_stop_cost_does_not_count(r, kill):
    """max_attempts is 1 here."""
    space = r.space()
    app = space.app(instance="one")
    tab = r.ann.tab()
    request_id = tab.submit(space)
    app.take()
    r.restart(kill)
    app = space.app(instance="another")
    request = app.take()
    assert lease(request) == {"request_id": request_id, "attempt": 2}
    tab = r.ann.tab()
    assert tab.watch(request_id)["status"] == "processing"
    assert app.result(dict(request, attempt=1))["code"] == "stale_attempt"
    app.close()  # that one counts
    assert tab.final(request_id)["error"]["code"] == "app_lost"


def test_an_app_that_leaves_because_it_was_told_to_drain_costs_no_attempt(r):
    """The relay goes down and says so; the app goes at once, cleanly, with a request unfinished."""
    r.use_limits({"max_attempts": 1, "shutdown_ms": 5000})
    r.restart()
    space = r.space()
    app = space.app(instance="one")
    request_id = r.ann.tab().submit(space)
    app.take()
    r.process.terminate()
    assert app.wait_type("drain")["reconnect_after_ms"] > 0
    app.close()
    assert r.wait_end() == 0
    r.close_sockets()
    r.start(r.url.split("//")[1])
    tab = r.ann.tab()
    assert tab.watch(request_id)["status"] in ("queued", "processing")
    app = space.app(instance="one")
    request = app.take()
    assert request["request_id"] == request_id
    assert app.result(request)["accepted"] is True
    assert tab.final(request_id)["status"] == "completed"


def test_a_shutdown_tells_everybody_and_takes_what_still_comes(r):
    r.use_limits({"shutdown_ms": 20000})
    r.restart()
    space = r.space()
    app = space.app(instance="one")
    idle = r.space().app()
    tab = r.ann.tab()
    request_id = tab.submit(space)
    request = app.take()
    r.process.terminate()
    drain = app.wait_type("drain")
    assert set(drain) == {"type", "reconnect_after_ms"}
    assert tab.closed() == 1001
    with pytest.raises((Refused, OSError)):
        r.ann.tab()
    assert app.result(request, {"n": 7})["accepted"] is True
    assert app.closed() == 1001
    assert idle.closed() == 1001
    assert r.wait_end() == 0
    r.close_sockets()
    r.start(r.url.split("//")[1])
    assert r.ann.tab().watch(request_id)["result"] == {"n": 7}


def test_a_shutdown_does_not_wait_for_ever(r):
    space = r.space()
    app = space.app(instance="one")
    tab = r.ann.tab()
    request_id = tab.submit(space)
    request = app.take()
    r.process.terminate()
    assert app.closed() == 1001
    assert r.wait_end() == 0
    r.close_sockets()
    r.start(r.url.split("//")[1])
    assert r.ann.tab().watch(request_id)["status"] == "processing"
    app = space.app(instance="one", resume=[lease(request)])
    assert [x["request_id"] for x in app.response["resumed"]] == [request_id]


def test_a_second_signal_ends_at_once(r):
    r.use_limits({"shutdown_ms": 600000})
    r.restart()
    space = r.space()
    app = space.app()
    r.ann.tab().submit(space)
    app.take()
    r.process.terminate()
    app.wait_type("drain")
    r.process.terminate()
    assert r.wait_end() == 1
    with pytest.raises(Closed):
        app.receive()
    r.start(r.url.split("//")[1])


def test_everything_that_an_admin_made_survives(r):
    space = r.space(description="says what it is", max_apps=3)
    keeps, revoked = space.token, space.new_token()
    ids = [t["token_id"] for t in json.loads(r.command("token", "list", space=space.name, json=True))]
    r.command("token", "revoke", max(ids))
    r.add_user("carl")
    r.admin.post("/admin/users/carl/disable")
    r.admin.post("/admin/settings/registration", registration="open")
    r.restart(kill=True)
    assert r.admin.get("/admin/").status_code == 200
    assert "says what it is" in r.admin.get("/ai_project/" + space.id).text
    assert space.app(token=keeps).response["success"]
    app = r.app()
    assert app.register(space.name, token=revoked)["message"] == "token has been revoked"
    assert r.stranger("carl").try_login().status_code == 200  # the log-in page again
    assert r.stranger().get("/register").status_code == 200

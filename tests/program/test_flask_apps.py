"""Apps of Flask sites, unchanged: what they send and expect, in their exact words (README: Coming from Flask)."""
import re
import uuid

import pytest

from old_app import OldApp
from old_script import Script
from relay import Space, relay_fixture

server, r = relay_fixture("server", limits={"grace_ms": 3600000, "save_retry_ms": 50})

TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]]
BOTH = pytest.mark.parametrize("transports", TRANSPORTS, ids=lambda t: "-then-".join(t))
numbers = iter(range(1, 10000))


@pytest.fixture
def apps(r):
    """Starts apps, and ends them."""
    started = []

    def start(**options):
        started.append(OldApp(r.url, **options))
        return started[-1]

    yield start
    for app in started:
        app.close()


def old_space(r, legacy=True, **form):
    """As an admin's script makes one."""
    name = f"old {next(numbers)}"
    form = {"name": name, "card_type": "websockets", "ws_enable_prompt": "on", "ws_enable_audio": "on", **form}
    if legacy:
        form["ws_legacy_registration"] = "on"
    answer = r.admin.post("/admin/space/add", **form)
    assert answer.status_code == 302, answer.text
    return Space(r, {"name": name, "space_id": answer.headers["Location"].rsplit("/", 1)[1]})


@BOTH
def test_register_accepted(r, apps, transports):
    space = old_space(r)
    answer = apps(transports=transports).register(space.name)
    assert answer == {"success": True, "connection_id": answer["connection_id"], "space_id": space.id,
                      "message": f'Successfully connected to space "{space.name}"'}
    assert uuid.UUID(answer["connection_id"])


def test_register_space_name_is_required_stays_connected(r, apps):
    space, app = old_space(r), apps(reconnect=True)
    for data in ({}, {"space_name": ""}, {"space_name": None}):
        app.emit("register", data)
        assert app.wait("register_response") == {"success": False, "message": "space_name is required"}
    app.emit("register")
    assert app.wait("register_response")["message"] == "space_name is required"
    assert app.register(space.name)["success"]
    assert app.connects.empty()


def test_a_stranger_does_not_fill_the_log(r, apps):
    """It may stay after `space_name is required`, and say anything again and again."""
    app = apps()
    before = len(r.log())
    for _ in range(100):
        app.emit("register", {})
        assert not app.wait("register_response")["success"]
        app.emit("inference_result", {"no": "lease"})
    app.emit("register", {})
    app.wait("register_response")
    assert r.log()[before:].count("\n") < 10


@BOTH
def test_register_space_not_found_then_41(r, apps, transports):
    app = apps(reconnect=True, transports=transports)
    assert app.register('no "such" one') == {
        "success": False, "message": 'Space "no "such" one" not found or is not a WebSocket space'}
    app.gone()
    app.sio.wait()  # returns at once: after 41 it does not come back


def test_register_already_has_a_connected_app_then_41(r, apps):
    space = old_space(r)
    first, second = apps(), apps(reconnect=True)
    assert first.register(space.name)["success"]
    assert second.register(space.name) == {"success": False, "message": "Space already has a connected app"}
    second.gone()
    second.sio.wait()
    assert first.said() == []


def test_register_without_token_is_refused_unless_the_space_allows_it(r, apps):
    app = apps(reconnect=True)
    assert app.register(old_space(r, legacy=False).name) == {"success": False, "message": "token is required"}
    app.gone()
    app.sio.wait()


@pytest.mark.parametrize("place", ["register", "auth", "query"])
def test_token_in_any_of_its_three_places(r, apps, place):
    space = old_space(r, legacy=False)
    app = apps(auth={"token": space.token} if place == "auth" else None,
               query=f"?token={space.token}" if place == "query" else "")
    assert app.register(space.name, **({"token": space.token} if place == "register" else {}))["success"]


@pytest.mark.parametrize("place", ["register", "auth", "query"])
def test_a_wrong_token_is_refused_in_any_of_its_places(r, apps, place):
    space = old_space(r)  # where none would be needed
    app = apps(auth={"token": "v4.public.x"} if place == "auth" else None,
               query="?token=v4.public.x" if place == "query" else "")
    answer = app.register(space.name, **({"token": "v4.public.x"} if place == "register" else {}))
    assert answer == {"success": False, "message": "token is not valid"}
    app.gone()


@BOTH
def test_inference_request_and_result(r, apps, transports):
    space, app = old_space(r), apps(transports=transports)
    app.register(space.name)
    tab = r.ann.tab()
    request_id = tab.submit(space, {"prompt": "say 你好", "audio": "https://a.example/x.wav"})
    request = app.take()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+", request["payload"].pop("timestamp"))
    assert request == {"request_id": request_id, "username": "ann", "attempt": 1,
                       "payload": {"prompt": "say 你好", "audio": "https://a.example/x.wav"}}
    assert tab.watch(request_id)["status"] == "processing"
    app.result(request, {"text_output": "你好", "n": 1.50})
    assert tab.final(request_id)["result"] == {"text_output": "你好", "n": 1.5}


@pytest.mark.parametrize("status", ["failed", "error"])
def test_status_failed_and_error_count_as_failed(r, apps, status):
    space, app, tab = old_space(r), apps(), r.ann.tab()
    app.register(space.name)
    request_id = tab.submit(space)
    app.result(app.take(), {"error": "out of memory"}, status=status)
    final = tab.outcome(request_id)
    assert (final["status"], final["error"]) == ("failed", {"code": "app_error", "message": "out of memory"})


def test_a_failure_keeps_all_that_the_app_sent(r, apps):
    """Scripts read its members on /websockets/status; the native calls have the error alone."""
    space, app, tab, script = old_space(r), apps(), r.ann.tab(), Script(r).borrow(r.ann)
    said = {"error": "out of memory", "stage": 2, "image": "AP8B", "score": 1.5}
    app.register(space.name)
    request_id = tab.submit(space)
    app.result(app.take(), {**said, "image": b"\x00\xff\x01"}, status="failed")
    final = tab.outcome(request_id)
    assert final["error"] == {"code": "app_error", "message": "out of memory"} and "result" not in final
    state = script.status(request_id).json()
    assert (state["status"], state["result"]) == ("failed", said)
    assert "result" not in r.ann.get(f"/api/v1/requests/{request_id}").json()
    page = r.ann.get(f"/requests/{request_id}").text
    assert "out of memory" in page and "AP8B" in page
    assert r.ann.get(f"/requests/{request_id}.json").json()["result"] == said


def test_a_failure_may_say_why_beside_its_result(r, apps):
    space, app, tab, script = old_space(r), apps(), r.ann.tab(), Script(r).borrow(r.ann)
    app.register(space.name)
    request_id = tab.submit(space)
    app.emit("inference_result", {"request_id": app.take()["request_id"], "status": "error", "error": "boom"})
    assert tab.outcome(request_id)["error"]["message"] == "boom"
    assert script.status(request_id).json()["result"] == {"error": "boom"}


def test_requests_are_sent_at_once_and_answered_in_any_order(r, apps):
    space, app, tab = old_space(r), apps(), r.ann.tab()
    app.register(space.name)
    ids = [tab.submit(space) for _ in range(20)]
    requests = {q["request_id"]: q for q in (app.take() for _ in ids)}
    assert list(requests) == ids
    for request_id in reversed(ids):
        app.result(requests[request_id], {"text_output": request_id})
        assert tab.outcome(request_id)["result"] == {"text_output": request_id}


def test_register_says_another_concurrency(r, apps):
    space, app, tab = old_space(r), apps(), r.ann.tab()
    app.register(space.name, concurrency=2)
    ids = [tab.submit(space) for _ in range(3)]
    first = app.take()
    assert [m[1]["request_id"] for m in app.said()] == [ids[1]]
    app.result(first)
    assert app.take()["request_id"] == ids[2]


def test_optional_progress_and_deltas(r, apps):
    space, app, tab = old_space(r), apps(), r.ann.tab()
    app.register(space.name)
    request_id = tab.submit(space)
    tab.watch(request_id)
    request = app.take()
    app.emit("inference_progress", {"request_id": request_id, "percent": 40, "message": "thinking"})
    progress = tab.event(f"request:{request_id}", lambda e: e["kind"] == "progress")
    assert (progress["percent"], progress["message"]) == (40, "thinking")
    app.emit("inference_delta", {"request_id": request_id, "attempt": 1, "text": "Hel"})
    app.emit("inference_delta", {"request_id": request_id, "text": "lo"})
    app.result(request)
    tab.final(request_id)
    assert r.ann.tab().watch(request_id)["text"] == "Hello"


def test_a_binary_attachment_arrives_as_base64(r, apps):
    space, app, tab = old_space(r), apps(), r.ann.tab()
    app.register(space.name)
    request_id = tab.submit(space)
    app.result(app.take(), {"image": b"\x00\xff\x01", "also": [b"abc"]})
    assert tab.outcome(request_id)["result"] == {"image": "AP8B", "also": ["YWJj"]}


@BOTH
def test_a_result_with_nan_is_taken_and_reads_null(r, apps, transports):
    space, app, tab = old_space(r), apps(transports=transports), r.ann.tab()
    app.register(space.name)
    request_id = tab.submit(space)
    app.result(app.take(), {"loss": float("nan"), "image": b"abc", "top": [float("inf"), -float("inf")], "n": 0.25})
    assert tab.outcome(request_id)["result"] == {"loss": None, "image": "YWJj", "top": [None, None], "n": 0.25}
    assert app.connects.empty()


def test_a_result_of_another_s_request_changes_nothing(r, apps):
    mine, other = old_space(r), old_space(r)
    app, thief, tab = apps(), apps(), r.ann.tab()
    app.register(mine.name)
    thief.register(other.name)
    request_id = tab.submit(mine)
    request = app.take()
    thief.result(request, {"text_output": "mine"})
    thief.result({"request_id": str(uuid.uuid4())})
    stranger = apps()
    stranger.result(request, {"text_output": "not registered"})
    assert tab.state(request_id)["status"] == "processing"
    app.result(request, {"text_output": "right"})
    assert tab.outcome(request_id)["result"] == {"text_output": "right"}


def test_a_cancelled_request_is_told_and_its_result_refused(r, apps):
    space, app, tab = old_space(r), apps(), r.ann.tab()
    app.register(space.name)
    request_id = tab.submit(space)
    request = app.take()
    tab.cancel(request_id)
    assert app.wait("inference_cancel") == {"request_id": request_id, "attempt": 1, "reason": "cancelled"}
    app.result(request)
    assert tab.outcome(request_id)["status"] == "cancelled"


def test_an_app_that_reconnects_gets_its_request_again(r, apps):
    space, app, tab = old_space(r), apps(), r.ann.tab()
    app.register(space.name)
    request_id = tab.submit(space)
    app.take()
    app.close()
    app = apps()
    assert app.register(space.name)["success"]
    request = app.take()
    assert (request["request_id"], request["attempt"]) == (request_id, 2)
    app.result(request)
    assert tab.outcome(request_id)["status"] == "completed"


def test_an_app_without_a_token_takes_over_nothing(r, apps):
    """Anybody can say `instance` and `resume`."""
    space, app, tab = old_space(r), apps(), r.ann.tab()
    assert app.register(space.name, instance="one")["success"]
    request_id = tab.submit(space)
    app.take()
    other = apps()
    assert other.register(space.name, instance="one")["message"] == "Space already has a connected app"
    app.close()
    other = apps()
    lease = {"request_id": request_id, "attempt": 1}
    assert other.register(space.name, instance="one", resume=[lease])["success"]
    request = other.take()
    assert (request["request_id"], request["attempt"]) == (request_id, 2)


@BOTH
def test_a_restarted_relay_is_found_again_and_nothing_is_lost(r, apps, transports):
    space = old_space(r)
    app = apps(reconnect=True, transports=transports)
    app.register(space.name)
    request_id = r.ann.tab().submit(space)
    app.take()
    r.restart()
    app.back()
    assert app.register(space.name)["success"]
    app.result(app.take(), {"text_output": "after"})
    assert r.ann.tab().outcome(request_id)["result"] == {"text_output": "after"}


def test_a_kicked_app_comes_back_and_one_whose_token_is_revoked_does_not(r, apps):
    space = old_space(r, legacy=False)
    app = apps(reconnect=True)
    answer = app.register(space.name, token=space.token)
    assert r.admin.post(f"/admin/app/{answer['connection_id']}/kick").status_code == 302
    app.gone()
    app.back()
    assert app.register(space.name, token=space.token)["success"]
    tokens = r.command("token", "list", "--space", space.name).split()
    r.command("token", "revoke", next(t for t in tokens if re.fullmatch(r"[0-9a-f-]{36}", t)), space=space.name)
    app.gone()
    app.sio.wait()


def test_registering_twice_is_refused_and_the_first_stands(r, apps):
    space, app, tab = old_space(r), apps(), r.ann.tab()
    app.register(space.name)
    assert app.register(space.name) == {"success": False, "message": "This connection is registered already"}
    tab.submit(space)
    app.result(app.take())


def test_turning_legacy_registration_off_sends_the_app_away(r, apps):
    space, app = old_space(r), apps(reconnect=True)
    app.register(space.name)
    answer = r.admin.post(f"/admin/space/edit/{space.id}", name=space.name, card_type="websockets",
                          ws_enable_prompt="on")
    assert answer.status_code == 302
    app.gone()
    app.sio.wait()

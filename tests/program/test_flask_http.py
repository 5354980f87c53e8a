"""The HTTP surface of the old Flask site, row by row, as the scripts written for it use it: plain requests, forms, a
cookie, no header that a browser would send, and every string compared to the letter."""
import datetime
import re
import uuid

import pytest

from old_script import CHINESE, ENGLISH, KOREAN, Script, app_of, error
from relay import NOBODY, PASSWORD, Space, numbers, relay_fixture, until

server, r = relay_fixture("server")


@pytest.fixture
def admin(r):
    return Script(r).borrow(r.admin)


@pytest.fixture
def user(r):
    return Script(r).borrow(r.ann)


# ---- POST /login, POST /register, GET /logout ----


def test_post_login_right_password_302_to_the_start(r):
    r.ann
    script = Script(r)
    answer = script.post("/login", username="ann", password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("session=") and "SameSite=Lax" in cookie and "HttpOnly" in cookie
    assert script.get("/").status_code == 200


@pytest.mark.parametrize("headers,words", [
    (None, "无效的凭据"), (CHINESE, "无效的凭据"), (ENGLISH, "Invalid username or password")])
def test_post_login_wrong_password_200_with_the_words(r, headers, words):
    answer = Script(r, headers).post("/login", username=f"nobody{next(numbers)}", password="wrong password")
    assert answer.status_code == 200 and words in answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "session=" not in answer.headers.get("Set-Cookie", "")


@pytest.mark.parametrize("form", [{}, {"username": "ann"}, {"password": PASSWORD}])
def test_post_login_missing_field_400(r, form):
    assert Script(r).post("/login", **form).status_code == 400


def test_post_register_302_to_the_login_and_taken_200(r):
    assert r.admin.post("/admin/settings/registration", registration="open").status_code == 302
    script = Script(r)
    form = {"username": "newcomer", "password": PASSWORD}
    answer = script.post("/register", **form)  # without confirm_password
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
    answer = script.post("/register", **form, confirm_password=PASSWORD)
    assert answer.status_code == 200 and "用户名已存在" in answer.text
    answer = script.post("/register", username="another", password=PASSWORD, confirm_password=PASSWORD + "x")
    assert answer.status_code == 200
    assert Script(r).login("newcomer").get("/").status_code == 200


def test_get_logout_302_to_the_login(r):
    r.ann
    user = Script(r).login("ann")
    answer = user.get("/logout")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
    assert user.get("/").status_code == 302


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_get_logout_from_another_site_403(user, headers):
    user.session.headers.update(headers)
    assert user.get("/logout").status_code == 403
    assert user.get("/").status_code == 200


# ---- GET /admin ----


def test_get_admin_308_then_200_or_302(r, admin, user):
    for script in (admin, user, Script(r)):
        answer = script.get("/admin")
        assert (answer.status_code, answer.headers["Location"]) == (308, "/admin/")
    assert admin.get("/admin/").status_code == 200
    answer = user.get("/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    answer = Script(r).get("/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")


# ---- POST /admin/space/add, /admin/space/edit/{id} ----


def test_post_admin_space_add_302_to_edit_and_edit_to_itself(r, admin):
    name, space_id = admin.add_space(ws_enable_audio="on", ws_rate_limit_seconds="7", cover="https://img.example/a.png")
    path = f"/admin/space/edit/{space_id}"
    page = admin.get(path)
    assert page.status_code == 200 and name in page.text and 'value="7"' in page.text
    answer = admin.post(path, name=name + " b", description="other", cover="", cover_type="image",
                        card_type="websockets", ws_enable_prompt="on", ws_enable_video="on", max_apps="3")
    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    stored = [s for s in (r.command("space", "show", name + " b"),)][0]
    assert "other" in stored
    assert admin.get("/admin/space/add").status_code == 200


def test_post_admin_space_add_with_what_an_old_form_leaves_out_or_empty(admin, r):
    answer = admin.post("/admin/space/add", name="bare", card_type="websockets")
    assert answer.status_code == 302, answer.text
    space_id = answer.headers["Location"].rsplit("/", 1)[1]
    app = app_of(r, "bare", space_id)
    assert admin.accepted(space_id, prompt="a space that takes nothing takes a prompt")
    app.take()
    admin.add_space(ws_rate_limit_seconds="", max_apps="", cover_type="", cover="uploads/cover.png")


def test_post_admin_space_add_is_for_admins(r, user):
    for path in ("/admin/space/add", f"/admin/space/edit/{NOBODY}"):
        answer = user.post(path, name="mine", card_type="websockets")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
        answer = Script(r).post(path, name="mine", card_type="websockets")
        assert answer.status_code == 302 and answer.headers["Location"].startswith("/login")


def policy(page):
    return dict(d.strip().split(" ", 1) for d in page.headers["Content-Security-Policy"].split(";"))


def test_cover_and_cover_type_are_a_picture_and_no_more_may_be_loaded(admin, user):
    shown = {("image", "https://img.example:8443/a b".replace(" ", "_")): '<img class="cover" src="https://img.example:8443/a_b"',
             ("image", "http://10.1.2.3/c.png"): '<img class="cover" src="http://10.1.2.3/c.png"',
             ("image", "/static/icon.svg"): '<img class="cover" src="/static/icon.svg"',
             ("image", "uploads/old.png"): '<img class="cover" src="/uploads/old.png"',
             ("emoji", "🎨"): '<span class="cover emoji" aria-hidden="true">🎨</span>',
             ("color", "#2f6fed"): '<stop stop-color="#2f6fed"/><stop offset="1" stop-color="#2f6fed"/>',
             ("gradient", "linear-gradient(135deg, #667eea 0%, #764ba2 100%)"):
                 '<stop stop-color="#667eea"/><stop offset="1" stop-color="#764ba2"/>',
             ("hologram", "x"): None, ("image", ""): None}
    assert policy(user.get("/requests"))["img-src"] == "'self'"
    for (kind, cover), html in shown.items():
        _, space_id = admin.add_space(cover_type=kind, cover=cover)
        page = user.get(f"/ai_project/{space_id}")
        if html:
            assert html in page.text and html in user.get("/").text
        else:
            assert 'class="cover' not in page.text
        origin = re.match("https?://[^/]+", cover)
        assert policy(page)["img-src"] == "'self'" + (f" {origin.group(0)}" if origin else "")
        assert admin.get(f"/admin/space/edit/{space_id}").status_code == 200
    sources = policy(user.get("/"))["img-src"].split()
    assert {"'self'", "https://img.example:8443", "http://10.1.2.3"} <= set(sources)
    assert len(sources) == len(set(sources)) and not {"https:", "data:", "*"} & set(sources)


def test_ws_legacy_registration_is_off_unless_ticked_and_warned_of(r, admin):
    name, space_id = admin.add_space()
    warning = "without a token"
    admin.session.headers.update(ENGLISH)
    page = admin.get(f"/admin/space/edit/{space_id}").text
    box = re.search('<input type="checkbox" name="ws_legacy_registration"([^>]*)>', page).group(1)
    assert "checked" not in box and 'id="legacy-danger"' in page and "Danger:" in page
    assert 'id="legacy"' not in admin.get("/admin/").text
    form = {"name": name, "ws_enable_prompt": "on"}
    assert admin.post(f"/admin/space/edit/{space_id}", ws_legacy_registration="on", **form).status_code == 302
    page = admin.get(f"/admin/space/edit/{space_id}").text
    assert "checked" in re.search('<input type="checkbox" name="ws_legacy_registration"([^>]*)>', page).group(1)
    notice = re.search('<p[^>]* id="legacy">.*?</p>', admin.get("/admin/").text).group(0)
    assert warning in notice and name in notice and f"/admin/space/edit/{space_id}" in notice
    assert admin.post(f"/admin/space/edit/{space_id}", **form).status_code == 302
    assert 'id="legacy"' not in admin.get("/admin/").text


# ---- GET /admin/websockets/status ----


def connections(status, space_id):
    return [c for c in status["connections"] if c["space_id"] == space_id]


def one_space(status, space_id):
    return next(s for s in status["all_spaces"] if s["space_id"] == space_id)


def test_get_admin_websockets_status_rises_and_falls(r, admin):
    name, space_id = admin.add_space()
    look = lambda: admin.get("/admin/websockets/status").json()
    before = look()
    assert before["success"] is True and before["total_ws_spaces"] == len(before["all_spaces"])
    assert before["connected_count"] == len(before["connections"])
    assert one_space(before, space_id) == {
        "space_id": space_id, "space_name": name, "is_connected": False, "queue_size": 0}
    app = app_of(r, name, space_id)
    now = look()
    assert now["connected_count"] == before["connected_count"] + 1
    connection, = connections(now, space_id)
    assert set(connection) == {"space_id", "space_name", "connection_id", "connected_at", "queue_size",
                               "is_processing"}
    assert connection["connection_id"] == app.response["connection_id"] and connection["space_name"] == name
    assert (connection["queue_size"], connection["is_processing"]) == (0, False)
    datetime.datetime.fromisoformat(connection["connected_at"])
    requests = [admin.accepted(space_id, prompt=str(i)) for i in range(3)]
    now = look()
    assert (connections(now, space_id)[0]["queue_size"], connections(now, space_id)[0]["is_processing"]) == (3, True)
    assert one_space(now, space_id)["queue_size"] == 3 and one_space(now, space_id)["is_connected"] is True
    for left, request_id in zip((2, 1, 0), requests):
        request = app.take()
        assert request["request_id"] == request_id and app.result(request)["accepted"]
        assert one_space(look(), space_id)["queue_size"] == left
    assert connections(look(), space_id)[0]["is_processing"] is False
    app.close()
    until(lambda: look()["connected_count"] == before["connected_count"])
    assert one_space(look(), space_id) == one_space(before, space_id)


def test_get_admin_websockets_status_counts_what_waits_for_a_lost_app(r, admin):
    name, space_id = admin.add_space()
    space = Space(r, {"name": name, "space_id": space_id})
    app = space.app(instance="one")
    request_id = admin.accepted(space_id, prompt="p")
    request = app.take()
    app.drop()
    until(lambda: not connections(admin.get("/admin/websockets/status").json(), space_id))
    assert one_space(admin.get("/admin/websockets/status").json(), space_id) == {
        "space_id": space_id, "space_name": name, "is_connected": False, "queue_size": 1}
    assert admin.status(request_id).json()["status"] == "processing"
    app = space.app(instance="one", resume=[{"request_id": request_id, "attempt": request["attempt"]}])
    app.result(request)
    assert one_space(admin.get("/admin/websockets/status").json(), space_id)["queue_size"] == 0


def test_get_admin_websockets_status_is_for_admins(r, user):
    answer = user.get("/admin/websockets/status")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    answer = Script(r).get("/admin/websockets/status")
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/login")


# ---- GET /ai_project/{id} ----


def test_get_ai_project_200_the_spaces_page_in_both_languages(r, admin, user):
    name, space_id = admin.add_space()
    page = user.get(f"/ai_project/{space_id}")
    assert page.status_code == 200 and name in page.text
    assert "✗ 未连接" in page.text and "发送请求" in page.text
    app_of(r, name, space_id)
    assert "✓ 已连接" in user.get(f"/ai_project/{space_id}").text
    user.session.headers.update(ENGLISH)
    page = user.get(f"/ai_project/{space_id}")
    assert "✓ Connected" in page.text and "Submit Request" in page.text


@pytest.mark.parametrize("headers", [None, ENGLISH, CHINESE, KOREAN])
def test_get_ai_project_unknown_404(r, user, headers):
    user.session.headers.update(headers or {})
    for wrong in (NOBODY, "nonsense"):
        answer = user.get(f"/ai_project/{wrong}")
        assert answer.status_code == 404 and "AI Project not found" in answer.text
        answer = Script(r, headers).get(f"/ai_project/{wrong}")
        assert answer.status_code == 404 and "AI Project not found" in answer.text


@pytest.mark.parametrize("boxes", ["prompt", "audio", "prompt audio", "prompt video", "prompt audio video file_upload"])
def test_ws_enable_boxes_are_what_the_spaces_form_asks_for(admin, user, boxes):
    user.session.headers.update(ENGLISH)
    fields = {"ws_enable_prompt": "", **{f"ws_enable_{box}": "on" for box in boxes.split()}}
    _, space_id = admin.add_space(**fields)
    page = user.get(f"/ai_project/{space_id}").text
    assert ('<textarea id="prompt"' in page) == ("prompt" in boxes)
    assert bool(re.search('<input id="audio"[^>]*data-input>', page)) == ("audio" in boxes)
    for name in ("video", "file"):  # not to be had yet, and said so
        coming = re.search(f'<label for="{name}">.*coming.*</label>\\s*<input id="{name}"[^>]* disabled>', page)
        assert bool(coming) == (name in boxes)
        assert (f'id="{name}"' in page) == (name in boxes)


# ---- POST /websockets/submit/{id} ----


@pytest.mark.parametrize("headers,words", [
    (None, "未登录"), (CHINESE, "未登录"), (ENGLISH, "Not logged in"), (KOREAN, "Not logged in")])
def test_post_websockets_submit_401_when_not_logged_in(r, headers, words):
    assert error(Script(r, headers).submit(NOBODY, prompt="p")) == (401, {"error": words})


@pytest.mark.parametrize("headers,words", [(None, "Space 未找到或类型不正确"), (ENGLISH, "Space not found")])
@pytest.mark.parametrize("wrong", [NOBODY, "nonsense", "a/b", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"])
def test_post_websockets_submit_404_for_an_unknown_space(user, headers, words, wrong):
    user.session.headers.update(headers or {})
    assert error(user.submit(wrong, prompt="p")) == (404, {"error": words})


def test_a_language_chosen_for_pages_does_not_change_what_a_script_compares(r, admin):
    """The switch in a page's foot writes to the account; the owner's scripts send no Accept-Language all the same."""
    _, space_id = admin.add_space()
    person = r.person(f"chooser{next(numbers)}")
    assert person.post("/language", language="en", back="/").status_code == 302
    script, chosen = Script(r).borrow(person), Script(r, CHINESE).borrow(person)
    script.session.cookies.pop("lang")
    assert error(script.submit(space_id, prompt="p")) == (503, {"error": "远程应用未连接"})
    assert error(chosen.submit(space_id, prompt="p")) == (503, {"error": "Remote app not connected"})


@pytest.mark.parametrize("headers,words", [(None, "远程应用未连接"), (ENGLISH, "Remote app not connected")])
def test_post_websockets_submit_503_when_disconnected(admin, user, headers, words):
    _, space_id = admin.add_space()
    user.session.headers.update(headers or {})
    assert error(user.submit(space_id, prompt="p")) == (503, {"error": words})


@pytest.mark.parametrize("headers,words", [
    (None, "请求过于频繁，请等待 {} 秒后再试。"), (ENGLISH, "Too many requests, try again in {} s")])
def test_post_websockets_submit_429_with_the_time_to_wait(r, admin, user, headers, words):
    name, space_id = admin.add_space(ws_rate_limit_seconds="3600")
    app_of(r, name, space_id)
    user.session.headers.update(headers or {})
    user.accepted(space_id, prompt="first")
    answer = user.submit(space_id, prompt="second")
    seconds = answer.json()["retry_after"]
    assert 0 < seconds <= 3600 and answer.headers["Retry-After"] == str(seconds)
    assert error(answer) == (429, {"error": words.format(seconds), "retry_after": seconds})
    admin.accepted(space_id, prompt="another person's")  # each waits for themselves
    _, other = (name, None), admin.add_space(ws_rate_limit_seconds="3600")
    app_of(r, *other)
    user.accepted(other[1], prompt="and for each space")


def test_post_websockets_submit_400_for_what_the_space_does_not_take(r, admin, user):
    name, space_id = admin.add_space()
    app_of(r, name, space_id, concurrency=10)
    assert error(user.submit(space_id, prompt="p", audio_url="https://a.example/b.wav")) == (
        400, {"error": "此 Space 不接受音频"})
    assert error(user.submit(space_id)) == (400, {"error": "请输入提示词或音频地址"})
    user.session.headers.update(ENGLISH)
    assert error(user.submit(space_id, audio_url="u")) == (400, {"error": "This space does not take audio"})
    name, audio_only = admin.add_space(ws_enable_prompt="", ws_enable_audio="on")
    app_of(r, name, audio_only)
    assert error(user.submit(audio_only, prompt="p")) == (400, {"error": "This space does not take a prompt"})
    user.accepted(audio_only, audio_url="u")


def test_post_websockets_submit_hands_the_app_prompt_and_audio(r, admin, user):
    name, space_id = admin.add_space(ws_enable_audio="on")
    app = app_of(r, name, space_id, concurrency=10)
    for form, payload in (({"prompt": "你好 & \"x\""}, {"prompt": "你好 & \"x\""}),
                          ({"prompt": "a", "audio_url": "https://a/b?c=1"}, {"prompt": "a", "audio": "https://a/b?c=1"}),
                          ({"prompt": "p", "audio_url": ""}, {"prompt": "p"}),
                          ({"prompt": "", "audio_url": "u"}, {"audio": "u"})):
        request_id = user.accepted(space_id, **form)
        request = app.take()
        assert (request["request_id"], request["username"]) == (request_id, "ann")
        assert {k: v for k, v in request["payload"].items() if k != "timestamp"} == payload


def test_post_websockets_submit_has_its_limits(r, admin, user):
    name, space_id = admin.add_space()
    app = app_of(r, name, space_id, concurrency=10)
    most = 1048576 - len('{"prompt":""}')
    user.accepted(space_id, prompt="世" * (most // 3))  # three bytes each, nine in the form
    assert len(app.take()["payload"]["prompt"]) == most // 3
    assert error(user.submit(space_id, prompt="a" * (most + 1))) == (413, {"error": "提交的内容过大"})
    assert user.submit(space_id, prompt="世" * most).status_code == 413


def test_post_websockets_submit_from_another_site_403(r, admin, user):
    name, space_id = admin.add_space()
    app_of(r, name, space_id)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        for path in (f"/websockets/submit/{space_id}", "/login", "/register", "/admin/space/add",
                     f"/admin/space/edit/{space_id}"):
            assert admin.post(path, headers=headers, prompt="p", name="n").status_code == 403
    assert user.post(f"/websockets/submit/{space_id}", headers={"Origin": r.url, "Sec-Fetch-Site": "same-origin"},
                     prompt="p").status_code == 200


# ---- GET /websockets/status ----


def test_get_websockets_status_queued_processing_completed(r, admin, user):
    name, space_id = admin.add_space()
    app = app_of(r, name, space_id)
    first, second = (user.accepted(space_id, prompt=p) for p in ("first", "second"))
    app.take()
    state = user.poll(first, "processing")
    assert set(state) == {"request_id", "status", "result", "created_at", "updated_at"}
    assert (state["request_id"], state["result"]) == (first, None)
    assert datetime.datetime.fromisoformat(state["created_at"]) <= datetime.datetime.fromisoformat(state["updated_at"])
    waiting = user.status(second).json()
    assert (waiting["status"], waiting["result"]) == ("queued", None)
    result = {"text_output": "你好", "model_used": "m", "confidence": 0.5, "processing_time_seconds": 1.25,
              "tokens_used": 7, "timestamp": "2026-01-01T00:00:00"}
    app.result({"request_id": first, "attempt": 1}, result)
    done = user.status(first).json()
    assert (done["status"], done["result"]) == ("completed", result)
    assert done["created_at"] == state["created_at"]
    assert app.take()["request_id"] == second
    assert user.poll(second, "processing")


def test_get_websockets_status_failed_says_why(r, admin, user):
    name, space_id = admin.add_space()
    app = app_of(r, name, space_id)
    request_id = user.accepted(space_id, prompt="p")
    app.error(app.take(), message="CUDA out of memory")
    state = user.status(request_id).json()
    assert (state["status"], state["result"]) == ("failed", {"error": "CUDA out of memory"})


def test_get_websockets_status_cancelled_reads_failed(r, admin, user):
    name, space_id = admin.add_space()
    app = app_of(r, name, space_id)
    running, waiting = (user.accepted(space_id, prompt="p") for _ in range(2))
    request = app.take()
    for request_id in (running, waiting):
        assert user.post(f"/requests/{request_id}/cancel").status_code == 302
        state = user.status(request_id).json()
        assert (state["status"], state["result"]) == ("failed", {"error": "cancelled"})
    app.cancelled(request)
    app.result(request)
    assert user.status(running).json()["status"] == "failed"


def test_get_websockets_status_400_missing_and_404_not_found(r, user):
    assert error(user.get("/websockets/status")) == (400, {"error": "Missing request_id"})
    for wrong in (NOBODY, "nonsense", str(uuid.uuid4())):
        assert error(user.status(wrong)) == (404, {"error": "Request not found"})
    assert error(Script(r).get("/websockets/status")) == (400, {"error": "Missing request_id"})


def test_get_websockets_status_only_to_the_owner_and_admins(r, admin, user):
    other = Script(r).borrow(r.bob)
    name, space_id = admin.add_space()
    app = app_of(r, name, space_id)
    request_id = user.accepted(space_id, prompt="mine")
    request = app.take()
    for _ in ("while it is in memory", "when it is finished"):
        for nobody in (other, Script(r)):
            assert error(nobody.status(request_id)) == (404, {"error": "Request not found"})
        assert admin.status(request_id).json()["request_id"] == request_id
        assert user.status(request_id).json()["request_id"] == request_id
        app.result(request)


def test_what_was_submitted_survives_a_kill(r, admin, user):
    name, space_id = admin.add_space()
    app = app_of(r, name, space_id)
    done, running, waiting = (user.accepted(space_id, prompt=p) for p in "abc")
    app.result(app.take(), {"text_output": "A"})
    app.take()
    r.restart(kill=True)
    assert user.status(done).json()["result"] == {"text_output": "A"}
    assert user.status(running).json()["status"] == "processing"
    assert user.status(waiting).json()["status"] == "queued"


def test_the_whole_script(r):
    """Nothing but the host was changed."""
    r.admin
    script = Script(r)
    assert "无效的凭据" in script.post("/login", username="root", password="not it").text
    script.login("root")
    name, space_id = script.add_space(ws_rate_limit_seconds="0")
    assert script.submit(space_id, prompt="early").json() == {"error": "远程应用未连接"}
    app = app_of(r, name, space_id)
    request_id = script.accepted(space_id, prompt="hello")
    request = app.take()
    script.poll(request_id, "processing")
    app.progress(request, percent=50)
    app.result(request, {"text_output": "world"})
    assert script.poll(request_id, "completed")["result"] == {"text_output": "world"}

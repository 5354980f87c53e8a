"""The pages of people and admins, and what every answer over HTTP owes."""
import html
import re
import sqlite3

import pytest
import requests

from relay import NOBODY, PATIENCE, PASSWORD, Person, Space, relay_fixture, until

server, r = relay_fixture("server")
numbers = iter(range(1, 1000))


def form(**fields):
    return {"name": f"formed {next(numbers)}", "description": "d", "cover": "", "cover_type": "image",
            "card_type": "websockets", "ws_enable_prompt": "on", "ws_rate_limit_seconds": "0", "max_apps": "1",
            **fields}


def add_space(r, **fields):
    fields = form(**fields)
    answer = r.admin.post("/admin/space/add", **fields)
    assert answer.status_code == 302, answer.text
    space_id = re.fullmatch("/admin/space/edit/([0-9a-f-]{36})", answer.headers["Location"]).group(1)
    return Space(r, {"name": fields["name"], "space_id": space_id})


# ---- spaces ----


def test_a_space_is_made_by_form(r):
    space = add_space(r, description="<i>says</i> \"what\"")
    page = r.admin.get(f"/admin/space/edit/{space.id}")
    assert page.status_code == 200 and space.name in page.text
    assert "&lt;i&gt;says&lt;/i&gt;" in page.text and "<i>says" not in page.text
    page = r.ann.get("/spaces/" + space.name)
    assert page.status_code == 200 and "✗ Not Connected" in page.text
    assert space.name in r.ann.get("/").text
    space.app()
    assert "✓ Connected" in r.ann.get("/ai_project/" + space.id).text


def test_a_second_space_of_a_name_is_refused_with_the_sentence(r):
    space, other = add_space(r), add_space(r)
    sentence = f'Multiple spaces with name "{space.name}" found. Please use unique space names.'
    answer = r.admin.post("/admin/space/add", **form(name=space.name))
    assert answer.status_code == 200
    assert sentence in html.unescape(answer.text)
    answer = r.admin.post(f"/admin/space/edit/{other.id}", **form(name=space.name))
    assert answer.status_code == 200 and sentence in html.unescape(answer.text)
    assert r.ann.get("/spaces/" + other.name).status_code == 200
    answer = r.admin.post(f"/admin/space/edit/{space.id}", **form(name=space.name, description="kept its name"))
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/space/edit/{space.id}")


def test_a_name_that_was_given_up_may_be_used_again(r):
    space = add_space(r)
    assert r.admin.post(f"/admin/space/delete/{space.id}").headers["Location"] == "/admin/spaces"
    assert r.ann.get(f"/ai_project/{space.id}").status_code == 404
    assert add_space(r, name=space.name).id != space.id


@pytest.mark.parametrize("fields", [
    {"name": ""}, {"name": " a"}, {"name": "a/b"}, {"name": "a\tb"}, {"name": "n" * 65}, {"name": "世" * 65},
    {"max_apps": "0"}, {"max_apps": "1001"}, {"max_apps": "x"}, {"ws_rate_limit_seconds": "-1"},
    {"description": "d" * 2001}, {"cover": "javascript:alert(1)"}, {"cover": "//evil.example/x"}])
def test_a_space_that_is_not_right_is_refused_on_the_form(r, fields):
    before = r.command("space", "list", json=True)
    answer = r.admin.post("/admin/space/add", **form(**fields))
    assert answer.status_code == 200 and 'role="alert"' in answer.text
    assert r.command("space", "list", json=True) == before


@pytest.mark.parametrize("name", ["n" * 64, "世" * 64, "a & b <c> 'd' \"e\"", "100% #1?", "."])
def test_names_of_all_kinds_work(r, name):
    space = add_space(r, name=name)
    assert space.app().response["message"] == f'Successfully connected to space "{name}"'
    page = r.ann.get("/ai_project/" + space.id)
    assert page.status_code == 200 and "<c>" not in page.text
    link = re.search(r'href="(/spaces/[^"]+)"', r.admin.get(f"/admin/space/edit/{space.id}").text).group(1)
    if name != ".":  # clients fold that away
        assert r.ann.get(link).status_code == 200
    assert r.ann.tab().submit(space)


def test_only_admins_make_and_change_spaces(r):
    space = add_space(r)
    before = r.command("space", "list", json=True)
    for path in ("add", f"edit/{space.id}", f"delete/{space.id}", f"{space.id}/token"):
        answer = r.ann.post(f"/admin/space/{path}", **form())
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
        answer = r.stranger().post(f"/admin/space/{path}", **form())
        assert answer.status_code == 302 and answer.headers["Location"].startswith("/login")
    assert r.command("space", "list", json=True) == before
    assert r.admin.get(f"/admin/space/edit/{NOBODY}").status_code == 404
    assert r.admin.post(f"/admin/space/edit/{NOBODY}", **form()).status_code == 404
    assert r.ann.get(f"/ai_project/{NOBODY}").status_code == 404
    assert r.ann.get("/spaces/nowhere").status_code == 404


# ---- tokens ----


def test_a_token_is_shown_once_with_its_command_and_can_be_revoked(r):
    space = add_space(r)
    answer = r.admin.post(f"/admin/space/{space.id}/token", note="gpu <1>", expires="90d")
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    token = re.search(r"v4\.public\.[\w-]+", answer.text).group(0)
    assert f"mock-app --host {r.url} --space" in answer.text
    app = space.app(token=token)
    page = r.admin.get(f"/admin/space/edit/{space.id}").text
    assert token not in page and "gpu &lt;1&gt;" in page
    token_id = re.search(r"/admin/token/([0-9a-f-]{36})/revoke", page).group(1)
    assert r.ann.post(f"/admin/token/{token_id}/revoke").headers["Location"] == "/"
    answer = r.admin.post(f"/admin/token/{token_id}/revoke")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/space/edit/{space.id}#tokens")
    assert app.closed() == 4501
    app = r.app()
    assert app.register(space.name, token=token)["message"] == "token has been revoked"
    assert r.admin.post(f"/admin/space/{space.id}/token", note="x", expires="1000y").status_code == 400


# ---- requests ----


def test_the_page_of_a_request(r):
    space = r.space()
    app, tab = space.app(app={"name": "painter", "version": "1.2"}), r.ann.tab()
    request_id = tab.submit(space, {"prompt": "<script>alert(1)</script>", "seed": 7.10})
    page = r.ann.get("/requests/" + request_id).text
    assert request_id in page and f"/requests/{request_id}/cancel" in page
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    request = app.take()
    app.delta(request, "<b>streamed</b>")
    assert app.result(request, {"text_output": "<u>answer</u>", "confidence": 0.97})["accepted"]
    tab.outcome(request_id)
    page = r.ann.get("/requests/" + request_id).text
    assert "&lt;u&gt;answer&lt;/u&gt;" in page and "0.97" in page and "painter 1.2" in page
    assert f"/requests/{request_id}/cancel" not in page
    answer = r.ann.get(f"/requests/{request_id}.json?download")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{request_id}.json"'
    assert answer.headers["Content-Type"].startswith("application/json")
    data = answer.json()
    assert set(data) == {"request_id", "space", "username", "status", "attempt", "payload", "text", "created_at",
                         "result", "started_at", "finished_at", "attempts"}
    assert (data["status"], data["text"], data["username"]) == ("completed", "<b>streamed</b>", "ann")
    assert [(a["attempt"], a["outcome"]) for a in data["attempts"]] == [(1, "completed")]


def test_the_history_is_filtered_by_space_and_status(r):
    one, two = r.space(name="filter one"), r.space(name="filter two")
    apps = {s: s.app() for s in (one, two)}
    person = r.person("filterer")
    tab = person.tab()
    ids = {}
    for space, app in apps.items():
        for status in ("completed", "failed"):
            request_id = tab.submit(space, {"prompt": f"{space.name} {status}"})
            request = app.take()
            app.result(request) if status == "completed" else app.error(request)
            ids[space.name, status] = request_id
    for request_id in ids.values():
        tab.outcome(request_id)

    def listed(**query):
        answer = person.get("/requests", params=query)
        assert answer.status_code == 200
        return {key for key, request_id in ids.items() if request_id in answer.text}

    assert listed() == set(ids)
    assert listed(space="filter one") == {("filter one", "completed"), ("filter one", "failed")}
    assert listed(status="failed") == {("filter one", "failed"), ("filter two", "failed")}
    assert listed(space="filter two", status="completed") == {("filter two", "completed")}
    assert listed(space="nowhere") == listed(status="queued") == set()
    assert person.get("/requests?status=odd").status_code == 400
    assert person.get("/requests?before=odd").status_code == 400


def test_the_history_has_pages(r):
    space = r.space(queue_offline=True)
    person = r.person("collector")
    tab = person.tab()
    ids = [tab.submit(space) for _ in range(60)][::-1]

    def listed(path):
        page = person.get(path).text
        found = re.findall(r'href="/requests/([0-9a-f-]{36})"', page)
        older = re.search(r'href="(/requests\?[^"]*before=[^"]*)"', page)
        return list(dict.fromkeys(found)), older and older.group(1).replace("&amp;", "&")

    first, older = listed("/requests?status=queued")
    assert first == ids[:50] and "status=queued" in older
    second, older = listed(older)
    assert second == ids[50:] and older is None


# ---- settings ----


def test_registration_is_closed_until_an_admin_opens_it(r):
    new = {"username": "newcomer", "password": PASSWORD}
    visitor = r.stranger()
    assert visitor.get("/register").status_code == 403
    assert visitor.post("/register", **new).status_code == 403
    assert "/register" not in visitor.get("/login").text
    assert r.ann.post("/admin/settings/registration", registration="open").headers["Location"] == "/"
    assert visitor.get("/register").status_code == 403
    assert r.admin.post("/admin/settings/registration", registration="ajar").status_code == 400
    assert r.admin.post("/admin/settings/registration", registration="open").status_code == 302
    assert visitor.get("/register").status_code == 200 and "/register" in visitor.get("/login").text
    answer = visitor.post("/register", **new)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
    assert Person(r, "newcomer").login().get("/admin/").status_code == 302
    answer = visitor.post("/register", **{**new, "username": "NEWCOMER"})
    assert answer.status_code == 200 and "There is a user of this name already." in answer.text
    answer = r.stranger(headers={}).post("/register", **new)
    assert answer.status_code == 200 and "用户名已存在" in answer.text
    for wrong in ({"username": "a b"}, {"password": "short"}, {"confirm_password": "differs"}):
        answer = visitor.post("/register", **{"username": "other", "password": PASSWORD, **wrong})
        assert answer.status_code == 200 and 'role="alert"' in answer.text
    assert visitor.post("/register", username="other").status_code == 400
    assert r.admin.post("/admin/settings/registration", registration="closed").status_code == 302
    assert visitor.post("/register", username="late", password=PASSWORD).status_code == 403


def test_limits_changed_on_the_page_hold_at_once(r):
    space = r.space(queue_offline=True)
    tab = r.bob.tab()
    assert r.admin.post("/admin/settings/limits", payload_bytes="1000000000000").status_code == 200
    assert r.admin.post("/admin/settings/limits", payload_bytes="64").status_code == 302
    try:
        until(lambda: tab.ask(space, {"prompt": "x" * 100})["type"] == "error")
        assert tab.ask(space, {"prompt": "x" * 100})["code"] == "too_large"
    finally:
        assert r.admin.post("/admin/settings/limits", payload_bytes="1048576").status_code == 302
    assert tab.submit(space, {"prompt": "x" * 100})


def test_an_admin_makes_users_and_admins(r):
    answer = r.admin.post("/admin/users", username="made", password=PASSWORD, role="user")
    assert answer.status_code == 302
    made = Person(r, "made").login()
    assert made.get("/admin/").status_code == 302
    assert r.admin.post("/admin/users/made/role", role="admin").status_code == 302
    assert made.get("/admin/").status_code == 200
    assert r.admin.post("/admin/users/made/role", role="user").status_code == 302
    assert made.get("/admin/").status_code == 302
    answer = r.admin.post("/admin/users", username="Made", password=PASSWORD, role="user")
    assert answer.status_code == 200 and "There is a user of this name already." in answer.text
    assert r.admin.post("/admin/users/made/password", password="a new password").status_code == 302
    assert made.get("/").status_code == 302
    assert Person(r, "made").try_login("a new password").status_code == 302


# ---- what every answer owes ----

PAGES = ["/", "/login", "/requests", "/account", "/docs", "/docs/protocol", "/docs/openai", "/docs/cli", "/docs/api", "/docs/flask", "/docs/limits", "/admin/", "/admin/spaces",
         "/admin/space/add", "/admin/users", "/admin/settings", "/nowhere", "/static/app.css", "/static/nothing",
         f"/requests/{NOBODY}", "/register"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_carry_their_security_headers(r, path):
    answer = r.admin.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy and "script-src 'self'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"]
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        assert not re.search(r"<script(?![^>]*src=)|<[^>]*\s(on\w+|style)=", answer.text)
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PAGES + ["/healthz", "/readyz", "/metrics"])
def test_head_is_get_without_a_body(r, path):
    get, head = r.admin.get(path), r.admin.head(path)
    assert head.status_code == get.status_code and head.content == b""
    assert head.headers.get("Content-Type") == get.headers.get("Content-Type")
    assert "Content-Length" in head.headers
    if not path.startswith(("/metrics", "/admin", "/account")):
        assert head.headers["Content-Length"] == str(len(get.content))


@pytest.mark.parametrize("method, path, allow", [
    ("POST", "/", "GET, HEAD"), ("PUT", "/login", "GET, HEAD, POST"), ("DELETE", "/login", "GET, HEAD, POST"),
    ("GET", "/account/password", "POST"), ("POST", "/logout", "GET, HEAD"), ("POST", "/static/app.css", "GET, HEAD"),
    ("POST", "/healthz", "GET, HEAD"), ("DELETE", "/metrics", "GET, HEAD"), ("PUT", "/ws/app", "GET"),
    ("OPTIONS", "/ws/client", "GET"), ("PATCH", "/admin/space/add", "GET, HEAD, POST")])
def test_a_wrong_method_is_405_with_allow(r, method, path, allow):
    answer = requests.request(method, r.url + path, timeout=PATIENCE, allow_redirects=False)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)


def test_static_files_have_etags(r):
    for path in ("/static/app.css", "/static/js/app.js", "/static/icon.svg"):
        answer = r.stranger().get(path)
        etag = answer.headers["ETag"]
        assert answer.status_code == 200 and answer.content
        for tags in (etag, "W/" + etag, f'"x", {etag}', "*"):
            again = r.stranger().get(path, headers={"If-None-Match": tags})
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
        assert r.stranger().get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", ["/static/", "/static/../relay.db", "/static/%2e%2e/relay.db", "/static/js",
                                  "/static/js/..%2f..%2fMakefile", "/static//app.css", "/static/app.css%00.html"])
def test_nothing_but_static_files_is_static(r, path):
    request = requests.Request("GET", r.url).prepare()
    request.url = r.url + path  # as it is, nothing folded
    answer = requests.Session().send(request, timeout=PATIENCE)
    assert answer.status_code in (400, 404), path


def test_what_is_not_a_form_is_refused(r):
    for body, kind in (("{}", "application/json"), ("username=%zz", "application/x-www-form-urlencoded"),
                       ("username=%ff", "application/x-www-form-urlencoded"), ("x", "text/plain"),
                       ("--b\r\n", "multipart/form-data; boundary=b")):
        answer = requests.post(r.url + "/login", data=body.encode(), headers={"Content-Type": kind}, timeout=PATIENCE)
        assert answer.status_code in (400, 415), (body, kind)
    assert requests.post(r.url + "/login", data=b"a" * (2 << 20), timeout=PATIENCE).status_code == 413


def test_health_is_for_everybody_and_metrics_are_not(r):
    for path in ("/healthz", "/readyz"):
        answer = r.stranger().get(path)
        assert (answer.status_code, answer.text) == (200, "ok\n")
    answer = r.stranger().get("/metrics")  # from this machine
    assert answer.status_code == 200 and "\nspacerelay_app_sockets " in answer.text
    for field in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert r.stranger().get("/metrics", headers={field: "192.0.2.1"}).status_code == 403
        assert r.ann.get("/metrics", headers={field: "192.0.2.1"}).status_code == 403
        assert r.admin.get("/metrics", headers={field: "192.0.2.1"}).status_code == 200
    space = r.space()
    space.app()
    assert int(re.search(r"^spacerelay_apps (\d+)$", r.stranger().get("/metrics").text, re.M).group(1)) == 1


def test_every_act_of_an_admin_and_every_log_in_is_in_the_audit(r):
    space = add_space(r)
    r.admin.post(f"/admin/space/{space.id}/token", note="audited", expires="")
    Person(r, "root").try_login("not this one")
    person = Person(r, "root").login()
    person.get("/logout")
    rows = sqlite3.connect(f"file:{r.data}/relay.db?mode=ro", uri=True).execute("select * from audit").fetchall()
    text = "\n".join(map(repr, rows))
    for action in ("space.add", "token.issue", "login.failed", "'login'", "logout", "user.add"):
        assert action in text
    assert space.name in text and "127.0.0.1" in text
    assert PASSWORD not in text

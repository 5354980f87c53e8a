"""API keys: every scope and every route, without a key and with a wrong, an expired and a revoked one; whose requests they
see; what ends them."""
import itertools
import json

import pytest
import requests

from openapi import answers_are_as_written  # noqa: F401
from relay import NOBODY, PATIENCE, Refused, Tab, relay_fixture, until

server, r = relay_fixture("server")
SCOPES = ("read", "submit", "admin")
GOOD, LACKS, WRONG = "let in", 403, 401
names = itertools.count(1)


class Key(str):
    """The secret, with its name and whose it is."""


def make(r, person, *scopes, **options):
    name = f"key {next(names)}"
    key = Key(r.command("key", "add", user=person.name, name=name, scopes=",".join(scopes), **options).strip())
    key.user, key.name = person.name, name
    return key


def revoke(r, key):
    r.command("key", "revoke", user=key.user, name=key.name)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def call(r, method, path, key=None, headers=None, **options):
    """Without any cookie."""
    session = requests.Session()
    session.trust_env = False
    headers = {"Accept-Language": "en", **(bearer(key) if key else {}), **(headers or {})}
    return session.request(method, r.url + path, headers=headers, timeout=PATIENCE, allow_redirects=False, **options)


def routes(space):
    """What each needs: the names of scopes; None for what is open to everybody, "" for what no key may."""
    return [
        ("GET", "/static/app.css", None), ("GET", "/docs", None), ("GET", "/docs/keys", None), ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("GET", "/", "read"), ("GET", f"/spaces/{space.name}", "read"), ("GET", "/requests", "read"),
        ("GET", f"/requests/{NOBODY}", "read"), ("GET", f"/requests/{NOBODY}.json", "read"), ("HEAD", "/requests", "read"),
        ("GET", f"/ai_project/{space.id}", "read"), ("GET", f"/websockets/status?request_id={NOBODY}", "read"),
        ("GET", "/no/such/page", "read"), ("GET", "/v1/models", "read"), ("GET", f"/api/v1/requests/{NOBODY}/events", "read"),
        ("POST", f"/websockets/submit/{space.id}", "submit"), ("POST", f"/requests/{NOBODY}/cancel", "submit"),
        ("POST", "/v1/chat/completions", "submit"), ("POST", "/v1/completions", "submit"), ("POST", "/v1/embeddings", "submit"),
        ("POST", "/api/v1/requests", "submit"),
        ("GET", "/admin", "admin"), ("GET", "/admin/", "admin"), ("GET", "/admin/spaces", "admin"),
        ("GET", "/admin/space/add", "admin"), ("GET", f"/admin/space/edit/{space.id}", "admin"),
        ("GET", "/admin/users", "admin"), ("GET", "/admin/requests", "admin"), ("GET", f"/admin/requests/{NOBODY}", "admin"),
        ("GET", "/admin/audit", "admin"), ("GET", "/admin/audit.csv", "admin"), ("GET", "/admin/audit.jsonl", "admin"),
        ("GET", "/admin/settings", "admin"), ("GET", "/admin/websockets/status", "admin"), ("GET", "/metrics", "admin"),
        ("POST", f"/admin/space/{NOBODY}/token", "admin"), ("POST", f"/admin/token/{NOBODY}/revoke", "admin"),
        ("POST", "/admin/users/nobody_here/disable", "admin"), ("POST", f"/admin/space/delete/{NOBODY}", "admin"),
        ("GET", "/account", ""), ("POST", "/account/password", ""), ("POST", "/account/keys", ""),
        ("POST", f"/account/key/{NOBODY}/revoke", ""), ("POST", "/account/sessions/end-others", ""),
        ("POST", "/account/language", ""), ("GET", "/login", ""), ("POST", "/login", ""), ("GET", "/logout", ""),
        ("GET", "/register", ""), ("POST", "/register", ""), ("GET", "/setup", ""), ("POST", "/setup", ""),
        ("POST", "/language", ""), ("POST", "/no/such/page", ""), ("PUT", "/requests", ""), ("DELETE", "/", ""),
    ]


def said(answer):
    """(code, sentence) in whichever form the call's errors have."""
    body = answer.json()
    if answer.headers["Content-Type"] == "application/problem+json":
        return body["code"], body["detail"]
    return body["error"]["code"], body["error"]["message"]


def what_happened(answer):
    return answer.status_code if answer.status_code in (401, 403) else GOOD


def test_every_route_and_every_scope(r):
    """An admin's keys of all combinations, so that only the scopes decide."""
    space = r.space()
    found, wanted = {}, {}
    for n in range(1, 4):
        for scopes in itertools.combinations(SCOPES, n):
            key = make(r, r.admin, *scopes)
            for method, path, needed in routes(space):
                answer = call(r, method, path, key)
                found[scopes, method, path] = what_happened(answer)
                wanted[scopes, method, path] = GOOD if needed is None or needed in scopes else LACKS
                if answer.status_code == 403 and method != "HEAD":
                    code, sentence = said(answer)
                    assert code == "forbidden"
                    assert (f"scope {needed}," if needed else "log in with a browser") in sentence
                    assert 'Bearer error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
                if answer.status_code in (302, 303):
                    assert not answer.headers["Location"].startswith("/login"), (method, path)
    assert found == wanted


@pytest.fixture
def dead_keys(r):
    expired = make(r, r.admin, *SCOPES, expires="1s")
    revoked = make(r, r.admin, *SCOPES)
    assert call(r, "GET", "/", revoked).status_code == 200
    revoke(r, revoked)
    until(lambda: call(r, "GET", "/", expired).status_code == 401)
    good = make(r, r.admin, *SCOPES)
    token = r.space().token
    return {"expired": expired, "revoked": revoked, "wrong": "sr_" + "A" * 43, "no key": "abc", "an app's token": token,
            "cut": good[:-1], "longer": good + "A", "another case": good.swapcase(), "without its prefix": good[3:]}


def test_a_key_that_is_over_or_wrong_opens_no_route_even_with_a_cookie(r, dead_keys):
    space = r.space()
    for kind, key in dead_keys.items():
        for method, path, _ in routes(space):
            for cookie in ({}, {"Cookie": r.admin.cookie}):
                answer = call(r, method, path, key, cookie)
                assert (answer.status_code, kind, method, path) == (401, kind, method, path)
                assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
                if method != "HEAD":
                    assert said(answer)[0] == "unauthorized"
    assert r.admin.get("/").status_code == 200


def test_without_a_key_nothing_is_let_in_that_was_not_before(r):
    space = r.space()
    for method, path, needed in routes(space):
        answer = call(r, method, path)
        if needed == "read" and "no/such" not in path or needed == "submit" or path.startswith(("/admin/", "/account")):
            refused = (404,) if path.startswith("/websockets/status") else (302, 401, 405)
            assert answer.status_code in refused, (method, path, answer.status_code)


def test_headers_that_only_the_edge_may_set_make_nobody_of_a_key(r):
    key = make(r, r.ann, "read")
    forged = {"X-Relay-User": "root", "X-Relay-User-Key": "1", "X-Relay-Role": "admin", "X-Relay-Scopes": "15",
              "X-Relay-Session": "1"}
    assert call(r, "GET", "/account", key, forged).status_code == 403
    assert call(r, "GET", "/admin/users", key, forged).status_code == 403
    assert "ann" in call(r, "GET", "/requests", key, forged).text


@pytest.mark.parametrize("path", ["//admin/users", "/./admin/users", "/static/../admin/users", "/docs/../account",
                                  "/%61dmin/users", "/admin%2Fusers", "/static/%2e%2e/admin/users", "/account/", "//account",
                                  "/ADMIN/users", "/admin;x/users"])
def test_no_spelling_of_a_path_goes_past_the_scopes(r, path):
    """With an admin's key that may only read: a page of the admin's or the account's must not come."""
    key = make(r, r.admin, "read", "submit")
    session = requests.Session()
    session.trust_env = False
    request = session.prepare_request(requests.Request("GET", r.url + "/", headers={**bearer(key), "Accept-Language": "en"}))
    request.url = r.url + path
    answer = session.send(request, timeout=PATIENCE, allow_redirects=False)
    assert answer.status_code in (302, 400, 403, 404), answer.status_code
    assert "Change password" not in answer.text and "nobody_here" not in answer.text


# ---- what keys do ----


def test_the_old_calls_work_with_a_key(r):
    space = r.space()
    app = space.app()
    key = make(r, r.ann, "read", "submit")
    asked = call(r, "POST", f"/websockets/submit/{space.id}", key, data={"prompt": "hello"})
    assert asked.status_code == 200, asked.text
    request = app.take()
    assert (request["username"], request["payload"]["prompt"]) == ("ann", "hello")
    app.result(request, {"text_output": "hi"})
    status = call(r, "GET", f"/websockets/status?request_id={asked.json()['request_id']}", key).json()
    assert status["status"] == "completed" and "hi" in json.dumps(status)


def test_a_form_from_another_site_needs_no_origin_with_a_key(r):
    space = r.space()
    app = space.app()
    key = make(r, r.ann, "submit")
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    path = f"/websockets/submit/{space.id}"
    assert call(r, "POST", path, key, foreign, data={"prompt": "a"}).status_code == 200
    app.take()
    assert call(r, "POST", path, None, {**foreign, "Cookie": r.ann.cookie}, data={"prompt": "a"}).status_code == 403


def test_two_keys_of_two_people_never_see_each_other_s_requests(r):
    space = r.space()
    app = space.app(concurrency=4)
    keys = {name: make(r, person, "read", "submit") for name, person in (("ann", r.ann), ("bob", r.bob))}
    ids = {name: call(r, "POST", f"/websockets/submit/{space.id}", key, data={"prompt": f"secret of {name}"})
           .json()["request_id"] for name, key in keys.items()}
    app.take(), app.take()
    for name, key in keys.items():
        other = "bob" if name == "ann" else "ann"
        assert call(r, "GET", f"/websockets/status?request_id={ids[name]}", key).status_code == 200
        assert call(r, "GET", f"/websockets/status?request_id={ids[other]}", key).status_code == 404
        assert call(r, "GET", f"/requests/{ids[name]}", key).status_code == 200
        assert call(r, "GET", f"/requests/{ids[other]}", key).status_code == 404
        assert call(r, "GET", f"/requests/{ids[other]}.json", key).status_code == 404
        listed = call(r, "GET", "/requests", key).text
        assert ids[name] in listed and ids[other] not in listed and f"secret of {other}" not in listed
        tab = client(r, key)
        assert tab.subscribe(f"request:{ids[name]}")["type"] == "subscribed"
        assert tab.subscribe(f"request:{ids[other]}")["code"] == "not_found"
        assert tab.cancel(ids[other])["code"] == "not_found"
        assert call(r, "POST", f"/requests/{ids[other]}/cancel", key).status_code == 404


def test_an_admin_s_key_sees_others_only_with_the_scope_admin(r):
    space = r.space(queue_offline=True)
    request = r.ann.tab().submit(space)
    less, more = make(r, r.admin, "read", "submit"), make(r, r.admin, "read", "submit", "admin")
    assert call(r, "GET", f"/requests/{request}", less).status_code == 404
    assert call(r, "GET", f"/websockets/status?request_id={request}", less).status_code == 404
    assert client(r, less).subscribe(f"request:{request}")["code"] == "not_found"
    assert client(r, less).cancel(request)["code"] == "not_found"
    assert call(r, "GET", f"/websockets/status?request_id={request}", more).status_code == 200
    assert client(r, more).subscribe(f"request:{request}")["type"] == "subscribed"


# ---- /ws/client ----


def client(r, key, **headers):
    return r.socket(Tab, "/ws/client", {**bearer(key), **headers})


def test_a_socket_needs_a_key_and_no_origin(r, dead_keys):
    key = make(r, r.ann, "read")
    assert client(r, key).subscribe("spaces")["type"] == "subscribed"
    assert client(r, key, Origin="https://evil.example").subscribe("spaces")["type"] == "subscribed"
    for dead in dead_keys.values():
        with pytest.raises(Refused) as refused:
            client(r, dead, Cookie=r.ann.cookie, Origin=r.url)
        assert refused.value.status == 401
    assert r.refusal("/ws/client", {"Cookie": r.ann.cookie}) == 403  # a cookie needs our own page as ever


def test_a_request_from_its_submit_to_its_result_with_a_key(r):
    space = r.space()
    app = space.app()
    tab = client(r, make(r, r.ann, "read", "submit"))
    request = tab.submit(space, {"prompt": "hello"})
    tab.watch(request)
    app.result(app.take(), {"text_output": "hi"})
    assert tab.final(request)["result"] == {"text_output": "hi"}
    other = tab.submit(space)
    assert tab.cancel(other)["type"] == "cancelled"


def test_each_message_needs_its_scope(r):
    space = r.space(queue_offline=True)
    mine = r.admin.tab().submit(space)
    for scopes in itertools.chain.from_iterable(itertools.combinations(SCOPES, n) for n in range(1, 4)):
        tab = client(r, make(r, r.admin, *scopes))
        for topic, scope in ((space.topic, "read"), (f"request:{mine}", "read"), ("spaces", "read"), ("admin", "admin")):
            answer = tab.subscribe(topic)
            if scope in scopes:
                assert answer["type"] == "subscribed", (scopes, topic, answer)
            else:
                assert answer["code"] == "forbidden" and f"scope {scope}" in answer["message"], (scopes, topic, answer)
        answer = tab.ask(space)
        watched = tab.ask(space, watch=True)
        if "submit" in scopes and "read" in scopes:
            assert "epoch" in watched and "epoch" not in answer, (scopes, watched)
        else:
            missing = "read" if "submit" in scopes else "submit" if "read" in scopes else None
            assert watched["code"] == "forbidden" and "scope " + (missing or "") in watched["message"], (scopes, watched)
        cancelled = tab.cancel(answer.get("request_id", mine))
        if "submit" in scopes:
            assert (answer["type"], cancelled["type"]) == ("submitted", "cancelled")
        else:
            assert (answer["code"], cancelled["code"], cancelled["request_id"]) == ("forbidden", "forbidden", mine)
        tab.send("unsubscribe", topic="spaces")
        assert tab.wait_type("unsubscribed")["topic"] == "spaces"


# ---- the end of a key ----


def test_a_revoked_key_s_sockets_close_at_once_and_no_others(r):
    key = make(r, r.ann, "read")
    by_key, by_cookie, by_other = client(r, key), r.ann.tab(), client(r, make(r, r.ann, "read"))
    revoke(r, key)
    assert by_key.closed() == 4501
    by_cookie.sync()
    by_other.sync()


def test_a_revoked_key_s_streams_end_at_once(r):
    space = r.space()
    app = space.app()
    key = make(r, r.ann, "read", "submit")
    request = call(r, "POST", "/api/v1/requests", key, json={"space": space.name, "payload": {"prompt": "x"}}).json()
    stream = call(r, "GET", f"/api/v1/requests/{request['request_id']}/events", key, stream=True)
    lines = stream.iter_lines(chunk_size=1)
    assert next(lines)
    revoke(r, key)
    for _ in lines:
        pass
    app.result(app.take())  # the request itself goes on
    assert r.ann.tab().outcome(request["request_id"])["status"] == "completed"


def test_an_expired_key_s_sockets_close_when_it_ends(r):
    tab = client(r, make(r, r.ann, "read", expires="2s"))
    assert tab.closed() == 4501


def test_a_disabled_person_s_keys_end_and_stay_ended(r):
    dora = r.person("dora")
    key = make(r, dora, "read")
    tab = client(r, key)
    r.command("user", "disable", "dora")
    assert tab.closed() in (4501, 4502)
    assert call(r, "GET", "/", key).status_code == 401
    r.command("user", "enable", "dora")
    assert call(r, "GET", "/", key).status_code == 401
    dora.login()
    assert json.loads(r.command("key", "list", user="dora", json=True)) == []


def test_keys_outlive_a_restart_and_a_new_password_and_revoked_ones_do_not_come_back(r):
    key, gone = make(r, r.bob, "read"), make(r, r.bob, "read")
    revoke(r, gone)
    r.command("user", "passwd", "bob", input="correct horse\n", password_stdin=True)
    r.bob.login()
    r.restart(kill=True)
    assert call(r, "GET", "/", key).status_code == 200
    assert call(r, "GET", "/", gone).status_code == 401


def test_use_is_noted(r):
    key = make(r, r.ann, "read")

    def used():
        listed = json.loads(r.command("key", "list", user="ann", json=True))
        return next(k for k in listed if k["name"] == key.name)["last_used_at"]

    assert used() is None
    assert call(r, "GET", "/", key).status_code == 200
    assert until(used)


def test_keys_are_made_and_revoked_on_the_account_page(r):
    page = r.ann.post("/account/keys", key_name="from the page", scope_read="on", key_days="1")
    key = page.text.split('<code id="key-secret">')[1].split("<")[0]
    assert call(r, "GET", "/requests", key).status_code == 200
    listed = json.loads(r.command("key", "list", user="ann", json=True))
    id = next(k for k in listed if k["name"] == "from the page")["key_id"]
    assert r.bob.post(f"/account/key/{id}/revoke").status_code == 404
    assert r.ann.post(f"/account/key/{id}/revoke").status_code == 302
    assert call(r, "GET", "/requests", key).status_code == 401
    audit = r.admin.get("/admin/audit.jsonl").text
    rows = [json.loads(line) for line in audit.splitlines()]
    ours = [(row["action"], row["actor"], row["subject"]) for row in rows if "from the page" in row["detail"]]
    assert sorted(ours) == [("key.add", "ann", "ann"), ("key.revoke", "ann", "ann")]
    assert key not in audit and key not in r.log()

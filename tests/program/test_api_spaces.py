"""/api/v1: spaces, their tokens and their apps."""
import concurrent.futures
import json

import pytest

from api_fixture import Caller, admin_of, caller, new_key, problem
from relay import NOBODY, relay_fixture, until

server, r = relay_fixture("server", limits={"grace_ms": 3600000})

ADMINS = {"max_apps", "rate_limit_s", "queue_offline", "legacy_registration", "created_at"}
EVERYBODYS = {"space_id", "name", "description", "cover", "cover_type", "inputs", "connected", "apps", "slots",
              "slots_free", "queue_length", "draining"}


@pytest.fixture
def root(r):
    return admin_of(r)


@pytest.fixture
def ann(r):
    return caller(r, r.ann)


def audited(r, action):
    rows = r.admin.get(f"/admin/audit.jsonl?action={action}").text.splitlines()
    return len(rows)


# ---- looking ----

def test_who_i_am(r, root, ann):
    assert ann.good("GET", "/me") == {"name": "ann", "role": "user", "scopes": ["read", "submit"]}
    assert root.good("GET", "/me") == {"name": "root", "role": "admin", "scopes": ["read", "submit", "admin"]}
    meek = caller(r, r.admin, "read")
    assert meek.good("GET", "/me") == {"name": "root", "role": "user", "scopes": ["read"]}
    with_cookie = Caller(r, http=r.ann.http)
    assert with_cookie.good("GET", "/me")["scopes"] == ["read", "submit"]


def test_spaces_as_people_see_them(r, ann):
    space = r.space()
    listed = {s["name"]: s for s in ann.good("GET", "/spaces")["spaces"]}
    one = ann.good("GET", f"/spaces/{space.id}")
    assert listed[space.name] == one and set(one) == EVERYBODYS
    assert (one["connected"], one["apps"], one["slots"]) == (False, 0, 0)
    space.app(concurrency=3)
    one = ann.good("GET", f"/spaces/{space.id}")
    assert (one["connected"], one["apps"], one["slots"], one["slots_free"]) == (True, 1, 3, 3)


def test_spaces_as_admins_see_them(r, root):
    space = r.space()
    assert set(root.good("GET", f"/spaces/{space.id}")) == EVERYBODYS | ADMINS
    assert all(set(s) == EVERYBODYS | ADMINS for s in root.good("GET", "/spaces")["spaces"])


@pytest.mark.parametrize("name", [NOBODY, "x", "%C3%A9", "x" * 200])
def test_what_is_no_space_is_not_found(root, name):
    problem(root.get(f"/spaces/{name}"), 404, "not_found")
    problem(root.patch(f"/spaces/{name}", {"description": "x"}), 404, "not_found")
    problem(root.delete(f"/spaces/{name}"), 404, "not_found")


# ---- making, changing, removing ----

WHOLE = {"name": "whole", "description": "says\nmuch", "cover": "#123456", "cover_type": "color",
         "inputs": ["prompt", "audio", "video", "file"], "max_apps": 7, "rate_limit_s": 9, "queue_offline": True,
         "legacy_registration": True}


def test_a_space_is_made_changed_and_removed(r, root):
    before = audited(r, "space.add"), audited(r, "space.edit"), audited(r, "space.remove")
    answer = root.post("/spaces", {**WHOLE, "unknown": 1})
    assert answer.status_code == 201, answer.text
    space = answer.json()
    assert answer.headers["Location"] == f"/api/v1/spaces/{space['space_id']}"
    assert {k: space[k] for k in WHOLE} == WHOLE
    path = f"/spaces/{space['space_id']}"
    changed = root.good("PATCH", path, {"description": "", "inputs": ["audio"], "name": "hole"})
    assert changed == {**space, "description": "", "inputs": ["audio"], "name": "hole"}
    assert root.good("GET", path) == changed
    answer = root.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    problem(root.get(path), 404, "not_found")
    problem(root.delete(path), 404, "not_found")
    assert (audited(r, "space.add"), audited(r, "space.edit"), audited(r, "space.remove")) == tuple(n + 1 for n in before)


def test_a_space_needs_no_more_than_its_name(root):
    space = root.good("POST", "/spaces", {"name": "little"}, status=201)
    assert (space["inputs"], space["max_apps"], space["queue_offline"]) == (["prompt"], 1, False)


def test_a_name_is_one_space_s(r, root):
    taken, other = r.space(), r.space()
    problem(root.post("/spaces", {"name": taken.name}), 409, "input_refused", taken.name)
    problem(root.patch(f"/spaces/{other.id}", {"name": taken.name}), 409, "input_refused", taken.name)


@pytest.mark.parametrize("member, value", [
    ("name", ""), ("name", 5), ("name", "a/b"), ("name", " a"), ("name", "x" * 65), ("name", None), ("name", "a\nb"),
    ("description", 5), ("description", "x" * 2001), ("cover", "no colour"), ("cover", ["x"]), ("cover_type", 1),
    ("inputs", []), ("inputs", "prompt"), ("inputs", ["smell"]), ("inputs", [1]), ("inputs", {}),
    ("max_apps", 0), ("max_apps", 1001), ("max_apps", 1.5), ("max_apps", "1"), ("max_apps", True), ("max_apps", 2**70),
    ("rate_limit_s", -1), ("rate_limit_s", 86401), ("queue_offline", 1), ("queue_offline", "true"),
    ("legacy_registration", None),
])
def test_the_member_that_is_wrong_is_named(r, root, member, value):
    body = {"name": "fine", "cover_type": "color", member: value}
    code = "bad_json" if value == 2**70 else "bad_message"
    problem(root.post("/spaces", body), 400, code, "" if code == "bad_json" else member + " must be ")
    assert "fine" not in [s["name"] for s in root.good("GET", "/spaces")["spaces"]]
    if member != "cover":  # which is fine beside the type that a space has
        problem(root.patch(f"/spaces/{r.space().id}", {member: value}), 400, code)


@pytest.mark.parametrize("raw, code", [
    (b"", "bad_message"), (b"[]", "bad_message"), (b"5", "bad_message"), (b"{", "bad_json"), (b"{}x", "bad_json"),
    (b'{"name":"a","name":"b"}', "bad_json"), (b'{"name":"\xff"}', "bad_json"), (b"[" * 100, "bad_json"),
    (b'{"description":"x"}', "bad_message"),
])
def test_a_body_that_is_no_object_with_a_name(root, raw, code):
    problem(root.call("POST", "/spaces", raw=raw), 400, code)


def test_a_body_of_another_kind(root):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    problem(root.call("POST", "/spaces", raw=b"name=x", headers=headers), 415, "bad_message", "application/json")
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    problem(root.call("POST", "/spaces", raw=b"{}", headers=headers), 400, "bad_message", "name")


def test_a_body_that_is_too_large(root):
    problem(root.call("POST", "/spaces", raw=b" " * 70000), 413, "too_large")
    problem(root.call("POST", "/spaces", raw=b" " * 2_000_000), 413, "too_large")


# ---- tokens ----

def test_a_token_is_shown_once_registers_an_app_and_is_revoked(r, root):
    space = r.space()
    path = f"/spaces/{space.id}/tokens"
    made = root.good("POST", path, {"note": "mine", "expires_in_s": 3600}, status=201)
    token = made.pop("token")
    assert token.startswith("v4.public.")
    assert (made["note"], made["created_by"], made["revoked_at"]) == ("mine", "root", None) and made["expires_at"]
    assert root.good("GET", path) == {"tokens": [made]}
    app = space.app(token=token)
    answer = root.delete(f"{path}/{made['token_id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert app.closed() == 4501
    revoked = root.good("GET", path)["tokens"][0]
    assert revoked["revoked_at"] and revoked["used_at"]
    assert root.delete(f"{path}/{made['token_id']}").status_code == 204  # it is revoked


def test_a_token_needs_nothing_said(r, root):
    made = root.good("POST", f"/spaces/{r.space().id}/tokens", status=201)
    assert (made["note"], made["expires_at"]) == ("", None)


@pytest.mark.parametrize("member, value", [("note", "x" * 129), ("note", "a\nb"), ("note", 1), ("expires_in_s", 0),
                                           ("expires_in_s", -1), ("expires_in_s", "1"), ("expires_in_s", 10**12)])
def test_the_member_of_a_token_that_is_wrong_is_named(r, root, member, value):
    problem(root.post(f"/spaces/{r.space().id}/tokens", {member: value}), 400, "bad_message", member + " must be ")


def test_a_token_of_another_space_is_not_there(r, root):
    space, other = r.space(), r.space()
    made = root.good("POST", f"/spaces/{space.id}/tokens", status=201)
    for path in (f"/spaces/{other.id}/tokens/{made['token_id']}", f"/spaces/{space.id}/tokens/{NOBODY}",
                 f"/spaces/{space.id}/tokens/x", f"/spaces/{NOBODY}/tokens/{made['token_id']}"):
        problem(root.delete(path), 404, "not_found")
    problem(root.post(f"/spaces/{NOBODY}/tokens"), 404, "not_found")
    problem(root.get(f"/spaces/{NOBODY}/tokens"), 404, "not_found")
    assert root.good("GET", f"/spaces/{space.id}/tokens")["tokens"][0]["revoked_at"] is None


# ---- apps ----

def test_apps_are_listed_drained_and_kicked(r, root):
    space = r.space()
    assert root.good("GET", f"/spaces/{space.id}/apps") == {"apps": []}
    app = space.app(concurrency=2, prefetch=1, app={"name": "tester", "version": "7"})
    [shown] = root.good("GET", f"/spaces/{space.id}/apps")["apps"]
    assert shown["connection_id"] == app.response["connection_id"] and shown["space_id"] == space.id
    assert (shown["name"], shown["version"], shown["concurrency"], shown["prefetch"], shown["in_flight"],
            shown["draining"]) == ("tester", "7", 2, 1, 0, False)
    path = f"/apps/{shown['connection_id']}"
    before = audited(r, "app.drain"), audited(r, "app.kick")
    assert root.post(path + "/drain").status_code == 204
    assert root.good("GET", f"/spaces/{space.id}/apps")["apps"][0]["draining"]
    assert root.post(path + "/kick").status_code == 204
    assert app.closed() == 4002
    assert (audited(r, "app.drain"), audited(r, "app.kick")) == tuple(n + 1 for n in before)
    problem(root.post(path + "/drain"), 404, "not_found")
    problem(root.post("/apps/x/kick"), 404, "not_found")
    problem(root.get(f"/spaces/{NOBODY}/apps"), 404, "not_found")


# ---- who may not ----

ADMIN_CALLS = [("POST", "/spaces"), ("PATCH", "/spaces/{id}"), ("DELETE", "/spaces/{id}"), ("GET", "/spaces/{id}/tokens"),
               ("POST", "/spaces/{id}/tokens"), ("DELETE", "/spaces/{id}/tokens/" + NOBODY), ("GET", "/spaces/{id}/apps"),
               ("POST", "/apps/" + NOBODY + "/drain"), ("POST", "/apps/" + NOBODY + "/kick")]


@pytest.mark.parametrize("method, path", ADMIN_CALLS)
def test_only_admins_change_spaces(r, ann, method, path):
    path = path.format(id=r.space().id)
    problem(ann.call(method, path), 403, "forbidden", "scope admin")
    problem(caller(r, r.admin, "read", "submit").call(method, path), 403, "forbidden", "scope admin")
    problem(Caller(r, http=r.ann.http).call(method, path), 403, "forbidden", "Only admins")
    nobody = Caller(r).call(method, path)
    problem(nobody, 401, "unauthorized")
    assert nobody.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/me", "/spaces", "/spaces/" + NOBODY])
def test_looking_needs_the_scope_read(r, path):
    problem(caller(r, r.ann, "submit").get(path), 403, "forbidden", "scope read")
    problem(Caller(r, key="sr_wrong").get(path), 401, "unauthorized")
    problem(Caller(r).get(path), 401, "unauthorized")


# ---- what holds for every call ----

def test_paths_and_methods_that_are_not_there(root, ann):
    problem(ann.get("/nothing"), 404, "not_found")
    problem(ann.get("/spaces/"), 404, "not_found")
    problem(root.post("/nothing/here"), 404, "not_found")
    for method, path, allow in (("PUT", "/spaces", "GET, HEAD, POST"), ("POST", "/me", "GET, HEAD"),
                                ("DELETE", "/requests", "GET, HEAD, POST"), ("PATCH", "/settings/", None)):
        answer = root.call(method, path)
        problem(answer, 405 if allow else 404, "bad_message" if allow else "not_found")
        assert answer.headers.get("Allow") == allow


def test_head_is_a_get_without_its_body(r, ann):
    answer = ann.call("HEAD", "/spaces")
    assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, "application/json", b"")


@pytest.mark.parametrize("given, kept", [("abc-123", True), ("~" * 64, True), ("!", True), ("x" * 65, False),
                                         ("a b", False), ("é".encode(), False), ("", False), (None, False)])
def test_every_answer_has_a_request_id(r, root, ann, given, kept):
    headers = {} if given is None else {"X-Request-Id": given}
    answers = [ann.get("/me", headers=headers), ann.get("/nothing", headers=headers), ann.delete("/spaces", headers=headers),
               ann.post("/requests", {}, headers=headers), root.post("/spaces", headers=headers),
               Caller(r).get("/me", headers=headers), ann.get(f"/requests/{NOBODY}/events", headers=headers),
               root.call("POST", "/spaces", raw=b" " * 2_000_000, headers=headers)]
    ids = [a.headers["X-Request-Id"] for a in answers]
    assert all((i == given) == kept for i in ids), ids
    assert kept or len(set(ids)) == len(ids)


def test_another_site_s_page_gets_a_problem(r):
    browser = Caller(r, http=r.admin.http)
    problem(browser.post("/spaces", {"name": "x"}, headers={"Origin": "https://evil.example"}), 403, "forbidden",
            "another site")
    answer = browser.get("/me", headers={"Origin": "https://evil.example"})
    assert not [h for h in answer.headers if h.lower().startswith("access-control")]


def test_before_there_is_an_admin_calls_are_told_so():
    from relay import Relay
    relay = Relay()
    try:
        problem(Caller(relay).get("/me"), 503, "store_unavailable", "no admin")
        problem(Caller(relay).post("/requests", {}), 503, "store_unavailable", "no admin")
    finally:
        relay.leave()


# ---- at the same time ----

LONG = [[]] * 15000  # takes a while to read


def until_free(call):
    """A change of a space while another one is being saved is refused for a moment."""
    return until(lambda: (answer := call()).status_code != 503 and [answer])[0]


def test_changes_at_the_same_time_lose_nothing(r, root):
    space = r.space()
    members = {"max_apps": range(2, 22), "rate_limit_s": range(1, 21), "description": [f"text {n}" for n in range(20)],
               "queue_offline": [bool(n % 2) for n in range(20)]}

    def change(member):
        caller = Caller(r, root.key)
        for value in members[member]:
            answer = until_free(lambda: caller.patch(f"/spaces/{space.id}", {member: value, "ignored": LONG}))
            assert (answer.status_code, answer.json()[member]) == (200, value)

    with concurrent.futures.ThreadPoolExecutor(len(members)) as pool:
        list(pool.map(change, members))
    now = root.good("GET", f"/spaces/{space.id}")
    assert {m: now[m] for m in members} == {m: list(v)[-1] for m, v in members.items()}


def test_what_an_edit_changed_is_written_down(r, root):
    space = r.space(queue_offline=True)
    root.good("PATCH", f"/spaces/{space.id}", {"max_apps": 4, "legacy_registration": True, "description": "x" * 2000})
    root.good("PATCH", f"/spaces/{space.id}", {"max_apps": 4})
    rows = [json.loads(line) for line in r.admin.get("/admin/audit.jsonl?action=space.edit").text.splitlines()]
    assert [row["detail"] for row in rows if row["subject"] == space.name] == \
        ["description, max_apps: 1 -> 4, legacy_registration: false -> true"]

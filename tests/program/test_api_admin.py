"""/api/v1: users and settings, for admins."""
import concurrent.futures
import json

import pytest
import requests

from api_fixture import Caller, admin_of, caller, later, problem
from relay import PASSWORD, PATIENCE, relay_fixture, until

server, r = relay_fixture("server")


@pytest.fixture
def root(r):
    return admin_of(r)


def newest(r, action):
    row = json.loads(r.admin.get(f"/admin/audit.jsonl?action={action}").text.splitlines()[0])
    return row["actor"], row["subject"], row["detail"]


# ---- users ----

def test_a_person_is_made_and_looked_at(r, root):
    answer = root.post("/users", {"name": "Eve_1", "password": PASSWORD})
    assert answer.status_code == 201 and answer.headers["Location"] == "/api/v1/users/Eve_1"
    made = answer.json()
    assert set(made) == {"name", "role", "disabled", "created_at", "last_login_at"}
    assert (made["name"], made["role"], made["disabled"], made["last_login_at"]) == ("Eve_1", "user", False, None)
    assert root.good("GET", "/users/eve_1") == made and made in root.good("GET", "/users")["users"]
    assert newest(r, "user.add")[:2] == ("root", "Eve_1")
    assert r.stranger("Eve_1").login()
    assert root.good("GET", "/users/Eve_1")["last_login_at"]
    assert "hash" not in root.get("/users").text
    problem(root.post("/users", {"name": "EVE_1", "password": PASSWORD}), 409, "input_refused", "taken")


@pytest.mark.parametrize("member, value", [("name", ""), ("name", "a b"), ("name", "é"), ("name", "x" * 33), ("name", 1),
                                           ("password", "short"), ("password", "x" * 1025), ("password", 12345678),
                                           ("role", "king"), ("role", True)])
def test_the_member_that_is_wrong_is_named(r, root, member, value):
    problem(root.post("/users", {"name": "fine", "password": PASSWORD, member: value}), 400, "bad_message",
            member + " must be ")
    problem(root.get("/users/fine"), 404, "not_found")


def test_name_and_password_are_needed(root):
    problem(root.post("/users", {"password": PASSWORD}), 400, "bad_message", "name must be ")
    problem(root.post("/users", {"name": "fine"}), 400, "bad_message", "password must be ")


def test_a_role_is_given_and_taken(r, root):
    r.person("ida")
    assert root.good("PATCH", "/users/ida", {"role": "admin"})["role"] == "admin"
    assert admin_like(r, "ida").good("GET", "/users")
    assert newest(r, "user.role")[:2] == ("root", "ida")
    assert root.good("PATCH", "/users/IDA", {"role": "user"})["role"] == "user"
    problem(Caller(r, http=r.people["ida"].http).get("/users"), 403, "forbidden", "Only admins")


def admin_of_person(r, person):
    return caller(r, person, "read", "submit", "admin")


def admin_like(r, name):
    return Caller(r, http=r.people[name].http)


def test_who_is_disabled_is_out_at_once(r, root):
    person = r.person("dan")
    key = caller(r, person)
    assert root.good("PATCH", "/users/dan", {"disabled": True})["disabled"] is True
    problem(key.get("/me"), 401, "unauthorized")
    problem(Caller(r, http=person.http).get("/me"), 401, "unauthorized")
    assert root.good("PATCH", "/users/dan", {"disabled": False})["disabled"] is False
    assert r.stranger("dan").login()


def test_a_password_is_changed_and_logs_out(r, root):
    person = r.person("pat")
    assert root.good("PATCH", "/users/pat", {"password": "another horse"})["name"] == "pat"
    problem(Caller(r, http=person.http).get("/me"), 401, "unauthorized")
    assert r.stranger("pat").try_login("another horse").status_code == 302
    assert r.stranger("pat").try_login(PASSWORD).status_code == 200
    problem(root.patch("/users/pat", {"password": "short"}), 400, "bad_message", "password must be ")


def test_nothing_is_done_of_a_change_that_is_wrong_in_part(r, root):
    r.person("tim")
    before = root.good("GET", "/users/tim")
    problem(root.patch("/users/tim", {"role": "admin", "disabled": 1}), 400, "bad_message", "disabled must be ")
    assert root.good("GET", "/users/tim") == before
    assert root.good("PATCH", "/users/tim", {}) == before


def test_a_change_of_several_members_is_one(r, root):
    person = r.person("una")
    before = len(r.admin.get("/admin/audit.jsonl").text.splitlines())
    changed = root.good("PATCH", "/users/una", {"role": "admin", "disabled": True, "password": "another horse"})
    assert (changed["role"], changed["disabled"]) == ("admin", True)
    assert newest(r, "user.edit") == ("root", "una", "role: user -> admin, disabled: false -> true, password")
    assert len(r.admin.get("/admin/audit.jsonl").text.splitlines()) == before + 1
    problem(Caller(r, http=person.http).get("/me"), 401, "unauthorized")
    root.good("PATCH", "/users/una", {"disabled": False})
    assert newest(r, "user.enable") == ("root", "una", "")
    assert r.stranger("una").try_login("another horse").status_code == 302
    root.good("PATCH", "/users/una", {"role": "user"})
    assert newest(r, "user.role") == ("root", "una", "role: admin -> user")


def test_the_last_admin_stays(r, root):
    for change in ({"role": "user"}, {"disabled": True}):
        problem(root.patch("/users/root", change), 403, "forbidden", "last admin")
    me = root.good("GET", "/users/root")
    assert (me["role"], me["disabled"]) == ("admin", False)


def test_one_s_own_password_needs_the_present_one(r):
    """A key that has leaked does not become a log-in that outlives it."""
    person = r.person("adm", admin=True)
    with_key, mine = admin_of_person(r, person), Caller(r, http=person.http)
    for caller in (with_key, mine):
        problem(caller.patch("/users/ADM", {"password": "another horse"}), 400, "bad_message", "current_password must be ")
        problem(caller.patch("/users/adm", {"password": "another horse", "current_password": "wrong horse"}), 403,
                "forbidden", "current_password is wrong")
    assert newest(r, "login.failed")[:2] == ("adm", "adm")
    problem(mine.patch("/users/adm", {"password": "short", "current_password": PASSWORD}), 400, "bad_message",
            "password must be ")
    assert r.stranger("adm").login()
    mine.good("PATCH", "/users/adm", {"password": "another horse", "current_password": PASSWORD})
    assert mine.good("GET", "/me")["name"] == "adm"
    assert with_key.good("GET", "/me")["name"] == "adm"
    assert r.stranger("adm").try_login("another horse").status_code == 302
    with_key.good("PATCH", "/users/adm", {"disabled": False})
    mine.good("PATCH", "/users/adm", {"role": "user"})


def test_guessing_one_s_own_password_is_slowed_like_a_log_in(r):
    person = r.person("gus", admin=True)
    caller = admin_of_person(r, person)
    guess = {"password": "another horse", "current_password": "wrong horse"}
    refused = until(lambda: [a for a in [caller.patch("/users/gus", guess)] if a.status_code != 403])
    later(refused[0], 429, "rate_limited", 5, 900)
    assert "current_password" in refused[0].json()["detail"]
    assert r.stranger("gus").try_login(PASSWORD).status_code == 429
    caller.good("PATCH", "/users/gus", {"role": "user"})


def test_the_page_of_users_does_not_set_one_s_own_password_either(r):
    person = r.person("kim", admin=True)
    key = admin_of_person(r, person).key
    for answer in (person.post("/admin/users/KIM/password", password="another horse"),
                   requests.post(r.url + "/admin/users/kim/password", data={"password": "another horse"},
                                 headers={"Authorization": f"Bearer {key}", "Accept-Language": "en"}, timeout=PATIENCE)):
        assert answer.status_code == 200 and "your account" in answer.text
    other = r.ann.name
    page = person.get("/admin/users").text
    assert f"/admin/users/{other}/password" in page and "/admin/users/kim/password" not in page
    assert r.stranger("kim").login()
    Caller(r, http=person.http).good("PATCH", "/users/kim", {"role": "user"})


@pytest.mark.parametrize("name", ["nobody_here", "%C3%A9", "x" * 40])
def test_who_is_not_there(root, name):
    problem(root.get(f"/users/{name}"), 404, "not_found", "no such user")
    problem(root.patch(f"/users/{name}", {"role": "user"}), 404, "not_found", "no such user")


# ---- settings ----

def test_settings_are_shown_and_changed(r, root):
    before = root.good("GET", "/settings")
    assert before["registration"] is False and before["limits"]["max_attempts"] == 2
    changed = root.good("PATCH", "/settings", {"registration": True, "limits": {"max_attempts": 3, "retention_days": 30}})
    assert changed["registration"] is True
    assert changed["limits"] == {**before["limits"], "max_attempts": 3, "retention_days": 30}
    assert root.good("GET", "/settings") == changed
    assert r.stranger().get("/register").status_code == 200
    assert newest(r, "setting.set") == ("root", "limit.retention_days", "0 -> 30")
    assert root.good("PATCH", "/settings", before) == before


def test_settings_changed_at_the_same_time_are_all_kept(r, root):
    before = root.good("GET", "/settings")
    limits = {"topic_events": 100, "topics_per_socket": 101, "sockets_per_person": 102, "max_attempts": 5}
    with concurrent.futures.ThreadPoolExecutor(len(limits)) as pool:
        answers = list(pool.map(lambda one: Caller(r, root.key).patch("/settings", {"limits": dict([one])}), limits.items()))
    assert [a.status_code for a in answers] == [200] * len(limits)
    assert root.good("GET", "/settings")["limits"] == {**before["limits"], **limits}
    root.good("PATCH", "/settings", before)


@pytest.mark.parametrize("body, words", [
    ({"registration": 1}, "registration must be true or false"), ({"limits": []}, "limits must be an object"),
    ({"limits": {"no_such": 1}}, "limits.no_such must be"), ({"limits": {"x" * 1000: 1}}, "limits.xxx"),
    ({"limits": {"max_attempts": 0}}, "limits.max_attempts must be a whole number from 1 to 100"),
    ({"limits": {"max_attempts": "3"}}, "limits.max_attempts must be"),
    ({"limits": {"max_attempts": 3.5}}, "limits.max_attempts must be"),
    ({"limits": {"max_attempts": -1}}, "limits.max_attempts must be"),
    ({"registration": True, "limits": {"retention_days": None}}, "limits.retention_days must be"),
])
def test_the_setting_that_is_wrong_is_named(root, body, words):
    before = root.good("GET", "/settings")
    problem(root.patch("/settings", body), 400, "bad_message", words)
    assert root.good("GET", "/settings") == before


# ---- who may not ----

@pytest.mark.parametrize("method, path", [("GET", "/users"), ("POST", "/users"), ("GET", "/users/ann"),
                                          ("PATCH", "/users/ann"), ("GET", "/settings"), ("PATCH", "/settings")])
def test_only_admins(r, method, path):
    problem(caller(r, r.ann).call(method, path), 403, "forbidden", "scope admin")
    problem(caller(r, r.admin, "read", "submit").call(method, path), 403, "forbidden", "scope admin")
    problem(Caller(r, http=r.ann.http).call(method, path, {}), 403, "forbidden", "Only admins")
    problem(Caller(r).call(method, path), 401, "unauthorized")


# ---- who comes when all places are taken ----

busy_server, busy = relay_fixture("busy_server", limits={"web_threads": 4})
crowded_server, crowded = relay_fixture("crowded_server", limits={"web_threads": 1, "inner_waiting": 1})


def at_once(relay, count):
    """So many new passwords at the same time, from admins of their own connections: the answers that are refusals."""
    root = admin_of(relay)
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: Caller(relay, root.key).patch("/users/pat", {"password": PASSWORD}), range(count)))
    return [a for a in answers if a.status_code != 200]


def test_places_for_hashing_are_counted(busy):
    busy.person("pat")
    refused = until(lambda: [a for a in at_once(busy, 8) if "hashed" in a.text])
    later(refused[0], 503, "store_unavailable", 3, 1)


def test_places_for_waiting_calls_are_counted(crowded):
    crowded.person("pat")
    refused = until(lambda: [a for a in at_once(crowded, 6) if "could not be answered" in a.text])
    later(refused[0], 503, "store_unavailable", 1, 1)

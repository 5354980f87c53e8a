"""What admins see and do, and what is written down of it."""
import csv
import io
import json

import pytest

from program_fixture import command
from relay import NOBODY, relay_fixture, until

server, r = relay_fixture("server", limits={"grace_ms": 0, "max_attempts": 9})


def audit(r, **filters):
    """The rows of the log, newest first."""
    return [json.loads(line) for line in r.admin.get("/admin/audit.jsonl", params=filters).text.splitlines()]


def running(r):
    space = r.space()
    app = space.app()
    tab = r.ann.tab()
    request_id = tab.submit(space, {"prompt": "ann's words"})
    app.take()
    return space, app, tab, request_id


def test_a_look_at_another_s_request_is_written_down_once(r):
    space, app, tab, request_id = running(r)
    assert "ann's words" not in r.admin.get("/admin/requests").text
    assert audit(r, subject=request_id) == []
    assert "ann&#39;s words" in r.admin.get(f"/admin/requests/{request_id}").text
    assert "ann's words" in r.admin.get(f"/requests/{request_id}.json").text
    admin = r.admin.tab()
    admin.watch(request_id)
    admin.sync()
    (row,) = audit(r, subject=request_id)
    assert (row["actor"], row["action"], row["detail"]) == (r.admin.name, "request.view", r.ann.name)
    assert row["address"] == "127.0.0.1"
    assert request_id in r.admin.get("/admin/audit").text


def test_looking_at_one_s_own_is_not_written_down(r):
    space, app, tab, request_id = running(r)
    r.ann.get(f"/requests/{request_id}")
    tab.watch(request_id)
    assert audit(r, subject=request_id) == []


def test_a_watcher_on_a_socket_is_written_down_with_the_address(r):
    space, app, tab, request_id = running(r)
    admin = r.admin.tab()
    admin.watch(request_id)
    until(lambda: [row["action"] for row in audit(r, subject=request_id)] == ["request.view"])
    assert audit(r, subject=request_id)[0]["address"] == "127.0.0.1"


@pytest.mark.parametrize("way", ["page", "socket"])
def test_an_admin_s_cancel_is_written_down(r, way):
    space, app, tab, request_id = running(r)
    tab.watch(request_id)
    if way == "page":
        answer = r.admin.post(f"/requests/{request_id}/cancel")
        assert answer.status_code == 302
    else:
        assert r.admin.tab().cancel(request_id)["type"] == "cancelled"
    tab.final(request_id)
    (row,) = audit(r, subject=request_id, action="request.cancel")
    assert (row["actor"], row["detail"], row["address"]) == (r.admin.name, r.ann.name, "127.0.0.1")


def test_what_others_ask_for_is_as_what_does_not_exist(r):
    space, app, tab, request_id = running(r)
    nobody = request_id[:-4] + ("0000" if request_id[-4:] != "0000" else "1111")
    for path in ("", ".json"):
        mine, none = (r.bob.get(f"/admin/requests/{of}{path}") for of in (request_id, nobody))
        assert (mine.status_code, mine.headers["Location"], mine.text) == (302, "/", "")
        assert (none.status_code, none.headers["Location"], none.text) == (302, "/", "")
    for path in ("/admin/requests", "/admin/audit", "/admin/audit.csv", "/admin/audit.jsonl"):
        assert r.bob.get(path).headers["Location"] == "/"


def test_a_request_that_kills_its_apps_is_set_aside_with_its_history(r):
    space = r.space()
    app = space.app(app={"name": "first<b>", "version": "1&0"})
    tab = r.ann.tab()
    request_id = tab.submit(space)
    tab.watch(request_id)
    for n in range(3):
        if n:
            app = space.app(app={"name": f"app{n}", "version": "2"})
        app.take()
        app.drop()
        tab.event(f"request:{request_id}", lambda e: e.get("status") in ("queued", "failed"))
    page = r.admin.get("/admin/requests", params={"code": "poisoned", "space": space.name}).text
    assert page.count("<tr data-request=") == 1 and request_id in page
    assert "first&lt;b&gt; 1&amp;0, 127.0.0.1" in page and "app1 2" in page and "app2 2" in page
    assert page.count("<b>the app was lost</b>") == 2 and "<b>set aside</b>" in page
    assert "<b> 1" not in page


def test_commands_of_admins_are_in_the_log_with_who_and_from_where(r):
    space = r.space()
    app = space.app()
    page = r.admin.get(f"/admin/space/edit/{space.id}").text
    connection = page.split("/admin/app/")[1].split("/")[0]
    assert r.admin.post(f"/admin/app/{connection}/drain").status_code == 302
    assert "draining" in r.admin.get(f"/admin/space/edit/{space.id}").text
    assert r.admin.post(f"/admin/app/{connection}/kick").status_code == 302
    assert app.closed() == 4002
    actions = {row["action"]: row for row in audit(r, subject=space.name)}
    assert {"space.add", "token.issue", "app.drain", "app.kick"} <= set(actions)
    assert actions["app.kick"]["actor"] == r.admin.name and actions["app.kick"]["address"] == "127.0.0.1"
    assert actions["space.add"]["actor"] == "(cli)"


def test_a_failed_log_in_is_in_the_log_and_the_typed_name_is_harmless(r):
    name = '=1+1"<script>'
    r.stranger().post("/login", username=name, password="wrong password")
    until(lambda: audit(r, subject=name))
    (row,) = audit(r, subject=name)
    assert (row["action"], row["actor"], row["address"]) == ("login.failed", "", "127.0.0.1")
    rows = list(csv.DictReader(io.StringIO(r.admin.get("/admin/audit.csv", params={"subject": name}).text)))
    assert [row["subject"] for row in rows] == ["'" + name]
    assert "<script>" not in r.admin.get("/admin/audit", params={"subject": name}).text.split("</head>")[1].replace(
        '<script type="module"', "")


# ---- the command line ----


def apps_of(r, space):
    return command("app", "list", "--space", space.name, "--json", data=r.data).json()


def test_the_command_line_lists_drains_and_kicks_apps(r):
    space = r.space(max_apps=2)
    one = space.app(app={"name": "one", "version": "1.0"}, concurrency=2, prefetch=1)
    two = space.app(app={"name": "two\n\x1b[31m\x9b32m", "version": ""})
    listed = {app["name"]: app for app in apps_of(r, space)}
    assert set(listed) == {"one", "two\n\x1b[31m\x9b32m"}
    assert listed["one"] | {"connection_id": "", "connected_at": ""} == {
        "connection_id": "", "connected_at": "", "space_id": space.id, "space": space.name, "name": "one",
        "version": "1.0", "address": "127.0.0.1", "in_flight": 0, "concurrency": 2, "prefetch": 1, "draining": False}
    shown = command("app", "list", "--space", space.name, data=r.data).out
    assert "0/2+1" in shown and "working" in shown and not {"\x1b", "\x9b"} & set(shown) and shown.count("\n") == 3

    first = listed["one"]["connection_id"]
    assert command("app", "drain", "--space", space.name, "--app", first, data=r.data).err == f"draining {first}\n"
    assert "draining" in command("app", "list", "--space", space.name, data=r.data).out
    state = command("space", "show", space.name, "--json", data=r.data).json()["state"]
    assert (state["connected"], state["apps"], state["draining"]) == (True, 2, False)
    command("app", "drain", "--space", space.name, data=r.data)
    assert "yes, 2, draining" in command("space", "show", space.name, data=r.data).out

    command("app", "kick", "--space", space.name, data=r.data)
    assert one.closed() == 4002 and two.closed() == 4002
    assert apps_of(r, space) == []
    assert {"app.drain", "app.kick"} <= {row["action"] for row in audit(r, subject=space.name, actor="(cli)")}


def test_the_command_line_tells_when_there_is_no_such_app(r):
    space = r.space()
    for words, says in ((["kick", "--space", space.name], "no app is connected"),
                        (["drain", "--space", "no such"], 'there is no space "no such"')):
        assert command("app", *words, data=r.data, status=1).err == f"spacerelay: {says}\n"
    space.app()
    for app, says, status in ((NOBODY, "there is no such app in this space", 1), ("x", "--app must be an id", 2)):
        assert says in command("app", "kick", "--space", space.name, "--app", app, data=r.data, status=status).err
    assert len(apps_of(r, space)) == 1

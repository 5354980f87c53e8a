"""From an empty data folder to the first admin."""
import re
import stat

import pytest

from relay import NOBODY, PASSWORD, Person, Relay

FORM = {"username": "first", "password": PASSWORD, "password2": PASSWORD}


@pytest.fixture(scope="module")
def server():
    relay = Relay()
    yield relay
    relay.leave()


@pytest.fixture
def fresh():
    relay = Relay()
    yield relay
    relay.leave(kill=True)


def test_nothing_but_set_up_is_served_before_there_is_an_admin(server):
    visitor = server.stranger()
    for path in ("/", "/login", "/register", "/admin", "/admin/", "/requests", "/docs", "/nowhere", "/metrics",
                 f"/ai_project/{NOBODY}"):
        answer = visitor.get(path)
        assert answer.status_code == 503, path
        assert "Retry-After" in answer.headers
        assert server.setup_token() not in answer.text
    assert visitor.post("/login", username="a", password="b").status_code == 503
    for path in ("/ws/app", "/ws/client"):
        assert server.refusal(path) == 503
    assert visitor.get("/static/app.css").status_code == 200
    assert visitor.get("/healthz").status_code == visitor.get("/readyz").status_code == 200


def test_the_link_is_printed_once_and_not_on_standard_output(server):
    assert len(re.findall(r"/setup\?token=", server.log())) == 1
    assert f"{server.url}/setup?token={server.setup_token()}" in server.log()


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token={token}x", "?token={half}", "?Token={token}"])
def test_a_wrong_link_does_not_work(server, query):
    token = server.setup_token()
    path = "/setup" + query.format(token=token, half=token[:20])
    visitor = server.stranger()
    assert visitor.get(path).status_code == 404
    assert visitor.post(path, **FORM).status_code == 404
    assert visitor.get("/").status_code == 503


@pytest.mark.parametrize("form", [
    {"username": ""}, {"username": "a b"}, {"username": "a" * 33}, {"password": "short", "password2": "short"},
    {"password2": "another one"}, {"password": "p" * 1025, "password2": "p" * 1025}])
def test_a_form_that_is_not_right_is_shown_again(server, form):
    answer = server.stranger().post(f"/setup?token={server.setup_token()}", **{**FORM, **form})
    assert answer.status_code == 200 and 'role="alert"' in answer.text
    assert PASSWORD not in answer.text
    assert server.stranger().get("/").status_code == 503


def test_a_foreign_site_cannot_set_up(server):
    answer = server.stranger().post(f"/setup?token={server.setup_token()}", {"Origin": "http://evil.example"}, **FORM)
    assert answer.status_code == 403
    assert server.stranger().get("/").status_code == 503


def test_the_link_makes_one_admin_who_is_logged_in(fresh):
    path = f"/setup?token={fresh.setup_token()}"
    person = Person(fresh, "first")
    assert person.get(path).status_code == 200
    answer = person.post(path, **FORM)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert person.get("/admin/").status_code == 200
    assert person.get(path).status_code == 404
    assert person.post(path, **{**FORM, "username": "second"}).status_code == 404
    assert Person(fresh, "second").try_login().status_code == 200
    Person(fresh, "first").login()
    fresh.restart()
    assert len(re.findall(r"/setup\?token=", fresh.log())) == 1  # no new one


def test_an_admin_of_the_command_line_ends_the_link(fresh):
    path = f"/setup?token={fresh.setup_token()}"
    fresh.add_user("nobody")  # no admin: the link stays
    assert fresh.stranger().get(path).status_code == 200
    assert fresh.stranger().get("/login").status_code == 503
    fresh.admin
    assert fresh.stranger().get(path).status_code == 404
    assert fresh.stranger().post(path, **FORM).status_code == 404
    assert Person(fresh, "first").try_login().status_code == 200


def test_the_data_folder_is_private(server):
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    for file in server.data.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file

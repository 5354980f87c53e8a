"""Who gets in, how long, and from which site."""
import json

import pytest

from relay import PASSWORD, Person, relay_fixture, until

MANY = {"login_failures_account": 1000, "login_failures_address": 10000}
server, r = relay_fixture("server", limits=MANY)
lock_server, locking = relay_fixture("lock_server")
idle_server, idle = relay_fixture("idle_server", limits={**MANY, "session_idle_ms": 1500})
short_server, short = relay_fixture("short_server", limits={**MANY, "session_ms": 2000})

WRONG = "Invalid username or password"


def test_a_right_log_in_leads_home_with_a_cookie(r):
    r.ann
    person = Person(r, "ann")
    answer = person.try_login()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    fields = [f.strip() for f in answer.headers["Set-Cookie"].split(";")]
    name, secret = fields[0].split("=", 1)
    assert name == "session" and len(secret) >= 40
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(fields)
    assert "Secure" not in fields
    assert "Max-Age=2592000" in fields
    assert person.get("/").status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_log_in_has_a_secret_of_its_own_and_none_is_taken_from_the_visitor(r):
    r.ann
    answer = Person(r, "ann").try_login(headers={"Cookie": "session=" + "A" * 43})
    assert answer.status_code == 302 and "A" * 43 not in answer.headers["Set-Cookie"]
    person = Person(r, "ann").login()
    first = person.http.cookies["session"]
    person.login()
    assert person.http.cookies["session"] != first
    assert r.refusal("/ws/client", {"Cookie": f"session={first}", "Origin": r.url}) == 401


def test_the_user_name_is_case_insensitive(r):
    r.ann
    assert Person(r, "ANN").try_login().status_code == 302


def test_the_secret_is_not_in_the_data_folder(r):
    secret = r.ann.http.cookies["session"].encode()
    for file in r.data.iterdir():
        if file.is_file():
            assert secret not in file.read_bytes() and PASSWORD.encode() not in file.read_bytes(), file


def shown(answer):
    return answer.text.replace("nobody_here", "ann")


def test_unknown_user_and_wrong_password_get_the_same_answer(r):
    r.ann
    wrong = Person(r, "ann").try_login("wrong password")
    unknown = Person(r, "nobody_here").try_login("wrong password")
    assert wrong.status_code == unknown.status_code == 200
    assert WRONG in wrong.text
    assert shown(wrong) == shown(unknown)
    assert "Set-Cookie" not in wrong.headers and "Set-Cookie" not in unknown.headers
    r.add_user("gone")
    r.command("user", "disable", "gone")
    disabled = Person(r, "gone").try_login()
    assert disabled.status_code == 200 and disabled.text.replace('"gone"', '"ann"') == wrong.text


@pytest.mark.parametrize("name", ["", "a" * 33, "a" * 5000, "ann ", "ann\n", "' or 1=1 --", "用户", "<b>"])
def test_odd_names_are_wrong_and_shown_escaped(r, name):
    answer = Person(r, name).try_login("whatever!")
    assert answer.status_code == 200 and WRONG in answer.text
    assert "<b>" not in answer.text


def test_odd_passwords_are_wrong(r):
    r.add_user("olga")
    for password in ("", "x", PASSWORD + " ", PASSWORD.upper(), "p" * 2000):
        answer = Person(r, "olga").try_login(password)
        assert answer.status_code == 200 and WRONG in answer.text
        Person(r, "olga").login()  # no failure is counted any more


@pytest.mark.parametrize("form", [{}, {"username": "ann"}, {"password": PASSWORD}])
def test_a_missing_field_is_400(r, form):
    assert r.stranger().post("/login", **form).status_code == 400


def test_without_accept_language_the_words_are_chinese(r):
    for i, (language, sentence) in enumerate(((None, "无效的凭据"), ("zh-CN,zh;q=0.9,en;q=0.5", "无效的凭据"),
                                              ("en-US,en", WRONG),
                               ("de", WRONG), ("fr;q=0.9,zh;q=0.8", "无效的凭据"), ("zh;q=0.1,en;q=0.2", WRONG))):
        # requests sends no Accept-Language by itself
        headers = {"Accept-Language": language} if language else {}
        answer = r.stranger(f"nobody_{i}", headers).try_login("wrong password")
        assert answer.status_code == 200 and sentence in answer.text, language


def test_next_leads_on_but_never_away(r):
    r.ann
    for next_place, location in (("/requests?status=failed", "/requests?status=failed"), ("//evil.example/", "/"),
                                 ("https://evil.example/", "/"), ("/\\evil.example", "/"), ("javascript:x", "/")):
        answer = Person(r, "ann").try_login(next=next_place)
        assert (answer.status_code, answer.headers["Location"]) == (302, location)
    answer = r.stranger().get("/requests?status=failed")
    assert answer.headers["Location"] == "/login?next=%2Frequests%3Fstatus%3Dfailed"


def test_who_is_logged_in_is_not_asked_again(r):
    answer = r.ann.get("/login")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_the_admin_pages_redirect_as_old_scripts_expect(r):
    answer = r.admin.get("/admin")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/admin/")
    assert r.admin.get("/admin/").status_code == 200
    answer = r.ann.get("/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    answer = r.stranger().get("/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")


# ---- the end of a log-in ----


def test_logging_out_ends_the_session_and_closes_its_sockets(r):
    r.ann
    person, elsewhere = Person(r, "ann").login(), Person(r, "ann").login()
    tabs, other = [person.tab(), person.tab()], elsewhere.tab()
    cookie = person.cookie
    answer = person.get("/logout")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert [t.closed() for t in tabs] == [4502, 4502]
    assert person.get("/").status_code == 302
    assert r.stranger().get("/", headers={"Cookie": cookie}).status_code == 302
    assert r.refusal("/ws/client", {"Cookie": cookie, "Origin": r.url}) == 401
    other.sync()
    assert elsewhere.get("/").status_code == 200
    assert r.stranger().get("/logout").status_code == 302


def test_disabling_a_person_ends_everything_of_theirs(r):
    r.add_user("carl")
    carl = Person(r, "carl").login()
    tab = carl.tab()
    answer = r.admin.post("/admin/users/carl/disable")
    assert answer.status_code == 302
    assert tab.closed() == 4502
    assert carl.get("/").status_code == 302
    assert Person(r, "carl").try_login().status_code == 200
    r.admin.post("/admin/users/carl/enable")
    assert carl.get("/").status_code == 302  # the old log-in stays ended
    Person(r, "carl").login()


def test_the_command_line_disables_at_once(r):
    r.add_user("dora")
    tab = Person(r, "dora").login().tab()
    r.command("user", "disable", "dora")
    assert tab.closed() == 4502


def test_the_last_admin_cannot_be_disabled_or_demoted(r):
    for path, form in (("disable", {}), ("role", {"role": "user"})):
        answer = r.admin.post(f"/admin/users/root/{path}", **form)
        assert answer.status_code == 200 and "last admin" in answer.text
    assert r.admin.get("/admin/").status_code == 200


def test_a_new_password_ends_the_other_log_ins(r):
    r.add_user("eve")
    here, there = Person(r, "eve").login(), Person(r, "eve").login()
    mine, other = here.tab(), there.tab()
    new = "another good one"
    answer = here.post("/account/password", current_password=PASSWORD, password=new, password2=new)
    assert answer.status_code == 302, answer.text
    assert other.closed() == 4502
    assert there.get("/").status_code == 302
    mine.sync()
    assert here.get("/").status_code == 200
    assert Person(r, "eve").try_login().status_code == 200
    assert Person(r, "eve").try_login(new).status_code == 302


def test_all_other_devices_are_logged_out_by_a_button(r):
    r.add_user("finn")
    here, there = Person(r, "finn").login(), Person(r, "finn").login()
    tab = there.tab()
    assert here.post("/account/sessions/end-others").status_code == 302
    assert tab.closed() == 4502
    assert there.get("/").status_code == 302 and here.get("/").status_code == 200


def test_a_log_in_expires_and_its_sockets_close(short):
    short.ann
    person = Person(short, "ann").login()
    tab = person.tab()
    assert tab.closed() == 4502
    until(lambda: person.get("/").status_code == 302)
    assert short.refusal("/ws/client", {"Cookie": person.cookie, "Origin": short.url}) == 401


def test_a_log_in_unused_for_too_long_ends_and_its_sockets_close(idle):
    """Without waiting for somebody to come with the cookie."""
    idle.ann
    assert Person(idle, "ann").login().tab().closed() == 4502


def test_a_log_in_that_is_used_does_not_end(idle):
    idle.ann
    person, other = Person(idle, "ann").login(), Person(idle, "ann").login().tab()
    tab = person.tab()
    until(lambda: person.get("/").status_code == 200 and other.ws.closed)  # the other one's has ended meanwhile
    tab.sync()
    assert person.get("/").status_code == 200


# ---- guessing ----


def test_after_repeated_failures_an_account_is_locked(locking):
    locking.ann, locking.bob
    statuses = []
    while not statuses or statuses[-1] != 429:
        answer = Person(locking, "ann").try_login("guess no. %d" % len(statuses))
        statuses.append(answer.status_code)
        assert len(statuses) <= 6
    assert set(statuses[:-1]) == {200}
    assert int(answer.headers["Retry-After"]) > 0
    assert WRONG not in answer.text
    assert Person(locking, "ann").try_login().status_code == 429  # the right password does not help
    assert Person(locking, "ANN").try_login().status_code == 429
    assert Person(locking, "bob").try_login().status_code == 302  # others still get in
    assert locking.ann.get("/").status_code == 200  # and who is in stays in


def test_an_unknown_account_is_locked_in_the_same_way(locking):
    statuses = [Person(locking, "no_such_user").try_login("guess it!").status_code for _ in range(6)]
    assert statuses[0] == 200 and statuses[-1] == 429


def test_after_repeated_failures_an_address_is_locked(locking):
    locking.add_user("gwen")
    answers = []
    while not answers or answers[-1].status_code != 429:
        answers.append(Person(locking, f"guess{len(answers)}").try_login("guess it!"))
        assert len(answers) <= 21
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert Person(locking, "gwen").try_login().status_code == 429


# ---- other sites ----


FOREIGN = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "https://{host}"},
           {"Origin": "http://{host}.evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
           {"Sec-Fetch-Site": "cross-site", "Origin": "http://{host}"},
           {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"}]


@pytest.mark.parametrize("headers", FOREIGN)
def test_what_changes_something_is_refused_when_it_comes_from_another_site(r, headers):
    host = r.url.split("//")[1]
    headers = {k: v.format(host=host) for k, v in headers.items()}
    before = json.loads(r.command("space", "list", json=True))
    answer = r.admin.post("/admin/space/add", headers, name="forged", max_apps="1")
    assert answer.status_code == 403
    assert json.loads(r.command("space", "list", json=True)) == before
    assert r.stranger("ann").try_login(headers=headers).status_code == 403
    assert r.admin.post("/nowhere", headers).status_code == 403


@pytest.mark.parametrize("headers", [
    {}, {"Origin": "http://{host}"}, {"Origin": "http://{host}", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"}])
def test_our_own_pages_and_programs_may(r, headers):
    host = r.url.split("//")[1]
    headers = {k: v.format(host=host) for k, v in headers.items()}
    r.ann
    assert Person(r, "ann").try_login(headers=headers).status_code == 302


def test_reading_is_not_refused(r):
    assert r.ann.get("/", headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}).status_code == 200

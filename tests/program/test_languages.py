"""Which language a person, or an old script, is answered in: the account's choice, else the cookie's, else what
Accept-Language asks for (English when it wants none of ours), else Chinese."""
import itertools
import re

import pytest

from relay import PASSWORD, Person, Relay, until

LANGUAGES = ("en", "zh", "ko")
LOGIN_WRONG = {"en": "Invalid username or password", "zh": "无效的凭据", "ko": "사용자 이름 또는 비밀번호가 올바르지 않습니다"}
CONNECTED = "✓ 已连接"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server():
    relay = Relay({"login_failures_address": 1000})
    assert relay.admin
    yield relay
    relay.leave()


def asking(server, accept=None, name=None):
    """A visitor whose client sends this Accept-Language; None: none at all, as old scripts do."""
    return Person(server, name or f"nobody{next(numbers)}", {"Accept-Language": accept})


def somebody(server):
    """The name of an account of its own."""
    return server.person(f"somebody{next(numbers)}").name


def language(reply):
    """What the page says of itself; it must be of one mind."""
    lang = re.search(r'<html lang="(\w+)">', reply.text).group(1)
    assert reply.headers["Content-Language"] == lang
    assert reply.headers["Vary"] == "Accept-Language, Cookie" and reply.headers["Cache-Control"] == "no-store"
    return lang


@pytest.mark.parametrize("accept, lang", [
    (None, "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("zh-Hant-TW", "zh"), ("en-GB,en;q=0.9,zh;q=0.8", "en"), ("ko-KR", "ko"),
    ("fr-FR,fr;q=0.9", "en"), ("*", "en"), ("", "en"), ("zh;q=0", "en"), ("nonsense,,;q=", "en")])
def test_pages_are_in_the_language_that_is_asked_for(server, accept, lang):
    visitor = asking(server, accept)
    for path in ("/login", "/docs", "/no/such/page", "/setup"):
        assert language(visitor.get(path)) == lang
    wrong = visitor.try_login("not this one")
    assert wrong.status_code == 200 and language(wrong) == lang
    assert LOGIN_WRONG[lang] in wrong.text


def test_a_script_without_the_header_reads_chinese_words_on_every_page(server):
    """As the contract with old scripts has it, from log-in to a space's state."""
    space = server.space()
    script = asking(server, name=somebody(server)).login()
    assert "✗ 未连接" in script.get("/").text
    app = space.app()
    until(lambda: CONNECTED in script.get(f"/spaces/{space.name}").text)
    page = script.get(f"/spaces/{space.name}").text
    assert "发送请求" in page and "Submit Request" not in page
    app.close()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_choice_in_the_foot_is_kept_by_the_browser(server, lang):
    visitor = asking(server, "fr")
    chosen = visitor.post("/language", language=lang, back="/docs/run")
    assert (chosen.status_code, chosen.headers["Location"]) == (302, "/docs/run")
    assert language(visitor.get("/docs/run")) == lang
    assert LOGIN_WRONG[lang] in visitor.try_login("not this one").text


def test_a_choice_goes_with_the_account_and_before_everything_else(server):
    name = somebody(server)
    here, there, script = asking(server, "en", name).login(), asking(server, "zh", name).login(), asking(server, None, name).login()
    assert here.post("/language", language="ko", back="/account").status_code == 302
    for device in (here, there, script):
        until(lambda: language(device.get("/account")) == "ko")
    assert there.post("/account/language", language="").status_code == 302
    until(lambda: language(script.get("/account")) == "zh")
    assert language(there.get("/account")) == "zh"
    assert language(here.get("/account")) == "ko"  # its own cookie; without one, as it asks
    here.http.cookies.pop("lang")
    assert language(here.get("/account")) == "en"


def test_another_site_cannot_change_the_language(server):
    visitor = asking(server, "en")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert visitor.post("/language", headers=headers, language="ko").status_code == 403
    assert language(visitor.get("/login")) == "en"
    assert visitor.get("/language").status_code == 405


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_start_is_in_the_visitors_language(lang):
    relay = Relay()
    try:
        visitor = asking(relay, "fr")
        assert visitor.post("/language", language=lang, back="/").status_code == 302
        assert visitor.get("/").status_code == 503
        assert language(visitor.get("/")) == lang
        token = relay.setup_token()
        back = re.search(r'name="back" value="([^"]*)"', visitor.get(f"/setup?token={token}").text).group(1)
        assert back == f"/setup?token={token}"
        made = visitor.post(f"/setup?token={token}", username="first", password=PASSWORD, password2=PASSWORD)
        assert made.status_code == 302
        until(lambda: visitor.get("/account").status_code == 200)
        assert language(visitor.get("/account")) == lang
    finally:
        relay.leave(kill=True)


@pytest.mark.parametrize("lang, words", [
    ("en", ("The app said nothing for too long", "The app said nothing about this request for 1 s")),
    ("zh", ("应用长时间没有响应", "应用已有 1 秒没有关于此请求的消息")),
    ("ko", ("앱이 오랫동안 응답하지 않아", "앱이 1초 동안 이 요청에 대해"))])
def test_why_a_request_failed_is_told_in_the_language_of_the_page(lang, words):
    relay = Relay({"request_timeout_ms": 1000})
    try:
        assert relay.admin
        space, person = relay.space(), relay.ann
        app, tab = space.app(), person.tab()
        tab.submit(space.name, {"prompt": "hello"})
        request = app.take()
        reader = asking(relay, lang, person.name).login()
        path = f"/requests/{request['request_id']}"
        until(lambda: reader.get(path + ".json").json()["status"] == "failed")
        page = reader.get(path).text
        assert all(text in page for text in words)
        assert reader.get(path + ".json").json()["error"]["message"] == "The app said nothing about this request for 1 s"
    finally:
        relay.leave(kill=True)


@pytest.mark.parametrize("lang, one, many", [
    ("en", "one of the values is not right", "2 of the values are not right"),
    ("zh", "有 1 个值不正确", "有 2 个值不正确"), ("ko", "값 1개가 올바르지 않습니다", "값 2개가 올바르지 않습니다")])
def test_numbers_have_the_plural_of_their_language(server, lang, one, many):
    admin = asking(server, lang, server.admin.name).login()
    assert one in admin.post("/admin/settings/limits", json_depth="x").text
    assert many in admin.post("/admin/settings/limits", json_depth="x", head_fields="y").text


@pytest.mark.parametrize("lang, pattern", [
    ("en", r"\d{1,2} [A-Z][a-z]{2} \d{4}, \d\d:\d\d UTC"), ("zh", r"\d{4}年\d{1,2}月\d{1,2}日 \d\d:\d\d UTC"),
    ("ko", r"\d{4}년 \d{1,2}월 \d{1,2}일 \d\d:\d\d UTC")])
def test_a_time_is_written_as_the_language_does(server, lang, pattern):
    page = asking(server, lang, somebody(server)).login().get("/account").text
    assert re.search(rf'<time datetime="\d{{4}}-\d\d-\d\dT[\d:.]+Z">{pattern}</time>', page)
    assert not re.search(r"<time[^>]*>\d{4}-\d\d", page)


@pytest.mark.parametrize("lang", LANGUAGES[1:])
def test_documentation_that_is_not_translated_says_so(server, lang):
    page = asking(server, lang).get("/docs/protocol").text
    note = {"zh": "此页只有英文版。", "ko": "이 페이지는 영어로만 제공됩니다."}[lang]
    assert '<article class="prose" lang="en">' in page and note in page
    assert note not in asking(server, "en").get("/docs/protocol").text

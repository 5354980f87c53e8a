"""Who may use /socket.io/ of the relay itself from a page of another site."""
import requests

from relay import Relay

PATH = "/socket.io/?EIO=4&transport=polling"
ELSEWHERE = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}


def test_any_site_may_and_cookies_mean_nothing():
    relay = Relay()
    try:
        assert relay.admin  # without one it serves nobody
        for cookies in ({}, {"session": "x"}):
            opened = requests.get(relay.url + PATH, headers=ELSEWHERE, cookies=cookies)
            assert opened.status_code == 200 and opened.headers["Access-Control-Allow-Origin"] == "*"
            sid = opened.text.split('"sid":"')[1].split('"')[0]
            posted = requests.post(f"{relay.url}{PATH}&sid={sid}", data="40", headers=ELSEWHERE, cookies=cookies)
            assert (posted.status_code, posted.text) == (200, "ok")
            for reply in (opened, posted):
                assert "Set-Cookie" not in reply.headers and "Access-Control-Allow-Credentials" not in reply.headers
        preflight = requests.options(relay.url + PATH, headers={**ELSEWHERE, "Access-Control-Request-Method": "POST"})
        assert preflight.status_code == 204 and preflight.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    finally:
        relay.stop()


def test_sites_may_be_chosen():
    relay = Relay(options=["--socketio-origins", "https://a.example https://b.example"])
    try:
        assert relay.admin
        for origin in ("https://a.example", "https://b.example", relay.url):
            reply = requests.get(relay.url + PATH, headers={"Origin": origin})
            assert reply.status_code == 200 and reply.headers["Access-Control-Allow-Origin"] == origin
        refused = requests.get(relay.url + PATH, headers=ELSEWHERE)
        assert refused.status_code == 403 and refused.json() == {"code": 4, "message": "Forbidden"}
        assert requests.get(relay.url + PATH).status_code == 200  # a program, no page
    finally:
        relay.stop()

"""A script written for the old Flask site, as far as HTTP goes: plain requests, forms, a cookie, no header that a browser
would send."""
import re

import requests

from relay import PASSWORD, PATIENCE, Space, numbers, until

UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ENGLISH, CHINESE, KOREAN = ({"Accept-Language": l} for l in ("en-US,en;q=0.9", "zh-CN,zh;q=0.9,en;q=0.8", "ko"))


class Script:
    """What such a script does before its own work."""

    def __init__(self, relay, headers=None):
        self.base = relay.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(headers or {})
        assert "Accept-Language" not in requests.Session().headers

    def get(self, path, **params):
        return self.session.get(self.base + path, params=params, allow_redirects=False, timeout=PATIENCE)

    def post(self, path, headers=None, **form):
        return self.session.post(self.base + path, data=form, headers=headers, allow_redirects=False, timeout=PATIENCE)

    def login(self, name):
        answer = self.post("/login", username=name, password=PASSWORD)
        assert answer.status_code == 302
        return self

    def borrow(self, person):
        """The cookie of somebody who has logged in: that takes a while."""
        self.session.cookies.update(person.http.cookies)
        return self

    def add_space(self, **fields):
        fields = {"name": f"old {next(numbers)}", "description": "d", "cover": "", "cover_type": "image",
                  "card_type": "websockets", "ws_enable_prompt": "on", "ws_rate_limit_seconds": "0", **fields}
        answer = self.post("/admin/space/add", **fields)
        assert answer.status_code == 302, answer.text
        space_id = re.fullmatch(f"/admin/space/edit/({UUID})", answer.headers["Location"]).group(1)
        return fields["name"], space_id

    def submit(self, space_id, **form):
        return self.post(f"/websockets/submit/{space_id}", **form)

    def accepted(self, space_id, **form):
        answer = self.submit(space_id, **form)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True and set(answer.json()) == {"success", "request_id"}
        return answer.json()["request_id"]

    def status(self, request_id):
        return self.get("/websockets/status", request_id=request_id)

    def poll(self, request_id, *wanted):
        """Until it is one of those; each question goes to the server."""
        return until(lambda: (lambda s: s if s["status"] in wanted else None)(self.status(request_id).json()))


def app_of(relay, name, space_id, **fields):
    return Space(relay, {"name": name, "space_id": space_id}).app(**fields)


def error(answer):
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()

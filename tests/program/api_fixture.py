"""/api/v1 for tests: a caller with an API key, whose every answer is held against static/openapi.json."""
import itertools
import json

import requests

import openapi
from relay import PATIENCE

names = itertools.count(1)
ROOT = "/api/v1"


class Caller:
    """A program with an API key (or none, or a cookie). Answers have .status_code, .headers, .json() as in requests."""

    def __init__(self, relay, key=None, http=None):
        self.relay, self.key = relay, key
        self.http = http or requests.Session()
        self.http.trust_env = False

    def call(self, method, path, body=None, headers=None, raw=None, **options):
        """body: what becomes JSON; raw: bytes as they are. Paths begin after /api/v1, or with /v1/."""
        headers = dict(headers or {})
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            headers.setdefault("Content-Type", "application/json")
        path = path if path.startswith("/v1/") else ROOT + path
        answer = self.http.request(method, self.relay.url + path, data=raw, headers=headers, timeout=PATIENCE,
                                   allow_redirects=False, **options)
        openapi.check(method, path, answer)
        return answer

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.call("POST", path, body, **options)

    def patch(self, path, body=None, **options):
        return self.call("PATCH", path, body, **options)

    def delete(self, path, **options):
        return self.call("DELETE", path, **options)

    def good(self, method, path, body=None, status=200, **options):
        """The JSON of an answer that has to have this status."""
        answer = self.call(method, path, body, **options)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None


def new_key(relay, person, *scopes, **options):
    return relay.command("key", "add", user=person.name, name=f"api key {next(names)}", scopes=",".join(scopes),
                         **options).strip()


def caller(relay, person, *scopes):
    return Caller(relay, new_key(relay, person, *(scopes or ("read", "submit"))))


def admin_of(relay):
    return caller(relay, relay.admin, "read", "submit", "admin")


def problem(answer, status, code, words=""):
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
    p = answer.json()
    assert (p["type"], p["status"], p["code"]) == ("about:blank", status, code), p
    assert p["title"] and words in p["detail"], p
    assert ("retry_after_s" in p) == (status in (429, 503)) == ("Retry-After" in answer.headers), (p, answer.headers)
    return p


def later(answer, status, code, limit, longest):
    """A refusal that passes within so many seconds, and the number that it is about (None: nothing that can be counted)."""
    p = problem(answer, status, code)
    assert p["retry_after_s"] == int(answer.headers["Retry-After"]) <= longest
    assert answer.headers.get("RateLimit-Limit") == (limit and str(limit)), answer.headers

"""static/openapi.json as tests need it: which call an answer belongs to, and whether it is as the document says."""
import json
import pathlib
import re

import jsonschema
import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((ROOT / "static/openapi.json").read_text())
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_resolver = jsonschema.RefResolver.from_schema(DOCUMENT)
_PATHS = [(re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path) + "$"), path) for path in DOCUMENT["paths"]]


def resolve(part):
    while "$ref" in part:
        part = _resolver.resolve(part["$ref"])[1]
    return part


def operations():
    """(METHOD, path, operation) of all."""
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def path_of(path):
    """The document's path for one that is called; None when it has none."""
    return next((name for pattern, name in _PATHS if pattern.match(path.split("?")[0])), None)


def validate(schema, value):
    jsonschema.Draft202012Validator(schema, resolver=_resolver).validate(value)


def _answers(method, path):
    """What the document says of the answers to a call, by status."""
    refusals = {"404": {"$ref": "#/components/responses/NotFound"},
                "405": {"$ref": "#/components/responses/MethodNotAllowed"}}
    called = DOCUMENT["paths"].get(path_of(path), {}).get(method.replace("HEAD", "GET").lower())
    if called:
        return called["responses"]
    if path.startswith("/v1/"):
        return {"4XX": {"$ref": "#/components/responses/OpenAIError"}}
    refusals.update({s: {"$ref": f"#/components/responses/{n}"} for s, n in (("401", "Unauthorized"), ("403", "Forbidden"))})
    return refusals


def _later(path, answer):
    """What 429 and 503 say in their heads of when to come back, and of what there is room for then. Answers of /v1 say it
    when anybody knows."""
    if path.startswith("/v1/") and "Retry-After" not in answer.headers:
        assert not any(name.startswith("RateLimit") for name in answer.headers), answer.headers
        return
    assert answer.headers["RateLimit-Remaining"] == "0", answer.headers
    assert int(answer.headers["RateLimit-Reset"]) == int(answer.headers["Retry-After"]) >= 1, answer.headers
    assert int(answer.headers.get("RateLimit-Limit", 1)) >= 1, answer.headers


def check(method, path, answer):
    """Fails unless the answer to a call (without its body, to HEAD) is one that the document has."""
    known = _answers(method, path)
    status = str(answer.status_code)
    assert status in known or f"{status[0]}XX" in known, f"{method} {path}: {status} is not in the document: {answer.text}"
    said = resolve(known.get(status) or known[f"{status[0]}XX"])
    if answer.status_code in (429, 503):
        _later(path, answer)
    for name, header in said.get("headers", {}).items():
        assert name in answer.headers or not resolve(header).get("required"), (method, path, name, answer.headers)
        if name in answer.headers and "schema" in resolve(header):
            value = answer.headers[name]
            validate(resolve(header)["schema"], int(value) if value.isdigit() and name != "X-Request-Id" else value)
    if path.startswith("/api/"):
        assert answer.headers.get("X-Request-Id"), (method, path, answer.headers)
    content = said.get("content")
    if not content:
        assert "Content-Type" not in answer.headers and not answer.content, (method, path, answer.headers)
        return
    kind = answer.headers["Content-Type"].split(";")[0]
    assert kind in content, f"{method} {path}: {status} with {kind} is not in the document"
    if method != "HEAD" and kind.endswith("json"):
        validate(content[kind]["schema"], answer.json())


@pytest.fixture(autouse=True)
def answers_are_as_written(monkeypatch):
    """For modules that call without api_fixture: every answer that they get from the API is held against the document."""
    send = requests.Session.send

    def checked(self, request, **options):
        answer = send(self, request, **options)
        if request.path_url.startswith(("/api/", "/v1/")):
            check(request.method, request.path_url, answer)
        return answer

    monkeypatch.setattr(requests.Session, "send", checked)

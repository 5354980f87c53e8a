"""/openapi.json says what the server does: every route is in it, every path of it is answered, and as it says. That every
answer is as it says is tested by all tests that use api_fixture."""
import json
import re

import jsonschema
import pytest
import requests

import openapi
from api_fixture import Caller, new_key
from relay import NOBODY, PATIENCE, ROOT, relay_fixture

server, r = relay_fixture("server")
OPERATIONS = list(openapi.operations())
IDS = [f"{method} {path}" for method, path, _ in OPERATIONS]
SCOPES = {"read", "submit", "admin"}


def test_it_is_served_to_everybody_as_it_lies_in_the_tree(r):
    answer = requests.get(r.url + "/openapi.json", timeout=PATIENCE)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json() == openapi.DOCUMENT
    same = requests.get(r.url + "/openapi.json", headers={"If-None-Match": answer.headers["ETag"]}, timeout=PATIENCE)
    assert same.status_code == 304
    with_key = requests.get(r.url + "/openapi.json", headers={"Authorization": f"Bearer {new_key(r, r.ann, 'submit')}"},
                            timeout=PATIENCE)
    assert with_key.status_code == 200


# ---- the document by itself ----

def parts(part, place="#"):
    yield place, part
    for key, child in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from parts(child, f"{place}/{key}")


def test_every_reference_leads_somewhere_and_every_component_is_used():
    used = {part["$ref"] for _, part in parts(openapi.DOCUMENT) if isinstance(part, dict) and "$ref" in part}
    for ref in used:
        openapi.resolve({"$ref": ref})
    components = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses", "headers", "parameters")
                  for name in openapi.DOCUMENT["components"][kind]}
    assert components - used <= {"#/components/responses/MethodNotAllowed", "#/components/parameters/XRequestId"}


@pytest.mark.parametrize("name", openapi.DOCUMENT["components"]["schemas"])
def test_a_schema_is_one(name):
    jsonschema.Draft202012Validator.check_schema(openapi.DOCUMENT["components"]["schemas"][name])


def test_operations_are_described():
    assert openapi.DOCUMENT["openapi"].startswith("3.1.")
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    tags = {tag["name"] for tag in openapi.DOCUMENT["tags"]}
    for method, path, operation in OPERATIONS:
        assert operation["summary"] and set(operation["tags"]) <= tags and len(operation["tags"]) == 1
        given = [openapi.resolve(p) for p in operation.get("parameters", []) + openapi.DOCUMENT["paths"][path].get("parameters", [])]
        assert {p["name"] for p in given if p["in"] == "path"} == set(re.findall(r"\{(\w+)\}", path))
        assert all("schema" in p for p in given)
        [key], [session] = [s for s in operation["security"] if "key" in s], [s for s in operation["security"] if "session" in s]
        assert len(key["key"]) == 1 and set(key["key"]) <= SCOPES and session == {"session": []}
        assert ("requestBody" in operation) <= (method in ("POST", "PATCH"))


def test_the_codes_are_the_program_s():
    table = (ROOT / "src/base/err.c").read_text().split("static const struct err_info table")[1]
    codes = re.findall(r'\{"(\w+)",\s*"', table)
    assert "ok" in codes and openapi.DOCUMENT["components"]["schemas"]["Code"]["enum"] == [c for c in codes if c != "ok"]


# ---- both ways ----

def nameless(path):
    return re.sub(r"\{\w+\}", "{}", path)


def web_routes():
    table = re.search(r"routes\[\] = \{\n(.+?)\n\};", (ROOT / "src/web/api.c").read_text(), re.S).group(1)
    for path, rest in re.findall(r'\{API_ROOT "([^"]+)",(.*?)\},?\n(?=    \{|$)', table + "\n", re.S):
        for method in re.findall(r"\.(get|post|patch|delete) =", rest):
            yield method.upper(), "/api/v1" + nameless(path)


def hub_routes():
    text = (ROOT / "src/hub/routes.c").read_text()
    table = re.search(r"routes\[\] = \{\n(.+?)\n\};", text, re.S).group(1)
    table = table.replace("API_REQUESTS_PATH", '"/api/v1/requests"').replace('" "', "").replace("API_EVENTS_SUFFIX", '"/events"')
    for path, method, rest in re.findall(r'\{"(/[^"]*)", (GET_HEAD|GET|POST),(.*?)\},?\n(?=    \{|$)', table + "\n", re.S):
        suffix = re.search(r'\.suffix = "([^"]*)"', rest)
        if ".tail = true" in rest:
            path += "{}" + (suffix.group(1) if suffix else "")
        if path.startswith(("/api/", "/v1/")):
            yield method.split("_")[0], path


def test_every_route_is_in_the_document_and_no_other():
    routes = list(web_routes()) + list(hub_routes())
    assert len(set(routes)) == len(routes) and len(list(web_routes())) > 20 and len(list(hub_routes())) > 5
    assert set(routes) == {(method, nameless(path)) for method, path, _ in OPERATIONS}


def concrete(path):
    return re.sub(r"\{\w+\}", NOBODY, path).removeprefix("/api/v1")


@pytest.mark.parametrize("method, path, operation", OPERATIONS, ids=IDS)
def test_every_path_is_answered(r, method, path, operation):
    """By the call itself: what is not there is a thing, not the path. With what the document says it needs, and not with
    all else."""
    [scope] = operation["security"][0]["key"]
    able, unable = new_key(r, r.admin, scope), new_key(r, r.admin, *(SCOPES - {scope}))
    answer = Caller(r, able).call(method, concrete(path), {} if method in ("POST", "PATCH") else None)
    assert answer.status_code not in (401, 403, 405, 415, 500), answer.text
    assert "no such path" not in answer.text
    for caller, status in ((Caller(r, unable), 403), (Caller(r), 401)):
        assert caller.call(method, concrete(path), {} if method in ("POST", "PATCH") else None).status_code == status


@pytest.mark.parametrize("path", openapi.DOCUMENT["paths"])
def test_other_methods_are_refused(r, path):
    root = Caller(r, new_key(r, r.admin, *SCOPES))
    known = {m.upper() for m in openapi.DOCUMENT["paths"][path] if m in openapi.METHODS}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known:
        answer = root.call(method, concrete(path))
        assert answer.status_code == 405, (method, path, answer.text)
        assert set(answer.headers["Allow"].split(", ")) - {"HEAD"} == known

"""What the README says is true: its example runs, its table of limits is the code's."""
import json
import os
import pathlib
import re
import subprocess
import sys

from relay import PASSWORD, PATIENCE, Relay

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_limits_table_is_the_codes_own():
    header = (ROOT / "include/model/limits.h").read_text()
    code = re.findall(r'X\((\w+), (\d+), \d+, \d+,\s*"([^"]+)"\)', header.replace("\\\n", ""))
    readme = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+?) \|$", README, re.M)
    assert code and readme == code


def test_what_reliability_names_is_there():
    table = re.search(r"## Reliability\n(.+?)\nNobody but admins", README, re.S).group(1)
    tests = set(re.findall(r"`(test_\w+\.(?:py|c))`", table))
    assert len(tests) > 20
    assert not [t for t in tests if not (ROOT / "tests" / ("program" if t.endswith(".py") else "core") / t).is_file()]
    parts = set(re.findall(r"^(\w+)\(\) \{", (ROOT / "tests/torture/run.sh").read_text(), re.M)) - {"build", "program"}
    named = {p for row in re.findall(r"\|([^|]*)\|$", table, re.M) for p in re.findall(r"`(\w+)`", row)}
    assert named == parts


def python_of(section):
    return re.search(rf"^## {section}\n.+?```python\n(.+?)```", README, re.S | re.M).group(1)


def test_the_python_app_of_20_lines_serves_a_request():
    example = python_of("An app in 20 lines")
    relay = Relay()
    try:
        space, tab = relay.space(), relay.admin.tab()
        environment = {**os.environ, "RELAY": relay.url, "SPACE": space.name, "TOKEN": space.token}
        app = subprocess.Popen([sys.executable, "-c", example], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert app.stdout.readline() == f'Successfully connected to space "{space.name}"\n'
            request = tab.submit(space, {"prompt": "hello"})
            assert tab.outcome(request)["result"] == {"text_output": "HELLO"}
        finally:
            app.kill()
            app.communicate()
    finally:
        relay.leave()


def test_the_script_of_those_who_come_from_flask_runs():
    example = python_of("For those who come from Flask")
    relay = Relay()
    try:
        space = relay.space()
        relay.admin, relay.ann
        app = space.app()
        environment = {**os.environ, "SITE": relay.url, "SPACE_ID": space.id, "PASSWORD": PASSWORD}
        script = subprocess.Popen([sys.executable, "-c", example], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            app.result(app.take(), {"text_output": "world"})
            assert script.communicate(timeout=PATIENCE)[0] == "completed {'text_output': 'world'}\n"
            assert script.returncode == 0
        finally:
            script.kill()
            script.wait()
    finally:
        relay.leave()


def test_the_calls_with_curl_run():
    example = re.search(r"^## REST\n.+?```sh\n(.+?)```", README, re.S | re.M).group(1)
    relay = Relay()
    try:
        relay.admin
        space = relay.space(name="demo")
        app = space.app()
        key = relay.command("key", "add", user="root", name="curl", scopes="read,submit").strip()
        environment = {**os.environ, "RELAY": relay.url, "KEY": key}
        script = subprocess.Popen(["sh", "-euc", example.replace('"$@"; }', '-w "\\n" "$@"; }')], env=environment,
                                  stdout=subprocess.PIPE, text=True)
        try:
            app.result(app.take(), {"text_output": "hello you"})
            spaces, request, listed = map(json.loads, script.communicate(timeout=PATIENCE)[0].splitlines())
            assert [s["name"] for s in spaces["spaces"]] == ["demo"] and spaces["spaces"][0]["connected"]
            assert (request["status"], request["result"]) == ("completed", {"text_output": "hello you"})
            assert [q["request_id"] for q in listed["requests"]] == [request["request_id"]]
        finally:
            script.kill()
            script.wait()
    finally:
        relay.leave()

"""One scenario, the same people, three apps at once: native, python3-socketio and npm's socket.io-client. All see the
same states and results."""
import json
import subprocess

import pytest

from old_app import OldApp
from relay import PATIENCE, ROOT, Space, relay_fixture

server, r = relay_fixture("server", limits={"grace_ms": 3600000})


class Native:
    def __init__(self, r, space):
        self.app = space.app(concurrency=100)

    def take(self):
        return self.app.take()

    def progress(self, request, **fields):
        self.app.progress(request, **fields)

    def delta(self, request, text):
        self.app.delta(request, text)

    def result(self, request, result):
        self.app.result(request, result)

    def fail(self, request, message):
        self.app.error(request, message=message)

    def cancelled(self):
        return self.app.wait_type("inference_cancel")

    def close(self):
        self.app.close()


class SocketIo:
    """What both Socket.IO apps have in common; they name no attempt."""

    def progress(self, request, **fields):
        self.emit("inference_progress", {"request_id": request["request_id"], **fields})

    def delta(self, request, text):
        self.emit("inference_delta", {"request_id": request["request_id"], "text": text})

    def result(self, request, result):
        self.emit("inference_result", {"request_id": request["request_id"], "status": "completed", "result": result})

    def fail(self, request, message):
        self.emit("inference_result", {"request_id": request["request_id"], "status": "error",
                                       "result": {"error": message}})

    def take(self):
        return self.wait("inference_request")

    def cancelled(self):
        return self.wait("inference_cancel")


class Python(SocketIo):
    def __init__(self, r, space):
        self.app = OldApp(r.url)
        assert self.app.register(space.name)["success"]
        self.emit, self.wait, self.close = self.app.emit, self.app.wait, self.app.close


class Node(SocketIo):
    def __init__(self, r, space):
        self.process = subprocess.Popen(["node", "node_app.mjs", r.url, space.name], cwd=ROOT / "tests/browser",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.wait("register_response")["success"]

    def emit(self, event, data):
        self.process.stdin.write(json.dumps({"event": event, "data": data}) + "\n")
        self.process.stdin.flush()

    def wait(self, event):
        for line in self.process.stdout:
            heard = json.loads(line)
            if heard["event"] == event:
                return heard["data"]
        raise AssertionError("the app has gone")

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        self.process.stdout.close()


@pytest.fixture
def three(r):
    """The same space three times, each with its app."""
    apps = {}
    for kind in (Native, Python, Node):
        name = f"side {kind.__name__}"
        answer = r.admin.post("/admin/space/add", name=name, card_type="websockets", ws_enable_prompt="on",
                              ws_legacy_registration="on")
        space = Space(r, {"name": name, "space_id": answer.headers["Location"].rsplit("/", 1)[1]})
        apps[kind.__name__] = (space, kind(r, space))
    yield apps
    for _, app in apps.values():
        app.close()


SHOWN = ("status", "text", "percent", "message", "result", "error", "attempt", "position", "reason")


def seen(person, request_id):
    """What a person sees of it, without what differs by nature: ids, names and times."""
    state = person.tab().watch(request_id)
    return {k: state[k] for k in SHOWN if k in state}


def alike(values):
    values = list(values)
    assert values[0] == values[1] == values[2], values
    return values[0]


def test_three_kinds_of_apps_are_seen_alike(r, three):
    # everybody submits three to each, at once
    ids = {kind: [person.tab().submit(space, {"prompt": f"{person.name} {i}"})
                  for i in range(3) for person in (r.ann, r.bob)] for kind, (space, _) in three.items()}
    requests = {kind: [app.take() for _ in range(6)] for kind, (_, app) in three.items()}
    for kind, taken in requests.items():
        assert [q["request_id"] for q in taken] == ids[kind]
        assert [q["username"] for q in taken] == ["ann", "bob"] * 3
        assert [q["payload"]["prompt"] for q in taken] == [f"{n} {i}" for i in range(3) for n in ("ann", "bob")]

    first = alike(seen(r.ann, ids[kind][0]) for kind in three)
    assert (first["status"], first["attempt"]) == ("processing", 1)

    tabs = {kind: r.ann.tab() for kind in three}
    for kind, (_, app) in three.items():
        tabs[kind].watch(ids[kind][0])
        app.progress(requests[kind][0], percent=50, message="half way")
        app.delta(requests[kind][0], "one ")
        app.delta(requests[kind][0], "two")
        app.result(requests[kind][0], {"text_output": "one two", "n": [1.5, None]})
    finals = {kind: tabs[kind].final(ids[kind][0]) for kind in three}
    alike({k: final[k] for k in ("status", "result")} for final in finals.values())
    done = alike(seen(r.ann, ids[kind][0]) for kind in three)
    assert (done["status"], done["text"], done["result"]) == ("completed", "one two",
                                                              {"text_output": "one two", "n": [1.5, None]})

    for kind, (_, app) in three.items():  # out of order, and a failure
        app.fail(requests[kind][3], "no luck")
    failed = alike({k: r.bob.tab().outcome(ids[kind][3])[k] for k in ("status", "error")} for kind in three)
    assert failed == {"status": "failed", "error": {"code": "app_error", "message": "no luck"}}

    for kind, (_, app) in three.items():  # a cancel from the person
        r.ann.tab().cancel(ids[kind][2])
        told = app.cancelled()
        assert (told["request_id"], told["reason"]) == (ids[kind][2], "cancelled")
    assert alike(seen(r.ann, ids[kind][2]) for kind in three)["status"] == "cancelled"

    for kind, (_, app) in three.items():
        for n in (1, 4, 5):
            app.result(requests[kind][n], {"text_output": f"late {n}"})
    for n, person in ((1, r.bob), (4, r.ann), (5, r.bob)):
        texts = alike(person.tab().outcome(ids[kind][n])["result"]["text_output"] for kind in three)
        assert texts == f"late {n}"

    # nobody sees another's, whatever the app is
    for kind in three:
        answer = r.bob.tab().subscribe(f"request:{ids[kind][0]}")
        assert (answer["type"], answer["code"]) == ("error", "not_found")

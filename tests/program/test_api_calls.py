"""/api/v1: the calls that wait and stream. A request is made, waited for, followed, and found again after a break."""
import json
import threading

import pytest
import requests

from openapi import answers_are_as_written  # noqa: F401
from relay import NOBODY, PATIENCE, relay_fixture, running_relay

server, r = relay_fixture("server", limits={"grace_ms": 3600000, "shutdown_ms": 1000})

REQUESTS = "/api/v1/requests"


def create(person, space, payload=None, headers=None, **fields):
    body = {"space": getattr(space, "name", space), "payload": {"prompt": "hello"} if payload is None else payload,
            **fields}
    return person.http.post(person.relay.url + REQUESTS, json=body, headers=headers, timeout=PATIENCE)


def problem(answer, status, code):
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
    p = answer.json()
    assert (p["type"], p["status"], p["code"]) == ("about:blank", status, code) and p["title"] and p["detail"]
    return p


class Events:
    """The server-sent events of a request."""

    def __init__(self, person, request_id, last=None):
        headers = {"Last-Event-ID": last} if last else {}
        self.reply = person.http.get(f"{person.relay.url}{REQUESTS}/{request_id}/events", headers=headers, stream=True,
                                     timeout=PATIENCE)
        self.lines = self.reply.iter_lines(chunk_size=1, decode_unicode=True)

    def next(self):
        """(id, event, data), or None at the end."""
        fields = {}
        for line in self.lines:
            if not line and fields:
                return fields["id"], fields["event"], json.loads(fields["data"])
            if line and not line.startswith(":"):
                name, value = line.split(": ", 1)
                fields[name] = value
        return None

    def until(self, event):
        while (e := self.next()) and e[1] != event:
            pass
        return e

    def rest(self):
        events = []
        while e := self.next():
            events.append(e)
        return events

    def leave(self):
        self.reply.close()


class Waiting(threading.Thread):
    def __init__(self, *args, **options):
        super().__init__(daemon=True)
        self.call, self.answer = (args, options), None
        self.start()

    def run(self):
        self.answer = create(*self.call[0], **self.call[1])

    def end(self):
        self.join(PATIENCE)
        return self.answer


def test_a_request_is_accepted_with_its_place(r):
    space = r.space(queue_offline=True)
    answer = create(r.ann, space)
    assert answer.status_code == 202, answer.text
    request = answer.json()
    assert answer.headers["Location"] == f"{REQUESTS}/{request['request_id']}"
    assert (request["space"], request["status"], request["position"]) == (space.name, "queued", 1)
    by_id = create(r.ann, space.id).json()
    assert (by_id["space"], by_id["position"]) == (space.name, 2)


def test_who_prefers_to_wait_gets_the_finished_request(r):
    space = r.space()
    app = space.app()
    waiting = Waiting(r.ann, space, headers={"Prefer": "respond-async, wait=20"})
    app.result(app.take(), {"text_output": "there"})
    answer = waiting.end()
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=20")
    assert (answer.json()["status"], answer.json()["result"]) == ("completed", {"text_output": "there"})


def test_who_has_waited_for_long_enough_gets_it_as_it_is(r):
    space = r.space()
    app = space.app()
    answer = create(r.ann, space, headers={"Prefer": "wait=1"})
    assert answer.status_code == 202 and answer.json()["status"] == "processing"
    assert "Preference-Applied" not in answer.headers
    app.result(app.take())


def test_one_key_is_one_request(r):
    space = r.space(queue_offline=True)
    first, again = (create(r.ann, space, headers={"Idempotency-Key": "k-1"}) for _ in range(2))
    assert first.json()["request_id"] == again.json()["request_id"]
    other = create(r.ann, space, {"prompt": "else"}, headers={"Idempotency-Key": "k-1"})
    problem(other, 409, "idempotency_conflict")
    problem(create(r.ann, space, headers={"Idempotency-Key": "a b"}), 400, "bad_message")


def test_what_is_wrong_is_said(r):
    space, away = r.space(queue_offline=True), r.space()
    assert problem(create(r.ann, "no such"), 404, "not_found")["detail"] == "Space not found"
    problem(create(r.ann, away), 503, "app_disconnected")
    assert "`payload`" in problem(create(r.ann, space, []), 400, "bad_message")["detail"]
    url = r.url + REQUESTS
    problem(r.ann.http.post(url, data="{", headers={"Content-Type": "application/json"}), 400, "bad_json")
    assert "application/json" in problem(r.ann.http.post(url, data={"space": "x"}), 415, "bad_message")["detail"]
    problem(requests.post(url, json={}), 401, "unauthorized")


def test_events_begin_with_the_state_and_end_with_the_result(r):
    space = r.space()
    app = space.app()
    request_id = create(r.ann, space).json()["request_id"]
    events = Events(r.ann, request_id)
    assert events.reply.headers["Content-Type"].startswith("text/event-stream")
    assert events.reply.headers["X-Accel-Buffering"] == "no"
    _, name, state = events.next()
    assert (name, state["request_id"], state["status"]) == ("snapshot", request_id, "processing")
    request = app.take()
    app.progress(request, percent=50)
    assert events.until("progress")[2] == {"kind": "progress", "percent": 50}
    app.delta(request, "hé\n")
    assert events.until("delta")[2]["text"] == "hé\n"
    app.result(request, {"text_output": "hé\n"})
    final = events.until("final")
    assert (final[2]["status"], final[2]["result"]) == ("completed", {"text_output": "hé\n"})
    assert events.next() is None


def test_events_go_on_after_what_was_seen(r):
    space = r.space()
    app = space.app()
    request_id = create(r.ann, space).json()["request_id"]
    request = app.take()
    events = Events(r.ann, request_id)
    events.next()
    app.delta(request, "one")
    seen = events.until("delta")[0]
    events.leave()
    app.delta(request, "two")
    app.sync()
    events = Events(r.ann, request_id, last=seen)
    assert events.next()[1:] == ("delta", {"kind": "delta", "text": "two"})
    app.result(request)
    last = events.until("final")[0]
    assert Events(r.ann, request_id, last=last).rest() == []  # it has seen the end
    for odd in ("x", "x-1", f"{last}9", "-"):
        assert [e[1] for e in Events(r.ann, request_id, last=odd).rest()] == ["snapshot"]


def test_events_of_a_finished_request_are_its_state(r):
    space = r.space()
    app = space.app()
    request_id = create(r.ann, space).json()["request_id"]
    app.result(app.take(), {"text_output": "old"})
    events = Events(r.ann, request_id).rest()
    assert [e[1] for e in events] == ["snapshot"]
    assert events[0][2]["result"] == {"text_output": "old"}


def test_a_result_of_several_lines_is_one_line_of_an_event(r):
    space = r.space()
    app = space.app()
    request_id = create(r.ann, space).json()["request_id"]
    events = Events(r.ann, request_id)
    assert events.next()[1] == "snapshot"
    request = app.take()
    app.raw('{"type": "inference_result", "request_id": "%s", "attempt": %d, "status": "completed",\n'
            '"result": {"a":\n\n"b",\r\n\r\n"c": 1}}' % (request_id, request["attempt"]))
    app.ack(request)
    assert events.until("final")[2]["result"] == {"a": "b", "c": 1}
    assert Events(r.ann, request_id).next()[2]["result"] == {"a": "b", "c": 1}


@pytest.mark.parametrize("path", [NOBODY, "x", "x/y"])
def test_there_are_no_events_of_what_is_not_there(r, path):
    problem(r.ann.http.get(f"{r.url}{REQUESTS}/{path}/events"), 404, "not_found")


def test_nobody_follows_another_s_request(r):
    space = r.space(queue_offline=True)
    request_id = create(r.ann, space).json()["request_id"]
    problem(r.bob.http.get(f"{r.url}{REQUESTS}/{request_id}/events"), 404, "not_found")
    problem(requests.get(f"{r.url}{REQUESTS}/{request_id}/events"), 401, "unauthorized")


def test_a_person_who_is_logged_out_follows_no_longer(r):
    space = r.space()
    app = space.app()
    person = r.person("eve")
    request_id = create(person, space).json()["request_id"]
    events = Events(person, request_id)
    events.next()
    r.command("user", "disable", "eve")
    assert events.rest() == []
    app.result(app.take())


def test_streams_end_when_the_relay_goes_down_and_go_on_after_it():
    with running_relay(limits={"shutdown_ms": 1000}) as relay:
        space = relay.space(queue_offline=True)
        request_id = create(relay.ann, space).json()["request_id"]
        events, tab = Events(relay.ann, request_id), relay.ann.tab()
        last = events.next()[0]
        tab.subscribe(space.topic)
        waiting = Waiting(relay.ann, space, headers={"Prefer": "wait=60"})
        tab.event(space.topic, lambda e: e["queue_length"] == 2)
        relay.restart()
        events.rest()  # it ends
        problem(waiting.end(), 503, "shutting_down")
        assert Events(relay.ann, request_id, last=last).next()[1] == "snapshot"

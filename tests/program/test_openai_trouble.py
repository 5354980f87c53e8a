"""OpenAI's API where it gets rough: clients that leave, keys that end, apps that answer oddly, crowds of streams."""
import json
import os
import signal
import socket
import threading
import time

import pytest
import requests

from relay import PASSWORD, PATIENCE, Person, relay_fixture, running_relay, until

server, r = relay_fixture("server", limits={"grace_ms": 3600000, "requests_per_minute": 0})

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]


def chat(space, **fields):
    return {"model": space.name, "messages": HELLO, **fields}


class Key:
    """A program with an API key of a person."""

    def __init__(self, relay, user="ann", scopes="submit,read", name=None):
        relay.person(user)
        self.relay, self.user, self.name = relay, user, name or f"k{time.monotonic_ns()}"
        self.secret = relay.command("key", "add", user=user, name=self.name, scopes=scopes).strip()
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Authorization"] = f"Bearer {self.secret}"

    def post(self, path, body, **options):
        return self.http.post(self.relay.url + path, json=body, timeout=PATIENCE, **options)

    def stream(self, body, path=CHAT):
        reply = self.post(path, {**body, "stream": True}, stream=True)
        assert reply.status_code == 200, reply.text
        return reply

    def revoke(self):
        self.relay.command("key", "revoke", user=self.user, name=self.name)


def data_of(reply):
    return [line[6:].decode() for line in reply.content.split(b"\n") if line.startswith(b"data: ")]


def raw_call(relay, key, body):
    """The call, sent by hand; nothing is read."""
    host, port = relay.url.split("//")[1].split(":")
    text = json.dumps(body).encode()
    s = socket.create_connection((host, int(port)), timeout=PATIENCE)
    s.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {key.secret}\r\n"
              f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
    return s


def in_thread(work):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(work()), daemon=True)
    thread.start()

    def end():
        thread.join(PATIENCE)
        return answers[0]
    return end


# ---- whom it is for ----


def test_keys_chat_and_what_a_key_may_not_is_said_in_openai_s_shape(r):
    space = r.space()
    app = space.app()
    key = Key(r)
    end = in_thread(lambda: key.post(CHAT, chat(space)))
    app.result(app.take(), {"text_output": "hi"})
    assert end().json()["choices"][0]["message"]["content"] == "hi"
    assert space.name in [m["id"] for m in key.http.get(r.url + "/v1/models").json()["data"]]
    reader = Key(r, scopes="read")
    answer = reader.post(CHAT, chat(space))
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (403, "permission_error", "forbidden")
    key.revoke()
    answer = key.post(CHAT, chat(space))
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (401, "authentication_error", "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_what_is_not_there_is_said_in_openai_s_shape(r):
    key = Key(r)
    answer = key.post("/v1/responses", {"model": "x"})
    assert answer.status_code == 404 and "/v1/responses" in answer.json()["error"]["message"]
    assert key.http.get(r.url + "/v1/nothing").json()["error"]["code"] == "not_found"
    answer = key.http.get(r.url + CHAT)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("method, path", [("POST", CHAT), ("GET", "/v1/models")])
def test_who_shows_no_key_is_told_how(r, method, path):
    body = chat(r.space()) if method == "POST" else None
    answer = requests.request(method, r.url + path, json=body, timeout=PATIENCE)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "Show an API key: Authorization: Bearer sr_..."


def test_one_model_can_be_asked_for(r):
    key, space = Key(r), r.space(name="a model/ö".replace("/", " "))
    assert key.http.get(f"{r.url}/v1/models/{space.name}").json()["id"] == space.name
    answer = key.http.get(f"{r.url}/v1/models/no")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


# ---- sizes and shapes ----


def test_a_body_that_is_too_long_is_refused(r):
    space, key = r.space(), Key(r)
    space.app()
    answer = key.post(CHAT, chat(space, x="y" * 1048576))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    answer = key.http.post(r.url + CHAT, data=b"[" * 2000000)
    assert answer.status_code == 413
    answer = key.http.post(r.url + CHAT, data=b"[" * 1000000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_json")


def test_a_name_in_escapes_is_the_same_model(r):
    space = r.space(name="escapé \"d\"")
    app, key = space.app(), Key(r)
    end = in_thread(lambda: key.http.post(
        r.url + CHAT, data=b'{"model":"\\u0065scap\\u00e9 \\"d\\"","\\u0065ndpoint":"x","messages":[]}'))
    request = app.take()
    assert request["payload"] == {"endpoint": "chat.completions", "prompt": "", "messages": []}
    app.result(request)
    assert end().json()["model"] == space.name


@pytest.mark.parametrize("text", ["x" * 3000000, "a\0b\U0001f600\n"], ids=["long", "odd"])
def test_a_text_that_was_not_streamed_comes_whole_at_the_end(r, text):
    space, key = r.space(), Key(r)
    app = space.app()
    reply = key.stream(chat(space))
    app.result(app.take(), {"text_output": text})
    parts = [json.loads(d) for d in data_of(reply) if d != "[DONE]"]
    assert "".join(p["choices"][0]["delta"].get("content", "") for p in parts) == text
    assert parts[-1]["choices"][0]["finish_reason"] == "stop"


def test_odd_characters_are_streamed_as_they_came(r):
    space, key = r.space(), Key(r)
    app = space.app()
    reply = key.stream(chat(space))
    request = app.take()
    text = "\u2028\"\\\x7f\r\n\n: data: [DONE]\n\n\U0001f600"
    app.delta(request, text)
    app.result(request, {"text_output": text + "!"})
    parts = [json.loads(d) for d in data_of(reply) if d != "[DONE]"]
    assert [p["choices"][0]["delta"].get("content") for p in parts] == ["", text, "!", None]


def test_what_failed_for_good_is_not_to_be_tried_again(r):
    space, key = r.space(), Key(r)
    app = space.app()
    for code, says in (("app_error", "false"), ("timeout", "false"), ("rate_limited", None),
                       ("upstream_unavailable", None)):
        end = in_thread(lambda: key.post(CHAT, chat(space)))
        app.error(app.take(), code=code)
        assert end().headers.get("x-should-retry") == says


# ---- those who leave ----


@pytest.mark.parametrize("streams", [False, True])
def test_one_who_leaves_the_queue_is_cancelled(r, streams):
    space, key = r.space(), Key(r)
    app = space.app()
    first = raw_call(r, key, chat(space, stream=True))
    running = app.take()
    second = raw_call(r, key, chat(space, stream=streams, x=1))
    watcher = r.ann.tab()
    watcher.subscribe(space.topic)
    until(lambda: watcher.subscribe(space.topic)["state"]["queue_length"] == 1)
    second.close()
    until(lambda: watcher.subscribe(space.topic)["state"]["queue_length"] == 0)
    third = raw_call(r, key, chat(space, x=3))
    app.result(running)
    assert app.take()["payload"]["x"] == 3
    first.close()
    third.close()


def test_those_who_leave_at_once_leave_nothing_behind(r):
    space, key = r.space(), Key(r)
    app = space.app(concurrency=100)
    for i in range(60):
        raw_call(r, key, chat(space, stream=i % 2 == 0)).close()
    stay = in_thread(lambda: key.post(CHAT, chat(space, last=True)))
    cancelled = taken = 0
    while True:
        m = app.next()
        if m["type"] == "inference_request" and m["payload"].get("last"):
            app.result(m)
            break
        taken += m["type"] == "inference_request"
        if m["type"] == "inference_cancel":
            cancelled += 1
            app.error(m, code="cancelled")
    assert stay().status_code == 200
    while cancelled < taken:
        m = app.wait_type("inference_cancel")
        cancelled += 1
    tab = r.ann.tab()
    state = tab.subscribe(space.topic)["state"]
    assert state["queue_length"] == 0


# ---- keys and people that end ----


@pytest.mark.parametrize("how", ["revoked", "disabled"])
@pytest.mark.parametrize("streams", [True, False])
def test_a_call_ends_with_its_key_or_person(r, how, streams):
    space = r.space()
    app = space.app()
    key = Key(r, user=f"user_{how}_{streams}")
    if streams:
        reply = key.stream(chat(space))
        end = lambda: json.loads(data_of(reply)[-2])
    else:
        wait = in_thread(lambda: key.post(CHAT, chat(space)))
        end = lambda: wait().json()
    request = app.take()
    if how == "revoked":
        key.revoke()
    else:
        r.command("user", "disable", key.user)
    assert end()["error"]["code"] == "unauthorized"
    app.cancelled(request)


# ---- the relay's own end ----


def test_a_relay_that_stops_ends_its_streams_in_time():
    with running_relay(limits={"shutdown_ms": 3000}) as r:
        space, key = r.space(), Key(r)
        app = space.app(concurrency=10)
        replies = [key.stream(chat(space)) for _ in range(5)]
        calls = [in_thread(lambda: key.post(CHAT, chat(space))) for _ in range(3)]
        requests_ = [app.take() for _ in range(8)]
        began = time.monotonic()
        r.process.send_signal(signal.SIGTERM)
        for reply in replies:
            assert json.loads(data_of(reply)[-2])["error"]["code"] == "shutting_down"
        for call in calls:
            answer = call()
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "shutting_down")
            assert "x-should-retry" not in answer.headers
        for request in requests_:
            app.cancelled(request)
        assert r.wait_end() == 0


# ---- many ----


def test_a_person_has_a_number_of_calls_at_once():
    with running_relay(limits={"unfinished_per_person": 3}) as r:
        space, key = r.space(), Key(r)
        app = space.app(concurrency=10)
        replies = [key.stream(chat(space)) for _ in range(3)]
        for _ in replies:
            app.take()
        answer = key.post(CHAT, chat(space))
        assert (answer.status_code, answer.json()["error"]["type"]) == (429, "rate_limit_error")
        replies[0].close()
        app.wait_type("inference_cancel")
        until(lambda: in_time(key, space))


def in_time(key, space):
    reply = key.post(CHAT, chat(space, stream=True), stream=True)
    reply.close()
    return reply.status_code == 200


def test_hundreds_of_streams_hold_no_thread_and_leave_nothing_behind():
    with running_relay(limits={"unfinished_per_person": 1000, "requests_per_minute": 0}) as r:
        space, key = r.space(), Key(r)
        app = space.app(concurrency=400)
        open_now = lambda what: len(os.listdir(f"/proc/{r.process.pid}/{what}"))
        r.ann.get("/")
        threads, files = open_now("task"), open_now("fd")
        streams = [raw_call(r, key, chat(space, stream=True)) for _ in range(400)]
        work = [app.take() for _ in streams]
        for s in streams:
            assert s.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert open_now("task") == threads
        for _ in range(20):
            assert r.ann.get("/").status_code == 200
        for request in work:
            app.delta(request, "word")
        for s in streams[:200]:
            got = b""
            while b"word" not in got:
                got += s.recv(65536)
        for s in streams:
            s.close()
        for request in work:
            app.cancelled(request)
        until(lambda: r.ann.get("/") and open_now("fd") <= files)


def test_one_who_reads_nothing_is_dropped_and_cancelled():
    with running_relay(limits={"client_unsent_bytes": 100000, "requests_per_minute": 0}) as r:
        space, key = r.space(), Key(r)
        app = space.app(concurrency=2)
        silent = raw_call(r, key, chat(space, stream=True))
        request = app.take()
        end = in_thread(lambda: app.cancelled(request))
        for _ in range(400):  # more than the kernels hold, in parts that the relay keeps
            app.delta(request, "x" * 10000)
        assert end()["request_id"] == request["request_id"]
        other = in_thread(lambda: key.post(CHAT, chat(space)))
        app.result(app.take(), {"text_output": "fine"})
        assert other().status_code == 200
        silent.close()

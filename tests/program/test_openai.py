"""OpenAI's API over the relay: what goes to the app, what comes back, streams, errors, clients that leave."""
import json
import threading

import pytest
import requests

from openapi import answers_are_as_written  # noqa: F401
from relay import PATIENCE, relay_fixture

server, r = relay_fixture("server", limits={"grace_ms": 3600000})

CHAT = "/v1/chat/completions"
HELLO = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Say hé\"llo"}]


class Call(threading.Thread):
    """A call whose answer is read while the test goes on."""

    def __init__(self, person, path, body):
        super().__init__(daemon=True)
        self.person, self.path, self.body, self.answer = person, path, body, None
        self.start()

    def run(self):
        self.answer = self.person.http.post(self.person.relay.url + self.path, json=self.body, timeout=PATIENCE)

    def end(self):
        self.join(PATIENCE)
        return self.answer


class Stream:
    """Server-sent events as they come: (None, text) of a comment, (True, object) of data."""

    def __init__(self, person, path, body):
        self.reply = person.http.post(person.relay.url + path, json={**body, "stream": True}, stream=True,
                                      timeout=PATIENCE)
        assert self.reply.status_code == 200, self.reply.text
        self.lines = self.reply.iter_lines(chunk_size=1, decode_unicode=True)

    def next(self):
        """The next data; comments are passed over."""
        for line in self.lines:
            if line.startswith("data: "):
                data = line[6:]
                return data if data == "[DONE]" else json.loads(data)
            assert line == "" or line.startswith(": "), line

    def rest(self):
        parts = []
        while (part := self.next()) not in (None, "[DONE]"):
            parts.append(part)
        assert part == "[DONE]"
        return parts

    def leave(self):
        self.reply.close()


def payload_of(request, *without):
    return {k: v for k, v in request["payload"].items() if k not in without}


def test_a_chat_call_is_a_request_and_its_result_the_answer(r):
    space = r.space()
    app = space.app()
    extra = {"temperature": 0.70, "stop": ["\n"], "tools": [{"type": "function", "function": {"name": "f"}}]}
    call = Call(r.ann, CHAT, {"model": space.name, "messages": HELLO, "n": 1, **extra})
    request = app.take()
    assert request["username"] == "ann"
    assert request["payload"] == {"endpoint": "chat.completions", "prompt": "Say hé\"llo", "messages": HELLO, "n": 1,
                                  **extra}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    app.result(request, {"text_output": "hé\"llo"}, usage=usage)
    answer = call.end().json()
    assert answer == {
        "id": f"chatcmpl-{request['request_id']}", "object": "chat.completion", "created": answer["created"],
        "model": space.name, "usage": usage, "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hé\"llo", "refusal": None}, "logprobs": None,
             "finish_reason": "stop"}]}


def test_a_stream_has_a_role_deltas_and_an_end(r):
    space = r.space()
    app = space.app()
    stream = Stream(r.ann, CHAT, {"model": space.name, "messages": HELLO, "stream_options": {"include_usage": True}})
    request = app.take()
    assert "stream" not in request["payload"] and "stream_options" not in request["payload"]
    assert stream.next()["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    app.delta(request, "hé")
    part = stream.next()
    assert part["choices"] == [{"index": 0, "delta": {"content": "hé"}, "logprobs": None, "finish_reason": None}]
    assert (part["object"], part["id"]) == ("chat.completion.chunk", f"chatcmpl-{request['request_id']}")
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    app.result(request, {"text_output": "hé, you", "finish_reason": "length"}, usage=usage)
    rest, end, last = stream.rest()
    assert rest["choices"][0]["delta"] == {"content": ", you"}  # what was not streamed
    assert end["choices"][0]["delta"] == {} and end["choices"][0]["finish_reason"] == "length"
    assert end["usage"] is None and last["choices"] == [] and last["usage"] == usage


def test_tool_calls_come_back(r):
    space = r.space()
    app = space.app()
    tools = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]
    call = Call(r.ann, CHAT, {"model": space.name, "messages": HELLO})
    app.result(app.take(), {"tool_calls": tools})
    choice = call.end().json()["choices"][0]
    assert (choice["message"]["content"], choice["message"]["tool_calls"]) == (None, tools)
    assert choice["finish_reason"] == "tool_calls"
    stream = Stream(r.ann, CHAT, {"model": space.name, "messages": HELLO})
    app.result(app.take(), {"tool_calls": tools})
    parts = stream.rest()
    assert parts[1]["choices"][0]["delta"] == {"tool_calls": [{"index": 0, **tools[0]}]}
    assert parts[2]["choices"][0]["finish_reason"] == "tool_calls"


def test_text_that_was_streamed_is_the_answer_when_the_result_has_none(r):
    space = r.space()
    app = space.app()
    call = Call(r.ann, CHAT, {"model": space.name, "messages": HELLO})
    request = app.take()
    app.delta(request, "one ")
    app.delta(request, "two")
    app.result(request, {})
    assert call.end().json()["choices"][0]["message"]["content"] == "one two"


def test_completions_and_content_in_parts(r):
    space = r.space()
    app = space.app()
    call = Call(r.ann, "/v1/completions", {"model": space.name, "prompt": ["Once"], "max_tokens": 5})
    request = app.take()
    assert request["payload"] == {"endpoint": "completions", "prompt": "Once", "max_tokens": 5}
    app.result(request, {"text_output": " upon"})
    answer = call.end().json()
    assert answer["object"] == "text_completion"
    assert answer["choices"] == [{"index": 0, "text": " upon", "logprobs": None, "finish_reason": "stop"}]
    content = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:,x"}},
               {"type": "text", "text": "this"}]
    call = Call(r.ann, CHAT, {"model": space.name, "messages": [{"role": "user", "content": content}]})
    request = app.take()
    assert request["payload"]["prompt"] == "see\nthis"
    assert request["payload"]["messages"][0]["content"] == content
    app.result(request)
    assert call.end().status_code == 200


def error_of(answer, status):
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


@pytest.mark.parametrize("body, param, says", [
    ({}, "model", "name of a space"), ({"model": 7}, "model", "name of a space"),
    ({"model": "x", "n": 2, "messages": []}, "n", "must be 1"),
    ({"model": "x", "stream": 1, "messages": []}, "stream", "true or false"),
    ({"model": "x"}, "messages", "must be a list"), ([], None, "must be an object"),
])
def test_what_is_wrong_with_a_call_is_said(r, body, param, says):
    error = error_of(r.ann.http.post(r.url + CHAT, json=body), 400)
    assert (error["type"], error["param"]) == ("invalid_request_error", param) and says in error["message"]


def test_refusals_have_their_status(r):
    space = r.space()
    body = {"model": space.name, "messages": HELLO}
    assert error_of(requests.post(r.url + CHAT, json=body), 401)["type"] == "authentication_error"
    assert error_of(r.ann.http.post(r.url + CHAT, json={**body, "model": "no"}), 404)["code"] == "model_not_found"
    assert error_of(r.ann.http.post(r.url + CHAT, json=body), 503)["code"] == "app_disconnected"
    assert error_of(r.ann.http.post(r.url + CHAT, data="{"), 400)["code"] == "bad_json"
    assert r.ann.http.get(r.url + CHAT).status_code == 405


@pytest.mark.parametrize("code, status", [("app_error", 502), ("rate_limited", 429), ("invalid_request", 400)])
def test_what_the_app_says_is_passed_on(r, code, status):
    space = r.space()
    app = space.app()
    call = Call(r.ann, CHAT, {"model": space.name, "messages": HELLO})
    app.error(app.take(), code=code, message="no \"luck\"")
    error = error_of(call.end(), status)
    assert (error["code"], error["message"]) == (code, "no \"luck\"")
    stream = Stream(r.ann, CHAT, {"model": space.name, "messages": HELLO})
    app.error(app.take(), code=code, message="no \"luck\"")
    parts = stream.rest()
    assert parts[-1]["error"]["code"] == code and parts[-1]["error"]["message"] == "no \"luck\""


@pytest.mark.parametrize("streams", [False, True])
def test_a_client_that_leaves_cancels_its_request(r, streams):
    space = r.space()
    app = space.app()
    if streams:
        stream = Stream(r.ann, CHAT, {"model": space.name, "messages": HELLO})
        request = app.take()
        stream.leave()
    else:
        with pytest.raises(requests.Timeout):
            r.ann.http.post(r.url + CHAT, json={"model": space.name, "messages": HELLO}, timeout=0.3)
        request = app.take()
    assert app.cancelled(request)["reason"] == "cancelled"
    assert r.ann.tab().outcome(request["request_id"])["status"] == "cancelled"


def test_text_of_a_lost_attempt_ends_a_stream_and_its_request(r):
    space = r.space()
    app = space.app()
    stream = Stream(r.ann, CHAT, {"model": space.name, "messages": HELLO})
    request = app.take()
    app.delta(request, "half")
    stream.next()
    assert stream.next()["choices"][0]["delta"]["content"] == "half"
    app.close()
    assert stream.rest()[-1]["error"]["code"] == "app_lost"
    assert r.ann.tab().outcome(request["request_id"])["status"] == "cancelled"


def test_one_who_waits_without_a_stream_gets_the_next_attempt_s_answer(r):
    space = r.space()
    app = space.app()
    call = Call(r.ann, CHAT, {"model": space.name, "messages": HELLO})
    app.delta(app.take(), "half")
    app.close()
    app = space.app()
    app.result(app.take(), {})
    assert call.end().json()["choices"][0]["message"]["content"] == ""


def test_the_position_in_the_queue_is_a_comment(r):
    space = r.space()
    app = space.app()
    first = Stream(r.ann, CHAT, {"model": space.name, "messages": HELLO})
    app.take()
    second = Stream(r.ann, CHAT, {"model": space.name, "messages": HELLO})
    for line in second.lines:
        if line == ": position 1":
            break
    first.leave()
    second.leave()


def test_embeddings_pass_through(r):
    space = r.space()
    app = space.app(endpoints=["embeddings"])
    call = Call(r.ann, "/v1/embeddings", {"model": space.name, "input": ["a", "b"]})
    request = app.take()
    assert request["payload"] == {"endpoint": "embeddings", "input": ["a", "b"]}
    data = [{"object": "embedding", "index": 0, "embedding": [0.50, 1e-7]}]
    app.result(request, {"data": data}, usage={"prompt_tokens": 2, "total_tokens": 2})
    assert call.end().json() == {"object": "list", "data": data, "model": space.name,
                                 "usage": {"prompt_tokens": 2, "total_tokens": 2}}


def test_an_endpoint_that_no_app_serves_is_refused(r):
    space = r.space()
    space.app()
    error = error_of(r.ann.http.post(r.url + "/v1/embeddings", json={"model": space.name, "input": "a"}), 400)
    assert error["code"] == "input_refused"


def test_models_are_the_spaces_that_are_connected(r):
    here, away = r.space(), r.space()
    here.app()
    listed = r.ann.get("/v1/models").json()
    assert listed["object"] == "list"
    ids = [m["id"] for m in listed["data"]]
    assert here.name in ids and away.name not in ids
    assert {here.name, away.name} <= {m["id"] for m in r.ann.get("/v1/models?all=1").json()["data"]}
    assert listed["data"][0]["object"] == "model" and listed["data"][0]["owned_by"] == "spacerelay"

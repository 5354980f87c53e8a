"""build/bridge: requests of a space, answered by an OpenAI-compatible model server."""
import json
import signal
import socket

import pytest

from bridge_fixture import chain_of
from relay import relay_fixture

# A tab that is read slowly on a busy machine is no subject here.
server, r = relay_fixture("server", limits={"max_attempts": 1, "client_unsent_bytes": 67108864})
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@pytest.fixture
def c(r):
    with chain_of(r) as chain:
        yield chain


# ---- what the server is asked ----


def test_a_plain_prompt_becomes_a_users_message(c):
    c.bridge()
    request = c.ask("What is π?", temperature=0.5)
    asked = c.upstream.next()
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["Content-Type"] == "application/json" and asked.headers["Authorization"] is None
    assert asked.headers["X-Request-Id"] == request
    assert asked.json == {"model": "tiny", "stream": True, "stream_options": {"include_usage": True},
                          "messages": [{"role": "user", "content": "What is π?"}], "temperature": 0.5}
    asked.stream().say("3.14").finish()
    assert c.result(request)["text_output"] == "3.14"


def test_a_chat_call_is_passed_on_byte_for_byte(c):
    c.bridge()
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": [
        {"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    request = c.chat("look", messages=messages, tools=tools, stop=["\n"], top_p=0.30, seed=12345678901234567890123,
                     model="other", stream=False, stream_options={}, timestamp="2026-01-08T12:00:00Z")
    asked = c.upstream.next()
    assert asked.json == {"model": "tiny", "stream": True, "stream_options": {"include_usage": True},
                          "messages": messages, "tools": tools, "stop": ["\n"], "top_p": 0.3,
                          "seed": 12345678901234567890123}
    assert json.dumps(messages).encode() in asked.raw
    asked.stream().say("ok").finish()
    c.result(request)


def test_completions_go_to_their_own_endpoint(c):
    c.bridge()
    request = c.ask("Once upon", endpoint="completions", max_tokens=5)
    asked = c.upstream.next()
    assert asked.path == "/v1/completions"
    assert (asked.json["prompt"], asked.json["max_tokens"]) == ("Once upon", 5) and "messages" not in asked.json
    asked.stream().event({"choices": [{"text": " a time", "index": 0, "finish_reason": None}]}).finish("length")
    assert c.result(request)["text_output"] == " a time"


def test_embeddings_are_passed_on_whole(c):
    c.bridge("--endpoints", "embeddings")
    request = c.ask("", endpoint="embeddings", input=["a", "b"])
    asked = c.upstream.next()
    assert asked.path == "/v1/embeddings" and asked.json == {"model": "tiny", "input": ["a", "b"]}
    data = [{"object": "embedding", "index": i, "embedding": [0.5, -1e-7]} for i in range(2)]
    asked.answer({"object": "list", "data": data, "model": "tiny", "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    final = c.tab.outcome(request)
    assert final["result"] == {"data": data, "model_used": "tiny"}
    assert final["usage"]["prompt_tokens"] == 2


@pytest.mark.parametrize("payload,words", [({"endpoint": "images"}, "knows no endpoint of that name"),
                                           ({"endpoint": "chat.completions"}, "holds no prompt")])
def test_what_cannot_be_asked_is_said_at_once(c, payload, words):
    c.bridge()
    assert words in c.error(c.ask(None, **payload), "invalid_request")
    assert c.upstream.asked.empty()


def test_the_key_comes_from_the_environment_and_is_never_shown(c):
    c.upstream.key = "sk-secret"
    b = c.bridge("--verbose", env={"UPSTREAM_API_KEY": "sk-secret"})
    b.wait_for("[✓] The model server at")
    request = c.ask()
    asked = c.upstream.next()
    assert asked.headers["Authorization"] == "Bearer sk-secret"
    asked.stream().say("ok").finish()
    c.result(request)
    assert "sk-secret" not in b.said and c.space.token not in b.said


class Proxy:
    """Counts who comes, and turns everybody away."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def waiting(self):
        self.socket.setblocking(False)
        try:
            self.socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "LOCALHOST"])
def test_a_server_on_this_machine_is_asked_without_a_proxy(c, host):
    proxy = Proxy()
    b = c.bridge(upstream=c.upstream.url.replace("127.0.0.1", host), env={"http_proxy": proxy.url, "all_proxy": proxy.url})
    b.wait_for("[✓] The model server at")
    request = c.ask()
    c.upstream.next().stream().say("ok").finish()
    assert c.result(request)["text_output"] == "ok"
    assert not proxy.waiting()
    proxy.socket.close()


def test_a_server_elsewhere_is_asked_through_the_proxy(c):
    proxy = c.upstream  # is asked for the whole address
    c.bridge(upstream="http://model.invalid/v1", env={"http_proxy": proxy.url.removesuffix("/v1")})
    request = c.ask()
    asked = proxy.next()
    assert asked.path == "http://model.invalid/v1/chat/completions"
    asked.stream().say("ok").finish()
    assert c.result(request)["text_output"] == "ok"


# ---- what comes back ----


def test_words_are_seen_as_they_come(c):
    c.bridge()
    request = c.chat()
    asked = c.upstream.next().stream()
    asked.delta(role="assistant", content="")
    asked.say("Hé")
    assert c.text(request, 2) == "Hé"
    asked.say("llo ", "wörld")
    assert c.text(request, 9) == "llo wörld"
    asked.finish("length", USAGE)
    final = c.tab.outcome(request)
    result = final["result"]
    assert result.pop("processing_time_seconds") >= 0
    assert result == {"text_output": "Héllo wörld", "finish_reason": "length", "tokens_used": 5, "model_used": "tiny"}
    assert final["usage"] == USAGE


def test_bytes_may_be_split_anywhere(c):
    c.bridge()
    request = c.chat()
    asked = c.upstream.next().stream()
    events = ": hello\r\n\r\n" + "".join(
        f"event: x\r\ndata: {json.dumps({'choices': [{'index': 0, 'delta': {'content': w}}]}, ensure_ascii=False)}\r\n\r\n"
        for w in ("日本", "語 ", "😀")) + 'data: {"choices":\r\ndata: []}\r\n\r\ndata: [DONE]\r\n\r\n'
    for byte in events.encode():
        asked.bytes(bytes([byte]))
    asked.end()
    assert c.result(request)["text_output"] == "日本語 😀"


def test_tool_calls_are_returned_whole(c):
    c.bridge()
    request = c.chat(tools=[])
    asked = c.upstream.next().stream()
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": ""}}
    asked.delta(role="assistant", content=None, tool_calls=[call])
    asked.delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}])
    asked.delta(tool_calls=[{"index": 1, "id": "call_2", "function": {"name": "sub", "arguments": "{}"}}])
    asked.delta(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}])
    asked.finish("tool_calls")
    result = c.result(request)
    assert result["finish_reason"] == "tool_calls" and result["text_output"] == ""
    assert result["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}},
        {"id": "call_2", "type": "function", "function": {"name": "sub", "arguments": "{}"}}]


def test_reasoning_is_kept_apart(c):
    c.bridge()
    request = c.chat()
    asked = c.upstream.next().stream().delta(reasoning_content="Let me ")
    assert c.tab.event(f"request:{request}", lambda e: e["kind"] == "progress")["message"] == "thinking"
    asked.delta(reasoning_content="think").say("42").finish()
    result = c.result(request)
    assert (result["reasoning"], result["text_output"]) == ("Let me think", "42")


def test_a_server_that_does_not_stream_is_understood(c):
    c.bridge()
    request = c.chat()
    c.upstream.next().answer({"object": "chat.completion", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "all at once"}, "finish_reason": "stop"}],
        "usage": USAGE})
    final = c.tab.outcome(request)
    assert final["result"]["text_output"] == "all at once" and final["usage"] == USAGE
    assert c.tab.state(request)["text"] == "all at once"


@pytest.mark.parametrize("how", ["no [DONE]", "no end after [DONE]", "cut after the reason"])
def test_streams_may_end_in_several_ways(c, how):
    c.bridge()
    request = c.chat()
    asked = c.upstream.next().stream().say("whole")
    if how == "no [DONE]":
        asked.finish(done=False)
    elif how == "no end after [DONE]":
        asked.bytes(b"data: [DONE]\n\n")
    else:
        asked.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).cut()
    assert c.result(request)["text_output"] == "whole"


def test_a_text_past_the_limit_is_cut_and_says_so(c):
    c.bridge()
    request = c.chat()
    asked = c.upstream.next().stream()
    asked.say("x" * (1 << 20), "y" * (1 << 20), "z" * (1 << 20), "ab" * (1 << 20))
    result = c.result(request)
    asked.wait_gone()
    assert result["finish_reason"] == "length" and len(result["text_output"]) == 4 << 20


def test_requests_run_side_by_side_up_to_concurrency(c):
    c.bridge("--concurrency", 2, "--prefetch", 1)
    requests = [c.chat(str(i)) for i in range(3)]
    first, second = c.upstream.next().stream().say("1"), c.upstream.next().stream().say("2")
    for request in requests[:2]:
        c.text(request, 1)
    assert c.upstream.asked.empty()
    second.finish()
    c.result(requests[int(second.json["messages"][0]["content"])])
    third = c.upstream.next()
    assert third.json["messages"][0]["content"] == "2"
    third.stream().say("3").finish()
    first.finish()
    assert c.result(requests[2])["text_output"] == "3"


# ---- cancelling and leaving ----


def test_a_cancel_breaks_the_transfer_off(c):
    c.bridge()
    request = c.chat()
    asked = c.upstream.next().stream().say("never")
    c.text(request, 5)
    c.tab.cancel(request)
    asked.wait_gone()
    assert c.tab.outcome(request)["status"] == "cancelled"
    following = c.chat("next")
    c.upstream.next().stream().say("ok").finish()
    assert c.result(following)["text_output"] == "ok"


def test_the_first_signal_lets_what_runs_finish(c):
    b = c.bridge("--prefetch", 1)
    request, waiting = c.chat("one"), c.chat("two")
    asked = c.upstream.next().stream().say("half ")
    c.text(request, 5)
    b.wait_for("[REQUEST]", 2)
    b.signal()
    b.wait_for("Stopping")
    assert "is being stopped" in c.error(waiting, "upstream_unavailable")  # max_attempts is 1 here
    asked.say("and half").finish()
    assert c.result(request)["text_output"] == "half and half"
    assert b.exit() == 0


def test_the_second_signal_ends_it_at_once(c):
    b = c.bridge()
    c.chat()
    asked = c.upstream.next().stream().say("half")
    b.signal()
    b.wait_for("Stopping")
    b.signal(signal.SIGINT)
    assert b.exit() == 0
    asked.wait_gone()


def test_a_restarted_relay_loses_nothing(c):
    b = c.bridge()
    request = c.chat()
    asked = c.upstream.next().stream().say("before ")
    c.text(request, 7)
    c.relay.restart(kill=True)
    asked.say("after").finish()
    b.wait_for("go on where they were")
    c.tab = c.relay.ann.tab()
    outcome = c.tab.outcome(request)
    assert outcome["status"] == "completed" and outcome["result"]["text_output"] == "before after"

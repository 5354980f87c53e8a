"""The whole way: an OpenAI call of the relay, through the bridge, to a second OpenAI-compatible server, and back."""
import pytest

from bridge_fixture import chain_of
from relay import relay_fixture
from test_openai import CHAT, HELLO, Call, Stream, error_of

server, r = relay_fixture("server", limits={"max_attempts": 1})
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@pytest.fixture
def c(r):
    with chain_of(r) as chain:
        chain.bridge()
        yield chain


def test_a_streamed_chat(c, r):
    stream = Stream(r.ann, CHAT, {"model": c.space.name, "messages": HELLO, "temperature": 0.5,
                                  "stream_options": {"include_usage": True}})
    asked = c.upstream.next()
    assert asked.json == {"model": "tiny", "stream": True, "stream_options": {"include_usage": True},
                          "messages": HELLO, "temperature": 0.5}
    assert stream.next()["choices"][0]["delta"]["role"] == "assistant"
    asked.stream().say("Hé")
    part = stream.next()["choices"][0]["delta"]["content"]
    asked.say("llo")
    while part != "Héllo":
        part += stream.next()["choices"][0]["delta"]["content"]
    asked.finish("stop", USAGE)
    *_, end, last = stream.rest()
    assert end["choices"][0]["finish_reason"] == "stop"
    assert last["usage"] == USAGE


def test_a_chat_that_waits_and_its_tools(c, r):
    call = Call(r.ann, CHAT, {"model": c.space.name, "messages": HELLO,
                              "tools": [{"type": "function", "function": {"name": "f"}}]})
    asked = c.upstream.next().stream()
    asked.delta(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}])
    asked.delta(tool_calls=[{"index": 0, "function": {"arguments": "{\"a\":1}"}}])
    asked.finish("tool_calls", USAGE)
    answer = call.end().json()
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and answer["usage"] == USAGE
    tool = choice["message"]["tool_calls"][0]
    assert (tool["id"], tool["function"]) == ("c1", {"name": "f", "arguments": "{\"a\":1}"})


def test_what_the_second_server_refuses_is_said(c, r):
    call = Call(r.ann, CHAT, {"model": c.space.name, "messages": HELLO})
    c.upstream.next().refuse(400, "This model's maximum context length is 7 tokens")
    error = error_of(call.end(), 400)
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_request")
    assert "maximum context length is 7 tokens" in error["message"]


def test_a_client_that_leaves_stops_the_second_server(c, r):
    stream = Stream(r.ann, CHAT, {"model": c.space.name, "messages": HELLO})
    asked = c.upstream.next().stream()
    asked.say("one")
    stream.next()
    stream.leave()
    asked.wait_gone()

"""build/bridge when the model server is down, slow, wrong or unwilling: what the person who waits is told."""
import json
import ssl

import pytest

from bridge_fixture import BRIDGE, bridge_command, chain_of
from fake_relay import scenario
from fake_upstream import Upstream
from relay import relay_fixture

server, r = relay_fixture("server", limits={"max_attempts": 2})
patient, p = relay_fixture("patient", limits={"max_attempts": 1, "request_timeout_ms": 2000})


@pytest.fixture
def c(r):
    with chain_of(r) as chain:
        yield chain


@pytest.fixture
def slow(p):
    """The relay gives up on a request after 2 s of silence."""
    with chain_of(p) as chain:
        yield chain


# ---- errors of the server ----


@pytest.mark.parametrize("status,said,code,words", [
    (400, "maximum context length is 4096 tokens", "invalid_request", "maximum context length is 4096 tokens"),
    (401, "Incorrect API key provided: sk-x", "upstream_auth", "The model server refused the key of this app"),
    (403, "no", "upstream_auth", "The model server does not let this app in"),
    (404, "try pulling it first", "model_not_found", 'does not know the model "tiny": try pulling it first'),
    (404, None, "app_error", "has nothing at the address"),
    (422, "temperature is too high", "invalid_request", "temperature is too high"),
    (500, "CUDA error", "app_error", "The model server failed: CUDA error"),
    (400, "API key not valid: sk-x", "upstream_auth", "The model server refused the key of this app"),
    (501, "no embeddings", "invalid_request", "cannot do this: no embeddings"),
    (307, None, "app_error", "The model server failed (status 307)"),
])
def test_an_error_is_told_in_words(c, status, said, code, words):
    c.bridge()
    request = c.chat()
    c.upstream.next().refuse(status, said, Location="http://127.0.0.1:1/")
    message = c.error(request, code)
    assert words in message and "sk-x" not in message and "127.0.0.1" not in message
    assert c.upstream.asked.empty()


@pytest.mark.parametrize("status,code", [(429, "rate_limited"), (502, "upstream_unavailable"),
                                         (503, "upstream_unavailable")])
def test_a_busy_server_is_asked_again(c, status, code):
    b = c.bridge()
    request = c.chat()
    c.upstream.next().refuse(status, "loading model", Retry_After="1")
    b.wait_for("trying again")
    assert "loading model; trying again" in c.tab.event(f"request:{request}", lambda e: e["kind"] == "progress")["message"]
    second = c.upstream.next()
    second.stream().say("now").finish()
    assert c.result(request)["text_output"] == "now"


def test_a_wait_that_is_too_long_is_not_waited_for(c):
    c.bridge("--retry-for", 30)
    request = c.chat()
    for _ in range(2):  # max_attempts is 2 here: the relay gives it another chance
        c.upstream.next().refuse(429, "quota used up", Retry_After="18446744073709552")
    assert "The model server is busy: quota used up" == c.error(request, "rate_limited")


def test_a_server_that_comes_back_is_asked_then(c):
    c.upstream.stop()
    b = c.bridge()
    request = c.chat()
    b.wait_for("trying again")
    progress = c.tab.event(f"request:{request}", lambda e: e["kind"] == "progress")
    assert progress["message"] == "The model server behind this app cannot be reached; trying again"
    c.upstream.start()
    c.upstream.next().stream().say("here").finish()
    assert c.result(request)["text_output"] == "here"


def test_a_server_that_stays_away_is_told_after_a_while(c):
    c.upstream.stop()
    c.bridge("--retry-for", 1)
    message = c.error(c.chat(), "upstream_unavailable")
    assert message == "The model server behind this app cannot be reached"


def test_without_retries_it_is_told_at_once(c):
    c.bridge("--retry-for", 0)
    request = c.chat()
    for _ in range(2):
        c.upstream.next().refuse(503, "loading model")
    assert c.error(request, "upstream_unavailable") == "The model server is not ready: loading model"


def test_a_half_answer_is_never_taken_for_a_whole_one(c):
    b = c.bridge()
    request = c.chat()
    c.upstream.next().stream().say("half of ").cut()
    b.wait_for("broke off")
    c.upstream.next().stream().say("another try").finish()  # by the relay: the text begins anew
    assert c.result(request)["text_output"] == "another try"


def test_a_stream_that_ends_without_a_reason_is_half_an_answer(c):
    c.bridge()
    request = c.chat()
    for _ in range(2):
        c.upstream.next().stream().say("half of ").end()
    assert "broke off" in c.error(request, "upstream_unavailable")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Ty",
                                  b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n"])
def test_an_answer_that_is_cut_inside_its_head_is_none(c, head):
    b = c.bridge()
    request = c.chat()
    asked = c.upstream.next()
    asked.write(head)
    asked.cut()
    b.wait_for("the answer is cut off")
    c.upstream.next().stream().say("another try").finish()  # by the relay
    assert c.result(request)["text_output"] == "another try"


def test_fields_behind_the_body_are_no_second_head(c):
    c.bridge()
    request = c.chat()
    asked = c.upstream.next().stream().say("whole")
    asked.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    asked.write(b"0\r\nX-Checksum: 1\r\n\r\n")
    asked.over.set()
    assert c.result(request)["text_output"] == "whole"


def test_nothing_is_asked_twice_once_a_word_has_come(p):
    """max_attempts is 1 here, so only the bridge could ask again."""
    with chain_of(p) as c:
        c.bridge()
        request = c.chat()
        c.upstream.next().stream().say("half").cut()
        assert "broke off" in c.error(request, "upstream_unavailable")
        assert c.upstream.asked.empty()
        assert c.tab.state(request)["text"] == "half"


@pytest.mark.parametrize("event,code,words", [
    ({"error": {"message": "context shift is disabled", "code": 400}}, "invalid_request", "context shift is disabled"),
    ({"error": {"message": "engine is dead", "type": "internal_error"}}, "app_error", "failed: engine is dead"),
    ({"object": "error", "message": "gone", "type": "BadRequestError"}, "invalid_request", "gone"),
    ({"error": {"message": "Incorrect sk-x", "type": "invalid_request_error", "code": "invalid_api_key"}},
     "upstream_auth", "refused the key of this app"),
    ({"error": {"message": "sk-x", "type": "authentication_error", "code": "invalid_request_error"}},
     "upstream_auth", "refused the key of this app"),
    ({"error": {"message": "sk-x may not", "type": "permission_error"}}, "upstream_auth", "does not let this app in"),
    ({"error": "You did not provide an API key. sk-x"}, "upstream_auth", "refused the key of this app"),
    ({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, "rate_limited", "quota"),
])
def test_an_error_inside_the_stream_ends_it(p, event, code, words):
    with chain_of(p) as c:  # the relay gives no second chance here
        b = c.bridge()
        request = c.chat()
        c.upstream.next().stream().say("so far").event(event)
        message = c.error(request, code)
        assert words in message and "sk-x" not in message
        b.wait_for(json.dumps(event["error"]["message"] if "error" in event and isinstance(event["error"], dict) else
                              event.get("error", event.get("message")))[1:-1])  # for who runs it


@pytest.mark.parametrize("body,type", [(b"<html>hello</html>", "text/html"), (b"", "application/json"),
                                       (b"{", "application/json"), (b"[]", "application/json"),
                                       (b"data: {wrong\n\n", "text/event-stream"), (b"\xff\xfe\x00", "text/plain"),
                                       (b'{"choices":[]}', "application/json")])
def test_nonsense_is_called_so(c, body, type):
    c.bridge()
    request = c.chat()
    c.upstream.next().answer(body, type=type)
    assert "makes no sense" in c.error(request, "app_error")


def test_a_connection_that_the_server_dropped_between_two_requests_is_no_trouble(c):
    b = c.bridge()
    for word in ("one", "two", "three"):
        request = c.chat()
        asked = c.upstream.next().stream().say(word)
        asked.finish()
        asked.cut()
        assert c.result(request)["text_output"] == word
    assert "trying again" not in b.said


def test_whatever_the_model_is_called_the_sentence_gets_through(c):
    name = "x" + "é" * 600  # cut in the middle of a character
    c.bridge(model=name)
    request = c.chat()
    c.upstream.next().refuse(404, "x" * 900)
    assert c.error(request, "model_not_found").startswith(f'The model server does not know the model "{name[:400]}')


@pytest.mark.parametrize("before", ["", "x", "xx"])
def test_a_line_that_is_too_long_is_cut_between_characters(c, before):
    """What it prints is read as UTF-8 here."""
    c.bridge(model=before + "語" * 800)
    request = c.chat()
    c.upstream.next().stream().say("ok").finish()
    c.result(request)


@pytest.fixture
def https(c):
    """A model server whose certificate nobody knows; (server, file)."""
    options = list(c.relay.options)
    c.relay.make_certificate()
    c.relay.options = options  # it is not for the relay
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(c.relay.certificate, c.relay.folder / "key.pem")
    upstream = Upstream(tls=context)
    yield upstream, c.relay.certificate
    upstream.stop()


def test_https_needs_a_certificate_that_is_trusted(c, https):
    upstream, certificate = https
    c.bridge("--upstream-ca", certificate, upstream=upstream.url)
    request = c.chat()
    upstream.next().stream().say("safe").finish()
    assert c.result(request)["text_output"] == "safe"


def test_a_certificate_that_is_not_trusted_is_said(c, https):
    upstream, _ = https
    b = c.bridge("--retry-for", 0, upstream=upstream.url)
    assert "cannot be reached" in c.error(c.chat(), "upstream_unavailable")
    b.wait_for("certificate")
    assert upstream.asked.empty()


def test_leaving_does_not_wait_for_ever_for_a_relay_that_is_gone(c):
    b = c.bridge()
    request = c.chat()
    asked = c.upstream.next().stream().say("half ")
    c.text(request, 5)
    c.relay.kill()
    b.wait_for("Connection lost")
    asked.say("whole").finish()
    b.wait_for("completed")
    b.signal()
    assert b.exit() == 0
    c.relay.restart(kill=True)  # for the tests that follow


# ---- time ----


def test_a_long_silence_before_the_first_word_is_bridged(slow):
    """The relay's patience is 2 s; the bridge speaks for the server meanwhile."""
    slow.bridge()
    request = slow.chat()
    asked = slow.upstream.next()
    for _ in range(6):
        m = slow.tab.event(f"request:{request}", lambda e: e["kind"] == "progress")
        assert m["message"] == "waiting for the answer to begin"
    asked.stream().say("at last").finish()
    assert slow.result(request)["text_output"] == "at last"


@pytest.mark.parametrize("option,begun,words", [
    ("--first-token-timeout", False, "did not begin to answer in time"),
    ("--idle-timeout", True, "fell silent in the middle of its answer"),
    ("--total-timeout", True, "did not finish in time"),
])
def test_each_limit_has_its_sentence(c, option, begun, words):
    c.bridge(option, 1)
    request = c.chat()
    asked = c.upstream.next()
    if begun:
        asked.stream().say("so far")
    assert words in c.error(request, "timeout")
    asked.wait_gone()


# ---- what the relay hears, exactly ----


@scenario
async def test_it_registers_with_what_it_can(w):
    upstream = Upstream()
    await w.program(str(BRIDGE), "--host", w.relay.url, "--space", "demo", "--upstream", upstream.url, "--model", "tiny",
                    "--endpoints", "chat.completions, embeddings", "--concurrency", "3", env={"SPACERELAY_TOKEN": "secret"})
    m = await (await w.relay.connection()).accept()
    assert m["endpoints"] == ["chat.completions", "embeddings"]
    assert (m["app"]["name"], m["concurrency"], m["prefetch"], m["token"]) == ("bridge", 3, 0, "secret")
    upstream.stop()


# ---- options and the probe ----


@pytest.mark.parametrize("options,words", [
    ([], "--upstream is missing"),
    (["--upstream", "127.0.0.1:1"], "http:// or https://"),
    (["--upstream", "http://u:p@h/v1", "--model", "m", "--space", "s"], "no user or password"),
    (["--upstream", "http://h/v1", "--model", b"\xff", "--space", "s"], "--model is no name"),
    (["--upstream", "http://h/v1"], "--model is missing"),
    (["--upstream", "http://h/v1", "--model", "m"], "--space is missing"),
    (["--upstream", "http://h/v1", "--plain"], "--space is missing"),
    (["--upstream", "http://h/v1", "--model", "m", "--space", "s", "--endpoints", "x"], "--endpoints has to be"),
    (["--upstream", "http://h/v1", "--model", "m", "--space", "s", "--api-key", "a\nb"], "control characters"),
    (["--nonsense"], "there is no option"),
])
def test_wrong_options_are_said(options, words):
    status, out, err = bridge_command(*options)
    assert (status, out) == (2, "") and words in err


def test_help_tells_of_proxies():
    status, out, err = bridge_command("--help")
    assert (status, err) == (0, "") and "http_proxy" in out and "always asked directly" in out


@pytest.fixture
def upstream():
    u = Upstream(models=("tiny", "big:latest"))
    yield u
    u.stop()


@pytest.mark.parametrize("model,status,words", [
    ("tiny", 0, 'is there and has "tiny"'),
    ("big", 0, 'is there and has "big"'),
    ("huge", 1, 'does not have "huge"; it has: tiny, big:latest'),
    (None, 0, "is there; it has: tiny, big:latest"),
])
def test_probe_looks_for_the_model(upstream, model, status, words):
    code, out, err = bridge_command("--probe", "--upstream", upstream.url + "/", *(["--model", model] if model else []))
    assert (code, err) == (status, "") and words in out and out.count("\n") == 1


def test_probe_names_every_trouble(upstream):
    def probe(url=upstream.url, *options):
        code, out, _ = bridge_command("--probe", "--upstream", url, "--model", "tiny", *options)
        assert code == 1
        return out

    upstream.key = "right"
    assert "wants a key: --api-key or UPSTREAM_API_KEY" in probe()
    assert "refuses the key (status 401): Incorrect API key" in probe(upstream.url, "--api-key", "wrong")
    upstream.key = None
    assert "mostly ends in /v1" in probe(upstream.url.removesuffix("/v1") + "/nothing/here")
    upstream.models_status = 500
    assert "is not well (status 500)" in probe()
    upstream.models_status, upstream.models = 200, []
    assert "it has no model at all" in probe()
    upstream.stop()
    assert "cannot be reached: Failed to connect" in probe()


def test_probe_lets_nobody_steer_the_terminal(upstream):
    upstream.models = ["a\x1b[31mb\u009b\n"]
    code, out, _ = bridge_command("--probe", "--upstream", upstream.url, "--model", "tiny")
    assert code == 1 and "it has: a?[31mb???\n" in out


def test_at_the_start_it_warns_and_stays(c):
    c.upstream.models = ["other"]
    b = c.bridge()
    b.wait_for('[!] The model server at')
    assert 'does not have "tiny"; it has: other' in b.said
    request = c.chat()
    c.upstream.next().stream().say("after all").finish()
    assert c.result(request)["text_output"] == "after all"


# ---- plain HTTP services ----


def plain(c, answer, code=None, **options):
    c.plain()
    request = c.ask("hi", size=3)
    asked = c.upstream.next()
    assert asked.path == "/predict?fast=1" and json.loads(asked.raw) == {"prompt": "hi", "size": 3}
    asked.answer(answer, **options)
    return c.error(request, code) if code else c.result(request)


@pytest.mark.parametrize("answer,type,result", [
    ({"label": "cat", "score": 0.5}, "application/json", {"label": "cat", "score": 0.5}),
    ([1, 2], "application/json", {"output": [1, 2]}),
    (b"null", "application/json; charset=utf-8", {"output": None}),
    (b'{"a": 1}', "text/html", {"a": 1}),
    (b"a \"cat\"\n", "text/plain; charset=utf-8", {"text_output": 'a "cat"\n'}),
    (b"3", "text/plain", {"text_output": "3"}),
])
def test_a_plain_service_answers(c, answer, type, result):
    assert plain(c, answer, type=type) == result


@pytest.mark.parametrize("answer,status,code,words", [
    ({"detail": "no such label"}, 422, "invalid_request", "The service refuses the request: no such label"),
    ({"error": "out of memory"}, 500, "app_error", "The service failed: out of memory"),
    (b"Traceback\n", 500, "app_error", "The service failed: Traceback"),
    (b"<html>", 404, "app_error", "The service has nothing at the address that this app was given"),
    (b"\x89PNG\r\n", 200, "app_error", "The service gave an answer that makes no sense"),
])
def test_a_plain_services_errors_are_told(c, answer, status, code, words):
    assert plain(c, answer, code, status=status) == words


def test_a_plain_service_is_probed(upstream):
    url = upstream.url.removesuffix("/v1")
    upstream.models_status = 405
    code, out, _ = bridge_command("--probe", "--plain", "--upstream", url + "/predict")
    assert code == 0 and f"The service at {url}/predict is there" in out
    upstream.models_status = 200
    code, out, _ = bridge_command("--probe", "--plain", "--upstream", url + "/predict")
    assert code == 1 and "There is nothing at" in out

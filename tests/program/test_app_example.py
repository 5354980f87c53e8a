"""The example of an app in Python that the documentation shows: it runs, and it keeps the protocol's rules."""
import sys

from fake_relay import ROOT, scenario, text_of

EXAMPLE = str(ROOT / "static/docs/app.py")


async def example(w):
    return await w.program(sys.executable, EXAMPLE, w.relay.url.replace("http", "ws"), "demo",
                           env={"SPACERELAY_TOKEN": "secret"})


@scenario
async def test_example_answers_and_loses_no_result(w):
    await example(w)
    c = await w.relay.connection()
    m = await c.accept()
    assert (m["space_name"], m["token"], m["resume"]) == ("demo", "secret", [])
    instance = m["instance"]
    lease = await c.request(prompt="ä b")
    heard = await c.until_final()
    final = heard[-1]
    assert [m["type"] for m in heard] == ["inference_progress", "inference_delta", "inference_delta",
                                          "inference_result"]
    assert [m["offset"] for m in heard[1:3]] == [0, 2]
    assert final["result"]["text_output"] == text_of(heard) == "b ä "
    c.drop()
    c = await w.relay.connection()
    m = await c.accept()
    assert m["instance"] == instance and m["resume"] == [lease]
    assert await c.next() == final
    await c.ack(lease, accepted=False, code="store_unavailable")
    assert await c.next() == final
    await c.ack(lease)
    await c.sync()
    await c.socket.close(1001)
    c = await w.relay.connection()
    assert (await c.accept())["resume"] == []


@scenario
async def test_example_ends_when_it_is_refused_for_good_and_not_before(w):
    app = await example(w)
    await (await w.relay.connection()).refuse("space_taken", "Space already has a connected app", 4003)
    await (await w.relay.connection()).refuse("unauthorized", "token has expired", 4500)
    assert await app.exit() == 1 and "token has expired" in app.said

"""What one person may do, how long the others wait for it, and one person on several devices."""
from relay import relay_fixture

server, r = relay_fixture("server", limits={"unfinished_per_person": 2000, "requests_per_minute": 0,
                                            "publish_position_ms": 1})
strict_server, strict = relay_fixture("strict_server", limits={"unfinished_per_person": 3, "requests_per_minute": 5,
                                                               "queue_per_space": 4})


# ---- fairness ----


def flood(tab, space, count):
    """Submits them all without waiting; returns the answers in their order."""
    for i in range(count):
        tab.send("submit", space=space.name, payload={"prompt": str(i)}, ref=f"flood {i}")
    return [tab.wait(lambda m, i=i: m.get("ref") == f"flood {i}") for i in range(count)]


def test_who_submits_a_thousand_keeps_nobody_waiting(r):
    space = r.space()
    app = space.app()
    ann, bob = r.ann.tab(), r.bob.tab()
    answers = flood(ann, space, 1000)
    assert [a["type"] for a in answers] == ["submitted"] * 1000
    assert [a["position"] for a in answers[1:]] == list(range(1, 1000))
    running = app.take()
    assert bob.ask(space, {"prompt": "b0"})["position"] == 1
    assert bob.ask(space, {"prompt": "b1"})["position"] == 3
    order = []
    for _ in range(6):
        app.result(running)
        running = app.take()
        order.append(running["payload"]["prompt"])
    assert order == ["b0", "1", "b1", "2", "3", "4"]
    assert ann.watch(answers[5]["request_id"])["position"] == 1
    assert ann.watch(answers[999]["request_id"])["position"] == 995


def test_positions_are_the_order_in_which_work_is_handed_out(r):
    space = r.space(queue_offline=True)
    tabs = [r.ann.tab(), r.bob.tab(), r.admin.tab()]
    asked = []  # (tab, request_id)
    for i in range(40):
        tab = tabs[(i * 7 // 3) % 3]
        asked.append((tab, tab.submit(space, {"prompt": str(i)})))
        if i % 9 == 8:
            tab, request_id = asked.pop(i % len(asked))
            assert tab.cancel(request_id)["type"] == "cancelled"
    places = {tab.watch(request_id)["position"]: request_id for tab, request_id in asked}
    assert sorted(places) == list(range(1, len(asked) + 1))
    app = space.app()
    for place in sorted(places):
        request = app.take()
        assert request["request_id"] == places[place]
        app.result(request)
    assert app.said() == []


# ---- limits ----


def refused(answer, code):
    assert (answer["type"], answer["code"]) == ("error", code), answer
    assert answer["message"]
    return answer["retry_after_s"]


def test_unfinished_requests_of_a_person_are_limited(strict):
    space = strict.space(queue_offline=True)
    person = strict.person("many")
    tab, other = person.tab(), person.tab()
    ids = [tab.submit(space) for _ in range(3)]
    assert refused(other.ask(space), "rate_limited") > 0
    assert other.cancel(ids[0])["type"] == "cancelled"
    other.submit(space)


def test_requests_of_a_person_in_a_minute_are_limited(strict):
    one, two = strict.space(queue_offline=True), strict.space(queue_offline=True)
    tab = strict.person("hasty").tab()
    for i in range(5):
        tab.cancel(tab.submit((one, two)[i % 2]))
    assert 0 < refused(tab.ask(one), "rate_limited") <= 12
    assert 0 < refused(strict.person("hasty").tab().ask(two), "rate_limited") <= 12  # another device is no way around
    strict.person("calm").tab().submit(one)


def test_a_full_queue_says_when_to_come_again(strict):
    space = strict.space(queue_offline=True)
    for name in ("q1", "q2"):
        tab = strict.person(name).tab()
        for _ in range(2):
            tab.submit(space)
    assert refused(strict.person("q3").tab().ask(space), "queue_full") > 0


def test_a_repeat_is_stopped_by_no_limit(strict):
    space = strict.space(queue_offline=True)
    tab = strict.person("sure").tab()
    first = tab.ask(space, idempotency_key="k")["request_id"]
    for _ in range(20):
        assert tab.ask(space, idempotency_key="k")["request_id"] == first


# ---- several devices ----


def test_a_waiting_request_is_cancelled_from_another_device(r):
    space = r.space(queue_offline=True)
    phone, desk = r.ann.tab(), r.ann.tab()
    request_id = desk.submit(space)
    desk.watch(request_id)
    answer = phone.cancel(request_id)
    assert answer == {"type": "cancelled", "request_id": request_id}
    final = desk.final(request_id)
    assert final["status"] == "cancelled" and final["finished_at"]
    assert desk.cancel(request_id)["code"] == "already_final"
    app = space.app()
    assert app.said() == []


def test_a_running_request_is_cancelled_from_another_device_and_keeps_text_and_usage(r):
    space = r.space()
    app = space.app()
    phone, desk = r.ann.tab(), r.ann.tab()
    request_id = desk.submit(space)
    desk.watch(request_id)
    request = app.take()
    app.delta(request, "as far as ")
    app.delta(request, "this")
    app.sync()
    assert phone.cancel(request_id)["type"] == "cancelled"
    assert app.cancelled(request)["reason"] == "cancelled"
    assert desk.final(request_id)["status"] == "cancelled"
    waits = desk.submit(space)
    assert app.said() == []  # it has not stopped yet: its place is still taken
    app.error(request, usage={"total_tokens": 3})
    assert app.take()["request_id"] == waits
    state = r.ann.tab().watch(request_id)
    assert (state["status"], state["text"], state["usage"]) == ("cancelled", "as far as this", {"total_tokens": 3})
    r.restart(kill=True)
    state = r.ann.tab().watch(request_id)
    assert (state["status"], state["text"], state["usage"]) == ("cancelled", "as far as this", {"total_tokens": 3})


def test_two_devices_cancel_at_once_and_both_hear(r):
    space = r.space()
    app = space.app()
    tabs = [r.ann.tab() for _ in range(4)]
    request_id = tabs[0].submit(space)
    app.take()
    for tab in tabs:
        tab.send("cancel", request_id=request_id)
    answers = [tab.wait_type("cancelled", "error") for tab in tabs]
    assert "cancelled" in {a["type"] for a in answers}
    assert all(a["type"] == "cancelled" or a["code"] == "already_final" for a in answers)
    assert tabs[1].watch(request_id)["status"] == "cancelled"

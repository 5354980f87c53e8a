"""Several apps of one space: the least loaded free one is next; drained, kicked, replaced, coming back smaller."""
from relay import relay_fixture

server, r = relay_fixture("server", limits={"grace_ms": 3600000})


def lease(request):
    return {"request_id": request["request_id"], "attempt": request["attempt"]}


def hall(r, apps):
    return r.space(max_apps=apps, queue_offline=True)


def submit(r, space, count):
    tab = r.ann.tab()
    return [tab.submit(space) for _ in range(count)]


def take_all(app):
    return [m for m in app.said() if m["type"] == "inference_request"]


def test_the_least_loaded_free_app_gets_the_next(r):
    space = hall(r, 3)
    small, middle, large = space.app(), space.app(concurrency=2), space.app(concurrency=4)
    submit(r, space, 7)
    shares = [take_all(app) for app in (small, middle, large)]
    assert [len(s) for s in shares] == [1, 2, 4]  # each as much as it takes, and nobody more
    last = submit(r, space, 1)[0]
    assert all(take_all(app) == [] for app in (small, middle, large))
    large.result(shares[2][0])
    assert large.take()["request_id"] == last
    for request in shares[2][1:]:
        large.result(request)
    middle.result(shares[1][0])
    first, second = submit(r, space, 2)
    assert large.take()["request_id"] == first  # it has one of four, the other one of two
    assert {x["request_id"] for x in take_all(large) + take_all(middle)} == {second}


def test_a_drained_app_s_share_goes_to_the_other(r):
    space = hall(r, 2)
    leaving, staying = space.app(concurrency=3), space.app()
    leaving.send("drain")
    leaving.sync()
    ids = submit(r, space, 3)
    for request_id in ids:
        request = staying.take()
        assert request["request_id"] == request_id
        staying.result(request)
    assert leaving.said() == []


def test_a_kicked_app_s_request_goes_on_when_it_comes_back_and_nobody_has_it_twice(r):
    space = hall(r, 2)
    one, two = space.app(instance="one"), space.app(instance="two")
    submit(r, space, 2)
    held, other = one.take(), two.take()
    assert r.admin.post(f"/admin/app/{one.response['connection_id']}/kick").status_code == 302
    assert one.closed() == 4002
    two.result(other)
    assert take_all(two) == []  # it waits for its own app
    one = space.app(instance="one", resume=[lease(held)])
    assert one.response["resumed"] == [{**lease(held), "text_bytes": 0}]
    assert one.result(held)["accepted"] is True
    assert take_all(one) + take_all(two) == []


def test_who_comes_back_smaller_keeps_what_fits_and_the_rest_goes_to_others(r):
    space = hall(r, 2)
    large = space.app(instance="large", concurrency=3)
    ids = submit(r, space, 3)
    held = [large.take() for _ in ids]
    other = space.app(instance="other", concurrency=3)
    large.drop()
    small = space.app(instance="large", concurrency=1, resume=[lease(x) for x in held])
    kept = [x["request_id"] for x in small.response["resumed"]]
    assert kept == ids[:1]
    again = [other.take() for _ in ids[1:]]
    assert [(x["request_id"], x["attempt"]) for x in again] == [(i, 2) for i in ids[1:]]
    assert small.result(held[0])["accepted"] is True
    for late in held[1:]:
        assert small.result(late) == {"type": "result_ack", **lease(late), "accepted": False, "code": "stale_attempt"}
    for request in again:
        assert other.result(request)["accepted"] is True


def test_several_requests_are_resumed_with_their_text_after_a_restart_of_the_relay(r):
    space = hall(r, 1)
    app = space.app(instance="one", concurrency=3)
    ids = submit(r, space, 3)
    held = [app.take() for _ in ids]
    app.delta(held[1], "half")
    app.sync()
    r.restart()  # a stop saves what there is of the text
    app = space.app(instance="one", concurrency=3, resume=[lease(x) for x in held])
    resumed = {x["request_id"]: x for x in app.response["resumed"]}
    assert set(resumed) == set(ids)
    assert {x["attempt"] for x in resumed.values()} == {1}
    assert take_all(app) == []
    for request in held:
        at = resumed[request["request_id"]]["text_bytes"]
        app.delta(request, "half and half"[at:], offset=at)
        assert app.result(request)["accepted"] is True
    tab = r.ann.tab()
    for request_id in ids:
        state = tab.watch(request_id)
        assert (state["status"], state["attempt"], state["text"]) == ("completed", 1, "half and half")


def test_fewer_apps_allowed_sends_nobody_away_and_lets_nobody_in(r):
    space = hall(r, 2)
    one, two = space.app(), space.app()
    page = r.admin.post(f"/admin/space/edit/{space.id}", name=space.name, max_apps="1", queue_offline="1",
                        input_prompt="1", rate_limit_s="0")
    assert page.status_code == 302, page.text
    ids = submit(r, space, 2)
    got = [one.take(), two.take()]
    assert {x["request_id"] for x in got} == set(ids)
    two.close()
    answer = r.app().register(space.name, token=space.token)
    assert answer["success"] is False and answer["code"] == "space_taken"
    one.result(got[0])
    assert one.take()["request_id"] == got[1]["request_id"]

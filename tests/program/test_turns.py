"""Several people at one space: who is next, and who gets what."""
import threading

from relay import relay_fixture

server, r = relay_fixture("server", limits={"publish_position_ms": 1})


def work_through(app, count):
    """Answers that many requests; returns (username, prompt) in the order they came."""
    order = []
    for _ in range(count):
        request = app.take()
        order.append((request["username"], request["payload"]["prompt"]))
        assert app.result(request, {"text_output": "for " + request["payload"]["prompt"]})["accepted"] is True
    return order


def test_people_take_turns(r):
    space = r.space()
    app = space.app()
    ann, bob = r.ann.tab(), r.bob.tab()
    for i in range(10):
        ann.submit(space, {"prompt": f"a{i}"})
    first = app.take()  # the first one is running when bob comes
    answer = bob.ask(space, {"prompt": "b0"})
    assert answer["position"] == 1
    app.result(first)
    order = work_through(app, 10)
    assert order[0] == ("bob", "b0")
    assert order[1:] == [("ann", f"a{i}") for i in range(1, 10)]


def test_turns_go_round_and_each_person_s_stay_in_order(r):
    space = r.space()
    blocker = space.app()
    ann, bob, root = r.ann.tab(), r.bob.tab(), r.admin.tab()
    ann.submit(space, {"prompt": "a0"})
    request = blocker.take()
    for i in range(1, 4):
        ann.submit(space, {"prompt": f"a{i}"})
    for i in range(3):
        bob.submit(space, {"prompt": f"b{i}"})
    for i in range(2):
        root.submit(space, {"prompt": f"r{i}"})
    blocker.result(request)
    order = [prompt for _, prompt in work_through(blocker, 8)]
    for person, count in (("a", 4), ("b", 3), ("r", 2)):
        mine = [p for p in order if p[0] == person]
        assert mine == [f"{person}{i}" for i in range(person == "a", count)]
    assert {p[0] for p in order[:2]} == {"b", "r"}  # who had nothing yet goes first
    assert {p[0] for p in order[2:5]} == {"a", "b", "r"}
    assert {p[0] for p in order[5:7]} == {"a", "b"}


def test_positions_are_true_and_pushed(r):
    space = r.space()
    app = space.app()
    ann, bob = r.ann.tab(), r.bob.tab()
    ids = [ann.submit(space) for _ in range(4)]
    request = app.take()
    assert [ann.watch(i).get("position") for i in ids] == [None, 1, 2, 3]
    bob.submit(space)  # goes before ann's that wait
    topics = ["request:" + i for i in ids]
    for topic, position in zip(topics[1:], (2, 3, 4)):
        assert ann.event(topic, lambda e, position=position: e.get("position") == position)["kind"] == "state"
    app.result(request)
    assert app.take()["username"] == "bob"
    for topic, position in zip(topics[1:], (1, 2, 3)):
        ann.event(topic, lambda e, position=position: e.get("position") == position)


def test_several_people_on_several_tabs_all_get_their_own_results_and_no_others(r):
    space = r.space()
    app = space.app(concurrency=3)
    people = [r.ann, r.bob, r.admin]
    tabs = [(person, person.tab()) for person in people for _ in range(3)]
    each, total = 6, 6 * len(tabs)
    asked, failures = {}, []

    def submit(number, person, tab):
        try:
            for i in range(each):
                prompt = f"{person.name} {number} {i}"
                asked[tab.submit(space, {"prompt": prompt})] = (person.name, number, i)
        except Exception as e:  # shown by the test's own thread
            failures.append(e)

    threads = [threading.Thread(target=submit, args=(n, p, t)) for n, (p, t) in enumerate(tabs)]
    for t in threads:
        t.start()
    order = []
    held = []
    while len(order) < total:
        request = app.take()
        order.append(request)
        held.append(request)
        if len(held) == 3 or len(order) == total:
            for done in held:
                assert app.result(done, {"text_output": "for " + done["payload"]["prompt"]})["accepted"] is True
            held = []
    for t in threads:
        t.join()
    assert not failures, failures
    assert len({q["request_id"] for q in order}) == total and {q["request_id"] for q in order} == set(asked)
    assert app.said() == []
    for q in order:
        name, number, i = asked[q["request_id"]]
        assert (q["username"], q["payload"]["prompt"]) == (name, f"{name} {number} {i}")
    for number in range(len(tabs)):  # each tab's own came in its order
        mine = [asked[q["request_id"]][2] for q in order if asked[q["request_id"]][1] == number]
        assert mine == list(range(each))
    for request_id, (name, number, i) in asked.items():
        person, tab = tabs[number]
        assert tab.outcome(request_id)["result"] == {"text_output": f"for {name} {number} {i}"}
        other = next(t for p, t in tabs if p is not person and p is not r.admin)
        assert other.subscribe(f"request:{request_id}")["code"] == "not_found"
    for person, tab in tabs:
        mine = {i for i, who in asked.items() if who[0] == person.name}
        for m in tab.said():
            assert m["type"] == "event" and m["topic"].removeprefix("request:") in mine, m


def test_two_apps_share_the_work(r):
    space = r.space(max_apps=2)
    one, two = space.app(), space.app()
    tab = r.ann.tab()
    ids = [tab.submit(space) for _ in range(4)]
    first, second = one.take(), two.take()
    assert {first["request_id"], second["request_id"]} == set(ids[:2])
    assert one.result(first)["accepted"] is True
    assert one.take()["request_id"] == ids[2]
    assert two.said() == []
    assert two.result(second)["accepted"] is True
    assert two.take()["request_id"] == ids[3]

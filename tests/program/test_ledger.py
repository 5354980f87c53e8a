"""The ledger of the crash and chaos tests notices each promise that is broken."""
import pytest

from ledger import RULES, broken_promises

DONE = {"status": "completed", "attempt": 1, "result": {"n": 1}}
FAILED = {"status": "failed", "attempt": 1, "error": {"code": "app_error", "message": "no"}}
GOOD = [
    ("submitted", "a", {"payload": {"prompt": "p"}}),
    ("given", "a", {"attempt": 1, "payload": {"prompt": "p"}}),
    ("computed", "a", {"attempt": 1, "result": {"n": 1}}),
    ("accepted", "a", {"attempt": 1, "result": {"n": 1}}),
    ("final", "a", DONE),
]


def promises(more, shown, history=GOOD):
    return [sentence.split(" ", 1)[1].split(":")[0] for sentence in broken_promises(history + more, {"a": shown})]


def test_a_good_history_breaks_none():
    assert promises([], DONE) == []
    assert promises([("refused", "a", {"attempt": 2, "code": "already_final"})], DONE) == []
    assert promises([("accepted", "a", {"attempt": 1, "failure": "no"}), ("final", "a", FAILED)], FAILED, GOOD[:2]) == []


@pytest.mark.parametrize("promise, more, shown", [
    ("is lost", [], None),
    ("has not ended", [], {**DONE, "status": "processing"}),
    ("is the answer to two submits", GOOD[:1], DONE),
    ("has changed its payload", [("given", "a", {"attempt": 0, "payload": {"prompt": "q"}})], DONE),
    ("was handed out twice as the same attempt", GOOD[1:2], DONE),
    ("was handed out again after its end", [("given", "a", {"attempt": 2, "payload": {"prompt": "p"}})], DONE),
    ("has a result that no app has made", [], {**DONE, "result": {"n": 2}}),
    ("has lost or changed an accepted result", [], {**DONE, "result": {"n": 2}}),
    ("has lost or changed an accepted result", [], FAILED),
    ("shows the result of an attempt that was over", [], {**DONE, "attempt": 2}),
    ("has lost an accepted error", [("accepted", "a", {"attempt": 1, "failure": "no"})], DONE),
    ("was denied to the app that held it", [("refused", "a", {"attempt": 1, "code": "not_found"})], DONE),
    ("was cancelled and is not", [("cancelled", "a", {})], DONE),
    ("has ended twice, differently", [("final", "a", {"status": "cancelled"})], DONE),
    ("has ended twice, differently", [("final", "a", {**DONE, "result": {"n": 2}})], DONE),
])
def test_a_broken_promise_is_noticed(promise, more, shown):
    assert promise in promises(more, shown)


def test_no_rule_is_without_a_case():
    cases = test_a_broken_promise_is_noticed.pytestmark[0].args[1]
    assert len({promise for promise, _, _ in cases}) >= len(RULES) + 1  # and "is lost"

"""What outsiders were told, and whether the relay stood by it.

Everybody who talks to the relay writes down what it heard, in one list that only grows; the relay has no part in it
but what it says on its sockets. In the end what the relay shows is held against that list. `broken_promises` is a
pure function, so that test_ledger.py can show that each promise would be noticed when it is broken."""
import collections
import json
import threading

FINAL = ("completed", "failed", "cancelled")


class Ledger:
    """Entries are (kind, request_id, facts). Any thread.

    submitted  payload                the relay has acknowledged the submit
    given      attempt, payload       an app was handed the request
    computed   attempt, result        an app has made this result; perhaps nobody heard of it
    accepted   attempt, result        the relay has acknowledged this result
    accepted   attempt, failure       the relay has acknowledged this error, which was not to be tried again
    refused    attempt, code          the relay has refused a result or an error
    cancelled                         the relay has acknowledged the cancel
    final      status, result, error  a watcher was shown the end"""

    def __init__(self):
        self.entries = []
        self.grown = threading.Condition()

    def add(self, kind, request_id, **facts):
        with self.grown:
            self.entries.append((kind, request_id, facts))
            self.grown.notify_all()

    def wait_for_more(self, count, seconds):
        """Until so many more entries are there."""
        with self.grown:
            end = len(self.entries) + count
            assert self.grown.wait_for(lambda: len(self.entries) >= end, seconds), "nothing happens any more"

    def acknowledged(self):
        return {request_id for kind, request_id, _ in list(self.entries) if kind == "submitted"}

    def known(self):
        return {request_id for _, request_id, _ in list(self.entries)}

    def ended(self):
        """Those that somebody has seen end."""
        return {request_id for kind, request_id, facts in list(self.entries)
                if kind in ("final", "cancelled") or kind == "accepted"}

    def counts(self):
        """By kind; refusals and failures by their code."""
        return collections.Counter(facts.get("code") or (facts.get("error") or {}).get("code") or kind
                                   for kind, _, facts in list(self.entries))


def same(a, b):
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def ending(state):
    return {"status": state.get("status"), "result": state.get("result"), "error": state.get("error")}


def broken_promises(entries, shown):
    """Sentences. shown: request_id -> the state that the relay shows now, None when it knows of no such request."""
    by_request = collections.defaultdict(list)
    for kind, request_id, facts in entries:
        by_request[request_id].append((kind, facts))
    for request_id, history in by_request.items():
        state = shown.get(request_id)
        if state is None:
            yield f"{request_id} is lost: {history}"
            continue
        for rule in RULES:
            for sentence in rule(history, state):
                yield f"{request_id} {sentence}: shown as {state}, history {history}"


def facts_of(history, kind):
    return [facts for k, facts in history if k == kind]


def ends(history, state):
    if state["status"] not in FINAL:
        yield "has not ended"


def is_acknowledged_once(history, state):
    if len(facts_of(history, "submitted")) > 1:
        yield "is the answer to two submits"


def payload_is_kept(history, state):
    payloads = [f["payload"] for kind in ("submitted", "given") for f in facts_of(history, kind)]
    if any(not same(p, payloads[0]) for p in payloads):
        yield "has changed its payload"


def attempts_are_given_once(history, state):
    attempts = [f["attempt"] for f in facts_of(history, "given")]
    if len(set(attempts)) < len(attempts):
        yield "was handed out twice as the same attempt"
    if any(a > state["attempt"] for a in attempts):
        yield "was handed out again after its end"


def result_was_computed(history, state):
    made = [f for f in facts_of(history, "computed") if same(f["result"], state.get("result"))]
    if state["status"] == "completed" and not made:
        yield "has a result that no app has made"
    elif state["status"] == "completed" and state["attempt"] not in [f["attempt"] for f in made]:
        yield "shows the result of an attempt that was over"


def accepted_is_shown(history, state):
    for f in facts_of(history, "accepted"):
        if "failure" in f:
            if state["status"] != "failed" or state["error"]["message"] != f["failure"]:
                yield "has lost an accepted error"
        elif state["status"] != "completed" or not same(state["result"], f["result"]):
            yield "has lost or changed an accepted result"


def nothing_known_is_denied(history, state):
    if any(f["code"] == "not_found" for f in facts_of(history, "refused")):
        yield "was denied to the app that held it"


def cancel_holds(history, state):
    if facts_of(history, "cancelled") and state["status"] != "cancelled":
        yield "was cancelled and is not"


def end_holds(history, state):
    for f in facts_of(history, "final"):
        if not same(ending(f), ending(state)):
            yield "has ended twice, differently"


RULES = (ends, is_acknowledged_once, payload_is_kept, attempts_are_given_once, result_was_computed, accepted_is_shown,
         nothing_known_is_denied, cancel_holds, end_holds)

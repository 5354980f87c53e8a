"""Everything at once: apps and people at work, pages, log-ins, an admin who kicks, drains, revokes and edits. For a build
with sanitizers: `make torture` runs it for a minute under ThreadSanitizer. LOAD_S is its length."""
import os
import random
import re
import threading
import time

from relay import PATIENCE, Person, Relay
from test_crash import LIMITS, check_database, start_traffic, wait_until_empty
from traffic import Traffic

LOAD_S = float(os.environ.get("LOAD_S", 4))
SEED = os.environ.get("SEED") or str(random.randrange(10**6))
FINE = {200, 302, 303, 404, 409, 429}


class Roles:
    """Threads that do the same again and again until the end; what fails in one fails the test."""

    def __init__(self):
        self.over, self.threads, self.failures, self.turns = False, [], [], {}

    def add(self, role, *args):
        def again():
            try:
                while not self.over:
                    role(*args)
                    self.turns[role.__name__] = self.turns.get(role.__name__, 0) + 1
            except BaseException as e:  # told in the test's own thread
                self.failures.append((role.__name__, repr(e)))

        self.threads.append(threading.Thread(target=again, daemon=True))
        self.threads[-1].start()

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join(4 * PATIENCE)
        assert not self.failures, self.failures
        assert not any(thread.is_alive() for thread in self.threads)
        return self.turns


def fine(answer):
    assert answer.status_code in FINE, (answer.url, answer.status_code, answer.text[:300])
    return answer


def reads_pages(person, paths):
    for path in paths:
        fine(person.get(path))


def logs_in_and_out(relay, name):
    person = Person(relay, name).login()
    tab = person.tab()
    tab.subscribe("spaces")
    fine(person.get("/"))
    fine(person.get("/logout"))
    assert tab.closed() == 4502
    relay.sockets.remove(tab)


def mistakes_the_password(relay, name):
    fine(relay.stranger(name).try_login("wrong password"))


def connections(admin, space):
    return set(re.findall(r"/admin/app/([0-9a-f-]{36})/", admin.get(f"/admin/space/edit/{space.id}").text))


def kicks_and_drains(admin, space, chance):
    for connection in connections(admin, space):
        if chance.random() < 0.2:
            fine(admin.post(f"/admin/app/{connection}/" + chance.choice(("kick", "kick", "drain"))))
    time.sleep(0.05)


def makes_and_removes_a_space(admin, relay):
    space = relay.space()
    app = space.app()
    tab = admin.tab()
    tab.subscribe(space.topic)
    tab.submit(space)
    app.take()
    relay.command("space", "remove", space.name)
    app.closed()
    for socket in (app, tab):
        relay.sockets.remove(socket)
        socket.drop()


def disables_and_enables(admin, name):
    fine(admin.post(f"/admin/users/{name}/disable"))
    fine(admin.post(f"/admin/users/{name}/enable"))
    fine(admin.post("/admin/settings/registration", registration="open"))
    fine(admin.post("/admin/settings/registration", registration="closed"))


ROLES = {reads_pages, logs_in_and_out, mistakes_the_password, kicks_and_drains, makes_and_removes_a_space,
         disables_and_enables}


def test_everything_at_once():
    print(f"SEED={SEED} LOAD_S={LOAD_S}")
    relay, roles = Relay(limits={**LIMITS, "login_failures_address": 10000, "grace_ms": 500}), Roles()
    try:
        with Traffic(relay, SEED, away_s=0.1) as traffic:
            spaces = start_traffic(traffic, relay)
            for name in ("comes", "goes", "victim"):
                relay.add_user(name)
            chance = random.Random(SEED)
            paths = ["/", "/requests", "/account", "/docs/protocol", f"/ai_project/{spaces[0].id}"]
            roles.add(reads_pages, relay.person("person0"), paths)
            roles.add(reads_pages, relay.admin, ["/admin/", "/admin/spaces", "/admin/users", "/admin/requests",
                                                 "/admin/audit", "/admin/settings", "/healthz", "/metrics"])
            roles.add(logs_in_and_out, relay, "comes")
            roles.add(logs_in_and_out, relay, "goes")
            roles.add(mistakes_the_password, relay, "nobody")
            roles.add(kicks_and_drains, relay.admin, spaces[0], chance)
            roles.add(makes_and_removes_a_space, relay.admin, relay)
            roles.add(disables_and_enables, relay.admin, "victim")
            end = time.monotonic() + LOAD_S
            while time.monotonic() < end or len(roles.turns) < len(ROLES):
                traffic.ledger.wait_for_more(10, PATIENCE)
                traffic.check()
                assert not roles.failures, roles.failures
            print(roles.end())
            for connection in connections(relay.admin, spaces[0]):  # one that was drained takes nothing, and stays
                fine(relay.admin.post(f"/admin/app/{connection}/kick"))
            print(traffic.settle(10 * PATIENCE))
            wait_until_empty(relay)
        relay.close_sockets()
        relay.stop()
        check_database(relay, traffic.ledger)
    finally:
        roles.over = True
        relay.leave(kill=True)


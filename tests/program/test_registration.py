"""Open registration: what one address may do with it, and what it can do to others."""
import threading

import pytest

from relay import PASSWORD, Person, running_relay


@pytest.fixture(scope="module")
def r():
    with running_relay(limits={"registrations_per_address": 40}) as relay:
        relay.admin.post("/admin/settings/registration", registration="open")
        relay.ann
        yield relay


@pytest.fixture(scope="module")
def strict():
    with running_relay(limits={"registrations_per_address": 3}) as relay:
        relay.admin.post("/admin/settings/registration", registration="open")
        yield relay


def register(relay, name, password=PASSWORD):
    return relay.stranger().post("/register", username=name, password=password, confirm_password=password)


def test_an_address_registers_only_so_often(strict):
    assert register(strict, "one").status_code == 302
    assert register(strict, "one").status_code == 200  # the name is taken; the hash was made all the same
    for wrong in (("a b", PASSWORD), ("short", "x")):
        assert register(strict, *wrong).status_code == 200  # refused before any work: not counted
    assert register(strict, "two").status_code == 302
    answer = register(strict, "three")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert "Too many registrations" in answer.text
    for name in ("one", "two"):
        Person(strict, name).login()
    assert Person(strict, "three").try_login().status_code == 200  # was not made


def test_log_ins_come_through_while_many_register(r):
    """More registrations at once than there are places and threads: some are told to come again, no log-in is."""
    statuses, logins = [], []

    def keep_registering(n):
        for i in range(4):
            statuses.append(register(r, f"crowd_{n}_{i}").status_code)

    crowd = [threading.Thread(target=keep_registering, args=(n,)) for n in range(10)]
    for t in crowd:
        t.start()
    while any(t.is_alive() for t in crowd):
        logins.append(Person(r, "ann").try_login().status_code)
    for t in crowd:
        t.join()
    assert logins and set(logins) == {302}, logins
    assert set(statuses) <= {302, 503} and 302 in statuses, statuses

"""Backups: made while people work, brought back elsewhere; and the doctor, who looks at all of it."""
import json
import os
import signal
import sqlite3
import stat
import subprocess
import threading

import pytest

from faults import BROKEN, FULL, SYNC, WRITE, FaultyRelay
from relay import PATIENCE, PROGRAM, Relay, preloaded
from test_clock import DAY_MS, Clock


def run(*words, status=0, env=None):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=PATIENCE,
                          env={**os.environ, **(env or {})})
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def backup(relay, name="copy.db", *more, **options):
    path = relay.folder / name
    run("backup", path, "--data", relay.data, *more, **options)
    return path


def restore(relay, path, *more, **options):
    return run("restore", path, "--data", relay.data, *more, **options)


def files(relay):
    return {p.name for p in relay.data.iterdir()}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def with_relay(kind=Relay, **options):
    @pytest.fixture
    def fixture():
        relay = kind(**options)
        try:
            relay.admin, relay.ann
            yield relay
        finally:
            relay.leave(kill=True)
    return fixture


r = with_relay()
other = with_relay()
faulty = with_relay(FaultyRelay)


def finish_one(space, tab, **fields):
    app = space.app()
    request_id = tab.submit(space)
    assert app.result(app.take(), {"text": "x" * 3000}, **fields)["accepted"]
    app.close()
    return request_id


# ---- there and back ----


@pytest.mark.parametrize("served", [True, False], ids=["served", "alone"])
def test_a_backup_brings_everything_back_elsewhere(r, other, served):
    space = r.space(queue_offline=True, description="says what it is")
    tab = r.ann.tab()
    done, waiting = finish_one(space, tab), tab.submit(space, {"prompt": "later"})
    if not served:
        r.stop()
    path = backup(r)
    assert mode(path) == 0o600
    assert not any(name.startswith("backup-") for name in files(r))
    if served:
        after = tab.submit(space, {"prompt": "after"})
        r.stop()
    listen = other.url.split("//")[1]
    other.stop()
    other.close_sockets()
    assert "what was there before is in" in restore(other, path, "--force").stderr
    other.start(listen)
    ann = other.people["ann"] = type(r.ann)(other, "ann").login()
    tab = ann.tab()
    assert tab.watch(done)["result"] == {"text": "x" * 3000}
    assert tab.watch(waiting)["status"] == "queued"
    if served:
        assert tab.subscribe(f"request:{after}")["code"] == "not_found"
    app = other.app()  # a token of the old folder's key
    assert app.register(space.name, token=space.token)["success"]
    assert app.result(app.take(), {"n": 1})["accepted"] is True
    assert tab.outcome(waiting)["result"] == {"n": 1}
    assert set(mode(other.data / name) for name in ("relay.db", "sign.key")) == {0o600}


def test_backups_are_whole_while_people_work(r):
    space = r.space(queue_offline=True)
    acknowledged, ending = [], threading.Event()

    def submit():
        tab = r.ann.tab()
        while not ending.is_set():
            m = tab.ask(space, {"prompt": "y" * 5000})
            if m["type"] == "submitted":
                acknowledged.append(m["request_id"])
            else:
                assert m["code"] == "rate_limited", m
                for i in acknowledged[-50:]:
                    tab.cancel(i)

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        for i in range(5):
            before = list(acknowledged)
            path = backup(r, f"copy{i}.db")
            db = sqlite3.connect(path)
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            there = {row[0].hex() for row in db.execute("SELECT id FROM request")}
            assert {i.replace("-", "") for i in before} <= there
            assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
            db.close()
    finally:
        ending.set()
        thread.join(PATIENCE)
    assert len(acknowledged) > 10


def backups_noted(relay):
    with sqlite3.connect(f"file:{relay.data / 'relay.db'}?mode=ro", uri=True) as db:
        return db.execute("SELECT actor, subject, detail FROM audit WHERE action = 'backup'").fetchall()


def test_a_backup_is_in_the_audit_log(r):
    run("backup", r.folder / "no" / "folder.db", "--data", r.data, status=1)
    assert backups_noted(r) == []
    backup(r)
    assert backups_noted(r) == [("(cli)", "", "")]
    r.stop()
    backup(r, "another.db")
    assert backups_noted(r) == [("(cli)", "", "")] * 2


def test_a_backup_replaces_nothing_unless_told(r):
    path = r.folder / "copy.db"
    path.write_text("precious")
    assert "is there already; --force" in run("backup", path, "--data", r.data, status=1).stderr
    assert path.read_text() == "precious"
    backup(r, "copy.db", "--force")
    assert path.read_bytes().startswith(b"SQLite format 3")
    assert f"cannot write in {r.folder}/no/: No such" in run(
        "backup", r.folder / "no" / "copy.db", "--data", r.data, status=1).stderr
    assert not any(name.startswith("backup-") for name in files(r))
    assert [p.name for p in r.folder.iterdir() if p.name.endswith(".part")] == []


@pytest.mark.parametrize("calls, error", [(WRITE, FULL), (SYNC, BROKEN)], ids=["full", "broken"])
def test_a_backup_that_fails_leaves_nothing(faulty, calls, error):
    """The calls of the server's half; what the command itself writes is beside the data folder."""
    with faulty.fault(calls, error):
        done = run("backup", faulty.folder / "copy.db", "--data", faulty.data, status=1)
    assert done.stderr.startswith("spacerelay: ")
    assert not (faulty.folder / "copy.db").exists()
    assert not any(name.startswith("backup-") for name in files(faulty))
    backup(faulty)


def test_copies_that_nobody_fetched_are_removed_by_the_next_start(r):
    left = r.data / "backup-01a1fcd3-b921-7000-8280-e1cfa63e5000.db"
    left.write_text("x")
    r.restart()
    assert not left.exists()


# ---- restoring ----


def content(relay):
    return {p.name: p.read_bytes() for p in relay.data.iterdir() if p.is_file() and p.name != "lock"}


def refused(relay, path, *says, more=()):
    before = content(relay)
    done = restore(relay, path, *more, status=1)
    assert content(relay) == before
    for words in says:
        assert words in done.stderr
    return done


def test_what_is_there_is_never_touched_without_force_or_under_a_server(r):
    path = backup(r)
    done = restore(r, path, "--force", status=1)
    assert "a server is running" in done.stderr
    r.stop()
    refused(r, path, "there is data in", "--force")
    old = content(r)
    restore(r, path, "--force")
    aside = next(p for p in r.data.iterdir() if p.name.startswith("before-restore-"))
    assert {p.name: p.read_bytes() for p in aside.iterdir()} == old
    assert mode(aside) == 0o700


def damaged(path, start=5000):
    content = bytearray(path.read_bytes())
    content[start:start + 3000] = b"x" * 3000
    path.write_bytes(content)


def alter(path, sql):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(sql)
    db.close()


def test_only_a_sound_backup_is_restored(r):
    finish_one(r.space(), r.ann.tab())
    path = backup(r)
    r.stop()
    good = path.read_bytes()
    path.write_text("a diary\n" * 1000)
    refused(r, path, "cannot be restored", more=["--force"])
    path.write_bytes(good[:len(good) // 2])
    refused(r, path, "cannot be restored", more=["--force"])
    for at in range(4096, len(good) - 4096, 8192):
        path.write_bytes(good)
        damaged(path, at)
        refused(r, path, "cannot be restored", more=["--force"])
    path.write_bytes(good)
    alter(path, "DROP TABLE backup")
    refused(r, path, "is no backup", more=["--force"])
    path.write_bytes(good)
    alter(path, "PRAGMA user_version = 999")
    refused(r, path, "newer spacerelay", "999", more=["--force"])
    path.write_bytes(good)
    alter(path, "UPDATE backup SET content = x'00' WHERE name = 'sign.key'")
    refused(r, path, "key", more=["--force"])
    refused(r, r.folder / "nothing", "cannot read", more=["--force"])
    path.write_bytes(good)
    restore(r, path, "--force")


def test_a_restore_that_fails_anywhere_leaves_the_old_or_the_new_or_says_so(faulty):
    """Its writes and fsyncs fail in turn, until one restore goes through."""
    space = faulty.space(queue_offline=True)
    path = backup(faulty)
    newer = faulty.ann.tab().submit(space)
    faulty.stop()
    faulty.close_sockets()
    seen = set()
    for calls, error in [(SYNC, BROKEN), (WRITE, FULL)]:
        for n in range(1, 200):
            with faulty.fault(calls, error, first=n, count=1):
                done = subprocess.run([PROGRAM, "restore", path, "--data", faulty.data, "--force"], capture_output=True,
                                      text=True, timeout=PATIENCE, env={**os.environ, **faulty.environment})
                failed = faulty.failed()
            assert done.returncode in (0, 1) and "Sanitizer" not in done.stderr, done.stderr
            if "restore.incomplete" in files(faulty):
                seen.add("pending")
                start = run("user", "list", "--data", faulty.data, status=1)
                assert "restore" in start.stderr and "interrupted" in start.stderr
                restore(faulty, path)  # no --force: that was said before
            else:
                seen.add("whole")
            run("user", "list", "--data", faulty.data)
            if done.returncode == 0 and not failed:
                break
        else:
            raise AssertionError("no restore went through")
    assert seen == {"pending", "whole"}
    faulty.start()
    assert faulty.ann.login().tab().subscribe(f"request:{newer}")["code"] == "not_found"


# Only root can give a file to somebody else; for others the folder is their own.
OWNERS = [os.geteuid(), *([65534] if os.geteuid() == 0 else [])]


@pytest.mark.parametrize("owner", OWNERS)
def test_what_is_restored_is_its_folders_owners(r, tmp_path, owner):
    folder, copy = tmp_path / "data", backup(r)
    folder.mkdir(0o700)
    os.chown(folder, owner, -1)
    run("restore", copy, "--data", folder)
    assert {p.name: p.stat().st_uid for p in folder.iterdir()} == {
        name: owner for name in ("lock", "relay.db", "sign.key")}
    owns = run("doctor", "--data", folder).stdout
    assert "FAIL" not in owns and str(folder / "lock") in owns


def test_the_doctor_sees_what_the_owner_of_the_folder_cannot_open(r, tmp_path):
    folder, copy = tmp_path / "data", backup(r)
    folder.mkdir(0o700)
    run("restore", copy, "--data", folder)
    os.chown(folder, OWNERS[-1], -1)
    done = run("doctor", "--data", folder, status=int(len(OWNERS) > 1))
    assert done.stdout.count("belongs to another user than its folder") == (3 if len(OWNERS) > 1 else 0)


# ---- the doctor ----


def look(relay, *more, status=0, env=None):
    done = run("doctor", "--json", "--data", relay.data, *more, status=status, env=env)
    return [(f["check"], f["status"]) for f in json.loads(done.stdout)], done.stdout


GOOD = ["folder", "files", "files", "files", "space", "server", "schema", "integrity", "rows", "clock"]


def test_all_is_well_with_a_server_and_without(r):
    finish_one(r.space(), r.ann.tab())
    findings, text = look(r)
    assert "a server runs, and answers" in text
    assert findings == [(check, "ok") for check in GOOD]
    lines = run("doctor", "--data", r.data).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["OK", check] for check in GOOD]
    r.stop()
    before = content(r)
    findings, text = look(r)
    assert "no server is running" in text
    assert findings == [(check, "ok") for check in GOOD]
    after = content(r)
    assert after.pop("relay.db-wal", b"") == b""
    after.pop("relay.db-shm", None)
    assert after == before


def test_the_doctor_of_a_killed_relay_changes_nothing(r):
    finish_one(r.space(), r.ann.tab())
    r.kill()
    r.close_sockets()
    before = {name: b for name, b in content(r).items() if name != "relay.db-shm"}
    assert look(r)[0] == [(check, "ok") for check in GOOD]
    assert {name: b for name, b in content(r).items() if name != "relay.db-shm"} == before


def test_permissions_are_looked_at(r):
    r.data.chmod(0o755)
    assert ("folder", "warn") in look(r)[0]
    (r.data / "sign.key").chmod(0o640)
    findings, text = look(r, status=1)
    assert ("files", "fail") in findings and "chmod 0600" in text
    (r.data / "sign.key").rename(r.folder / "away")
    assert ("files", "fail") in look(r, status=1)[0]
    assert not (r.data / "sign.key").exists()
    (r.folder / "away").rename(r.data / "sign.key")
    (r.data / "sign.key").chmod(0o600)
    r.data.chmod(0o700)


def test_damage_is_found(r):
    finish_one(r.space(), r.ann.tab())
    r.stop()
    damaged(r.data / "relay.db", 4096 * 3)
    findings, text = look(r, status=1)
    assert ("integrity", "fail") in findings and "spacerelay restore" in text
    (r.data / "relay.db").write_text("a diary\n" * 1000)
    assert ("database", "fail") in look(r, status=1)[0]


def test_another_schema_and_rows_of_nobody_are_told(r):
    r.stop()
    alter(r.data / "relay.db", "INSERT INTO chunk VALUES (5, 0, x'00')")
    findings, text = look(r)
    assert ("rows", "warn") in findings and "1 pieces of text that belong to nothing" in text
    alter(r.data / "relay.db", "PRAGMA user_version = 1")
    assert ("schema", "warn") in look(r)[0]
    alter(r.data / "relay.db", "PRAGMA user_version = 999")
    assert ("schema", "fail") in look(r, status=1)[0]


def test_a_clock_that_is_wrong_is_told(r):
    clock = Clock()
    r.stop()
    env = preloaded("clock", CLOCK_FILE=clock.file.name)
    clock.set(add_ms=-DAY_MS)
    findings, text = look(r, env=env)
    assert ("clock", "warn") in findings and "the newest row" in text
    clock.set(stands_ms=1000)
    assert ("clock", "fail") in look(r, status=1, env=env)[0]


def test_a_server_that_cannot_save_or_does_not_answer_is_told(faulty):
    space = faulty.space(queue_offline=True)
    with faulty.fault(WRITE, FULL):
        assert faulty.ann.tab().ask(space)["code"] == "store_unavailable"
        findings, text = look(faulty, status=1)
        assert ("saving", "fail") in findings and "the disk is full" in text
    faulty.process.send_signal(signal.SIGSTOP)
    try:
        findings, text = look(faulty, status=1)
        assert ("server", "fail") in findings and "did not answer in time" in text
    finally:
        faulty.process.send_signal(signal.SIGCONT)


def test_a_restore_that_was_interrupted_and_a_folder_that_is_missing_are_told(r):
    r.stop()
    (r.data / "restore.incomplete").write_text("")
    findings, text = look(r, status=1)
    assert ("restore", "fail") in findings and "spacerelay restore" in text
    done = run("doctor", "--json", "--data", r.folder / "nowhere", status=1)
    assert [f["status"] for f in json.loads(done.stdout)] == ["fail"]
    assert not (r.folder / "nowhere").exists()

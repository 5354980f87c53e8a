"""The command line: help, options, and the commands with and without a running server."""
import base64
import json
import os
import pathlib
import pty
import re
import socket
import stat
import subprocess
import termios

import pytest

from program_fixture import BINARY, PASSWORD, PATIENCE, add_user, clean_environment, command, serving

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERBS = [
    "serve", "user add", "user list", "user passwd", "user disable", "user enable", "space add", "space list",
    "space show", "space edit", "space remove", "token issue", "token list", "token revoke",
    "key add", "key list", "key revoke",
    "app list", "app drain", "app kick",
    "backup", "restore", "login", "logout", "spaces", "run", "requests", "show", "cancel", "doctor",
]


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture(params=["alone", "served"])
def place(request, data):
    """A data folder, as it is without a server and with one."""
    if request.param == "alone":
        yield data
    else:
        with serving(data):
            yield data


# ---- help, version, options ----


def test_the_served_page_tells_of_every_command_and_option():
    page = (ROOT / "static/docs/cli.html").read_text()
    for verb in VERBS:
        assert re.search(rf"<code>{verb}\b", page), verb
        for option in re.findall(r"^  (--[a-z-]+)", command(*verb.split(), "--help").out, re.M):
            assert option in ("--help", "--version") or option in page, (verb, option)


@pytest.mark.parametrize("words", ["", "user", "space", "token", "key", "app", *VERBS])
def test_help_goes_to_stdout(words):
    done = command(*words.split(), "--help")
    assert done.err == ""
    assert f"usage: spacerelay {words}".rstrip() in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    assert not re.search(r" +$", done.out, re.M)


def test_help_names_every_command_and_variable():
    out = command("--help").out
    assert all(verb in out for verb in VERBS)
    out = command("serve", "--help").out
    for option in "listen data tls-cert tls-key limits assets trusted-proxy socketio-origins log-level".split():
        assert f"--{option} " in out
        assert "SPACERELAY_" + option.upper().replace("-", "_") in out


@pytest.mark.parametrize("words", ["", "user", "serve", "token issue"])
def test_version_goes_to_stdout(words):
    done = command(*words.split(), "--version")
    assert re.fullmatch(r"spacerelay \d+\.\d+\.\d+\n", done.out)
    assert done.err == ""


@pytest.mark.parametrize("line, says", [
    ("", "a command is missing"),
    ("fly", "there is no command fly"),
    ("--fly", "there is no option --fly"),
    ("user", "an action is missing"),
    ("user fly", "there is no action fly"),
    ("user list --fly", "there is no option --fly"),
    ("user list --admin", "there is no option --admin"),
    ("user list -v", "there is no option -v"),
    ("user list more", "an argument too many: more"),
    ("user list --data", "--data needs a value: DIR"),
    ("user list --data=", "--data needs a value: DIR"),
    ("user list --json=yes", "--json takes no value"),
    ("user add --admin", "NAME is missing"),
    ("user add ann bob", "an argument too many: bob"),
    ("space add x --max-apps 0", "--max-apps must be a number from 1 to 1000"),
    ("space add x --max-apps 1001", "--max-apps must be a number from 1 to 1000"),
    ("space add x --max-apps two", "--max-apps must be a number from 1 to 1000"),
    ("space add x --inputs prompt,smell", "--inputs must be some of prompt, audio, video and file"),
    ("space add x --cover-type painting", "--cover-type must be image, emoji, color or gradient"),
    ("space add x --cover-type color --cover #12", "is no cover of the type color"),
    ("space add x --cover javascript:alert(1)", "is no cover of the type image"),
    ("space add x --rate-limit 86401", "--rate-limit must be a number of seconds from 0 to 86400"),
    ("space edit x", "nothing is to be changed"),
    ("space edit x --legacy --no-legacy", "--legacy and --no-legacy"),
    ("space edit x --queue-offline --no-queue-offline", "--queue-offline and --no-queue-offline"),
    ("space edit x --rename a/b", "1 to 64 characters"),
    ("token issue", "--space NAME is missing"),
    ("token issue --space x --expires soon", "--expires must be a time such as 90d"),
    ("token issue --space x --expires 0d", "--expires must be a time such as 90d"),
    ("token issue --space x --expires 99999d", "--expires must be a time such as 90d"),
    ("token revoke", "ID is missing"),
    ("token revoke 7", "7 is no token's ID"),
    ("login", "URL is missing"),
    ("run", "SPACE is missing"),
    ("run demo", "PROMPT is missing"),
    ("run demo hello more", "an argument too many: more"),
    ("run demo hello --retry-for never", "--retry-for must be a time such as 90d"),
    ("requests --limit 0", "--limit must be a number from 1 to 200"),
    ("requests --limit 201", "--limit must be a number from 1 to 200"),
    ("requests --status done", "--status must be queued, processing, completed, failed or cancelled"),
    ("key add --user ann --name x", "--scopes LIST is missing"),
    ("key add --name x --scopes read", "--user NAME is missing"),
    ("key add --user ann --scopes read", "--name TEXT is missing"),
    ("key add --user ann --name x --scopes all", "--scopes must be some of read, submit and admin"),
    ("key add --user ann --name x --scopes read,", "--scopes must be some of read, submit and admin"),
    ("key add --user a-b --name x --scopes read", "letters, digits and _"),
    ("key revoke --user ann", "--name TEXT is missing"),
    ("key list --user a-b", "letters, digits and _"),
    ("serve --log-level loud", "--log-level must be debug, info, warn or error"),
    ("serve --tls-cert x.pem", "--tls-cert and --tls-key go together"),
    ("serve --tls-key x.pem", "--tls-cert and --tls-key go together"),
    ("user add a-b --password-stdin", "letters, digits and _"),
    ("user disable a/b", "letters, digits and _"),
    ("space add a/b", "1 to 64 characters"),
])
def test_a_wrong_command_line_is_refused(line, says, tmp_path):
    done = command(*line.split(), status=2, cwd=tmp_path)
    assert done.out == ""
    assert done.err.startswith("spacerelay: ") and says in done.err, done.err
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_are_no_utf8_are_refused(tmp_path):
    for args in ([b"space", b"add", b"\xff"], [b"space", b"add", b"x", b"--description", b"\xff"]):
        done = subprocess.run([os.fsencode(BINARY), *args], capture_output=True, cwd=tmp_path, timeout=PATIENCE)
        assert done.returncode == 2 and b"UTF-8" in done.stderr


def test_a_value_may_be_attached(data):
    command("space", "add", "demo", f"--data={data}", "--description=a=b")
    assert command("space", "show", "demo", "--json", data=data).json()["description"] == "a=b"


def test_two_dashes_end_the_options(data):
    command("space", "add", "--data", data, "--", "--json")
    assert "--json" in command("space", "list", data=data).out


def test_options_may_stand_before_the_argument(data):
    command("space", "add", "--max-apps", "7", "--data", data, "demo")
    assert command("space", "show", "--json", "--data", data, "demo").json()["max_apps"] == 7


def test_every_option_is_read_from_the_environment(data):
    env = {"SPACERELAY_DATA": str(data), "SPACERELAY_DESCRIPTION": "from env", "SPACERELAY_MAX_APPS": "3",
           "SPACERELAY_QUEUE_OFFLINE": "1", "SPACERELAY_JSON": "yes", "SPACERELAY_ADMIN": ""}
    made = command("space", "add", "demo", env=env).json()
    assert (made["description"], made["max_apps"], made["queue_offline"]) == ("from env", 3, True)
    env.update(SPACERELAY_JSON="0", SPACERELAY_SPACE="demo", SPACERELAY_EXPIRES="1h")
    assert command("token", "issue", env=env).out.startswith("v4.public.")


def test_the_command_line_wins_over_the_environment(data, tmp_path):
    env = {"SPACERELAY_DATA": str(tmp_path / "other"), "SPACERELAY_MAX_APPS": "nonsense"}
    command("space", "add", "demo", "--max-apps", "2", data=data, env=env)
    assert not (tmp_path / "other").exists()


def test_a_wrong_variable_is_named(data):
    done = command("space", "add", "demo", data=data, env={"SPACERELAY_QUEUE_OFFLINE": "maybe"}, status=2)
    assert "SPACERELAY_QUEUE_OFFLINE must be 1 or 0" in done.err


def test_the_data_folder_has_a_default(tmp_path):
    command("space", "add", "demo", cwd=tmp_path)
    assert (tmp_path / "spacerelay-data" / "relay.db").exists()


def test_output_that_cannot_be_written_is_a_failure(data):
    command("space", "add", "demo", data=data)
    with open("/dev/full", "w") as full:
        done = subprocess.run([BINARY, "space", "list", "--data", data], stdout=full, stderr=subprocess.PIPE,
                              env=clean_environment(), timeout=PATIENCE)
    assert done.returncode == 1 and b"standard output" in done.stderr


# ---- users ----


def users(data):
    return {u["name"]: u for u in command("user", "list", "--json", data=data).json()}


def test_users_are_added_and_listed(place):
    done = add_user(place, "ann", "--admin")
    assert done.out == "" and "ann" in done.err
    made = add_user(place, "bob", "--json").json()
    assert set(made) == {"user_id", "name", "role", "disabled", "language", "created_at", "last_login_at"}
    listed = users(place)
    assert listed["bob"] == made
    assert (listed["ann"]["role"], listed["bob"]["role"]) == ("admin", "user")
    assert listed["ann"]["disabled"] is False and listed["ann"]["last_login_at"] is None
    table = command("user", "list", data=place).out.splitlines()
    assert table[0].split() == ["NAME", "ROLE", "STATE", "CREATED", "LAST", "LOG-IN"]
    assert [row.split()[:3] for row in table[1:]] == [["ann", "admin", "active"], ["bob", "user", "active"]]


def test_a_user_is_added_once(place):
    add_user(place, "ann")
    for name in ("ann", "Ann"):
        done = add_user(place, name, status=1)
        assert done.out == "" and done.err.startswith("spacerelay: ") and done.err.count("\n") == 1
    assert len(users(place)) == 1


def test_a_user_that_is_not_there(place):
    add_user(place, "ann", "--admin")
    for args in (["disable", "bob"], ["enable", "bob"], ["passwd", "bob", "--password-stdin"]):
        done = command("user", *args, data=place, stdin=PASSWORD, status=1)
        assert done.err.startswith("spacerelay: ") and done.err.count("\n") == 1


def test_users_are_disabled_and_enabled(place):
    add_user(place, "ann", "--admin")
    add_user(place, "bob")
    command("user", "disable", "bob", data=place)
    assert users(place)["bob"]["disabled"] is True
    assert "disabled" in command("user", "list", data=place).out
    command("user", "enable", "bob", data=place)
    assert users(place)["bob"]["disabled"] is False


def test_the_last_admin_stays(place):
    add_user(place, "ann", "--admin")
    assert command("user", "disable", "ann", data=place, status=1).err.startswith("spacerelay: ")
    assert users(place)["ann"]["disabled"] is False


def test_a_password_has_eight_bytes(place):
    assert "8 to 1024 bytes" in add_user(place, password="1234567\n", status=1).err
    assert "8 to 1024 bytes" in add_user(place, password="x" * 1025, status=1).err
    assert "8 to 1024 bytes" in add_user(place, password="x" * 5000, status=1).err


def test_passwords_made_without_a_server_log_in(data):
    add_user(data, "ann", "--admin", password=PASSWORD + "\n")  # one newline is dropped,
    add_user(data, "bob", password=PASSWORD + "\n\n")  # and only one
    add_user(data, "cid")
    command("user", "passwd", "cid", "--password-stdin", data=data, stdin="another one")
    with serving(data) as server:
        assert server.log_in("ann")
        assert not server.log_in("bob")
        assert server.log_in("bob", PASSWORD + "\n")
        assert not server.log_in("cid")
        assert server.log_in("cid", "another one")


def test_a_running_server_acts_at_once(data):
    add_user(data, "root", "--admin")
    with serving(data) as server:
        add_user(data, "bob")
        cookie = server.log_in("bob")
        assert server.is_logged_in(cookie)
        command("user", "passwd", "bob", "--password-stdin", data=data, stdin="another one")
        assert not server.is_logged_in(cookie)
        cookie = server.log_in("bob", "another one")
        assert server.is_logged_in(cookie)
        command("user", "disable", "bob", data=data)
        assert not server.is_logged_in(cookie)
        assert not server.log_in("bob", "another one")
        command("user", "enable", "bob", data=data)
        assert server.log_in("bob", "another one")


def test_without_a_terminal_no_password_is_asked_for(data):
    done = command("user", "add", "ann", data=data, status=2)
    assert "terminal" in done.err and "--password-stdin" in done.err
    assert not data.exists()


def type_passwords(data, *answers, args=("user", "add", "ann")):
    """On a terminal. (status, what the terminal showed)"""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([BINARY, *args, "--data", data], stdin=theirs, stdout=theirs, stderr=theirs,
                               env=clean_environment(), start_new_session=True)
    shown = b""
    for i, answer in enumerate(answers):
        while shown.count(b"Password") <= i:
            shown += os.read(ours, 1000)
        assert not termios.tcgetattr(ours)[3] & termios.ECHO
        os.write(ours, answer.encode() + b"\n")
    status = process.wait(PATIENCE)
    assert termios.tcgetattr(ours)[3] & termios.ECHO
    os.close(theirs)
    try:
        while more := os.read(ours, 1000):
            shown += more
    except OSError:
        pass  # the end of a terminal
    os.close(ours)
    return status, shown.decode()


def test_a_password_is_typed_twice_unseen(data):
    status, shown = type_passwords(data, PASSWORD, PASSWORD)
    assert status == 0 and PASSWORD not in shown, shown
    with serving(data) as server:
        add_user(data, "root", "--admin")
        assert server.log_in("ann")


def test_typed_passwords_that_differ_change_nothing(data):
    status, shown = type_passwords(data, PASSWORD, PASSWORD + "!")
    assert status == 1 and "differ" in shown
    status, shown = type_passwords(data, "short")
    assert status == 1 and "8 to 1024 bytes" in shown
    assert not data.exists()


# ---- spaces ----


def test_spaces_are_added_shown_and_removed(place):
    made = command("space", "add", "demo", "--description", "what <it> is", "--max-apps", "2", "--queue-offline",
                   "--json", data=place).json()
    assert re.fullmatch("[0-9a-f-]{36}", made["space_id"])
    assert (made["name"], made["description"], made["max_apps"], made["queue_offline"]) == (
        "demo", "what <it> is", 2, True)
    done = command("space", "add", "caf\u00e9 \U0001f680", data=place)
    assert done.out == "" and done.err != ""
    shown = command("space", "show", "demo", "--json", data=place).json()
    assert shown.pop("state")["connected"] is False and shown == made
    listed = command("space", "list", "--json", data=place).json()
    assert [s["name"] for s in listed] == ["demo", "caf\u00e9 \U0001f680"]
    assert listed[0] == made and listed[1]["max_apps"] == 1 and listed[1]["queue_offline"] is False
    assert "what <it> is" in command("space", "list", data=place).out
    assert made["space_id"] in command("space", "show", "demo", data=place).out
    done = command("space", "remove", "demo", data=place)
    assert done.out == ""
    assert [s["name"] for s in command("space", "list", "--json", data=place).json()] == ["caf\u00e9 \U0001f680"]


def test_a_space_is_added_with_all_that_a_form_has(place):
    command("space", "add", "demo", "--cover", "\U0001f40b", "--cover-type", "emoji", "--inputs", "audio, prompt",
            "--legacy", "--rate-limit", "5", data=place)
    shown = command("space", "show", "demo", "--json", data=place).json()
    assert (shown["cover"], shown["cover_type"], shown["inputs"], shown["legacy_registration"], shown["rate_limit_s"]) == (
        "\U0001f40b", "emoji", ["prompt", "audio"], True, 5)
    words = command("space", "show", "demo", data=place).out
    assert re.search("takes +prompt, audio", words) and re.search("apps without a token +yes", words)
    assert re.search("seconds between two requests +5", words) and re.search("cover +emoji \U0001f40b", words)


def test_an_edit_changes_what_it_names_and_nothing_else(place):
    made = command("space", "add", "demo", "--description", "d", "--legacy", "--queue-offline", "--max-apps", "3",
                   "--cover", "#123456", "--cover-type", "color", "--inputs", "file", "--json", data=place).json()

    def edit(*options, name="demo"):
        done = command("space", "edit", name, *options, data=place)
        assert done.out == "" and done.err.startswith("changed the space")
        listed = command("space", "list", "--json", data=place).json()
        return {k: v for k, v in listed[0].items() if v != made[k]}

    assert edit("--no-legacy") == {"legacy_registration": False}
    assert edit("--legacy", "--max-apps", "4") == {"max_apps": 4}
    assert edit("--max-apps", "3", "--cover", "#fff") == {"cover": "#fff"}
    assert edit("--cover", "/static/icon.svg", "--cover-type", "image", "--description", "e", "--no-queue-offline") == {
        "cover": "/static/icon.svg", "cover_type": "image", "description": "e", "queue_offline": False}
    assert edit("--cover", "", "--description=") == {
        "cover": "", "cover_type": "image", "description": "", "queue_offline": False}
    shown = command("space", "edit", "demo", "--rename", "other", "--rate-limit", "9", "--json", data=place).json()
    assert (shown["name"], shown["rate_limit_s"], shown["space_id"]) == ("other", 9, made["space_id"])
    assert edit("--rename", "demo", name="other")["rate_limit_s"] == 9
    done = command("space", "edit", "demo", "--cover", "no colour", "--cover-type", "color", data=place, status=2)
    assert "is no cover of the type color" in done.err


def test_an_edit_from_an_old_look_leaves_what_it_does_not_name(data):
    with serving(data):
        made = command("space", "add", "demo", "--description", "new", "--json", data=data).json()
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(data / "control.sock"))
            line.sendall(json.dumps({"command": "space_edit", "space_id": made["space_id"], "members": 16, "name": "old",
                                     "description": "old", "max_apps": 7}).encode() + b"\n")
            assert json.loads(line.makefile().readline())["code"] == "ok"
        listed = command("space", "list", "--json", data=data).json()[0]
        assert (listed["name"], listed["description"], listed["max_apps"]) == ("demo", "new", 7)


def test_a_space_has_a_name_of_its_own(place):
    command("space", "add", "demo", data=place)
    done = command("space", "add", "demo", data=place, status=1)
    assert done.err == 'spacerelay: Multiple spaces with name "demo" found. Please use unique space names.\n'
    command("space", "add", "Demo", data=place)
    command("space", "remove", "demo", data=place)
    command("space", "add", "demo", data=place)


def test_a_space_that_is_not_there(place):
    command("space", "add", "demo", data=place)
    for action in (["show", "nosuch"], ["remove", "nosuch"], ["edit", "nosuch", "--legacy"]):
        done = command("space", *action, data=place, status=1)
        assert done.out == "" and done.err == 'spacerelay: there is no space "nosuch"\n'


def test_a_description_has_an_end(place):
    command("space", "add", "demo", "--description", "d" * 2000, data=place)
    assert "2000 bytes" in command("space", "add", "other", "--description", "d" * 2001, data=place, status=2).err


def test_a_terminal_gets_no_control_characters(place):
    command("space", "add", "demo", "--description", "a\x1b[31mb\nc", data=place)
    for args in (["list"], ["show", "demo"]):
        out = command("space", *args, data=place).out
        assert "\x1b" not in out and "b c" in out
    assert command("space", "show", "demo", "--json", data=place).json()["description"] == "a\x1b[31mb\nc"


# ---- tokens ----


def claims(token):
    body = token.split(".")[2]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))[:-64])


def test_a_token_stands_alone_on_stdout(place):
    made = command("space", "add", "demo", "--json", data=place).json()
    done = command("token", "issue", "--space", "demo", "--expires", "90d", "--note", "at home", data=place)
    assert re.fullmatch(r"v4\.public\.[A-Za-z0-9_-]+\n", done.out) and done.err == ""
    said = claims(done.out.strip())
    listed = command("token", "list", "--space", "demo", "--json", data=place).json()
    assert len(listed) == 1
    assert set(listed[0]) == {"token_id", "space_id", "space", "note", "created_by", "created_at", "expires_at",
                              "revoked_at", "last_used_at", "state"}
    assert said["sub"] == made["space_id"] == listed[0]["space_id"]
    assert said["jti"] == listed[0]["token_id"]
    assert said["exp"] == listed[0]["expires_at"]
    assert (listed[0]["note"], listed[0]["state"], listed[0]["space"]) == ("at home", "valid", "demo")
    assert done.out.strip() not in command("token", "list", data=place).out


def test_a_token_may_last_for_ever(place):
    command("space", "add", "demo", data=place)
    made = command("token", "issue", "--space", "demo", "--json", data=place).json()
    assert "exp" not in claims(made["token"]) and made["expires_at"] is None
    assert claims(made["token"])["jti"] == made["token_id"]


def test_tokens_are_revoked(place):
    command("space", "add", "demo", data=place)
    command("space", "add", "other", data=place)
    ids = [command("token", "issue", "--space", name, "--json", data=place).json()["token_id"]
           for name in ("demo", "other")]
    assert "of this space" in command("token", "revoke", ids[0], "--space", "other", data=place, status=1).err
    done = command("token", "revoke", ids[0], "--space", "demo", data=place)
    assert done.out == "" and ids[0] in done.err
    states = {t["token_id"]: t["state"] for t in command("token", "list", "--json", data=place).json()}
    assert states == {ids[0]: "revoked", ids[1]: "valid"}
    command("token", "revoke", ids[1], data=place)
    assert command("token", "list", "--space", "other", "--json", data=place).json()[0]["state"] == "revoked"


def test_a_token_needs_a_space_that_is_there(place):
    command("space", "add", "demo", data=place)
    for action in ("issue", "list"):
        assert 'no space "nosuch"' in command("token", action, "--space", "nosuch", data=place, status=1).err
    unknown = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert unknown in command("token", "revoke", unknown, data=place, status=1).err


def test_a_note_fits_a_line(place):
    command("space", "add", "demo", data=place)
    for note in ("n" * 129, "a\nb"):
        assert "note" in command("token", "issue", "--space", "demo", "--note", note, data=place, status=2).err
    assert command("token", "list", "--json", data=place).json() == []


# ---- the data folder ----


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_reads_the_data(data):
    with serving(data):
        assert mode(data) == 0o700
        for name in ("relay.db", "sign.key", "lock", "control.sock"):
            assert mode(data / name) == 0o600, name


def test_questions_make_no_folder(data):
    for line in ("user list", "space list", "space show x", "space remove x", "token list", "user disable x", "key list",
                 "token issue --space x", "app list", "app kick --space x"):
        done = command(*line.split(), data=data, status=1)
        assert done.err == f"spacerelay: there is no data folder {data}; --data DIR names it\n"
    assert not data.exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        done = command("space", "add", "demo", data=path, status=1)
        assert str(path) in done.err and done.err.count("\n") == 1


def test_a_key_that_others_can_read_is_refused(data):
    command("space", "add", "demo", data=data)
    (data / "sign.key").chmod(0o644)
    assert "sign.key" in command("space", "list", data=data, status=1).err


def test_a_newer_database_is_refused(data):
    import sqlite3

    command("space", "add", "demo", data=data)
    db = sqlite3.connect(data / "relay.db")
    db.execute("PRAGMA user_version = 999")
    db.close()
    for line in ("space list", "serve --listen 127.0.0.1:0"):
        done = command(*line.split(), data=data, status=1)
        assert "newer" in done.err, done.err


def test_a_command_waits_for_another_one(data):
    import fcntl

    command("space", "add", "demo", data=data)
    with open(data / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen([BINARY, "space", "list", "--data", data], stdout=subprocess.PIPE,
                                   env=clean_environment())
        done = command("space", "list", data=data, status=1)  # which waited for longer than it takes to start
        assert str(data) in done.err and "another" in done.err
        assert waiting.wait(PATIENCE) == 1
        waiting.stdout.close()
    command("space", "list", data=data)


def test_a_path_longer_than_a_socket_address(tmp_path):
    data = tmp_path / ("d" * 120) / ("e" * 120)
    data.parent.mkdir()
    with serving(data):
        command("space", "add", "demo", data=data)
        assert (data / "control.sock").exists()
        assert command("space", "list", "--json", data=data).json()[0]["name"] == "demo"


def test_a_socket_left_over_is_no_server(data):
    with serving(data) as server:
        command("space", "add", "demo", data=data)
        server.process.kill()
        server.ended()
    assert (data / "control.sock").exists()
    assert command("space", "list", "--json", data=data).json()[0]["name"] == "demo"


# ---- API keys ----


def test_a_key_stands_alone_on_stdout(place):
    add_user(place, "ann")
    done = command("key", "add", "--user", "ann", "--name", "my script", "--scopes", "submit,read", "--expires", "90d",
                   data=place)
    assert re.fullmatch(r"sr_[A-Za-z0-9_-]{43}\n", done.out) and done.err == ""
    listed = command("key", "list", "--user", "ANN", "--json", data=place).json()
    assert len(listed) == 1
    assert set(listed[0]) == {"key_id", "user", "name", "scopes", "created_at", "expires_at", "last_used_at", "state"}
    assert (listed[0]["user"], listed[0]["name"], listed[0]["state"]) == ("ann", "my script", "valid")
    assert listed[0]["scopes"] == ["read", "submit"]
    assert listed[0]["expires_at"] > listed[0]["created_at"] and listed[0]["last_used_at"] is None
    assert done.out.strip() not in command("key", "list", data=place).out
    assert done.out.strip() not in (place / "relay.db").read_bytes().decode(errors="replace")


def test_a_key_may_last_for_ever(place):
    add_user(place, "ann")
    made = command("key", "add", "--user", "ann", "--name", "x", "--scopes", "read", "--json", data=place).json()
    assert made["key"].startswith("sr_") and made["expires_at"] is None and made["scopes"] == ["read"]
    assert command("key", "list", "--json", data=place).json()[0]["key_id"] == made["key_id"]


def test_keys_are_revoked_by_name(place):
    for user in ("ann", "bob"):
        add_user(place, user)
        command("key", "add", "--user", user, "--name", "x", "--scopes", "read", data=place)
    words = ("key", "revoke", "--user", "ann", "--name", "x")
    assert "revoked" in command(*words, data=place).err
    assert [k["user"] for k in command("key", "list", "--json", data=place).json()] == ["bob"]
    assert command("key", "list", "--user", "ann", "--json", data=place).json() == []
    assert "no such API key" in command(*words, data=place, status=1).err


def test_a_key_needs_a_user_who_may_have_it(place):
    add_user(place, "ann")
    words = ("key", "add", "--name", "x", "--scopes")
    assert "no such user" in command(*words, "read", "--user", "bob", data=place, status=1).err
    assert "Only an admin" in command(*words, "admin", "--user", "ann", data=place, status=1).err
    command(*words, "read", "--user", "ann", data=place)
    assert "of this name already" in command(*words, "read", "--user", "ann", data=place, status=1).err
    assert "no such user" in command("key", "list", "--user", "bob", data=place, status=1).err

"""`make run`: tools/run.sh in a folder of its own."""
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
import requests

from relay import BUILD, ENGLISH, PATIENCE, ROOT


class Script:
    """tools/run.sh as a terminal runs it."""

    def __init__(self, home, port=0):
        self.process = subprocess.Popen(
            ["bash", home / "tools/run.sh"], env={**os.environ, "BUILD": str(BUILD.resolve()), "PORT": str(port)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            # A shell cannot trap what was ignored when it began, as it is in a script's background job.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.said = ""

    def until(self, pattern):
        while not (found := re.search(pattern, self.said)):
            line = self.process.stdout.readline()
            assert line, f"it ended without {pattern}: {self.said}"
            self.said += line
        return found[1]

    def gone(self):
        self.said += self.process.communicate(timeout=PATIENCE)[0]
        return self.process.returncode

    def end(self):
        self.process.send_signal(signal.SIGINT)  # Ctrl+C
        return self.gone()


@pytest.fixture
def home(tmp_path):
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/run.sh", tmp_path / "tools")
    return tmp_path


@pytest.fixture
def start(home):
    scripts = []

    def run(port=0):
        scripts.append(Script(home, port))
        return scripts[-1]

    yield run
    for script in scripts:
        if script.process.poll() is None:
            script.end()


def log_in(script):
    url, password = script.until(r"is running +(http://\S+)"), script.until(r"password +(\S+)")
    person = requests.Session()
    person.headers.update(ENGLISH)
    answer = person.post(url + "/login", data={"username": "demo", "password": password})
    assert answer.status_code == 200 and "Log out" in answer.text
    return person, url, password


def test_the_log_in_that_it_prints_works_and_its_app_is_connected(start):
    script = start()
    person, url, _ = log_in(script)
    script.until(r"(Registration successful)")
    assert "✓ Connected" in person.get(url + "/spaces/demo").text


def test_after_ctrl_c_a_second_start_finds_its_data_again(start):
    script = start()
    _, url, password = log_in(script)
    assert script.end() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=PATIENCE)
    again = start()
    assert log_in(again)[2] == password
    assert again.end() == 0


def test_a_second_one_beside_it_says_where_it_runs(start):
    _, url, _ = log_in(start())
    second = start()
    assert second.gone() == 1
    assert f"running already at {url}" in second.said
    assert "PORT=" not in second.said
    assert requests.get(url, timeout=PATIENCE).status_code == 200


def test_a_port_that_is_taken_is_named_with_the_way_out(start):
    with socket.create_server(("127.0.0.1", 0)) as other:
        script = start(port=other.getsockname()[1])
        assert script.gone() == 1
    assert "Address already in use" in script.said and "make run PORT=" in script.said

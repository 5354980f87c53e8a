"""https and wss."""
import socket

import requests

from relay import PATIENCE, relay_fixture

server, r = relay_fixture("server", tls=True)


def test_the_url_says_https_and_the_certificate_is_ours(r):
    assert r.url.startswith("https://127.0.0.1:")
    assert requests.get(r.url + "/healthz", verify=str(r.certificate), timeout=PATIENCE).text == "ok\n"


def test_pages_and_sockets_work_over_tls(r):
    answer = r.ann.try_login()
    assert answer.status_code == 302
    fields = [f.strip() for f in answer.headers["Set-Cookie"].split(";")]
    assert "Secure" in fields and "HttpOnly" in fields
    assert r.ann.get("/").status_code == 200
    space = r.space()
    app = space.app()
    tab = r.ann.tab()
    request_id = tab.submit(space, {"prompt": "x" * 100000})
    request = app.take()
    assert len(request["payload"]["prompt"]) == 100000
    assert app.result(request, {"text_output": "y" * 1000000})["accepted"]
    assert len(tab.outcome(request_id)["result"]["text_output"]) == 1000000
    host = r.url.split("//")[1]
    assert r.refusal("/ws/client", {"Cookie": r.ann.cookie, "Origin": "http://" + host}) == 403
    assert r.ann.post("/admin/space/add", {"Origin": "http://" + host}).status_code == 403


def test_plain_text_on_the_tls_port_does_no_harm(r):
    host, port = r.url.split("//")[1].split(":")
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100, b""):
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            try:
                while s.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    assert r.ann.get("/").status_code == 200




def test_a_stop_is_told_over_tls_too(r):
    app = r.space().app()
    tab = r.ann.tab()
    r.process.terminate()
    assert app.wait_type("drain")
    assert (app.closed(), tab.closed()) == (1001, 1001)
    assert r.wait_end() == 0
    r.start(r.url.split("//")[1])
    assert r.ann.get("/").status_code == 200

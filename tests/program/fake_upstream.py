"""An OpenAI-compatible model server that does exactly what a test tells it to.

Every request waits in `asked` until the test takes it and says, piece by piece, what it is answered; nothing happens by
itself. GET /models is answered at once, from `models` and `key`."""
import http.server
import json
import queue
import socket
import threading

PATIENCE = 30  # seconds; only a failing test waits so long
DONE = b"data: [DONE]\n\n"


class Gone(Exception):
    """The client closed the connection."""


class Asked:
    """One request. The test answers it; the thread that holds its connection waits for `over`."""

    def __init__(self, handler, body):
        self.handler, self.path, self.headers = handler, handler.path, handler.headers
        self.raw, self.over, self.streaming = body, threading.Event(), False
        self.json = json.loads(body) if body else None

    # ---- all at once ----

    def answer(self, body, status=200, type="application/json", **headers):
        """A whole answer: bytes as they are, anything else as JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.head(status, type, Content_Length=len(body), **headers)
        self.write(body)
        self.end()

    def refuse(self, status, message=None, **headers):
        self.answer({"error": {"message": message, "type": "some_error"}} if message else b"", status, **headers)

    # ---- piece by piece ----

    def head(self, status=200, type="text/event-stream", **headers):
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {type}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.write("\r\n".join(lines + ["", ""]).encode())

    def write(self, data):
        try:
            self.handler.connection.sendall(data)
        except OSError:
            raise Gone() from None

    def stream(self):
        """Chunked from here on."""
        self.streaming = True
        self.head(Transfer_Encoding="chunked")
        return self

    def bytes(self, data):
        self.write(b"%x\r\n%s\r\n" % (len(data), data) if self.streaming else data)
        return self

    def event(self, data):
        return self.bytes(b"data: " + json.dumps(data).encode() + b"\n\n")

    def delta(self, **delta):
        return self.event({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]})

    def say(self, *words):
        for word in words:
            self.delta(content=word)
        return self

    def finish(self, reason="stop", usage=None, done=True):
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if usage:
            self.event({"choices": [], "usage": usage})
        if done:
            self.bytes(DONE)
        self.end()

    def end(self):
        """The answer is whole."""
        if self.streaming:
            self.write(b"0\r\n\r\n")
        self.over.set()

    def cut(self):
        """The connection breaks."""
        self.handler.connection.shutdown(socket.SHUT_RDWR)
        self.over.set()

    def wait_gone(self):
        """Until the client has closed its side."""
        self.handler.connection.settimeout(PATIENCE)
        assert self.handler.connection.recv(1) == b"", "it sent more"
        self.over.set()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        up = self.server.upstream
        if up.key and self.headers["Authorization"] != f"Bearer {up.key}":
            status, body = 401, {"error": {"message": "Incorrect API key"}}
        elif up.models_status != 200 or self.path != "/v1/models":
            status, body = up.models_status if up.models_status != 200 else 404, {}
        else:
            status, body = 200, {"object": "list", "data": [{"id": m, "object": "model"} for m in up.models]}
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        up = self.server.upstream
        asked = Asked(self, self.rfile.read(int(self.headers["Content-Length"])))
        up.asked.put(asked)
        if not asked.over.wait(3 * PATIENCE):
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that goes away is no news


class Upstream:
    def __init__(self, models=("tiny",), key=None, tls=None):
        """tls: an ssl.SSLContext."""
        self.models, self.key, self.models_status, self.tls = list(models), key, 200, tls
        self.asked, self.port, self.server = queue.Queue(), 0, None
        self.start()

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/v1"

    def start(self):
        """On the same port as before, if there was one."""
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.upstream = self
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Nobody listens any more."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None

    def next(self):
        """The next request."""
        return self.asked.get(timeout=PATIENCE)

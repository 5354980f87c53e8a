"""What stands in for civetweb behind the edge: hands each request to the test, which answers as it likes."""
import queue
import socket
import tempfile
import threading

from edge_fixture import PATIENCE

SECRET = "the-secret-of-this-start"


def listening(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    return listener


class Hop:
    """One request as a web thread has got it, and its connection."""

    def __init__(self, web, sock, raw, body):
        self.web, self.sock, self.body = web, sock, body
        lines = raw.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.fields = [tuple(line.split(": ", 1)) for line in lines[1:]]

    def __getitem__(self, name):
        found = [v for n, v in self.fields if n.lower() == name.lower()]
        assert len(found) < 2, found
        return found[0] if found else None

    def reply(self, body=b"", status="200 OK", fields="", length=True):
        head = f"HTTP/1.1 {status}\r\n{fields}" + (f"Content-Length: {len(body)}\r\n" if length else "")
        self.raw(head.encode() + b"\r\n" + body)

    def raw(self, data):
        self.sock.sendall(data)

    def close(self):
        self.web.gone(self.sock)
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Web:
    """Stands in for civetweb: hands each request to the test, which answers."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name + "/pages.sock"
        self.listener = listening(self.path)
        self.requests, self.socks, self.most = queue.Queue(), set(), 0
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.socks.add(sock)
                self.most = max(self.most, len(self.socks))
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        held = b""
        try:
            while True:
                while b"\r\n\r\n" not in held:
                    data = sock.recv(65536)
                    if not data:
                        return
                    held += data
                head, held = held.split(b"\r\n\r\n", 1)
                lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                n = int(lengths[0].split(b":")[1]) if lengths else 0
                while len(held) < n:
                    held += sock.recv(65536)
                body, held = held[:n], held[n:]
                self.requests.put(Hop(self, sock, head, body))
        except OSError:
            pass
        finally:
            self.gone(sock)

    def gone(self, sock):
        with self.lock:
            self.socks.discard(sock)

    def next(self):
        return self.requests.get(timeout=PATIENCE)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.folder.cleanup()

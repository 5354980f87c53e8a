"""An inference app as people wrote it for Flask-SocketIO sites, with Debian's python3-socketio: it knows the host, the
name of its space, and four events. What it is told is held until a test asks for it."""
import queue

import socketio

from relay import PATIENCE


class OldApp:
    def __init__(self, url, transports=None, query="", auth=None, reconnect=False, verify=True):
        self.heard, self.connects = queue.Queue(), queue.Queue()
        self.held = []
        self.sio = socketio.Client(reconnection=reconnect, reconnection_delay=0.05, reconnection_delay_max=0.2,
                                   ssl_verify=verify)
        self.sio.on("connect", lambda: self.connects.put(True))
        self.sio.on("disconnect", lambda: self.connects.put(False))
        for event in ("register_response", "inference_request", "inference_cancel"):
            self.sio.on(event, lambda data, event=event: self.heard.put((event, data)))
        self.sio.connect(url + query, transports=transports, auth=auth, wait_timeout=PATIENCE)
        assert self.connects.get(timeout=PATIENCE) is True

    def emit(self, event, *data, **options):
        self.sio.emit(event, *data, **options)

    def wait(self, event):
        """The data of the first event of that name; what came before it is held."""
        for i, (name, data) in enumerate(self.held):
            if name == event:
                del self.held[i]
                return data
        while True:
            name, data = self.heard.get(timeout=PATIENCE)
            if name == event:
                return data
            self.held.append((name, data))

    def said(self, **sync):
        """All that came before the relay read this."""
        self.sio.call("sync", timeout=PATIENCE)
        while not self.heard.empty():
            self.held.append(self.heard.get())
        said, self.held = self.held, []
        return said

    def register(self, space_name, **fields):
        self.emit("register", {"space_name": space_name, **fields})
        return self.wait("register_response")

    def take(self):
        return self.wait("inference_request")

    def result(self, request, result=None, status="completed", **fields):
        """Returns when the relay has taken it, or refused it."""
        data = {"request_id": request["request_id"], "status": status,
                "result": {"text_output": "done"} if result is None else result, **fields}
        self.sio.call("inference_result", data, timeout=PATIENCE)

    def gone(self):
        """Waits until the connection has ended."""
        while self.connects.get(timeout=PATIENCE):
            pass

    def back(self):
        """Waits until it has connected again."""
        while not self.connects.get(timeout=PATIENCE):
            pass

    def close(self):
        self.sio.disconnect()

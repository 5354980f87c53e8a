#!/usr/bin/env python3
"""The relay that one writes on an afternoon: Flask-SocketIO, everything in memory. For comparing speed, nothing else.

    flask_relay.py PORT"""
import collections
import sys
import uuid

from flask import Flask, request
from flask_socketio import SocketIO, emit

app = Flask(__name__)
socketio = SocketIO(app)
waiting = collections.deque()
requests = {}
apps = []


def dispatch():
    while waiting and apps:
        job = waiting.popleft()
        job["status"] = "processing"
        socketio.emit("inference_request", {"n": job["n"], "request_id": job["id"], "prompt": job["prompt"]}, to=apps[0])


@socketio.on("register")
def register(data):
    apps.append(request.sid)
    emit("registered", {})
    dispatch()


@socketio.on("submit")
def submit(data):
    job = {"id": str(uuid.uuid4()), "n": data["n"], "prompt": data["prompt"], "person": request.sid, "status": "queued"}
    requests[job["n"]] = job
    waiting.append(job)
    emit("submitted", {"n": job["n"], "request_id": job["id"], "position": len(waiting)})
    dispatch()


@socketio.on("inference_progress")
def progress(data):
    job = requests[data["n"]]
    socketio.emit("progress", data, to=job["person"])


@socketio.on("inference_result")
def result(data):
    job = requests.pop(data["n"])
    job["status"] = "completed"
    socketio.emit("result", data, to=job["person"])


@socketio.on("disconnect")
def disconnect():
    if request.sid in apps:
        apps.remove(request.sid)


@app.route("/")
def index():
    return "a plain relay"


if __name__ == "__main__":
    socketio.run(app, host="127.0.0.1", port=int(sys.argv[1]))

// The relay that one writes on an afternoon: Node and socket.io, everything in memory. For comparing speed, nothing else.
//
//     node node_relay.js PORT
"use strict";
const { randomUUID } = require("node:crypto");
const http = require("node:http");
const { Server } = require("socket.io");

const server = http.createServer((request, response) => response.end("a plain relay"));
const io = new Server(server);
const waiting = [];
const requests = new Map();
const apps = [];

function dispatch() {
    while (waiting.length && apps.length) {
        const job = waiting.shift();
        job.status = "processing";
        io.to(apps[0]).emit("inference_request", { n: job.n, request_id: job.id, prompt: job.prompt });
    }
}

io.on("connection", (socket) => {
    socket.on("register", () => {
        apps.push(socket.id);
        socket.emit("registered", {});
        dispatch();
    });
    socket.on("submit", (data) => {
        const job = { id: randomUUID(), n: data.n, prompt: data.prompt, person: socket.id, status: "queued" };
        requests.set(job.n, job);
        waiting.push(job);
        socket.emit("submitted", { n: job.n, request_id: job.id, position: waiting.length });
        dispatch();
    });
    socket.on("inference_progress", (data) => {
        io.to(requests.get(data.n).person).emit("progress", data);
    });
    socket.on("inference_result", (data) => {
        const job = requests.get(data.n);
        requests.delete(data.n);
        job.status = "completed";
        io.to(job.person).emit("result", data);
    });
    socket.on("disconnect", () => {
        if (apps.includes(socket.id)) {
            apps.splice(apps.indexOf(socket.id), 1);
        }
    });
});

server.listen(Number(process.argv[2]), "127.0.0.1");

// An inference app as people write one with npm's socket.io-client: node node_app.mjs URL SPACE [TRANSPORT...]
// It prints one JSON line for each event it hears, and answers a request when it is told to on stdin: one JSON line each,
// {"event": name, "data": {...}} is emitted as it is.
import readline from 'node:readline';
import { io } from 'socket.io-client';

const [url, space, ...transports] = process.argv.slice(2);
const say = (event, data) => console.log(JSON.stringify({ event, data }));
const socket = io(url, transports.length ? { transports } : {});

socket.on('connect', () => socket.emit('register', { space_name: space }));
for (const event of ['register_response', 'inference_request', 'inference_cancel'])
    socket.on(event, (data) => say(event, data));
socket.on('disconnect', (reason) => say('disconnect', reason));

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
    const { event, data } = JSON.parse(line);
    socket.emit(event, data);
});
lines.on('close', () => socket.close());

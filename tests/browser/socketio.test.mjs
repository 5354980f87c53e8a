// npm's socket.io-client against sio_echo, in Node and in Chromium (from another origin): the same scenarios, over WebSocket
// alone, by polling alone, and in the default order (polling, then the upgrade).

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { io } from 'socket.io-client';
import { launch } from './person.mjs';
import { Echo, Site } from './sio_echo.mjs';

const ORDERS = { websocket: ['websocket'], polling: ['polling'], default: undefined };
const ENDS = { websocket: 'websocket', polling: 'polling', default: 'websocket' };

// Everything below runs in Node and, as text, in the page: it uses nothing but its arguments and `io`.

async function talk(io, url, transports) {
    const socket = io(url, { transports, auth: { token: 'abc' }, forceNew: true, reconnection: false });
    const once = (name) => new Promise((done) => socket.once(name, (...args) => done(args)));
    const said = {};
    said.auth = await once('auth');
    if (!transports)
        await new Promise((done) => (socket.io.engine.transport.name === 'websocket' ? done() : socket.io.engine.once('upgrade', done)));
    said.transport = socket.io.engine.transport.name;

    socket.emit('message', 1, '2', { 3: [true, null, '€😀'] });
    said.back = await once('message-back');
    said.ack = await socket.emitWithAck('message-with-ack', 'a', { b: 1 });
    socket.once('asked', (...args) => args.pop()('yes', ...args));
    socket.emit('ask', 'c');
    said.answered = await once('answered');

    const blob = Uint8Array.from({ length: 70000 }, (_, i) => i % 256);
    socket.emit('message', { deep: [blob] }, Uint8Array.from([]));
    const [deep, empty] = await once('message-back');
    const returned = new Uint8Array(deep.deep[0]);
    said.binary = returned.length === blob.length && returned.every((byte, i) => byte === blob[i]) && new Uint8Array(empty).length === 0;
    socket.emit('message', 'x'.repeat(900000));
    said.large = (await once('message-back'))[0].length;

    const custom = io(`${new URL(url).origin}/custom`, { transports, auth: { token: 'custom' } });
    said.custom = await new Promise((done) => custom.once('auth', done));
    custom.disconnect();
    const random = io(`${new URL(url).origin}/random`, { transports, reconnection: false });
    said.random = await new Promise((done) => random.once('connect_error', (error) => done(error.message)));
    random.disconnect();
    socket.disconnect();
    return said;
}

async function burst(io, url, transports, count) {
    const socket = io(url, { transports, forceNew: true });
    const numbers = [];
    const back = [];
    await new Promise((done) => {
        const look = () => numbers.length === count && back.length === count && done();
        socket.on('number', (n) => look(numbers.push(n)));
        socket.on('message-back', (n) => look(back.push(n)));
        socket.emit('burst', count);
        for (let i = 0; i < count; i++)
            socket.emit('message', i);
    });
    socket.disconnect();
    return numbers.every((n, i) => n === i) && back.every((n, i) => n === i);
}

async function dismissal(io, url, transports) {
    const socket = io(url, { transports, forceNew: true, reconnectionDelay: 50 });
    const events = [];
    socket.io.on('reconnect_attempt', () => events.push('reconnect_attempt'));
    const gone = new Promise((done) => socket.once('disconnect', done));
    socket.on('farewell', () => events.push('farewell'));
    socket.emit('leave');
    return { why: await gone, events, active: socket.active };
}

/** Dropped once: it comes back by itself and works. */
async function comeback(io, url, transports) {
    const socket = io(url, { transports, forceNew: true, reconnectionDelay: 50, randomizationFactor: 0 });
    const gone = new Promise((done) => socket.once('disconnect', done));
    socket.emit('drop');
    const why = await gone;
    await new Promise((done) => socket.once('connect', done));
    const ack = await socket.emitWithAck('message-with-ack', 'again');
    socket.disconnect();
    return { why, ack };
}

/** Lives over several heartbeats: as many pings are counted. */
async function heartbeats(io, url, transports) {
    const socket = io(url, { transports, forceNew: true, reconnection: false });
    let pings = 0;
    await new Promise((done, fail) => {
        socket.once('disconnect', fail);
        socket.io.on('ping', () => ++pings === 5 && done());
    });
    const ack = await socket.emitWithAck('message-with-ack', 'alive');
    socket.off('disconnect');
    socket.disconnect();
    return ack;
}

// The two places where it runs.

const places = {
    async node() {
        return { run: (scenario, ...args) => scenario(io, ...args), end: async () => {} };
    },
    async chromium() {
        const site = await Site.start();
        const browser = await launch();
        const page = await browser.newPage();
        await page.goto(site.url);
        return {
            run: (scenario, ...args) => page.evaluate(`(${scenario})(io, ${args.map((a) => JSON.stringify(a) ?? 'undefined').join(',')})`),
            async end() {
                await browser.close();
                await site.end();
            },
        };
    },
};

for (const [name, open] of Object.entries(places)) {
    describe(`socket.io-client in ${name}`, { timeout: 120000 }, () => {
        let place, echo;
        before(async () => {
            place = await open();
            echo = await Echo.start();
        });
        after(async () => {
            await place?.end();
            await echo?.end();
        });

        for (const [order, transports] of Object.entries(ORDERS)) {
            it(`talks: ${order}`, async () => {
                assert.deepEqual(await place.run(talk, echo.url, transports), {
                    auth: [{ token: 'abc' }],
                    transport: ENDS[order],
                    back: [1, '2', { 3: [true, null, '€😀'] }],
                    ack: 'a',
                    answered: ['yes', 'c'],
                    binary: true,
                    large: 900000,
                    custom: { token: 'custom' },
                    random: 'Invalid namespace',
                });
            });

            it(`keeps the order of a burst both ways: ${order}`, async () => {
                assert.equal(await place.run(burst, echo.url, transports, 500), true);
                assert.equal(await place.run(burst, echo.url, transports, order === 'polling' ? 1000 : 5000), true);
            });

            it(`stays away when the server has dismissed it: ${order}`, async () => {
                assert.deepEqual(await place.run(dismissal, echo.url, transports), {
                    why: 'io server disconnect', events: ['farewell'], active: false,
                });
            });

            it(`comes back when it was dropped: ${order}`, async () => {
                const { why, ack } = await place.run(comeback, echo.url, transports);
                assert.ok(['transport close', 'transport error'].includes(why), why);
                assert.equal(ack, 'again');
            });

            it(`answers the heartbeat: ${order}`, async () => {
                const quick = await Echo.start({ PING_INTERVAL: '200', PING_TIMEOUT: '1000' });
                try {
                    assert.equal(await place.run(heartbeats, quick.url, transports), 'alive');
                } finally {
                    await quick.end();
                }
            });
        }
    });
}

describe('socket.io-client and a server that restarts', { timeout: 60000 }, () => {
    for (const [order, transports] of Object.entries(ORDERS)) {
        it(`comes back: ${order}`, async () => {
            let echo = await Echo.start();
            const { port, url } = echo;
            const socket = io(url, { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
            try {
                await new Promise((done) => socket.once('connect', done));
                const gone = new Promise((done) => socket.once('disconnect', done));
                echo.shutDown();
                assert.match(await gone, /^transport (close|error)$/);
                await echo.end();
                echo = await Echo.start({ port });
                await new Promise((done) => socket.once('connect', done));
                assert.equal(await socket.emitWithAck('message-with-ack', 'again'), 'again');
            } finally {
                socket.disconnect();
                await echo.end();
            }
        });
    }

    it('is told at once that a client has left', async () => {
        const echo = await Echo.start();
        try {
            const socket = io(echo.url, { forceNew: true });
            await new Promise((done) => socket.once('auth', done));
            socket.disconnect();
            while (!(await echo.log()).length);
            assert.deepEqual(await echo.log(), ['closed / clean']);
        } finally {
            await echo.end();
        }
    });
});

// The page's one connection to /ws/client: it reconnects by itself with backoff and jitter, subscribes again where it
// was, and says in a thin bar when it is down. The protocol is at /docs/protocol.

import { h, parseJson } from './dom.js';
import { t } from './i18n.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const BAR_AFTER_MS = 700; // a blink of the connection is not worth a bar
const LOGIN_AFTER_MS = 700; // so that "You are logged out" is shown where it was asked for, not in another tab
const SENDS_AT_MOST = 3;  // of a submit: one that breaks each connection must not break them for ever
const SLEPT_MS = 150000;  // timers of a hidden page run once a minute; a longer gap means that the machine slept

const topics = new Map();  // topic -> {seq, epoch, handlers}
const pending = new Map(); // ref -> {text, sends, resolve, reject}: submits without an answer
const watchers = new Set();
const bar = document.getElementById('connection');

let socket = null;
let up = false;
let everUp = false;
let failures = 0;
let timer = 0;
let barTimer = 0;
let stopped = false;
let loggingOut = false;
let counter = 0;

export class RelayError extends Error {
    constructor({ code, message, request_id }) {
        super(message || code);
        this.code = code;
        this.requestId = request_id;
    }
}

export function isUp() {
    return up;
}

/** Calls f(up) whenever the connection comes or goes. */
export function onConnection(f) {
    watchers.add(f);
}

/* Where the log-in leads back to this page. */
function toLogin() {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Watches a topic; one watcher each. handlers: state(state), event(event), error(code), refused(error); each may be
 *  missing. Returns a function that ends it. */
export function subscribe(topic, handlers) {
    const entry = { seq: null, epoch: null, handlers };
    topics.set(topic, entry);
    if (up)
        sendSubscribe(topic, entry);
    else
        connect();
    return () => {
        if (topics.get(topic) !== entry)
            return;
        topics.delete(topic);
        send({ type: 'unsubscribe', topic });
    };
}

/** 128 random bits; crypto.randomUUID is missing where a page comes by plain http. */
function randomKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}

/** Submits a request. When the connection breaks before the answer has come it is sent again with the same key, which
 *  gives the same request. Resolves with {request_id, position}; rejects with a RelayError (code "lost" when the
 *  connection does not come back: then nobody knows). */
export function submit(space, payload) {
    const ref = `s${Date.now().toString(36)}-${(counter += 1)}`;
    const text = JSON.stringify({ type: 'submit', space, payload, ref, idempotency_key: randomKey() });
    return new Promise((resolve, reject) => {
        if (!up) {
            reject(new RelayError({ code: 'offline', message: '' }));
            return;
        }
        socket.send(text);
        pending.set(ref, { text, sends: 1, resolve, reject });
    });
}

/** Asks to cancel; the answer arrives as an event of the request's topic. False when the connection is down. */
export function cancel(requestId) {
    return send({ type: 'cancel', request_id: requestId });
}

function send(message) {
    if (!up)
        return false;
    socket.send(JSON.stringify(message));
    return true;
}

function sendSubscribe(topic, entry) {
    const message = { type: 'subscribe', topic };
    if (entry.epoch !== null)
        Object.assign(message, { since: entry.seq, epoch: entry.epoch });
    send(message);
}

const receivers = {
    subscribed(m) {
        const entry = topics.get(m.topic);
        if (!entry)
            return;
        if (m.recovered) {
            // The missed events follow and carry their own numbers.
            entry.epoch = m.epoch;
            return;
        }
        Object.assign(entry, { epoch: m.epoch, seq: m.seq });
        if (m.state !== undefined)
            entry.handlers.state?.(m.state);
    },
    event(m) {
        const entry = topics.get(m.topic);
        if (!entry || (entry.seq !== null && m.seq <= entry.seq))
            return;
        entry.seq = m.seq;
        entry.handlers.event?.(m.event);
    },
    submitted(m) {
        pending.get(m.ref)?.resolve(m);
        pending.delete(m.ref);
    },
    error(m) {
        if (m.ref !== undefined && pending.has(m.ref)) {
            pending.get(m.ref).reject(new RelayError(m));
            pending.delete(m.ref);
            return;
        }
        if (m.topic !== undefined && topics.has(m.topic)) {
            const entry = topics.get(m.topic);
            topics.delete(m.topic);
            entry.handlers.error?.(m.code);
            return;
        }
        topics.get(`request:${m.request_id}`)?.handlers.refused?.(m);
    },
};

function receive(event) {
    let message;
    try {
        message = parseJson(event.data);
    } catch {
        return;
    }
    if (Object.hasOwn(receivers, message.type))
        receivers[message.type](message);
}

function refuse(ref, code) {
    pending.get(ref).reject(new RelayError({ code, message: '' }));
    pending.delete(ref);
}

/* The relay closes at the head of a message that is too large, without saying which one it was. */
function refuseLargest() {
    const refs = [...pending.keys()].sort((a, b) => pending.get(b).text.length - pending.get(a).text.length);
    if (refs.length > 0)
        refuse(refs[0], 'too_large');
}

function sendPending() {
    for (const [ref, entry] of pending) {
        entry.sends += 1;
        if (entry.sends > SENDS_AT_MOST)
            refuse(ref, 'lost');
        else
            socket.send(entry.text);
    }
}

function opened() {
    up = everUp = true;
    failures = 0;
    for (const [topic, entry] of topics)
        sendSubscribe(topic, entry);
    sendPending();
    showBar();
    for (const f of watchers)
        f(true);
}

function giveUp() {
    for (const ref of [...pending.keys()])
        refuse(ref, 'lost');
}

function closed(event) {
    const was = up;
    socket = null;
    up = false;
    if (was)
        for (const f of watchers)
            f(false);
    if (event.code === 1009)
        refuseLargest();
    if (event.code === 4502) {
        stopped = true;
        giveUp();
        if (!loggingOut)
            setTimeout(toLogin, LOGIN_AFTER_MS);
    } else if (event.code >= 4500 && event.code <= 4999) {
        stopped = true;
        giveUp();
        showBar(t('connection.refused'));
    } else if (!stopped) {
        retry(was);
    }
}

/** A refused handshake looks like a lost network. A page that needs a log-in tells them apart. */
async function checkLogin() {
    try {
        const reply = await fetch('/requests', { method: 'HEAD', redirect: 'manual', cache: 'no-store' });
        if (reply.type === 'opaqueredirect' || reply.status === 401)
            toLogin();
    } catch {
        // Really unreachable.
    }
}

function retry(was) {
    failures += 1;
    if (!was && failures % 3 === 2)
        checkLogin();
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
    const wait = most / 2 + Math.random() * most / 2;
    clearTimeout(timer);
    timer = setTimeout(connect, wait);
    if (!barTimer && bar.hidden)
        barTimer = setTimeout(() => showBar(t('connection.lost')), everUp ? BAR_AFTER_MS : 0);
}

function showBar(text) {
    clearTimeout(barTimer);
    barTimer = 0;
    if (text) {
        bar.replaceChildren(h('span', {}, text));
        if (!stopped)
            bar.append(' ', h('button', { type: 'button', onclick: () => connect() }, t('connection.now')));
        bar.className = 'connection down';
        bar.hidden = false;
    } else if (!bar.hidden) {
        bar.replaceChildren(h('span', {}, t('connection.back')));
        bar.className = 'connection up';
        barTimer = setTimeout(() => {
            barTimer = 0;
            bar.hidden = true;
        }, 1500);
    }
}

function connect() {
    clearTimeout(timer);
    if (socket || stopped || topics.size === 0)
        return;
    const url = new URL('/ws/client', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const mine = new WebSocket(url, 'spacerelay.v1');
    socket = mine;
    mine.onopen = () => socket === mine && opened();
    mine.onmessage = (event) => socket === mine && receive(event);
    mine.onclose = (event) => socket === mine && closed(event);
}

/* The relay closes our socket while this very page is on its way to /logout: that way must not be cut off. */
document.addEventListener('click', (event) => {
    if (event.target.closest?.('a[href="/logout"]') && !event.ctrlKey && !event.metaKey && !event.shiftKey)
        loggingOut = true;
});

/* Browsers call it an error on the page's console when one is closed before it is open. */
function close(old) {
    if (old.readyState === WebSocket.CONNECTING)
        old.onopen = () => old.close(1000);
    else
        old.close(1000);
}

/** Gives the connection up at once, without waiting for the other side's answer. */
function drop() {
    if (!socket)
        return;
    const old = socket;
    closed({ code: 1006 });
    close(old);
}

addEventListener('online', () => connect());
addEventListener('offline', drop);
document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible')
        connect();
});
addEventListener('pagehide', () => {
    stopped = true;
    if (socket)
        close(socket);
});
addEventListener('pageshow', (event) => {
    if (event.persisted) {
        stopped = false;
        connect();
    }
});

let last = Date.now();
setInterval(() => {
    const now = Date.now();
    if (now - last > SLEPT_MS) {
        drop();
        connect();
    }
    last = now;
}, 5000);

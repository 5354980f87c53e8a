// A space's admin page: its state, and the list of connected apps fetched again when they change.

import { refresh, setPill } from './dom.js';
import { subscribe } from './socket.js';

const page = document.getElementById('admin-space');
let timer = 0;
let known = '';

function show(s) {
    setPill(document.querySelector('#state [data-pill]'), s);
    const now = `${s.apps} ${s.slots} ${s.slots_free} ${s.draining}`;
    if (known && now !== known && !timer)
        timer = setTimeout(reload, 400);
    known = now;
}

function reload() {
    timer = 0;
    refresh('[data-live="apps"]', page.dataset.url).catch(() => {});
}

subscribe(`space:${page.dataset.id}`, { state: show, event: show });
document.getElementById('new-token')?.focus();

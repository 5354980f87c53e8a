// Every request: the first page is fetched again when the relay's numbers say that something happened, at most every 2 s.
// The requests themselves are not subscribed to: that would show their words, and count as a look at each.

import { refresh } from './dom.js';
import { subscribe } from './socket.js';

const EVERY_MS = 2000;
const list = () => document.getElementById('list');
const filters = document.getElementById('filters');
let known = '';
let timer = 0;
let last = 0;

for (const select of filters.querySelectorAll('select'))
    select.addEventListener('change', () => filters.requestSubmit());

const histories = () => [...list().querySelectorAll('tr.history')];
const idOf = (history) => history.previousElementSibling.dataset.request;

async function reload() {
    timer = 0;
    last = Date.now();
    if (list().contains(document.activeElement)) { // what somebody is about to follow stays where it is
        timer = setTimeout(reload, EVERY_MS);
        return;
    }
    const open = new Map(histories().map((row) => [idOf(row), row.querySelector('details').open]));
    if (!await refresh('#list').catch(() => false))
        return;
    for (const row of histories())
        row.querySelector('details').open = open.get(idOf(row)) ?? row.querySelector('details').open;
}

function changed(stats) {
    const now = [stats.queued, stats.processing, stats.requests_per_minute, stats.failed_per_minute].join(' ');
    if (known && now !== known && !timer)
        timer = setTimeout(reload, Math.max(0, last + EVERY_MS - Date.now()));
    known = now;
}

if ('first' in list().dataset)
    subscribe('admin', { state: changed, event: changed });

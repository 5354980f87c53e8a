// The list of my requests: the unfinished ones on this page follow live; the filters apply as soon as they are chosen.

import { duration, setBadge, setText } from './dom.js';
import { subscribe } from './socket.js';

const MOST = 100; // topics a page of this kind watches; the relay allows 256 a socket

const filters = document.getElementById('filters');
filters?.addEventListener('change', () => filters.requestSubmit());

function follow(row) {
    const created = Date.parse(row.querySelector('time').dateTime);
    const end = subscribe(`request:${row.dataset.request}`, { state: show, event: show });

    function show(change) {
        if (!change.status)
            return;
        row.dataset.status = change.status;
        setBadge(row.querySelector('[data-badge]'), change.status);
        if (change.status === 'queued' || change.status === 'processing')
            return;
        const finished = change.finished_at ? Date.parse(change.finished_at) : Date.now();
        setText(row.querySelector('[data-duration]'), duration(finished - created));
        end?.();
    }
}

for (const row of [...document.querySelectorAll('tr[data-unfinished]')].slice(0, MOST))
    follow(row);

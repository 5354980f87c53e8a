// The admin overview and the list of spaces: numbers and states as they are now.

import { count, duration, refresh, setPill, setText } from './dom.js';
import { Plot } from './plot.js';
import { onConnection, subscribe } from './socket.js';

const tiles = document.getElementById('tiles');
const plots = [];
const WARNINGS_MS = 15000;

function showStats(stats) {
    for (const node of tiles.querySelectorAll('[data-value]')) {
        const value = stats[node.dataset.value];
        if (value !== undefined)
            setText(node, 'ms' in node.dataset ? latency(value) : count(value));
    }
    for (const { plot, keys } of plots)
        plot.push(...keys.map((key) => stats[key] ?? 0));
}

/* What the server knows to warn of, as long as somebody looks. */
function renewWarnings() {
    if (!document.hidden && !document.getElementById('warnings').contains(document.activeElement))
        refresh('#warnings').catch(() => {});
}

function latency(ms) {
    return ms > 0 ? duration(ms) : '–';
}

if (tiles) {
    for (const place of tiles.querySelectorAll('[data-plot]')) {
        const keys = [place.dataset.plot, place.dataset.plot2].filter(Boolean);
        plots.push({ plot: new Plot(place, keys.length), keys });
    }
    for (const node of tiles.querySelectorAll('[data-ms]'))
        if (/^\d+$/.test(node.textContent))
            setText(node, latency(Number(node.textContent)));
    subscribe('admin', { state: showStats, event: showStats });
    onConnection((up) => tiles.classList.toggle('stale', !up));
    setInterval(renewWarnings, WARNINGS_MS);
}

function showSpace(s) {
    const row = document.querySelector(`#spaces-table [data-space="${CSS.escape(s.space_id)}"]`);
    if (!row || s.removed) {
        refresh('#spaces-table').catch(() => {});
        return;
    }
    setPill(row.querySelector('[data-pill]'), s);
    for (const node of row.querySelectorAll('[data-stat]'))
        setText(node, count(s[node.dataset.stat] ?? '–'));
}

subscribe('spaces', {
    state({ spaces }) {
        spaces.forEach(showSpace);
    },
    event: showSpace,
});

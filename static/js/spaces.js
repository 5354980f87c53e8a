// The list of spaces: live states, and a search box that narrows the cards.

import { count, refresh, setPill, setText } from './dom.js';
import { subscribe } from './socket.js';

const BETWEEN_RELOADS_MS = 2000;

let reloading = false;
let again = false; // something changed while the list was being fetched

function show(s) {
    const card = document.querySelector(`.space-card[data-space="${CSS.escape(s.space_id)}"]`);
    if (!card || s.removed || s.name !== card.dataset.name) {
        if (card || !s.removed)
            reload();
        return;
    }
    setPill(card.querySelector('[data-pill]'), s);
    setText(card.querySelector('[data-queue]'), count(s.queue_length));
}

/* A space came, went or was renamed: the server knows how its card looks. */
async function reload() {
    if (reloading) {
        again = true;
        return;
    }
    reloading = true;
    await refresh(document.querySelector('.space-card') ? '#spaces' : '#main').catch(() => {});
    narrow();
    setTimeout(() => {
        reloading = false;
        if (again) {
            again = false;
            reload();
        }
    }, BETWEEN_RELOADS_MS);
}

function narrow() {
    const box = document.getElementById('search');
    const words = (box?.value ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of document.querySelectorAll('.space-card')) {
        const text = `${card.dataset.name} ${card.querySelector('.description').textContent}`.toLowerCase();
        card.hidden = !words.every((word) => text.includes(word));
        shown += !card.hidden;
    }
    document.getElementById('no-match').hidden = shown > 0 || words.length === 0;
}

document.addEventListener('input', (event) => {
    if (event.target.id === 'search')
        narrow();
});
narrow();

subscribe('spaces', {
    state({ spaces }) {
        const ids = new Set(spaces.map((s) => s.space_id));
        if ([...document.querySelectorAll('.space-card')].some((card) => !ids.has(card.dataset.space)))
            reload();
        spaces.forEach(show);
    },
    event: show,
});

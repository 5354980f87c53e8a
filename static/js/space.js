// A space's page: its live state, the prompt form, and a card for each request of mine that runs here.

import {
    announce, count, duration, h, parseJsonToSend, setBadge, setPill, setText, timeNode,
} from './dom.js';
import { t } from './i18n.js';
import { RequestCard, errorWords, fetchRequest } from './request_card.js';
import { isUp, submit, subscribe } from './socket.js';

const page = document.getElementById('space');
const form = document.getElementById('prompt-form');
const button = document.getElementById('submit');
const reason = document.getElementById('reason');
const formError = document.getElementById('form-error');
const live = document.getElementById('live');
const how = document.getElementById('how');
const recentBody = document.querySelector('#recent tbody');
const prompt = document.getElementById('prompt');
const inputs = [...form.querySelectorAll('[data-input]')];
const queueOffline = page.dataset.queueOffline === '1';
const cards = new Set();

let state = null; // the space's, as the relay last said
let name = page.dataset.name;

/* ---- the space ---- */

function blocked() {
    return state !== null && (state.removed || (!state.connected && !queueOffline));
}

function showState(said) {
    const s = said.removed ? { removed: true, connected: false } : said;
    state = s;
    name = s.name ?? name;
    setPill(document.querySelector('#state [data-pill]'), s);
    for (const node of document.querySelectorAll('#stats [data-stat]'))
        setText(node, count(s[node.dataset.stat] ?? '–'));
    if (s.removed)
        showReason(t('space.removed'), true);
    else if (blocked())
        showReason(t('space.blocked'), true);
    else if (!s.connected)
        showReason(t('space.waits'), false);
    else
        showReason(s.draining ? t('space.draining') : '', false);
    if (how)
        how.hidden = s.connected || s.removed;
    for (const card of cards)
        card.setAlone(!s.connected);
}

function showReason(text, bad) {
    setText(reason, text);
    reason.hidden = text === '';
    reason.classList.toggle('error', bad);
    form.classList.toggle('blocked', bad);
    if (bad)
        button.setAttribute('aria-disabled', 'true');
    else
        button.removeAttribute('aria-disabled');
    if (!bad && formError.textContent === t('space.not_connected'))
        showError('');
}

subscribe(`space:${page.dataset.id}`, {
    state: showState,
    event: showState,
    error: () => showState({ removed: true }),
});

/* ---- sending ---- */

function showError(text, field) {
    setText(formError, text);
    formError.hidden = text === '';
    for (const node of form.querySelectorAll('[aria-invalid]'))
        node.removeAttribute('aria-invalid');
    if (field) {
        field.setAttribute('aria-invalid', 'true');
        field.focus();
    }
}

/* The payload, or null after saying what is wrong with the input. */
function readPayload() {
    const payload = {};
    if (prompt?.value.trim())
        payload.prompt = prompt.value;
    for (const input of inputs) {
        const value = input.value.trim();
        if (value && !/^https?:\/\/./.test(value)) {
            showError(t('space.bad_url'), input);
            return null;
        }
        if (value)
            payload[input.name] = value;
    }
    if (Object.keys(payload).length === 0) {
        showError(t('space.empty_input'), prompt ?? inputs[0]);
        return null;
    }
    return payload;
}

function send(payload) {
    if (blocked()) {
        showError(t(state.removed ? 'space.removed' : 'space.not_connected'));
        return;
    }
    if (!isUp()) {
        showError(t('space.offline'));
        return;
    }
    showError('');
    const card = addCard({ payload, status: 'sending', created_at: new Date().toISOString() });
    submit(name, payload).then(
        (m) => card.accepted(m.request_id, m.position),
        (error) => {
            dropCard(card);
            showError(error.code === 'lost' || error.code === 'offline' ? t(error.code === 'lost' ? 'space.lost_submit' : 'space.offline')
                : errorWords(error).filter(Boolean).join(' '));
        },
    );
}

function submitForm() {
    if (blocked()) {
        showError(t(state.removed ? 'space.removed' : 'space.not_connected'));
        return;
    }
    const payload = readPayload();
    if (!payload)
        return;
    send(payload);
    if (document.activeElement === prompt)
        prompt.select();
}

form.addEventListener('submit', (event) => {
    event.preventDefault();
    submitForm();
});

/* The second half of a double click means the same request, not another one. */
button.addEventListener('click', (event) => {
    if (event.detail > 1)
        event.preventDefault();
});

/* ---- cards ---- */

function addCard(initial) {
    const card = new RequestCard(initial, { again, dismiss });
    card.node.relayCard = card;
    card.setAlone(state !== null && !state.connected);
    cards.add(card);
    live.prepend(card.node);
    return card;
}

function dropCard(card) {
    card.remove();
    cards.delete(card);
}

async function again(card) {
    if (!card.model.data.payload) {
        try {
            card.model.data.payload = (await fetchRequest(card.id, parseJsonToSend)).payload;
        } catch {
            showError(t('card.gone'));
            return;
        }
    }
    send(card.model.data.payload);
    form.scrollIntoView({ block: 'nearest' });
}

/* A card that is removed goes on as a row of the list below. */
function dismiss(card) {
    const d = card.model.data;
    const took = d.finished_at ? duration(Date.parse(d.finished_at) - Date.parse(d.created_at)) : '';
    const badge = h('span', {});
    setBadge(badge, d.status);
    recentBody.querySelector(`[data-request="${CSS.escape(d.request_id)}"]`)?.remove();
    recentBody.prepend(h('tr', { 'data-request': d.request_id, 'data-status': d.status },
        h('td', { class: 'c-status' }, badge),
        h('td', { class: 'c-prompt' }, h('a', { href: `/requests/${d.request_id}` }, card.prompt || t('requests.no_prompt'))),
        h('td', { class: 'c-space' }),
        h('td', { class: 'c-time' }, timeNode(d.created_at)),
        h('td', { class: 'c-num' }, took)));
    dropCard(card);
    showRecent();
    form.querySelector('textarea, input')?.focus();
}

function showRecent() {
    const rows = recentBody.querySelectorAll('tr:not([hidden])').length;
    document.getElementById('recent-wrap').hidden = rows === 0;
    document.getElementById('recent-empty').hidden = rows !== 0;
}

/* Requests that ran when the page was loaded get their cards back, the oldest first, as they were. */
for (const row of [...recentBody.querySelectorAll('tr[data-unfinished]')].reverse()) {
    const card = addCard({
        request_id: row.dataset.request,
        status: row.dataset.status,
        prompt: row.querySelector('.c-prompt a').textContent,
        created_at: row.querySelector('time').dateTime,
    });
    row.hidden = true;
    card.watch();
}
showRecent();

/* ---- keys ---- */

function cardToCancel(target) {
    const own = target.closest?.('.req')?.relayCard;
    if (own && !own.final)
        return own;
    return [...live.children].map((node) => node.relayCard).find((card) => !card.final && card.id);
}

document.addEventListener('keydown', (event) => {
    if (event.isComposing)
        return;
    if (event.key === 'Enter' && event.repeat && (event.ctrlKey || event.metaKey || event.target.closest?.('button'))) {
        event.preventDefault(); // a key that is held was pressed once
    } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && form.contains(event.target)) {
        event.preventDefault();
        submitForm();
    } else if (event.key === 'Escape' && !event.defaultPrevented) {
        const card = cardToCancel(event.target);
        if (card) {
            event.preventDefault();
            card.cancel();
            announce(t('card.cancelling'));
        }
    }
});

/* "Run again" on a request's own page leads here: fill the form and let the person press the button. */
async function fillAgain(id) {
    history.replaceState(null, '', location.pathname + location.search);
    try {
        const { payload } = await fetchRequest(id);
        if (prompt && typeof payload.prompt === 'string')
            prompt.value = payload.prompt;
        for (const input of inputs)
            if (typeof payload[input.name] === 'string')
                input.value = payload[input.name];
        (prompt ?? inputs[0])?.focus();
        grow();
    } catch {
        showError(t('card.gone'));
    }
}

const wanted = /^#again=([0-9a-f-]{36})$/.exec(location.hash);
if (wanted)
    fillAgain(wanted[1]);

/* ---- the prompt grows with its text ---- */

function grow() {
    if (!prompt)
        return;
    prompt.style.height = 'auto';
    prompt.style.height = `${Math.min(prompt.scrollHeight + 2, innerHeight * 0.5)}px`;
}

prompt?.addEventListener('input', () => {
    grow();
    if (!formError.hidden)
        showError('');
});
grow();

// A request as a card: state, position, progress, the text as it streams, the result with its fields, and what can be
// done with it.

import {
    announce, copyButton, count, duration, fact, h, parseJson, percent, roughly, setBadge, setText, timeNode,
} from './dom.js';
import { lookup, said, t } from './i18n.js';
import { RequestModel } from './request_model.js';
import { cancel, subscribe } from './socket.js';
import { Stream } from './stream.js';

const SPOKEN_CHARS = 300;
/* Codes whose sentence from the relay says more than the catalogue's. */
const OWN_WORDS = new Set(['app_error', 'input_refused', 'rate_limited', 'too_large', 'bad_message']);

/** An error in words: the sentence, and what else the relay said. */
export function errorWords({ code, message }) {
    const known = lookup(`codes.${code}`);
    const own = message && message !== code ? said(message) : '';
    if (!known || (OWN_WORDS.has(code) && own))
        return [own || code, ''];
    return [known, own !== known ? own : ''];
}

/* Whole seconds: it counts up. */
function elapsed(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    return s < 60 ? t('time.seconds', { n: s }) : duration(s * 1000);
}

/** The whole request from its page's JSON. */
export async function fetchRequest(id, parse = JSON.parse) {
    const reply = await fetch(`/requests/${id}.json`);
    if (!reply.ok)
        throw new Error(`status ${reply.status}`);
    return parse(await reply.text());
}

/* The app has it and works on earlier ones. */
function waitsInside(d) {
    return d.status === 'processing' && d.reason === 'app_busy';
}

export class RequestCard {
    /** initial: {prompt, payload?, request_id?, status?, created_at?}. hooks: again(card), dismiss(card), final(card); bare:
     *  leave out what the request's own page shows elsewhere. */
    constructor(initial, { bare = false, ...hooks } = {}) {
        this.hooks = hooks;
        this.bare = bare;
        this.model = new RequestModel(initial, (what, text) => this.#changed(what, text));
        this.#build();
        this.#changed('state');
    }

    get id() {
        return this.model.data.request_id;
    }

    get final() {
        return this.model.final;
    }

    get prompt() {
        return this.model.data.payload?.prompt ?? this.model.data.prompt ?? '';
    }

    /** The relay has accepted it. */
    accepted(requestId, position) {
        Object.assign(this.model.data, { request_id: requestId, status: 'queued', position });
        this.watch();
        this.#changed('state');
    }

    watch() {
        this.unwatch = subscribe(`request:${this.id}`, {
            state: (state) => this.model.replace(state),
            event: (event) => this.model.apply(event),
            error: () => this.#lookUp(),
            refused: (error) => this.#cancelRefused(error),
        });
    }

    cancel() {
        if (this.final || !this.id || this.cancelling)
            return;
        if (!cancel(this.id)) {
            setText(this.announcer, t('space.offline'));
            this.note.textContent = t('space.offline');
            return;
        }
        this.cancelling = true;
        this.#changed('state');
    }

    /** Whether no app is connected: what runs then only waits for its app to come back. */
    setAlone(alone) {
        if (alone === Boolean(this.alone))
            return;
        this.alone = alone;
        this.#changed('state');
    }

    remove() {
        this.unwatch?.();
        clearInterval(this.ticker);
        this.node.remove();
    }

    /* The topic is gone: the request ended while nobody looked. The store knows it. */
    async #lookUp() {
        try {
            const { payload, ...state } = await fetchRequest(this.id, parseJson); // it is not to be sent again like this
            this.model.replace({ ...state, prompt: payload?.prompt ?? this.model.data.prompt });
        } catch {
            this.note.textContent = t('card.gone');
        }
    }

    #cancelRefused(error) {
        this.cancelling = false;
        this.note.textContent = errorWords(error)[0];
        this.#changed('state');
    }

    #build() {
        const d = this.model.data;
        this.badge = h('span', { class: 'badge' });
        this.where = h('span', { class: 'where' });
        this.when = h('span', { class: 'when' }, timeNode(d.created_at ?? new Date().toISOString()));
        this.announcer = h('span', { class: 'visually-hidden', role: 'status' });
        this.idRow = h('p', { class: 'req-id', hidden: true });
        this.fill = h('i');
        this.bar = h('div', {
            class: 'bar', role: 'progressbar', 'aria-label': t('card.progress'), 'aria-valuemin': 0, 'aria-valuemax': 100, hidden: true,
        }, this.fill);
        this.note = h('p', { class: 'req-note' });
        this.output = h('div', { class: 'output stream', tabindex: 0, role: 'region', 'aria-label': t('card.answer'), hidden: true });
        this.stream = new Stream(this.output);
        this.failure = h('div', { class: 'req-failure' });
        this.ending = h('div', { class: 'req-ending' });
        this.actions = h('div', { class: 'actions req-actions' });
        this.promptNode = h('p', { class: 'req-prompt' });
        this.node = h('article', { class: `req${this.bare ? ' bare' : ''}`, tabindex: -1, 'aria-label': t('request.heading') },
            h('header', { class: 'req-head' }, this.badge, this.where, this.when),
            this.announcer, this.promptNode, this.idRow, this.bar, this.note, this.failure, this.output, this.ending,
            this.actions);
        this.ticker = setInterval(() => this.#where(), 1000);
    }

    #changed(what, text) {
        if (!this.node)
            return;
        if (what === 'delta') {
            this.output.hidden = false;
            this.stream.append(text);
            return;
        }
        const d = this.model.data;
        this.#head(d);
        this.#progress(d);
        this.#text(d);
        this.#buttons(d);
        if (this.final && !this.ended)
            this.#end(d);
    }

    #head(d) {
        this.node.dataset.status = d.status;
        setBadge(this.badge, d.status);
        setText(this.promptNode, this.prompt);
        this.promptNode.hidden = this.bare || this.prompt === '';
        if (this.spoken !== d.status && this.spoken !== undefined && !this.final)
            setText(this.announcer, t(`status.${d.status}`));
        this.spoken = d.status;
        if (this.id && !this.idRow.firstChild && !this.bare) {
            this.idRow.append(h('span', { class: 'quiet' }, t('card.id')), ' ', h('code', {}, this.id), ' ', copyButton(this.id, undefined, 'small'));
            this.idRow.hidden = false;
        }
        this.#where();
    }

    /* One line in words: where it stands. */
    #where() {
        const d = this.model.data;
        const parts = [];
        if (d.status === 'queued') {
            if (d.position)
                parts.push(d.position === 1 ? t('card.position_next') : t('card.position', { n: count(d.position) }));
            else
                parts.push(t('card.waiting'));
            if (d.reason)
                parts.push(lookup(`reasons.${d.reason}`) ?? d.reason);
            if (d.eta_s !== undefined)
                parts.push(t('card.eta', { time: roughly(d.eta_s) }));
        } else if (d.status === 'processing') {
            if (waitsInside(d))
                parts.push(t('card.inside'));
            else if (d.started_at)
                parts.push(t('card.started', { time: elapsed(Date.now() - Date.parse(d.started_at)) }));
            if (d.attempt > 1)
                parts.push(t('card.attempt', { n: d.attempt }));
            if (this.alone)
                parts.push(t('reasons.app_disconnected'));
        } else if (this.final && d.finished_at && d.created_at) {
            parts.push(t('card.took', { time: duration(Date.parse(d.finished_at) - Date.parse(d.created_at)) }));
        }
        setText(this.where, parts.join(' · '));
        if (this.final)
            clearInterval(this.ticker);
    }

    #progress(d) {
        const running = d.status === 'processing';
        const known = running && typeof d.percent === 'number';
        this.bar.hidden = !running || waitsInside(d) || this.alone === true;
        this.bar.classList.toggle('unknown', running && !known);
        if (known) {
            this.bar.setAttribute('aria-valuenow', Math.round(d.percent));
            this.fill.style.width = `${d.percent}%`;
        } else {
            this.bar.removeAttribute('aria-valuenow');
            this.fill.style.width = '';
        }
        const words = [];
        if (known)
            words.push(percent(d.percent));
        if (running && d.step !== undefined && d.steps !== undefined)
            words.push(t('card.step', { step: d.step, steps: d.steps }));
        if (running && d.message)
            words.push(d.message);
        setText(this.note, words.join(' · '));
    }

    /* The streamed text when it was replaced as a whole: a new picture, or a new attempt. */
    #text(d) {
        if (this.ended)
            return;
        if (this.stream.length !== d.text.length)
            this.stream.replace(d.text);
        this.output.hidden = d.text === '';
    }

    #end(d) {
        this.ended = true;
        this.stream.flush();
        const answer = this.model.answer;
        if (d.status === 'completed') {
            if (answer !== d.text)
                this.stream.replace(answer);
            this.output.hidden = answer === '';
        }
        this.output.classList.add('done');
        this.failure.replaceChildren(...this.#failureParts(d));
        this.ending.replaceChildren(...this.#endingParts(d, answer));
        const spoken = d.status === 'completed' ? answer.slice(0, SPOKEN_CHARS) : '';
        announce(`${t(`status.${d.status}`)}. ${spoken}`);
        this.unwatch?.();
        this.hooks.final?.(this);
    }

    #failureParts(d) {
        const parts = [];
        if (d.error && d.status !== 'cancelled') {
            const [words, more] = errorWords(d.error);
            parts.push(h('div', { class: 'notice error' }, h('p', {}, words), more ? h('p', { class: 'small' }, more) : null,
                h('p', { class: 'small' }, h('code', {}, d.error.code))));
        }
        if (d.status !== 'completed' && d.text !== '')
            parts.push(h('p', { class: 'quiet small' }, t('card.partial')));
        return parts;
    }

    #endingParts(d, answer) {
        const parts = [];
        if (d.status === 'completed' && answer === '')
            parts.push(h('p', { class: 'quiet' }, t('card.no_output')));
        const facts = Object.entries(d.result ?? {})
            .filter(([key, value]) => key !== 'text_output' || typeof value !== 'string')
            .concat(Object.entries(d.usage ?? {}))
            .map(([key, value]) => fact(key, value));
        if (facts.length > 0)
            parts.push(h('dl', { class: 'facts fields' }, ...facts));
        return parts;
    }

    #buttons(d) {
        const key = `${this.final}${this.cancelling}${Boolean(this.id)}`;
        if (this.buttonsFor === key)
            return;
        this.buttonsFor = key;
        const focused = this.actions.contains(document.activeElement);
        this.actions.replaceChildren(...(this.final ? this.#finalButtons(d) : this.#runningButtons()));
        if (focused)
            (this.actions.querySelector('button, a') ?? this.node).focus();
    }

    #runningButtons() {
        if (!this.id || this.bare)
            return [];
        return [
            h('button', { type: 'button', class: 'small', 'aria-disabled': this.cancelling && 'true', onclick: () => this.cancel() },
                t(this.cancelling ? 'card.cancelling' : 'card.cancel')),
            h('a', { class: 'button small plain', href: `/requests/${this.id}` }, t('card.open')),
        ];
    }

    #finalButtons() {
        const buttons = [];
        if (this.model.answer)
            buttons.push(copyButton(() => this.model.answer, t('card.copy'), 'small'));
        if (this.hooks.again)
            buttons.push(h('button', { type: 'button', class: 'small', onclick: (e) => e.detail < 2 && this.hooks.again(this) }, t('card.again')));
        if (!this.bare)
            buttons.push(h('a', { class: 'button small plain', href: `/requests/${this.id}` }, t('card.open')));
        if (this.hooks.dismiss)
            buttons.push(h('button', { type: 'button', class: 'small plain', onclick: () => this.hooks.dismiss(this) }, t('card.dismiss')));
        return buttons;
    }
}

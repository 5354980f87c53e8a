// Small helpers: elements, times, durations, sizes, copying. Text only ever becomes text nodes.

import { locale, lookup, t } from './i18n.js';

/** h('p', {class: 'x', onclick: f, hidden: true}, 'text', node, null) */
export function h(tag, props = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
        if (value === false || value === null || value === undefined)
            continue;
        if (name.startsWith('on'))
            node.addEventListener(name.slice(2), value);
        else
            node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

/** Sets the text only when it differs, so that live regions and selections stay quiet. */
export function setText(node, text) {
    if (node && node.textContent !== text)
        node.textContent = text;
}

const exact = new Intl.DateTimeFormat(locale, {
    dateStyle: 'full', timeStyle: 'long',
});
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const dayClock = new Intl.DateTimeFormat(locale, {
    month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: 'numeric' });

/** A moment as people of this place read it: today the time, this year day and time, else the date. */
export function shortTime(date, now = new Date()) {
    if (date.toDateString() === now.toDateString())
        return clock.format(date);
    return date.getFullYear() === now.getFullYear() ? dayClock.format(date) : day.format(date);
}

/** Fills a <time datetime> with the local time; the exact one shows on hover. */
export function localise(node) {
    const date = new Date(node.dateTime);
    if (Number.isNaN(date.getTime()))
        return;
    setText(node, shortTime(date));
    node.title = `${exact.format(date)}\n${node.dateTime}`;
    node.dataset.local = '';
}

export function localiseAll(root = document) {
    for (const node of root.querySelectorAll('time[datetime]:not([data-local])'))
        localise(node);
}

export function timeNode(iso) {
    const node = h('time', { datetime: iso }, iso);
    localise(node);
    return node;
}

const counts = new Intl.NumberFormat(locale);
const percents = new Intl.NumberFormat(locale, { style: 'percent' });
const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** "12,345" */
export function count(n) {
    return typeof n === 'number' ? counts.format(n) : String(n);
}

/** "40%" of 40. */
export function percent(n) {
    return percents.format(Math.round(n) / 100);
}

/** "850 ms", "4.2 s", "3 min 20 s", "2 h 5 min": as view_duration of the server writes it. */
export function duration(ms) {
    if (ms < 1000)
        return t('time.ms', { n: Math.max(0, Math.round(ms)) });
    const s = ms / 1000;
    if (s < 60)
        return t('time.seconds', { n: tenths.format(Math.floor(ms / 100) / 10) });
    const min = Math.floor(s / 60);
    if (min < 60)
        return t('time.minutes_seconds', { m: min, s: Math.floor(s % 60) });
    return t('time.hours_minutes', { h: Math.floor(min / 60), m: min % 60 });
}

/** A guess needs no more than two digits: "8 s", "3 min". */
export function roughly(seconds) {
    if (seconds < 90)
        return t('time.seconds', { n: Math.max(1, Math.round(seconds)) });
    const min = Math.round(seconds / 60);
    return min < 90 ? t('time.minutes', { n: min }) : t('time.hours_minutes', { h: Math.floor(min / 60), m: min % 60 });
}

/** What the number of a limit means: "16 MiB", "2 min"; "" when the number says it all. The name tells the unit. */
export function humanLimit(name, text) {
    const n = Number(text);
    if (!/^\d+$/.test(text) || n === 0)
        return '';
    if (/_bytes(_per_s)?$/.test(name) && n >= 1024) {
        const units = ['KiB', 'MiB', 'GiB'];
        let value = n / 1024, unit = 0;
        for (; value >= 1024 && unit < 2; unit++)
            value /= 1024;
        return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
    }
    if (!name.endsWith('_ms') || n < 1000)
        return '';
    if (n % 86400000 === 0)
        return t('time.days', { n: n / 86400000 });
    if (n >= 60000 && n % 60000 === 0)
        return t('time.minutes', { n: n / 60000 });
    return t('time.seconds', { n: n / 1000 });
}

/** Puts text on the clipboard and says so on the button. */
export async function copy(text, button) {
    let key = 'common.copied';
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        // Without https there is no clipboard: the old way still works.
        const area = h('textarea', { class: 'visually-hidden', readonly: true });
        area.value = text;
        document.body.append(area);
        area.select();
        if (!document.execCommand('copy'))
            key = 'common.copy_failed';
        area.remove();
        button.focus();
    }
    const before = button.dataset.label ?? button.textContent;
    button.dataset.label = before;
    button.textContent = t(key);
    button.classList.toggle('done', key === 'common.copied');
    announce(t(key));
    setTimeout(() => {
        button.textContent = before;
        button.classList.remove('done');
    }, 1600);
}

export function copyButton(text, label = t('common.copy'), cls = '') {
    const read = typeof text === 'function' ? text : () => text;
    return h('button', { type: 'button', class: `copy ${cls}`, onclick: (e) => copy(read(), e.currentTarget) }, label);
}

let speaker;
/** Says something to a screen reader, politely. */
export function announce(text) {
    if (!speaker) {
        speaker = h('div', { class: 'visually-hidden', 'aria-live': 'polite', id: 'speaker' });
        document.body.append(speaker);
    }
    speaker.textContent = text;
}

/** JSON as it was written: a whole number that JavaScript would round, such as a long id, becomes a text of its digits,
 *  or what `keep` makes of them. */
export function parseJson(text, keep = String) {
    if (!/\d{16}/.test(text))
        return JSON.parse(text);
    return JSON.parse(text, (key, value, context) => (
        Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source ? keep(context.source) : value));
}

/** The same to be written again by JSON.stringify, digit by digit where the browser can (else it rounds). */
export function parseJsonToSend(text) {
    return JSON.rawJSON ? parseJson(text, JSON.rawJSON) : JSON.parse(text);
}

/** A value of a result, for people: text as it is, all else as JSON with blanks where it may break. */
export function valueText(value) {
    return typeof value === 'string' ? value : JSON.stringify(value, null, 1).replace(/\n */g, ' ');
}

export const zoned = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/;

/* What stands on a line of its own, much as request_page.c has it. */
function isLong(value, text) {
    return text.length > (typeof value === 'object' && value !== null ? 2 : 60);
}

/** One line of a list of fields. */
export function fact(key, value) {
    const text = valueText(value);
    const dd = h('dd');
    dd.append(zoned.test(text) ? timeNode(text) : text);
    return h('div', { class: isLong(value, text) && 'long' }, h('dt', { title: key }, lookup(`fields.${key}`) ?? key), dd);
}

/** A pill that says whether a space's app is connected; s is the protocol's space state. */
export function setPill(pill, s) {
    if (!pill)
        return;
    pill.className = `pill ${s.connected ? 'ok' : 'bad'}`;
    pill.title = s.connected && s.draining ? t('state.draining') : '';
    setText(pill, t(s.connected ? 'state.connected' : 'state.disconnected'));
}

export function setBadge(badge, status) {
    if (!badge)
        return;
    badge.className = `badge ${status}`;
    setText(badge, t(`status.${status}`));
}

/** Fetches a page of ours again and puts its fresh element in place of the one here. */
export async function refresh(selector, url = location.href) {
    const reply = await fetch(url, { headers: { Accept: 'text/html' } });
    if (!reply.ok || reply.redirected)
        return false;
    const page = new DOMParser().parseFromString(await reply.text(), 'text/html');
    const fresh = page.querySelector(selector), old = document.querySelector(selector);
    if (!fresh || !old || old.contains(document.activeElement) && document.activeElement.matches('input, textarea, select'))
        return false;
    old.replaceWith(document.adoptNode(fresh));
    localiseAll(fresh);
    return true;
}

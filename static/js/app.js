// What every page has: local times, copy buttons, the colour switch, small help for forms.

import { copy, copyButton, h, humanLimit, localiseAll, setText, timeNode, zoned } from './dom.js';
import { t } from './i18n.js';

/* ---- times ---- */

localiseAll();
for (const node of document.querySelectorAll('.fields dd'))
    if (zoned.test(node.textContent))
        node.replaceChildren(timeNode(node.textContent));

/* ---- copy ---- */

document.addEventListener('click', (event) => {
    const button = event.target.closest?.('[data-copy], [data-copy-from]');
    if (!button)
        return;
    const from = button.dataset.copyFrom;
    copy(from ? document.getElementById(from).textContent : button.dataset.copy, button);
});

for (const block of document.querySelectorAll('.prose pre')) {
    const frame = h('div', { class: 'code' });
    block.replaceWith(frame);
    frame.append(block, copyButton(() => block.textContent));
}

/* What scrolls sideways has to be reachable by keyboard. */
function markScrollers() {
    for (const node of document.querySelectorAll('.prose pre, .prose .scroll')) {
        if (node.scrollWidth > node.clientWidth)
            node.tabIndex = 0;
        else
            node.removeAttribute('tabindex');
    }
}
markScrollers();
addEventListener('resize', markScrollers);

/* ---- colours: as the system, light, dark ---- */

const themes = ['auto', 'light', 'dark'];
const themeButton = document.getElementById('theme');

function showTheme() {
    const theme = document.documentElement.dataset.theme ?? 'auto';
    themeButton.dataset.now = theme;
    themeButton.title = themeButton.dataset[theme];
    themeButton.setAttribute('aria-label', themeButton.dataset[theme]);
}

themeButton.addEventListener('click', () => {
    const next = themes[(themes.indexOf(themeButton.dataset.now) + 1) % themes.length];
    if (next === 'auto')
        delete document.documentElement.dataset.theme;
    else
        document.documentElement.dataset.theme = next;
    try {
        localStorage.setItem('theme', next);
    } catch {
        // Then it lasts as long as the page.
    }
    showTheme();
});
showTheme();

/* ---- forms ---- */

if (/Mac|iPhone|iPad/.test(navigator.platform))
    for (const key of document.querySelectorAll('[data-mod]'))
        key.textContent = '⌘';

/* One press, one request: a slow answer must not make a second token. */
document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method !== 'post' || event.defaultPrevented)
        return;
    if (form.dataset.sent)
        event.preventDefault();
    form.dataset.sent = '1';
});
addEventListener('pageshow', () => {
    for (const form of document.querySelectorAll('form[data-sent]'))
        delete form.dataset.sent;
});

/* A page with a new secret answers a form: loading it again must not send the form, and so make another one. */
const once = document.querySelector('.new-token[data-address]');
if (once)
    history.replaceState(null, '', once.dataset.address);

/* ---- an address of the browser, in words ---- */

const browsers = [[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrom(e|ium)\//, 'Chrome'], [/Safari\//, 'Safari']];
const systems = [[/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/CrOS/, 'ChromeOS'], [/Linux/, 'Linux']];

function named(list, agent) {
    return list.find(([pattern]) => pattern.test(agent))?.[1];
}

for (const node of document.querySelectorAll('[data-agent]')) {
    const agent = node.textContent;
    const browser = named(browsers, agent), system = named(systems, agent);
    if (browser && system) {
        node.title = agent;
        setText(node, t('account.browser_on', { browser, system }));
    }
}

/* ---- limits: what the numbers mean, ranges, a filter ---- */

function showHuman(node) {
    const input = node.parentElement.querySelector('input');
    setText(node, humanLimit(node.dataset.human, input?.value ?? node.dataset.humanValue));
    if (!input)
        return;
    const n = Number(input.value), { low, high } = input.dataset;
    const fits = /^\d+$/.test(input.value) && n >= Number(low) && n <= Number(high);
    input.setCustomValidity(fits ? '' : t('settings.out_of_range', { low, high }));
}

for (const node of document.querySelectorAll('[data-human]')) {
    showHuman(node);
    node.parentElement.querySelector('input')?.addEventListener('input', () => showHuman(node));
}

const limitsFilter = document.getElementById('limits-filter');
/* A browser refuses to send a form for a field that nobody can see, and says nothing. */
limitsFilter?.closest('main').addEventListener('invalid', (event) => {
    event.target.closest('tr')?.removeAttribute('hidden');
}, true);
limitsFilter?.addEventListener('input', () => {
    const words = limitsFilter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of document.querySelectorAll('table.limits tbody tr')) {
        const text = row.cells[0].textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
    }
});

// The texts of the page's language, from the same catalogue that the templates use.

async function load(lang) {
    try {
        const reply = await fetch(`/static/lang/${lang}.json`);
        return reply.ok ? await reply.json() : {};
    } catch {
        return {};
    }
}

const lang = document.documentElement.lang || 'en';
const catalogue = await load(lang);

/** The text of a dotted key, or undefined. */
export function lookup(key) {
    let at = catalogue;
    for (const part of key.split('.'))
        at = at?.[part];
    return typeof at === 'string' ? at : undefined;
}

/** The text of a dotted key with its {placeholders} filled; the key itself when there is none. */
export function t(key, values = {}) {
    const text = lookup(key) ?? key;
    return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

/** A sentence of the relay's in the page's language; what is not its own (an app's words) stays as it is. The catalogue's
 *  "said" has the sentences with {n} for each number. */
export function said(sentence) {
    const numbers = sentence.match(/\d+/g) ?? [];
    const text = catalogue.said?.[sentence.replace(/\d+/g, '{n}')];
    return text?.replace(/\{n\}/g, () => numbers.shift()) ?? sentence;
}

export const locale = lang;

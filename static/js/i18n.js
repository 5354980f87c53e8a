// The texts of the page's language, from the same catalogue that the templates use. What a language lacks is English.

async function load(lang) {
    try {
        const reply = await fetch(`/static/lang/${lang}.json`);
        return reply.ok ? await reply.json() : {};
    } catch {
        return {};
    }
}

const lang = document.documentElement.lang || 'en';
const [catalogue, english] = await Promise.all([load(lang), lang === 'en' ? null : load('en')]);

function find(tree, key) {
    let at = tree;
    for (const part of key.split('.'))
        at = at?.[part];
    return typeof at === 'string' ? at : undefined;
}

/** The text of a dotted key, or undefined. */
export function lookup(key) {
    return find(catalogue, key) ?? find(english, key);
}

/** The text of a dotted key with its {placeholders} filled; the key itself when there is none. */
export function t(key, values = {}) {
    const text = lookup(key) ?? key;
    return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

export const locale = lang;

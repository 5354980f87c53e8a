// What the tests ask of every page, whatever is on it.

/** What sticks out to the right, when the page can be scrolled sideways. */
export function tooWide(tab) {
    return tab.evaluate(() => {
        const { clientWidth, scrollWidth } = document.documentElement;
        return scrollWidth <= clientWidth ? [] : [...document.querySelectorAll('body *')]
            .filter((node) => node.getBoundingClientRect().right > clientWidth + 1)
            .slice(0, 5).map((node) => `${node.tagName}.${node.className}`);
    });
}

/** What every page must have, and must not. */
export function structure(tab) {
    return tab.evaluate(() => ({
        h1: document.querySelectorAll('h1').length,
        lang: document.documentElement.lang,
        title: document.title.length > ' · spacerelay'.length,
        unlabelled: [...document.querySelectorAll('main :is(input:not([type="hidden"], [hidden]), select, textarea)')]
            .filter((node) => node.labels.length === 0 && !node.ariaLabel).map((node) => node.name),
        nameless: [...document.querySelectorAll(':is(button, a)')]
            .filter((node) => !node.textContent.trim() && !node.getAttribute('aria-label')).map((node) => node.outerHTML),
        twice: [...document.querySelectorAll('[id]')].map((node) => node.id).filter((id, i, all) => all.indexOf(id) !== i),
    }));
}

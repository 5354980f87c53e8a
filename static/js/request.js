// A request's own page: live while it is unfinished; once it ends, the page as the server renders it.

import { localiseAll, setBadge } from './dom.js';
import { RequestCard } from './request_card.js';
import { cancel, isUp } from './socket.js';

const page = document.getElementById('request');

function startLive() {
    const card = new RequestCard({
        request_id: page.dataset.id, status: page.dataset.status, created_at: page.dataset.created,
    }, { bare: true, final: renew });
    const place = document.getElementById('live');
    document.getElementById('answer').hidden = true;
    place.append(card.node);
    place.hidden = false;
    card.watch();

    const form = document.getElementById('cancel-form');
    form?.addEventListener('submit', (event) => {
        if (isUp() && cancel(page.dataset.id))
            event.preventDefault();
    });
    document.addEventListener('keydown', (event) => {
        if (event.key === 'Escape' && !card.final && !event.isComposing)
            card.cancel();
    });

    /* The live part stays as it is; head, facts and timeline come from the server, which has saved them. */
    async function renew() {
        if (card.final)
            form?.remove();
        const reply = await fetch(location.href).catch(() => null);
        if (!reply?.ok || reply.redirected)
            return;
        const fresh = new DOMParser().parseFromString(await reply.text(), 'text/html');
        for (const part of card.final ? ['.page-head', '.facts.wide', '.timeline'] : ['.timeline']) {
            const node = fresh.querySelector(`#request ${part}`);
            if (node)
                page.querySelector(part).replaceWith(document.adoptNode(node));
        }
        localiseAll(page);
    }

    new MutationObserver(() => {
        setBadge(page.querySelector('.page-head [data-badge]'), card.node.dataset.status);
        if (!card.final)
            renew();
    }).observe(card.node, { attributeFilter: ['data-status'] });
}

if (page && 'unfinished' in page.dataset)
    startLive();

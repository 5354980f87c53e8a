// Every page, with data and without: fits 360 px, keeps the rules of the house, and the switch of colours works.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { structure, tooWide } from './layout.mjs';
import {
    CONNECTED, pill, requestId, someText, status, submit,
} from './person.mjs';
import { World } from './world.mjs';

const LONG = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(3);

let world, page, paths, anonymous;

before(async () => {
    world = await World.open();
    const { admin } = world;
    page = admin.page;
    anonymous = ['/login', '/register', '/docs', '/docs/apps', '/docs/run', '/docs/protocol', '/docs/keys', '/docs/cli', '/docs/api', '/docs/openai', '/docs/flask', '/docs/limits', '/no/such/page'];
    admin.expectFault(/ 40[34] .*(no\/such\/page|register)/);
    await page.setViewportSize({ width: 360, height: 740 });
    await world.app(['--delay', '1-1', '--concurrency', '1']);
    await page.goto('/spaces/demo');
    await pill(page, CONNECTED);
    const mine = await submit(page, LONG);
    const id = await requestId(mine);
    await status(mine, 'Completed');
    await admin.createSpace(LONG.slice(0, 64));
    const lonely = new URL(page.url()).pathname;
    await admin.createUser('a_name_of_thirty_two_characters_');
    paths = [
        ...anonymous, '/', '/spaces/demo', `/spaces/${encodeURIComponent(LONG.slice(0, 64))}`, '/requests', '/requests?status=failed',
        `/requests/${id}`, '/account', '/admin/', '/admin/spaces', '/admin/space/add', lonely,
        `/admin/space/edit/${world.spaceId}`, '/admin/users', '/admin/settings', '/admin/requests', '/admin/requests?code=poisoned',
        `/admin/requests?person=${LONG.slice(0, 32)}&from=${LONG.slice(0, 35)}`, `/admin/requests/${id}`, '/admin/audit',
        '/admin/audit?action=space.add&until=x',
    ];
});

after(() => world?.end());

test('every page fits 360 px, and has one main heading, a title, a language and a label for each control', async () => {
    const found = {}, wanted = {};
    for (const path of paths) {
        await page.goto(path);
        found[path] = { ...await structure(page), tooWide: await tooWide(page) };
        wanted[path] = { h1: 1, lang: 'en', title: true, unlabelled: [], nameless: [], twice: [], tooWide: [] };
    }
    assert.deepEqual(found, wanted);
});

test('a request that runs and a new token fit 360 px too', async () => {
    await page.goto('/spaces/demo');
    await pill(page, CONNECTED);
    const mine = await submit(page, `${LONG} again`);
    await someText(mine);
    assert.deepEqual(await tooWide(page), []);
    await status(mine, 'Completed');
    assert.deepEqual(await tooWide(page), []);
    await page.goto(`/admin/space/edit/${world.spaceId}`);
    await world.admin.issueToken();
    assert.deepEqual(await tooWide(page), []);
});

test('every page without a log-in works without one', async () => {
    const stranger = await world.person();
    stranger.expectFault(/ 40[34] .*(no\/such\/page|register)/);
    for (const path of anonymous) {
        const reply = await stranger.page.goto(path);
        assert.ok(reply.status() < 500, path);
        assert.equal(new URL(stranger.page.url()).pathname, path);
        await stranger.page.getByRole('link', { name: 'Log in' }).first().waitFor();
    }
    stranger.assertNoFaults();
    await stranger.leave();
});

test('the switch of colours goes through system, light and dark, and is remembered', async () => {
    const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.goto('/');
    const button = page.locator('#theme');
    const light = await colour();
    await button.click();
    assert.equal(await button.getAttribute('aria-label'), 'Colours: light');
    assert.equal(await colour(), light);
    await button.click();
    assert.equal(await button.getAttribute('aria-label'), 'Colours: dark');
    const dark = await colour();
    assert.notEqual(dark, light);
    await page.goto('/requests');
    assert.equal(await colour(), dark);
    await page.locator('#theme').click();
    assert.equal(await colour(), light);
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.equal(await colour(), dark);
});

test('the overview counts what happens', async () => {
    await page.goto('/admin/');
    await page.locator('[data-value="apps"]', { hasText: /^1$/ }).waitFor();
    await page.locator('[data-value="spaces"]', { hasText: /^2$/ }).waitFor();
    await page.locator('[data-plot="apps"] svg path.line[d*="L"]').waitFor({ state: 'attached' });
});

test('the search box narrows the list of spaces', async () => {
    for (const name of ['alpha', 'beta', 'gamma', 'delta'])
        await world.admin.createSpace(name);
    await page.goto('/');
    await page.getByPlaceholder('Search spaces').fill('LPH');
    await page.locator('.space-card', { hasText: 'beta' }).waitFor({ state: 'hidden' });
    assert.deepEqual(await page.locator('.space-card:visible h2').allInnerTexts(), ['alpha']);
    await page.getByPlaceholder('Search spaces').fill('zzz');
    await page.getByText('No space matches.').waitFor();
});

test('the app on the documentation page is the file that is tested', async () => {
    await page.goto('/docs/apps');
    const shown = await page.locator('.prose pre code').first().textContent();
    const file = await readFile(new URL('../../static/docs/app.py', import.meta.url), 'utf8');
    assert.equal(shown.trim(), file.trim());
    const served = await world.admin.context.request.get('/static/docs/app.py');
    assert.equal(await served.text(), file);
});

test('no page did what no page may do', () => world.admin.assertNoFaults());

// What has to stay true while connections, pages and the relay itself come and go.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
    CONNECTED, NOT_CONNECTED, card, pill, requestId, someText, status, submit,
} from './person.mjs';
import { World } from './world.mjs';

let world, page;

before(async () => {
    world = await World.open();
    await world.app(['--delay', '1.5-1.5', '--prefetch', '0']);
    page = await world.admin.tab('/spaces/demo');
    await pill(page, CONNECTED);
});

after(() => world?.end());

test('three tabs at once each get their own result', async () => {
    const tabs = await Promise.all([1, 2, 3].map(() => world.admin.tab('/spaces/demo')));
    const prompts = ['first of three', 'second of three', 'third of three'];
    const cards = await Promise.all(tabs.map((tab, i) => submit(tab, prompts[i])));
    const ids = await Promise.all(cards.map(requestId));
    assert.equal(new Set(ids).size, 3);
    await Promise.all(cards.map((c) => status(c, 'Completed')));
    for (const [i, tab] of tabs.entries()) {
        assert.equal(await tab.locator('article.req').count(), 1);
        assert.match(await cards[i].locator('.output').innerText(), new RegExp(prompts[i]));
        const saved = await (await world.admin.context.request.get(`/requests/${ids[i]}.json`)).json();
        assert.equal(saved.payload.prompt, prompts[i]);
        await tab.close();
    }
});

test('of what an app holds only what it works on is shown as running', async () => {
    await world.admin.createSpace('hoard');
    const token = await world.admin.issueToken();
    const app = await world.relay.app('hoard', token, ['--delay', '600-600', '--concurrency', '1', '--prefetch', '1']);
    const tab = await world.admin.tab('/spaces/hoard');
    await pill(tab, CONNECTED);
    const first = await submit(tab, 'worked on');
    await first.getByText('Running for').waitFor();
    const second = await submit(tab, 'held by the app');
    await status(second, 'Processing');
    await second.getByText('Waiting in the app').waitFor();
    assert.equal(await second.locator('.bar').isVisible(), false);
    await first.getByRole('button', { name: 'Cancel' }).click();
    await second.getByText('Running for').waitFor();
    await tab.close();
    await app.stop('SIGKILL');
});

test('requests that wait show their position, which falls', async () => {
    const first = await submit(page, 'position one');
    const second = await submit(page, 'position two');
    const third = await submit(page, 'position three');
    await third.getByText('Position 2 in the queue').waitFor();
    await page.locator('[data-stat="queue_length"]', { hasText: '2' }).waitFor();
    await third.getByText('Next in the queue').waitFor();
    for (const c of [first, second, third])
        await status(c, 'Completed');
});

test('a page that is loaded again shows the running request with its text so far and goes on', async () => {
    const id = await requestId(await submit(page, 'survives a reload'));
    const early = await someText(card(page, 'survives a reload'));
    await page.reload();
    const mine = card(page, 'survives a reload');
    await mine.locator('.output', { hasText: early.trim() }).waitFor();
    assert.equal(await requestId(mine), id);
    await status(mine, 'Processing');
    await status(mine, 'Completed');
});

test('the request\'s own page follows it live', async () => {
    const mine = await submit(page, 'watched elsewhere');
    const id = await requestId(mine);
    const other = await world.admin.tab(`/requests/${id}`);
    await other.locator('#live .output', { hasText: /\S/ }).waitFor();
    await other.locator('.page-head .badge', { hasText: 'Processing' }).waitFor();
    await other.locator('.page-head .badge', { hasText: 'Completed' }).waitFor();
    await other.locator('.timeline li', { hasText: 'completed' }).first().waitFor();
    assert.equal(await other.getByRole('button', { name: 'Cancel' }).count(), 0);
    await other.close();
});

test('Ctrl+Enter sends, Esc cancels', async () => {
    await page.getByLabel('Prompt').fill('by keyboard alone');
    await page.keyboard.press('Control+Enter');
    const mine = card(page, 'by keyboard alone');
    await status(mine, 'Processing');
    await page.keyboard.press('Escape');
    await status(mine, 'Cancelled');
});

test('an empty prompt is refused beside the field', async () => {
    await page.getByLabel('Prompt').fill('  ');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('alert').filter({ hasText: 'Write a prompt first.' }).waitFor();
    assert.equal(await page.getByLabel('Prompt').getAttribute('aria-invalid'), 'true');
});

test('a double click, or keys that are held, send one request', async () => {
    const tab = await world.admin.tab('/spaces/demo');
    await pill(tab, CONNECTED);
    await tab.getByLabel('Prompt').fill('clicked twice');
    await tab.getByRole('button', { name: 'Submit Request' }).dblclick();
    await requestId(card(tab, 'clicked twice'));
    await tab.getByLabel('Prompt').fill('held down');
    await tab.keyboard.down('Control');
    for (let i = 0; i < 3; i++)
        await tab.keyboard.down('Enter');
    await tab.keyboard.up('Enter');
    await tab.keyboard.up('Control');
    await requestId(card(tab, 'held down'));
    assert.equal(await tab.locator('article.req').count(), 2);
    await status(card(tab, 'clicked twice'), 'Completed');
    await status(card(tab, 'held down'), 'Completed');
    await card(tab, 'held down').getByRole('button', { name: 'Run again' }).dblclick();
    await status(card(tab, 'held down').first(), 'Completed');
    assert.equal(await tab.locator('article.req').count(), 3);
    await tab.close();
});

test('a prompt that is larger than the relay takes is refused beside the field, and sent once', async () => {
    const tab = await world.admin.tab('/spaces/demo');
    await pill(tab, CONNECTED);
    const sent = await tab.evaluateHandle(() => {
        const sizes = [], { send } = WebSocket.prototype;
        WebSocket.prototype.send = function sendAndCount(text) {
            sizes.push(text.length);
            send.call(this, text);
        };
        document.getElementById('prompt').value = 'y'.repeat(1100000);
        return sizes;
    });
    const back = tab.waitForEvent('websocket').then((socket) => socket.waitForEvent('framereceived'));
    await tab.getByRole('button', { name: 'Submit Request' }).click();
    await tab.getByRole('alert').filter({ hasText: 'too large' }).waitFor();
    await back;
    await status(await submit(tab, 'small enough'), 'Completed');
    assert.equal(await sent.evaluate((sizes) => sizes.filter((n) => n > 1000000).length), 1);
    assert.equal(await tab.locator('article.req').count(), 1);
    await tab.close();
});

test('a relay that is stopped and started again: a bar says so, and the request goes on', async () => {
    world.admin.expectFault(/console: WebSocket connection to .*ws\/client/);
    world.admin.expectFault(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/);
    const mine = await submit(page, 'outlives the relay');
    await someText(mine);
    await world.relay.program.stop('SIGKILL');
    const bar = page.locator('#connection');
    await bar.filter({ hasText: 'Connection lost, reconnecting' }).waitFor();
    await world.relay.serve();
    await bar.waitFor({ state: 'hidden' });
    await pill(page, CONNECTED);
    await status(mine, 'Completed');
    await status(await submit(page, 'after the relay came back'), 'Completed');
});

test('a submit whose answer was lost is sent again, and is one request', async () => {
    const tab = await world.admin.tab('/spaces/demo');
    await pill(tab, CONNECTED);
    await tab.evaluate(() => {
        const { send } = WebSocket.prototype;
        WebSocket.prototype.send = function sendAndGo(text) {
            send.call(this, text);
            if (text.includes('"submit"')) {
                WebSocket.prototype.send = send;
                this.close(); // from here on it hears nothing
            }
        };
    });
    const mine = await submit(tab, 'asked twice, meant once');
    await status(mine, 'Completed');
    await tab.goto(new URL('/requests', tab.url()).href);
    assert.equal(await tab.getByText('asked twice, meant once').count(), 1);
    await tab.close();
});

/* An app on a page of its own, which answers every request with this result. */
async function appWithResult(token, result) {
    const tab = await world.admin.tab('/docs');
    await tab.evaluate(([text, json]) => new Promise((registered) => {
        const socket = new WebSocket(`ws://${location.host}/ws/app`, 'spacerelay.v1');
        socket.onopen = () => socket.send(JSON.stringify({ type: 'register', space_name: 'fields', token: text }));
        socket.onmessage = ({ data }) => {
            const { type, request_id: id, attempt } = JSON.parse(data);
            if (type === 'register_response')
                registered();
            if (type === 'inference_request')
                socket.send(`{"type":"inference_result","request_id":"${id}","attempt":${attempt},"status":"completed","result":${json}}`);
        };
    }), [token, result]);
    return tab;
}

test('a result as apps of any kind give it: all its fields can be read, and numbers keep their digits', async () => {
    await world.admin.createSpace('fields');
    const token = await world.admin.issueToken();
    const app = await appWithResult(token, '{"text_output":"see below","seed":12345678901234567890,"ratio":0.5,'
        + '"scores":{"a":[1,2,{"b":null}]},"notes":"word and word and word and word and word and word and word"}');
    const tab = await world.admin.tab('/spaces/fields');
    await pill(tab, CONNECTED);
    const mine = await submit(tab, 'fields of all kinds');
    await status(mine, 'Completed');
    const read = (place) => place.locator('.facts.fields > div').evaluateAll((all) => all.map((node) => [
        node.querySelector('dt').textContent, node.querySelector('dd').textContent.replace(/\s/g, ''),
        node.clientWidth >= node.parentElement.clientWidth,
    ]));
    const fields = [
        ['seed', '12345678901234567890', false], ['ratio', '0.5', false], ['scores', '{"a":[1,2,{"b":null}]}', true],
        ['notes', 'wordand'.repeat(6) + 'word', true],
    ];
    assert.deepEqual(await read(mine), fields);
    await mine.getByRole('link', { name: 'Open' }).click();
    await tab.waitForURL('**/requests/*');
    assert.deepEqual(await read(tab.locator('.request-page .panel, .request-page').first()), fields);
    await tab.close();
    await app.close();
});

test('run again sends what was sent, numbers digit by digit', async () => {
    const headers = { Origin: world.relay.url, 'Content-Type': 'application/json' };
    const payload = '{"prompt":"with a seed","seed":12345678901234567890,"more":[9007199254740993,1.50]}';
    const made = await world.admin.context.request.post('/api/v1/requests', { headers, data: `{"space":"demo","payload":${payload}}` });
    assert.equal(made.status(), 202);
    const tab = await world.admin.tab('/spaces/demo');
    await status(card(tab, 'with a seed'), 'Completed');
    await card(tab, 'with a seed').getByRole('button', { name: 'Run again' }).click();
    const again = card(tab, 'with a seed').first();
    await tab.waitForFunction(() => document.querySelectorAll('article.req').length === 2);
    await status(again, 'Completed');
    const saved = await (await world.admin.context.request.get(`/requests/${await requestId(again)}.json`)).text();
    assert.match(saved, /"seed":12345678901234567890,"more":\[9007199254740993,1\.5\]/);
    await tab.close();
});

test('a running request says that its app has gone, until it is back', async () => {
    await world.admin.createSpace('leaving');
    const token = await world.admin.issueToken();
    const first = await world.relay.app('leaving', token, ['--delay', '60-60']);
    const tab = await world.admin.tab('/spaces/leaving');
    await pill(tab, CONNECTED);
    const mine = await submit(tab, 'left alone');
    await status(mine, 'Processing');
    await first.stop('SIGKILL');
    await mine.locator('.where', { hasText: 'no app is connected' }).waitFor();
    assert.equal(await mine.locator('.bar').isVisible(), false);
    await world.relay.app('leaving', token, ['--delay', '1-1']);
    await status(mine, 'Completed');
    await tab.close();
});

test('drain lets an app finish, disconnect sends it away', async () => {
    const { page: admin } = world.admin;
    await admin.goto(`/admin/space/edit/${world.spaceId}`);
    await admin.getByRole('button', { name: 'Drain' }).click();
    await admin.locator('#apps .tag', { hasText: 'draining' }).waitFor();
    await page.locator('#reason', { hasText: /\S/ }).waitFor();
    await admin.getByRole('button', { name: 'Disconnect' }).click();
    await admin.getByText('The app is disconnected.').waitFor();
});

test('a space that is deleted says so where it is open', async () => {
    await world.admin.createSpace('short-lived');
    await world.admin.page.getByRole('link', { name: 'Open' }).click();
    await pill(world.admin.page, NOT_CONNECTED);
    const other = await world.admin.tab(world.admin.page.url());
    await world.admin.page.getByRole('link', { name: 'Edit' }).click();
    await world.admin.page.getByText('Delete this space').click();
    await world.admin.page.getByRole('button', { name: 'Delete it for good' }).click();
    await world.admin.page.getByText('The space is deleted.').waitFor();
    await other.getByText('This space was removed.').waitFor();
    await pill(other, NOT_CONNECTED);
    assert.deepEqual(await other.locator('#stats [data-stat]').allInnerTexts(), ['–', '–', '–', '–']);
    await other.close();
});

test('no page did what no page may do', () => world.admin.assertNoFaults());

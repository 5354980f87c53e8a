// What the person who runs the relay sees of everybody's requests, of its apps, and of what was done.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before } from 'node:test';

import {
    CONNECTED, pill, requestId, status, submit,
} from './person.mjs';
import { step } from './steps.mjs';
import { World } from './world.mjs';

const WORDS = 'words that are only for bea';

let world, page, bea, beas, app;

before(async () => {
    world = await World.open({ grace_ms: 0, max_attempts: 9 });
    page = world.admin.page;
    await world.admin.createUser('bea');
    bea = await world.person();
    await bea.logIn('bea');
    app = await world.app(['--delay', '600-600', '--prefetch', '0']);
    await bea.page.goto('/spaces/demo');
    await pill(bea.page, CONNECTED);
});

after(() => world?.end());

function row(id) {
    return page.locator(`tr[data-request="${id}"]`);
}

step('a request appears in the list of all without reloading, and without its words', async () => {
    await page.goto('/admin/requests');
    await page.getByRole('heading', { name: 'Nobody has sent a request yet' }).waitFor();
    const card = await submit(bea.page, WORDS);
    beas = await requestId(card);
    await row(beas).locator('.badge', { hasText: 'Processing' }).waitFor();
    assert.equal(await row(beas).getByRole('link', { name: 'bea' }).count(), 1);
    assert.ok(!(await page.content()).includes(WORDS));
});

step('opened, it shows the words and says that the look is written down', async () => {
    await row(beas).getByRole('link', { name: beas }).click();
    await page.waitForURL(`**/admin/requests/${beas}`);
    await page.getByText(WORDS).waitFor();
    await page.getByText('That you looked at it is written to the audit log.').waitFor();
    assert.equal(await page.getByRole('link', { name: 'Run again' }).count(), 0);
    await page.getByRole('link', { name: 'Audit log' }).click();
    await page.locator('select[name=action]').selectOption({ label: 'request looked at' });
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.locator('table.audit').getByRole('link', { name: beas }).waitFor();
    assert.equal(await page.locator('tr[data-key]').count(), 1); // the page, and its live part
});

step('the audit log can be taken along', async () => {
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download CSV' }).click()]);
    assert.equal(file.suggestedFilename(), 'audit.csv');
    const lines = (await readFile(await file.path(), 'utf8')).split('\r\n');
    assert.equal(lines[0], 'at,actor,address,action,subject,detail');
    assert.ok(lines[1].includes(`"request.view","${beas}","bea"`));
});

step('a page of the person and the bare address lead where they should', async () => {
    await page.goto(`/requests/${beas}`);
    assert.equal(new URL(page.url()).pathname, `/admin/requests/${beas}`);
    await bea.page.goto(`/admin/requests/${beas}`);
    assert.equal(new URL(bea.page.url()).pathname, '/');
    await bea.page.goto(`/requests/${beas}`);
    await bea.page.locator('.sent').getByText(WORDS).waitFor();
});

step('what costs three apps their connection is set aside, with its history', async () => {
    for (let n = 0; n < 3; n++) {
        await status(bea.page.locator('.page-head'), 'Processing');
        await app.stop('SIGKILL');
        if (n < 2) {
            await status(bea.page.locator('.page-head'), 'Queued');
            app = await world.app(['--delay', '600-600', '--prefetch', '0']);
        }
    }
    await status(bea.page.locator('.page-head'), 'Failed');
    await page.goto('/admin/');
    await page.getByText('lost their connection with them: 1.').waitFor();
    await page.getByRole('link', { name: 'Look at them' }).click();
    await row(beas).getByText('set aside', { exact: true }).waitFor();
    const history = page.locator('tr.history');
    assert.equal(await history.getByText('mock-app').count(), 3);
    assert.equal(await history.getByText('the app was lost').count(), 2);
    await history.getByText('History').click();
    assert.equal(await history.getByText('Attempt 1').isVisible(), false);
});

step('filters go by keyboard, are kept in the address, and say what they cannot use', async () => {
    await page.goto('/admin/requests');
    await page.getByLabel('Sent by').focus();
    await page.keyboard.type('bea');
    await page.keyboard.press('Enter');
    await row(beas).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('person'), 'bea');
    await page.getByLabel('From (UTC)').fill('yesterday');
    await page.getByLabel('From (UTC)').press('Enter');
    await page.getByRole('alert').getByText('A day like').waitFor();
    assert.equal(await page.getByLabel('From (UTC)').getAttribute('aria-invalid'), 'true');
    assert.equal(await page.getByLabel('Sent by').inputValue(), 'bea');
    await page.getByRole('link', { name: 'Show all' }).first().click();
    await row(beas).waitFor();
});

step('an app is drained and disconnected on the page of its space', async () => {
    app = await world.app(['--delay', '600-600', '--prefetch', '0']);
    await page.goto(`/admin/space/edit/${world.spaceId}`);
    const apps = page.locator('#apps');
    await apps.getByText('127.0.0.1').waitFor();
    await bea.page.goto('/spaces/demo');
    await pill(bea.page, CONNECTED);
    await submit(bea.page, 'for the app that is drained');
    await apps.getByText('1 / 1').waitFor(); // live
    await apps.getByRole('button', { name: 'Drain' }).click();
    await page.getByText('The app gets nothing new').waitFor();
    await apps.getByText('draining').waitFor();
    assert.equal(await apps.getByRole('button', { name: 'Drain' }).count(), 0);
    await apps.getByRole('button', { name: 'Disconnect' }).click();
    await page.getByText('The app is disconnected.').waitFor();
    await page.goto('/admin/audit?actor=ada');
    const done = await page.locator('table.audit tbody').innerText();
    assert.ok(done.includes('app drained') && done.includes('app disconnected'));
});

step('a space has a picture, asks for what it takes, and its open door is warned of', async () => {
    await world.admin.createSpace('painted', async (form) => {
        await form.getByLabel('Kind of picture').selectOption({ label: 'Gradient' });
        await form.getByLabel('Picture', { exact: true }).fill('#667eea, #764ba2');
        for (const name of ['Audio', /^Video/, /Let apps register without a token/])
            await form.getByRole('checkbox', { name }).check();
    });
    assert.equal(await page.getByRole('checkbox', { name: /Let apps register without a token/ }).isChecked(), true);
    await page.goto('/admin/');
    await page.locator('#legacy').getByRole('link', { name: 'painted' }).waitFor();
    await bea.page.goto('/');
    await bea.page.locator('.space-card', { hasText: 'painted' }).locator('svg.cover').waitFor();
    await bea.page.goto('/spaces/painted');
    await bea.page.locator('svg.cover').waitFor();
    assert.equal(await bea.page.getByLabel('Address of an audio file').isEnabled(), true);
    assert.equal(await bea.page.getByLabel('Video coming').isDisabled(), true);
    assert.equal(await bea.page.getByLabel(/^Files/).count(), 0);
});

step('all of it works without JavaScript', async () => {
    const plain = await world.person({ javaScriptEnabled: false });
    await plain.logIn('ada');
    await plain.page.goto('/admin/requests');
    await plain.page.getByLabel('Error code').fill('poisoned');
    await plain.page.getByRole('button', { name: 'Filter' }).click();
    await plain.page.locator(`tr[data-request="${beas}"]`).waitFor();
    await plain.page.getByRole('link', { name: beas }).click();
    await plain.page.locator('.sent').getByText(WORDS).waitFor();
    await plain.page.goto('/admin/audit');
    await plain.page.getByLabel('Who').fill('ADA');
    await plain.page.getByRole('button', { name: 'Filter' }).click();
    assert.ok(await plain.page.locator('tr[data-key]').count() > 0);
    plain.assertNoFaults();
});

step('no page did what no page may do', async () => {
    world.admin.assertNoFaults();
    bea.assertNoFaults();
});

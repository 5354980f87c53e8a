// The main job, from an empty data folder to an answer, in the order in which a newcomer does it.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import {
    CONNECTED, NOT_CONNECTED, Person, card, launch, pill, requestId, someText, status, submit,
} from './person.mjs';
import { Relay } from './relay.mjs';
import { step } from './steps.mjs';

let relay, browser, ada, page, token, app;

before(async () => {
    relay = await Relay.start();
    browser = await launch();
    ada = await Person.arrive(browser, relay);
    page = ada.page;
});

after(async () => {
    await browser?.close();
    await relay?.end();
});

step('until there is an admin the link that was printed is the only way in', async () => {
    ada.expectFault(/ 503 /);
    ada.expectFault(/ 404 /);
    const reply = await page.goto('/');
    assert.equal(reply.status(), 503);
    await page.getByRole('heading', { name: 'This relay has no admin yet' }).waitFor();
    assert.equal((await page.goto('/setup?token=guessed')).status(), 404);
});

step('the set-up link makes the first admin, once', async () => {
    const link = await relay.setupLink();
    await ada.setUp('ada');
    await page.getByText('Your account is made').waitFor();
    await page.getByRole('heading', { name: 'There is no space yet' }).waitFor();
    const again = await page.goto(link);
    assert.equal(again.status(), 404);
    await page.getByRole('heading', { name: 'This link does not work' }).waitFor();
});

step('the admin logs out and in again', async () => {
    await page.goto('/');
    await page.getByRole('link', { name: 'Log out' }).click();
    await page.getByText('You are logged out.').waitFor();
    await ada.logIn('ada');
    assert.equal(new URL(page.url()).pathname, '/');
});

step('the empty list of spaces leads to making one', async () => {
    await page.locator('.empty').getByRole('link', { name: 'Create a space' }).click();
    await page.getByLabel('Name', { exact: true }).fill('demo');
    await page.getByLabel('Description').fill('Answers at length.');
    await page.getByRole('button', { name: 'Create a space' }).click();
    await page.getByText('The space is created.').waitFor();
    await page.getByText('No app is connected.').waitFor();
});

step('a second space of the same name is refused beside the field', async () => {
    const admin = page.url();
    await page.goto('/admin/space/add');
    await page.getByLabel('Name', { exact: true }).fill('demo');
    await page.getByRole('button', { name: 'Create a space' }).click();
    await page.getByText('Multiple spaces with name "demo" found. Please use unique space names.').waitFor();
    assert.equal(await page.getByLabel('Name', { exact: true }).getAttribute('aria-invalid'), 'true');
    await page.goto(admin);
});

step('a token is shown once, with the command that runs an app', async () => {
    token = await ada.issueToken();
    assert.match(token, /^v4\.public\.[\w-]+$/);
    const command = await page.locator('#new-token .command code').first().innerText();
    assert.equal(command, `mock-app --host ${relay.url} --space "demo" --token ${token}`);
    await page.waitForURL(/\/admin\/space\/edit\/[0-9a-f-]+$/); // no longer the address of the form
    await page.reload();
    await page.getByRole('heading', { name: 'App tokens' }).waitFor();
    assert.equal((await page.content()).includes(token), false);
    assert.equal(await page.locator('.token').count(), 1, 'another token');
});

step('the space says that no app is connected, and how to run one', async () => {
    await page.goto('/');
    await page.locator('.space-card [data-pill]', { hasText: NOT_CONNECTED }).waitFor();
    await page.getByRole('link', { name: 'demo' }).click();
    await pill(page, NOT_CONNECTED);
    await page.getByText('Run the app that answers here:').waitFor();
});

step('an app that registers shows without a reload', async () => {
    const loaded = await page.evaluate(() => performance.timeOrigin);
    app = await relay.app('demo', token, ['--delay', '1.5-1.5']);
    await pill(page, CONNECTED);
    assert.equal(await page.evaluate(() => performance.timeOrigin), loaded);
    await page.getByText('Run the app that answers here:').waitFor({ state: 'hidden' });
});

step('a request shows its id, progress, text as it streams, and a result with its fields', async () => {
    const mine = await submit(page, 'Tell me about relays');
    const id = await requestId(mine);
    await status(mine, 'Processing');
    const bar = mine.getByRole('progressbar');
    await bar.and(page.locator('[aria-valuenow]:not([aria-valuenow="0"])')).waitFor();
    const early = await someText(mine);
    await status(mine, 'Completed');
    const answer = await mine.locator('.output').innerText();
    assert.ok(early.length < answer.length, 'the text grew');
    const labels = await mine.locator('.facts.fields dt').allInnerTexts();
    for (const label of ['Confidence', 'Model', 'Processing time (s)', 'Tokens', 'Finished by the app'])
        assert.ok(labels.includes(label), `${label} among ${labels}`);
    await mine.getByRole('link', { name: 'Open' }).click();
    await page.waitForURL(`**/requests/${id}`);
    assert.equal(await page.locator('#output').innerText(), answer);
    await page.locator('.page-head .badge', { hasText: 'Completed' }).waitFor();
    await page.goBack();
});

step('the request id can be copied', async () => {
    await ada.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: relay.url });
    const mine = await submit(page, 'Copy my id');
    const id = await requestId(mine);
    await mine.locator('.req-id').getByRole('button', { name: 'Copy' }).click();
    await mine.locator('.req-id').getByRole('button', { name: 'Copied' }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), id);
    await status(mine, 'Completed');
});

step('a running request can be cancelled, and keeps the text that had come', async () => {
    const mine = await submit(page, 'Never mind');
    await status(mine, 'Processing');
    await someText(mine);
    await mine.getByRole('button', { name: 'Cancel' }).click();
    await status(mine, 'Cancelled');
    await mine.getByText('What had arrived before it ended:').waitFor();
    assert.notEqual(await mine.locator('.output').innerText(), '');
});

step('Run again sends the same prompt as a new request', async () => {
    const old = card(page, 'Never mind');
    const oldId = await requestId(old);
    await old.getByRole('button', { name: 'Run again' }).click();
    const fresh = card(page, 'Never mind').first();
    await status(fresh, 'Completed');
    assert.notEqual(await requestId(fresh), oldId);
});

step('a space whose app has gone is disabled in looks, and its button says why', async () => {
    await app.stop();
    await pill(page, NOT_CONNECTED);
    await page.locator('form.blocked').waitFor();
    await page.locator('#reason', { hasText: 'The app that answers here is not connected.' }).waitFor();
    const button = page.getByRole('button', { name: 'Submit Request' });
    assert.equal(await button.getAttribute('aria-disabled'), 'true');
    await button.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: /^Remote app not connected$/ }).waitFor();
});

step('it comes back without a reload when the app does', async () => {
    app = await relay.app('demo', token);
    await pill(page, CONNECTED);
    await page.locator('form:not(.blocked)#prompt-form').waitFor();
    await page.getByText('Remote app not connected').waitFor({ state: 'hidden' });
    await status(await submit(page, 'Still there?'), 'Completed');
});

step('every request is in the history, newest first', async () => {
    await page.getByRole('link', { name: 'My requests', exact: true }).click();
    const prompts = await page.locator('#requests .c-prompt').allInnerTexts();
    assert.deepEqual(prompts.map((text) => text.trim()),
        ['Still there?', 'Never mind', 'Never mind', 'Copy my id', 'Tell me about relays']);
    await page.getByLabel('Status').selectOption('cancelled');
    await page.waitForURL('**status=cancelled**');
    assert.equal(await page.locator('#requests tbody tr').count(), 1);
});

step('a revoked token closes its app\'s connection at once', async () => {
    await page.goto('/');
    await page.getByRole('link', { name: 'demo' }).click();
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('The token is revoked').waitFor();
    await pill(page, NOT_CONNECTED);
    await page.locator('.token .badge', { hasText: 'Revoked' }).waitFor();
});

step('no page of the journey did what no page may do', () => ada.assertNoFaults());

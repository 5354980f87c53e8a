// API keys on the account page: made, shown once, used, revoked.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { tooWide } from './layout.mjs';
import { World } from './world.mjs';

let world, admin, page;

before(async () => {
    world = await World.open();
    admin = world.admin;
    page = admin.page;
});

after(() => world?.end());

const ask = (secret, path) => fetch(world.relay.url + path, { headers: { Authorization: `Bearer ${secret}` }, redirect: 'manual' });
const row = (name) => page.locator('#keys .token', { has: page.locator('b', { hasText: new RegExp(`^${name}$`) }) });

/** Fills the form and returns the secret that is shown. */
async function makeKey(name, scopes, days) {
    await page.goto('/account');
    await page.getByLabel('Name', { exact: true }).fill(name);
    for (const scope of ['read', 'submit', 'admin'])
        await page.locator(`[name=scope_${scope}]`).setChecked(scopes.includes(scope));
    await page.getByLabel('Ends after, days').fill(days);
    await page.getByRole('button', { name: 'Make an API key' }).click();
    await page.getByRole('heading', { name: 'The new API key' }).waitFor();
    return page.locator('#key-secret').innerText();
}

test('a key is shown once, works, and says when it was used', { timeout: 60000 }, async () => {
    const secret = await makeKey('script', ['read'], '90');
    assert.match(secret, /^sr_[A-Za-z0-9_-]{43}$/);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'new-key');
    assert.equal(await page.getByText(`curl -H "Authorization: Bearer ${secret}" ${world.relay.url}/api/v1/spaces`).count(), 1);
    assert.equal((await ask(secret, '/requests')).status, 200);
    assert.equal((await ask(secret, '/admin/users')).status, 403);
    await page.waitForURL(/\/account$/); // no longer the address of the form
    await page.reload();
    assert.equal((await page.content()).includes(secret), false);
    assert.equal(await page.getByText('You have an API key of this name already.').count(), 0, 'made again');
    assert.match(await row('script').innerText(), /read.* expires /s);
    while (!(await row('script').innerText()).includes('last used')) // it is saved in its own time
        await page.reload();
});

test('a form with mistakes says them beside the fields and keeps what was typed', async () => {
    await page.goto('/account');
    await page.getByLabel('Name', { exact: true }).fill('script');
    await page.getByRole('button', { name: 'Make an API key' }).click();
    await page.getByText('You have an API key of this name already.').waitFor();
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'script');
    await page.locator('[name=scope_read]').uncheck();
    await page.locator('[name=scope_submit]').uncheck();
    await page.getByLabel('Ends after, days').fill('soon');
    await page.getByRole('button', { name: 'Make an API key' }).click();
    await page.getByText('Choose at least one.').waitFor();
    await page.getByText('A whole number from 1 to 3650.').waitFor();
    assert.equal(await page.locator('#key-secret').count(), 0);
});

test('a copy button copies the key', async () => {
    await admin.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const secret = await makeKey('copied', ['read', 'submit'], '');
    await page.locator('#new-key .command').first().getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
    assert.match(await row('copied').innerText(), /never expires/);
});

test('a revoked key is refused at once and gone from the list', async () => {
    const secret = await makeKey('short-lived', ['read'], '1');
    assert.equal((await ask(secret, '/')).status, 200);
    await row('short-lived').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('The API key is revoked').waitFor();
    assert.equal(await row('short-lived').count(), 0);
    assert.equal((await ask(secret, '/')).status, 401);
});

test('the page with a new key fits 360 px', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await makeKey('a_long_name_without_a_blank_'.repeat(3), ['read', 'submit', 'admin'], '3650');
    assert.deepEqual(await tooWide(page), []);
});

test('no page did what no page may do', () => admin.assertNoFaults());

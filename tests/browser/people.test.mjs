// Accounts: what one person may see of another's, who may make an account, what ends a session, settings.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
    CONNECTED, PASSWORD, Person, pill, requestId, status, submit,
} from './person.mjs';
import { World } from './world.mjs';

let world, admin, bob;

before(async () => {
    world = await World.open();
    admin = world.admin;
    await world.app();
    await admin.createUser('bob');
    bob = await world.person();
    await bob.logIn('bob');
});

after(() => world?.end());

test('a wrong password gets the same answer as an unknown name', async () => {
    const stranger = await world.person();
    const answers = [];
    for (const name of ['bob', 'nobody_here']) {
        await stranger.page.goto('/login');
        await stranger.page.getByLabel('User name').fill(name);
        await stranger.page.getByLabel('Password').fill('not the password');
        await stranger.page.getByRole('button', { name: 'Log in' }).click();
        answers.push(await stranger.page.getByRole('alert').innerText());
    }
    assert.deepEqual(answers, ['Invalid username or password', 'Invalid username or password']);
    stranger.assertNoFaults();
    await stranger.leave();
});

test('a page that needs a log-in leads back to itself after it', async () => {
    const late = await world.person();
    await late.page.goto('/spaces/demo');
    assert.equal(new URL(late.page.url()).pathname, '/login');
    await late.page.getByLabel('User name').fill('bob');
    await late.page.getByLabel('Password').fill(PASSWORD);
    await late.page.getByRole('button', { name: 'Log in' }).click();
    await late.page.waitForURL('**/spaces/demo');
    late.assertNoFaults();
    await late.leave();
});

test('nobody sees another person\'s request; an admin does', async () => {
    const hers = await admin.tab('/spaces/demo');
    await pill(hers, CONNECTED);
    const mine = await submit(hers, 'a secret of ada');
    const id = await requestId(mine);
    await status(mine, 'Completed');
    bob.expectFault(/ 404 /);
    assert.equal((await bob.page.goto(`/requests/${id}`)).status(), 404);
    assert.equal((await bob.context.request.get(`/requests/${id}.json`)).status(), 404);
    await bob.page.goto('/requests');
    await bob.page.getByRole('heading', { name: 'You have not sent a request yet' }).waitFor();
    await bob.page.goto('/spaces/demo');
    await pill(bob.page, CONNECTED);
    assert.equal((await bob.page.content()).includes('a secret of ada'), false);
    const his = await submit(bob.page, 'a secret of bob');
    const hisId = await requestId(his);
    await status(his, 'Completed');
    await hers.goto(`/requests/${hisId}`);
    await hers.locator('.facts', { hasText: 'Sent by' }).getByText('bob').waitFor();
    await hers.close();
});

test('an ordinary person has no way into the admin pages', async () => {
    await bob.page.goto('/');
    assert.equal(await bob.page.getByRole('link', { name: 'Admin' }).count(), 0);
    for (const path of ['/admin/', '/admin/users', '/admin/settings', '/admin/spaces']) {
        await bob.page.goto(path);
        assert.equal(new URL(bob.page.url()).pathname, '/');
    }
});

test('registration is closed until an admin opens it', async () => {
    const carol = await world.person();
    carol.expectFault(/ 403 /);
    assert.equal((await carol.page.goto('/register')).status(), 403);
    await carol.page.getByRole('heading', { name: 'Registration is closed' }).waitFor();

    await admin.page.goto('/admin/settings');
    await admin.page.getByLabel(/^Open/).check();
    await admin.page.locator('form[action$="/registration"]').getByRole('button', { name: 'Save' }).click();
    await admin.page.getByText('The settings are saved.').waitFor();

    await carol.page.goto('/login');
    await carol.page.getByRole('link', { name: 'Create one' }).click();
    await carol.page.getByLabel('User name').fill('carol');
    await carol.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await carol.page.getByLabel('The same password again').fill('something else');
    await carol.page.getByRole('button', { name: 'Create account' }).click();
    await carol.page.getByText('The two passwords differ.').waitFor();
    await carol.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await carol.page.getByLabel('The same password again').fill(PASSWORD);
    await carol.page.getByRole('button', { name: 'Create account' }).click();
    await carol.page.getByText('Your account is made. Log in with it.').waitFor();
    await carol.logIn('carol');

    await admin.page.getByLabel(/^Closed/).check();
    await admin.page.locator('form[action$="/registration"]').getByRole('button', { name: 'Save' }).click();
    await admin.page.getByText('The settings are saved.').waitFor();
    assert.equal((await carol.page.goto('/register')).status(), 403);
    carol.assertNoFaults();
    await carol.leave();
});

test('settings: a limit out of range is refused and named, a good one is in force at once', async () => {
    const { page } = admin;
    await page.goto('/admin/settings');
    await page.getByLabel('Keep finished requests for, days').fill('30');
    await page.locator('form[action$="/retention"]').getByRole('button', { name: 'Save' }).click();
    await page.getByText('The settings are saved.').waitFor();
    assert.equal(await page.getByLabel('Keep finished requests for, days').inputValue(), '30');

    const limit = page.locator('input[name="queue_per_space"]');
    await page.locator('#limits-filter').fill('queue_per_space');
    await limit.fill('0');
    assert.equal(await limit.evaluate((input) => input.checkValidity()), false);
    await page.locator('#limits-filter').fill('ping');
    await limit.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Save limits' }).click();
    await limit.waitFor();
    assert.equal(await limit.evaluate((input) => document.activeElement === input), true);
    await limit.evaluate((input) => {
        input.form.noValidate = true; // as a browser without our script
    });
    await page.getByRole('button', { name: 'Save limits' }).click();
    await page.getByText('Nothing was saved').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), 'queue_per_space');
    await page.locator('#limits-filter').fill('queue_per_space');
    await limit.fill('5000');
    await page.getByRole('button', { name: 'Save limits' }).click();
    await page.getByText('The limits are saved.').waitFor();
    await page.goto('/docs/limits');
    await page.locator('tr', { hasText: 'queue_per_space' }).getByText('5000').waitFor();
});

test('logging out ends the session everywhere it is used', async () => {
    const tab = await bob.tab('/spaces/demo');
    await pill(tab, CONNECTED);
    const [cookie] = (await bob.context.cookies()).filter((c) => c.name === 'session');
    await bob.page.goto('/');
    await bob.page.getByRole('link', { name: 'Log out' }).click();
    await bob.page.waitForURL('**/login');
    await tab.waitForURL('**/login?next=%2Fspaces%2Fdemo');
    const reply = await fetch(`${world.relay.url}/requests`, { headers: { Cookie: `session=${cookie.value}` }, redirect: 'manual' });
    assert.equal(reply.status, 302);
    await tab.close();
});

test('a password that is changed logs out the other devices', async () => {
    await bob.logIn('bob');
    const phone = await world.person();
    await phone.logIn('bob');
    await bob.page.goto('/account');
    await bob.page.getByLabel('Current password').fill(PASSWORD);
    await bob.page.getByLabel('New password').fill(`${PASSWORD} indeed`);
    await bob.page.getByLabel('The same password again').fill(`${PASSWORD} indeed`);
    await bob.page.getByRole('button', { name: 'Change password' }).click();
    await bob.page.getByText('The password is changed.').waitFor();
    await phone.page.goto('/requests');
    assert.equal(new URL(phone.page.url()).pathname, '/login');
    phone.assertNoFaults();
    await phone.leave();
});

test('a disabled person is sent away from the page that is open', async () => {
    await bob.page.goto('/spaces/demo');
    await pill(bob.page, CONNECTED);
    await admin.page.goto('/admin/users');
    const row = admin.page.locator('tr', { has: admin.page.locator('b', { hasText: /^bob$/ }) });
    await row.getByText('Change').click();
    await row.getByRole('button', { name: 'Disable' }).click();
    await admin.page.getByText('The user is disabled').waitFor();
    await bob.page.waitForURL('**/login**');
});

test('no page did what no page may do', () => {
    admin.assertNoFaults();
    bob.assertNoFaults();
});

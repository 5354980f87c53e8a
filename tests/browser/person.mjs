// People with browsers: one Chromium for a test file, a context for each person, and an eye on everything that a page
// must never do: script errors, console errors, violations of the Content-Security-Policy, requests to other hosts.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const ARGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
];
export const PASSWORD = 'a long enough sentence';

export function launch() {
    return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
}

export class Person {
    /** options: those of a browser context. */
    static async arrive(browser, relay, options = {}) {
        const person = new Person();
        Object.assign(person, { relay, faults: [], expected: [] });
        person.context = await browser.newContext({ locale: 'en', baseURL: relay.url, ...options });
        person.context.setDefaultTimeout(15000);
        await person.context.exposeBinding('reportViolation', (source, text) => person.#fault(`${source.page.url()}: CSP: ${text}`));
        await person.context.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) => {
            window.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
        }));
        person.context.on('page', (page) => person.#watch(page));
        person.page = await person.context.newPage();
        return person;
    }

    #watch(page) {
        page.on('pageerror', (error) => this.#fault(`${page.url()}: ${error.stack}`));
        page.on('console', (message) => {
            if (message.type() === 'error' || message.type() === 'warning')
                this.#fault(`${page.url()}: console: ${message.text()} ${message.location().url}`);
        });
        page.on('request', (request) => {
            const { protocol, host } = new URL(request.url());
            if (protocol.startsWith('http') && host !== new URL(this.relay.url).host)
                this.#fault(`${page.url()}: asks ${request.url()}`);
        });
    }

    #fault(text) {
        if (!this.expected.some((pattern) => pattern.test(text)))
            this.faults.push(text);
    }

    /** Faults that a test provokes: the browser itself logs every answer of 400 and more, and a lost WebSocket. */
    expectFault(pattern) {
        this.expected.push(pattern);
    }

    async tab(address) {
        const page = await this.context.newPage();
        await page.goto(address);
        return page;
    }

    /** Opens the set-up link and makes the first admin, who is logged in afterwards. */
    async setUp(name = 'ada') {
        await this.page.goto(await this.relay.setupLink());
        await this.page.getByLabel('User name').fill(name);
        await this.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
        await this.page.getByLabel('The same password again').fill(PASSWORD);
        await this.page.getByRole('button', { name: 'Create the admin account' }).click();
        await this.page.getByRole('link', { name: 'Log out' }).waitFor();
    }

    async logIn(name, password = PASSWORD) {
        await this.page.goto('/login');
        await this.page.getByLabel('User name').fill(name);
        await this.page.getByLabel('Password').fill(password);
        await this.page.getByRole('button', { name: 'Log in' }).click();
        await this.page.getByRole('link', { name: 'Log out' }).waitFor();
    }

    /** As an admin: a space; the page is then its admin page. fill(page) may change the form. */
    async createSpace(name, fill = async () => {}) {
        await this.page.goto('/admin/space/add');
        await this.page.getByLabel('Name', { exact: true }).fill(name);
        await fill(this.page);
        await this.page.getByRole('button', { name: 'Create a space' }).click();
        await this.page.waitForURL('**/admin/space/edit/*');
    }

    /** As an admin on a space's admin page: a token, read from the page. */
    async issueToken() {
        await this.page.getByRole('button', { name: 'Issue a token' }).click();
        return this.page.locator('#token').innerText();
    }

    async createUser(name) {
        await this.page.goto('/admin/users');
        await this.page.getByText('Create a user').click();
        await this.page.getByLabel('User name').fill(name);
        await this.page.getByLabel('Password', { exact: true }).fill(PASSWORD);
        await this.page.getByRole('button', { name: 'Create user' }).click();
        await this.page.getByText('The user is created.').waitFor();
    }

    /** Fails when any page did what no page may do. */
    assertNoFaults() {
        assert.deepEqual(this.faults, []);
    }

    async leave() {
        await this.context.close();
    }
}

/* ---- what a person does and reads on a space's page ---- */

export async function submit(page, prompt) {
    await page.getByLabel('Prompt').fill(prompt);
    await page.getByRole('button', { name: 'Submit Request' }).click();
    return card(page, prompt);
}

/** The card of a request, by its prompt. */
export function card(page, prompt) {
    return page.locator('article.req').filter({ has: page.locator('.req-prompt', { hasText: prompt }) });
}

export async function requestId(requestCard) {
    const id = await requestCard.locator('.req-id code').innerText();
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    return id;
}

/** Waits until the card shows a status. */
export function status(requestCard, text) {
    return requestCard.locator('.badge', { hasText: text }).waitFor();
}

/** Waits until some of the answer has arrived, and returns it. */
export async function someText(requestCard) {
    const output = requestCard.locator('.output');
    await output.filter({ hasText: /\S+ \S+/ }).waitFor();
    return output.innerText();
}

/** Waits for the pill of a space's page. */
export function pill(page, text) {
    return page.locator('#state [data-pill]', { hasText: text }).waitFor();
}

export const CONNECTED = /^\s*✓ Connected\s*$/;
export const NOT_CONNECTED = /^\s*✗ Not Connected\s*$/;

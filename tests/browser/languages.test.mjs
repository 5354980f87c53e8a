// English, Chinese and Korean: how the language is chosen, and that every page holds and fits in each.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { structure, tooWide } from './layout.mjs';
import { PASSWORD, requestId, submit } from './person.mjs';
import { World } from './world.mjs';

const NAMES = { en: 'English', zh: '中文', ko: '한국어' };
const LETTERS = { zh: /\p{Script=Han}/u, ko: /\p{Script=Hangul}/u };
/* What a page of another language may hold in Latin letters: names, what the world is made of here, what stands in code. */
const OURS = /spacerelay|(WebSocket|Flask) Spaces|#2f6fed|English|mock-app|\b(ada|demo|user|admin|eve|JSON|CSV|Lines|UTC|ID|GPU|WebSocket|ping|HTTP|API|Ctrl|Enter|Esc|JavaScript|UTF|Linux|Chrome|p50|p99|Token|KiB|MiB|GiB|https|http|Socket\.IO|Flask-SocketIO|Engine\.IO|Cookie|base64|Flask|Python|TLS|RFC|URL|REST|OpenAI|OpenAPI|openapi|json)\b/g;

let world, mine;

before(async () => {
    world = await World.open();
    const { page } = world.admin;
    world.admin.expectFault(/ 40[34] .*(no\/such\/page|register)/);
    await page.goto('/account');
    await world.admin.createUser('eve');
    await world.app(['--delay', '1-1']);
    await page.goto('/spaces/demo');
    mine = await requestId(await submit(page, '42'));
    await page.locator('.req .badge.completed').waitFor();
});

after(() => world?.end());

const languageOf = (page) => page.evaluate(() => document.documentElement.lang);

async function choose(page, lang) {
    await page.locator('footer').getByRole('button', { name: NAMES[lang] }).click();
    await page.locator(`html[lang="${lang}"] footer [aria-current="true"]`, { hasText: NAMES[lang] }).waitFor();
}

async function logIn(page, name) {
    await page.goto('/login');
    await page.locator('#username').fill(name);
    await page.locator('#password').fill(PASSWORD);
    await page.locator('main button[type="submit"]').click();
    await page.locator('#spaces').waitFor();
}

test('the browser\'s languages choose when nobody else has', async () => {
    for (const [locale, lang] of [['ko-KR', 'ko'], ['zh-TW', 'zh'], ['fr-FR', 'en'], ['en-GB', 'en']]) {
        const stranger = await world.person({ locale });
        await stranger.page.goto('/login');
        assert.equal(await languageOf(stranger.page), lang, locale);
        stranger.assertNoFaults();
        await stranger.leave();
    }
});

test('the switch in the foot works without JavaScript and without an account, and comes back to the page', async () => {
    const stranger = await world.person({ javaScriptEnabled: false });
    const { page } = stranger;
    await page.goto('/docs/run?from=test');
    await page.locator('footer').getByRole('button', { name: NAMES.ko }).click();
    await page.waitForURL('**/docs/run?from=test');
    assert.equal(await page.locator('html').getAttribute('lang'), 'ko');
    await page.goto('/login');
    await page.getByRole('heading', { name: '로그인' }).waitFor();
    await page.locator('footer').getByRole('button', { name: NAMES.zh }).click();
    await page.getByRole('heading', { name: '登录' }).waitFor();
    stranger.assertNoFaults();
    await stranger.leave();
});

test('whoever is logged in takes the choice along to other devices', async () => {
    const here = await world.person(), there = await world.person({ locale: 'ko' });
    await logIn(here.page, 'eve');
    await choose(here.page, 'zh');
    await logIn(there.page, 'eve');
    assert.equal(await languageOf(there.page), 'zh');
    await there.page.goto('/account');
    assert.equal(await there.page.locator('#language').inputValue(), 'zh');
    await there.page.locator('#language').selectOption('en');
    await there.page.getByRole('button', { name: '保存' }).click();
    await there.page.getByText('The language is saved.').waitFor();
    await here.page.reload();
    assert.equal(await languageOf(here.page), 'en');
    await there.page.locator('#language').selectOption('');
    await there.page.getByRole('button', { name: 'Save' }).click();
    await there.page.getByText('언어 설정을 저장했습니다.').waitFor();
    assert.equal(await languageOf(there.page), 'ko');
    for (const person of [here, there]) {
        person.assertNoFaults();
        await person.leave();
    }
});

test('what scripts write is in the page\'s language too: states, times, lengths of time, what the relay says', async () => {
    const { page } = world.admin;
    const own = await world.person({ locale: 'zh-CN' });
    await page.goto(`/admin/space/edit/${world.spaceId}`);
    await page.getByLabel('Seconds between requests').fill('1000');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The space is saved.').waitFor();
    await logIn(own.page, 'eve');
    await own.page.goto('/spaces/demo');
    await own.page.locator('#state', { hasText: '✓ 已连接' }).waitFor();
    await own.page.locator('#prompt').fill('42');
    await own.page.getByRole('button', { name: '发送请求' }).click();
    const card = own.page.locator('article.req');
    await card.locator('.badge', { hasText: '已完成' }).waitFor();
    await card.locator('.where', { hasText: /^用时 \d+\.\d 秒$/ }).waitFor();
    assert.match(await card.locator('time').first().getAttribute('title'), /年.*月.*日/);
    await own.page.getByRole('button', { name: '发送请求' }).click();
    await own.page.locator('#form-error', { hasText: /^请求过于频繁，请等待 \d+ 秒后再试。$/ }).waitFor();
    own.assertNoFaults();
    await own.leave();
});

test('without JavaScript times are in words of the language', async () => {
    const plain = await world.person({ locale: 'ko', javaScriptEnabled: false });
    await logIn(plain.page, 'eve');
    await plain.page.goto('/account');
    assert.match(await plain.page.locator('main time').first().innerText(), /^\d+년 \d+월 \d+일 \d\d:\d\d UTC$/);
    await plain.leave();
});

test('without JavaScript nothing sticks out of 360 px either', async () => {
    const storageState = await world.admin.context.storageState();
    const plain = await world.person({ javaScriptEnabled: false, viewport: { width: 360, height: 740 }, storageState });
    const found = {};
    for (const lang of ['en', 'zh', 'ko']) {
        await plain.page.goto('/account');
        await plain.page.locator('footer').getByRole('button', { name: NAMES[lang] }).click();
        for (const path of ['/account', '/requests', `/requests/${mine}`, '/spaces/demo', `/admin/space/edit/${world.spaceId}`, '/admin/users', '/admin/spaces',
            '/admin/requests', `/admin/requests/${mine}`, '/admin/audit']) {
            await plain.page.goto(path);
            const wide = await tooWide(plain.page);
            if (wide.length > 0)
                found[`${lang} ${path}`] = wide;
        }
    }
    assert.deepEqual(found, {});
    await plain.leave();
});

for (const lang of Object.keys(LETTERS)) {
    test(`every page holds in ${lang}: nothing is left in English, and nothing sticks out of 360 px`, async () => {
        const { page } = world.admin;
        await page.setViewportSize({ width: 360, height: 740 });
        await page.goto('/');
        await choose(page, lang);
        const paths = ['/', '/spaces/demo', '/requests', '/requests?status=failed', `/requests/${mine}`, '/account', '/admin/', '/admin/spaces',
            '/admin/space/add', `/admin/space/edit/${world.spaceId}`, '/admin/users', '/admin/settings', '/admin/requests',
            '/admin/requests?code=poisoned', `/admin/requests/${mine}`, '/admin/audit?until=x', '/login', '/register', '/docs',
            '/docs/apps', '/docs/flask', '/docs/limits', '/no/such/page'];
        const found = {}, wanted = {}, english = {};
        for (const path of paths) {
            await page.goto(path);
            found[path] = { ...await structure(page), tooWide: await tooWide(page) };
            wanted[path] = { h1: 1, lang, title: true, unlabelled: [], nameless: [], twice: [], tooWide: [] };
            const words = await page.evaluate(() => {
                for (const node of document.querySelectorAll('code, kbd, pre, .output, [lang="en"], [data-user], .sent, .fields, .app-line, script'))
                    if (node !== document.body)
                        node.remove();
                return document.body.innerText;
            });
            assert.match(words, LETTERS[lang], path);
            const left = words.replace(OURS, '').match(/[A-Za-z]{3,}( [A-Za-z]{2,})*/g);
            if (left)
                english[path] = left;
        }
        assert.deepEqual(found, wanted);
        assert.deepEqual(english, {});
    });
}

test('no page did what no page may do', () => world.admin.assertNoFaults());

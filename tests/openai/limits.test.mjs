// Limits, seen by npm's `openai`: it waits as long as it is told to, and tries again.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import OpenAI from 'openai';

import { World } from './world.mjs';

const messages = [{ role: 'user', content: 'hello' }];
let world;

before(async () => {
    world = await World.open({ requests_per_minute: 40, unfinished_per_person: 2 });
});

after(() => world?.end());

/** A client, and the statuses of the answers that it has got. */
function listening(options = {}) {
    const answers = [];
    const client = new OpenAI({
        baseURL: world.url, apiKey: world.key, ...options,
        fetch: async (url, init) => {
            const answer = await fetch(url, init);
            answers.push(answer);
            return answer;
        },
    });
    return { client, answers };
}

test('503 while no app is there: it is asked again until one is', async () => {
    const token = await world.space('later');
    const { client, answers } = listening({ maxRetries: 10 });
    const call = client.chat.completions.create({ model: 'later', messages });
    while (!answers.length)
        await new Promise((turn) => setImmediate(turn));
    await world.relay.app('later', token, ['--delay', '0-0']);
    assert.match((await call).choices[0].message.content, /You said/);
    assert.equal(answers[0].status, 503);
    assert.equal(answers.at(-1).status, 200);
});

test('429 with too much under way: asked again, and served when there is room', async () => {
    const app = await world.app('busy', { concurrency: 10 });
    const { client, answers } = listening({ maxRetries: 10 });
    const first = client.chat.completions.create({ model: 'busy', messages });
    const request = await app.take();
    const second = client.chat.completions.create({ model: 'busy', messages });
    const other = await app.take();
    const third = client.chat.completions.create({ model: 'busy', messages, user: 'third' });
    while (!answers.length)
        await new Promise((turn) => setImmediate(turn));
    assert.equal(answers[0].status, 429);
    app.result(request, { text_output: '1' });
    app.result(other, { text_output: '2' });
    await Promise.all([first, second]);
    app.result(await app.take(), { text_output: '3' });
    assert.equal((await third).choices[0].message.content, '3');
});

test('429 of requests a minute says how long to wait', async () => {
    await world.mock('fast', ['--delay', '0-0', '--concurrency', '8']);
    const { client, answers } = listening({ maxRetries: 0 });
    await assert.rejects(async () => {
        for (;;)
            await client.chat.completions.create({ model: 'fast', messages });
    }, OpenAI.RateLimitError);
    assert.ok(Number(answers.at(-1).headers.get('retry-after')) >= 1);
});

// Through the bridge to a second server: an openai client, a relay, the bridge, and another relay whose model is mock-app.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import OpenAI from 'openai';

import { Program } from '../browser/relay.mjs';
import { World } from './world.mjs';

const messages = [{ role: 'user', content: 'hello' }];
let near, far, bridge, client;

before(async () => {
    [near, far] = await Promise.all([World.open(), World.open()]);
    await far.mock('mock', ['--delay', '0.3-0.3', '--concurrency', '4']);
    const token = await near.space('front');
    bridge = new Program('bridge', ['--host', near.relay.url, '--space', 'front', '--upstream', far.url, '--model', 'mock',
        '--concurrency', '4', '--endpoints', 'chat.completions,completions,embeddings'],
    { SPACERELAY_TOKEN: token, UPSTREAM_API_KEY: far.key });
    await bridge.printed(/Registration successful/);
    client = new OpenAI({ baseURL: near.url, apiKey: near.key });
});

after(async () => {
    await bridge?.stop();
    await Promise.all([near?.end(), far?.end()]);
});

test('a stream, with usage', async () => {
    const texts = [];
    let used;
    for await (const part of await client.chat.completions.create({ model: 'front', messages, stream: true, stream_options: { include_usage: true } })) {
        texts.push(part.choices[0]?.delta.content ?? '');
        used = part.usage ?? used;
    }
    assert.ok(texts.filter(Boolean).length > 2, 'it came in parts');
    assert.match(texts.join(''), /^You said: “hello” .*\.$/);
    assert.ok(used.total_tokens > 10);
});

test('an answer in one piece, completions, embeddings', async () => {
    const { choices: [{ message }] } = await client.chat.completions.create({ model: 'front', messages });
    assert.match(message.content, /^You said: “hello”/);
    assert.match((await client.completions.create({ model: 'front', prompt: 'Once' })).choices[0].text, /“Once”/);
    const [there, here] = await Promise.all([[far, 'mock'], [near, 'front']].map(([world, model]) =>
        new OpenAI({ baseURL: world.url, apiKey: world.key }).embeddings.create({ model, input: 'a' })));
    assert.deepEqual(here.data, there.data);
});

test('tools and abort go all the way', async () => {
    const app = await far.app('far app');
    const token = await near.space('tools');
    const second = new Program('bridge', ['--host', near.relay.url, '--space', 'tools', '--upstream', far.url, '--model', 'far app'],
        { SPACERELAY_TOKEN: token, UPSTREAM_API_KEY: far.key });
    try {
        await second.printed(/Registration successful/);
        const calls = [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }];
        const call = client.chat.completions.create({ model: 'tools', messages });
        app.result(await app.take(), { tool_calls: calls });
        assert.deepEqual((await call).choices[0].message.tool_calls, calls);
        const stop = new AbortController();
        const waits = client.chat.completions.create({ model: 'tools', messages }, { signal: stop.signal });
        const request = await app.take();
        stop.abort();
        await assert.rejects(waits, OpenAI.APIUserAbortError);
        assert.equal((await app.next('inference_cancel')).request_id, request.request_id);
    } finally {
        await second.stop();
    }
});

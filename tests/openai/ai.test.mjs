// Vercel's `ai`, with its provider for servers like this one.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

import { World } from './world.mjs';

const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
let world, provider;

before(async () => {
    world = await World.open();
    provider = createOpenAICompatible({ name: 'spacerelay', baseURL: world.url, apiKey: world.key, includeUsage: true });
    await world.mock('mock', ['--delay', '0.2-0.2', '--concurrency', '8']);
});

after(() => world?.end());

test('generateText', async () => {
    const { text, usage: used, finishReason } = await generateText({ model: provider('mock'), prompt: 'hello' });
    assert.match(text, /^You said: “hello”/);
    assert.equal(finishReason, 'stop');
    assert.ok(used.totalTokens > 10);
});

test('streamText', async () => {
    const result = streamText({ model: provider('mock'), system: 'Be brief', prompt: 'hello' });
    const parts = [];
    for await (const part of result.textStream)
        parts.push(part);
    assert.ok(parts.length > 2, 'it came in parts');
    assert.match(parts.join(''), /^You said: “hello”/);
    assert.ok((await result.usage).totalTokens > 10);
});

test('reasoning is told from text', async () => {
    const app = await world.app('thinks');
    const result = streamText({ model: provider('thinks'), prompt: 'hello' });
    const text = result.text;
    app.result(await app.take(), { text_output: 'so', reasoning: 'hm' }, usage);
    assert.equal(await text, 'so');
    assert.equal(await result.reasoningText, 'hm');
});

test('tools are called, from a stream and without', async () => {
    const app = await world.app('tools');
    const seen = [];
    const settings = {
        model: provider('tools'), prompt: 'Weather?', stopWhen: stepCountIs(3),
        tools: { weather: tool({ inputSchema: z.object({ city: z.string() }), execute: ({ city }) => (seen.push(city), 'rain') }) },
    };
    const answers = async () => {
        app.result(await app.take(), { tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Köln"}' } }] }, usage);
        const request = await app.take();
        assert.deepEqual(request.payload.messages.at(-1), { role: 'tool', tool_call_id: 'c1', content: 'rain' });
        app.result(request, { text_output: 'It rains' }, usage);
    };
    const whole = generateText(settings);
    await answers();
    assert.equal((await whole).text, 'It rains');
    const { text } = streamText(settings);
    await Promise.all([answers(), text.then((said) => assert.equal(said, 'It rains'))]);
    assert.deepEqual(seen, ['Köln', 'Köln']);
});

test('abort cancels at the app', async () => {
    const app = await world.app('abort');
    const stop = new AbortController();
    const result = streamText({ model: provider('abort'), prompt: 'hello', abortSignal: stop.signal });
    const reading = (async () => {
        for await (const part of result.textStream)
            stop.abort(part);
    })().catch(() => {});
    const request = await app.take();
    app.delta(request, 'Once');
    assert.equal((await app.next('inference_cancel')).request_id, request.request_id);
    await reading;
});

test('errors are told', async () => {
    await assert.rejects(generateText({ model: provider('none'), prompt: 'x' }), (e) => e.statusCode === 404 && /There is no model "none"/.test(e.message));
    const app = await world.app('breaks');
    const errors = [];
    const result = streamText({ model: provider('breaks'), prompt: 'x', onError: ({ error }) => errors.push(error) });
    const reading = result.consumeStream();
    const request = await app.take();
    app.delta(request, 'Once');
    app.error(request, 'app_error', 'no luck');
    await reading;
    assert.match(JSON.stringify(errors[0]), /no luck/);
});

test('embedMany', async () => {
    const { embeddings } = await embedMany({ model: provider.embeddingModel('mock'), values: ['a', 'b', 'a'] });
    assert.equal(embeddings[0].length, 8);
    assert.deepEqual(embeddings[0], embeddings[2]);
    assert.notDeepEqual(embeddings[0], embeddings[1]);
});

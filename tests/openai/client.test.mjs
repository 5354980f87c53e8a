// npm's `openai`: what its users do and meet.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import OpenAI from 'openai';

import { World } from './world.mjs';

const messages = [{ role: 'user', content: 'Say hé"llo' }];
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
let world, client;

before(async () => {
    world = await World.open();
    client = new OpenAI({ baseURL: world.url, apiKey: world.key });
    await world.mock('mock', ['--delay', '0.2-0.2', '--concurrency', '8']);
});

after(() => world?.end());

async function collected(stream) {
    const parts = [];
    for await (const part of stream)
        parts.push(part);
    return parts;
}

test('chat without a stream', async () => {
    const { data: answer, request_id } = await client.chat.completions.create({ model: 'mock', messages }).withResponse();
    assert.equal(answer.object, 'chat.completion');
    assert.equal(answer.model, 'mock');
    assert.match(answer.choices[0].message.content, /You said: “Say hé"llo”/);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.ok(answer.usage.completion_tokens > 10);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.equal(answer.id, `chatcmpl-${request_id}`);
});

test('chat with a stream: words as they come, usage at the end', async () => {
    const stream = await client.chat.completions.create({ model: 'mock', messages, stream: true, stream_options: { include_usage: true } });
    const parts = await collected(stream);
    const texts = parts.map((part) => part.choices[0]?.delta.content).filter(Boolean);
    assert.ok(texts.length > 2, 'it came in parts');
    assert.match(texts.join(''), /^You said: “Say hé"llo” .*\.$/);
    assert.ok(parts.at(-1).usage.total_tokens > 10);
    assert.deepEqual(parts.at(-1).choices, []);
});

test('the stream helper puts it together', async () => {
    const runner = client.chat.completions.stream({ model: 'mock', messages });
    const heard = [];
    runner.on('content', (delta) => heard.push(delta));
    const answer = await runner.finalChatCompletion();
    assert.equal(heard.join(''), answer.choices[0].message.content);
});

test('completions', async () => {
    const answer = await client.completions.create({ model: 'mock', prompt: 'Once', max_tokens: 5 });
    assert.match(answer.choices[0].text, /You said: “Once”/);
    const parts = await collected(await client.completions.create({ model: 'mock', prompt: 'Once', stream: true }));
    assert.match(parts.map((part) => part.choices[0].text).join(''), /You said: “Once”/);
});

test('embeddings, as numbers whatever travels', async () => {
    const { data, usage: used } = await client.embeddings.create({ model: 'mock', input: ['a b', 'c'] });
    const plain = await client.embeddings.create({ model: 'mock', input: ['a b', 'c'], encoding_format: 'float' });
    assert.equal(used.prompt_tokens, 3);
    for (const i of [0, 1]) {
        assert.equal(data[i].embedding.length, 8);
        plain.data[i].embedding.forEach((x, at) => assert.ok(Math.abs(x - data[i].embedding[at]) < 1e-6));
    }
    assert.notDeepEqual(data[0].embedding, data[1].embedding);
});

test('models: what is connected, all, and one', async () => {
    await world.space('away');
    const listed = async (options) => (await collected(client.models.list(options))).map(({ id }) => id);
    assert.ok((await listed()).includes('mock'));
    assert.ok(!(await listed()).includes('away'));
    assert.ok((await listed({ query: { all: 1 } })).includes('away'));
    assert.equal((await client.models.retrieve('mock')).owned_by, 'spacerelay');
    await assert.rejects(client.models.retrieve('none'), OpenAI.NotFoundError);
});

const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
const calls = [{ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Köln"}' } }];

test('tools: calls come back, their results go there', async () => {
    const app = await world.app('tools');
    const first = client.chat.completions.create({ model: 'tools', messages, tools });
    let request = await app.take();
    assert.deepEqual(request.payload.tools, tools);
    app.result(request, { tool_calls: calls }, usage);
    const { choices: [{ message, finish_reason }] } = await first;
    assert.equal(finish_reason, 'tool_calls');
    assert.deepEqual(message.tool_calls, calls);
    const talk = [...messages, message, { role: 'tool', tool_call_id: 'call_1', content: 'rain' }];
    const second = client.chat.completions.create({ model: 'tools', messages: talk, tools });
    request = await app.take();
    assert.deepEqual(request.payload.messages, talk);
    app.result(request, { text_output: 'It rains' });
    assert.equal((await second).choices[0].message.content, 'It rains');
});

test('runTools calls the function by itself, from a stream', async () => {
    const app = await world.app('run tools');
    const seen = [];
    const runner = client.chat.completions.runTools({
        model: 'run tools', messages, stream: true,
        tools: [{ type: 'function', function: { ...tools[0].function, parse: JSON.parse, function: ({ city }) => (seen.push(city), 'rain') } }],
    });
    app.result(await app.take(), { tool_calls: calls });
    const request = await app.take();
    assert.equal(request.payload.messages.at(-1).content, 'rain');
    app.delta(request, 'It ');
    app.result(request, { text_output: 'It rains' });
    assert.equal(await runner.finalContent(), 'It rains');
    assert.deepEqual(seen, ['Köln']);
});

test('every other field reaches the app as it is', async () => {
    const app = await world.app('fields');
    const body = {
        messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] }],
        temperature: 0.7, stop: ['\n'], seed: 7, response_format: { type: 'json_object' }, max_tokens: 9, n: 1,
    };
    const call = client.chat.completions.create({ model: 'fields', ...body });
    const request = await app.take();
    assert.deepEqual(request.payload, { ...body, endpoint: 'chat.completions', prompt: 'What is it?' });
    app.result(request, { text_output: '{}', finish_reason: 'length', reasoning: 'hm' });
    const [choice] = (await call).choices;
    assert.equal(choice.finish_reason, 'length');
    assert.equal(choice.message.reasoning_content, 'hm');
});

test('abort cancels at the app: a stream, and one who waits', async () => {
    const app = await world.app('abort');
    const stream = await client.chat.completions.create({ model: 'abort', messages, stream: true });
    let request = await app.take();
    app.delta(request, 'Once');
    for await (const part of stream)
        if (part.choices[0].delta.content)
            break; // which aborts
    assert.equal((await app.next('inference_cancel')).request_id, request.request_id);
    app.error(request, 'cancelled', 'stopped');
    const stop = new AbortController();
    const waits = client.chat.completions.create({ model: 'abort', messages }, { signal: stop.signal });
    request = await app.take();
    stop.abort();
    await assert.rejects(waits, OpenAI.APIUserAbortError);
    assert.equal((await app.next('inference_cancel')).request_id, request.request_id);
});

test('errors have their classes', async () => {
    const app = await world.app('errors');
    const ask = (fields, options) => client.chat.completions.create({ model: 'errors', messages, ...fields }, { maxRetries: 0, ...options });
    const stranger = new OpenAI({ baseURL: world.url, apiKey: 'sr_nobody', maxRetries: 0 });
    const reader = new OpenAI({ baseURL: world.url, apiKey: await world.newKey('reader', 'read'), maxRetries: 0 });
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
    await assert.rejects(reader.chat.completions.create({ model: 'errors', messages }), OpenAI.PermissionDeniedError);
    await assert.rejects(ask({ model: 'none' }), (e) => e instanceof OpenAI.NotFoundError && e.code === 'model_not_found');
    await assert.rejects(ask({ n: 2 }), (e) => e instanceof OpenAI.BadRequestError && e.param === 'n');
    await assert.rejects(client.embeddings.create({ model: 'errors', input: 'a' }), (e) => e instanceof OpenAI.BadRequestError && e.code === 'input_refused');
    await assert.rejects(client.responses.create({ model: 'errors', input: 'a' }), OpenAI.NotFoundError);
    for (const [code, kind] of [['app_error', OpenAI.InternalServerError], ['rate_limited', OpenAI.RateLimitError], ['invalid_request', OpenAI.BadRequestError]]) {
        const call = ask();
        app.error(await app.take(), code, 'no luck');
        await assert.rejects(call, (e) => e instanceof kind && e.code === code && e.message.includes('no luck'));
    }
});

test('an error in the middle of a stream is thrown', async () => {
    const app = await world.app('breaks');
    const stream = await client.chat.completions.create({ model: 'breaks', messages, stream: true });
    const request = await app.take();
    app.delta(request, 'Once');
    app.error(request, 'app_error', 'no luck');
    await assert.rejects(collected(stream), (e) => e instanceof OpenAI.APIError && e.message.includes('no luck'));
});

test('what failed for good is not asked again, what is busy is', async () => {
    const app = await world.app('again');
    let call = client.chat.completions.create({ model: 'again', messages });
    app.error(await app.take(), 'app_error', 'no luck');
    await assert.rejects(call, OpenAI.InternalServerError);
    call = client.chat.completions.create({ model: 'again', messages, user: 'second' });
    let request = await app.take();
    assert.equal(request.payload.user, 'second', 'the first was not repeated');
    app.error(request, 'upstream_unavailable', 'it wakes up');
    request = await app.take();
    assert.equal(request.payload.user, 'second');
    app.error(request, 'rate_limited', 'too many');
    app.result(await app.take(), { text_output: 'there' });
    assert.equal((await call).choices[0].message.content, 'there');
});

// The README's program, as it stands there: told where the relay is only by its environment.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ROOT, World } from './world.mjs';

let world;

before(async () => {
    world = await World.open();
    await world.mock('demo', ['--delay', '0.5-0.5']);
});

after(() => world?.end());

test('ten lines chat with the mock app, streaming', async () => {
    const text = await readFile(join(ROOT, 'README.md'), 'utf8');
    const [, code] = /readme\.test\.mjs\. -->\n```js\n(.*?)```/s.exec(text);
    assert.ok(code.trim().split('\n').filter(Boolean).length <= 10);
    const env = { ...process.env, OPENAI_BASE_URL: world.url, OPENAI_API_KEY: world.key };
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: fileURLToPath(new URL('.', import.meta.url)), env, stdio: ['ignore', 'pipe', 'inherit'] });
    const pieces = [];
    child.stdout.setEncoding('utf8').on('data', (piece) => pieces.push(piece));
    const status = await new Promise((done) => child.once('close', done));
    assert.equal(status, 0);
    assert.ok(pieces.length > 2, 'it came in parts');
    assert.match(pieces.join(''), /^You said: “Say hello” .*\.$/);
});

// A relay with a person who has an API key, mock-app behind one space, and apps that do what a test tells them.

import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { WebSocket } from 'ws';

import { Relay } from '../browser/relay.mjs';

const PATIENCE_MS = 20000;
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const program = join(resolve(ROOT, process.env.SPACERELAY_BUILD ?? 'build'), 'spacerelay');

/** One message at a time, each to the first who asks for its kind. */
class App {
    #held = [];
    #waiting = [];

    static async open(url, space, token, fields = {}) {
        const app = new App();
        app.socket = new WebSocket(`${url.replace('http', 'ws')}/ws/app`, ['spacerelay.v1']);
        app.socket.onmessage = ({ data }) => app.#take(JSON.parse(data));
        await new Promise((opened, failed) => Object.assign(app.socket, { onopen: opened, onerror: failed }));
        app.send('register', { space_name: space, token, ...fields });
        const answer = await app.next('register_response');
        if (!answer.success)
            throw new Error(answer.message);
        return app;
    }

    #take(message) {
        const at = this.#waiting.findIndex(({ type }) => type === message.type);
        if (at < 0)
            this.#held.push(message);
        else
            this.#waiting.splice(at, 1)[0].found(message);
    }

    next(type) {
        const at = this.#held.findIndex((message) => message.type === type);
        if (at >= 0)
            return Promise.resolve(this.#held.splice(at, 1)[0]);
        return new Promise((found, failed) => {
            const timer = setTimeout(() => failed(new Error(`no ${type} came`)), PATIENCE_MS);
            this.#waiting.push({ type, found: (message) => (clearTimeout(timer), found(message)) });
        });
    }

    send(type, fields) {
        this.socket.send(JSON.stringify({ type, ...fields }));
    }

    #about(type, { request_id, attempt }, fields) {
        this.send(type, { request_id, attempt, ...fields });
    }

    take() {
        return this.next('inference_request');
    }

    delta(request, text) {
        this.#about('inference_delta', request, { text });
    }

    result(request, result, usage) {
        this.#about('inference_result', request, { status: 'completed', result, usage });
    }

    error(request, code, message) {
        this.#about('inference_error', request, { error: { code, message } });
    }

    close() {
        this.socket.close();
    }
}

export class World {
    #apps = [];

    static async open(limits = {}) {
        const world = new World();
        world.relay = await Relay.start([], { shutdown_ms: 100, requests_per_minute: 0, ...limits });
        await world.command(['user', 'add', 'ann', '--admin', '--password-stdin'], 'correct horse\n');
        world.key = await world.newKey('test');
        world.url = `${world.relay.url}/v1`;
        return world;
    }

    /** What `spacerelay` prints. */
    async command(words, input = '') {
        const running = promisify(execFile)(program, [...words, '--data', this.relay.data]);
        running.child.stdin.end(input);
        return (await running).stdout.trim();
    }

    newKey(name, scopes = 'submit,read') {
        return this.command(['key', 'add', '--user', 'ann', '--name', name, '--scopes', scopes]);
    }

    async space(name, options = []) {
        await this.command(['space', 'add', name, ...options]);
        return this.command(['token', 'issue', '--space', name]);
    }

    async mock(name, options) {
        return this.relay.app(name, await this.space(name), options);
    }

    async app(name, fields) {
        const app = await App.open(this.relay.url, name, await this.space(name), fields);
        this.#apps.push(app);
        return app;
    }

    async end() {
        for (const app of this.#apps)
            app.close();
        await this.relay.end();
    }
}

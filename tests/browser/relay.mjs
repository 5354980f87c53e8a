// A relay with an empty data folder of its own on a free port, and apps for it. Everything is ended by process id.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const build = resolve(root, process.env.SPACERELAY_BUILD ?? 'build');
const PATIENCE_MS = 20000;

/** A child process whose output can be waited for. */
export class Program {
    constructor(name, args, env = {}) {
        this.name = name;
        this.output = '';
        this.watchers = new Set();
        this.child = spawn(join(build, name), args, {
            cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
        });
        for (const stream of [this.child.stdout, this.child.stderr])
            stream.setEncoding('utf8').on('data', (text) => this.#take(text));
        this.ended = new Promise((done) => {
            this.child.once('error', (error) => this.#end(error.message, done));
            this.child.once('exit', (status, signal) => this.#end(`exit ${status ?? signal}`, done));
        });
    }

    #take(text) {
        this.output += text;
        for (const watcher of this.watchers)
            watcher();
    }

    #end(why, done) {
        this.why = why;
        this.#take('');
        done(why);
    }

    /** The match of a pattern in what the program has printed, as soon as it is there. */
    printed(pattern) {
        return new Promise((found, fail) => {
            const timer = setTimeout(() => finish(fail, new Error(`${this.name} did not print ${pattern}:\n${this.output}`)), PATIENCE_MS);
            const finish = (how, value) => {
                clearTimeout(timer);
                this.watchers.delete(look);
                how(value);
            };
            const look = () => {
                const match = pattern.exec(this.output);
                if (match)
                    finish(found, match);
                else if (this.why)
                    finish(fail, new Error(`${this.name} ended (${this.why}) before it printed ${pattern}:\n${this.output}`));
            };
            this.watchers.add(look);
            look();
        });
    }

    async stop(signal = 'SIGTERM') {
        if (!this.why)
            this.child.kill(signal);
        return this.ended;
    }
}

export class Relay {
    /** options: of `serve`; limits: {name: number}. */
    static async start(options = [], limits = {}) {
        const relay = new Relay();
        relay.data = await mkdtemp(join(tmpdir(), 'spacerelay-browser-'));
        await writeFile(`${relay.data}.limits`, Object.entries(limits).map(([name, n]) => `${name} = ${n}\n`).join(''));
        relay.options = [...options, '--limits', `${relay.data}.limits`];
        relay.apps = new Set();
        try {
            await relay.serve('127.0.0.1:0');
        } catch (error) {
            await relay.end();
            throw error;
        }
        return relay;
    }

    /** Begins to listen; after a stop on the address that it had. */
    async serve(listen = new URL(this.url).host) {
        this.program = new Program('spacerelay', ['serve', '--listen', listen, '--data', this.data, ...this.options]);
        [, this.url] = await this.program.printed(/^listening on (http:\/\/\S+)$/m);
    }

    /** The link that is printed while there is no admin. */
    async setupLink() {
        const [link] = await this.program.printed(/http:\/\/\S+\/setup\?token=\S+/);
        return link;
    }

    /** An app for a space; resolves once it is registered. Delays in seconds. */
    async app(space, token, options = ['--delay', '1-1']) {
        const app = new Program('mock-app', ['--host', this.url, '--space', space, '--seed', '1', ...options], { SPACERELAY_TOKEN: token });
        this.apps.add(app);
        await app.printed(/registered|Registration successful/);
        return app;
    }

    async end() {
        for (const app of this.apps)
            await app.stop('SIGKILL');
        await this.program.stop();
        await rm(this.data, { recursive: true, force: true });
        await rm(`${this.data}.limits`, { force: true });
    }
}

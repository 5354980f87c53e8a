// tests/sio_echo.c as a child process, and the browsers' copy of socket.io-client over HTTP, from another origin.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const build = resolve(root, process.env.SPACERELAY_BUILD ?? 'build');

export class Echo {
    static async start({ port = 0, ...env } = {}) {
        const echo = new Echo();
        echo.child = spawn(join(build, 'tests/sio_echo'), [`127.0.0.1:${port}`], {
            env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'],
        });
        echo.ended = new Promise((done) => echo.child.once('exit', (status, signal) => done(status ?? signal)));
        echo.url = await new Promise((found, fail) => {
            echo.ended.then((why) => fail(new Error(`sio_echo ended: ${why}`)));
            echo.child.stdout.once('data', (text) => found(/listening on (\S+)/.exec(text)[1]));
        });
        echo.port = Number(new URL(echo.url).port);
        return echo;
    }

    shutDown() {
        this.child.kill('SIGUSR1');
    }

    async log() {
        return (await (await fetch(`${this.url}/log`)).text()).split('\n').filter(Boolean);
    }

    async end() {
        this.child.kill('SIGTERM');
        const status = await this.ended;
        if (status !== 0)
            throw new Error(`sio_echo ended with ${status}`);
    }
}

/** An empty page that has loaded socket.io-client, on an origin of its own. */
export class Site {
    static async start() {
        const site = new Site();
        const library = dirname(createRequire(import.meta.url).resolve('socket.io-client/package.json'));
        const script = await readFile(join(library, 'dist/socket.io.min.js'));
        site.server = createServer((request, response) => {
            const wanted = request.url === '/socket.io.js';
            response.setHeader('Content-Type', wanted ? 'text/javascript' : 'text/html');
            response.end(wanted ? script : '<!doctype html><title>elsewhere</title><script src="/socket.io.js"></script>');
        });
        await new Promise((done) => site.server.listen(0, '127.0.0.1', done));
        site.url = `http://localhost:${site.server.address().port}`;
        return site;
    }

    end() {
        this.server.closeAllConnections();
        return new Promise((done) => this.server.close(done));
    }
}

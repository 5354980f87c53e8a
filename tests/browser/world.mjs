// What most tests begin with: a relay, a browser, its first admin logged in, a space "demo" and a token for its app.

import { Person, launch } from './person.mjs';
import { Relay } from './relay.mjs';

export class World {
    static async open(limits) {
        const world = new World();
        try {
            await world.#prepare(limits);
        } catch (error) {
            await world.end();
            throw error;
        }
        return world;
    }

    async #prepare(limits) {
        this.relay = await Relay.start([], limits);
        this.browser = await launch();
        this.admin = await this.person();
        await this.admin.setUp();
        await this.admin.createSpace('demo');
        this.spaceId = new URL(this.admin.page.url()).pathname.split('/').pop();
        this.token = await this.admin.issueToken();
    }

    person(options) {
        return Person.arrive(this.browser, this.relay, options);
    }

    app(options) {
        return this.relay.app('demo', this.token, options);
    }

    async end() {
        await this.browser?.close();
        await this.relay?.end();
    }
}

// What most tests begin with: a relay, a browser, its first admin logged in, a space "demo" and a token for its app.

import { Person, launch } from './person.mjs';
import { Relay } from './relay.mjs';

export class World {
    static async open() {
        const world = new World();
        [world.relay, world.browser] = await Promise.all([Relay.start(), launch()]);
        world.admin = await world.person();
        await world.admin.setUp();
        await world.admin.createSpace('demo');
        world.spaceId = new URL(world.admin.page.url()).pathname.split('/').pop();
        world.token = await world.admin.issueToken();
        return world;
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

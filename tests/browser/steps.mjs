// Tests that build on each other: once one has failed the rest are skipped, for they would only wait in vain.

import { test } from 'node:test';

let broken = '';

export function step(name, run) {
    return test(name, async (t) => {
        if (broken) {
            t.skip(`because of "${broken}"`);
            return;
        }
        try {
            await run(t);
        } catch (error) {
            broken = name;
            throw error;
        }
    });
}

// A small line of the last minutes, drawn as SVG: for seeing the shape, not for reading numbers.

import { count, setText } from './dom.js';
import { t } from './i18n.js';

const POINTS = 120;
const WIDTH = 240;
const HEIGHT = 40;
const NS = 'http://www.w3.org/2000/svg';

function svg(tag, attributes, ...children) {
    const node = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes))
        node.setAttribute(name, value);
    node.append(...children);
    return node;
}

export class Plot {
    /** lines: how many values each point has. */
    constructor(place, lines = 1) {
        this.values = Array.from({ length: lines }, () => []);
        this.area = svg('path', { class: 'area' });
        this.paths = this.values.map((_, i) => svg('path', { class: `line line-${i}` }));
        this.title = svg('title', {});
        place.replaceChildren(svg('svg', {
            viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img',
        }, this.title, this.area, ...this.paths));
    }

    push(...values) {
        values.forEach((value, i) => {
            this.values[i].push(value);
            if (this.values[i].length > POINTS)
                this.values[i].shift();
        });
        this.#draw();
    }

    #draw() {
        const all = this.values.flat();
        const most = Math.max(1, ...all);
        const step = WIDTH / (POINTS - 1);
        const first = POINTS - this.values[0].length;
        const y = (v) => (HEIGHT - 2 - (v / most) * (HEIGHT - 5)).toFixed(1);
        this.values.forEach((line, i) => {
            const points = line.map((v, n) => `${((first + n) * step).toFixed(1)},${y(v)}`);
            this.paths[i].setAttribute('d', `M${points.join('L')}`);
            if (i === 0)
                this.area.setAttribute('d', `M${(first * step).toFixed(1)},${HEIGHT}L${points.join('L')}L${WIDTH},${HEIGHT}Z`);
        });
        setText(this.title, t('admin.plot', { n: this.values[0].length, min: count(Math.min(...all)), max: count(Math.max(...all)) }));
    }
}

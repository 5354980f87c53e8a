// Text that grows: appended once a frame, kept in blocks so that a long answer is not laid out again for every word, and
// followed while the reader is at its end.

const BLOCK_CHARS = 8192;

export class Stream {
    constructor(node) {
        this.node = node;
        this.waiting = '';
        this.frame = 0;
        this.length = 0;
        this.#newBlock();
    }

    append(text) {
        this.waiting += text;
        this.length += text.length;
        if (!this.frame)
            this.frame = requestAnimationFrame(() => this.flush());
    }

    replace(text) {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        this.waiting = '';
        this.node.replaceChildren();
        this.length = 0;
        this.#newBlock();
        this.append(text);
        this.flush();
    }

    flush() {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        const node = this.node;
        const follow = node.scrollHeight - node.scrollTop - node.clientHeight < 24;
        this.#write(this.waiting);
        this.waiting = '';
        if (follow)
            node.scrollTop = node.scrollHeight;
    }

    /** Blocks end at line ends only: the break between two blocks is that line end. */
    #write(text) {
        let rest = text;
        while (this.text.length + rest.length > BLOCK_CHARS) {
            const end = rest.indexOf('\n', Math.max(0, BLOCK_CHARS - this.text.length));
            if (end < 0)
                break;
            this.text.appendData(rest.slice(0, end + 1));
            rest = rest.slice(end + 1);
            this.#newBlock();
        }
        this.text.appendData(rest);
    }

    #newBlock() {
        const block = document.createElement('div');
        this.text = document.createTextNode('');
        block.append(this.text);
        this.node.append(block);
    }
}

// What the page knows about one request: the protocol's state, kept current by its events. No DOM.

const FINAL = new Set(['completed', 'failed', 'cancelled']);
const OF_AN_ATTEMPT = ['percent', 'message', 'step', 'steps'];

export class RequestModel {
    /** change(what): what is 'state' (anything may have changed), 'delta' (text was appended) or 'final'. */
    constructor(initial, change) {
        this.data = { text: '', status: 'queued', attempt: 0, ...initial };
        this.change = change;
    }

    get final() {
        return FINAL.has(this.data.status);
    }

    /** The whole picture, as the answer to a subscription or as the request's JSON. */
    replace(state) {
        const was = this.final;
        const kept = { payload: this.data.payload, prompt: this.data.prompt };
        this.data = { ...kept, text: '', attempt: 0, ...state };
        this.change(!was && this.final ? 'final' : 'state');
    }

    apply(event) {
        const kinds = { state: this.#state, progress: this.#progress, delta: this.#delta, final: this.#final };
        if (Object.hasOwn(kinds, event.kind))
            kinds[event.kind].call(this, event);
    }

    /** Fields that are known no longer come as null. A new attempt starts with an empty text. */
    #state({ kind, ...fields }) {
        const d = this.data;
        const requeued = fields.status === 'queued' && d.status === 'processing';
        if (requeued || (fields.attempt !== undefined && fields.attempt !== d.attempt)) {
            d.text = '';
            for (const name of OF_AN_ATTEMPT)
                delete d[name];
        }
        for (const [name, value] of Object.entries(fields)) {
            if (value === null)
                delete d[name];
            else
                d[name] = value;
        }
        if (d.status !== 'queued')
            for (const name of ['position', 'eta_s', 'reason'])
                delete d[name];
        this.change(this.final ? 'final' : 'state');
    }

    #progress({ kind, ...fields }) {
        Object.assign(this.data, fields);
        this.change('state');
    }

    #delta({ text }) {
        this.data.text += text;
        this.change('delta', text);
    }

    #final({ kind, ...fields }) {
        Object.assign(this.data, fields);
        this.data.finished_at ??= new Date().toISOString();
        this.change('final');
    }

    /** The answer for copying: the result's text, else what was streamed. */
    get answer() {
        const output = this.data.result?.text_output;
        return typeof output === 'string' && output !== '' ? output : this.data.text;
    }
}

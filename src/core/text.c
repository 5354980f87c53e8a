/* Streamed text: kept whole in memory while the request runs, saved coalesced. */
#include "core/state.h"

/* Sets the timer when there is something to save and no save is under way. */
void text_continue(struct relay *r, struct request *q)
{
    if (q->text.len > q->text_saved && !q->text_saving && !heap_contains(&q->text_timer.node))
        timer_set(r, &q->text_timer, r->now.mono_ms + r->limits.text_save_ms);
}

static void text_answered(struct relay *r, struct save *s, enum err err)
{
    struct request *q = s->request;
    q->text_saving = false;
    if (request_status_final(q->rec.status)) {
        request_forget(r, q);
        return;
    }
    if (q->rec.status != REQUEST_PROCESSING)
        return;
    if (!err && q->rec.attempt == s->attempt)
        q->text_saved = s->offset;
    text_continue(r, q);
}

void text_timer_fired(struct relay *r, struct timer *t)
{
    struct request *q = CONTAINER_OF(t, struct request, text_timer);
    if (q->saving != SAVING_NOTHING || q->rec.status != REQUEST_PROCESSING)
        return; /* a final state takes the rest of the text along */
    struct str text = buf_str(&q->text);
    struct change *c = change_new(CHANGE_REQUEST_TEXT);
    c->attempt = q->rec.attempt;
    c->offset = q->text_saved;
    c->text = bytes_new(str_slice(text.p + q->text_saved, text.n - q->text_saved));
    if (!c->text) {
        change_free(c);
        text_continue(r, q);
        return;
    }
    q->text_saving = true;
    struct save *s = request_save(r, q, c, text_answered);
    s->offset = text.n;
    s->attempt = q->rec.attempt;
}

/* On failure the text is as it was, and takes no more: what follows would not fit to it. */
enum err text_append(struct relay *r, struct request *q, struct str text)
{
    if (q->text.max < r->limits.text_bytes)
        q->text.max = r->limits.text_bytes; /* raised since the request was made */
    enum err e = buf_str_append(&q->text, text);
    if (!e)
        text_continue(r, q);
    return e;
}

void text_clear(struct relay *r, struct request *q)
{
    buf_release(&q->text);
    buf_init(&q->text, r->limits.text_bytes);
    q->text_saved = 0;
    timer_stop(r, &q->text_timer);
}

/* A model server's stream, whole and in pieces: the same events and the same answer. The first byte
 * says how large the pieces are. What comes out is valid, whatever went in. */
#include "base/buf.h"
#include "bridge/body.h"
#include "bridge/completion.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "fuzz.h"

#include <assert.h>

struct outcome {
    struct completion reply;
    struct buf events;
    enum err e;
};

static enum err on_event(void *ctx, const struct sse_event *event)
{
    struct outcome *o = ctx;
    struct str parts[] = {event->id, event->name, event->data};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buf_printf(&o->events, "%zu:", parts[i].n);
        buf_str_append(&o->events, parts[i]);
    }
    return completion_take(&o->reply, event->data);
}

static void read_stream(struct str s, size_t piece, struct outcome *o)
{
    struct sse sse;
    sse_init(&sse, 4096);
    completion_init(&o->reply);
    o->reply.text.max = 512;
    o->events = BUF_INIT(SIZE_MAX);
    o->e = OK;
    for (size_t at = 0; at < s.n && !o->e; at += piece) {
        size_t n = s.n - at < piece ? s.n - at : piece;
        o->e = sse_feed(&sse, str_slice(s.p + at, n), on_event, o);
    }
    if (!o->e)
        o->e = sse_end(&sse, on_event, o);
    sse_release(&sse);
}

static void check_result(const struct completion *r, struct buf *text)
{
    struct json_t *o = completion_result(r), *again = NULL;
    enum err e = json_write(text, o);
    assert(e == OK && r->text.len <= r->text.max);
    assert(utf8_valid(buf_str(&r->text).p, r->text.len));
    assert(utf8_valid(buf_str(&r->error).p, r->error.len));
    e = json_parse(buf_str(text), &again, NULL);
    assert(e == OK);
    json_free(o);
    json_free(again);
}

static void read_both_ways(struct str s, size_t piece)
{
    struct outcome whole, pieces;
    struct buf a = BUF_INIT(SIZE_MAX), b = BUF_INIT(SIZE_MAX);
    read_stream(s, s.n ? s.n : 1, &whole);
    read_stream(s, piece, &pieces);
    assert(whole.e == pieces.e);
    assert(str_eq(buf_str(&whole.events), buf_str(&pieces.events)));
    check_result(&whole.reply, &a);
    check_result(&pieces.reply, &b);
    assert(str_eq(buf_str(&a), buf_str(&b)));
    completion_release(&whole.reply);
    completion_release(&pieces.reply);
    buf_release(&whole.events);
    buf_release(&pieces.events);
    buf_release(&a);
    buf_release(&b);
}

/* A payload that is taken makes a body that is JSON. */
static void read_payload(struct str s)
{
    struct buf body = BUF_INIT(SIZE_MAX), why = BUF_INIT(1000), words = BUF_INIT(1000);
    enum endpoint endpoint;
    struct json_t *j = NULL;
    enum err e = body_write(s, "m", &endpoint, &body, &why);
    if (!e && json_parse(s, &j, NULL) == OK) { /* the very numbers that jansson can hold */
        json_free(j);
        e = json_parse(buf_str(&body), &j, NULL);
        assert(e == OK && json_is_object(j));
        json_free(j);
    }
    int status = 0;
    completion_error_words(s, &words, &status);
    assert(utf8_valid(buf_str(&words).p, words.len));
    assert(status == 0 || (status >= 400 && status <= 599));
    buf_release(&body);
    buf_release(&why);
    buf_release(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str rest = str_slice((const char *)data + 1, size - 1);
    if (data[0] == 'p')
        read_payload(rest);
    else
        read_both_ways(rest, 1 + data[0] % 16);
    return 0;
}

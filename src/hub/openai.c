#include "hub/openai.h"

#include "base/alloc.h"
#include "codec/json_scan.h"
#include "codec/openai.h"
#include "hub/call.h"
#include "hub/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES   16384
#define WHY_BYTES     200
#define FIELD_BYTES   64
#define COMMENT_MS    15000 /* a stream is silent no longer than this */
#define MOMENT        ((struct retry){.after_ms = 1000})
#define STREAM_FIELDS "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"

/* One call of chat/completions, completions or embeddings. */
struct completion {
    struct call call;
    struct openai_call wanted;
    struct buf strings; /* what wanted borrows */
    struct buf text;    /* streamed so far, plain */
    int64_t created_ms;
    bool streaming; /* the reply has begun */
    bool leaving;   /* the client went before the request had an id: it is to be cancelled */
};

static struct completion *completion_of(struct call *c)
{
    return CONTAINER_OF(c, struct completion, call);
}

static struct openai_answer answer_of(const struct completion *o)
{
    return (struct openai_answer){
        .call = &o->wanted, .request_id = o->call.request_id, .created_ms = o->created_ms};
}

/* The answers' field that names the request. Returns out. */
static const char *put_id_field(const struct completion *o, char out[FIELD_BYTES])
{
    char id[UUID_TEXT_BYTES];
    uuid_format(o->call.request_id, id);
    snprintf(out, FIELD_BYTES, "X-Request-Id: %s\r\n", id);
    return out;
}

/* ---- errors ---- */

static struct buf *scratch_of(struct completion *o)
{
    return &o->call.conn.hub->scratch;
}

static void scratch_clear(struct completion *o)
{
    struct buf *b = scratch_of(o);
    buf_consume(b, b->len);
    buf_clear(b);
}

/* Memory may be out: then the stream breaks off, as nothing may be missing in its middle. */
static void write_scratch(struct completion *o, struct exchange *x)
{
    if (scratch_of(o)->failed)
        exchange_stream_break(x);
    else
        exchange_stream_write(x, buf_str(scratch_of(o)));
    scratch_clear(o);
}

static void end_stream_with(struct completion *o, struct exchange *x, struct str code,
                            struct str message)
{
    openai_chunk_error(scratch_of(o), code, message);
    write_scratch(o, x);
    exchange_stream_end(x);
}

static void reply_failed(struct completion *o, struct str code, struct str message,
                         struct retry retry)
{
    struct exchange *x = call_take(&o->call);
    if (x && o->streaming)
        end_stream_with(o, x, code, message);
    else if (x)
        openai_reply_later(x, code, message, retry);
}

static void fail(struct completion *o, struct str code, struct str message, struct retry retry)
{
    reply_failed(o, code, message, retry);
    call_end(&o->call);
}

/* It was tried as often as it may be. OpenAI's clients repeat what fails with these statuses,
 * unless they are told not to. */
static void fail_for_good(struct completion *o, struct str code, struct str message)
{
    bool worth_it = str_eq(code, STR("rate_limited")) || str_eq(code, STR("upstream_unavailable"));
    struct buf fields = BUF_INIT(200);
    char field[FIELD_BYTES];
    buf_puts(&fields, put_id_field(o, field));
    if (!worth_it)
        buf_puts(&fields, "x-should-retry: false\r\n");
    struct exchange *x = call_take(&o->call);
    if (x && o->streaming)
        end_stream_with(o, x, code, message);
    else if (x)
        openai_reply_error(x, code, message, NULL, buf_cstr(&fields));
    buf_release(&fields);
    call_end(&o->call);
}

static void fail_with(struct completion *o, enum err e, struct str message, struct retry retry)
{
    fail(o, str_of(err_code(e)), message.n ? message : str_of(err_message(e)), retry);
}

/* ---- the answer ---- */

static void finish_stream(struct completion *o, struct str result, struct str usage)
{
    struct openai_answer a = answer_of(o);
    struct exchange *x = call_take(&o->call);
    openai_chunk_end(scratch_of(o), &a, buf_str(&o->text), result, usage);
    write_scratch(o, x);
    exchange_stream_end(x);
}

static void finish_whole(struct completion *o, struct str result, struct str usage)
{
    struct openai_answer a = answer_of(o);
    struct buf *b = scratch_of(o);
    struct exchange *x = call_take(&o->call);
    char field[FIELD_BYTES];
    openai_write(b, &a, buf_str(&o->text), result, usage);
    if (b->failed)
        openai_refuse(x, ERR_INTERNAL, NULL, 0);
    else
        exchange_reply(x, 200, "application/json", str_of(put_id_field(o, field)), buf_str(b));
    scratch_clear(o);
}

static void finish(struct completion *o, struct str result, struct str usage)
{
    if (o->call.x && o->streaming)
        finish_stream(o, result, usage);
    else if (o->call.x)
        finish_whole(o, result, usage);
    call_end(&o->call);
}

static void say(struct completion *o)
{
    if (o->call.x && o->streaming)
        write_scratch(o, o->call.x);
    else
        scratch_clear(o);
}

static void comment_position(struct completion *o, struct str position)
{
    buf_printf(scratch_of(o), ": position %.*s\n\n", STR_ARG(position));
    say(o);
}

static void begin_stream(struct completion *o)
{
    struct openai_answer a = answer_of(o);
    char field[FIELD_BYTES], fields[FIELD_BYTES + sizeof STREAM_FIELDS];
    snprintf(fields, sizeof fields, STREAM_FIELDS "%s", put_id_field(o, field));
    o->streaming = true;
    exchange_stream(o->call.x, 200, "text/event-stream; charset=utf-8", str_of(fields));
    openai_chunk_role(scratch_of(o), &a);
    say(o);
    call_timer(&o->call, COMMENT_MS);
}

/* ---- what the relay says ---- */

static void refused(struct completion *o, const struct client_out *m)
{
    struct exchange *x;
    if (m->code != ERR_NOT_FOUND)
        reply_failed(o, str_of(err_code(m->code)),
                     m->message.n ? m->message : str_of(err_message(m->code)),
                     (struct retry){m->retry_after_ms, m->limit});
    else if ((x = call_take(&o->call)) != NULL)
        openai_refuse_model(x, o->wanted.model);
    call_end(&o->call);
}

static void on_submitted(struct call *c, const struct client_out *m)
{
    struct completion *o = completion_of(c);
    if (m->kind == CLIENT_OUT_ERROR) {
        refused(o, m);
        return;
    }
    c->request_id = m->request_id;
    o->created_ms = (int64_t)uuid_ms(m->request_id);
    if (o->leaving) {
        call_cancel(c);
        call_end(c);
        return;
    }
    if (o->wanted.stream)
        begin_stream(o);
    call_watch(c, m->request_id, NULL);
}

static void over(struct completion *o, enum request_status status, struct str result,
                 struct str usage, struct str code, struct str message)
{
    if (status == REQUEST_COMPLETED)
        finish(o, result, usage);
    else if (status == REQUEST_CANCELLED)
        fail_for_good(o, str_of(err_code(ERR_CANCELLED)), str_of(err_message(ERR_CANCELLED)));
    else
        fail_for_good(o, code, message);
}

/* No memory for a piece of it: a text with a hole is none. */
static void give_up(struct completion *o)
{
    call_cancel(&o->call);
    fail_with(o, ERR_STORE_UNAVAILABLE, STR(""), MOMENT);
}

/* False when the call has ended with it. */
static bool take_text(struct completion *o, struct str plain)
{
    struct openai_answer a = answer_of(o);
    struct buf quoted = BUF_INIT(SIZE_MAX);
    enum err e = plain.n ? buf_str_append(&o->text, plain) : OK;
    if (!e && plain.n && o->streaming && !(e = buf_json_string(&quoted, plain))) {
        openai_chunk_text(scratch_of(o), &a, buf_str(&quoted));
        say(o);
    }
    buf_release(&quoted);
    if (e)
        give_up(o);
    return !e;
}

static void on_watched(struct call *c, const struct client_out *m)
{
    struct completion *o = completion_of(c);
    if (m->kind == CLIENT_OUT_ERROR) {
        fail_with(o, m->code, m->message, (struct retry){m->retry_after_ms, m->limit});
        return;
    }
    const struct request_view *v = m->request;
    if (!v)
        return;
    if (!take_text(o, v->text))
        return;
    if (request_status_final(v->status))
        over(o, v->status, v->result, v->usage, v->error_code, v->error_message);
    else if (v->fields & VIEW_POSITION) {
        char digits[24];
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)v->position);
        comment_position(o, str_of(digits));
    }
}

/* A new attempt begins anew: what was streamed cannot be taken back. */
static void on_text_reset(struct completion *o)
{
    if (!o->text.len)
        return;
    buf_clear(&o->text);
    if (!o->streaming)
        return;
    call_cancel(&o->call);
    fail_with(o, ERR_APP_LOST, STR(""), (struct retry){0});
}

static void on_delta(struct completion *o, const struct call_event *e)
{
    struct openai_answer a = answer_of(o);
    if (json_unescape(e->text, &o->text)) {
        give_up(o);
    } else if (o->streaming) {
        openai_chunk_text(scratch_of(o), &a, e->text);
        say(o);
    }
}

static void on_final(struct completion *o, const struct call_event *e)
{
    struct buf code = BUF_INIT(SMALL_BYTES), message = BUF_INIT(SIZE_MAX);
    enum request_status status;
    if (request_status_parse(e->status, &status))
        status = REQUEST_FAILED;
    openai_error_parts(e->error, &code, &message);
    over(o, status, e->result, e->usage, buf_str(&code), buf_str(&message));
    buf_release(&code);
    buf_release(&message);
}

static void on_event(struct call *c, const struct call_event *e)
{
    struct completion *o = completion_of(c);
    if (str_eq(e->kind, STR("delta")))
        on_delta(o, e);
    else if (str_eq(e->kind, STR("final")))
        on_final(o, e);
    else if (e->text.n)
        on_text_reset(o);
    else if (e->position.n)
        comment_position(o, e->position);
}

static void on_timer(struct call *c)
{
    struct completion *o = completion_of(c);
    buf_puts(scratch_of(o), ": waiting\n\n");
    say(o);
    call_timer(c, COMMENT_MS);
}

/* Nobody will read the answer, whoever ends the call: the request ends with it. */
static bool on_gone(struct call *c, enum err why)
{
    struct completion *o = completion_of(c);
    if (why)
        reply_failed(o, str_of(err_code(why)), str_of(err_message(why)), MOMENT);
    o->leaving = true;
    if (uuid_is_nil(c->request_id))
        return true; /* it is being saved */
    call_cancel(c);
    return false;
}

static void on_free(struct call *c)
{
    struct completion *o = completion_of(c);
    buf_release(&o->strings);
    buf_release(&o->text);
    free(o);
}

static const struct call_kind COMPLETION = {.submitted = on_submitted,
                                            .watched = on_watched,
                                            .event = on_event,
                                            .timer = on_timer,
                                            .gone = on_gone,
                                            .free = on_free};

/* ---- the calls ---- */

uint64_t openai_body_max(struct hub *h, const struct exchange *x)
{
    struct identity who;
    return routes_identify(h, x, &who) ? h->limits->payload_bytes + SMALL_BYTES
                                       : h->limits->body_bytes;
}

static enum endpoint endpoint_of(const struct exchange *x)
{
    struct str path = exchange_head(x)->path;
    return str_eq(path, STR("/v1/embeddings"))    ? ENDPOINT_EMBEDDINGS
           : str_eq(path, STR("/v1/completions")) ? ENDPOINT_COMPLETIONS
                                                  : ENDPOINT_CHAT;
}

/* False: x has been replied to. */
static bool read_call(struct completion *o, struct exchange *x, const struct limits *limits,
                      struct buf *payload)
{
    char why[WHY_BYTES];
    const char *param;
    enum err e = openai_read(exchange_body(x), endpoint_of(x), limits, &o->wanted, payload,
                             &o->strings, why, &param);
    if (!e)
        return true;
    openai_reply_error(x, str_of(err_code(e == ERR_MEMORY ? ERR_STORE_UNAVAILABLE : e)),
                       why[0] ? str_of(why) : str_of(err_message(e)), param, "");
    return false;
}

static void start(struct hub *h, struct exchange *x, const struct identity *who)
{
    struct completion *o = xcalloc(1, sizeof *o);
    struct buf payload = BUF_INIT((size_t)h->limits->payload_bytes);
    buf_init(&o->strings, SMALL_BYTES);
    buf_init(&o->text, (size_t)h->limits->text_bytes);
    if (read_call(o, x, h->limits, &payload)) {
        call_start(&o->call, &COMPLETION, h, x, who);
        /* No idempotency key: a client that tries again has left before, which cancelled the first.
         */
        call_submit(&o->call, &(struct client_msg){.space = o->wanted.model,
                                                   .payload = buf_str(&payload),
                                                   .inputs = INPUT_PROMPT,
                                                   .endpoint = ENDPOINT_BIT(o->wanted.endpoint)});
    } else {
        on_free(&o->call);
    }
    buf_release(&payload);
}

void openai_complete(struct hub *h, struct exchange *x)
{
    struct identity who;
    if (!routes_identify(h, x, &who))
        openai_refuse(x, ERR_UNAUTHORIZED, ROUTES_SHOW_KEY, 0);
    else if (hub_stopping(h))
        openai_refuse(x, ERR_SHUTTING_DOWN, NULL, 1000);
    else
        start(h, x, &who);
}

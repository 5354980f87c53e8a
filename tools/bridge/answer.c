#include "bridge/bridge.h"

#include "base/clock.h"
#include "client/text.h"
#include "codec/json.h"
#include "codec/json_scan.h"

#include <stdio.h>
#include <string.h>

#define EVENT_BYTES  (16u << 20) /* of a stream, and of an answer in one piece */
#define RESULT_BYTES (64u << 20) /* escaped; the client library knows what the relay takes */
#define MAX_DEPTH    60          /* a result is wrapped in some more objects on its way */

void answer_init(struct job *j)
{
    sse_init(&j->sse, EVENT_BYTES);
    completion_init(&j->reply);
    j->raw = BUF_INIT(EVENT_BYTES);
    j->streams = false;
    j->answered = OK;
    j->done_ms = 0;
}

void answer_release(struct job *j)
{
    sse_release(&j->sse);
    completion_release(&j->reply);
    buf_release(&j->raw);
}

/* ---- bytes in ---- */

static enum err on_event(void *ctx, const struct sse_event *event)
{
    struct job *j = ctx;
    return event->data.n ? completion_take(&j->reply, event->data) : OK;
}

/* Text that has come since the last time. The relay may take less than we do. */
static void pass_on(struct job *j)
{
    struct str all = buf_str(&j->reply.text);
    if (all.n == j->said)
        return;
    enum err e = client_delta(j->bridge->terminal.client, j->lease,
                              str_slice(all.p + j->said, all.n - j->said));
    j->reply.cut = j->reply.cut || e == ERR_TOO_LARGE;
    j->said = all.n;
    j->told_ms = clock_now().mono_ms;
}

/* A stream begins with a field's name or a comment, an answer in one piece with a brace, whatever
 * its Content-Type says. */
static bool is_stream(const struct job *j, struct str piece)
{
    size_t i = 0;
    if (j->bridge->set.plain || j->endpoint == ENDPOINT_EMBEDDINGS)
        return false;
    while (i < piece.n && strchr(" \t\r\n", piece.p[i]))
        i++;
    return i < piece.n && piece.p[i] != '{' && piece.p[i] != '[';
}

bool answer_take(struct job *j, struct str piece)
{
    if (!j->streams && j->raw.len == 0)
        j->streams = is_stream(j, piece);
    j->answered =
        j->streams ? sse_feed(&j->sse, piece, on_event, j) : buf_append(&j->raw, piece.p, piece.n);
    pass_on(j);
    if (j->reply.done && !j->done_ms)
        j->done_ms = clock_now().mono_ms;
    return !j->answered && !j->reply.cut && !j->reply.failed;
}

bool answer_begun(const struct job *j)
{
    return completion_begun(&j->reply) || j->raw.len > 0;
}

bool answer_complete(const struct job *j)
{
    return j->reply.cut || j->reply.failed || j->answered ||
           (j->streams && completion_ended(&j->reply));
}

/* ---- results out ---- */

static void fail(struct job *j, enum trouble trouble)
{
    struct blame blame = blame_trouble(about(j->bridge), trouble);
    job_fail(j, &blame);
}

static void succeed(struct job *j, struct json_t *result_given, struct str usage, const char *how)
{
    struct buf text = BUF_INIT(RESULT_BYTES);
    double seconds = (double)(clock_now().mono_ms - j->started_ms) / 1000;
    json_put_text(result_given, "model_used", j->bridge->set.model);
    json_put_num(result_given, "processing_time_seconds", seconds);
    enum err e = json_write(&text, result_given);
    json_free(result_given);
    if (e)
        fail(j, TROUBLE_TOO_LARGE);
    else
        job_succeed(j, buf_str(&text), usage, how);
    buf_release(&text);
}

static void end_text(struct job *j)
{
    struct completion *r = &j->reply;
    if (!j->answered && !j->reply.cut && j->streams)
        j->answered = sse_end(&j->sse, on_event, j);
    else if (!j->answered && !j->streams)
        j->answered = completion_take(r, buf_str(&j->raw));
    pass_on(j);
    if (r->failed) {
        int status = r->error_status ? r->error_status : 500;
        print("[!] %s: an error in the answer: %.*s", j->id, STR_ARG(buf_str(&r->error)));
        struct blame blame = blame_status(about(j->bridge), status, buf_str(&r->error));
        job_fail(j, &blame);
    } else if (j->reply.cut || completion_ended(r)) {
        succeed(j, completion_result(r), buf_str(&r->usage),
                j->reply.cut ? "length" : r->finish_reason);
    } else if (j->answered == ERR_TOO_LARGE) {
        fail(j, TROUBLE_TOO_LARGE);
    } else {
        fail(j, completion_begun(r) ? TROUBLE_BROKEN_OFF : TROUBLE_NONSENSE);
    }
}

/* The vectors are passed on as they came, nothing parsed: they are large. */
static void end_embeddings(struct job *j)
{
    struct json_scan s;
    struct buf out = BUF_INIT(RESULT_BYTES), model = BUF_INIT(1000);
    enum err e = json_scan(buf_str(&j->raw), MAX_DEPTH, true, &s);
    const struct json_member *data = e ? NULL : json_scan_member(&s, STR("data"));
    const struct json_member *usage = e ? NULL : json_scan_member(&s, STR("usage"));
    if (!data || data->kind != JSON_ARRAY) {
        fail(j, TROUBLE_NONSENSE);
        return;
    }
    buf_json_string(&model, str_of(j->bridge->set.model));
    buf_puts(&out, "{\"data\":");
    buf_str_append(&out, data->value);
    buf_printf(&out, ",\"model_used\":%s}", buf_cstr(&model));
    job_succeed(j, buf_str(&out), usage && usage->kind == JSON_OBJECT ? usage->value : STR(""),
                "embeddings");
    buf_release(&out);
    buf_release(&model);
}

/* An object is the result, whatever it calls itself; other JSON becomes its `output`, text its
 * `text_output`. */
static void end_plain(struct job *j)
{
    struct json_scan s;
    struct str body = buf_str(&j->raw);
    struct buf out = BUF_INIT(RESULT_BYTES);
    bool text = str_starts(str_of(http_content_type(j->call)), STR("text/"));
    bool json = json_scan(body, MAX_DEPTH, false, &s) == OK;
    if (json && s.kind == JSON_OBJECT) {
        buf_str_append(&out, body);
    } else if (text && utf8_valid(body.p, body.n)) {
        buf_puts(&out, "{\"text_output\":");
        buf_json_string(&out, body);
        buf_putc(&out, '}');
    } else if (json) {
        buf_puts(&out, "{\"output\":");
        buf_str_append(&out, body);
        buf_putc(&out, '}');
    }
    if (out.len && !out.failed)
        job_succeed(j, buf_str(&out), STR(""), "answered");
    else
        fail(j, out.failed ? TROUBLE_TOO_LARGE : TROUBLE_NONSENSE);
    buf_release(&out);
}

void answer_end(struct job *j)
{
    if (j->answered == ERR_TOO_LARGE && !j->streams)
        fail(j, TROUBLE_TOO_LARGE);
    else if (j->bridge->set.plain)
        end_plain(j);
    else if (j->endpoint == ENDPOINT_EMBEDDINGS)
        end_embeddings(j);
    else
        end_text(j);
}

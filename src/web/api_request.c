/* One request: as it stands, cancelled, removed. */
#include "codec/native.h"
#include "web/api_calls.h"
#include "web/api_views.h"
#include "web/request_views.h"
#include "web/state.h"

#define JSON_BYTES (32u * 1024 * 1024)

static void fail(struct page_request *p, enum err e)
{
    api_fail(p, e, e == ERR_NOT_FOUND ? STR("Request not found") : STR(""));
}

/* What is stored. False: replied to. Release r with request_record_release. */
static bool find(struct page_request *p, struct request_record *r, char space[SPACE_NAME_BYTES])
{
    struct uuid id;
    enum err e = page_id(p, "id", &id) ? ERR_NOT_FOUND : request_of_path(p, r, space);
    if (e)
        fail(p, e);
    return !e;
}

/* ---- as it stands ---- */

static void add_outcome(struct request_view *v, const struct request_record *r)
{
    v->result = bytes_str(r->result);
    v->usage = bytes_str(r->usage);
    v->error_code = str_of(r->error_code);
    v->error_message = bytes_str(r->error_message);
    v->fields |= r->result && r->status == REQUEST_COMPLETED ? VIEW_RESULT : 0U;
    v->fields |= r->usage ? VIEW_USAGE : 0U;
    v->fields |= r->status == REQUEST_FAILED && r->error_code[0] ? VIEW_ERROR : 0U;
}

static struct request_view view_of(const struct request_record *r, const char *space)
{
    struct request_view v = {.request_id = r->id,
                             .space = str_of(space),
                             .status = r->status,
                             .attempt = r->attempt,
                             .text = bytes_str(r->text),
                             .created_ms = r->created_ms,
                             .started_ms = r->started_ms,
                             .finished_ms = r->finished_ms};
    v.fields = VIEW_IDENTITY | VIEW_STATUS | VIEW_ATTEMPT | VIEW_TEXT;
    v.fields |= (r->started_ms ? VIEW_STARTED : 0U) | (r->finished_ms ? VIEW_FINISHED : 0U);
    add_outcome(&v, r);
    return v;
}

static void add_live(struct request_view *v, const struct request_view *live)
{
    v->fields |= live->fields;
    v->position = live->position;
    v->eta_ms = live->eta_ms;
    v->reason = live->reason;
    v->percent = live->percent;
    v->step = live->step;
    v->steps = live->steps;
    v->message = live->message;
}

static void write(struct page_request *p, const struct request_view *v)
{
    struct buf json = BUF_INIT(JSON_BYTES);
    if (native_encode_request(&json, v))
        api_fail(p, ERR_INTERNAL, STR("The request is too large to be shown"));
    else
        api_reply_text(p, buf_str(&json));
    buf_release(&json);
}

static void show_stored(struct page_request *p)
{
    struct request_record r = {0};
    char space[SPACE_NAME_BYTES];
    if (!find(p, &r, space))
        return;
    struct request_view v = view_of(&r, space);
    write(p, &v);
    request_record_release(&r);
}

/* The core knows best; of what has ended meanwhile the store has more. A core that says nothing has
 * nothing to add. */
static void show_running(struct page_request *p, const struct request_record *r, const char *space)
{
    struct command *c = page_command(p, CMD_QUERY_REQUEST);
    struct reply reply;
    c->id = r->id;
    enum err e = page_ask(p, c, PAGE_CALL_MS, &reply);
    struct request_view v = view_of(r, space);
    if (!e && reply.live) {
        v.status = reply.request->status;
        v.attempt = reply.request->attempt;
        add_live(&v, reply.live);
    }
    if (!e && !reply.live)
        show_stored(p);
    else
        write(p, &v);
    reply_release(&reply);
}

static void show(struct page_request *p)
{
    struct request_record r = {0};
    char space[SPACE_NAME_BYTES];
    if (!find(p, &r, space))
        return;
    enum err e = request_look(p, &r);
    if (e)
        fail(p, e);
    else if (request_status_final(r.status))
        show_stored(p);
    else
        show_running(p, &r, space);
    request_record_release(&r);
}

void api_request(struct page_request *p)
{
    show(p);
}

/* ---- what changes it ---- */

static struct command *about(struct page_request *p, enum command_kind kind, struct uuid id)
{
    struct command *c = page_command(p, kind);
    c->id = id;
    return c;
}

/* Of those that are stored the core knows only what is unfinished. */
void api_request_cancel(struct page_request *p)
{
    struct request_record r = {0};
    char space[SPACE_NAME_BYTES];
    struct reply reply;
    if (!find(p, &r, space))
        return;
    enum err e = page_ask(p, about(p, CMD_CANCEL, r.id), PAGE_SAVE_MS, &reply);
    request_record_release(&r);
    if (e && e != ERR_NOT_FOUND && e != ERR_ALREADY_FINAL) {
        api_refused(p, e, &reply);
        return;
    }
    reply_release(&reply);
    if (e)
        api_fail(p, ERR_ALREADY_FINAL, STR(""));
    else
        show(p);
}

/* The core judges: only it knows that nothing more comes about a request. */
void api_request_remove(struct page_request *p)
{
    struct uuid id;
    struct reply reply;
    if (page_id(p, "id", &id)) {
        fail(p, ERR_NOT_FOUND);
        return;
    }
    enum err e = page_ask(p, about(p, CMD_REQUEST_REMOVE, id), PAGE_SAVE_MS, &reply);
    if (e && e != ERR_LOCKED) {
        api_refused(p, e, &reply);
        return;
    }
    if (e)
        api_problem(p, 409, ERR_INPUT_REFUSED, str_of(reply.message));
    else
        api_done(p);
    reply_release(&reply);
}

#include "codec/json.h"
#include "web/api.h"

#define JSON_BYTES     (32u * 1024 * 1024)
#define LOCATION_BYTES 4000

void api_reply_text(struct page_request *p, struct str json)
{
    page_header(p, "Cache-Control", "no-store");
    page_reply(p, 200, "application/json", json);
}

void api_reply(struct page_request *p, unsigned status, struct json_t *given)
{
    struct buf b = BUF_INIT(JSON_BYTES);
    enum err e = json_write(&b, given);
    json_free(given);
    if (e) {
        api_fail(p, ERR_INTERNAL, STR("The answer is too large"));
    } else {
        page_header(p, "Cache-Control", "no-store");
        page_reply(p, status, "application/json", buf_str(&b));
    }
    buf_release(&b);
}

void api_created(struct page_request *p, const char *kind, struct str name, struct json_t *given)
{
    struct buf location = BUF_INIT(LOCATION_BYTES);
    buf_printf(&location, API_ROOT "%s", kind);
    buf_uri(&location, name);
    page_header(p, "Location", "%s", buf_cstr(&location));
    buf_release(&location);
    api_reply(p, 201, given);
}

void api_done(struct page_request *p)
{
    page_header(p, "Cache-Control", "no-store");
    page_reply(p, 204, "", STR(""));
}

static void reply_problem(struct page_request *p, unsigned status, enum err code, struct str detail,
                          struct retry retry)
{
    struct buf b = BUF_INIT(65536);
    problem_write(&b, &p->headers, status, code, detail, retry);
    page_header(p, "Cache-Control", "no-store");
    page_reply(p, status, PROBLEM_TYPE, buf_str(&b));
    buf_release(&b);
}

void api_problem(struct page_request *p, unsigned status, enum err code, struct str detail)
{
    reply_problem(p, status, code, detail, (struct retry){0});
}

/* What never leaves the program, as what peers see. */
static const struct seen {
    enum err inside;
    unsigned status;
    enum err code;
} seen[] = {
    {ERR_EXISTS, 409, ERR_INPUT_REFUSED},
    {ERR_SYNTAX, 400, ERR_BAD_MESSAGE},
    /* somebody else's change is being saved, or too many passwords are being hashed */
    {ERR_LOCKED, 503, ERR_STORE_UNAVAILABLE},
    {ERR_AGAIN, 503, ERR_STORE_UNAVAILABLE},
};

void api_fail_later(struct page_request *p, enum err e, struct str detail, struct retry retry)
{
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        if (seen[i].inside != e)
            continue;
        reply_problem(p, seen[i].status, seen[i].code, detail.n ? detail : str_of(err_message(e)),
                      retry);
        return;
    }
    reply_problem(p, (unsigned)err_http_status(e), e, detail, retry);
}

void api_fail(struct page_request *p, enum err e, struct str detail)
{
    api_fail_later(p, e, detail, (struct retry){0});
}

void api_refused(struct page_request *p, enum err e, struct reply *reply)
{
    api_fail_later(p, e, str_of(reply->message),
                   (struct retry){reply->retry_after_ms, reply->limit});
    reply_release(reply);
}

bool api_do(struct page_request *p, struct command *cmd_given)
{
    struct reply reply;
    enum err e = page_ask(p, cmd_given, PAGE_SAVE_MS, &reply);
    if (e)
        api_refused(p, e, &reply);
    else
        reply_release(&reply);
    return !e;
}

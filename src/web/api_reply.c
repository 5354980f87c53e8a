#include "codec/json.h"
#include "codec/problem.h"
#include "web/api.h"

#include <inttypes.h>

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
        api_fail(p, ERR_INTERNAL, STR("The answer is too large"), 0);
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

void api_problem(struct page_request *p, unsigned status, enum err code, struct str detail,
                 uint64_t retry_ms)
{
    struct buf b = BUF_INIT(65536);
    bool passes = status == 429 || status == 503;
    if (passes && !retry_ms)
        retry_ms = API_RETRY_MS;
    problem_write_status(&b, status, code, detail, passes ? retry_ms : 0);
    if (passes)
        page_header(p, "Retry-After", "%" PRIu64, (retry_ms + 999) / 1000);
    page_header(p, "Cache-Control", "no-store");
    page_reply(p, status, PROBLEM_TYPE, buf_str(&b));
    buf_release(&b);
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

void api_fail(struct page_request *p, enum err e, struct str detail, uint64_t retry_ms)
{
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        if (seen[i].inside != e)
            continue;
        api_problem(p, seen[i].status, seen[i].code, detail.n ? detail : str_of(err_message(e)),
                    retry_ms);
        return;
    }
    api_problem(p, (unsigned)err_http_status(e), e, detail, retry_ms);
}

void api_refused(struct page_request *p, enum err e, struct reply *reply)
{
    api_fail(p, e, str_of(reply->message), reply->retry_after_ms);
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

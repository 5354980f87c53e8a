#include "hub/refusal.h"

#include "codec/openai.h"
#include "hub/exchange_problem.h"

#define SMALL_BYTES 4096

static void reply_problem(struct exchange *x, enum err e, const char *message, struct str headers)
{
    exchange_problem(x, (unsigned)err_http_status(e), e, str_of(message), (struct retry){0},
                     headers);
}

static void reply_openai(struct exchange *x, enum err e, const char *message, struct str headers)
{
    struct buf b = BUF_INIT(SMALL_BYTES);
    unsigned status = openai_error(&b, str_of(err_code(e)), str_of(message), NULL);
    exchange_reply(x, status, "application/json", headers, buf_str(&b));
    buf_release(&b);
}

void refusal_reply(struct exchange *x, enum err e, const char *message, struct str headers)
{
    struct str path = exchange_head(x)->path;
    if (str_starts(path, STR("/api/")))
        reply_problem(x, e, message, headers);
    else if (str_starts(path, STR("/v1/")))
        reply_openai(x, e, message, headers);
    else
        exchange_error_with(x, e, message, headers);
}

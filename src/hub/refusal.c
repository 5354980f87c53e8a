#include "hub/refusal.h"

#include "codec/openai.h"
#include "codec/problem.h"

#define SMALL_BYTES 4096

static void reply_problem(struct exchange *x, enum err e, const char *message, struct str headers)
{
    struct buf b = BUF_INIT(SMALL_BYTES);
    unsigned status = problem_write(&b, e, str_of(message), 0);
    exchange_reply(x, status, PROBLEM_TYPE, headers, buf_str(&b));
    buf_release(&b);
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

#include "hub/exchange_problem.h"

#include "base/secret.h"

#define PREFIX           "/api/"
#define FIELD            "X-Request-Id"
#define REQUEST_ID_BYTES 64
#define LINES_BYTES      2048
#define BODY_BYTES       16384

bool exchange_is_api(const struct http_head *head)
{
    return str_starts(head->path, STR(PREFIX));
}

static bool is_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
    return true;
}

void exchange_add_request_id(const struct http_head *head, struct buf *lines)
{
    const struct str *given = http_field(head, STR(FIELD));
    if (!exchange_is_api(head))
        return;
    if (given && given->n && given->n <= REQUEST_ID_BYTES && is_visible(*given) &&
        http_field_count(head, STR(FIELD)) == 1)
        buf_printf(lines, FIELD ": %.*s\r\n", STR_ARG(*given));
    else
        buf_printf(lines, FIELD ": %016llx\r\n", (unsigned long long)random_u64());
}

void exchange_problem(struct exchange *x, unsigned status, enum err code, struct str detail,
                      struct retry retry, struct str headers)
{
    struct buf lines = BUF_INIT(LINES_BYTES), body = BUF_INIT(BODY_BYTES + 8 * detail.n);
    buf_str_append(&lines, headers);
    problem_write(&body, &lines, status, code, detail, retry);
    exchange_reply(x, status, PROBLEM_TYPE, buf_str(&lines), buf_str(&body));
    buf_release(&lines);
    buf_release(&body);
}

enum err exchange_code_of_status(unsigned status)
{
    switch (status) {
    case 408:
    case 504:
        return ERR_TIMEOUT;
    case 413:
        return ERR_TOO_LARGE;
    case 502:
        return ERR_INTERNAL;
    case 503:
        return ERR_STORE_UNAVAILABLE;
    default:
        return ERR_BAD_MESSAGE;
    }
}

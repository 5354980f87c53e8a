#include "codec/problem.h"

#include "codec/http.h"
#include "codec/native_write.h"

#include <inttypes.h>

#define MOMENT_S 1

static uint64_t seconds_of(struct retry retry)
{
    return retry.after_ms ? (retry.after_ms + 999) / 1000 : MOMENT_S;
}

bool retry_fits(unsigned status)
{
    return status == 429 || status == 503;
}

void retry_write(struct buf *lines, struct retry retry)
{
    uint64_t s = seconds_of(retry);
    buf_printf(lines, "Retry-After: %" PRIu64 "\r\n", s);
    if (retry.limit)
        buf_printf(lines, "RateLimit-Limit: %" PRIu64 "\r\n", retry.limit);
    buf_printf(lines, "RateLimit-Remaining: 0\r\nRateLimit-Reset: %" PRIu64 "\r\n", s);
}

void problem_write(struct buf *body, struct buf *lines, unsigned status, enum err code,
                   struct str detail, struct retry retry)
{
    put_string(body, "{\"type\":\"about:blank\",\"title\":", str_of(http_reason(status)));
    put_number(body, ",\"status\":", status);
    put_string(body, ",\"detail\":", detail.n ? detail : str_of(err_message(code)));
    put_string(body, ",\"code\":", str_of(err_code(code)));
    if (retry_fits(status)) {
        put_number(body, ",\"retry_after_s\":", seconds_of(retry));
        retry_write(lines, retry);
    }
    buf_putc(body, '}');
}

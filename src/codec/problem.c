#include "codec/problem.h"

#include "codec/http.h"
#include "codec/native_write.h"

void problem_write_status(struct buf *b, unsigned status, enum err code, struct str detail,
                          uint64_t retry_after_ms)
{
    put_string(b, "{\"type\":\"about:blank\",\"title\":", str_of(http_reason(status)));
    put_number(b, ",\"status\":", status);
    put_string(b, ",\"detail\":", detail.n ? detail : str_of(err_message(code)));
    put_string(b, ",\"code\":", str_of(err_code(code)));
    if (retry_after_ms)
        put_number(b, ",\"retry_after_s\":", (retry_after_ms + 999) / 1000);
    buf_putc(b, '}');
}

unsigned problem_write(struct buf *b, enum err e, struct str detail, uint64_t retry_after_ms)
{
    unsigned status = (unsigned)err_http_status(e);
    problem_write_status(b, status, e, detail, retry_after_ms);
    return status;
}

#include "codec/json_check.h"

#include "codec/json_scan.h"

enum err json_check(struct str text, size_t max_depth, struct buf *why)
{
    struct json_scan scan;
    enum err e = json_scan(text, max_depth, false, &scan);
    if (e && why)
        buf_printf(why, "%s (at byte %zu)", scan.why, scan.error_at);
    return e;
}

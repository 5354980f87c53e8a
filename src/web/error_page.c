#include "codec/json.h"
#include "web/view.h"

#include <stdio.h>

void page_error(struct page_request *p, unsigned status, const char *key)
{
    static const char *const parts[] = {"title", "message", "hint"};
    struct json_t *view = view_new(p, "spaces", PLACE_NONE);
    json_put_int(view, "status", status);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "errors.%s.%s", key, parts[i]);
        view_text(p, view, parts[i], name, NULL, STR(""));
    }
    page_render(p, status, "error", view);
}

void page_fail(struct page_request *p, enum err e)
{
    if (e == ERR_NOT_FOUND) {
        page_error(p, 404, "not_found");
    } else if (e == ERR_FORBIDDEN) {
        page_error(p, 403, "forbidden");
    } else if (e == ERR_RATE_LIMITED) {
        page_error(p, 429, "rate_limited");
    } else if (e == ERR_INTERNAL || e == ERR_MEMORY) {
        page_error(p, 500, "internal");
    } else {
        page_header(p, "Retry-After", "1");
        page_error(p, 503, "unavailable");
    }
}

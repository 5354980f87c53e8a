#include "codec/json.h"
#include "web/view.h"

#include <stdio.h>

#define FLASH_SECONDS 60

/* The cookie holds KIND.KEY: KIND is "ok" or "error", KEY names one of our texts. */
void flash_set(struct page_request *p, bool good, const char *key)
{
    char value[80];
    (void)snprintf(value, sizeof value, "%s.%s", good ? "ok" : "error", key);
    page_set_cookie(p, "flash", str_of(value), FLASH_SECONDS, true);
}

void view_flash(struct page_request *p, struct json_t *view)
{
    struct str value, kind, key;
    json_put_null(view, "flash");
    if (!page_cookie(p, "flash", &value))
        return;
    page_set_cookie(p, "flash", STR(""), 0, true);
    (void)str_split(value, '.', &kind, &key);
    struct str text = page_text_or(p, "flash", key, STR(""));
    if (text.n == 0 || (!str_eq(kind, STR("ok")) && !str_eq(kind, STR("error"))))
        return;
    struct json_t *flash = json_put(view, "flash", json_object_new());
    json_put_str(flash, "kind", kind);
    json_put_str(flash, "text", text);
}

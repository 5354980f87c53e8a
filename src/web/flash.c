#include "codec/json.h"
#include "web/view.h"

#include <stdio.h>

#define FLASH_SECONDS 60
#define COOKIE_BYTES  1024

void flash_set(struct page_request *p, bool good, const char *key)
{
    (void)snprintf(p->flash, sizeof p->flash, "%s.%s", good ? "ok" : "error", key);
}

/* The cookie holds KIND.KEY:PATH: KIND is "ok" or "error", KEY names one of our texts, PATH is the
 * page that is to say it. */
void flash_send(struct page_request *p, struct str target)
{
    struct str path, rest;
    struct buf value = BUF_INIT(COOKIE_BYTES);
    if (!p->flash[0])
        return;
    (void)str_split(target, '#', &path, &rest);
    (void)str_split(path, '?', &path, &rest);
    buf_printf(&value, "%s:%.*s", p->flash, STR_ARG(path));
    if (!value.failed)
        page_set_cookie(p, "flash", buf_str(&value), FLASH_SECONDS, true);
    buf_release(&value);
}

void view_flash(struct page_request *p, struct json_t *view)
{
    struct str value, said, path, kind, key;
    json_put_null(view, "flash");
    if (!page_cookie(p, "flash", &value))
        return;
    (void)str_split(value, ':', &said, &path);
    if (!str_eq(path, p->path))
        return;
    page_set_cookie(p, "flash", STR(""), 0, true);
    (void)str_split(said, '.', &kind, &key);
    struct str text = page_text_or(p, "flash", key, STR(""));
    if (text.n == 0 || (!str_eq(kind, STR("ok")) && !str_eq(kind, STR("error"))))
        return;
    struct json_t *flash = json_put(view, "flash", json_object_new());
    json_put_str(flash, "kind", kind);
    json_put_str(flash, "text", text);
}

#include "web/view.h"

#include "codec/json.h"
#include "web/catalogue.h"

#include <stdio.h>

static const char *const places[PLACE__MAX] = {
    [PLACE_SPACES] = "spaces", [PLACE_REQUESTS] = "requests", [PLACE_DOCS] = "docs",
    [PLACE_ADMIN] = "admin",   [PLACE_ACCOUNT] = "account",
};

void view_text(struct page_request *p, struct json_t *object, const char *name, const char *key,
               const char *placeholder, struct str value)
{
    struct str text = page_text(p, key);
    struct buf filled = BUF_INIT(65536);
    if (placeholder) {
        catalogue_fill(&filled, text, placeholder, value);
        text = buf_str(&filled);
    }
    json_put_str(object, name, text);
    buf_release(&filled);
}

void view_title(struct page_request *p, struct json_t *view, const char *title, const char *name,
                struct str value)
{
    char key[64];
    (void)snprintf(key, sizeof key, "titles.%s", title);
    view_text(p, view, "title", key, name, value);
}

struct json_t *view_new(struct page_request *p, const char *title, enum place place)
{
    struct json_t *view = json_object_new();
    struct json_t *nav = json_put(view, "nav", json_object_new());
    for (unsigned i = PLACE_NONE + 1; i < PLACE__MAX; i++)
        json_put_bool(nav, places[i], i == place);
    view_title(p, view, title, NULL, STR(""));
    return view;
}

struct json_t *view_nulls(struct json_t *view, const char *key, const char *const *names)
{
    struct json_t *object = json_put(view, key, json_object_new());
    for (; *names; names++)
        json_put_null(object, *names);
    return object;
}

void view_id(struct json_t *object, const char *key, struct uuid id)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    json_put_text(object, key, text);
}

void view_url(struct json_t *object, const char *key, const char *prefix, struct str s)
{
    struct buf url = BUF_INIT(65536);
    buf_puts(&url, prefix);
    buf_uri(&url, s);
    json_put_str(object, key, buf_str(&url));
    buf_release(&url);
}

#include "base/assets.h"
#include "web/page.h"
#include "web/pages.h"
#include "web/state.h"

#include <stdio.h>

static const struct {
    const char *suffix, *type;
} types[] = {
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".webp", "image/webp"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
    {".html", "text/html; charset=utf-8"},
};

static const char *type_of(struct str name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (str_ends(name, str_of(types[i].suffix)))
            return types[i].type;
    return "application/octet-stream";
}

/* RFC 9110 section 13.1.2: any of the listed tags, compared weakly, or "*". */
static bool none_match(const struct page_request *p, const char *etag)
{
    struct str list = str_of(page_field(p, "If-None-Match")), tag;
    while (list.n > 0) {
        str_split(list, ',', &tag, &list);
        tag = str_trim(tag);
        if (str_starts(tag, STR("W/")))
            tag = str_slice(tag.p + 2, tag.n - 2);
        if (str_eq(tag, STR("*")) || str_eq(tag, str_of(etag)))
            return true;
    }
    return false;
}

static void send_embedded(struct page_request *p, const struct asset *a, const char *type)
{
    page_header(p, "ETag", "%s", a->etag);
    page_header(p, "Cache-Control", "no-cache");
    bool same = none_match(p, a->etag);
    page_reply(p, same ? 304 : 200, type, a->content);
}

static void send_file(struct page_request *p, const char *path, const char *type)
{
    struct buf storage = {0};
    struct str text;
    const struct asset *a = p->web->assets_dir ? NULL : assets_get(str_of(path));
    if (a) {
        send_embedded(p, a, type);
    } else if (asset_text(p->web, path, &storage, &text)) {
        page_header(p, "Cache-Control", "no-store");
        page_reply(p, 200, type, text);
    } else {
        page_error(p, 404, "not_found");
    }
    buf_release(&storage);
}

void page_static(struct page_request *p)
{
    const char *name = path_arg(&p->args, "file");
    char path[PATH_ARG_BYTES + 8];
    (void)snprintf(path, sizeof path, "static/%s", name);
    if (path_is_asset(str_of(name)))
        send_file(p, path, type_of(str_of(path)));
    else
        page_error(p, 404, "not_found");
}

void page_openapi(struct page_request *p)
{
    send_file(p, "static/openapi.json", "application/json");
}

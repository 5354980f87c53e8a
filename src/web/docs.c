#include "codec/json.h"
#include "web/pages.h"
#include "web/state.h"
#include "web/view.h"

#include <stdio.h>
#include <string.h>

static const char *const docs[] = {"index", "apps", "run",    "protocol", "keys",
                                   "cli",   "api",  "openai", "flask",    "limits"};

static void put_nav(struct json_t *view, const char *name)
{
    struct json_t *nav = json_put(view, "docs_nav", json_object_new());
    for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++)
        json_put_bool(nav, docs[i], strcmp(docs[i], name) == 0);
}

static void put_limits(struct page_request *p, struct json_t *view, bool wanted)
{
    struct json_t *list = json_put(view, "limits", json_array_new());
    json_put_bool(view, "has_limits", wanted);
    if (!wanted)
        return;
    const struct limits limits = app_limits_copy(p->web->app);
    for (size_t i = 0; i < limits_count; i++) {
        struct json_t *limit = json_add(list, json_object_new());
        struct str name = str_of(limits_info[i].name);
        json_put_str(limit, "name", name);
        json_put_int(limit, "value", (int64_t)limits_value(&limits, &limits_info[i]));
        json_put_str(limit, "meaning",
                     page_text_or(p, "limits", name, str_of(limits_info[i].meaning)));
    }
}

static void show(struct page_request *p, const char *name, struct str content, enum language in)
{
    char title[32];
    (void)snprintf(title, sizeof title, "docs_%s", name);
    struct json_t *view = view_new(p, title, PLACE_DOCS);
    put_nav(view, name);
    json_put_str(view, "content", content);
    json_put_text(view, "content_lang", language_code(in));
    json_put_bool(view, "foreign", in != p->lang);
    put_limits(p, view, strcmp(name, "limits") == 0);
    page_render(p, 200, "docs", view);
}

static const char *known(const char *name)
{
    if (!*name)
        return "index";
    for (size_t i = 1; i < sizeof docs / sizeof docs[0]; i++)
        if (strcmp(docs[i], name) == 0)
            return docs[i];
    return NULL;
}

/* The text of a page: English lies in static/docs, a translation in a folder of its language. */
static bool read_text(struct page_request *p, const char *name, enum language l,
                      struct buf *storage, struct str *content)
{
    char path[64];
    const char *folder = l == LANGUAGE_EN ? "" : language_code(l);
    (void)snprintf(path, sizeof path, "static/docs/%s%s%s.html", folder, *folder ? "/" : "", name);
    return asset_text(p->web, path, storage, content);
}

void page_docs(struct page_request *p)
{
    const char *name = known(path_arg(&p->args, "page"));
    struct buf storage = {0};
    struct str content;
    if (name && read_text(p, name, p->lang, &storage, &content))
        show(p, name, content, p->lang);
    else if (name && read_text(p, name, LANGUAGE_EN, &storage, &content))
        show(p, name, content, LANGUAGE_EN);
    else
        page_error(p, 404, "not_found");
    buf_release(&storage);
}

#include "base/log.h"
#include "codec/json.h"
#include "codec/template.h"
#include "web/state.h"
#include "web/view.h"

#include <stdio.h>

#define PAGE_BYTES_MAX    (24 * 1024 * 1024)
#define PARTIALS_MAX      16
#define TEMPLATE_NAME_MAX 64

/* The partials that a page has used, kept until its end: each is read once, and while developing
 * its text lives here. */
struct sources {
    const struct web *web;
    struct source {
        char name[TEMPLATE_NAME_MAX + 1];
        struct str text;
        struct buf storage;
    } list[PARTIALS_MAX];
    size_t count;
};

static bool is_template_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((name.p[i] < 'a' || name.p[i] > 'z') && name.p[i] != '_')
            return false;
    return name.n > 0 && name.n <= TEMPLATE_NAME_MAX;
}

static bool read_template(const struct web *w, const char *folder, struct str name,
                          struct buf *storage, struct str *text)
{
    char path[TEMPLATE_NAME_MAX + 40];
    if (!is_template_name(name))
        return false;
    (void)snprintf(path, sizeof path, "templates/%s%.*s.html", folder, STR_ARG(name));
    return asset_text(w, path, storage, text);
}

static bool find_partial(void *ctx, struct str name, struct str *text)
{
    struct sources *s = ctx;
    for (size_t i = 0; i < s->count; i++) {
        if (str_eq(str_of(s->list[i].name), name)) {
            *text = s->list[i].text;
            return true;
        }
    }
    if (s->count == PARTIALS_MAX)
        return false;
    struct source *new = &s->list[s->count];
    if (!read_template(s->web, "partials/", name, &new->storage, &new->text))
        return false;
    (void)str_copy(new->name, sizeof new->name, name);
    s->count++;
    *text = new->text;
    return true;
}

static void put_common(struct page_request *p, struct json_t *view)
{
    json_put(view, "t", json_ref(page_catalogue(p)));
    json_put_text(view, "lang", language_code(p->lang));
    json_put_str(view, "path", p->path);
    json_put_text(view, "version", SPACERELAY_VERSION);
    view_language_switch(p, view);
    view_flash(p, view);
    if (!p->logged_in) {
        json_put_null(view, "user");
        return;
    }
    struct json_t *user = json_put(view, "user", json_object_new());
    json_put_text(user, "name", p->who.name);
    json_put_bool(user, "is_admin", page_is_admin(p));
}

static bool render(struct page_request *p, const char *name, struct json_t *view, struct buf *out)
{
    struct sources sources = {.web = p->web};
    struct buf storage = {0}, why = BUF_INIT(1024);
    struct str text;
    bool done = false;
    if (!read_template(p->web, "", str_of(name), &storage, &text)) {
        log_error("web", "there is no template %s", name);
    } else {
        done = !template_render(text, view, find_partial, &sources, out, &why);
        if (!done)
            log_error("web", "templates/%s.html: %s", name, buf_cstr(&why));
    }
    for (size_t i = 0; i < sources.count; i++)
        buf_release(&sources.list[i].storage);
    buf_release(&storage);
    buf_release(&why);
    return done;
}

void page_render(struct page_request *p, unsigned status, const char *name,
                 struct json_t *view_given)
{
    struct buf out = BUF_INIT(PAGE_BYTES_MAX);
    put_common(p, view_given);
    page_header(p, "Cache-Control", "no-store");
    page_header(p, "Content-Language", "%s", language_code(p->lang));
    page_header(p, "Vary", "Accept-Language, Cookie");
    if (render(p, name, view_given, &out))
        page_reply(p, status, "text/html; charset=utf-8", buf_str(&out));
    else
        page_reply(p, 500, "text/plain; charset=utf-8", str_of(err_message(ERR_INTERNAL)));
    if (out.data)
        secret_wipe(out.data, out.cap); /* a new key or token passes here */
    buf_release(&out);
    json_free(view_given);
}
